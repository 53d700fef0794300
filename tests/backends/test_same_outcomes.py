"""What the host goes on with is the same of every backend, so that tests of what it makes of it need one.

The bound is that of docs/numbers.md, 64 eps of the scale of the similarities; verdicts on whole numbers need none.
tests/suites.py goes by this.
"""

from __future__ import annotations

import numpy as np
import pytest
from support import FLOATS, MEASURES, clear_cut, draw_triplets, reals, whole

from pyalign import choice_probabilities, odd_one_out, score, similarity

N, D, T = 40, 24, 600
TRIPLETS = draw_triplets(1, N, T)
everywhere = pytest.mark.parametrize("dtype", FLOATS)
of_measures = pytest.mark.parametrize("measure", MEASURES)


def bound(x, measure, temperature):
    """What a similarity over the temperature may be off by, and so its nats by twice that."""
    squares = float((x.astype(np.float64) ** 2).sum(axis=1).max())
    scale = {"cosine": 1.0, "pearson": 1.0, "dot": squares}.get(measure, 4 * squares)
    off = 64 * float(np.finfo(x.dtype).eps) * scale
    return (np.sqrt(off) if measure == "neg_euclidean" else off) / temperature


@everywhere
@of_measures
def test_verdicts_on_whole_numbers_are_equal(backend, route, measure, dtype):
    x = whole(2, N, D, dtype=dtype)
    expected = odd_one_out(x, TRIPLETS, measure=measure, backend="reference")
    np.testing.assert_array_equal(odd_one_out(x, TRIPLETS, measure=measure, backend=backend), expected)
    ours, theirs = (score(x, TRIPLETS, measure=measure, backend=name) for name in (backend, "reference"))
    assert (ours.accuracy, ours.n_ties) == (theirs.accuracy, theirs.n_ties)


@everywhere
@of_measures
def test_verdicts_on_reals_are_equal_where_they_are_clear(backend, route, measure, dtype):
    x = reals(3, N, D, dtype=dtype)
    expected, clear = clear_cut(x, TRIPLETS, measure)
    assert clear.mean() > 0.9
    np.testing.assert_array_equal(odd_one_out(x, TRIPLETS, measure=measure, backend=backend)[clear], expected[clear])


@everywhere
@of_measures
def test_nats_are_within_the_bound(backend, route, measure, dtype):
    x = reals(4, N, D, dtype=dtype)
    temperature = float(similarity(x.astype(np.float64), measure=measure, backend="reference").std())
    options = {"measure": measure, "temperature": temperature}
    off = 2 * bound(x, measure, temperature)
    ours, theirs = (
        -np.log(choice_probabilities(x, TRIPLETS, backend=name, **options).astype(np.float64))
        for name in (backend, "reference")
    )
    np.testing.assert_allclose(ours, theirs, rtol=64 * np.finfo(dtype).eps, atol=off)
    ours, theirs = (score(x, TRIPLETS, backend=name, **options) for name in (backend, "reference"))
    for mean in ("cross_entropy", "mean_entropy"):
        expected = pytest.approx(getattr(theirs, mean), rel=64 * float(np.finfo(dtype).eps), abs=off)
        assert getattr(ours, mean) == expected

"""What becomes of each triplet: verdicts, credits, cross-entropy and entropy, one by one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from support import FLOATS, TRIPLETS, draw_triplets, reals, seeds, whole

from pyalign import score
from pyalign.analysis.accuracy import TIES
from pyalign.analysis.outcomes import ChoiceModel, triplet_outcomes
from pyalign.backends import get_host_backend

# An exponent of up to 87 (708 in float64) carries a relative rounding of its own size.
RELATIVE = {np.float32: 1e-5, np.float64: 1e-12}


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("temperature", [0.07, 1.0, 30.0])
def test_equal_the_reference(host_backend, dtype, temperature):
    similarities = whole(1, 1111, 3, dtype=dtype)
    expected, found = ([np.empty(1111, np.int8), np.empty(1111, dtype), np.empty(1111, dtype)] for _ in range(2))
    get_host_backend("reference").outcomes(similarities, temperature, *expected)
    get_host_backend(host_backend).outcomes(similarities, temperature, *found)
    np.testing.assert_array_equal(found[0], expected[0])
    assert set(expected[0].tolist()) == {-2, -1, 1, 2, 3}
    for values, wanted in zip(found[1:], expected[1:], strict=True):
        np.testing.assert_allclose(values, wanted, rtol=RELATIVE[dtype], atol=1e-35)


@pytest.mark.parametrize("t", TRIPLETS)
def test_what_is_not_wanted_is_not_touched(host_backend, t):
    similarities = reals(2, t, 3)
    whole_set = [np.empty(t, np.int8), np.empty(t, np.float32), np.empty(t, np.float32)]
    get_host_backend(host_backend).outcomes(similarities, 1.0, *whole_set)
    for wanted in range(3):
        alone = [None, None, None]
        alone[wanted] = np.empty_like(whole_set[wanted])
        get_host_backend(host_backend).outcomes(similarities, 1.0, *alone)
        np.testing.assert_array_equal(alone[wanted], whole_set[wanted])


@given(seeds)
def test_add_up_to_the_score(seed):
    x, triplets = whole(seed, 30, 3), draw_triplets(seed, 30, 400)
    for ties in TIES:
        outcomes = triplet_outcomes(x, triplets, ChoiceModel("dot", 2.0, ties))
        expected = replace(score(x, triplets, measure="dot", temperature=2.0, ties=ties, ci=None).only, notes=())
        assert outcomes.score == expected
        assert outcomes.credits(ties).sum() / 6 / 400 == pytest.approx(expected.accuracy, rel=1e-14)
        assert outcomes.cross_entropy.mean(dtype=np.float64) == pytest.approx(expected.cross_entropy, rel=1e-6)
        assert outcomes.entropy.mean(dtype=np.float64) == pytest.approx(expected.mean_entropy, rel=1e-6)
        assert np.isin(outcomes.verdicts, [2, -2, 3]).sum() == expected.n_ties


def test_left_out_triplets_have_no_outcome(backend):
    x, triplets = whole(3, 30, 4), draw_triplets(3, 30, 400)
    x[7] = np.nan
    outcomes = triplet_outcomes(x, triplets, ChoiceModel(nan_policy="omit"), backend)
    kept = (triplets != 7).all(axis=1)
    np.testing.assert_array_equal(outcomes.kept, kept)
    alone = triplet_outcomes(np.nan_to_num(x), triplets[kept], backend=backend)
    np.testing.assert_array_equal(outcomes.verdicts, alone.verdicts)
    np.testing.assert_array_equal(outcomes.cross_entropy, alone.cross_entropy)
    assert alone.kept is None

"""Rows that have weights: means of resamples, closed forms and effective numbers follow them."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import draw_triplets, seeds

from pyalign.ops.resample import OBJECTS, SUBJECTS, multiplicities
from pyalign.stats.clustered import standard_errors
from pyalign.stats.degrees import effective_numbers
from pyalign.stats.resampling import BY, Clusters, Resampling, replicates, resampled_sums

DRAWN = ("objects", "triplets", "subjects")


def case(seed, t=60, k=3):
    """Rows of 9 objects by 4 people, values of the whole range, and weights."""
    rng = np.random.default_rng(seed)
    values = rng.integers(-(2**15), 2**15, (2, t)).astype(np.int16)
    return draw_triplets(seed, 9, t)[:, :k], np.arange(t) % 4, values, rng.uniform(0.1, 30.0, t)


@given(seeds, st.sampled_from(["objects", "subjects"]), st.sampled_from([2, 3]))
def test_resamples_multiply_the_weights_of_rows(seed, by, k):
    rows, people, values, weights = case(seed, k=k)
    clusters = Clusters.of(rows, people, weights=weights)
    means = replicates(clusters, values, Resampling(by, "bootstrap", 64, seed=7))
    index, n = (clusters.objects, clusters.n) if by == "objects" else (clusters.subjects[:, None], clusters.people)
    stream = OBJECTS if by == "objects" else SUBJECTS
    times = multiplicities(n, 0, 64, seed=7, stream=stream)[index].astype(float).prod(axis=1) * weights[:, None]
    with np.errstate(invalid="ignore"):
        expected = (values.astype(float) @ times) / times.sum(axis=0)
    np.testing.assert_allclose(means, expected.T, rtol=1e-7, atol=1e-4)  # of values up to 32,768: weights are rounded


@pytest.mark.parametrize("by", DRAWN)
@given(seeds)
def test_whole_weights_have_exact_sums(by, seed):
    """A row of weight w adds what w rows would that are drawn together."""
    rows, people, values, _ = case(seed)
    weights = np.random.default_rng(seed).integers(1, 5, 60)
    plan = Resampling(by, "bootstrap", 64, seed=3)
    found = resampled_sums(Clusters.of(rows, people, weights=weights.astype(float)), values, plan)
    each = np.concatenate([weights[None], weights * values.astype(int)])
    parts = [resampled_sums(Clusters.of(rows, people), one[None].astype(np.int16), plan)[:, 1] for one in each % 2**15]
    rest = [resampled_sums(Clusters.of(rows, people), one[None].astype(np.int16), plan)[:, 1] for one in each // 2**15]
    exact = [[Fraction(int(low)) + 2**15 * int(high) for low, high in zip(*two, strict=True)]
             for two in zip(parts, rest, strict=True)]
    scale = Fraction(found[0, 0]) / exact[0][0] if exact[0][0] else None
    if scale is not None:
        assert all(Fraction(x) == scale * y for column, own in zip(found.T, exact, strict=True)
                   for x, y in zip(column.tolist(), own, strict=True))


@pytest.mark.parametrize("by", DRAWN)
def test_equal_weights_change_no_resample(by):
    rows, people, values, _ = case(1)
    plan = Resampling(by, "bootstrap", 100)
    plain, weighted = (
        replicates(Clusters.of(rows, people, weights=one), values, plan) for one in (None, np.full(60, 0.37))
    )
    np.testing.assert_allclose(weighted, plain, rtol=1e-14)


@pytest.mark.parametrize("by", BY)
@given(seeds)
def test_equal_weights_change_no_error(by, seed):
    rows, people, values, _ = case(seed)
    plain, weighted = (
        standard_errors(Clusters.of(rows, people, weights=one), values, Resampling(by))
        for one in (None, np.full(60, 0.37))
    )
    np.testing.assert_allclose(weighted[0], plain[0], rtol=1e-9)
    assert weighted[1] == plain[1]


def test_effective_numbers_count_weights():
    rows = Clusters.of([[0, 1, 2], [3, 4, 5]], ["a", "b"], weights=np.array([1.0, 3.0]))
    objects, people = effective_numbers(rows, "objects+subjects")
    assert (objects.value, people.value) == (144 / 30, 16 / 10)
    assert effective_numbers(rows.take(np.array([1])), "objects")[0].value == 3.0

"""Closed-form standard errors, against sums over all pairs of rows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import draw_triplets, seeds

from pyalign.stats import clustered
from pyalign.stats.clustered import object_clustered_errors, standard_errors
from pyalign.stats.resampling import Clusters, Resampling


def by_loops(residuals, groups):
    """The root of the sum of e_s e_t over rows that share a group, at least that of a row with itself, over t."""
    sets = [set(np.atleast_1d(row).tolist()) for row in groups]
    total = sum(residuals[s] * residuals[t] for s in range(len(sets)) for t in range(len(sets)) if sets[s] & sets[t])
    return np.sqrt(max(total, (residuals**2).sum())) / len(sets)


@given(seeds, st.integers(4, 15), st.integers(2, 40))
def test_errors_over_objects_are_the_sum_over_all_pairs_of_triplets_that_share_one(seed, n, t):
    triplets = draw_triplets(seed, n, t)
    values = np.random.default_rng(seed).normal(size=(2, t))
    residuals = values - values.mean(axis=1, keepdims=True)
    expected = [by_loops(row, triplets) for row in residuals]
    np.testing.assert_allclose(object_clustered_errors(residuals, triplets, n), expected, rtol=1e-9)


def test_large_item_numbers_change_nothing(monkeypatch):
    triplets = draw_triplets(0, 20, 100)
    residuals = np.random.default_rng(0).normal(size=(1, 100))
    dense = object_clustered_errors(residuals, triplets, 20)
    monkeypatch.setattr(clustered, "SMALL_TABLE", 0)
    sparse = object_clustered_errors(residuals, triplets * 1000, 20_000)
    huge = object_clustered_errors(residuals, triplets * (1 << 17), 20 << 17)
    np.testing.assert_allclose([sparse[0], huge[0]], dense[0], rtol=1e-12)


@given(seeds, st.integers(2, 6))
def test_errors_over_people_are_those_of_sums_by_person(seed, people):
    rng = np.random.default_rng(seed)
    codes = np.concatenate([np.arange(people), rng.integers(0, people, 30)])
    values = rng.normal(size=(1, len(codes)))
    clusters = Clusters.of(draw_triplets(seed, 9, len(codes)), codes)
    found = standard_errors(clusters, values, Resampling("subjects", "analytic"))[0]
    residuals = values[0] - values.mean()
    sums = np.array([residuals[codes == person].sum() for person in range(people)])
    assert found == pytest.approx(np.sqrt((sums**2).sum() * people / (people - 1)) / len(codes))


def test_errors_over_triplets_are_those_of_independent_ones():
    values = np.random.default_rng(0).normal(size=(2, 50))
    found = standard_errors(Clusters.of(draw_triplets(0, 9, 50)), values, Resampling("triplets", "analytic"))
    np.testing.assert_allclose(found, values.std(axis=1, ddof=1) / np.sqrt(50))


@pytest.mark.parametrize("by", ["objects", "triplets", "subjects"])
def test_of_one_cluster_nobody_knows(by):
    one = Clusters.of([[0, 1, 2], [2, 1, 0]], [5, 6]).take(np.array([0] if by != "objects" else [0, 1]))
    assert np.isnan(standard_errors(one, np.ones((1, len(one.objects))), Resampling(by, "analytic"))).all()

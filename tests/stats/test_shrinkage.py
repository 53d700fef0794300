"""Variances of differences of several means, drawn toward what all of them say: against the formulas, pair by pair."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import draw_triplets, seeds

from pyalign.stats.clustered import Dependence, shrunken, with_weights
from pyalign.stats.resampling import Clusters, Resampling

N, T = 40, draw_triplets(3, 40, 900)
PEOPLE = np.arange(900) % 7


def credits(count, copies=0.0, seed=0):
    """int8 (count, t): of models that all answer like the first one but for a share of triplets."""
    rng = np.random.default_rng(seed)
    found = rng.random((count, len(T))) < 0.5
    return np.where(rng.random(found.shape) < copies, found[0], found).astype(np.int8)


def errors_of(values, by="objects"):
    clusters = Clusters.of(T, PEOPLE if "subjects" in by else None)
    return Dependence.of(clusters, Resampling(by)).errors(with_weights(values))


def expected(squares, floor, sums, covariance, most):
    """By the formulas of the module, a pair at a time."""
    k = len(squares)
    pairs = [(a, b) for a, b in combinations(range(k), 2) if floor[a, b] > 0]
    own = {}
    for a, b in pairs:
        each = sums[:, a] - sums[:, b]
        own[a, b] = min(max(3 * (each**2).sum() ** 2 / (each**4).sum(), 2.0), most)
    ratios = {pair: squares[pair] / floor[pair] for pair in pairs}
    mean, usual = np.mean(list(ratios.values())), 1 / np.mean([1 / d for d in own.values()])
    center = np.eye(k) - 1 / k
    lengths = np.linalg.eigvalsh(center @ covariance @ center)
    product = ((lengths**2).sum() - lengths.sum() ** 2 / usual) * usual**2 / ((usual - 1) * (usual + 2))
    independent = np.clip(lengths.sum() ** 2 / product, 1, k - 1) if product > 0 else k - 1
    chance = np.mean([2 * ratios[pair] ** 2 / (own[pair] + 2) for pair in pairs]) * (1 - 1 / independent)
    more = np.var(list(ratios.values()), ddof=1) - chance
    prior = min(2 * mean**2 / more if more > 0 else np.inf, (independent - 1) * usual)
    return {
        pair: (
            floor[pair] * (prior * mean + own[pair] * ratios[pair]) / (prior + own[pair]), max(prior + own[pair], most))
        for pair in pairs
    }


@given(seeds, st.integers(3, 6), st.sampled_from([0.1, 1.0, 10.0]))
def test_it_is_the_mean_weighted_by_degrees_of_freedom(seed, k, scatter):
    rng = np.random.default_rng(seed)
    sums = rng.normal(size=(30, k)) * rng.choice([0.0, 1.0, 3.0], (30, 1))
    covariance = sums.T @ sums
    own = np.diag(covariance)
    squares = own[:, None] + own - 2 * covariance
    floor = np.exp(scatter * rng.normal(size=(k, k)))
    floor = np.triu(floor, 1) + np.triu(floor, 1).T
    floor[0, 1] = floor[1, 0] = 0.0
    drawn, degrees = shrunken(squares, floor, sums, covariance, 29.0)
    for pair, (square, freedom) in expected(squares, floor, sums, covariance, 29.0).items():
        assert drawn[pair] == drawn[pair[::-1]] == pytest.approx(square, rel=1e-6)
        assert degrees[pair] == pytest.approx(freedom, rel=1e-6)
    assert drawn[0, 1] == squares[0, 1]


@pytest.mark.parametrize("by", ["objects", "objects+subjects", "subjects", "triplets"])
def test_two_models_have_one_difference_which_is_known_by_itself(by):
    errors = errors_of(credits(2), by)
    spread, degrees = errors.shrunken_differences
    assert np.array_equal(spread, errors.differences) and np.array_equal(degrees, errors.degrees_of_differences)


@pytest.mark.parametrize("by", ["objects", "objects+subjects"])
def test_of_models_that_are_alike_variances_come_close_and_are_known_better(by):
    errors, pairs = errors_of(credits(8), by), np.triu_indices(8, 1)
    (spread, degrees), before = errors.shrunken_differences, errors.differences
    assert spread[pairs].std() < 0.7 * before[pairs].std()
    assert spread[pairs].mean() == pytest.approx(before[pairs].mean(), rel=0.1)
    assert np.median(degrees[pairs]) > 1.5 * np.median(errors.degrees_of_differences[pairs])


def test_near_copies_keep_the_small_errors_of_what_differs_on_few_triplets():
    values = credits(8)
    values[1] = np.where(np.arange(len(T)) % 25 == 0, values[1], values[0])
    errors = errors_of(values)
    assert errors.shrunken_differences[0][0, 1] < 0.35 * errors.differences[0, 2]


def test_copies_differ_by_nothing_and_do_not_count():
    values = credits(5)
    with_copy = errors_of(np.concatenate([values, values[:1]]))
    spread = with_copy.shrunken_differences[0]
    assert spread[0, 5] == 0.0
    np.testing.assert_allclose(spread[0, 1:5], spread[5, 1:5], rtol=1e-9)


@pytest.mark.parametrize("by", ["objects", "objects+subjects"])
def test_does_not_depend_on_the_order_of_models_or_on_units(by):
    values, order = credits(6), np.array([4, 2, 0, 5, 1, 3])
    spread, degrees = errors_of(values, by).shrunken_differences
    other, others = errors_of(values[order], by).in_units(np.full(6, 0.25)).shrunken_differences
    np.testing.assert_allclose(other, 0.25 * spread[order][:, order], rtol=1e-9)
    np.testing.assert_allclose(others, degrees[order][:, order], rtol=1e-9)

"""Many comparisons at once: corrections against their definitions, the largest t against Tukey's range."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm, studentized_range
from support import seeds

from pyalign.stats import multiple
from pyalign.stats.multiple import CORRECTIONS, benjamini_hochberg, holm, largest_score

p_lists = st.lists(st.one_of(st.floats(0.0, 1.0), st.sampled_from([0.0, 0.01, 0.05, 1.0])), min_size=1, max_size=12)


@given(p_lists)
def test_holm_is_the_largest_of_the_scaled_p_values_before_it(p_values):
    m, order = len(p_values), sorted(range(len(p_values)), key=lambda k: p_values[k])
    scaled = [min(1.0, p_values[k] * (m - rank)) for rank, k in enumerate(order)]
    expected = {k: max(scaled[: rank + 1]) for rank, k in enumerate(order)}
    assert holm(p_values) == [expected[k] for k in range(m)]


@given(p_lists)
def test_benjamini_hochberg_is_the_smallest_of_the_scaled_p_values_behind_it(p_values):
    m, order = len(p_values), sorted(range(len(p_values)), key=lambda k: p_values[k])
    scaled = [min(1.0, m / (rank + 1) * p_values[k]) for rank, k in enumerate(order)]
    expected = {k: min(scaled[rank:]) for rank, k in enumerate(order)}
    assert benjamini_hochberg(p_values) == [expected[k] for k in range(m)]


@given(p_lists, st.sampled_from([0.01, 0.05, 0.2]))
def test_benjamini_hochberg_rejects_what_its_step_up_procedure_rejects(p_values, level):
    """The k smallest, for the largest k whose p-value is at most k level / m."""
    ordered, m = sorted(p_values), len(p_values)
    most = max((k for k in range(1, m + 1) if ordered[k - 1] * (m / k) <= level), default=0)
    assert sum(p <= level for p in benjamini_hochberg(p_values)) == (
        0 if most == 0 else sum(p <= ordered[most - 1] for p in p_values)
    )


@pytest.mark.parametrize("correct", CORRECTIONS.values())
@given(p_lists, seeds)
def test_corrections_go_with_their_p_values_and_never_lower_one(correct, p_values, seed):
    adjusted, order = correct(p_values), np.random.default_rng(seed).permutation(len(p_values))
    assert correct([p_values[k] for k in order]) == [adjusted[k] for k in order]
    assert all(p <= q <= 1.0 for p, q in zip(p_values, adjusted, strict=True))
    assert all(type(q) is float for q in adjusted)
    assert correct(p_values[:1]) == p_values[:1]


def test_the_false_discovery_rate_is_less_strict():
    p_values = [0.01, 0.011, 0.012, 0.9]
    assert all(b <= h for b, h in zip(benjamini_hochberg(p_values), holm(p_values), strict=True))
    assert benjamini_hochberg(p_values)[2] == pytest.approx(0.016) and holm(p_values)[2] == pytest.approx(0.04)


@pytest.mark.parametrize("k", [2, 3, 5, 12])
def test_of_independent_means_it_is_tukeys_range(k):
    """Whatever their common variance, and whatever is added to all of them alike; 1% is four errors of the draws."""
    for covariance in (np.eye(k), 7.0 * np.eye(k) + 3.0):
        found = largest_score(covariance, seed=1, draws=200_000)
        for share in (0.5, 0.9, 0.95, 0.99):
            expected = studentized_range.ppf(share, k, np.inf) / np.sqrt(2)
            assert np.quantile(found, share) == pytest.approx(expected, rel=0.02 if share == 0.99 else 0.01)


def test_of_two_means_it_is_the_normal_distribution():
    found = largest_score(np.array([[2.0, 0.5], [0.5, 1.0]]), draws=200_000)
    for share in (0.5, 0.95):
        assert np.quantile(found, share) == pytest.approx(norm.ppf((1 + share) / 2), rel=0.01)


def test_means_that_are_the_same_count_once():
    """A copy of a mean differs by nothing from it, and by as much as it from a third."""
    two, copies = np.diag([1.0, 2.0]), np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 2.0]])
    found = [np.quantile(largest_score(one, draws=100_000), 0.95) for one in (two, copies)]
    assert found[1] == pytest.approx(found[0], rel=0.02)
    assert not largest_score(np.ones((3, 3))).any()
    assert not largest_score(np.zeros((3, 3))).any()


@given(seeds, st.integers(2, 6))
def test_draws_are_ascending_the_same_for_a_seed_and_of_any_unit(seed, k):
    root = np.random.default_rng(seed).normal(size=(k, k + 1))
    found, again = (largest_score(root @ root.T, seed=seed % 1000, draws=300) for _ in range(2))
    assert np.array_equal(found, again) and (np.diff(found) >= 0).all() and (found >= 0).all()
    assert not np.array_equal(found, largest_score(root @ root.T, seed=seed % 1000 + 1, draws=300))
    np.testing.assert_allclose(largest_score(1e-8 * root @ root.T, seed=seed % 1000, draws=300), found, rtol=1e-5)


def test_many_means_are_drawn_in_pieces(monkeypatch):
    """Which moves the draws, not what they are of."""
    whole = np.quantile(largest_score(np.eye(6), draws=50_000), 0.95)
    monkeypatch.setattr(multiple, "AT_ONCE", 36 * 777)
    pieces = largest_score(np.eye(6), draws=50_000)
    assert len(pieces) == 50_000
    assert np.quantile(pieces, 0.95) == pytest.approx(whole, rel=0.02)


@given(seeds)
def test_more_means_reach_further(seed):
    root = np.random.default_rng(seed).normal(size=(6, 7))
    covariance = root @ root.T
    reach = [np.quantile(largest_score(covariance[:k, :k], draws=20_000), 0.95) for k in (2, 4, 6)]
    assert reach[0] * 0.99 < reach[1] < reach[2] * 1.01


def test_rounding_of_a_covariance_does_not_move_the_draws():
    """Axes of equal length have no order and no direction of their own."""
    equal = 0.5 * np.eye(5) + 0.5
    noise = np.random.default_rng(4).normal(size=(5, 5)) * 1e-13
    np.testing.assert_allclose(largest_score(equal + noise + noise.T), largest_score(equal), rtol=1e-6)

"""Many comparisons at once: corrections against their definitions, the largest t against Tukey's range."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm, studentized_range
from support import seeds

from pyalign.stats import multiple
from pyalign.stats.multiple import CORRECTIONS, DRAWS, MaxT, benjamini_hochberg, holm, left_of_differences, step_down

p_lists = st.lists(st.one_of(st.floats(0.0, 1.0), st.sampled_from([0.0, 0.01, 0.05, 1.0])), min_size=1, max_size=12)


def differences_of(k, baseline=None):
    """The numbers of the means of each difference."""
    pairs = np.array([(a, b) for a in range(k) for b in range(a + 1, k) if baseline in (None, a, b)])
    return pairs[:, 0], pairs[:, 1]


def largest_score(covariance, seed=0, draws=DRAWS, baseline=None):
    """(draws,) ascending: the largest |z| of all differences, or of those from a baseline."""
    a, b = differences_of(len(covariance), baseline)
    return np.sort(step_down(covariance, a, b, np.zeros(len(a)), seed, draws)[1])


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


# Step by step


def partitions(items):
    """All ways of dividing items into groups."""
    if not items:
        yield []
        return
    for rest in partitions(items[1:]):
        yield [[items[0]], *rest]
        for k in range(len(rest)):
            yield [*rest[:k], [items[0], *rest[k]], *rest[k + 1 :]]


@pytest.mark.parametrize("k", range(2, 8))
def test_as_many_differences_can_be_0_as_some_division_into_groups_of_equal_means_has_within_groups(k):
    possible = {sum(len(group) * (len(group) - 1) // 2 for group in one) for one in partitions(list(range(k)))}
    count = k * (k - 1) // 2
    expected = [max(one for one in possible if one <= count - unlike) for unlike in range(count)]
    assert left_of_differences(k).tolist() == expected


@given(st.integers(2, 6), seeds)
def test_counts_of_what_can_be_true_never_raise_a_p_value(k, seed):
    p_values = np.random.default_rng(seed).random(k * (k - 1) // 2) ** 3
    assert all(a <= b for a, b in zip(holm(p_values, left_of_differences(k)), holm(p_values), strict=True))


@given(seeds, st.integers(3, 6), st.booleans())
def test_each_difference_is_compared_with_those_that_are_not_more_significant(seed, k, against_one):
    rng = np.random.default_rng(seed)
    root, baseline = rng.normal(size=(k, k + 1)), int(rng.integers(k)) if against_one else None
    covariance, p_values = root @ root.T, rng.random((k, k)) ** 4
    p_values = np.triu(p_values, 1) + np.triu(p_values, 1).T
    found = MaxT.of([covariance], p_values, 0.95, 5, baseline)
    pairs = sorted(zip(*differences_of(k, baseline), strict=True), key=lambda pair: p_values[pair])
    before = 0.0
    for step, pair in enumerate(pairs):
        a, b = (np.array(one) for one in zip(*pairs[step:], strict=True))
        largest = step_down(covariance, a, b, np.zeros(len(a)), 5, DRAWS)[1]
        share = (1 + (largest >= norm.isf(p_values[pair] / 2)).sum()) / (1 + DRAWS)
        before = max(before, share, p_values[pair])
        assert found.p_values[pair] == found.p_values[pair[::-1]] == pytest.approx(before, abs=1e-12)
    assert np.isnan(found.p_values).sum() == k * k - 2 * len(pairs)


def test_the_most_significant_difference_decides_as_its_interval_does():
    p_values = np.full((5, 5), 0.2)
    p_values[1, 3] = p_values[3, 1] = 0.004
    found = MaxT.of([np.eye(5)], p_values, 0.95)
    assert (found.p_values[1, 3] < 0.05) == (1 - found.of_each > 0.004)
    assert np.nanmin(found.p_values) == found.p_values[1, 3]


def test_it_is_dunnetts_distribution():
    """Of 3 treatments and a control of equal groups and known variance, two-sided: 2.349 at 5 % (Dunnett 1964)."""
    assert np.quantile(largest_score(np.eye(4), 1, 200_000, baseline=0), 0.95) == pytest.approx(2.349, rel=0.01)
    alone = 2 * norm.sf(2.349)
    found = MaxT.of([np.eye(4)], np.full((4, 4), alone), 0.95, baseline=0)
    assert found.of_each == pytest.approx(1 - alone, abs=2e-3)
    assert found.p_values[0, 1] == pytest.approx(0.05, abs=5e-3)


@given(seeds, st.integers(3, 6))
def test_differences_from_a_baseline_reach_less_far_than_all(seed, k):
    root = np.random.default_rng(seed).normal(size=(k, k + 1))
    every, some = (largest_score(root @ root.T, 1, 300, baseline) for baseline in (None, seed % k))
    assert (some <= every * (1 + 1e-12)).all()


def test_of_very_many_differences_fewer_are_drawn(monkeypatch):
    counts = []
    monkeypatch.setattr(multiple, "MOST", 45 * 2000)
    whole = multiple.step_down
    monkeypatch.setattr(multiple, "step_down", lambda *given: counts.append(given[-1]) or whole(*given))
    MaxT.of([np.eye(10)], np.full((10, 10), 0.5), 0.95)
    MaxT.of([np.eye(10)], np.full((10, 10), 0.5), 0.95, baseline=0)
    assert counts == [2000, DRAWS]

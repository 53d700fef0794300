"""The distribution of choice probabilities: against its definition, and simulations from known ones."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import seeds

from pyalign.stats import pooling
from pyalign.stats.pooling import distinct_patterns, fit_mixture, simplex

WORLDS = {
    "any probabilities alike": lambda rng, u: rng.dirichlet([1, 1, 1], u),
    "some sure": lambda rng, u: softmax(3.0 * rng.normal(size=(u, 3))),
    "mostly unsure": lambda rng, u: softmax(1.0 * rng.normal(size=(u, 3))),
    "of two kinds": lambda rng, u: np.where(rng.random((u, 1)) < 0.5, [0.96, 0.02, 0.02], rng.dirichlet([8, 8, 8], u)),
}


def softmax(s):
    p = np.exp(s)
    return p / p.sum(axis=1, keepdims=True)


def drawn(seed, u, answers, world="any probabilities alike"):
    """Counts of that many answers to u sets, and the mean largest probability of these."""
    rng = np.random.default_rng(seed)
    p = WORLDS[world](rng, u)
    return rng.multinomial(answers, p), float(p.max(axis=1).mean())


def likelihood_by_loop(counts, point):
    """The probability of counts, the mean over the orders of the point's probabilities."""
    orders = list(itertools.permutations(point))
    ways = math.factorial(sum(counts)) / math.prod(math.factorial(c) for c in counts)
    return sum(ways * math.prod(p**c for p, c in zip(order, counts, strict=True)) for order in orders) / len(orders)


@pytest.mark.parametrize("k", [2, 3, 4])
@pytest.mark.parametrize("parts", [1, 6, 20])
def test_the_grid_holds_each_point_of_the_simplex_once_in_descending_order(parts, k):
    points, orders = simplex(parts, k)
    every = {
        tuple(sorted(row, reverse=True)) for row in itertools.product(range(parts + 1), repeat=k) if sum(row) == parts
    }
    assert sorted(map(tuple, np.rint(points * parts).astype(int).tolist())) == sorted(every)
    assert orders.sum() == math.comb(parts + k - 1, k - 1)
    for point, n in zip(points.tolist(), orders, strict=True):
        assert n == len(set(itertools.permutations(point)))


@pytest.mark.parametrize("patterns", [1, 60_000, 100_000, 1_000_000])
@pytest.mark.parametrize(("answers", "finest"), [(3.0, 1), (97.0, 2), (1e6, 4)])
def test_the_grid_is_as_fine_as_answers_are_sure_while_its_table_has_no_more_cells_than_are_allowed(
    answers, finest, patterns
):
    cells = {parts: patterns * len(simplex(parts, 3)[0]) for parts in range(24, 24 * finest + 1, 24)}
    fit = [parts for parts, n in cells.items() if n <= pooling.MOST_CELLS * 1.1]  # how many are in order is estimated
    found = pooling._parts(answers, patterns, 3)
    assert found == (max(fit) if fit else 24)


@given(seeds, st.integers(2, 4))
def test_likelihoods_are_those_of_a_loop(seed, k):
    rng = np.random.default_rng(seed)
    counts, points = rng.integers(0, 6, (5, k)), simplex(7, k)[0]
    expected = [[likelihood_by_loop(c, p) for p in points.tolist()] for c in counts.tolist()]
    np.testing.assert_allclose(np.exp(pooling._likelihoods(counts, points)), expected, rtol=1e-9, atol=1e-250)


@given(seeds)
def test_no_step_makes_the_answers_less_likely_and_no_shift_of_weight_makes_them_much_more_likely(seed):
    counts, _ = drawn(seed, 40, np.random.default_rng(seed).integers(2, 15, 40))
    patterns, inverse = distinct_patterns(counts)
    times = np.bincount(inverse) / 40
    points, orders = simplex(24, 3)
    logs = pooling._likelihoods(patterns, points)
    weights = orders / orders.sum()
    found = fit_mixture(counts).weights
    reached = times @ np.log(np.exp(logs) @ found)
    for _ in range(5):
        mixed = np.exp(logs) @ weights
        assert times @ np.log(mixed) <= reached + 1e-12
        weights = weights * (np.exp(logs).T @ (times / mixed))
    gradient = np.exp(logs).T @ (times / (np.exp(logs) @ found))
    assert gradient.max() < 1.2  # 1 at the most likely distribution


@given(seeds)
def test_neither_the_order_of_sets_nor_of_items_within_them_matters(seed):
    counts, _ = drawn(seed, 60, 6)
    rng = np.random.default_rng(seed)
    first, second = fit_mixture(counts), fit_mixture(rng.permuted(counts, axis=1)[rng.permutation(60)])
    assert first.ceiling == pytest.approx(second.ceiling, rel=1e-12)


@given(seeds)
def test_patterns_are_the_distinct_sorted_rows(seed):
    counts = np.random.default_rng(seed).integers(0, 4, (30, 3))
    for scale in (1, 1 << 40):  # the second is too large for one number per row
        patterns, inverse = distinct_patterns(counts * scale)
        np.testing.assert_array_equal(patterns[inverse], -np.sort(-counts * scale, axis=1))
        assert len(np.unique(patterns, axis=0)) == len(patterns)


def test_unanimous_people_have_a_ceiling_near_one_and_evenly_split_ones_near_a_third():
    assert fit_mixture(np.tile([30, 0, 0], (50, 1))).ceiling == pytest.approx(1, abs=0.002)
    assert fit_mixture(np.tile([100, 100, 100], (50, 1))).ceiling == pytest.approx(1 / 3, abs=0.003)
    assert fit_mixture(np.tile([200, 200], (50, 1))).ceiling == pytest.approx(1 / 2, abs=0.003)


def test_influences_are_zero_on_average_and_change_the_ceiling_as_they_say():
    """A tenth more weight to some sets moves the fitted ceiling by about a tenth of their influence."""
    counts, _ = drawn(0, 4000, 20)
    people = fit_mixture(counts)
    influence = people.influence(counts)
    assert abs(influence.mean()) < 1e-4
    clear = counts.max(axis=1) >= 15
    moved = fit_mixture(np.concatenate([counts, counts[clear]]))
    predicted = people.ceiling + influence[clear].sum() / (4000 + clear.sum())
    assert moved.ceiling - people.ceiling > 0.03
    assert moved.ceiling == pytest.approx(predicted, abs=0.004)


@pytest.mark.parametrize(("world", "within"), [(name, 0.003) for name in list(WORLDS)[:3]] + [("of two kinds", 0.007)])
def test_the_estimate_has_a_fraction_of_the_bias_of_the_majority_share(world, within):
    """20 answers to 1,000 sets, 30 times."""
    estimates, majorities = [], []
    for seed in range(30):
        counts, truth = drawn(seed, 1000, 20, world)
        estimates.append(fit_mixture(counts).ceiling - truth)
        majorities.append((counts.max(axis=1) / 20).mean() - truth)
    assert abs(np.mean(estimates)) < within
    assert abs(np.mean(estimates)) < 0.5 * np.mean(majorities)


@pytest.mark.parametrize("world", list(WORLDS))
def test_many_answers_meet_a_grid_that_is_fine_enough(world):
    counts, truth = drawn(1, 440, 200, world)
    assert fit_mixture(counts).ceiling == pytest.approx(truth, abs=0.006)


@pytest.mark.parametrize("world", list(WORLDS))
@pytest.mark.parametrize(("u", "answers"), [(300, 20), (600, 5)])
def test_the_standard_error_of_the_influences_is_the_spread_over_new_sets(world, u, answers):
    found, errors = [], []
    for seed in range(200):
        counts, _ = drawn(seed, u, answers, world)
        people = fit_mixture(counts)
        found.append(people.ceiling)
        errors.append(people.influence(counts).std() / math.sqrt(u))
    assert 0.85 < np.sqrt(np.mean(np.square(errors))) / np.std(found) < 1.35


def test_many_sets_cost_what_their_different_counts_do(monkeypatch):
    """100,000 sets of up to eleven answers have few patterns of counts, and a step goes through those only."""
    counts, _ = drawn(2, 100_000, np.random.default_rng(2).integers(2, 12, 100_000))
    seen, real = [], pooling._maximize
    monkeypatch.setattr(pooling, "_maximize", lambda logs, *rest: seen.append(logs.shape) or real(logs, *rest))
    fit_mixture(counts)
    ((patterns, points),) = seen
    assert patterns == len(distinct_patterns(counts)[0]) < 200
    assert patterns * points <= pooling.MOST_CELLS

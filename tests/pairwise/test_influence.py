"""What a pair does to a correlation: against derivatives by weights, and by scores, that are taken step by step."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pyalign.ops.ranks import rank_pairs
from pyalign.pairwise.ceilings import INFLUENCES, Side, gradient, influence, mean_above
from pyalign.pairwise.correlations import correlate

STEP = 1e-6


def items_of(m):
    return np.zeros((m, 2), np.int32)


def weighted_correlation(name, a, b, w):
    """The correlation of a and b with weights w that add up to 1; ranks are shares of the weight."""
    if name in ("spearman", "rho-a"):
        a, b = (((x[None] < x[:, None]) + 0.5 * (x[None] == x[:, None])) @ w - 0.5 for x in (a, b))
    if name == "pearson":
        a, b = a - w @ a, b - w @ b
    if name == "rho-a":
        m = len(a)
        return w @ (a * b) * 12 / (1 - 1 / m**2)
    return w @ (a * b) / np.sqrt((w @ a**2) * (w @ b**2))


def pairs():
    numbers = st.integers(-4, 4).map(float)  # with ties
    return st.integers(4, 12).flatmap(lambda m: st.tuples(*[st.lists(numbers, min_size=m, max_size=m)] * 2))


@pytest.mark.parametrize("name", INFLUENCES)
@settings(max_examples=40)
@given(both=pairs())
def test_an_influence_is_the_derivative_by_the_weight_of_a_pair(name, both):
    a, b = map(np.array, both)
    assume(len(set(a)) > 1 and len(set(b)) > 1)
    m = len(a)
    found = influence(*(Side.of(name, values, items_of(m)) for values in (a, b)))
    even = np.full(m, 1 / m)
    assert weighted_correlation(name, a, b, even) == pytest.approx(correlate(a, b, name), abs=1e-12)
    for k in range(m):
        up, down = ((1 - e) * even + e * (np.arange(m) == k) for e in (STEP, -STEP))
        slope = (weighted_correlation(name, a, b, up) - weighted_correlation(name, a, b, down)) / (2 * STEP)
        assert found[k] == pytest.approx(slope, abs=2e-6)
    assert found.sum() == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("name", ["pearson", "cosine"])
def test_a_gradient_is_the_derivative_by_a_value(name):
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 9)) + 1
    found = gradient(*(Side.of(name, values, items_of(9)) for values in (a, b)))
    for k in range(9):
        step = STEP * (np.arange(9) == k)
        slope = (correlate(a + step, b, name) - correlate(a - step, b, name)) / (2 * STEP)
        assert found[k] / 9 / np.abs(a).max() == pytest.approx(slope, abs=1e-7)  # scores are values over the largest


def test_scores_move_with_the_values():
    values, others = np.array([1.0, 4.0, 2.0]), np.array([4.0, 1.0, 2.0])
    for name, expected in (
        ("spearman", [2 / 3, -2 / 3, 0]), ("cosine", [0.75, -0.75, 0]), ("pearson", [0.75, -0.75, 0])):
        assert Side.of(name, values, items_of(3)).moved(others, items_of(3)) == pytest.approx(expected)


@settings(max_examples=50)
@given(both=pairs())
def test_means_above_are_those_of_a_plain_sum(both):
    values, scores = map(np.array, both)
    plain = [(scores * ((values > v) + 0.5 * (values == v))).mean() for v in values]
    assert mean_above(rank_pairs(values, items_of(len(values))), scores) == pytest.approx(plain)


@pytest.mark.parametrize("name", INFLUENCES)
def test_equal_values_have_no_influence_that_is_defined(name):
    flat = np.zeros(6) if name == "cosine" else np.full(6, 0.1)
    sides = [Side.of(name, values, items_of(6)) for values in (flat, np.arange(6.0))]
    if name == "rho-a":  # whose formula gives 0
        assert np.isfinite(influence(*sides)).all()
    else:
        assert np.isnan(influence(*sides)).all() and np.isnan(gradient(*sides)).all()

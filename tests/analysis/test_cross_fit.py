"""Held-out answers: each at the temperature of those that it has nothing in common with, against plain refits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp, softmax
from support import draw_triplets, pairs_of, reals, seeds

from pyalign import calibrate
from pyalign.analysis.calibration import held_out as module
from pyalign.analysis.calibration.held_out import rest_sums

LAST = np.array([[1, 2, 0], [0, 2, 1], [0, 1, 2]])  # columns that bring the odd item to the last place


def answered(seed, n, t, each=1, agree=1.0):
    """Rows, and triplets whose odd item is last, each asked so often, by people whose similarities are dot products."""
    rng = np.random.default_rng(seed)
    x, triplets = reals(seed, n, 3, dtype=np.float64), np.repeat(draw_triplets(seed, n, t // each), each, axis=0)
    p = softmax(agree * pairs_of(x @ x.T, triplets)[::-1], axis=0)
    odd = (rng.random(len(triplets)) > np.cumsum(p, axis=0)[:2]).sum(axis=0)
    return x, np.take_along_axis(triplets, LAST[odd], 1)


def alike(triplets, by):
    """(t, t): which triplets have something in common."""
    sets = [frozenset(row) for row in triplets.tolist()]
    return np.array([[bool(a & b) if by == "objects" else a == b for b in sets] for a in sets])


@given(seed=seeds, n=st.integers(6, 14), by=st.sampled_from(["objects", "triplets"]), each=st.sampled_from([1, 3]))
def test_sums_over_the_rest_are_those_of_a_loop_over_pairs_of_triplets(seed, n, by, each):
    triplets = np.repeat(draw_triplets(seed, n, 20), each, axis=0) * 7 + 2
    rest, values = ~alike(triplets, by), np.random.default_rng(seed).uniform(0.5, 1.0, (2, len(triplets)))
    if rest.any():
        np.testing.assert_allclose(rest_sums(triplets, by, values), values @ rest, rtol=1e-9, atol=1e-9)


def test_of_more_than_a_hundred_objects_sums_differ_by_the_triplets_that_share_two(monkeypatch):
    triplets = draw_triplets(1, 101, 1500)
    values = np.random.default_rng(0).uniform(0.5, 1.0, (1, 1500))
    found = rest_sums(triplets, "objects", values)
    shown = (triplets[:, :, None] == np.arange(101)).any(axis=1).astype(float)
    common = shown @ shown.T
    np.testing.assert_allclose(found, values @ np.where(np.eye(1500, dtype=bool), 0.0, 1.0 - common), rtol=1e-9)
    monkeypatch.setattr(module, "FEW", 101)
    exact = rest_sums(triplets, "objects", values)
    np.testing.assert_allclose(exact, values @ (common == 0), rtol=1e-9)
    assert np.abs(found / exact - 1.0).max() < 0.01


@pytest.mark.parametrize(("by", "each"), [("objects", 1), ("objects", 4), ("triplets", 4)])
def test_a_held_out_answer_is_evaluated_at_about_the_temperature_of_a_fit_to_its_rest(by, each):
    x, triplets = answered(5, 30, 400, each, agree=0.5)
    found = calibrate(x, triplets, measure="dot", split=by, ci=None).only
    s, rest = pairs_of(x @ x.T, triplets), ~alike(triplets, by)
    losses = []
    for row, others in enumerate(rest):
        fit = minimize_scalar(
            lambda beta, t=s[:, others]: (logsumexp(beta * t, axis=0) - beta * t[0]).mean(), bounds=(0, 5)
        )
        losses.append(logsumexp(fit.x * s[:, row]) - fit.x * s[0, row])
    optimism = np.mean(losses) - found.fit.cross_entropy
    assert optimism > 0.0 and found.test.n_triplets == 400
    assert found.test.cross_entropy - found.fit.cross_entropy == pytest.approx(optimism, rel=0.1)


def test_does_not_depend_on_the_answers_that_are_held_out_beyond_the_square_of_what_they_change():
    """If all answers about an object become wrong, the temperature of all moves, and that of its triplets hardly."""
    x, triplets = answered(3, 40, 2000, agree=0.6)
    other = triplets.copy()
    about = (triplets == 7).any(axis=1)
    other[about] = other[about][:, ::-1]
    one, changed = (calibrate(x, t, measure="dot", ci=None).only for t in (triplets, other))
    assert changed.temperature > 1.05 * one.temperature
    assert changed.test.cross_entropy - changed.fit.cross_entropy > 3 * (one.test.cross_entropy - one.fit.cross_entropy)


def test_nothing_is_drawn_and_neither_the_order_of_triplets_nor_numbers_of_objects_matter():
    x, triplets = answered(4, 30, 1500)
    order, rows = np.random.default_rng(0).permutation(1500), np.random.default_rng(1).permutation(30)
    moved = np.empty_like(x)
    moved[rows] = x
    found, again = calibrate(x, triplets, measure="dot"), calibrate(moved, rows[triplets[order]], measure="dot")
    assert again.temperature == pytest.approx(found.temperature, rel=1e-9)
    for name in ("accuracy", "cross_entropy"):
        assert getattr(again.test, name) == pytest.approx(getattr(found.test, name), rel=1e-9)
    assert again.equal_width.ece == pytest.approx(found.equal_width.ece, rel=1e-6)


@pytest.mark.parametrize(("by", "triplets", "rest"), [
    ("objects", [[0, 1, 2], [0, 2, 1], [0, 3, 4]], "any two triplets share an object"),
    ("triplets", [[0, 1, 2], [2, 0, 1], [1, 2, 0]], "any two triplets are of the same three objects"),
])
def test_too_few_objects_to_hold_any_out_are_refused_in_a_line(message_of, by, triplets, rest):
    x, triplets = np.array([[2.0, 0.0], [1.8, 0.4], [0.0, 2.0], [0.5, 0.5], [0.1, 0.2]]), np.array(triplets)
    message = message_of(calibrate, x, triplets, measure="dot", split=by, answers=np.tile([3, 2, 15], (3, 1)))
    assert message == f"a split over {by} must leave others to fit to; {rest}"


def test_triplets_without_a_rest_are_counted_and_not_reported():
    """One object is in a third of the triplets and with each other one: where it is, nothing is left."""
    x = np.array([[0.0], [0.1], [5.0], [0.5], [0.4], [6.0], [9.0]])
    triplets = np.repeat([[0, 1, 2], [3, 4, 5], [0, 3, 6]], 20, axis=0)
    counts = np.tile([3, 2, 15], (60, 1))
    found = calibrate(x, triplets, measure="neg_euclidean", answers=counts, ci=None)
    assert (found.fit.n_triplets, found.test.n_triplets, found.n_unused) == (60, 40, 20)

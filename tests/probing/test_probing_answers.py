"""Soft targets, weights and smoothing of a probe."""

from __future__ import annotations

import numpy as np
import pytest
from support import draw_triplets, reals

import pyalign
from pyalign.data import Triplets, as_answers
from pyalign.datasets.simulate import simulate
from pyalign.fitting.objective import answer_weights, smoothed
from pyalign.probing import fit_probe
from pyalign.probing.held_out import scored


def test_counts_are_the_same_as_repeated_triplets():
    """A triplet that three people answer as 2, 2, 0 stands three times, its odd item last."""
    x, triplets = reals(1, 25, 5, dtype=np.float64), draw_triplets(1, 25, 300)
    counts = np.random.default_rng(0).integers(0, 3, (300, 3)) + np.array([0, 0, 1])
    orders = np.array([[1, 2, 0], [0, 2, 1], [0, 1, 2]])
    repeated = [triplets[q][orders[p]] for q in range(300) for p in range(3) for _ in range(counts[q, p])]
    one = fit_probe(x, triplets, answers=counts, penalty=0.02, tolerance=1e-6)
    other = fit_probe(x, np.array(repeated), penalty=0.02, tolerance=1e-6)
    assert one.objective == pytest.approx(other.objective, abs=2e-6)
    assert one.cross_entropy == pytest.approx(other.cross_entropy, abs=1e-4)
    assert one.gap <= 1e-6


def test_weights_drop_and_repeat_triplets():
    x, triplets = reals(2, 25, 5, dtype=np.float64), draw_triplets(2, 25, 400)
    weights = np.arange(400) % 3
    one = fit_probe(x, triplets, weights=weights, penalty=0.02, tolerance=1e-6)
    other = fit_probe(x, np.repeat(triplets, weights, axis=0), penalty=0.02, tolerance=1e-6)
    assert one.objective == pytest.approx(other.objective, abs=2e-6)


def test_soft_answers_of_a_known_map_are_fitted_to_their_entropy():
    x, triplets = reals(3, 40, 4, dtype=np.float64), draw_triplets(3, 40, 4000)
    w = reals(4, 4, 2, dtype=np.float64)
    p = pyalign.choice_probabilities(x @ w, triplets, measure="dot")
    fit = fit_probe(x, triplets, answers=p, penalty=1e-6, standardize="none", tolerance=1e-6)
    entropy = -(p * np.log(np.maximum(p, 1e-300))).sum(axis=1).mean()
    assert fit.cross_entropy == pytest.approx(entropy, abs=1e-4)
    np.testing.assert_allclose(fit.transform.weights @ fit.transform.weights.T, w @ w.T, atol=0.05)


def test_smoothing_is_off_by_default_and_shrinks_answers():
    assert answer_weights(5) is None
    np.testing.assert_allclose(smoothed(np.array([[0.0, 0, 4]]), 1, 1), np.array([[1, 1, 5]]) * 4 / 7)
    assert smoothed(None, 5, 0.0) is None
    x, triplets = reals(5, 30, 4), draw_triplets(5, 30, 500)
    plain, smooth = (fit_probe(x, triplets, penalty=0.01, smoothing=a) for a in (0.0, 1.0))
    assert np.linalg.norm(smooth.transform.weights) < np.linalg.norm(plain.transform.weights)


def test_held_out_accuracy_is_the_share_of_answers_that_agree():
    x = np.array([[1.0, 0], [1, 0.1], [0, 1], [0, 0.9]])
    found = scored(x, np.array([[0, 1, 2], [0, 2, 3]]), np.array([[1.0, 0, 3], [2, 1, 1]]), "dot")
    assert found.accuracy == pytest.approx((3 + 2) / 8)


@pytest.mark.parametrize(("given", "message"), [
    ({"weights": [1, 2]}, "weights must have shape (3,), one for each triplet; got (2,)"),
    ({"weights": [1, -2, 1]}, "weights must be finite and at least 0; row 1 is -2"),
    ({"weights": [0, 0, 0]}, "weights must leave answers of a positive, finite total; got 0"),
])
def test_refuses_what_is_no_weight(message_of, given, message):
    assert message_of(answer_weights, 3, **given).startswith(message)


@pytest.mark.parametrize(("answers", "message"), [
    ([[1, 2]], "answers must have shape (3, 3)"),
    (-np.ones((3, 3)), "answers must not be negative; row 0"),
    (np.full((3, 3), 0.5), "answers must be counts (whole numbers) or shares that sum to 1 in each row"),
    ([[1, 2, 0], [0, 0, 0], [1, 1, 1]], "answers must hold at least one answer in each row; row 1"),
])
def test_refuses_what_are_no_answers(message_of, answers, message):
    triplets = [[0, 1, 2], [2, 1, 0], [1, 2, 3]]
    assert message_of(fit_probe, reals(1, 4, 3), triplets, penalty=0.1, answers=answers).startswith(message)


def test_counts_of_any_type_and_answers_that_triplets_bring_are_the_same():
    x, triplets = reals(1, 25, 5), draw_triplets(1, 25, 300)
    counts = np.random.default_rng(0).integers(0, 3, (300, 3)) + np.array([0, 0, 1])
    weights = {
        fit_probe(x, given, answers=answers, penalty=0.02).transform.weights.tobytes()
        for given, answers in (
            (triplets, counts), (triplets, counts.astype(np.uint8)), (triplets, counts.astype(np.float32)),
            (triplets, counts.tolist()), (triplets, as_answers(counts, 300)),
            (Triplets(triplets).with_answers(counts), None),
        )
    }
    assert len(weights) == 1


def test_answers_are_by_the_positions_that_the_file_has():
    x, triplets = reals(1, 25, 5), draw_triplets(1, 25, 300)
    counts = np.random.default_rng(0).integers(0, 3, (300, 3)) + np.array([0, 0, 1])
    moved = Triplets(triplets[:, [1, 2, 0]], positions=np.array([1, 2, 0], np.int8))
    found = [fit_probe(x, given, answers=counts, penalty=0.02).objective for given in (triplets, moved)]
    assert found[0] == pytest.approx(found[1], abs=1e-6)


def test_triplets_that_hold_no_answers_are_refused(message_of):
    given = Triplets(draw_triplets(1, 25, 300), answered=False)
    assert message_of(fit_probe, reals(1, 25, 5), given, penalty=0.1) == (
        "a probe needs human choices, which these triplets do not hold"
    )


def test_held_out_answers_are_not_smoothed():
    x = reals(6, 60, 4)
    triplets = simulate(x[:, :2], 5000, measure="dot", seed=1).triplets
    plain, smooth = (
        pyalign.cross_validate_probe(x, triplets, repeats=1, penalties=[0.02], smoothing=a) for a in (0.0, 0.5)
    )
    assert smooth.zero_shot_accuracy == plain.zero_shot_accuracy
    assert smooth.accuracy == pytest.approx(plain.accuracy, abs=0.05)
    assert smooth.fit.cross_entropy != plain.fit.cross_entropy

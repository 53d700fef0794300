"""Probes of anchored triplets: the loss of two options, its optimum, and figures of what a fit has not seen."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from support import draw_triplets, read_back, reals, seeds

import pyalign
from pyalign import Triplets
from pyalign.fitting.objective import TripletTerm, answer_weights, smoothed

pytest.importorskip("scipy")


def anchored(rows, **more):
    return Triplets(np.asarray(rows), task="anchored", **more)


def plain_loss(z, rows, weights=None):
    """Mean cross-entropy of the choice of column 1 (and, with weights (t, 3), of column 2) in plain loops."""
    total = every = 0.0
    for row, (anchor, chosen, other) in enumerate(rows):
        difference = float(z[anchor] @ z[other] - z[anchor] @ z[chosen])
        y = (1.0, 0.0) if weights is None else (weights[row][2], weights[row][1])
        total += y[0] * math.log1p(math.exp(difference)) + y[1] * math.log1p(math.exp(-difference))
        every += sum(y)
    return total / every


@given(seed=seeds)
@pytest.mark.parametrize("soft", [False, True])
def test_the_loss_and_its_slope_are_those_of_the_definition(seed, soft):
    rng = np.random.default_rng(seed)
    rows, x, w = draw_triplets(seed, 8, 30), rng.normal(size=(8, 3)), rng.normal(size=(3, 2))
    answers = np.column_stack([np.zeros(30), rng.random((30, 2))]) if soft else None
    term = TripletTerm(x, rows, answers=answers, task="anchored")
    slope = term(w, np.zeros(2))
    assert slope.value == pytest.approx(plain_loss(x @ w, rows, answers), rel=1e-10)
    for k in np.ndindex(3, 2):
        step = np.zeros((3, 2))
        step[k] = 1e-5
        up, down = (plain_loss(x @ (w + sign * step), rows, answers) for sign in (1, -1))
        assert slope.weights[k] == pytest.approx((up - down) / 2e-5, abs=1e-7)


def test_sorted_triplets_have_the_same_loss():
    x, rows, w = reals(1, 40, 5, dtype=np.float64), draw_triplets(1, 40, 900), reals(2, 5, 5, dtype=np.float64)
    plain, planned = (TripletTerm(x, rows, sort=sort, task="anchored")(w, np.zeros(5)) for sort in (False, True))
    assert plain.value == pytest.approx(planned.value, rel=1e-13)
    np.testing.assert_allclose(plain.weights, planned.weights, rtol=1e-9, atol=1e-12)


@pytest.fixture(scope="module")
def people():
    """Rows, and answers of people who choose by the dot products of some of the features."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=(60, 6))
    rows = draw_triplets(4, 60, 6000)
    z = x * [2, 1, 0.5, 0, 0, 0]
    s = z @ z.T
    swap = s[rows[:, 0], rows[:, 1]] + rng.logistic(size=6000) < s[rows[:, 0], rows[:, 2]]
    rows[swap] = rows[swap][:, [0, 2, 1]]
    return x, rows


def test_a_fit_is_certified_to_be_at_its_optimum(people, host_backend):
    x, rows = people
    fit = pyalign.fit_probe(x, anchored(rows[:800]), penalty=0.01, backend=host_backend, standardize="none")
    z = x @ fit.transform.weights
    assert fit.cross_entropy == pytest.approx(plain_loss(z, rows[:800]), rel=1e-6)
    assert fit.converged and 0 <= fit.gap < 1e-4
    assert (fit.task, fit.chance) == ("anchored", 0.5)
    norm = float((fit.transform.weights**2).sum())
    for seed in range(5):  # no map nearby is better than the certificate allows
        other = fit.transform.weights + 0.03 * reals(seed, *fit.transform.weights.shape)
        value = plain_loss(x @ other, rows[:800]) + 0.01 * float((other**2).sum())
        assert value > fit.cross_entropy + 0.01 * norm - 1e-4
    assert fit.accuracy == pytest.approx(
        pyalign.score(x, anchored(rows[:800]), transform=fit.transform).accuracy, abs=1e-12
    )


def test_from_the_zero_penalty_on_the_best_map_is_zero(people):
    x, rows = people
    path = pyalign.probe_path(x, anchored(rows[:500]), penalties=[10.0, 0.01])
    assert path[0].cross_entropy == pytest.approx(math.log(2), rel=1e-9)
    assert path[1].cross_entropy < 0.6


def test_cross_validation_beats_the_rows_as_they_came(people, tmp_path):
    x, rows = people
    found = pyalign.cross_validate_probe(x, anchored(rows), folds=2, repeats=1, penalties=[0.01])
    assert found.accuracy > found.zero_shot_accuracy + 0.02 > 0.5
    assert found.cross_entropy < math.log(2)
    assert 0.005 < found.folds[0].accuracy_error < 0.1
    assert (found.to_dict()["task"], found.to_dict()["chance"]) == ("anchored", 0.5)
    assert read_back(found, tmp_path).task == "anchored"
    told = str(found).replace("\n", " ")
    assert "chance 50.0%;" in told and "nats (log 2 = 0.69315)" in told and "33.333" not in told


def test_counts_are_as_many_answers(people):
    x, rows = people
    counts = np.tile([2, 1], (300, 1))
    together = pyalign.fit_probe(x, anchored(rows[:300]), answers=counts, penalty=0.01)
    single = np.concatenate([rows[:300], rows[:300], rows[:300, [0, 2, 1]]])
    apart = pyalign.fit_probe(x, anchored(single), penalty=0.01)
    assert together.cross_entropy == pytest.approx(apart.cross_entropy, abs=2e-4)
    assert together.accuracy == pytest.approx(apart.accuracy, abs=0.01)


def test_answers_are_by_the_option_that_is_left():
    answers = anchored([[0, 1, 2]]).with_answers([[3, 1]]).answers
    assert answer_weights(1, answers).tolist() == [[0.0, 1.0, 3.0]]
    assert smoothed(answer_weights(1, answers), 1, 1.0, 2).tolist() == [[0.0, 4 * 2 / 6, 4 * 4 / 6]]
    assert smoothed(None, 1, 1.0, 2).tolist() == [[0.0, 1 / 3, 2 / 3]]


def test_smoothed_fits_have_a_loss_above_zero(people):
    x, rows = people
    fit = pyalign.fit_probe(x, anchored(rows[:200]), penalty=1e-4, smoothing=0.5)
    assert fit.cross_entropy > 0.5


def test_the_map_remembers_what_it_has_seen(people):
    x, rows = people
    fit = pyalign.fit_probe(x, anchored(rows[:400]), penalty=0.1)
    assert pyalign.score(x, anchored(rows[:400]), transform=fit.transform).in_sample.triplets == 1.0
    assert pyalign.score(x, rows[:400], transform=fit.transform).in_sample.triplets == 0.0


def test_the_estimator_chooses_and_scores_by_two_options(people):
    pytest.importorskip("sklearn")
    x, rows = people
    probe = pyalign.TripletProbe(penalty="auto").fit(x, anchored(rows[:2000]))
    assert probe.score(x, anchored(rows[:2000])) == pytest.approx(probe.fit_.accuracy, abs=1e-12)
    assert probe.fit_.task == "anchored"


def test_other_embeddings_may_take_part(people):
    x, rows = people
    fit = pyalign.fit_probe(
        x, anchored(rows[:300]), penalty=0.1, norm="identity", other_embeddings=reals(9, 20, 6), local_weight=0.2
    )
    assert fit.task == "anchored" and fit.cross_entropy < math.log(2)


def test_a_device_is_refused_by_name(people, message_of):
    pytest.importorskip("torch")
    x, rows = people
    message = "backend must be native or numpy, on the host, for anchored triplets; got 'torch'"
    assert message_of(pyalign.fit_probe, x, anchored(rows), penalty=0.1, backend="torch") == message


def test_a_tensor_is_fitted_on_the_host(people):
    torch = pytest.importorskip("torch")
    x, rows = people
    fit = pyalign.fit_probe(torch.from_numpy(x), anchored(rows[:200]), penalty=0.1)
    assert fit.cross_entropy == pyalign.fit_probe(x, anchored(rows[:200]), penalty=0.1).cross_entropy


def test_the_certificate_takes_the_probabilities_of_two_options():
    x, rows, w = reals(5, 8, 3, dtype=np.float64), draw_triplets(5, 8, 40), reals(6, 3, 2, dtype=np.float64)
    value, by_gram, p = TripletTerm(x, rows, task="anchored").by_gram(w, np.zeros(2))
    s = (x @ w) @ (x @ w).T
    chosen = 1 / (1 + np.exp(s[rows[:, 0], rows[:, 2]] - s[rows[:, 0], rows[:, 1]]))
    np.testing.assert_allclose(p, np.column_stack([np.zeros(40), 1 - chosen, chosen]), atol=1e-12)
    assert value == pytest.approx(plain_loss(x @ w, rows))
    np.testing.assert_allclose(by_gram, by_gram.T)


@pytest.mark.parametrize("iterations", [1, 2, 4])
def test_no_map_is_better_than_the_certificate_of_a_fit_that_was_cut_short_allows(people, iterations):
    x, rows = people
    asked = anchored(rows[:500])
    best = pyalign.fit_probe(x, asked, penalty=0.01, tolerance=1e-7)
    with pytest.warns(pyalign.ConvergenceWarning):
        early = pyalign.fit_probe(x, asked, penalty=0.01, max_iterations=iterations, tolerance=1e-9)
    assert early.objective - early.gap <= best.objective + 1e-9 <= early.objective + 2e-9

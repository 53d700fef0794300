"""The standard error of a temperature: against loops over pairs of answers, and the spread over new objects."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from support import draw_triplets, more_for_many_rows, reals, seeds

from pyalign import calibrate, load_result
from pyalign.analysis.calibration.temperature import (
    AnsweredSimilarities, EstimateError, error_of_beta, interval, minimize, slopes,
)
from pyalign.backends import get_host_backend
from pyalign.data import as_answers
from pyalign.report.page.write import make_report
from pyalign.stats.resampling import Resampling

HOST = get_host_backend()
LAST = np.array([[1, 2, 0], [0, 2, 1], [0, 1, 2]])  # columns that bring the odd item to the last place


def fitted(similarities, objects, counts=None, people=None):
    """The best beta, what it was fitted to, and its error."""
    answers = None if counts is None else as_answers(counts, len(objects))
    fit = AnsweredSimilarities(HOST, similarities, answers, "fractional", objects, people)
    beta, plan = minimize(fit.sums).beta, Resampling("auto").over(people)
    return beta, fit, error_of_beta(fit, *slopes(fit, beta), plan, fit.dependence(plan))


def expanded(objects, counts, similarities):
    """The same answers as rows, one each."""
    rows = np.repeat(np.arange(len(objects)), counts.sum(axis=1))
    odd = np.repeat(np.tile([0, 1, 2], len(objects)), counts.ravel())
    pairs = np.array([[2, 0, 1], [1, 0, 2], [0, 1, 2]])  # pairs 01, 02, 12 of the moved columns
    return np.take_along_axis(objects[rows], LAST[odd], 1), np.take_along_axis(similarities[rows], pairs[odd], 1)


def drawn(seed, n, t, most=5):
    """Triplets, similarities of their pairs, counts of answers."""
    rng = np.random.default_rng(seed)
    objects, s = draw_triplets(seed, n, t), rng.normal(size=(t, 3))
    p = np.exp(s[:, ::-1])
    counts = rng.multinomial(rng.integers(1, most, t), p / p.sum(axis=1, keepdims=True))
    return objects, s, counts


def by_loop(s, objects, beta, people=None):
    """Over all pairs of single answers that share an object or a person; floors of equal sets and of single answers."""
    p = np.exp(beta * s)
    p /= p.sum(axis=1, keepdims=True)
    f = (p * s).sum(axis=1) - s[:, 0]
    second = ((p * s * s).sum(axis=1) - (p * s).sum(axis=1) ** 2).sum()
    sets = [frozenset(row) for row in objects.tolist()]
    who, persons = (range(len(sets)), "") if people is None else (people, "subjects")
    rules = {
        "objects": lambda a, b: bool(sets[a] & sets[b]),
        "people": lambda a, b: who[a] == who[b],
        "either": lambda a, b: bool(sets[a] & sets[b]) or who[a] == who[b],
        "sets": lambda a, b: sets[a] == sets[b],
        "answers": lambda a, b: a == b,
    }
    variances = {}
    for name, rule in rules.items():
        pairs = [(a, b) for a in range(len(f)) for b in range(len(f)) if rule(a, b)]
        independent = len(f) ** 2 - len(pairs)
        total = sum(f[a] * f[b] for a, b in pairs)
        by = {"objects": "objects", "people": persons, "either": f"objects+{persons}"}.get(name, "")
        total += float(more_for_many_rows(f[:, None], np.ones(len(f)), objects, people, by)[0, 0])
        variances[name] = total / independent * len(f) ** 2 if independent else math.nan
    return math.sqrt(max(variances.values())) / second if not math.isnan(variances["either"]) else math.nan


@given(seeds)
def test_the_error_is_that_of_a_loop_over_pairs_of_answers(seed):
    objects, s, counts = drawn(seed, 12, 25)
    rows, similarities = expanded(objects, counts, s)
    beta, _, found = fitted(similarities, rows)
    assert found.error == pytest.approx(by_loop(similarities, rows, beta), rel=1e-9)
    assert found.plan.by == "objects" and 1 <= found.degrees <= len(np.unique(rows)) - 1


@given(seeds)
def test_with_people_the_error_is_that_of_a_loop_over_answers_that_share_an_object_or_a_person(seed):
    objects, s, counts = drawn(seed, 15, 25)
    rows, similarities = expanded(objects, counts, s)
    people = np.random.default_rng(seed).integers(0, 6, len(rows))
    beta, _, found = fitted(similarities, rows, people=people)
    assert found.error == pytest.approx(by_loop(similarities, rows, beta, people), rel=1e-9)
    assert found.plan.by == "objects+subjects"


@given(seeds)
def test_counts_and_the_same_answers_as_rows_have_one_error(seed):
    objects, s, counts = drawn(seed, 10, 40, most=20)
    beta, _, of_counts = fitted(s, objects, counts)
    rows, similarities = expanded(objects, counts, s)
    again, _, of_rows = fitted(similarities, rows)
    assert beta == pytest.approx(again, rel=1e-8)
    assert of_counts.error == pytest.approx(of_rows.error, rel=1e-6)
    assert of_counts.plan == of_rows.plan
    assert of_counts.degrees == pytest.approx(of_rows.degrees, rel=1e-6)


def test_shares_count_as_one_answer_each():
    objects, s, counts = drawn(3, 30, 200)
    single = np.eye(3, dtype=int)[counts.argmax(axis=1)]
    _, _, of_counts = fitted(s, objects, single)
    shares = single * 0.999 + 0.001 / 3
    _, _, of_shares = fitted(s, objects, shares)
    assert of_shares.error == pytest.approx(of_counts.error, rel=0.02)


def test_more_answers_to_the_same_triplets_do_not_make_the_error_vanish():
    """Ten times the same answers are ten times as many answers, and no other objects."""
    objects, s, counts = drawn(5, 60, 300)
    once, often = (fitted(s, objects, times * counts)[2].error for times in (1, 10))
    assert once == pytest.approx(often, rel=1e-6)


def test_where_all_triplets_share_an_object_the_error_is_over_sets_of_three():
    rng = np.random.default_rng(0)
    objects = np.array([[0, 1 + 2 * k, 2 + 2 * k] for k in range(30)])
    s = rng.normal(size=(30, 3))
    p = np.exp(s[:, ::-1])
    counts = rng.multinomial(9, p / p.sum(axis=1, keepdims=True))
    beta, fit, found = fitted(s, objects, counts)
    assert (found.plan.by, found.degrees) == ("triplets", 29)
    p = np.exp(beta * s)
    expected = (p * s).sum(axis=1) / p.sum(axis=1)
    f = 9 * (expected - fit.target)
    by_set = (f @ f) * 30 / 29
    by_answer = (counts * (expected[:, None] - s[:, ::-1]) ** 2).sum() * 270 / 269
    assert found.error == pytest.approx(math.sqrt(max(by_set, by_answer)) / fit.sums(beta).second, rel=1e-6)
    one = replace(fit, similarities=s[:1], objects=objects[:1], answers=fit.answers.take(slice(1)))
    plan = Resampling("objects")
    assert math.isnan(error_of_beta(one, *slopes(one, 1.0), plan, one.dependence(plan)).error)


def test_of_a_single_triplet_there_is_no_error_and_a_note_says_so():
    found = calibrate(
        [[2.0, 0.0], [1.8, 0.4], [0.0, 2.0]], [[0, 1, 2]], answers=[[3, 2, 45]], measure="dot", split=None
    )
    assert math.isnan(found.standard_error) and math.isnan(found.temperature.ci.low)
    assert any("has no standard error" in note for note in found.notes)
    assert found.only.to_dict()["standard_error"] is None
    assert " - " in found.table()


def test_the_interval_is_symmetric_in_the_inverse_temperature_and_says_what_it_is_over():
    plan = Resampling("objects")
    found = interval(0.5, EstimateError(0.05, 50, plan))
    assert (1 / found.low + 1 / found.high) / 2 == pytest.approx(0.5)
    assert 1 / found.low - 0.5 == pytest.approx(2.008559 * 0.05, rel=1e-6)
    assert found.error == pytest.approx(0.05 * 2.0**2)  # of the temperature, to first order
    assert (found.by, found.method, found.confidence) == ("objects", "sandwich", 0.95)
    assert math.isnan(interval(1.0, EstimateError(math.nan, 9, plan)).high)


@given(seeds)
def test_an_interval_of_the_inverse_temperature_that_holds_0_has_no_upper_end(seed):
    beta, error = np.random.default_rng(seed).uniform(0.1, 2.0, 2)
    found = interval(beta, EstimateError(error, math.inf, Resampling("objects")))
    assert 0 < found.low < 1 / beta < found.high
    assert math.isinf(found.high) == (beta <= 1.959964 * error)


def nearly_guessing():
    """A model that agrees with so few answers hardly better than chance."""
    x, triplets = reals(9, 12, 3), draw_triplets(9, 12, 60)
    return calibrate(x, triplets, measure="dot", split=None)


def test_a_temperature_without_an_upper_end_is_shown_written_and_read_as_such(tmp_path):
    found = nearly_guessing()
    low, high = found.temperature.ci
    assert 0 < low < found.temperature and high == math.inf and math.isfinite(found.standard_error)
    assert any("no upper end" in note for note in found.notes)
    document = found.to_dict()["results"][0]
    assert document["temperature_ci"] == [low, None]
    (tmp_path / "T.json").write_text(found.to_json())
    assert load_result(tmp_path / "T.json").temperature.ci == found.temperature.ci
    assert found.to_records()[0]["temperature_ci_high"] is None
    shown = f"above {low:.5g}"
    assert shown in found.table(verbose=True) and shown in found.to_latex() and shown in found._repr_html_()
    assert f"above {low:.4f}</span>" in make_report([found], "page.html").html


def world(rng, n, t, answers):
    """Triplets of new objects: people see an object's features otherwise than the model does."""
    people = rng.normal(size=(n, 4)) / 2
    model = people + 0.6 * rng.normal(size=(n, 4))
    objects = draw_triplets(int(rng.integers(1 << 30)), n, t)
    first, second = objects[:, [0, 0, 1]], objects[:, [1, 2, 2]]
    seen, s = ((x[first] * x[second]).sum(axis=2) for x in (people, model))
    p = np.exp(3 * seen[:, ::-1])
    return objects, s, rng.multinomial(answers, p / p.sum(axis=1, keepdims=True))


def test_intervals_hold_the_temperature_of_endless_objects_about_as_often_as_they_say():
    rng = np.random.default_rng(11)
    truth = 1 / fitted(*(lambda o, s, c: (s, o, c))(*world(rng, 3000, 60_000, 3)))[0]
    inside, errors, found, naive = [], [], [], []
    for _ in range(300):
        objects, s, counts = world(rng, 100, 500, 3)
        beta, fit, error = fitted(s, objects, counts)
        low, high = interval(beta, error)
        inside.append(low < truth < high)
        found.append(beta)
        errors.append(error.error)
        sums = fit.sums(beta)
        naive.append(math.sqrt(sums.first_squared) / sums.second)
    assert 0.92 <= np.mean(inside) <= 0.985
    assert math.sqrt(np.mean(np.square(errors))) == pytest.approx(np.std(found), rel=0.12)
    assert np.mean(naive) < 0.8 * np.std(found)  # triplets taken for independent would promise too much


def test_people_count_where_they_are_known_and_answers_and_people_together_are_refused(message_of):
    x, triplets = reals(1, 30, 4), draw_triplets(1, 30, 3000)
    keep = (x[triplets[:, 0]] * x[triplets[:, 1]]).sum(axis=1) > 0
    triplets = triplets[keep]
    people = np.random.default_rng(0).integers(0, 9, len(triplets))
    plain, known = calibrate(x, triplets), calibrate(x, triplets, subjects=people)
    assert (plain.temperature.ci.by, known.temperature.ci.by) == ("objects", "objects+subjects")
    assert known.temperature == plain.temperature
    assert calibrate(x, triplets, subjects=np.full(len(triplets), "ann")).temperature.ci == plain.temperature.ci
    said = message_of(calibrate, x, triplets, answers=np.ones(triplets.shape, int), subjects=people)
    assert said == "subjects and answers must not both be given: counts do not say whose answer is whose"
    assert "intervals over objects and participants" in " ".join(known.table().split())


def test_counts_of_the_hard_triplets_and_their_answers_as_rows_have_one_error(data):
    hard = np.load(data / "things" / "hard_440_choice_counts.npz")
    x = np.loadtxt(data / "things" / "spose_embedding_66d_sorted.txt")
    triplets, counts = hard["triplets_sorted0"], hard["odd_counts"].astype(int)
    rows, _ = expanded(triplets, counts, np.zeros(triplets.shape))
    of_counts = calibrate(x, triplets, answers=counts, measure="dot", split=None)
    of_rows = calibrate(x, rows, measure="dot", split=None)
    assert of_counts.standard_error == pytest.approx(of_rows.standard_error, rel=1e-9)
    assert of_counts.standard_error == pytest.approx(0.08537, abs=1e-5)
    assert of_counts.temperature.ci.by == "objects"

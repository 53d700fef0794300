"""What a calibration reports: intervals against loops over pairs of answers, the noise of the ECE, the Brier score."""

from __future__ import annotations

import json
import math
from itertools import product

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.special import logsumexp, softmax
from scipy.stats import entropy as scipy_entropy
from support import draw_triplets, more_for_many_rows, pairs_of, reals, seeds, whole

from pyalign import Resampling, calibrate, load_result
from pyalign.analysis.calibration import held_out as module
from pyalign.analysis.calibration.calibration_result import (
    Confidences, equal_mass_edges, equal_width_edges, reliability,
)
from pyalign.documents import Estimate
from pyalign.stats.intervals import proportion_interval, student_interval

LAST = np.array([[1, 2, 0], [0, 2, 1], [0, 1, 2]])  # columns that bring the odd item to the last place


def answered(seed, n=14, t=60, agree=1.0):
    """Rows, and triplets whose odd item is last, by people whose similarities are dot products times `agree`."""
    rng = np.random.default_rng(seed)
    x, triplets = reals(seed, n, 3, dtype=np.float64), draw_triplets(seed, n, t)
    p = softmax(agree * pairs_of(x @ x.T, triplets)[::-1], axis=0)
    odd = (rng.random(t) > np.cumsum(p, axis=0)[:2]).sum(axis=0)
    return x, np.take_along_axis(triplets, LAST[odd], 1)


def by_loop(values, objects, people, by):
    """The standard error of a mean: products of residuals over all pairs of rows that depend on each other."""
    e = values - values.mean()
    sets = [frozenset(row) for row in objects.tolist()]
    share = {"objects": lambda a, b: bool(sets[a] & sets[b]), "subjects": lambda a, b: people[a] == people[b]}
    parts = [one for one in by.split("+") if one in share]
    rules = [("+".join(parts), lambda a, b: any(share[one](a, b) for one in parts))] if parts else []
    rules += [(one, share[one]) for one in parts] if len(parts) == 2 else []
    rules += [("", lambda a, b: sets[a] == sets[b])] if by == "triplets" or "objects" in parts else []
    rules += [("", lambda a, b: a == b)] if by != "subjects" else []
    variances = []
    for name, rule in rules:
        pairs = [(a, b) for a, b in product(range(len(e)), repeat=2) if rule(a, b)]
        total = sum(e[a] * e[b] for a, b in pairs)
        total += float(more_for_many_rows(e[:, None], np.ones(len(e)), objects, people, name)[0, 0]) if name else 0.0
        variances.append(total / (len(e) ** 2 - len(pairs)))
    return math.sqrt(max(variances))


def intervals_of(found):
    """All held-out intervals of a calibration by name."""
    parts = (found.test, found.divergences, found.equal_mass.brier)
    return {name: value.ci for part in parts if part is not None
            for name, value in vars(part).items() if isinstance(value, Estimate)}


@pytest.mark.parametrize("by", ["objects", "subjects", "objects+subjects", "triplets"])
@given(seed=seeds)
def test_intervals_are_those_of_loops_over_pairs_of_answers(by, seed):
    x, triplets = answered(seed, n=16, t=40, agree=0.6)
    people = np.random.default_rng(seed).integers(0, 6, len(triplets))
    s = pairs_of(x @ x.T, triplets)
    assume((s[0] - s.mean(axis=0)).mean() > 0)  # else no temperature fits best
    found = calibrate(x, triplets, measure="dot", split=None, ci=by, subjects=people).only
    losses = {t: logsumexp(s / t, axis=0) - s[0] / t for t in (1.0, found.temperature)}
    right = (s.argmax(axis=0) == 0).astype(float)
    values = {"cross_entropy_before": losses[1.0], "cross_entropy": losses[found.temperature], "accuracy": right,
              "score": (softmax(s / found.temperature, axis=0).max(axis=0) - right) ** 2}
    known = intervals_of(found)
    for name, each in values.items():
        ci = known[name]
        assert ci.error == pytest.approx(by_loop(each, triplets, people, by), rel=1e-7, abs=1e-12)
        assert (ci.by, ci.confidence) == (by, 0.95)
        assert ci.low <= each.mean() <= ci.high


def test_cross_entropies_have_students_interval_and_accuracies_wilsons():
    x, triplets = answered(3, n=40, t=2000)
    triplets = triplets[np.unique(np.sort(triplets, axis=1), axis=0, return_index=True)[1]]
    found = calibrate(x, triplets, measure="dot", ci="triplets").only
    plan, t = Resampling("triplets", "corrected"), found.test.n_triplets
    part = found.test
    expected = student_interval(part.cross_entropy, part.cross_entropy.ci.error, t - 1, plan)
    assert tuple(part.cross_entropy.ci) == pytest.approx(tuple(expected))
    expected = proportion_interval(part.accuracy, part.accuracy.ci.error, t - 1, t, plan)
    assert tuple(part.accuracy.ci) == pytest.approx(tuple(expected))


def rows_of(triplets, counts):
    """The same answers as rows, one each."""
    rows = np.repeat(np.arange(len(triplets)), counts.sum(axis=1))
    return np.take_along_axis(triplets[rows], LAST[np.repeat(np.tile([0, 1, 2], len(triplets)), counts.ravel())], 1)


@given(seeds)
def test_counts_have_the_intervals_of_the_same_answers_as_rows(seed):
    x, triplets = reals(seed, 20, 3, dtype=np.float64), np.unique(np.sort(draw_triplets(seed, 20, 60), axis=1), axis=0)
    p = softmax(pairs_of(x @ x.T, triplets)[::-1], axis=0).T
    counts = np.random.default_rng(seed).multinomial(4, p)
    of_counts, of_rows = (
        calibrate(x, *given, measure="dot", split=None, ci="objects", answers=answers).only
        for given, answers in (((triplets,), counts), ((rows_of(triplets, counts),), None))
    )
    expected = intervals_of(of_rows)
    for name, ci in expected.items():
        assert tuple(intervals_of(of_counts)[name]) == pytest.approx(tuple(ci), rel=1e-6, abs=1e-9)
    for kind in ("equal_width", "equal_mass"):
        a, b = (vars(getattr(one, kind).brier) for one in (of_counts, of_rows))
        assert a == pytest.approx(b, rel=1e-7, abs=1e-12)
        assert getattr(of_counts, kind).ece_floor == pytest.approx(getattr(of_rows, kind).ece_floor, rel=1e-9)
        assert getattr(of_counts, kind).ece_debiased == pytest.approx(getattr(of_rows, kind).ece_debiased, rel=1e-6)


def test_counts_that_vary_in_no_triplet_have_the_error_of_single_answers():
    """Half of the answers to each triplet are the model's choice: only single answers vary."""
    x, triplets = reals(8, 20, 3, dtype=np.float64), np.unique(np.sort(draw_triplets(8, 20, 60), axis=1), axis=0)
    counts = 1 + np.eye(3, dtype=int)[pairs_of(x @ x.T, triplets)[::-1].argmax(axis=0)]
    options = {"measure": "dot", "split": None, "ci": "objects"}
    of_counts = calibrate(x, triplets, answers=counts, **options).only
    of_rows = calibrate(x, rows_of(triplets, counts), **options).only
    n = counts.sum()
    assert of_counts.test.accuracy.ci.error == pytest.approx(math.sqrt(0.25 / (n - 1)))
    assert of_counts.test.accuracy.ci.error == pytest.approx(of_rows.test.accuracy.ci.error)


@pytest.mark.parametrize("kind", ["counts", "shares"])
def test_divergences_have_intervals_over_objects(kind):
    x, triplets = reals(5, 30, 3, dtype=np.float64), draw_triplets(5, 30, 50)
    p = softmax(pairs_of(x @ x.T, triplets)[::-1], axis=0).T
    counts = np.random.default_rng(5).multinomial(8, p)
    answers = counts if kind == "counts" else counts / 8
    found = calibrate(x, triplets, measure="dot", split=None, answers=answers, ci="objects").only
    q, model = counts / 8, softmax(pairs_of(x @ x.T, triplets)[::-1] / found.temperature, axis=0).T
    middle = (q + model) / 2
    distance = np.sqrt((scipy_entropy(q, middle, axis=1) + scipy_entropy(model, middle, axis=1)) / 2)
    for name, each in (("kl", scipy_entropy(q, model, axis=1)), ("js_distance", distance),
                       ("target_entropy", scipy_entropy(q, axis=1))):
        ci = getattr(found.divergences, name).ci
        assert ci.error == pytest.approx(by_loop(each, triplets, None, "objects"), rel=1e-6)
        assert ci.low <= getattr(found.divergences, name) <= ci.high
    assert (found.equal_mass.ece_floor is None) == (kind == "shares")  # which do not say of how many answers they are


def test_without_intervals_figures_are_the_same_and_nothing_is_said_of_intervals():
    x, triplets = answered(1, n=40, t=3000)
    plain, found = calibrate(x, triplets, measure="dot", ci=None).only, calibrate(x, triplets, measure="dot").only
    assert plain.temperature.ci is None and math.isnan(plain.standard_error)
    assert set(intervals_of(plain).values()) == {None} and None not in intervals_of(found).values()
    assert plain.temperature == found.temperature and plain.equal_mass.ece_floor == found.equal_mass.ece_floor
    document = plain.to_dict()
    assert document["temperature_ci"] is None and "accuracy_ci" not in document["test"]
    assert "interval" not in plain.table(verbose=True)


def test_a_level_widens_all_intervals_and_auto_counts_people_where_there_are_enough():
    x, triplets = answered(2, n=40, t=4000)
    people = np.arange(len(triplets)) % 9
    wide, narrow = (
        calibrate(x, triplets, measure="dot", subjects=people, ci=Resampling("auto", confidence_level=level)).only
        for level in (0.99, 0.5)
    )
    for name, ci in {**intervals_of(wide), "T": wide.temperature.ci}.items():
        other = narrow.temperature.ci if name == "T" else intervals_of(narrow)[name]
        assert ci.low < other.low < other.high < ci.high
        assert (ci.by, ci.confidence, other.confidence) == ("objects+subjects", 0.99, 0.5)


def test_one_person_does_not_count_among_what_intervals_are_over():
    x, triplets = answered(2, n=60, t=6000)
    found = calibrate(x, triplets, measure="dot", subjects=np.zeros(6000, int)).only
    assert found.temperature.ci.by == found.test.accuracy.ci.by == found.equal_mass.ece_debiased.ci.by == "objects"


def test_of_too_few_objects_there_are_no_intervals_and_a_note_says_why(tmp_path):
    x, triplets = answered(4, n=7, t=80)
    found = calibrate(x, triplets, measure="dot", split=None)
    assert set(intervals_of(found.only).values()) == {None}
    assert any(note.startswith("held-out figures have no intervals: there is no interval over objects: the effective "
                               "number of objects is ") for note in found.notes)
    (tmp_path / "T.json").write_text(found.to_json())
    assert load_result(tmp_path / "T.json").test == found.test
    assert "accuracy_ci" not in found.only.to_dict()["test"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ci": "subjects"},
         "subjects must identify who answered each triplet for intervals over participants; got none"),
        ({"ci": "none"}, "ci must be None for no intervals; got 'none'"),
        ({"ci": "person"}, "ci must be one of auto, objects, subjects, objects+subjects, triplets; got 'person'"),
        ({"ci": Resampling("objects", "bootstrap")}, "ci_method must be corrected here; got 'bootstrap'"),
        ({"ci": Resampling("objects", n_resamples=9)},
         "n_resamples are those of ci_method bootstrap or pigeonhole; got 9 for corrected"),
    ],
)
def test_intervals_that_there_are_not_are_refused(message_of, options, message):
    x, triplets = answered(1)
    assert message_of(calibrate, x, triplets, measure="dot", split=None, **options) == message


def test_sums_over_blocks_of_counts_are_those_of_all(monkeypatch):
    x, triplets = reals(5, 30, 3, dtype=np.float64), draw_triplets(5, 30, 90)
    counts = np.random.default_rng(5).multinomial(5, softmax(pairs_of(x @ x.T, triplets)[::-1], axis=0).T)
    options = {"measure": "dot", "split": None, "answers": counts}
    expected = intervals_of(calibrate(x, triplets, **options).only)
    monkeypatch.setattr(module, "BLOCK", 7)
    for name, ci in intervals_of(calibrate(x, triplets, **options).only).items():
        assert tuple(ci) == pytest.approx(tuple(expected[name]), rel=1e-12)


def test_documents_from_before_have_none_of_it(tmp_path):
    """What an earlier version wrote: no intervals of held-out figures, no floor, no Brier score."""
    document = calibrate(*answered(1, n=40, t=3000), measure="dot").to_dict()
    (row,) = document["results"]
    for kind in ("equal_width", "equal_mass"):
        row[kind] = {name: row[kind][name] for name in ("edges", "count", "confidence", "accuracy", "ece")}
    row["test"] = {name: value for name, value in row["test"].items() if not name.endswith("_ci")}
    row["test"].pop("intervals")
    (tmp_path / "T.json").write_text(json.dumps(document))
    found = load_result(tmp_path / "T.json").only
    assert found.test.accuracy.ci is found.equal_mass.brier is found.equal_width.ece_floor is None
    assert found.temperature.ci is not None and "floor" in found.table(verbose=True)


# The noise of the ECE


def confidences(seed, t, ties, coarse=False, weights=None):
    """Of t triplets; of whole similarities many tie."""
    rng = np.random.default_rng(seed)
    s = whole(seed, t, 3, dtype=np.float64) / 4 if coarse else rng.normal(size=(t, 3))
    p = softmax(s, axis=1)
    best = s == s.max(axis=1, keepdims=True)
    tied = best.sum(axis=1)
    credit = {"fractional": 1 / tied, "wrong": tied == 1, "human_alignment": tied <= 2}[ties].astype(float)

    def draw(rng):
        """The mean credit of answers that are drawn with these probabilities."""
        counts = rng.multinomial(1 if weights is None else weights.astype(int), p)
        return (counts * best).sum(axis=1) * credit / (1 if weights is None else weights)

    sure = p.max(axis=1)
    return Confidences(sure, draw(rng), credit, tied * sure, weights), draw


@pytest.mark.parametrize("ties", ["fractional", "wrong", "human_alignment"])
@pytest.mark.parametrize(("t", "coarse", "weighted"), [(300, False, False), (40, True, False), (400, True, True)])
def test_the_floor_is_the_mean_ece_of_answers_drawn_by_the_model_itself(ties, t, coarse, weighted):
    weights = np.random.default_rng(0).integers(1, 6, t).astype(float) if weighted else None
    of, draw = confidences(7, t, ties, coarse, weights)
    rng = np.random.default_rng(1)
    for edges in (equal_width_edges(10), equal_mass_edges(of.confidence, weights, 10)):
        drawn = [reliability(of.confidence, draw(rng), weights, edges).ece for _ in range(1500)]
        noise = np.std(drawn) / math.sqrt(len(drawn))
        assert of.reliability(edges).ece_floor == pytest.approx(np.mean(drawn), abs=4 * noise + 0.002 * np.mean(drawn))


def test_a_bin_of_two_answers_has_the_floor_that_is_worked_out_by_hand():
    """Of 0, 1 or 2 right, with confidences of .6 and .9: .04 |0 - 1.5| + .42 |1 - 1.5| + .54 |2 - 1.5|, halved."""
    sure = np.array([0.6, 0.9])
    found = Confidences(sure, np.ones(2), np.ones(2), sure, None).reliability(equal_width_edges(1))
    assert found.ece_floor == pytest.approx((0.04 * 1.5 + 0.42 * 0.5 + 0.54 * 0.5) / 2)


@pytest.mark.parametrize(("t", "too_sure", "most"), [(300, 1.0, 0.006), (1000, 1.0, 0.004), (300, 1.6, 0.006)])
def test_the_debiased_error_is_nearly_right_on_average(t, too_sure, most):
    """Of the true model 0, where the ECE itself is .03 to .05; of one that exaggerates, what endless answers give."""
    edges, rng = equal_width_edges(10), np.random.default_rng(2)

    def draw(t):
        s = rng.normal(size=(t, 3))
        right = rng.random(t) < softmax(s, axis=1).max(axis=1)
        sure = softmax(too_sure * s, axis=1).max(axis=1)
        return Confidences(sure, right.astype(float), np.ones(t), sure, None)

    endless = 0.0 if too_sure == 1.0 else draw(400_000).ece(edges)
    found = [draw(t).reliability(edges) for _ in range(200)]
    assert np.mean([one.ece for one in found]) > endless + 0.008
    assert np.mean([one.ece_debiased for one in found]) == pytest.approx(endless, abs=most)


# The Brier score


@given(seed=seeds, t=st.integers(1, 400), bins=st.sampled_from([1, 3, 10, 40]), mass=st.booleans(),
       weighted=st.booleans(), ties=st.sampled_from(["fractional", "wrong", "human_alignment"]))
def test_the_parts_of_the_brier_score_add_up_to_it_and_are_those_of_loops(seed, t, bins, mass, weighted, ties):
    weights = np.random.default_rng(seed).integers(1, 6, t).astype(float) if weighted else None
    of, _ = confidences(seed, t, ties, True, weights)
    edges = equal_mass_edges(of.confidence, weights, bins) if mass else equal_width_edges(bins)
    found = of.reliability(edges).brier
    parts = found.reliability - found.resolution + found.uncertainty
    assert found.score == pytest.approx(parts + found.within_bin_variance - found.within_bin_covariance, abs=1e-12)
    times = np.ones(t, int) if weights is None else weights.astype(int)
    rows, hits = (
        [], np.rint(np.divide(of.accuracy * times, of.credit, out=np.zeros(t), where=of.credit > 0)).astype(int))
    for k in range(t):
        place = int(np.searchsorted(edges[1:-1], of.confidence[k], side="left"))
        rows += [(place, of.confidence[k], of.credit[k])] * hits[k]
        rows += [(place, of.confidence[k], 0.0)] * (times[k] - hits[k])
    place, f, y = (np.array(column) for column in zip(*rows, strict=True))
    f_b, y_b = (np.array([values[place == b].mean() for b in place]) for values in (f, y))
    expected = {
        "score": ((f - y) ** 2).mean(), "reliability": ((f_b - y_b) ** 2).mean(),
        "resolution": ((y_b - y.mean()) ** 2).mean(), "uncertainty": y.var(),
        "within_bin_variance": ((f - f_b) ** 2).mean(), "within_bin_covariance": 2 * ((f - f_b) * (y - y_b)).mean(),
    }
    assert vars(found) == pytest.approx(expected, abs=1e-12)

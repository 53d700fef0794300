"""Intervals of agreement with many people: against loops over pairs of triplets, and over people who are left out."""

from __future__ import annotations

import json
import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from scipy.special import softmax
from scipy.stats import entropy as scipy_entropy
from support import draw_triplets, more_for_many_rows, pairs_of, reals, seeds

from pyalign import Resampling, agreement, load_result
from pyalign.stats.intervals import correlation_interval, proportion_interval, quantile, student_interval

LAST = np.array([[1, 2, 0], [0, 2, 1], [0, 1, 2]])  # columns that bring the odd item to the last place
MEANS = ("majority_share", "accuracy", "majority_accuracy", "model_entropy", "human_entropy", "kl", "js_distance")
CORRELATIONS = ("share_pearson", "entropy_pearson", "entropy_spearman")


def case(seed, n=14, sets=30, people=6, share=0.7):
    """Rows, distinct triplets, and (persons, triplet) answers: -1, or the position of the odd item."""
    rng = np.random.default_rng(seed)
    x, triplets = reals(seed, n, 3, dtype=np.float64), np.unique(np.sort(draw_triplets(seed, n, sets), axis=1), axis=0)
    p = softmax(pairs_of(x @ x.T, triplets)[::-1] + rng.normal(size=(3, len(triplets))), axis=0)
    odd = (rng.random((people, len(triplets), 1)) > np.cumsum(p.T, axis=1)[:, :2]).sum(axis=2)
    odd[rng.random(odd.shape) > share] = -1
    odd[:2][odd[:2] < 0] = 0  # two answers or more to each
    return x, triplets, odd


def counts_of(odd):
    return (odd[:, :, None] == np.arange(3)).sum(axis=0)


def rows_of(triplets, odd):
    """The answers as rows, and who gave each."""
    person, which = np.nonzero(odd >= 0)
    return np.take_along_axis(triplets[which], LAST[odd[person, which]], 1), person


def values_of(x, triplets, counts):
    """(c,) by figure; of correlations the columns that they are of."""
    s = pairs_of(x @ x.T, triplets)[::-1]
    p, q = softmax(s, axis=0).T, counts / counts.sum(axis=1, keepdims=True)
    credit = np.eye(3)[s.argmax(axis=0)]
    majority = (q == q.max(axis=1, keepdims=True)) / (q == q.max(axis=1, keepdims=True)).sum(axis=1, keepdims=True)
    middle = (p + q) / 2
    return {
        "majority_share": q.max(axis=1), "accuracy": (q * credit).sum(axis=1),
        "majority_accuracy": (majority * credit).sum(axis=1), "model_entropy": scipy_entropy(p, axis=1),
        "human_entropy": scipy_entropy(np.sort(q, axis=1), axis=1), "kl": scipy_entropy(q, p, axis=1),
        "js_distance": np.sqrt((scipy_entropy(q, middle, axis=1) + scipy_entropy(p, middle, axis=1)) / 2),
    }, p, q


def weighted_pearson(a, b, w):
    w = w / w.sum()
    x, y = a - w @ a, b - w @ b
    return (w @ (x * y)) / math.sqrt((w @ (x * x)) * (w @ (y * y)))


def ranks(a, w):
    return np.array([w[a < value].sum() + w[a == value].sum() / 2 for value in a]) / w.sum()


def influence(x, triplets, counts, name):
    """By the weight of each triplet, numerically."""
    values, p, q = values_of(x, triplets, counts)
    if name in values:
        return values[name] - values[name].mean()

    def correlation(w):
        if name == "share_pearson":
            return weighted_pearson(p.ravel(), q.ravel(), np.repeat(w, 3))
        a, b = values["model_entropy"], values["human_entropy"]
        return weighted_pearson(a, b, w) if name == "entropy_pearson" else weighted_pearson(ranks(a, w), ranks(b, w), w)

    c, step = len(triplets), 1e-5
    return np.array([(correlation(1 + step * row) - correlation(1 - step * row)) / (2 * step) * c for row in np.eye(c)])


def over_objects(e, triplets):
    """The variance of the mean of residuals: all pairs of triplets with a common object, floored by single triplets."""
    c, sets = len(e), [set(row) for row in triplets.tolist()]
    pairs = [(a, b) for a, b in product(range(c), repeat=2) if sets[a] & sets[b]]
    total = sum(e[a] * e[b] for a, b in pairs)
    total += float(more_for_many_rows(e[:, None], np.ones(c), triplets, None, "objects")[0, 0])
    return max(total / (c * c - len(pairs)), e @ e / (c * c - c))


@pytest.mark.parametrize("name", [*MEANS, *CORRELATIONS])
@settings(max_examples=4)
@given(seed=seeds)
def test_errors_over_objects_are_those_of_a_loop_over_pairs_of_triplets(name, seed):
    x, triplets, odd = case(seed, n=20)
    counts = counts_of(odd)
    found = agreement(x, triplets, answers=counts, measure="dot", ci="objects").only
    ci, e = getattr(found, name).ci, influence(x, triplets, counts, name)
    assert ci.error == pytest.approx(math.sqrt(over_objects(e, triplets)), rel=1e-4)
    assert (ci.by, ci.method, ci.confidence) == ("objects", "corrected", 0.95)
    assert ci.low <= getattr(found, name) <= ci.high
    alone = agreement(x, triplets, answers=counts, measure="dot", ci="triplets").only
    assert getattr(alone, name).ci.error == pytest.approx(math.sqrt(e @ e / (len(e) ** 2 - len(e))), rel=1e-4)


def changes(x, triplets, odd, name):
    """(persons, c): what the value of each triplet loses without each person, centered in each triplet and scaled."""
    whole = counts_of(odd)
    values = values_of(x, triplets, whole)[0][name]
    found = np.full(odd.shape, np.nan)
    for person, which in zip(*np.nonzero(odd >= 0), strict=True):
        without = whole[which] - (np.arange(3) == odd[person, which])
        found[person, which] = values[which] - values_of(x, triplets[[which]], without[None])[0][name][0]
    m = (odd >= 0).sum(axis=0)
    return np.nan_to_num((found - np.nanmean(found, axis=0)) * np.sqrt((m - 1) / m))


@pytest.mark.parametrize("name", ["accuracy", "kl", "js_distance", "human_entropy", "majority_share"])
@settings(max_examples=2)
@given(seed=seeds)
def test_errors_over_people_are_those_of_leaving_each_out(name, seed):
    x, triplets, odd = case(seed, n=20)
    rows, people = rows_of(triplets, odd)
    each, c = changes(x, triplets, odd, name) / len(triplets), len(triplets)
    answers = (odd >= 0).sum(axis=1)
    scale = answers.sum() ** 2 / (answers.sum() ** 2 - answers @ answers)
    of_people = (each.sum(axis=1) ** 2).sum() * scale
    found = agreement(x, rows, subjects=people, measure="dot", ci="subjects").only
    assert getattr(found, name).ci.error == pytest.approx(math.sqrt(of_people), rel=1e-7, abs=1e-12)
    sets = [set(row) for row in triplets.tolist()]
    both = sum(row[a] * row[b] for row in each for a, b in product(range(c), repeat=2) if sets[a] & sets[b]) * scale
    objects = over_objects(influence(x, triplets, counts_of(odd), name), triplets)
    expected = math.sqrt(max(objects + of_people - both, objects, of_people))
    found = agreement(x, rows, subjects=people, measure="dot", ci="objects+subjects").only
    assert getattr(found, name).ci.error == pytest.approx(expected, rel=1e-7)
    assert agreement(x, rows, subjects=people, measure="dot").only == found  # auto, of six people


def test_correlations_change_without_people_by_their_influences():
    """Many answers, so that one person is a small step: the jackknife of the whole correlation is about the same."""
    x, triplets, odd = case(3, n=25, sets=150, people=40, share=0.9)
    rows, people = rows_of(triplets, odd)
    found = agreement(x, rows, subjects=people, measure="dot", ci="subjects").only
    for name in CORRELATIONS:
        values = []
        for person in range(40):
            kept = people != person
            values.append(getattr(agreement(x, rows[kept], measure="dot", ci=None).only, name))
        jackknife = math.sqrt(39 / 40 * ((np.array(values) - np.mean(values)) ** 2).sum())
        assert getattr(found, name).ci.error == pytest.approx(jackknife, rel=0.25)


def test_intervals_have_the_scale_of_their_figure():
    x, triplets, odd = case(5, n=40, sets=200)
    found = agreement(x, triplets, answers=counts_of(odd), measure="dot", ci="triplets").only
    plan, c = Resampling("triplets", "corrected"), len(triplets)
    expected = {
        "accuracy": proportion_interval(found.accuracy, found.accuracy.ci.error, c - 1, c, plan),
        "share_pearson": correlation_interval(found.share_pearson, found.share_pearson.ci.error, c - 1, plan),
        "kl": student_interval(found.kl, found.kl.ci.error, c - 1, plan),
    }
    for name, ci in expected.items():
        assert tuple(getattr(found, name).ci) == pytest.approx(tuple(ci))
    center = (math.atanh(found.share_pearson.ci.low) + math.atanh(found.share_pearson.ci.high)) / 2
    assert center == pytest.approx(math.atanh(found.share_pearson))
    wide = agreement(
        x, triplets, answers=counts_of(odd), measure="dot", ci=Resampling("triplets", confidence_level=0.99)
    )
    ratio = (wide.kl.ci.high - wide.kl.ci.low) / (found.kl.ci.high - found.kl.ci.low)
    assert ratio == pytest.approx(quantile(0.99, c - 1) / quantile(0.95, c - 1))


def test_each_range_of_agreement_has_the_interval_of_its_own_triplets():
    x, triplets, odd = case(7, n=40, sets=300, people=9)
    counts = counts_of(odd)
    found = agreement(x, triplets, answers=counts, measure="dot", ci="objects").only
    majority = counts.max(axis=1) / counts.sum(axis=1)
    known = [one for one in found.bins if one.accuracy.ci is not None]
    assert len(known) >= 4
    for one in known:
        inside = (majority > one.low - 1e-9) & ((majority < one.high - 1e-9) | (one.high == 1))
        alone = agreement(x, triplets[inside], answers=counts[inside], measure="dot", ci="objects").only
        for name in ("accuracy", "majority_accuracy", "majority_share"):
            assert getattr(one, name).ci.error == pytest.approx(getattr(alone, name).ci.error, rel=1e-9)
            assert tuple(getattr(one, name).ci) == pytest.approx(tuple(getattr(alone, name).ci), rel=1e-6)


def test_without_intervals_figures_are_the_same():
    x, triplets, odd = case(1, n=20)
    options = {"answers": counts_of(odd), "measure": "dot"}
    plain, found = agreement(x, triplets, ci=None, **options).only, agreement(x, triplets, **options).only
    for name in (*MEANS, *CORRELATIONS):
        assert getattr(plain, name) == getattr(found, name)
        assert getattr(plain, name).ci is None is not getattr(found, name).ci
    assert "interval" not in plain.table(verbose=True) and "interval" in found.table(verbose=True)


def test_of_too_few_objects_or_of_a_constant_model_there_are_no_intervals_and_documents_come_back(tmp_path):
    x, triplets, odd = case(2, n=6)
    few = agreement(x, triplets, answers=counts_of(odd), measure="dot")
    assert few.accuracy.ci is None and few.bins[-1].accuracy.ci is None
    assert any("below the minimum of 8" in note for note in few.notes)
    x, triplets, odd = case(2, n=20)
    same = agreement(np.ones((20, 3)), triplets, answers=counts_of(odd))
    assert math.isnan(same.share_pearson) and same.share_pearson.ci is None and same.kl.ci is not None
    for found in (few, same, agreement(x, triplets, answers=counts_of(odd), measure="dot")):
        (tmp_path / "a.json").write_text(found.to_json())
        read = load_result(tmp_path / "a.json").only
        assert read.kl.ci == found.only.kl.ci and read.bins == found.only.bins
        assert read.to_records() == found.only.to_records()
    document = json.loads(found.to_json())
    old = {name: value for name, value in document["results"][0].items() if not name.endswith("_ci")}
    (tmp_path / "old.json").write_text(json.dumps({**document, "results": [old]}))
    assert load_result(tmp_path / "old.json").kl.ci is None


def test_choices_without_probabilities_have_intervals_of_their_accuracies():
    x, triplets, odd = case(4, n=20)
    chosen = pairs_of(x @ x.T, triplets)[::-1].argmax(axis=0)
    counts = counts_of(odd)
    found = agreement(None, triplets, answers=counts, model_choices={"m": chosen}).only
    of_rows = agreement(x, triplets, answers=counts, measure="dot").only
    assert (found.accuracy.ci, found.majority_accuracy.ci) == (of_rows.accuracy.ci, of_rows.majority_accuracy.ci)
    assert found.kl is found.share_pearson.ci is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ci": "subjects"},
         "subjects must identify who answered each triplet for intervals over participants; got none"),
        ({"ci": Resampling("objects", "bootstrap")}, "ci_method must be corrected here; got 'bootstrap'"),
        ({"subjects": ["ann"] * 30},
         "subjects and answers must not both be given: counts do not say whose answer is whose"),
    ],
)
def test_intervals_that_there_are_not_are_refused(message_of, options, message):
    x, triplets, odd = case(4, n=20)
    options = {name: value[: len(triplets)] if name == "subjects" else value for name, value in options.items()}
    assert message_of(agreement, x, triplets, answers=counts_of(odd), **options) == message


def test_threads_and_backends_agree(backend, set_threads):
    x, triplets, odd = case(6, n=30, sets=400)
    rows, people = rows_of(triplets, odd)
    results = []
    for threads in (1, 3):
        set_threads(threads)
        results.append(agreement(x, rows, subjects=people, measure="dot", backend=backend).only)
    assert results[0] == results[1] and results[0].to_records() == results[1].to_records()  # with the intervals
    expected = agreement(x, rows, subjects=people, measure="dot", backend="numpy").only
    for name in (*MEANS, *CORRELATIONS):
        found, other = (getattr(one, name).ci for one in (results[0], expected))
        assert tuple(found) == pytest.approx(tuple(other), rel=1e-5)

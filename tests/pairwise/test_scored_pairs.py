"""Similarities of models with intervals over objects, and their differences: against deletions, halves and pairs."""

from __future__ import annotations

import json
from itertools import combinations

import numpy as np
import pytest

import pyalign
from pyalign import Resampling, load_result
from pyalign.ops.resample import permutation
from pyalign.pairwise import scored_pairs
from pyalign.pairwise._families import prepared
from pyalign.pairwise.rdms import REPRESENTATION_MEASURES, MatrixFamily, get_representation_measure
from pyalign.pairwise.scored_pairs import influences
from pyalign.stats.intervals import two_sided_p
from pyalign.stats.multiple import CORRECTIONS

N = 40
MATRICES = ("linear-cka", "debiased-cka", "lange-cka", "rbf-cka:sigma=3", "debiased-rbf-cka:sigma=3", "rsa-pearson",
            "rsa-spearman", "rsa-pearson:cosine")
HALVED = ("mutual-knn:4", "cknna:4", "procrustes", "cca", "svcca:2", "pwcca")


def models_of(seed=0, n=N):
    """Four models: one, two that share something with it, and one that has nothing to do with it."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 4))
    near, part = x + 0.7 * rng.normal(size=x.shape), x[:, :2] + 0.3 * rng.normal(size=(n, 2))
    return {"x": x, "near": near, "part": part, "other": rng.normal(size=(n, 5))}


def score(models, measure, first, second):
    """Of two models by themselves."""
    pair = {name: models[name] for name in (first, second)}
    return pyalign.cka(pair, measure=measure, n_permutations=0, ci=None)[0].matrix[0][1]


def without(models, row):
    return {name: np.delete(x, row, axis=0) for name, x in models.items()}


@pytest.mark.parametrize("measure", ["linear-cka", "debiased-cka", "rbf-cka:sigma=3", "debiased-rbf-cka:sigma=3"])
def test_sums_of_influences_are_those_of_scores_without_each_object(measure):
    """(m - (n - 1)) (score - score without the object), with the models prepared anew."""
    models, one = models_of(), get_representation_measure(measure)
    family = MatrixFamily(one, [x.shape for x in models.values()])
    family.by_features = False
    ready = prepared(family, models)
    items = np.stack(np.triu_indices(N, 1), axis=1).astype(np.int32)
    found = influences(one, ready["x"], ready["near"], items)
    m = len(items)
    sums = np.bincount(items[:, 0], found[:m], N) + np.bincount(items[:, 1], found[:m], N) + found[m:]
    whole = score(models, measure, "x", "near")
    expected = [(m - (N - 1)) * (whole - score(without(models, k), measure, "x", "near")) for k in range(N)]
    assert sums == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize("measure", MATRICES)
def test_errors_in_closed_form_are_near_those_of_the_jackknife(measure):
    """Which counts single pairs twice: of models that are related they are a small part."""
    models = models_of()
    found = pyalign.cka(models, measure=measure, n_permutations=0)[0]
    others = ("near", "part")
    left = np.array([[score(without(models, k), measure, "x", other) for other in others] for k in range(N)])
    left = np.column_stack([left, left[:, 0] - left[:, 1]])
    jackknife = np.sqrt((N - 1) / N * ((left - left.mean(axis=0)) ** 2).sum(axis=0))
    scores = {(one.first, one.second): one.standard_error for one in found.scores}
    difference = next(one for one in found.differences if (one.model, one.a, one.b) == ("x", "near", "part"))
    ours = [scores["x", "near"], scores["x", "part"], difference.standard_error]
    assert np.all(ours < jackknife * 1.001) and ours == pytest.approx(list(jackknife), rel=0.12)


@pytest.mark.parametrize("measure", HALVED)
def test_other_measures_have_the_errors_of_halves(measure):
    models = models_of()
    plan = Resampling("objects", "half-samples", 15, seed=3)
    found = pyalign.cka(models, measure=measure, n_permutations=0, ci=plan)[0]
    halves = [np.sort(permutation(N, k, seed=3)[: N // 2]) for k in range(15)]
    drawn = [{name: x[half] for name, x in models.items()} for half in halves]
    for one in found.scores:
        expected = np.std([score(half, measure, one.first, one.second) for half in drawn], ddof=1)
        assert one.standard_error == pytest.approx(expected) and one.ci.method == "half-samples"
        assert found.matrix[found.models.index(one.first)][found.models.index(one.second)] == one.similarity
    for one in found.differences:
        values = np.array([[score(half, measure, one.model, other) for other in (one.a, one.b)] for half in drawn])
        assert one.standard_error == pytest.approx(np.std(values[:, 0] - values[:, 1], ddof=1))


def test_half_samples_can_be_asked_for_of_all_measures_and_agree_with_the_closed_form():
    models = models_of(n=120)
    closed, halved = (pyalign.cka(models, n_permutations=0, ci=Resampling("objects", method))[0]
                      for method in ("corrected", "half-samples"))
    related = [pair for pair in zip(closed.scores, halved.scores, strict=True) if "other" not in pair[0].second]
    for one, other in related:
        assert other.standard_error == pytest.approx(one.standard_error, rel=0.25)


@pytest.mark.parametrize("measure", ["debiased-cka", "mutual-knn:4", "pwcca"])
def test_each_model_is_compared_with_every_two_others(measure):
    found = pyalign.cka(models_of(), measure=measure, n_permutations=0)[0]
    names = found.models
    expected = [(one, *pair) for one in names for pair in combinations([x for x in names if x != one], 2)]
    assert [(one.model, one.a, one.b) for one in found.differences] == expected
    for one in found.differences:
        at, a, b = (names.index(name) for name in (one.model, one.a, one.b))
        assert one.difference == pytest.approx(found.matrix[at][a] - found.matrix[at][b])
        assert one.ci.low <= one.difference <= one.ci.high
    if measure == "mutual-knn:4":  # objects less one as degrees of freedom
        one = found.differences[0]
        assert one.p_value == pytest.approx(two_sided_p(one.difference / one.standard_error, N - 1))


@pytest.mark.parametrize("measure", ["debiased-cka", "rsa-spearman", "mutual-knn:4"])
def test_two_models_that_are_the_same_do_not_differ(measure):
    models = {"x": models_of()["x"], "near": models_of()["near"], "again": 2.0 * models_of()["near"]}
    found = pyalign.cka(models, measure=measure, n_permutations=0)[0]
    same = next(one for one in found.differences if one.model == "x")
    assert (same.difference, same.p_value) == (pytest.approx(0.0, abs=1e-12), 1.0)


@pytest.mark.parametrize("correction", CORRECTIONS)
def test_p_values_are_corrected_over_all_pairs_and_measures(correction):
    found = pyalign.cka(models_of(), measure=["debiased-cka", "cknna:4"], n_permutations=99, correction=correction)
    single = [one.p_value[i][j] for one in found for i, j in one.pairs]
    adjusted = [one.p_adjusted[i][j] for one in found for i, j in one.pairs]
    assert adjusted == pytest.approx(CORRECTIONS[correction](single)) and len(single) == 6 + 12
    assert found[0].p_adjusted[0][0] is None and found[0].p_adjusted[0][1] == found[0].p_adjusted[1][0]
    tests = [one for each in found for one in each.differences]
    expected = CORRECTIONS[correction]([one.p_value for one in tests])
    assert [one.p_adjusted for one in tests] == pytest.approx(expected) and found.correction == correction


def test_too_few_permutations_for_so_many_pairs_have_a_note():
    told = "20 permutations let no p-value of 6 below alpha = 0.05 by Holm's correction: that takes at least 119"
    assert told in pyalign.cka(models_of(), n_permutations=20).notes
    assert told not in pyalign.cka(models_of(), n_permutations=20, correction="benjamini-hochberg").notes
    assert not any("Holm" in note for note in pyalign.cka(models_of(), n_permutations=119).notes)


def test_without_intervals_there_are_neither_scores_nor_differences():
    found = pyalign.cka(models_of(), n_permutations=19, ci=None)
    assert found[0].scores is None and found[0].differences is None and found.inference.over is None
    assert found[0].p_adjusted is not None and "interval" not in str(found)
    two = pyalign.cka({name: models_of()[name] for name in ("x", "near")}, n_permutations=0)[0]
    assert two.differences == () and two.interval(0, 1) == two.interval(1, 0) == two.scores[0].ci
    assert two.interval(0, 0) is None


def test_what_has_no_interval_is_said():
    rng = np.random.default_rng(0)
    wide = {"a": rng.normal(size=(40, 15)), "b": rng.normal(size=(40, 12))}
    found = pyalign.cka(wide, measure="cca", n_permutations=0)
    assert found[0].scores is None
    told = (
        "cca has no interval: in a half of the objects, 20, some canonical correlations are 1 whatever the models are"
    )
    assert told in found.notes
    found = pyalign.cka(wide, measure="mutual-knn:25", n_permutations=0)
    told = "mutual-knn:25 has no interval: in a half of the objects mutual-knn:25 needs more than 25 rows"
    assert any(note.startswith(told) for note in found.notes)
    four = {name: x[:4, :2] for name, x in wide.items()}
    found = pyalign.cka(four, n_permutations=0)
    assert found[0].scores is None and "similarities of 4 objects have no interval: it takes at least 5" in found.notes


def test_of_many_models_and_of_too_many_objects_less_is_computed(monkeypatch):
    monkeypatch.setattr(scored_pairs, "MOST_MODELS", 3)
    found = pyalign.cka(models_of(), n_permutations=0)
    assert found[0].differences == () and found[0].scores is not None
    assert any("differences of similarities are left out" in note for note in found.notes)
    monkeypatch.setattr(scored_pairs, "MOST", 10)
    found = pyalign.cka(models_of(), n_permutations=0, ci=Resampling("objects", n_resamples=20))
    assert found[0].scores[0].ci.method == "half-samples" and found.inference.resamples == 20


def test_results_travel_as_json_and_those_of_earlier_versions_load(tmp_path):
    found = pyalign.cka(models_of(), measure=["debiased-cka", "cknna:4"], n_permutations=19)
    path = tmp_path / "cka.json"
    path.write_text(found.to_json())
    assert load_result(path) == found
    document = json.loads(path.read_text())
    one = document["results"][0]
    assert one["scores"][0]["ci"] == list(found[0].scores[0].ci) and one["scores"][0]["standard_error"] > 0
    assert one["differences"][0].keys() >= {"model", "a", "b", "difference", "ci", "p_value", "p_adjusted"}
    for each in document["results"]:
        for name in ("scores", "differences", "p_adjusted"):
            del each[name]
    for name in ("ci_by", "resamples", "confidence", "correction"):
        document.pop(name, None)
    path.write_text(json.dumps(document))
    old = load_result(path)
    assert old[0].scores is None and old.correction is None and "p of each pair by itself" in " ".join(str(old).split())
    document["results"][0]["scores"] = json.loads(found.to_json())["results"][0]["scores"][:1]
    path.write_text(json.dumps(document))
    with pytest.raises(pyalign.InputError, match="'scores' must hold 6 values, one for each of 'pairs'; got 1"):
        load_result(path)


def test_the_view_says_which_model_is_more_alike():
    found = pyalign.cka(models_of(), measure=["debiased-cka", "mutual-knn:4"], n_permutations=99)
    text = found.table(width=80)
    assert max(map(len, text.splitlines())) <= 80
    assert "is a model more like one than like another?" in text and "x: near - part" in text
    words = " ".join(text.split())
    assert "intervals (closed form or 200 half-samples) over objects" in words
    assert "p (Holm) corrected for 12 pairs" in words and "p (Holm) corrected for 24 differences" in words
    assert "is a model more like one than like another?" in found.to_latex()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"ci": "subjects"}, "ci must be auto, objects or none here; got 'subjects'"),
        ({"ci": Resampling("objects", "bootstrap")}, "ci_method must be corrected or half-samples here"),
        ({"ci": Resampling("objects", "corrected"), "measure": "cca"}, "ci_method corrected applies to mea"),
        ({"correction": "bonferroni"}, "correction must be one of"),
        ({"ci": "objects", "batch_size": 10}, "ci applies only to models that are compared at once; got 'obj"),
    ],
)
def test_what_does_not_fit_is_refused(options, told, message_of):
    assert message_of(pyalign.cka, models_of(), **options).startswith(told)


def test_does_not_depend_on_the_number_of_threads(set_threads):
    found = set()
    for threads in (1, 2, 5):
        set_threads(threads)
        result = pyalign.cka(models_of(), measure=["debiased-cka", "rsa-spearman", "procrustes"], n_permutations=9)
        found.add(json.dumps(result.to_dict()["results"]))
    assert len(found) == 1


def test_every_measure_has_intervals_or_a_note():
    for measure in REPRESENTATION_MEASURES:
        found = pyalign.cka(models_of(), measure=measure, n_permutations=0)
        assert found[0].scores is not None or any("has no interval" in note for note in found.notes)


def test_errors_of_layers_of_alexnet_on_the_92_objects(data):
    features = np.load(data / "objects92" / "alexnet_fc_92.npz")
    found = pyalign.cka({name: features[name] for name in ("fc6", "fc7", "fc8")}, n_permutations=0)[0]
    figures = [(one.similarity, one.standard_error) for one in found.scores]
    expected = [(0.92410, 0.01165), (0.61141, 0.02683), (0.69577, 0.01586)]
    assert np.array(figures) == pytest.approx(np.array(expected), abs=1e-5)
    last = found.differences[-1]
    assert (last.model, last.a, last.b) == ("fc8", "fc6", "fc7") and last.difference == pytest.approx(
        -0.08436, abs=1e-5
    )
    assert last.p_value == pytest.approx(0.00086, abs=1e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_model_in_other_coordinates_does_not_differ_from_itself(dtype):
    """Their similarities differ by rounding alone, with an error of 0."""
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(2, 40, 6))
    turned = x @ np.linalg.qr(rng.normal(size=(6, 6)))[0]
    models = {"x": x.astype(dtype), "turned": turned.astype(dtype), "y": y.astype(dtype)}
    (found,) = (one for one in pyalign.cka(models, n_permutations=0)[0].differences if one.model == "y")
    assert found.difference == pytest.approx(0, abs=1e-6) and (found.p_value, found.p_adjusted) == (1.0, 1.0)
    human = x @ x.T + y @ y.T
    pair = pyalign.rsa(models, human, kind="similarity", measure="dot", correlation="pearson").pairs[0]
    assert (pair.a, pair.b, pair.p_value) == ("x", "turned", 1.0)

"""Pictures of models: accuracy, ceilings, before and after, reliability, RSA. Numbers are those of the documents."""

from __future__ import annotations

import copy
import json
import sys

import numpy as np
import pytest
from support import draw_triplets

import pyalign
from pyalign.report.charts import as_results, chart, default_chart, kind_of
from pyalign.report.charts.theme import rows_of

pytest.importorskip("altair", reason="altair is not installed")

ITEMS = 30


@pytest.fixture(scope="module")
def answered():
    rng = np.random.default_rng(0)
    people = rng.normal(size=(ITEMS, 4))
    triplets = draw_triplets(3, ITEMS, 900)
    distance = ((people[:, None] - people) ** 2).sum(axis=2)
    order = [sorted(row, key=lambda k, row=row: -sum(distance[k, other] for other in row)) for row in triplets.tolist()]
    return people, np.array([(b, c, a) for a, b, c in order])


@pytest.fixture(scope="module")
def embeddings(answered):
    noise = np.random.default_rng(1).normal(size=(3, ITEMS, 4))
    return {name: answered[0] + k * noise[k] for k, name in enumerate(("near", "far", "<b>&"))}


@pytest.fixture(scope="module")
def scores(answered, embeddings):
    return pyalign.score(embeddings, answered[1], measure=["cosine", "dot"], ci="objects", ceiling=0.9,
                         groups=np.array(["easy", "hard"])[np.arange(900) % 2])


@pytest.fixture(scope="module")
def probe(answered, embeddings):
    return pyalign.cross_validate_probe(
        pyalign.Embeddings(embeddings["far"], source="far"), answered[1], penalties=0.1, repeats=2
    )


@pytest.fixture(scope="module")
def calibrations(answered, embeddings):
    return pyalign.calibrate({name: embeddings[name] for name in ("near", "far")}, _noisy(answered[1]), bins=5)


def _noisy(triplets):
    """People who err now and then, so that a temperature fits them."""
    turned = triplets.copy()
    turned[::5] = turned[::5, [2, 1, 0]]
    return turned


@pytest.fixture(scope="module")
def correlations(answered, embeddings):
    noise = np.random.default_rng(2).normal(size=(5, ITEMS, 4))
    people = np.stack([((x[:, None] - x) ** 2).sum(axis=2) for x in answered[0] + noise])
    return pyalign.rsa(embeddings, people, kind="dissimilarity", correlation=["spearman", "pearson"], ci="objects")


def spoken(drawn):
    title = drawn.to_dict()["title"]
    return " ".join([*title["text"], *title["subtitle"]])


def points(drawn):
    """(item, model) -> value, low, high of the points of rows."""
    rows = [row for row in rows_of(drawn) if "low" in row and "value" in row]
    return {(row["item"], row["model"]): (row["value"], row["low"], row["high"]) for row in rows}


def lines(drawn):
    rows = [row for rows in drawn.to_dict()["datasets"].values() for row in rows]
    return {row["name"]: row["value"] for row in rows if set(row) == {"name", "value"}}


# Accuracy


def test_accuracy_shows_the_numbers_of_the_document(scores):
    document = scores.to_dict()
    assert points(chart(scores)) == {
        (row["embeddings"], row["measure"]): (row["accuracy"], *row["ci"]) for row in document["results"]
    }
    assert lines(chart(scores)) == {"chance 33.3%": pytest.approx(1 / 3), "ceiling 90.0% (given)": 0.9}
    assert "Over 900 triplets. Bars: 95% intervals over objects." in spoken(chart(scores))


def test_accuracy_is_sorted_by_the_first_measure(scores):
    y = chart(scores).to_dict()["layer"][-1]["encoding"]["y"]["sort"]
    by = {row.embeddings: row.accuracy for row in scores.results if row.measure == "cosine"}
    assert y == sorted(by, key=lambda name: -by[name])


def test_groups_are_rows_and_models_colors(scores):
    document = scores.to_dict()
    assert points(chart(scores, by="groups")) == {
        (group["group"], f"{row['embeddings']}, {row['measure']}"): (group["accuracy"], *group["ci"])
        for row in document["results"] for group in row["groups"]
    }


def test_a_comparison_and_the_ceiling_of_people_stand_in_one_picture(answered, embeddings):
    compared = pyalign.compare(embeddings, answered[1], ci="objects")
    repeated = np.tile(_noisy(answered[1])[:100], (8, 1))
    repeated[::7] = repeated[::7, [2, 0, 1]]
    ceiling = pyalign.noise_ceiling(repeated)
    drawn = chart([compared, ceiling])
    assert points(drawn) == {(m.model, "accuracy"): (m.accuracy, *m.ci) for m in compared.models}
    held = ceiling.ceilings
    assert lines(drawn)[f"ceiling {100 * held.estimate.value:.1f}%"] == held.estimate.value
    bands = [(row["low"], row["high"]) for row in rows_of(drawn) if "value" not in row]
    assert bands == [(held.lower.value, held.upper.value)]
    alone = chart(ceiling)
    assert {value for value, _, _ in points(alone).values()} == {
        getattr(held, name).value for name in ("upper", "lower", "estimate")
    }


def test_several_documents_make_one_picture(answered, embeddings):
    apart = [pyalign.score({name: x}, answered[1], ci="objects") for name, x in embeddings.items()]
    together = pyalign.score(embeddings, answered[1], ci="objects")
    assert points(chart(apart)) == points(chart(together)) and len(points(chart(apart))) == 3
    assert kind_of(as_results(apart)) == "accuracy"


def test_the_same_model_twice_is_two_rows(scores):
    document = scores.to_dict()
    names = {item for item, _ in points(chart([document, document]))}
    assert names == {"near", "near (2)", "far", "far (2)", "<b>&", "<b>& (2)"}


def test_of_three_hundred_models_the_best_are_shown_and_the_picture_says_so(scores):
    document = scores.to_dict()
    rows = [
        {**copy.deepcopy(document["results"][0]), "embeddings": f"m/{k}.npy", "accuracy": k / 300} for k in range(300)
    ]
    drawn = chart({**document, "results": rows})
    shown = points(drawn)
    assert len(shown) == 60 and min(value for value, _, _ in shown.values()) == 240 / 300
    assert "The first 60 of 300 models. Of all: median 49.8%, from 0.0 to 99.7%." in spoken(drawn)
    assert len(points(chart({**document, "results": rows}, limit=300))) == 300
    assert len(str(drawn.to_dict())) < 100_000


def test_what_has_no_accuracy_or_no_groups_is_one_line(answered, embeddings, message_of):
    none = pyalign.score(embeddings["near"], pyalign.Triplets(answered[1], answered=False))
    assert "needs a model with an accuracy" in message_of(chart, none)
    plain = pyalign.score(embeddings, answered[1], ci=None)
    assert "needs a result with groups" in message_of(chart, plain, by="groups")
    assert {(low, high) for _, low, high in points(chart(plain)).values()} == {(None, None)}


# Before and after


def test_a_probe_is_shown_before_and_after_with_its_folds(probe):
    document = probe.to_dict()
    mean, first, second = "mean of the folds", "zero-shot", "probed, held out"
    shown = points(chart(probe))
    assert shown[mean, first] == (document["zero_shot_accuracy"], *document["zero_shot_interval"])
    assert shown[mean, second] == (document["accuracy"], *document["accuracy_interval"])
    assert shown[mean, f"{second} - {first}"] == (document["difference"], *document["difference_interval"])
    for k, fold in enumerate(document["folds"]):
        assert shown[f"fold {k + 1}", first][0] == fold["zero_shot_accuracy"]
        assert shown[f"fold {k + 1}", second][0] == fold["accuracy"]
    assert len(shown) == 3 * 7
    tests = sum(fold["n_test"] for fold in document["folds"]) // 2
    assert f"{tests:,} triplets of held-out objects, in 6 folds; none chose anything." in spoken(chart(probe))


def test_a_probe_of_an_older_document_shows_what_is_missing(probe):
    document = probe.to_dict()
    for name in ("zero_shot_interval", "difference_interval", "difference"):
        del document[name]
    shown = points(chart(document))
    assert shown["mean of the folds", "zero-shot"] == (document["zero_shot_accuracy"], None, None)
    assert {model for _, model in shown} == {"zero-shot", "probed, held out"}
    assert "Hollow: the result has no interval of it." in spoken(chart(document))


def test_several_probes_are_a_row_each(probe):
    other = {**probe.to_dict(), "embeddings": "other.npy"}
    assert {item for item, _ in points(chart([probe, other]))} == {"far", "other"}


def test_scores_with_and_without_a_transform_are_joined(answered, embeddings, message_of):
    turn = pyalign.Transform(np.diag([2.0, 1.0, 1.0, 1.0]), None, 0.0, 1.0)
    plain = pyalign.score(embeddings, answered[1], ci="objects")
    turned = pyalign.score(embeddings, answered[1], ci="objects", transform=turn).to_dict()
    for row in turned["results"]:
        row["transform"] = "turn.npz"
    shown = points(chart([plain, turned], "before-after"))
    expected = {(row.embeddings, "as they came"): (row.accuracy, *row.ci) for row in plain.results}
    expected |= {(row["embeddings"], "transformed"): (row["accuracy"], *row["ci"]) for row in turned["results"]}
    assert shown == expected
    assert "with a transform and without" in message_of(chart, plain, "before-after")


# Reliability


@pytest.mark.parametrize("by", ["equal-mass", "equal-width"])
def test_reliability_shows_the_bins_of_the_document(calibrations, by):
    shown = [(r["model"], r["confidence"], r["accuracy"], r["n"]) for r in rows_of(chart(calibrations, by=by))]
    expected = []
    for row in calibrations.to_dict()["results"]:
        held = row[by.replace("-", "_")]
        columns = zip(held["confidence"], held["accuracy"], held["count"], strict=True)
        expected += [(row["embeddings"], *column) for column in columns if column[2]]
    assert shown == expected and len(expected) > 5
    first = calibrations[0]
    assert f"{first.test.n_answers:,} answers about held-out objects" in spoken(chart(calibrations, by=by))


def test_other_bins_are_refused(calibrations, message_of):
    assert "by must be one of equal-mass, equal-width" in message_of(chart, calibrations, by="dimensions")


# RSA


def test_rsa_shows_both_quantities_their_ceiling_and_each_person(correlations):
    document = correlations.to_dict()
    drawn = chart(correlations)
    rows = rows_of(drawn)
    found = {(r["item"], r["model"], r["value"], r["low"], r["high"]) for r in rows if "low" in r and "value" in r}
    expected = set()
    for row in document["results"]:
        name = row["embeddings"], row["correlation"]
        expected.add((*name, row["value"], *row["ci"]))
        expected.add((*name, row["per_person"]["mean"], *row["per_person"]["ci"]))
    assert found == expected
    people = {(r["item"], r["model"], r["value"]) for r in rows if "of" in r}
    assert people == {
        (row["embeddings"], row["correlation"], value)
        for row in document["results"] for value in row["per_person"]["values"]
    }
    bands = {(r["item"], r["model"], r["low"], r["high"]) for r in rows if "value" not in r}
    assert bands == {
        (row["embeddings"], row["correlation"], row["ceiling"]["lower"], row["ceiling"]["upper"])
        for row in document["results"]
    }
    assert "30 objects, 435 pairs, 5 participants. Bars: 95% intervals over objects." in spoken(drawn)


def test_the_ceiling_of_one_correlation_is_one_band_with_its_name(correlations):
    document = correlations.to_dict()
    document["results"] = [row for row in document["results"] if row["correlation"] == "spearman"]
    bands = [row for row in rows_of(chart(document)) if "value" not in row]
    ceiling = document["results"][0]["ceiling"]
    assert [(row["low"], row["high"], row["name"]) for row in bands] == [
        (ceiling["lower"], ceiling["upper"], "noise ceiling")
    ]


# Kinds, and what is refused


def test_each_document_is_drawn_as_what_it_says_most_of(scores, probe, calibrations, correlations):
    given = {"accuracy": scores, "before-after": probe, "reliability": calibrations, "rsa": correlations}
    assert {kind: default_chart(one) for kind, one in given.items()} == {kind: kind for kind in given}
    for kind, one in given.items():
        assert one.plot(width="single").to_dict() == pyalign.plot(one, kind, width="single").to_dict()


def test_a_result_without_a_picture_says_so(answered, embeddings, message_of):
    found = pyalign.permutation_test(embeddings["near"], answered[1], n_permutations=9)
    assert "there is no picture of a result of 'permutation'" in message_of(found.plot)


def test_without_altair_the_error_says_what_to_install(scores, monkeypatch):
    monkeypatch.setitem(sys.modules, "altair", None)
    with pytest.raises(pyalign.MissingExtraError, match=r": pip install '?altair\b"):
        scores.plot()


def test_results_of_two_kinds_in_one_picture_are_one_line(scores, probe, message_of):
    assert "no picture of kind 'accuracy' in a result of 'probe'" in message_of(chart, [scores, probe], "accuracy")
    assert "an empty list" in message_of(chart, [])


READ = {
    "accuracy": ("results", "accuracy", "ci", "intervals", "ceiling", "chance"),
    "before-after": ("folds", "chance", "accuracy_interval", "zero_shot_accuracy"),
    "reliability": ("test", "temperature", "equal_mass", "measure"),
    "rsa": ("ci", "per_person", "ceiling", "intervals", "value"),
}


@pytest.mark.parametrize("value", ["x", None], ids=repr)
@pytest.mark.parametrize("kind", list(READ))
def test_a_damaged_document_is_a_picture_or_one_line(scores, probe, calibrations, correlations, kind, value):
    given = {"accuracy": scores, "before-after": probe, "reliability": calibrations, "rsa": correlations}[kind]
    document = given.to_dict()
    rows = document.get("results") or document["folds"]
    for place, name in [(place, name) for place in (document, rows[0]) for name in READ[kind] if name in place]:
        kept, place[name] = place[name], value
        try:
            chart(document)
        except pyalign.InputError as error:
            assert "\n" not in str(error)
        place[name] = kept


def test_a_drawing_function_that_is_broken_shows_itself(scores, monkeypatch, tmp_path):
    import pyalign.report.charts.models as module

    def broken(results, *, style="light", width="double", sort="value", limit=None, by=None):
        return results[0].resluts

    monkeypatch.setattr(module, "accuracy_chart", broken)
    (tmp_path / "scores.json").write_text(scores.to_json())
    for given in (scores, tmp_path / "scores.json"):
        with pytest.raises(AttributeError, match="resluts"):
            chart(given)
        with pytest.raises(AttributeError, match="resluts"):
            pyalign.plot(given)


def test_an_unknown_option_is_named_with_those_that_there_are(scores, correlations, message_of):
    spoken = message_of(chart, correlations, by="x")
    assert spoken == "an option of a picture of kind 'rsa' must be one of style, width, sort, limit, labels; got 'by'"
    assert message_of(chart, scores, sorted="name").endswith("got 'sorted'; did you mean 'sort'?")
    for draw in (pyalign.plot, type(scores).plot):
        spoken = message_of(draw, scores, widht="single")
        assert spoken.startswith("an option of plot must be one of result, chart, out, images, ")
        assert spoken.endswith("; got 'widht'; did you mean 'width'?")


def test_bins_without_their_edges_are_one_line(calibrations, message_of):
    damaged = calibrations.to_dict()
    damaged["results"][0]["equal_mass"]["edges"] = [1.0]
    assert message_of(chart, damaged).endswith(" numbers, around the bins; got [1.0]")


def strictly(drawn):
    """A specification as JSON, which has no form for what is no number."""
    return json.dumps(drawn.to_dict(), allow_nan=False)


def test_what_is_no_number_is_missing_in_the_picture(probe, calibrations, correlations):
    damaged = probe.to_dict()
    damaged["folds"][1]["zero_shot_accuracy"] = None
    assert points(chart(damaged))["fold 2", "zero-shot"] == (None, None, None)
    damaged = correlations.to_dict()
    row = damaged["results"][0]
    row["value"] = row["per_person"]["mean"] = row["ceiling"]["lower"] = None
    drawn = chart(damaged)
    assert strictly(drawn) and (None, None, None) not in points(chart(correlations)).values()
    assert {(item, model) for (item, model), (value, *_) in points(drawn).items() if value is None} == {
        (row["embeddings"], row["correlation"])
    }
    damaged = calibrations.to_dict()
    damaged["results"][0]["ece_equal_mass_before"] = None
    assert strictly(chart(damaged))


def test_a_matrix_without_its_level_or_its_figure_is_drawn(embeddings):
    names = list(embeddings)[:2]
    similar = pyalign.cka({name: embeddings[name] for name in names}, n_permutations=19).to_dict()
    assert "datum.p_adjusted > 0.05" in strictly(chart(similar))
    assert "datum.p_adjusted >" not in strictly(chart({**similar, "alpha": None}))
    before = {
        **similar,
        "results": [{key: one[key] for key in one if key != "p_adjusted"} for one in similar["results"]],
    }
    assert "datum.p_value > 0.05" in strictly(chart(before)) and "not corrected" in strictly(chart(before))
    one, other = (np.asarray(embeddings[name]) for name in names)
    layers = pyalign.layer_similarity({"a": one, "b": other}, {"c": other}, n_permutations=19).to_dict()
    for name in ("value", "calibrated"):
        assert strictly(chart({**layers, name: None}))


def test_a_ceiling_without_the_chance_that_nothing_reads_back_is_drawn(answered):
    document = pyalign.noise_ceiling(np.concatenate([answered[1]] * 3)).to_dict()
    whole = chart(document).to_dict()
    del document["chance"]
    assert chart(document).to_dict() == whole

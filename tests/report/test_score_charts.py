"""Two scores of each model against each other: the numbers, what is comparable, and names that cover nothing."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from support import read_back

import pyalign
from pyalign._result import read_result
from pyalign.report.blocks import Figure
from pyalign.report.charts import chart
from pyalign.report.charts.theme import DOT, placed
from pyalign.report.page.sections.comparisons import metadata
from pyalign.report.page.sources import Loaded, Sources

from .test_model_charts import spoken

pytest.importorskip("altair", reason="altair is not installed")

N, MODELS = 30, 8
FAMILIES = {f"zoo/m{k}.npy": {"family": f"family {k // 2}"} for k in range(MODELS)}


@pytest.fixture(scope="module")
def models(answered):
    rng = np.random.default_rng(2)
    return {f"zoo/m{k}.npy": answered[0] + 0.4 * k * rng.normal(size=(N, 5)) for k in range(MODELS)}


@pytest.fixture(scope="module")
def results(answered, models):
    """By cosine, by dot of models by other names, and RSA."""
    human, answers = answered
    renamed = {name.replace("zoo", "old"): x for name, x in models.items()}
    return (replace(pyalign.compare(models, answers), triplets="t.npy"),
            replace(pyalign.compare(renamed, answers[:300], measure="dot"), triplets="other.npy"),
            pyalign.rsa(models, 1 - np.corrcoef(human), kind="dissimilarity"))


@pytest.fixture(scope="module")
def found(results):
    return pyalign.regress_metadata(results[0], FAMILIES, others=results[1:])


def spec_rows(drawn, *fields):
    rows = [row for rows in drawn.to_dict(validate=False)["datasets"].values() for row in rows]
    return [row for row in rows if all(field in row for field in fields)]


def test_scores_of_other_results_are_columns_with_their_intervals(results, found):
    compared, dot, rsa = results
    assert [score.column for score in found.others] == ["accuracy, dot", "RSA, pearson, spearman"]
    for point, first, second, third in zip(found.points, compared.models, dot.models, rsa.results, strict=True):
        assert (point.model, point.accuracy, point.ci) == (first.model, first.accuracy, first.ci)
        assert [(score.value, score.ci) for score in point.scores] == [
            (second.accuracy, second.ci), (third.value, third.ci)
        ]
    assert read_result(json.loads(found.to_json()), "scores.json") == found


def test_the_rank_correlation_has_its_interval_over_families_only(results, found):
    row = next(row for row in found.results if row.column == "accuracy, dot")
    table = {name: {**about, "dot": model.accuracy} for (name, about), model in
             zip(FAMILIES.items(), results[1].models, strict=True)}
    same = next(row for row in pyalign.regress_metadata(results[0], table).results if row.column == "dot")
    assert (row.rank_correlation, row.rank_models_ci) == (same.rank_correlation, same.rank_models_ci)
    assert row.rank_models_ci is not None and row.rank_models_ci.by == "families"
    assert (row.ci, row.rank_ci, row.line.low) == (None, None, None)


def test_points_have_two_intervals_and_a_line_of_equal_accuracies(found):
    drawn = chart(found, by="accuracy, dot")
    rows = {row["model"]: row for row in spec_rows(drawn, "model", "family")}
    for k, point in enumerate(found.points):
        row, score = rows[f"m{k}"], point.scores[0]
        assert (row["accuracy"], row["low"], row["high"]) == (point.accuracy, *point.ci)
        assert (row["value"], row["value_low"], row["value_high"]) == (score.value, *score.ci)
    equal = [row for row in spec_rows(drawn, "value", "accuracy") if "model" not in row]
    assert len(equal) == 2 and all(row["value"] == row["accuracy"] for row in equal)
    assert "Dashed: equal accuracies." in spoken(drawn)
    assert "accuracy, dot is over 300 triplets of other.npy." in spoken(drawn)
    assert "over other families like these" in spoken(drawn)


def test_scores_that_span_a_factor_of_100_have_no_logarithm_for_their_intervals_may_hold_0(results):
    rows = [replace(row, value=0.2 if k else 0.001, ci=replace(row.ci, low=-0.1)) for k, row in
            enumerate(results[2].results)]
    found = pyalign.regress_metadata(results[0], FAMILIES, others=(replace(results[2], results=tuple(rows)),))
    (score,) = found.others
    assert [row.scale for row in found.results if row.column == score.column] == ["linear"]
    drawn = spec_rows(chart(found, by=score.column), "value_low")
    assert {row["value_low"] for row in drawn} == {-0.1}


def test_a_correlation_and_an_accuracy_have_no_line_of_equals(found):
    drawn = chart(found, by="RSA, pearson, spearman", width="single")
    assert not [row for row in spec_rows(drawn, "value", "accuracy") if "model" not in row]
    assert "RSA, pearson, spearman is over 435 pairs." in spoken(drawn) and "Dashed" not in spoken(drawn)


def test_accuracies_of_another_chance_have_no_line_of_equals(results, answered, models):
    anchored = pyalign.compare(models, pyalign.Triplets(answered[1], task="anchored"))
    found = pyalign.regress_metadata(results[0], others=anchored)
    assert "Dashed" not in spoken(chart(found)) and found.models_by == "models"


def test_probes_of_the_same_triplets_are_one_column_of_others_none(results, answered, models, message_of):
    names = [*models][:3]
    probes = [replace(pyalign.cross_validate_probe(models[name], answered[1], repeats=1, penalties=1.0, folds=2),
                      embeddings=name, triplets="t.npy") for name in names]
    found = pyalign.regress_metadata(results[0], others=probes)
    assert [score.column for score in found.others] == ["probed accuracy"]
    assert [point.values["probed accuracy"] for point in found.points] == [probe.accuracy for probe in probes]
    assert "probed accuracy has no score of 5 of 8 models" in found.notes
    probes[1] = replace(probes[1], triplets="cifar.npy")
    spoken = message_of(pyalign.regress_metadata, results[0], others=probes)
    assert spoken == "others must be probes on the same triplets to be one column; got t.npy and cifar.npy"


def test_what_has_no_score_of_these_models_is_one_line(results, models, message_of):
    regress, first = pyalign.regress_metadata, results[0]
    similarities = pyalign.cka(models, n_permutations=None)
    assert message_of(regress, first, others=[similarities]).endswith("others[0] is of cka")
    strangers = pyalign.score({"x": np.eye(3)}, [[0, 1, 2]], measure="dot", ci=None)
    assert "others must have scores of some of these models" in message_of(regress, first, others=strangers)
    assert "metadata or others must be given" in message_of(regress, first)
    taken = {name: {"accuracy, dot": 1.0} for name in models}
    assert "got 'accuracy, dot' in both" in message_of(regress, first, taken, others=results[1])
    both = replace(results[2], results=results[2].results * 2)
    assert "must have one RSA, pearson, spearman of each model" in message_of(regress, first, others=both)


def test_two_documents_with_the_same_score_say_over_what_they_are(results):
    found = pyalign.regress_metadata(results[0], others=[results[1], replace(results[1], triplets="cifar.npy")])
    assert [score.column for score in found.others] == ["accuracy, dot", "accuracy, dot on cifar.npy"]


def test_names_of_120_models_cover_no_name_and_no_point():
    rng = np.random.default_rng(5)
    at = rng.uniform((0, 0), (430, 190), size=(120, 2))
    at[:40] = np.array([200, 90]) + rng.normal(size=(40, 2))  # a crowd
    names = [f"model number {k}" for k in range(120)]
    labels = placed(at, names, (430, 190), 60)
    assert len(labels) > 15 and len({label.place for label in labels}) == len(labels)
    boxes = [(one.x, one.y - one.height / 2, one.x + one.width, one.y + one.height / 2) for one in labels]
    for k, (left, top, right, bottom) in enumerate(boxes):
        assert left >= 0 and top >= 0 and right <= 430 and bottom <= 190
        for other in boxes[:k]:
            assert left >= other[2] or other[0] >= right or top >= other[3] or other[1] >= bottom
        for place, (x, y) in enumerate(at):
            if place != labels[k].place:
                assert x + DOT <= left or x - DOT >= right or y + DOT <= top or y - DOT >= bottom


def test_a_name_is_over_a_bar_only_where_it_has_no_other_place():
    at, frame = np.array([[40.0, 40.0]]), (120.0, 80.0)
    across = np.array([[20.0, 40.0, 80.0, 40.0]])
    (plain,), (moved,) = placed(at, ["name"], frame, 1), placed(at, ["name"], frame, 1, across)
    assert plain.y == 40.0 and abs(moved.y - 40.0) > moved.height / 2
    (held,) = placed(at, ["name"], frame, 1, np.array([[0.0, 0.0, 120.0, 80.0]]))
    assert held == plain


def test_a_page_shows_the_scores_with_their_intervals(found):
    section = metadata(Sources((Loaded("scores.json", found),)))
    figure = next(part for part in section.parts if isinstance(part, Figure) and "dot" in part.name)
    column = next(column for column in figure.data.columns if column.header == "accuracy, dot")
    assert column.form == "percent" and column.values == tuple(point.scores[0].value for point in found.points)
    assert column.low == tuple(point.scores[0].ci.low for point in found.points)
    assert "Rank correlation" in figure.summary


def test_a_perfect_order_of_enough_models_is_no_matter_of_too_few(results):
    same = pyalign.regress_metadata(results[0], others=[results[0]])
    section = metadata(Sources((Loaded("scores.json", same),)))
    summary = next(part for part in section.parts if isinstance(part, Figure)).summary
    for text in (summary, spoken(chart([results[0], results[0]], "scores"))):
        assert "not for a perfect order" in text and "too few" not in text.partition("Rank correlation")[2]


def test_an_imperfect_order_of_three_models_has_no_interval_since_they_are_too_few(answered, models):
    first, second, third = list(models)[:3]
    swapped = {first: models[second], second: models[first], third: models[third]}
    some, other = (pyalign.compare({name: of[name] for name in swapped}, answered[1]) for of in (models, swapped))
    text = spoken(chart([some, other], "scores"))
    assert "Rank correlation 0.500 (no interval over models: too few models)." in text


def test_a_correlation_is_set_against_accuracies_and_metadata(results, tmp_path):
    compared, dot, rsa = results
    found = pyalign.regress_metadata(rsa, FAMILIES, others=[compared, dot])
    assert (found.score_name, found.is_share, found.score.n) == ("RSA, pearson, spearman", False, 435)
    for point, row, model in zip(found.points, rsa.results, compared.models, strict=True):
        assert (point.accuracy, point.ci) == (row.value, row.ci)
        assert (point.scores[0].value, point.scores[0].ci) == (model.accuracy, model.ci)
    turned = pyalign.regress_metadata(compared, FAMILIES, others=rsa).results[0]
    assert found.results[0].rank_correlation == turned.rank_correlation
    assert read_back(found, tmp_path) == found
    drawn = chart(found, by="accuracy, cosine")
    assert drawn.to_dict()["title"]["text"] == ["RSA, pearson, spearman against accuracy, cosine"]
    assert "on 435 pairs" in spoken(drawn) and "is over 600 triplets of t.npy" in spoken(drawn)
    assert "Dashed" not in spoken(drawn)
    text = str(found)
    assert "RSA, pearson, spearman against" in text and "units of RSA, pearson, spearman" in text
    again = pyalign.regress_metadata(rsa, others=replace(rsa, human="other people"))
    assert "Dashed: equal correlations." in spoken(chart(again))


def test_two_documents_are_one_picture_without_a_command_between(results, tmp_path, message_of):
    paths = [tmp_path / f"{k}.json" for k in range(3)]
    for path, result in zip(paths, results, strict=True):
        path.write_text(result.to_json())
    compared, dot, rsa = map(str, paths)
    drawn = pyalign.plot([rsa, compared], csv=tmp_path / "points.csv")  # of two kinds
    rows = {row["model"]: row for row in spec_rows(drawn, "model", "family")}
    assert rows["m3"]["accuracy"] == results[2][3].value and rows["m3"]["value"] == results[0].models[3].accuracy
    assert len((tmp_path / "points.csv").read_text().splitlines()) == 1 + MODELS
    drawn = pyalign.plot([compared, dot, rsa], "scores", by="RSA, pearson, spearman")
    assert spec_rows(drawn, "model", "family")[0]["value"] == results[2][0].value
    two = pyalign.plot([compared, dot]).to_dict()["title"]["text"]  # of one kind: the accuracies of both
    assert "against" not in " ".join(two)
    assert "needs two results or more" in message_of(pyalign.plot, compared, "scores")
    assert "by must be one of the other scores, accuracy, dot; got 'dot'" in message_of(
        pyalign.plot, [compared, dot], "scores", by="dot"
    )
    strangers = pyalign.score({"x": np.eye(3)}, [[0, 1, 2]], measure="dot", ci=None)
    assert "others must have scores of some of these models" in message_of(pyalign.plot, [rsa, strangers], "scores")


def test_probes_at_the_beginning_are_one_score(results, answered, models):
    probes = [replace(pyalign.cross_validate_probe(x, answered[1], repeats=1, penalties=1.0, folds=2), embeddings=name,
                      triplets="t.npy") for name, x in [*models.items()][:3]]
    drawn = chart([*probes, results[0]], "scores")
    assert drawn.to_dict()["title"]["text"] == ["Probed accuracy against accuracy, cosine"]
    assert [row["accuracy"] for row in spec_rows(drawn, "model", "family")] == [probe.accuracy for probe in probes]
    assert "Dashed: equal accuracies." in spoken(drawn)


def test_several_scores_of_a_model_are_no_axis(models, answered, message_of):
    two = pyalign.rsa(
        models, 1 - np.corrcoef(answered[0]), kind="dissimilarity", measure=["pearson", "cosine"], ci=None
    )
    assert "choose one measure and correlation" in message_of(pyalign.regress_metadata, two, FAMILIES)
    assert "which have a score of each model; got cka" in message_of(
        pyalign.regress_metadata, pyalign.cka(models, n_permutations=None), FAMILIES
    )

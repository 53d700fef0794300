"""Models are ranked with those alone that were asked the same triplets; captions say over what each figure is."""

from __future__ import annotations

import copy
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from page_data import data_of
from support import draw_triplets

import pyalign
from pyalign.data.provenance import Input
from pyalign.report.blocks import Figure, Fold, Table
from pyalign.report.page.sections._shared import triplet_sets
from pyalign.report.page.sections.accuracy import leaderboard, probes
from pyalign.report.page.sections.comparisons import reliability
from pyalign.report.page.sources import Loaded, Sources, read_documents

pytest.importorskip("altair", reason="altair is not installed")
N = 30


@pytest.fixture(scope="module")
def models():
    x = np.random.default_rng(0).normal(size=(N, 4))
    return {"a": x, "b": x + np.random.default_rng(1).normal(size=x.shape)}


def answered(models, seed):
    """Answers of somebody who is like the first model, and errs now and then."""
    triplets, rows = draw_triplets(seed, N, 300), np.arange(300)
    odd, found = pyalign.odd_one_out(models["a"], triplets), triplets.copy()
    found[rows, 2], found[rows, odd] = triplets[rows, odd], triplets[rows, 2]
    found[::4] = found[::4][:, [0, 2, 1]]
    return found


@pytest.fixture(scope="module")
def one(models):
    return answered(models, 0)


@pytest.fixture(scope="module")
def other(models):
    return answered(models, 1)


def given(*results):
    return Sources(read_documents(list(results))[0])


def board(*results):
    return [part for part in leaderboard(given(*results)).parts if isinstance(part, Table)]


def values(table, header):
    return next(column.values for column in table.columns if column.header == header)


def test_two_sets_of_triplets_without_a_name_or_of_one_name_are_two_tables(models, one, other):
    for name in (None, "answers.npy"):
        scores = [replace(pyalign.score(models, triplets), triplets=name) for triplets in (one, other)]
        first, second = board(*scores)
        assert set(values(first, "Accuracy")) == {score.accuracy for score in scores[0].results}
        assert set(values(second, "Accuracy")) == {score.accuracy for score in scores[1].results}
        assert first.caption != second.caption and "SHA-256" in first.caption


def test_one_set_of_triplets_by_two_paths_is_one_table_with_each_model_once(models, one):
    scores = [replace(pyalign.score(models, one), triplets=path) for path in ("data/t.npy", "/home/me/data/t.npy")]
    (table,) = board(*scores)
    assert len(values(table, "Model")) == 2


def test_a_ceiling_is_that_of_the_same_triplets_alone(models, one, other):
    many = np.concatenate([one, one[:40], one[:40][:, [0, 2, 1]]])
    score = replace(pyalign.score(models, many), triplets="t.npy")
    document = replace(pyalign.noise_ceiling(many), triplets="t.npy").to_dict()
    found = copy.deepcopy(document)
    digest = next(held.sha256 for held in score.results[0].provenance.inputs if held.name == "triplets")
    for held in found["provenance"]["inputs"]:
        held["sha256"] = digest
    assert "noise ceiling 1" not in board(score, found)[0].caption
    assert "(estimate)" in board(score, found)[0].caption
    for held in found["provenance"]["inputs"]:
        held["sha256"] = "f" * 64
    (table,) = board(score, found)
    assert "no noise ceiling" in table.caption and "Chance to ceiling" not in [c.header for c in table.columns]


def test_a_ceiling_over_triplets_is_not_that_of_accuracies_over_answers(models, one, message_of):
    many = np.concatenate([one, one[:40], one[:40][:, [0, 2, 1]]])
    over = {
        weighting: [replace(call(weighting=weighting), triplets="t.npy") for call in (
            partial(pyalign.score, models, many), partial(pyalign.noise_ceiling, many)
        )]
        for weighting in ("answers", "triplets")
    }
    for score, people in over.values():
        assert "(estimate)" in board(score, people.to_dict())[0].caption
        pyalign.plot([score, people])
    (table,) = board(over["answers"][0], over["triplets"][1].to_dict())
    assert "no noise ceiling" in table.caption
    said = message_of(pyalign.plot, [over["triplets"][0], over["answers"][1]])
    assert said.startswith("ceiling must be over triplets, as the accuracy is")


def test_results_of_unknown_values_belong_where_they_came_from_unless_their_number_differs(models, one):
    compared = pyalign.compare(models, one)

    def result(path, sha256, shape):
        inputs = (Input("triplets", path, shape, "int64", sha256),)
        return replace(compared, triplets=path, provenance=replace(compared.provenance, inputs=inputs))

    results = (result("t", "a", (9, 3)), result("t", None, (9, 3)), result("t", None, (8, 3)),
               result("u", "a", (9, 3)), result("t", None, ()))
    loaded = tuple(Loaded("", made) for made in results)
    sets = triplet_sets(Sources(loaded))
    numbers = [sets.of(one) for one in loaded]
    assert numbers[0] == numbers[1] == numbers[3] != numbers[2]
    assert numbers[4] not in numbers[:4]  # it fits two


def test_each_row_is_held_against_the_ceiling_of_its_own_document(models, one):
    low = pyalign.score({"a": models["a"]}, one, ceiling=0.6)
    high = pyalign.score({"b": models["b"]}, one, ceiling=0.9)
    (table,) = board(low, high)
    for label, accuracy, place in zip(
        *(values(table, head) for head in ("Model", "Accuracy", "Chance to ceiling")), strict=True
    ):
        top = 0.6 if label == "a" else 0.9
        assert place == pytest.approx((accuracy - 1 / 3) / (top - 1 / 3))
    assert "noise ceilings 60.0% (given) and 90.0% (given)" in table.caption


def test_a_comparison_that_found_another_accuracy_has_rows_and_ranks_of_its_own(models, one):
    score = pyalign.score(models, one)
    compared = pyalign.compare(models, one).to_dict()
    for row in compared["models"]:
        row["accuracy"] -= 0.01
    (table,) = board(score, compared)
    accuracies, ranks = values(table, "Accuracy"), values(table, "Rank")
    assert len(accuracies) == 4
    for accuracy, rank in zip(accuracies, ranks, strict=True):
        assert (rank is None) == (accuracy in {held.accuracy for held in score.results})


def test_ranks_of_a_column_are_of_one_comparison(models, one):
    more = {**models, "c": models["b"][:, :2], "d": models["b"][:, 2:]}
    large = pyalign.compare({name: more[name] for name in "bcd"}, one, ci=None)
    small = pyalign.compare({name: more[name] for name in "ab"}, one, ci=None)
    for order in ((small, large), (large, small)):
        (table,) = board(*order)
        ranks = dict(zip(values(table, "Model"), values(table, "Rank"), strict=True))
        assert ranks == {"a": None, **{model.model: model.rank for model in large.models}}


def test_numbers_of_rows_and_ranks_agree_over_the_same_comparison(models, one):
    """Rows are numbered by their accuracy, ranks are those of the largest comparison: neither turns the other round."""
    more = {**models, "c": models["b"][:, :2], "d": models["b"][:, 2:]}
    large, small = (pyalign.compare({name: more[name] for name in names}, one, ci=None) for names in ("abcd", "da"))
    for results in ((large,), (small, large), (large, small, pyalign.score(more, one, measure="dot", ci=None))):
        (table,) = board(*results)
        assert table.numbered and table.sort == ("Accuracy", True)
        ranks = [rank for _, rank in sorted(zip(values(table, "Accuracy"), values(table, "Rank"), strict=True),
                                            key=lambda row: -row[0])]
        assert [rank for rank in ranks if rank is not None] == [1, 2, 3, 4]
    assert len(ranks) == 8


def test_the_same_embeddings_under_two_names_have_one_row_with_both(models, one):
    score = pyalign.score(models, one, ci=None)
    compared = pyalign.compare({"zoo/a": models["a"], "b": models["b"]}, one, ci=None)
    parts = leaderboard(given(score, compared)).parts
    (table,) = (part for part in parts if isinstance(part, Table))
    assert dict(zip(values(table, "Model"), values(table, "Rank"), strict=True)) == {"a and zoo/a": 1, "b": 2}
    assert parts[0].facts[0].value == "2"
    other = pyalign.compare({"zoo/a": models["a"] + 1, "b": models["b"]}, one, ci=None)
    assert sorted(values(*board(score, other), "Model")) == ["a", "b", "zoo/a"]


def test_a_note_on_several_models_is_one_line_with_their_names(models, one):
    names = [f"zoo/m{k}.npy" for k in range(7)]
    weak = [f"{name}: the accuracy is low" for name in names[:3]]
    unnamed = [f"the rows of {name} have no names" for name in names]
    score = pyalign.score({**dict.fromkeys(names, models["a"]), "vgg": models["b"]}, one, ci=None)
    last = leaderboard(given(replace(score, notes=(*weak, *unnamed, "vgg: the accuracy is low", "by the way")))).parts[
        -1
    ]
    assert last.paragraphs == (
        "m0, m1, m2, vgg: the accuracy is low.", "The rows of m0, m1, m2, m3, m4 and 2 more have no names.",
        "By the way.",
    )


@pytest.mark.parametrize(("n", "folded"), [(3, False), (4, True)])
def test_many_notes_are_folded(models, one, n, folded):
    notes = tuple(f"Note number {k}." for k in range(n))
    parts = leaderboard(given(replace(pyalign.score(models, one, ci=None), notes=notes))).parts
    last = parts[-1]
    assert isinstance(last, Fold) == folded and (not folded or last.title == f"{n} notes")
    assert (last.parts[0] if folded else last).paragraphs == notes


def test_the_level_of_intervals_is_that_of_the_documents(models, one):
    resampling = pyalign.Resampling("objects", confidence_level=0.9)
    (table,) = board(
        pyalign.score({"a": models["a"]}, one, ci=resampling), pyalign.score({"b": models["b"]}, one, ci="triplets")
    )
    assert "90% intervals over objects, or 95% intervals over triplets" in table.caption


def test_scores_of_triplets_that_nobody_answered_are_no_table_that_cannot_be_sorted(models, one):
    from pyalign.report.page.write import make_report

    document = pyalign.score(models, one).to_dict()
    for row in document["results"]:
        row["accuracy"] = None
    table = data_of(make_report(document, "r.html").html)["accuracy-table"]
    assert "Accuracy" not in [column["header"] for column in table["columns"]] and table["sort"] is None


def tables(section):
    parts = [p for part in section.parts for p in (part.parts if isinstance(part, Fold) else (part,))]
    return [part for part in parts if isinstance(part, Table)]


def test_probes_of_other_triplets_or_splits_say_so(models, one, other):
    pytest.importorskip("scipy", reason="scipy is not installed")
    people = np.arange(300) % 10
    held = [pyalign.cross_validate_probe(models["b"], triplets, repeats=1, penalties=0.1, folds=2, split=split,
                                         subjects=people if split == "subjects" else None)
            for triplets, split in ((one, "objects"), (one, "subjects"), (other, "triplets"))]
    section = probes(given(*held))
    captions = [part.summary for part in section.parts if isinstance(part, Figure)]
    assert len(captions) == 2 and len({table.name for table in tables(section)}) == 4
    assert "held-out objects or held-out participants" in captions[0]
    assert "held-out sets of three objects" in captions[1]
    first, second = board(*held)
    assert sorted(values(first, "How")) == ["probed, held-out objects", "probed, held-out participants"]
    assert values(second, "How") == ("probed, held-out triplets",)


def test_the_level_of_a_probe_is_that_of_its_document(models, one):
    pytest.importorskip("scipy", reason="scipy is not installed")
    document = pyalign.cross_validate_probe(models["b"], one, repeats=1, penalties=0.1, folds=2).to_dict()
    document["intervals"]["accuracy_interval"]["confidence"] = 0.8
    assert "80% intervals over objects" in probes(given(document)).parts[0].summary


def test_calibrations_of_other_triplets_are_not_sorted_together(models, one, other):
    pytest.importorskip("scipy", reason="scipy is not installed")
    section = reliability(given(*(pyalign.calibrate(models, triplets, bins=4) for triplets in (one, other)),
                                pyalign.calibrate({"a": models["a"]}, one, split=None, bins=4)))
    first, second = tables(section)
    assert len(first.columns[0].values) == 3 and len(second.columns[0].values) == 2
    assert "share no object with it or reported on the same" in first.caption
    assert "reported on the same" not in second.caption


def test_models_without_a_name_are_a_row_and_a_point_each(models, one):
    document = pyalign.score(models, one).to_dict()
    for row in document["results"]:
        row["embeddings"] = None
    section = leaderboard(given(document))
    assert any(isinstance(part, Figure) for part in section.parts)

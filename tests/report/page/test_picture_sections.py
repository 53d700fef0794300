"""Concepts, dimensions, neighbors: every value of the parts is that of the document."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from support import draw_triplets

import pyalign
from pyalign._result import read_result
from pyalign.concept.concepts_result import ConceptDifference
from pyalign.report.blocks import TEXT, Figure, Fold, Table, Tiles
from pyalign.report.page.html import Bar, Page, Panel, Panels
from pyalign.report.page.sections.concepts import concepts, dimensions, neighbors
from pyalign.report.page.sources import Loaded, Sources
from pyalign.report.page.write import written

pytest.importorskip("altair", reason="altair is not installed")

N, K = 40, 4
NAMES = tuple([f"object {k}" for k in range(N - 2)] + ['"quoted" & <b>', "שלום"])
LABELS = ("food", "tools", "<script>alert(1)</script>", "round/red")
RNG = np.random.default_rng(0)
HUMAN = pyalign.Embeddings(np.abs(RNG.normal(size=(N, K))), NAMES)
MODELS = {f"zoo/m{k}.npy": pyalign.Embeddings(RNG.normal(size=(N, 5)), NAMES) for k in range(5)}
TRIPLETS = draw_triplets(1, N, 1500)


def few(count):
    return dict(list(MODELS.items())[:count])


def document(result):
    return json.loads(result.to_json())


def given(*results):
    read = [read_result(document(one), "a result") for one in results]
    return Sources(tuple(Loaded(f"{k}.json", one) for k, one in enumerate(read)))


def parts_of(section, kind):
    def within(parts):
        for part in parts:
            if isinstance(part, Fold):
                yield from within(part.parts)
            elif isinstance(part, Figure):
                yield part
                yield part.data
            else:
                yield part

    return [part for part in within(section.parts) if isinstance(part, kind)]


def rows_of(table):
    """The rows of a table, each header -> (value, low, high)."""

    def cell(column, row):
        return (column.values[row], *((ends[row] if ends else None) for ends in (column.low, column.high)))

    count = len(table.columns[0].values)
    assert all(len(column.values) == count for column in table.columns)
    columns = [column for column in table.columns if column.only != TEXT]
    return [{column.header: cell(column, row) for column in columns} for row in range(count)]


@pytest.fixture(scope="module")
def of_few():
    return pyalign.score_concepts(few(2), TRIPLETS, HUMAN, dimension_labels=LABELS, limit=3)


def called(row):
    return row["embeddings"].split("/")[1].removesuffix(".npy")


def table_of(section, name):
    return next(one for one in parts_of(section, Table) if one.name == name)


def check_concepts(section, held):
    """A row for each model and concept of the document, with its interval."""
    rows = {(row["model"][0], row["dimension"][0]): row for row in rows_of(table_of(section, "concepts-table"))}
    assert len(rows) == sum(len(one["concepts"]) for one in held["results"])
    for one in held["results"]:
        for row in one["concepts"]:
            found = rows[called(one), row["concept"]]
            assert found["accuracy"] == (row["accuracy"], *(row["ci"] or (None, None)))
            assert (found["triplets"][0], found["objects"][0]) == (row["n_triplets"], row["n_objects"])


def test_the_figures_of_few_models_are_in_a_row_for_each_model_and_concept(of_few):
    section = concepts(given(of_few))
    check_concepts(section, document(of_few))
    (chart,) = parts_of(section, Figure)
    assert f"{len(TRIPLETS):,} triplets" in chart.summary and "95% intervals over objects" in chart.summary
    assert "95% intervals (closed form) over objects" in table_of(section, "concepts-table").caption


def test_the_summary_names_the_best_and_the_worst(of_few):
    (chart,) = parts_of(concepts(given(of_few)), Figure)
    rows = [(row["accuracy"], called(one), row["concept"]) for one in document(of_few)["results"]
            for row in one["concepts"]]
    (best, model, concept), (worst, other, least) = max(rows), min(rows)
    assert f"Highest: {concept}, {model}: {100 * best:.1f}%" in chart.summary
    assert f"Lowest: {least}, {other}: {100 * worst:.1f}%" in chart.summary


def test_many_models_are_colors_and_a_row_for_each_model_and_concept():
    found = pyalign.score_concepts(MODELS, TRIPLETS, HUMAN, dimension_labels=LABELS, ci=None)
    held = document(found)
    section = concepts(given(found))
    check_concepts(section, held)
    (chart,) = parts_of(section, Figure)
    drawn = {(row["column"][0], row["row"][0]): row["value"][0] for row in rows_of(chart.data)}
    assert drawn == {(called(one), row["concept"]): row["accuracy"] for one in held["results"]
                     for row in one["concepts"]}
    order = sorted(held["results"], key=lambda one: -one["accuracy"])
    assert list(dict.fromkeys(model for model, _ in drawn)) == [called(one) for one in order]


def test_documents_of_one_model_each_are_one_grid():
    each = [pyalign.score_concepts({name: x}, TRIPLETS, HUMAN, dimension_labels=LABELS) for name, x in MODELS.items()]
    (chart,) = parts_of(concepts(given(*each, each[0])), Figure)
    assert len(rows_of(chart.data)) == 20
    whole = pyalign.score_concepts(MODELS, TRIPLETS, HUMAN, dimension_labels=LABELS)
    (expected,) = parts_of(concepts(given(whole)), Figure)
    assert rows_of(chart.data) == rows_of(expected.data)
    others = pyalign.score_concepts(few(1), TRIPLETS[:900], HUMAN, dimension_labels=LABELS)
    assert len(parts_of(concepts(given(*each, others)), Figure)) == 2


def test_differences_stand_with_both_accuracies(of_few):
    held = document(of_few)
    table = next(one for one in parts_of(concepts(given(of_few)), Table) if one.name == "concepts-differences")
    rows = {row["dimension"][0]: row for row in rows_of(table)}
    for row in held["differences"]:
        found = rows[row["concept"]]
        assert found["difference"] == (row["difference"], *row["ci"])
        assert (found["p"][0], found["p (Holm)"][0]) == (row["p_value"], row["p_adjusted"])
        assert found["its accuracy"][0] - found["of the other"][0] == pytest.approx(row["difference"])


def test_a_transform_is_shown_before_and_after():
    transform = pyalign.Transform(np.random.default_rng(3).normal(size=(5, 5)), None, 0.0, 1.0)
    found = pyalign.score_concepts(few(1), TRIPLETS, HUMAN, transform=transform)
    section = concepts(given(found))
    row = rows_of(table_of(section, "concepts-differences"))[0]
    assert "transformed" in row["model"][0]


def test_very_many_differences_are_counted_by_pair(monkeypatch):
    from pyalign.report import concepts as module

    monkeypatch.setattr(module, "MOST_ROWS", 8)
    found = pyalign.score_concepts(MODELS, TRIPLETS, HUMAN, dimension_labels=LABELS, correction="benjamini-hochberg")
    held = document(found)
    best = max(held["results"], key=lambda one: one["accuracy"])["embeddings"]
    table = next(one for one in parts_of(concepts(given(found)), Table) if one.name == "concepts-differences")
    rows = rows_of(table)
    assert len(rows) == 4 and "the best on all triplets" in table.caption
    label = lambda name: name.split("/")[1].removesuffix(".npy")  # noqa: E731
    for row in rows:
        pair = [one for one in held["differences"] if best in (one["embeddings"], one["other"])
                and (label(one["embeddings"]), label(one["other"])) == (row["model"][0], row["less"][0])]
        assert len(pair) == 4
        assert row["better in"][0] == sum(one["p_adjusted"] < 0.05 and one["difference"] > 0 for one in pair)
        assert row["worse in"][0] == sum(one["p_adjusted"] < 0.05 and one["difference"] < 0 for one in pair)
        assert abs(row["largest difference"][0]) == max(abs(one["difference"]) for one in pair)


def test_a_difference_whose_p_is_zero_counts():
    from pyalign.report.concepts import _differences_by_pair

    one = ConceptDifference("a", "b", "dimensions", "food", 90, 0.4, None, 0.0, 0.0, None, None)
    others = [replace(one, p_adjusted=p) for p in (None, 0.05)]
    (row,) = rows_of(_differences_by_pair([one, *others], (), {"a": "a", "b": "b"}, None))
    assert (row["better in"][0], row["worse in"][0]) == (1, 0)


def test_panels_have_the_objects_of_each_concept_and_the_figures(of_few):
    held = document(of_few)
    (panels,) = parts_of(concepts(given(of_few)), Panels)
    top = {one["concept"]: [item["name"] for item in one["top"]] for one in held["top_objects"]}
    accuracy = {(one["embeddings"], row["concept"]): row for one in held["results"] for row in one["concepts"]}
    counts = [accuracy["zoo/m0.npy", panel.title]["n_triplets"] for panel in panels.panels]
    assert counts == sorted(counts, reverse=True)
    for panel in panels.panels:
        assert [tile.name for tile in panel.tiles] == top[panel.title]
        for bar in panel.bars:
            row = accuracy[f"zoo/{bar.label}.npy", panel.title]
            assert (bar.value, bar.low, bar.high) == (row["accuracy"], *row["ci"])
    html = written(panels, Page())
    assert "<script>alert" not in html and "<b>" not in html


def test_objects_of_neighborhoods_are_taken_first(of_few):
    typical = pyalign.neighborhoods(MODELS["zoo/m0.npy"], dimensions=HUMAN, dimension_labels=LABELS, top=2, ci=None)
    (panels,) = parts_of(concepts(given(of_few, typical)), Panels)
    assert {len(panel.tiles) for panel in panels.panels} == {2}
    without = pyalign.score_concepts(few(1), TRIPLETS, HUMAN, dimension_labels=LABELS, ci=None)
    assert parts_of(concepts(given(without)), Panels) == []


def test_bars_lie_where_their_values_are():
    html = written(Panels("p", "c", (), 0.5), Page())
    assert html.startswith('<figure class="panels" id="p">')
    one = Panel("x", "", (), (Bar("m", 0.5, 0.4, 0.8), Bar("n", None)))
    html = written(Panels("p", "c", (one,)), Page())
    assert "--value:62.5%;--low:50.0%;--high:100.0%" in html and 'title="not in the result"' in html
    assert "50.0%" in html and "40.0 to 80.0" in html


def test_dimensions_are_those_of_the_document():
    found = pyalign.predict_dimensions(few(2), HUMAN, labels=LABELS, folds=4)
    held = document(found)
    section = dimensions(given(found))
    (chart,) = parts_of(section, Figure)
    rows = {(row["model"][0], row["dimension"][0]): row for row in rows_of(table_of(section, "dimensions-table"))}
    models = {row["model"][0]: row for row in rows_of(table_of(section, "dimensions-models"))}
    for one in held["results"]:
        label = one["embeddings"].split("/")[1].removesuffix(".npy")
        assert models[label]["mean R^2"] == (one["mean_r2"], *one["ci"])
        for row in one["dimensions"]:
            assert rows[label, row["dimension"]]["R^2"] == (row["r2"], *row["ci"])
    assert "predicted by a map that has not seen it" in chart.summary
    table = table_of(section, "dimensions-differences")
    assert {row["R^2"][0] for row in rows_of(table)} == {row["difference"] for row in held["differences"]}
    assert len(rows_of(table)) == len(held["differences"])
    assert "mean" in table.columns[0].values


def test_searches_for_the_same_queries_stand_beside_each_other():
    first, second = (MODELS[f"zoo/m{k}.npy"] for k in (0, 1))
    queries = ["object 3", NAMES[-1]]
    before, after = (pyalign.neighbors(x, queries, k=5) for x in (first, second))
    alone = pyalign.neighbors(first, ["object 9"], k=5)
    both, other = parts_of(neighbors(given(before, alone, after)), Tiles)
    assert len(both.rows) == 4 and len(other.rows) == 1
    for (heading, tiles), (found, query) in zip(
        both.rows, [(d, q) for q in queries for d in (before, after)], strict=True
    ):
        assert heading.startswith(query) and tiles[0].name == query
        near = [row for row in document(found)["results"] if row["query"] == query]
        assert [(tile.name, tile.caption) for tile in tiles[1:]] == [
            (row["neighbor"], f"{row['similarity']:.3f}") for row in near
        ]
        shared = [
            {row["neighbor"] for row in document(one)["results"] if row["query"] == query} for one in (before, after)
        ]
        assert [tile.mark == "both" for tile in tiles[1:]] == [tile.name in shared[0] & shared[1] for tile in tiles[1:]]


def test_neighborhoods_have_their_parts():
    x = MODELS["zoo/m0.npy"]
    twice = pyalign.Embeddings(np.repeat(x.values[: N // 2], 2, axis=0), NAMES)
    found = pyalign.neighborhoods(
        {"m1": MODELS["zoo/m1.npy"], "twice": twice}, HUMAN, before=x, dimensions=HUMAN, dimension_labels=LABELS,
        threshold=0.99, k=4, top=3, n_permutations=19,
    )
    section, held = neighbors(given(found)), document(found)["results"]
    tables = {one.name: rows_of(one) for one in parts_of(section, Table)}
    for row, one in zip(tables["neighborhoods"], held, strict=True):
        assert row["overlap"] == (one["overlap"], *one["ci"]) and row["p"][0] == one["p_value"]
        assert row["rbo"] == (one["rbo"], *one["rbo_ci"])
        assert row["purity"] == (one["purity"], *one["purity_ci"]) and row["by chance"][0] == one["chance"]
    for row, one in zip(tables["neighborhoods-hubs"], held, strict=True):
        names = {"skewness": "skewness", "Robin Hood": "robin_hood", "of none": "antihubs",
                 "by hubs": "hub_occurrence", "kept": "kept", "rbo kept": "kept_rbo"}
        assert {header: row[header][0] for header in names} == {header: one[key] for header, key in names.items()}
    flat = [one for result in held for one in result["concepts"]]
    for row, one in zip(tables["neighborhoods-concepts"], flat, strict=True):
        assert (row["concept"][0], row["medoid"][0]) == (one["concept"], one["medoid"]["name"])
        assert (row["overlap"][0], row["purity"][0]) == (one["overlap"], one["purity"])
    whole = [one for one in document(found)["differences"] if one["concept"] is None]
    assert [row["overlap"][0] for row in tables["neighborhoods-differences"]] == [one["difference"] for one in whole]
    listed = [one for each in held for one in each["objects"]]
    for row, one in zip(tables["neighborhoods-objects"], listed, strict=True):
        assert (row["object"][0], row["neighbor of"][0], row["kept"][0]) == (
            one["name"], one["occurrences"], one["kept"]
        )
        assert row["only before"][0] == ", ".join(one["lost"])
    for row, one in zip(tables["neighborhoods-duplicates"], held[1]["duplicates"], strict=True):
        assert (row["rows"][0], row["equal"][0]) == (", ".join(one["names"]), one["exact"])
    pictures = {one.name: one for one in parts_of(section, Tiles)}
    often = pictures["neighborhoods-often"].rows[0][1]
    most = [one["occurrences"] for one in sorted(held[0]["objects"], key=lambda one: -one["occurrences"])]
    assert [tile.caption for tile in often] == [f"{value:g} times" for value in most]
    assert {one.name for one in parts_of(section, Tiles)} == {
        f"neighborhoods-{name}" for name in ("often", "lowest", "changes", "prototypes", "twins")
    }
    html = "".join(written(part, Page()) for part in parts_of(section, (Table, Tiles)))
    assert "<script>alert" not in html and '"quoted" & <b>' not in html


def test_nothing_where_there_is_nothing(of_few):
    assert concepts(given()) is None and dimensions(given(of_few)) is None and neighbors(given(of_few)) is None

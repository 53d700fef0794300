"""What is shown of embeddings: tables, the picture of the choice of penalties, the section of the page."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from pyalign._result import read_result
from pyalign.errors import InputError
from pyalign.report.fits import (
    _against_table, _dimensions_table, _embedding_folds_table, _stability_table, embedding_view,
)

DOCUMENT = Path(__file__).resolve().parents[1] / "snapshots" / "documents" / "embed.json"


@pytest.fixture(scope="module")
def result():
    return read_result(json.loads(DOCUMENT.read_text(encoding="utf-8"))["every: embed"], DOCUMENT)


def column(table, header):
    (found,) = [one for one in table.columns if one.header == header]
    return found


def test_a_row_for_each_fold_the_mean_and_the_fit_to_all(result):
    table = _embedding_folds_table(result)
    assert column(table, "fold").values == ("1", "2", "mean", "all")
    assert column(table, "accuracy").values[:3] == (*(fold.accuracy for fold in result.folds), result.accuracy)
    assert column(table, "dimensions").values[3] == result.fit.n_dimensions


def test_dimensions_have_a_column_for_each_way_to_repeat_them(result):
    table = _dimensions_table(result.fit.dimensions, result.stability)
    for one in result.stability:
        shown = column(table, one.over)
        assert shown.values == tuple(each.correlation for each in one.dimensions)
        assert shown.low == tuple(each.low for each in one.dimensions)
    assert column(_stability_table(result.stability), "fits").values == (1, 2, 3)


def test_dimensions_that_come_back_everywhere_are_to_be_reported(result):
    seen = set()
    for stability in (result.stability, *((one,) for one in result.stability)):
        part = replace(result, stability=stability)
        shown = column(_dimensions_table(part.fit.dimensions, stability), "report").values
        known = [[(each.correlation or 0) > 0.8 for each in one.dimensions] for one in stability]
        assert shown == tuple("yes" if all(of_one) else "no" for of_one in zip(*known, strict=True))
        assert part.reported == tuple(k for k, word in enumerate(shown, start=1) if word == "yes")
        text = " ".join(str(block) for block in embedding_view(part))
        assert f"{len(part.reported)} of {len(shown)} dimensions come back" in text
        seen |= set(shown)
    assert seen == {"yes", "no"} and replace(result, stability=()).reported is None
    assert "report" not in str(_dimensions_table(result.fit.dimensions).columns[1])


def test_other_embeddings_have_their_differences(result):
    table = _against_table(result)
    assert column(table, "difference").values == (result.against[0].difference,)
    assert column(table, "difference").low == (result.against[0].difference_interval.low,)


def test_the_picture_has_every_penalty_that_was_compared(result):
    pytest.importorskip("altair")
    from pyalign.report.charts.concepts import penalty_path_chart
    from pyalign.report.charts.theme import rows_of

    for width in ("single", "double"):
        rows = rows_of(penalty_path_chart(result, width=width))
        shown = {(row["fold"], row["penalty"], row["nats"], row["dimensions"]) for row in rows if "nats" in row}
        assert shown == {
            (str(number), point.shrinkage, point.cross_entropy, point.n_dimensions)
            for number, fold in enumerate(result.folds, start=1)
            for point in fold.path
        }


def test_the_picture_marks_the_penalty_of_each_fold_and_has_a_legend_of_them(result):
    pytest.importorskip("altair")
    from pyalign.report.charts.concepts import penalty_path_chart
    from pyalign.report.charts.theme import rows_of

    chart = penalty_path_chart(result)
    chosen = {row["fold"]: row["chosen"] for row in rows_of(chart) if "chosen" in row}
    assert chosen == {str(number): fold.shrinkage for number, fold in enumerate(result.folds, start=1)}
    drawn = chart.to_dict()
    assert "Dashed: the penalty that the fold chose." in drawn["description"]
    (legend,) = {json.dumps(layer["encoding"]["color"]) for panel in drawn["hconcat"] for layer in panel["layer"]}
    assert json.loads(legend)["legend"]["title"] == "fold"
    assert json.loads(legend)["scale"]["domain"] == [*chosen]


def test_one_penalty_has_no_picture(result):
    pytest.importorskip("altair")
    from pyalign.report.charts.concepts import penalty_path_chart

    single = replace(result, folds=tuple(replace(fold, path=()) for fold in result.folds))
    with pytest.raises(InputError, match="needs several penalties"):
        penalty_path_chart(single)


def test_the_picture_of_stability_has_every_correlation_with_its_range(result):
    pytest.importorskip("altair")
    from pyalign.report.charts import charts_of
    from pyalign.report.charts.concepts import dimension_stability_chart
    from pyalign.report.charts.theme import rows_of

    rows = rows_of(dimension_stability_chart(result))
    shown = sorted(
        (row["value"], row["low"], row["high"]) for row in rows if row.get("value") is not None and "low" in row
    )
    matched = [e for one in result.stability for e in one.dimensions if e.n_matched]
    assert shown == sorted((e.correlation, e.low, e.high) for e in matched)
    assert "dimension-stability" in charts_of(result)
    without = replace(result, stability=())
    assert "dimension-stability" not in charts_of(without)
    with pytest.raises(InputError, match="needs other fits"):
        dimension_stability_chart(without)


def test_a_dimension_without_a_match_is_a_dash_and_draws_nothing(result):
    pytest.importorskip("altair")
    from pyalign.report.charts.concepts import dimension_stability_chart
    from pyalign.report.charts.theme import rows_of
    from pyalign.report.page.parts_html import MISSING, _cell
    from pyalign.report.text import shown_columns

    (halves,) = [one for one in result.stability if one.over == "halves"]
    n, n_matched = len(halves.dimensions), halves.n_matched
    assert [one.correlation is None for one in halves.dimensions] == [one.n_matched == 0 for one in halves.dimensions]
    assert 0 < n_matched < n
    table = _dimensions_table(result.fit.dimensions, [halves])
    ((cells,),) = [[one.values for one in shown_columns(table)[0] if one.header == "halves"]]
    on_page = [_cell(column(table, "halves"), row) for row in range(n)]
    for shown, dash in ((cells, "-"), (on_page, MISSING)):
        assert [cell == dash for cell in shown] == [one.n_matched == 0 for one in halves.dimensions]
    assert column(_stability_table([halves]), "matched").values == (n_matched,)
    chart = dimension_stability_chart(replace(result, stability=(halves,)))
    drawn = [row for row in rows_of(chart) if row.get("value") is not None and "low" in row]
    assert len(drawn) == n_matched and all(row["low"] is not None for row in drawn)
    spoken = f"Dimensions without a match, which have no point: {n - n_matched} over halves of the answers."
    assert spoken in json.dumps(chart.to_dict())


def test_penalties_are_shown_with_their_significant_digits_in_text_and_on_pages(result):
    from pyalign.report.page.parts_html import _cell
    from pyalign.report.text import shown_columns

    small = replace(result.folds[0], shrinkage=2.034e-5, sparsity=1.4567e-3)
    table = _embedding_folds_table(replace(result, folds=(small, *result.folds[1:])))
    for header, text in (("shrinkage", "2.03e-05"), ("sparsity", "0.00146")):
        ((cells,),) = [[one.values for one in shown_columns(table)[0] if one.header == header]]
        assert cells[0] == text
        assert _cell(column(table, header), 0) == text.replace("-", "\u2212")


def test_the_page_has_a_card_of_each_dimension(result):
    pytest.importorskip("altair")
    from pyalign.report.blocks import Fold
    from pyalign.report.page.sections.concepts import embedding
    from pyalign.report.page.sources import Loaded, Sources

    section = embedding(Sources((Loaded("", result),)))
    (fold,) = [part for part in section.parts if isinstance(part, Fold)]
    ((tiles,),) = [fold.parts]
    for (heading, shown), one in zip(tiles.rows, result.fit.dimensions, strict=True):
        assert heading.startswith(f"dimension {one.dimension}: ")
        assert tuple(tile.name for tile in shown) == one.top_objects

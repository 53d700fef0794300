"""Pictures and sections of accuracy against metadata show the numbers of the document."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

import pyalign
from pyalign.analysis.comparison.comparison_result import Comparison, ModelResult
from pyalign.report.blocks import Figure, Table, Text
from pyalign.report.charts import chart
from pyalign.report.charts.save import rendered
from pyalign.report.page.sections.comparisons import metadata, metadata_columns
from pyalign.report.page.sources import Loaded, Sources, metadata_of
from pyalign.report.page.write import make_report
from pyalign.stats.resampling import Inference

BAD = "<script>alert(1)</script>"
Y = [0.41, 0.45, 0.47, 0.52, 0.56, 0.55]
NAMES = ["a.npy", "b.npy", "c_seed1", "c_seed2", "שלום", BAD]
TABLE = [
    {"model": name, "family": family, "parameters": size, "objective": goal, "seed": seed, "imagenet": share}
    for name, family, size, goal, seed, share in zip(
        NAMES, ["A", "A", "C", "C", "D", BAD], ["1M", "5M", "40M", "40M", "90M", "2B"],
        ["x", "x", "y", "y", BAD, "y"], [None, None, "1", "2", None, None], ["50%", "60%", "", "", "70%", "75.5%"],
        strict=True,
    )
]


@pytest.fixture(scope="module")
def comparison():
    covariance = 1e-4 * (np.eye(6) + 1.0)
    models = tuple(ModelResult(name, y, None, 1.0, None, 0, 1.0, None) for name, y in zip(NAMES, Y, strict=True))
    return Comparison(
        models, (), 1000, 0, "cosine", 1.0, "fractional", "holm", 80, None,
        tuple(map(tuple, covariance.tolist())), inference=Inference("objects", "corrected", 0.95),
    )


@pytest.fixture(scope="module")
def found(comparison):
    return pyalign.regress_metadata(comparison, TABLE)


def given(*results, metadata=None):
    one = Sources(tuple(Loaded(f"{k}.json", result) for k, result in enumerate(results)), metadata)
    one.__dict__["labels"] = {"a.npy": "a", "b.npy": "b"}
    return one


# Pictures


def test_ticks_of_whole_numbers_are_written_out(comparison):
    pytest.importorskip("vl_convert", reason="vl-convert is not installed")
    sizes = (64, 200, 512, 800, 1024, 1280)
    table = [{"model": name, "features": size} for name, size in zip(NAMES, sizes, strict=True)]
    found = pyalign.regress_metadata(comparison, table)
    figures = [part for part in metadata(given(found)).parts if isinstance(part, Figure)]
    for drawn, whole in ((figures[0].chart, {"200", "600", "1200"}), (figures[0].narrow, {"500", "1000"})):
        assert whole <= set(re.findall(r">([^<>]+)</text>", rendered(drawn, ".svg").decode()))
    assert next(one for one in figures[0].data.columns if one.header == "features").form == "count"


def test_one_group_is_no_groups(comparison):
    table = [{"model": name, "objective": "x", "family": name} for name in NAMES]
    found = pyalign.regress_metadata(comparison, table)
    (figure,) = [part for part in metadata(given(found)).parts if isinstance(part, Figure) and "objective" in part.name]
    assert figure.summary.startswith("Accuracy by objective. 6 models on") and figure.caption == ""


def test_a_scatter_shows_each_model_with_its_interval_and_the_line(found, rows_of):
    rows = {row["model"]: row for row in rows_of(chart(found, by="parameters"), "model", "lowest")}
    assert len(rows) == 5
    for point, row in zip(found.points, rows.values(), strict=True):
        assert (row["accuracy"], row["low"], row["high"]) == (point.accuracy, *point.ci)
        assert row["value"] == point.values["parameters"]
        assert (row["lowest"], row["highest"]) == (point.lowest, point.highest)
    assert rows["c"]["seeds"] == 2 and "mean of 2 seeds" in rows["c"]["spoken"]
    spec = chart(found, by="parameters").to_dict()
    assert '"type": "log"' in str(spec).replace("'", '"')
    line = found.results[1].line
    drawn = [row for rows in spec["datasets"].values() for row in rows if "value" in row and "model" not in row]
    band = [(row["value"], row["accuracy"], row["low"], row["high"]) for row in drawn]
    assert band == list(zip(line.x, line.accuracy, line.models_low, line.models_high, strict=True))
    assert spec["description"].startswith("Accuracy against parameters. 5 models on 1,000 triplets, 80 objects.")


def test_strips_show_models_and_the_means_of_their_groups(found, rows_of):
    drawn = chart(found, by="objective")
    groups = {row["value"]: row for row in rows_of(drawn, "value", "spoken") if "model" not in row}
    for group in found.groups:
        if group.column == "objective":
            row = groups[group.value]
            assert (row["accuracy"], row["low"], row["high"]) == (group.accuracy, *group.ci)


@pytest.mark.parametrize("style", ["light", "dark"])
@pytest.mark.parametrize("width", ["single", "double"])
@pytest.mark.parametrize("by", [None, "imagenet", "family"])
def test_charts_are_sound_in_each_look(found, style, width, by):
    chart(found, by=by, style=style, width=width).to_dict()


def test_many_families_are_told_apart_as_far_as_colors_go(comparison):
    models = tuple(ModelResult(f"m{k}", 0.3 + k / 100, None, 1.0, None, 0, 1.0, None) for k in range(30))
    many = Comparison(
        models, (), 9, 0, "dot", 1.0, "wrong", "holm", 80, None,
        tuple(map(tuple, (1e-4 * np.eye(30)).tolist())), inference=Inference("objects", "corrected", 0.95),
    )
    rows = [{"model": f"m{k}", "family": f"f{k // 2}", "x": k} for k in range(30)]
    spec = chart(pyalign.regress_metadata(many, rows), by="x").to_dict()
    assert "other families" in str(spec)


def test_a_column_that_is_not_there_is_named(found):
    with pytest.raises(pyalign.InputError, match=r"by must be a column of the result, parameters, .*; got 'x'"):
        chart(found, by="x")
    document = found.to_dict()
    document["points"][0]["accuracy"] = "high"
    with pytest.raises(pyalign.InputError, match="damaged result of 'metadata': 'accuracy' holds 'high'"):
        chart(document)


# The page


def test_the_section_has_a_figure_for_each_column_and_the_tables_of_the_view(comparison, found):
    section = metadata(given(comparison, metadata=metadata_of(TABLE)))
    figures = [part for part in section.parts if isinstance(part, Figure)]
    assert [one.name for one in figures] == [
        "metadata-1-parameters", "metadata-2-imagenet", "metadata-3-family", "metadata-4-objective",
    ]
    counts = "5 models on 1,000 triplets, 80 objects"
    said = f"Accuracy against parameters. {counts}. Thin bars: 95% intervals over objects."
    assert figures[0].summary.startswith(said)
    assert f"{counts}; intervals of 95%" in figures[0].data.caption
    data = {column.header: column for column in figures[0].data.columns}
    assert data["accuracy"].values == tuple(point.accuracy for point in found.points)
    assert data["accuracy"].low == tuple(point.ci.low for point in found.points)
    assert data["parameters"].values == tuple(point.values["parameters"] for point in found.points)
    assert data["lowest seed"].values == (None, None, 0.47, None, None)
    tables = {part.name: {column.header: column for column in part.columns}
              for part in section.parts if isinstance(part, Table)}
    assert [*tables] == [f"metadata-{name}" for name in ("slopes", "ranks", "groups", "seeds")]
    slopes = tables["metadata-slopes"]
    of_parameters = slopes["slope"].values[1], slopes["per"].values[1]
    assert of_parameters == (f"{100 * found.results[1].slope:+.3f}", "tenfold")
    linear = [row for row in found.results if row.scale == "linear"]
    ranks = tables["metadata-ranks"]["Spearman"]
    assert ranks.values == tuple(row.rank_correlation for row in linear)
    assert ranks.low == tuple(None if row.rank_ci is None else row.rank_ci.low for row in linear)
    means = tables["metadata-groups"]["mean accuracy"]
    assert (means.values[0], means.low[0]) == (found.groups[0].accuracy, found.groups[0].ci.low)
    (notes,) = [part for part in section.parts if isinstance(part, Text)]
    assert notes.kind == "note" and any("families" in line for line in notes.paragraphs)


def test_names_of_parts_differ_where_there_are_several_documents(comparison):
    section = metadata(given(comparison, comparison, metadata=metadata_of(TABLE)))
    names = [part.name for part in section.parts if not isinstance(part, Text)]
    names += [part.data.name for part in section.parts if isinstance(part, Figure)]
    assert len(names) == len(set(names)) == 24
    assert all(name.replace("-", "").isalnum() and name.isascii() for name in names)


def test_a_result_of_the_command_needs_no_table(found):
    assert len(metadata(given(found)).parts) == 9


def test_what_is_missing_is_said(comparison):
    assert metadata(given()) is None
    section = metadata(given(comparison))
    assert "There is no metadata of the models" in section.parts[0].paragraphs[0]
    section = metadata(given(comparison, metadata=metadata_of([{"model": "z"}])))
    assert section.parts[0].paragraphs[0].startswith("0.json: metadata must have a row of some model")


def test_tables_get_a_column_for_each_of_the_metadata_and_filter_by_text():
    columns = metadata_columns(given(metadata=metadata_of(TABLE)), ["b.npy", "none", BAD])
    found = {column.header: column for column in columns}
    assert list(found) == ["family", "parameters", "objective", "imagenet"]
    assert found["family"].values == ("A", None, BAD) and found["family"].filter
    assert found["parameters"].values == (5e6, None, 2e9) and found["parameters"].form == "count"
    assert found["imagenet"].values == (0.6, None, 0.755) and found["imagenet"].form == "percent"
    assert metadata_columns(given(), ["a"]) == [] and metadata_of(None) is None


def test_the_page_reads_a_file(tmp_path):
    path = tmp_path / "models.csv"
    path.write_text("model,x\na,1\n")
    assert metadata_of(str(path)).columns == {"x": (1.0,)} == metadata_of(path).columns


def test_a_page_without_a_table_has_what_pyalign_knows_of_its_models(tmp_path, comparison):
    names = ("resnet50", "vgg16", "clip_vit_b32")
    models = tuple(replace(one, model=name) for one, name in zip(comparison.models, names, strict=False))
    few = replace(comparison, models=models, pairs=(), covariance=None, cross_entropy_covariance=None)
    page = make_report([few], tmp_path / "page.html").html
    assert "clip_vit_b32 (open_clip:ViT-B-32/openai)" in page and "image-text" in page
    assert "There is no metadata of the models" not in page
    two = replace(few, models=models[:2])
    assert "There is no metadata of the models" in make_report([two], tmp_path / "page.html").html

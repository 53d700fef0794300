"""Scores of steps as inputs of a step, figures as files, and what a study says is missing."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from small_study import how

import pyalign
from pyalign.errors import InputError
from pyalign.study.file import read_study

STUDY = """\
figures = ["svg"]
missing = { rsa-king = "no matrices <script>", dot = "is there" }
metadata = "models.csv"
names = "names.txt"
models = { a = "a.npy", b = "b.npy" }
triplets = { file = "t.csv", subject_column = "subject" }
[steps.metadata]
result = "step:compare"
others = { "dot product" = "step:dot", probed = "step:probe" }
[steps.compare]
[steps.dot]
function = "compare"
measure = "dot"
[steps.probe]
folds = 2
penalties = 0.05
max_iterations = 4
"""


@pytest.fixture
def study(folder):
    Path("models.csv").write_text("model,size\na,10\nb,20\n")
    Path("s.toml").write_text(STUDY)
    return folder


def test_a_step_sets_scores_of_other_steps_against_each_other(study):
    pytest.importorskip("vl_convert")
    assert not pyalign.run_study("s.toml").failed
    results = {path.stem: pyalign.load_result(path) for path in Path("s/steps").glob("*.json")}
    table = pyalign.load_metadata("models.csv")
    others = {"dot product": results["dot"], "probed": [results["probe-a"], results["probe-b"]]}
    expected = pyalign.regress_metadata(results["compare"], table, others=others)
    found = results["metadata"]
    assert [other.column for other in found.others] == ["dot product", "probed"]
    assert found.points == expected.points and found.results == expected.results
    assert {point.score("probed").value for point in found.points} == {
        results[f"probe-{name}"].accuracy for name in "ab"
    }

    page = Path("s/report.html").read_text()
    assert "no matrices &lt;script&gt;" in page and "is there" not in page
    names = {path.name for path in Path("s/figures").iterdir()}
    assert {"accuracy-chart.svg", "metadata-1-size.svg", "metadata-2-dot-product.svg", "probes-figure.svg"} <= names
    assert "figures/accuracy-chart.svg" in Path("s/manifest.json").read_text()


def test_scores_of_dimensions_and_of_neighbors_are_columns_too(study):
    """Mean R² of human dimensions, agreement of neighbors and their purity, each with what its document says."""
    np.save("human.npy", np.abs(np.load("a.npy")))
    steps = "[steps.predict]\n[steps.neighborhoods]\nk = 3\n"
    sets = 'dimensions = { file = "human.npy", names = "names.txt" }\ncategories = "kinds.txt"\n'
    others = 'R2 = "step:predict", near = "step:neighborhoods"'
    text = STUDY.partition("[steps.probe]")[0].replace('probed = "step:probe"', others)
    Path("s.toml").write_text(text.replace("[steps.metadata]", f"{sets}{steps}[steps.metadata]"))
    assert not pyalign.run_study("s.toml", only="metadata").failed
    read = {name: pyalign.load_result(f"s/steps/{name}.json") for name in ("metadata", "predict", "neighborhoods")}
    values = {"R2": [row.mean_r2 for row in read["predict"].results],
              "near: overlap of neighbors, cosine": [row.overlap for row in read["neighborhoods"].results],
              "near: purity of neighbors, cosine": [row.purity for row in read["neighborhoods"].results]}
    for column, expected in values.items():
        assert [point.score(column).value for point in read["metadata"].points] == expected


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ('result = "step:compare"', "", "regress_metadata needs result; got none"),
        ('"step:compare"', '"step:nothing"', "there is no step 'nothing'"),
        ('"step:compare"', '"step:metadata"', "needs itself, by way of 'metadata'"),
        ("[steps.compare]", "[steps.compare]\nfunction = 'failures'",
         "result must be a step of compare, score, rsa, cross_validate_probe, predict_dimensions or neighborhoods; "
         "got step 'compare' of find_failures"),
        ('"step:dot"', '"step:dot::a"', "others must be step:dot; got 'a' behind it"),
        ('"step:dot"', "3", "others must be a step or a document, a list of them, or a table with their names"),
        ('["svg"]', '["gif"]', "figures must be a list of svg, pdf, png, html; got ['gif']"),
        ('"is there"', "4", r"[missing] dot must be text; got 4"),
        ("[steps.compare]", "[steps.compare]\nmetadata = 'x.csv'", "compare has no option 'metadata'"),
    ],
)
def test_a_mistake_is_one_line(study, before, after, message):
    Path("s.toml").write_text(STUDY.replace(before, after))
    with pytest.raises(InputError) as error:
        read_study("s.toml")
    assert message in str(error.value) and "\n" not in str(error.value)


@pytest.mark.slow
def test_figures_that_there_are_no_more_go_and_other_files_stay(study):
    pytest.importorskip("vl_convert")
    Path("s.toml").write_text(STUDY.replace('"step:compare"', '"step:probe"', 1))
    steps = {step.name: step for step in pyalign.run_study("s.toml", only="metadata").steps}
    assert steps["metadata"].reason == "result must be one result; step:probe has 2: name a model behind ::"
    assert "probes-figure.svg" in os.listdir("s/figures")
    Path("s/figures/mine.svg").write_text("mine")
    Path("s.toml").write_text(STUDY.replace("[steps.probe]", "[steps.other]\nfunction = 'probe'").replace(
        ', probed = "step:probe"', ""))
    assert how(pyalign.run_study("s.toml", only="compare"))["report"] == "made"
    left = set(os.listdir("s/figures"))
    assert "probes-figure.svg" not in left and "mine.svg" in left

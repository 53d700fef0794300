"""`pyalign metadata`, and what results are written as: --latex, and a card."""

from __future__ import annotations

import json

import numpy as np
import pytest
from support import instead, reals, strict_json

import pyalign


@pytest.fixture
def compared(command, folder, x):
    """compare.json of four models, and models.csv."""
    names = []
    for k in range(4):
        np.save(f"m{k}.npy", x + k * reals(20 + k, *x.shape))
        names.append(f"m{k}.npy")
    assert command("compare", *names, "-t", "t.npy", "--json", "compare.json").code == 0
    with open("models.csv", "w") as file:
        file.write("model,family,parameters\nm0,a,1M\nm1,a,20M\nm2,b,300M\nm3,c,4B\nother,c,1M\n")
    return names


def test_as_json_is_what_the_function_returns(command, compared):
    ran = command("metadata", "compare.json", "--metadata", "models.csv", "--json", "--quiet")
    assert (ran.code, ran.err) == (0, "")
    found = pyalign.regress_metadata(pyalign.load_result("compare.json"), pyalign.load_metadata("models.csv"))
    document = strict_json(ran.out)
    assert document["results"] == json.loads(found.to_json())["results"]
    assert document["metadata"] == "models.csv" and document["command"] == "metadata"
    assert document["provenance"]["inputs"][0]["source"] == "m0.npy"


def test_the_table_and_its_notes(command, compared):
    ran = command("metadata", "compare.json", "--metadata", "models.csv", "--by", "parameters")
    assert ran.code == 0 and "tenfold" in ran.out and "rank correlation with" in ran.out
    assert "note: the metadata has other, which is none of these models" in ran.err
    assert "family" not in ran.out.splitlines()[0]


def test_without_a_table_models_are_looked_up_in_that_of_pyalign_and_rows_of_ones_own_come_first(command, folder, x):
    names = ["resnet50.npy", "vgg16.npy", "clip_vit_b32.npy", "alexnet.npy"]
    for k, name in enumerate(names):
        np.save(name, x + k * reals(20 + k, *x.shape))
    assert command("compare", *names, "-t", "t.npy", "--json", "compare.json").code == 0
    ran = command("metadata", "compare.json", "--by", "parameters", "family", "--json")
    assert "note: the metadata of resnet50.npy (torchvision:resnet50/IMAGENET1K_V2), vgg16.npy" in ran.err
    points = {point["model"]: point for point in strict_json(ran.out)["points"]}
    assert points["vgg16.npy"]["values"] == {
        **points["vgg16.npy"]["values"], "family": "VGG", "parameters": 138357544.0, "imagenet_accuracy": 0.71592,
    }
    with open("own.csv", "w") as file:
        file.write("model,family,parameters\nvgg16,Mine,1M\n")
    ran = command("metadata", "compare.json", "--metadata", "own.csv", "--json")
    points = {point["model"]: point["values"] for point in strict_json(ran.out)["points"]}
    assert points["vgg16.npy"] == {"family": "Mine", "parameters": 1e6}
    assert points["alexnet.npy"] == {"family": "AlexNet", "parameters": 61100840.0}
    assert "vgg16.npy (" not in ran.err and "alexnet.npy (torchvision:alexnet/IMAGENET1K_V1)" in ran.err


def test_without_a_table_models_that_nobody_knows_are_refused(command, compared):
    ran = command("metadata", "compare.json")
    known = "metadata or others must be given: pyalign's table of models has no row of m0.npy"
    assert ran.code == 1 and known in ran.err


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("--by", "size"), "columns must be among family, parameters; got 'size'"),
        (("--metadata", "none.csv"), "none.csv: No such file or directory"),
        (("--confidence", "3"), "confidence_level must lie between 0 and 1"),
        (("--csv", "compare.json"), "--csv PATH must end in .csv"),
        (("--latex", "table.csv"), "--latex PATH must end in .tex"),
    ],
)
def test_what_is_wrong_is_one_line(command, compared, change, message):
    ran = command("metadata", "compare.json", *instead(("--metadata", "models.csv"), change))
    assert ran.code == 1 and message in ran.err and len(ran.err.strip().splitlines()) == 1


def test_another_result_is_refused(command, compared):
    command("cka", *compared, "--json", "cka.json")
    ran = command("metadata", "cka.json", "--metadata", "models.csv")
    assert ran.code == 1 and "which have a score of each model; got cka" in ran.err


def test_results_are_written_as_latex_beside_the_csv(command, compared):
    written = ("--csv", "t.csv", "--latex", "t.tex", "--json", "t.json")
    ran = command("metadata", "compare.json", "--metadata", "models.csv", *written)
    assert ran.code == 0
    with open("t.tex") as file:
        latex = file.read()
    assert latex == pyalign.load_result("t.json").to_latex()
    with open("t.json") as file:
        assert set(json.load(file)["outputs"]) == {"t.csv", "t.tex"}


@pytest.mark.parametrize("asked", [("score",), ("probe", "--folds", "2", "--penalty", "1")])
def test_scores_and_probes_write_figures_for_a_card(command, compared, asked):
    yaml = pytest.importorskip("yaml")
    if asked[0] == "probe":
        pytest.importorskip("scipy")
    name, *more = asked
    ran = command(name, "m0.npy", "-t", "t.npy", *more, "--json", "out.json")
    assert ran.code == 0, ran.err
    (entry,) = yaml.safe_load(pyalign.load_result("out.json").to_model_index())["model-index"]
    with open("out.json") as file:
        document = json.load(file)
    figure = document["accuracy"] if name == "probe" else document["results"][0]["accuracy"]
    assert entry["name"] == "m0" and entry["results"][0]["metrics"][0]["value"] == figure
    assert entry["results"][0]["dataset"]["name"] == "t"


def test_further_documents_are_columns(command, compared, folder):
    assert command("compare", *compared, "-t", "t.npy", "--measure", "dot", "--json", "dot.json").code == 0
    ran = command("metadata", "compare.json", "dot.json", "--json", "--quiet")
    assert ran.code == 0, ran.err
    document = strict_json(ran.out)
    assert [row["column"] for row in document["others"]] == ["accuracy, dot"]
    expected = pyalign.load_result("dot.json").models
    assert [point["scores"][0]["value"] for point in document["points"]] == [model.accuracy for model in expected]
    refused = command("metadata", "compare.json")
    assert refused.code != 0 and "metadata or others must be given" in refused.err


def test_two_documents_are_one_picture(command, compared, folder):
    np.save("human.npy", 1 - np.corrcoef(np.load("m0.npy")))
    assert command("rsa", *compared, "--human", "human.npy", "--kind", "dissimilarity", "--json", "rsa.json").code == 0
    assert command("compare", *compared, "-t", "t.npy", "--json", "compare.json").code == 0
    ran = command("plot", "rsa.json", "compare.json", "--out", "scores.svg")
    assert ran.code == 0, ran.err
    assert "against accuracy, cosine" in (folder / "scores.svg").read_text()
    ran = command("metadata", "rsa.json", "compare.json")
    assert ran.code == 0 and "RSA" in ran.out and "against" in ran.out

"""`pyalign concepts`: what it prints and writes is what the function returns."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from support import reals

import pyalign
from pyalign import Transform, write_transform

LABELS = ("food-related", "animals", "tools and a very long name of what may be a machine, or was one once")
NOT_FIGURES = {"provenance", "triplets", "dimensions", "notes"}


@pytest.fixture
def human(folder):
    """d.npy with three dimensions and their labels in l.txt, another model in y.npy, categories in fine and coarse."""
    dimensions = np.random.default_rng(3).gamma(0.5, size=(30, 3))
    np.save("d.npy", dimensions)
    np.save("y.npy", reals(8, 30, 4))
    (folder / "l.txt").write_text("\n".join(LABELS) + "\n")
    (folder / "fine.txt").write_text("\n".join(f"f{k // 3}" for k in range(30)) + "\n")
    (folder / "coarse.txt").write_text("\n".join(f"c{k // 10}" for k in range(30)) + "\n")
    return dimensions


@pytest.fixture
def document(command, human):
    """The JSON document."""

    def run(*args):
        ran = command("concepts", *args, "-t", "t.npy", "--json", "--quiet")
        assert (ran.code, ran.err) == (0, "")
        return json.loads(ran.out)

    return run


def figures(document):
    """What does not tell of files."""
    kept = {name: value for name, value in document.items() if name not in NOT_FIGURES}
    return json.loads(json.dumps(kept).replace("x.npy", "x").replace("y.npy", "y"))


def test_as_json_is_what_the_function_returns(document, human, x, triplets):
    found = document("x.npy", "y.npy", "--dimensions", "d.npy", "--dimension-labels", "l.txt")
    models = {"x": x, "y": np.load("y.npy")}
    expected = pyalign.score_concepts(models, triplets, human, dimension_labels=LABELS)
    assert figures(found) == figures(expected.to_dict())
    assert (found["command"], found["triplets"], found["dimensions"]) == ("concepts", "t.npy", "d.npy")


def test_every_option_reaches_the_function(document, human, x, triplets):
    options = ("--dimensions", "d.npy", "--measure", "dot", "--temperature", 2, "--ties", "wrong")
    more = ("--correction", "benjamini-hochberg", "--minimum", 90, "--resamples", 64)
    found = document("x.npy", "y.npy", *options, *more, "--categories", "coarse.txt", "--levels", "fine.txt",
                     "coarse.txt", "--seed", 3, "--confidence", 0.9, "--limit", 2)
    fine, coarse = ([f"{letter}{k // size}" for k in range(30)] for letter, size in (("f", 3), ("c", 10)))
    expected = pyalign.score_concepts(
        {"x": x, "y": np.load("y.npy")}, triplets, human, measure="dot", temperature=2.0,
        ties="wrong", correction="benjamini-hochberg", min_triplets=90, categories=coarse, levels=(fine, coarse),
        ci=pyalign.Resampling("auto", "bootstrap", 64, 0.9, 3), limit=2,
    )
    assert figures(found) == figures(expected.to_dict())


def test_a_transform_is_scored_before_and_after(document, human, x, triplets):
    transform = Transform(np.random.default_rng(1).normal(size=(6, 3)), None, 0.0, 1.0)
    write_transform("w.npz", transform)
    found = document("x.npy", "--dimensions", "d.npy", "--transform", "w.npz", "--labels", "mine")
    expected = pyalign.score_concepts({"x": x}, triplets, human, transform=transform)
    assert [one["label"] for one in found["results"]] == ["mine", "mine (transformed)"]
    assert [one["accuracy"] for one in found["results"]] == [one.accuracy for one in expected.results]
    assert len(found["differences"]) == 3


def test_a_folder_holds_the_document_and_its_tables(command, human):
    ran = command("concepts", "x.npy", "y.npy", "-t", "t.npy", "--dimensions", "d.npy", "--out", "o", "--quiet",
                  "--figures", "none")
    assert (ran.code, ran.err) == (0, "")
    found = pyalign.load_result("o/concepts.json")
    with open("o/concepts.csv", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    assert [row["concept"] for row in rows] == ["1", "2", "3"] * 2
    assert [float(row["accuracy"]) for row in rows] == [row.accuracy for one in found.results for row in one.concepts]
    with open("o/differences.csv", encoding="utf-8") as handle:
        assert [float(row["difference"]) for row in csv.DictReader(handle)] == [d.difference for d in found.differences]
    assert found.provenance.options["command_line"]["out"] == "o"
    assert set(found.outputs) == {"concepts.csv", "differences.csv"}  # the folder can be moved


def test_a_folder_replaces_no_input(command, human, folder):
    (folder / "concepts.csv").write_text("1 2 3\n")
    ran = command("concepts", "x.npy", "-t", "concepts.csv", "--dimensions", "d.npy", "--out", ".")
    assert ran.code == 1 and "./concepts.csv is the same file as concepts.csv" in ran.err


@pytest.mark.parametrize("models", [("x.npy",), ("x.npy", "y.npy"), ("x.npy", "y.npy", "d.npy")])
@pytest.mark.parametrize("width", [80, 60])
def test_the_table_fits_and_names_every_concept(command, human, monkeypatch, models, width):
    monkeypatch.setattr("pyalign.report.words.terminal_width", lambda: width)
    ran = command("concepts", *models, "-t", "t.npy", "--dimensions", "d.npy", "--dimension-labels", "l.txt",
                  "--levels", "fine.txt", "coarse.txt")
    assert ran.code == 0
    assert max(map(len, ran.out.splitlines())) <= width
    assert all(word in ran.out for word in ("food-related", "animals", "tools and", "fine", "border", "all"))
    assert ("difference" in ran.out) == (len(models) > 1)


def test_the_best_concept_stands_first(command, human):
    ran = command("concepts", "x.npy", "-t", "t.npy", "--dimensions", "d.npy")
    found = json.loads(command("concepts", "x.npy", "-t", "t.npy", "--dimensions", "d.npy", "--json").out)
    order = sorted(found["results"][0]["concepts"], key=lambda row: -row["accuracy"])
    assert [line.split()[0] for line in ran.out.splitlines()[1:4]] == [row["concept"] for row in order]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "--dimensions, --categories or --levels says what the concepts are"),
        (
            ("--categories", "coarse.txt", "--limit", "2"),
            "--limit 2 applies only to human dimensions: add --dimensions",
        ),
        (("--levels", "fine.txt"), "--levels takes two files, FINE COARSE; got 1"),
        (("--dimensions", "y.npy"), "dimensions must hold finite numbers from 0 up"),
        (("--dimensions", "d.npy", "--dimension-labels", "fine.txt"), "dimension_labels must be one for each of 3"),
        (("--dimensions", "missing.npy"), "missing.npy"),
        (("--dimensions", "d.npy", "--ci", "none", "--minimum", "9"), "--minimum 9 applies only to intervals"),
        (("--dimensions", "d.npy", "--choice-column", "none"), "concepts needs human choices"),
        (("--dimensions", "d.npy", "--measure", "cosin"), "measure must be one of"),
    ],
)
def test_what_is_wrong_is_one_line_and_nothing_is_written(command, human, words, told, folder, listing):
    before = listing(folder)
    ran = command("concepts", "x.npy", "-t", "t.npy", *words, "--out", "o")
    assert ran.code == 1 and told in ran.err and len(ran.err.splitlines()) == 1
    assert listing(folder) == before


def test_a_data_set_brings_the_labels_of_its_dimensions(command, human, folder):
    pytest.importorskip("tomllib", reason="tomllib came with Python 3.11")
    place = folder / "mine"
    place.mkdir()
    np.save(place / "d.npy", human)
    (place / "l.txt").write_text("\n".join(LABELS) + "\n")
    (place / "dataset.toml").write_text('[embeddings]\nfile = "d.npy"\ndimensions = "l.txt"\n')
    ran = command("concepts", "x.npy", "-t", "t.npy", "--dimensions", "dataset:./mine", "--json", "--quiet")
    assert [row["concept"] for row in json.loads(ran.out)["results"][0]["concepts"]] == list(LABELS)


def test_labels_that_a_data_set_cannot_give_are_told_of(command, data, folder, monkeypatch):
    things = folder / "sets" / "things"
    things.mkdir(parents=True)
    for name in ("unique_id.txt", "spose_embedding_66d_sorted.txt"):
        (things / name).symlink_to(data / "things" / name)
    monkeypatch.setenv("PYALIGN_DATA", str(folder / "sets"))
    np.save("clip.npy", np.load(data / "things" / "clip_vit_b32.npy"))
    np.save("some.npy", np.load(data / "things" / "human_triplets_127304.npy")[:2000, :3])
    words = ("concepts", "clip.npy", "-t", "some.npy", "--dimensions", "dataset:spose66", "--ci", "none")
    (things / "spose_66d_labels.txt").write_text("food\ntools\n")
    assert "dimensions are numbered: dataset:spose66: there must be 66 labels" in command(*words).err
    (things / "spose_66d_labels.txt").write_text("\n".join(f"concept {k}" for k in range(66)))
    ran = command(*words)
    assert "numbered" not in ran.err and "concept 0 " in ran.out


def test_no_pictures_may_be_asked_for_where_there_would_be_none(command, folder, x):
    np.save("d.npy", np.abs(x))
    words = ("concepts", "x.npy", "-t", "t.npy", "--dimensions", "d.npy", "--ci", "none", "--quiet")
    plain, without = command(*words), command(*words, "--figures", "none")
    assert (without.code, without.out) == (0, plain.out) and plain.code == 0
    assert "--figures svg applies only to the folder of results: add --out" in command(*words, "--figures", "svg").err


def test_names_of_a_file_are_those_of_dimensions_too_and_categories_without_names_are_noted(command, human, folder):
    triplets = np.load("t.npy")[:, :3]
    names = [f"object {k}" for k in range(30)]
    (folder / "names.txt").write_text("\n".join(names) + "\n")
    (folder / "kinds.csv").write_text(
        "\n".join(f"{name},c{k // 10}" for k, name in reversed([*enumerate(names)])) + "\n"
    )
    (folder / "t.csv").write_text("\n".join(",".join(names[item] for item in row) for row in triplets) + "\n")
    on = ("concepts", "x.npy", "--ci", "none", "--json", "--quiet")
    named = command(*on, "-t", "t.csv", "--names", "names.txt", "--dimensions", "d.npy")
    numbered = command(*on, "-t", "t.npy", "--dimensions", "d.npy")
    assert named.code == numbered.code == 0
    assert json.loads(named.out)["results"][0]["concepts"] == json.loads(numbered.out)["results"][0]["concepts"]
    by_name = json.loads(command(*on, "-t", "t.csv", "--names", "names.txt", "--categories", "kinds.csv").out)
    by_row = json.loads(command(*on, "-t", "t.csv", "--names", "names.txt", "--categories", "coarse.txt").out)
    assert by_name["results"][0]["concepts"] == by_row["results"][0]["concepts"]
    assert "the categories have no names: row i is taken for object i" in by_row["notes"]
    assert not any("categories" in note for note in by_name.get("notes", []))
    for other in (("score",), ("consistency", "y.npy")):  # they say it too
        told = command(*other, "x.npy", "-t", "t.csv", "--names", "names.txt", "--categories", "coarse.txt").err
        assert "note: the categories have no names: row i is taken for object i" in told

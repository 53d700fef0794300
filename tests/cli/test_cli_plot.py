"""`pyalign plot`: what it writes is what `pyalign.plot` draws."""

from __future__ import annotations

import numpy as np
import pytest
from support import reals

import pyalign
from pyalign.report.charts.save import rendered

pytest.importorskip("altair", reason="altair is not installed")
pytest.importorskip("vl_convert", reason="vl-convert is not installed")

ITEMS = 30


@pytest.fixture
def human(folder):
    """Human dimensions h.npy with labels l.txt, names n.txt, categories c.txt and a result r.json, in the folder."""
    values = np.abs(reals(3, ITEMS, 3))
    np.save("h.npy", values)
    (folder / "l.txt").write_text("food\ntools\nred\n")
    (folder / "n.txt").write_text("".join(f"object {k}\n" for k in range(ITEMS)))
    (folder / "c.txt").write_text(
        "".join(f"{'animal' if k % 3 else ''}\n" if k % 3 else "tool\n" for k in range(ITEMS))
    )
    found = pyalign.score_concepts(
        np.load("x.npy"), np.load("t.npy"), values, dimension_labels=["food", "tools", "red"]
    )
    (folder / "r.json").write_text(found.to_json())
    return values


def test_the_picture_of_a_document(folder, human, command):
    ran = command("plot", "r.json", "--out", "a.svg", "--limit", 2)
    assert (ran.code, ran.out, ran.err) == (0, "wrote a.svg\n", "")
    drawn = pyalign.plot("r.json", limit=2)
    assert (folder / "a.svg").read_bytes() == rendered(drawn, ".svg")


@pytest.mark.parametrize("suffix", ["html", "png", "pdf"])
def test_other_formats(folder, human, suffix, command):
    assert command("plot", "r.json", "--out", f"a.{suffix}").code == 0
    starts = {"html": b"<!doctype html>", "png": b"\x89PNG", "pdf": b"%PDF"}
    assert (folder / f"a.{suffix}").read_bytes().startswith(starts[suffix])


def test_cards_of_dimensions(folder, human, command):
    words = ["--dimensions", "h.npy", "--dimension-labels", "l.txt", "--names", "n.txt", "-t", "t.npy"]
    assert command("plot", "--chart", "cards", *words, "--out", "a.svg").code == 0
    names = [f"object {k}" for k in range(ITEMS)]
    given = {"dimension_labels": ["food", "tools", "red"], "names": names, "triplets": np.load("t.npy")}
    assert (folder / "a.svg").read_bytes() == rendered(pyalign.plot(dimensions=human, **given), ".svg")


def test_the_numbers_of_a_picture_are_no_formulas_where_that_is_asked_for(folder, human, command):
    (folder / "n.txt").write_text("".join(f"=object {k}\n" for k in range(ITEMS)))
    words = ["--embeddings", "x.npy", "--names", "n.txt"]
    assert command("plot", *words, "--out", "a.svg", "--csv", "a.csv").code == 0
    plain = (folder / "a.csv").read_text()
    x = pyalign.Embeddings(np.load("x.npy"), [f"=object {k}" for k in range(ITEMS)], "x.npy")
    pyalign.plot(embeddings=x, csv="c.csv", csv_escape=True)
    assert plain.count("=object") == ITEMS
    assert (folder / "c.csv").read_text() == plain.replace("=object", "'=object")


def test_a_map_of_embeddings(folder, human, command):
    words = ["--embeddings", "x.npy", "--names", "n.txt", "--categories", "c.txt", "--seed", "1"]
    assert command("plot", "--chart", "map", *words, "--out", "a.svg").code == 0
    svg = (folder / "a.svg").read_text()
    assert "PCA of x.npy" in svg and ">tool<" in svg and ">animal<" in svg


def test_two_searches_are_drawn_side_by_side(folder, human, command):
    np.save("y.npy", reals(8, ITEMS, 4))
    for name in "xy":
        command("neighbors", "search", f"{name}.npy", "--names", "n.txt", "-k", 3, "--json", f"{name}.json")
    words = ("--query", "object 4", "object 2", "--out", "a.svg")
    assert command("plot", "x.json", "y.json", *words).code == 0
    drawn = pyalign.plot(["x.json", "y.json"], queries=["object 4", "object 2"])
    assert (folder / "a.svg").read_bytes() == rendered(drawn, ".svg")


def test_what_is_wrong_is_one_line_and_writes_nothing(folder, human, refused, command):
    ran = command("plot", "r.json", "--out", "a.gif")
    assert ran.code == 2 and "must end in .html, .svg, .png, .pdf; got '.gif'" in ran.err
    assert "kind 'map' needs embeddings" in refused("plot", "r.json", "--chart", "map", "--out", "a.svg")
    assert "--seed 1 applies only to a map" in refused("plot", "r.json", "--seed", 1, "--out", "a.svg")
    assert "is the same file as" in refused("plot", "a.svg", "--out", "a.svg")
    refused("plot", "l.txt", "--out", "a.svg")
    refused("plot", "none.json", "--out", "a.svg")
    refused("plot", "--dimensions", "h.npy", "--images", "none", "--out", "a.svg")


def test_images_that_are_missing_are_notes(folder, human, command):
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    (folder / "images").mkdir()
    image.new("RGB", (9, 9)).save("images/object 1.png")
    words = ["--dimensions", "h.npy", "--names", "n.txt", "--images", "images", "--out", "a.svg"]
    ran = command("plot", *words)
    assert ran.code == 0 and "objects have no image" in ran.err and ran.err.startswith("note: ")
    assert command("plot", *words, "--quiet").err == ""


def test_an_unknown_option_is_named_and_not_taken_for_a_result_without_a_picture(folder, command):
    assert command("score", "x.npy", "-t", "t.npy", "--json", "x.json").code == 0
    ran = command("plot", "x.json", "--color", "red", "--out", "a.svg")
    assert ran.code == 2 and "unrecognized arguments: --color" in ran.err and "pyalign plot --help" in ran.err
    assert command("plot", "x.json", "--seed", 3, "--out", "a.svg").err == (
        "pyalign plot: error: --seed 3 applies only to a map: add --embeddings\n"
    )


def test_several_results_in_one_picture_with_its_numbers_beside(folder, command, refused):
    np.save("y.npy", reals(8, ITEMS, 4))
    for name in "xy":
        assert command("score", f"{name}.npy", "-t", "t.npy", "--json", f"{name}.json").code == 0
    ran = command("plot", "x.json", "y.json", "--chart", "accuracy", "--out", "a.svg", "--csv", "a.csv")
    assert (ran.code, ran.out) == (0, "wrote a.svg, a.csv\n")
    drawn = pyalign.plot(["x.json", "y.json"], out="b.svg", csv="b.csv")
    assert (folder / "a.svg").read_bytes() == (folder / "b.svg").read_bytes() == rendered(drawn, ".svg")
    text = (folder / "a.csv").read_text()
    assert text == (folder / "b.csv").read_text() and text.startswith("item,model,value,low,high,n\n")
    scores = {name: pyalign.load_result(f"{name}.json").results[0] for name in "xy"}
    assert {line.split(",")[0]: float(line.split(",")[2]) for line in text.splitlines()[1:]} == {
        name: one.accuracy for name, one in scores.items()
    }
    told = refused("plot", "x.json", "y.json", "--chart", "cka", "--out", "c.svg")
    assert "no picture of kind 'cka' in a result of 'score'" in told
    ran = command("plot", "x.json", "--out", "c.svg", "--csv", "c.txt")
    assert ran.code == 2 and "expected a name that ends in .csv" in ran.err and not (folder / "c.svg").exists()
    (folder / "x.json").write_text((folder / "x.json").read_text().replace('"accuracy"', '"precision"'))
    assert "a damaged result of 'score'" in refused("plot", "x.json", "y.json", "--out", "c.svg")
    assert not (folder / "c.svg").exists()


@pytest.mark.parametrize("source", ["x.npy", "E"])
def test_embeddings_in_the_place_of_a_result_are_told_their_option(command, folder, source):
    (folder / "E").mkdir()
    ran = command("plot", source, "--chart", "rdm", "--out", "r.svg")
    assert ran.code == 1 and len(ran.err.splitlines()) == 1 and "Traceback" not in ran.err
    assert ran.err.endswith("a result is a .json document, and --embeddings EMB draws embeddings\n")

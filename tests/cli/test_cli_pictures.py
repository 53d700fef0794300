"""`--out DIR` of commands whose results have pictures: document, tables and pictures agree, all of them or none."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from xml.etree import ElementTree

import numpy as np
import pytest
from support import reals

import pyalign

pytest.importorskip("altair", reason="altair is not installed")
pytest.importorskip("vl_convert", reason="vl-convert is not installed")

ITEMS = 30
NAMES = [f"object_{k}" for k in range(ITEMS)]
CONCEPTS = ("concepts", "x.npy", "y.npy", "-t", "t.npy", "--dimensions", "d.npy", "--dimension-labels", "l.txt",
            "--names", "n.txt")
PREDICT = ("dimensions", "predict", "x.npy", "y.npy", "--dimensions", "d.npy", "--dimension-labels", "l.txt")
NEIGHBORS = ("neighbors", "search", "x.npy", "--names", "n.txt", "-k", "4")


@pytest.fixture
def human(folder):
    """Human dimensions d.npy, their labels l.txt, names n.txt, another model y.npy, in the folder."""
    values = np.random.default_rng(3).gamma(0.5, size=(ITEMS, 3))
    np.save("d.npy", values)
    np.save("y.npy", reals(8, ITEMS, 4))
    (folder / "l.txt").write_text("food\nanimals\ntools\n")
    (folder / "n.txt").write_text("\n".join(NAMES) + "\n")
    return values


@pytest.fixture
def images(folder):
    """An image for each object in images/; that of the first is broken."""
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    (folder / "images").mkdir()
    for k, name in enumerate(NAMES):
        image.new("RGB", (8, 8), (8 * k, 0, 255)).save(folder / "images" / f"{name}.png")
    (folder / "images" / f"{NAMES[0]}.png").write_bytes(b"\x89PNG\r\n\x1a\nno more")
    return "images"


@pytest.fixture
def done(command):
    """``done(*words)``: the command, without an error."""

    def run(*words):
        ran = command(*words)
        assert ran.code == 0, ran.err
        return ran

    return run


def shown(page, *fields):
    """The rows of a page's specification that have these fields."""
    start = page.index('vegaEmbed("#figure", ') + len('vegaEmbed("#figure", ')
    spec, _ = json.JSONDecoder().raw_decode(page[start:])
    return [row for rows in spec["datasets"].values() for row in rows if all(field in row for field in fields)]


def points(page):
    return {
        (row["item"], row["model"]): (row["value"], row["low"], row["high"]) for row in shown(page, "item", "model")
    }


def labels(svg):
    """What the marks of a picture say to a screen reader."""
    return [one.get("aria-label") for one in ElementTree.fromstring(svg).iter() if one.get("aria-label")]


def test_pictures_of_concepts_show_the_numbers_of_the_document(done, human, folder):
    done(*CONCEPTS, "--out", "o", "--quiet")
    assert {one.name for one in (folder / "o").iterdir()} == {
        "concepts.json", "concepts.csv", "differences.csv", "concepts.html", "concepts.svg", "cards.html", "cards.svg"
    }
    document = json.loads((folder / "o/concepts.json").read_text())
    expected = {
        (row["concept"], one["embeddings"].removesuffix(".npy")): (row["accuracy"], *(row["ci"] or (None, None)))
        for one in document["results"] for row in one["concepts"]
    }
    found = points((folder / "o/concepts.html").read_text())
    assert {key: found[key] for key in expected} == expected
    differences = {row["concept"]: row["difference"] for row in document["differences"]}
    assert {item: value[0] for (item, model), value in found.items() if model == "x - y"} == differences
    said = labels((folder / "o/concepts.svg").read_bytes())
    for (concept, model), (value, *_) in expected.items():
        assert any(label.startswith(f"{concept}, {model}: {100 * value:.1f}%") for label in said)


def test_cards_have_names_labels_and_the_shares_of_the_document(done, human, folder):
    done(*CONCEPTS, "--out", "o", "--quiet")
    (first, *_) = json.loads((folder / "o/concepts.json").read_text())["results"]
    page = (folder / "o/cards.html").read_text()
    shares = {row["label"].partition(". ")[2]: row["share"] for row in shown(page, "share", "label")}
    assert shares == {row["concept"]: row["n_triplets"] / first["n_triplets"] for row in first["concepts"]}
    best = {NAMES[row] for k in range(3) for row in np.argsort(-human[:, k], kind="stable")[:8]}
    assert {row["name"] for row in shown(page, "uri", "below")} == best


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"assign": "product"}, "has its largest product here"),
        ({"top": 2}, "has this dimension among the 2 it has most of"),
        ({"top": 2, "assign": "product"}, "has this dimension among the 2 whose products are largest"),
    ],
)
def test_cards_say_how_choices_were_assigned(human, folder, options, told):
    found = pyalign.score_concepts(np.load("x.npy"), np.load("t.npy"), human, **options)
    pyalign.plot(found, "cards", dimensions=human, out="cards.svg")
    assert told in ElementTree.fromstring((folder / "cards.svg").read_bytes())[1].text


def test_each_way_of_grouping_has_a_picture_and_categories_no_cards(done, human, folder):
    (folder / "c.txt").write_text("\n".join(f"c{k % 4}" for k in range(ITEMS)) + "\n")
    done(*CONCEPTS, "--categories", "c.txt", "--out", "o", "--figures", "svg", "--quiet")
    drawn = {one.name for one in (folder / "o").iterdir() if one.suffix == ".svg"}
    assert drawn == {"concepts-dimensions.svg", "concepts-categories.svg", "cards.svg"}
    done("concepts", "x.npy", "-t", "t.npy", "--categories", "c.txt", "--out", "p", "--figures", "svg", "--quiet")
    assert {one.name for one in (folder / "p").iterdir()} == {"concepts.svg", "concepts.csv", "concepts.json"}


def test_predictions_are_written_with_their_picture_and_need_no_triplets(done, human, folder, x):
    done(*PREDICT, "--out", "o", "--quiet", "--figures", "html", "svg")
    assert {one.name for one in (folder / "o").iterdir()} == {
        "predict.json", "predict.csv", "predictions.npy", "dimensions.html", "dimensions.svg"
    }
    document = json.loads((folder / "o/predict.json").read_text())
    expected = pyalign.predict_dimensions({"x.npy": x, "y.npy": np.load("y.npy")}, human,
                                          labels=["food", "animals", "tools"]).to_dict()
    assert document["results"] == json.loads(json.dumps(expected["results"]))
    assert "n_triplets" not in document and "accuracy" not in document["results"][0]
    found = points((folder / "o/dimensions.html").read_text())
    assert found == {
        (row["dimension"], one["embeddings"].removesuffix(".npy")): (row["r2"], *row["ci"])
        for one in document["results"] for row in one["dimensions"]
    }
    assert (folder / "o/predict.csv").read_text() == pyalign.load_result("o/predict.json").to_csv()


def test_a_gallery_has_the_neighbors_of_the_document_and_their_images(done, human, images, folder):
    ran = done(*NEIGHBORS, "--query", "object_3", "object_5", "--out", "o", "--images", images)
    assert {one.name for one in (folder / "o").iterdir()} == {
        "neighbors.json", "neighbors.csv", "gallery.html", "gallery.svg"
    }
    rows = json.loads((folder / "o/neighbors.json").read_text())["results"]
    tiles = [row for row in shown((folder / "o/gallery.html").read_text(), "uri", "below") if row["frame"] != "query"]
    assert [(row["name"], row["below"].splitlines()[-1]) for row in tiles] == [
        (row["neighbor"], f"{row['similarity']:.3f}") for row in rows
    ]
    assert all(row["uri"].startswith("data:image/jpeg") for row in tiles if row["name"] != NAMES[0])
    assert len(re.findall("<image", (folder / "o/gallery.svg").read_text())) >= 8
    assert ran.err.count("note:") <= 1  # where the broken one is among the neighbors


def test_a_gallery_after_a_map_has_the_search_before_beside_it(done, human, folder):
    np.savez("w.npz", weights=np.eye(6, 3), bias=np.zeros(3), mean=0.0, std=1.0)
    done(*NEIGHBORS, "--query", "object_3", "--transform", "w.npz", "--out", "o", "--figures", "html")
    tiles = [row["name"] for row in shown((folder / "o/gallery.html").read_text(), "uri", "below")]
    before, after = (json.loads((folder / f"o/{name}.json").read_text()) for name in ("neighbors_before", "neighbors"))
    assert tiles == ["object_3", *(row["neighbor"] for one in (before, after) for row in one["results"])]
    assert [row["row"] for row in before["results"]] != [row["row"] for row in after["results"]]
    assert "by x and by x after w" in (folder / "o/gallery.html").read_text()
    assert set(after["outputs"]) == {"neighbors.csv", "neighbors_before.json", "gallery.html"}


def test_a_gallery_of_every_row_shows_the_first_and_says_so(done, human, folder):
    ran = done(*NEIGHBORS, "--out", "o", "--figures", "html")
    assert ran.err == "note: the gallery shows the first 12 of 30 queries: --query chooses\n"
    tiles = shown((folder / "o/gallery.html").read_text(), "uri", "below")
    assert [row["name"] for row in tiles if row["frame"] == "query"] == NAMES[:12]
    assert len(json.loads((folder / "o/neighbors.json").read_text())["results"]) == 4 * ITEMS


def test_a_broken_image_is_one_note_in_whatever_formats(done, human, images):
    np.save("d.npy", np.eye(3)[np.arange(ITEMS) % 3] * np.arange(ITEMS, 0, -1.0)[:, None])  # the first has most
    ran = done(*CONCEPTS, "--out", "o", "--images", images)
    assert ran.err.count(f"1 image can't be shown: {NAMES[0]}") == 1


def test_the_document_has_the_digest_of_every_picture(done, human, folder):
    for words, name in ((CONCEPTS, "concepts"), (PREDICT, "predict"), (NEIGHBORS, "neighbors")):
        done(*words, "--out", name, "--quiet", "--figures", "svg", "png")
        outputs = pyalign.load_result(f"{name}/{name}.json").outputs
        files = {one.name for one in (folder / name).iterdir()} - {f"{name}.json"}  # named from where the document is
        assert set(outputs) == files and any(one.endswith(".png") for one in files)
        for one, digest in outputs.items():
            assert hashlib.sha256((folder / name / one).read_bytes()).hexdigest() == digest


@pytest.mark.parametrize("words", [CONCEPTS, PREDICT, NEIGHBORS], ids=["concepts", "predict", "neighbors"])
class TestWithout:
    def test_no_pictures_where_none_are_asked_for(self, done, human, folder, words):
        done(*words, "--out", "o", "--figures", "none", "--quiet")
        assert {one.suffix for one in (folder / "o").iterdir()} - {".npy"} == {".json", ".csv"}

    @pytest.mark.parametrize(("package", "distribution"), [("altair", "altair"), ("vl_convert", "vl-convert-python")])
    def test_the_extra_a_note_says_what_to_install(
        self, done, human, folder, words, package, distribution, monkeypatch
    ):
        monkeypatch.setitem(sys.modules, package, None)
        ran = done(*words, "--out", "o")
        assert {one.suffix for one in (folder / "o").iterdir()} - {".npy"} == {".json", ".csv"}
        assert ran.err.count("note: no pictures in o: a ") == 1 and f"pip install {distribution}" in ran.err.replace(
            "'", ""
        )

    def test_the_extra_pictures_that_are_asked_for_are_an_error_before_the_work(
        self, refused, human, words, monkeypatch
    ):
        monkeypatch.setitem(sys.modules, "altair", None)
        monkeypatch.setattr("pyalign.cli._inputs.read_models", lambda *_: pytest.fail("read before"))
        message = refused(*words, "--out", "o", "--figures", "svg")
        assert "pip install altair" in message.replace("'", "")

    def test_a_place_for_all_of_them_there_is_none(self, command, human, folder, words, monkeypatch, listing):
        (folder / "o").mkdir()
        before = listing(folder)
        monkeypatch.setattr("pyalign.report.plot.rendered", _fails)
        ran = command(*words, "--out", "o", "--figures", "svg")
        assert ran.code == 1 and "the disk is full" in ran.err and listing(folder) == before
        monkeypatch.undo()
        monkeypatch.chdir(folder)
        (folder / "o" / ("gallery.svg" if words is NEIGHBORS else "dimensions.svg" if words is PREDICT else "cards.svg"
                         )).mkdir()
        before = listing(folder)
        ran = command(*words, "--out", "o")
        assert ran.code == 1 and ".svg: Is a directory" in ran.err and listing(folder) == before


def _fails(*_, **__):
    raise OSError(28, "the disk is full")


WRONG = {
    "--figures svg applies only to the folder of results: add --out": (*NEIGHBORS, "--figures", "svg"),
    "--images images applies only to the folder of results: add --out": (*NEIGHBORS, "--images", "images"),
    "--figures none can't be combined with other formats; got svg none": (*CONCEPTS, "--out", "o", "--figures", "svg",
    "none"),
    "--images images applies only to figures, and --figures none omits them": (
        *CONCEPTS, "--out", "o", "--images", "images", "--figures", "none"
    ),
    "--images images applies only to human dimensions: add --dimensions": (
        "concepts", "x.npy", "-t", "t.npy", "--categories", "l.txt", "--out", "o", "--images", "images"
    ),
    "empty: holds no images": (*NEIGHBORS, "--out", "o", "--images", "empty"),
    "./cards.svg is the same file as cards.svg": (
        "concepts", "x.npy", "-t", "t.npy", "--dimensions", "d.npy", "--names", "cards.svg", "--out", "."
    ),
    "--out ./concepts.json is the same file as --json concepts.json": (
        *CONCEPTS, "--out", ".", "--json", "concepts.json"
    ),
    "images/gallery.svg is the same file as images/gallery.svg": (*NEIGHBORS, "--out", "images", "--images", "images"),
    "--choice-column 3 applies only to triplets: add --triplets": (*PREDICT, "--choice-column", "3"),
}


@pytest.mark.parametrize("message", WRONG)
def test_what_is_wrong_is_one_line_and_nothing_is_written(refused, human, images, folder, message):
    (folder / "empty").mkdir()
    (folder / "cards.svg").write_text("\n".join(NAMES) + "\n")
    (folder / "images/gallery.svg").write_text("<svg/>")
    assert message in refused(*WRONG[message])


def test_without_predict_triplets_are_required(command, human):
    ran = command("concepts", "x.npy", "--dimensions", "d.npy")
    assert ran.code == 2 and "the following arguments are required: -t/--triplets" in ran.err


def test_a_folder_of_rsa_has_the_matrices_and_their_pictures(done, command, human, folder):
    matrices = np.abs(np.subtract.outer(human[:, 0], human[:, 0])) + np.random.default_rng(0).random((2, 1, 1))
    np.save("rdms.npy", matrices)
    (folder / "kinds.txt").write_text("".join(f"kind {k % 2}\n" for k in range(ITEMS)))
    words = ("rsa", "y.npy", "--names", "n.txt", "--item-names", "n.txt", "--human", "rdms.npy", "--kind",
             "dissimilarity", "--ci", "none")
    done(*words, "--categories", "kinds.txt", "--out", "rsa", "--figures", "svg")
    assert sorted(path.name for path in (folder / "rsa").iterdir()) == [
        "mds.svg", "rdm.svg", "rsa.csv", "rsa.json", "rsa.svg"
    ]
    document = json.loads((folder / "rsa" / "rsa.json").read_text())
    assert document["rdms"]["objects"] == NAMES and len(document["rdms"]["matrices"]) == 2
    assert "lines separate categories" in (folder / "rsa" / "rdm.svg").read_text()
    done("plot", "rsa/rsa.json", "--chart", "rdm", "--limit", "5", "--out", "rdm.svg", "--csv", "rdm.csv")
    assert len((folder / "rdm.csv").read_text().splitlines()) == 1 + 2 * 10
    done(*words, "--json", "bare.json")
    refused = command("plot", "bare.json", "--chart", "rdm", "--out", "x.svg")
    assert refused.code != 0 and refused.err.endswith("'pyalign rsa --out DIR' keeps what it needs\n")
    refused = command(*words, "--categories", "kinds.txt")
    assert refused.code != 0 and "--categories kinds.txt applies only to the folder of results" in refused.err


def test_families_of_concepts_are_rows_of_the_command(done, command, human, folder):
    np.save("z.npy", reals(9, ITEMS, 4))
    done("concepts", "x.npy", "y.npy", "z.npy", *CONCEPTS[3:], "--families", "a", "b", "b", "--json", "c.json")
    found = pyalign.load_result("c.json")
    assert [row.embeddings for row in found.results][-2:] == ["mean of a", "mean of b"]
    assert [row.other for row in found.differences if row.embeddings == "mean of a"] == ["mean of b"] * 3
    models = "x.npy", "vgg16.npy", "vgg19.npy"
    for name in models[1:]:
        np.save(name, reals(9, ITEMS, 4))
    told = done("concepts", *models, *CONCEPTS[3:], "--families", "--json", "c.json").err
    assert "the metadata of vgg16.npy (torchvision:vgg16/IMAGENET1K_V1), vgg19.npy" in told
    names = [row.embeddings for row in pyalign.load_result("c.json").results]
    assert names[-2:] == ["mean of x.npy", "mean of VGG"]  # a model without a row is a family of its own
    refused = command("concepts", "vgg16.npy", "vgg19.npy", *CONCEPTS[3:], "--families")
    assert refused.code != 0 and "families must be at least two different ones; got only 'VGG'" in refused.err
    refused = command("concepts", "x.npy", "y.npy", *CONCEPTS[3:], "--families")
    assert refused.code != 0 and "(pyalign models list --metadata) has none of x.npy, y.npy" in refused.err
    refused = command("concepts", "x.npy", "y.npy", *CONCEPTS[3:], "--families", "a")
    assert refused.code != 0 and "families must be one per model (2); got 1" in refused.err

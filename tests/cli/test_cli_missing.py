"""`--missing omit`: embeddings of some of the objects that people judged."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from support import reals, write_folder

import pyalign

NAMES = [f"bat{k}" for k in range(30)]
SOME = NAMES[5:25]
MODELS = ("a.npz", "b.npz")
ON = ("-t", "t.npy", "--item-names", "ids.txt")
FITS = ("--penalty", "0.1")
COMMANDS = {
    "score": ("score", *MODELS, *ON),
    "compare": ("compare", *MODELS, *ON),
    "calibrate": ("calibrate", *MODELS, *ON, "--split", "none"),
    "calibrate, a concept embedding": ("calibrate", "a.npz", *ON, "--split", "none", "--human", "e.npz"),
    "agreement": ("calibrate", *MODELS, *ON, "--answers", "counts.npy", "--temperature", 1),
    "failures": ("failures", *MODELS, *ON),
    "consistency": ("consistency", *MODELS, *ON, "--dimensions", "d.npz", "--minimum", "5"),
    "concepts": ("concepts", *MODELS, *ON, "--dimensions", "d.npz", "--minimum", "5"),
    "dimensions predict": ("dimensions", "predict", *MODELS, *ON, "--dimensions", "d.npz"),
    "recover": ("recover", *MODELS, *ON, "--temperature", "1", "--simulations", "2", "--count", "20"),
    "rsa": ("rsa", *MODELS, "--human", "human.npy", "--kind", "dissimilarity", "--item-names", "ids.txt"),
    "probe": ("probe", "a.npz", *ON, "--folds", "2", *FITS),
    "glocal": ("probe", "a.npz", *ON, "--split", "none", "--other-embeddings", "i.npy", "--out", "w.npz", *FITS),
}
TOLD = "10 of 30 objects have no row"


@pytest.fixture
def files(folder, x, triplets):
    """Embeddings a and b of 20 of the 30 objects, dimensions d of all; answers by the rows, but for some noise."""
    odd = pyalign.odd_one_out(x + 0.3 * reals(9, *x.shape), triplets)
    answered = np.array([[1, 2, 0], [0, 2, 1], [0, 1, 2]])[odd]
    np.save("t.npy", np.take_along_axis(triplets, answered, axis=1))
    np.savez("a.npz", features=x[5:25][::-1], names=np.array(SOME[::-1]))
    np.savez("b.npz", features=x[5:25, :3], names=np.array(SOME))
    np.savez("d.npz", features=np.abs(x), names=np.array(NAMES))
    np.savez("e.npz", features=x[3:], names=np.array(NAMES[3:]))
    np.save("counts.npy", np.random.default_rng(1).integers(1, 9, triplets.shape))
    np.save("human.npy", np.abs(reals(2, 435)))
    np.save("i.npy", reals(3, 40, x.shape[1]))
    Path("ids.txt").write_text("".join(f"{name}\n" for name in NAMES))
    return folder


def require_packages(name):
    if "probe" in name or "glocal" in name:
        pytest.importorskip("scipy", reason="scipy is not installed")


@pytest.mark.parametrize("name", COMMANDS)
def test_the_command_leaves_out_what_has_no_row(command, files, name):
    require_packages(name)
    ran = command(*COMMANDS[name], "--missing", "omit", "--json", "doc.json")
    assert ran.code == 0
    kept = np.isin(np.load("t.npy"), np.arange(5, 25)).all(axis=1).sum()
    coverage = json.loads(Path("doc.json").read_text())["coverage"]
    told = {"n_pairs": 190, "of_pairs": 435} if name == "rsa" else {"n_triplets": kept, "of_triplets": 400}
    assert coverage.items() >= {"of_objects": 30, **told}.items() and coverage["n_objects"] <= 20
    assert f"note: {TOLD}" in ran.err and " left out (no row)" in ran.out
    assert pyalign.load_result("doc.json").coverage.of_objects == 30


@pytest.mark.parametrize("name", COMMANDS)
def test_by_default_the_error_names_the_option(refused, files, name):
    require_packages(name)
    message = refused(*COMMANDS[name])
    assert "(10 of 30 items have no row); " in message and "--missing omit" in message


def test_choices_are_in_the_places_of_all_triplets(command, files):
    ran = command("score", "a.npz", *ON, "--missing", "omit", "--choices", "c.npy", "--probabilities", "p.npy")
    assert ran.code == 0
    kept = np.isin(np.load("t.npy"), np.arange(5, 25)).all(axis=1)
    assert (np.load("c.npy")[~kept] == -2).all() and (np.load("c.npy")[kept] >= 0).all()
    np.testing.assert_array_equal(np.isnan(np.load("p.npy")), np.broadcast_to(~kept[:, None], (400, 3)))


def test_images_of_some_objects_are_one_row_each(command, files, x):
    write_folder("E", {"penultimate": x[5:25].repeat(2, axis=0)}, [f"{n}/{n}_{k}.jpg" for n in SOME for k in (1, 2)])
    words = ("score", "E", *ON, "--per-object", "first", "--json", "doc.json")
    ran = command(*words)
    assert ran.code == 1 and "(10 of 30 items have no row, by their file names without number); " in ran.err
    assert "--missing omit" in ran.err
    assert command(*words, "--missing", "omit").code == 0
    found = json.loads(Path("doc.json").read_text())["results"][0]
    command("score", "a.npz", *ON, "--missing", "omit", "--json", "doc.json")
    assert found["accuracy"] == json.loads(Path("doc.json").read_text())["results"][0]["accuracy"]


def test_choices_of_a_model_have_no_rows(command, files):
    np.save("c.npy", np.zeros(400, int))
    words = ("score", "--model-choices", "c.npy", "-t", "t.npy")
    ran = command(*words, "--missing", "omit")
    assert "note: --missing omit has no effect here: choices have no rows\n" in ran.err
    assert ran.out == command(*words).out


def test_500_of_the_1854_objects_of_things(command, data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = (data / "things" / "unique_id.txt").read_text().split()
    some = np.random.default_rng(0).permutation(len(names))[:500]
    np.savez("some.npz", features=np.load(data / "things" / "clip_vit_b32.npy")[some], names=np.array(names)[some])
    words = ("-t", str(data / "things" / "human_triplets_127304.npy"), "--columns", "0,1,2", "--subject-column", "3",
             "--item-names", str(data / "things" / "unique_id.txt"))
    ran = command("score", "some.npz", *words)
    assert ran.code == 1 and "(1354 of 1854 items have no row); " in ran.err and "--missing omit" in ran.err
    ran = command("score", "some.npz", *words, "--missing", "omit", "--json", "doc.json")
    assert ran.code == 0 and "note: 1,354 of 1,854 objects have no row (" in ran.err
    found = json.loads(Path("doc.json").read_text())
    assert found["coverage"]["of_triplets"] == 127304 and 0.4 < found["results"][0]["accuracy"] < 0.6


def test_a_first_row_that_may_be_a_header_is_asked_about(refused, command, folder, x, triplets):
    (folder / "names.txt").write_text("".join(f"item_{k}\n" for k in range(len(x))))
    rows = "".join(f"item_{a},item_{b},item_{c}\n" for a, b, c in triplets)
    (folder / "headed.csv").write_text(f"eins,zwei,drei\n{rows}")
    words = ("score", "x.npy", "--names", "names.txt", "-t", "headed.csv")
    assert refused(*words).endswith("; is the first row a header (--columns I,J,K)?")
    assert command(*words, "--columns", "eins,zwei,drei").code == 0

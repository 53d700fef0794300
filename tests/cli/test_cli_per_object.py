"""`--per-object`: several images of one object are one row of a command's embeddings."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from support import write_folder

import pyalign
from pyalign.data import fingerprint

OBJECTS = [f"bat{k}" for k in range(30)]


@pytest.fixture
def images(folder, x):
    """E: two images of each object around its row in x.npy, in any order; and names of the items."""
    rng = np.random.default_rng(0)
    apart = rng.integers(-4, 5, x.shape).astype(np.float32)
    values = np.concatenate([x + apart, x - apart])
    names = [f"{name}/{name}_{k:02}s.jpg" for k in (1, 2) for name in OBJECTS]
    order = rng.permutation(60)
    write_folder("E", {"penultimate": values[order]}, [names[k] for k in order])
    np.savez("objects.npz", features=x[::-1], names=np.array(OBJECTS[::-1]))
    Path("ids.txt").write_text("".join(f"{name}\n" for name in OBJECTS))
    return pyalign.load_embeddings("E")


@pytest.fixture
def scored(command):
    def run(*args):
        ran = command("score", *args, "-t", "t.npy", "--json", "--quiet")
        assert (ran.code, ran.err) == (0, "")
        return json.loads(ran.out)

    return run


def test_images_need_a_choice_and_the_message_proposes_it(refused, images):
    message = refused("score", "E", "-t", "t.npy", "--item-names", "ids.txt")
    assert message.startswith("E: no row is named 'bat0', 'bat1'")
    assert message.endswith("--per-object mean or --per-object first makes one row of the images of an object")


@pytest.mark.parametrize("how", ["mean", "first"])
def test_the_rows_are_those_of_the_method(scored, images, how):
    document = scored("E", "--item-names", "ids.txt", "--per-object", how)
    x, note = images.per_object(how, OBJECTS)
    expected = pyalign.score(x, pyalign.load_triplets("t.npy", item_names=OBJECTS))
    (row,) = document["results"]
    assert (row["accuracy"], row["cross_entropy"]) == (expected.accuracy, expected.cross_entropy)
    assert f"E: {note}" in document["notes"]
    assert f"by their file names without number: the {how} of 2 images each" in note


def test_what_was_chosen_is_recorded_and_the_rows_are_hashed(scored, images):
    document = scored("E", "--item-names", "ids.txt", "--per-object", "first")
    assert document["provenance"]["options"]["command_line"]["per_object"] == "first"
    inputs = document["results"][0]["provenance"]["inputs"]
    found = next(one for one in inputs if one["source"] == "E")
    assert found["shape"] == [30, 6]
    assert found["sha256"] == fingerprint(images.per_object("first", OBJECTS)[0].values)


def test_without_item_names_folders_decide_and_numbers_are_objects_in_their_order(scored, images):
    document = scored("E", "--per-object", "mean")
    x, _ = images.per_object("mean")
    assert document["results"][0]["accuracy"] == pyalign.score(x.values, np.load("t.npy")).accuracy
    assert any("item numbers are taken as row numbers of E" in note for note in document["notes"])


def test_the_names_of_images_are_no_order_of_items(scored, images, x):
    np.save("images.npy", images.values)
    Path("images.txt").write_text("".join(f"{name}\n" for name in images.names))
    document = scored("images.npy", "--names", "images.txt", "--per-object", "mean")
    assert document["results"][0]["accuracy"] == scored("E", "--per-object", "mean")["results"][0]["accuracy"]


def test_objects_by_folder_say_which_rows_of_other_embeddings_are_objects(command, images):
    """bat1 and bat2 are no images of bat."""
    ran = command("compare", "E", "objects.npz", "-t", "t.npy", "--per-object", "mean", "--json", "--quiet")
    assert (ran.code, ran.err) == (0, "")
    document = json.loads(ran.out)
    assert "objects.npz: each of 30 rows is an object of its own, by their names" in document["notes"]
    assert document["pairs"][0]["difference"] == pytest.approx(0, abs=0.02)


def test_rows_without_names_are_objects_beside_others_and_refused_alone(scored, refused, images):
    document = scored("E", "x.npy", "--item-names", "ids.txt", "--per-object", "mean")
    assert "x.npy: its rows have no names: --per-object mean takes each for an object" in document["notes"]
    assert document["results"][0]["accuracy"] == pytest.approx(document["results"][1]["accuracy"], abs=0.02)
    assert refused("score", "x.npy", "-t", "t.npy", "--per-object", "mean") == (
        "x.npy: --per-object mean needs the names of the rows: --names FILE"
    )


def test_items_without_an_image_are_told(refused, images):
    Path("other.txt").write_text("".join(f"{name}\n" for name in ["unicorn", *OBJECTS[1:]]))
    message = refused("score", "E", "-t", "t.npy", "--item-names", "other.txt", "--per-object", "mean")
    assert message.startswith("E: no row is of 'unicorn' (1 of 30 items have no row, by their file names")


@pytest.mark.parametrize("name", ["calibrate", "calibrate, agreement", "failures", "probe", "probe, one fit"])
def test_every_command_that_reads_names_takes_it(command, images, x, name):
    pytest.importorskip("scipy")
    np.save("t.npy", pyalign.sample_triplets(x, 400, temperature=0.5))
    np.save("c.npy", np.tile([1, 2, 7], (400, 1)))
    more = {
        "calibrate, agreement": ("--answers", "c.npy", "--temperature", 1),
        "calibrate": ("--human", "objects.npz"),
        "failures": ("objects.npz",),
        "probe": ("--penalty", "1"),
        "probe, one fit": ("--other-embeddings", "x.npy", "--split", "none", "--out", "w.npz"),
    }[name]
    ran = command(name.partition(",")[0], "E", *more, "-t", "t.npy", "--item-names", "ids.txt", "--per-object", "mean")
    assert ran.code == 0, ran.err
    assert "60 rows become 30 objects" in ran.err


@pytest.mark.parametrize("split", ["objects", "none"])
def test_fits_take_the_column_of_names_that_is_asked_for(command, folder, x, split):
    pytest.importorskip("scipy")
    rows = [f"{OBJECTS[k]},image{k},{','.join(map(repr, row))}" for k, row in enumerate(x.tolist())]
    Path("two.csv").write_text("\n".join(rows) + "\n")
    more = ("--penalty", "1") if split == "objects" else ("--other-embeddings", "x.npy", "--out", "w.npz")
    assert command("probe", "two.csv", "--split", split, *more, "-t", "t.npy", "--name-column", "0").code == 0

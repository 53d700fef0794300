"""Commands take folders of `pyalign extract` wherever they take embeddings."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from support import write_folder

import pyalign
from pyalign.cli import score as score_command
from pyalign.data import fingerprint

NAMES = [f"object{k:02}/object{k:02}_01b.jpg" for k in range(30)]
ITEMS = "".join(f"object{k:02}\n" for k in range(30))


@pytest.fixture
def extracted(folder, x):
    """E, with the layers penultimate (as x.npy) and logits."""
    return write_folder("E", {"penultimate": x, "logits": x[:, ::-1] ** 2}, NAMES)


def test_a_layer_scores_as_its_matrix(results, extracted):
    plain, layer = results(embeddings=["x.npy", "E::penultimate"])
    assert (layer["accuracy"], layer["cross_entropy"]) == (plain["accuracy"], plain["cross_entropy"])
    assert layer["embeddings"] == "E::penultimate"


def test_item_names_find_rows_by_the_names_of_their_images(command, extracted):
    Path("ids.txt").write_text(ITEMS)
    ran = command("score", "E::penultimate", "-t", "t.npy", "--item-names", "ids.txt", "--json", "--quiet")
    document = json.loads(ran.out)
    assert document["notes"][0] == (
        "items are found by the stems of the rows' names: 'object00' is 'object00/object00_01b.jpg'"
    )


def test_the_document_says_which_layer_it_was_with_its_hash(command, extracted, x):
    document = json.loads(command("score", "E::penultimate", "-t", "t.npy", "--json", "--quiet").out)
    (row,) = document["results"]
    found = next(one for one in row["provenance"]["inputs"] if one["source"] == "E::penultimate")
    assert (found["sha256"], found["shape"]) == (fingerprint(x), [30, 6])


def test_without_a_layer_one_line_lists_them(score_refused, extracted):
    assert score_refused(embeddings=["E"]) == (
        "E: holds several layers, choose one as E::LAYER, or take each as a model: "
        "E::penultimate E::logits: penultimate (30, 6) float32, logits (30, 6) float32"
    )
    assert score_refused(embeddings=["E::conv"]).startswith("E: has no array 'conv'; it holds penultimate (30, 6)")


def test_every_command_takes_a_layer(command, extracted, x):
    pytest.importorskip("scipy")
    layer, on = "E::penultimate", ("-t", "t.npy")
    np.savez("w.npz", weights=np.eye(6, dtype="f4"), mean=0.0, std=1.0)
    np.save("t.npy", pyalign.sample_triplets(x, 400, temperature=0.5))
    np.save("c.npy", np.tile([1, 2, 7], (400, 1)))
    for words in (
        ("score", layer, *on),
        ("compare", layer, "E::logits", *on),
        ("calibrate", layer, *on),
        ("calibrate", layer, *on, "--human", "E::logits"),
        ("failures", layer, "E::logits", *on),
        ("calibrate", layer, *on, "--answers", "c.npy", "--temperature", 1),
        ("export", layer, "--transform", "w.npz", "--out", "z.npy"),
        ("triplets", "draw", layer, "--count", "50", "--out", "s.npy"),
        ("triplets", "simulate", "sim", "--embeddings", layer, "--count", "50"),
        ("describe", layer),
    ):
        ran = command(*words)
        assert ran.code == 0, ran.err
    assert np.array_equal(np.load("z.npy"), np.load("x.npy"))


@pytest.mark.parametrize("split", ["objects", "none"])
def test_maps_are_fitted_to_a_layer(command, extracted, split):
    pytest.importorskip("scipy")
    others = ("--other-embeddings", "E::penultimate") if split == "none" else ("--penalty", "1")
    ran = command("probe", "E::penultimate", "-t", "t.npy", "--split", split, *others, "--out", "w.npz", "--quiet")
    assert ran.code == 0, ran.err


def test_describe_tells_layers_names_and_model(command, extracted):
    lines = [" ".join(line.split()) for line in command("describe", "E").out.splitlines()]
    assert lines[:4] == ["E", "model timm:resnet50", "penultimate", "seems embeddings"]
    assert "read it by pyalign score --embeddings E::logits --triplets TRIPLETS" in lines
    assert lines.count(f"names {', '.join(NAMES[:3])}, ...") == 2
    assert "seems names" in lines
    document = json.loads(command("describe", "E", "--json").out)
    assert document["model"] == "timm:resnet50"
    assert [one["key"] for one in document["arrays"]] == ["penultimate", "logits", "names"]
    assert "model" not in json.loads(command("describe", "x.npy", "--json").out)


@pytest.mark.parametrize("spec", ["E", "E::names"])
def test_the_names_of_a_folder_serve_as_names(results, extracted, spec):
    rows = results("--names", spec, embeddings=["x.npy"])
    assert rows[0]["accuracy"] == results(embeddings=["x.npy"])[0]["accuracy"]


# Outputs


@pytest.mark.parametrize("name", ["logits.npy", "penultimate.npy", "manifest.json"])
def test_an_output_is_none_of_the_files_of_the_folder(refused, extracted, name):
    flag = "--json" if name.endswith(".json") else "--choices"
    message = refused("score", "E::penultimate", "-t", "t.npy", flag, f"E/../E/{name}")
    assert message == f"{flag} E/../E/{name} is the same file as {name} of E::penultimate"


def test_a_simulation_replaces_no_layer_that_it_reads(refused, folder, x):
    write_folder("E", {"embeddings": x}, NAMES)
    assert refused("triplets", "simulate", "E", "--embeddings", "E") == (
        "the output E/embeddings.npy is the same file as embeddings.npy of E"
    )


def test_another_output_may_stand_in_the_folder(command, extracted):
    assert command("score", "E::penultimate", "-t", "t.npy", "--json", "E/score.json").code == 0
    assert json.loads(Path("E/score.json").read_text())["command"] == "score"


# Files that change

BETWEEN = """
import os, sys
from pyalign.cli import main, score
real = score.score
def changed(*args, **options):
    os.truncate('E/wide.npy', 4096)
    return real(*args, **options)
score.score = changed
sys.exit(main())
"""


@pytest.mark.compiled
def test_a_layer_that_is_cut_short_is_told_in_one_line(process, extracted, x):
    write_folder("E", {"wide": np.tile(x, (1, 300))}, NAMES)
    ran = process("score", "E", "-t", "t.npy", "--json", "o.json", program=[sys.executable, "-c", BETWEEN])
    told = "pyalign score: error: E: wide.npy was cut short while it was read\n"
    assert (ran.returncode, ran.stdout, ran.stderr) == (1, "", told)
    assert not Path("o.json").exists()


@pytest.mark.parametrize("name", ["penultimate.npy", "names.txt", "manifest.json"])
def test_a_file_of_the_folder_that_is_saved_over_is_told(command, extracted, monkeypatch, name):
    real = score_command.score
    changed = lambda *args, **options: os.utime(f"E/{name}", (1, 1)) or real(*args, **options)  # noqa: E731
    monkeypatch.setattr(score_command, "score", changed)
    ran = command("score", "E::penultimate", "-t", "t.npy", "--quiet")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == f"pyalign score: error: E: {name} was changed while it was read\n"

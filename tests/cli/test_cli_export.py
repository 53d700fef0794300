"""`pyalign export`: embeddings in another format, with names, and the specification of the model."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from support import write_folder

from pyalign.io import load_embeddings, read_names
from pyalign.io.embeddings import WRITERS

NAMES = [f"object{k // 2}/{k}, a.jpg" for k in range(30)]


@pytest.fixture
def extracted(folder, x):
    more = {"preprocessing": {"size": [3, 224, 224], "mean": [0.5, 0.5, 0.5]}, "weights": "a1_in1k"}
    return write_folder("E", {"penultimate": x, "logits": x[:, :2]}, NAMES, **more)


@pytest.mark.parametrize("suffix", WRITERS)
def test_a_layer_becomes_a_file_with_names(command, extracted, x, suffix):
    if suffix == ".parquet":
        pytest.importorskip("pyarrow")
    ran = command("export", "E::penultimate", "--out", f"y{suffix}")
    names = "names in y.names.txt" if suffix == ".npy" else "with names"
    assert (ran.code, ran.err, ran.out) == (0, "", f"y{suffix}: 30 x 6 float32, {names}\n")
    found = load_embeddings(f"y{suffix}", names=read_names("y.names.txt") if suffix == ".npy" else None)
    assert found.names == tuple(NAMES)
    np.testing.assert_array_equal(found.values, x)


def test_rows_of_one_object_and_names_from_elsewhere(command, folder, x):
    Path("images.txt").write_text("".join(f"{name}\n" for name in NAMES))
    ran = command("export", "x.npy", "--names", "images.txt", "--per-object", "mean", "--out", "y.npz")
    assert ran.out == "y.npz: 15 x 6 float32, with names\n"
    assert ran.err == "note: x.npy: 30 rows become 15 objects, by their folders: the mean of 2 images each\n"
    found = load_embeddings("y.npz")
    assert found.names == tuple(f"object{k}" for k in range(15))
    np.testing.assert_allclose(found.values, x.reshape(15, 2, 6).mean(axis=1, dtype=float), rtol=1e-6)
    quiet = ("--names", "images.txt", "--per-object", "first", "--out", "y.npz", "--quiet")
    assert command("export", "x.npy", *quiet).err == ""


def test_a_column_of_names_is_chosen(command, folder):
    Path("two.csv").write_text("dog,a,1,2\ncat,b,3,4\n")
    assert command("export", "two.csv", "--name-column", "1", "--out", "y.csv").code == 0
    assert Path("y.csv").read_text() == 'name,f0,f1\n"a",1.0,2.0\n"b",3.0,4.0\n'


def test_what_has_no_names_says_so(command, folder):
    assert command("export", "x.npy", "--out", "y.npy").out == "y.npy: 30 x 6 float32, no names\n"
    assert not Path("y.names.txt").exists()


def test_a_specification_is_written_as_json(command, extracted):
    ran = command("export", "E::logits", "--out", "model.json")
    assert ran.out == "model.json: the specification of the model\n"
    spec = json.loads(Path("model.json").read_text())
    assert [spec[key] for key in ("model_name", "source", "weights", "layer", "embedding", "input_size", "output_dim")
            ] == ["resnet50", "timm", "a1_in1k", "logits", "mean", [224, 224], 2]
    assert command("export", "E::penultimate", "--out", "other.json").code == 0
    assert json.loads(Path("other.json").read_text())["output_dim"] == 6


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("x.npy", "--out", "m.json"), "x.npy: --out m.json needs a folder of pyalign extract"),
        (("E", "--out", "m.json"), "E: layer must be one of penultimate, logits; none was chosen"),
        (("E::fc", "--out", "m.json"), "E: layer must be one of penultimate, logits; got 'fc'"),
        (("E::logits", "--out", "E/logits.npy"), "--out E/logits.npy is the same file as logits.npy of E::logits"),
        (("x.npy", "--per-object", "mean", "--out", "y.npz"), "x.npy: --per-object mean needs the names of the rows"),
        (
            ("E::logits", "--out", "y.npy", "--names", "y.names.txt"),
            "--out (its names) y.names.txt is the same file as y.names.txt",
        ),
    ],
)
def test_what_is_refused(refused, extracted, words, said):
    Path("y.names.txt").write_text("".join(f"{name}\n" for name in NAMES))
    assert refused("export", *words).startswith(said)


def test_names_that_a_format_does_not_hold_are_told(refused, folder, x):
    np.savez("odd.npz", features=x, names=np.array([" a", *NAMES[1:]]))
    message = refused("export", "odd.npz", "--out", "y.csv")
    assert message.endswith("y.csv: names must be one line without blanks at its ends; row 0 is ' a'")


def test_another_extension_is_a_usage_error(command, folder):
    ran = command("export", "x.npy", "--out", "y.h5")
    assert (ran.code, ran.out) == (2, "")
    assert "expected a name that ends in .npy, .npz, .safetensors, .parquet, .csv; got 'y.h5'" in ran.err
    assert command("export", "x.npy", "--out", "model.txt").code == 2

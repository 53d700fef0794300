"""The folder of `pyalign extract`: its layers are read, and what its manifest says is believed of nothing else."""

from __future__ import annotations

import copy
import json
import os
import shutil

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support import reals, write_folder

from pyalign.errors import InputError
from pyalign.io import load_embeddings, load_triplets, read_names
from pyalign.io.contents import contents
from pyalign.io.folder import folder_files

NAMES = ("ant/ant_01b.jpg", "ant/ant_02s.jpg", "b c/tab\there.jpg", "d/ä, 1.jpg", " e")
LAYERS = {"penultimate": reals(1, 5, 4), "logits": reals(2, 5, 3)}
READERS = (load_embeddings, lambda path: load_embeddings(path, key="logits"), read_names, lambda p: list(contents(p)))


@pytest.fixture
def folder(tmp_path):
    return write_folder(tmp_path / "E", LAYERS, NAMES)


@pytest.fixture
def changed(folder):
    """``changed(n_rows=3)``: the folder, its manifest with other keys; ``layer={...}`` changes the first layer."""

    def change(layer=None, **keys):
        path = folder / "manifest.json"
        document = {**json.loads(path.read_text()), **keys}
        document["layers"][0].update(layer or {}) if layer else None
        path.write_text(json.dumps(document))
        return folder

    return change


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_is_mapped_and_has_the_names_of_its_rows(folder, name):
    found = load_embeddings(folder, key=name)
    assert isinstance(found.values, np.memmap) and not found.values.flags.writeable
    np.testing.assert_array_equal(found.values, LAYERS[name])
    assert (found.names, found.source, found.notes) == (NAMES, f"{folder}::{name}", ())


def test_the_only_layer_needs_no_name(tmp_path):
    folder = write_folder(tmp_path / "E", {"penultimate": LAYERS["penultimate"]}, NAMES)
    found = load_embeddings(str(folder))
    assert (found.shape, found.names, found.source) == ((5, 4), NAMES, str(folder))
    assert load_embeddings(f"{folder}/").names == NAMES


def test_several_layers_are_listed(folder, refused):
    message = refused(load_embeddings, folder)
    assert message == (
        f"holds several layers, choose one as {folder}::LAYER, or take each as a model: "
        f"{folder}::penultimate {folder}::logits: penultimate (5, 4) float32, logits (5, 3) float32"
    )
    assert refused(load_embeddings, folder, key="conv") == (
        "has no array 'conv'; it holds penultimate (5, 4) float32, logits (5, 3) float32"
    )
    assert refused(load_embeddings, folder, name_column=0).startswith("a folder has no columns of names")


def test_a_layer_of_more_axes_says_that_it_wants_pooling(tmp_path, refused):
    folder = write_folder(tmp_path / "E", {"conv": np.ones((5, 2, 3, 3), "f4"), "x": LAYERS["logits"]}, NAMES)
    assert "got (5, 2, 3, 3); pool or flatten" in refused(load_embeddings, folder, key="conv")
    assert load_embeddings(folder, key="x").shape == (5, 3)


def test_a_layer_may_be_called_as_names_are(tmp_path):
    folder = write_folder(tmp_path / "E", {"names": LAYERS["logits"], "features": LAYERS["penultimate"]}, NAMES)
    assert load_embeddings(folder, key="names").names == NAMES
    assert load_embeddings(folder, key="features").shape == (5, 4)


def test_names_alone_are_read_from_a_folder_and_triplets_are_not(folder, refused):
    assert read_names(folder) == NAMES
    assert refused(load_triplets, folder) == "is a folder, not a file"


def test_given_names_put_the_rows_in_order(folder):
    found = load_embeddings(folder, key="logits", names=NAMES[::-1])
    np.testing.assert_array_equal(found.values, LAYERS["logits"][::-1])
    assert "rows are put in the order of the names that were given" in found.notes[0]


# What is no folder of it


@pytest.mark.parametrize("read", READERS)
def test_other_folders_say_what_they_are_not(tmp_path, refused, read):
    assert refused(read, tmp_path) == "is a folder without manifest.json: no output of pyalign extract"
    (tmp_path / "embedding.npz").touch()
    assert refused(read, tmp_path).endswith(f"; did you mean {tmp_path / 'embedding.npz'}?")
    (tmp_path / ".unfinished").mkdir()
    assert refused(read, tmp_path) == "is an unfinished extraction: go on with extract(..., resume=True)"


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"command": "score"}, "manifest.json: is no manifest of pyalign extract"),
        ({"schema": 2}, "manifest.json: schema must be 1 for this version; got 2"),
        ({"schema": True}, "schema must be 1"),
        ({"n_rows": "5"}, "n_rows must be a positive whole number; got '5'"),
        ({"n_rows": 4}, "layer 'penultimate' must have n_rows 4 rows; its shape is [5, 4]"),
        ({"model": None}, "model must be text; got None"),
        ({"layers": {}}, "layers must be a list of at least one; got {}"),
        ({"layers": [1]}, "a layer must be an object; got 1"),
        ({"names": "../names.txt"}, "names must be the name of a file in the folder; got '../names.txt'"),
        ({"names": None}, "names must be the name of a file in the folder; got None"),
        ({"names": "absent.txt"}, "absent.txt: is not there, and manifest.json names it"),
        ({"layer": {"name": ""}}, "the name of a layer must be a word; got ''"),
        ({"layer": {"name": "\x1b[2J"}}, "the name of a layer must be a word"),
        ({"layer": {"name": "logits"}}, "layers must differ; 'logits' occurs 2 times"),
        ({"layer": {"file": "logits.npy"}}, "files of layers must differ; 'logits.npy' occurs 2 times"),
        ({"layer": {"file": "x.pkl"}}, "the file of layer 'penultimate' must end in .npy; got 'x.pkl'"),
        ({"layer": {"shape": [5, 9]}}, "penultimate.npy: holds (5, 4) float32, and manifest.json says (5, 9) float32"),
        ({"layer": {"dtype": "float64"}}, "holds (5, 4) float32, and manifest.json says (5, 4) float64"),
        ({"layer": {"dtype": 4}}, "the dtype of layer 'penultimate' must be text; got 4"),
        ({"layer": {"shape": [5, -1]}}, "must be a list of whole numbers; got [5, -1]"),
        ({"layer": {"shape": [True, 4]}}, "must be a list of whole numbers"),
        ({"layer": {"shape": []}}, "must be a list of whole numbers; got []"),
    ],
    ids=str,
)
def test_what_a_manifest_does_wrong_is_said(changed, refused, keys, said):
    assert said in refused(load_embeddings, changed(**keys), key="penultimate")


@pytest.mark.parametrize(
    "name", ["/etc/x.npy", "a/x.npy", "..", "", "a\\x.npy", "c:x.npy", "x\0.npy", "é" * 200, "\ud800"]
)
def test_a_file_is_named_within_the_folder_or_refused(changed, refused, name):
    message = refused(load_embeddings, changed(layer={"file": name}), key="penultimate")
    assert message.startswith("manifest.json: the file of layer 'penultimate' must be the name of a file in the folder")


@pytest.mark.parametrize("name", ["penultimate.npy", "names.txt", "manifest.json"])
def test_links_are_not_followed(folder, tmp_path, refused, name):
    shutil.move(folder / name, tmp_path / name)
    os.symlink(tmp_path / name, folder / name)
    message = refused(load_embeddings, folder, key="penultimate")
    assert message == f"{name}: is a link, which is not followed out of the folder"


@pytest.mark.parametrize("name", ["penultimate.npy", "names.txt", "manifest.json"])
def test_pipes_and_empty_files_are_refused(folder, refused, name):
    (folder / name).unlink()
    (folder / name).touch()
    assert refused(load_embeddings, folder, key="penultimate") == f"{name}: is empty (0 bytes)"
    (folder / name).unlink()
    os.mkfifo(folder / name)
    assert refused(load_embeddings, folder, key="penultimate") == f"{name}: is not a regular file"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a\nb\n", "holds 2 names for 5 rows"),
        ("a\n" * 9, "holds more than 5 names for 5 rows"),
        ("a\n\nb\nc\nd\n", "line 2 has no name"),
        ("a\0\nb\nc\nd\ne\n", "line 1 holds a NUL byte"),
    ],
)
def test_names_are_one_for_each_row(folder, refused, text, said):
    (folder / "names.txt").write_text(text)
    assert refused(load_embeddings, folder, key="logits").startswith(f"names.txt: {said}")


def test_names_that_are_not_utf8_are_refused(folder, refused):
    (folder / "names.txt").write_bytes(b"\xff\n" * 5)
    assert refused(load_embeddings, folder, key="logits").startswith("names.txt: is not UTF-8 text")


def test_a_damaged_array_is_told_with_its_name(folder, refused):
    os.truncate(folder / "penultimate.npy", 140)
    assert refused(load_embeddings, folder, key="penultimate").startswith("penultimate.npy: is truncated: ")
    assert load_embeddings(folder, key="logits").shape == (5, 3)


def test_a_manifest_has_a_bound(folder, refused, monkeypatch):
    path = folder / "manifest.json"
    path.write_text(path.read_text()[:-1] + f', "more": [{"0, " * 1_100_000}0]}}')
    assert refused(load_embeddings, folder) == "manifest.json: must be a document of at most 1000000 values"
    with open(path, "r+") as file:
        file.truncate(40 << 20)
    assert "must be a document of at most 33554432 bytes; got 41943040" in refused(load_embeddings, folder)


def test_the_files_of_a_folder_are_those_of_its_manifest(folder):
    assert folder_files(folder) == ("manifest.json", "names.txt", "penultimate.npy", "logits.npy")
    (folder / "manifest.json").write_text("[")
    assert folder_files(folder) == ("manifest.json",)


# Any other manifest

MANIFEST = {
    "command": "extract", "schema": 1, "version": "0", "model": "timm:resnet50", "names": "names.txt", "n_rows": 5,
    "layers": [{"name": name, "file": f"{name}.npy", "shape": [5, v.shape[1]], "dtype": "float32"}
               for name, v in LAYERS.items()],
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inside: st.lists(inside, max_size=4) | st.dictionaries(st.text(max_size=5), inside, max_size=4),
    max_leaves=8,
)
PLACES = [
    *[(key,) for key in MANIFEST], *[("layers", 0, key) for key in MANIFEST["layers"][0]], ("layers", 0),
    ("layers", 1, "shape", 0), ("layers", 1, "shape", 1),
]


def all_readers_refuse_in_one_line_or_read(folder):
    for read in READERS:
        try:
            read(folder)
        except InputError as error:
            message = str(error)
            assert message.startswith(f"{folder}: ") and len(message.splitlines()) == 1 and message.isprintable()


@given(place=st.sampled_from(PLACES), value=JSON)
@example(place=("names",), value="penultimate.npy")
@example(place=("names",), value="manifest.json")
@example(place=("layers", 0, "file"), value="manifest.json")
@example(place=("n_rows",), value=10**400)
def test_any_value_anywhere_in_a_manifest_is_one_line_or_read(tmp_path, place, value):
    folder = write_folder(tmp_path / "E", LAYERS, NAMES)
    document = copy.deepcopy(MANIFEST)
    inside = document
    for key in place[:-1]:
        inside = inside[key]
    inside[place[-1]] = value
    (folder / "manifest.json").write_text(json.dumps(document))
    all_readers_refuse_in_one_line_or_read(folder)


@given(st.binary(max_size=40) | JSON.map(lambda value: json.dumps(value).encode()))
@example(b"[" * 100_000)
@example(b'{"command": "extract", "schema": ' + b"9" * 5000 + b"}")
@example(b'{"command": "extract", "schema": NaN}')
def test_any_text_in_place_of_a_manifest_is_one_line(tmp_path, raw):
    folder = write_folder(tmp_path / "E", LAYERS, NAMES)
    (folder / "manifest.json").write_bytes(raw)
    all_readers_refuse_in_one_line_or_read(folder)

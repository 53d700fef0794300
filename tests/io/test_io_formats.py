"""A format is one row of a table, whatever is read from it."""

from __future__ import annotations

import re
import runpy
import sys
import types
from pathlib import Path

import numpy as np
import pytest

from pyalign._registry import load
from pyalign.io import formats, load_embeddings, load_triplets, read_answers, read_names, read_subjects
from pyalign.io.arrays import Entry

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def toy(monkeypatch):
    """A format ``.toy``: lines of ``name = Python literal``, read by a module that nothing has imported."""
    module = types.ModuleType("toy_format")

    def entries(path):
        arrays = {}
        for line in Path(path).read_text().splitlines():
            key, _, value = line.partition(" = ")
            arrays[key] = np.array(eval(value))
        kind = {"U": "str"}
        return {key: Entry(a.shape, kind.get(a.dtype.kind, a.dtype.name), lambda a=a: a) for key, a in arrays.items()}

    module.entries = entries
    monkeypatch.setitem(sys.modules, "toy_format", module)
    monkeypatch.setitem(formats.FORMATS, ".toy", formats.Reader("toy_format:entries"))


def test_a_new_format_is_one_row_and_serves_every_kind_of_data(tmp_path, toy):
    path = tmp_path / "x.toy"
    path.write_text(
        "x = [[0.5, 1.5], [2.5, 3.5]]\nt = [[0, 1, 2], [2, 1, 0]]\nnames = ['dog', 'cat']\n"
        "counts = [[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]]\nwho = [7, 3]\n"
    )
    x = load_embeddings(path, key="x")
    assert (x.values.tolist(), x.names) == ([[0.5, 1.5], [2.5, 3.5]], ("dog", "cat"))
    assert load_triplets(path).values.tolist() == [[0, 1, 2], [2, 1, 0]]
    assert read_answers(path, key="counts").tolist() == [[0, 1, 2], [2, 1, 0]]
    assert read_names(path) == ("dog", "cat")
    assert read_subjects(path, key="who").labels == ("3", "7")


def test_without_the_row_it_is_unknown(tmp_path, refused):
    (tmp_path / "x.toy").write_text("x = 1")
    for read in (load_embeddings, load_triplets, read_answers, read_names, read_subjects):
        assert "unknown extension '.toy'" in refused(read, tmp_path / "x.toy")


def test_every_row_names_a_function_that_is_there():
    for reader in formats.FORMATS.values():
        assert callable(load(reader.function))


def test_each_format_is_in_the_places_that_contributing_names():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    section = text.partition("## To add a reader")[2].partition("## ")[0]
    places = re.findall(r"^\d\. .*?`([\w/.]+)`", section, re.MULTILINE)
    assert len(places) == len(re.findall(r"^\d\. ", section, re.MULTILINE)) == 6 and "Six places" in section
    assert all((ROOT / place.replace("PACKAGE", "h5py")).exists() for place in places)
    valid = runpy.run_path(str(ROOT / "tests" / "fuzz" / "attempt.py"))["VALID"]
    fuzzed = {formats.FORMATS[suffix].function for suffix in valid if suffix in formats.FORMATS}
    page = (ROOT / "docs" / "files.md").read_text(encoding="utf-8")
    for suffix, reader in formats.FORMATS.items():
        assert reader.function in fuzzed, f"{suffix}: no valid file in tests/fuzz/attempt.py"
        assert f"`{suffix.removesuffix('.gz')}`" in page and "`.gz`" in page, f"{suffix}: docs/files.md"


@pytest.mark.parametrize("suffix", ["npz", "h5", "mat", "pt", "pkl", "safetensors"])
def test_triplets_come_from_files_of_arrays(tmp_path, suffix):
    items = np.array([[0, 1, 2], [5, 4, 3]])
    path = tmp_path / f"t.{suffix}"
    if suffix == "npz":
        np.savez(path, t=items)
    elif suffix == "h5":
        with pytest.importorskip("h5py").File(path, "w") as file:
            file["t"] = items
    elif suffix == "mat":
        pytest.importorskip("scipy.io").savemat(path, {"t": items.astype(float)})
    elif suffix == "pt":
        torch = pytest.importorskip("torch")
        torch.save(torch.from_numpy(items), path)
    elif suffix == "pkl":
        import pickle

        path.write_bytes(pickle.dumps({"a": items}))
    else:
        pytest.importorskip("safetensors.numpy").save_file({"t": items}, path)
    np.testing.assert_array_equal(load_triplets(path).values, items)


def test_names_and_triplets_of_names_come_from_hdf5(tmp_path):
    path = tmp_path / "x.h5"
    with pytest.importorskip("h5py").File(path, "w") as file:
        file["t"], file["names"] = [["dog", "cat", "ä"], ["cat", "ä", "dog"]], ["dog", "ä"]
    found = load_triplets(path, key="t")
    assert (found.values.tolist(), found.names) == ([[1, 0, 2], [0, 2, 1]], ("cat", "dog", "ä"))
    assert read_names(path) == ("dog", "ä")


WHOLE = np.array([[5, 1, 2], [0, 3, 4], [2, 7, 1]])


@pytest.mark.parametrize(
    ("file", "write"),
    [
        ("t.npy", lambda path: np.save(path, WHOLE)),
        ("t.npy", lambda path: np.save(path, np.column_stack([WHOLE, [1, 0, 2]]).astype(np.uint16))),
        ("t.npz", lambda path: np.savez(path, t=WHOLE)),
        ("t.csv", lambda path: np.savetxt(path, WHOLE, "%d", ",")),
        ("t.csv", lambda path: path.write_text("image1,image2,image3,choice\n8,3,5,1\n2,9,1,3\n")),
        ("t.txt", lambda path: np.savetxt(path, WHOLE, "%d")),
    ],
)
def test_whole_numbers_in_three_or_four_columns_are_no_embeddings(tmp_path, refused, file, write):
    write(tmp_path / file)
    message = refused(load_embeddings, tmp_path / file)
    assert "whole numbers in 3 or 4 columns are triplets, which load_triplets(path) reads" in message
    assert "must be floats (1.0, not 1)" in message


@pytest.mark.parametrize(
    ("file", "write", "names"),
    [
        ("x.npy", lambda path: np.save(path, WHOLE.astype(np.float32)), None),
        ("x.csv", lambda path: np.savetxt(path, WHOLE, "%.1f", ","), None),
        ("x.csv", lambda path: path.write_text("name,a,b,c\ndog,5,1,2\ncat,0,3,4\nfox,2,7,1\n"), None),
        ("x.npy", lambda path: np.save(path, WHOLE), ("dog", "cat", "fox")),
        ("x.npz", lambda path: np.savez(path, x=WHOLE, names=np.array(["dog", "cat", "fox"])), None),
        ("x.npy", lambda path: np.save(path, WHOLE - 3), None),
        ("x.npy", lambda path: np.save(path, np.eye(3, dtype=np.int8)), None),
        ("x.npy", lambda path: np.save(path, WHOLE[:, :2]), None),
        ("x.npy", lambda path: np.save(path, np.column_stack([WHOLE, WHOLE])), None),
    ],
    ids=["floats", "floats in text", "a column of names", "names", "names beside", "negative", "0 and 1", "two", "six"],
)
def test_what_is_no_table_of_items_is_read_as_embeddings(tmp_path, file, write, names):
    write(tmp_path / file)
    assert len(load_embeddings(tmp_path / file, names=names)) == 3

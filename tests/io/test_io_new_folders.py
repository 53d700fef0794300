"""The folders of what is written are made where they are missing, and go again where nothing is written into them."""

from __future__ import annotations

import os

import numpy as np
import pytest

import pyalign
from pyalign.datasets.simulate import write_sample
from pyalign.errors import InputError
from pyalign.io import write_array, write_files, write_text
from pyalign.io.write import Files
from pyalign.nearest.index import build_index


def score():
    return pyalign.score(np.eye(3), [[0, 1, 2]], measure="dot")


WRITERS = {
    "write_array": lambda folder: write_array(folder / "x.npy", np.eye(2)),
    "write_text": lambda folder: write_text(folder / "x.txt", "x"),
    "write_files": lambda folder: write_files([(folder / "one" / "x.txt", "x"), (folder / "two" / "x.txt", "x")]),
    "write_embeddings": lambda folder: pyalign.write_embeddings(
        folder / "x.npy", pyalign.Embeddings(np.eye(2), ["a", "b"])
    ),
    "write_transform": lambda folder: pyalign.write_transform(
        folder / "w.npz", pyalign.Transform(np.eye(2), None, 0.0, 1.0)
    ),
    "write_report": lambda folder: pyalign.write_report(score(), folder / "report.html"),
    "write_sample": write_sample,
    "plot": lambda folder: pyalign.plot(score(), out=folder / "score.svg"),
    "NeighborIndex.save": lambda folder: build_index(np.eye(3), index="flat").save(folder / "x.index"),
}


@pytest.mark.parametrize("name", WRITERS)
def test_the_folders_of_a_path_are_made(tmp_path, name):
    if name in ("write_report", "plot"):
        pytest.importorskip("vl_convert", reason="vl-convert is not installed")
    WRITERS[name](tmp_path / "new" / "deep")
    assert os.listdir(tmp_path / "new" / "deep")


def test_folders_that_were_made_go_again_where_a_file_cannot_be_written(tmp_path):
    with pytest.raises(InputError):
        write_files([(tmp_path / "new" / "deep" / "a.txt", "a"), (tmp_path / "new" / "b.npy", np.array([None]))])
    assert os.listdir(tmp_path) == []


def test_folders_that_were_there_stay(tmp_path):
    (tmp_path / "empty").mkdir()
    with Files() as pending:
        pending.add(tmp_path / "empty" / "new" / "a.txt", "a")
    assert os.listdir(tmp_path) == ["empty"] and os.listdir(tmp_path / "empty") == []


def test_a_folder_into_which_another_has_written_meanwhile_stays(tmp_path):
    with Files() as pending:
        pending.add(tmp_path / "new" / "a.txt", "a")
        write_text(tmp_path / "new" / "b.txt", "b")
    assert os.listdir(tmp_path / "new") == ["b.txt"]


def test_a_folder_that_cannot_be_made_is_an_error_about_the_path(tmp_path):
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / "new" / "a.txt"
    with pytest.raises(NotADirectoryError) as caught:
        write_text(path, "a")
    assert caught.value.filename == str(path)
    long = tmp_path / "new" / ("x" * 300) / "a.txt"
    with pytest.raises(OSError, match="File name too long") as caught:
        write_text(long, "a")
    assert caught.value.filename == str(long)
    assert os.listdir(tmp_path) == ["file"]

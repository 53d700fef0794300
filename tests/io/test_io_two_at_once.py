"""Two processes that write the same files at once: what stands in the end is of one of them."""

from __future__ import annotations

import fcntl
import os

import pytest
from interleaving import LOCKS, interleaved

from pyalign.errors import InputError
from pyalign.io import write_files

NAMES = ("a.npz", "b.csv", "c.json")


def writing(folder, word):
    def run():
        try:
            write_files([(folder / name, f"{word} {name}") for name in NAMES])
        except InputError as error:
            assert "another process has written there at the same time" in str(error)
            return 1
        return 0

    return run


@pytest.mark.parametrize("locks", LOCKS)
@pytest.mark.parametrize("before", [False, True], ids=["new", "there already"])
def test_files_of_two_processes_that_write_at_once_never_stand_together(tmp_path, locks, before):
    folder, point, was_stopped, refused = tmp_path / "o", 0, True, 0
    while was_stopped:
        if before:
            assert writing(folder, "old")() == 0
        codes, was_stopped = interleaved(writing(folder, "first"), writing(folder, "second"), str(folder), point, locks)
        words = {path.read_text().split()[0] for path in folder.iterdir()}
        assert len(words) <= 1
        if locks == "work":
            assert codes == (0, 0) and len(list(folder.iterdir())) == len(NAMES)
        refused, point = refused + sum(codes), point + 1
        for path in folder.iterdir():
            path.unlink()
    assert point > len(NAMES) and (refused > 0) == (locks != "work")
    assert os.listdir(tmp_path) == ["o"]


def test_one_file_waits_for_nobody(tmp_path):
    descriptor = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    write_files([(tmp_path / "a.txt", "a")])
    os.close(descriptor)
    assert os.listdir(tmp_path) == ["a.txt"]

"""Two processes that write the same files at once: what stands in the end is of one of them."""

from __future__ import annotations

import fcntl
import os

import pytest
from interleaving import LOCKS, code_of, in_a_process, interleaved

from pyalign.errors import InputError
from pyalign.io import write_files
from pyalign.io.write import locked_folder

NAMES = ("a.npz", "b.csv", "c.json")


def writing(folder, word, names=NAMES):
    def run():
        try:
            write_files([(folder / name, f"{word} {name}") for name in names])
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


@pytest.mark.parametrize("names", [NAMES, NAMES[:1]], ids=["the same files", "one file"])
def test_two_processes_that_write_the_same_or_one_file_both_succeed_without_locks(tmp_path, names):
    folder, point, was_stopped = tmp_path / "o", 0, True
    while was_stopped:
        words = ("first", "second") if len(names) == 1 else ("same", "same")
        codes, was_stopped = interleaved(*(writing(folder, word, names) for word in words), str(folder), point, "fail")
        assert codes == (0, 0) and sorted(os.listdir(folder)) == sorted(names)
        point += 1


def test_one_file_waits_for_nobody(tmp_path):
    descriptor = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    write_files([(tmp_path / "a.txt", "a")])
    os.close(descriptor)
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_lock_that_another_process_holds_is_waited_for_no_longer_than_its_bound(tmp_path):
    """Whoever holds it for reasons of its own: the files are moved, and the lock is left as it was."""
    descriptor = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)

    def patient():
        with locked_folder(str(tmp_path), 0.05):
            (tmp_path / "a.txt").write_text("a")
        return 0

    assert code_of(in_a_process(patient)) == 0 and os.listdir(tmp_path) == ["a.txt"]
    other = os.open(tmp_path, os.O_RDONLY)
    with pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(descriptor)
    with locked_folder(str(tmp_path), 0.0), pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(other)

"""Files that appear together, and what killed runs have left of them."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import re
import subprocess

import numpy as np
import pytest

from pyalign.io import write_files, write_text
from pyalign.io.write import AWAY, Files, create_temporary, host_name, run_name, sweep_temporaries

NAME = "x.json.pyalign-{}.tmp"


def ended():
    """The name of a run of this machine whose process has ended."""
    process = subprocess.Popen(["true"])
    process.wait()
    return run_name().replace(f"-{os.getpid()}-", f"-{process.pid}-")


@pytest.fixture
def left(tmp_path):
    """``left("elsewhere", age=10)``: a file of a run that was killed, on another machine or on this one."""

    def make(where=None, age=0.0):
        path = tmp_path / NAME.format("elsewhere-123-0123abcd89abcdef" if where else ended())
        path.write_text("half")
        os.utime(path, (path.stat().st_atime, path.stat().st_mtime - age))
        return path

    return make


def locks_of(kind, monkeypatch):
    """Locks that work; that fail; or that everybody is given, as on some file systems."""

    def flock(*_):
        if kind == "fail":
            raise OSError(errno.ENOLCK, "No locks available")

    if kind != "work":
        monkeypatch.setattr(fcntl, "flock", flock)


@pytest.mark.parametrize("locks", ["work", "fail", "everybody has them"])
def test_what_a_killed_run_has_left_goes_when_the_next_one_writes_there(tmp_path, left, locks, monkeypatch):
    locks_of(locks, monkeypatch)
    there = left()
    write_text(tmp_path / "other.json", "{}")
    assert not there.exists() and os.listdir(tmp_path) == ["other.json"]


@pytest.mark.parametrize("locks", ["work", "fail", "everybody has them"])
def test_what_a_live_run_writes_is_left_alone(tmp_path, locks, monkeypatch):
    locks_of(locks, monkeypatch)
    with create_temporary(str(tmp_path / "x.json")) as handle:
        for _ in range(2):
            write_text(tmp_path / "x.json", "{}")
            assert os.path.exists(handle.name)


@pytest.mark.parametrize("age, stays", [(0.0, True), (AWAY - 60, True), (AWAY + 60, False)])
@pytest.mark.parametrize("locks", ["work", "fail", "everybody has them"])
def test_of_another_machine_only_what_is_old_goes(tmp_path, left, monkeypatch, locks, age, stays):
    locks_of(locks, monkeypatch)
    there = left("elsewhere", age)
    write_text(tmp_path / "x.json", "{}")
    assert there.exists() == stays


def test_what_is_locked_stays_however_old_it_is(tmp_path, left):
    there = left("elsewhere", 2 * AWAY)
    with open(there, "rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        write_text(tmp_path / "x.json", "{}")
        assert there.exists()


def test_a_file_of_any_other_name_or_kind_is_left_alone(tmp_path, left):
    for name in ("x.json.1-2.tmp", "x.tmp", "x.pyalign-host.tmp", NAME.format(ended()) + ".gz"):
        (tmp_path / name).write_text("somebody's")
    (tmp_path / "target").write_text("somebody's")
    (tmp_path / NAME.format("a-1-0123abcd")).symlink_to("target")
    (tmp_path / NAME.format("b-1-0123abcd")).mkdir()
    before = set(os.listdir(tmp_path))
    sweep_temporaries(str(tmp_path), 1e12)
    assert set(os.listdir(tmp_path)) == before


def test_it_is_named_by_host_and_process_and_follows_the_umask(tmp_path):
    with create_temporary(str(tmp_path / "x.json")) as handle:
        name = os.path.basename(handle.name)
    assert re.fullmatch(rf"x\.json\.pyalign-{host_name()}-{os.getpid()}-[0-9a-f]{{16}}\.tmp", name)


@pytest.mark.parametrize("name", ["x" * 250 + ".json", "ü" * 125 + ".json"], ids=["letters", "two bytes each"])
def test_the_longest_names_can_be_written(tmp_path, name):
    write_text(tmp_path / name, "{}")
    assert os.listdir(tmp_path) == [name]


def test_all_are_on_the_disk_before_the_first_is_moved_and_the_last_is_moved_last(tmp_path, monkeypatch):
    done = []
    for name in ("fsync", "replace"):
        real = getattr(os, name)

        def told(*args, name=name, real=real):
            done.append(name if name == "fsync" else os.path.basename(args[1]))
            return real(*args)

        monkeypatch.setattr(os, name, told)
    write_files([(tmp_path / "c.npy", np.arange(3)), (tmp_path / "a.json", "{}"), (tmp_path / "b.csv", "x")])
    assert done == ["fsync"] * 3 + ["c.npy", "a.json", "b.csv", "fsync"]  # the last: of the folder


def test_without_a_commit_nothing_appears(tmp_path):
    with Files() as pending:
        pending.add(tmp_path / "x.json", "{}")
        assert len(os.listdir(tmp_path)) == 1
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    "content", ["ü\n", b"\x00\x01", np.eye(3), np.zeros((0, 2), np.int16)], ids=["text", "bytes", "array", "empty"]
)
def test_the_hash_is_that_of_the_file(tmp_path, content):
    with Files() as pending:
        digest = pending.add(tmp_path / "x", content, hashed=True)
        pending.commit()
    assert digest == hashlib.sha256((tmp_path / "x").read_bytes()).hexdigest()
    with Files() as pending:
        assert pending.add("/dev/null", content, hashed=True) is None

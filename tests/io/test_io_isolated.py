"""Libraries that crash, hang or take all memory do so in a separate process; here one line is left of it."""

from __future__ import annotations

import os
import sys
import time

import numpy as np
import pytest

from pyalign.io import isolated, load_embeddings

FAKE = """
import sys, types
fake = types.ModuleType("pyalign.io._isolated_fake")
exec({source!r}, fake.__dict__)
sys.modules["pyalign.io._isolated_fake"] = fake
import pyalign.io._isolated_channel as own
own.BUSY = 1
"""
SOURCE = """
import os, signal, time
import numpy as np

def fine(channel, path, *told):
    channel.give(np.arange(6.0).reshape(2, 3))
    channel.give(np.empty((0, 2), np.int32))
    return [os.getpid(), *told]

def crash(channel, path):
    os.kill(os.getpid(), signal.SIGSEGV)

def leave(channel, path):
    os._exit(3)

def spin(channel, path):
    while True:
        pass

def sleep(channel, path):
    time.sleep(300)

def eat(channel, path):
    return len(bytearray(1 << 40))

def fail(channel, path):
    raise RuntimeError("the library does not like " + path)

def slow(channel, path):
    start = time.process_time()
    while time.process_time() - start < 2.4:
        channel.progress()
        step = time.process_time()
        while time.process_time() - step < 0.04:
            pass
    return "done"
"""


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """``fake(function, *args)``: what `ask` says of a function of a made-up package."""
    prefix = FAKE.format(source=SOURCE).replace("{", "{{").replace("}", "}}")
    monkeypatch.setattr(isolated, "_CODE", prefix + isolated._CODE)
    monkeypatch.setattr(isolated, "SILENCE", 1.0)
    path = tmp_path / "x.fake"
    path.write_bytes(b"x")
    yield lambda function, *args: isolated.ask(path, "fake", "files", function, *args, kind="made-up")
    worker = isolated._workers.pop((os.getpid(), "fake"), None)
    if worker is not None:
        worker.stop()


def test_a_document_and_arrays_come_back_and_the_process_is_kept(fake):
    (first, *told), (values, empty) = fake("fine", "ä", 3)
    assert told == ["ä", 3] and values.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert empty.shape == (0, 2) and empty.dtype == np.int32
    values += 1  # the memory is ours
    (second,), _ = fake("fine")
    assert first == second != os.getpid()


@pytest.mark.parametrize(
    ("function", "said"),
    [
        ("crash", "reading it crashes: SIGSEGV"),
        ("leave", "reading it crashes: exit 3"),
        ("spin", "reading it does not end"),
        ("sleep", "reading it does not end"),
        ("eat", "reading it takes more than 268435458 bytes of memory"),
        ("fail", "the library does not like x.fake"),
    ],
)
def test_whatever_happens_there_is_one_line_and_the_next_file_is_read(fake, tmp_path, refused, function, said):
    start = time.monotonic()
    assert refused(lambda path: fake(function), tmp_path / "x.fake") == f"is not a sound made-up file ({said})"
    assert time.monotonic() - start < 60
    assert fake("fine")[1][0].shape == (2, 3)


def test_who_makes_progress_may_take_long(fake):
    assert fake("slow")[0] == "done"


def test_a_file_is_not_blamed_for_an_earlier_one(fake, tmp_path, refused):
    refused(lambda path: fake("fail"), tmp_path / "x.fake")
    before = isolated._workers[os.getpid(), "fake"]
    assert before.has_failed
    refused(lambda path: fake("crash"), tmp_path / "x.fake")  # asked twice: by the old process, by a new one
    assert before.process.returncode is not None
    (pid,), _ = fake("fine")
    os.kill(pid, 9)
    before = isolated._workers[os.getpid(), "fake"].process.wait()
    assert fake("fine")[1]


def test_the_libraries_are_not_loaded_here(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["features"] = np.eye(2)
    code = "import sys; from pyalign.io import load_embeddings as load; load(sys.argv[1]); print('h5py' in sys.modules)"
    import subprocess

    run = subprocess.run([sys.executable, "-c", code, tmp_path / "x.h5"], capture_output=True, text=True, timeout=60)
    assert (run.stdout, run.stderr) == ("False\n", "")


def test_hdf5_of_several_pieces_and_of_chunks_comes_back_whole(tmp_path, monkeypatch):
    h5py = pytest.importorskip("h5py")
    values = (np.arange(9_000_009) % 1000 / 8).reshape(-1, 3)
    for options in ({}, {"chunks": (70_001, 2), "compression": "gzip", "compression_opts": 1}):
        with h5py.File(tmp_path / "x.h5", "w") as file:
            file.create_dataset("features", data=values, **options)
        np.testing.assert_array_equal(load_embeddings(tmp_path / "x.h5"), values)

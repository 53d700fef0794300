"""Several processes fetch into one folder, are killed, or find what others have left: each file is whole, once."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import subprocess
import sys
import threading
from contextlib import ExitStack

import pytest
from archives import zipped
from file_server import BODY, SHA, asked, left_over, part_in, recorded

from pyalign.datasets import fetch_dataset
from pyalign.io.write import run_name

pytestmark = pytest.mark.usefixtures("impatient")
FETCH = """
import sys
from pyalign.datasets import fetch_dataset
from pyalign.datasets.registry import DATASETS, Remote, Row

address, folder, *files = sys.argv[1:]
DATASETS["mine"] = Row("mine", "a test", "_sample", {"names": ()}, "", "", "", (),
                       files=tuple(Remote(file, f"{address}/{file}") for file in files))
print("ready", flush=True)
sys.stdin.readline()
for file in fetch_dataset("mine", folder, progress=lambda stage, *_: print(stage, flush=True)).files:
    print("fetched", file.file, file.sha256, file.is_new, flush=True)
"""


@pytest.fixture
def fetching(server, tmp_path, root):
    """``fetching(*files)``: a process that fetches them into one folder as soon as it reads a line."""
    with ExitStack() as stack:

        def start(*files):
            words = [sys.executable, "-c", FETCH, server.address, str(tmp_path / "all"), *files]
            pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
            one = stack.enter_context(subprocess.Popen(words, **pipes, text=True))
            stack.callback(one.kill)
            assert one.stdout.readline() == "ready\n"
            return one

        yield start


def go(process):
    process.stdin.write("\n")
    process.stdin.flush()


def fetched_by(process):
    """What a process says that it has fetched: name, SHA-256, whether it is new."""
    out, err = process.communicate(timeout=100)
    assert process.returncode == 0, err
    return [tuple(line.split()[1:]) for line in out.splitlines() if line.startswith("fetched")]


def test_a_process_waits_for_another_that_fetches_the_same_file_and_takes_it(fetching, server, tmp_path):
    gate, server.files["/x.bin"] = threading.Event(), BODY
    server.gates["/x.bin"] = gate
    first, second = fetching("x.bin"), fetching("x.bin")
    go(first)
    server.asked.wait(100)
    go(second)
    assert second.stdout.readline() == "x.bin, waiting for another process\n"
    gate.set()
    assert fetched_by(first) == [("x.bin", SHA, "True")]
    assert fetched_by(second) == [("x.bin", SHA, "False")]
    assert len(server.requests) == 1 and left_over(tmp_path / "all") == []


def test_a_process_goes_on_with_what_the_one_has_left_that_it_waited_for(fetching, server, tmp_path):
    gate, server.files["/x.bin"] = threading.Event(), BODY
    server.gates["/x.bin"], server.faults["/x.bin"] = gate, [("gate", 300_000)]
    first, second = fetching("x.bin"), fetching("x.bin")
    go(first)
    assert first.stdout.readline() == "x.bin, bytes\n"
    while not part_in(tmp_path / "all").stat().st_size:  # some have come, of which a part is in a buffer
        first.stdout.readline()
    go(second)
    assert second.stdout.readline() == "x.bin, waiting for another process\n"
    first.kill()
    assert fetched_by(second) == [("x.bin", SHA, "True")]
    gate.set()
    assert asked(server)[0] is None and asked(server)[1].startswith("bytes=")
    assert left_over(tmp_path / "all") == []


def test_no_checksum_is_lost_where_processes_fetch_into_one_folder(fetching, server, tmp_path):
    for k in range(8):
        server.files[f"/{k}.bin"] = BODY[k:]
    # each a file of its own, then one of another
    running = [fetching(f"{k}.bin", f"{4 + k}.bin", f"{4 + (k + 1) % 4}.bin") for k in range(4)]
    for one in running:
        go(one)
    wanted = {f"{k}.bin": hashlib.sha256(BODY[k:]).hexdigest() for k in range(8)}
    for one in running:
        assert all(wanted[name] == digest for name, digest, _ in fetched_by(one))
    assert recorded(tmp_path / "all") == wanted
    names = {*wanted, *(f"{name}.sha256" for name in wanted)}
    assert {path.name for path in (tmp_path / "all").iterdir()} == names


def test_what_killed_fetches_leave_is_gone_after_the_next(fetching, row, server, tmp_path):
    archive = zipped({"a.txt": b"a"})
    gate, server.files["/data.zip"] = threading.Event(), archive
    server.gates["/data.zip"], server.faults["/data.zip"] = gate, [("gate", len(archive) // 2)]
    one = fetching("data.zip")
    go(one)
    assert one.stdout.readline() == "data.zip, bytes\n"
    one.kill()
    one.wait()
    gate.set()
    folder = tmp_path / "all"
    (folder / f".unpacking-{run_name().replace(str(os.getpid()), str(one.pid))}").mkdir()
    (other := folder / f".unpacking-node7-1-{'0' * 16}").mkdir()
    row(None, "data.zip", archive, unpack=True)
    fetch_dataset("mine", folder)
    assert sorted(path.name for path in folder.iterdir()) == [other.name, "data", "data.zip.sha256"]


def test_two_runs_that_no_lock_keeps_apart_both_end_with_the_whole_file(row, server, monkeypatch):
    folder = row(hash=None)

    def no_locks(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", no_locks)
    inner = []

    def second(stage, done, total):
        if done >= 400_000 and not inner:
            inner.append(done)
            fetch_dataset("mine")
            inner.append((folder / "x.bin").read_bytes())

    fetch_dataset("mine", progress=second)
    assert inner[1:] == [BODY] and (folder / "x.bin").read_bytes() == BODY and left_over(folder) == []


def test_what_a_killed_run_has_left_is_gone_on_with_and_that_of_a_live_one_is_left(row, server):
    folder = row()
    folder.mkdir(parents=True)
    ended = subprocess.Popen(["true"])
    ended.wait()
    ours = f"-{os.getpid()}-"
    dead, live = (folder / f"x.bin.{run_name().replace(ours, f'-{one}-')}.part" for one in (ended.pid, os.getppid()))
    other = folder / f"x.bin.signature.{dead.name.removeprefix('x.bin.')}"
    other.write_bytes(b"of another file")
    dead.write_bytes(BODY[:300_000])
    live.write_bytes(BODY[:200_000])
    fetch_dataset("mine")
    assert (folder / "x.bin").read_bytes() == BODY and asked(server) == ["bytes=300000-"]
    assert live.read_bytes() == BODY[:200_000] and not dead.exists() and other.read_bytes() == b"of another file"

"""Commands that are killed while they write: outputs are of one run, the old or the new, and nothing stays beside them.

A forked process kills itself at each call that changes the disk, one run per call.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from support import reals

import pyalign
from pyalign.cli import main
from pyalign.io import write

PLAIN = (".npy", ".tar", ".txt", ".index")  # the same bytes in every run
DOCUMENTS = ("--json", "o.json", "--csv", "o.csv", "--quiet")
pytestmark = pytest.mark.slow
T = ("-t", "t.npy")
SEEDS = (("--seed", "1"), ("--seed", "2"))
MEASURES = (("--measure", "dot"), ("--measure", "cosine"))
FIT = ("--folds", "2", "--split", "triplets")

# words, then what tells the old run from the new one
COMMANDS = {
    "score": (["score", "x.npy", *T, "--choices", "c.npy", "--probabilities", "p.npy", *DOCUMENTS], MEASURES),
    "concepts": (  # pictures take a process that is no fork of one that has drawn, and the same way into the folder
        ["concepts", "x.npy", "y.npy", *T, "--dimensions", "h.npy", "--out", "out", "--figures", "none", "--quiet"],
        MEASURES,
    ),
    "dimensions predict": (
        ["dimensions", "predict", "x.npy", *T, "--dimensions", "h.npy", "--out", "out", "--figures", "none", "--quiet"],
        SEEDS,
    ),
    "neighbors objects": (
        ["neighbors", "objects", "x.npy", "--human", "y.npy", "-k5", "--permutations", "9", "--out", "q.csv",
         *DOCUMENTS],
        MEASURES,
    ),
    "triplets draw": (
        ["triplets", "draw", "x.npy", "--count", "90", "--temperature", "1", "--out", "c.npy", "--probabilities",
         "p.npy", *DOCUMENTS[:4]], SEEDS,
    ),
    "plan triplets": (["plan", "triplets", "x.npy", "y.npy", "-n", "30", "--out", "design.csv", *DOCUMENTS[:2]], SEEDS),
    "neighbors search": (
        ["neighbors", "search", "x.npy", "-k2", "--index", "flat", "--out", "found", "--figures", "none", *DOCUMENTS],
        MEASURES,
    ),
    "export": (["export", "--out", "o.npy"], (("x.npy",), ("y.npy",))),
    "triplets simulate": (["triplets", "simulate", "out", "--n-objects", "9", "--count", "50"], SEEDS),
    "datasets fetch": (["datasets", "fetch", "sample", "--folder", "out"], ((), ())),
    "probe": (["probe", "x.npy", *T, "--out", "o.npz", *FIT, *DOCUMENTS], (("--penalty", "1"), ("--penalty", "9"))),
    "probe, one fit": (
        ["probe", "x.npy", *T, "--split", "none", "--other-embeddings", "y.npy", "--out", "o.npz", *DOCUMENTS],
        (("--penalty", "1"), ("--penalty", "9")),
    ),
}


def kill_at(point):
    """Makes the call with that number among those that change the disk the last one of this process."""
    left = [point]

    def last():
        left[0] -= 1
        return left[0] < 0

    def die():
        os.kill(os.getpid(), signal.SIGKILL)

    def counted(real):
        return lambda *args, **options: die() if last() else real(*args, **options)

    def half(self, data, real=write._Plain.write):
        if last():
            self.handle.write(bytes(data)[: len(data) // 2])
            self.handle.flush()
            die()
        return real(self, data)

    for name in ("fsync", "replace", "unlink"):
        setattr(os, name, counted(getattr(os, name)))
    write._Plain.write = half


def run(words, point=None):
    """The signal that ended the command in a process of its own, else minus its exit code."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        code = 99
        try:
            null = os.open(os.devnull, os.O_RDWR)
            os.dup2(null, 1)
            os.dup2(null, 2)
            if point is not None:
                kill_at(point)
            code = main(words)
        finally:
            os._exit(code)
    status = os.waitpid(child, 0)[1]
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else -os.WEXITSTATUS(status)


def is_left(path):
    """Whether a file belongs to a run and not to its outputs."""
    return path.name.endswith(".tmp") or ".journal." in path.name or ".partial." in path.name


def written(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and not is_left(path)}


def belongs_together(document):
    """Whether the files are those that the document tells of."""
    outputs = json.loads(document.read_text()).get("outputs", {})
    place = document.parent
    return all(hashlib.sha256((place / name).read_bytes()).hexdigest() == told for name, told in outputs.items())


def require_whole(before, after, now):
    """Each is the old or the new one, but for times in documents, all of one run; between the runs some are missing."""
    assert now and now.keys() <= after.keys()
    told = [path for path in now if path.suffix in PLAIN and before[path] != after[path]]
    assert len({now[path] == after[path] for path in told}) < 2
    for path, content in now.items():
        if path.suffix in PLAIN:
            assert content in (before[path], after[path])
        elif path.suffix == ".npz":
            assert pyalign.load_transform(path).weights.size
        elif path.suffix == ".csv":
            assert content.count(b"\n") in (before[path].count(b"\n"), after[path].count(b"\n"))
        else:
            beside = {one for one in after if path.parent in one.parents and one.suffix != ".json"}
            assert json.loads(content) and beside <= now.keys() and (content == before[path] or belongs_together(path))


@pytest.fixture
def place(folder):
    np.save("y.npy", reals(8, 30, 6))
    np.save("h.npy", np.abs(reals(9, 30, 3)))
    np.savez("w.npz", weights=np.eye(6, dtype=np.float32), mean=0.0, std=2.0)
    return folder


@pytest.mark.parametrize("name", COMMANDS)
def test_killed_at_any_call_each_output_is_the_old_or_the_new_one_and_the_next_run_cleans_up(place, name):
    words, (old, new) = COMMANDS[name]
    given = written(place)
    assert main([*words, *new]) == 0  # in this process, so that those that are forked find everything loaded
    after = {path: content for path, content in written(place).items() if path not in given}
    assert run([*words, *old]) == 0
    before = {path: path.read_bytes() for path in after}
    assert before != after or name == "datasets fetch"
    ended, point, seen, missing = signal.SIGKILL, 0, 0, 0
    while ended == signal.SIGKILL:
        for path, content in before.items():
            path.write_bytes(content)
        ended = run([*words, *new], point)
        require_whole(before, after, {path: content for path, content in written(place).items() if path not in given})
        seen += any(path.name.endswith(".tmp") for path in place.rglob("*"))
        missing += not all(path.exists() for path in after)
        point += 1
    assert ended == 0 and seen >= len(after) and missing >= (len(after) > 1)
    assert run([*words, *new]) == 0
    assert not [path for path in place.rglob("*") if is_left(path)]
    assert all(belongs_together(path) for path in after if path.suffix == ".json")


def test_the_document_stands_beside_the_files_that_it_tells_of_or_nowhere(place):
    words, (old, new) = COMMANDS["score"]
    assert run([*words, *old]) == 0
    document, point, gone = (place / "o.json").read_bytes(), 0, 0
    while run([*words, *new], point) == signal.SIGKILL:
        there = (place / "o.json").exists()
        assert not there or belongs_together(place / "o.json")
        gone, point = gone + (not there), point + 1
    assert gone and (place / "o.json").read_bytes() != document and belongs_together(place / "o.json")


def test_a_process_that_is_killed_at_any_time_leaves_whole_files(place):
    words = ["triplets", "simulate", "out", "--n-objects", "500", "--count", "100000"]
    assert run(words) == 0
    whole = written(place / "out")
    rng, command = np.random.default_rng(0), [sys.executable, "-m", "pyalign", *words]
    for _ in range(6):
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as running:
            time.sleep(rng.uniform(0.15, 0.6))
            running.kill()
        assert written(place / "out") == whole
    assert run(words) == 0
    assert sorted(path.name for path in Path("out").iterdir()) == sorted(path.name for path in whole)


RESUMED = {
    "embed": (
        "embed", *T, "--penalty", "0.0005", "0.002", "--folds", "2", "--resamples", "2",
        "--out", "out", "--figures", "none", *DOCUMENTS,
    ),
    "probe": (
        "probe", "x.npy", *T, "--penalty", "0.001", "0.01", "--split", "triplets", "--folds", "2", "--out", "out.npz",
        *DOCUMENTS,
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", RESUMED)
def test_killed_at_any_call_and_resumed_it_writes_the_files_of_one_run(place, monkeypatch, name):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    words, first = RESUMED[name], written(place)
    assert main([*words]) == 0

    def made():
        return {path: content for path, content in written(place).items() if path not in first}

    whole, ended, point, resumed = made(), signal.SIGKILL, 0, 0
    while ended == signal.SIGKILL:
        for path in [path for path in place.rglob("*") if path.is_file() and path not in first]:
            path.unlink()
        ended, point = run([*words], point), point + 3  # every third call
        if ended != signal.SIGKILL:
            break
        resume = ["--resume"] if list(place.glob("out*.journal.json")) else []
        assert run([*words, *resume]) == 0
        # The document says that the second run was told to resume, which is not what it has found.
        assert {path: without_option(content) for path, content in made().items()} == {
            path: without_option(content) for path, content in whole.items()
        }
        assert not [path for path in place.rglob("*") if is_left(path)]
        resumed += bool(resume)
    assert ended == 0 and resumed > 5


def without_option(content):
    """A file without the words `resume` and the hashes of other documents that have them."""
    if not content.startswith(b"{"):
        return content
    document = json.loads(content)
    document.get("provenance", {}).get("options", {}).get("command_line", {}).pop("resume", None)
    document.pop("outputs", None)
    return document

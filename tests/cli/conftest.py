"""What the tests of the command line share: a folder of small files, the commands in-process, and the expected values.

`truth` follows the definitions of tests/support.py and uses nothing of pyalign.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import NamedTuple

import numpy as np
import pytest
from support import decide, definition, draw_triplets, pairs_of, reals, without_note_on_speed

from pyalign.backends import native
from pyalign.cli import COMMANDS, main

ITEMS, FEATURES, TRIPLETS = 30, 6, 400
# What a message says in Python, and the command line never: an argument with its value, a function, an array called x.
PYTHON = re.compile(
    r"""(?<![\w/.-])[a-z_]+=(["'(]|\d|True\b|None\b|\))|\b(load|read|fit|score)_\w+\(|\bpyalign\.[a-z]+"""
    r"""|\b(of|suits) x[ ;,]"""
)


class Ran(NamedTuple):
    """What a command left: exit code, stdout, stderr."""

    code: int
    out: str
    err: str


class Truth(NamedTuple):
    """choices: (t,). probabilities: (t, 3) that position p is odd. credit: by rule for ties, the mean over triplets."""

    choices: np.ndarray
    probabilities: np.ndarray
    credit: dict[str, float]
    n_ties: int
    cross_entropy: float
    mean_entropy: float


@pytest.fixture
def x():
    return reals(1, ITEMS, FEATURES)


@pytest.fixture
def triplets():
    return draw_triplets(2, ITEMS, TRIPLETS, np.int32)


@pytest.fixture
def folder(tmp_path, monkeypatch, x, triplets):
    """The working folder, with embeddings x.npy and triplets t.npy in it."""
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", x)
    np.save("t.npy", triplets)
    return tmp_path


@pytest.fixture
def command(capsys):
    """``command("info", "--json")``: the command in this process. Threads are put back afterwards."""

    def run(*args):
        capsys.readouterr()
        try:
            code = main([str(arg) for arg in args])
        except SystemExit as stop:
            code = stop.code
        out, err = capsys.readouterr()
        ran = Ran(code, out, without_note_on_speed(err))
        assert not PYTHON.search(ran.err), ran.err
        return ran

    yield run
    native.set_num_threads(0)


@pytest.fixture
def score(command, folder):
    """``score("--ties", "wrong")``: `pyalign score` on x.npy and t.npy, or on other ``embeddings`` and ``on``."""

    def run(*options, embeddings=("x.npy",), on="t.npy"):
        return command("score", "--embeddings", *embeddings, "--triplets", on, *options)

    return run


@pytest.fixture
def results(score):
    """The ``results`` of the JSON document that `pyalign score --json` prints."""

    def run(*options, **files):
        ran = score(*options, "--json", "--quiet", **files)
        assert (ran.code, ran.err) == (0, "")
        return json.loads(ran.out)["results"]

    return run


@pytest.fixture(scope="session")
def listing():
    """``listing(folder)``: every file with its bytes, every folder."""

    def listed(folder):
        paths = sorted(folder.rglob("*"))
        return {str(p.relative_to(folder)): p.read_bytes() if p.is_file() else None for p in paths}

    return listed


@pytest.fixture
def refused(command, folder, listing):
    """``refused("score", ...)``: the message. Exit code 1, one line on stderr, nothing on stdout, nothing written."""

    def run(*args):
        before = listing(folder)
        ran = command(*args)
        assert ran.code == 1
        assert ran.out == ""
        name = " ".join(map(str, args[:2]))
        prefix = f"pyalign {name if name in COMMANDS else args[0]}: error: "
        assert ran.err.startswith(prefix)
        assert ran.err.endswith("\n")
        assert len(ran.err.splitlines()) == 1
        assert listing(folder) == before
        return ran.err[len(prefix) : -1]

    return run


@pytest.fixture
def score_refused(refused):
    """`refused` for `pyalign score` with --choices, --probabilities and --json, none of which may appear."""

    def run(*options, embeddings=("x.npy",), on="t.npy"):
        outputs = ("--choices", "c.npy", "--probabilities", "p.npy", "--json", "out.json")
        return refused("score", "--embeddings", *embeddings, "--triplets", on, *outputs, *options)

    return run


@pytest.fixture(scope="session")
def truth():
    def compute(x, triplets, measure="cosine", temperature=1.0):
        name, _, sigma = measure.partition(":")
        s = pairs_of(definition(x, x, name, float(sigma or 1)), triplets)
        with np.errstate(divide="ignore"):
            z = (s - s.max(axis=0)) / temperature
            logs = z - np.log(np.exp(z).sum(axis=0))
        tied = (s == s.max(axis=0)).sum(axis=0)
        right = s[0] == s.max(axis=0)
        credit = {
            "fractional": (right / tied).mean(),
            "wrong": (right & (tied == 1)).mean(),
            "human_alignment": (right & (tied < 3)).mean(),
        }
        p = np.exp(logs)
        entropy = -(p * np.where(p > 0, logs, 0)).sum(axis=0).mean()
        return Truth(decide(s), p[::-1].T, credit, int((tied > 1).sum()), -logs[0].mean(), entropy)

    return compute


@pytest.fixture(scope="session")
def process():
    """``process("info")``: `python -m pyalign` (or ``program=[...]``) as a process of its own."""

    def run(*args, program=(sys.executable, "-m", "pyalign"), env=None, **options):
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYALIGN_", "PYTHONUNBUFFERED"))}
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "timeout": 60, **options}
        done = subprocess.run([*program, *map(str, args)], env={**kept, **(env or {})}, check=False, **options)
        done.stderr = without_note_on_speed(done.stderr)
        return done

    return run

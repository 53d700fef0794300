"""Inputs that another program changes while a command reads them: one line, exit code 1, no outputs."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from pyalign.cli import _inputs, score

OUTPUTS = ("--choices", "c.npy", "--probabilities", "p.npy", "--json", "out.json")
CHANGED = "pyalign score: error: {}: was changed while it was read\n"
CUT = "pyalign score: error: {}: was cut short while it was read\n"

# The command, with a line of the test's between reading and scoring.
BETWEEN = """
import os, sys
from pyalign.cli import main, score
real = score.score
def changed(*args, **options):
    {}
    return real(*args, **options)
score.score = changed
sys.exit(main())
"""


@pytest.fixture
def large(folder, x):
    """Files of many pages: X.npy and T.npy."""
    np.save("X.npy", np.tile(x, (1, 300)))
    np.save("T.npy", np.tile(np.load("t.npy"), (500, 1)))
    return folder


@pytest.fixture
def changed(command, large, monkeypatch):
    """``changed(action)``: `pyalign score` in this process, with that action between reading and scoring."""

    def run(action, *options):
        real = score.score

        def scored(*args, **given):
            action()
            return real(*args, **given)

        monkeypatch.setattr(score, "score", scored)
        return command("score", "X.npy", "-t", "T.npy", "--quiet", *OUTPUTS, *options)

    return run


def write_over(name, values):
    """Without cutting the file short in between, which would end this process; at another time than it was made."""
    np.load(name, mmap_mode="r+")[...] = values
    os.utime(name, (1, 1))


@pytest.mark.compiled
@pytest.mark.parametrize("name", ["X.npy", "T.npy"])
@pytest.mark.parametrize("backend", ["native", "numpy"])
def test_an_input_that_is_cut_short_is_told_in_one_line(process, large, listing, name, backend):
    code = BETWEEN.format(f"os.truncate({name!r}, 4096)")
    before = listing(large).keys()
    ran = process("score", "X.npy", "-t", "T.npy", *OUTPUTS, "--backend", backend, program=[sys.executable, "-c", code])
    assert (ran.returncode, ran.stdout, ran.stderr) == (1, "", CUT.format(name))
    assert listing(large).keys() == before


@pytest.mark.compiled
def test_an_input_that_is_cut_short_and_long_again_is_told_too(process, large):
    """As in the middle of `np.save`: the memory is gone for that moment alone, or holds zeros."""
    code = BETWEEN.format("os.truncate('T.npy', 4096); os.truncate('T.npy', 40_000)")
    ran = process("score", "X.npy", "-t", "T.npy", *OUTPUTS, program=[sys.executable, "-c", code])
    assert (ran.returncode, ran.stdout, ran.stderr) == (1, "", CUT.format("T.npy"))


def test_an_input_that_is_saved_over_is_told_and_nothing_is_written(changed, large, listing):
    before = listing(large).keys()
    ran = changed(lambda: write_over("X.npy", np.load("X.npy")[::-1]))
    assert (ran.code, ran.out, ran.err) == (1, "", CHANGED.format("X.npy"))
    assert listing(large).keys() == before


def test_an_input_that_is_written_over_and_has_its_old_time_again_is_told_too(changed, large):
    before = os.stat("X.npy")

    def act():
        time.sleep(0.02)  # the clock of a file system moves on in steps of up to 10 ms
        write_over("X.npy", 1)
        os.utime("X.npy", ns=(before.st_atime_ns, before.st_mtime_ns))

    ran = changed(act)
    assert (ran.code, ran.err) == (1, CHANGED.format("X.npy"))


def test_what_is_wrong_with_the_new_values_is_not_the_reason(changed, large):
    ran = changed(lambda: write_over("T.npy", 0))
    assert (ran.code, ran.err) == (1, CHANGED.format("T.npy"))


def test_an_input_that_changes_while_outputs_are_written_is_told_before_they_appear(changed, large, monkeypatch):
    from pyalign.io.write import Files

    real = Files.add

    def add(self, path, content, hashed=False):
        digest = real(self, path, content, hashed)
        os.utime("X.npy", (1, 1))
        return digest

    monkeypatch.setattr(Files, "add", add)
    ran = changed(lambda: None)
    assert (ran.code, ran.err) == (1, CHANGED.format("X.npy"))
    assert not Path("c.npy").exists() and not list(large.glob("*.tmp"))


def test_an_array_of_a_file_is_watched_by_the_name_of_the_file(command, folder, x, monkeypatch):
    np.savez("pair.npz", a=x, b=x)
    real = _inputs.read_models
    monkeypatch.setattr(_inputs, "read_models", lambda *given: os.utime("pair.npz", (1, 1)) or real(*given))
    ran = command("score", "pair.npz::a", "-t", "t.npy", "--quiet")
    assert (ran.code, ran.out, ran.err) == (1, "", CHANGED.format("pair.npz"))


@pytest.mark.parametrize("how", ["another file is moved to its place", "it is deleted"])
def test_what_was_read_stays_where_the_name_gets_another_file(changed, how):
    def act():
        if how == "it is deleted":
            os.unlink("T.npy")
        else:
            np.save("new.npy", np.zeros((3, 3), int))
            os.replace("new.npy", "T.npy")

    assert changed(act).code == 0


@pytest.mark.compiled
@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="no /proc")
def test_the_guard_is_there_for_the_length_of_a_command_alone(process, large):
    caught = "print(int(open('/proc/self/status').read().split('SigCgt:')[1].split()[0], 16) >> 6 & 1)"
    code = caught.join(["import sys; ", BETWEEN.replace("sys.exit(main())", "main()").format(caught), ""])
    ran = process("score", "x.npy", "-t", "t.npy", "--quiet", *OUTPUTS, program=[sys.executable, "-c", code])
    assert [line for line in ran.stdout.splitlines() if len(line) == 1] == ["0", "1", "0"]


def test_a_library_leaves_bus_errors_alone(large):
    code = "import numpy as np, os, pyalign; t = pyalign.load_triplets('T.npy'); os.truncate('T.npy', 4096); " \
           "pyalign.score(np.load('x.npy'), t)"
    ran = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (-7, "")

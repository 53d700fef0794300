"""Every option that reads a file refuses what it can't read: in one line, whatever the file, with nothing written.

Options, and which of them read files, are what `pyalign commands --json` says: a new one enters by itself. Each gets a
tenth of the bad files here, so that all options of a name get all of them; `input_options.py` draws from all, and from
damaged files of every format, for some seconds of the long suite, or for as long as `make fuzz` is told to.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

pytest.importorskip("PIL", reason="Pillow is not installed")
from input_options import fault, late, start
from option_world import inputs

from pyalign.cli import COMMANDS, load
from pyalign.cli._command import declared

SCRIPT = Path(__file__).with_name("input_options.py")
SECONDS = float(os.environ.get("PYALIGN_FUZZ_SECONDS", "15"))
SEED = os.environ.get("PYALIGN_FUZZ_SEED", "0")
SHARE = 10


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """A `World`, and what no option may take."""
    before, alarm = os.getcwd(), signal.signal(signal.SIGALRM, late)
    yield start(tmp_path_factory.mktemp("above") / "w")
    os.chdir(before)
    signal.signal(signal.SIGALRM, alarm)


@pytest.fixture
def world(begun):
    return begun[0]


def test_options_that_read_files_are_known():
    of = Counter(name.rpartition(" ")[2] for name in inputs())
    assert of["--embeddings"] >= 20 and of["--triplets"] > 10 and of["--images"] >= 7 and len(of) > 30


@pytest.mark.parametrize("command", COMMANDS)
def test_what_stands_for_a_file_is_known_as_an_input_or_an_output(command):
    """By what the help calls its value: FILE, DIR, or a name with a suffix."""
    for field, told in declared(load(command).options):
        shown = (told.metavar or "").rstrip("]")
        if shown.startswith(("FILE", "DIR")) or "." in shown:
            is_place = field.name == "folder"  # of data, which is made or remembered
            assert told.role or is_place, f"{command} {field.name}"


@pytest.mark.parametrize("command", COMMANDS)
def test_no_option_takes_a_file_that_it_cannot_read(begun, command):
    world, refused = begun
    names = world.names()
    of_command = [name for name in names if world.inputs[name][0]["name"] == command]
    faults = []
    for name in of_command:
        turn = names.index(name) % SHARE
        for bad in refused[turn::SHARE]:
            words = world.words(name, *world.usual(name)[:-1], bad)
            faults.append(fault(world.run(*words), name, words))
    assert [one for one in faults if one is not None] == []


def test_an_option_of_a_new_name_gets_a_sound_command_or_is_told(world, monkeypatch):
    command, option = world.inputs["score --weights"]
    monkeypatch.setitem(world.inputs, "score --as-new", (command, {**option, "name": "as_new"}))
    monkeypatch.setitem(world.inputs, "score --unknown", (command, {**option, "flags": ["--unknown"]}))
    assert world.words("score --as-new")[-2:] == ("--weights", "weights.txt")
    with pytest.raises(AssertionError, match=r"ends well with score --unknown: .*--unknown weights\.txt"):
        world.words("score --unknown")


@pytest.mark.slow
def test_no_option_fails_on_a_damaged_file():
    command = [sys.executable, str(SCRIPT), str(SECONDS), SEED]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS + 300)
    assert done.returncode == 0, done.stderr[-3000:]

"""Two commands that write to one folder at once: in the end all that stands there is of one of them."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest
from interleaving import LOCKS, interleaved

from pyalign.cli import main

FIT = ("embed", "-t", "t.npy", "--split", "none", "--n-dimensions", "3", "--out", "o", "--figures", "none", "--quiet")
# words, and what tells the one run from the other
COMMANDS = {
    "embed": (FIT, ("--penalty", "0.001"), ("--penalty", "0.002")),
    "triplets simulate": (
        ("triplets", "simulate", "o", "--n-objects", "9", "--count", "50"), ("--seed", "1"), ("--seed", "2"),
    ),
}


def written():
    return {path.name: path.read_bytes() for path in Path("o").iterdir()}


def clear():
    for path in Path("o").iterdir():
        path.unlink()


def outputs_of(files):
    """The SHA-256 that a document tells of the files beside it."""
    return next((json.loads(files[name]).get("outputs") for name in files if name.endswith(".json")), None)


@pytest.mark.parametrize("locks", LOCKS)
@pytest.mark.parametrize("name", COMMANDS)
def test_the_files_of_a_folder_are_of_one_command(folder, monkeypatch, name, locks):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    words, *differing = COMMANDS[name]
    alone = []
    for more in differing:
        assert main([*words, *more]) == 0
        alone.append(written())
        clear()
    assert not set(alone[0].items()) & set(alone[1].items()) or name != "embed"
    first, second = (lambda more=more: main([*words, *more]) for more in differing)
    point, was_stopped, refused = 0, True, 0
    while was_stopped:
        codes, was_stopped = interleaved(first, second, os.path.realpath("o"), point, locks)
        files = written()
        assert any(files.items() <= one.items() for one in alone), (point, codes, [*files])
        digests = outputs_of(files)
        for path, digest in (digests or {}).items():
            assert hashlib.sha256(files[path]).hexdigest() == digest
        if locks == "work":
            assert codes == (0, 0) and files in alone
        point, refused = point + 1, refused + sum(codes)
        clear()
    assert point > 2 * len(alone[0]) - 1 and (refused > 0) == (locks != "work")

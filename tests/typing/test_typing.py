"""Scripts as a user writes them, under mypy and pyright: what is right passes, each mistake is found in its line."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

HERE = Path(__file__).parent
WRONG = HERE / "wrong.py"
MISTAKES = {number for number, line in enumerate(WRONG.read_text().splitlines(), 1) if line.endswith("# wrong")}


def mypy(script):
    """The lines of a script in which mypy finds an error."""
    words = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", "--config-file=", str(script)]
    out = subprocess.run(words, capture_output=True, text=True, cwd=HERE.parents[1], timeout=600).stdout
    assert re.search(r"^(Success|Found)", out, re.MULTILINE), out
    found = re.findall(rf"{script.name}:(\d+): error: (.*)", out)
    return {int(line): text for line, text in found if "untyped" not in text}  # stubs of pandas may be missing


def pyright(script):
    """Likewise of pyright."""
    words = [sys.executable, "-m", "basedpyright", "--outputjson", "--level", "error", "--pythonpath", sys.executable]
    out = subprocess.run([*words, str(script)], capture_output=True, text=True, cwd=HERE.parents[1], timeout=600).stdout
    found = json.loads(out)["generalDiagnostics"]
    return {one["range"]["start"]["line"] + 1: one["message"] for one in found if Path(one["file"]) == script}


pytestmark = pytest.mark.slow
CHECKERS = [
    pytest.param(mypy, marks=pytest.mark.skipif(find_spec("mypy") is None, reason="mypy is not installed")),
    pytest.param(
        pyright, marks=pytest.mark.skipif(find_spec("basedpyright") is None, reason="basedpyright is not installed")
    ),
]


@pytest.mark.parametrize("checker", CHECKERS)
def test_what_a_user_writes_passes(checker):
    assert checker(HERE / "right.py") == {}


@pytest.mark.parametrize("checker", CHECKERS)
def test_each_mistake_is_found_in_its_line(checker):
    assert len(MISTAKES) > 15
    assert {*checker(WRONG)} == MISTAKES

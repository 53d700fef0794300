"""Files that atheris makes, by which lines of the readers they reach, are read or refused in one line.

A few seconds here; `make fuzz SECONDS=3600` does it for an hour, all formats together.
"""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from hostile_files import OF_READERS, TEXTS

from pyalign.io.formats import FORMATS

GUIDED = Path(__file__).with_name("guided.py")
# Read by Python alone.
OWN = [one for one in OF_READERS if ".isolated:" not in FORMATS[one].function and one != ".json"]
SUFFIXES = [*OWN, *TEXTS, ".toml"]
SECONDS = max(3, int(os.environ.get("PYALIGN_FUZZ_SECONDS", "0")) // len(SUFFIXES))
SEED = os.environ.get("PYALIGN_FUZZ_SEED", "1")


@pytest.mark.slow
@pytest.mark.skipif(find_spec("atheris") is None, reason="atheris is not installed")
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_files_that_reach_new_lines_are_read_or_refused_in_one_line(tmp_path, suffix):
    command = [sys.executable, str(GUIDED), suffix, str(SECONDS), SEED, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS + 300)
    assert done.returncode == 0 and "\nDone " in done.stderr, done.stderr[-3000:]

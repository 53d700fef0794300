"""Damaged files are read or refused in one line: no other exception, signal, wait or memory.

Two seconds for each format, less where little is read, of the same damage each time: no reader gets worse. New
damage is that of `make fuzz SECONDS=3600`, which takes an hour. Files that once broke a reader are in corpus.py.
"""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from hostile_files import OF_READERS, TEXTS

ATTEMPT = Path(__file__).with_name("attempt.py")
SECONDS = float(os.environ.get("PYALIGN_FUZZ_SECONDS", "2"))
SEED = os.environ.get("PYALIGN_FUZZ_SEED", "0")
# Seconds without PYALIGN_FUZZ_SECONDS: a hash refuses nearly all indexes, and lines of names are soon read.
ENOUGH = {".index": 1.5, "file_names.txt": 1.0}
PACKAGES = {".mat": "scipy", ".h5": "h5py", ".parquet": "pyarrow", ".pt": "torch"}
SUFFIXES = [*OF_READERS, *TEXTS, ".tar", "manifest.json", "file_names.txt", ".index", ".toml"]
MOST = 900  # MB of a whole process: torch alone takes 250, and a reader 256 beside the data


def corpus():
    scope: dict = {}
    exec(Path(__file__).with_name("corpus.py").read_text(), scope)
    return scope["files"]()


def run(*arguments):
    command = [sys.executable, str(ATTEMPT), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=SECONDS + 200)


def require(suffix):
    package = PACKAGES.get(suffix)
    if package is not None and find_spec(package) is None:
        pytest.skip(f"{package} is not installed")


def check(done):
    assert done.returncode == 0, done.stderr[-3000:]
    *_, own, apart, _ = done.stdout.split()
    assert int(own) < MOST and int(apart) < MOST


@pytest.mark.slow
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_damaged_files_are_read_or_refused_in_one_line(suffix):
    require(suffix)
    seconds = SECONDS if "PYALIGN_FUZZ_SECONDS" in os.environ else ENOUGH.get(suffix, SECONDS)
    check(run(suffix, seconds, SEED))


@pytest.mark.parametrize("suffix", sorted({Path(name).suffix for name in corpus()}))
def test_files_that_once_broke_a_reader_are_refused_in_time(tmp_path, suffix):
    require(suffix)
    names = [name for name in corpus() if Path(name).suffix == suffix]
    for name in names:
        (tmp_path / name).write_bytes(corpus()[name])
    before = os.times()
    check(run(*(tmp_path / name for name in names)))
    after = os.times()  # seconds of a processor, which other work on the machine doesn't take away
    assert after.children_user + after.children_system - before.children_user - before.children_system < 60

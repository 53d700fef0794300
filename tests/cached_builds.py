"""Builds of csrc/ for tests, kept between runs under a hash of sources, options and compilers.

They lie in `build/tests`, or in the folder that PYALIGN_TEST_BUILDS names; a build of other sources takes the place of
the old one. What compiling costs is counted apart (`compiled`), so that the cost of a test does not depend on whether a
build was there.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ("CMakeLists.txt", "csrc", "tests/native", "tests/cuda", "tests/expected_pair.h")
READ_BY_COMPILERS = {".c", ".cmake", ".cpp", ".cu", ".cuh", ".h", ".ld", ".txt"}
FLAGS = ("CFLAGS", "CXXFLAGS", "LDFLAGS")
compiled = 0.0  # CPU seconds of this process's compilations


def which(program):
    return shutil.which(program) or shutil.which(program, path=sysconfig.get_path("scripts"))


def python_options():
    """Those of a build that has a Python module."""
    import pybind11  # where nothing is compiled it may be missing

    found = {"PYALIGN_PYTHON": "ON", "Python_EXECUTABLE": sys.executable, "pybind11_DIR": pybind11.get_cmake_dir()}
    return [f"-D{name}={value}" for name, value in found.items()]


def run(command, cwd=None, timeout=None, **environment):
    clean = {key: value for key, value in os.environ.items() if not key.startswith("PYALIGN_")}
    options = {"env": {**clean, **environment}, "cwd": cwd, "capture_output": True, "text": True, "errors": "replace"}
    return subprocess.run([str(part) for part in command], timeout=timeout, **options)


def must(command, **options):
    """The output of a command that has to succeed."""
    done = run(command, **options)
    assert done.returncode == 0, f"{command} gave {done.returncode}\n{done.stdout[-6000:]}\n{done.stderr[-6000:]}"
    return done.stdout


@contextmanager
def counted():
    """Inside, what child processes cost counts as compilation."""
    global compiled
    before = os.times()
    try:
        yield
    finally:
        after = os.times()
        compiled += after.children_user + after.children_system - before.children_user - before.children_system


@contextmanager
def locked(path):
    """Inside, no other process holds the file."""
    import fcntl  # not on all systems; where it is missing, these builds are not made either

    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


class CachedBuild:
    """One choice of options for one tree of sources; targets are built when they are asked for."""

    def __init__(self, name, options, source=ROOT):
        self._options, self._source = [*map(str, options)], Path(source)
        kept = Path(os.environ.get("PYALIGN_TEST_BUILDS", ROOT / "build" / "tests"))
        kept.mkdir(parents=True, exist_ok=True)
        self._name, self._lock = name, kept / f"{name}.lock"
        self.folder = kept / f"{name}-{self._hash()}"

    def build(self, *targets):
        with locked(self._lock):
            if not self.folder.exists():
                for old in self._lock.parent.glob(f"{self._name}-" + "[0-9a-f]" * 16):
                    shutil.rmtree(old)
            missing = [target for target in targets if not self._built(target).exists()]
            if not missing:
                return
            with counted():
                if not (self.folder / "build.ninja").exists():
                    generator = ["-G", "Ninja", f"-DCMAKE_MAKE_PROGRAM={which('ninja')}"]
                    must([which("cmake"), "-S", self._source, "-B", self.folder, *generator, *self._options])
                must([which("cmake"), "--build", self.folder, "--target", *missing])
            for target in missing:
                self._built(target).touch()

    def _built(self, target):
        return self.folder / f"{target}.built"

    def _hash(self):
        flags = [os.environ.get(name) for name in FLAGS]
        found = hashlib.sha256(repr((self._options, flags, versions(*self._compilers()), sys.version)).encode())
        for name in SOURCES:
            whole = self._source / name
            for path in sorted(whole.rglob("*")) if whole.is_dir() else [whole]:
                if path.suffix in READ_BY_COMPILERS and path.is_file():
                    found.update(f"{path} {path.stat().st_size}\n".encode() + path.read_bytes())
        return found.hexdigest()[:16]

    def _compilers(self):
        named = [word.partition("=")[2] for word in self._options if word.startswith(("-DCMAKE_C_C", "-DCMAKE_CXX_C"))]
        return [*named, os.environ.get("CC", "cc"), os.environ.get("CXX", "c++"), which("cmake")]


@lru_cache
def versions(*programs):
    """What each of the programs that is there says of its version."""
    return [must([*program.split(), "--version"]) for program in programs if which(program.split()[0])]

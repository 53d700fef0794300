"""Builds of the kernels' own program and of the Python module, and how they are run: for tests/native."""

from __future__ import annotations

import shutil
import sys
from functools import partial
from pathlib import Path

import cached_builds
import pytest
from cached_builds import ROOT, CachedBuild, python_options, which

import pyalign

__all__ = ["PYTEST", "ROOT", "SANITIZERS", "build", "imports_from", "must", "package_with", "require", "run"]
SANITIZERS = {
    "ASAN_OPTIONS": "allocator_may_return_null=1",  # the program asks for too much memory on purpose
    "TSAN_OPTIONS": "allocator_may_return_null=1:ignore_noninstrumented_modules=1",
}
# pytest, for tests that import a Python module of such a build.
PYTEST = [
    *(sys.executable, "-m", "pytest", "-q", "-c", ROOT / "pyproject.toml", "--rootdir", ROOT),
    *("-p", "no:cacheprovider"),
]


def require(*programs):
    """Their paths; skips the test where one is missing."""
    for program in programs:
        if not which(program):
            pytest.skip(f"{program} is not installed.")
    return [which(program) for program in programs]


def build(name, *options, python=False):
    """The program of the build of that name, made where it is not there; with the Python module, if asked for."""
    assert which("cmake") and which("ninja"), "cmake and ninja come with the extra test"
    parts = ["-DPYALIGN_CUDA=OFF", "-DPYALIGN_TESTS=ON", "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON"]
    made = CachedBuild(name, [*parts, *(python_options() if python else ["-DPYALIGN_PYTHON=OFF"]), *options])
    made.build("all")
    return made.folder / "check_kernels"


# More threads than cores: spinning would cost more than the work.
run = partial(cached_builds.run, OMP_WAIT_POLICY="passive")
must = partial(cached_builds.must, OMP_WAIT_POLICY="passive")


def package_with(module, folder):
    """A copy of pyalign in the folder, with that build of the Python module."""
    package = folder / "pyalign"
    if not package.exists():
        shutil.copytree(Path(pyalign.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
    shutil.copy(module, package / "backends")


def imports_from(folder, **environment):
    """Asserts that Python takes the module in the folder; returns what is printed beside that."""
    done = run([sys.executable, "-c", "from pyalign.backends import _native; print(_native.__file__)"], **environment)
    assert done.returncode == 0 and str(folder / "pyalign" / "backends") in done.stdout, done.stdout + done.stderr
    return done.stdout + done.stderr

"""Builds of the kernels' own program and of the Python module, and how they are run: for tests/native."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pybind11
import pytest

import pyalign

ROOT = Path(__file__).resolve().parents[1]
SANITIZERS = {
    "ASAN_OPTIONS": "allocator_may_return_null=1",  # the program asks for too much memory on purpose
    "TSAN_OPTIONS": "allocator_may_return_null=1:ignore_noninstrumented_modules=1",
}
# Options of a build that has the Python module too, and pytest for tests that import it.
PYTHON = [
    "-DPYALIGN_PYTHON=ON",
    f"-DPython_EXECUTABLE={sys.executable}",
    f"-Dpybind11_DIR={pybind11.get_cmake_dir()}",
]
PYTEST = [
    *(sys.executable, "-m", "pytest", "-q", "-c", ROOT / "pyproject.toml", "--rootdir", ROOT),
    *("-p", "no:cacheprovider"),
]


def which(program):
    return shutil.which(program) or shutil.which(program, path=sysconfig.get_path("scripts"))


def require(*programs):
    """Their paths; skips the test where one is missing."""
    for program in programs:
        if not which(program):
            pytest.skip(f"{program} is not installed.")
    return [which(program) for program in programs]


def build(folder, *options, source=ROOT, target="all"):
    """Configures and builds; returns the program."""
    cmake, ninja = which("cmake"), which("ninja")
    assert cmake and ninja, "cmake and ninja come with pip install pyalign[test]"
    parts = ["-DPYALIGN_PYTHON=OFF", "-DPYALIGN_CUDA=OFF", "-DPYALIGN_TESTS=ON", "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON"]
    fixed = ["-G", "Ninja", f"-DCMAKE_MAKE_PROGRAM={ninja}", *parts]
    must([cmake, "-S", source, "-B", folder, *fixed, *options])
    must([cmake, "--build", folder, "--target", target])
    return folder / "check_kernels"


def run(command, cwd=None, **environment):
    clean = {key: value for key, value in os.environ.items() if not key.startswith("PYALIGN_")}
    # More threads than cores: spinning would cost more than the work.
    env = {**clean, "OMP_WAIT_POLICY": "passive", **environment}
    options = {"env": env, "cwd": cwd, "capture_output": True, "text": True, "errors": "replace"}
    return subprocess.run([str(part) for part in command], **options)


def must(command, **options):
    """The output of a command that has to succeed."""
    done = run(command, **options)
    assert done.returncode == 0, f"{command} gave {done.returncode}\n{done.stdout[-6000:]}\n{done.stderr[-6000:]}"
    return done.stdout


def package_with(program, folder):
    """A copy of pyalign in the folder, with the Python module that was built beside the program."""
    (module,) = program.parent.glob("_native*.so")
    package = folder / "pyalign"
    if not package.exists():
        shutil.copytree(Path(pyalign.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
    shutil.copy(module, package / "backends")


def imports_from(folder, **environment):
    """Asserts that Python takes the module in the folder; returns what is printed beside that."""
    done = run([sys.executable, "-c", "from pyalign.backends import _native; print(_native.__file__)"], **environment)
    assert done.returncode == 0 and str(folder / "pyalign" / "backends") in done.stdout, done.stdout + done.stderr
    return done.stdout + done.stderr

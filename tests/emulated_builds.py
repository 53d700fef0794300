"""Builds of the CUDA kernels for the CPU: one of each kind in a run of the tests, whichever process asks first.

A mutant of a kernel is no build of its own (mutants.py).
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from contextlib import contextmanager
from pathlib import Path

import pybind11
from mutants import Mutants

ROOT = Path(__file__).resolve().parents[1]
MEMORY, THREADS = "address,undefined", "thread"


def run(command, cwd=None, **environment):
    clean = {key: value for key, value in os.environ.items() if not key.startswith("PYALIGN_")}
    env = {**clean, "TSAN_OPTIONS": "halt_on_error=1", "ASAN_OPTIONS": "detect_leaks=0", **environment}
    options = {"env": env, "cwd": cwd, "capture_output": True, "text": True, "errors": "replace", "timeout": 600}
    return subprocess.run([str(part) for part in command], **options)


def must(command, **options):
    """The output of a command that has to succeed."""
    done = run(command, **options)
    assert done.returncode == 0, f"{command} gave {done.returncode}\n{done.stdout[-6000:]}\n{done.stderr[-6000:]}"
    return done.stdout


def which(program):
    found = shutil.which(program) or shutil.which(program, path=sysconfig.get_path("scripts"))
    assert found, "cmake and ninja come with pip install pyalign[test]"
    return found


@contextmanager
def locked(path):
    """Inside, no other process holds the file."""
    import fcntl  # not on all systems, and the emulator needs Linux

    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def folder_of_run(tmp_path_factory):
    """A temporary folder that all processes of pytest-xdist have in common."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


class Build:
    """The sources as they are, with one choice of sanitizers; targets are built when they are asked for."""

    def __init__(self, tmp_path_factory, sanitizers=""):
        self.folder = folder_of_run(tmp_path_factory) / f"emulated-{sanitizers or 'plain'}".replace(",", "-")
        self._sanitizers = sanitizers
        self._copy, self._mutants = tmp_path_factory.mktemp("mutants"), None

    def build(self, *targets):
        self.folder.mkdir(exist_ok=True)
        with locked(self.folder / "lock"):
            if not (self.folder / "build.ninja").exists():
                self._configure()
            must([which("cmake"), "--build", self.folder, "--target", *targets])

    def _configure(self):
        python = [
            "-DPYALIGN_PYTHON=ON",
            f"-DPython_EXECUTABLE={sys.executable}",
            f"-Dpybind11_DIR={pybind11.get_cmake_dir()}",
        ]
        options = ["-DPYALIGN_CUDA=OFF", "-DPYALIGN_CUDA_EMULATION=ON", "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON"]
        options += ["-DPYALIGN_PYTHON=OFF"] if self._sanitizers else python
        generator = ["-G", "Ninja", f"-DCMAKE_MAKE_PROGRAM={which('ninja')}", f"-DPYALIGN_SANITIZE={self._sanitizers}"]
        must([which("cmake"), "-S", ROOT, "-B", self.folder, *generator, *options])

    def module(self):
        """The Python module of the emulated kernels."""
        self.build("_cuda_emulated")
        return next(self.folder.glob("_cuda_emulated*" + sysconfig.get_config_var("EXT_SUFFIX")))

    def program(self, name):
        return self.folder / "tests" / "cuda" / name

    def run(self, program, *arguments, **environment):
        return run([self.program(program), *arguments], **environment)

    def must_pass(self, program, *arguments):
        done = self.run(program, *arguments)
        passed = re.fullmatch(r"([1-9]\d*) passed, 0 failed", (done.stdout.splitlines() or [""])[-1])
        assert done.returncode == 0 and passed, done.stdout[-3000:] + done.stderr[-6000:]
        return int(passed.group(1))

    def mutant(self, folder, unit, file, before, after):
        """check_cuda with one source compiled again, `unit`, while a file of csrc/cuda holds something else."""
        if self._mutants is None:
            self._mutants = Mutants(self.folder, self._copy, must, which("ninja"))
        return self._mutants.make(folder / "check_cuda", unit, f"cuda/{file}", before, after)

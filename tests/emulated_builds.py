"""Builds of the CUDA kernels for the CPU, which all files that need them share.

A mutant of a kernel is no build of its own (mutants.py).
"""

from __future__ import annotations

import re
import sysconfig
from functools import partial

import cached_builds
from cached_builds import ROOT, CachedBuild, python_options, which
from mutants import Mutants

__all__ = ["MEMORY", "ROOT", "THREADS", "Build", "must", "run"]
MEMORY, THREADS = "address,undefined", "thread"
SANITIZERS = {"TSAN_OPTIONS": "halt_on_error=1", "ASAN_OPTIONS": "detect_leaks=0"}

run = partial(cached_builds.run, timeout=600, **SANITIZERS)
must = partial(cached_builds.must, timeout=600, **SANITIZERS)


class Build:
    """The sources as they are, with one choice of sanitizers; targets are built when they are asked for."""

    def __init__(self, tmp_path_factory, sanitizers=""):
        options = ["-DPYALIGN_CUDA=OFF", "-DPYALIGN_CUDA_EMULATION=ON", "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON"]
        options += ["-DPYALIGN_PYTHON=OFF"] if sanitizers else python_options()
        name = f"emulated-{sanitizers or 'plain'}".replace(",", "-")
        self._cached = CachedBuild(name, [*options, f"-DPYALIGN_SANITIZE={sanitizers}"])
        self.folder, self.build = self._cached.folder, self._cached.build
        self._copy, self._mutants = tmp_path_factory.mktemp("mutants"), None

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

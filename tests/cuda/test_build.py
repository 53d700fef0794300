"""PYALIGN_CUDA=AUTO, ON and OFF, with an nvcc, with none, and with one that can't compile the kernels."""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest
from support import find_nvcc

ROOT = Path(__file__).resolve().parents[2]
NO_NVCC = "no nvcc that works was found"
OLD = """[ "$*" = -V ] && echo "Cuda compilation tools, release 11.5, V11.5.119" && exit"""  # CMake says --version
NO_CUB = """for file; do case $file in *.cu) grep -q cub/ "$file" && exit 1;; esac; done"""


def which(program):
    return shutil.which(program) or shutil.which(program, path=sysconfig.get_path("scripts"))


needs_nvcc = pytest.mark.skipif(not find_nvcc(), reason="No nvcc.")


@pytest.fixture
def configure(tmp_path):
    """Runs CMake, without a build: exit status, output, and whether the CUDA kernels would be compiled."""

    def run(choice, nvcc):
        folder = tmp_path / "build"
        command = [
            which("cmake"), "-S", ROOT, "-B", folder, "-G", "Ninja", f"-DCMAKE_MAKE_PROGRAM={which('ninja')}",
            "-DPYALIGN_PYTHON=OFF", *([f"-DPYALIGN_CUDA={choice}"] if choice else []),
        ]
        environment = {**os.environ, "CUDACXX": str(nvcc)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
        rules = folder / "build.ninja"
        compiles = rules.exists() and "similarity.cu.o" in rules.read_text()
        return done.returncode, " ".join((done.stdout + done.stderr).split()), compiles

    return run


@pytest.fixture
def spoilt(tmp_path):
    """The nvcc of this machine, but for what a line of shell does first."""

    def make(line):
        script = tmp_path / "nvcc"
        script.write_text(f'#!/bin/sh\n{line}\nexec "{find_nvcc()}" "$@"\n')
        script.chmod(0o755)
        return script

    return make


def test_auto_goes_without_an_nvcc_and_says_so(configure):
    status, output, compiles = configure(None, "/nowhere/nvcc")
    assert (status, compiles) == (0, False)
    assert f"pyalign without CUDA kernels: {NO_NVCC}" in output


def test_on_insists(configure):
    status, output, _ = configure("ON", "/nowhere/nvcc")
    assert status != 0
    assert f"PYALIGN_CUDA=ON, but {NO_NVCC}; CUDACXX=/path/to/nvcc names another" in output


@needs_nvcc
def test_auto_compiles_the_kernels_where_nvcc_works(configure):
    status, output, compiles = configure(None, find_nvcc())
    assert (status, compiles) == (0, True), output


@needs_nvcc
def test_off_leaves_them_out(configure):
    status, output, compiles = configure("OFF", find_nvcc())
    assert (status, compiles) == (0, False)
    assert "CUDA" not in output


@needs_nvcc
@pytest.mark.parametrize(
    ("line", "fault"), [(OLD, "nvcc 11.5 is older than 12.0"), (NO_CUB, "nvcc finds no CUB")], ids=["old", "no-cub"]
)
def test_an_nvcc_that_cannot_compile_them_breaks_no_installation(configure, spoilt, line, fault):
    status, output, compiles = configure("AUTO", spoilt(line))
    assert (status, compiles) == (0, False), output
    assert f"pyalign without CUDA kernels: {fault}" in output

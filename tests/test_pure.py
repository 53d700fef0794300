"""Installations without compiled kernels: when they come about, and that nothing compiled gets into them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

pytest.importorskip("setuptools")
ROOT = Path(__file__).resolve().parents[1]
SUFFIX = sysconfig.get_config_var("EXT_SUFFIX")
FILES = (
    "setup.py", "pyproject.toml", "README.md", "LICENSE", "MANIFEST.in", "CMakeLists.txt", "tools/build_cache.py",
    "pyalign/__init__.py", "pyalign/_version.py", "pyalign/backends/__init__.py", "pyalign/backends/numpy.py",
    "pyalign/datasets/sample/NOTICE.txt",
)
COMPILER = """#!/bin/sh
echo "$0 $*" >> "$CALLED"
exit 1
"""  # one that is there and fails


class Sources:
    """The package without its kernels' sources, on a machine whose PATH is one folder."""

    def __init__(self, folder):
        self.folder, self.path = folder / "sources", folder / "bin"
        for name in FILES:
            (self.folder / name).parent.mkdir(exist_ok=True, parents=True)
            shutil.copy(ROOT / name, self.folder / name)
        self.path.mkdir()
        for name in ("cmake", "ninja"):
            found = shutil.which(name) or shutil.which(name, path=sysconfig.get_path("scripts"))
            (self.path / name).symlink_to(found)

    def add_compiler(self, name):
        (self.path / name).write_text(COMPILER)
        (self.path / name).chmod(0o755)

    def setup(self, *words, **environment):
        """What setup.py does in an environment of these variables."""
        kept = {"HOME": str(self.folder.parent), "PATH": str(self.path), "CALLED": str(self.folder / "called.txt")}
        variables = {name: str(value) for name, value in (kept | environment).items()}
        command = [sys.executable, "setup.py", *map(str, words)]
        return subprocess.run(command, cwd=self.folder, env=variables, capture_output=True, text=True)

    def wheel(self, **environment):
        """The names of the wheel, and what was said meanwhile."""
        done = self.setup("bdist_wheel", "--dist-dir", "dist", **environment)
        assert done.returncode == 0, done.stdout + done.stderr
        (made,) = (self.folder / "dist").glob("*.whl")
        listed = subprocess.run([sys.executable, "-m", "zipfile", "-l", made], capture_output=True, text=True).stdout
        return made.name, listed, done.stdout

    def leave_compiled(self):
        """As an installation in place leaves it, by this Python and by another."""
        places = [self.folder / "pyalign" / "backends" / name for name in (f"_native{SUFFIX}", f"_cuda{SUFFIX}")]
        other = places[0].with_name("_native.cpython-39-other.so")
        for place in (*places, other):
            place.write_bytes(b"an older build")
        return places, other


@pytest.fixture
def sources(tmp_path):
    return Sources(tmp_path)


@pytest.mark.parametrize("environment", [{}, {"PYALIGN_PURE": "1"}, {"PYALIGN_PURE": "", "CXX": ""}])
def test_without_a_compiler_or_if_asked_for_the_wheel_is_one_of_python(sources, environment):
    if environment.get("PYALIGN_PURE") == "1":
        sources.add_compiler("c++")
    sources.leave_compiled()
    name, listed, said = sources.wheel(**environment)
    assert name.endswith("-py3-none-any.whl")
    assert "pyalign/backends/numpy.py" in listed and ".so" not in listed
    why = "PYALIGN_PURE=1" if environment.get("PYALIGN_PURE") == "1" else "no C++ compiler is on PATH"
    assert f"pyalign: nothing is compiled ({why}): numpy computes, many times slower than " in said
    assert not (sources.folder / "called.txt").exists()


def test_a_compiler_that_is_there_and_fails_is_an_error(sources):
    sources.add_compiler("c++")
    done = sources.setup("bdist_wheel", "--dist-dir", "dist")
    assert done.returncode != 0 and not (sources.folder / "dist").exists()
    assert "Traceback" not in done.stderr
    remedy = "PYALIGN_PURE=1 installs pyalign without them, on numpy, which is many times slower"
    assert done.stderr.splitlines()[-1] == f"error: the kernels can't be compiled (see above); {remedy}"
    assert str(sources.path / "c++") in (sources.folder / "called.txt").read_text()


@pytest.mark.parametrize("variables", [
    {"CXX": "/bin/false"}, {"CXX": "no-such-compiler"}, {"PYALIGN_CMAKE_ARGS": "-DCMAKE_CXX_COMPILER=no-such-compiler"},
    {"CMAKE_TOOLCHAIN_FILE": "/no/such/toolchain.cmake"}, {"PYALIGN_PURE": "0", "CXX": "/bin/false"},
], ids=["fails", "is not there", "option", "toolchain", "PYALIGN_PURE=0"])
def test_a_compiler_that_is_named_and_of_no_use_is_an_error(sources, variables):
    done = sources.setup("bdist_wheel", "--dist-dir", "dist", **variables)
    assert done.returncode != 0 and not (sources.folder / "dist").exists()
    assert done.stderr.splitlines()[-1].startswith("error: the kernels can't be compiled (see above); ")


def test_another_value_of_the_variable_is_refused_in_one_line(sources):
    done = sources.setup("--version", PYALIGN_PURE="yes")
    assert done.returncode != 0
    assert done.stderr == "PYALIGN_PURE must be 1 (compile nothing), 0 (compile in any case) or not set; got 'yes'\n"


def test_compilers_are_those_that_cmake_looks_for():
    cmake = shutil.which("cmake") or shutil.which("cmake", path=sysconfig.get_path("scripts"))
    said = subprocess.run([cmake, "--system-information"], capture_output=True, text=True).stdout
    (root,) = re.findall(r'^CMAKE_ROOT "(.+)"$', said, re.MULTILINE)
    text = Path(root, "Modules", "CMakeDetermineCXXCompiler.cmake").read_text(encoding="utf-8")
    lists = re.findall(r"(?:set|list)\((?:APPEND )?CMAKE_CXX_COMPILER_LIST ([^)]+)\)", text)
    looked_for = {name.replace("${_CMAKE_TOOLCHAIN_PREFIX}", "") for one in lists for name in one.split()}
    (ours,) = re.findall(r"^COMPILERS = (\(.+?\))", (ROOT / "setup.py").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(looked_for) > 5 and looked_for <= {*re.findall(r'"(.+?)"', ours)}


@pytest.mark.parametrize("pure", [True, False], ids=["pure", "compiled"])
def test_an_installation_in_place_without_kernels_has_none_of_an_earlier_one(sources, pure, tmp_path):
    """Those of another Python stay: this one does not load them."""
    places, other = sources.leave_compiled()
    environment = {} if pure else {"PYALIGN_PURE": "0"}
    done = sources.setup("editable_wheel", "--dist-dir", tmp_path / "dist", **environment)
    assert (done.returncode == 0) == pure, done.stderr
    assert [place.exists() for place in places] == [not pure] * 2 and other.exists()


def test_setuptools_is_enough_for_it(sources):
    """Where pip builds without isolation, pybind11 may be missing."""
    code = "import sys; sys.modules['pybind11'] = None; sys.argv[1:] = ['bdist_wheel', '--dist-dir', 'dist']"
    (sources.folder / "without_pybind11.py").write_text(f"{code}\nexec(open('setup.py').read())\n")
    environment = {"HOME": str(sources.folder), "PATH": os.devnull}
    command = [sys.executable, "without_pybind11.py"]
    done = subprocess.run(command, cwd=sources.folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr

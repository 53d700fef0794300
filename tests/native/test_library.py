"""The C library as cmake --install puts it in place: what it exports, and programs that are built against it."""

from __future__ import annotations

import ctypes
import platform
import re
import shlex

import numpy as np
import pytest
from native_builds import ROOT, build, must, require, run, which

import pyalign

HEADER = (ROOT / "csrc" / "include" / "pyalign.h").read_text(encoding="utf-8")
DECLARED = {*re.findall(r"^PA_API [\w* ]+?\**(pa_\w+)\(", HEADER, re.MULTILINE)}
EXAMPLES = ROOT / "examples" / "c"
LIBRARY = {"Darwin": "libpyalign.dylib"}.get(platform.system(), "libpyalign.so")


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    """Where the library is installed."""
    folder = tmp_path_factory.mktemp("installed") / "a prefix"
    must([which("cmake"), "--install", build("native-plain").parent, "--prefix", folder])
    return folder


@pytest.fixture(scope="module")
def library(prefix):
    (found,) = prefix.glob(f"lib*/**/{LIBRARY}")
    return found


@pytest.fixture(scope="module")
def programs(prefix, library, tmp_path_factory):
    """The examples, as their CMakeLists.txt builds them."""
    folder = tmp_path_factory.mktemp("programs")
    options = [f"-DCMAKE_PREFIX_PATH={prefix}", "-DCMAKE_C_FLAGS=-Wall -Wextra -pedantic -Werror"]
    generator = ["-G", "Ninja", f"-DCMAKE_MAKE_PROGRAM={which('ninja')}"]
    must([which("cmake"), "-S", EXAMPLES, "-B", folder, *generator, *options])
    must([which("cmake"), "--build", folder])
    return folder


def test_exports_what_the_header_declares(library):
    (nm,) = require("nm")
    exported = {line.split()[-1] for line in must([nm, "-D", "--defined-only", library]).splitlines()}
    assert len(DECLARED) > 30 and exported == DECLARED


def test_every_declaration_is_marked():
    assert len(re.findall(r"^[a-z][\w* ]*pa_\w+\(", HEADER, re.MULTILINE)) == 0


def test_header_library_and_package_have_one_version(library, prefix):
    numbers = [re.search(rf"^#define PA_VERSION_{part} (\d+)$", HEADER, re.MULTILINE)[1] for part in PARTS]
    said = ctypes.CDLL(str(library)).pa_version
    said.restype = ctypes.c_char_p
    assert said().decode() == ".".join(numbers) == pyalign.__version__
    assert f'#define PA_VERSION "{pyalign.__version__}"' in HEADER
    (config,) = prefix.rglob("pyalign.pc")
    assert f"Version: {pyalign.__version__}\n" in config.read_text()


PARTS = ("MAJOR", "MINOR", "PATCH")


def test_the_installation_is_what_a_program_needs_and_no_more(prefix):
    names = {path.name for path in prefix.rglob("*") if path.is_file() and ".so" not in path.name}
    assert names == {
        "pyalign.h", "pyalign.pc", "pyalign-config.cmake", "pyalign-config-version.cmake",
        "pyalign-config-release.cmake",
    }


@pytest.fixture
def case(tmp_path):
    x = pyalign.load_embeddings("dataset:sample").values.astype(np.float32)
    x[7] = x[3]  # ties
    triplets = pyalign.load_triplets("dataset:sample").values[:5000].astype(np.int32)
    x.tofile(tmp_path / "x")
    triplets.tofile(tmp_path / "triplets")
    return x, triplets


@pytest.mark.parametrize("program", ["score_c", "score_cpp"])
def test_an_example_gives_the_bits_of_python(programs, program, case, tmp_path):
    x, triplets = case
    words = [tmp_path / "x", *x.shape, tmp_path / "triplets", len(triplets), tmp_path / "s"]
    *choices, last = must([programs / program, *words]).splitlines()
    assert (tmp_path / "s").read_bytes() == pyalign.similarity(x, measure="cosine").tobytes()
    score = pyalign.score(x, triplets, measure="cosine", ci=None)
    decisions = pyalign.odd_one_out(x, triplets, measure="cosine")
    assert np.array_equal(np.array(choices, int), decisions)
    assert float(last.removeprefix("accuracy ")) == score.accuracy


@pytest.mark.parametrize("program", ["score_c", "score_cpp"])
def test_an_example_says_what_was_refused(programs, program, case, tmp_path):
    _, triplets = case
    words = [tmp_path / "x", 0, 0, tmp_path / "triplets", len(triplets), tmp_path / "s"]
    done = run([programs / program, *words])
    assert done.returncode == 1 and done.stderr.startswith("pyalign: ")
    assert not (tmp_path / "s").exists()


def test_pkg_config_finds_it(prefix, programs, case, tmp_path):
    pkg_config, cc = require("pkg-config", "cc")
    (place,) = prefix.rglob("pyalign.pc")
    flags = must([pkg_config, "--cflags", "--libs", "pyalign"], PKG_CONFIG_PATH=str(place.parent)).strip()
    must([cc, "-std=c99", EXAMPLES / "score.c", "-o", tmp_path / "score", *shlex.split(flags), "-lm"])
    x, triplets = case
    words = [tmp_path / "x", *x.shape, tmp_path / "triplets", len(triplets), tmp_path / "s"]
    done = must([tmp_path / "score", *words], LD_LIBRARY_PATH=str(place.parent.parent))
    assert done == must([programs / "score_c", *words])


def test_cmake_refuses_another_minor_version(prefix, tmp_path):
    text = (EXAMPLES / "CMakeLists.txt").read_text()
    (tmp_path / "CMakeLists.txt").write_text(text.replace("pyalign 0.1", "pyalign 0.0"))
    generator = ["-G", "Ninja", f"-DCMAKE_MAKE_PROGRAM={which('ninja')}"]
    done = run([which("cmake"), "-S", tmp_path, "-B", tmp_path / "b", *generator, f"-DCMAKE_PREFIX_PATH={prefix}"])
    assert done.returncode != 0 and 'compatible with requested version "0.0"' in done.stderr

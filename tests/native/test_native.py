"""check_kernels, the kernels' own program in C, built and run in every way that this machine has tools for.

With AddressSanitizer the Python module is built too, and runs tests of tests/backends. What ThreadSanitizer sees is in
test_races.py.
"""

from __future__ import annotations

import os
import platform
import re

import pytest
from mutants import Mutants
from native_builds import PYTEST, ROOT, SANITIZERS, build, imports_from, must, package_with, require, run

X86 = platform.machine().lower() in ("x86_64", "amd64")


def check(command, **environment):
    """Runs check_kernels; returns the first choice of instruction set and the number of checks of each."""
    return counts_of(must(command, **environment))


def counts_of(output):
    """The same, of what it printed."""
    assert re.fullmatch(r"[1-9]\d* passed, 0 failed", output.splitlines()[-1]), output
    first = re.search(r"^first choice: (\w+)$", output, re.MULTILINE).group(1)
    return first, {name: int(count) for name, count in re.findall(r"^(\w+): (\d+) checks$", output, re.MULTILINE)}


@pytest.fixture(scope="module")
def plain():
    return build("native-plain")


@pytest.mark.of_kernels
def test_agrees_with_naive_loops(plain):
    first, counts = check([plain])
    assert first == next(iter(counts)), "the best instruction set that runs comes first"
    assert min(counts.values()) > 50_000


def test_environment_names_the_first_choice(plain):
    last = list(check([plain, "--quick"])[1])[-1]
    assert check([plain, "--quick"], PYALIGN_ISA=last)[0] == last


def test_one_part_is_checked_alone_and_a_part_that_is_not_there_is_refused(plain):
    counts = check([plain, "--quick", "--only", "assign"])[1]
    assert 0 < max(counts.values()) < min(check([plain, "--quick"])[1].values())
    assert run([plain, "--only", "nothing"]).returncode == 2


@pytest.fixture(scope="module")
def sanitized():
    """The program, and beside it the Python module."""
    (gcc,) = require("g++")
    options = f"-DPYALIGN_SANITIZE=address,undefined -DCMAKE_CXX_COMPILER={gcc} -DCMAKE_BUILD_TYPE=RelWithDebInfo"
    return build("native-memory", *options.split(" "), python=True)


@pytest.mark.of_kernels
def test_has_no_memory_error_no_leak_and_no_undefined_behavior(sanitized):
    command = [sanitized, "--quick"]
    done = run(command, **SANITIZERS)
    if "LeakSanitizer has encountered a fatal error" in done.stderr:  # under a debugger or in some containers
        done = run(command, **{**SANITIZERS, "ASAN_OPTIONS": SANITIZERS["ASAN_OPTIONS"] + ":detect_leaks=0"})
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-6000:]
    counts_of(done.stdout)


ENDS = (  # of the runs of each, of which a sanitizer needs fewer
    "test_daemon_threads_in_every_kernel_let_the_process_end[0]",
    "test_daemon_threads_in_every_kernel_let_the_process_end[1]",
    "test_a_first_call_at_the_end_lets_the_process_end[0]",
)


@pytest.mark.of_kernels
@pytest.mark.parametrize(
    "tests",
    [
        ["test_native.py", "test_products.py", "test_shared_products.py", "test_temperature_sums.py"],
        ["test_written_meanwhile.py", *(f"test_exit.py::{end}" for end in ENDS)],
    ],
    ids=["on arrays of numpy", "beside other threads"],
)
def test_python_module_has_no_memory_error_and_no_undefined_behavior(sanitized, tmp_path, monkeypatch, tests):
    libraries = [must(["g++", f"-print-file-name={name}"]).strip() for name in ("libasan.so", "libubsan.so")]
    if not all(map(os.path.isabs, libraries)):
        pytest.skip("the libraries of g++'s sanitizers are not installed.")
    (module,) = sanitized.parent.glob("_native*.so")
    package_with(module, tmp_path)
    monkeypatch.chdir(tmp_path)  # away from the sources, which would be imported
    environment = {
        "PYTHONPATH": str(tmp_path),
        "LD_PRELOAD": " ".join(libraries),
        "ASAN_OPTIONS": SANITIZERS["ASAN_OPTIONS"] + ":detect_leaks=0",  # Python leaves much at its end
        "OMP_NUM_THREADS": "2",
        "OPENBLAS_NUM_THREADS": "1",
    }
    imports_from(tmp_path, **environment)
    unlike = "not scratch and not numpy"  # sanitizers keep memory back; and no kernel of ours
    must([*PYTEST, "-k", unlike, *(ROOT / "tests" / "backends" / name for name in tests)], **environment)


@pytest.mark.of_kernels
def test_neon_under_emulation():
    c, cpp, qemu = require("aarch64-linux-gnu-gcc", "aarch64-linux-gnu-g++", "qemu-aarch64")
    system = ["-DCMAKE_SYSTEM_NAME=Linux", "-DCMAKE_SYSTEM_PROCESSOR=aarch64"]
    program = build("native-neon", *system, f"-DCMAKE_C_COMPILER={c}", f"-DCMAKE_CXX_COMPILER={cpp}")
    first, counts = check([qemu, "-L", "/usr/aarch64-linux-gnu", program, "--quick", "--once"])
    assert first == "neon"
    assert list(counts) == ["neon"]


@pytest.mark.of_kernels
@pytest.mark.skipif(not X86, reason="Not an x86-64 machine.")
@pytest.mark.parametrize(("processor", "isa"), [("Haswell", "avx2"), ("Nehalem", "base")])
def test_older_processors_under_emulation(plain, processor, isa):
    (qemu,) = require("qemu-x86_64")
    first, counts = check([qemu, "-cpu", processor, plain, "--quick", "--once"])
    assert first == isa and list(counts) == [isa]


@pytest.mark.skipif(not X86, reason="Not an x86-64 machine.")
def test_an_older_processor_has_the_plain_kernels_too(plain):
    (qemu,) = require("qemu-x86_64")
    assert list(check([qemu, "-cpu", "Haswell", plain, "--quick", "--only", "series"])[1]) == ["avx2", "base"]


def test_instruction_sets_share_no_code(plain):
    """A weak function built for one of them could be linked into the path of another."""
    (nm,) = require("nm")
    units = """assign buckets check choice_similarity gradient inversions outcomes pair_products permuted plan planned
        rank_sums ranks resample rows shared similarity temperature topk transpose triplets"""
    for unit in units.split():
        objects = sorted(plain.parent.glob(f"CMakeFiles/pyalign_*.dir/csrc/cpu/{unit}.cpp.o"))
        assert objects
        for path in objects:
            symbols = must([nm, "-C", path])
            assert " T " in symbols
            assert not re.findall(r"^\S* [WVu] .*$", symbols, re.MULTILINE), path


# What a processor of the instruction set does not have, in a listing: registers of AVX-512; for "base" VEX too.
NEWER = {"avx2": r"%zmm|%[xy]mm(1[6-9]|2\d|3[01])|%k[0-7]", "base": r"%[yz]mm|\tv\w+ |%k[0-7]"}


def newer_instructions(isa, path):
    (objdump,) = require("objdump")
    return [line for line in must([objdump, "-d", path]).splitlines() if re.search(NEWER[isa], line)]


@pytest.mark.skipif(not X86, reason="Not an x86-64 machine.")
@pytest.mark.parametrize("isa", NEWER)
def test_kernels_of_older_processors_have_no_newer_instructions(plain, isa):
    """On any path; emulation sees only those that it takes."""
    objects = sorted(plain.parent.glob(f"CMakeFiles/pyalign_{isa}.dir/csrc/cpu/*.cpp.o"))
    assert len(objects) > 15
    assert {path.name: found[:3] for path in objects if (found := newer_instructions(isa, path))} == {}


@pytest.mark.skipif(not X86, reason="Not an x86-64 machine.")
def test_newer_instructions_are_seen(plain):
    for isa, newer in (("avx2", "avx512"), ("base", "avx2")):
        assert newer_instructions(isa, plain.parent / f"CMakeFiles/pyalign_{newer}.dir/csrc/cpu/similarity.cpp.o")


@pytest.mark.skipif(not X86, reason="Not an x86-64 machine.")
@pytest.mark.parametrize("isa", ["base", "avx2", "avx512"])
def test_look_ups_are_requested_into_l2(plain, isa):
    """Three places of a triplet, in a matrix and in a triangle, float32 and float64, before a block and within it."""
    (objdump,) = require("objdump")
    code = must([objdump, "-d", plain.parent / f"CMakeFiles/pyalign_{isa}.dir/csrc/cpu/triplets.cpp.o"])
    assert code.count("prefetcht1") >= 3 * 2 * 2 * 2


# Each kernel file, broken once: what stands there, and what the test puts in its place.
MUTATIONS = {
    "row_squares drops the last feature": ("rows.cpp", "k < d; ++k) s +=", "k < d - 1; ++k) s +="),
    "the mirror image is not written": ("similarity.cpp", "if (job.symmetric) write_mirror", "if (0) write_mirror"),
    "the row reported is the next": ("check.cpp", "report->repeated = q;", "report->repeated = q + 1;"),
    "two-way ties are not counted": ("triplets.cpp", "ties2 += c.pairs_at_maximum == 2;", ""),
    "similarities stay in the order in which their pairs were sorted": (
        "buckets.cpp", "desk->values[*where++]", "desk->values[where++ - desk->where]"),
    "each block of a chunk counts its triplets anew": (
        "bucket_lists.h", "put(at, 3 * (q + r) + p);", "put(at, 3 * r + p);"),
    "a square of the triangle is not compared with its mirror image": (
        "triangle.h", "differs |= typename S::Mask(here) ^ typename S::Mask(v[r]);", ""),
    "a pair of rows serves one way alone": (
        "pair_products.cpp", "if (!one_pass<T, LAST>(job, slab, desks.data, threads)) return PA_INVALID_TRIPLETS;", ""),
    "bands are added to the wrong rows": ("gradient.cpp", "int64_t row = band << task.shift", "int64_t row = band"),
    "a carried value is read and not replaced": ("planned.cpp", "pass.values[place[r]] = pairs.p12[r];", ""),
    "squares on the diagonal are left out": (
        "transpose.cpp", "larger(i, j0); j < j1; j += lanes", "larger(i + 1, j0); j < j1; j += lanes"),
    "a group of resamples takes the multiplicities of the first": (
        "resample.cpp", "multiplicities + group * kLanes;", "multiplicities;"),
    "sets of three with another middle object count as one": (
        "shared.cpp",
        "if (q == lowest[i] || second != s->others[q - 1]) thirds->clear();",
        "if (q == lowest[i]) thirds->clear();",
    ),
    "sets whose last two items share a block are met once too often": (
        "choice_similarity.cpp",
        "const int64_t first = a >= rows ? g.size : bi == bj ? a + 1 : 0;",
        "const int64_t first = a >= rows ? g.size : bi == bj ? a : 0;",
    ),
    "equal numbers that are too many to sort at once have the rank of the first": (
        "ranks.cpp", "int32_t(2 * smaller_ones + count + 1)", "int32_t(2 * smaller_ones + 2)"),
    "a rank counts no equal ones": (
        "rank_sums.cpp", "ranks[l] = 2 * before[l] + weight[l];", "ranks[l] = 2 * before[l];"),
    "equal numbers stand in the wrong order": (
        "inversions.cpp", "from[left].value <= from[right].value", "from[left].value < from[right].value"),
    "an entropy is that of another temperature": ("outcomes.cpp", "inverse_temperature).entropy", "T(1)).entropy"),
    "two alternatives have a third": ("temperature.cpp", "Alternatives == 2 ? 0.0 : exp_of", "exp_of"),
    "the last of equal places counts": ("assign.cpp", "= value > best[v];", "= value >= best[v];"),
    "a repeated item is let through": ("unpack.h", " | uint32_t(b == c);", ";"),
}


# What is compiled again for a header.
UNITS = {"bucket_lists.h": "buckets.cpp", "triangle.h": "triplets.cpp", "unpack.h": "triplets.cpp"}


@pytest.fixture(scope="module")
def mutants(plain, tmp_path_factory):
    return Mutants(plain.parent, tmp_path_factory.mktemp("mutants"), must, *require("ninja"))


def program_with(mutants, best, folder, file, before, after):
    unit = f"csrc/cpu/{UNITS.get(file, file)}"
    return mutants.make(folder / "check_kernels", unit, f"cpu/{file}", before, after, define=f"PA_ISA={best}")


@pytest.mark.of_kernels
@pytest.mark.plants
@pytest.mark.parametrize("mutation", MUTATIONS)
def test_notices_that(mutants, best, tmp_path, mutation):
    done = run([program_with(mutants, best, tmp_path, *MUTATIONS[mutation]), "--quick", "--first"])
    assert done.returncode == 1, done.stdout
    assert f"FAILED on {best}" in done.stdout


@pytest.mark.of_kernels
def test_notices_nothing_where_nothing_is_broken(mutants, best, tmp_path):
    """Else it would be the way in which mutants are built that fails."""
    program = program_with(mutants, best, tmp_path, "triplets.cpp", *['#include "unpack.h"'] * 2)
    check([program, "--quick"])

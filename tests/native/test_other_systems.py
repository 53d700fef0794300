"""Systems and builds that this machine is not: Windows and macOS are compiled for; one thread is run."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec

import pytest
from native_builds import ROOT, build, must

TARGETS = {  # how CMake would have it built there
    "x86_64-windows-gnu": ["-DPA_ISA=base", "-fopenmp-simd"],
    "aarch64-macos": ["-DPA_ISA=neon", "-fopenmp", "-DPA_THREAD_POOL"],
}
COMMON = {"dispatch.cpp", "scratch.cpp", "sizes.cpp", "pool.cpp"}
WARNINGS = [
    "-Wall",
    "-Wextra",
    "-Werror",
    "-Wno-ignored-attributes",
    "-Wno-pass-failed",
    "-Wno-unused-parameter",
    "-Wno-unknown-pragmas",
]


@pytest.mark.skipif(not find_spec("ziglang"), reason="ziglang, which has the headers, is not installed.")
@pytest.mark.parametrize("target", TARGETS)
def test_every_source_compiles_for(target, tmp_path):
    """The compiler and the headers of that system are Zig's; nothing is linked or run."""
    units = sorted((ROOT / "csrc" / "cpu").glob("*.cpp"))
    assert {unit.name for unit in units} >= COMMON
    include = [f"-I{ROOT / 'csrc' / name}" for name in ("", "include", "cpu")]
    command = [sys.executable, "-m", "ziglang", "c++", "-target", target, "-std=c++17", "-O0", "-g0", "-fno-exceptions"]
    for unit in units:
        if unit.name != "pool.cpp" or "-DPA_THREAD_POOL" in TARGETS[target]:
            words = [*command, *TARGETS[target], *WARNINGS, *include, "-c", unit, "-o", tmp_path / "unit.o"]
            done = subprocess.run([str(word) for word in words], capture_output=True, text=True, cwd=tmp_path)
            assert done.returncode == 0, done.stderr[-3000:]


def test_without_openmp_one_thread_gives_the_same_bits(tmp_path):
    """The library of either build runs one program, which writes what it was given."""
    one = build("native-one", "-DPYALIGN_THREADS=ONE").parent
    many = build("native-plain").parent
    must(["cc", "-O2", f"-I{ROOT / 'csrc' / 'include'}", ROOT / "tests" / "native" / "bits" / "bits.c", "-o",
          tmp_path / "bits", f"-L{many}", "-lpyalign", "-lm"])
    runs = {
        (folder, threads): must([tmp_path / "bits"], LD_LIBRARY_PATH=str(folder), OMP_NUM_THREADS=threads)
        for folder, threads in ((one, "4"), (many, "1"), (many, "4"))
    }
    said = {run.splitlines()[0] for run in runs.values()}
    assert said == {"threads 1", "threads 4"} and runs[one, "4"].startswith("threads 1\n")
    assert len({run.partition("\n")[2] for run in runs.values()}) == 1

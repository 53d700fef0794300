"""Kernels under ThreadSanitizer: the program in C, and tests of the Python module.

Both with clang and its OpenMP, which tells ThreadSanitizer of its barriers through libarcher; g++'s does not.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from mutants import Mutants
from native_builds import PYTEST, ROOT, SANITIZERS, build, imports_from, must, package_with, require, run

INTENDED = "race:rewrite_triplets\n"  # check_meanwhile.c: a thread that writes to indices while kernels read them
BACKENDS = ROOT / "tests" / "backends"
pytestmark = pytest.mark.of_kernels


class Threads:
    """The build under ThreadSanitizer, and what stands for a part of it in which a source is broken."""

    def __init__(self, folder):
        clang, clang_cpp, ninja = require("clang", "clang++", "ninja")
        self.archer = Path(clang_cpp).resolve().parents[1] / "lib" / "libarcher.so"
        if not self.archer.exists():
            pytest.skip("clang's OpenMP (libomp-dev) is not installed.")
        options = [f"-DCMAKE_C_COMPILER={clang}", f"-DCMAKE_CXX_COMPILER={clang_cpp}"]
        options += ["-DPYALIGN_SANITIZE=thread", "-DCMAKE_BUILD_TYPE=RelWithDebInfo"]
        self.program = build("native-threads", *options, python=True)
        (self.module,) = self.program.parent.glob("_native*.so")
        self.mutants = Mutants(self.program.parent, folder, must, ninja)


@pytest.fixture(scope="module")
def threads(tmp_path_factory):
    return Threads(tmp_path_factory.mktemp("threads"))


def run_in_c(threads, program, folder, *words):
    suppressions = folder / "intended"
    suppressions.write_text(INTENDED)
    tsan = f"{SANITIZERS['TSAN_OPTIONS']}:suppressions={suppressions}"
    options = {"TSAN_OPTIONS": tsan, "OMP_TOOL_LIBRARIES": str(threads.archer), "ARCHER_OPTIONS": "verbose=1"}
    done = run([program, "--quick", *words], **options)
    if "unexpected memory mapping" in done.stderr:
        pytest.skip("ThreadSanitizer cannot lay out its memory on this kernel.")
    assert "Archer detected OpenMP application with TSan" in done.stdout + done.stderr
    return done


def test_the_program_in_c_has_no_data_race(threads, tmp_path):
    done = run_in_c(threads, threads.program, tmp_path)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]


@pytest.mark.plants
def test_scratch_memory_that_is_handed_on_in_no_order_is_seen_as_a_race(threads, tmp_path):
    taken = "uint64_t* piece = slot.exchange(nullptr, std::memory_order_acq_rel);"
    change = taken, taken.replace("acq_rel", "relaxed")
    program = threads.mutants.make(tmp_path / "check_kernels", "csrc/cpu/scratch.cpp", "cpu/scratch.cpp", *change)
    done = run_in_c(threads, program, tmp_path, "--only", "side_by_side")
    assert done.returncode != 0
    assert "WARNING: ThreadSanitizer: data race" in done.stderr and "check_side_by_side.c" in done.stderr


class Python:
    """Tests of the Python module, with the library of ThreadSanitizer loaded before Python.

    Of Python and of numpy, which are built without, it hears of locks and no accesses: that a thread of numpy writes to
    triplets meanwhile is no race to it, and one of ours is.
    """

    def __init__(self, threads, module, folder, options=""):
        self.folder, self._reports = folder, folder / "reports"
        self._reports.mkdir()
        package_with(module, folder)
        self._environment = {
            "PYTHONPATH": str(folder),
            "TSAN_OPTIONS": f"{SANITIZERS['TSAN_OPTIONS']}:log_path={self._reports / 'race'}{options}",
            "OMP_TOOL_LIBRARIES": str(threads.archer),
            "OMP_NUM_THREADS": "2",
            "OPENBLAS_NUM_THREADS": "1",
        }
        self._environment["LD_PRELOAD"] = self._runtime()

    def _runtime(self):
        """clang's own library or that of g++: the interface is the same, and not every clang's can be loaded first."""
        machine = must(["clang", "-dumpmachine"]).split("-")[0]
        asked = [("clang", f"libclang_rt.tsan-{machine}.so"), ("clang", "libclang_rt.tsan.so"), ("g++", "libtsan.so")]
        for compiler, name in asked:
            path = must([compiler, f"-print-file-name={name}"]).strip() if shutil.which(compiler) else name
            if Path(path).is_absolute() and self._starts(path):
                return path
        pytest.skip("no library of ThreadSanitizer can be loaded before Python.")

    def _starts(self, path):
        # Not from the folder in which the tests were begun, which may be that of the sources.
        command = [sys.executable, "-c", "import sys; del sys.path[0]; from pyalign.backends import _native"]
        return run(command, **self._environment, LD_PRELOAD=path).returncode == 0

    def starts(self, code):
        """The output of code, with what archer says of itself; the module of the folder is what it imports."""
        imports_from(self.folder, **self._environment)
        done = run([sys.executable, "-c", code], **self._environment, ARCHER_OPTIONS="verbose=1")
        return done.stdout + done.stderr

    def tests(self, *words):
        """What pytest says, and the races that any of its processes has seen."""
        for path in self._reports.iterdir():
            path.unlink()
        done = run([*PYTEST, *words], **self._environment)
        return done, "".join(path.read_text(errors="replace") for path in sorted(self._reports.iterdir()))


@pytest.fixture(scope="module")
def python(threads, tmp_path_factory):
    return Python(threads, threads.module, tmp_path_factory.mktemp("python"))


def test_archer_tells_of_barriers_in_python_too(python, monkeypatch):
    monkeypatch.chdir(python.folder)
    code = "import numpy as np, pyalign; pyalign.similarity(np.ones((300, 9)), backend='native')"
    assert "Archer detected OpenMP application with TSan" in python.starts(code)


@pytest.mark.parametrize(
    "tests",
    [
        # Kernels of one thread each run side by side in the test of different kernels.
        ["test_side_by_side.py", "-k", "not (alone and 1)"],
        # The program in C has each kernel of each instruction set.
        ["test_native.py", "-k", "(concurrent or repeated) and {best} or fork"],
        ["test_written_meanwhile.py", "-k", "valid_triplets_that_are_rewritten and native and (gradient or plan)"],
        ["test_exit.py::test_daemon_threads_in_every_kernel_let_the_process_end[0]"],
    ],
    ids=lambda tests: tests[0].removesuffix(".py").split(".py")[0],
)
def test_the_python_module_has_no_data_race(python, best, monkeypatch, tests):
    monkeypatch.chdir(python.folder)  # away from the sources, which would be imported
    done, races = python.tests(BACKENDS / tests[0], *(word.format(best=best) for word in tests[1:]))
    assert not races, races[:6000]
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]
    assert " passed" in done.stdout


@pytest.mark.plants
def test_a_block_of_triplets_that_all_threads_share_is_seen_as_a_race(threads, best, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    change = "\n  Items items;", "\n  static Items items;"
    source, define = "cpu/triplets.cpp", f"PA_ISA={best}"
    module = threads.mutants.make(tmp_path / threads.module.name, f"csrc/{source}", source, *change, define=define)
    broken = Python(threads, module, tmp_path, ":halt_on_error=1")  # all of its reports would take minutes to write
    done, races = broken.tests(BACKENDS / "test_side_by_side.py", "-k", "alone and triplets_from_matrix and 1")
    assert done.returncode != 0
    assert "WARNING: ThreadSanitizer: data race" in races and "triplets.cpp" in races

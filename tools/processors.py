"""Runs the tests of `make test` as other processors would, and in random orders, and writes a table of that.

    python tools/processors.py                  ten runs, each environment at least once, each in an order of its own
    python tools/processors.py --only pure      those of one environment (again: --only NAME --only NAME)
    python tools/processors.py --paths tests/io part of the suite
    python tools/processors.py --short          documents, golden figures and what charts compute, in each environment
                                                that is not the machine's own; no table

A row of `processors.csv` is added when a run ends. One that is there for the commit is not repeated, so that a series
which was interrupted goes on where it was. BLAS, numpy and the kernels are asked which processor they take this for.
"""

from __future__ import annotations

import argparse
import atexit
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

import csv_rows

ROOT = Path(__file__).resolve().parents[1]
TABLE = ROOT / "tools" / "processors.csv"
FOLDER = ROOT / "build" / "processors"
HEADER = ("environment", "seed", "processor", "instruction sets", "paths", "passed", "failed", "names of failed",
          "CPU seconds", "commit", "date")
RUNS = 10
NAMED = 20  # of the tests that failed, in the table
DEFAULT = "default"
EVERYTHING = ("tests", "docs", "README.md", "--pyargs", "pyalign")  # as in the Makefile
THREADS = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYALIGN_NUM_THREADS": "2"}  # likewise
OURS = (*THREADS, "PYALIGN_ISA", "PYALIGN_PURE", "OPENBLAS_CORETYPE", "NPY_DISABLE_CPU_FEATURES")
SHORT = (
    "tests/snapshots/test_snapshots.py::test_results_of_all_kinds_have_the_committed_documents",
    "tests/snapshots/test_snapshots.py::test_results_of_the_sample_have_the_committed_documents",
    "tests/snapshots/test_snapshots.py::test_results_of_real_data_have_the_committed_documents",
    "tests/snapshots/test_snapshots.py::test_what_is_shown_of_several_results", "tests/test_golden.py",
)
CORES = {"Nehalem": ("sse4_2",), "Haswell": ("avx2",), "SkylakeX": ("avx512f",)}  # of OpenBLAS, and what each needs
WHAT_IS_THERE = """
import json, warnings
import numpy, scipy.linalg, pyalign
from numpy._core._multiarray_umath import __cpu_dispatch__ as dispatched, __cpu_features__ as features
from pyalign.backends import native
from threadpoolctl import threadpool_info
numpy.ones((2, 2)) @ numpy.ones((2, 2))
print(json.dumps({
    "sets": [name for name, runs in native.instruction_sets().items() if runs], "isa": native.instruction_set(),
    "cores": [one["architecture"] for one in threadpool_info() if one["internal_api"] == "openblas"],
    "numpy": [name for name in dispatched if features[name]], "package": pyalign.__file__,
}))
"""


@dataclass(frozen=True)
class Environment:
    """Variables of the tests, and what must be so there: `isa` of the kernels, `core` of each OpenBLAS."""

    name: str
    variables: dict[str, str] = field(default_factory=dict)
    isa: str | None = None
    core: str | None = None

    def whole(self):
        kept = {key: value for key, value in os.environ.items() if key not in OURS}
        return {**kept, **THREADS, **self.variables}

    def look(self):
        """What BLAS, numpy and the kernels say there; RuntimeError where that is not what was asked for."""
        command = [sys.executable, "-W", "ignore", "-c", WHAT_IS_THERE]
        done = subprocess.run(command, env=self.whole(), cwd=os.sep, capture_output=True, text=True, check=True)
        there = json.loads(done.stdout)
        if self.isa is not None and there["isa"] != (self.isa or None):
            raise RuntimeError(f"{self.name}: the kernels use {there['isa']}")
        if self.core is not None and {*there["cores"]} != {self.core}:
            raise RuntimeError(f"{self.name}: BLAS takes the processor for {there['cores']}")
        return there


def environments():
    """The environments of this machine, its own first."""
    own = Environment(DEFAULT)
    there = own.look()
    numpys = there["numpy"]
    newest = [name for name in numpys if "512" in name or name == "X86_V4"]
    hidden = {"Nehalem": numpys, "Haswell": newest, "SkylakeX": []}  # from numpy's own loops, where it has such
    cores = [name for name, needed in CORES.items() if there["cores"] and {*needed} <= processor_flags()]
    as_core = {name: {"OPENBLAS_CORETYPE": name, "NPY_DISABLE_CPU_FEATURES": " ".join(hidden[name])} for name in cores}
    return [
        own, *(Environment(name, {"PYALIGN_ISA": name}, isa=name) for name in there["sets"]),
        Environment("pure", {"PYTHONPATH": str(pure(Path(there["package"]).parent)), "PYALIGN_PURE": "1"}, isa=""),
        *(Environment(name, variables, core=name) for name, variables in as_core.items()),
        Environment("other threads", {"OPENBLAS_NUM_THREADS": "2", "OMP_NUM_THREADS": "2", "PYALIGN_NUM_THREADS": "1"}),
    ]


def pure(package):
    """A folder that holds the package without its compiled modules, as PYALIGN_PURE=1 installs it, until we end."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="pure-", dir=FOLDER))  # another run has its own
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    shutil.copytree(package, folder / "pyalign", ignore=shutil.ignore_patterns("*.so", "*.pyd", "__pycache__"))
    return folder


def processor_flags():
    """What the processor can do, as Linux says it."""
    text = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    return {flag for line in text.splitlines() if line.startswith("flags") for flag in line.split()}


def processor():
    text = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    names = [line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")]
    return names[0] if names else platform.processor()


def plan(found):
    """(environment, seed) of each run: all environments, then the machine's own again, each in another order."""
    runs = [*found, *[found[0]] * max(0, RUNS - len(found))]
    return [(environment, seed) for seed, environment in enumerate(runs, start=1)]


def tests_of(environment, words):
    """How many tests passed, the names of those that didn't, and whether pytest ended as it should."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.xml")
        programs = Path(sys.executable).parent  # `python -m pytest` would import the package from the checkout
        command = [programs / "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}", *words]
        variables = {**environment.whole(), "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}
        done = subprocess.run(command, env=variables, cwd=ROOT, capture_output=True, text=True)
        cases = list(ElementTree.parse(report).iter("testcase")) if report.exists() else []
    failed = [case for case in cases if case.find("failure") is not None or case.find("error") is not None]
    skipped = sum(case.find("skipped") is not None for case in cases)
    names = [f"{case.get('classname', '')}::{case.get('name')}" for case in failed]
    if done.returncode not in (0, 1) or (done.returncode == 1) != bool(names):
        names.append(f"pytest ended with {done.returncode}")
    return len(cases) - len(failed) - skipped, names, done.stdout + done.stderr


def shortened(names):
    """The first names, and how many more there are: readers of CSV refuse a field without end."""
    return "; ".join([*names[:NAMED], *([f"and {len(names) - NAMED:,} more"] if len(names) > NAMED else [])])


def commit():
    """The commit that is tested; with a + where files differ from it, but for the table."""
    head = subprocess.run(["git", "rev-parse", "--short=10", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    changed = subprocess.run(["git", "status", "--porcelain"], cwd=ROOT, capture_output=True, text=True).stdout
    own = TABLE.relative_to(ROOT).as_posix()
    return head.stdout.strip() + "+" * any(line[3:] != own for line in changed.splitlines())


def long(chosen, paths, table):
    """All runs that the table doesn't have; the number of tests that failed."""
    at, given, total = commit(), " ".join(paths), 0
    key = ("environment", "seed", "commit", "paths", "processor")
    done = {tuple(row[name] for name in key) for row in csv_rows.read(table)}
    for environment, seed in chosen:
        if (environment.name, str(seed), at, given, processor()) in done:
            print(f"{environment.name}, order {seed}: done before", flush=True)
            continue
        there, before = environment.look(), spent()
        words = ("-n", "2", "--dist", "loadfile", "--no-loadscope-reorder", "--suite", "test", "--shuffle", str(seed))
        passed, failed, output = tests_of(environment, (*words, *(paths or EVERYTHING)))
        when = time.strftime("%Y-%m-%d %H:%M", time.gmtime())
        cells = (environment.name, seed, processor(), " ".join(there["sets"]), given, passed, len(failed),
                 shortened(failed), round(spent() - before), at, when)
        csv_rows.append(table, [dict(zip(HEADER, cells, strict=True))])
        total += len(failed)
        report(f"{environment.name}, order {seed}", passed, failed, output)
    return total


def short(found):
    """The figures alone, two environments at a time; the number of tests that failed."""

    def run(environment):
        try:
            there = environment.look()
        except RuntimeError as error:
            return 0, [str(error)], ""
        backend = "numpy" if environment.isa == "" or environment.core else f"native-{there['isa']}"
        return tests_of(environment, ("-k", f"not test_golden or {backend}", *SHORT))

    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(run, found))
    for environment, result in zip(found, results, strict=True):
        report(environment.name, *result)
    return sum(len(failed) for _, failed, _ in results)


def report(called, passed, failed, output):
    left = [f", {line.strip()}" for line in output.splitlines() if "left out: PYALIGN_PURE=1" in line]
    print(f"{called}: {passed:,} passed, {len(failed)} failed{''.join(left)}", *failed, sep="\n  ", flush=True)
    if failed:
        print(output[-20_000:], flush=True)


def spent():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", metavar="NAME", help="an environment; again for another")
    parser.add_argument("--paths", nargs="+", default=(), metavar="PATH", help="tests in place of all")
    parser.add_argument("--table", type=Path, default=TABLE, metavar="FILE", help="in place of tools/processors.csv")
    parser.add_argument("--short", action="store_true", help="the figures alone, without a table")
    given = parser.parse_args(arguments)
    found = environments()
    names = [environment.name for environment in found]
    if wrong := {*(given.only or ())} - {*names}:
        parser.error(f"--only must be of {', '.join(names)}; got {', '.join(wrong)}")
    if given.short:
        own = found[0].look()
        same = {DEFAULT, own["isa"], *own["cores"]} if not given.only else {*names} - {*given.only}
        return int(short([one for one in found if one.name not in same]) > 0)
    chosen = [(one, seed) for one, seed in plan(found) if given.only is None or one.name in given.only]
    return int(long(chosen, given.paths, given.table) > 0)


if __name__ == "__main__":
    sys.exit(main())

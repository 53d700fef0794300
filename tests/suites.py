"""Which suite a test belongs to, in which order tests run, and what they cost: a plugin of pytest.

    pytest --suite test        what `make test` runs; `kernels`, `rest` and `quick` likewise
    pytest --shuffle 7         files, and the tests of each, in an order that the number decides
    pytest --record FILE       writes what each test cost, in CPU seconds of it and of its child processes

A run with one of these prints its ten most expensive tests. `costs.csv` holds what a full run took.

Tests marked `of_kernels` hang on the sources of the kernels alone. `kernels.sha256` has the hash of these sources from
the last run of everything in which all passed and none was skipped (`--record` leaves it next to its FILE). A suite
leaves them out as long as the hash is the same, and says how many; PYALIGN_ALL_KERNELS=1 runs them.

PYALIGN_PURE=1 says that nothing is compiled: then tests of compiled kernels are left out, and a line says how many.
Without it, kernels that are missing are failures.
"""

from __future__ import annotations

import atexit
import csv
import gc
import hashlib
import os
import random
import re
import signal
import time
from collections import Counter, defaultdict
from functools import lru_cache
from importlib import metadata
from pathlib import Path

import cached_builds
import pytest
from _pytest.doctest import DoctestModule

from pyalign.backends import native

ROOT = Path(__file__).resolve().parents[1]
COSTS = ROOT / "tests" / "costs.csv"
PASSED = ROOT / "tests" / "kernels.sha256"
SOURCES_OF_KERNELS = (  # with what tests marked `of_kernels` run besides: a test compares with what they import
    "CMakeLists.txt", "csrc", "pyalign/backends", "pyalign/ops", "tests/backends", "tests/cuda", "tests/gpu",
    "tests/native", "tests/ops", "tests/triton", "tests/test_first_light.py", "tests/test_golden.py",
    "tests/test_gpu_benchmark.py", "tests/test_gpu_decisions.py", "tests/cached_builds.py", "tests/emulated_builds.py",
    "tests/mutants.py", "tests/native_builds.py", "tests/reference.py", "tests/reference_ranks.py",
    "tests/route_checks.py", "tests/support.py", "tools/build_cache.py", "tools/csv_rows.py", "tools/first_light.sh",
    "tools/first_light.py", "tools/first_light_summary.py", "tools/kernel_table.py", "tools/machine_code.py",
    "tools/machine_code_read.py", "tools/machine_code.toml", "tools/triton_table.py", "benchmarks/__init__.py",
    "benchmarks/cases.py", "benchmarks/gpu.py", "benchmarks/gpu_cases.py", "benchmarks/gpu_peers.py",
    "benchmarks/gpu_rehearsal.py", "benchmarks/gpu_routes.py", "benchmarks/processes.py", "benchmarks/results.py",
    "benchmarks/step_peers.py", "benchmarks/timing.py",
)
SUITES = ("test", "kernels", "rest")  # each test is in one of them
QUICK = "quick"  # the cheap ones of "test", those of several backends only where a kernel is the subject

OF_KERNELS = ("tests/native/", "tests/cuda/", "tests/triton/")
BY_FIXTURE = ("backend", "host_backend", "isa")
SUBJECT_IS_A_KERNEL = ("tests/backends/", "tests/ops/")
EVERY_BACKEND = (*SUBJECT_IS_A_KERNEL, "tests/gpu/", "tests/test_golden.py")  # elsewhere one will do
DEAR = 2.0  # CPU seconds of one test, or of one case of it, that `make test` doesn't spend
MANY = 1.5  # and of all cases of a test: of more it runs some, evenly spread
NOT_QUICK = 1.5  # of one case, that `make quick` doesn't
LONG = 30.0  # CPU seconds of all tests of a file, from which on it is run before the others
WAITING = ("tests/engines/", "tests/test_wheel.py")  # files that wait, for jobs or a compiler, are run first too
OWN_ROW = 0.5  # a function that costs less in all its cases is counted with its file
RUNS = [name for name, runs in native.instruction_sets().items() if runs] or ["not built"]  # the best first
PURE = os.environ.get("PYALIGN_PURE") == "1"  # this installation was made without compiled kernels


# --- the rule


def suite_of(name, chosen=None, slow=False, fixtures=None):
    """The suite of a test: what its mark `suite` says, else by folder, backend, mark `slow` and recorded cost.

    `fixtures` are the values of its fixtures `backend`, `host_backend` and `isa`. A test without a recorded cost is
    cheap until a full run says otherwise: it is in `make test`.
    """
    if chosen:
        return chosen
    if name.startswith(OF_KERNELS) or any(is_other(value, name) for value in (fixtures or {}).values()):
        return "kernels"
    if slow or cost_of(name) > DEAR:
        return where_dear(name)
    return "test"


def where_dear(name):
    """The suite of what costs too much for `make test`."""
    return "kernels" if name.startswith(SUBJECT_IS_A_KERNEL) else "rest"


def is_other(backend, name, where_all_count=EVERY_BACKEND):
    """Whether it is an instruction set that is not the best here, or a backend that says little of what is tested.

    The host gets the same from all backends: tests/backends/test_same_outcomes.py compares their verdicts and nats.
    """
    if backend.removeprefix("native-") in RUNS:
        return backend.removeprefix("native-") != RUNS[0]
    return not name.startswith(where_all_count)


def cost_of(name):
    """CPU seconds of one case of a test as recorded, of the mean test of its file where it has no row; else 0."""
    function = without_parameters(name)
    row = recorded().get(function) or recorded().get(function.partition("::")[0])
    return row[1] / row[0] if row else 0.0


def length_of(name):
    """CPU seconds of a test, for the order in which files are run; of one that mostly waits, many."""
    return LONG if name.startswith(WAITING) else cost_of(name)


def without_parameters(name):
    return re.sub(r"^.*site-packages/", "", name).partition("[")[0]


@lru_cache
def recorded(path=COSTS):
    """Number of cases and their CPU seconds, of functions that cost much and of what else is in each file."""
    if not path.exists():
        return {}
    with open(path, newline="", encoding="utf-8") as file:
        return {row["test"]: (int(row["cases"]), float(row["seconds"])) for row in csv.DictReader(file)}


# --- the plugin


def pytest_addoption(parser):
    group = parser.getgroup("suites of pyalign")
    group.addoption("--suite", action="append", choices=(*SUITES, QUICK), help="run the tests of this suite")
    group.addoption("--shuffle", type=int, metavar="SEED", help="run files, and the tests of each, in another order")
    group.addoption("--record", type=Path, metavar="FILE", help="write what tests cost, in place of what they had")


def pytest_configure(config):
    """Child processes heed Ctrl-C, also where pytest was started by a parent that does not (nohup, a job with &)."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    config.pluginmanager.register(Costs(config), "costs of pyalign's tests")
    if PURE:
        if native.instruction_sets():
            raise pytest.UsageError("PYALIGN_PURE=1 says that nothing is compiled, but the compiled kernels are there")
        config.pluginmanager.register(LeftOut(config, "PYALIGN_PURE=1"), "tests of compiled kernels")
    if config.getoption("suite") and os.environ.get("PYALIGN_ALL_KERNELS") != "1" and have_passed():
        why = "all passed with these sources, and PYALIGN_ALL_KERNELS=1 runs them"
        config.pluginmanager.register(LeftOut(config, why), "tests of kernels alone")


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Python's collector of garbage never walks these 21,000 tests, neither as they are made nor as they run."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        atexit.register(gc.unfreeze)
        gc.enable()


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(file_path):
    """A file without an example has no doctest: its classes and functions are not gone through for one."""
    collectors = yield
    if file_path.suffix != ".py" or ">>>" in file_path.read_text(encoding="utf-8"):
        return collectors
    return [collector for collector in collectors if not isinstance(collector, DoctestModule)]


def pytest_ignore_collect(collection_path, config):
    """Leaves out, unread, a file of kernels that has nothing for the suites that are asked for."""
    wanted = config.getoption("suite")
    if not wanted or "kernels" in wanted or collection_path.suffix != ".py":
        return None
    name = collection_path.relative_to(ROOT).as_posix() if collection_path.is_relative_to(ROOT) else ""
    return True if name.startswith(OF_KERNELS) and "mark.suite(" not in collection_path.read_text() else None


@pytest.hookimpl(trylast=True)  # when all marks are there
def pytest_collection_modifyitems(config, items):
    wanted = config.getoption("suite")
    if wanted:
        suites = dict(zip(items, suites_of(items), strict=True))
        leave_out(config, items, lambda item: suites[item].isdisjoint(wanted))
    for name, which in (("tests of compiled kernels", needs_kernels), ("tests of kernels alone", is_of_kernels)):
        if left := config.pluginmanager.get_plugin(name):
            left.number = leave_out(config, items, which)
    if config.getoption("shuffle") is not None:
        items[:] = shuffled(
            items, config.getoption("shuffle"), lambda item: item.path, lambda item: length_of(item.nodeid)
        )


def leave_out(config, items, which):
    """Deselects these; how many they were."""
    left = [item for item in items if which(item)]
    items[:] = [item for item in items if not which(item)]
    config.hook.pytest_deselected(items=left)
    return len(left)


def needs_kernels(item):
    """Whether a test is marked as one of compiled kernels, or has a parameter that stands for none."""
    parameters = item.callspec.params.values() if hasattr(item, "callspec") else ()
    return item.get_closest_marker("compiled") is not None or any(
        isinstance(value, str) and value.removeprefix("native-") == "not built" for value in parameters
    )


def is_of_kernels(item):
    return item.get_closest_marker("of_kernels") is not None


def have_passed():
    """Whether the sources of the kernels are those with which all tests passed."""
    return PASSED.exists() and PASSED.read_text(encoding="utf-8").strip() == hash_of_kernels()


def hash_of_kernels():
    """SHA-256 of the names and contents of these sources, without compiled modules, and of the release of Triton."""
    folders = [ROOT / name for name in SOURCES_OF_KERNELS]
    paths = {path for place in folders for path in (place, *place.rglob("*")) if path.is_file()}
    digest = hashlib.sha256(",".join(one.version for one in metadata.distributions(name="triton")).encode())
    for path in sorted(path for path in paths if path.suffix not in (".so", ".pyc", ".csv")):
        digest.update(f"\n{path.relative_to(ROOT).as_posix()} ".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def suites_of(items):
    """The suites of collected tests, where those of many cases, dear as a whole, leave most of these to others."""
    suites, cases = [suites_of_item(item) for item in items], defaultdict(list)
    for k, item in enumerate(items):
        if "test" in suites[k] and not item.get_closest_marker("suite"):
            cases[without_parameters(item.nodeid)].append(k)
    for name, of_test in cases.items():
        for k in {*range(len(of_test))} - spread(len(of_test), cost_of(name)):
            suites[of_test[k]] = {where_dear(name)}
    return suites


def spread(n, cost):
    """Which of n cases that cost so much each `make test` runs: all, or as many as it has room for, evenly spread.

    The last is always one of them.
    """
    room = n if n * cost <= MANY else max(1, int(MANY / cost))
    return {(k + 1) * n // room - 1 for k in range(room)}


def suites_of_item(item):
    """The suite of a collected test; with "quick", if `make quick` runs it too."""
    mark, slow = item.get_closest_marker("suite"), item.get_closest_marker("slow")
    emulates = "emulated_module" in getattr(item, "fixturenames", ())  # which has to be compiled
    chosen = mark.args[0] if mark else "kernels" if emulates else None
    backends = backends_of(item)
    suite = suite_of(item.nodeid, chosen, bool(slow), backends)
    others = any(is_other(backend, item.nodeid, SUBJECT_IS_A_KERNEL) for backend in backends.values())
    return {suite, QUICK} if suite == "test" and cost_of(item.nodeid) <= NOT_QUICK and not others else {suite}


def backends_of(item):
    """The values of the fixtures that stand for all backends; not what the test itself is parametrized with."""
    own = {name.strip() for mark in item.iter_markers("parametrize") for name in names_in(mark.args[0])}
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    return {name: parameters[name] for name in BY_FIXTURE if name in parameters and name not in own}


def names_in(names):
    return names.split(",") if isinstance(names, str) else names


def shuffled(items, seed, file_of, cost_of):
    """The files in another order, and the tests within each; those that take long first, so that all end together."""
    files, costs, draw = defaultdict(list), Counter(), random.Random(seed)
    for item in items:
        files[file_of(item)].append(item)
        costs[file_of(item)] += cost_of(item)
    order = list(files)
    draw.shuffle(order)
    order.sort(key=lambda file: -costs[file] if costs[file] >= LONG else 0)
    for tests in files.values():
        draw.shuffle(tests)
    return [item for file in order for item in files[file]]


class LeftOut:
    """The line with the number of tests of a kind that a run leaves out, and why; of several processes, each has it."""

    number = 0

    def __init__(self, config, why):
        self._config, self._why = config, why

    @property
    def _name(self):
        return self._config.pluginmanager.get_name(self)

    def pytest_sessionfinish(self):
        if hasattr(self._config, "workeroutput"):
            self._config.workeroutput[self._name] = self.number

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node):
        self.number = max(self.number, getattr(node, "workeroutput", {}).get(self._name, 0))

    def pytest_terminal_summary(self, terminalreporter):
        terminalreporter.write_line(f"{self.number:,} {self._name} left out: {self._why}")


class Costs:
    """CPU seconds of each test, its fixtures and its child processes; compilations of cached builds count apart."""

    def __init__(self, config):
        self._config, self._last = config, (0.0, 0.0)
        self._tests, self._compiled = defaultdict(float), 0.0
        self._of_kernels = Counter()  # what came of those that hang on kernels alone

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self):
        self._last = spent()
        return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(self):
        report = yield
        before, self._last = self._last, spent()
        report.compiled = self._last[1] - before[1]
        report.seconds = self._last[0] - before[0] - report.compiled
        return report

    def pytest_runtest_logreport(self, report):
        self._tests[report.nodeid] += getattr(report, "seconds", 0.0)
        self._compiled += getattr(report, "compiled", 0.0)
        if "of_kernels" in report.keywords:
            self._of_kernels[report.outcome] += 1

    def pytest_sessionfinish(self, exitstatus):
        path = self._config.getoption("record")
        if path and not hasattr(self._config, "workerinput"):
            path.parent.mkdir(parents=True, exist_ok=True)
            write(path, merged(recorded(path) or recorded(), self._tests))
            some = any(self._config.getoption(name) for name in ("suite", "keyword", "markexpr"))
            every = str(ROOT / "tests") in {str(Path(name).resolve()) for name in self._config.args} and not some
            if exitstatus == 0 and every and [*self._of_kernels] == ["passed"]:
                (path.parent / PASSED.name).write_text(f"{hash_of_kernels()}\n", encoding="utf-8")

    def pytest_terminal_summary(self, terminalreporter):
        asked = any(self._config.getoption(name) is not None for name in ("suite", "shuffle", "record"))
        if not asked or not self._tests:
            return
        total, seed = sum(self._tests.values()), self._config.getoption("shuffle")
        terminalreporter.section("the ten most expensive tests, in CPU seconds")
        for name, seconds in sorted(self._tests.items(), key=lambda row: -row[1])[:10]:
            terminalreporter.write_line(f"{seconds:8.1f}  {name}")
        apart = f"{self._compiled:.0f} more for compilations of cached builds"
        terminalreporter.write_line(f"{total:8.0f}  all {len(self._tests):,}; {apart}")
        if seed is not None:
            terminalreporter.write_line(f"          in the order of --shuffle {seed}")


def spent():
    """CPU seconds of this process and of the children that it has waited for; those of compilations."""
    times = os.times()
    return time.process_time() + times.children_user + times.children_system, cached_builds.compiled


# --- the table of costs


def summed(tests):
    """Rows of the table, from the seconds of each test: one for each dear function, one for what else a file has."""
    functions = defaultdict(list)
    for name, seconds in tests.items():
        functions[without_parameters(name)].append(seconds)
    rows = defaultdict(lambda: (0, 0.0))
    for name, seconds in functions.items():
        key = name if sum(seconds) >= OWN_ROW else name.partition("::")[0]
        rows[key] = rows[key][0] + len(seconds), rows[key][1] + sum(seconds)
    return dict(rows)


def merged(old, tests):
    """The table with what these tests cost in place of what they had; functions that are gone are left out.

    A run of one suite has some of a file's tests: what else is in the file keeps its row.
    """
    ran = {without_parameters(name) for name in tests}
    rows = {name: row for name, row in old.items() if name not in ran and is_there(name)}
    for name, row in summed(tests).items():
        if "::" in name or row[0] >= rows.get(name, (0,))[0]:
            rows[name] = row
    return rows


def is_there(name):
    """Whether a row of the table still names a file or, of a file of tests, a function."""
    file, _, function = name.partition("::")
    path = ROOT / file
    return path.exists() and (
        not function or not path.name.startswith("test_") or f"def {function.rpartition('::')[2]}(" in path.read_text()
    )


def write(path, rows):
    with open(path, "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["test", "cases", "seconds"])
        table.writerows([name, cases, f"{seconds:.1f}"] for name, (cases, seconds) in sorted(rows.items()))

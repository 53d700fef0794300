"""tests/suites.py: every test is in one suite by one rule; what a run costs is recorded; .ci/run runs all once."""

from __future__ import annotations

import ast
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import suites
from suites import DEAR, LONG, MANY, RUNS, SUITES, merged, recorded, shuffled, suite_of, summed, write

ROOT = Path(__file__).resolve().parents[1]


# The rule


@pytest.fixture
def costs(monkeypatch):
    """The table of costs that the rule goes by here."""
    table = {
        "tests/data/test_a.py": (100, 1.0),
        "tests/data/test_a.py::test_dear": (2, 2.5 * DEAR),
        "tests/data/test_a.py::test_many_cheap_cases": (20, 2 * DEAR),
    }
    monkeypatch.setattr(suites, "recorded", lambda: table)


@pytest.mark.parametrize(
    ("name", "suite"),
    [
        ("tests/data/test_a.py::test_any", "test"),
        ("tests/data/test_a.py::test_many_cheap_cases[3]", "test"),
        ("tests/data/test_a.py::test_dear[1]", "rest"),
        ("tests/data/test_new.py::test_without_a_record", "test"),
        ("docs/page.md::page.md", "test"),
        ("tests/cuda/test_build.py::test_on_insists", "kernels"),
        ("tests/triton/test_new.py::test_x", "kernels"),
    ],
)
def test_folder_and_recorded_cost_decide(costs, name, suite):
    assert suite_of(name) == suite


def test_marks_come_before_cost_and_the_mark_suite_before_all(costs):
    assert suite_of("tests/data/test_a.py::test_any", slow=True) == "rest"
    assert suite_of("tests/backends/test_waits.py::test_any", slow=True) == "kernels"
    assert suite_of("tests/data/test_a.py::test_dear", chosen="test", slow=True) == "test"
    assert suite_of("tests/cuda/test_build.py::test_on_insists", chosen="test") == "test"


@pytest.mark.skipif(len(RUNS) < 2, reason="this machine has one instruction set")
def test_other_instruction_sets_are_kernels_everywhere(costs):
    for name in ("tests/ops/test_topk.py::test_x", "tests/data/test_a.py::test_any"):
        assert suite_of(name, fixtures={"backend": f"native-{RUNS[0]}"}) == "test"
        assert suite_of(name, fixtures={"backend": f"native-{RUNS[1]}"}) == "kernels"
        assert suite_of(name, fixtures={"isa": RUNS[-1]}) == "kernels"


@pytest.mark.parametrize("backend", ["numpy", "torch"])
def test_other_backends_are_kernels_where_the_host_is_the_subject(costs, backend):
    assert suite_of("tests/analysis/test_score.py::test_x", fixtures={"backend": backend}) == "kernels"
    for name in ("tests/ops/test_topk.py", "tests/backends/test_choice.py", "tests/test_golden.py"):
        assert suite_of(f"{name}::test_x", fixtures={"backend": backend}) == "test"


def test_of_many_cases_that_are_dear_together_make_test_runs_some_evenly_spread():
    assert suites.spread(20, MANY / 20) == {*range(20)} and suites.spread(3, 0.0) == {0, 1, 2}
    assert suites.spread(20, MANY / 4) == {4, 9, 14, 19}
    assert suites.spread(7, MANY / 2) == {2, 6} and suites.spread(7, 2 * MANY) == {6}


# Files of which `make test` runs nothing, though they are none of kernels.
ONLY_ELSEWHERE = {
    "tests/cli/test_cli_kill.py",
    "tests/embedding/test_embedding_peers.py",
    "tests/embedding/test_embedding_real_data.py",
    "tests/extraction/test_texts_real.py",
    "tests/fuzz/test_guided.py",
    "tests/ideal/test_rates.py",
    "tests/integrations/test_distributed.py",
    "tests/probing/test_probing_real_data.py",
    "tests/report/page/test_browser_figures.py",
    "tests/report/page/test_tour_page.py",
    "tests/test_gallery.py", "tests/test_last_step.py",
    "tests/typing/test_typing.py",
}


def test_make_test_has_a_test_of_every_file_but_a_few():
    """By marks: what costs too much though it has no mark is in test_none_of_the_dear_ones_is_alone."""
    files = {str(path.relative_to(ROOT)): path.read_text() for path in (ROOT / "tests").rglob("test_*.py")}
    slow = {name for name, text in files.items() if all_are_slow(text) and not name.startswith(suites.OF_KERNELS)}
    assert slow == ONLY_ELSEWHERE


def all_are_slow(text):
    tests = len(re.findall(r"^def test_", text, re.MULTILINE))
    marked = len(re.findall(r"^@pytest\.mark\.slow$", text, re.MULTILINE))
    return ("\npytestmark = pytest.mark.slow" in text or marked == tests) and 'mark.suite("test")' not in text


RUN = {"tools/first_light.sh", "tools/first_light.py", "benchmarks/gpu.py", "benchmarks/__init__.py",
       "tools/machine_code.toml", "tests/route_checks.py"}  # by tests that are marked `of_kernels`, in other processes
HELPERS = re.compile(r"(tools|benchmarks)/|tests/\w+\.py$")


def test_the_sources_of_kernels_are_what_their_tests_import_and_run():
    """Of scripts and of helpers of tests; no other file of tools or benchmarks makes them run again."""
    every = [*(ROOT / "tests").rglob("test_*.py")]
    marked = {str(path.relative_to(ROOT)) for path in every if "mark.of_kernels" in path.read_text()}
    needed = imported_by(marked - {"tests/test_suites.py"} | RUN)
    listed = {name for name in suites.SOURCES_OF_KERNELS if HELPERS.match(name)}
    assert {name for name in needed if HELPERS.match(name)} == listed
    assert all(name.startswith(suites.SOURCES_OF_KERNELS) for name in needed)


def imported_by(names):
    """These files, and those of tools, benchmarks and tests that they import, by way of others too."""
    found, waiting = set(), [*names]
    while waiting:
        found.add(name := waiting.pop())
        imports = ast.walk(ast.parse((ROOT / name).read_text())) if name.endswith(".py") else ()
        modules = []
        for node in imports:
            if isinstance(node, ast.ImportFrom):
                modules += [node.module, *(f"{node.module}.{one.name}" for one in node.names)]
            elif isinstance(node, ast.Import):
                modules += [one.name for one in node.names]
        places = [f"{folder}{module.replace('.', '/')}.py" for module in modules for folder in ("", "tools/", "tests/")]
        waiting += {place for place in places if HELPERS.match(place) and (ROOT / place).exists()} - found
    return found


def test_none_of_the_dear_ones_is_alone():
    """No file loses its last test of `make test` by what it costs."""
    dear = [name for name, (cases, seconds) in recorded().items() if seconds / cases > DEAR and "::" in name]
    for name in dear:
        file, function = name.split("::")[:2]
        text = (ROOT / file).read_text()
        several = len(re.findall(r"^def test_", text, re.MULTILINE)) > 1
        assert several or file.startswith(suites.OF_KERNELS) or all_are_slow(text), function


# The plugin, in a run of its own

TESTS = """
import signal, subprocess, sys
import pytest

SPIN = "import time\\nwhile time.process_time() < {}: pass"

@pytest.mark.parametrize("k", range(9))
def test_cheap(k): pass

def test_in_a_child(): subprocess.run([sys.executable, "-c", SPIN.format(0.7)])

@pytest.mark.slow
def test_slow(): pass

@pytest.mark.suite("kernels")
def test_kernels(): pass

def test_children_heed_ctrl_c():
    code = "import signal; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "True\\n"
"""


@pytest.fixture
def pytest_in(tmp_path):
    """Runs pytest on TESTS with the plugin; its lines."""
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n  slow:\n  suite:\n  compiled:\n")
    (tmp_path / "test_own.py").write_text(TESTS)

    def run(*options, code=0, variables=None, **more):
        places = [str(ROOT / "tests"), str(tmp_path), os.environ.get("PYTHONPATH", "")]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(places), **(variables or {})}
        command = [sys.executable, "-m", "pytest", "-p", "suites", "-p", "no:cacheprovider", "-v", *options]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, **more)
        assert done.returncode == code, done.stdout + done.stderr
        return [*done.stdout.splitlines(), *done.stderr.splitlines()]

    return run


def names(lines):
    return [line.split()[0] for line in lines if "PASSED" in line]


def test_each_test_is_run_by_one_suite_and_the_dearest_are_printed(pytest_in, tmp_path):
    by_suite = {suite: names(pytest_in("--suite", suite)) for suite in SUITES}
    assert [len(by_suite[suite]) for suite in SUITES] == [11, 1, 1]
    every = pytest_in("--record", "costs.csv")
    assert sorted(name for found in by_suite.values() for name in found) == sorted(names(every))
    dearest = next(line for line in every[-14:] if "::" in line)
    assert dearest.endswith("test_in_a_child") and float(dearest.split()[0]) >= 0.7
    costs = recorded(tmp_path / "costs.csv")
    assert costs["test_own.py::test_in_a_child"][0] == 1 and costs["test_own.py::test_in_a_child"][1] >= 0.7
    assert costs["test_own.py"][0] == 12


def test_cases_that_make_test_has_no_room_for_are_run_by_another_suite(pytest_in, tmp_path):
    (tmp_path / "conftest.py").write_text(
        f"import suites\nsuites.recorded = lambda: {{'test_own.py::test_cheap': (9, 9 * {MANY / 3})}}\n"
    )
    cheap = [[name for name in names(pytest_in("--suite", suite)) if "cheap" in name] for suite in ("test", "rest")]
    assert cheap[0] == [f"test_own.py::test_cheap[{k}]" for k in (2, 5, 8)]
    assert len(cheap[1]) == 6 and not {*cheap[0]} & {*cheap[1]}


def test_another_order_is_the_same_for_the_same_seed(pytest_in):
    plain, once, again, other = (
        names(pytest_in(*options)) for options in ([], *(["--shuffle", seed] for seed in "778"))
    )
    assert once == again and sorted(once) == sorted(other) == sorted(plain)
    assert len({tuple(plain), tuple(once), tuple(other)}) == 3


def test_a_file_without_an_example_is_not_read_for_one(pytest_in, tmp_path):
    (tmp_path / "silent.py").write_text("raise SystemExit")
    (tmp_path / "shown.py").write_text('"""Adds.\n\n>>> 1 + 1\n2\n"""')
    said = pytest_in("--doctest-modules", "-k", "shown or silent")
    assert names(said) == ["shown.py::shown"]


@pytest.mark.skipif(sys.platform == "win32", reason="no nohup")
def test_children_heed_ctrl_c_where_the_parent_of_pytest_ignores_it(pytest_in):
    pytest_in("-k", "ctrl_c", preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN))


OF_KERNELS = """
import pytest
from pyalign.backends import native

@pytest.mark.compiled
def test_marked(): assert native.instruction_sets()

@pytest.mark.parametrize("isa", [*native.instruction_sets()] or ["not built"])
def test_of_each(isa): native.set_instruction_set(isa)

@pytest.mark.parametrize("backend", ["numpy", "native-not built"])
def test_of_backends(backend): assert backend == "numpy"
"""


@pytest.mark.parametrize("options", [[], ["-n", "2"]], ids=["one process", "two processes"])
def test_a_pure_installation_leaves_out_tests_of_kernels_and_says_how_many(pytest_in, tmp_path, options):
    if options:
        pytest.importorskip("xdist")
    (tmp_path / "test_own.py").write_text(OF_KERNELS)
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['pyalign.backends._native'] = None\n")
    said = pytest_in(*options, variables={"PYALIGN_PURE": "1"})
    assert sum("PASSED" in line for line in said) == 1 and not any("FAILED" in line for line in said)
    assert "3 tests of compiled kernels left out: PYALIGN_PURE=1" in said
    said = pytest_in(*options, code=1, variables={"PYALIGN_PURE": ""})
    assert sum(line.startswith("FAILED") for line in said) == 3  # kernels that should be there


@pytest.mark.compiled
def test_an_installation_with_kernels_is_not_called_pure(pytest_in):
    (said,) = [line for line in pytest_in(code=4, variables={"PYALIGN_PURE": "1"}) if "PYALIGN_PURE" in line]
    assert said == "ERROR: PYALIGN_PURE=1 says that nothing is compiled, but the compiled kernels are there"


def test_files_stay_together_in_another_order_and_long_ones_come_first():
    items = [(file, k) for file in "abcdef" for k in range(5)]
    dear = {"b": LONG / 4, "e": LONG / 2}
    orders = [shuffled(items, seed, lambda item: item[0], lambda item: dear.get(item[0], 1.0)) for seed in (1, 2)]
    assert sorted(orders[0]) == sorted(orders[1]) == items and orders[0][10:] != orders[1][10:]
    for order in orders:
        files = [file for file, _ in order]
        assert files[0] == "e" and files[5] == "b"
        assert all(files[k : k + 5] == [files[k]] * 5 for k in range(0, 30, 5))


# The table of costs


HERE = "tests/test_suites.py"


def test_the_table_has_a_row_for_each_file_and_each_dear_function():
    rows = summed({f"{HERE}::test_a[{k}]": 0.3 for k in range(3)} | {f"{HERE}::test_b": 0.1, f"{HERE}::test_c": 0.2})
    assert rows == {f"{HERE}::test_a": (3, pytest.approx(0.9)), HERE: (2, pytest.approx(0.3))}


def test_a_run_of_some_tests_replaces_their_rows_alone(tmp_path):
    first, other = (
        f"{HERE}::{test.__name__}"
        for test in (
            test_marks_come_before_cost_and_the_mark_suite_before_all,
            test_the_table_has_a_row_for_each_file_and_each_dear_function,
        )
    )
    old = {first: (1, 7.0), other: (1, 8.0), HERE: (9, 2.0), f"{HERE}::test_gone": (1, 9.0)}
    old |= {"tests/test_names.py": (1, 1.0), "tests/test_gone.py": (1, 1.0)}
    rows = merged(old, {f"{first}[{k}]": 0.3 for k in range(3)} | {f"{HERE}::test_cheap": 0.1})
    assert rows == {first: (3, pytest.approx(0.9)), other: (1, 8.0), HERE: (9, 2.0), "tests/test_names.py": (1, 1.0)}
    assert other not in merged(rows, {other: 0.1}), "it is cheap now, and counted with its file"
    write(tmp_path / "costs.csv", rows)
    assert recorded(tmp_path / "costs.csv")[first] == (3, 0.9)
    assert (tmp_path / "costs.csv").read_text().splitlines()[1].startswith("tests/test_names.py,")


def test_tests_of_the_installed_package_are_those_of_the_sources():
    installed = "../../.venv/lib/python3.12/site-packages/pyalign/io/arrays.py::pyalign.io.arrays.load"
    assert suites.without_parameters(installed) == "pyalign/io/arrays.py::pyalign.io.arrays.load"


def test_the_committed_table_is_sorted_and_of_files_that_are_there():
    rows = suites.COSTS.read_text(encoding="utf-8").splitlines()
    assert rows[0] == "test,cases,seconds" and rows[1:] == sorted(rows[1:])
    assert {name for name in recorded() if not (ROOT / name.partition("::")[0]).exists()} == set()


OF_KERNELS_ALONE = """
import os, sys
import pytest
sys.path.insert(0, os.getcwd())

@pytest.mark.of_kernels
@pytest.mark.parametrize("k", range(3))
def test_of_kernels(k):
    if "SKIPS" in os.environ: pytest.skip("no compiler")

def test_of_another_kind(): assert "FAILS" not in os.environ
"""


def test_a_suite_leaves_out_tests_of_kernels_while_the_sources_are_those_with_which_all_passed(pytest_in, tmp_path):
    folder, source = tmp_path / "tests", tmp_path / "csrc" / "kernel.cpp"
    for place in (folder, source.parent):
        place.mkdir()
    source.write_text("// one")
    (tmp_path / "test_own.py").unlink()
    (folder / "test_own.py").write_text(OF_KERNELS_ALONE)
    (tmp_path / "conftest.py").write_text(
        "from pathlib import Path\nimport suites\n"
        "suites.ROOT = Path(__file__).parent\nsuites.PASSED = suites.ROOT / 'tests' / 'kernels.sha256'\n"
    )
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n  of_kernels:\n  suite:\n  slow:\n")
    record, made = ("--record", "build/costs.csv", "tests"), tmp_path / "build" / "kernels.sha256"

    def ran(*options, **more):
        return len(names(pytest_in(*options, **more)))

    assert ran("--suite", "test", *record) == 4 and not made.exists(), "nothing is known, and a suite is not everything"
    assert ran(*record, variables={"SKIPS": "1"}) == 1 and not made.exists(), "what was skipped has not passed"
    assert ran(*record, code=1, variables={"FAILS": "1"}) == 3 and not made.exists()
    assert ran(*record) == 4 and made.exists()
    made.rename(folder / "kernels.sha256")
    said = pytest_in("--suite", "test", "tests")
    why = "all passed with these sources, and PYALIGN_ALL_KERNELS=1 runs them"
    assert len(names(said)) == 1 and f"3 tests of kernels alone left out: {why}" in said
    assert ran("--suite", "test", "tests", variables={"PYALIGN_ALL_KERNELS": "1"}) == 4
    source.rename(source.with_name("renamed.cpp"))
    assert ran("--suite", "test", "tests") == 4, "the sources are others"


# .ci/run


@pytest.mark.parametrize(("failing", "ran"), [("", 5), ("test", 3), ("test-processors", 4), ("test-rest", 5)])
def test_ci_runs_the_test_command_and_then_the_rest_and_says_how_long_each_took(tmp_path, failing, ran):
    for program in ("make", "apt-get"):
        (tmp_path / program).write_text(
            f'#!/bin/sh\n[ {program} = make ] && echo "made $*"\n[ "$*" != "{failing}" ] || exit 7\n'
        )
        (tmp_path / program).chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run([ROOT / ".ci" / "run"], env=environment, capture_output=True, text=True)
    assert (done.returncode != 0) == bool(failing)
    made = [line for line in done.stdout.splitlines() if line.startswith("made ")]
    targets = (".venv/installed-test", "engine-packages", "test", "test-processors", "test-rest")
    assert made == [f"made {target}" for target in targets[:ran]]
    closing = done.stdout.splitlines()[-ran:]
    assert all(re.match(r" *\d+ s  ", line) for line in closing)
    assert closing[-1].endswith(": failed") == bool(failing)


def test_marks_name_suites_that_there_are():
    texts = (path.read_text(encoding="utf-8") for path in Path(__file__).parent.rglob("test_*.py"))
    named = {name for text in texts for name in re.findall(r"mark\.suite\(\"(\w+)\"\)", text)}
    assert named and named <= {*SUITES}

"""tools/processors.py: environments are what they say, orders differ, and a run of the table is not repeated."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support import load_from_tools

pytest.importorskip("threadpoolctl")
pytest.importorskip("scipy")
processors = load_from_tools("processors")
PLACE = "tests/stats/test_multiple.py"


@pytest.mark.skipif(sys.platform != "linux", reason="BLAS is asked on Linux only")
def test_an_environment_that_was_not_taken_is_an_error():
    assert processors.Environment("own").look()["cores"]
    with pytest.raises(RuntimeError, match="unlike: BLAS takes the processor for"):
        processors.Environment("unlike", {"OPENBLAS_CORETYPE": "Nehalem"}, core="Haswell").look()
    with pytest.raises(RuntimeError, match="unlike: the kernels use"):
        processors.Environment("unlike", isa="of tomorrow").look()


def test_all_environments_are_run_in_ten_orders():
    for count in (3, 9, 12):
        runs = processors.plan([processors.Environment(str(k)) for k in range(count)])
        assert {environment.name for environment, _ in runs} == {str(k) for k in range(count)}
        seeds = [seed for _, seed in runs]
        assert len(seeds) == len({*seeds}) == max(processors.RUNS, count)


def test_the_table_names_a_few_of_many_tests_that_failed():
    names = [f"tests.test_own::test_x[{k}]" for k in range(2020)]
    assert processors.shortened(names).endswith("test_x[19]; and 2,000 more") and processors.shortened([]) == ""
    assert processors.shortened(names[:20]) == "; ".join(names[:20])


def test_two_runs_have_a_pure_package_each_and_leave_none(tmp_path):
    package = tmp_path / "pyalign"
    package.mkdir()
    for name in ("__init__.py", "_native.so"):
        (package / name).touch()
    code = f"import processors\nfor _ in range(2): print(processors.pure({str(package)!r}))"
    code += "\nprint(*[[*folder.rglob('*.*')] for folder in processors.FOLDER.glob('pure-*')])"
    tools = {**os.environ, "PYTHONPATH": str(Path(processors.__file__).parent)}
    done = subprocess.run([sys.executable, "-c", code], env=tools, capture_output=True, text=True, check=True)
    first, second, there = done.stdout.splitlines()
    assert first != second and there.count("__init__.py") >= 2 and "_native.so" not in there
    assert not Path(first).exists() and not Path(second).exists()


def test_no_test_of_a_whole_run_failed():
    whole = [row for row in processors.csv_rows.read(processors.TABLE) if not row["paths"]]
    assert [row["names of failed"] for row in whole if row["failed"] != "0"] == []


@pytest.mark.slow
def test_a_run_that_is_in_the_table_is_not_repeated(tmp_path):
    command = [sys.executable, processors.__file__, "--only", "pure", "--table", tmp_path / "table.csv", "--paths"]
    said = [subprocess.run([*command, PLACE], capture_output=True, text=True, check=True).stdout for _ in range(2)]
    assert " passed, 0 failed" in said[0] and said[1].endswith(": done before\n")
    (row,) = processors.csv_rows.read(Path(tmp_path, "table.csv"))
    assert (row["environment"], row["failed"], row["paths"]) == ("pure", "0", PLACE) and int(row["passed"]) > 5

"""tools/call_graph.py: calls from file to file are counted as they are, up to the kernel."""

from __future__ import annotations

import csv
import sys

import pytest
from support import load_from_tools

FILES = {
    "first": """
from toy import second
def start():
    helper()
    list(second.numbers())
    sorted([2, 1], key=second.negated)
    second.to_third()
    second.kernel()
    second.negated(1)
def helper():
    pass
""",
    "second": """
from toy import third
def numbers():
    yield 1
    yield 2
def negated(number):
    return -number
def to_third():
    third.back()
def kernel():
    return divmod(1, 2)
""",
    "third": """
def back():
    from toy import first
    first.helper()
""",
}


@pytest.fixture(scope="module")
def script():
    return load_from_tools("call_graph")


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """A package of three files that call each other."""
    folder = tmp_path / "toy"
    folder.mkdir()
    (folder / "__init__.py").touch()
    for name, text in FILES.items():
        (folder / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    yield folder
    for name in [one for one in sys.modules if one.partition(".")[0] == "toy"]:
        del sys.modules[name]


def test_calls_from_file_to_file_are_counted_up_to_the_kernel(script, toy):
    from toy import first

    counts = script.counts_of(first.start, first.start, toy, lambda function: function is divmod)
    # numbers, negated twice, to_third, back, helper, kernel: the first one of each of two files opens it
    assert counts == script.Counts(calls=7, returns=6, reopened=5, files=3)


def test_a_route_without_a_kernel_is_one_line(script, toy):
    from toy import first

    with pytest.raises(SystemExit, match=r"^no kernel was called from start$"):
        script.counts_of(first.start, first.start, toy, lambda function: False)


@pytest.mark.compiled
def test_both_routes_lead_to_the_kernel_and_have_rows_in_the_table(script):
    found = script.routes()
    for counts in found.values():
        assert counts.calls > counts.returns > 0 and counts.calls > counts.reopened > 0 and counts.files > 5
    assert found["pyalign score"].calls > found["pyalign.score"].calls
    assert found == script.routes()  # the same each time
    with open(script.TABLE, newline="") as file:
        assert {row["route"] for row in csv.DictReader(file)} == {*found}


@pytest.mark.compiled
def test_a_score_crosses_files_no_more_often_than_the_table_says(script):
    with open(script.TABLE, newline="") as file:
        rows = {(row["name"], row["route"]): row for row in csv.DictReader(file)}
    for route, counts in script.routes().items():
        now = rows["a score in five steps", route]
        assert all(getattr(counts, what) <= int(now[what]) for what in ("calls", "returns", "reopened", "files"))
    before, now = (
        rows[name, "pyalign.score"] for name in ("before results have one view", "arguments are checked once")
    )
    assert all(2 * int(now[what]) <= int(before[what]) for what in ("calls", "returns"))


def test_rows_of_a_name_are_replaced(script, tmp_path):
    path = tmp_path / "table.csv"
    for name, calls in (("a", 1), ("b", 2), ("a", 3)):
        script.write(name, {"route": script.Counts(calls, 0, 0, 1)}, path)
    assert path.read_text() == "name,route,calls,returns,reopened,files\nb,route,2,0,0,1\na,route,3,0,0,1\n"

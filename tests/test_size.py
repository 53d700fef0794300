"""tools/size.py counts what pyalign consists of, and no figure is above its limit in tests/size.csv."""

from __future__ import annotations

import ast
import csv
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "tools"))

import size  # noqa: E402

SLACK = 0.01  # of a figure: so much below its limit, and the limit has to be lowered


@pytest.fixture(scope="module")
def figures():
    return {name: size.figure(name, contributors) for name, contributors in size.counts().items()}


@pytest.mark.suite("test")  # whatever it costs: nothing else says no
def test_no_figure_is_above_its_limit(figures):
    above = {name: (value, size.limits()[name]) for name, value in figures.items() if value > size.limits()[name]}
    assert above == {}, "python tools/size.py says what contributes most"


def test_limits_follow_figures_that_fall(figures):
    below = {name: value for name, value in figures.items() if value < (1 - SLACK) * size.limits()[name]}
    assert below == {}, "python tools/size.py --write"


def test_what_raises_a_limit_says_why():
    with open(size.LIMITS, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    first = [row for k, row in enumerate(rows) if row["figure"] not in [before["figure"] for before in rows[:k]]]
    assert all(bool(row["allowed by"]) != (row in first) for row in rows)


SOURCE = '''"""A module."""

# a comment
def short(a, *, b=1, **c):
    """A docstring
    of two lines.
    """
    x = [a,
         b]
    return x


class Kind:
    """Another."""

    def method(self, p1, p2, p3, p4, p5, p6, p7, p8): return "text"
'''


def test_counts_tokens_lines_of_bodies_and_parameters():
    tree = ast.parse(SOURCE)
    short, method = tree.body[1], tree.body[2].body[1]
    assert size.body(short) == 3 and size.body(method) == 1
    assert size.parameters_of(short) == ["a", "b", "c"] and len(size.parameters_of(method)) == 8
    # def short ( a , * , b = 1 , ** c ) : | x = [ a , b ] | return x | class Kind : | def method ( ...
    assert size.tokens(SOURCE, tree) == 15 + 7 + 2 + 3 + (2 + 1 + 17 + 2 + 2)


def test_costs_are_of_what_make_test_runs(monkeypatch):
    """By mark, by folder, and as many cases as it has room for."""
    costs = {"tests/test_size.py": (3, 0.2), "tests/test_size.py::test_no_figure_is_above_its_limit": (1, 4.0),
             "tests/report/test_maps.py::test_many": (100, 9.0), "tests/native/test_native.py::test_fast": (1, 0.2),
             "tests/backends/test_exit.py::test_daemon_threads_in_every_kernel_let_the_process_end": (10, 1.0)}
    monkeypatch.setattr(size.suites, "recorded", lambda: costs)
    monkeypatch.setattr(size, "ROOT", ROOT)
    kept = {name.partition("::")[2]: cost for name, cost in size.of_costs()["CPU seconds of make test"].items()}
    assert kept == {"": 0.2, "test_no_figure_is_above_its_limit": 4.0, "test_many": 1.4}


def test_limits_are_lowered_to_figures_and_never_raised(tmp_path):
    path = tmp_path / "size.csv"
    path.write_text("figure,limit,allowed by\nlines,10,\nlines,5,a reader\nfiles,3,\nwords,7,\n")
    assert size.limits(path) == {"lines": 15, "files": 3, "words": 7}
    size.write({"lines": 12, "files": 4, "words": 7}, path)
    assert path.read_text() == "figure,limit,allowed by\nlines,12,\nfiles,3,\nwords,7,\n"

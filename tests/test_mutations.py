"""Faults that tools/mutations.py puts in: each changes what a file does, and tests that see one are named."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import pytest
from support import load_from_tools

ROOT = Path(__file__).resolve().parents[1]
PYTHON = b'''"""A text."""
def area(width: int, height: int = 2, *, wide: bool = True) -> int:
    """Another text, with 3 numbers."""
    sides = width * (height) + 1
    if wide and width <= sides:
        raise ValueError("h\xc3\xb6he", height)
    total = [sides, width]
    total.sort()
    return sides
'''
NATIVE = b"""#include <x.h>
// a - b
for (int k = 0; k < n; ++k) {
  sum += fma(left, right);
  low[k] = high[k] - 2;
}
"""


@pytest.fixture(scope="module")
def script():
    return load_from_tools("mutations")


def test_each_fault_of_python_is_another_program(script):
    faults = list(script.python_faults("area.py", PYTHON))
    for fault in faults:
        changed = fault.put_into(PYTHON)
        assert ast.dump(ast.parse(changed)) != ast.dump(ast.parse(PYTHON))
        assert PYTHON.splitlines()[fault.line - 1] != changed.splitlines()[fault.line - 1]
    found = {(one.line, one.kind, one.before, one.after) for one in faults if one.kind != "name"}
    assert found == {
        (2, "constant", "2", "3"), (2, "constant", "True", "False"), (4, "operator", "*", "+"),
        (4, "operator", "+", "-"), (4, "constant", "1", "2"), (5, "operator", "and", "or"),
        (5, "comparison", "<=", "<"), (4, "statement", "sides = width * (height) + 1", "pass"),
        (6, "statement", 'raise ValueError("h\u00f6he", height)', "pass"),
        (7, "statement", "total = [sides, width]", "pass"), (8, "statement", "total.sort()", "pass"),
    }
    assert Counter(one.before for one in faults if one.kind == "name") == {
        "width": 3, "height": 2, "wide": 1, "sides": 3, "total": 1
    }


def test_each_fault_of_cpp_changes_code_and_no_comment(script):
    found = [(one.line, one.kind, one.before, one.after) for one in script.native_faults("x.cpp", NATIVE)]
    assert found == [
        (3, "comparison", "<", "<="), (3, "constant", "0", "1"), (4, "name", "left", "right"),
        (4, "statement", "sum += fma(left, right);", ";"), (5, "operator", "-", "+"), (5, "constant", "2", "3"),
        (5, "statement", "low[k] = high[k] - 2;", ";"),
    ]


def test_a_draw_has_as_many_of_each_kind_and_is_the_same_again(script):
    files = ["pyalign/_checks.py", "pyalign/analysis/score.py", "csrc/cpu/topk.cpp", "csrc/cpu/triplets.cpp"]
    drawn = script.draw(60, 5, files)
    assert drawn == script.draw(60, 5, files) != script.draw(60, 6, files)
    assert drawn[:20] == script.draw(20, 5, files)
    assert Counter(one.kind for one in drawn) == dict.fromkeys(script.KINDS, 12)
    assert sum(one.file.startswith("csrc") for one in drawn) == 15
    assert len(set(drawn)) == 60


@pytest.mark.slow
def test_the_first_test_that_sees_a_fault_is_named_and_what_none_sees_is_said(script, tmp_path):
    source = (ROOT / "pyalign" / "errors.py").read_bytes()
    before = "if text.isprintable():"
    start = source.index(before.encode())
    fault = script.Fault("pyalign/errors.py", 1, "statement", start, start + len(before), before, "if True:")
    copy = script.Copy(tmp_path)

    def seen(verdict):
        return verdict.seen_by, verdict.failed

    sees, passes = ("pyalign/errors.py::pyalign.errors.printable", "pyalign/errors.py::pyalign.errors.nearest")
    assert seen(copy.verdict(fault, [passes], [sees])) == ("all", sees)
    assert seen(copy.verdict(fault, [passes], [])) == ("none", "")
    assert (tmp_path / "pyalign" / "errors.py").read_bytes() == source

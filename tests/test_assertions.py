"""Tests can fail: no assertion that holds whatever the code does, and no test without one."""

from __future__ import annotations

import ast
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CHECKS = {
    "raises",
    "warns",
    "fail",
    "opcheck",
}  # what fails where nothing is asserted; and names that begin with assert
FILLED = (ast.Tuple, ast.List, ast.Set, ast.Dict)
ALWAYS = (ast.GeneratorExp, ast.Lambda)


def always_true(node):
    """Whether an expression is true whatever the code under test does."""
    if isinstance(node, ast.Constant):
        return bool(node.value)
    if isinstance(node, ast.BoolOp):
        return (any if isinstance(node.op, ast.Or) else all)(map(always_true, node.values))
    if isinstance(node, FILLED):
        return any(not isinstance(one, ast.Starred) for one in ast.iter_child_nodes(node) if isinstance(one, ast.expr))
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        return compares_with_itself(node) or is_a_length(node)
    return isinstance(node, ALWAYS)


def compares_with_itself(node):
    """x == x; what calls something may differ from one call to the next, and that is what some tests look at."""
    same = ast.dump(node.left) == ast.dump(node.comparators[0])
    calls = any(isinstance(part, ast.Call) for part in ast.walk(node))
    return same and not calls and isinstance(node.ops[0], ast.Eq | ast.Is | ast.LtE | ast.GtE)


def is_a_length(node):
    """len(x) >= 0"""
    of = getattr(getattr(node.left, "func", None), "id", "")
    return of == "len" and isinstance(node.ops[0], ast.GtE) and getattr(node.comparators[0], "value", None) == 0


def called(node):
    """The names of the functions and methods that a function calls."""
    calls = (part.func for part in ast.walk(node) if isinstance(part, ast.Call))
    return {getattr(function, "attr", getattr(function, "id", "")) for function in calls}


def checks(node):
    """Whether a function asserts or raises something itself, or lets warnings be errors."""
    return (
        any(isinstance(part, ast.Assert | ast.Raise) for part in ast.walk(node))
        or any(name in CHECKS or name.startswith("assert") for name in called(node))
        or any(ast.unparse(one) == "pytest.mark.filterwarnings('error')" for one in node.decorator_list)
    )


@cache
def functions():
    """name -> (path, function) of all functions of tests, by any name that helpers, fixtures and tests have."""
    found = defaultdict(list)
    for path in [*(ROOT / "tests").rglob("*.py"), ROOT / "docs" / "conftest.py"]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                found[node.name].append((path.relative_to(ROOT).as_posix(), node))
    return found


@cache
def checking():
    """The names of functions that check something, themselves or by others."""
    good = {name for name, nodes in functions().items() if any(checks(node) for _, node in nodes)}
    uses = {name: set().union(*(called(node) for _, node in nodes)) for name, nodes in functions().items()}
    while more := {name for name, used in uses.items() if name not in good and used & good}:
        good |= more
    return good


def vain(path, tree):
    """The assertions of a module that can't fail."""
    tests = (node for node in ast.walk(tree) if isinstance(node, ast.Assert))
    return [f"{path}:{node.lineno}: {ast.unparse(node)[:90]}" for node in tests if always_true(node.test)]


def test_no_assertion_holds_whatever_the_code_does():
    paths = [path for folder in ("tests", "docs", "benchmarks", "tools") for path in (ROOT / folder).rglob("*.py")]
    found = [one for path in paths for one in vain(path.relative_to(ROOT), ast.parse(path.read_text(encoding="utf-8")))]
    assert not found, "\n".join(found)


def test_each_test_asserts_something():
    idle = [
        f"{path}: {name}"
        for name, nodes in functions().items()
        for path, node in nodes
        if name.startswith("test_") and path.rpartition("/")[2].startswith("test_")
        if not checks(node) and not called(node) & checking()
    ]
    assert not idle, "\n".join(idle)


@pytest.mark.parametrize(
    ("assertion", "expected"),
    [
        ("x > 0 or True", True),
        ("(a == b, 'a and b')", True),
        ("1", True),
        ("'text' and [x]", True),
        ("(one.fine for one in rows)", True),
        ("a.b == a.b", True),
        ("len(rows) >= 0", True),
        ("x > 0 or y", False),
        ("x and True", False),
        ("f(x) == f(x)", False),
        ("x != x", False),
        ("len(rows) >= 1", False),
        ("[*rows]", False),
        ("[] == found", False),
        ("None", False),
    ],
)
def test_what_cannot_fail_is_found(assertion, expected):
    assert always_true(ast.parse(assertion, mode="eval").body) is expected

"""Views, charts and pages take values of a type, not mappings that hold anything."""

from __future__ import annotations

import ast
from pathlib import Path

import pyalign

REPORT = Path(pyalign.__file__).parent / "report"


def parameters_of_anything(source):
    """The parameters, by function, that are annotated as mappings (or several) from text to anything."""
    functions = [one for one in ast.walk(ast.parse(source)) if isinstance(one, ast.FunctionDef)]
    return [
        f"{function.name}({one.arg})"
        for function in functions
        for one in (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)
        if one.annotation is not None and "[str, Any]" in ast.unparse(one.annotation)
    ]


def test_no_parameter_is_a_mapping_that_holds_anything():
    for path in sorted(REPORT.rglob("*.py")):
        source = path.read_text()
        assert parameters_of_anything(source) == [] and "Mapping[str, Any]" not in source, path


def test_the_rule_sees_parameters():
    source = "def f(a: int, rows: list[dict[str, Any]], *, look: Mapping[str, Any]) -> dict[str, Any]: ..."
    assert parameters_of_anything(source) == ["f(rows)", "f(look)"]

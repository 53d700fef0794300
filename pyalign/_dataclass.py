"""Dataclasses whose fields are described where they stand: by a comment behind a field, or above it.

`help()` and the reference list these texts under "Attributes:". Sources are read when somebody asks, not on import.
A comment above that begins with the names of several fields, "low, high: ...", describes all of them.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
import textwrap
from collections.abc import Callable
from dataclasses import MISSING as MISSING
from dataclasses import Field as Field
from dataclasses import asdict as asdict
from dataclasses import field as field
from dataclasses import fields as fields
from dataclasses import is_dataclass as is_dataclass
from dataclasses import replace as replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

HEADING = "Attributes:"
DIRECTIVES = re.compile(r"\s*# (noqa|type: ).*")
OF_SEVERAL = re.compile(r"\w+(, \w+)*: ")

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:

    def dataclass(cls: type | None = None, /, **options: Any) -> type | Callable[[type], type]:
        """The decorator of the standard library, for a class whose docstring goes on with the texts of its fields."""

        def made(cls: type) -> type:
            given = cls.__doc__
            cls = dataclasses.dataclass(**options)(cls)
            if given is not None:  # else the signature stands there
                cls.__doc__ = _WithFields(given)
            return cls

        return made if cls is None else made(cls)


class _WithFields:
    """A class's docstring, made when it is asked for."""

    def __init__(self, given: str) -> None:
        self.given = given

    def __get__(self, instance: object, cls: type) -> str:
        texts = [
            textwrap.fill(text, 116, initial_indent=" " * 8, subsequent_indent=" " * 12) for text in field_texts(cls)
        ]
        given = self.given.rstrip()
        if not texts:
            return given
        listed = "\n".join(texts)
        if f"{HEADING}\n" in given:  # of what is no field of its own
            return given.replace(f"{HEADING}\n", f"{HEADING}\n{listed}\n", 1)
        return f"{given}\n\n    {HEADING}\n{listed}\n    "


@lru_cache
def field_texts(cls: type) -> list[str]:
    """What the source of a class says of its fields: "name: text" each, or "one, other: text" of several.

    Empty where there is no source, or it says nothing.
    """
    try:
        source = textwrap.dedent(inspect.getsource(cls))
    except (OSError, TypeError):
        return []
    lines = source.split("\n")
    (definition,) = ast.parse(source).body
    assert isinstance(definition, ast.ClassDef)
    return [
        text
        for node in definition.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
        for text in _said(node, node.target.id, lines)
    ]


def _said(node: ast.AnnAssign, name: str, lines: list[str]) -> list[str]:
    """What the comments at one field say: above it, and behind it."""
    assert node.end_lineno is not None and node.end_col_offset is not None
    first = start = node.lineno - 1
    while lines[first - 1].lstrip().startswith("# "):
        first -= 1
    above = " ".join(line.strip()[2:] for line in lines[first:start])
    rest = lines[node.end_lineno - 1].encode()[node.end_col_offset :].decode()
    behind = DIRECTIVES.sub("", rest).strip().removeprefix("# ")
    names = above.split(": ")[0].split(", ") if OF_SEVERAL.match(above) else []
    texts = [above if name in names else f"{name}: {above}"] if above else []
    return [*texts, f"{name}: {behind}"] if behind else texts

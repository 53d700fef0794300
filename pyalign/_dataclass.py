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
from dataclasses import FrozenInstanceError
from dataclasses import asdict as asdict
from dataclasses import field as field
from dataclasses import fields as fields
from dataclasses import is_dataclass as is_dataclass
from dataclasses import replace as replace
from functools import cached_property, lru_cache
from threading import RLock
from typing import TYPE_CHECKING, Any

HEADING = "Attributes:"
RECORD = "__waiting_dataclass__"
DIRECTIVES = re.compile(r"\s*# (noqa|type: ).*")
OF_SEVERAL = re.compile(r"\w+(, \w+)*: ")

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:

    def dataclass(cls: type | None = None, /, **options: Any) -> type | Callable[[type], type]:
        """The decorator of the standard library, for a class whose docstring goes on with the texts of its fields.

        That one compiles source, half a millisecond for each class: here when an object is made, or a field asked for.
        """

        def made(cls: type) -> type:
            cls.__doc__ = _WithFields(cls.__doc__)
            setattr(cls, RECORD, _Waiting(cls, options))
            return cls

        return made if cls is None else made(cls)


class _Waiting:
    """A class whose attributes are made by the standard library's decorator when the first of them is asked for.

    They are made in a twin without bases, and take their places in the class one by one: no thread sees it without one.
    """

    lock = RLock()

    def __init__(self, cls: type, options: dict[str, Any]) -> None:
        given, equal, frozen = vars(cls), options.get("eq", True), options.get("frozen", False)
        names = ["__dataclass_fields__", "__dataclass_params__", "__match_args__", "__init__"]
        names += ["__signature__", "__replace__"]  # of no class, and of the later versions of Python
        names += ["__repr__"] * options.get("repr", True) + ["__eq__"] * equal + ["__hash__"] * (equal and frozen)
        names += ["__lt__", "__le__", "__gt__", "__ge__"] * options.get("order", False)
        self.cls, self.options = cls, options
        self.given = {name: value for name, value in given.items() if isinstance(value, Field)}
        self.waiting = [name for name in names if name not in given]
        for name, one in self.given.items():
            if one.default is MISSING:
                delattr(cls, name)
            else:
                setattr(cls, name, one.default)
        for name in self.waiting:
            setattr(cls, name, _Attribute(name, self))
        if equal and not frozen and "__hash__" not in given:
            cls.__hash__ = None  # type: ignore[assignment]
        if frozen:
            _freeze(cls)

    def make(self) -> None:
        with self.lock:
            made = vars(self.twin()) if self.waiting else {}
            for name in self.waiting:
                if name in made:
                    setattr(self.cls, name, made[name])
                elif name in vars(self.cls):  # __signature__ and the like, unless an interrupt came after it
                    delattr(self.cls, name)
            self.waiting = []

    def twin(self) -> type:
        """A class of all fields, and of no bases."""
        copied = ("__module__", "__qualname__", "__post_init__")
        body = {"__doc__": "-", **{name: getattr(self.cls, name) for name in copied if hasattr(self.cls, name)}}
        body |= {name: default for name, (_, default) in self.fields.items() if default is not MISSING}
        body["__annotations__"] = {name: annotation for name, (annotation, _) in self.fields.items()}
        return dataclasses.dataclass(**self.options)(type(self.cls.__name__, (), body))

    @cached_property
    def fields(self) -> dict[str, tuple[Any, Any]]:
        """The annotation and default of each field, those of the bases first, which need not be made for it."""
        fields: dict[str, tuple[Any, Any]] = {}
        for base in self.cls.__mro__[:0:-1]:
            if (waiting := getattr(base, RECORD, None)) is not None:
                fields |= waiting.fields
            elif is_dataclass(base):
                fields |= {one.name: (one.type, one) for one in dataclasses.fields(base)}
        for name, annotation in inspect.get_annotations(self.cls).items():
            if not str(annotation).removeprefix("typing.").startswith("ClassVar"):
                fields[name] = annotation, self.given.get(name, getattr(self.cls, name, MISSING))
        return fields


class _Attribute:
    """What stands in a class until its own attribute of this name is made."""

    def __init__(self, name: str, waiting: _Waiting) -> None:
        self.name, self.waiting = name, waiting

    def __get__(self, instance: object, cls: type) -> Any:
        self.waiting.make()
        return getattr(cls if instance is None else instance, self.name)


def _freeze(cls: Any) -> None:
    """Objects of this class, and fields of those of classes below it, can't be set or deleted."""

    def refuse(self: object, name: str, what: str) -> None:
        if type(self) is cls or name in cls.__dataclass_fields__:
            raise FrozenInstanceError(f"cannot {what} field {name!r}")

    def set_attribute(self: object, name: str, value: object) -> None:
        refuse(self, name, "assign to")
        super(cls, self).__setattr__(name, value)

    def delete_attribute(self: object, name: str) -> None:
        refuse(self, name, "delete")
        super(cls, self).__delattr__(name)

    for name, method in (("__setattr__", set_attribute), ("__delattr__", delete_attribute)):
        setattr(cls, name, method)


class _WithFields:
    """A class's docstring, made when it is asked for."""

    def __init__(self, given: str | None) -> None:
        self.given = given

    def __get__(self, instance: object, cls: type) -> str:
        if self.given is None:  # as the standard library does
            return f"{cls.__name__}{str(inspect.signature(cls)).removesuffix(' -> None')}"
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

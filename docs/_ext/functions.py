"""The reference of the public names, by task; their docstrings are read by autodoc when the site is built."""

from __future__ import annotations

from groups import NAMES, VALUES, Names

import pyalign

INTRODUCTION = """Python
======

Functions and the classes that they take are names of ``pyalign`` itself, as in ``pyalign.score(x, triplets)``; the
classes of what they return are in ``pyalign.results``. Arrays, DataFrames and tensors
are taken wherever a matrix of embeddings is asked for. Shapes come first, with the same letters everywhere: n, m rows;
d features; t triplets; k neighbors.
"""


def pages() -> dict[str, str]:
    """reStructuredText by file name: a page for each group, and a list of all."""
    return {"index.rst": _index(), **{f"{stem}.rst": page_of(group) for stem, group in NAMES.items()}}


def page_of(group: Names) -> str:
    """The page of a group: a table of its names, then each of them."""
    parts = [_heading(group.title, "="), group.about, ".. py:currentmodule:: pyalign", _table(group.names)]
    parts += [_entry(name, "autofunction") for name in group.functions]
    parts += [_entry(name, "autoclass") for name in group.classes]
    return "\n\n".join(parts) + "\n"


def _index() -> str:
    parts = [INTRODUCTION, ".. py:currentmodule:: pyalign"]
    for stem, group in NAMES.items():
        parts += [_heading(group.title, "-"), f"{group.about} :doc:`All of it <{stem}>`.", _table(group.names)]
    stems = "\n".join(f"   {stem}" for stem in NAMES)
    return "\n\n".join([*parts, f".. toctree::\n   :hidden:\n\n{stems}"]) + "\n"


def _table(names: tuple[str, ...]) -> str:
    listed = "\n".join(f"   {_within(name)}" for name in names if name not in VALUES)
    return f".. autosummary::\n   :nosignatures:\n\n{listed}" if listed else ""


def _entry(name: str, directive: str) -> str:
    if name in VALUES:
        return f".. py:data:: {name}\n\n   {VALUES[name]}"
    return f".. {directive}:: {_within(name)}"


def _within(name: str) -> str:
    """A name as pyalign has it: results are in a module of their own."""
    return f"pyalign.results.{name}" if name in pyalign.results.__all__ else name


def _heading(title: str, line: str) -> str:
    return f"{title}\n{line * len(title)}"

"""Names of items: read them, and find the row of each. They are matched, never assumed to be in order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TextIO

import numpy as np

from pyalign.errors import InputError
from pyalign.io.entries import strings
from pyalign.io.layout import NAME_HEADERS
from pyalign.io.npy import open_npy
from pyalign.io.paths import TEXT, Array, PathLike, bad, check_file, listing, open_text, text_errors

# Headers of a column of names. Beside other columns "object" and the like are too; alone they may be names.
HEADERS = {"name", "names", "id", "unique_id", "uniqueid", "filename", "file_name", "object_name"}


def read_names(path: PathLike) -> tuple[str, ...]:
    """One name a line, in the order of the file.

    ``.txt``: the line up to a tab, so names may hold spaces and commas. ``.csv`` and ``.tsv``: the first
    column, without a header such as ``name`` or ``uniqueID``. Each also ``.gz``. ``.npy``: 1-D text.
    """
    suffix = check_file(path, "names", (".npy", *TEXT))
    if suffix == ".npy":
        return _from_array(path)
    names, several = first_column(path, suffix)
    while names and not names[-1]:
        names.pop()
    if not names:
        raise bad(path, "holds no names")
    if "" in names:
        raise bad(path, f"line {names.index('') + 1} has no name; without one the rows below it would shift")
    known = HEADERS | NAME_HEADERS if several else HEADERS
    if suffix.startswith((".csv", ".tsv")) and names[0].lower() in known:
        del names[0]
    if not names:
        raise bad(path, "holds a header and no names")
    return tuple(names)


def _from_array(path: PathLike) -> tuple[str, ...]:
    array = open_npy(path)
    if array.ndim != 1 or array.dtype.kind not in "US" or array.size == 0:
        raise bad(path, f"names must be a 1-D array of text; got shape {array.shape}, dtype {array.dtype}")
    return strings(path, array)


def first_column(path: PathLike, suffix: str) -> tuple[list[str], bool]:
    """The cells of the first column, and whether other columns stand beside them."""
    import csv

    with text_errors(path), open_text(path) as handle:
        lines = _lines(path, handle)
        cells = csv.reader(lines) if suffix.startswith(".csv") else (line.split("\t") for line in lines)
        rows = [row or [""] for row in cells]
    return [row[0].strip() for row in rows], len(rows[0]) > 1 if rows else False


def _lines(path: PathLike, handle: TextIO) -> Iterator[str]:
    for number, line in enumerate(handle, 1):
        if "\0" in line:
            raise bad(path, f"line {number} holds a NUL byte: not a text file, or not UTF-8")
        yield line


def match_names(item_names: Sequence[str], row_names: Sequence[str]) -> Array:
    """int32 (len(item_names),): the row of each item, by exact name.

    Raises InputError with the names that no row has, or that two rows have.

    >>> match_names(["cat", "dog"], ["dog", "ant", "cat"])
    array([2, 0], dtype=int32)
    """
    rows = {name: row for row, name in enumerate(row_names)}
    if len(rows) != len(row_names):
        doubled = [name for name, times in Counter(row_names).items() if times > 1]
        raise InputError(f"row names must differ; {_count(doubled, 'occurs', 'occur')} more than once")
    missing = [name for name in item_names if name not in rows]
    if missing:
        count = f"{len(missing)} of {len(item_names)} items have no row"
        raise InputError(f"no row is named {_some(missing)} ({count})")
    return np.array([rows[name] for name in item_names], dtype=np.int32)


def _some(names: list[str]) -> str:
    return listing([repr(name) for name in names], 5)


def _count(names: list[str], one: str, more: str) -> str:
    return f"{_some(names)} {one if len(names) == 1 else more}"

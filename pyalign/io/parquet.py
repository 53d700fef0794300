"""Parquet, which pyarrow reads in a process apart: a table whose columns have types, and the index of pandas in it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from typing import Any

from pyalign.io.apart import ask
from pyalign.io.arrays import Wanted
from pyalign.io.bounds import check_expansion
from pyalign.io.paths import PathLike, bad
from pyalign.io.tables import Columns, Table, Texts

NAME = 64  # bytes that a short Python string takes


def parquet_table(path: PathLike, wanted: Wanted) -> Table:
    """The table in a ``.parquet`` file."""
    told, _ = ask(path, "pyarrow", "files", "table", kind="Parquet")
    header, rows = tuple(told["header"]), told["rows"]
    if rows == 0:
        raise bad(path, f"{wanted.what} are empty (columns {', '.join(header)}, no rows)")
    names = None
    if told["range"] is not None:
        check_expansion(path, os.path.getsize(path), rows * NAME, "the names of its rows")
        names = tuple(map(str, range(*told["range"])))
    head = tuple(map(tuple, told["head"]))
    read = partial(_read, path, rows)
    return Table(header, len(header), head, tuple(told["text"]), True, read, tuple(told["index"]), names)


def _read(path: PathLike, rows: int, numbers: Sequence[int], texts: Sequence[int]) -> Columns:
    nbytes = rows * 8 * (len(numbers) + len(texts))
    check_expansion(path, os.path.getsize(path), nbytes)
    told, arrays = ask(path, "pyarrow", "files", "columns", [*numbers], [*texts], room=2 * nbytes, kind="Parquet")
    found: list[Any] = [
        values if labels is None else Texts(values, tuple(labels))
        for values, labels in zip(arrays[1:], told, strict=True)
    ]
    return Columns(arrays[0], found)

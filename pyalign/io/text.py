"""Text tables. numpy's C parser reads them; when it stumbles, a plain reader goes by lines and says where."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TextIO

import numpy as np

from pyalign.io.formats import Wanted
from pyalign.io.layout import Layout, find_layout
from pyalign.io.lines import Row, is_blank, is_number, read_rows
from pyalign.io.paths import Array, PathLike, bad, open_text, shorten, text_errors
from pyalign.io.tables import Columns, Table, Texts, text_columns


def text_table(path: PathLike, wanted: Wanted) -> Table:
    """The table in a text file, laid out as its first rows tell."""
    layout = find_layout(path, wanted.has_header, wanted.what, wanted.short_header)
    text = text_columns(layout.head, layout.width)
    return Table(layout.header, layout.width, layout.head, text, False, partial(read_columns, path, layout))


class _Coder:
    """Collects the cells of a column of text as codes."""

    def __init__(self) -> None:
        self.codes, self.known = array("i"), dict[str, int]()

    def add(self, cell: str) -> None:
        self.codes.append(self.known.setdefault(cell, len(self.known)))

    def convert(self, cell: str) -> float:
        """For numpy, which wants a number of every column; raises for what the plain reader has to see."""
        cell = cell.strip()
        if not cell or "\0" in cell:
            raise ValueError("an empty cell or a NUL byte")
        self.add(cell)
        return 0.0

    def texts(self) -> Texts:
        return Texts(np.array(self.codes, dtype=np.int32), tuple(self.known))


def read_columns(path: PathLike, layout: Layout, numbers: Sequence[int], texts: Sequence[int]) -> Columns:
    """Some columns as numbers, some as text."""
    with text_errors(path):
        try:
            if numbers:
                return _fast(path, layout, numbers, texts)
        except ValueError as error:
            if isinstance(error, UnicodeDecodeError):
                raise
        return _slow(path, layout, numbers, texts)


def _fast(path: PathLike, layout: Layout, numbers: Sequence[int], texts: Sequence[int]) -> Columns:
    coders = [_Coder() for _ in texts]
    every = sorted([*numbers, *texts]) == list(range(layout.width))
    wanted = list(range(layout.width)) if every else [*numbers, *texts]
    with open_text(path) as handle:
        for _ in range(layout.skip):
            next(handle)
        values: Array = np.loadtxt(
            handle if every else _even(handle, layout),
            comments=None,  # a comment below the header sends us to the plain reader
            delimiter=layout.delimiter,
            quotechar=None if layout.delimiter is None else '"',
            usecols=None if every else wanted,
            converters={column: coder.convert for column, coder in zip(texts, coders, strict=True)} or None,
            encoding="utf-8",
            ndmin=2,
        )
    places = [wanted.index(column) for column in numbers]
    if places != list(range(values.shape[1])):
        values = np.ascontiguousarray(values[:, places])
    return Columns(values, [coder.texts() for coder in coders])


def _even(handle: TextIO, layout: Layout) -> Iterator[str]:
    """numpy does not notice a ragged row when it reads some of the columns only."""
    marks = layout.width - 1
    for line in handle:
        found = len(line.split()) - 1 if layout.delimiter is None else line.count(layout.delimiter)
        if found != marks and '"' not in line and not is_blank(line, layout.delimiter):
            raise ValueError("a ragged row")
        yield line


def _slow(path: PathLike, layout: Layout, numbers: Sequence[int], texts: Sequence[int]) -> Columns:
    """The same by plain Python: comments anywhere, and the line of the first bad cell."""
    values, coders = array("d"), [_Coder() for _ in texts]
    adders: list[tuple[int, Callable[[str], None]]] = [(c, k.add) for c, k in zip(texts, coders, strict=True)]
    for line, cells in data_rows(path, layout):
        for column, add in adders:
            if not cells[column]:
                raise bad(path, f"line {line}, column {column + 1}: an empty cell in a column of text")
            add(cells[column])
        for column in numbers:
            if not is_number(cells[column]):
                raise bad(path, f"line {line}, column {column + 1}: {shorten(cells[column])} is not a number")
            values.append(float(cells[column]))
    return Columns(np.array(values).reshape(-1, max(len(numbers), 1)), [coder.texts() for coder in coders])


def data_rows(path: PathLike, layout: Layout) -> Iterator[Row]:
    """The rows below the header, each of the table's width."""
    for row in read_rows(path, layout.delimiter):
        if row.line <= layout.skip:
            continue
        if len(row.cells) != layout.width:
            found = f"{len(row.cells)} column{'s' * (len(row.cells) != 1)}"
            raise bad(path, f"line {row.line} has {found}; the first row has {layout.width}")
        yield row

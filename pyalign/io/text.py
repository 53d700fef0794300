"""Text tables. numpy's C parser reads them; when it stumbles, a plain reader goes by lines and says where."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple, TextIO

import numpy as np

from pyalign.io.paths import Array, PathLike, bad, open_text, shorten, text_errors

if TYPE_CHECKING:
    from pyalign.io.layout import Layout


class Row(NamedTuple):
    """The stripped cells of a row and the line of the file (from 1) that they stand on."""

    line: int
    cells: tuple[str, ...]


def is_number(cell: str) -> bool:
    """Whether ``float`` reads the cell as numpy's parser would."""
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell


class _Lines:
    """The lines of a file but the blank ones and the comments (``#`` first); keeps count of all."""

    def __init__(self, path: PathLike, handle: TextIO) -> None:
        self.path, self.handle, self.number = path, handle, 0

    def __iter__(self) -> Iterator[str]:
        for line in self.handle:
            self.number += 1
            if "\0" in line:
                raise bad(self.path, f"line {self.number} holds a NUL byte: not a text file, or not UTF-8")
            if not line.isspace() and not line.lstrip().startswith("#"):
                yield line


def read_rows(path: PathLike, delimiter: str | None) -> Iterator[Row]:
    """Every row of the table, header included."""
    import csv

    with open_text(path) as handle:
        lines = _Lines(path, handle)
        if delimiter is None:
            for line in lines:
                yield Row(lines.number, tuple(line.split()))
        else:
            for cells in csv.reader(lines, delimiter=delimiter, skipinitialspace=True):
                yield Row(lines.number, tuple(cell.strip() for cell in cells))


def data_rows(path: PathLike, layout: Layout) -> Iterator[Row]:
    """The rows below the header, each of the table's width."""
    for row in read_rows(path, layout.delimiter):
        if row.line <= layout.skip:
            continue
        if len(row.cells) != layout.width:
            found = f"{len(row.cells)} column{'s' * (len(row.cells) != 1)}"
            raise bad(path, f"line {row.line} has {found}; the first row has {layout.width}")
        yield row


def read_matrix(path: PathLike, layout: Layout) -> tuple[Array, tuple[str, ...] | None]:
    """All numbers (n, d) as float64, and the names in the first column when the layout says so."""
    names: list[str] = []
    with text_errors(path):
        try:
            values = _fast(path, layout, None, names if layout.named else None)
        except ValueError as error:
            if isinstance(error, UnicodeDecodeError):
                raise
            names.clear()
            values = _slow(path, layout, range(int(layout.named), layout.width), names)
            return values, tuple(names) if layout.named else None
    return (np.ascontiguousarray(values[:, 1:]), tuple(names)) if layout.named else (values, None)


def read_columns(path: PathLike, layout: Layout, columns: Sequence[int]) -> Array:
    """Some columns of numbers (t, k) as float64."""
    every = tuple(columns) == tuple(range(layout.width))
    with text_errors(path):
        try:
            return _fast(path, layout, None if every else columns, None)
        except ValueError as error:
            if isinstance(error, UnicodeDecodeError):
                raise
            return _slow(path, layout, columns, [])


def _fast(path: PathLike, layout: Layout, columns: Sequence[int] | None, names: list[str] | None) -> Array:
    with open_text(path) as handle:
        for _ in range(layout.skip):
            next(handle)
        values: Array = np.loadtxt(
            handle if columns is None else _even(handle, layout),
            comments=None,  # a comment below the header sends us to the plain reader
            delimiter=layout.delimiter,
            quotechar=None if layout.delimiter is None else '"',
            usecols=columns,
            converters=None if names is None else {0: _keep(names)},
            encoding="utf-8",
            ndmin=2,
        )
    return values


def _even(handle: TextIO, layout: Layout) -> Iterator[str]:
    """numpy does not notice a ragged row when it reads some of the columns only."""
    marks = layout.width - 1
    for line in handle:
        found = len(line.split()) - 1 if layout.delimiter is None else line.count(layout.delimiter)
        if found != marks and '"' not in line and not line.isspace():
            raise ValueError("a ragged row")
        yield line


def _keep(names: list[str]) -> Callable[[str], float]:
    def keep(cell: str) -> float:
        if "\0" in cell:
            raise ValueError("a NUL byte")
        names.append(cell.strip())
        return 0.0

    return keep


def _slow(path: PathLike, layout: Layout, columns: Sequence[int], names: list[str]) -> Array:
    """The same by plain Python: comments anywhere, and the line of the first bad cell."""
    values = array("d")
    for line, cells in data_rows(path, layout):
        if layout.named:
            names.append(cells[0])
        for column in columns:
            if not is_number(cells[column]):
                raise bad(path, f"line {line}, column {column + 1}: {shorten(cells[column])} is not a number")
            values.append(float(cells[column]))
    return np.array(values).reshape(-1, len(columns))

"""The rows of a text file as cells, with the line that each stands on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, TextIO

from pyalign.io.paths import PathLike, bad, open_text

MISSING = {"", "na", "n/a", "none", "null", "-", "?", "."}


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


def is_text(cell: str) -> bool:
    """Whether the cell holds something that is no number."""
    return not is_number(cell) and cell.lower() not in MISSING


def is_blank(line: str, delimiter: str | None) -> bool:
    """Whether a line holds no row. One of tabs alone does where tabs part the cells: a row of empty cells."""
    return not (line.strip(" \r\n\f\v") if delimiter == "\t" else line.strip())


class _Lines:
    """The lines of a file but the blank ones and the comments (``#`` first); keeps count of all."""

    def __init__(self, path: PathLike, handle: TextIO, delimiter: str | None) -> None:
        self.path, self.handle, self.delimiter, self.number = path, handle, delimiter, 0

    def __iter__(self) -> Iterator[str]:
        for line in self.handle:
            self.number += 1
            if "\0" in line:
                raise bad(self.path, f"line {self.number} holds a NUL byte: not a text file, or not UTF-8")
            if not is_blank(line, self.delimiter) and not line.lstrip().startswith("#"):
                yield line


def read_rows(path: PathLike, delimiter: str | None) -> Iterator[Row]:
    """Every row of the table, header included."""
    import csv

    with open_text(path) as handle:
        lines = _Lines(path, handle, delimiter)
        if delimiter is None:
            for line in lines:
                yield Row(lines.number, tuple(line.split()))
        else:
            for cells in csv.reader(lines, delimiter=delimiter, skipinitialspace=True):
                yield Row(lines.number, tuple(cell.strip() for cell in cells))

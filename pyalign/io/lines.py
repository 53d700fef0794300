"""The rows of a text file as cells, with the line that each stands on."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from math import inf
from typing import NamedTuple, TextIO

from pyalign.data.texts import MISSING
from pyalign.io.paths import PathLike, bad, open_text

LONGEST_LINE = 3 << 20  # letters; 100,000 columns of 17 digits and more
COMMENT = re.compile(r"\s*#(\s|$)")  # beyond doubt
# A cell in quotes or not, with the separator or the end behind it; white space parts cells by any run of it.
_CELLS = {
    delimiter: re.compile(rf'[^\S{delimiter}]*(?:"((?:[^"]|"")*)"[^\S{delimiter}]*|([^"{delimiter}]*))({delimiter}|$)')
    for delimiter in "\t,;"
} | {None: re.compile(r'(?:"((?:[^"]|"")*)"|([^"\s]+))(\s+|$)')}


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


def is_rounded(cell: str, value: float) -> bool:
    """Whether a cell is a whole number that its float64 is not."""
    digits = cell.lstrip("+-")
    return digits.isdecimal() and (len(digits) > 400 or abs(value) == inf or int(digits) != abs(int(value)))


def is_text(cell: str) -> bool:
    """Whether the cell holds something that is no number."""
    return not is_number(cell) and cell.lower() not in MISSING


def is_blank(line: str, delimiter: str | None) -> bool:
    """Whether a line holds no row. One of tabs alone does where tabs part the cells: a row of empty cells."""
    return not (line.strip(" \r\n\f\v") if delimiter == "\t" else line.strip())


def lines_of(path: PathLike, handle: TextIO) -> Iterator[tuple[int, str]]:
    """The lines of a file with their numbers, from 1."""
    for number, line in enumerate(iter(lambda: handle.readline(LONGEST_LINE + 1), ""), 1):
        if "\0" in line:
            raise bad(path, f"line {number} holds a NUL byte: not a text file, or not UTF-8")
        if len(line) > LONGEST_LINE:
            raise bad(path, f"line {number} is longer than {LONGEST_LINE} letters")
        yield number, line


def whole_lines(path: PathLike, rows: int) -> list[str]:
    """The lines of a file, a name for each of so many rows: the whole line is the name, with its spaces and commas."""
    names = list[str]()
    with open_text(path) as handle:
        for number, line in lines_of(path, handle):
            name = line.removesuffix("\n")
            if not name:
                raise bad(path, f"line {number} has no name")
            names.append(name)
            if number > rows:
                break
    if len(names) != rows:
        count = f"more than {rows}" if len(names) > rows else str(len(names))
        raise bad(path, f"holds {count} names for {rows} rows")
    return names


def cells_of(path: PathLike, number: int, line: str, delimiter: str | None) -> tuple[str, ...]:
    """The stripped cells of a line, without the quotes around them; refuses a quote that stands anywhere else."""
    if '"' not in line:
        return tuple(cell.strip() for cell in line.split(delimiter))
    cells, place, pattern = [], 0, _CELLS[delimiter]
    line = line.strip() if delimiter is None else line.rstrip("\r\n")
    end = delimiter
    while end != "":
        match = pattern.match(line, place)
        if match is None:
            what = "a quote within a cell, or one that does not end on its line"
            raise bad(path, f"line {number} has {what}; quotes stand around a cell, and are doubled in it")
        quoted, plain, end = match.groups()
        cells.append((plain if quoted is None else quoted.replace('""', '"')).strip())
        place = match.end()
    return tuple(cells)


def read_rows(path: PathLike, delimiter: str | None, fits: Callable[[Row], bool] | None = None) -> Iterator[Row]:
    """Every row of the table, header included, but blank lines and comments; refuses one that `fits` calls a row."""
    with open_text(path) as handle:
        for number, line in lines_of(path, handle):
            if is_blank(line, delimiter):
                continue
            if not line.lstrip().startswith("#"):
                yield Row(number, cells_of(path, number, line, delimiter))
                continue
            row = Row(number, tuple(cell.strip() for cell in line.split(delimiter)))
            if fits is not None and not COMMENT.match(line) and fits(row):
                fault = "starts with # and could be a comment or a row"
                raise bad(path, f"line {number} {fault}; write '# ' for a comment, quotes around a name")

"""How a text table is laid out, judged from its first rows: delimiter and header."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from pyalign.errors import InputError
from pyalign.io.headers import Cells, HeaderRule
from pyalign.io.lines import LONGEST_LINE, Row, is_number, is_text, read_rows
from pyalign.io.paths import PathLike, bad

HEAD = 20  # rows that are looked at
_DECIMAL = re.compile(r"[+-]?\d+,\d+([eE][+-]?\d+)?")
DELIMITERS = ("\t", ",", ";", None)  # None: any run of white space


@dataclass(frozen=True)
class Layout:
    """The shape of a text table.

    skip: lines of the file before the first row of data. width: columns of a row of data. head: its first rows.
    """

    delimiter: str | None
    header: Cells | None
    skip: int
    width: int
    head: tuple[Cells, ...]

    def fits(self, row: Row) -> bool:
        """Whether a line that starts with # would do as a row: a name first, and numbers where the others have them."""
        if len(row.cells) != self.width or not _is_named([cells[0] for cells in self.head]):
            return False
        kinds = [any(is_number(cells[k]) for cells in self.head if k < len(cells)) for k in range(self.width)]
        return all(is_number(cell) or not number for cell, number in zip(row.cells, kinds, strict=True))


def find_layout(path: PathLike, has_header: HeaderRule, what: str, short_header: bool = False) -> Layout:
    """The layout of a table of `what`; `short_header`: R writes one that lacks the cell above the row names."""
    delimiter, rows = _first_rows(path)
    layout = _layout(path, delimiter, rows, has_header, what, short_header)
    for _ in islice(read_rows(path, delimiter, layout.fits), HEAD + 1):
        pass
    return layout


def _layout(
    path: PathLike, delimiter: str | None, rows: list[Row], has_header: HeaderRule, what: str, short_header: bool
) -> Layout:
    cells = [row.cells for row in rows]
    if not has_header(cells[0], cells[1:]):
        return Layout(delimiter, None, rows[0].line - 1, len(cells[0]), tuple(cells))
    if len(rows) == 1:
        raise bad(path, f"{what} are empty (a header, no rows)")
    header, width = cells[0], len(cells[1])
    if short_header and len(header) == width - 1:
        header = ("", *header)
    if len(header) != width:
        raise bad(path, f"line {rows[0].line}: a header of {len(header)} columns over rows of {width}")
    return Layout(delimiter, header, rows[1].line - 1, width, tuple(cells[1:]))


def _first_rows(path: PathLike) -> tuple[str | None, list[Row]]:
    """The delimiter that parts the first rows best, and these rows."""
    scores: dict[str | None, tuple[bool | float, ...]] = {}
    decimal, fault, best = False, None, list[Row]()
    chosen: str | None = None
    for delimiter in DELIMITERS:
        try:
            rows = _head(path, delimiter)
        except InputError as error:  # a quote that is none where this delimiter parts the cells
            fault = fault or error
            continue
        if not rows:
            raise bad(path, "is empty (no rows)")
        cells = [row.cells for row in rows]
        decimal |= _has_decimal_commas(cells[1:] or cells)
        scores[delimiter] = _score(delimiter, cells)
        if len(scores) == 1 or scores[delimiter] > scores[chosen]:
            chosen, best = delimiter, rows
    if not scores and fault is not None:
        raise fault
    if decimal:
        raise bad(
            path, "could hold numbers with a decimal comma; write them with a point, and names with commas in quotes"
        )
    return chosen, best


def _head(path: PathLike, delimiter: str | None) -> list[Row]:
    """The first rows, fewer where they are very long."""
    rows, letters = list[Row](), 0
    for row in read_rows(path, delimiter):
        rows.append(row)
        letters += sum(map(len, row.cells)) + len(row.cells)
        if len(rows) > HEAD or (len(rows) > 1 and letters > LONGEST_LINE):
            break
    return rows


def _is_named(cells: Sequence[str]) -> bool:
    return any(map(is_text, cells)) and not any(map(is_number, cells))


def _has_decimal_commas(rows: list[Cells]) -> bool:
    """Whether every row has as many cells, and these read as numbers where a comma is a decimal point."""
    width = len(rows[0])
    if width < 2 or any(len(row) != width for row in rows):
        return False
    cells = [cell for row in rows for cell in row[1:]]
    return any(map(_DECIMAL.fullmatch, cells)) and all(is_number(cell) or _DECIMAL.fullmatch(cell) for cell in cells)


def _score(delimiter: str | None, rows: list[Cells]) -> tuple[bool, bool, bool, float, bool]:
    """How table-like the rows are. White space loses to a delimiter that parts all rows alike: cells may be empty.

    Names such as `object 25` are parted by white space into a word and a number: most cells must be numbers.
    """
    data = rows[1:] or rows
    filled = [cell for row in data for cell in row[1:] if cell]
    numbers = sum(map(is_number, filled))
    widths = {len(row) for row in data}
    alike = len(widths) == 1
    some = numbers > 0 if delimiter is not None else 2 * numbers > len(filled)
    return min(widths) > 1, some, alike and delimiter is not None, numbers / max(len(filled), 1), alike

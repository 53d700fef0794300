"""How a text table is laid out, judged from its first rows: delimiter and header."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

from pyalign.io.headers import Cells, HeaderRule
from pyalign.io.lines import Row, is_number, read_rows
from pyalign.io.paths import PathLike, bad, text_errors

HEAD = 20  # rows that are looked at
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


def find_layout(path: PathLike, has_header: HeaderRule, what: str, short_header: bool = False) -> Layout:
    """The layout of a table of `what`; `short_header`: R writes one that lacks the cell above the row names."""
    delimiter, rows = _first_rows(path)
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
    with text_errors(path):
        options = {delimiter: list(islice(read_rows(path, delimiter), HEAD + 1)) for delimiter in DELIMITERS}
    if not options[None]:
        raise bad(path, "is empty (no rows)")
    best = max(DELIMITERS, key=lambda delimiter: _score(delimiter, [row.cells for row in options[delimiter]]))
    return best, options[best]


def _score(delimiter: str | None, rows: list[Cells]) -> tuple[bool, bool, bool, float, bool]:
    """How table-like the rows are. White space loses to a delimiter that parts all rows alike: cells may be empty."""
    data = rows[1:] or rows
    filled = [cell for row in data for cell in row[1:] if cell]
    numbers = sum(map(is_number, filled))
    widths = {len(row) for row in data}
    alike = len(widths) == 1
    return min(widths) > 1, numbers > 0, alike and delimiter is not None, numbers / max(len(filled), 1), alike

"""Whether the first row of a text table is a header: judged by the rows below it.

The rows of a text file as cells, with the line that each stands on.
How a text table is laid out, judged from its first rows: delimiter and header.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from math import inf
from typing import NamedTuple, TextIO, TypeAlias

from pyalign._dataclass import dataclass
from pyalign.data.answer_columns import is_header
from pyalign.data.metadata import NO_LABEL
from pyalign.errors import InputError
from pyalign.io.paths import PathLike, bad, open_text

Cells: TypeAlias = "tuple[str, ...]"
HeaderRule: TypeAlias = "Callable[[Cells, Sequence[Cells]], bool]"

INDEX_HEADERS = {"", "index", "unnamed: 0"}  # as pandas writes its index
# A first column under one of these headers holds names, even when they look like numbers.
NAME_HEADERS = INDEX_HEADERS | {
    "name", "names", "id", "ids", "item", "object", "concept", "image", "word", "label", "file",
    "filename", "file_name", "object_name", "item_name", "image_name", "unique_id", "uniqueid",
}


def always(first: Cells, rest: Sequence[Cells]) -> bool:
    """The caller chose columns by name, so there is a header."""
    return True


def embedding_header(first: Cells, rest: Sequence[Cells]) -> bool:
    """Words above a column of numbers, or 0, 1, 2, ... above rows that are not plain whole numbers."""
    if not rest:
        return False
    if any(map(is_number, first)):
        return _is_count(first, rest)
    return any(is_text(cell) and _numeric(rest, c) for c, cell in enumerate(first))


def _is_count(first: Cells, rest: Sequence[Cells]) -> bool:
    """Columns called 0, 1, 2, ... next to one of names, as pandas calls them, or alone."""
    labels = [c for c, cell in enumerate(first) if is_number(cell)]
    others = [first[c] for c in range(len(first)) if c not in labels]
    start = next((s for s in (0, 1) if [first[c] for c in labels] == list(map(str, range(s, len(labels) + s)))), None)
    if start is None or len(labels) + bool(others) < 2 or len(others) > 1:
        return False
    named = any(cell.lower() in NAME_HEADERS for cell in others)
    if named and (others != [""] or (start == 0 and all(row[0] for row in rest))):
        return True
    counting = [c for c in labels if c] or labels
    return not any(row[c].isdecimal() for row in rest for c in counting if c < len(row))


def _numeric(rows: Sequence[Cells], column: int) -> bool:
    """Numbers throughout, but for missing ones."""
    cells = [row[column] for row in rows if column < len(row)]
    return any(map(is_number, cells)) and not any(map(is_text, cells))


def triplet_header(first: Cells, rest: Sequence[Cells]) -> bool:
    """Words above numbers; above names only what reads like a header, since names are words too."""
    if any(map(is_number, first)):
        return False
    numeric = [_numeric(rest, c) for c in range(len(first))]
    return all(numeric) or (len(first) > 3 and any(numeric)) or is_header(first, rest)


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
    return not is_number(cell) and cell.lower() not in NO_LABEL


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


def _score(delimiter: str | None, rows: list[Cells]) -> tuple[bool | float, ...]:
    """How table-like the rows are: first what parts all rows alike, the header too, then what finds numbers.

    White space loses to a delimiter that parts all rows alike, since cells may be empty. It parts names such as
    `object 25` into a word and a number: most cells must be numbers.
    """
    data = rows[1:] or rows
    filled = [cell for row in data for cell in row[1:] if cell]
    numbers = sum(map(is_number, filled))
    widths = {len(row) for row in data}
    alike = len(widths) == 1
    some = numbers > 0 if delimiter is not None else 2 * numbers > len(filled)
    whole = widths == {len(rows[0])} and len(rows[0]) > 2
    return whole, min(widths) > 1, some, alike and delimiter is not None, numbers / max(len(filled), 1), alike

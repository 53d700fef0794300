"""How a text table is laid out, judged from its first rows: delimiter, header, column of names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice

from pyalign.io.paths import PathLike, bad, text_errors
from pyalign.io.text import Row, is_number, read_rows

HEAD = 20  # rows that are looked at
DELIMITERS = ("\t", ",", ";", None)  # None: any run of white space
MISSING = {"", "na", "n/a", "none", "null", "-", "?", "."}
# A first column under one of these headers holds names, even when they look like numbers.
NAME_HEADERS = {
    "", "name", "names", "id", "ids", "index", "item", "object", "concept", "image", "word", "label", "file",
    "filename", "file_name", "object_name", "item_name", "image_name", "unique_id", "uniqueid", "unnamed: 0",
}  # fmt: skip
_NUMBERED = re.compile(
    r"(image|img|item|object|obj|concept|stimulus|stim|word|name|file|id|col|column)"
    r"[ _-]?[0-9]([ _-]?(id|name))?"
)
ODD_HEADERS = {"odd", "odd_item", "odd_one", "odd_one_out", "choice"}


@dataclass(frozen=True)
class Layout:
    """The shape of a text table.

    skip: lines of the file before the first row of data. width: columns of a row of data.
    """

    delimiter: str | None
    header: tuple[str, ...] | None
    skip: int
    width: int
    named: bool  # the first column holds names
    head: tuple[tuple[str, ...], ...]  # the first rows of data


def embedding_layout(path: PathLike) -> Layout:
    """Numbers, perhaps under a header, perhaps after a first column of names."""
    delimiter, rows = _first_rows(path)
    cells = [row.cells for row in rows]
    has_header = len(cells) > 1 and _is_embedding_header(cells[0], cells[1:])
    layout = _layout(path, delimiter, rows, has_header, spare=1)
    texts = [not is_number(row[0]) and row[0].lower() not in MISSING for row in layout.head]
    told = has_header and (cells[0][0].lower() in NAME_HEADERS or len(cells[0]) == layout.width - 1)
    named = layout.width > 1 and (told or all(texts))
    return Layout(layout.delimiter, layout.header, layout.skip, layout.width, named, layout.head)


def triplet_layout(path: PathLike, header_named: bool) -> Layout:
    """Whole numbers or names; ``header_named``: the caller chose columns by name, so there is a header."""
    delimiter, rows = _first_rows(path)
    cells = [row.cells for row in rows]
    has_header = header_named or _is_triplet_header(cells[0], cells[1:])
    if has_header and len(rows) == 1:
        raise bad(path, "triplets are empty (a header, no rows)")
    return _layout(path, delimiter, rows, has_header)


def _first_rows(path: PathLike) -> tuple[str | None, list[Row]]:
    with text_errors(path):
        options = {delimiter: list(islice(read_rows(path, delimiter), HEAD + 1)) for delimiter in DELIMITERS}
    if not options[None]:
        raise bad(path, "is empty (no rows)")
    best = max(DELIMITERS, key=lambda delimiter: _score([row.cells for row in options[delimiter]]))
    return best, options[best]


def _score(rows: list[tuple[str, ...]]) -> tuple[bool, float, bool]:
    """How table-like the rows are: more than one column, numbers after the first, equal widths."""
    data = rows[1:] or rows
    cells = [cell for row in data for cell in row[1:]]
    widths = {len(row) for row in data}
    return min(widths) > 1, sum(map(is_number, cells)) / max(len(cells), 1), len(widths) == 1


def _layout(path: PathLike, delimiter: str | None, rows: list[Row], has_header: bool, spare: int = 0) -> Layout:
    """``spare``: R writes a header that is one cell short, with none above the row names."""
    header = rows[0].cells if has_header else None
    data = rows[1:] if has_header else rows
    width = len(data[0].cells)
    if header is not None and not width - spare <= len(header) <= width:
        raise bad(path, f"line {rows[0].line}: a header of {len(header)} columns over rows of {width}")
    return Layout(delimiter, header, data[0].line - 1, width, False, tuple(row.cells for row in data))


def _is_embedding_header(first: tuple[str, ...], rest: list[tuple[str, ...]]) -> bool:
    if len(first) > 1 and first[0] == "" and all(row[0] for row in rest):
        return True  # pandas with its index: ",0,1,2"
    labels = first[1:] if len(first) > 1 else first
    if all(not is_number(cell) and cell.lower() not in MISSING for cell in labels):
        return len(first) > 1 or is_number(rest[0][0])
    # columns called 0, 1, 2, ... above rows with no cell as plain as that
    labels = first if is_number(first[0]) else first[1:]
    return _counts(labels) and not any(cell.isdigit() for row in rest for cell in row[1:])


def _counts(cells: tuple[str, ...]) -> bool:
    return len(cells) > 1 and cells in (tuple(map(str, range(s, len(cells) + s))) for s in (0, 1))


def _is_triplet_header(first: tuple[str, ...], rest: list[tuple[str, ...]]) -> bool:
    """Words above numbers; above names only what reads like a header, since names are words too."""
    if any(map(is_number, first)):
        return False
    if any(cell.lower() in ODD_HEADERS for cell in first):
        return True
    columns = [[row[c] for row in rest if c < len(row)] for c in range(len(first))]
    numeric = [bool(column) and all(map(is_number, column)) for column in columns]
    if all(numeric) or (len(first) > 3 and any(numeric)):
        return True
    matches = [_NUMBERED.fullmatch(cell.lower()) for cell in first[:3]]
    stems = {match[1] for match in matches if match}
    return all(matches) and len(matches) == 3 and len(stems) == 1

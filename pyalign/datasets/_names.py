"""Names and other columns of published tables."""

from __future__ import annotations

import csv
from pathlib import Path

from pyalign.io.paths import bad, text_errors

LARGEST = 64 << 20  # bytes of a table


def column(path: Path, header: str) -> tuple[str, ...]:
    """A column of a ``.tsv`` by its header; cells may be empty, and may hold quotes.

    Raises:
        InputError: it has no such column, or rows of other widths.
    """
    if path.stat().st_size > LARGEST:
        raise bad(path, f"must have at most {LARGEST:,} bytes")
    with text_errors(path), open(path, encoding="utf-8-sig", newline="") as file:
        try:
            rows = list(csv.reader(file, dialect="excel-tab"))
        except csv.Error as error:
            raise bad(path, error) from error
    if not rows or header not in rows[0]:
        raise bad(path, f"has no column {header!r}")
    k = rows[0].index(header)
    for number, row in enumerate(rows[1:], 2):
        if len(row) != len(rows[0]):
            raise bad(path, f"row {number} has {len(row)} cells, and the header {len(rows[0])}")
    return tuple(row[k].strip() for row in rows[1:])

"""Tables of models: what is known of them in addition to their answers."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any

from pyalign.data.metadata import Metadata
from pyalign.errors import InputError, shorten
from pyalign.io.documents import read_json
from pyalign.io.lines import Row, read_rows
from pyalign.io.model_table import BUILT_IN, built_in_metadata
from pyalign.io.paths import PathLike, bad, check_file

LARGEST = 1 << 24  # bytes
MOST_CELLS = 2_000_000
COMMA = re.compile(r"[+-]?\d+,\d+ ?%?")


def load_metadata(path: PathLike) -> Metadata:
    """Read a table with a row for each model: `model`, and any other columns, such as family, data or seed.

    ``.csv`` (commas, or semicolons), ``.tsv``: under a header. ``.json``: a list of objects, or an object of such by
    model. What is read as a number, and what as text: see `Metadata.of`. "builtin" in place of a path is the table of
    published models that comes with pyalign.

    Raises:
        InputError: what the file does wrong, in one line that starts with its path.
        OSError: missing or forbidden.

    Example:
        >>> import pathlib, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "models.csv")
        ...     _ = path.write_text("model,family,parameters\\nclip,CLIP,151M\\nvgg,VGG,138M\\n")
        ...     load_metadata(path).columns
        {'family': ('CLIP', 'VGG'), 'parameters': (151000000.0, 138000000.0)}
    """
    if path == BUILT_IN:
        return built_in_metadata()
    suffix = check_file(path, "metadata", (".csv", ".tsv", ".json"))
    if os.path.getsize(path) > LARGEST:
        raise bad(path, f"must be a table of at most {LARGEST:,} bytes; got {os.path.getsize(path):,}")
    rows = list(_objects(path)) if suffix == ".json" else list(_rows(path, suffix))
    try:
        return Metadata.of(rows, os.fspath(path))
    except InputError as error:
        raise bad(path, error) from error


def _objects(path: PathLike) -> Iterator[dict[str, Any]]:
    """The rows of a JSON document."""
    document = read_json(path, largest=LARGEST)
    if isinstance(document, dict) and all(isinstance(row, dict) for row in document.values()):
        document = [{"model": name, **row} for name, row in document.items()]
    if not isinstance(document, list):
        raise bad(path, f"must be a list of objects, or an object of them by model; got {shorten(document)}")
    for number, row in enumerate(document, 1):
        if not isinstance(row, dict):
            raise bad(path, f"row {number} must be an object; got {shorten(row)}")
        for name, value in row.items():
            if isinstance(value, dict | list):
                raise bad(path, f"row {number}: {name!r:.60} must be text or a number; got {shorten(value)}")
        yield row


def _rows(path: PathLike, suffix: str) -> Iterator[dict[str, str]]:
    """The rows of a text table, by their header."""
    delimiter = "\t" if suffix == ".tsv" else _delimiter(path)
    first = next(read_rows(path, delimiter), None)
    if first is None:
        raise bad(path, "is empty (no rows)")
    header = _header(path, first)
    place = header.index("model")
    for number, row in enumerate(read_rows(path, delimiter, lambda row: len(row.cells) == len(header))):
        if number > 0:
            _check_row(path, row, header, place, delimiter)
            yield dict(zip(header, row.cells, strict=True))
        if number * len(header) > MOST_CELLS:
            raise bad(path, f"must be a table of at most {MOST_CELLS:,} cells")


def _check_row(path: PathLike, row: Row, header: tuple[str, ...], place: int, delimiter: str) -> None:
    if len(row.cells) != len(header):
        many = f"{len(row.cells)} column{'s' * (len(row.cells) != 1)}"
        raise bad(path, f"line {row.line} has {many}; the header has {len(header)}")
    if not row.cells[place]:
        raise bad(path, f"line {row.line} names no model")
    commas = next((cell for cell in row.cells if delimiter == ";" and COMMA.fullmatch(cell)), None)
    if commas is not None:
        raise bad(path, f"line {row.line}: {shorten(commas)} could have a decimal comma; write it with a point")


def _header(path: PathLike, row: Row) -> tuple[str, ...]:
    header = tuple(cell.strip() for cell in row.cells)
    known = [name for name in header if name.lower() == "model"]
    if len(known) != 1:
        what = "no column 'model'" if not known else "two columns 'model'"
        raise bad(path, f"line {row.line}: the header has {what}: {shorten(', '.join(header), 120)}")
    header = tuple("model" if name == known[0] else name for name in header)
    twice = next((name for name in header if name and header.count(name) > 1), None)
    if twice is not None or "" in header:
        raise bad(path, f"line {row.line}: the header " + ("has no name for a column" if twice is None else
                        f"has {twice!r:.60} twice"))  # fmt: skip
    return header


def _delimiter(path: PathLike) -> str:
    """A comma, or the semicolon that spreadsheets write where a comma is a decimal point."""
    first = next(iter(read_rows(path, ",")), None)
    by_semicolons = first is not None and len(first.cells) == 1 and ";" in first.cells[0]
    return ";" if by_semicolons else ","

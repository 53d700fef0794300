"""Files of names: one for each row, or for each item number."""

from __future__ import annotations

import os

from pyalign.io.arrays import NAMES, choose, strings
from pyalign.io.formats import check_format, open_file
from pyalign.io.headers import NAME_HEADERS
from pyalign.io.lines import cells_of, lines_of
from pyalign.io.named import open_named
from pyalign.io.paths import TEXT, Array, PathLike, bad, is_named, no_key, open_text
from pyalign.io.rows import names_of
from pyalign.io.tables import Table

# Headers of a column of names. Beside other columns "object" and the like are too; alone they may be names.
HEADERS = {"name", "names", "id", "unique_id", "uniqueid", "filename", "file_name", "object_name"}


def read_names(path: PathLike, *, key: str | None = None) -> tuple[str, ...]:
    """One name a line, in the order of the file.

    ``.txt``: the line up to a tab, so names may hold spaces and commas. ``.csv`` and ``.tsv``: the first column,
    without a header such as ``name`` or ``uniqueID``. Each also ``.gz``. ``.parquet``: its only column of text, or its
    index. In other formats, and in folders, a 1-D array of text; `key` says which, where there are several.
    ``dataset:NAME``: those of its objects.
    """
    if is_named(path):
        named: tuple[str, ...] = open_named(path, "names", key)
        return named
    if os.path.isdir(path):
        return _from_array(path, key)
    suffix = check_format(path, "names")
    if suffix not in TEXT:
        return _from_array(path, key)
    no_key(path, key)
    names, several = first_column(path, suffix)
    while names and not names[-1]:
        names.pop()
    if not names:
        raise bad(path, "holds no names")
    if "" in names:
        raise bad(path, f"line {names.index('') + 1} has no name; without one the rows below it would shift")
    known = HEADERS | NAME_HEADERS if several else HEADERS
    if suffix.startswith((".csv", ".tsv")) and names[0].lower() in known:
        del names[0]
    if not names:
        raise bad(path, "holds a header and no names")
    return tuple(names)


def _from_array(path: PathLike, key: str | None) -> tuple[str, ...]:
    opened = open_file(path, NAMES)
    if isinstance(opened, Table):
        no_key(path, key)
        return names_of(path, opened)
    array: Array = choose(path, opened, key, NAMES.likely, "names").load()
    if array.ndim != 1 or array.dtype.kind not in "USO" or array.size == 0:
        raise bad(path, f"names must be a 1-D array of text; got shape {array.shape}, dtype {array.dtype}")
    return strings(path, array)


def first_column(path: PathLike, suffix: str) -> tuple[list[str], bool]:
    """The cells of the first column, and whether other columns stand next to them."""
    rows, several = list[str](), False
    quotes = suffix.startswith(".csv")
    with open_text(path) as handle:
        for number, line in lines_of(path, handle):
            cells = cells_of(path, number, line, ",") if quotes else tuple(line.split("\t"))
            several = len(cells) > 1 if number == 1 else several
            rows.append(cells[0].strip())
    return rows, several

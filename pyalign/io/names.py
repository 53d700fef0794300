"""Files of names: one for each row, or for each item number.

Categories of items: a label each, or a column per category.
"""

from __future__ import annotations

import os

import numpy as np

from pyalign.data import Categories
from pyalign.errors import InputError
from pyalign.io.arrays import NAMES, choose, open_npy, strings, text_array
from pyalign.io.embeddings import load_embeddings, open_named
from pyalign.io.formats import check_format, open_file
from pyalign.io.layout import NAME_HEADERS, cells_of, lines_of, read_rows
from pyalign.io.paths import TEXT, Array, PathLike, Spec, bad, check_file, is_named, no_key, open_text
from pyalign.io.tables import Table, names_of

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


LABEL_HEADERS = {"category", "label", "class", "group"}


def load_categories(path: PathLike) -> Categories:
    """A label for each object, or memberships of 0 and 1, in the order of the file; with names where the file has them.

    ``.txt``: one label a line. ``.csv`` and ``.tsv`` (each also ``.gz``): one column of labels, one of names and one of
    labels, or a column of 0 and 1 per category, under a header. ``.npy``: labels (n,), whole numbers or text, or
    memberships (n, c).
    ``dataset:NAME``, ``dataset:NAME::KEY``: those of a data set.

    Raises InputError (what the file does wrong, in one line that starts with its path) and OSError.
    """
    if is_named(path):
        spec = Spec(path)
        named: Categories = open_named(spec.path, "categories", spec.key)
        return named
    suffix = check_file(path, "categories", (".npy", *TEXT))
    if suffix == ".npy":
        array = open_npy(path)
        if array.ndim not in (1, 2) or array.size == 0:
            raise bad(path, f"categories must have shape (n,) or (n, c); got {array.shape}")
        return Categories.of(array if array.ndim == 1 else _zeros_and_ones(path, array))
    if suffix.startswith(".txt") or not _several_columns(path, suffix):
        return Categories.of(text_array(path, read_names(path)))
    labelled = _labels_by_name(path, suffix)
    if labelled is not None:
        return labelled
    try:
        embeddings = load_embeddings(path)
    except InputError as error:
        if "name_column" not in str(error):
            raise
        rule = "categories must be one column of labels, names and labels in two, or columns of 0 and 1"
        raise bad(path, f"{rule}; got several columns of text") from error
    return Categories.of(
        _zeros_and_ones(path, embeddings.values), _header(path, suffix, embeddings.shape[1]), embeddings.names
    )


def _several_columns(path: PathLike, suffix: str) -> bool:
    with open_text(path) as handle:
        return ("," if suffix.startswith(".csv") else "\t") in handle.readline()


def _labels_by_name(path: PathLike, suffix: str) -> Categories | None:
    """Those of a table of two columns, names and labels, of which some are neither 0 nor 1; an empty label is none."""
    rows = [row.cells for row in read_rows(path, "," if suffix.startswith(".csv") else "\t")]
    if {len(cells) for cells in rows} != {2} or not {label for _, label in rows[1:]} - {"0", "1"}:
        return None
    headed = rows[0][0].lower() in HEADERS | NAME_HEADERS or rows[0][1].lower() in LABEL_HEADERS
    names, labels = zip(*rows[headed:], strict=True)
    return Categories.of(text_array(path, labels), names=names)


def _header(path: PathLike, suffix: str, columns: int) -> tuple[str, ...] | None:
    """The names of the last columns, where the first line is no row of numbers."""
    with open_text(path) as handle:
        cells = handle.readline().rstrip("\n").split("," if suffix.startswith(".csv") else "\t")
    named = tuple(cell.strip().strip('"') for cell in cells[-columns:])
    return None if all(cell in ("0", "1") for cell in named) else named


def _zeros_and_ones(path: PathLike, values: Array) -> Array:
    if values.dtype.kind not in "biuf" or not np.isin(values, (0, 1)).all():
        raise bad(path, f"several columns of categories must hold 0 and 1; got dtype {values.dtype} with other values")
    return values.astype(bool)

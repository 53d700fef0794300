"""Categories of items: a label each, or a column per category."""

from __future__ import annotations

import numpy as np

from pyalign.data import Categories
from pyalign.errors import InputError
from pyalign.io.arrays import text_array
from pyalign.io.embeddings import load_embeddings
from pyalign.io.headers import NAME_HEADERS
from pyalign.io.lines import read_rows
from pyalign.io.named import open_named
from pyalign.io.names import HEADERS, read_names
from pyalign.io.npy import open_npy
from pyalign.io.paths import TEXT, Array, PathLike, Spec, bad, check_file, is_named, open_text

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

"""Judgments of pairs: a matrix, one for each participant, condensed, or a rating in each row; in any of the formats."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pyalign import _checks
from pyalign.data import KINDS, RDMs, as_rdms
from pyalign.data.answer_columns import says, series_in
from pyalign.data.judgments import about, kind_of_diagonal, with_kind
from pyalign.data.metadata import joined
from pyalign.data.names import listing
from pyalign.errors import InputError, Remedy
from pyalign.io.answers import code_subjects
from pyalign.io.arrays import JUDGMENTS, choose, names_next_to, row_names
from pyalign.io.embeddings import open_named
from pyalign.io.formats import open_file
from pyalign.io.paths import Array, PathLike, bad, errors_of, is_named, no_key, suffix_of
from pyalign.io.rdm_files import TREE, find_rdms
from pyalign.io.tables import Table, exact_numbers, read_rows
from pyalign.typing import MatrixKind

MOST = 10_000_000  # numbers in all matrices of a small file; of a large one MANY for each of its rows
MANY = 100


def load_rdms(
    path: PathLike, *, kind: MatrixKind | None = None, key: str | None = None, names: Sequence[str] | None = None
) -> RDMs:
    """Read similarity or dissimilarity matrices (RDMs) of people, with the names of objects where the file has them.

    Args:
        path: any of the formats of `load_embeddings`. Arrays are (n, n), (p, n, n), as MATLAB has them (n, n, p), or
            condensed: (m,) or (p, m). Tables are (n, n), with names next to the rows where there are any, or one row or
            one column of m numbers; or they have a rating in each row, next to two columns of names and perhaps one of
            participants (``participant,left,right,rating``): ratings of a pair by one participant are averaged. NaN is
            a pair that was not judged; in text, nan. Files of rsatoolbox (``RDMs.save``), Meadows (``.mat`` and trees
            in ``.json``) and the RSA toolbox of MATLAB are read with the names that they have, as dissimilarities. Or
            ``dataset:NAME``, see `pyalign.datasets`.
        kind: "dissimilarity" or "similarity": what larger numbers mean. It may be left out where the diagonal shows
            it, and of a data set, which knows it, so that it must agree where it is given.
        key: which array, in files that hold several.
        names: the names of the objects. If the file has names, these must be the same, and set the order of objects.

    Raises:
        InputError: the file's fault, in one line that starts with its path.
        OSError: missing or forbidden.
        MissingExtraError: the format needs a package.

    Example:
        >>> import pathlib, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "rdm.csv")
        ...     _ = path.write_text("name,dog,cat\\ndog,0,0.5\\ncat,0.5,0\\n")
        ...     judgments = load_rdms(path, kind="dissimilarity")
        >>> judgments.names, judgments.pairs()
        (('dog', 'cat'), array([[0.5]]))
    """
    if is_named(path):
        return _of_data_set(path, kind, key, names)
    source = os.fspath(path) if key is None else f"{os.fspath(path)}::{key}"
    opened = {} if suffix_of(path) == TREE else open_file(path, JUDGMENTS)
    rdms = None if isinstance(opened, Table) else find_rdms(path, key, opened)
    if rdms is not None:
        with errors_of(path):
            return _named(as_rdms(rdms, kind, source), names)
    opened = opened or open_file(path, JUDGMENTS)
    notes: tuple[str, ...] = ()
    if isinstance(opened, Table):
        no_key(path, key)
        rated = _read_ratings(path, opened)
        values, own, notes = rated or read_rows(path, opened, None)
        if rated is None:
            _check_header(path, opened, own)
    else:
        chosen = choose(path, opened, key, JUDGMENTS.likely, beside=names_next_to(opened))
        values, notes = people_first(chosen.load(), source)
        own = None
    if values.dtype.kind not in "biuf":
        raise bad(path, f"judgments must be real numbers; got {values.dtype}")
    values = exact_numbers(path, values, "judgments")
    try:
        judged = RDMs(_without_one(values), KINDS[0] if kind is None else kind, None, None, source, notes)
        if kind is None and kind_of_diagonal(judged) is None:
            either = f"{Remedy('kind', 'dissimilarity')} or {Remedy('kind', 'similarity')}"
            raise bad(path, f"{either} must say what it holds; got neither")
        judged = with_kind(judged, kind, source)
        if not isinstance(opened, Table):
            own = row_names(path, opened, judged.n)
        elif not judged.is_square:
            own = None  # those of one row, or of a column, of pairs are no objects
        return _named(replace(judged, names=own), names)
    except InputError as error:
        named = str(error).startswith((os.fspath(path), "kind "))
        raise error if named else bad(path, about("judgments", error)) from error


def _of_data_set(path: PathLike, kind: str | None, key: str | None, names: Sequence[str] | None) -> RDMs:
    judgments: RDMs = open_named(path, "judgments", key)
    with errors_of(path):
        return _named(as_rdms(judgments, kind), names)


def people_first(values: Array, source: str) -> tuple[Array, tuple[str, ...]]:
    """(p, n, n) of an array that may have its people last, as MATLAB stacks matrices; and a sentence where it has."""
    shape = values.shape
    if len(shape) == 3 and shape[0] == shape[1] != shape[2]:
        note = f"{source}: its shape {shape} is taken for {shape[2]} matrices of {shape[0]} objects"
        return np.moveaxis(values, 2, 0), (note,)
    return values, ()


def _without_one(values: Array) -> Array:
    """A row or a column of pairs as one list of them; a stack of one matrix as that."""
    if values.ndim == 2 and 1 in values.shape and values.size > 1:
        return values.reshape(-1)
    return values[0] if values.ndim == 3 and len(values) == 1 else values


def _check_header(path: PathLike, table: Table, names: tuple[str, ...] | None) -> None:
    """Raises where named columns are not the objects in the order of the rows."""
    if names is None or table.header is None:
        return
    columns = tuple(table.header[-len(names) :])
    if columns != names and set(columns) == set(names):
        k = next(k for k, (a, b) in enumerate(zip(columns, names, strict=True)) if a != b)
        raise bad(path, f"columns must be in the order of the rows; column {k} is {columns[k]!r}, row {k} {names[k]!r}")


def _named(judgments: RDMs, names: Sequence[str] | None) -> RDMs:
    if names is None:
        return judgments
    order = _checks.names_of(names, "names")
    if judgments.names is None:
        return replace(judgments, names=order)
    if order == judgments.names:
        return judgments
    if sorted(order) != sorted(judgments.names):
        raise InputError("names must be those that the objects have in the file; others were given")
    note = f"{judgments.source}: objects are put in the order of the names that were given"
    return replace(judgments.select(order), notes=(*judgments.notes, note))


def _read_ratings(path: PathLike, table: Table) -> tuple[Array, tuple[str, ...], tuple[str, ...]] | None:
    """Matrices (p, n, n) of a table with a rating in each row, the names of the n objects, and notes.

    Without a column of participants p is 1. Several ratings of a pair by one participant are averaged, in either order
    of the two objects; what nobody rated is NaN. None where no two columns hold text or are called so, as in a matrix.
    """
    words = [column for column in range(table.width) if table.text[column]]
    header = table.header or ("",) * table.width
    pairs = series_in(header, 2) if any(says(name, "rating") for name in header) else []
    if len(words) < 2 and len(pairs) != 1:
        return None
    subject = next((column for column in range(table.width) if says(header[column], "participant")), None)
    items = [column for column in words if column != subject]
    items = list(pairs[0].columns) if len(items) != 2 and len(pairs) == 1 else items
    numbers = [column for column in range(table.width) if column not in (*words, *items, subject)]
    ratings = [column for column in numbers if says(header[column], "rating")] or numbers
    if len(items) != 2 or len(ratings) != 1:
        rule = "judgments must be a matrix, or rows of two objects and a rating, as participant,left,right,rating"
        raise bad(path, f"{rule}; got {listing([table.called(column) for column in range(table.width)], 6)}")
    read = table.read(ratings, (*items, *(() if subject is None else (subject,))))
    places, names = joined(read.texts[:2])
    places.sort(axis=1)
    people = np.zeros(len(places), np.int32) if subject is None else code_subjects(path, read.texts[2]).codes
    p, n, given = int(people.max()) + 1, len(names), ~np.isnan(read.numbers[:, 0])
    if p * n * n > max(MOST, MANY * len(places)):
        raise bad(path, f"{len(places):,} ratings are too few for {p:,} matrices of {n:,} objects")
    same = given & (places[:, 0] == places[:, 1])
    kept = given & ~same
    cells = (people[kept].astype(np.int64) * n + places[kept, 0]) * n + places[kept, 1]
    counts = np.bincount(cells, minlength=p * n * n)
    sums = np.bincount(cells, weights=read.numbers[kept, 0], minlength=p * n * n)
    values = np.full((p, n, n), np.nan)
    np.divide(sums, counts, out=values.reshape(-1), where=counts > 0)
    above, below = np.triu_indices(n, 1)
    values[:, below, above] = values[:, above, below]
    source = os.fspath(path)
    averaged = "; several of a pair by one participant are averaged" if (counts > 1).any() else ""
    itself = f"; of an object with itself, left out: {int(same.sum()):,}" if same.any() else ""
    return values, names, (f"{source}: {int(kept.sum()):,} ratings of pairs of {n:,} objects{averaged}{itself}",)

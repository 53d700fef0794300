"""Data sets wherever a file can be named: ``dataset:things``, ``dataset:king19`` with the key ``set2``, ``mine.toml``.

A ``.toml`` file is the description of a data set: `pyalign describe --out` writes it. Data sets stand above files:
`pyalign.datasets` registers what opens them, and is asked when such a path comes, here and nowhere else.

Embeddings: one matrix of real numbers, a row per item, from any of the formats.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from pyalign._registry import registered
from pyalign.data import Embeddings, TrainedOn
from pyalign.data.similarities import may_be_triplets
from pyalign.errors import InputError
from pyalign.io.arrays import EMBEDDINGS, LABELS_KEY, Entries, Entry, choose, names_next_to, row_names
from pyalign.io.folder import choose_layer, folder_notes
from pyalign.io.formats import open_file
from pyalign.io.layout import always
from pyalign.io.numbers import exact_numbers
from pyalign.io.paths import DATA_SET, Array, PathLike, bad, is_named, no_key, suffix_of
from pyalign.io.rdm_files import layout_of_rdms
from pyalign.io.tables import Column, Table, by_name, read_rows
from pyalign.io.transform import RECORD_KEYS, read_record


class Pictures(NamedTuple):
    """Images of a data set. source: a path, or an array (n, h, w, 3). names: of an array's images."""

    source: Any
    names: tuple[str, ...] | None = None


def open_named(path: PathLike, part: str, key: str | None = None, **options: Any) -> Any:
    """A part of the data set that a path names: "triplets", "judgments", "embeddings", "categories", "names", "images".

    options: of the layout, None where nobody says anything. They come before what a description says; a published
    data set knows its layout, and refuses them.

    Raises:
        InputError: there is no such data set, it is not here, or has no such part; one line that starts with the path.
    """
    stated = {name: value for name, value in options.items() if value is not None}
    return registered("datasets")(os.fspath(path).removeprefix(DATA_SET), part, key, stated)


def load_embeddings(
    path: PathLike, *, key: str | None = None, names: Sequence[str] | None = None, name_column: Column | None = None
) -> Embeddings:
    """Read an (n, d) matrix and, if the file has them, the names of its rows.

    The values of ``.npy``, ``.safetensors`` and folders are memory-mapped read-only and read when they are used. The
    file must not be overwritten or truncated until then, but another file may be moved to its place.

    Args:
        path: ``.npy``, ``.npz``, ``.csv``, ``.tsv``, ``.txt`` (each also ``.gz``), ``.parquet``, ``.mat``, ``.h5``,
            ``.hdf5``, ``.safetensors``, ``.pt``, ``.pth``, a ``.pkl`` of ``features[source][model][module]``, or the
            folder that ``pyalign extract`` or thingsvision has written; or ``dataset:NAME``, see `pyalign.datasets`.
        key: which array to read from a file with several: ``"fc7"``, ``"clip/visual"``, ``"source/model/module"``; for
            a folder, which layer.
        names: the names of the rows. If the file has names itself, these must be the same ones, and the rows are
            returned in this order.
        name_column: the column of a table with the names of the rows, from 0 or by header. By default the only column
            of text, wherever it is.

    Returns:
        `Embeddings` with the dtype of the file (bfloat16 becomes float32), and with the texts that stand next to the
        array under ``dimension_labels``. Their notes say which columns were left out.

    Raises:
        InputError: what is wrong with the file, in one line that starts with its path. Whole numbers in three or four
            columns without names are refused, since they are triplets; embeddings of that shape must be floats (in
            text files 1.0, not 1).
        OSError: the file is missing or can't be read.
        MissingExtraError: the format needs a package that is not installed.

    Example:
        >>> import pathlib, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "features.csv")
        ...     _ = path.write_text("name,f0,f1\\ndog,0.5,1.5\\ncat,2,3\\n")
        ...     x = load_embeddings(path)
        >>> x.shape, x.names
        ((2, 2), ('dog', 'cat'))
    """
    if is_named(path):
        embeddings: Embeddings = open_named(path, "embeddings", key, name_column=name_column)
    else:
        embeddings = _read(path, key, name_column, names is not None)
    if names is None:
        return embeddings
    try:
        named, note = embeddings.named(names)
    except InputError as error:
        raise bad(path, error) from error
    return named if note is None else replace(named, notes=(*named.notes, f"{os.fspath(path)}: {note}"))


def _read(path: PathLike, key: str | None, name_column: Column | None, named: bool) -> Embeddings:
    source = os.fspath(path) if key is None else f"{os.fspath(path)}::{key}"
    wanted = replace(EMBEDDINGS, has_header=always) if by_name(name_column) else EMBEDDINGS
    opened = open_file(path, wanted)
    if isinstance(opened, Table):
        no_key(path, key)
        values, names, notes = read_rows(path, opened, name_column)
        values = check_matrix(path, values)
        if names is None and not named:
            _refuse_triplets(path, values, _written_whole(opened, values))
        return Embeddings(values, names, source, notes)
    if name_column is not None:
        kind = "folder" if os.path.isdir(path) else f"{suffix_of(path)} file"
        raise bad(path, f"a {kind} has no columns of names, so name_column has no meaning")
    array = _choose(path, opened, key).load()
    array = check_matrix(path, array)
    names = row_names(path, opened, len(array))
    labels = row_names(path, opened, array.shape[1], (LABELS_KEY,), "dimensions")
    if names is None and not named:
        _refuse_triplets(path, array)
    if os.path.isdir(path):
        place = None if key is None else [*opened].index(key)
        return Embeddings(array, names, source, folder_notes(path), layer_place=place)
    trained = read_record(path, opened)
    notes = () if trained is None else _notes_on_fit(path, trained)
    return Embeddings(array, names, source, notes, fitted=trained is not None, dimension_labels=labels)


def _notes_on_fit(path: PathLike, trained: TrainedOn) -> tuple[str, ...]:
    """A sentence about the fit that the rows come from, of a map or of the rows themselves."""
    fit = f"a fit to {trained.n_triplets:,} triplets for measure {trained.measure}"
    sentence = f"these rows come from {fit}: figures on what it has seen are in-sample"
    return (f"{os.fspath(path)}: {sentence}{trained.held_out_accuracy}",)


def _choose(path: PathLike, entries: Entries, key: str | None) -> Entry:
    if os.path.isdir(path):
        return choose_layer(path, entries, key)
    if key is None and "" in entries:
        return entries[""]  # of a file that holds one array and no names
    beside = (*names_next_to(entries), *RECORD_KEYS, LABELS_KEY)
    chosen = choose(path, entries, key, EMBEDDINGS.likely, EMBEDDINGS.preferred, beside)
    of, keys = layout_of_rdms(path, entries)
    if key is None and any(entries.get(name) is chosen for name in keys):
        raise bad(path, f"holds RDMs of {of}: they are matrices of pairs, not embeddings")
    return chosen


def check_matrix(path: PathLike, array: Array) -> Array:
    """Refuse what is not a filled matrix of real numbers; bring it to this machine's byte order."""
    real = array.dtype.kind in "biu" or array.dtype.name in ("float16", "float32", "float64")
    if not real:
        raise bad(path, f"embeddings must be real numbers (floats or integers); got {array.dtype}")
    if array.ndim != 2:
        hint = "; pool or flatten each item to one row first" if array.ndim > 2 else ""
        raise bad(path, f"embeddings must have shape (n, d); got {array.shape}{hint}")
    if array.size == 0:
        raise bad(path, f"embeddings are empty; got shape {array.shape}")
    return exact_numbers(path, array, "embeddings")


def _refuse_triplets(path: PathLike, values: Array, whole: bool | None = None) -> None:
    if may_be_triplets(values, whole):
        stored = values.dtype if values.dtype.kind in "iu" else "whole numbers"
        rule = "whole numbers in 3 or 4 columns are triplets, which load_triplets(path) reads"
        raise bad(path, f"{rule}; embeddings of that shape must be floats (1.0, not 1); got {values.shape} {stored}")


def _written_whole(table: Table, values: Array) -> bool | None:
    """Whether text holds whole numbers, in its first rows without a point or an exponent; None of what has a type."""
    cells = (cell.strip().lstrip("+-") for row in table.head for cell in row)
    return None if table.typed else all(map(str.isdecimal, cells)) and bool((values == np.floor(values)).all())

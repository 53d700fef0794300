"""Embeddings on the disk, with the names of their rows, in formats that `load_embeddings` and others read.

Data sets wherever a file can be named: ``dataset:things``, ``dataset:king19`` with the key ``set2``, ``mine.toml``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from io import BytesIO
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from pyalign import _checks
from pyalign._registry import registered
from pyalign.data import Embeddings, TrainedOn, as_embeddings
from pyalign.data.similarities import may_be_triplets
from pyalign.errors import LOAD_TRIPLETS, shorten
from pyalign.io.arrays import EMBEDDINGS, LABELS_KEY, Entries, Entry, choose, names_next_to, row_names, text_array
from pyalign.io.folder import choose_layer, folder_notes
from pyalign.io.formats import open_file
from pyalign.io.layout import LONGEST_LINE, always
from pyalign.io.paths import DATA_SET, Array, PathLike, bad, errors_of, is_named, needed, no_key, suffix_of
from pyalign.io.rdm_files import layout_of_rdms
from pyalign.io.tables import Column, Table, by_name, exact_numbers, read_rows
from pyalign.io.tensor_files import DTYPES, LONGEST_HEADER, MOST_VALUES
from pyalign.io.transform import RECORD_KEYS, read_record, record_arrays
from pyalign.io.write import Content, write_files
from pyalign.typing import EmbeddingsLike

Names: TypeAlias = "tuple[str, ...] | None"
Written: TypeAlias = "list[tuple[PathLike, Content]]"
PIECE = 1 << 20  # numbers that become bytes at once


def write_embeddings(path: PathLike, embeddings: EmbeddingsLike) -> None:
    """Write an (n, d) matrix with the names of its rows, whole or not at all; `load_embeddings` gives both back.

    Args:
        path: its folders are made where they are missing; the format is that of its extension

            ``.npz``: arrays ``features`` and, where there are some, ``names`` and ``dimension_labels``, which no other
            format holds.
            ``.safetensors``: a tensor ``embeddings``; names as a JSON list under ``names`` in the header's metadata.
            ``.parquet``: columns ``f0``, ``f1``, ... and before them ``name``, which pandas takes for the index.
            ``.csv``: the same columns as text; numbers have all their digits, and come back as float64.
            ``.npy``: only the matrix. The names are in a file next to it, one per line: ``x.names.txt`` for ``x.npy``,
            which `load_embeddings(..., names=read_names("x.names.txt"))` and ``--names`` take.

        embeddings: `Embeddings`, an array, a DataFrame whose index is the names, or a tensor.

    Raises:
        InputError: another extension, what is no matrix of real numbers, and names that the format cannot hold.
        OSError: disk full, forbidden.
        MissingExtraError: ``.parquet`` needs pyarrow.

    Example:
        >>> import tempfile
        >>> from pyalign.io import load_embeddings
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_embeddings(f"{folder}/x.csv", Embeddings(np.eye(2), ("dog, big", "cat")))
        ...     load_embeddings(f"{folder}/x.csv").names
        ('dog, big', 'cat')
    """
    write_files(embedding_files(path, as_embeddings(embeddings, "embeddings")))


def embedding_files(path: PathLike, embeddings: Embeddings, trained: TrainedOn | None = None) -> Written:
    """What `write_embeddings` writes where: the file that was asked for last, before it that of its names.

    trained: the record of the map that the rows went through, which a ``.npz`` keeps.
    """
    suffix = suffix_of(path)
    if suffix not in WRITERS:
        got = f"unknown extension {suffix!r}" if suffix else "no extension"
        raise bad(path, f"{got}; embeddings are written as {', '.join(WRITERS)}")
    values = _checks.as_array(embeddings.values, "embeddings", "(n, d)")
    if values.dtype.name == "bfloat16":  # which numpy's files have no name for
        values = values.astype(np.float32)
    values = check_matrix(path, values)
    if not embeddings.names and may_be_triplets(values):
        values = values.astype(np.float64)  # whole numbers of this shape are read as triplets alone
    _check_names(path, embeddings.names or (), suffix)
    labels = embeddings.dimension_labels
    if suffix == ".npz":
        _check_names(path, labels or (), suffix)
        more = {} if labels is None else {LABELS_KEY: text_array(path, labels)}
        return _npz(path, values, embeddings.names, more if trained is None else more | record_arrays(trained))
    if labels is not None:
        raise bad(path, "only .npz holds labels of dimensions; write that, or replace(x, dimension_labels=None)")
    return WRITERS[suffix](path, values, embeddings.names)


def _check_names(path: PathLike, names: Sequence[str], suffix: str) -> None:
    """Refuse names that would come back as others."""
    lines, tabs = suffix in (".csv", ".npy"), suffix == ".npy"
    for row, name in enumerate(names):
        if not name or "\0" in name or any("\ud800" <= letter <= "\udfff" for letter in name):
            raise bad(path, f"names must be text of Unicode, without NUL; row {row} is {shorten(name)}")
        if lines and (name != name.strip() or set(name) & set("\r\n")):
            raise bad(path, f"names must be one line without blanks at its ends; row {row} is {shorten(name)}")
        if tabs and ("\t" in name or name.startswith("\ufeff")):
            raise bad(path, f"names must have no tabs; row {row} is {shorten(name)}")


def names_path(path: PathLike) -> str:
    """The path of the file with the names of a ``.npy``.

    >>> names_path("clip.npy")
    'clip.names.txt'
    """
    return os.fspath(path)[: -len(".npy")] + ".names.txt"


def _npy(path: PathLike, values: Array, names: Names) -> Written:
    names_file = names_path(path)
    if names is not None:
        return [(names_file, "".join(f"{name}\n" for name in names)), (path, values)]
    if os.path.lexists(names_file):
        raise bad(path, f"these embeddings have no names, and {names_file} has those of others: remove it")
    return [(path, values)]


def _npz(path: PathLike, values: Array, names: Names, record: Mapping[str, Array] = MappingProxyType({})) -> Written:
    arrays = {"features": values, **record}
    if names is not None:
        arrays["names"] = text_array(path, names)
    buffer = BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    return [(path, buffer.getvalue())]


def _safetensors(path: PathLike, values: Array, names: Names) -> Written:
    codes = {np.dtype(dtype): code for code, dtype in DTYPES.items() if code != "BF16"}
    dtype = values.dtype.newbyteorder("<")
    tensor = {"dtype": codes[dtype], "shape": list(values.shape), "data_offsets": [0, values.nbytes]}
    metadata = {} if names is None else {"__metadata__": {"names": json.dumps(names, ensure_ascii=False)}}
    header = json.dumps({**metadata, "embeddings": tensor}, ensure_ascii=False).encode()
    header += b" " * (-len(header) % 8)
    if len(header) > LONGEST_HEADER or sum(map(header.count, (b"[", b"{", b","))) > MOST_VALUES:
        raise bad(path, f"a header with {len(names or ())} names is more than readers take: write .npz or .parquet")
    return [(path, _with_header(header, values, dtype))]


def _with_header(header: bytes, values: Array, dtype: np.dtype[Any]) -> Iterator[bytes]:
    yield len(header).to_bytes(8, "little") + header
    for part in _parts(values):
        yield part.astype(dtype, order="C", copy=False).tobytes()


def _lines(path: PathLike, values: Array, names: Names) -> Iterator[bytes]:
    """A name always stands in quotes: then no other separator could part the rows."""
    header = ",".join((["name"] if names is not None else []) + [f"f{k}" for k in range(values.shape[1])])
    yield f"{header}\n".encode()
    place = 0
    for part in _parts(values):
        rows = [",".join(map(repr, row)) for row in (part.astype(np.int8) if part.dtype == bool else part).tolist()]
        if names is not None:
            quoted = ('"' + name.replace('"', '""') + '"' for name in names[place : place + len(part)])
            rows = [f"{name},{row}" for name, row in zip(quoted, rows, strict=True)]
        if max(map(len, rows)) >= LONGEST_LINE:
            raise bad(path, f"a line would have more than {LONGEST_LINE} letters: write .npz")
        place += len(part)
        yield ("\n".join(rows) + "\n").encode()


def _parquet(path: PathLike, values: Array, names: Names) -> Written:
    pyarrow: Any = needed(path, "pyarrow", "files")
    parquet: Any = needed(path, "pyarrow", "files", "pyarrow.parquet")
    columns: dict[str, Any] = {} if names is None else {"name": pyarrow.array(names, pyarrow.string())}
    columns.update({f"f{k}": pyarrow.array(np.ascontiguousarray(column)) for k, column in enumerate(values.T)})
    table = pyarrow.table(columns)
    if names is not None:
        index = {"name": "name", "field_name": "name", "pandas_type": "unicode", "numpy_type": "object"}
        description = {"index_columns": ["name"], "column_indexes": [], "columns": [{**index, "metadata": None}]}
        pandas_metadata = {**description, "creator": {"library": "pyalign"}, "pandas_version": "2.0.0"}
        table = table.replace_schema_metadata({"pandas": json.dumps(pandas_metadata)})
    buffer = BytesIO()
    parquet.write_table(table, buffer, use_dictionary=False, compression="none")  # floats hardly pack
    return [(path, buffer.getvalue())]


def _parts(values: Array) -> Iterator[Array]:
    rows = max(1, PIECE // values.shape[1])
    return (values[start : start + rows] for start in range(0, len(values), rows))


WRITERS: dict[str, Callable[[PathLike, Array, Names], Written]] = {
    ".npy": _npy, ".npz": _npz, ".safetensors": _safetensors, ".parquet": _parquet,
    ".csv": lambda path, values, names: [(path, _lines(path, values, names))],
}


class Pictures(NamedTuple):
    """Images of a data set. source: a path, or an array (n, h, w, 3). names: of an array's images."""

    source: Any
    names: tuple[str, ...] | None = None


def open_named(path: PathLike, part: str, key: str | None = None, **options: Any) -> Any:
    """A part of the data set that a path names: "triplets", "judgments", "embeddings", "categories", "names", "images".

    options: of the layout, None where nobody says anything. They come before what a description says; a published
    data set knows its layout, and refuses them.
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
    with errors_of(path):
        named, note = embeddings.named(names)
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
        rule = f"whole numbers in 3 or 4 columns are triplets, which {LOAD_TRIPLETS} reads"
        raise bad(path, f"{rule}; embeddings of that shape must be floats (1.0, not 1); got {values.shape} {stored}")


def _written_whole(table: Table, values: Array) -> bool | None:
    """Whether text holds whole numbers, in its first rows without a point or an exponent; None of what has a type."""
    cells = (cell.strip().lstrip("+-") for row in table.head for cell in row)
    return None if table.typed else all(map(str.isdecimal, cells)) and bool((values == np.floor(values)).all())

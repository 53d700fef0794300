"""Embeddings on the disk, with the names of their rows, in formats that `load_embeddings` and others read."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from io import BytesIO
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np

from pyalign import _checks
from pyalign.data import Embeddings, TrainedOn, as_embeddings
from pyalign.data.similarities import may_be_triplets
from pyalign.errors import shorten
from pyalign.io.arrays import LABELS_KEY, text_array
from pyalign.io.embeddings import check_matrix
from pyalign.io.layout import LONGEST_LINE
from pyalign.io.paths import Array, PathLike, bad, needed, suffix_of
from pyalign.io.safetensors import DTYPES, LONGEST_HEADER, MOST_VALUES
from pyalign.io.transform import record_arrays
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


def _csv(path: PathLike, values: Array, names: Names) -> Written:
    return [(path, _lines(path, values, names))]


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
    ".npy": _npy,
    ".npz": _npz,
    ".safetensors": _safetensors,
    ".parquet": _parquet,
    ".csv": _csv,
}

"""HDF5, PyTorch and Parquet files, which their packages read in a process apart."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from typing import Any

from pyalign.data.texts import Texts
from pyalign.io.apart import ask
from pyalign.io.arrays import Entry, Wanted, text_array
from pyalign.io.bounds import check_expansion
from pyalign.io.paths import Array, PathLike, bad
from pyalign.io.tables import Columns, Table

SIGNATURE = b"\x89HDF\r\n\x1a\n"
NAME = 64  # bytes that a short Python string takes


def hdf5_entries(path: PathLike, transposed: bool = False) -> dict[str, Entry]:
    """The datasets of the file by path, without following links; MATLAB 7.3 stores them transposed."""
    listed, _ = ask(path, "h5py", "files", "datasets", kind="HDF5")
    entries = {}
    for key, shape, dtype, nbytes in listed:
        load = partial(_load_dataset, path, key, transposed, nbytes)
        entries[key] = Entry(tuple(shape[::-1] if transposed else shape), dtype, load)
    return entries


def _load_dataset(path: PathLike, key: str, transposed: bool, nbytes: int) -> Array:
    check_expansion(path, os.path.getsize(path), nbytes, repr(key) if key else "")
    document, arrays = ask(path, "h5py", "files", "values", key, room=2 * nbytes, kind="HDF5")
    array = arrays[0] if arrays else text_array(path, document["text"], document["shape"])
    return array.T if transposed else array


def hdf5_attribute(path: PathLike, name: str) -> Any:
    """An attribute of the file that is one text, or None."""
    return ask(path, "h5py", "files", "attribute", name, kind="HDF5")[0]


def torch_entries(path: PathLike) -> dict[str, Entry]:
    """The tensors of a file written by ``torch.save``: one tensor, or (nested) dicts of them."""
    listed, _ = ask(path, "torch", "torch", "tensors", kind="PyTorch")
    return {
        key: Entry(tuple(shape), dtype, partial(_load_tensor, path, key, nbytes))
        for key, shape, dtype, nbytes in listed
    }


def _load_tensor(path: PathLike, key: str, nbytes: int) -> Array:
    check_expansion(path, os.path.getsize(path), nbytes, repr(key) if key else "")
    names, arrays = ask(path, "torch", "torch", "values", key, room=2 * nbytes, kind="PyTorch")
    return arrays[0] if arrays else text_array(path, names)


def parquet_table(path: PathLike, wanted: Wanted) -> Table:
    """The table in a ``.parquet`` file."""
    document, _ = ask(path, "pyarrow", "files", "table", kind="Parquet")
    header, rows = tuple(document["header"]), document["rows"]
    if rows == 0:
        raise bad(path, f"{wanted.what} are empty (columns {', '.join(header)}, no rows)")
    names = None
    if document["range"] is not None:
        check_expansion(path, os.path.getsize(path), rows * NAME, "the names of its rows")
        names = tuple(map(str, range(*document["range"])))
    head = tuple(map(tuple, document["head"]))
    read = partial(_read_columns, path, rows)
    return Table(header, len(header), head, tuple(document["text"]), True, read, tuple(document["index"]), names)


def _read_columns(path: PathLike, rows: int, numbers: Sequence[int], texts: Sequence[int]) -> Columns:
    nbytes = rows * 8 * (len(numbers) + len(texts))
    check_expansion(path, os.path.getsize(path), nbytes)
    labels_by_column, arrays = ask(
        path, "pyarrow", "files", "columns", [*numbers], [*texts], room=2 * nbytes, kind="Parquet"
    )
    columns: list[Any] = [
        values if labels is None else Texts(values, tuple(labels))
        for values, labels in zip(arrays[1:], labels_by_column, strict=True)
    ]
    return Columns(arrays[0], columns)

"""HDF5, PyTorch and Parquet files, which their packages read in a process apart."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from typing import Any

from pyalign.io.apart import ask
from pyalign.io.arrays import Entry, Wanted, text_array
from pyalign.io.bounds import check_expansion
from pyalign.io.paths import Array, PathLike, bad
from pyalign.io.tables import Columns, Table, Texts

SIGNATURE = b"\x89HDF\r\n\x1a\n"
NAME = 64  # bytes that a short Python string takes


def hdf5_entries(path: PathLike, transposed: bool = False) -> dict[str, Entry]:
    """The datasets of the file by path, without following links; MATLAB 7.3 stores them transposed."""
    told, _ = ask(path, "h5py", "files", "datasets", kind="HDF5")
    entries = {}
    for key, shape, dtype, nbytes in told:
        load = partial(_load_dataset, path, key, transposed, nbytes)
        entries[key] = Entry(tuple(shape[::-1] if transposed else shape), dtype, load)
    return entries


def _load_dataset(path: PathLike, key: str, transposed: bool, nbytes: int) -> Array:
    check_expansion(path, os.path.getsize(path), nbytes, repr(key) if key else "")
    told, arrays = ask(path, "h5py", "files", "values", key, room=2 * nbytes, kind="HDF5")
    array = arrays[0] if arrays else text_array(path, told["text"], told["shape"])
    return array.T if transposed else array


def torch_entries(path: PathLike) -> dict[str, Entry]:
    """The tensors of a file written by ``torch.save``: one tensor, or (nested) dicts of them."""
    told, _ = ask(path, "torch", "torch", "tensors", kind="PyTorch")
    return {
        key: Entry(tuple(shape), dtype, partial(_load_tensor, path, key, nbytes)) for key, shape, dtype, nbytes in told
    }


def _load_tensor(path: PathLike, key: str, nbytes: int) -> Array:
    check_expansion(path, os.path.getsize(path), nbytes, repr(key) if key else "")
    names, arrays = ask(path, "torch", "torch", "values", key, room=2 * nbytes, kind="PyTorch")
    return arrays[0] if arrays else text_array(path, names)


def parquet_table(path: PathLike, wanted: Wanted) -> Table:
    """The table in a ``.parquet`` file."""
    told, _ = ask(path, "pyarrow", "files", "table", kind="Parquet")
    header, rows = tuple(told["header"]), told["rows"]
    if rows == 0:
        raise bad(path, f"{wanted.what} are empty (columns {', '.join(header)}, no rows)")
    names = None
    if told["range"] is not None:
        check_expansion(path, os.path.getsize(path), rows * NAME, "the names of its rows")
        names = tuple(map(str, range(*told["range"])))
    head = tuple(map(tuple, told["head"]))
    read = partial(_read_columns, path, rows)
    return Table(header, len(header), head, tuple(told["text"]), True, read, tuple(told["index"]), names)


def _read_columns(path: PathLike, rows: int, numbers: Sequence[int], texts: Sequence[int]) -> Columns:
    nbytes = rows * 8 * (len(numbers) + len(texts))
    check_expansion(path, os.path.getsize(path), nbytes)
    told, arrays = ask(path, "pyarrow", "files", "columns", [*numbers], [*texts], room=2 * nbytes, kind="Parquet")
    found: list[Any] = [
        values if labels is None else Texts(values, tuple(labels))
        for values, labels in zip(arrays[1:], told, strict=True)
    ]
    return Columns(arrays[0], found)

"""HDF5, MATLAB, PyTorch and Parquet files, which their packages read in a process apart."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from typing import Any

from pyalign.data.texts import Texts
from pyalign.io.apart import ask
from pyalign.io.arrays import Entry, Wanted, text_array
from pyalign.io.bounds import MOST_EXPANSION, check_expansion
from pyalign.io.paths import Array, PathLike, bad
from pyalign.io.tables import Columns, Table

SIGNATURE = b"\x89HDF\r\n\x1a\n"
NAME = 64  # bytes that a short Python string takes


def hdf5_entries(path: PathLike) -> dict[str, Entry]:
    """The datasets of the file by path, without following links."""
    return _entries(path, "h5py", "files", "HDF5")


def torch_entries(path: PathLike) -> dict[str, Entry]:
    """The tensors of a file written by ``torch.save``: one tensor, or (nested) dicts of them."""
    return _entries(path, "torch", "torch", "PyTorch")


def mat_entries(path: PathLike) -> dict[str, Entry]:
    """The variables of a MATLAB file, and the fields of structs, as ``BEHAVIOR.set1.pairwisedistances``."""
    with open(path, "rb") as handle:
        head = handle.read(520)
    if SIGNATURE in (head[:8], head[512:]):  # version 7.3
        return _entries(path, "h5py", "files", "HDF5", "variables", transposed=True)
    return _entries(path, "scipy", "files", ".mat", room=MOST_EXPANSION * os.path.getsize(path), transposed=True)


def _entries(
    path: PathLike, package: str, extra: str, kind: str, function: str = "arrays", room: int = 0,
    transposed: bool = False,
) -> dict[str, Entry]:  # fmt: skip
    """What `function` lists, each read when it is loaded; transposed: rows come as columns."""

    def load(key: str, nbytes: int, where: str) -> Array:
        check_expansion(path, os.path.getsize(path), nbytes, repr(key) if key else "")
        text, arrays = ask(path, package, extra, "values", key, where, room=room + 2 * nbytes, kind=kind)
        array = arrays[0] if arrays else text_array(path, *text)
        return array.T if transposed else array

    listed, _ = ask(path, package, extra, function, room=room, kind=kind)
    return {
        key: Entry(tuple(shape), dtype, partial(load, key, nbytes, where), where != key)
        for key, shape, dtype, nbytes, where in listed
    }


def hdf5_attribute(path: PathLike, name: str) -> Any:
    """An attribute of the file that is one text, or None."""
    return ask(path, "h5py", "files", "attribute", name, kind="HDF5")[0]


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

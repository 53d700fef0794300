"""The formats: a row for each, with the reader that is imported when a file of that format comes."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cached_property
from typing import Any

from pyalign._dataclass import dataclass
from pyalign._registry import load
from pyalign.io.arrays import Entries, Wanted, choose
from pyalign.io.paths import PathLike, bad, check_file, no_key
from pyalign.io.tables import Table, array_table


@dataclass(frozen=True)
class Reader:
    """Where a format is read.

    `read(path)` gives the arrays of the file (`Entries`); of a table, `read(path, wanted)` gives a `Table`.
    """

    function: str
    table: bool = False
    trials: str = ""  # of trials alone: what messages call it.

    @cached_property
    def read(self) -> Callable[..., Any]:
        """The function, imported when it is first used."""
        function: Callable[..., Any] = load(self.function)
        return function


_HDF5 = Reader("pyalign.io.isolated:hdf5_entries")
_TORCH = Reader("pyalign.io.isolated:torch_entries")
_PICKLE = Reader("pyalign.io.tensor_files:pickle_entries")
_TEXT = Reader("pyalign.io.text:text_table", table=True)
_TRIALS = Reader("pyalign.io.text:json_table", table=True, trials="JSON")

FORMATS: dict[str, Reader] = {
    ".npy": Reader("pyalign.io.arrays:npy_entries"),
    ".npz": Reader("pyalign.io.arrays:npz_entries"),
    ".csv": _TEXT,
    ".tsv": _TEXT,
    ".txt": _TEXT,
    ".csv.gz": _TEXT,
    ".tsv.gz": _TEXT,
    ".txt.gz": _TEXT,
    ".json": _TRIALS,
    ".jsonl": _TRIALS,
    ".parquet": Reader("pyalign.io.isolated:parquet_table", table=True),
    ".mat": Reader("pyalign.io.isolated:mat_entries"),
    ".h5": _HDF5,
    ".hdf5": _HDF5,
    ".nc": Reader("pyalign.io.isolated:netcdf_table", table=True, trials="netCDF"),
    ".safetensors": Reader("pyalign.io.tensor_files:safetensors_entries"),
    ".pt": _TORCH,
    ".pth": _TORCH,
    ".pkl": _PICKLE,
    ".pickle": _PICKLE,
}


def check_format(path: PathLike, what: str) -> str:
    """The extension of a file that is there and of a known format."""
    return check_file(path, what, tuple(FORMATS))


def open_file(path: PathLike, wanted: Wanted) -> Entries | Table:
    """What is in a file of any known format, or in a folder, not read yet."""
    if wanted.folder and os.path.isdir(path):
        from pyalign.io.folder import folder_entries

        return folder_entries(path)
    reader = FORMATS[check_format(path, wanted.what)]
    if reader.trials and wanted.what in ("embeddings", "judgments", "names", "choices"):
        raise bad(path, f"a {reader.trials} file holds trials, and no {wanted.what}")
    opened: Entries | Table = reader.read(path, wanted) if reader.table else reader.read(path)
    return opened


def open_table(path: PathLike, key: str | None, wanted: Wanted) -> Table:
    """The table in a file: its columns, or those of an array of it."""
    opened = open_file(path, wanted)
    if isinstance(opened, Table):
        no_key(path, key)
        return opened
    entry = choose(path, opened, key, wanted.likely, wanted.preferred)
    if wanted.what == "triplets" and "response" in opened and entry is opened.get("query"):
        raise bad(path, "holds a response to each query, as cblearn has it: from_query_response reads both")
    return array_table(path, entry.load(), wanted.what)

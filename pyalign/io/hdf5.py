"""HDF5 files, which h5py reads in a process apart."""

from __future__ import annotations

import os
from functools import partial

from pyalign.io.apart import ask
from pyalign.io.arrays import Entry, text_array
from pyalign.io.bounds import check_expansion
from pyalign.io.paths import Array, PathLike

SIGNATURE = b"\x89HDF\r\n\x1a\n"


def hdf5_entries(path: PathLike, transposed: bool = False) -> dict[str, Entry]:
    """The datasets of the file by path, without following links; MATLAB 7.3 stores them transposed."""
    told, _ = ask(path, "h5py", "files", "datasets", kind="HDF5")
    entries = {}
    for key, shape, dtype, nbytes in told:
        load = partial(_load, path, key, transposed, nbytes)
        entries[key] = Entry(tuple(shape[::-1] if transposed else shape), dtype, load)
    return entries


def _load(path: PathLike, key: str, transposed: bool, nbytes: int) -> Array:
    check_expansion(path, os.path.getsize(path), nbytes, repr(key) if key else "")
    told, arrays = ask(path, "h5py", "files", "values", key, room=2 * nbytes, kind="HDF5")
    array = arrays[0] if arrays else text_array(path, told["text"], told["shape"])
    return array.T if transposed else array

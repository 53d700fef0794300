"""Embeddings: one matrix of real numbers, a row per item, from any of the formats."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace

from pyalign.data import Embeddings
from pyalign.errors import InputError
from pyalign.io.entries import Entries, choose, is_float_matrix, row_names
from pyalign.io.paths import TEXT, Array, PathLike, bad, check_file, native, no_key

# Where nothing else is said, thingsvision's HDF5 files hold the matrix under this name.
PREFERRED = "features"


def load_embeddings(path: PathLike, *, key: str | None = None, names: Sequence[str] | None = None) -> Embeddings:
    """Read an (n, d) matrix and, where the file has them, the names of its rows.

    From ``.npy`` and ``.safetensors`` the values are mapped from the disk, read-only, and read when they are used.

    Args:
        path: ``.npy``, ``.npz``, ``.csv``, ``.tsv``, ``.txt`` (each also ``.gz``), ``.mat``, ``.h5``, ``.hdf5``,
            ``.safetensors``, ``.pt``, ``.pth``, or a ``.pkl`` of ``features[source][model][module]``.
        key: which array, in files that hold several: ``"fc7"``, ``"clip/visual"``, ``"source/model/module"``.
        names: of the rows. Where the file has names itself, these must be the same, and the rows come in this order.

    Returns:
        `Embeddings` of the type in the file (bfloat16 becomes float32).

    Raises:
        InputError: the file's fault, in one line that starts with its path.
        OSError: missing or forbidden.
        MissingExtraError: the format needs a package.

    Example:
        >>> import pathlib, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "features.csv")
        ...     _ = path.write_text("name,f0,f1\\ndog,0.5,1.5\\ncat,2,3\\n")
        ...     x = load_embeddings(path)
        >>> x.shape, x.names
        ((2, 2), ('dog', 'cat'))
    """
    found = _read(path, key)
    if names is None:
        return found
    try:
        named, note = found.named(names)
    except InputError as error:
        raise bad(path, error) from error
    return named if note is None else replace(named, notes=(*named.notes, f"{os.fspath(path)}: {note}"))


def _read(path: PathLike, key: str | None) -> Embeddings:
    suffix = check_file(path, "embeddings", KNOWN)
    source = os.fspath(path) if key is None else f"{os.fspath(path)}::{key}"
    if suffix in TEXT or suffix == ".npy":
        no_key(path, key)
        values, names = _read_text(path) if suffix in TEXT else (_read_npy(path), None)
        return Embeddings(values, names, source)
    entries = _LISTERS[suffix](path)
    array = choose(path, entries, key, is_float_matrix, PREFERRED).load()
    return Embeddings(check_matrix(path, array), row_names(path, entries, len(array)), source)


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
    return native(array)


def _read_npy(path: PathLike) -> Array:
    from pyalign.io.npy import open_npy

    return check_matrix(path, open_npy(path))


def _read_text(path: PathLike) -> tuple[Array, tuple[str, ...] | None]:
    from pyalign.io.layout import embedding_layout
    from pyalign.io.text import read_matrix

    values, names = read_matrix(path, embedding_layout(path))
    return check_matrix(path, values), names


# One function per format: they keep `import pyalign.io` from importing the readers.


def _npz(path: PathLike) -> Entries:
    from pyalign.io.npy import npz_entries

    return npz_entries(path)


def _safetensors(path: PathLike) -> Entries:
    from pyalign.io.safetensors import safetensors_entries

    return safetensors_entries(path)


def _pickle(path: PathLike) -> Entries:
    from pyalign.io.pickles import pickle_entries

    return pickle_entries(path)


def _hdf5(path: PathLike) -> Entries:
    from pyalign.io.packages import hdf5_entries

    return hdf5_entries(path)


def _mat(path: PathLike) -> Entries:
    from pyalign.io.packages import mat_entries

    return mat_entries(path)


def _torch(path: PathLike) -> Entries:
    from pyalign.io.packages import torch_entries

    return torch_entries(path)


_LISTERS: dict[str, Callable[[PathLike], Entries]] = {
    ".npz": _npz,
    ".mat": _mat,
    ".h5": _hdf5,
    ".hdf5": _hdf5,
    ".safetensors": _safetensors,
    ".pt": _torch,
    ".pth": _torch,
    ".pkl": _pickle,
    ".pickle": _pickle,
}
KNOWN = (".npy", *TEXT, *_LISTERS)

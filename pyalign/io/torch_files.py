"""PyTorch files, which torch reads in a process apart."""

from __future__ import annotations

import os
from functools import partial

from pyalign.io.apart import ask
from pyalign.io.arrays import Entry, text_array
from pyalign.io.bounds import check_expansion
from pyalign.io.paths import Array, PathLike


def torch_entries(path: PathLike) -> dict[str, Entry]:
    """The tensors of a file written by ``torch.save``: one tensor, or (nested) dicts of them."""
    told, _ = ask(path, "torch", "torch", "tensors", kind="PyTorch")
    return {key: Entry(tuple(shape), dtype, partial(_load, path, key, nbytes)) for key, shape, dtype, nbytes in told}


def _load(path: PathLike, key: str, nbytes: int) -> Array:
    check_expansion(path, os.path.getsize(path), nbytes, repr(key) if key else "")
    names, arrays = ask(path, "torch", "torch", "values", key, room=2 * nbytes, kind="PyTorch")
    return arrays[0] if arrays else text_array(path, names)

"""Images from objects of Python: sequences, data sets of torchvision, data sets of Hugging Face.

Each function gives (names or None, a `Reader`, how many images there are).
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from pyalign.data.names import listing
from pyalign.errors import InputError
from pyalign.io.image_files import Files, read_file
from pyalign.io.image_rows import NAME_COLUMNS
from pyalign.io.paths import checked_path

Found = tuple["Sequence[str] | None", Any, int]


def from_sequence(items: Any) -> Found:
    """Paths, Pillow images and arrays; only paths are names."""
    if isinstance(items, np.ndarray) and (items.ndim not in (3, 4) or items.dtype != np.uint8):
        got = f"got shape {items.shape}, dtype {items.dtype}"
        raise InputError(f"an array of images must be uint8 of shape (n, h, w) or (n, h, w, 1 | 3 | 4); {got}")
    for k, item in enumerate(() if isinstance(items, np.ndarray) else items):
        if not isinstance(item, str | os.PathLike | np.ndarray) and not is_pillow(item):
            raise InputError(f"images must be paths, Pillow images or arrays; item {k} is {type(item).__name__}")
    paths = [checked_path(item, "images") for item in items if isinstance(item, str | os.PathLike)]
    if paths and len(paths) == len(items):
        return paths, Files("", paths), len(paths)
    return None, _Items(items), len(items)


def from_samples(data: Any) -> Found:
    """`samples` or `imgs` of a data set of torchvision: pairs of a path and a class."""
    told = data.samples if hasattr(data, "samples") else data.imgs
    try:
        paths = [checked_path(path, "samples") for path, _ in told]
    except (TypeError, ValueError):
        raise InputError("samples of a data set must be pairs of a path and a class") from None
    root = getattr(data, "root", None)
    if root is None:
        return paths, Files("", paths), len(paths)
    start = os.path.join(os.fspath(root), "")
    names = [path.removeprefix(start).replace(os.sep, "/") for path in paths]
    return names, Files("", paths), len(paths)


def from_dataset(data: Any) -> Found:
    """A `datasets.Dataset` that has one column of the kind Image."""
    columns = [name for name, kind in dict(data.features or {}).items() if type(kind).__name__ == "Image"]
    if len(columns) != 1:
        held = f"several columns of images: {listing(columns)}" if columns else "no column of images"
        raise InputError(f"a data set must have one column of images; it has {held}")
    if not hasattr(data, "__len__"):
        raise InputError("a data set must know its length; a stream of images has no order to come back to")
    if hasattr(data, "with_format"):
        data = data.with_format(None)  # plain objects, not tensors
    rows = data.cast_column(columns[0], type(data.features[columns[0]])(decode=False))
    if hasattr(rows, "select_columns"):
        rows = rows.select_columns(columns)
    names = None
    for column in [name for name in NAME_COLUMNS if name in data.features]:
        found = list(data[column])
        if all(isinstance(name, str) and name for name in found) and len(set(found)) == len(found):
            names = found
            break
    return names, _DatasetRows(rows, columns[0]), len(data)


def is_pillow(item: object) -> bool:
    """Whether an object is a Pillow image; nobody has one before Pillow is loaded."""
    module = sys.modules.get("PIL.Image")
    return module is not None and isinstance(item, module.Image)


class _Items:
    def __init__(self, items: Sequence[Any]) -> None:
        self._items = items

    def read(self, k: int) -> Any:
        item = self._items[k]
        return read_file(os.fspath(item)) if isinstance(item, str | os.PathLike) else item


class _DatasetRows:
    def __init__(self, rows: Any, column: str) -> None:
        self._rows, self._column, self._lock = rows, column, threading.Lock()

    def read(self, k: int) -> bytes:
        with self._lock:  # nothing is said of threads
            cell = self._rows[k][self._column]
        if not cell or (cell.get("bytes") is None and not cell.get("path")):
            raise InputError(f"row {k} of {self._column!r} has no image")
        return bytes(cell["bytes"]) if cell["bytes"] is not None else read_file(cell["path"])

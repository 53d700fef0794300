"""MATLAB files of versions 4 to 7 in the separate process: `scipy.io`, and what is in the fields of structs."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Sequence
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from pyalign.io._isolated_channel import Channel
from pyalign.io.arrays import Listed, type_name
from pyalign.io.paths import bad, needed
from pyalign.io.tables import native

matlab: Any = needed("", "scipy", "files", "scipy.io")
TYPES = {"double": "float64", "single": "float32", "logical": "bool", "char": "str"}
MOST = 100_000  # variables, and fields of structs
DEEPEST = 32  # structs in structs


def arrays(channel: Channel, path: str) -> list[Listed]:
    """Each variable, and each field of a struct; only structs are read for that."""
    variables = matlab.whosmat(path)
    structs = _read(path, [name for name, _, kind in variables if kind == "struct"])
    entries: list[Listed] = []
    for name, shape, kind in variables:
        if name in structs:
            entries += ((key, *_described(value), name) for key, value in _fields(path, structs[name], name))
        elif not name.startswith("__"):
            dtype = TYPES.get(kind, kind)
            entries.append((name, shape, dtype, prod(shape) * _width(dtype), name))
        if len(entries) > MOST:
            raise bad(path, f"holds more than {MOST} variables")
    return entries


def values(channel: Channel, path: str, key: str, variable: str) -> tuple[list[str], tuple[int, ...]] | None:
    """The values under a key: an array, which is given transposed, or text and its shape."""
    value = _fields_of(path, os.stat(path).st_mtime_ns, variable)[key]
    if key == variable:
        _fields_of.cache_clear()
    shape, dtype, _ = _described(value)
    if dtype.startswith("complex"):
        raise bad(path, f"variable {key!r} holds complex numbers, not real ones")
    if dtype == "str":
        rows = np.char.rstrip(value).ravel().tolist()
        if any("\ufffd" in row for row in rows):
            raise bad(path, f"variable {key!r} holds text that is not in the coding that it names")
        return rows, shape
    if not _width(dtype):
        raise bad(path, f"variable {key!r} is a {dtype}, not a full array of real numbers")
    channel.give(native(value).T)
    return None


@lru_cache(maxsize=1)
def _fields_of(path: str, changed: int, variable: str) -> dict[str, Any]:
    """What is in a variable; the fields of a struct are asked for one after another."""
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "Casting complex")  # scipy drops imaginary parts with no more than that
        try:
            return dict(_fields(path, _read(path, [variable])[variable], variable))
        except Warning as warning:
            raise bad(path, f"variable {variable!r} holds complex numbers, not real ones") from warning


def _read(path: str, names: Sequence[str]) -> dict[str, Any]:
    if not names:
        return {}
    with open(path, "rb") as file:
        head = file.read(128)
    options = {} if 0 in head[:4] else {"uint16_codec": "utf-16-be" if head.endswith(b"MI") else "utf-16-le"}
    return matlab.loadmat(path, variable_names=names, mat_dtype=True, **options)  # version 4 has no such option


def _fields(path: str, value: Any, key: str, depth: int = 0) -> Iterator[tuple[str, Any]]:
    """A variable, then what is in its fields, called as MATLAB calls them: ``BEHAVIOR.set1``, ``rdms(2).RDM``."""
    yield key, value
    if _described(value)[1] != "struct":
        return
    if depth == DEEPEST:
        raise bad(path, f"holds structs in structs, more than {DEEPEST} deep")
    for k, struct in enumerate(value.ravel(order="F"), 1):
        for name in value.dtype.names:
            inside = f"{key}.{name}" if value.size == 1 else f"{key}({k}).{name}"
            yield from _fields(path, struct[name], inside, depth + 1)


def _described(value: Any) -> tuple[tuple[int, ...], str, int]:
    """Shape, type and bytes; scipy has classes of its own for what is neither numbers, text, cells nor structs."""
    if type(value) is not np.ndarray:
        return np.shape(value), type(value).__name__, 0
    dtype = "struct" if value.dtype.names is not None else "cell" if value.dtype.hasobject else type_name(value.dtype)
    return value.shape, dtype, value.size * _width(dtype)


def _width(dtype: str) -> int:
    """The bytes of a real number; 0 of another type."""
    known = dtype == "bool" or dtype.startswith(("float", "int", "uint"))
    return np.dtype(dtype).itemsize if known else 0

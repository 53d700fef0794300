"""``.safetensors``: 8 bytes of header length, a JSON header, raw little-endian data. Nothing in it runs."""

from __future__ import annotations

import os
from functools import partial
from math import prod
from typing import Any

import numpy as np

from pyalign.errors import shorten
from pyalign.io.arrays import Entry, names_array
from pyalign.io.numbers import native
from pyalign.io.paths import Array, PathLike, bad, guarded

LONGEST_HEADER = 100_000_000  # the limit of the format's own reader
MOST_VALUES = 1_000_000  # in the header; a tensor has about eight
MOST_DIMENSIONS = 32
DTYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "BOOL": "|b1",
    "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "|i1",
    "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "|u1",
}


def safetensors_entries(path: PathLike) -> dict[str, Entry]:
    """The tensors of the file, by name, and the names of rows in its metadata.

    Every offset is checked before one byte of data is read.
    """
    header, start, size = _read_header(path)
    names = _names(header.pop("__metadata__", None))
    spans = {name: _check_tensor(path, name, tensor) for name, tensor in header.items()}
    end = 0
    for name in sorted(spans, key=lambda name: spans[name]):
        first, last = spans[name]
        if first != end:
            raise bad(path, f"tensor {name!r} starts at byte {first} of the data, not at {end}")
        end = last
    if end != size - start:
        raise bad(path, f"is truncated or padded: {end} bytes of data described, {size - start} there")
    entries = {name: _entry(path, tensor, start + spans[name][0]) for name, tensor in header.items()}
    if names is not None:
        entries.setdefault("names", Entry((len(names),), "str", partial(names_array, names)))
    return entries


def _names(metadata: Any) -> list[str] | None:
    """The names of the rows, where the metadata of the header has a JSON list of text under `names`."""
    import json

    text = metadata.get("names") if isinstance(metadata, dict) else None
    if not isinstance(text, str) or not text.startswith("["):
        return None
    try:
        names = json.loads(text)
    except (ValueError, RecursionError):
        return None
    sound = isinstance(names, list) and len(names) > 0 and all(isinstance(name, str) for name in names)
    return names if sound else None


def _read_header(path: PathLike) -> tuple[dict[str, Any], int, int]:
    import json

    with open(path, "rb") as handle:
        size = os.fstat(handle.fileno()).st_size
        length = int.from_bytes(handle.read(8), "little")
        if size < 8 or length > min(size - 8, LONGEST_HEADER):
            raise bad(path, f"is not a sound .safetensors file: header of {length} bytes in a file of {size}")
        raw = handle.read(length)
    if sum(map(raw.count, (b"[", b"{", b","))) > MOST_VALUES:  # each of which may take a hundred times its bytes
        raise bad(path, f"is not a sound .safetensors file: a header of more than {MOST_VALUES} values")
    try:
        header = json.loads(raw.decode("utf-8"), object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise bad(path, f"is not a sound .safetensors file: {error}") from error
    if not isinstance(header, dict):
        raise bad(path, "is not a sound .safetensors file: the header is not a JSON object")
    return header, 8 + length, size


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        raise ValueError("a name occurs twice in the header")
    return table


def _check_tensor(path: PathLike, name: str, tensor: Any) -> tuple[int, int]:
    """First and last byte of the tensor, when its dtype, shape and offsets agree."""
    if not isinstance(tensor, dict):
        raise bad(path, f"tensor {name!r} has no description")
    fields: list[Any] = [tensor.get(field) for field in ("dtype", "shape", "data_offsets")]
    dtype, shape, offsets = fields
    if not (isinstance(dtype, str) and _sizes(shape) and _sizes(offsets) and len(offsets) == 2):
        raise bad(path, f"tensor {name!r} has a broken description: {shorten(tensor)}")
    first, last = offsets
    if first > last or (dtype in DTYPES and prod(shape) * np.dtype(DTYPES[dtype]).itemsize != last - first):
        raise bad(path, f"tensor {name!r}: bytes {first} to {last} are not {dtype} of shape {shorten(shape)}")
    return first, last


def _sizes(value: Any) -> bool:
    small = isinstance(value, list) and len(value) <= MOST_DIMENSIONS
    return small and all(type(size) is int and 0 <= size < 2**63 for size in value)


def _entry(path: PathLike, tensor: dict[str, Any], offset: int) -> Entry:
    code, shape = tensor["dtype"], tuple(tensor["shape"])
    name = "bfloat16" if code == "BF16" else np.dtype(DTYPES[code]).name if code in DTYPES else code
    return Entry(shape, name, partial(_load, path, code, shape, offset))


def _load(path: PathLike, code: str, shape: tuple[int, ...], offset: int) -> Array:
    if code not in DTYPES:
        raise bad(path, f"holds {code}, a type that is not read; store float16, bfloat16, float32 or float64")
    dtype = np.dtype(DTYPES[code])
    if prod(shape) == 0:
        return np.empty(0, dtype).reshape(shape) if max(shape) < 2**31 else np.empty(0, dtype)
    data: Array = guarded(path, ".safetensors", np.memmap, path, dtype, "r", offset, shape)
    if code == "BF16":
        return widen_bfloat16(data)
    return native(data if offset % dtype.itemsize == 0 else data.copy())


def widen_bfloat16(bits: Array) -> Array:
    """bfloat16, given as uint16, to float32: it is the upper half of one, so no rounding happens."""
    wide = bits.astype(np.uint32)
    wide <<= 16
    return wide.view(np.float32)

"""Item numbers: whole, of a type that the kernels read."""

from __future__ import annotations

import numpy as np

from pyalign.io.paths import Array, PathLike, bad

PIECE = 64 << 20  # bytes looked at at once
EXACT = 2.0**53  # past it float64 skips whole numbers
KEPT = ("int16", "uint16", "int32", "int64")  # these are passed on as they come


def native(array: Array) -> Array:
    """The array in this machine's byte order; a copy only when it is in the other one."""
    return array if array.dtype.isnative else np.asarray(array, dtype=array.dtype.newbyteorder("="))


def whole_numbers(path: PathLike, values: Array, what: str = "triplets") -> Array:
    """Integers as they are (no copy for ``KEPT``); whole floats as the smallest of int32 and int64."""
    if values.dtype.kind == "f":
        return _from_floats(path, values, what)
    if values.dtype.kind not in "iu":
        raise bad(path, f"{what} must be whole numbers or names; got dtype {values.dtype}")
    if values.dtype.name in KEPT:
        return native(values)
    if values.dtype == np.uint64 and values.size and values.max() > np.iinfo(np.int64).max:
        raise bad(path, f"{what} hold {values.max()}, which is more than int64 holds")
    return values.astype(np.int64 if values.dtype.itemsize >= 4 else np.int32)


def _from_floats(path: PathLike, values: Array, what: str) -> Array:
    exact = 2.0 ** (np.finfo(values.dtype).nmant + 1)  # past it the type skips whole numbers
    with np.errstate(invalid="ignore"):
        whole = values.astype(np.int64)
        wrong = (whole != values) | (np.abs(values) > exact)
    if wrong.any():
        row = int(np.argmax(wrong.reshape(len(values), -1).any(axis=1)))
        value = values.reshape(len(values), -1)[row][wrong.reshape(len(values), -1)[row]][0]
        rule = f"larger than {values.dtype} holds exactly" if abs(value) > exact else "not a whole number"
        rule += ": take rows without an answer out of the file" if np.isnan(value) else ""
        swapped = ": are the files swapped?" if what == "triplets" and wrong.mean() > 0.5 else ""
        raise bad(path, f"{what} must be whole numbers; row {row} (from 0) holds {value}, {rule}{swapped}")
    limits = np.iinfo(np.int32)
    small = not whole.size or (whole.min() >= limits.min and whole.max() <= limits.max)
    return whole.astype(np.int32) if small else whole


def exact_numbers(path: PathLike, values: Array, what: str) -> Array:
    """Numbers in this machine's byte order; refuses whole ones past 2^53, which become float64 where they are used."""
    if values.dtype.kind not in "iu" or values.dtype.itemsize < 8 or not values.size:
        return native(values)
    rows = max(1, PIECE // max(1, values.nbytes // len(values)))
    pieces = (values[start : start + rows] for start in range(0, len(values), rows))
    rounded = sum(int(np.count_nonzero((piece > int(EXACT)) | (piece < -int(EXACT)))) for piece in pieces)
    if rounded:
        raise bad(
            path, f"{what} hold {rounded} whole number{'s' * (rounded != 1)} past 2^53, which float64 would round"
        )
    return native(values)


def from_one(path: PathLike, items: Array) -> Array:
    """1-based numbers made 0-based, in the same type."""
    lowest = items.min()
    if lowest < 1:
        raise bad(path, f"triplets hold a {lowest}, so they are not 1-based")
    shifted: Array = items - items.dtype.type(1)
    return shifted

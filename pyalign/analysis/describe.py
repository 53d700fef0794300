"""What an array of embeddings or triplets looks like, before anything is made of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from pyalign.errors import InputError

CHUNK_ELEMENTS = 1 << 22


@dataclass(frozen=True)
class Description:
    """Facts about a two-dimensional array; counts of rows unless said otherwise.

    Attributes:
        kind: what the array seems to be: ``"triplets"``, ``"similarities"`` or ``"embeddings"``.
        shape: (rows, columns).
        dtype: as stored.
        smallest, largest: over finite values; None when there are none.
        base: 0 or 1 for triplets whose smallest item is that, else None.
        duplicate_rows: rows equal to an earlier one.
        repeated_items: triplets that name an item twice.
        nan_rows: rows with NaN or infinity.
        zero_rows: rows of zeros.
        first_row: its first values.
        remarks: what a person should know before using it, a sentence each.
    """

    kind: str
    shape: tuple[int, int]
    dtype: str
    smallest: float | None
    largest: float | None
    base: int | None
    duplicate_rows: int
    repeated_items: int | None
    nan_rows: int
    zero_rows: int
    first_row: tuple[float, ...]
    remarks: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """The attributes as a dict that json can write: a value that is not finite becomes None."""
        first = tuple(value if np.isfinite(value) else None for value in self.first_row)
        return {**asdict(self), "first_row": first}


def describe(values: object) -> Description:
    """What a two-dimensional array of numbers seems to be, and what is odd about it.

    Whole numbers in three to ten columns, no fraction and none below zero, seem triplets unless most rows repeat an
    item; a symmetric square matrix seems similarities; anything else embeddings.

    Raises:
        InputError: not a two-dimensional array of real numbers.

    Example:
        >>> import numpy as np
        >>> describe(np.array([[1, 2, 3], [1, 1, 4]])).remarks[0]
        'the smallest item is 1: items may count from 1 (--one-based)'
    """
    a = np.asarray(values)
    if a.ndim != 2 or a.dtype.kind not in "biuf" or a.size == 0:
        raise InputError(f"values must be a two-dimensional array of numbers; got shape {a.shape}, dtype {a.dtype}")
    nan_rows, zero_rows, low, high, whole = _scan(a)
    kind = _kind(a, whole and nan_rows == 0, low)
    base = None if kind != "triplets" or low is None or low > 1 else int(low)
    repeated = _repeated(a) if kind == "triplets" else None
    duplicates = _duplicates(a)
    return Description(
        kind=kind,
        shape=(a.shape[0], a.shape[1]),
        dtype=str(a.dtype),
        smallest=low,
        largest=high,
        base=base,
        duplicate_rows=duplicates,
        repeated_items=repeated,
        nan_rows=nan_rows,
        zero_rows=zero_rows,
        first_row=tuple(a[0, :8].tolist()),
        remarks=_remarks(a, kind, base, duplicates, repeated, nan_rows, zero_rows),
    )


def _scan(a: np.ndarray) -> tuple[int, int, float | None, float | None, bool]:
    nan_rows = zero_rows = 0
    low, high, whole = np.inf, -np.inf, True
    step = max(1, CHUNK_ELEMENTS // a.shape[1])
    for start in range(0, len(a), step):
        part = a[start : start + step]
        finite = np.isfinite(part)
        nan_rows += int((~finite.all(axis=1)).sum())
        zero_rows += int((part == 0).all(axis=1).sum())
        if finite.any():
            low = min(low, float(part.min(where=finite, initial=np.inf) if part.dtype.kind == "f" else part.min()))
            high = max(high, float(part.max(where=finite, initial=-np.inf) if part.dtype.kind == "f" else part.max()))
        whole = whole and bool((np.floor(part) == part).all() if part.dtype.kind == "f" else True)
    found = low <= high
    return nan_rows, zero_rows, low if found else None, high if found else None, whole


def _kind(a: np.ndarray, whole: bool, low: float | None) -> str:
    if whole and 3 <= a.shape[1] <= 10 and low is not None and low >= 0 and a.dtype.kind != "b":
        # Small counts are whole numbers too, but there most rows would name an item twice.
        return "triplets" if 2 * _repeated(a) <= len(a) or len(a) < 10 else "embeddings"
    square = a.shape[0] == a.shape[1] and a.shape[0] > 1
    return "similarities" if square and np.allclose(a, a.T, rtol=1e-3, atol=0, equal_nan=True) else "embeddings"


def _repeated(a: np.ndarray) -> int:
    i, j, k = a[:, 0], a[:, 1], a[:, 2]
    return int(((i == j) | (i == k) | (j == k)).sum())


def _duplicates(a: np.ndarray) -> int:
    """Rows equal to an earlier one, by sorting the rows as strings of bytes."""
    rows = np.ascontiguousarray(a)
    if rows.dtype.kind == "f":
        rows = rows + rows.dtype.type(0)  # -0.0 becomes 0.0
    view = rows.view(np.dtype((np.void, rows.dtype.itemsize * rows.shape[1]))).ravel()
    return len(view) - len(np.unique(view))


def _remarks(
    a: np.ndarray,
    kind: str,
    base: int | None,
    duplicates: int,
    repeated: int | None,
    nan_rows: int,
    zero_rows: int,
) -> tuple[str, ...]:
    remarks = []
    if base == 1:
        remarks.append("the smallest item is 1: items may count from 1 (--one-based)")
    if kind == "triplets" and a.shape[1] > 3:
        remarks.append(
            f"{a.shape[1]} columns: say which three are items (--columns), and which is a choice or a subject"
        )
    if kind == "triplets" and a.dtype.kind == "f":
        remarks.append("whole numbers stored as floats: they are read as integers")
    if kind == "similarities" and not a.diagonal().any():
        remarks.append("the diagonal is zero: these seem distances (dissimilarities), where larger is less alike")
    if repeated:
        remarks.append(f"{_rows(repeated, 'names', 'name')} an item twice: not triplets of three different items")
    if duplicates and kind == "triplets":
        remarks.append(
            f"{_rows(duplicates, 'repeats', 'repeat')} an earlier one: answers to the same triplet, or copies"
        )
    elif duplicates:
        remarks.append(f"{_rows(duplicates, 'equals', 'equal')} an earlier one: their similarities will tie")
    if nan_rows:
        remarks.append(f"{_rows(nan_rows, 'holds', 'hold')} NaN or infinity: scoring refuses them unless --nan omit")
    if zero_rows and kind == "embeddings":
        remarks.append(f"{_rows(zero_rows, 'is', 'are')} zero: the cosine with any other is 0")
    return tuple(remarks)


def _rows(count: int, one: str, more: str) -> str:
    return f"{count:,} row {one}" if count == 1 else f"{count:,} rows {more}"

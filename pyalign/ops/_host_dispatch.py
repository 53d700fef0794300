"""The dispatch of numpy arrays, and what every dispatch does with arrays of the host; see `pyalign.ops._dispatch`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from pyalign import _checks
from pyalign.backends import Array, Backend, InvalidTripletsError
from pyalign.errors import InputError


@dataclass(frozen=True, eq=False)
class HostDispatch:
    """Arrays of numpy."""

    backend: Backend

    rows = staticmethod(_checks.as_rows)
    triplets = staticmethod(_checks.as_triplets)
    similarities = staticmethod(_checks.as_similarities)

    def bring(self, array: np.ndarray) -> np.ndarray:
        return array

    def cast(self, x: np.ndarray, dtype: Any) -> np.ndarray:
        return x.astype(dtype, copy=False)

    def weights(self, x: object, dtype: Any, name: str) -> np.ndarray:
        return np.ascontiguousarray(_checks.as_rows(x, name), dtype)

    def empty(self, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        return np.empty(shape, dtype)

    def output(self, out: object, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        return host_output(out, shape, dtype)

    def apart(self, x: np.ndarray, out: np.ndarray) -> np.ndarray:
        return x.copy() if np.may_share_memory(x, out) else x

    def take(self, x: np.ndarray, rows: np.ndarray) -> np.ndarray:
        return x[rows]

    def reordered(self, matrix: np.ndarray, order: np.ndarray) -> np.ndarray:
        return np.take(matrix[order], order, axis=1)

    def host(self, array: np.ndarray) -> np.ndarray:
        return array

    def host_all(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        return list(arrays)

    def zero_rows(self, rows: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore", invalid="ignore"):
            zero = self.backend.row_squares(rows) == 0
        zero[zero] = ~(rows[zero] != 0).any(axis=1)  # squares of small numbers underflow
        return zero.sum(keepdims=True)

    def used_rows(self, triplets: np.ndarray, n: int) -> np.ndarray:
        used = np.zeros(n, bool)
        used[triplets.astype(np.int64).ravel().clip(0, n - 1)] = True
        return used

    def give(self, result: np.ndarray, out: Any = None) -> Any:
        return result

    @contextmanager
    def running(self, triplets: np.ndarray | None = None, n: int = 0, columns: int = 0) -> Iterator[None]:
        with explained(self.backend, triplets, n, columns):
            yield


def host_output(out: object, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """`out` where it is a numpy array of that shape and dtype that can be filled."""
    if not isinstance(out, np.ndarray) or out.shape != shape or out.dtype != dtype:
        what = f"{out.shape} {out.dtype}" if isinstance(out, np.ndarray) else type(out).__name__
        raise InputError(f"out must be an array of shape {shape} and dtype {np.dtype(dtype)}; got {what}")
    if not out.flags.writeable or not out.flags.aligned or (shape[1] > 1 and out.strides[1] != out.itemsize):
        raise InputError("out must be writeable, with contiguous rows")
    require_rows_apart(shape, out.strides[0] // out.itemsize)
    return out


def require_rows_apart(shape: tuple[int, ...], stride: int) -> None:
    """Raises where the rows of an output (n, m) that begin so many elements apart would overlap."""
    if shape[0] > 1 and abs(stride) < shape[1]:
        raise InputError(f"out must have rows that begin {shape[1]} elements apart or more; got {stride}")


@contextmanager
def explained(backend: Backend, triplets: Array | None, n: int, columns: int = 0) -> Iterator[None]:
    """Kernels check triplets in passing and only say that some are invalid; a second look says which."""
    try:
        yield
    except InvalidTripletsError:
        assert triplets is not None
        _checks.require_valid(backend.check_triplets(triplets, n), triplets, n, columns)
        raise InputError(
            "triplets must stay the same while they are read; invalid ones were met and are gone"
        ) from None

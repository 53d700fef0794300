"""The dispatch of numpy arrays, and what every dispatch does with arrays of the host; see `pyalign.ops._dispatch`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import numpy as np

from pyalign import _checks
from pyalign.backends import Array, Backend, InvalidTripletsError
from pyalign.errors import InputError


class HostDispatch:
    """Inputs checked and brought to where the backend works: here arrays of numpy, which stay where they are."""

    on_host = True  # whether arrays are those of numpy.

    def __init__(self, backend: Any):
        self.backend = backend

    def rows(self, x: object, name: str = "embeddings") -> Array:
        """(n, d) of a dtype that the backend takes, rows contiguous; as `pyalign._checks.as_rows`."""
        return _checks.as_rows(x, name)

    def triplets(self, triplets: object) -> Array:
        """(t, 3) integers; as `pyalign._checks.as_triplets`."""
        return _checks.as_triplets(triplets)

    def similarities(self, similarities: object) -> Array:
        """(n, n) float32 or float64, rows contiguous."""
        return _checks.as_similarities(similarities)

    def bring(self, array: np.ndarray) -> Array:
        """An array of our own, brought from the host to where the backend works."""
        return array

    def cast(self, x: Array, dtype: Any) -> Array:
        """`x` in that numpy dtype."""
        return x.astype(dtype, copy=False)

    def weights(self, x: object, dtype: Any, name: str) -> Array:
        """Numbers (t, k) of that numpy dtype, contiguous, whatever rows the backend takes."""
        return np.ascontiguousarray(_checks.as_rows(x, name), dtype)

    def empty(self, shape: tuple[int, ...], dtype: Any) -> Array:
        """A new array of that numpy dtype."""
        return np.empty(shape, dtype)

    def output(self, out: object, shape: tuple[int, ...], dtype: Any) -> Array:
        """The caller's array to fill, which must have that shape and dtype."""
        return host_output(out, shape, dtype)

    def apart(self, x: Array, out: Array) -> Array:
        """x, or a copy where filling `out` could write over it."""
        return x.copy() if np.may_share_memory(x, out) else x

    def take(self, x: Array, rows: np.ndarray) -> Array:
        """The rows that the mask (n,) marks."""
        return x[rows]

    def reordered(self, matrix: Array, order: np.ndarray) -> Array:
        """Rows and columns of a matrix (n, n) in another order (n,)."""
        return np.take(matrix[order], order, axis=1)

    def host(self, array: Array) -> np.ndarray:
        """A numpy array of the same values."""
        return np.asarray(array)

    def host_all(self, arrays: Sequence[Array]) -> list[np.ndarray]:
        """What `host` gives of each of several arrays, by one transfer."""
        return list(arrays)

    def zero_rows(self, rows: Array) -> Array:
        """(1,): how many rows (n, d) are zero throughout."""
        with np.errstate(over="ignore", invalid="ignore"):
            zero = self.backend.row_squares(rows) == 0
        zero[zero] = ~(rows[zero] != 0).any(axis=1)  # squares of small numbers underflow
        return zero.sum(keepdims=True)

    def used_rows(self, triplets: Array, n: int) -> Array:
        """Mask (n,) of the items that triplets (t, 3) name; undefined for numbers outside [0, n)."""
        used = np.zeros(n, bool)
        used[triplets.astype(np.int64).ravel().clip(0, n - 1)] = True
        return used

    def give(self, result: Array, out: Any = None) -> Any:
        """A result as the caller gets it: `out` itself where one was passed to `output`."""
        return result

    def running(self, triplets: Array | None = None, n: int = 0, columns: int = 0) -> AbstractContextManager[None]:
        """A context around the kernels, which explains invalid triplets and memory that ran out."""
        return explained(self.backend, triplets, n, columns)


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

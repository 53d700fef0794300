"""Similarities of all pairs of rows."""

from __future__ import annotations

import numpy as np

from pyalign import _checks
from pyalign.backends import get_backend
from pyalign.errors import InputError
from pyalign.measures import Measure, get_measure
from pyalign.ops._prepare import prepare


def similarity(
    x: object,
    y: object | None = None,
    *,
    measure: str | Measure = "cosine",
    backend: str = "auto",
    out: np.ndarray | None = None,
) -> np.ndarray:
    """Similarity of every row of x with every row of y; larger is more alike.

    Args:
        x: (n, d) real numbers. float64 is computed in float64, everything else in float32.
        y: (m, d), or None for x with itself, which costs half and is symmetric bit for bit.
        measure: ``cosine`` (0 for a zero row), ``dot``, ``pearson`` (0 for a constant row), ``neg_sqeuclidean``,
            ``neg_euclidean``, ``rbf`` (``exp(-|x - y|^2 / 2 sigma^2)``, sigma the median distance, or as in
            ``"rbf:2.5"``).
        backend: ``"auto"``, ``"native"``, ``"numpy"`` or ``"reference"``.
        out: (n, m) array of the result's dtype to fill, with contiguous rows.

    Returns:
        (n, m) float32 or float64.

    Raises:
        InputError: wrong shape or dtype, NaN or infinity, an unknown measure or backend, rows too long for their dtype.

    Example:
        >>> import numpy as np
        >>> similarity(np.array([[1.0, 0.0], [1.0, 1.0], [0.0, 0.0]]), measure="cosine").round(3)
        array([[1.   , 0.707, 0.   ],
               [0.707, 1.   , 0.   ],
               [0.   , 0.   , 0.   ]])
    """
    chosen, engine = get_measure(measure), get_backend(backend)
    left, right = _matched(x, y)
    out = _output(out, (len(left), len(left if right is None else right)), left.dtype)
    rows, others = prepare(engine, chosen, left, right)
    engine.similarity(rows, others, out)
    return out


def _matched(x: object, y: object | None) -> tuple[np.ndarray, np.ndarray | None]:
    """x and y in one dtype: float64 when either is."""
    left = _checks.as_rows(x, "x")
    if y is None:
        return left, None
    right = _checks.as_rows(y, "y")
    if left.shape[1] != right.shape[1]:
        raise InputError(f"y must have the {left.shape[1]} features of x; got shape {right.shape}")
    dtype = np.result_type(left, right)
    return left.astype(dtype, copy=False), right.astype(dtype, copy=False)


def _output(out: np.ndarray | None, shape: tuple[int, int], dtype: np.dtype) -> np.ndarray:
    if out is None:
        return np.empty(shape, dtype)
    if not isinstance(out, np.ndarray) or out.shape != shape or out.dtype != dtype:
        what = f"{out.shape} {out.dtype}" if isinstance(out, np.ndarray) else type(out).__name__
        raise InputError(f"out must be an array of shape {shape} and dtype {dtype}; got {what}")
    if not out.flags.writeable or not out.flags.aligned or (shape[1] > 1 and out.strides[1] != out.itemsize):
        raise InputError("out must be writeable, with contiguous rows")
    return out

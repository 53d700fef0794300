"""Similarities of all pairs of rows."""

from __future__ import annotations

from typing import Any

from pyalign import _checks
from pyalign.backends import Array
from pyalign.data import as_embeddings
from pyalign.errors import InputError
from pyalign.measures import get_measure
from pyalign.ops._door import Door, open_door
from pyalign.ops._place import length
from pyalign.ops._prepare import run_prepared
from pyalign.typing import BackendName, EmbeddingsLike, MeasureLike


def similarity(
    embeddings: EmbeddingsLike,
    others: EmbeddingsLike | None = None,
    *,
    measure: MeasureLike = "cosine",
    backend: BackendName = "auto",
    out: Any = None,
) -> Any:
    """Similarity of every row of x with every row of y; larger is more alike.

    Args:
        embeddings: (n, d) real numbers. float64 is computed in float64, everything else in float32.
        others: (m, d), or None for x with itself, which costs half and is symmetric bit for bit.
        measure: ``cosine`` (0 for a zero row), ``dot``, ``pearson`` (0 for a constant row), ``neg_sqeuclidean``,
            ``neg_euclidean``, ``rbf`` (``exp(-|x - y|^2 / 2 sigma^2)``, sigma the median distance, or as in
            ``"rbf:2.5"``).
        backend: ``"auto"``, or one of ``"native"``, ``"numpy"`` (on the host), ``"cuda"``, ``"triton"``,
            ``"torch"`` (on a device).
        out: (n, m) array of the result's dtype to fill, with contiguous rows; where x lies. x and y are copied first
            where it overlaps them.

    Returns:
        (n, m) float32 or float64: a numpy array, or for x on a device an array of x's library, there.

    Raises:
        InputError: wrong shape or dtype, NaN or infinity, an unknown measure or backend, rows too long for their dtype.

    Example:
        >>> import numpy as np
        >>> similarity(np.array([[1.0, 0.0], [1.0, 1.0], [0.0, 0.0]]), measure="cosine").round(3)
        array([[1.   , 0.707, 0.   ],
               [0.707, 1.   , 0.   ],
               [0.   , 0.   , 0.   ]])
    """
    chosen = get_measure(measure)
    embeddings, others = (
        as_embeddings(embeddings).values,
        None if others is None else as_embeddings(others, "others").values,
    )
    door = open_door(
        backend, embeddings, others, elements=length(embeddings) * length(embeddings if others is None else others)
    )
    left, right = _matched(door, embeddings, others)
    shape, dtype = (len(left), len(left if right is None else right)), _checks.result_dtype(left)
    with door.running():
        result = door.empty(shape, dtype) if out is None else door.output(out, shape, dtype)
        if out is not None:
            left, right = door.apart(left, result), None if right is None else door.apart(right, result)
        run_prepared(door, chosen, left, right, lambda backend, *sides: backend.similarity(*sides, result))
        return door.give(result, out)


def _matched(door: Door, x: object, y: object | None) -> tuple[Array, Array | None]:
    """x and y in one dtype: the wider of the two."""
    left = door.rows(x, "embeddings")
    if y is None:
        return left, None
    right = door.rows(y, "others")
    if left.shape[1] != right.shape[1]:
        raise InputError(
            f"others must have the {left.shape[1]} features of the embeddings; got shape {tuple(right.shape)}"
        )
    if left.dtype == right.dtype:
        return left, right
    dtype = max(_checks.result_dtype(left), _checks.result_dtype(right))
    return door.cast(left, dtype), door.cast(right, dtype)

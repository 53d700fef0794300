"""Similarities of all pairs of rows, and whether they differ by more than rounding."""

from __future__ import annotations

from typing import Any

import numpy as np

from pyalign import _checks
from pyalign.backends import Array
from pyalign.data import as_embeddings
from pyalign.errors import InputError
from pyalign.measures import get_measure
from pyalign.ops._dispatch import Dispatch, dispatch_of
from pyalign.ops._place import length
from pyalign.ops._prepare import Aside, run_prepared
from pyalign.typing import BackendName, EmbeddingsLike, MeasureLike

FEW = 32  # rows whose similarities differ by more than rounding, most of the time
FIRST_TRIPLETS = 256  # whose rows are looked at where these don't
ROUNDINGS = 64  # of the largest similarity, by which backends may differ


def similarity(
    embeddings: EmbeddingsLike, others: EmbeddingsLike | None = None, *, measure: MeasureLike = "cosine",
    backend: BackendName = "auto", out: Any = None,
) -> Any:
    """Compute the similarity of every row of x with every row of y; larger means more alike.

    Args:
        embeddings: (n, d) real numbers. float64 is computed in float64, everything else in float32.
        others: (m, d), or None for x with itself, which takes half the time and is symmetric bit for bit.
        measure: ``cosine`` (0 for a zero row), ``dot``, ``pearson`` (0 for a constant row), ``neg_sqeuclidean``,
            ``neg_euclidean``, ``rbf`` (``exp(-|x - y|^2 / 2 sigma^2)``, sigma the median distance, or as in
            ``"rbf:2.5"``).
        backend: ``"auto"``, or one of ``"native"``, ``"numpy"`` (on the host), ``"cuda"``, ``"triton"``,
            ``"torch"`` (on a device).
        out: (n, m) array of the result's dtype to fill, with contiguous rows; where x is. x and y are copied first
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
    dispatch = dispatch_of(
        backend, embeddings, others, elements=length(embeddings) * length(embeddings if others is None else others)
    )
    left, right = _matched(dispatch, embeddings, others)
    shape, dtype = (len(left), len(left if right is None else right)), _checks.result_dtype(left)
    with dispatch.running():
        result = dispatch.empty(shape, dtype) if out is None else dispatch.output(out, shape, dtype)
        if out is not None:
            left, right = dispatch.apart(left, result), None if right is None else dispatch.apart(right, result)
        run_prepared(dispatch, chosen, left, right, lambda backend, *sides: backend.similarity(*sides, result))
        return dispatch.give(result, out)


def with_exact_ends(similarities: np.ndarray, measure: MeasureLike) -> np.ndarray:
    """1 and -1 where similarities of rows are that but for rounding, which would decide their ranks; in place."""
    if get_measure(measure).kernel.bounded:
        near = np.abs(similarities) >= 1 - ROUNDINGS * np.finfo(similarities.dtype).eps
        similarities[near] = np.sign(similarities[near])
    return similarities


def _matched(dispatch: Dispatch, x: object, y: object | None) -> tuple[Array, Array | None]:
    """x and y in one dtype: the wider of the two."""
    left = dispatch.rows(x, "embeddings")
    if y is None:
        return left, None
    right = dispatch.rows(y, "others")
    if left.shape[1] != right.shape[1]:
        raise InputError(
            f"others must have the {left.shape[1]} features of the embeddings; got shape {tuple(right.shape)}"
        )
    if left.dtype == right.dtype:
        return left, right
    dtype = max(_checks.result_dtype(left), _checks.result_dtype(right))
    return dispatch.cast(left, dtype), dispatch.cast(right, dtype)


def notes_on_similarities(
    x: Array, index: Array | None, measure: MeasureLike, source: str = "embeddings", aside: Aside | None = None
) -> tuple[str, ...]:
    """Whether the similarities of rows all lie within rounding of each other, so that they say nothing of the model.

    A few rows decide nearly always; where these don't, those that the first triplets name.

    Args:
        x: (n, d) embeddings.
        index: (t, 3) rows, valid ones; None: all pairs of rows count.
        measure: of the similarity.
        source: of x, for the sentence.
        aside: from `pyalign.analysis.notes.glance_at_rows`, where a call in between has read it.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(20, 5)) + 10_000
        >>> notes_on_similarities(x.astype(np.float32), np.array([[0, 1, 2], [7, 3, 5]]), "cosine")[0][:62]
        'all similarities of embeddings by cosine differ by no more tha'
    """
    if get_measure(measure).precomputed:  # `as_similarities` notes it
        return ()
    few = _few_rows(x) if aside is None else aside.read()[2]
    dtype = _checks.result_dtype(few)
    if _spread(few, measure) is None:
        return ()
    dispatch = dispatch_of("auto", x)
    if index is None:
        used = np.arange(0, length(x), max(1, length(x) // FIRST_TRIPLETS))
    else:
        used = np.unique(dispatch.host(dispatch.triplets(index[:FIRST_TRIPLETS])))
    spread = _spread(dispatch.host(dispatch.backend.widened(dispatch.rows(x)[used])), measure)
    if spread is None:
        return ()
    called = f"all similarities of {source} by {measure}"
    if spread == 0:
        return (f"{called} are equal" + ("" if index is None else ": every triplet ties"),)
    remedy = "take the mean off each feature" + (", or give float64" if dtype == np.float32 else "")
    return (f"{called} differ by no more than {dtype} rounding: rounding and ties decide, not the model; {remedy}",)


def _few_rows(x: Array) -> np.ndarray:
    """Some of x (n, d), from all over it, on the host."""
    some = x[:: max(1, length(x) // FEW)][:FEW]
    dispatch = dispatch_of("auto", some)
    return dispatch.host(dispatch.backend.widened(dispatch.rows(some)))


def _spread(rows: np.ndarray, measure: MeasureLike) -> float | None:
    """The spread of similarities of different rows, where rounding in their dtype may do as much; else None."""
    dtype = _checks.result_dtype(rows)
    finite = rows[np.isfinite(rows).all(axis=1)].astype(np.float64)
    if len(finite) < 3:
        return None
    try:
        similarities = similarity(finite, measure=measure)[np.triu_indices(len(finite), 1)]
    except InputError:  # of these rows alone, such as rbf of equal ones
        return None
    low, high = float(similarities.min()), float(similarities.max())
    return high - low if high - low <= ROUNDINGS * np.finfo(dtype).eps * max(abs(low), abs(high)) else None

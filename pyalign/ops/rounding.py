"""Similarities that all lie within rounding of each other, so that rounding decides, not the model."""

from __future__ import annotations

import numpy as np

from pyalign import _checks
from pyalign.backends import Array
from pyalign.errors import InputError
from pyalign.measures import Measure, get_measure
from pyalign.ops._aside import Aside
from pyalign.ops._door import open_door
from pyalign.ops._place import length
from pyalign.ops.similarity import similarity

FEW = 32  # rows whose similarities differ by more than rounding, most of the time
FIRST_TRIPLETS = 256  # whose rows are looked at where these don't
ROUNDINGS = 64  # of the largest similarity, by which backends may differ


def notes_on_similarities(
    x: Array, index: Array | None, measure: str | Measure, source: str = "x", aside: Aside | None = None
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
        'all similarities of x by cosine lie within float32 rounding of'
    """
    if get_measure(measure).precomputed:  # `as_similarities` notes it
        return ()
    few = _on_host(few_of(x)) if aside is None else aside.read()[2]
    dtype = _checks.result_dtype(few)
    if _spread(few, measure) is None:
        return ()
    door = open_door("auto", x)
    if index is None:
        used = np.arange(0, length(x), max(1, length(x) // FIRST_TRIPLETS))
    else:
        used = np.unique(door.host(door.triplets(index[:FIRST_TRIPLETS])))
    spread = _spread(door.host(door.backend.widened(door.rows(x)[used])), measure)
    if spread is None:
        return ()
    called = f"all similarities of {source} by {measure}"
    if spread == 0:
        return (f"{called} are equal" + ("" if index is None else ": every triplet ties"),)
    remedy = "take the mean off each feature" + (", or give float64" if dtype == np.float32 else "")
    return (f"{called} lie within {dtype} rounding of each other: rounding and ties decide, not the model; {remedy}",)


def few_of(x: Array) -> Array:
    """Some rows of x (n, d), from all over it."""
    return x[:: max(1, length(x) // FEW)][:FEW]


def _on_host(some: Array) -> np.ndarray:
    door = open_door("auto", some)
    return door.host(door.backend.widened(door.rows(some)))


def _spread(rows: np.ndarray, measure: str | Measure) -> float | None:
    """By how much similarities of different rows differ, where rounding in their dtype may do as much; else None."""
    dtype = _checks.result_dtype(rows)
    finite = rows[np.isfinite(rows).all(axis=1)].astype(np.float64)
    if len(finite) < 3:
        return None
    try:
        found = similarity(finite, measure=measure)[np.triu_indices(len(finite), 1)]
    except InputError:  # of these rows alone, such as rbf of equal ones
        return None
    low, high = float(found.min()), float(found.max())
    return high - low if high - low <= ROUNDINGS * np.finfo(dtype).eps * max(abs(low), abs(high)) else None

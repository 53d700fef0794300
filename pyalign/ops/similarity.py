"""Similarities of all pairs of rows, and whether they differ by more than rounding.

Several embeddings brought to the same items in the same order, where no triplets say which items count.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass
from pyalign.backends import Array
from pyalign.data import Embeddings, as_embeddings
from pyalign.data.names import in_order, match_names, require_different
from pyalign.data.similarities import notes_on_values
from pyalign.errors import InputError
from pyalign.measures import get_measure
from pyalign.ops._dispatch import Dispatch, dispatch_of
from pyalign.ops._place import length
from pyalign.ops._prepare import Deferred, run_prepared
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
    x: Array, index: Array | None, measure: MeasureLike, source: str = "embeddings", deferred: Deferred | None = None
) -> tuple[str, ...]:
    """Whether the similarities of rows all lie within rounding of each other, so that they say nothing of the model.

    A few rows decide nearly always; where these don't, those that the first triplets name.

    Args:
        x: (n, d) embeddings.
        index: (t, 3) rows, valid ones; None: all pairs of rows count.
        measure: of the similarity.
        source: of x, for the sentence.
        deferred: from `pyalign.analysis.notes.glance_at_rows`, where a call in between has read it.
    """
    if get_measure(measure).precomputed:  # `as_similarities` notes it
        return ()
    few = _few_rows(x) if deferred is None else deferred.read()[2]
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
        similarities = similarity(finite, measure=measure)[~np.tri(len(finite), dtype=bool)]
    except InputError:  # of these rows alone, such as rbf of equal ones
        return None
    low, high = float(similarities.min()), float(similarities.max())
    return high - low if high - low <= ROUNDINGS * np.finfo(dtype).eps * max(abs(low), abs(high)) else None


ALL = slice(None)


@dataclass(frozen=True, eq=False)
class Matched:
    """Models and which of their rows are the same items."""

    models: dict[str, Embeddings]  # name -> embeddings, as they came.
    rows: dict[str, np.ndarray | None]  # name -> (n,) the row of each item, or None where all rows count as they stand.
    n: int  # how many items.
    names: tuple[str, ...] | None  # of the items, or None.
    notes: tuple[str, ...]  # what was assumed, a sentence each.

    @property
    def row_names(self) -> tuple[tuple[str, ...], ...]:
        """The names of the rows of each model that has some."""
        return tuple(x.names for x in self.models.values() if x.names is not None)

    @property
    def order(self) -> np.ndarray:
        """(n,) the items in the order of their names, in which seeds draw them and ties are broken."""
        return np.arange(self.n) if self.names is None else in_order(self.names)

    def take(self, items: np.ndarray | slice = ALL) -> dict[str, np.ndarray]:
        """(k, d) of each model on the host: the rows of these items, or of all; float64 where one is, else float32."""
        taken = {name: self._take(name, items) for name in self.models}
        dtype = np.result_type(*taken.values())
        return {name: x.astype(dtype, copy=False) for name, x in taken.items()}

    def _take(self, name: str, items: np.ndarray | slice) -> np.ndarray:
        rows, values = self.rows[name], self.models[name].values
        if rows is not None or items is not ALL:
            values = values[items if rows is None else rows[items]]
        dispatch = dispatch_of("auto", values)
        taken = dispatch.host(dispatch.rows(values, name))
        _checks.require_finite(~np.isfinite(taken).all(axis=1), name)
        return taken


def match_rows(models: Mapping[str, object]) -> Matched:
    """Rows matched by name, in the order of the first embeddings that have names.

    Items that some embeddings have no row for are left out, and counted in a note; embeddings without names must have
    as many rows as those with, and are taken to be in their order.

    Example:
        >>> a, b = (Embeddings(np.eye(2), names) for names in (("dog", "cat"), ("cat", "dog")))
        >>> match_rows({"a": a, "b": b}).take()["b"].tolist()
        [[0.0, 1.0], [1.0, 0.0]]
    """
    if not models:
        raise InputError("models must hold at least one model; got an empty mapping")
    embeddings = {name: as_embeddings(x, name) for name, x in models.items()}
    notes = [note for name, x in embeddings.items() for note in (*x.notes, *notes_on_values(x, name))]
    reference = next((name for name, x in embeddings.items() if x.names is not None), None)
    if reference is None:
        _require_as_many(embeddings)
        if len(embeddings) > 1:
            notes.append("rows have no names: row i is taken for the same item in all embeddings")
        n = len(next(iter(embeddings.values())))
        return Matched(embeddings, dict.fromkeys(embeddings), n, None, tuple(dict.fromkeys(notes)))
    items = embeddings[reference].names
    assert items is not None
    require_different(items, "row")
    _require_as_many({name: x for name, x in embeddings.items() if name == reference or x.names is None})
    rows_by_model = {name: _rows(x, name, items, reference, notes) for name, x in embeddings.items()}
    common = np.all([rows >= 0 for rows in rows_by_model.values()], axis=0)
    if not common.any():
        raise InputError(f"{', '.join(embeddings)}: no item has a row in all embeddings")
    if not common.all():
        left_out = f"{int((~common).sum()):,} of the {len(items):,} items of {reference} are left out"
        notes.append(f"{left_out}: others have no row for them")
    names = tuple(np.array(items, object)[common].tolist())
    rows = {name: _unless_all(rows[common], len(embeddings[name])) for name, rows in rows_by_model.items()}
    return Matched(embeddings, rows, len(names), names, tuple(dict.fromkeys(notes)))


def _unless_all(rows: np.ndarray, n: int) -> np.ndarray | None:
    return None if len(rows) == n and bool((rows == np.arange(n)).all()) else rows


def _rows(x: Embeddings, name: str, items: tuple[str, ...], reference: str, notes: list[str]) -> np.ndarray:
    """(items,) the row of each item in x, -1 where it has none."""
    if x.names is None:
        notes.append(f"rows of {name} have no names: they are taken to be in the order of {reference}")
        return np.arange(len(items))
    if x.names == items:
        return np.arange(len(items))
    own = {item: row for row, item in enumerate(x.names)}
    if len(own) == len(x.names) and not own.keys().isdisjoint(items):
        rows = np.array([own.get(item, -1) for item in items])
        if len(x.names) > int((rows >= 0).sum()):
            notes.append(f"{len(x.names) - int((rows >= 0).sum()):,} rows of {name} are left out: {reference} has no "
                         "such items")
        return rows
    return _by_stems(x.names, name, items, notes)


def _by_stems(names: tuple[str, ...], name: str, items: tuple[str, ...], notes: list[str]) -> np.ndarray:
    """The rows of the items where one side is called after files and the other after what is in them."""
    try:
        match = match_names(items, names)
        rows = match.rows.astype(np.int64)
    except InputError as error:
        try:
            match = match_names(names, items)
        except InputError:
            raise InputError(f"{name}: {error}") from error
        rows = np.full(len(items), -1)
        rows[match.rows] = np.arange(len(names))
    notes.extend([] if match.note is None else [f"{name}: {match.note}"])
    return rows


def _require_as_many(models: Mapping[str, Embeddings]) -> None:
    sizes = {name: len(x) for name, x in models.items()}
    if len(set(sizes.values())) > 1:
        listed = ", ".join(f"{name}: {size:,}" for name, size in sizes.items())
        raise InputError(f"models must have the same number of items; got {listed}")

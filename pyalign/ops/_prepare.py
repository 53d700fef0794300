"""Arrays that are read on the side: those of a device with the numbers of the next call there, which waits anyway.

From rows and a measure to rows that a pair kernel can take: transform, row terms, bandwidth.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from pyalign import _checks
from pyalign.backends import Array, Backend, NotOrdinaryError, Rows
from pyalign.measures import LARGEST_CENTERED, SAFE_INVERSE_NORM, Measure, PairKernel, median_distance, spaced_rows
from pyalign.ops._dispatch import Dispatch


class Deferred:
    """Arrays where the backend works, whose values become known later.

    Attributes:
        waiting: those of a device, until they are read.
    """

    def __init__(self, dispatch: Dispatch, arrays: Sequence[Array]):
        self.dispatch, self.waiting = dispatch, list(arrays)
        self._arrays: list[np.ndarray] = []
        if dispatch.on_host:
            self.fill(self.waiting)

    def fill(self, arrays: list[np.ndarray]) -> None:
        """Keeps the arrays, which some call has read."""
        self._arrays, self.waiting = arrays, []

    def read(self) -> list[np.ndarray]:
        """The arrays on the host; waits for the device where no call has read them yet."""
        if self.waiting:
            self.fill(self.dispatch.host_all(self.waiting))
        return self._arrays


def run_prepared(
    dispatch: Dispatch, measure: Measure, x: Array, y: Array | None, work: Callable[[Any, Rows, Rows | None], Any],
    deferred: Deferred | None = None,
) -> Any:
    """What `work(backend, rows of x, rows of y)` returns, with the rows made ready for the pair kernel of the measure.

    On a device all of it is queued before anything is known of the rows, and then read in one transfer. Where they are
    not ordinary, which is rare or an error, `work` runs a second time, after the checks of `prepare`.
    """

    def queued(queue: Any) -> None:
        work(queue, *queue.prepare(measure, x, y))

    return _run(dispatch, x, queued, lambda backend: work(backend, *prepare(backend, measure, x, y)), deferred)


def run_finite(dispatch: Dispatch, matrix: Array, name: str, work: Callable[[Any], Any]) -> Any:
    """What `work(backend)` returns, with a matrix (n, m) without NaN and infinity; as `run_prepared`."""

    def queued(queue: Any) -> None:
        queue.look(matrix)
        work(queue)

    def careful(backend: Backend) -> Any:
        _checks.require_finite_rows(backend, matrix, _squares(backend, matrix), name)
        return work(backend)

    return _run(dispatch, matrix, queued, careful)


def _run(
    dispatch: Dispatch, x: Array, queued: Callable[[Any], None], careful: Callable[[Backend], Any],
    deferred: Deferred | None = None,
) -> Any:
    begin = getattr(dispatch.backend, "queue", None)  # of tensor backends
    if begin is None:
        return careful(dispatch.backend)
    queue = begin(x)
    try:
        queued(queue)
        waiting = [] if deferred is None else deferred.waiting
        result, arrays = queue.read(waiting)
        if deferred is not None and waiting:
            deferred.fill(arrays)
        return result
    except NotOrdinaryError:
        return careful(dispatch.backend)


def prepare(backend: Backend, measure: Measure, x: Array, y: Array | None = None) -> tuple[Rows, Rows | None]:
    """Rows of x (n, d) and, where given, of y (m, d), checked to be finite and within range."""
    sides = [x] if y is None else [x, y]
    kernel = measure.kernel
    lengths_count = not kernel.angular
    squares = [_squares(backend, side) for side in sides]
    for side, norms, name in zip(sides, squares, ("embeddings", "others"), strict=False):
        _checks.require_finite_rows(backend, side, norms, name)
        if lengths_count:
            _checks.require_products(norms, _checks.result_dtype(side), measure.name, name)
    shift = backend.column_shift(x) if measure.transform == "shift" else None
    if shift is not None and y is not None and shift.any():  # of y it may not be exact in half precision
        sides = [backend.widened(side) for side in sides]
    rows = [_rows(backend, measure, kernel, side, norms, shift) for side, norms in zip(sides, squares, strict=True)]
    if lengths_count:
        lengths = [norms if r.terms is None else r.terms for r, norms in zip(rows, squares, strict=True)]
        longest = max(float(some.max()) for some in lengths)
        _checks.require_digits(backend, [r.values for r in rows], longest, measure.name)
    gamma = measure.gamma(lambda: _median_distance(backend, *sides))
    return replace(rows[0], gamma=gamma), None if y is None else rows[1]


def finite_mask(backend: Backend, x: Array) -> np.ndarray:
    """Mask (n,) of the rows of x (n, d) that hold no NaN or infinity."""
    mask: np.ndarray = ~_checks.not_finite(backend, x, _squares(backend, x))
    return mask


def _squares(backend: Backend, x: Array) -> np.ndarray:
    with np.errstate(over="ignore", invalid="ignore"):
        return backend.row_squares(x)


def _median_distance(backend: Backend, x: Array, y: Array | None = None) -> float:
    some = [None if rows is None else backend.some_rows(rows, spaced_rows(len(rows))) for rows in (x, y)]
    assert some[0] is not None
    return median_distance(some[0], some[1])


def _rows(
    backend: Backend, measure: Measure, kernel: PairKernel, x: Array, squares: np.ndarray, shift: np.ndarray | None
) -> Rows:
    """Rows of x, whose squared norms are `squares`, as the measure takes them."""
    original = x
    if measure.transform == "center":
        x = backend.center_rows(_bounded(backend, x))
    elif shift is not None:
        x = backend.shift_rows(x, shift)
    if not kernel.terms:
        return Rows(x, None, measure.pair)
    terms = squares if x is original else _squares(backend, x)
    if kernel.angular:
        x, terms = _unit_terms(backend, x, terms)
    return Rows(x, terms, measure.pair)


def _bounded(backend: Backend, x: Array) -> Array:
    """Rows scaled by powers of two where d * x could overflow; correlation does not change."""
    extremes = backend.row_extremes(x)
    return _rescale(backend, x, extremes, np.ones(len(x), bool)) if extremes.max() > LARGEST_CENTERED else x


def _unit_terms(backend: Backend, x: Array, squares: np.ndarray) -> tuple[Array, np.ndarray]:
    """Rows and 1 / |x|, 0 for a zero row; rows of extreme length are first scaled by a power of two, exactly."""
    terms = _inverse_norms(squares)
    low, high = SAFE_INVERSE_NORM
    extreme = (terms < low) | (terms > high)
    if extreme.any():
        extremes = backend.row_extremes(x)
        extreme &= extremes > 0
        if extreme.any():
            x = _rescale(backend, x, extremes, extreme)
            terms = _inverse_norms(_squares(backend, x))
    return x, terms


def _inverse_norms(squares: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return np.where(squares > 0.0, 1.0 / np.sqrt(squares), 0.0)


def _rescale(backend: Backend, x: Array, extremes: np.ndarray, rows: np.ndarray) -> Array:
    """A copy with the largest magnitude of each marked row brought into [0.5, 1) by a power of two."""
    _, exponents = np.frexp(extremes)
    return backend.scale_rows(x, np.where(rows, -exponents, 0).astype(np.int32))

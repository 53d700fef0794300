"""One set of triplets made ready for fits: rows standardized, in coordinates that converge fast, and a start.

What a fit tells while it runs: passes to a progress callback, its best map to a journal.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import Any

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass, field
from pyalign._process import Progress, silent
from pyalign.data import ODD_ONE_OUT, Transform, alternatives_of
from pyalign.errors import InputError
from pyalign.fitting.algebra import Algebra, one_blas_thread, valid_triplets
from pyalign.fitting.objective import Slope, TripletTerm, largest_penalty, smoothed
from pyalign.fitting.place import algebra_for
from pyalign.journal import Journal
from pyalign.probing.parameters import Basis, ProbeOptions, Standardization, own_basis, principal_basis, standardization


@dataclass(frozen=True)
class Map:
    """A linear map in the coordinates of a problem: weights V (k, r) and bias (r,)."""

    weights: np.ndarray
    bias: np.ndarray


class Problem:
    """The loss of triplets as a function of a `Map`, for any penalty.

    Args:
        x: (n, d) real numbers, one row per item. Only the rows that triplets name are used: for the loss, and for the
            mean and the deviation that standardize.
        triplets: (t, 3) integers in [0, n), the odd item last.
        options: see `ProbeOptions`.
        answers: (t, 3), see `pyalign.fitting.objective.answer_weights`.
        on: where the loss is computed; None: on the host.
        task: of the triplets.
    """

    def __init__(
        self, x: object, triplets: object, options: ProbeOptions, answers: np.ndarray | None = None,
        on: Algebra | None = None, task: str = ODD_ONE_OUT,
    ) -> None:
        self.on, self.task = on or algebra_for(), task
        rows = finite_rows(x)
        index = valid_triplets(triplets, *rows.shape)
        self.options, self.d, self.n_triplets = options, rows.shape[1], len(index)
        self.dtype = rows.dtype
        self.items = np.unique(index)
        self.standardization: Standardization = standardization(rows[self.items], options.standardize)
        with one_blas_thread():
            self.basis = self._basis(self.standardization.apply(rows[self.items]))
        self.term = self._term(index, answers)

    def answered(self, triplets: np.ndarray) -> Problem:
        """The same problem with other answers, one to each of the same triplets: all but the loss is kept."""
        other = copy(self)
        other.term = self._term(triplets, None)
        return other

    def _term(self, index: np.ndarray, answers: np.ndarray | None) -> TripletTerm:
        local = np.searchsorted(self.items, index).astype(np.int32)
        return TripletTerm(
            self.basis.rows,
            np.ascontiguousarray(local),
            measure=self.options.measure,
            temperature=self.options.temperature,
            answers=smoothed(answers, len(index), self.options.smoothing, alternatives_of(self.task)),
            on=self.on,
            task=self.task,
        )

    def _basis(self, rows: np.ndarray) -> Basis:
        if self.options.rank == "diagonal":
            return own_basis(rows, self.dtype)
        return principal_basis(rows, self.dtype, complete=self.options.norm == "identity")

    @property
    def convex(self) -> bool:
        """Whether a duality gap bounds the distance to the optimum."""
        return self.options.convex

    @property
    def whole(self) -> bool:
        """Whether a fit has all its columns from the start."""
        return self.options.rank == "diagonal" or self.options.norm == "identity"

    @property
    def directions(self) -> int:
        """k: the coordinates of a column of the weights."""
        return len(self.basis.stretch)

    @property
    def largest_rank(self) -> int:
        """The number of columns that the weights may have."""
        rank = self.options.rank
        return min(rank, self.directions) if isinstance(rank, int) else self.directions

    def slope(self, at: Map, wide: bool = False) -> Slope:
        """The loss and its derivatives; wide: in float64, whatever the rows' dtype."""
        return (self.term.widened if wide else self.term)(at.weights, at.bias)

    def total(self, loss: float, at: Map) -> float:
        """The loss without its penalty, from that of the triplets."""
        return loss

    def zero_penalty(self) -> float:
        """The penalty on the squared norm from which on the best map is zero."""
        with one_blas_thread():
            return largest_penalty(self.term, self.basis.stretch, self.options.rank == "diagonal")

    def penalties_of(self, shares: tuple[float, ...]) -> tuple[float, ...]:
        """Penalties that are these shares of `zero_penalty`."""
        strongest = self.zero_penalty()
        return tuple(share * strongest for share in shares)

    def transform(self, at: Map) -> Transform:
        """The map for rows as they came: ``((x - mean) / std) @ weights + bias`` with scalar mean and std."""
        weights = self.basis.weights(at.weights)
        mean, std = self.standardization.mean, self.standardization.std
        bias = at.bias if self.options.bias else None
        if mean.ndim == 0:
            return Transform(weights, bias, float(mean), float(std))
        folded = weights / std[:, None]
        return Transform(folded, at.bias - mean @ folded, 0.0, 1.0)

    def map_of(self, transform: Transform) -> Map:
        """The map whose transform that is: a start for a fit. Raises for one of other features or columns."""
        if not isinstance(transform, Transform):
            raise InputError(f"start must be a pyalign.Transform; got {type(transform).__name__}")
        d, r = np.shape(transform.weights)
        if d != self.d:
            raise InputError(f"start must have weights for the {self.d} features of the embeddings; got shape {(d, r)}")
        if not np.isfinite(transform.weights).all():
            raise InputError("start must have finite weights; some are NaN or infinity")
        rank = self.options.rank
        if isinstance(rank, int) and r > rank:
            raise InputError(f"start must have at most rank = {rank} columns; got {r}")
        if self.whole and r != d:
            identity = "norm 'identity'" if self.options.norm == "identity" else "other embeddings"
            which = "rank 'diagonal'" if rank == "diagonal" else identity
            raise InputError(f"start must have {d} columns, one for each feature, with {which}; got {r}")
        if rank == "diagonal" and np.count_nonzero(transform.weights) > np.count_nonzero(transform.weights.diagonal()):
            raise InputError("start must be diagonal with rank 'diagonal'; got weights off the diagonal")
        std = self.standardization.std
        weights = transform.weights * (1.0 if std.ndim == 0 else std[:, None])
        bias = transform.bias if self.options.bias and transform.bias is not None else None
        r = weights.shape[1]
        return Map(self.basis.coordinates(weights), np.zeros(r) if bias is None else bias.astype(np.float64))


def finite_rows(x: object) -> np.ndarray:
    """x as (n, d) float32 or float64 without NaN and infinity."""
    rows = _checks.as_rows(x)
    _checks.require_finite(~np.isfinite(rows).all(axis=1))
    return rows


# What a map is worth to whoever interrupts, the first most; after it comes a figure in nats.
REFIT, FINISHED, FITTED, INNER, CUT = range(5)
Watcher = Callable[[int, float, Map], None]  # (pass, objective, map), after each pass


@dataclass
class Watch:
    """Reports progress."""

    progress: Progress = silent  # called with the stage, the passes of the present fit, and None.
    journal: Journal = field(default_factory=Journal)  # gets the best map so far.
    stage: str = "fit"  # of the fits that are watched, such as "fold 2/3, inner 1/3".
    accuracy: float | None = None  # on held-out triplets, of the last fit that was scored; None before there is one.
    recorded: Callable[[Any], Any] = lambda fit: fit  # what makes a fit one whose map says what it was fitted to.

    def at(self, stage: str) -> Watch:
        """A watch like this one for another stage."""
        return Watch(self.progress, self.journal, stage, recorded=self.recorded)

    def offer(self, merit: tuple[float, ...], fit: Callable[[], Any]) -> None:
        """A fit that may be the best so far, to the journal."""
        self.journal.offer(self.stage, merit, lambda: self.recorded(fit()))

    def report(self, penalty: float, passes: int, objective: float) -> None:
        """Reports a pass, as text."""
        held_out = "" if self.accuracy is None else f", held-out {100 * self.accuracy:.2f}%"
        text = f"{self.stage}: penalty {penalty:.4g}, loss {objective:.5f}{held_out}"
        self.progress(text, passes, None)


def ignore(passes: int, value: float, at: Map) -> None:
    """A watcher that does nothing."""

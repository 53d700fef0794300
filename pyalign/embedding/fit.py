"""Fits of rows: at one penalty, or along a path of penalties with warm starts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property

import numpy as np

from pyalign._dataclass import dataclass
from pyalign.embedding.objective import Objective
from pyalign.embedding.options import RATIO, EmbeddingOptions, EmbeddingPenalty
from pyalign.embedding.solve import Solved, minimise
from pyalign.embedding.start import GAP, MOST, first_columns, principal, signed_optimum
from pyalign.fitting.certificate import Curvature
from pyalign.fitting.objective import TripletLoss
from pyalign.fitting.threads import one_blas_thread

# Shares of the shrinkage from which on the best signed embedding is zero, weakest first: a column that a penalty has
# put to zero never returns under sparsity.
SHARES = tuple(float(share) for share in np.geomspace(0.05, 0.4, 8))
Seen = Callable[[int, float, Callable[[], "RowsFit"]], None]  # (pass, objective, what makes the fit so far)


@dataclass(frozen=True, eq=False)
class RowsFit:
    """Fitted rows, with what the fit has found."""

    rows: np.ndarray  # (n, d) float64: dimensions by mass, largest first; those that are zero are left out.
    penalty: EmbeddingPenalty  # of the fit.
    # objective, cross_entropy: nats.
    objective: float
    cross_entropy: float
    residual: float  # see `pyalign.embedding.solve.kkt_residual`.
    gap: float | None  # nats; None of a non-negative fit, whose problem is not convex.
    converged: bool  # whether residual or gap is as small as was asked for.
    full: bool  # whether the fit has kept all the dimensions that it may start with, so that more could be needed.
    # n_iterations, n_passes: of the solver; each pass gives the loss and its gradient over all answers.
    n_iterations: int
    n_passes: int
    seconds: float  # that it took.


class Fitter:
    """Fits to one set of answers, for any penalties, each from the rows of the one before.

    Args:
        loss: of the answers.
        options: see `EmbeddingOptions`.
        watch: called after each step of the solver.
        order: (n,) the row of each of the loss's objects, in fits and in starts; None: the same.
    """

    def __init__(
        self, loss: TripletLoss, options: EmbeddingOptions, watch: Seen | None = None, order: np.ndarray | None = None
    ) -> None:
        self.loss, self.options, self.watch = loss, options, watch
        self.order = np.arange(loss.n) if order is None else order

    @cached_property
    def at_zero(self) -> Curvature:
        """The curvature at rows of zero, without penalties."""
        with one_blas_thread():
            return Objective(self.loss, EmbeddingPenalty()).curvature(np.zeros((self.loss.n, 1)))

    @property
    def zero(self) -> float:
        """The shrinkage from which on the best signed embedding is zero."""
        return max(-self.at_zero.least, 0.0)

    def penalties(self, shares: Sequence[float] = SHARES) -> tuple[EmbeddingPenalty, ...]:
        """These shares of the shrinkage at which all is zero, and of sparsity what belongs to it."""
        ratio = 0.0 if self.options.signed else RATIO * self.loss.n
        return tuple(EmbeddingPenalty(share * self.zero, ratio * share * self.zero) for share in shares)

    def path(self, penalties: Sequence[EmbeddingPenalty], start: np.ndarray | None = None) -> Iterator[RowsFit]:
        """A fit for each penalty, in their order. start: rows to begin at; None: those of `pyalign.embedding.start`."""
        for penalty in penalties:
            own = None if start is None else start[self.order]
            with one_blas_thread():
                fit = self._signed(penalty, own) if self.options.signed else self._bounded(penalty, own)
            start = fit.rows
            yield fit

    def at(self, penalty: EmbeddingPenalty, start: np.ndarray | None = None) -> RowsFit:
        """One fit."""
        return next(self.path([penalty], start))

    def _bounded(self, penalty: EmbeddingPenalty, start: np.ndarray | None) -> RowsFit:
        began, objective, passes = time.perf_counter(), Objective(self.loss, penalty), 0
        if start is None:
            start, passes = first_columns(
                self.loss, penalty.shrinkage, self.at_zero, self._most, self.options.seed
            )  # fmt: skip

        def fitted(solved: Solved) -> RowsFit:
            rows = by_mass(solved.rows)
            return RowsFit(
                self._stated(rows), penalty, solved.value, solved.value - objective.penalties(rows), solved.residual,
                None, solved.converged, self._most is None and rows.shape[1] == MOST < self.loss.n, solved.iterations,
                passes + solved.passes, time.perf_counter() - began,
            )  # fmt: skip

        return fitted(self._solved(objective, start, fitted))

    def _signed(self, penalty: EmbeddingPenalty, start: np.ndarray | None) -> RowsFit:
        began, objective = time.perf_counter(), Objective(self.loss, penalty)
        optimum = signed_optimum(self.loss, penalty.shrinkage, start=start, iterations=self.options.max_iterations)
        count, passes = optimum.iterations, optimum.passes

        def fitted(solved: Solved) -> RowsFit:
            rows = principal(solved.rows)
            return RowsFit(
                self._stated(rows), penalty, solved.value, solved.value - objective.penalties(rows), solved.residual,
                max(0.0, optimum.gap + solved.value - optimum.objective), solved.converged, False,
                count + solved.iterations, passes + solved.passes, time.perf_counter() - began,
            )  # fmt: skip

        if self._most is None or optimum.rows.shape[1] <= self._most:
            converged = optimum.gap <= GAP
            return fitted(Solved(optimum.rows, optimum.objective, optimum.residual, converged, 0, 0))
        return fitted(self._solved(objective, optimum.rows[:, : self._most], fitted, bounded=False))

    def _stated(self, rows: np.ndarray) -> np.ndarray:
        """Rows of the loss's objects in the order of fits."""
        return rows[np.argsort(self.order)]

    @property
    def _most(self) -> int | None:
        """The most columns that were asked for."""
        return None if self.options.n_dimensions == "auto" else self.options.n_dimensions

    def _solved(
        self, objective: Objective, start: np.ndarray, fitted: Callable[[Solved], RowsFit], bounded: bool = True
    ) -> Solved:
        def seen(passes: int, value: float, rows: np.ndarray) -> None:
            if self.watch is not None and rows.any():  # where every column is zero there is nothing to keep
                so_far = Solved(rows, value, float("inf"), False, passes, passes)
                self.watch(passes, value, lambda: fitted(so_far))

        return minimise(
            objective, start, tolerance=self.options.tolerance, iterations=self.options.max_iterations,
            bounded=bounded, drops=bounded, watch=seen,
        )  # fmt: skip


def by_mass(rows: np.ndarray) -> np.ndarray:
    """The columns of rows (n, d) that are not zero, those of the largest sum first.

    Example:
        >>> by_mass(np.array([[0.0, 1.0, 2.0], [0.0, 0.0, 1.0]])).tolist()
        [[2.0, 1.0], [1.0, 0.0]]
    """
    mass = rows.sum(axis=0)
    order = np.argsort(-mass, kind="stable")
    return np.ascontiguousarray(rows[:, order[mass[order] > 0]])

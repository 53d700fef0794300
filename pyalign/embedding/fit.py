"""By how much penalties have moved each entry of an embedding, to first order.

At a stationary point X of loss + penalty, one Newton step of the loss towards its own optimum is H^-1 times the
derivative of the penalty, where H is the Hessian of the objective at the entries that are not 0. H gets twice the
shrinkage, which makes it positive definite in practice: otherwise directions in which the axes can almost be rotated
would have hardly any curvature, and a step along them would be arbitrary.

The objective of a fit of rows X (n, d), with its derivative.
Starting points of fits: the signed optimum, and the non-negative columns that are made of its axes.
Fits of rows: at one penalty, or along a path of penalties with warm starts.

The options of a fit of rows: its penalties, its form and where it starts. They are checked once, here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any, Literal

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass
from pyalign.embedding.solve import Seen, Solved, minimize, rounded
from pyalign.errors import InputError
from pyalign.fitting.algebra import one_blas_thread
from pyalign.fitting.objective import Curvature, TripletLoss, curvature_of_rows

DAMPING = 2.0  # times the shrinkage that H has
PRECISION, BIAS_ITERATIONS = 0.03, 50  # conjugate gradients end at this share of the residual: a tenth would do
STEP = 1e-4  # of differences, as a share of the root mean square of the entries


def moved_by_penalties(loss: TripletLoss, penalty: EmbeddingPenalty, rows: np.ndarray) -> np.ndarray:
    """(n, d) estimate of how far penalties have moved each entry, 0 for entries that are 0.

    rows: (n, d) float64, of a fit with this penalty. It takes some 30 gradients.
    """
    plain, free = Objective(loss, EmbeddingPenalty()), rows != 0
    scale = STEP * float(np.sqrt(np.mean(rows**2)))
    damping = DAMPING * 2 * penalty.shrinkage

    def curved(along: np.ndarray) -> np.ndarray:
        step = scale / float(np.sqrt(np.mean(along**2)))
        change = plain(rows + step * along)[1] - plain(rows - step * along)[1]
        return np.where(free, change / (2 * step), 0.0) + damping * along

    left = np.where(free, 2 * penalty.shrinkage * rows + penalty.sparsity / len(rows) * np.sign(rows), 0.0)
    toward, along, size = np.zeros_like(rows), left.copy(), float((left**2).sum())
    least = PRECISION**2 * size
    with one_blas_thread():
        for _ in range(BIAS_ITERATIONS):
            if size <= least:
                break
            product = curved(along)
            curvature = float((along * product).sum())
            if curvature <= 0:
                break  # not a minimum: what has been found so far
            toward += size / curvature * along
            left -= size / curvature * product
            size, before = float((left**2).sum()), size
            along = left + size / before * along
    return -toward


COLUMNS = 64  # directions in which an embedding may grow at a time


class Objective:
    """The objective as a function of rows, in the precision of the loss; values are summed in float64."""

    def __init__(self, loss: TripletLoss, penalty: EmbeddingPenalty) -> None:
        self.loss, self.penalty = loss, penalty

    def __call__(self, rows: np.ndarray) -> tuple[float, np.ndarray]:
        """The value and its derivative (n, d) at rows (n, d) on the host."""
        on = self.loss.on
        with on.dispatch.running():
            value, by_rows = self.loss.by_rows(on.dispatch.bring(np.ascontiguousarray(rows, self.loss.dtype)))
            slope = np.array(on.fetched(by_rows), self.loss.dtype)
        slope += (2 * self.penalty.shrinkage) * rows
        slope += self.penalty.sparsity / self.loss.n
        return value + self.penalties(rows), slope

    def penalties(self, rows: np.ndarray) -> float:
        """The value of the penalties at these rows, in nats."""
        squares, total = (rows * rows).sum(dtype=np.float64), np.abs(rows).sum(dtype=np.float64)
        return self.penalty.shrinkage * float(squares) + self.penalty.sparsity / self.loss.n * float(total)

    def curvature(self, rows: np.ndarray) -> Curvature:
        """The derivative by S at the rows, along the steepest `COLUMNS`; see `pyalign.fitting.objective`."""
        rows = rows if rows.shape[1] else np.zeros((self.loss.n, 1))
        return curvature_of_rows(self.loss, rows, self.penalty.shrinkage, COLUMNS)


GAP = 1e-4  # nats, of a signed fit
ITERATIONS = 200  # of the signed fit of a start, which need not be nearer: the fit that follows has its own optimum
RESIDUALS = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8)  # of its rounds
FIRST_LENGTH = 0.1  # root mean square of the entries of a new column
NEGLIGIBLE = 1e-3  # columns shorter than this share of the longest are dropped
WEAKEST = 0.05  # of the shrinkage at which all is zero: a start needs no weaker one
MOST = 100  # columns of a start, unless more are asked for


@dataclass(frozen=True, eq=False)
class SignedOptimum:
    """The signed embedding with the least objective."""

    rows: np.ndarray  # (n, r), columns orthogonal, the longest first.
    gap: float  # nats, between its objective and a lower bound of any embedding's.
    # objective, cross_entropy: nats.
    objective: float
    cross_entropy: float
    # residual, iterations, passes: see `pyalign.embedding.solve.Solved`.
    residual: float
    iterations: int
    passes: int
    converged: bool  # whether the gap is at most what was asked for.


def signed_optimum(
    loss: TripletLoss, shrinkage: float, *, start: np.ndarray | None = None, gap: float = GAP, iterations: int = 2000,
    watch: Seen | None = None,
) -> SignedOptimum:
    """The signed optimum: columns are added along descent directions until the duality gap is small.

    start: (n, r) rows near the optimum, such as that of another penalty.
    """
    objective = Objective(loss, EmbeddingPenalty(shrinkage))
    rows = np.zeros((loss.n, 0)) if start is None else start
    curvature = objective.curvature(rows)
    done, passes, residual, distance, value = 0, 1, 0.0, 0.0, curvature.loss
    for tolerance in RESIDUALS:
        new = new_columns(curvature)
        if not rows.shape[1] and not new.shape[1]:
            break  # nothing lowers the objective: the optimum is zero
        solved = minimize(
            objective, np.hstack([rows, new]), tolerance=tolerance, iterations=max(1, iterations - done),
            bounded=False, watch=watch,
        )
        done, passes, residual = done + solved.iterations, passes + solved.passes + 1, solved.residual
        rows = principal(solved.rows)
        curvature = objective.curvature(rows)
        value = curvature.loss + objective.penalties(rows)
        distance = max(0.0, value - curvature.entropy)
        if distance <= gap or done >= iterations:
            break
    return SignedOptimum(rows, distance, value, curvature.loss, residual, done, passes, distance <= gap)


def new_columns(curvature: Curvature, below: float = 0.0) -> np.ndarray:
    """Columns (n, m) along the directions whose eigenvalue is less than -below."""
    directions = curvature.directions[:, curvature.values < -below]
    return rounded(directions) * (FIRST_LENGTH * np.sqrt(len(directions)))


def first_columns(
    loss: TripletLoss, shrinkage: float, at_zero: Curvature, n_dimensions: int | None, seed: int | None,
    watch: Seen | None = None,
) -> tuple[np.ndarray, int]:
    """Non-negative columns (n, d) to start from, and how many passes over the data they took.

    They are the positive and the negative parts of the axes of a signed embedding that is near its optimum, the
    largest first. So no start is near zero, where sparsity would keep every column at zero.

    Args:
        at_zero: the curvature at rows of zero, without penalties.
        n_dimensions: the most columns; None: `MOST`.
        seed: turns the axes at random first; None: they stay.
    """
    penalty = EmbeddingPenalty(max(shrinkage, -WEAKEST * at_zero.least))
    solved = minimize(
        Objective(loss, penalty), new_columns(at_zero, penalty.shrinkage),
        tolerance=RESIDUALS[0], iterations=ITERATIONS, bounded=False, watch=watch,
    )
    rows = principal(solved.rows)
    if seed is not None and rows.shape[1]:
        rng = np.random.default_rng(seed)
        turn, upper = np.linalg.qr(rng.normal(size=(rows.shape[1], rows.shape[1])))
        rows = rounded(rows @ (turn * np.sign(upper.diagonal())))
    parts = np.hstack([np.maximum(rows, 0.0), np.maximum(-rows, 0.0)])
    mass = (parts**2).sum(axis=0)
    order = np.argsort(-mass, kind="stable")[: min(n_dimensions or MOST, loss.n)]
    return np.ascontiguousarray(parts[:, order[mass[order] > 0]]), solved.passes


def principal(rows: np.ndarray) -> np.ndarray:
    """Rows with the same inner products and orthogonal columns, the longest first, without negligible ones.

    They are rounded, as two implementations of LAPACK differ in the last bits, and the largest entry of a column is
    positive.
    """
    left, lengths, _ = np.linalg.svd(rows, full_matrices=False)
    columns = (left * lengths)[:, lengths > NEGLIGIBLE * max(lengths.max(initial=0.0), 1e-300)]
    if columns.size:
        columns *= np.sign(np.take_along_axis(columns, np.abs(columns).argmax(axis=0)[None], axis=0))
    return np.ascontiguousarray(rounded(columns))


# Shares of the shrinkage from which on the best signed embedding is zero, weakest first: a column that a penalty has
# put to zero never returns under sparsity.
SHARES = tuple(float(share) for share in np.geomspace(0.05, 0.4, 8))
# Shares along which the number of dimensions settles, weakest first, and those to which a fit comes down from there.
SETTLING = tuple(float(share) for share in np.geomspace(0.05, 0.5, 12))
RELAXED = tuple(float(share) for share in np.geomspace(0.08, 0.005, 5))
FitSeen = Callable[[int, float, Callable[[], "RowsFit"]], None]  # (pass, objective, what makes the fit so far)


@dataclass(frozen=True, eq=False)
class RowsFit:
    """Fitted rows and the figures of the fit."""

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


def settled(numbers: Sequence[int]) -> tuple[int, int] | None:
    """The first and the middle one of the fits whose number of dimensions is the most frequent; None without any.

    numbers: of dimensions along a path, 0 where none counts. Of numbers that are as frequent the largest is taken.

    Example:
        >>> settled((7, 4, 3, 3, 3, 1, 0)), settled((0, 0))
        ((2, 3), None)
    """
    counted = [number for number in numbers if number]
    if not counted:
        return None
    number = max(counted, key=lambda one: (counted.count(one), one))
    places = [k for k, one in enumerate(numbers) if one == number]
    return places[0], places[(len(places) - 1) // 2]


class Fitter:
    """Fits to one set of answers, for any penalties, each from the rows of the one before.

    Args:
        loss: of the answers.
        options: see `EmbeddingOptions`.
        watch: called after each step of the solver.
        order: (n,) the row of each of the loss's objects, in fits and in starts; None: the same.
    """

    def __init__(
        self,
        loss: TripletLoss,
        options: EmbeddingOptions,
        watch: FitSeen | None = None,
        order: np.ndarray | None = None,
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
        """The smallest shrinkage at which the best signed embedding is zero."""
        return max(-self.at_zero.least, 0.0)

    def penalties(self, shares: Sequence[float] = SHARES) -> tuple[EmbeddingPenalty, ...]:
        """Penalties at these fractions of the shrinkage at which all is zero, each with its sparsity."""
        ratio = 0.0 if self.options.signed else RATIO * self.loss.n
        return tuple(EmbeddingPenalty(share * self.zero, ratio * share * self.zero) for share in shares)

    def path(self, penalties: Sequence[EmbeddingPenalty], start: np.ndarray | None = None) -> Iterator[RowsFit]:
        """A fit for each penalty, in their order. start: rows to begin at; None: those of `pyalign.embedding.fit`."""
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
            start, passes = first_columns(self.loss, penalty.shrinkage, self.at_zero, self._most, self.options.seed)

        def fitted(solved: Solved) -> RowsFit:
            rows = by_mass(solved.rows)
            return RowsFit(
                self._stated(rows), penalty, solved.value, solved.value - objective.penalties(rows), solved.residual,
                None, solved.converged, self._most is None and rows.shape[1] == MOST < self.loss.n, solved.iterations,
                passes + solved.passes, time.perf_counter() - began,
            )

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
            )

        if self._most is None or optimum.rows.shape[1] <= self._most:
            converged = optimum.gap <= GAP
            return fitted(Solved(optimum.rows, optimum.objective, optimum.residual, converged, 0, 0))
        return fitted(self._solved(objective, optimum.rows[:, : self._most], fitted, bounded=False))

    def _stated(self, rows: np.ndarray) -> np.ndarray:
        """Rows of the loss's objects in the order of fits."""
        return rows[np.argsort(self.order)]

    @property
    def _most(self) -> int | None:
        """The largest number of columns that was asked for."""
        return None if self.options.n_dimensions == "auto" else self.options.n_dimensions

    def _solved(
        self, objective: Objective, start: np.ndarray, fitted: Callable[[Solved], RowsFit], bounded: bool = True
    ) -> Solved:
        def seen(passes: int, value: float, rows: np.ndarray) -> None:
            if self.watch is not None and rows.any():  # where every column is zero there is nothing to keep
                so_far = Solved(rows, value, float("inf"), False, passes, passes)
                self.watch(passes, value, lambda: fitted(so_far))

        return minimize(
            objective, start, tolerance=self.options.tolerance, iterations=self.options.max_iterations,
            bounded=bounded, drops=bounded, watch=seen,
        )


def by_mass(rows: np.ndarray) -> np.ndarray:
    """The columns of rows (n, d) that are not zero, those of the largest sum first.

    Example:
        >>> by_mass(np.array([[0.0, 1.0, 2.0], [0.0, 0.0, 1.0]])).tolist()
        [[2.0, 1.0], [1.0, 0.0]]
    """
    mass = rows.sum(axis=0)
    order = np.argsort(-mass, kind="stable")
    return np.ascontiguousarray(rows[:, order[mass[order] > 0]])


RATIO = 0.5  # sparsity / (n * shrinkage) where only one of them is stated; see docs/embedding.md


def auto_or_count(value: object, name: str) -> int | Literal["auto"]:
    """The number of dimensions, ``"auto"`` or at least 1."""
    number = None if value == "auto" else _checks.index_number(value, 1)
    if number is None and value != "auto":
        raise InputError(f"{name} must be 'auto' or a positive whole number; got {value!r}")
    return number or "auto"


@dataclass(frozen=True)
class EmbeddingOptions:
    """The options of an embedding, except for its penalties."""

    # the largest number of dimensions; ``"auto"``: so many that penalties leave fewer of them, at most the number of
    # objects.
    n_dimensions: int | Literal["auto"] = "auto"
    # whether entries may be negative. The problem is then convex in S = X X^T, has no penalty of sparsity, and the fit
    # has a duality gap.
    signed: bool = False
    # the KKT residual at which a fit stops, see `pyalign.embedding.solve.kkt_residual`. At the default a finer one
    # changes no printed figure.
    tolerance: float = 1e-5
    max_iterations: int = 2000  # the most iterations of a fit.
    # None: the start is the signed optimum, without randomness. A number: its axes are turned at random first.
    seed: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "n_dimensions", auto_or_count(self.n_dimensions, "n_dimensions"))
        _checks.flags(signed=self.signed)
        tolerance = _checks.plain_number(self.tolerance)
        if not tolerance > 0:
            raise InputError(f"tolerance must be a positive number; got {self.tolerance!r}")
        object.__setattr__(self, "tolerance", tolerance)
        object.__setattr__(self, "max_iterations", _checks.whole_number(self.max_iterations, "max_iterations", 1))
        if self.seed is not None:
            object.__setattr__(self, "seed", _checks.whole_number(self.seed, "seed", 0))


@dataclass(frozen=True, order=True)
class EmbeddingPenalty:
    """The penalties of a fit to n objects: shrinkage * |X|_F^2 + sparsity / n * (the sum of all |x|)."""

    shrinkage: float = 0.0  # at least 0. The penalty of SPoSE has none.
    sparsity: float = 0.0  # at least 0; the lambda of SPoSE.

    def __post_init__(self) -> None:
        for name in ("shrinkage", "sparsity"):
            value = _checks.plain_number(getattr(self, name))
            if not 0 <= value < float("inf"):
                raise InputError(f"{name} must be a number of at least 0; got {getattr(self, name)!r}")
            object.__setattr__(self, name, value)

    def scaled(self, factor: float) -> EmbeddingPenalty:
        """Both penalties times a factor."""
        return EmbeddingPenalty(factor * self.shrinkage, factor * self.sparsity)


def penalty_of(shrinkage: float | None, sparsity: float | None, n: int, signed: bool) -> EmbeddingPenalty:
    """The penalties of n objects; one of the two may be left out and then follows from the other by `RATIO`.

    Example:
        >>> penalty_of(2e-5, None, 1000, signed=False)
        EmbeddingPenalty(shrinkage=2e-05, sparsity=0.01)
    """
    if signed:
        if sparsity:
            raise InputError(f"sparsity must be left out of a signed embedding, whose axes may turn; got {sparsity!r}")
        sparsity = 0.0
    if shrinkage is None and not sparsity:
        raise InputError("shrinkage or sparsity must be a positive number; got neither")
    if shrinkage is None:
        return EmbeddingPenalty(EmbeddingPenalty(sparsity=sparsity or 0.0).sparsity / (RATIO * n), sparsity or 0.0)
    penalty = EmbeddingPenalty(shrinkage, 0.0 if sparsity is None else sparsity)
    if sparsity is None:
        penalty = EmbeddingPenalty(penalty.shrinkage, RATIO * n * penalty.shrinkage)
    if not penalty.shrinkage and (signed or not penalty.sparsity):
        raise InputError("shrinkage or sparsity must be a positive number; both are 0")
    return penalty


def as_embedding_penalties(
    penalties: Any, n: int, signed: bool, words: Sequence[str] = ("auto",)
) -> tuple[EmbeddingPenalty, ...] | None:
    """Penalties in the order of a path, weakest first; None for one of the words.

    penalties: a word, or pairs (shrinkage, sparsity) of which one may be None.
    """
    if isinstance(penalties, str):
        if penalties not in words:
            stated = ", ".join(map(repr, words))
            raise InputError(f"penalties must be {stated} or pairs (shrinkage, sparsity); got {penalties!r}")
        return None
    several = [penalties] if isinstance(penalties, EmbeddingPenalty) else penalties
    if not isinstance(several, Sequence) or not several:
        raise InputError(f"penalties must be 'auto' or pairs (shrinkage, sparsity); got {penalties!r}")
    pairs = []
    for one in several:
        pair = (one.shrinkage, one.sparsity) if isinstance(one, EmbeddingPenalty) else one
        if not isinstance(pair, Sequence) or isinstance(pair, str) or len(pair) != 2:
            raise InputError(f"penalties must be pairs (shrinkage, sparsity); got {one!r}")
        pairs.append(penalty_of(pair[0], pair[1], n, signed))
    return tuple(sorted(set(pairs)))

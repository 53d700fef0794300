"""Where fits start: the signed optimum, and the columns of a non-negative embedding that are made of its axes."""

from __future__ import annotations

import numpy as np

from pyalign._dataclass import dataclass
from pyalign.embedding.objective import Objective
from pyalign.embedding.options import EmbeddingPenalty
from pyalign.embedding.solve import Seen, minimise, rounded
from pyalign.fitting.certificate import Curvature
from pyalign.fitting.objective import TripletLoss

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
) -> SignedOptimum:  # fmt: skip
    """Columns are added along the directions in which the objective falls until the duality gap is small.

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
        solved = minimise(
            objective, np.hstack([rows, new]), tolerance=tolerance, iterations=max(1, iterations - done),
            bounded=False, watch=watch,
        )  # fmt: skip
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
) -> tuple[np.ndarray, int]:  # fmt: skip
    """Non-negative columns (n, d) to start from, and the passes that they took.

    They are the positive and the negative parts of the axes of a signed embedding that is near its optimum, those of
    the most mass first. So no start is near zero, where sparsity would keep every column.

    Args:
        at_zero: the curvature at rows of zero, without penalties.
        n_dimensions: the most columns; None: `MOST`.
        seed: turns the axes at random first; None: they stay.
    """
    penalty = EmbeddingPenalty(max(shrinkage, -WEAKEST * at_zero.least))
    solved = minimise(
        Objective(loss, penalty), new_columns(at_zero, penalty.shrinkage),
        tolerance=RESIDUALS[0], iterations=ITERATIONS, bounded=False, watch=watch,
    )  # fmt: skip
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
    """Rows with the same inner products, their columns orthogonal, the longest first; negligible ones are left out.

    They are rounded, as two implementations of LAPACK differ in the last bits, and the largest entry of a column is
    positive.
    """
    left, lengths, _ = np.linalg.svd(rows, full_matrices=False)
    columns = (left * lengths)[:, lengths > NEGLIGIBLE * max(lengths.max(initial=0.0), 1e-300)]
    if columns.size:
        columns *= np.sign(np.take_along_axis(columns, np.abs(columns).argmax(axis=0)[None], axis=0))
    return np.ascontiguousarray(rounded(columns))

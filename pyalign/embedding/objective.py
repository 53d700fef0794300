"""The objective of a fit of rows X (n, d), with its derivative.

    mean -log softmax(x_i . x_j) + shrinkage * |X|_F^2 + sparsity / n * (the sum of all x),   X >= 0

Without the bound and without sparsity it is convex in S = X X^T, and the duality gap of `pyalign.fitting.certificate`
bounds how far a fit is from the optimum.
"""

from __future__ import annotations

import numpy as np

from pyalign.embedding.options import EmbeddingPenalty
from pyalign.fitting.certificate import Curvature, curvature_of_rows
from pyalign.fitting.objective import TripletLoss


class Objective:
    """The objective as a function of rows, everything in float64.

    Example:
        >>> loss = TripletLoss(3, np.array([[0, 1, 2]]), np.dtype(np.float64))
        >>> value, slope = Objective(loss, EmbeddingPenalty(0.5, 3.0))(np.ones((3, 1)))
        >>> round(float(value - np.log(3)), 4), slope.shape
        (4.5, (3, 1))
    """

    def __init__(self, loss: TripletLoss, penalty: EmbeddingPenalty) -> None:
        self.loss, self.penalty = loss, penalty

    def __call__(self, rows: np.ndarray) -> tuple[float, np.ndarray]:
        """The value and its derivative (n, d) at rows (n, d) on the host."""
        on = self.loss.on
        with on.dispatch.running():
            value, by_rows = self.loss.by_rows(on.dispatch.bring(np.ascontiguousarray(rows)))
            slope = np.asarray(on.fetched(by_rows), np.float64)
        shrinkage, sparsity = self.penalty.shrinkage, self.penalty.sparsity / self.loss.n
        return value + self.penalties(rows), slope + (2 * shrinkage * rows + sparsity)

    def penalties(self, rows: np.ndarray) -> float:
        """What the rows cost besides the cross-entropy, in nats."""
        squares = float(np.vdot(rows, rows))
        return self.penalty.shrinkage * squares + self.penalty.sparsity / self.loss.n * float(np.abs(rows).sum())

    def curvature(self, rows: np.ndarray) -> Curvature:
        """The derivative by S at the rows; see `pyalign.fitting.certificate`."""
        return curvature_of_rows(self.loss, rows, self.penalty.shrinkage)


def zero_shrinkage(loss: TripletLoss) -> float:
    """The shrinkage from which on the best signed embedding is zero."""
    return max(-curvature_of_rows(loss, np.zeros((loss.n, 1)), 0.0).least, 0.0)

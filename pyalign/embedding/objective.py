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

COLUMNS = 64  # directions in which an embedding may grow at a time


class Objective:
    """The objective as a function of rows, in the precision of the loss; values are summed in float64.

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
            value, by_rows = self.loss.by_rows(on.dispatch.bring(np.ascontiguousarray(rows, self.loss.dtype)))
            slope = np.array(on.fetched(by_rows), self.loss.dtype)
        slope += (2 * self.penalty.shrinkage) * rows
        slope += self.penalty.sparsity / self.loss.n
        return value + self.penalties(rows), slope

    def penalties(self, rows: np.ndarray) -> float:
        """What the rows cost besides the cross-entropy, in nats."""
        squares, total = (rows * rows).sum(dtype=np.float64), np.abs(rows).sum(dtype=np.float64)
        return self.penalty.shrinkage * float(squares) + self.penalty.sparsity / self.loss.n * float(total)

    def curvature(self, rows: np.ndarray) -> Curvature:
        """The derivative by S at the rows, along the steepest `COLUMNS`; see `pyalign.fitting.certificate`."""
        rows = rows if rows.shape[1] else np.zeros((self.loss.n, 1))
        return curvature_of_rows(self.loss, rows, self.penalty.shrinkage, COLUMNS)

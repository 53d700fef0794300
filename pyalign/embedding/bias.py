"""By how much penalties have moved each entry of an embedding, to first order.

At a stationary point X of loss + penalty, one Newton step of the loss towards its own optimum is H^-1 times the
derivative of the penalty, where H are the second derivatives of the objective at the entries that are not 0. With
twice the shrinkage in H it is positive definite in practice: axes that may almost turn leave directions of hardly any
curvature, in which a step would go anywhere.
"""

from __future__ import annotations

import numpy as np

from pyalign.embedding.objective import Objective
from pyalign.embedding.options import EmbeddingPenalty
from pyalign.fitting.objective import TripletLoss
from pyalign.fitting.threads import one_blas_thread

DAMPING = 2.0  # times the shrinkage that H has
PRECISION, ITERATIONS = 0.03, 50  # conjugate gradients end at this share of the residual: a tenth would do
STEP = 1e-4  # of differences, as a share of the root mean square of the entries


def moved_by_penalties(loss: TripletLoss, penalty: EmbeddingPenalty, rows: np.ndarray) -> np.ndarray:
    """(n, d) estimate of the fitted less the unpenalized entries, 0 for entries that are 0.

    rows: (n, d) float64, of a fit with this penalty. It takes some 30 gradients.

    Example:
        >>> loss = TripletLoss(3, np.array([[0, 1, 2]]), np.dtype(np.float64))
        >>> bool((moved_by_penalties(loss, EmbeddingPenalty(0.01), np.ones((3, 1))) < 0).all())
        True
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
        for _ in range(ITERATIONS):
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

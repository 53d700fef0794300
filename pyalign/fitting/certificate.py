"""Bounds the distance of a map from the best one: the duality gap of the convex problem in M = W W^T.

The loss depends on W through S = X M X^T alone and is convex in M, as is the squared penalty, |W|_F^2 = trace(M). Its
dual over distributions q of each triplet's answer is

    maximise  mean entropy(q)  such that  X^T H(q) X + strength * I  has no negative eigenvalue,

where H(q) holds the residuals q - answer, symmetrised. The residuals of a fit, shrunk until they satisfy the
constraint, give a feasible q, and with it a bound: no map of any rank reaches an objective below mean entropy(q).
"""

from __future__ import annotations

import numpy as np

from pyalign._dataclass import dataclass
from pyalign.backends import Array
from pyalign.fitting.objective import TripletLoss, TripletTerm


@dataclass(frozen=True)
class Curvature:
    """The derivative of the objective by M at a fit, along the directions in which it falls."""

    least: float  # smallest eigenvalue of X^T H X + strength * I; a diagonal map: its smallest diagonal element.
    # (k, m) directions V of negative eigenvalues, steepest first: columns that would lower the objective.
    directions: np.ndarray
    values: np.ndarray  # (m,) eigenvalues of these.
    loss: float  # mean cross-entropy, in float64.
    entropy: float  # of the answers that the dual takes: the lower bound of the objective.


def curvature(
    term: TripletTerm, stretch: np.ndarray, weights: np.ndarray, bias: np.ndarray, penalty: float,
    diagonal: bool = False,
) -> Curvature:  # fmt: skip
    """The derivative by M at weights V (k, r); everything in float64.

    stretch: (k,), by which the rows of the term are stretched along each direction: X is rows / stretch.
    penalty: of the penalty on trace(M).
    """
    loss, by_gram, probabilities = term.by_gram(weights, bias)
    slope = term.between_directions(by_gram, stretch)
    return _curvature(term, loss, slope, probabilities, stretch, penalty, diagonal)


def curvature_of_rows(loss: TripletLoss, z: np.ndarray, penalty: float, most: int | None = None) -> Curvature:
    """The derivative by M = Z Z^T at rows Z (n, r), where X is the identity; everything in float64.

    most: how many directions are looked for, at most, which takes less time than all of them.
    """
    wide = loss.widened
    with wide.on.dispatch.running():
        value, by_gram, probabilities = wide.at_gram(wide.on.dispatch.bring(z.astype(np.float64)))
        slope = wide.on.fetched(by_gram)
    return _curvature(wide, value, slope, probabilities, np.ones(loss.n), penalty, most=most)


def _curvature(
    term: TripletLoss, loss: float, slope: np.ndarray, probabilities: Array, stretch: np.ndarray, penalty: float,
    diagonal: bool = False, most: int | None = None,
) -> Curvature:  # fmt: skip
    if diagonal:
        values, vectors = slope.diagonal(), np.empty((len(slope), 0))
    else:
        values, vectors = np.linalg.eigh(slope) if most is None else _least_eigenvectors(slope, most)
    least = float(values.min())
    falling = np.flatnonzero(values < -penalty * (1 + 1e-9)) if not diagonal else np.arange(0)
    share = 1.0 if least >= -penalty else penalty / -least
    entropy = term.mean_entropy(share, probabilities)
    return Curvature(least + penalty, vectors[:, falling] / stretch[:, None], values[falling], loss, entropy)


def _least_eigenvectors(matrix: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """The least eigenvalues of a symmetric matrix (n, n) and their vectors (n, at most `most`)."""
    from scipy.linalg import eigh

    values, vectors = eigh(matrix, subset_by_index=[0, min(most, len(matrix)) - 1], check_finite=False)
    return values, vectors


def steepest_strength(term: TripletTerm, stretch: np.ndarray, diagonal: bool = False) -> float:
    """The penalty strength from which on the best map is zero.

    At M = 0 all answers have probability 1/3, or 1/2 of two; the penalty outweighs the loss in every direction from
    there on.
    """
    zero = np.zeros((len(stretch), 1))
    return max(-curvature(term, stretch, zero, np.zeros(1), 0.0, diagonal).least, 0.0)

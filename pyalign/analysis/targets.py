"""Soft targets: for each triplet, how often each position is odd."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pyalign import _checks
from pyalign.errors import InputError
from pyalign.stats.divergences import as_distributions


@dataclass(frozen=True)
class SoftTargets:
    """Choice probabilities by odd position.

    Attributes:
        kind: "counts" or "probabilities".
        p: float64 (t, 3), rows sum to 1.
        weights: float64 (t,) answers to each triplet, for counts; None for probabilities: each triplet weighs 1.
    """

    kind: str
    p: np.ndarray
    weights: np.ndarray | None

    def take(self, rows: np.ndarray) -> SoftTargets:
        """Those rows, given as numbers or as a mask."""
        return SoftTargets(self.kind, self.p[rows], None if self.weights is None else self.weights[rows])


def as_targets(targets: object, t: int) -> SoftTargets:
    """Checked targets of t triplets: integers are counts of answers, floats are probabilities.

    Raises:
        InputError: a wrong shape, a negative number, NaN, a row of counts without answers, or a row of probabilities
            that doesn't sum to 1.

    Example:
        >>> as_targets([[1, 2, 1]], 1).p
        array([[0.25, 0.5 , 0.25]])
    """
    a = _checks.as_array(targets, "targets", "(t, 3)")
    if a.shape != (t, 3):
        raise InputError(f"targets must have shape ({t}, 3), a row for each triplet; got {a.shape}")
    if a.dtype.kind not in "iu":
        return SoftTargets("probabilities", as_distributions(a, "targets"), None)
    if a.min() < 0:
        row = int((a < 0).any(axis=1).argmax())
        raise InputError(f"targets must not be negative; row {row} is {a[row].tolist()}")
    counts = a.astype(np.float64)
    answers = counts.sum(axis=1)
    if not answers.all():
        row = int((answers == 0).argmax())
        raise InputError(f"targets must count at least one answer in each row; row {row} sums to 0")
    return SoftTargets("counts", counts / answers[:, None], answers)


def target_similarity(targets: SoftTargets, similarities: np.ndarray) -> np.ndarray:
    """float64 (t,): the mean similarity of the chosen pair; similarities (t, 3) are of the pairs 01, 02, 12.

    Example:
        >>> target_similarity(as_targets([[0, 1, 3]], 1), np.array([[0.8, 0.4, 0.1]]))
        array([0.7])
    """
    u = targets.p[:, 2] * similarities[:, 0]
    u += targets.p[:, 1] * similarities[:, 1]
    u += targets.p[:, 0] * similarities[:, 2]
    return u


def agreement(targets: SoftTargets, similarities: np.ndarray, ties: str) -> np.ndarray:
    """float64 (t,): the probability, under the targets, of the model's own choice: the item outside its best pair.

    Where pairs tie for the best, by `ties`: ``"fractional"`` the mean over them, ``"wrong"`` 0, ``"human_alignment"``
    the first of two and 0 for three.

    Example:
        >>> agreement(as_targets([[0, 1, 3]], 1), np.array([[0.4, 0.4, 0.1]]), "fractional")
        array([0.5])
    """
    p = targets.p[:, ::-1]  # by pair 01, 02, 12
    best = similarities == similarities.max(axis=1, keepdims=True)
    pairs = best.sum(axis=1)
    if ties == "fractional":
        return (p * best).sum(axis=1) / pairs
    first = np.take_along_axis(p, best.argmax(axis=1)[:, None], axis=1)[:, 0]
    return np.where(pairs <= (2 if ties == "human_alignment" else 1), first, 0.0)

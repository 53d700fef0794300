"""What people answered, when it is more than one answer for each triplet: counts, probabilities, weights."""

from __future__ import annotations

import math

import numpy as np

from pyalign import _checks
from pyalign.errors import InputError


def answer_weights(t: int, targets: object = None, weights: object = None, smoothing: float = 0.0) -> np.ndarray | None:
    """(t, 3) float64, how much the answers weigh that call position p odd; None where each triplet has one, the last.

    Args:
        t: triplets.
        targets: (t, 3) counts or probabilities of each position being called odd; None: the last, once.
        weights: (t,) further weights of the triplets.
        smoothing: pseudo-counts a: y of m answers becomes m (y + a) / (m + 3 a), the mean of a Dirichlet posterior.

    Raises:
        InputError: other shapes, negative numbers, or none that is positive.

    Example:
        >>> answer_weights(1, [[0, 1, 3]], [2.0]).tolist()
        [[0.0, 2.0, 6.0]]
        >>> answer_weights(1, smoothing=1.0).tolist()
        [[0.25, 0.25, 0.5]]
    """
    if not (isinstance(smoothing, int | float) and 0 <= smoothing < math.inf):
        raise InputError(f"smoothing must be a number of at least 0; got {smoothing!r}")
    if targets is None and weights is None and not smoothing:
        return None
    y = np.tile([0.0, 0.0, 1.0], (t, 1))
    if targets is not None:
        y = _checks.as_rows(targets, "targets").astype(np.float64)
        _checks.total_weight(y, t)
    if smoothing:
        all_answers = y.sum(axis=1, keepdims=True)
        y = all_answers * (y + smoothing) / (all_answers + 3 * smoothing)
    if weights is not None:
        y = y * _weights(weights, t)[:, None]
        _checks.total_weight(y, t)
    return y


def _weights(weights: object, t: int) -> np.ndarray:
    values = np.asarray(weights, dtype=np.float64)
    if values.shape != (t,):
        raise InputError(f"weights must have shape ({t},), one for each triplet; got {values.shape}")
    if not (np.isfinite(values).all() and (values >= 0).all()):
        raise InputError(f"weights must be finite and at least 0; got {values.min():g}")
    return values

"""Statistics of models on the same triplets: ranks, and p-values of paired differences from resamples."""

from __future__ import annotations

import numpy as np


def ranks_of(accuracies: np.ndarray) -> np.ndarray:
    """(b, m) ranks within each row, 1 for the largest; equal ones share the mean of their ranks.

    Example:
        >>> ranks_of(np.array([[0.5, 0.7, 0.5]]))
        array([[2.5, 1. , 2.5]])
    """
    above = (accuracies[:, None, :] > accuracies[:, :, None]).sum(axis=2)
    equal = (accuracies[:, None, :] == accuracies[:, :, None]).sum(axis=2)
    ranks: np.ndarray = above + (equal + 1) / 2
    return ranks


def two_sided_p(differences: np.ndarray) -> float:
    """Twice the share of resamples that are not beyond 0, with 1 added above and below the line, at most 1.

    Example:
        >>> two_sided_p(np.array([0.1, 0.2, 0.3])), two_sided_p(np.zeros(5))
        (0.5, 1.0)
    """
    fewer = min(int((differences <= 0).sum()), int((differences >= 0).sum()))
    return min(1.0, 2.0 * (fewer + 1) / (len(differences) + 1))


def equivalence_p(differences: np.ndarray, margin: float) -> float:
    """The larger of two one-sided p-values, of a difference of at least the margin either way, with 1 added likewise.

    Example:
        >>> equivalence_p(np.array([0.1, 0.2, 0.3]), 0.25), equivalence_p(np.array([0.1, 0.2, 0.3]), 0.4)
        (0.5, 0.25)
    """
    beyond = max(int((differences >= margin).sum()), int((differences <= -margin).sum()))
    return (beyond + 1) / (len(differences) + 1)

"""Statistics of models on the same triplets: ranks, p-values of paired differences, agreement of errors."""

from __future__ import annotations

from collections.abc import Sequence

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
    """Twice the share of resamples that do not lie beyond 0, with 1 added above and below the line, at most 1.

    Example:
        >>> two_sided_p(np.array([0.1, 0.2, 0.3])), two_sided_p(np.zeros(5))
        (0.5, 1.0)
    """
    fewer = min(int((differences <= 0).sum()), int((differences >= 0).sum()))
    return min(1.0, 2.0 * (fewer + 1) / (len(differences) + 1))


def error_consistency(right_a: np.ndarray, right_b: np.ndarray) -> tuple[float, float, float | None]:
    """Share of triplets that both get wrong, that share under independence, and Cohen's kappa of right and wrong.

    Args:
        right_a, right_b: (t,) bool; a tie is not right.

    Example:
        >>> a = np.array([True, True, False, False])
        >>> error_consistency(a, a), error_consistency(a, ~a)[2], error_consistency(a, a | True)[2]
        ((0.5, 0.25, 1.0), -1.0, None)
    """
    p, q = float(right_a.mean()), float(right_b.mean())
    both_wrong, expected = float((~(right_a | right_b)).mean()), (1 - p) * (1 - q)
    by_chance = p * q + expected
    agreed = float((right_a == right_b).mean())
    varied = 0 < p < 1 and 0 < q < 1
    return both_wrong, expected, (agreed - by_chance) / (1 - by_chance) if varied else None


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down correction: p-values that may be held against one level together.

    Example:
        >>> [round(p, 4) for p in holm([0.01, 0.04, 0.03])]
        [0.03, 0.06, 0.06]
    """
    order = np.argsort(p_values, kind="stable")
    adjusted, least = [0.0] * len(p_values), 0.0
    for k, place in enumerate(order.tolist()):
        least = max(least, min(1.0, (len(p_values) - k) * p_values[place]))
        adjusted[place] = least
    return adjusted

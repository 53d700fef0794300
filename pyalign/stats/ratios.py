"""Intervals of ratios of two estimates that may depend on each other.

Source: Fieller, "Some problems in interval estimation", Journal of the Royal Statistical Society B 1954.
"""

from __future__ import annotations

import math

import numpy as np


def fieller(top: float, bottom: float, covariance: np.ndarray, reach: float) -> tuple[float, float] | None:
    """The interval of top / bottom: all ratios r at which top - r * bottom is within `reach` standard errors of 0.

    Args:
        top, bottom: two estimates.
        covariance: (2, 2) symmetric, theirs.
        reach: a quantile, of Student's t or of the normal distribution.

    Returns:
        Its ends; None where the denominator itself is within `reach` standard errors of 0: the ratio has no bounds.

    Example:
        >>> low, high = fieller(1.0, 2.0, np.diag([0.01, 0.0]), 2.0)  # a denominator without an error
        >>> round(low, 6), round(high, 6)
        (0.4, 0.6)
        >>> fieller(1.0, 0.1, np.diag([0.01, 0.01]), 2.0) is None
        True
    """
    (of_top, both), (_, of_bottom) = (reach * reach * covariance).tolist()
    a, b, c = bottom * bottom - of_bottom, top * bottom - both, top * top - of_top
    if not a > 0.0:
        return None
    root = math.sqrt(max(0.0, b * b - a * c))
    return (b - root) / a, (b + root) / a


def ratio_error(top: float, bottom: float, covariance: np.ndarray) -> float:
    """The standard error of top / bottom by the delta method; NaN where the denominator is 0.

    Example:
        >>> round(ratio_error(1.0, 2.0, np.array([[0.04, 0.0], [0.0, 0.16]])), 4)
        0.1414
    """
    if bottom == 0.0:
        return math.nan
    gradient = np.array([1.0, -top / bottom]) / bottom
    return math.sqrt(max(0.0, float(gradient @ covariance @ gradient)))

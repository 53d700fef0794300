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
    (of_top, both), (_, of_bottom) = covariance.tolist()
    first, second = math.sqrt(max(0.0, of_top)), math.sqrt(max(0.0, of_bottom))
    correlation = both / (first * second) if first * second > 0.0 else 0.0
    return ratio_ends(top, bottom, (reach * first, reach * first), reach * second, correlation)


def ratio_ends(
    top: float, bottom: float, reaches: tuple[float, float], spread: float, correlation: float
) -> tuple[float, float] | None:
    """The same for a numerator whose interval reaches further to one side than to the other.

    Args:
        top, bottom: two estimates.
        reaches: how far the interval of the numerator goes below and above it.
        spread: how far that of the denominator goes to either side.
        correlation: of their errors.

    Returns:
        Its ends; None where the interval of the denominator holds 0.

    Source: Donner and Zou, "Closed-form confidence intervals for functions of the normal mean and standard deviation",
    Statistical Methods in Medical Research 2012.

    Example:
        >>> [round(end, 3) for end in ratio_ends(1.0, 2.0, (0.2, 0.4), 0.0, 0.0)]
        [0.4, 0.7]
    """
    a = bottom * bottom - spread * spread
    if not a > 0.0:
        return None
    ends = []
    for reach, sign in zip(reaches, (-1.0, 1.0), strict=True):
        b, c = top * bottom - correlation * reach * spread, top * top - reach * reach
        ends.append((b + sign * math.sqrt(max(0.0, b * b - a * c))) / a)
    return ends[0], ends[1]


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

"""Intervals around a mean: from its standard error, or from the means of resamples."""

from __future__ import annotations

import math

import numpy as np

Interval = tuple[float, float]


def normal_interval(mean: float, error: float, confidence: float) -> Interval:
    """mean +- z error; NaN where the error is.

    Example:
        >>> low, high = normal_interval(0.6722, 0.0053, 0.95)
        >>> round(low, 4), round(high, 4)
        (0.6618, 0.6826)
    """
    from statistics import NormalDist  # slow to import

    reach = NormalDist().inv_cdf(0.5 + confidence / 2.0) * error
    return mean - reach, mean + reach


def share_interval(share: float, error: float, confidence: float) -> Interval:
    """`normal_interval` of a share, which lies in [0, 1].

    Example:
        >>> share_interval(0.99, 0.02, 0.95)[1]
        1.0
    """
    low, high = normal_interval(share, error, confidence)
    return (max(0.0, low), min(1.0, high)) if math.isfinite(high) else (math.nan, math.nan)


def percentile_interval(means: np.ndarray, confidence: float) -> Interval:
    """The middle share `confidence` of the means (b,) of resamples.

    Example:
        >>> percentile_interval(np.arange(101.0), 0.5)
        (25.0, 75.0)
    """
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(means, [tail, 1.0 - tail])
    return float(low), float(high)

"""Intervals around a mean: from its standard error, or from the means of resamples."""

from __future__ import annotations

import math

import numpy as np

from pyalign.results import Interval
from pyalign.stats.resampling import Resampling

NORMAL = Resampling("triplets", "analytic")


def normal_interval(mean: float, error: float, plan: Resampling = NORMAL) -> Interval:
    """mean +- z error; NaN where the error is.

    Example:
        >>> low, high = normal_interval(0.6722, 0.0053)
        >>> round(low, 4), round(high, 4)
        (0.6618, 0.6826)
    """
    from statistics import NormalDist  # slow to import

    reach = NormalDist().inv_cdf(0.5 + plan.confidence / 2.0) * error
    return Interval(mean - reach, mean + reach, error, plan.by, plan.method, float(plan.confidence))


def share_interval(share: float, error: float, plan: Resampling = NORMAL) -> Interval:
    """`normal_interval` of a share, which lies in [0, 1].

    Example:
        >>> share_interval(0.99, 0.02).high
        1.0
    """
    found = normal_interval(share, error, plan)
    low, high = (max(0.0, found.low), min(1.0, found.high)) if math.isfinite(found.high) else (math.nan, math.nan)
    return Interval(low, high, error, plan.by, plan.method, found.confidence)


def percentile_interval(means: np.ndarray, plan: Resampling, method: str | None = None) -> Interval:
    """The middle share `plan.confidence` of the means (b,) of resamples, with their standard deviation as the error.

    Of a single mean there is no error.

    Example:
        >>> tuple(percentile_interval(np.arange(101.0), Resampling("objects", confidence=0.5)))
        (25.0, 75.0)
    """
    tail = (1.0 - plan.confidence) / 2.0
    low, high = np.quantile(means, [tail, 1.0 - tail])
    error = float(means.std(ddof=1)) if len(means) > 1 else None
    return Interval(float(low), float(high), error, plan.by, method or plan.method, float(plan.confidence))

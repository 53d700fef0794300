"""Intervals around an estimate: from its standard error, or from the estimates of resamples."""

from __future__ import annotations

import math

import numpy as np

from pyalign.documents import Interval
from pyalign.stats.resampling import BOOTSTRAP, CORRECTED, Resampling
from pyalign.stats.student import quantile

NORMAL = math.inf  # degrees of freedom of Student's t that make it the normal distribution
FRACTION = (0.0, 1.0)  # where shares lie
POSITIVE = (0.0, math.inf)


def student_interval(
    estimate: float, error: float, degrees: float, plan: Resampling,
    within: tuple[float, float] = (-math.inf, math.inf),
) -> Interval:  # fmt: skip
    """estimate +- quantile of Student's t * error, within bounds that the quantity itself has; NaN where the error is.

    Example:
        >>> low, high = student_interval(0.6722, 0.0053, 999, Resampling("triplets"))
        >>> round(low, 4), round(high, 4)
        (0.6618, 0.6826)
        >>> student_interval(0.99, 0.02, 50, Resampling("objects"), FRACTION).high
        1.0
    """
    reach = quantile(plan.confidence, degrees) * error if error == error else math.nan
    low, high = estimate - reach, estimate + reach
    if reach == reach:
        low, high = max(within[0], low), min(within[1], high)
    return Interval(low, high, error, plan.by, plan.method or CORRECTED, float(plan.confidence))


def percentile_interval(means: np.ndarray, plan: Resampling, method: str | None = None) -> Interval:
    """The middle share `plan.confidence` of the means (b,) of resamples, with their standard deviation as the error.

    Of a single mean there is no error.

    Example:
        >>> tuple(percentile_interval(np.arange(101.0), Resampling("objects", "bootstrap", confidence=0.5)))
        (25.0, 75.0)
    """
    tail = (1.0 - plan.confidence) / 2.0
    low, high = np.quantile(means, [tail, 1.0 - tail])
    error = float(means.std(ddof=1)) if len(means) > 1 else None
    name = method or plan.method or BOOTSTRAP
    return Interval(float(low), float(high), error, plan.by, name, float(plan.confidence))


def share_interval(share: float, n: int, confidence: float, by: str) -> Interval:
    """The interval of a share of n independent draws, by Wilson's score; its error is that of the share itself.

    It does not shrink to nothing where the share is 0 or 1.

    Source: Wilson, "Probable inference, the law of succession, and statistical inference", JASA 1927.

    Example:
        >>> low, high = share_interval(1.0, 20, 0.95, "simulations")
        >>> round(low, 4), high
        (0.8389, 1.0)
    """
    z = quantile(confidence, NORMAL) ** 2 / n
    middle = (share + z / 2.0) / (1.0 + z)
    reach = math.sqrt(z * (share * (1.0 - share) + z / 4.0)) / (1.0 + z)
    error = math.sqrt(share * (1.0 - share) / n)
    low, high = max(0.0, min(share, middle - reach)), min(1.0, max(share, middle + reach))
    return Interval(low, high, error, by, "wilson", float(confidence))

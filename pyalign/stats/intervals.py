"""Intervals around an estimate: from its standard error, or from the estimates of resamples."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from pyalign.documents import Interval
from pyalign.stats.resampling import BOOTSTRAP, CORRECTED, Resampling
from pyalign.stats.student import quantile

NORMAL = math.inf  # degrees of freedom of Student's t that make it the normal distribution
FRACTION = (0.0, 1.0)  # where shares are
POSITIVE = (0.0, math.inf)
ROUNDING = 1e-12  # of shares
REST = 0.5  # how often a model is right about triplets with an object that it has wholly wrong


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
    reach = quantile(plan.confidence_level, degrees) * error if error == error else math.nan
    low, high = estimate - reach, estimate + reach
    if reach == reach:
        low, high = max(within[0], low), min(within[1], high)
    return Interval(low, high, error, plan.by, plan.method or CORRECTED, float(plan.confidence_level))


def proportion_interval(
    share: float, error: float, degrees: float, rows: float, plan: Resampling
) -> Interval:  # fmt: skip
    """Wilson's score interval of a share with a standard error, with a quantile of Student's t: it lies within 0 and 1.

    It is that of share (1 - share) / error^2 independent rows. Where all rows are 1, or all are 0, there is no error to
    go by: then it is that of Clopper and Pearson for so many independent `rows`. Over objects the lower end allows for
    objects that the model has wrong, but none of these: see `unseen_loss`. No width has a share whose rows are all
    equal and neither: a model that ties everywhere.

    Source: Wilson, JASA 1927; Clopper and Pearson, Biometrika 1934; the effective number of rows as in Korn and
    Graubard, "Confidence intervals for proportions with small expected number of positive counts", Survey Methodology
    1998.

    Example:
        >>> plan = Resampling("objects")
        >>> [tuple(round(end, 3) for end in proportion_interval(share, 0.02, 50, 60, plan)) for share in (0.5, 0.98)]
        [(0.46, 0.54), (0.89, 0.997)]
        >>> tuple(round(end, 3) for end in proportion_interval(1.0, 0.0, 29, 40, plan))  # 40 of 40
        (0.912, 1.0)
    """
    if _is_all_or_none(share):
        error, reach = 0.0, _unseen(rows, plan)
        low, high = max(0.0, share - reach), min(1.0, share + reach)
    elif error > 0.0:
        low, high = _wilson(share, independent_rows(share, error, rows), quantile(plan.confidence_level, degrees))
    else:
        low, high = share, share
    low = min(low, share - unseen_loss(lambda part: part * (share - REST), error, rows, plan))
    return Interval(low, high, error, plan.by, plan.method, float(plan.confidence_level))


def unseen_loss(loss: Callable[[float], float], error: float, rows: float, plan: Resampling) -> float:
    """How far below its estimate a figure may be because of objects that a model has wholly wrong, but none of these.

    The probability that n objects hold no wrong one is 2.5% where 1 - 0.025^(1/n) of all are wrong, and these are in a
    part 1 - 0.025^(1/rows) of all triplets, with rows = n / 3. They count as far as the error leaves room for them: not
    where it is as large as what one wrong object would take. `loss` is what a part of all triplets takes.

    Example:
        >>> plan = Resampling("objects")
        >>> [round(unseen_loss(lambda part: part * 0.4, error, 20, plan), 3) for error in (0.0, 0.01, 0.02)]
        [0.067, 0.051, 0.0]
    """
    one = loss(1.0 / rows) if "objects" in plan.by else 0.0
    return loss(_unseen(rows, plan)) * (1.0 - (error / one) ** 2) if one > error else 0.0


def _unseen(rows: float, plan: Resampling) -> float:
    """The share of errors of which independent rows have none with half of the probability outside of an interval."""
    return 1.0 - ((1.0 - plan.confidence_level) / 2.0) ** (1.0 / rows)


def _is_all_or_none(share: float) -> bool:
    """Whether a share is 0 or 1, but for the rounding of weighted sums."""
    return min(share, 1.0 - share) <= ROUNDING


def independent_rows(share: float, error: float, rows: float) -> float:
    """How many independent rows would have a share with this error: `rows` of a share of 0 or 1, which has none.

    Example:
        >>> round(independent_rows(0.5, 0.05, 400)), independent_rows(1.0, 0.0, 40), independent_rows(0.25, 0.0, 40)
        (100, 40, inf)
    """
    if _is_all_or_none(share):
        return rows
    return share * (1.0 - share) / error**2 if error > 0.0 else math.inf


def correlation_interval(correlation: float, error: float, degrees: float, plan: Resampling) -> Interval:
    """The interval of a correlation with a standard error: by Student's t on Fisher's scale, within -1 and 1.

    Source: Fisher, "On the probable error of a coefficient of correlation deduced from a small sample", Metron 1921.

    Example:
        >>> tuple(round(end, 3) for end in correlation_interval(0.9, 0.04, 50, Resampling("objects")))
        (0.782, 0.956)
    """
    low = high = correlation
    if abs(correlation) < 1.0:
        center = math.atanh(correlation)
        reach = quantile(plan.confidence_level, degrees) * error / (1.0 - correlation**2)
        low, high = math.tanh(center - reach), math.tanh(center + reach)
    return Interval(low, high, error, plan.by, plan.method or CORRECTED, float(plan.confidence_level))


def percentile_interval(means: np.ndarray, plan: Resampling, method: str | None = None) -> Interval:
    """The middle share of the means (b,) of resamples, with their standard deviation as the error.

    Of a single mean there is no error.

    Example:
        >>> tuple(percentile_interval(np.arange(101.0), Resampling("objects", "bootstrap", confidence_level=0.5)))
        (25.0, 75.0)
    """
    tail = (1.0 - plan.confidence_level) / 2.0
    low, high = np.quantile(means, [tail, 1.0 - tail])
    error = float(means.std(ddof=1)) if len(means) > 1 else None
    name = method or plan.method or BOOTSTRAP
    return Interval(float(low), float(high), error, plan.by, name, float(plan.confidence_level))


def share_interval(share: float, n: int, confidence_level: float, by: str) -> Interval:
    """The interval of a share of n independent draws, by Wilson's score; its error is that of the share itself.

    It does not shrink to nothing where the share is 0 or 1.

    Source: Wilson, "Probable inference, the law of succession, and statistical inference", JASA 1927.

    Example:
        >>> low, high = share_interval(1.0, 20, 0.95, "simulations")
        >>> round(low, 4), high
        (0.8389, 1.0)
    """
    low, high = _wilson(share, n, quantile(confidence_level, NORMAL))
    return Interval(low, high, math.sqrt(share * (1.0 - share) / n), by, "wilson", float(confidence_level))


def _wilson(share: float, n: float, quantile: float) -> tuple[float, float]:
    z = quantile**2 / n
    middle = (share + z / 2.0) / (1.0 + z)
    reach = math.sqrt(z * (share * (1.0 - share) + z / 4.0)) / (1.0 + z)
    return max(0.0, min(share, middle - reach)), min(1.0, max(share, middle + reach))

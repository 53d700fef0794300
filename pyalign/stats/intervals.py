"""Standard errors of means over objects whose values depend on which other objects there are, by half-samples.

An object's neighbors are other objects, so that values of different objects depend on each other and the plain error
is too small (by up to 1.6 times). Where half of the objects is drawn without replacement, neighbors are found within
that half, and the mean is taken again, its variance over such halves is about that of the mean of all n: the factor
m / (n - m) of m objects of n is 1. Leaving one object out at a time counts the noise of single pairs of neighbors
more than twice; of halves it is counted less (`tools/simulation/pairs.py`).

Source: Shao and Wu, "A general theory for jackknife variance estimation", Annals of Statistics 1989 (delete-d).

Student's t distribution, for intervals and tests with few objects or people; scipy would take longer to import.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache
from statistics import NormalDist

import numpy as np

from pyalign.documents import Interval
from pyalign.ops.resample import permutation
from pyalign.stats.resampling import BOOTSTRAP, CORRECTED, HALF_SAMPLES, Resampling, plan_of

RESAMPLES = 200
FRACTION = (0.0, 1.0)
LEAST = 5  # objects that an interval takes


def half_samples(ci: object) -> Resampling | None:
    """`ci` as a plan of half-samples of the objects; None for no intervals.

    Example:
        >>> half_samples("auto").drawn, half_samples(Resampling("objects", n_resamples=50)).drawn
        (200, 50)
    """
    plan = plan_of(ci, ("objects",), (HALF_SAMPLES,))
    return plan and replace(plan, by="objects", n_resamples=plan.n_resamples or RESAMPLES)


def halves(n: int, count: int, seed: int, order: np.ndarray | None = None) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Half of n objects, again and again: their rows, ascending, and a mask of them (n,).

    order: (n,) see `pyalign.ops.resample.permutation`.
    """
    for counter in range(count):
        drawn = permutation(n, counter, seed=seed)[: n // 2]
        rows = np.sort(drawn if order is None else order[drawn])
        inside = np.zeros(n, bool)
        inside[rows] = True
        yield rows, inside


def half_errors(replicates: np.ndarray, n: int) -> np.ndarray:
    """(...) standard errors of means over n objects from those of halves (b, ...); NaN is a half without a value."""
    known = ~np.isnan(replicates)
    count = known.sum(axis=0)
    filled = np.where(known, replicates, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = filled.sum(axis=0) / count
        squares = np.where(known, (filled - means) ** 2, 0.0).sum(axis=0)
        errors: np.ndarray = np.sqrt(squares / (count - 1) * (n // 2) / (n - n // 2))
    return errors


def group_means(values: np.ndarray, members: np.ndarray) -> np.ndarray:
    """(g, v) means of values (n, v) over the members bool (n, g) of groups; NaN of a group without any.

    Example:
        >>> group_means(np.array([[1.0], [3.0]]), np.array([[True, False], [True, False]])).ravel()
        array([ 2., nan])
    """
    weights = members.astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        means: np.ndarray = (weights.T @ values) / weights.sum(axis=0)[:, None]
    return means


def interval_of(
    value: float, error: float, objects: int, confidence_level: float, within: tuple[float, float] = FRACTION,
    method: str = HALF_SAMPLES,
) -> Interval | None:
    """value +- Student's t times the error, with the objects less one as degrees of freedom; None of too few objects.

    Example:
        >>> tuple(round(end, 3) for end in interval_of(0.5, 0.1, 20, 0.95)), interval_of(0.5, 0.1, 4, 0.95)
        ((0.291, 0.709), None)
    """
    if objects < LEAST or math.isnan(error) or math.isnan(value):
        return None
    reach = quantile(confidence_level, objects - 1) * error
    low, high = max(within[0], value - reach), min(within[1], value + reach)
    return Interval(low, high, error, "objects", method, float(confidence_level))


MOST_TERMS = 10_000
TINY = 1e-300
NORMAL_DEGREES = 1e7  # degrees of freedom from which on it is the normal distribution, to seven digits


def two_sided_p(t: float, degrees: float) -> float:
    """The probability of a value at least as far from 0 as t."""
    if math.isnan(t):
        return math.nan
    if math.isinf(t):
        return 0.0
    if degrees >= NORMAL_DEGREES:
        return math.erfc(abs(t) / math.sqrt(2.0))
    squared = t * t
    return _incomplete_beta(squared, degrees, degrees / 2.0)


def upper_p(t: float, degrees: float) -> float:
    """The probability of a value above t."""
    tail = two_sided_p(t, degrees) / 2.0
    return tail if t > 0.0 else 1.0 - tail


@lru_cache(maxsize=1024)
def quantile(confidence_level: float, degrees: float) -> float:
    """What the middle share `confidence_level` of the distribution lies within, on either side of 0."""
    confidence_level, degrees = float(confidence_level), float(degrees)  # equal keys of the cache, of whatever type
    start = NormalDist().inv_cdf(0.5 + confidence_level / 2.0)
    if degrees >= NORMAL_DEGREES:
        return start
    reach, low, high = max(start, _expansion(start, degrees)), 0.0, math.inf
    for _ in range(200):  # Halley's steps, within what is known: the error is the third power of the last
        more = two_sided_p(reach, degrees) - (1.0 - confidence_level)
        low, high = (reach, high) if more > 0.0 else (low, reach)
        newton = more / (2.0 * _density(reach, degrees))
        step = reach + newton / (1.0 - newton * (degrees + 1.0) * reach / (2.0 * (degrees + reach * reach)))
        if abs(step - reach) <= 1e-5 * reach:
            return step
        reach = step if low < step < high else 2.0 * low + 1.0 if high == math.inf else (low + high) / 2.0
    return reach


def _expansion(z: float, degrees: float) -> float:
    """The quantile of t from that of the normal distribution: by powers of 1 / degrees, good where they are many."""
    squared = z * z
    first = z * (squared + 1.0) / 4.0
    second = z * ((5.0 * squared + 16.0) * squared + 3.0) / 96.0
    third = z * (((3.0 * squared + 19.0) * squared + 17.0) * squared - 15.0) / 384.0
    return z + (first + (second + third / degrees) / degrees) / degrees


def _density(t: float, degrees: float) -> float:
    scale = math.lgamma((degrees + 1.0) / 2.0) - math.lgamma(degrees / 2.0) - 0.5 * math.log(degrees * math.pi)
    return math.exp(scale - (degrees + 1.0) / 2.0 * math.log1p(t * t / degrees))


def _incomplete_beta(squared: float, degrees: float, a: float) -> float:
    """I_x(a, 1/2) at x = degrees / (degrees + squared): from the side where the fraction converges fast."""
    b, x, rest = 0.5, degrees / (degrees + squared), squared / (degrees + squared)
    if rest == 0.0:
        return 1.0
    log_x = math.log1p(-rest) if rest < 0.5 else math.log(x)
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * log_x + b * math.log(rest))
    if x < (a + 1.0) / (a + b + 2.0):
        return front * _fraction(a, b, x) / a
    return 1.0 - front * _fraction(b, a, rest) / b


def _fraction(a: float, b: float, x: float) -> float:
    """The continued fraction of the incomplete beta function, by Lentz's method."""
    c, d = 1.0, 1.0 / (1.0 - (a + b) * x / (a + 1.0) or TINY)
    value = d
    for m in range(1, MOST_TERMS):
        for term in (
            m * (b - m) * x / ((a + 2 * m - 1.0) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1.0)),
        ):
            d = 1.0 / (1.0 + term * d or TINY)
            c = 1.0 + term / c or TINY
            value *= c * d
        if abs(c * d - 1.0) < 1e-15:
            break
    return value


NORMAL = math.inf  # degrees of freedom of Student's t that make it the normal distribution
POSITIVE = (0.0, math.inf)
ROUNDING = 1e-12  # of shares
REST = 0.5  # how often a model is right about triplets with an object that it has wholly wrong


def student_interval(
    estimate: float, error: float, degrees: float, plan: Resampling,
    within: tuple[float, float] = (-math.inf, math.inf),
) -> Interval:
    """estimate +- quantile of Student's t * error, within bounds that the quantity itself has; NaN where the error is.
    """
    reach = quantile(plan.confidence_level, degrees) * error if error == error else math.nan
    low, high = estimate - reach, estimate + reach
    if reach == reach:
        low, high = max(within[0], low), min(within[1], high)
    return Interval(low, high, error, plan.by, plan.method or CORRECTED, float(plan.confidence_level))


def proportion_interval(share: float, error: float, degrees: float, rows: float, plan: Resampling) -> Interval:
    """Wilson's score interval of a share with a standard error, with a quantile of Student's t: it lies within 0 and 1.

    It is that of share (1 - share) / error^2 independent rows. Where all rows are 1, or all are 0, there is no error to
    go by: then it is that of Clopper and Pearson for so many independent `rows`. Over objects the lower end allows for
    objects that the model has wrong, but none of these: see `unseen_loss`. No width has a share whose rows are all
    equal and neither: a model that ties everywhere.

    Source: Wilson, JASA 1927; Clopper and Pearson, Biometrika 1934; the effective number of rows as in Korn and
    Graubard, "Confidence intervals for proportions with small expected number of positive counts", Survey Methodology
    1998.
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


def fieller(top: float, bottom: float, covariance: np.ndarray, reach: float) -> tuple[float, float] | None:
    """The interval of top / bottom: all ratios r at which top - r * bottom is within `reach` standard errors of 0.

    Args:
        top, bottom: two estimates.
        covariance: (2, 2) symmetric, theirs.
        reach: a quantile, of Student's t or of the normal distribution.

    Returns:
        Its ends; None where the denominator itself is within `reach` standard errors of 0: the ratio has no bounds.
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
    """The standard error of top / bottom by the delta method; NaN where the denominator is 0."""
    if bottom == 0.0:
        return math.nan
    gradient = np.array([1.0, -top / bottom]) / bottom
    return math.sqrt(max(0.0, float(gradient @ covariance @ gradient)))

"""Student's t distribution, for intervals and tests with few objects or people; scipy would take longer to import.

Source: the distribution function is a regularised incomplete beta function, which is computed by its continued
fraction (Abramowitz and Stegun 1964, 26.5.8 and 26.7.1). Quantiles begin with an expansion about those of the normal
distribution (26.7.5).
"""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist

MOST_TERMS = 10_000
TINY = 1e-300
NORMAL = 1e7  # degrees of freedom from which on it is the normal distribution, to seven digits


def two_sided_p(t: float, degrees: float) -> float:
    """The probability of a value at least as far from 0 as t.

    Example:
        >>> round(two_sided_p(2.262157, 9), 6), two_sided_p(0.0, 3), two_sided_p(math.inf, 3)
        (0.05, 1.0, 0.0)
    """
    if math.isnan(t):
        return math.nan
    if math.isinf(t):
        return 0.0
    if degrees >= NORMAL:
        return math.erfc(abs(t) / math.sqrt(2.0))
    squared = t * t
    return _incomplete_beta(squared, degrees, degrees / 2.0)


def upper_p(t: float, degrees: float) -> float:
    """The probability of a value above t.

    Example:
        >>> round(upper_p(2.262157, 9), 6), round(upper_p(-2.262157, 9), 6), upper_p(math.inf, 9)
        (0.025, 0.975, 0.0)
    """
    tail = two_sided_p(t, degrees) / 2.0
    return tail if t > 0.0 else 1.0 - tail


@lru_cache(maxsize=1024)
def quantile(confidence_level: float, degrees: float) -> float:
    """What the middle share `confidence_level` of the distribution lies within, on either side of 0.

    Example:
        >>> round(quantile(0.95, 9), 6), round(quantile(0.95, 1e12), 6)
        (2.262157, 1.959964)
    """
    start = NormalDist().inv_cdf(0.5 + confidence_level / 2.0)
    if degrees >= NORMAL:
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

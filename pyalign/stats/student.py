"""Student's t distribution, for intervals and tests with few objects or people; scipy would take longer to import.

Source: the distribution function is a regularised incomplete beta function, which is computed by its continued
fraction (Abramowitz and Stegun 1964, 26.5.8 and 26.7.1).
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


@lru_cache(maxsize=1024)
def quantile(confidence: float, degrees: float) -> float:
    """What the middle share `confidence` of the distribution lies within, on either side of 0.

    Example:
        >>> round(quantile(0.95, 9), 6), round(quantile(0.95, 1e12), 6)
        (2.262157, 1.959964)
    """
    start = NormalDist().inv_cdf(0.5 + confidence / 2.0)
    if degrees >= NORMAL:
        return start
    low, high = 0.0, max(1.0, 2.0 * start)
    while two_sided_p(high, degrees) > 1.0 - confidence:
        low, high = high, 2.0 * high
    reach = start + (start**3 + start) / (4.0 * degrees)  # its first correction
    reach = reach if low < reach < high else (low + high) / 2.0
    for _ in range(200):  # Newton's steps, within what is known
        more = two_sided_p(reach, degrees) - (1.0 - confidence)
        low, high = (reach, high) if more > 0.0 else (low, reach)
        step = reach + more / (2.0 * _density(reach, degrees))
        last, reach = reach, step if low < step < high else (low + high) / 2.0
        if abs(reach - last) <= 1e-15 * reach:
            break
    return reach


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
    c, d = 1.0, 1.0 / _nonzero(1.0 - (a + b) * x / (a + 1.0))
    value = d
    for m in range(1, MOST_TERMS):
        for term in (
            m * (b - m) * x / ((a + 2 * m - 1.0) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1.0)),
        ):
            d = 1.0 / _nonzero(1.0 + term * d)
            c = _nonzero(1.0 + term / c)
            value *= c * d
        if abs(c * d - 1.0) < 1e-15:
            break
    return value


def _nonzero(x: float) -> float:
    return x if abs(x) > TINY else TINY

"""Intervals and tests of statistics of pairs, from what is known of their variances."""

from __future__ import annotations

import math
from typing import Protocol

from pyalign.documents import Interval
from pyalign.stats.resampling import CORRECTED, Resampling
from pyalign.stats.student import quantile, two_sided_p

SAME = 1e-6  # correlations that differ by no more are the same, but for the rounding of their rows


class Variances(Protocol):
    """How well several statistics are known: by resamples, or in closed form."""

    @property
    def method(self) -> str:
        """The name of the method, as results have it."""

    def degrees(self, a: int, b: int | None = None) -> float:
        """Degrees of freedom of Student's t for statistic a, or for a less b."""

    def contrast(self, a: int, b: int | None = None) -> float:
        """The variance of statistic a, or of a less b; NaN where it is not known."""


def interval_of(at: float, errors: Variances, a: int, b: int | None, plan: Resampling) -> Interval | None:
    """at +- Student's t times the root of the variance, within what correlations can be; None without a variance.

    In closed form the interval of a correlation, not that of a difference, is symmetric about its inverse hyperbolic
    tangent: large ones miss downwards further than upwards.
    """
    variance = errors.contrast(a, b)
    if math.isnan(at) or math.isnan(variance):
        return None
    error = math.sqrt(max(0.0, variance))
    reach = quantile(plan.confidence_level, errors.degrees(a, b)) * error
    low, high = at - reach, at + reach
    if errors.method == CORRECTED and b is None and abs(at) < 1.0:
        centre, span = math.atanh(at), reach / (1.0 - at * at)
        low, high = math.tanh(centre - span), math.tanh(centre + span)
    bound = 1.0 if b is None else 2.0
    return Interval(max(-bound, low), min(bound, high), error, plan.by, errors.method, float(plan.confidence_level))


def tested(
    difference: float, errors: Variances, a: int, b: int | None, plan: Resampling
) -> tuple[Interval | None, float | None]:  # fmt: skip
    """The interval of a statistic, or of a difference of two, and the p-value of 0; None without a variance."""
    ci = interval_of(difference, errors, a, b, plan)
    if ci is None or ci.error is None:
        return ci, None
    t = 0.0 if abs(difference) <= SAME else difference / ci.error if ci.error > 0 else math.inf
    return ci, two_sided_p(t, errors.degrees(a, b))

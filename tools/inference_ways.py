"""Ways of making intervals and tests from credits of models on triplets, for tools/inference.py to compare."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist

import numpy as np

from pyalign.analysis.comparison.paired_intervals import ClosedForm, Intervals
from pyalign.documents import Interval
from pyalign.stats.clustered import Dependence, Errors, with_weights
from pyalign.stats.intervals import FRACTION, student_interval
from pyalign.stats.multiple import AT_ONCE, DRAWS
from pyalign.stats.resampling import Clusters, Resampling
from pyalign.stats.student import quantile, two_sided_p

WHOLE = (-math.inf, math.inf)
PACKAGE = "pyalign"


@dataclass(frozen=True)
class Rows:
    """Triplets and who answered them, grouped once for all ways."""

    clusters: Clusters
    dependence: Dependence
    plan: Resampling

    @classmethod
    def of(cls, triplets: np.ndarray, people: np.ndarray | None, plan: Resampling) -> Rows:
        clusters = Clusters.of(triplets, people)
        return cls(clusters, Dependence.of(clusters, plan), plan)


Way = Callable[[Rows, np.ndarray], Intervals | None]  # of rows and the credits (m, t) of m models; None: not for these


@dataclass(frozen=True)
class ByStudent:
    """Student's t for each mean and each difference.

    Attributes:
        means: (m,) accuracies.
        errors, degrees: (m,) their standard errors, NaN where they are not known, and degrees of freedom.
        of_pairs, degrees_of_pairs: (m, m) those of differences.
        covariance: (m, m) of the means.
        plan: of the intervals.
        shared: all pairs together by one chi-square for all; else by normal scores of their p-values.
    """

    means: np.ndarray
    errors: np.ndarray
    degrees: np.ndarray
    of_pairs: np.ndarray
    degrees_of_pairs: np.ndarray
    covariance: np.ndarray
    plan: Resampling
    shared: bool = False

    def own(self, a: int, what: int) -> Interval | None:
        return self._interval(self.means[a], self.errors[a], self.degrees[a], FRACTION)

    def difference(self, a: int, b: int, what: int) -> Interval | None:
        middle = self.means[a] - self.means[b]
        return self._interval(middle, self.of_pairs[a, b], self.degrees_of_pairs[a, b], WHOLE)

    def p_value(self, a: int, b: int) -> float | None:
        if math.isnan(self.of_pairs[a, b]):
            return None
        return two_sided_p(self._t(a, b), float(self.degrees_of_pairs[a, b]))

    def simultaneous(self, a: int, b: int) -> tuple[Interval | None, float | None]:
        single = self.p_value(a, b)
        if single is None:
            return None, None
        middle, degrees = float(self.means[a] - self.means[b]), float(self.degrees_of_pairs[a, b])
        if self.shared:
            reach, score = self._quantile, self._t(a, b)
        else:
            reach = quantile(math.erf(self._quantile / math.sqrt(2.0)), degrees)
            score = -NormalDist().inv_cdf(single / 2.0) if single > 0 else math.inf
        reach *= float(self.of_pairs[a, b])
        beyond = len(self._largest) - int(np.searchsorted(self._largest, score))
        interval = Interval(middle - reach, middle + reach, None, self.plan.by, "max-t", self.plan.confidence)
        return interval, max(single, (1 + beyond) / (1 + len(self._largest)))

    def rank(self, a: int) -> Interval | None:
        return None

    def _interval(self, middle: float, error: float, degrees: float, bounds: tuple[float, float]) -> Interval | None:
        if math.isnan(error):
            return None
        return student_interval(float(middle), float(error), float(degrees), self.plan, bounds)

    def _t(self, a: int, b: int) -> float:
        difference = abs(float(self.means[a] - self.means[b]))
        return difference / float(self.of_pairs[a, b]) if difference else 0.0

    @cached_property
    def _largest(self) -> np.ndarray:
        largest = largest_score(self.covariance, self.plan.seed)
        if not self.shared:
            return largest
        degrees = float(self.degrees_of_pairs[0, 0])
        chi_square = np.random.default_rng(self.plan.seed).chisquare(degrees, DRAWS)
        return np.sort(largest / np.sqrt(chi_square / degrees))

    @cached_property
    def _quantile(self) -> float:
        return float(np.quantile(self._largest, self.plan.confidence))


def largest_score(covariance: np.ndarray, seed: int) -> np.ndarray:
    """(draws,) ascending: the largest |z| of all differences of two of k normal means, where none differs."""
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    own = np.diagonal(covariance)
    variances = own[:, None] + own[None, :] - 2.0 * covariance
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = np.where(variances > 1e-12 * (own[:, None] + own[None, :]), 1.0 / np.sqrt(variances), 0.0)
    rng, k = np.random.Generator(np.random.Philox(seed)), len(covariance)
    largest, step = np.empty(DRAWS), max(1, AT_ONCE // (k * k))
    for start in range(0, DRAWS, step):
        count = min(step, DRAWS - start)
        z = rng.standard_normal((count, k)) @ root.T
        largest[start : start + count] = (np.abs(z[:, :, None] - z[:, None, :]) * scale).max(axis=(1, 2))
    return np.sort(largest)


def of_counts(rows: Rows, credits: np.ndarray) -> Intervals:
    """Degrees of freedom are the objects (or the people, where they are fewer) less one."""
    found = _errors(rows, credits)
    m, degrees = len(credits), float(found.degrees)
    return ByStudent(
        found.means, found.errors, np.full(m, degrees), found.differences, np.full((m, m), degrees), found.covariance,
        rows.plan, shared=True,
    )  # fmt: skip


def of_package(rows: Rows, credits: np.ndarray) -> Intervals | None:
    """As `pyalign.compare` has them."""
    found = _errors(rows, credits)
    return ClosedForm(np.stack([found.means, found.means]), (found, found), rows.plan) if found.known else NoErrors()


class NoErrors:
    """Where there are no intervals."""

    def own(self, a: int, what: int) -> None:
        return None

    difference = own
    p_value = own


def _errors(rows: Rows, credits: np.ndarray) -> Errors:
    return rows.dependence.errors(with_weights(credits))


WAYS: dict[str, Way] = {
    "t, n - 1": of_counts,
    PACKAGE: of_package,
}

"""Ways of making intervals and tests from credits of models on triplets, for tools/inference.py to compare."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist
from unittest.mock import patch

import numpy as np
from coverage_compare import largest_score

from pyalign.analysis.comparison.paired_intervals import ACCURACY, ClosedForm, Intervals, NoIntervals
from pyalign.documents import Interval
from pyalign.ops.shared import row_moments
from pyalign.stats.clustered import SIGNS, Dependence, Errors, variances_of, with_weights
from pyalign.stats.effective import LEAST
from pyalign.stats.intervals import FRACTION, student_interval
from pyalign.stats.multiple import DRAWS
from pyalign.stats.resampling import Clusters, Resampling
from pyalign.stats.student import quantile, two_sided_p

WHOLE = (-math.inf, math.inf)
FLIPS = 2_000
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
        interval = Interval(middle - reach, middle + reach, None, self.plan.by, "max-t", self.plan.confidence_level)
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
        return float(np.quantile(self._largest, self.plan.confidence_level))


@dataclass(frozen=True)
class Squares:
    """The sums of residuals over objects, of means and of differences of models.

    Attributes:
        sums: (c, n), of the models and then of pairs of models.
        sizes: (n,) triplets of each object.
        pairs: of models.
    """

    sums: np.ndarray
    sizes: np.ndarray
    pairs: tuple[np.ndarray, np.ndarray]

    @classmethod
    def of(cls, rows: Rows, credits: np.ndarray) -> Squares:
        triplets, n = rows.clusters.objects, rows.clusters.n
        residuals = credits - credits.mean(axis=1, keepdims=True)
        of_models = np.stack([sum(np.bincount(c, one, n) for c in triplets.T) for one in residuals])
        pairs = np.triu_indices(len(credits), 1)
        sums = np.concatenate([of_models, of_models[pairs[0]] - of_models[pairs[1]]])
        return cls(sums, np.bincount(triplets.ravel(), minlength=n).astype(float), pairs)

    def split(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Values (c,) as those of models (m,), and of pairs (m, m)."""
        m = len(values) - len(self.pairs[0])
        square = np.full((m, m), np.nan)
        square[self.pairs] = square.T[self.pairs] = values[m:]
        return values[:m], square


def of_counts(rows: Rows, credits: np.ndarray) -> Intervals:
    """Degrees of freedom are the objects (or the people, where they are fewer) less one; no factor for many rows."""
    found = _without_factor(rows, credits)
    m, degrees = len(credits), float(found.degrees)
    return ByStudent(
        found.means, found.errors, np.full(m, degrees), found.differences, np.full((m, m), degrees), found.covariance,
        rows.plan, shared=True,
    )  # fmt: skip


def of_moments(rows: Rows, credits: np.ndarray) -> Intervals | None:
    """Degrees of freedom from the spread of the objects' squares, with the factor for many rows."""
    if rows.plan.by != "objects":
        return None
    found, squares, t = _errors(rows, credits), Squares.of(rows, credits), credits.shape[1]
    n = len(squares.sizes)
    each = squares.sums**2 * (1.0 - 3.0 / n) / (1.0 - squares.sizes / t)
    spread = (each**2).sum(axis=1) - each.sum(axis=1) ** 2 / n
    spread_of_models, spread_of_pairs = squares.split(spread / _independent(rows, t) ** 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        degrees = np.clip(2.0 * found.errors**4 / spread_of_models, 1.0, n - 1.0)
        of_pairs = np.clip(2.0 * found.differences**4 / spread_of_pairs, 1.0, n - 1.0)
    return ByStudent(
        found.means, found.errors, degrees, found.differences, of_pairs, found.covariance, rows.plan
    )  # fmt: skip


def of_jackknife(rows: Rows, credits: np.ndarray) -> Intervals | None:
    """Objects are left out one by one; (objects - 1) degrees of freedom."""
    if rows.plan.by != "objects":
        return None
    squares, t, m = Squares.of(rows, credits), credits.shape[1], len(credits)
    n = len(squares.sizes)
    errors, of_pairs = squares.split(np.sqrt((n - 1) / n * ((squares.sums / (t - squares.sizes)) ** 2).sum(axis=1)))
    covariance = _errors(rows, credits).covariance
    degrees = np.full(m, n - 1.0), np.full((m, m), n - 1.0)
    return ByStudent(credits.mean(axis=1), errors, degrees[0], of_pairs, degrees[1], covariance, rows.plan)


def of_flips(rows: Rows, credits: np.ndarray) -> Intervals | None:
    """The sums of objects with random signs: the largest t of all pairs under the flips, and the t of each."""
    if rows.plan.by != "objects":
        return None
    return Flipped(credits.mean(axis=1), Squares.of(rows, credits), credits.shape[1], rows.plan)


@dataclass(frozen=True)
class Flipped:
    """By what becomes of differences where the sum of each object has a random sign.

    Attributes:
        means: (m,) accuracies.
        squares: sums over objects.
        t: how many triplets.
        plan: of the intervals.
    """

    means: np.ndarray
    squares: Squares
    t: int
    plan: Resampling

    def own(self, a: int, what: int) -> Interval | None:
        return self._interval(a, float(self.means[a]), self._scores[:, a])

    def difference(self, a: int, b: int, what: int) -> Interval | None:
        k = self._place(a, b)
        return self._interval(k, float(self.means[a] - self.means[b]), self._scores[:, k])

    def p_value(self, a: int, b: int) -> float | None:
        return self._beyond(a, b, self._scores[:, self._place(a, b)])

    def simultaneous(self, a: int, b: int) -> tuple[Interval | None, float | None]:
        interval = self._interval(self._place(a, b), float(self.means[a] - self.means[b]), self._largest)
        return interval, self._beyond(a, b, self._largest)

    def rank(self, a: int) -> Interval | None:
        return None

    @cached_property
    def _errors(self) -> np.ndarray:
        errors: np.ndarray = np.sqrt((self.squares.sums**2).sum(axis=1)) / self.t
        return errors

    @cached_property
    def _scores(self) -> np.ndarray:
        signs = np.random.default_rng(self.plan.seed).choice([-1.0, 1.0], (FLIPS, self.squares.sums.shape[1]))
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.nan_to_num(np.abs(signs @ self.squares.sums.T) / self.t / self._errors)

    @cached_property
    def _largest(self) -> np.ndarray:
        largest: np.ndarray = self._scores[:, len(self.means) :].max(axis=1)
        return largest

    def _place(self, a: int, b: int) -> int:
        first, second = self.squares.pairs
        return len(self.means) + int(np.flatnonzero((first == a) & (second == b))[0])

    def _beyond(self, a: int, b: int, scores: np.ndarray) -> float:
        difference = abs(float(self.means[a] - self.means[b]))
        beyond = int((scores * self._errors[self._place(a, b)] >= difference).sum())
        return (1 + beyond) / (1 + len(scores))

    def _interval(self, k: int, middle: float, scores: np.ndarray) -> Interval:
        reach = float(np.quantile(scores, self.plan.confidence_level)) * float(self._errors[k])
        return Interval(middle - reach, middle + reach, None, self.plan.by, "flips", self.plan.confidence_level)


def of_package(rows: Rows, credits: np.ndarray) -> Intervals | None:
    """As `pyalign.compare` has them."""
    found = _errors(rows, credits)
    return ClosedForm(np.stack([found.means, found.means]), (found, found), rows.plan) if found.known else NoIntervals()


def of_too_few(rows: Rows, credits: np.ndarray) -> Intervals | None:
    """As the package would have them without its minima, where there are fewer objects or people than these."""
    if _errors(rows, credits).known:
        return None
    with patch.dict(LEAST, objects=0, subjects=0):
        found = of_package(rows, credits)
        assert found is not None
        return Held(found.own(0, ACCURACY), found.difference(0, 1, ACCURACY) if len(credits) > 1 else None)


@dataclass(frozen=True)
class Held:
    """Intervals of the first model and of the first difference."""

    first: Interval | None
    of_difference: Interval | None

    def own(self, a: int, what: int) -> Interval | None:
        return self.first

    def difference(self, a: int, b: int, what: int) -> Interval | None:
        return self.of_difference


def _errors(rows: Rows, credits: np.ndarray) -> Errors:
    return rows.dependence.errors(with_weights(credits))


def _without_factor(rows: Rows, credits: np.ndarray) -> Errors:
    """The covariances without the factor for objects, or people, with many rows."""
    table, among = with_weights(credits), rows.dependence
    totals, single = row_moments(table)
    found = [single]
    if among.people is not None:
        sums = np.stack([np.bincount(among.people, column) for column in table.T], axis=1)
        found.insert(0, row_moments(sums)[1])
    if among.objects is not None:
        products = among.objects.products(table)
        found = [np.tensordot(SIGNS, products, 1), *found[:-1], products[2], single]
    if among.both is not None:
        found.insert(0, found[0] + found[1] - np.tensordot(SIGNS, among.both.products(table), 1))
    means = totals[1:] / totals[0]
    return Errors(means, tuple(variances_of(one, means, float(totals[0]) ** 2) for one in found), among.degrees)


def _independent(rows: Rows, t: int) -> float:
    """How many pairs of rows share no object."""
    assert rows.dependence.objects is not None
    products = rows.dependence.objects.products(np.ones((t, 1), np.int8))
    return t * t - float(SIGNS @ products[:, 0, 0])


WAYS: dict[str, Way] = {
    "t, n - 1": of_counts,
    "moments": of_moments,
    "jackknife": of_jackknife,
    "sign flips": of_flips,
    PACKAGE: of_package,
    "no minimum": of_too_few,
}

"""Intervals and tests of models and of their differences: in closed form, or from what becomes of them in resamples."""

from __future__ import annotations

import math
from functools import cached_property
from itertools import combinations
from typing import Protocol

import numpy as np

from pyalign._dataclass import dataclass
from pyalign.analysis.comparison.outcome_table import OutcomeTable
from pyalign.analysis.uncertainty import in_units, mean_interval, scaled
from pyalign.documents import Interval
from pyalign.progress import Progress
from pyalign.stats.clustered import Errors
from pyalign.stats.components import Components
from pyalign.stats.intervals import FRACTION, POSITIVE, percentile_interval, student_interval
from pyalign.stats.multiple import MaxT
from pyalign.stats.paired import equivalence_p, ranks_of, two_sided_p
from pyalign.stats.resampling import Clusters, Resampling, replicates, require_rows
from pyalign.stats.student import quantile, upper_p
from pyalign.stats.student import two_sided_p as student_p

ACCURACY, NATS = 0, 1  # which figure
BOUNDS = FRACTION, POSITIVE


class Intervals(Protocol):
    """What is known of m models, by their numbers a and b. None where there is no interval."""

    def own(self, a: int, what: int) -> Interval | None:
        """The interval of a figure of model a."""

    def difference(self, a: int, b: int, what: int) -> Interval | None:
        """The interval of a difference: the figure of model a less that of b."""

    def p_value(self, a: int, b: int) -> float | None:
        """The p-value of the null hypothesis that the accuracies are equal."""

    def simultaneous(self, a: int, b: int) -> tuple[Interval | None, float | None]:
        """Interval of a difference of accuracies that holds together with all that are asked for, and its p-value."""

    def equivalence(self, a: int, b: int, margin: float) -> float | None:
        """The p-value of accuracies that differ by at least the margin."""

    def rank(self, a: int) -> Interval | None:
        """The interval of the rank of model a by accuracy."""

    def components(self, a: int, b: int, what: int) -> Components | None:
        """Variance components of a figure of a less that of b."""


class NoIntervals:
    """Where none are asked for."""

    def own(self, *of: object, **named: object) -> None:
        return None

    difference = p_value = equivalence = rank = components = own

    def simultaneous(self, a: int, b: int) -> tuple[None, None]:
        return None, None


@dataclass(frozen=True)
class ClosedForm:
    """Intervals by standard errors and Student's t, with degrees of freedom for each figure and each difference.

    Variances of differences are drawn toward what all of them say (`pyalign.stats.shrinkage`); together by `MaxT`.
    """

    # (2, m) accuracies and cross-entropies; NaN where a model has none, and then no interval either.
    estimates: np.ndarray
    errors: tuple[Errors, Errors]  # of both.
    plan: Resampling  # of the intervals.
    baseline: int | None = None  # the model that all others are compared with; None: every two are.

    def own(self, a: int, what: int) -> Interval | None:
        found, estimate = self.errors[what], float(self.estimates[what, a])
        return None if math.isnan(estimate) else mean_interval(estimate, found, a, self.plan, BOUNDS[what])

    def difference(self, a: int, b: int, what: int) -> Interval | None:
        found = self.errors[what]
        difference = float(self.estimates[what, a] - self.estimates[what, b])
        error, degrees = (float(of[a, b]) for of in found.shrunken_differences)
        known = not (math.isnan(difference) or math.isnan(error))
        return student_interval(difference, error, degrees, self.plan) if known else None

    def p_value(self, a: int, b: int) -> float | None:
        return float(self._p_values[a, b]) if self._known else None

    def simultaneous(self, a: int, b: int) -> tuple[Interval | None, float | None]:
        alone = self.p_value(a, b)
        if alone is None:
            return None, None
        difference, together = float(self._differences[a, b]), self._asked
        reach = self._reach(a, b, self.plan.confidence_level if together is None else together.of_each)
        error, level = float(self._student[0][a, b]), float(self.plan.confidence_level)
        found = Interval(difference - reach, difference + reach, error, self.plan.by, "max-t", level)
        return found, alone if together is None else float(together.p_values[a, b])

    def equivalence(self, a: int, b: int, margin: float) -> float | None:
        if not self._known:
            return None
        error, degrees = (float(of[a, b]) for of in self._student)
        room = margin - abs(float(self._differences[a, b]))
        return upper_p(room / error if error > 0.0 else math.copysign(math.inf, room), degrees)

    def rank(self, a: int) -> Interval | None:
        if not self._known:
            return None
        p_values = self._p_values if self._every_two is None else self._every_two.p_values
        unlike = p_values[a] < 1.0 - self.plan.confidence_level
        better, worse = (int((unlike & (sign * self._differences[a] > 0.0)).sum()) for sign in (-1, 1))
        last = float(self.estimates.shape[1] - worse)
        return Interval(float(1 + better), last, None, self.plan.by, "max-t", float(self.plan.confidence_level))

    def components(self, a: int, b: int, what: int) -> Components | None:
        unknown = math.isnan(self.estimates[what, a] - self.estimates[what, b])
        return None if unknown else self.errors[what].components(a, b)

    @property
    def _known(self) -> bool:
        return self.errors[ACCURACY].known

    @property
    def _student(self) -> tuple[np.ndarray, np.ndarray]:
        return self.errors[ACCURACY].shrunken_differences

    @cached_property
    def _differences(self) -> np.ndarray:
        """(m, m), of accuracies."""
        differences: np.ndarray = self.estimates[ACCURACY][:, None] - self.estimates[ACCURACY][None, :]
        return differences

    @cached_property
    def _p_values(self) -> np.ndarray:
        """(m, m), of each difference by itself."""
        errors, degrees = self._student
        with np.errstate(divide="ignore", invalid="ignore"):
            t = np.where(self._differences == 0.0, 0.0, np.abs(self._differences) / errors)
        found = np.ones(t.shape)
        for a, b in combinations(range(len(t)), 2):
            found[a, b] = found[b, a] = student_p(float(t[a, b]), float(degrees[a, b]))
        return found

    @cached_property
    def _every_two(self) -> MaxT | None:
        """All differences of two models; None for two models."""
        return self._together(None)

    @cached_property
    def _asked(self) -> MaxT | None:
        """The differences that are asked for: from the baseline, where there is one."""
        return self._every_two if self.baseline is None else self._together(self.baseline)

    def _together(self, baseline: int | None) -> MaxT | None:
        if not self._known or self.estimates.shape[1] == 2:
            return None
        errors = self.errors[ACCURACY]  # known from few objects, the first covariance makes models too much alike
        covariances = errors.covariance, *errors.candidates[1:][-1:]
        return MaxT.of(covariances, self._p_values, self.plan.confidence_level, self.plan.seed, baseline)

    def _reach(self, a: int, b: int, confidence_level: float) -> float:
        """The half-width of the interval of a difference, with this confidence."""
        error, degrees = (float(of[a, b]) for of in self._student)
        return quantile(confidence_level, degrees) * error


@dataclass(frozen=True)
class Resampled:
    """Intervals by the values of each figure in resamples, which are the same for all models."""

    estimates: np.ndarray  # (2, m) accuracies and cross-entropies, as in `ClosedForm`.
    means: np.ndarray  # (b, m, 2) the same in each resample.
    # to which the spread of each figure and difference is brought; None where it stays.
    errors: tuple[Errors, Errors] | None
    plan: Resampling  # of the resamples.

    @classmethod
    def of(
        cls, outcomes: OutcomeTable, clusters: Clusters, plan: Resampling, errors: tuple[Errors, Errors] | None,
        progress: Progress,
    ) -> Resampled:  # fmt: skip
        """Draws them."""
        values, units = outcomes.values()
        means = replicates(clusters, values, plan, progress)
        require_rows(means, plan)
        return cls.from_means(means, values, units, outcomes.estimates, errors, plan, outcomes.weights)

    @classmethod
    def from_means(
        cls, means: np.ndarray, values: np.ndarray, units: np.ndarray, estimates: np.ndarray,
        errors: tuple[Errors, Errors] | None, plan: Resampling, weights: np.ndarray | None = None,
    ) -> Resampled:  # fmt: skip
        """Makes intervals from the means (b, 2 m) of `values` in resamples; see `OutcomeTable.values`."""
        means = in_units(means, values, units, estimates.T.ravel().tolist(), weights)
        return cls(estimates, means.reshape(len(means), -1, 2), errors, plan)

    def own(self, a: int, what: int) -> Interval | None:
        error = None if self.errors is None else float(self.errors[what].errors[a])
        return self._percentiles(self._drawn(self.estimates[what, a], self.means[:, a, what], error))

    def difference(self, a: int, b: int, what: int) -> Interval | None:
        return self._percentiles(self._differences(a, b, what))

    def p_value(self, a: int, b: int) -> float | None:
        column = self._differences(a, b, ACCURACY)
        return None if np.isnan(column).any() else two_sided_p(column)

    def simultaneous(self, a: int, b: int) -> tuple[Interval | None, float | None]:
        return None, None

    def equivalence(self, a: int, b: int, margin: float) -> float | None:
        column = self._differences(a, b, ACCURACY)
        return None if np.isnan(column).any() else equivalence_p(column, margin)

    def rank(self, a: int) -> Interval | None:
        return percentile_interval(self._ranks[:, a], self.plan)

    def components(self, a: int, b: int, what: int) -> None:
        return None

    @cached_property
    def _ranks(self) -> np.ndarray:
        return ranks_of(self.means[:, :, ACCURACY])

    def _differences(self, a: int, b: int, what: int) -> np.ndarray:
        error = None if self.errors is None else float(self.errors[what].shrunken_differences[0][a, b])
        of = self.estimates[what, a] - self.estimates[what, b]
        return self._drawn(of, self.means[:, a, what] - self.means[:, b, what], error)

    def _drawn(self, estimate: float, column: np.ndarray, error: float | None) -> np.ndarray:
        return column if error is None else scaled(column[:, None], np.array([estimate]), np.array([error]))[:, 0]

    def _percentiles(self, column: np.ndarray) -> Interval | None:
        return None if np.isnan(column).any() else percentile_interval(column, self.plan)

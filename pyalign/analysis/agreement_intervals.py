"""Errors of figures of agreement with many people, over objects, over people, or over both.

A figure is a mean over triplets, so its error over objects is that of `pyalign.stats.clustered`. People enter by what
changes without them, as in `pyalign.analysis.ceiling.noise_ceiling`: an entry is a participant's answers to a triplet,
and a figure loses without it what that triplet loses.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from pyalign._dataclass import dataclass
from pyalign.analysis.ceiling.leave_one_out import Entries
from pyalign.analysis.ceiling.noise_ceiling import centred_changes, variance_with_people
from pyalign.documents import Interval
from pyalign.errors import InputError
from pyalign.stats.clustered import Dependence
from pyalign.stats.effective import EffectiveNumber, are_enough, effective_numbers
from pyalign.stats.intervals import FRACTION, POSITIVE, correlation_interval, proportion_interval, student_interval
from pyalign.stats.resampling import Clusters, Resampling

ACCURACIES = ("accuracy", "majority_accuracy")
CORRELATIONS = ("share_pearson", "entropy_pearson", "entropy_spearman")
WITHIN = {
    "majority_share": FRACTION, "majority_probability": FRACTION, "kl": POSITIVE,
    "model_entropy": (0.0, math.log(3.0)), "human_entropy": (0.0, math.log(3.0)),
    "js_distance": (0.0, math.sqrt(math.log(2.0))),
}  # fmt: skip
Values = Callable[
    [np.ndarray, np.ndarray], Mapping[str, np.ndarray]
]  # of counts (m, 3), answers to these triplets (m,)


@dataclass(frozen=True)
class AgreementErrors:
    """Groups the triplets, and the answers, that depend on each other: once for all figures."""

    plan: Resampling  # over what intervals are.
    triplets: Dependence  # by their objects, or each by itself.
    entries: Entries | None  # who gave which answers; None where people don't count.
    people: Dependence | None  # the entries by their objects and people, or None.
    numbers: tuple[EffectiveNumber, ...]  # effective ones.

    @classmethod
    def of(cls, triplets: np.ndarray, entries: Entries | None, plan: Resampling) -> AgreementErrors:
        """The errors of means over distinct triplets (c, 3); the plan says what intervals generalize over.

        Raises:
            InputError: people are not known, and the plan is over them.
        """
        over_people = "subjects" in plan.by
        if over_people and entries is None:
            raise InputError(
                "subjects must identify who answered each triplet for intervals over participants; got none"
            )
        items = np.unique(triplets, return_inverse=True)[1].reshape(triplets.shape)
        rows = Resampling("triplets" if plan.by == "triplets" else "objects")
        people, clusters = None, Clusters.of(items)
        if over_people and entries is not None:
            clusters = Clusters.of(items[entries.sets], entries.persons)
            people = Dependence.of(clusters, Resampling("objects+subjects"))
        dependence = Dependence.of(Clusters.of(items), rows)
        numbers = effective_numbers(clusters, plan.by)
        return cls(plan, dependence, entries if over_people else None, people, numbers)

    def intervals(
        self, estimates: Mapping[str, float], values: Values, counts: np.ndarray, weights: np.ndarray | None = None
    ) -> dict[str, Interval]:  # fmt: skip
        """The interval of each figure; a figure whose error is not known has none.

        Args:
            estimates: by figure.
            values: of each triplet, by figure.
            counts: (c, 3), the answers.
            weights: (c,) of the triplets; None: all count the same.
        """
        weights = np.ones(len(counts)) if weights is None else weights
        by_figure = {name: one for name, one in values(counts, np.arange(len(counts))).items()
                     if name in estimates and np.isfinite(estimates[name])}  # fmt: skip
        if not by_figure or not are_enough(self.numbers):
            return {}
        table = np.stack([weights, *(weights * one for one in by_figure.values())], axis=1)
        errors = self.triplets.errors(table)
        changes = None if self.entries is None else self._changes(values, counts, weights / weights.sum())
        intervals: dict[str, Interval] = {}
        for k, name in enumerate(by_figure):
            error, degrees = self._error(
                float(errors.errors[k]), float(errors.degrees_of_means[k]), None if changes is None else changes[name]
            )
            if error == error:
                intervals[name] = self._interval(name, estimates[name], error, degrees, errors.rows)
        return intervals

    def _changes(self, values: Values, counts: np.ndarray, weights: np.ndarray) -> dict[str, np.ndarray]:
        """(e,) by figure: what it loses without each entry."""
        entries = self.entries
        assert entries is not None
        without = counts[entries.sets] - entries.own
        there = without.any(axis=1)
        sets, whole = entries.sets, values(counts, np.arange(len(counts)))
        left = values(without[there], sets[there])
        changes_of = {}
        for name, each in whole.items():
            changes = np.zeros(len(sets))
            changes[there] = each[sets[there]] - left[name]
            changes_of[name] = weights[sets] * centred_changes(changes, entries, len(counts))
        return changes_of

    def _error(self, error: float, degrees: float, changes: np.ndarray | None) -> tuple[float, float]:
        """The standard error with that over people, and its degrees of freedom; NaN where it is not known."""
        if changes is None or self.people is None:
            return error, degrees
        fewest = min(one.value * (one.count - 1) / one.count for one in self.numbers)
        if self.plan.by == "subjects":
            return math.sqrt(variance_with_people(0.0, self.people, changes, over_objects=False)), fewest
        return math.sqrt(variance_with_people(error**2, self.people, changes)), min(degrees, fewest)

    def _interval(self, name: str, estimate: float, error: float, degrees: float, rows: float) -> Interval:
        if name in CORRELATIONS:
            return correlation_interval(estimate, error, degrees, self.plan)
        if name in ACCURACIES:
            return proportion_interval(estimate, error, degrees, rows, self.plan)
        return student_interval(estimate, error, degrees, self.plan, WITHIN[name])

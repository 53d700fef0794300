"""The figures of parts of the triplets, for several models at once: estimates, and what is known of their errors.

Families of models: the means of their accuracies and cross-entropies, as further models of every part.

All concepts of a model at once: intervals that hold together, and whether each differs from the whole.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import combinations

import numpy as np

from pyalign._dataclass import dataclass, replace
from pyalign._process import Progress
from pyalign.analysis.comparison.paired_outcomes import ACCURACY, ClosedForm, Intervals, OutcomeTable, Resampled
from pyalign.analysis.failures.failures import require_families
from pyalign.analysis.notes import used_rows
from pyalign.analysis.outcomes import CREDIT_UNIT
from pyalign.concept.groupings import Grouping
from pyalign.documents import Interval
from pyalign.errors import InputError
from pyalign.stats.clustered import Dependence
from pyalign.stats.degrees import EffectiveNumber, are_enough, effective_numbers, without_interval
from pyalign.stats.intervals import independent_rows, two_sided_p
from pyalign.stats.multiple import corrected, sidak
from pyalign.stats.resampling import Clusters, Resampling, means_of, resampled_sums


@dataclass(frozen=True, eq=False)
class Part:
    """Some of the triplets."""

    # n_triplets, n_objects: how many, and different objects in them.
    n_triplets: int
    n_objects: int
    estimates: np.ndarray  # (2, m) accuracies and cross-entropies of the models; NaN without triplets.
    intervals: Intervals | None  # what is known of their errors, or None.
    note: str | None = None  # why there are no intervals, where they were asked for.
    sums: np.ndarray | None = None  # (b, 1 + 2 m) of the resamples, or None.
    numbers: tuple[EffectiveNumber, ...] = ()  # effective ones, of what intervals are over.


@dataclass(frozen=True, eq=False)
class Parts:
    """The outcomes that all parts are taken from."""

    outcomes: OutcomeTable  # the outcomes of the models.
    clusters: Clusters  # how its triplets hang together.
    plan: Resampling | None  # of the intervals, or None.
    least: int  # the fewest triplets of a part with intervals.

    def of(self, grouping: Grouping, nats: np.ndarray, progress: Progress) -> Iterator[Part]:
        """Each part of a grouping, that of no concept last; nats: (m, g + 1) sums of cross-entropies."""
        credits = np.stack([grouping.sums(column) for column in self.outcomes.credits[:, 1:].T])
        for k, size in enumerate(grouping.sizes):
            progress(grouping.by, k, len(grouping.sizes))
            with np.errstate(invalid="ignore"):
                estimates = np.stack([credits[:, k] / (CREDIT_UNIT * size), nats[:, k] / size])
            yield self._part(grouping.part(k), estimates, grouping.disjoint)

    def _part(self, rows: np.ndarray, estimates: np.ndarray, keep: bool) -> Part:
        clusters = self.clusters.take(rows)
        objects = int(used_rows(np.asarray(clusters.objects), clusters.n).sum())
        if self.plan is None:
            return Part(len(rows), objects, estimates, None)
        table, sums, numbers = self.table.take(rows, axis=0), None, effective_numbers(clusters, self.plan.by)
        values = None if self.plan.closed else _values(table)
        if keep and len(rows) and self._add_up:  # also of a part too small for an interval: the whole holds it
            assert values is not None
            sums = resampled_sums(clusters, values, self.plan)
        if len(rows) < self.least:
            return Part(len(rows), objects, estimates, None, too_few(len(rows), self.least), sums, numbers)
        intervals, note = self._intervals(clusters, numbers, table, values, estimates, sums)
        return Part(len(rows), objects, estimates, intervals, note, sums, numbers)

    def whole(self, parts: list[Part], progress: Progress) -> Part:
        """All triplets together: of resamples that parts have added up already, their sum."""
        estimates, t = self.outcomes.estimates, len(self.outcomes.credits)
        if self.plan is None:
            return Part(t, self.clusters.n, estimates, None)
        added = [(part.n_triplets, part.sums) for part in parts if part.sums is not None]
        all_there = self._add_up and sum(n for n, _ in added) == t
        sums = np.sum(np.stack([part_sums for _, part_sums in added]), axis=0) if all_there else None
        progress("intervals", 0, None)
        values = None if self.plan.closed else _values(self.table)
        numbers = effective_numbers(self.clusters, self.plan.by)
        intervals, note = self._intervals(self.clusters, numbers, self.table, values, estimates, sums)
        return Part(t, self.clusters.n, estimates, intervals, note, numbers=numbers)

    @cached_property
    def table(self) -> np.ndarray:
        """int16 (t, 1 + 2 m): 1, then credit and cross-entropy with each model, as the outcome table has them."""
        outcomes = self.outcomes
        columns = np.empty((len(outcomes.credits), 2 * outcomes.credits.shape[1] - 1), np.int16)
        columns[:, 0], columns[:, 1::2], columns[:, 2::2] = 1, outcomes.credits[:, 1:], outcomes.nats[:, 1:]
        return columns

    @cached_property
    def units(self) -> np.ndarray:
        """(2 m,): the unit of each column of the table but the first."""
        units = np.full(2 * len(self.outcomes.names), 1.0 / CREDIT_UNIT)
        units[1::2] = self.outcomes.steps
        return units

    @property
    def _add_up(self) -> bool:
        """Whether the sums of parts are those of the whole: resampled triplets are drawn by their places in a part."""
        return self.plan is not None and not self.plan.closed and self.plan.by != "triplets"

    def _intervals(
        self, clusters: Clusters, numbers: tuple[EffectiveNumber, ...], table: np.ndarray, values: np.ndarray | None,
        estimates: np.ndarray, sums: np.ndarray | None,
    ) -> tuple[Intervals | None, str | None]:
        plan, errors = self.plan, None
        assert plan is not None
        closed = plan.closed
        if not are_enough(numbers):
            return None, without_interval(plan.by, numbers)
        if closed or (plan.method == "bootstrap" and plan.by == "objects"):
            both = Dependence.of(clusters, plan).errors(table).in_units(self.units)
            if not both.known:
                return None, without_interval(plan.by, numbers)
            errors = both.of(slice(0, None, 2)), both.of(slice(1, None, 2))
        if closed:
            assert errors is not None
            return ClosedForm(estimates, errors, plan), None
        assert values is not None
        sums = resampled_sums(clusters, values, plan) if sums is None else sums
        empty = int((sums[:, 0] == 0).sum())
        if empty:
            return None, f"there is no interval: {empty:,} of {plan.drawn:,} resamples leave none of the triplets"
        return Resampled.from_means(means_of(sums), values, self.units, estimates, errors, plan), None


def _values(table: np.ndarray) -> np.ndarray:
    """(2 m, t): the columns of a table but the first, as resamples take them."""
    return np.ascontiguousarray(table[:, 1:].T)


def too_few(n: int, least: int) -> str:
    """A sentence about a part that is too small.

    Example:
        >>> too_few(1, 30)
        'there is no interval: 1 triplet, fewer than 30'
    """
    return f"there is no interval: {n:,} triplet{'' if n == 1 else 's'}, fewer than {least:,}"


MEAN = "mean of {}"


def is_mean(name: str) -> bool:
    """Whether a row is of a family of models and not of one model.

    Example:
        >>> is_mean("mean of ResNet"), is_mean("resnet50")
        (True, False)
    """
    return name.startswith(MEAN.format(""))


@dataclass(frozen=True, eq=False)
class Families:
    """Means over the models of each family."""

    names: tuple[str, ...]  # what the means are called.
    weights: np.ndarray  # (f, m), how much each of the m models counts in each mean.

    @classmethod
    def of(cls, families: Sequence[str] | None, models: Sequence[str], plan: Resampling | None) -> Families | None:
        """Those of the families of models; None without.

        Example:
            >>> Families.of(["net", "net", "text"], ["a", "b", "c"], None).weights
            array([[0.5, 0.5, 0. ],
                   [0. , 0. , 1. ]])
        """
        if families is None:
            return None
        require_families(models, families)
        if plan is not None and not plan.closed:
            raise InputError("families need intervals in closed form, or none; got a bootstrap")
        different = list(dict.fromkeys(families))
        names = tuple(MEAN.format(family) for family in different)
        taken = set(names) & set(models)
        if taken:
            raise InputError(f"models must not be called {min(taken)!r}, as the mean of a family is called")
        members = np.array([[own == family for own in families] for family in different], np.float64)
        return cls(names, members / members.sum(axis=1, keepdims=True))

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Every two of them."""
        return list(combinations(self.names, 2))

    def added(self, part: Part) -> Part:
        """A part with the means as further models, after the others: their errors follow from those of the models."""
        every = np.concatenate([np.eye(self.weights.shape[1]), self.weights])
        estimates = part.estimates @ every.T
        form = part.intervals
        if isinstance(form, ClosedForm):
            accuracies, nats = (errors.along(every) for errors in form.errors)
            form = replace(form, estimates=estimates, errors=(accuracies, nats))
        return replace(part, estimates=estimates, intervals=form)


@dataclass(frozen=True)
class SimultaneousInference:
    """What a concept has among all concepts of a model; see `ConceptScore`."""

    simultaneous_ci: Interval | None = None
    p_value: float | None = None
    p_adjusted: float | None = None


def simultaneous_inference(k: int, parts: Sequence[Part], whole: Part, correction: str) -> list[SimultaneousInference]:
    """The simultaneous inference on each part for model k; an empty list without intervals in closed form."""
    count = sum(isinstance(part.intervals, ClosedForm) for part in parts)
    p_values = [_p_value(k, part, whole) for part in parts]
    return [
        SimultaneousInference(_simultaneous(k, part, count), p, adjusted)
        for part, p, adjusted in zip(parts, p_values, corrected(p_values, correction), strict=True)
    ]


def _simultaneous(k: int, part: Part, count: int) -> Interval | None:
    form = part.intervals
    if not isinstance(form, ClosedForm):
        return None
    plan = replace(form.plan, confidence_level=sidak(form.plan.confidence_level, count))
    interval = replace(form, plan=plan).own(k, ACCURACY)
    return None if interval is None else replace(interval, method="sidak", confidence=float(form.plan.confidence_level))


def _p_value(k: int, part: Part, whole: Part) -> float | None:
    """The p-value of no difference from the whole; None where the concept is the whole, or has no error."""
    own, all_ = part.intervals, whole.intervals
    if not (isinstance(own, ClosedForm) and isinstance(all_, ClosedForm)) or part.n_triplets == whole.n_triplets:
        return None
    errors, of_all = own.errors[ACCURACY], float(all_.errors[ACCURACY].errors[k]) ** 2
    accuracy, expected = float(part.estimates[ACCURACY, k]), float(whole.estimates[ACCURACY, k])
    if accuracy == expected:
        return 1.0
    independent = independent_rows(accuracy, float(errors.errors[k]), errors.rows)
    variance, share = expected * (1.0 - expected) / independent, part.n_triplets / whole.n_triplets
    variance = max(variance * (1.0 - 2.0 * share) + of_all, (1.0 - share) ** 2 * variance)
    t = abs(accuracy - expected) / math.sqrt(variance) if variance > 0.0 else math.inf
    return two_sided_p(t, float(errors.degrees_of_means[k]))

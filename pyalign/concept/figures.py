"""The figures of parts of the triplets, for several models at once: estimates, and what is known of their errors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pyalign.analysis.ledger import Ledger
from pyalign.analysis.notes import used_rows
from pyalign.analysis.outcomes import CREDIT_UNIT
from pyalign.analysis.paired import errors_of
from pyalign.analysis.paired_intervals import ACCURACY, ClosedForm, Intervals, Resampled
from pyalign.analysis.uncertainty import without_interval
from pyalign.concept.grouping import Grouping
from pyalign.progress import Progress
from pyalign.stats.clustered import Dependence, Errors
from pyalign.stats.resampling import Clusters, Resampling, means_of, resampled_sums


@dataclass(frozen=True, eq=False)
class Part:
    """Some of the triplets.

    Attributes:
        n_triplets, n_objects: how many, and different objects in them.
        estimates: (2, m) accuracies and cross-entropies of the models; NaN without triplets.
        intervals: what is known of their errors, or None.
        note: why there are no intervals, where they were asked for.
        sums: (b, 1 + 2 m) of the resamples, or None.
    """

    n_triplets: int
    n_objects: int
    estimates: np.ndarray
    intervals: Intervals | None
    note: str | None = None
    sums: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Parts:
    """Of what all parts are taken.

    Attributes:
        ledger: the outcomes of the models.
        clusters: how its triplets hang together.
        plan: of the intervals, or None.
        least: the fewest triplets of a part with intervals.
    """

    ledger: Ledger
    clusters: Clusters
    plan: Resampling | None
    least: int

    def of(self, grouping: Grouping, nats: np.ndarray, progress: Progress) -> Iterator[Part]:
        """Each part of a grouping, that of no concept last; nats: (m, g + 1) sums of cross-entropies."""
        credits = np.stack([grouping.sums(column) for column in self.ledger.credits[:, 1:].T])
        for k, size in enumerate(grouping.sizes):
            progress(grouping.by, k, len(grouping.sizes))
            with np.errstate(invalid="ignore"):
                estimates = np.stack([credits[:, k] / (CREDIT_UNIT * size), nats[:, k] / size])
            yield self._part(grouping.part(k), estimates, grouping.apart)

    def _part(self, rows: np.ndarray, estimates: np.ndarray, keep: bool) -> Part:
        clusters = self.clusters.take(rows)
        objects = int(used_rows(np.asarray(clusters.objects), clusters.n).sum())
        if self.plan is None:
            return Part(len(rows), objects, estimates, None)
        credits, nats = self.ledger.credits[rows], self.ledger.nats[rows]
        sums = None
        if keep and len(rows) and self._add_up:  # also of a part too small for an interval: the whole holds it
            sums = resampled_sums(clusters, _values(credits, nats), self.plan)
        if len(rows) < self.least:
            return Part(len(rows), objects, estimates, None, too_few(len(rows), self.least), sums)
        found, note = self._intervals(clusters, credits, nats, estimates, sums)
        return Part(len(rows), objects, estimates, found, note, sums)

    def whole(self, parts: list[Part], progress: Progress) -> Part:
        """All triplets together: of resamples that parts have added up already, their sum."""
        ledger, plan = self.ledger, self.plan
        t = len(ledger.credits)
        if plan is None:
            return Part(t, self.clusters.n, ledger.estimates, None)
        found = [part.sums for part in parts if part.sums is not None]
        sums = None
        if self._add_up and sum(part.n_triplets for part in parts if part.sums is not None) == t:
            sums = np.sum(found, axis=0)
        progress("intervals", 0, None)
        intervals, note = self._intervals(self.clusters, ledger.credits, ledger.nats, ledger.estimates, sums)
        return Part(t, self.clusters.n, ledger.estimates, intervals, note)

    @property
    def _add_up(self) -> bool:
        """Whether the sums of parts are those of the whole: resampled triplets are drawn by their places in a part."""
        return self.plan is not None and self.plan.method != "corrected" and self.plan.by != "triplets"

    def _intervals(
        self, clusters: Clusters, credits: np.ndarray, nats: np.ndarray, estimates: np.ndarray, sums: np.ndarray | None
    ) -> tuple[Intervals | None, str | None]:
        plan, errors = self.plan, None
        assert plan is not None
        closed = plan.method == "corrected"
        if closed or (plan.method == "bootstrap" and plan.by == "objects"):
            errors = errors_of(credits, nats, self.ledger.steps, Dependence.of(clusters, plan))
            if not errors[ACCURACY].known:
                return None, without_interval(plan)
        if closed:
            assert errors is not None
            return ClosedForm(estimates, errors, plan), None
        return self._resampled(clusters, _values(credits, nats), estimates, errors, sums)

    def _resampled(
        self, clusters: Clusters, values: np.ndarray, estimates: np.ndarray, errors: tuple[Errors, Errors] | None,
        sums: np.ndarray | None,
    ) -> tuple[Intervals | None, str | None]:  # fmt: skip
        plan = self.plan
        assert plan is not None
        sums = resampled_sums(clusters, values, plan) if sums is None else sums
        empty = int((sums[:, 0] == 0).sum())
        if empty:
            return None, f"there is no interval: {empty:,} of {plan.drawn:,} resamples leave none of the triplets"
        units = np.empty(len(values))
        units[::2], units[1::2] = 1.0 / CREDIT_UNIT, self.ledger.steps
        return Resampled.from_means(means_of(sums), values, units, estimates, errors, plan), None


def too_few(n: int, least: int) -> str:
    """A sentence about a part that is too small.

    Example:
        >>> too_few(1, 30)
        'there is no interval: 1 triplet, fewer than 30'
    """
    return f"there is no interval: {n:,} triplet{'' if n == 1 else 's'}, fewer than {least:,}"


def _values(credits: np.ndarray, nats: np.ndarray) -> np.ndarray:
    """(2 m, t) int16 from the columns of a ledger, as `Ledger.values` has them."""
    rows = np.empty((2 * (credits.shape[1] - 1), len(credits)), np.int16)
    rows[::2], rows[1::2] = credits[:, 1:].T, nats[:, 1:].T
    return rows

"""A score with what resampling adds: intervals, of the whole and of groups of triplets; its place below a ceiling."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from pyalign.analysis.accuracy import GroupScore, Score, fraction_of_ceiling
from pyalign.analysis.ceilings import NoiseCeiling
from pyalign.analysis.groups import group_members
from pyalign.analysis.named_ceiling import Ceiling, as_named_ceiling
from pyalign.analysis.outcomes import CREDIT_UNIT, Outcomes
from pyalign.analysis.uncertainty import clusters_of, people_of, uncertainty, values_of, without_interval
from pyalign.data import Aligned
from pyalign.errors import InputError
from pyalign.progress import Progress, silent
from pyalign.stats.clustered import Dependence
from pyalign.stats.resampling import Clusters, Resampling


def with_ceiling(result: Score, ceiling: Ceiling) -> Score:
    """The score with its place between chance and a noise ceiling."""
    assert result.accuracy is not None
    if isinstance(ceiling, NoiseCeiling) and ceiling.task != result.task:
        raise InputError(f"ceiling must be one of {result.task} triplets, as those scored; got task {ceiling.task!r}")
    name, value = as_named_ceiling(ceiling)
    fraction = fraction_of_ceiling(result.accuracy, value, result.task)
    return replace(result, ceiling=value, ceiling_name=name, fraction_of_ceiling=fraction)


class Grouped:
    """How triplets hang together under a plan: the last ones, since models in a row mostly have the same."""

    def __init__(self, plan: Resampling | None) -> None:
        self._plan = plan
        self._index: object = None
        self._found: tuple[Clusters, Resampling | None, Dependence | None] | None = None

    def of(
        self, outcomes: Outcomes, index: object, people: object
    ) -> tuple[Clusters, Resampling | None, Dependence | None]:
        """Those that `outcomes` kept of `index`, answered by `people`; what intervals are over; and what depends."""
        if outcomes.kept is None and self._found is not None and self._index is index:
            return self._found
        found = self._look(outcomes, index, people)
        if outcomes.kept is None:
            self._index, self._found = index, found
        return found

    def _look(
        self, outcomes: Outcomes, index: object, people: object
    ) -> tuple[Clusters, Resampling | None, Dependence | None]:
        if self._plan is None:
            return clusters_of(index, [outcomes]), None, None
        plan = self._plan.over(people_of([outcomes], people))
        clusters = clusters_of(index, [outcomes], people if "subjects" in plan.by else None)
        return clusters, plan, Dependence.of(clusters, plan) if plan.method == "corrected" else None


def with_intervals(
    outcomes: Outcomes, aligned: Aligned, grouped: Grouped, *, subjects: object = None, groups: object = None,
    progress: Progress = silent,
) -> Score:  # fmt: skip
    """The score of `outcomes` with the intervals of a plan, and with the scores of groups of triplets."""
    found = outcomes.score
    assert found.accuracy is not None and found.cross_entropy is not None
    people = aligned.triplets.subjects if subjects is None else subjects
    clusters, plan, dependence = grouped.of(outcomes, aligned.index, people)
    values, units = values_of([outcomes], found.ties, None)
    if plan is not None:
        ci, nats_ci = uncertainty(
            clusters, values, units, (found.accuracy, found.cross_entropy), plan, progress, dependence
        )
        found = replace(found, ci=ci, cross_entropy_ci=nats_ci)
        if plan.method != "corrected":
            found = replace(found, resamples=plan.drawn, seed=plan.seed)
        if ci is None:
            found = replace(found, missing=("ci", "cross_entropy_ci"), notes=(*found.notes, without_interval(plan)))
    if groups is not None:
        members = group_members(groups, aligned, outcomes.kept)
        found = replace(found, groups=tuple(_group_scores(outcomes, values, units, clusters, members, plan)))
    return found


def _group_scores(
    outcomes: Outcomes, values: np.ndarray, units: np.ndarray, clusters: Clusters, groups: Mapping[str, np.ndarray],
    plan: Resampling | None,
) -> Iterator[GroupScore]:  # fmt: skip
    for name, members in groups.items():
        own = values[:, members]
        nats = float(outcomes.cross_entropy[members].mean(dtype=np.float64))
        one = GroupScore(name, float(own[0].mean()) / CREDIT_UNIT, len(members), nats, None)
        yield one if plan is None else _with_interval(one, own, units, clusters.take(members), plan)


def _with_interval(
    one: GroupScore, values: np.ndarray, units: np.ndarray, clusters: Clusters, plan: Resampling
) -> GroupScore:
    """A group without an interval where it is too small for one, or where a resample leaves none of it."""
    try:
        ci, _ = uncertainty(clusters, values, units, (one.accuracy, one.cross_entropy or 0.0), plan)
    except InputError:
        return one
    return replace(one, ci=ci)

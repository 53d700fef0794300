"""A score with intervals, and the scores of groups of triplets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from pyalign.analysis.intervals import normal_interval, percentile_interval
from pyalign.analysis.outcomes import CREDIT_UNIT, Outcomes
from pyalign.analysis.score import GroupScore, Score
from pyalign.analysis.uncertainty import (
    Plan,
    Sample,
    replicates,
    standard_errors,
    uncertainty,
    values_of,
)
from pyalign.errors import InputError
from pyalign.ops.resample import Done


def plan_of(ci: str | None, ci_method: str, confidence: float, resamples: int, seed: int) -> Plan | None:
    """The plan of these options, checked; None for no intervals."""
    return None if ci is None else Plan(ci, ci_method, confidence, resamples, seed)


def with_intervals(
    outcomes: Outcomes,
    triplets: object,
    plan: Plan | None,
    *,
    subjects: object = None,
    groups: object = None,
    done: Done | None = None,
) -> Score:
    """The score of `outcomes` with the intervals of a plan, and with the scores of groups (t,) of triplets."""
    score = outcomes.score
    if plan is None and groups is None:
        return score
    sample = Sample.of(triplets, [outcomes], subjects if plan is not None and plan.by == "subjects" else None)
    values, units = values_of([outcomes], score.ties, None)
    if plan is not None:
        found = uncertainty(sample, values, units, (score.accuracy, score.cross_entropy), plan, done)
        bootstrap = plan.method == "bootstrap"
        score = replace(
            score,
            ci=found.intervals[0],
            cross_entropy_ci=found.intervals[1],
            standard_error=float(found.errors[0]),
            cross_entropy_standard_error=float(found.errors[1]),
            ci_by=plan.by,
            ci_method=plan.method,
            confidence=float(plan.confidence),
            resamples=plan.resamples if bootstrap else None,
            seed=plan.seed if bootstrap else None,
        )
    if groups is not None:
        labels = _labels(groups, outcomes)
        score = replace(score, groups=tuple(_group_scores(outcomes, values, sample, labels, plan)))
    return score


def _labels(groups: object, outcomes: Outcomes) -> np.ndarray:
    """(c,) labels of the scored triplets."""
    t = len(outcomes.verdicts) if outcomes.kept is None else len(outcomes.kept)
    labels = np.asarray(groups)
    if labels.shape != (t,):
        raise InputError(f"groups must have shape (t,) = ({t},); got {labels.shape}")
    return labels if outcomes.kept is None else labels[outcomes.kept]


def _group_scores(
    outcomes: Outcomes, values: np.ndarray, sample: Sample, labels: np.ndarray, plan: Plan | None
) -> Iterator[GroupScore]:
    names, codes = np.unique(labels, return_inverse=True)
    order = np.argsort(codes, kind="stable")
    for name, members in zip(names, np.split(order, np.cumsum(np.bincount(codes))[:-1]), strict=True):
        own = values[:, members]
        cross_entropy = float(outcomes.cross_entropy[members].mean(dtype=np.float64))
        score = GroupScore(str(name), float(own[0].mean()) / CREDIT_UNIT, len(members), cross_entropy)
        yield score if plan is None else _with_interval(score, own[:1], _part(sample, members), plan)


def _part(sample: Sample, members: np.ndarray) -> Sample:
    """Some of the triplets, among the same objects: they are drawn together with all others."""
    subjects = None if sample.subjects is None else sample.subjects[members]
    return replace(sample, triplets=sample.triplets[members], subjects=subjects)


def _with_interval(score: GroupScore, credits: np.ndarray, sample: Sample, plan: Plan) -> GroupScore:
    if plan.method == "analytic":
        error = float(standard_errors(sample, credits, plan)[0]) / CREDIT_UNIT
        return replace(score, standard_error=error, ci=normal_interval(score.accuracy, error, plan.confidence))
    means = replicates(sample, credits, plan)[:, 0] / CREDIT_UNIT
    if np.isnan(means).any():
        return score
    return replace(score, standard_error=float(means.std(ddof=1)), ci=percentile_interval(means, plan.confidence))

"""Odd-one-out accuracy with what is needed to trust it: intervals, groups of triplets, a ceiling."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from pyalign.analysis.accuracy import GroupScore, Score, fraction_of_ceiling, score_triplets, summarise
from pyalign.analysis.outcomes import CREDIT_UNIT, Outcomes, triplet_outcomes
from pyalign.analysis.repeats import checked_labels
from pyalign.analysis.uncertainty import (
    Plan,
    Sample,
    replicates,
    standard_errors,
    uncertainty,
    values_of,
)
from pyalign.measures import Measure
from pyalign.ops.resample import Done
from pyalign.stats.intervals import normal_interval, percentile_interval


def score(
    x: object,
    triplets: object,
    *,
    measure: str | Measure = "cosine",
    temperature: float = 1.0,
    ties: str = "fractional",
    nan: str = "raise",
    backend: str = "auto",
    ci: str | None = None,
    confidence: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
    ci_method: str = "bootstrap",
    subjects: object = None,
    groups: object = None,
    ceiling: float | None = None,
) -> Score:
    """Odd-one-out accuracy of embeddings on human triplets.

    Args:
        x: (n, d) real numbers, one row per item.
        triplets: (t, 3) integers in [0, n); the last column is the item that the person called odd.
        measure: see `pyalign.similarity`.
        temperature: divides the similarities before the softmax; concerns cross-entropy and entropy alone.
        ties: what a tie for the most similar pair counts. ``"fractional"``: 1/m when the human's pair is among the m
            tied ones, the only rule whose expectation is right for a random model; ``"wrong"``: nothing;
            ``"human_alignment"``: 1 for a two-way tie, nothing for a three-way one, as in the published code.
        nan: ``"raise"``, or ``"omit"`` to leave out triplets that touch a row with NaN or infinity.
        backend: see `pyalign.similarity`.
        ci: what intervals and standard errors are over; None: there are none. ``"objects"``: other objects like
            these, by the pigeonhole bootstrap; ``"triplets"``: other triplets of these objects; ``"subjects"``: other
            people.
        confidence: of the intervals.
        resamples: bootstrap resamples.
        seed: the same seed gives the same intervals on every backend and with any number of threads.
        ci_method: ``"bootstrap"``, or ``"analytic"`` for closed forms: estimate +- z standard errors, which for objects
            are clustered by shared objects.
        subjects: (t,) who answered each triplet, any labels; for ``ci="subjects"``.
        groups: (t,) labels of the triplets, to be scored each by itself too.
        ceiling: noise ceiling (`pyalign.noise_ceiling`), a fraction above 1/3; gives `fraction_of_ceiling`.

    Returns:
        A `Score`.

    Raises:
        InputError: as `pyalign.odd_one_out`; for an unknown rule; for resamples that leave no triplet; for a
            closed form of a single triplet, person or set of objects.

    Source: Muttenthaler et al., "Human alignment of neural network representations", ICLR 2023, section 3; Owen, "The
    pigeonhole bootstrap", Annals of Applied Statistics 2007.

    Example:
        >>> import numpy as np
        >>> x = np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.1, 0.9]])
        >>> score(x, [[0, 1, 2], [2, 3, 0], [0, 2, 3]]).accuracy.__round__(3)
        0.667
    """
    plan = plan_of(ci, ci_method, confidence, resamples, seed)
    options: dict[str, Any] = {"measure": measure, "temperature": temperature, "ties": ties}
    if plan is None and groups is None:
        results, n_dropped = score_triplets(x, triplets, **options, nan=nan, backend=backend)
        result = summarise(results, n_dropped, **options)
    else:
        found = triplet_outcomes(x, triplets, **options, nan=nan, backend=backend)
        result = with_intervals(found, triplets, plan, subjects=subjects, groups=groups)
    return result if ceiling is None else with_ceiling(result, ceiling)


def with_ceiling(result: Score, ceiling: float) -> Score:
    """The score with its place between chance and a noise ceiling."""
    return replace(result, ceiling=ceiling, fraction_of_ceiling=fraction_of_ceiling(result.accuracy, ceiling))


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
    labels = checked_labels(groups, t, "groups", "biufUS")
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
    """Some of the triplets, among the same objects and people: they are drawn together with all others."""
    subjects = None if sample.subjects is None else sample.subjects[members]
    return replace(sample, triplets=sample.triplets[members], subjects=subjects)


def _with_interval(score: GroupScore, credits: np.ndarray, sample: Sample, plan: Plan) -> GroupScore:
    if plan.method == "analytic":
        error = float(standard_errors(sample, credits, plan)[0]) / CREDIT_UNIT
        if np.isnan(error):
            return score
        return replace(score, standard_error=error, ci=normal_interval(score.accuracy, error, plan.confidence))
    means = replicates(sample, credits, plan)[:, 0] / CREDIT_UNIT
    if np.isnan(means).any():
        return score
    return replace(score, standard_error=float(means.std(ddof=1)), ci=percentile_interval(means, plan.confidence))

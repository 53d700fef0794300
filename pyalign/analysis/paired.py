"""The models of a ledger against each other: intervals, paired differences, ranks; in closed form or by resamples."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from pyalign.analysis.comparison import Comparison, Matrix, ModelResult, PairResult
from pyalign.analysis.ledger import Ledger
from pyalign.analysis.outcomes import CREDIT_UNIT
from pyalign.analysis.paired_intervals import ACCURACY, NATS, ClosedForm, Intervals, NoIntervals, Resampled
from pyalign.analysis.uncertainty import without_interval
from pyalign.progress import Progress, silent
from pyalign.stats.clustered import Dependence, Errors
from pyalign.stats.multiple import CORRECTIONS
from pyalign.stats.paired import error_consistency, ranks_of
from pyalign.stats.resampling import Clusters, Resampling


def compared(
    ledger: Ledger, clusters: Clusters, plan: Resampling | None, correction: str, progress: Progress = silent
) -> Comparison:  # fmt: skip
    """The comparison of the models of a ledger, whose triplets hang together as `clusters` says."""
    if plan is None:
        return _comparison(ledger, NoIntervals(), clusters, correction)
    dependence = Dependence.of(clusters, plan)
    closed, to_scale = plan.method == "corrected", plan.method == "bootstrap" and plan.by == "objects"
    errors = _errors(ledger, dependence) if closed or to_scale else None
    covariances: tuple[Matrix | None, Matrix | None] = None, None
    paired: Intervals
    notes: tuple[str, ...] = ()
    if closed and errors is not None:
        paired = ClosedForm(ledger.estimates, errors, plan)
        if errors[0].known:
            covariances = _as_matrix(errors[0].covariance), _as_matrix(errors[1].covariance)
        else:
            notes = (without_interval(plan),)
    else:
        paired = Resampled.of(ledger, clusters, plan, errors, progress)
        notes = _too_few(math.comb(len(ledger.names), 2), plan)
    return replace(
        _comparison(ledger, paired, clusters, correction),
        resamples=None if closed else plan.drawn,
        seed=plan.seed,
        ci_by=plan.by,
        ci_method=plan.method,
        confidence=float(plan.confidence),
        n_subjects=clusters.people if "subjects" in plan.by else None,
        covariance=covariances[0],
        cross_entropy_covariance=covariances[1],
        notes=notes,
    )


def _comparison(ledger: Ledger, paired: Intervals, clusters: Clusters, correction: str) -> Comparison:
    score = ledger.scores[0]
    assert score.temperature is not None
    measures = {one.measure for one in ledger.scores}
    return Comparison(
        models=tuple(_models(ledger, paired)),
        pairs=tuple(_adjusted(list(_pairs(ledger, paired)), correction)),
        n_triplets=len(ledger.credits),
        n_dropped=0 if ledger.kept is None else int((~ledger.kept).sum()),
        resamples=None,
        seed=0,
        measure=score.measure if len(measures) == 1 else None,
        temperature=score.temperature,
        ties=score.ties,
        ci_by=None,
        ci_method=None,
        confidence=None,
        correction=correction,
        n_objects=clusters.n,
        n_subjects=None,
        task=score.task,
    )


def _too_few(pairs: int, plan: Resampling) -> tuple[str, ...]:
    """A note where resamples can't give a p-value that is small enough for so many pairs."""
    least = 2.0 * pairs / (plan.drawn + 1)
    if least <= 1.0 - plan.confidence:
        return ()
    enough = math.ceil(2 * pairs / (1 - plan.confidence))
    return (
        f"{plan.drawn:,} resamples are too few for {pairs:,} pairs: no p-value, corrected for all of them, can be "
        f"below {min(1.0, least):.3g}; take {enough:,}, or ci_method corrected, which has no such limit",
    )


def _errors(ledger: Ledger, dependence: Dependence) -> tuple[Errors, Errors]:
    """Of accuracies and of cross-entropies, in fractions and nats."""
    units = np.full(len(ledger.names), 1.0 / CREDIT_UNIT), ledger.steps
    tables = ledger.credits, ledger.nats
    found = (dependence.errors(table).in_units(unit) for table, unit in zip(tables, units, strict=True))
    return next(found), next(found)


def _models(ledger: Ledger, paired: Intervals) -> Iterator[ModelResult]:
    accuracies, nats = ledger.estimates
    ranks = ranks_of(accuracies[None])[0]
    for k, (name, score) in enumerate(zip(ledger.names, ledger.scores, strict=True)):
        yield ModelResult(
            model=name,
            accuracy=float(accuracies[k]),
            ci=paired.own(k, ACCURACY),
            cross_entropy=float(nats[k]),
            cross_entropy_ci=paired.own(k, NATS),
            n_ties=score.n_ties,
            rank=float(ranks[k]),
            rank_ci=paired.rank(k),
            measure=score.measure,
        )


def _pairs(ledger: Ledger, paired: Intervals) -> Iterator[PairResult]:
    estimates, both = ledger.estimates, ledger.both_right()
    for a, b in combinations(range(len(ledger.names)), 2):
        both_wrong, expected, kappa = error_consistency(float(both[a, a]), float(both[b, b]), float(both[a, b]))
        simultaneous, p_max_t = paired.simultaneous(a, b)
        yield PairResult(
            a=ledger.names[a],
            b=ledger.names[b],
            difference=float(estimates[ACCURACY, a] - estimates[ACCURACY, b]),
            ci=paired.difference(a, b, ACCURACY),
            p_value=paired.p_value(a, b),
            p_adjusted=None,
            cross_entropy_difference=float(estimates[NATS, a] - estimates[NATS, b]),
            cross_entropy_ci=paired.difference(a, b, NATS),
            both_wrong=both_wrong,
            both_wrong_expected=expected,
            error_consistency=kappa,
            simultaneous_ci=simultaneous,
            p_max_t=p_max_t,
        )


def _adjusted(pairs: Sequence[PairResult], correction: str) -> list[PairResult]:
    p_values = [pair.p_value for pair in pairs if pair.p_value is not None]
    if len(p_values) < len(pairs):
        return list(pairs)
    return [replace(pair, p_adjusted=p) for pair, p in zip(pairs, CORRECTIONS[correction](p_values), strict=True)]


def _as_matrix(a: np.ndarray) -> Matrix:
    return tuple(map(tuple, a.tolist()))

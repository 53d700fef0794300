"""The models of a ledger against each other: intervals, paired differences, ranks; in closed form or by resamples."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from pyalign.analysis.comparison import Comparison, Matrix, ModelResult, PairResult
from pyalign.analysis.ledger import Ledger
from pyalign.analysis.outcomes import CREDIT_UNIT
from pyalign.analysis.uncertainty import in_units, scaled, without_interval
from pyalign.progress import Progress, silent
from pyalign.results import Interval
from pyalign.stats.clustered import Dependence, Errors
from pyalign.stats.intervals import FRACTION, POSITIVE, percentile_interval, student_interval
from pyalign.stats.multiple import CORRECTIONS, largest_t
from pyalign.stats.paired import error_consistency, ranks_of, two_sided_p
from pyalign.stats.resampling import Clusters, Resampling, replicates, require_rows
from pyalign.stats.student import quantile
from pyalign.stats.student import two_sided_p as student_p

ACCURACY, NATS = 0, 1
WHOLE = (-math.inf, math.inf)


@dataclass(frozen=True)
class Paired:
    """What is known of m models and their differences: functions of the number of a model, or of two, and of which
    figure: `ACCURACY` or `NATS`. None where there is no interval.

    Attributes:
        own: interval of a figure.
        difference: interval of a difference.
        p_value: of a difference of accuracies.
        simultaneous: interval of a difference of accuracies that holds with all others, and its p-value.
        rank: interval of a rank.
    """

    own: Callable[[int, int], Interval | None]
    difference: Callable[[int, int, int], Interval | None]
    p_value: Callable[[int, int], float | None]
    simultaneous: Callable[[int, int], tuple[Interval | None, float | None]]
    rank: Callable[[int], Interval | None]


def compared(
    ledger: Ledger, clusters: Clusters, dependence: Dependence, plan: Resampling, correction: str,
    progress: Progress = silent,
) -> Comparison:  # fmt: skip
    """The comparison of the models of a ledger, whose triplets hang together as `clusters` says."""
    notes: list[str] = []
    covariances: tuple[Matrix | None, Matrix | None] = None, None
    m, closed = len(ledger.names), plan.method == "corrected"
    if closed or (plan.method == "bootstrap" and plan.by == "objects"):
        errors = _errors(ledger, dependence)
    if closed:
        paired = in_closed_form(ledger.estimates, errors, plan)
        if errors[0].known:
            covariances = _as_matrix(errors[0].covariance), _as_matrix(errors[1].covariance)
        else:
            notes.append(without_interval(plan))
    else:
        paired = _by_resamples(ledger, clusters, plan, errors if plan.by == "objects" and plan.method == "bootstrap"
                               else None, progress)  # fmt: skip
        least = 2.0 * math.comb(m, 2) / (plan.drawn + 1)
        if least > 1.0 - plan.confidence:
            notes.append(_too_few(math.comb(m, 2), plan, least))
    score = ledger.scores[0]
    return Comparison(
        models=tuple(_models(ledger, paired)),
        pairs=tuple(_adjusted(list(_pairs(ledger, paired)), correction)),
        n_triplets=len(ledger.credits),
        n_dropped=0 if ledger.kept is None else int((~ledger.kept).sum()),
        resamples=None if closed else plan.drawn,
        seed=plan.seed,
        measure=score.measure,
        temperature=score.temperature,
        ties=score.ties,
        ci_by=plan.by,
        ci_method=plan.method,
        confidence=float(plan.confidence),
        correction=correction,
        n_objects=clusters.n,
        n_subjects=clusters.people if "subjects" in plan.by else None,
        task=score.task,
        covariance=covariances[0],
        cross_entropy_covariance=covariances[1],
        notes=tuple(notes),
    )


def _too_few(pairs: int, plan: Resampling, least: float) -> str:
    enough = math.ceil(2 * pairs / (1 - plan.confidence))
    return (
        f"{plan.drawn:,} resamples are too few for {pairs:,} pairs: no p-value, corrected for all of them, can be "
        f"below {min(1.0, least):.3g}; take {enough:,}, or ci_method corrected, which has no such limit"
    )


def _errors(ledger: Ledger, dependence: Dependence) -> tuple[Errors, Errors]:
    """Of accuracies and of cross-entropies, in fractions and nats."""
    units = np.full(len(ledger.names), 1.0 / CREDIT_UNIT), ledger.steps
    tables = ledger.credits, ledger.nats
    found = (dependence.errors(table).in_units(unit) for table, unit in zip(tables, units, strict=True))
    return next(found), next(found)


def in_closed_form(estimates: np.ndarray, errors: tuple[Errors, Errors], plan: Resampling) -> Paired:
    """By standard errors and Student's t.

    Args:
        estimates: (2, m) accuracies and cross-entropies.
        errors: of both.
    """
    degrees, m = errors[0].degrees, estimates.shape[1]
    known = errors[0].known
    largest = largest_t(errors[0].covariance, degrees, plan.seed) if known and m > 2 else None
    reach = quantile(plan.confidence, degrees) if known else math.nan
    if largest is not None:
        reach = max(reach, float(np.quantile(largest, plan.confidence)))  # drawn, and so not quite as known
    differences, error = estimates[0][:, None] - estimates[0][None, :], errors[0].differences
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(differences == 0.0, 0.0, np.abs(differences) / error)

    def own(k: int, what: int) -> Interval | None:
        bounds = (FRACTION, POSITIVE)[what]
        return _student(float(estimates[what, k]), float(errors[what].errors[k]), degrees, plan, bounds)

    def difference(a: int, b: int, what: int) -> Interval | None:
        of = float(estimates[what, a] - estimates[what, b])
        return _student(of, float(errors[what].differences[a, b]), degrees, plan, WHOLE)

    def p_value(a: int, b: int) -> float | None:
        return student_p(float(t[a, b]), degrees) if known else None

    def simultaneous(a: int, b: int) -> tuple[Interval | None, float | None]:
        if not known:
            return None, None
        of, se = float(differences[a, b]), float(error[a, b])
        found = Interval(of - reach * se, of + reach * se, se, plan.by, "max-t", float(plan.confidence))
        alone = student_p(float(t[a, b]), degrees)
        if largest is None:
            return found, alone
        beyond = len(largest) - int(np.searchsorted(largest, t[a, b]))
        return found, max(alone, (1 + beyond) / (1 + len(largest)))

    def rank(k: int) -> Interval | None:
        if not known:
            return None
        better, worse = (int((sign * differences[k] > reach * error[k]).sum()) for sign in (-1, 1))
        return Interval(float(1 + better), float(m - worse), None, plan.by, "max-t", float(plan.confidence))

    return Paired(own, difference, p_value, simultaneous, rank)


def _student(
    estimate: float, error: float, degrees: int, plan: Resampling, bounds: tuple[float, float]
) -> Interval | None:
    return None if math.isnan(error) else student_interval(estimate, error, degrees, plan, bounds)


def _by_resamples(
    ledger: Ledger, clusters: Clusters, plan: Resampling, errors: tuple[Errors, Errors] | None, progress: Progress
) -> Paired:
    """By what becomes of each figure in resamples that all models meet; `errors`: what their spread is brought to."""
    values, units = ledger.values()
    means = replicates(clusters, values, plan, progress)
    require_rows(means, plan)
    of_each = ledger.estimates.T.ravel()
    means = in_units(means, values, units, of_each.tolist())

    def drawn(estimate: float, column: np.ndarray, error: float | None) -> np.ndarray:
        return column if error is None else scaled(column[:, None], np.array([estimate]), np.array([error]))[:, 0]

    def own(k: int, what: int) -> Interval | None:
        error = None if errors is None else float(errors[what].errors[k])
        return _percentiles(drawn(of_each[2 * k + what], means[:, 2 * k + what], error), plan)

    def differences(a: int, b: int, what: int) -> np.ndarray:
        error = None if errors is None else float(errors[what].differences[a, b])
        of = of_each[2 * a + what] - of_each[2 * b + what]
        return drawn(of, means[:, 2 * a + what] - means[:, 2 * b + what], error)

    def p_value(a: int, b: int) -> float | None:
        column = differences(a, b, ACCURACY)
        return None if np.isnan(column).any() else two_sided_p(column)

    ranks = ranks_of(means[:, ::2])
    return Paired(
        own,
        lambda a, b, what: _percentiles(differences(a, b, what), plan),
        p_value,
        lambda a, b: (None, None),
        lambda k: percentile_interval(ranks[:, k], plan),
    )


def _percentiles(column: np.ndarray, plan: Resampling) -> Interval | None:
    return None if np.isnan(column).any() else percentile_interval(column, plan)


def _models(ledger: Ledger, paired: Paired) -> Iterator[ModelResult]:
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
        )


def _pairs(ledger: Ledger, paired: Paired) -> Iterator[PairResult]:
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

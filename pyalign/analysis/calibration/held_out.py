"""The figures of the held-out part of a calibration, with intervals in closed form.

All are means over answers at a temperature that is treated as fixed: of cross-entropies, credits, Brier scores, and of
divergences where answers are shares. Over objects and people they depend on each other as `pyalign.stats.clustered`
says; an answer counts the same whether it is a row of its own or one of many in a row of counts.

A lapse rate, fitted together with the temperature: how often answers are guesses, whatever the similarities.

Parameters for held-out answers are those of the triplets that share no object with the one that is held out. The
derivatives of the loss, at the best parameters of all answers, are added up by object, by pair of objects and by set of
three. By inclusion and exclusion these sums give the derivatives over the rest of each triplet, and a step of Newton's
method gives the parameters that fit the rest best, to first order. Nothing is random: with fifty or two hundred fits to
random halves of the objects, the calibration error would vary with the seed by a fifth of its standard error.

Source: Bickel, "One-step Huber estimates in the linear model", JASA 1975.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import reduce
from typing import Any, NamedTuple

import numpy as np

from pyalign._dataclass import dataclass, replace
from pyalign.analysis.calibration.calibration_result import (
    Confidences, Divergences, Lapses, Part, Reliability, ece_interval, equal_mass_edges, equal_width_edges,
)
from pyalign.analysis.calibration.temperature import (
    LEAST, AnsweredSimilarities, by_pair, credits_by_pair, descend, errors_of_estimates, interval, scores,
    with_single_answers,
)
from pyalign.analysis.outcomes import mean_interval
from pyalign.backends import LossSums
from pyalign.documents import Estimate, Interval
from pyalign.errors import InputError
from pyalign.stats.clustered import Dependence, Errors
from pyalign.stats.degrees import notes_on_few, without_interval
from pyalign.stats.divergences import entropy, js_distance, kl_of_logs, log_choice_probabilities
from pyalign.stats.intervals import FRACTION, POSITIVE, student_interval
from pyalign.stats.resampling import Resampling
from pyalign.stats.splits import sets_of_three

BLOCK = 1 << 16  # triplets whose values are multiplied at a time
FEW = 100  # objects: above, only about 2 in n of the triplets that share an object share two of them
ROUNDING = 1e-9  # of a sum: below it, nothing is left
ALIKE = {"objects": "share an object", "triplets": "are of the same three objects"}
FURTHEST = (0.0, math.sqrt(math.log(2.0)))  # where Jensen-Shannon distances are


class Mean(NamedTuple):
    """A quantity that is averaged over answers. values: float64 (t,), one per triplet. within: the range of its mean.

    by_pair: float64 (t, k), of an answer that is each pair; None where it is the same for all answers to a triplet.
    """

    values: np.ndarray
    within: tuple[float, float]
    by_pair: np.ndarray | None = None


@dataclass(frozen=True)
class HeldOut:
    """The figures of the held-out part; fields as in `Calibration`, whose `test` it is."""

    test: Part
    divergences: Divergences | None
    ece_equal_width_before: float
    ece_equal_mass_before: float
    equal_width: Reliability
    equal_mass: Reliability
    notes: tuple[str, ...] = ()


def part_of(n: int, before: LossSums, after: LossSums, chosen: Confidences) -> Part:
    """The figures of n triplets at T = 1 and at the fitted temperature."""
    return Part(
        n_triplets=n,
        n_answers=round(after.weight),
        accuracy=Estimate(np.average(chosen.accuracy, weights=chosen.weights)),
        cross_entropy_before=Estimate(before.loss / before.weight),
        cross_entropy=Estimate(after.loss / after.weight),
    )


def held_out(
    test: AnsweredSimilarities, betas: np.ndarray, bins: int, plan: Resampling | None, dependence: Dependence | None,
    slopes: np.ndarray | None = None,
) -> tuple[HeldOut, Errors | None]:
    """The figures at inverse temperatures (t,), with intervals under a plan; and the errors of `slopes`."""
    at_fit = replace(test, similarities=test.similarities * betas[:, None])  # where they are 1
    before, unsure = test.with_confidences(1.0)
    after, sure = at_fit.with_confidences(1.0)
    chosen = test.chosen(sure)
    was = replace(chosen, confidence=unsure)
    whole = test.answers is None or test.answers.totals is not None
    widths, floor = equal_width_edges(bins), whole and test.own_weights is None
    distances = None if test.answers is None else _divergences(test, at_fit)
    figures = HeldOut(
        part_of(len(sure), before, after, chosen),
        None if distances is None else _averages(distances, test.weights),
        was.ece(widths),
        was.ece(equal_mass_edges(unsure, test.weights, bins)),
        chosen.reliability(widths, floor=floor),
        chosen.reliability(equal_mass_edges(sure, test.weights, bins), floor=floor),
    )
    if plan is None or dependence is None:
        return figures, None
    means = {**_means(test, at_fit, unsure, chosen), **(distances or {})}
    intervals, notes, of_slopes = intervals_of_means(test, means, _estimates(figures), plan, dependence, slopes)
    if intervals and floor:
        members = _members(test, plan.by, dependence)
        for kind, table in (("equal_width", figures.equal_width), ("equal_mass", figures.equal_mass)):
            intervals[kind] = ece_interval(chosen, np.array(table.edges), members, dependence.degrees, plan)
    return _with_intervals(replace(figures, notes=notes), intervals), of_slopes


def _members(test: AnsweredSimilarities, by: str, dependence: Dependence) -> list[np.ndarray]:
    """The groups that triplets are in: their objects, then participants with other numbers; or sets of three."""
    assert test.objects is not None
    objects = list(test.objects.T.astype(np.int64)) if "objects" in by else []
    people = [] if dependence.people is None else [dependence.people + int(test.objects.max()) + 1]
    return [*objects, *people] if dependence.sets is None else [dependence.sets]


def _means(
    test: AnsweredSimilarities, at_fit: AnsweredSimilarities, unsure: np.ndarray, chosen: Confidences
) -> dict[str, Mean]:
    """The means that can be computed for every kind of answers."""
    pairs: dict[str, np.ndarray | None] = dict.fromkeys(("before", "after", "credit", "brier"))
    if test.totals is not None:
        credit, sure = credits_by_pair(test.choosable, test.ties), chosen.confidence[:, None]
        before, after = (one.max(axis=1, keepdims=True) - one for one in (test.choosable, at_fit.choosable))
        pairs = {"before": before - np.log(unsure)[:, None], "after": after - np.log(sure), "credit": credit,
                 "brier": (sure - credit) ** 2}
    return {
        "cross_entropy_before": Mean(test.losses(1.0, unsure), POSITIVE, pairs["before"]),
        "cross_entropy": Mean(at_fit.losses(1.0, chosen.confidence), POSITIVE, pairs["after"]),
        "accuracy": Mean(chosen.accuracy, FRACTION, pairs["credit"]),
        "score": Mean(chosen.scores, POSITIVE, pairs["brier"]),
    }


def _divergences(test: AnsweredSimilarities, at_fit: AnsweredSimilarities) -> dict[str, Mean]:
    """The means of `Divergences`, in the order of its fields, from the proportions of the answers."""
    assert test.answers is not None
    p = by_pair(test.answers.shares)[:, ::-1]  # in the order of the probabilities
    logs = [log_choice_probabilities(one.choosable, 1.0) for one in (test, at_fit)]
    kl, distance = [kl_of_logs(p, one) for one in logs], [js_distance(p, np.exp(one)) for one in logs]
    return {
        "target_entropy": Mean(entropy(p), POSITIVE),
        "kl_before": Mean(kl[0], POSITIVE), "kl": Mean(kl[-1], POSITIVE),
        "js_distance_before": Mean(distance[0], FURTHEST), "js_distance": Mean(distance[-1], FURTHEST),
    }


def _averages(distances: Mapping[str, Mean], weights: np.ndarray | None) -> Divergences:
    return Divergences(**{name: Estimate(np.average(one.values, weights=weights)) for name, one in distances.items()})


def _estimates(figures: HeldOut) -> dict[str, float]:
    brier = figures.equal_mass.brier
    assert brier is not None
    return {
        **vars(figures.test),
        **({} if figures.divergences is None else vars(figures.divergences)),
        "score": brier.score,
    }


def intervals_of_means(
    test: AnsweredSimilarities, means: Mapping[str, Mean], estimates: Mapping[str, float], plan: Resampling,
    dependence: Dependence, slopes: np.ndarray | None = None,
) -> tuple[dict[str, Interval | None], tuple[str, ...], Errors]:
    """The interval of each figure by its name, notes, and the errors of `slopes` (t,), if any."""
    weights = np.ones(len(test.similarities)) if test.weights is None else test.weights
    more = () if slopes is None else (slopes,)
    errors = dependence.errors(np.stack([weights, *(weights * one.values for one in means.values()), *more]).T)
    of_slopes, errors = errors.of(slice(len(means), None)), errors.of(slice(len(means)))
    if test.totals is not None:
        errors = with_single_answers(dependence, errors, _products(test, list(means.values())))
    if not errors.known:
        return {}, (f"held-out figures have no intervals: {without_interval(plan.by, errors.numbers)}",), of_slopes
    intervals = {name: mean_interval(float(estimates[name]), errors, k, plan, one.within)
             for k, (name, one) in enumerate(means.items())}
    return intervals, notes_on_few(errors.numbers), of_slopes


def _products(test: AnsweredSimilarities, means: list[Mean]) -> np.ndarray:
    """(1 + k, 1 + k): sums over single answers of the products of 1 and their k values, two by two."""
    assert test.answers is not None and test.totals is not None
    counts = by_pair(test.answers.values)
    if test.own_weights is not None and test.weights is not None:  # an answer's weight is in both factors of a product
        counts = counts * (test.weights / test.totals)[:, None] ** 2
    products = np.zeros((1 + len(means), 1 + len(means)))
    for start in range(0, len(counts), BLOCK):
        rows = slice(start, start + BLOCK)
        for pair, times in enumerate(counts[rows].T):
            columns = (one.values[rows] if one.by_pair is None else one.by_pair[rows, pair] for one in means)
            values = np.stack([np.ones(len(times)), *columns])
            products += np.einsum("t,at,bt->ab", times, values, values)  # not by BLAS, whose sums depend on its threads
    return products


def _with_intervals(figures: HeldOut, intervals: Mapping[str, Interval | None]) -> HeldOut:
    def known(part: Any, **called: str) -> Any:
        """The part with the intervals of its figures, by their names or by what they are called."""
        return part and replace(part, **{
            name: Estimate(value, intervals.get(called.get(name, name)))
            for name, value in vars(part).items() if isinstance(value, Estimate)
        })

    def scored(kind: str) -> Any:
        table = getattr(figures, kind)
        return known(replace(table, brier=known(table.brier)), ece_debiased=kind)

    return replace(
        figures, test=known(figures.test), divergences=known(figures.divergences),
        equal_width=scored("equal_width"), equal_mass=scored("equal_mass"),
    )


GRID = tuple(1.5**power for power in range(-1, 12))  # of beta, in multiples of that without lapses
START = 0.05  # a rate within (0, 1)
AS_WELL = 1.92  # nats in all by which the best fit is not significantly better: half the .95 quantile of chi-square
WIDEST = 0.5  # range of the rates that fit as well; where it is wider, no rate is reported
ANY = (-np.inf, np.inf)


class LapseFit(NamedTuple):
    """The best inverse temperature, and the best lapse rate."""

    beta: float
    rate: float


def lapses_of(
    answered: AnsweredSimilarities, test: AnsweredSimilarities, beta: float, betas: np.ndarray, split: str | None,
    over: tuple[Resampling, Dependence, Dependence] | None,
) -> Lapses | str:
    """Lapses fitted to all answers, with their gain on held-out ones; a sentence if answers don't determine the rate.

    Args:
        answered: all answers.
        test: those that are reported on.
        beta: the best inverse temperature of all without lapses.
        betas: (t,) without lapses, of the rest of each triplet; NaN of those that are not in `test`.
        split: what triplets are held out with; None: nothing is held out.
        over: the plan of intervals, and which of all triplets, and of those in `test`, depend on each other under it;
            None: no intervals.
    """
    lapse_fit = fit_lapses(answered, beta)
    if isinstance(lapse_fit, str):
        return lapse_fit
    gradient, curvature = _sums(answered, lapse_fit, _weights(answered))
    if not np.linalg.det(curvature) > 0.0:
        return "the likelihood has no distinct maximum"
    there = ~np.isnan(betas)
    at = lapse_fit if split is None else _held_out(answered, lapse_fit, betas, split, there)
    losses, with_lapses = (_losses(test, *one) for one in ((betas[there], 0.0), at))
    means = {"cross_entropy": _mean(test, with_lapses, POSITIVE), "gain": _mean(test, losses - with_lapses, ANY)}
    figures = {name: float(np.average(mean.values, weights=test.weights)) for name, mean in means.items()}
    fitted = lapse_fit.rate, 1.0 / lapse_fit.beta, figures["cross_entropy"], figures["gain"]
    if over is None:
        return Lapses(*map(Estimate, fitted))
    plan, of_fit, of_test = over
    inverse, mean = np.linalg.inv(curvature), gradient[:, None, None]
    table, squares = scores(answered, lambda s: np.einsum("pq,qkb->pkb", inverse, _of_answers(s, lapse_fit)[0] - mean))
    of_beta, of_rate = errors_of_estimates(answered, of_fit.errors(table), squares, plan, of_fit)
    rate_ci = student_interval(lapse_fit.rate, of_rate.error, of_rate.degrees, of_rate.plan, FRACTION)
    intervals, *_ = intervals_of_means(test, means, figures, plan, of_test)
    known = (replace(rate_ci, method="sandwich"), interval(lapse_fit.beta, of_beta),
             intervals.get("cross_entropy"), intervals.get("gain"))
    return Lapses(*map(Estimate, fitted, known))


def _held_out(
    answered: AnsweredSimilarities, lapse_fit: LapseFit, betas: np.ndarray, split: str, there: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Both parameters for each held-out triplet, of the triplets that share no object with it; rates are at least 0."""
    rates = np.zeros(len(betas))
    if lapse_fit.rate > 0.0:
        table, _ = scores(answered, lambda s: np.concatenate(_of_answers(s, lapse_fit)))
        f_f, f_r, r_r, f, r = rest_sums(answered.objects, split, table.T[[3, 4, 5, 1, 2]])
        known = (determinant := f_f * r_r - f_r**2) > 0.0
        of_beta, of_rate = (f_r * r - r_r * f, f_r * f - f_f * r) / np.where(known, determinant, np.inf)
        rates = np.where(known, np.minimum(lapse_fit.rate + of_rate, 1.0), 0.0)
        betas = np.where(rates > 0.0, np.maximum(lapse_fit.beta + of_beta, 0.0), betas)
    return betas[there], np.maximum(rates, 0.0)[there]


def fit_lapses(fit: AnsweredSimilarities, beta: float) -> LapseFit | str:
    """The lapse rate and the inverse temperature with the least loss; a sentence if answers don't determine them.

    Args:
        fit: the answers.
        beta: the best inverse temperature without lapses.
    """
    weights, k = _weights(fit), fit.alternatives
    betas = [beta * times for times in GRID]
    rates, losses = np.array([_best_rate(_chosen(fit, one), weights, k) for one in betas]).T
    best = int(losses.argmin())
    as_well = rates[(losses - losses[best]) * fit.n_answers <= AS_WELL]
    if as_well.max() - as_well.min() > WIDEST:
        from_to = f"{as_well.min():.0%} to {as_well.max():.0%}"
        return f"the answers are too few, or too near chance: rates of {from_to} fit them about as well"
    if best == len(GRID) - 1:
        return "answers don't depend on how much similarities differ: with lapses the best temperature is 0"
    low, high = 0.0 if best == 0 else betas[best - 1], betas[best + 1]
    better, _ = descend(lambda one: _profile(fit, one, weights), betas[best], low, high)
    rate, _ = _best_rate(_chosen(fit, better), weights, k)
    return LapseFit(better, rate) if rate > 0.0 else LapseFit(beta, 0.0)


class _Slopes(NamedTuple):
    first: float
    second: float


def _best_rate(p: np.ndarray, weights: np.ndarray, k: int) -> tuple[float, float]:
    """The best lapse rate at one temperature, and its loss. p: (a, t), the probability of each answer there."""
    excess = 1.0 / k - p  # the derivative of P by the rate

    def slopes_at(rate: float) -> _Slopes:
        ratio = excess / (p + rate * excess)
        return _Slopes(-float((weights * ratio).sum()), float((weights * ratio * ratio).sum()))

    rate = 0.0
    if (weights * (excess / p)).sum() > 0.0:
        rate = 1.0 if slopes_at(1.0).first <= 0.0 else descend(slopes_at, START, 0.0, 1.0)[0]
    return rate, -float((weights * np.log(p + rate * excess)).sum())


def _profile(fit: AnsweredSimilarities, beta: float, weights: np.ndarray) -> _Slopes:
    """The derivatives, by beta, of the loss at the best rate there."""
    rate, _ = _best_rate(_chosen(fit, beta), weights, fit.alternatives)
    gradient, curvature = _sums(fit, LapseFit(beta, rate), weights)
    by_rate = curvature[0, 1] ** 2 / curvature[1, 1] if 0.0 < rate < 1.0 else 0.0
    return _Slopes(float(gradient[0]), float(curvature[0, 0] - by_rate))


def _sums(fit: AnsweredSimilarities, at: LapseFit, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mean of the first derivatives (2,) of the loss by beta and the rate, and of the second ones (2, 2)."""
    gradient, curvature = np.zeros(2), np.zeros(3)
    for rows, s in fit.blocks():
        first, second = _of_answers(s, at)
        weight = weights[:, rows]
        gradient += np.einsum("kb,pkb->p", weight, first[:, : len(weight)])
        curvature += np.einsum("kb,pkb->p", weight, second[:, : len(weight)])
    return gradient, curvature[[[0, 1], [1, 2]]]


def _of_answers(s: np.ndarray, at: LapseFit) -> tuple[np.ndarray, np.ndarray]:
    """The derivatives of the loss of an answer that is each pair: the first (2, k, b), the second (3, k, b)."""
    p, slope = _softmax(s, at.beta)
    excess = 1.0 / len(s) - p
    whole = p + at.rate * excess
    of_softmax = (1.0 - at.rate) * p / whole  # the probability that this answer is no guess
    by_beta, by_rate = -of_softmax * slope, -excess / whole
    variance = (p * slope**2).sum(axis=0)
    second = (by_beta**2 - of_softmax * (slope**2 - variance), by_beta * by_rate + p * slope / whole, by_rate**2)
    return np.stack((by_beta, by_rate)), np.stack(second)


def _softmax(s: np.ndarray, beta: float | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(k, b) the probabilities of pairs with these similarities (k, b), and the derivatives of their logarithms."""
    p = np.exp(beta * (s - s.max(axis=0)))
    p /= p.sum(axis=0)
    return np.maximum(p, LEAST), s - (p * s).sum(axis=0)


def _chosen(fit: AnsweredSimilarities, beta: float | np.ndarray) -> np.ndarray:
    """(a, t) the probabilities of the answers at inverse temperatures; see `_weights`."""
    pairs = 1 if fit.answers is None else fit.alternatives
    betas = np.broadcast_to(beta, len(fit.similarities))
    return np.concatenate([_softmax(s, betas[rows])[0][:pairs] for rows, s in fit.blocks()], axis=1)


def _losses(fit: AnsweredSimilarities, beta: float | np.ndarray, rate: float | np.ndarray) -> np.ndarray:
    """(a, t) nats of the answers."""
    p = _chosen(fit, beta)
    losses: np.ndarray = -np.log(p + rate * (1.0 / fit.alternatives - p))
    return losses


def _mean(fit: AnsweredSimilarities, losses: np.ndarray, within: tuple[float, float]) -> Mean:
    """The mean over answers of losses (a, t)."""
    if fit.answers is None:
        return Mean(losses[0], within)
    return Mean(np.einsum("kt,tk->t", losses, by_pair(fit.answers.shares)), within, losses.T)


def _weights(fit: AnsweredSimilarities) -> np.ndarray:
    """(a, t) the share of all answers that are to a triplet and choose one of a pairs; a = 1 for single answers."""
    weights = np.ones((1, len(fit.similarities))) if fit.answers is None else by_pair(fit.answers.shares).T
    weights = weights if fit.weights is None else weights * fit.weights
    shares: np.ndarray = weights / weights.sum()
    return shares


def rest_sums(objects: np.ndarray | None, by: str, values: np.ndarray) -> np.ndarray:
    """(k, t): the sums of values (k, t) over the rest of each triplet, the triplets that share no object with it.

    Above 100 objects a triplet that shares two objects with the one that is held out is subtracted with either.

    Args:
        objects: (t, 3) integers >= 0.
        by: ``"objects"``, or ``"triplets"``: only answers to the same three objects have something in common.
        values: (k, t) of the triplets; the first are positive where the triplet counts.
    """
    assert objects is not None
    columns = np.ascontiguousarray(objects.T, np.int64)
    named = np.bincount(columns.ravel()) > 0
    n, k = len(named), int(named.sum())
    a, b, c = np.sort((np.cumsum(named) - 1)[columns], axis=0) if k <= FEW else columns
    rest = np.repeat(values.sum(axis=1)[:, None], len(objects), axis=1)
    shared: list[tuple[float, tuple[np.ndarray, ...]]] = [(-1.0, (a, b, c))]
    if by == "triplets":
        shared = [(-1.0, (sets_of_three(objects, n),))]
    elif k <= FEW:
        pairs = a * k + b, a * k + c, b * k + c
        shared += [(1.0, pairs), (-1.0, (pairs[0] * k + c,))]
    else:
        rest += 2.0 * values  # of itself, which is subtracted with each of its objects
    for row, value in zip(rest, np.ascontiguousarray(values), strict=True):
        for sign, keys in shared:
            most = 1 + max(int(key.max()) for key in keys)
            together = reduce(np.add, (np.bincount(key, value, most) for key in keys))
            row += sign * reduce(np.add, (together[key] for key in keys))
        row[np.abs(row) <= ROUNDING * np.abs(value).sum()] = 0.0
    if not (rest[0] > 0.0).any():
        raise InputError(f"a split over {by} must leave others to fit to; any two triplets {ALIKE[by]}")
    return rest

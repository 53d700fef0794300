"""A lapse rate, fitted together with the temperature: how often answers are guesses, whatever the similarities.

With inverse temperature beta, lapse rate r and p = softmax(beta s), an answer that is one of k alternatives has the
probability ``P = (1 - r) p + r / k`` and costs -log P nats. At a given beta this is convex in r. So each beta has a
best rate, and the loss at that rate depends on beta only. A grid of multiples of the temperature without lapses
brackets its minimum; Newton's method finds it to the last digits. Errors are those of `errors_of_estimates`, for both
parameters together, also where the best rate is 0.

Source: Wichmann and Hill, "The psychometric function: I. Fitting, sampling, and goodness of fit", Perception &
Psychophysics 2001. The range of rates that fit about as well is that of a likelihood ratio: Venzon and Moolgavkar, "A
method for computing profile-likelihood-based confidence intervals", Applied Statistics 1988.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from pyalign.analysis.calibration.calibration_result import Lapses
from pyalign.analysis.calibration.cross_fit import rest_sums
from pyalign.analysis.calibration.held_out import Mean, intervals_of_means
from pyalign.analysis.calibration.temperature import (
    LEAST,
    AnsweredSimilarities,
    by_pair,
    descend,
    errors_of_estimates,
    interval,
    scores,
)
from pyalign.stats.clustered import Dependence
from pyalign.stats.intervals import FRACTION, POSITIVE, student_interval
from pyalign.stats.resampling import Resampling

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
    plan: Resampling | None, of_fit: Dependence | None, of_test: Dependence | None,
) -> Lapses | str:
    """Lapses fitted to all answers, with what they bring to held-out ones; a sentence where answers don't say the rate.

    Args:
        answered: all answers.
        test: those that are reported on.
        beta: the best inverse temperature of all without lapses.
        betas: (t,) without lapses, of the rest of each triplet; NaN of those that are not in `test`.
        split: what triplets are held out with; None: nothing is held out.
        plan: over what intervals are; None: there are none.
        of_fit, of_test: which of all triplets, and of those in `test`, depend on each other under the plan.
    """
    found = fit_lapses(answered, beta)
    if isinstance(found, str):
        return found
    gradient, curvature = _sums(answered, found, _weights(answered))
    if not np.linalg.det(curvature) > 0.0:
        return "the likelihood has no distinct maximum"
    there = ~np.isnan(betas)
    at = found if split is None else _held_out(answered, found, betas, split, there)
    losses, with_lapses = (_losses(test, *one) for one in ((betas[there], 0.0), at))
    means = {"cross_entropy": _mean(test, with_lapses, POSITIVE), "gain": _mean(test, losses - with_lapses, ANY)}
    figures = {name: float(np.average(mean.values, weights=test.weights)) for name, mean in means.items()}
    lapses = Lapses(found.rate, 1.0 / found.beta, figures["cross_entropy"], figures["gain"])
    if plan is None or of_fit is None or of_test is None:
        return lapses
    inverse, mean = np.linalg.inv(curvature), gradient[:, None, None]
    table, squares = scores(answered, lambda s: np.einsum("pq,qkb->pkb", inverse, _of_answers(s, found)[0] - mean))
    of_beta, of_rate = errors_of_estimates(answered, table, squares, plan, of_fit)
    rate_ci = student_interval(found.rate, of_rate.error, of_rate.degrees, of_rate.plan, FRACTION)
    intervals, _ = intervals_of_means(test, means, figures, plan, of_test)
    return replace(
        lapses, rate_ci=replace(rate_ci, method="sandwich"), temperature_ci=interval(found.beta, of_beta),
        cross_entropy_ci=intervals.get("cross_entropy"), gain_ci=intervals.get("gain"),
    )


def _held_out(
    answered: AnsweredSimilarities, found: LapseFit, betas: np.ndarray, split: str, there: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Both for each triplet that is there, from those of its rest; no lapses where those, or all answers, have none."""
    rates = np.zeros(len(betas))
    if found.rate > 0.0:
        table, _ = scores(answered, lambda s: np.concatenate(_of_answers(s, found)))
        f_f, f_r, r_r, f, r = rest_sums(answered.objects, split, table.T[[3, 4, 5, 1, 2]])
        known = (determinant := f_f * r_r - f_r**2) > 0.0
        of_beta, of_rate = (f_r * r - r_r * f, f_r * f - f_f * r) / np.where(known, determinant, np.inf)
        rates = np.where(known, np.minimum(found.rate + of_rate, 1.0), 0.0)
        betas = np.where(rates > 0.0, np.maximum(found.beta + of_beta, 0.0), betas)
    return betas[there], np.maximum(rates, 0.0)[there]


def fit_lapses(fit: AnsweredSimilarities, beta: float) -> LapseFit | str:
    """The lapse rate and the inverse temperature with the least loss; a sentence where the answers don't say them.

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
    """(a, t) what share of all answers are to a triplet and are one of a pairs; a = 1 of single answers."""
    weights = np.ones((1, len(fit.similarities))) if fit.answers is None else by_pair(fit.answers.shares).T
    weights = weights if fit.weights is None else weights * fit.weights
    shares: np.ndarray = weights / weights.sum()
    return shares

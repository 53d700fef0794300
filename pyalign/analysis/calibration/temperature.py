"""The temperature that minimizes cross-entropy, which is a convex problem in its inverse, and its standard error.

With beta = 1 / T, similarities s of a triplet's three pairs and target probabilities q of the pairs, a triplet costs
``f(beta) = log sum exp(beta s) - beta sum q s`` nats. Its derivatives are ``E_p[s] - sum q s`` and ``Var_p[s] >= 0``.

The error says by how much a fitted temperature would move with other objects, or other people. At the best beta the
mean over answers of f', the derivative of the loss, is 0. Its standard error takes answers to triplets that share an
object (or a participant) for dependent, see `pyalign.stats.clustered`; divided by the mean of f'' it is that of beta.
An answer counts the same whether it is a row of its own or one of many in a row of counts.

Source: Huber, "The behavior of maximum likelihood estimates under nonstandard conditions", 1967.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import cached_property, reduce
from typing import Any, NamedTuple, Protocol

import numpy as np

from pyalign._dataclass import dataclass, replace
from pyalign.analysis.calibration.calibration_result import Confidences
from pyalign.analysis.outcomes import CREDIT_UNIT, credits_of
from pyalign.backends import HostBackend, LossSums
from pyalign.data import Answers
from pyalign.documents import Interval
from pyalign.errors import InputError
from pyalign.stats.clustered import Dependence, Errors, variances_of
from pyalign.stats.degrees import are_enough, without_interval
from pyalign.stats.intervals import quantile
from pyalign.stats.resampling import Clusters, Resampling
from pyalign.typing import Ties

CLOSE_ENOUGH = 1e-9  # of a step, relative; Newton's next one would be of about its square
GROWTH = 16.0  # of beta, while nothing bounds it from above
MOST_STEPS = 200
LEAST = 1e-300  # stands for a second derivative that underflowed
BLOCK = 1 << 13  # triplets whose probabilities are held at a time


@dataclass(frozen=True)
class Minimum:
    """Where the loss is least."""

    beta: float  # the inverse temperature.
    steps: int  # of Newton's method or bisection.


def minimize(sums_at: Callable[[float], LossSums]) -> Minimum:
    """The inverse temperature with the least loss: Newton's method, kept within a bracket.

    The derivative rises with beta, from its value at 0, which must be negative, to the shortfall, which must be
    positive; else no finite temperature is best.

    Args:
        sums_at: the sums over triplets at a given beta.
    """
    sums = sums_at(0.0)
    _require_finite_optimum(sums)
    return Minimum(*descend(sums_at, -sums.first / max(sums.second, LEAST), 0.0, math.inf))


class Slopes(Protocol):
    """The first and the second derivative of a loss at one value of its parameter."""

    @property
    def first(self) -> float:
        """It rises through 0 at a minimum."""

    @property
    def second(self) -> float:
        """Where it is not above 0, the bracket is halved instead of Newton's step."""


def descend(slopes_at: Callable[[float], Slopes], start: float, low: float, high: float) -> tuple[float, int]:
    """A minimum of a loss between `low` and `high`, by Newton's method from `start` within this bracket; and the steps.

    Args:
        slopes_at: the derivatives at a value above 0; the first is below 0 near `low` and above 0 near `high`.
        start: within the bracket.
        low, high: its ends; high may be infinite.
    """
    value, steps, step = start, 0, math.inf
    while abs(step) > CLOSE_ENOUGH * value and steps < MOST_STEPS:
        slopes = slopes_at(value)
        low, high = (value, high) if slopes.first < 0 else (low, value)
        step = _within(value - slopes.first / max(slopes.second, LEAST), low, high) - value
        value, steps = value + step, steps + 1
    return value, steps


def _within(beta: float, low: float, high: float) -> float:
    """Newton's proposal where it lies within the bracket, else the middle; no leap where nothing bounds it yet."""
    if high == math.inf:
        return min(beta, GROWTH * low)
    return beta if low <= beta <= high else (low + high) / 2


def _require_finite_optimum(at_zero: LossSums) -> None:
    if not at_zero.first < 0:
        advantage = -at_zero.first / at_zero.weight
        raise InputError(
            "similarities must agree with the answers better than chance for a temperature to fit; the chosen pair "
            f"exceeds the mean of the pairs by {advantage + 0.0:.3g} on average"
        )
    if not at_zero.shortfall > 0:
        raise InputError(
            "similarities must disagree with some answer for a temperature to fit; the best pair is the chosen one in "
            f"all {at_zero.weight:,.0f} answers, so that cross-entropy falls for ever as the temperature goes to 0"
        )


class EstimateError(NamedTuple):
    """error: standard, of an estimate; NaN where it is not known. degrees: of freedom. plan: over what it is.

    why: there is no error, where objects or people are too few.
    """

    error: float
    degrees: float
    plan: Resampling
    why: str | None = None


def error_of_beta(
    fit: AnsweredSimilarities, table: np.ndarray, squares: np.ndarray, plan: Resampling, dependence: Dependence,
    errors: Errors | None = None,
) -> EstimateError:
    """The standard error of the best inverse temperature.

    Args:
        fit: what it was fitted to, with its objects.
        table, squares: the derivatives there, of `slopes`.
        plan: over what the error is.
        dependence: of the triplets under that plan.
        errors: of the mean of the first derivatives; None: they are computed.
    """
    per_answer = table[:, 0].sum() / table[:, 2].sum()
    errors = (errors or dependence.errors(table[:, :2])).in_units(np.array([per_answer]))
    (known,) = errors_of_estimates(fit, errors, squares[:1, :1] * per_answer**2, plan, dependence)
    return known


def slopes(fit: AnsweredSimilarities, beta: float) -> tuple[np.ndarray, np.ndarray]:
    """The first and the second derivative of the loss by the inverse temperature, as `scores` gives them."""

    def derivatives(s: np.ndarray) -> np.ndarray:
        s = s - s.max(axis=0)
        p = np.exp(beta * s)
        p /= p.sum(axis=0)
        p *= s
        mean, square = p.sum(axis=0), np.einsum("kb,kb->b", p, s)
        first = mean - (s[:1] if fit.answers is None else s)
        return np.stack((first, np.broadcast_to(square - mean * mean, first.shape)))

    return scores(fit, derivatives)


def errors_of_estimates(
    fit: AnsweredSimilarities, errors: Errors, squares: np.ndarray, plan: Resampling, dependence: Dependence
) -> tuple[EstimateError, ...]:
    """The standard errors of parameters that minimize the mean loss of answers.

    Over objects they are never below those of independent sets of three items, nor of independent answers; over sets
    where all triplets share an object, and there are enough objects.

    Args:
        fit: what the parameters were fitted to, with its objects.
        errors: of the mean derivatives of the loss, times the inverse of the matrix of mean second ones.
        squares: by `scores`, of the same.
        plan: over what the errors are.
        dependence: of the triplets under that plan.
    """
    count = len(squares)
    products = np.zeros((1 + count, 1 + count))
    products[0, 0], products[1:, 1:] = fit.n_answers, squares
    known = with_single_answers(dependence, errors, products)
    if not are_enough(known.numbers):
        return (EstimateError(math.nan, math.nan, plan, without_interval(plan.by, known.numbers)),) * count
    if not known.known and dependence.objects is not None:
        sets, single = known.candidates[-2:]
        known, plan = Errors(known.means, (sets, single), _sets(fit.objects) - 1), replace(plan, by="triplets")
    each = zip(known.errors.tolist(), known.degrees_of_means.tolist(), strict=True)
    return tuple(EstimateError(error, degrees, plan) for error, degrees in each)


def with_single_answers(dependence: Dependence, errors: Errors, products: np.ndarray) -> Errors:
    """The same over objects, not below the errors of independent answers in place of those of independent rows.

    A row of counts is several answers: so it has the error of as many rows of one answer each.

    Args:
        dependence: of the rows.
        errors: of means over them.
        products: (1 + k, 1 + k), sums over single answers of the products of 1 and the k values, two by two.
    """
    if dependence.objects is None:
        return errors
    single = variances_of(products, errors.means, float(products[0, 0]) ** 2)
    return replace(errors, candidates=(*errors.candidates[:-1], single))


def scores(fit: AnsweredSimilarities, derivatives: Callable[[np.ndarray], np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Derivatives of the loss, by triplet.

    Args:
        fit: the answers.
        derivatives: of similarities (k, b), gives (p, k, b): of an answer that is each pair.

    Returns:
        float64 (t, 1 + p): weights of the answers to each triplet, and weights times their mean derivatives; and (p, p)
        the products of derivatives of single answers, times their squared weights. Shares count as one answer.
    """
    answers, columns, squares = fit.answers, [], []
    weights = np.ones(len(fit.similarities)) if fit.weights is None else fit.weights
    for rows, s in fit.blocks():
        each = derivatives(s)
        mean = each[:, 0] if answers is None else np.einsum("pkb,kb->pb", each, by_pair(answers.shares[rows]).T)
        columns.append(weights[rows] * mean)
        weight = 1.0 if fit.own_weights is None else weights[rows] / (1.0 if fit.totals is None else fit.totals[rows])
        if answers is None or answers.totals is None:
            own = weight * mean
            squares.append(np.einsum("pb,qb->pq", own, own))
        else:
            counts = by_pair(answers.values[rows]).T
            squares.append(np.einsum("kb,pkb,qkb->pq", counts, weight * each, weight * each))
    return np.concatenate([weights[None], np.concatenate(columns, axis=1)]).T, np.sum(squares, axis=0)


def _sets(objects: np.ndarray | None) -> int:
    assert objects is not None
    return len(np.unique(np.sort(objects, axis=1), axis=0))


def interval(beta: float, known: EstimateError) -> Interval:
    """The interval of the temperature 1 / beta: by Student's t in beta, where estimates are nearly symmetric.

    Its ends are those of beta, inverted: they are not symmetric about the temperature, and where beta may be 0 there is
    no upper end: it is infinite. NaN where the error of beta is not known.
    """
    plan, error, reach = known.plan, known.error / beta**2, math.nan
    if error == error:
        reach = quantile(plan.confidence_level, known.degrees) * known.error
    high = math.inf if reach >= beta else 1.0 / (beta - reach)
    return Interval(1.0 / (beta + reach), high, error, plan.by, "sandwich", plan.confidence_level)


@dataclass(frozen=True)
class AnsweredSimilarities:
    """Some triplets."""

    host: HostBackend  # computes.
    similarities: np.ndarray  # (t, 3) contiguous, of the pairs of positions 01, 02, 12.
    answers: Answers | None  # to the t triplets; None where each has one, the pair 01.
    ties: Ties  # what a tie for the best pair counts.
    objects: np.ndarray | None = None  # (t, 3) integers >= 0, the items of each; None where nobody asks for them.
    people: np.ndarray | None = None  # (t,) codes, who gave each answer; None where that is not known.
    alternatives: int = 3  # 3, or 2 of anchored triplets, whose pairs are 01 and 02.
    own_weights: np.ndarray | None = None  # float64 (t,), how much each answer to a triplet counts; None: all the same.

    def present(self) -> AnsweredSimilarities:
        """The triplets that nan_policy="omit" keeps."""
        there = ~np.isnan(self.similarities[:, 0])
        if not there.any():
            raise InputError(f"choices must be given for at least one triplet; all {len(there):,} have none")
        return self.take(there)

    def take(self, rows: Any) -> AnsweredSimilarities:
        """Some of the triplets."""
        answers = None if self.answers is None else self.answers.take(rows)
        several = (self.objects, self.people, self.own_weights)
        objects, people, own_weights = (None if one is None else one[rows] for one in several)
        return AnsweredSimilarities(
            self.host, self.similarities[rows], answers, self.ties, objects, people, self.alternatives, own_weights
        )

    def dependence(self, plan: Resampling) -> Dependence:
        """Groups the triplets that depend on each other under a plan."""
        people = self.people if "subjects" in plan.by else None
        return Dependence.of(Clusters.of(self.objects, people, self.host.name), plan)

    @property
    def totals(self) -> np.ndarray | None:
        """float64 (t,): answers to each triplet; None for one."""
        return None if self.answers is None else self.answers.totals

    @property
    def n_answers(self) -> int:
        """How many there are; one a triplet where they are no counts."""
        return len(self.similarities) if self.totals is None else round(self.totals.sum())

    @cached_property
    def weights(self) -> np.ndarray | None:
        """float64 (t,): how much the answers to each triplet count, as many in all as there are; None for one each."""
        if self.own_weights is None:
            return self.totals
        weights: np.ndarray = self.own_weights if self.totals is None else self.own_weights * self.totals
        return weights * (self.n_answers / weights.sum())

    @property
    def effective_number(self) -> float | None:
        """How many answers of equal weight would say as much; None where all count the same."""
        if self.own_weights is None:
            return None
        squares = self.own_weights**2 if self.totals is None else self.own_weights**2 * self.totals
        total = self.own_weights.sum() if self.totals is None else self.own_weights @ self.totals
        return float(total**2 / squares.sum())

    @cached_property
    def target(self) -> np.ndarray | None:
        """float64 (t,): the mean similarity of the chosen pair, None for the pair 01."""
        return None if self.answers is None else chosen_similarity(self.answers.shares, self.similarities)

    @property
    def choosable(self) -> np.ndarray:
        """(t, k): the similarities of the pairs among which is chosen."""
        return self.similarities[:, : self.alternatives]

    def blocks(self) -> Iterator[tuple[slice, np.ndarray]]:
        """Float64 (k, b): the similarities of some triplets at a time, and which these are."""
        for start in range(0, len(self.similarities), BLOCK):
            rows = slice(start, start + BLOCK)
            yield rows, np.array(self.choosable[rows].T, np.float64, order="C")

    def sums(self, beta: float, confidences: np.ndarray | None = None) -> LossSums:
        """The loss at an inverse temperature."""
        return self.host.temperature_sums(
            self.similarities, self.target, self.weights, beta, confidences, alternatives=self.alternatives
        )

    def with_confidences(self, beta: float) -> tuple[LossSums, np.ndarray]:
        """The loss, and the probability of the model's own choice in each triplet: float64 (t,)."""
        confidences = np.empty(len(self.similarities))
        return self.sums(beta, confidences), confidences

    def chosen(self, confidence: np.ndarray) -> Confidences:
        """What the answers count, next to the probability (t,) that the model gives to its own choice."""
        if self.answers is None:
            verdicts = np.empty(len(self.similarities), np.int8)
            self.host.outcomes(self.similarities, 1.0, verdicts, None, None, alternatives=self.alternatives)
            accuracy, tied = credits_of(verdicts, self.ties) / CREDIT_UNIT, np.abs(verdicts)
        else:
            accuracy = share_of_choice(self.answers.shares, self.choosable, self.ties)
            tied = (self.choosable == self.choosable.max(axis=1, keepdims=True)).sum(axis=1)
        credit = credits_of(tied, self.ties) / CREDIT_UNIT
        counted = np.where((self.answers is not None) & (self.ties == "human_alignment"), 1, tied)
        return Confidences(confidence, accuracy, credit, counted * confidence, self.weights)

    def losses(self, beta: float, confidence: np.ndarray) -> np.ndarray:
        """float64 (t,): nats per answer to each triplet, where the model's choice has these probabilities (t,)."""
        target = self.similarities[:, 0] if self.target is None else self.target
        nats: np.ndarray = beta * (reduce(np.maximum, self.choosable.T) - target) - np.log(confidence)
        return nats


def chosen_similarity(shares: np.ndarray, similarities: np.ndarray) -> np.ndarray:
    """float64 (t,): the mean similarity of the chosen pair.

    Args:
        shares: (t, 3) by odd position, rows sum to 1; or (t, 2) by option.
        similarities: (t, 3) of the pairs 01, 02, 12.

    Example:
        >>> chosen_similarity(np.array([[0, 0.25, 0.75]]), np.array([[0.8, 0.4, 0.1]]))
        array([0.7])
    """
    p = by_pair(shares)
    u = p[:, 0] * similarities[:, 0]
    for pair in range(1, p.shape[1]):
        u += p[:, pair] * similarities[:, pair]
    return u


def by_pair(shares: np.ndarray) -> np.ndarray:
    """Shares of the pairs 01, 02, 12 from those by odd position; or of the pairs 01, 02 from those by option."""
    return shares[:, ::-1] if shares.shape[1] == 3 else shares


def share_of_choice(shares: np.ndarray, similarities: np.ndarray, ties: Ties) -> np.ndarray:
    """float64 (t,): the share of the answers that the model's choice has: the item outside its best pair.

    Where pairs tie for the best, by `ties`: ``"fractional"`` the mean over them, ``"wrong"`` 0, ``"human_alignment"``
    the first of two and 0 for three.

    Args:
        shares: (t, 3) by odd position, rows sum to 1; or (t, 2) by option.
        similarities: (t, 3) of the pairs 01, 02, 12; or (t, 2) of the first two.

    Example:
        >>> share_of_choice(np.array([[0, 0.25, 0.75]]), np.array([[0.4, 0.4, 0.1]]), "fractional")
        array([0.5])
    """
    return (by_pair(shares) * credits_by_pair(similarities, ties)).sum(axis=1)


def credits_by_pair(similarities: np.ndarray, ties: Ties) -> np.ndarray:
    """float64 (t, k): what an answer counts that is each of k pairs.

    Example:
        >>> credits_by_pair(np.array([[0.4, 0.4, 0.1]]), "human_alignment")
        array([[1., 0., 0.]])
    """
    best = similarities == similarities.max(axis=1, keepdims=True)
    pairs = best.sum(axis=1, keepdims=True)
    if ties == "fractional":
        return best / pairs
    first = np.arange(similarities.shape[1]) == best.argmax(axis=1)[:, None]
    return np.where(first & (pairs <= (2 if ties == "human_alignment" else 1)), 1.0, 0.0)

"""Partial pooling: accuracies of many groups, each drawn towards their mean as far as it is uncertain itself.

The most extreme of many accuracies are in part extreme by luck: those of small groups more than those of large ones. In
a hierarchical model groups have true accuracies that vary about a mean, on the scale of logits, and each observed one
has its standard error:

    y_g ~ N(theta_g, s_g^2)        theta_g ~ N(mu, tau^2)

y_g is the logit of (a_g m_g + 1/2) / (m_g + 1), with a_g the accuracy and m_g = a_g (1 - a_g) / error^2 the number of
independent rows that would have its error. That error is over objects, over people or both, so what triplets of one
object (or answers of one participant) have in common is in it. What the errors of different groups have in common (the
same objects are in all of them) says nothing of how groups differ: it is taken off their variances, and added to all of
them together at the end.

mu and tau have flat priors. Given tau all is normal; tau is integrated over on a grid, and figures of several groups
together (which is the lowest) are from draws of the posterior.

Source: Gelman et al., "Bayesian Data Analysis", 3rd edition, 2013, section 5.4; Gelman, "Prior distributions for
variance parameters in hierarchical models", Bayesian Analysis 2006, for the flat prior on tau.

From which distributions of choices do counts of answers come? Their mixture by maximum likelihood.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import permutations
from typing import TypeAlias

import numpy as np

from pyalign._dataclass import dataclass
from pyalign.documents import Interval
from pyalign.stats.intervals import independent_rows
from pyalign.stats.resampling import Resampling

FEWEST = 5  # groups: of fewer, the flat prior on tau would say more than they do
GRID = 400  # values of tau
WIDEST = 10.0  # the largest tau on the grid, in standard deviations of the logits
NODES = 40  # of an integral over groups
DRAWS = 4000  # of the posterior
AT_ONCE = 1 << 21  # numbers that are held at once
MOST_COMMON = 0.9  # of the variance of a group: what its error has in common with those of others
METHOD = "pooled"


@dataclass(frozen=True)
class PooledGroup:
    """A group among the others."""

    accuracy: float  # the posterior mean of its true accuracy, a fraction.
    # the interval that holds the true accuracy with the confidence of the plan; its error is the posterior standard
    # deviation.
    ci: Interval
    # p_lowest, p_highest: the probability that no other group has a lower, or a higher, true accuracy.
    p_lowest: float
    p_highest: float


@dataclass(frozen=True)
class Pooled:
    """All groups together."""

    groups: tuple[PooledGroup | None, ...]  # one each; None for a group without a standard error.
    spread: float  # the standard deviation of true accuracies between groups, a fraction: the posterior median.
    spread_ci: Interval  # its interval.


def partially_pooled(
    accuracies: Sequence[float | None], errors: Sequence[float | None], rows: Sequence[float], plan: Resampling,
    common: float = 0.0,
) -> Pooled | None:
    """The groups of a hierarchical model; None where fewer than five of them have a standard error.

    Args:
        accuracies: fractions.
        errors: their standard errors; None for a group that takes no part.
        rows: how many independent rows each has, which counts where an accuracy of 0 or 1 has no error.
        plan: of the intervals; its seed is that of the draws.
        common: the covariance that the errors of any two groups have, at least 0; see `common_covariance`.
    """
    there = [k for k, error in enumerate(errors) if error is not None and accuracies[k] is not None]
    if len(there) < FEWEST:
        return None
    logits, variances = np.array(
        [_logit(float(accuracies[k] or 0.0), float(errors[k] or 0.0), float(rows[k])) for k in there]
    ).T
    shares = _expit(logits)
    shared = np.minimum(common / (shares * (1.0 - shares)) ** 2, MOST_COMMON * variances)
    posterior = _Posterior.of(logits, variances - shared, float(np.median(shared)), plan)
    groups: list[PooledGroup | None] = [None] * len(accuracies)
    for k, group in zip(there, posterior.groups(), strict=True):
        groups[k] = group
    return Pooled(tuple(groups), *posterior.spread())


def common_covariance(error: float | None, count: int, sizes: Sequence[int], errors: Sequence[float | None]) -> float:
    """The covariance that errors of groups have on average, at least 0: from the error of all rows together.

    0 where it can't be known: rows stand in several groups or in none, or there is no error of all of them.

    With w the share of the rows that a group has, the variance of the mean of all rows is the sum of w^2 times that of
    a group, and of w_a w_b times the covariance of two.

    Args:
        error: standard error of the mean of all rows.
        count: how many rows there are.
        sizes: rows of each group.
        errors: standard errors of the means of groups; None for a group that takes no part.
    """
    known = [(size, own) for size, own in zip(sizes, errors, strict=True) if own is not None]
    if error is None or not known or sum(sizes) != count:
        return 0.0
    rows, own = np.array(known, np.float64).T
    squares = (rows / rows.sum()) ** 2
    rest = 1.0 - float(squares.sum())
    return max(0.0, float(error**2 - squares @ own**2) / rest) if rest > 0.0 else 0.0


@dataclass(frozen=True)
class _Posterior:
    """Draws of tau and mu, given logits with variances."""

    # logits, variances: (g,).
    logits: np.ndarray
    variances: np.ndarray
    # tau, mu: (b,).
    tau: np.ndarray
    mu: np.ndarray
    shift: np.ndarray  # (b,) the common part of all errors.
    plan: Resampling  # of the intervals.

    @classmethod
    def of(cls, logits: np.ndarray, variances: np.ndarray, common: float, plan: Resampling) -> _Posterior:
        largest = WIDEST * float(logits.std()) + float(np.sqrt(variances.min()))
        grid = (np.arange(GRID) + 0.5) * (largest / GRID)
        means, precisions, logs = (np.empty(GRID) for _ in range(3))
        for k, tau in enumerate(grid):
            weights = 1.0 / (variances + tau**2)
            precisions[k] = weights.sum()
            means[k] = (weights @ logits) / precisions[k]
            logs[k] = 0.5 * (np.log(weights).sum() - np.log(precisions[k]) - weights @ (logits - means[k]) ** 2)
        density = np.exp(logs - logs.max())
        rng = np.random.Generator(np.random.Philox(plan.seed))
        shares = np.cumsum(density) / density.sum()
        places = np.searchsorted(shares, rng.permutation((np.arange(DRAWS) + 0.5) / DRAWS))
        mu = means[places] + rng.standard_normal(DRAWS) / np.sqrt(precisions[places])
        return cls(logits, variances, grid[places], mu, np.sqrt(common) * rng.standard_normal(DRAWS), plan)

    def groups(self) -> list[PooledGroup]:
        """Each of them, some at a time: the draws of one do not depend on how many are held at once."""
        count, step = len(self.logits), max(1, AT_ONCE // DRAWS)
        lowest, highest = np.full(DRAWS, np.inf), np.full(DRAWS, -np.inf)
        which_lowest, which_highest = np.zeros(DRAWS, np.int64), np.zeros(DRAWS, np.int64)
        means, errors, lows, highs = (np.empty(count) for _ in range(4))
        tail = (1.0 - self.plan.confidence_level) / 2.0
        for start in range(0, count, step):
            part = slice(start, min(start + step, count))
            drawn = self._accuracies(range(count)[part])
            means[part], errors[part] = drawn.mean(axis=1), drawn.std(axis=1)
            lows[part], highs[part] = np.quantile(drawn, [tail, 1.0 - tail], axis=1)
            for of, extreme, which, compare in (
                (drawn.argmin(axis=0), lowest, which_lowest, np.less),
                (drawn.argmax(axis=0), highest, which_highest, np.greater),
            ):
                values = np.take_along_axis(drawn, of[None], axis=0)[0]
                further = compare(values, extreme)
                extreme[further], which[further] = values[further], start + of[further]
        p_lowest, p_highest = (np.bincount(which, minlength=count) / DRAWS for which in (which_lowest, which_highest))
        return [
            PooledGroup(float(means[k]), self._interval(lows[k], highs[k], errors[k]), float(p_lowest[k]),
                        float(p_highest[k]))
            for k in range(count)
        ]

    def _accuracies(self, groups: range) -> np.ndarray:
        """(groups, b) draws of true accuracies; each group has a generator of its own."""
        drawn = np.empty((len(groups), DRAWS))
        squared = self.tau**2
        for row, k in enumerate(groups):
            kept = squared / (squared + self.variances[k])  # of the group's own logit, in place of the mean
            noise = np.random.Generator(np.random.Philox([self.plan.seed, 1 + k])).standard_normal(DRAWS)
            drawn[row] = kept * self.logits[k] + (1.0 - kept) * self.mu + np.sqrt(kept * self.variances[k]) * noise
        return _expit(drawn + self.shift)

    def spread(self) -> tuple[float, Interval]:
        """The standard deviation of true accuracies, and its interval."""
        nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
        accuracies, weights = _expit(self.mu[:, None] + self.tau[:, None] * nodes), weights / weights.sum()
        drawn = np.sqrt(((accuracies - (accuracies @ weights)[:, None]) ** 2) @ weights)
        tail = (1.0 - self.plan.confidence_level) / 2.0
        low, middle, high = np.quantile(drawn, [tail, 0.5, 1.0 - tail])
        return float(middle), self._interval(low, high, drawn.std())

    def _interval(self, low: float, high: float, error: float) -> Interval:
        return Interval(float(low), float(high), float(error), self.plan.by, METHOD, float(self.plan.confidence_level))


def _logit(accuracy: float, error: float, rows: float) -> tuple[float, float]:
    """The logit of an accuracy, which is finite for 0 and 1 too, and its variance."""
    independent = min(independent_rows(accuracy, error, rows), 1e12)  # an accuracy that can't vary has infinitely many
    share = (accuracy * independent + 0.5) / (independent + 1.0)
    return float(np.log(share / (1.0 - share))), 1.0 / (independent * share * (1.0 - share))


def _expit(logits: np.ndarray) -> np.ndarray:
    shares: np.ndarray = 1.0 / (1.0 + np.exp(-logits))
    return shares


PARTS = 24  # steps of the grid along an edge of the simplex, a multiple of 2 and 3: guesses and ties are points of it
FINEST = 4  # times as many at most, for sets with more answers than steps, whose shares are known better
MOST_CELLS = 1 << 25  # of a table of likelihoods: a finer grid is not worth more
CLOSE_ENOUGH = 1e-6  # of the log-likelihood: gains below end the fit; going on fits noise,
LEAST_GAIN = 0.005  # unless so many sets would gain more than this by a step
MOST_STEPS = 10_000
LEAST_SETS = 20  # of which a mixture is fitted by itself
SEEN = 1e-10  # weight below which a point of the grid plays no part
RIDGE = 1e-3  # on the information about G, whose eigenvalues are at most 1: errors then fare as docs/ceilings.md says
TINY = 1e-300  # stands for a probability of 0
Influence: TypeAlias = "Callable[[np.ndarray, np.ndarray], np.ndarray]"  # of counts (r, k) of the sets (r,)


@dataclass(frozen=True)
class ChoiceMixture:
    """How the choice probabilities of sets are distributed."""

    points: np.ndarray  # (g, k), probabilities in descending order.
    weights: np.ndarray  # (g,), sum to 1.
    scores: np.ndarray  # (g,), whose mean given the counts of a set is the influence of that set on `ceiling`.
    steps: int  # of the fit.

    @property
    def ceiling(self) -> float:
        """The mean over sets of the largest probability."""
        return float(self.weights @ self.points[:, 0])

    def influence(self, counts: np.ndarray) -> np.ndarray:
        """(u,): how far sets with counts (u, k) have moved `ceiling`, times u; 0 on average where it was fitted."""
        patterns, inverse = distinct_patterns(counts)
        means: np.ndarray = (_posterior(_likelihoods(patterns, self.points), self.weights) @ self.scores)[inverse]
        return means


def fit_by_answers(counts: np.ndarray, weights: np.ndarray | None = None) -> tuple[float, Influence]:
    """The mean over sets of the largest probability, by mixtures of sets with about as many answers each.

    How hard a set is may go with how many answers it has, and one mixture is then that of no such sets. Groups begin at
    2, 3, 4, 6, 8, 12, 16, 23 ... answers, the powers of the root of 2, and have `LEAST_SETS` or more.

    Args:
        counts, weights: as `fit_mixture` takes them.

    Returns:
        The mean; and the influence on it, (r,) of counts (r, k) of the sets with numbers (r,).
    """
    levels = np.floor(2.0 * np.log2(counts.sum(axis=1) + 0.25))  # far from whole numbers
    ends = [-math.inf]
    for level in np.unique(levels):
        if min(((levels >= ends[-1]) & (levels < level)).sum(), (levels >= level).sum()) >= LEAST_SETS:
            ends.append(level)
    group = np.searchsorted(ends, levels, side="right") - 1
    parts = [group == k for k in range(len(ends))]
    mixtures = [fit_mixture(counts[part], None if weights is None else weights[part]) for part in parts]
    totals = np.bincount(group, weights)
    ceiling = float(totals / totals.sum() @ [mixture.ceiling for mixture in mixtures])

    def influence(counts: np.ndarray, sets: np.ndarray) -> np.ndarray:
        values = np.zeros(len(counts))
        for k in np.unique(group[sets]).tolist():
            rows = group[sets] == k
            values[rows] = mixtures[k].ceiling - ceiling + mixtures[k].influence(counts[rows])
        return values

    return ceiling, influence


def fit_mixture(counts: np.ndarray, weights: np.ndarray | None = None) -> ChoiceMixture:
    """The mixture for sets with these counts.

    Args:
        counts: (u, k) whole numbers, at least one answer in a row.
        weights: (u,), how much each set counts in the likelihood; None: all the same.
    """
    patterns, inverse = distinct_patterns(counts)
    times = np.bincount(inverse, weights) / (len(counts) if weights is None else weights.sum())
    points, orders = simplex(_parts(float(counts.sum(axis=1).mean()), len(patterns), counts.shape[1]), counts.shape[1])
    logs = _likelihoods(patterns, points)
    weights, steps = _maximize(logs, times, orders / orders.sum(), LEAST_GAIN / len(counts))
    return ChoiceMixture(points, weights, _scores(logs, times, weights, points[:, 0]), steps)


def distinct_patterns(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The different rows of counts (u, k) when each is in descending order, and which of them each row is."""
    ordered = -np.sort(-counts.astype(np.int64), axis=1)
    base = int(ordered.max()) + 1
    if base ** counts.shape[1] >= 2**63:
        patterns, inverse = np.unique(ordered, axis=0, return_inverse=True)
        return patterns, inverse.reshape(-1)
    keys = ordered @ (base ** np.arange(counts.shape[1], dtype=np.int64))
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    return ordered[first], inverse.reshape(-1)


def simplex(parts: int, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Points (g, k) of the grid in descending order, and how many orders each has."""
    rows = [[parts]]
    for place in range(1, k):
        rows = [
            [*row[:-1], a, row[-1] - a]
            for row in rows
            for a in range(row[-1] + 1)
            if (place == 1 or a <= row[-2]) and a * (k - place + 1) >= row[-1]
        ]
    whole = np.array(rows)
    same = [np.unique(row, return_counts=True)[1].tolist() for row in whole]
    orders = [math.factorial(k) // math.prod(map(math.factorial, times)) for times in same]
    return whole / parts, np.array(orders, np.float64)


def _parts(answers: float, patterns: int, k: int) -> int:
    """Steps of the grid: about as fine as the shares of that many answers are sure."""
    finer = min(FINEST, max(1, round(math.sqrt(answers / PARTS))))
    while finer > 1 and patterns * math.comb(finer * PARTS + k - 1, k - 1) / math.factorial(k) > MOST_CELLS:
        finer -= 1
    return finer * PARTS


def _likelihoods(counts: np.ndarray, points: np.ndarray) -> np.ndarray:
    """(u, g): log probability of counts (u, k) from each point, averaged over the orders of its probabilities."""
    logs, k = np.log(np.maximum(points, TINY)), counts.shape[1]
    total = np.full((len(counts), len(points)), -np.inf)
    for order in permutations(range(k)):
        np.logaddexp(total, counts[:, list(order)] @ logs.T, out=total)
    ways = _log_factorials(counts.sum(axis=1)) - _log_factorials(counts).sum(axis=1)
    total += (ways - math.log(math.factorial(k)))[:, None]
    return total


def _log_factorials(a: np.ndarray) -> np.ndarray:
    values, inverse = np.unique(a, return_inverse=True)
    logs: np.ndarray = np.array([math.lgamma(value + 1) for value in values.tolist()])[inverse.reshape(a.shape)]
    return logs


def _maximize(logs: np.ndarray, times: np.ndarray, weights: np.ndarray, least: float) -> tuple[np.ndarray, int]:
    """Weights (g,) of the points that make patterns, seen in shares `times` (u,), most likely; and the steps taken.

    least: the gain per set that is worth a step.
    """
    most = logs.max(axis=1)
    relative = np.exp(logs - most[:, None])
    last, steps = -math.inf, 0
    while steps < MOST_STEPS:
        mixed = relative @ weights
        likelihood = float(times @ (np.log(mixed) + most))
        if likelihood - last <= min(CLOSE_ENOUGH * abs(likelihood), least):
            break
        last, steps = likelihood, steps + 1
        weights = weights * (relative.T @ (times / mixed))
    return weights / weights.sum(), steps


def _posterior(logs: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(u, g): probabilities of the points, given each pattern."""
    joint = np.exp(logs - logs.max(axis=1, keepdims=True)) * weights
    shares: np.ndarray = joint / joint.sum(axis=1, keepdims=True)
    return shares


def _scores(logs: np.ndarray, times: np.ndarray, weights: np.ndarray, values: np.ndarray) -> np.ndarray:
    """(g,): h with (A* A + ridge) h = values - their mean, A the mean given the counts, A* that given the point."""
    seen = weights > SEEN
    share = weights[seen]
    posterior = _posterior(logs[:, seen], share)
    information = (posterior.T * times) @ posterior + RIDGE * np.diag(share)
    scores = np.zeros(len(weights))
    scores[seen] = np.linalg.solve(information, share * (values[seen] - share @ values[seen] / share.sum()))
    return scores

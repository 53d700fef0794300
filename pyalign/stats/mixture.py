"""From which distributions of choices do counts of answers come? Their mixture by maximum likelihood.

Each set of k items has probabilities p with which people choose among them; n people have answered. How p varies over
sets, G, is fitted without assuming a form: as weights of a grid of the simplex, by expectation and maximisation from
the uniform distribution. Means over G of functions of p, such as the largest probability, then have little of the bias
that the observed shares have.

Which item of a set comes first means nothing, so G is taken for symmetric: a point of the grid stands for all orders of
its probabilities, a pattern of counts for all orders of its counts. That makes the grid k! times smaller, and the
fit the same however items are numbered.

Source: Laird, "Nonparametric maximum likelihood estimation of a mixing distribution", JASA 1978; for errors van der
Vaart, "Asymptotic Statistics", 1998, section 25.5: the efficient influence function, here with a ridge.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import permutations
from typing import TypeAlias

import numpy as np

from pyalign._dataclass import dataclass

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
        found: np.ndarray = (_posterior(_likelihoods(patterns, self.points), self.weights) @ self.scores)[inverse]
        return found


def fit_by_answers(counts: np.ndarray, weights: np.ndarray | None = None) -> tuple[float, Influence]:
    """The mean over sets of the largest probability, by mixtures of sets with about as many answers each.

    How hard a set is may go with how many answers it has, and one mixture is then that of no such sets. Groups begin at
    2, 3, 4, 6, 8, 12, 16, 23 ... answers, the powers of the root of 2, and have `LEAST_SETS` or more.

    Args:
        counts, weights: as `fit_mixture` takes them.

    Returns:
        The mean; and the influence on it, (r,) of counts (r, k) of the sets with numbers (r,).

    Example:
        >>> round(fit_by_answers(np.repeat([[20, 0, 0], [2, 2, 0]], 40, axis=0))[0], 2)
        0.75
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

    Example:
        >>> people = fit_mixture(np.array([[20, 0, 0], [10, 10, 0]]))
        >>> round(people.ceiling, 2)
        0.75
    """
    patterns, inverse = distinct_patterns(counts)
    times = np.bincount(inverse, weights) / (len(counts) if weights is None else weights.sum())
    points, orders = simplex(_parts(float(counts.sum(axis=1).mean()), len(patterns), counts.shape[1]), counts.shape[1])
    logs = _likelihoods(patterns, points)
    weights, steps = _maximise(logs, times, orders / orders.sum(), LEAST_GAIN / len(counts))
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
    """Points (g, k) of the grid in descending order, and how many orders each has.

    Example:
        >>> points, orders = simplex(20, 3)
        >>> len(points), int(orders.sum())
        (44, 231)
    """
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
    found: np.ndarray = np.array([math.lgamma(value + 1) for value in values.tolist()])[inverse.reshape(a.shape)]
    return found


def _maximise(logs: np.ndarray, times: np.ndarray, weights: np.ndarray, least: float) -> tuple[np.ndarray, int]:
    """Weights (g,) of the points that make patterns, seen in shares `times` (u,), most likely; and the steps taken.

    least: the gain per set that is worth a step.
    """
    most = logs.max(axis=1)
    relative = np.exp(logs - most[:, None])
    last, steps = -math.inf, 0
    while steps < MOST_STEPS:
        mixed = relative @ weights
        found = float(times @ (np.log(mixed) + most))
        if found - last <= min(CLOSE_ENOUGH * abs(found), least):
            break
        last, steps = found, steps + 1
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

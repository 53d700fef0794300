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
"""

from __future__ import annotations

from collections.abc import Sequence

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

    Example:
        >>> errors = [0.02, 0.02, 0.02, 0.02, 0.2]
        >>> found = partially_pooled([0.5, 0.53, 0.47, 0.55, 0.9], errors, [600] * 5, Resampling("objects"))
        >>> [round(group.accuracy, 2) for group in found.groups]  # the last one is hardly known
        [0.5, 0.53, 0.48, 0.54, 0.52]
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


def common_covariance(
    error: float | None, count: int, sizes: Sequence[int], errors: Sequence[float | None]
) -> float:
    """The covariance that errors of groups have on average, at least 0: from the error of all rows together.

    0 where it can't be known: rows stand in several groups or in none, or there is no error of all of them.

    With w the share of the rows that a group has, the variance of the mean of all rows is the sum of w^2 times that of
    a group, and of w_a w_b times the covariance of two.

    Args:
        error: standard error of the mean of all rows.
        count: how many rows there are.
        sizes: rows of each group.
        errors: standard errors of the means of groups; None for a group that takes no part.

    Example:
        >>> common_covariance(1.0, 20, [10, 10], [1.2, 1.2]), common_covariance(0.5, 20, [10, 10], [1.0, 1.0])
        (0.56, 0.0)
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

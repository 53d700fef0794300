"""By how much a fitted temperature would move with other objects, other people: its standard error.

At the best beta = 1 / T the mean over answers of f', the derivative of the loss, is 0. Its standard error takes answers
to triplets that share an object (or a person) for dependent, see `pyalign.stats.clustered`; divided by the mean of f''
it is that of beta. An answer counts the same whether it is a row of its own or one of many in a row of counts.

Source: Huber, "The behavior of maximum likelihood estimates under nonstandard conditions", 1967.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from pyalign.analysis.answered import AnsweredSimilarities, by_pair
from pyalign.documents import Interval
from pyalign.stats.clustered import Dependence, Errors, variances_of
from pyalign.stats.resampling import AUTO, Clusters, Resampling
from pyalign.stats.student import quantile

BLOCK = 1 << 16  # triplets whose probabilities are held at a time
WIDEST = 700.0  # of an interval in log T; exp of more would overflow


class BetaError(NamedTuple):
    """error: standard, of beta; NaN where it is not known. degrees: of freedom. plan: over what it is."""

    error: float
    degrees: int
    plan: Resampling


def error_of_beta(fit: AnsweredSimilarities, beta: float, second: float) -> BetaError:
    """The standard error of the best inverse temperature.

    It is over objects, and people where two are known; never below that of independent sets of three items, nor of
    independent answers. Over sets where all triplets share an object.

    Args:
        fit: what beta was fitted to, with its objects.
        beta: the best inverse temperature.
        second: sum over answers of f'' there.
    """
    plan = Resampling(AUTO).over(fit.people)
    people = None if "subjects" not in plan.by else fit.people
    dependence = Dependence.of(Clusters.of(fit.objects, people, fit.host.name), plan)
    table, squares = scores(fit, beta)
    found = dependence.errors(table)
    total = float(table[:, 0].sum())
    single = variances_of(np.array([[total, 0.0], [0.0, squares]]), np.zeros(1), total**2)
    known = Errors(found.means, (*found.candidates[:-1], single), found.degrees)
    if not known.known:
        sets = found.candidates[-2]
        known, plan = Errors(found.means, (sets, single), _sets(fit.objects) - 1), Resampling("triplets")
    return BetaError(float(known.errors[0]) * total / second, known.degrees, plan)


def scores(fit: AnsweredSimilarities, beta: float) -> tuple[np.ndarray, float]:
    """Derivatives of the loss at an inverse temperature.

    Returns:
        float64 (t, 2): answers to each triplet, w, and the sum of f' over them; and the sum of the squares of f' of
        single answers. Shares count as one answer.
    """
    s, answers = fit.choosable, fit.answers
    table, squares = np.empty((len(s), 2)), 0.0
    table[:, 0] = 1.0 if fit.weights is None else fit.weights
    for start in range(0, len(s), BLOCK):
        rows = slice(start, start + BLOCK)
        part = np.array(s[rows].T, np.float64, order="C")
        expected = _expected(part, beta)
        each = expected - (part[0] if fit.target is None else fit.target[rows])
        table[rows, 1] = table[rows, 0] * each
        if answers is None or answers.totals is None:
            squares += float(each @ each)
        else:
            weights = by_pair(answers.values[rows])
            squares += float((weights.T * (expected - part) ** 2).sum())
    return table, squares


def _expected(s: np.ndarray, beta: float) -> np.ndarray:
    """(t,): the mean similarity of the pair that the model would choose, of pairs (k, t)."""
    p = np.exp(beta * (s - s.max(axis=0)))
    expected: np.ndarray = (p * s).sum(axis=0) / p.sum(axis=0)
    return expected


def _sets(objects: np.ndarray | None) -> int:
    assert objects is not None
    return len(np.unique(np.sort(objects, axis=1), axis=0))


def interval(temperature: float, error: float, degrees: float, plan: Resampling) -> Interval:
    """The interval of a temperature with that standard error, by Student's t in its logarithm.

    That of 1 / T is its inverse. NaN where the error is.

    Example:
        >>> [round(end, 3) for end in interval(2.0, 0.2, math.inf, Resampling("objects"))]
        [1.644, 2.433]
    """
    width = quantile(plan.confidence, degrees) * error / temperature if error == error else math.nan
    width = min(width, WIDEST) if width == width else width
    ends = temperature * math.exp(-width), temperature * math.exp(width)
    return Interval(*ends, error, plan.by, "sandwich", plan.confidence)

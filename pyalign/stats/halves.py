"""Standard errors of means over objects whose values depend on which other objects there are, by half-samples.

An object's neighbours are other objects, so that values of different objects depend on each other and the plain error
is too small (by up to 1.6 times). Where half of the objects is drawn without replacement, neighbours are found within
that half, and the mean is taken again, its variance over such halves is about that of the mean of all n: the factor
m / (n - m) of m objects of n is 1. Leaving one object out at a time counts the noise of single pairs of neighbours
more than twice; of halves it is counted less (`tools/simulation/pairs.py`).

Source: Shao and Wu, "A general theory for jackknife variance estimation", Annals of Statistics 1989 (delete-d).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from pyalign.documents import Interval
from pyalign.ops.resample import permutation
from pyalign.stats.intervals import quantile
from pyalign.stats.resampling import HALF_SAMPLES, Resampling, plan_of

RESAMPLES = 200
FRACTION = (0.0, 1.0)
LEAST = 5  # objects that an interval takes


def half_samples(ci: object) -> Resampling | None:
    """`ci` as a plan of half-samples of the objects; None for no intervals.

    Raises:
        InputError: any other.

    Example:
        >>> half_samples("auto").drawn, half_samples(Resampling("objects", n_resamples=50)).drawn
        (200, 50)
    """
    plan = plan_of(ci, ("objects",), (HALF_SAMPLES,))
    return plan and replace(plan, by="objects", n_resamples=plan.n_resamples or RESAMPLES)


def halves(n: int, count: int, seed: int, order: np.ndarray | None = None) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Half of n objects, again and again: their rows, ascending, and a mask of them (n,).

    order: (n,) see `pyalign.ops.resample.permutation`.

    Example:
        >>> [(len(rows), int(inside.sum())) for rows, inside in halves(7, 2, 0)]
        [(3, 3), (3, 3)]
    """
    for counter in range(count):
        drawn = permutation(n, counter, seed=seed)[: n // 2]
        rows = np.sort(drawn if order is None else order[drawn])
        inside = np.zeros(n, bool)
        inside[rows] = True
        yield rows, inside


def half_errors(replicates: np.ndarray, n: int) -> np.ndarray:
    """(...) standard errors of means over n objects from those of halves (b, ...); NaN is a half without a value.

    Example:
        >>> half_errors(np.array([1.0, 3.0]), 4).round(3)
        np.float64(1.414)
    """
    known = ~np.isnan(replicates)
    count = known.sum(axis=0)
    filled = np.where(known, replicates, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = filled.sum(axis=0) / count
        squares = np.where(known, (filled - means) ** 2, 0.0).sum(axis=0)
        errors: np.ndarray = np.sqrt(squares / (count - 1) * (n // 2) / (n - n // 2))
    return errors


def group_means(values: np.ndarray, members: np.ndarray) -> np.ndarray:
    """(g, v) means of values (n, v) over the members bool (n, g) of groups; NaN of a group without any.

    Example:
        >>> group_means(np.array([[1.0], [3.0]]), np.array([[True, False], [True, False]])).ravel()
        array([ 2., nan])
    """
    weights = members.astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        means: np.ndarray = (weights.T @ values) / weights.sum(axis=0)[:, None]
    return means


def interval_of(
    value: float, error: float, objects: int, confidence_level: float, within: tuple[float, float] = FRACTION,
    method: str = HALF_SAMPLES,
) -> Interval | None:
    """value +- Student's t times the error, with the objects less one as degrees of freedom; None of too few objects.

    Example:
        >>> tuple(round(end, 3) for end in interval_of(0.5, 0.1, 20, 0.95)), interval_of(0.5, 0.1, 4, 0.95)
        ((0.291, 0.709), None)
    """
    if objects < LEAST or math.isnan(error) or math.isnan(value):
        return None
    reach = quantile(confidence_level, objects - 1) * error
    low, high = max(within[0], value - reach), min(within[1], value + reach)
    return Interval(low, high, error, "objects", method, float(confidence_level))

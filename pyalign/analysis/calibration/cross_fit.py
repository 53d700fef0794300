"""Parameters for held-out answers: those of the triplets that share no object with the one that is held out.

The derivatives of the loss, at the best parameters of all answers, are added up by object, by pair of objects and by
set of three. By inclusion and exclusion these sums give the derivatives over the rest of each triplet, and a step of
Newton's method the parameters that fit the rest best, but for the square of the step. Nothing is drawn: with fits to
halves of the objects, fifty or two hundred times, the calibration error hangs on the seed, by a fifth of its error.

Source: Bickel, "One-step Huber estimates in the linear model", JASA 1975.

The interval of the expected calibration error: by the jackknife over objects, debiased.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from pyalign.analysis.calibration.calibration_result import Confidences, less_in_squares, places_of
from pyalign.documents import Interval
from pyalign.errors import InputError
from pyalign.ops.plan import row_moments
from pyalign.stats.intervals import quantile
from pyalign.stats.resampling import Resampling
from pyalign.stats.splits import sets_of_three

FEW = 100  # objects: above, only about 2 in n of the triplets that share an object share two of them
ROUNDING = 1e-9  # of a sum: below it, nothing is left
ALIKE = {"objects": "share an object", "triplets": "are of the same three objects"}


def rest_sums(objects: np.ndarray | None, by: str, values: np.ndarray) -> np.ndarray:
    """(k, t): the sums of values (k, t) over the rest of each triplet: those that have nothing in common with it.

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
            together = np.sum([np.bincount(key, value, most) for key in keys], axis=0)
            row += sign * np.sum([together[key] for key in keys], axis=0)
        row[np.abs(row) <= ROUNDING * np.abs(value).sum()] = 0.0
    if not (rest[0] > 0.0).any():
        raise InputError(f"a split over {by} must leave others to fit to; any two triplets {ALIKE[by]}")
    return rest


SIZE = math.sqrt(2.0 / math.pi)  # the mean of |z|, in standard deviations


def ece_interval(
    of: Confidences, edges: np.ndarray, members: Sequence[np.ndarray], degrees: float, plan: Resampling
) -> Interval:
    """The interval of the ECE that endless answers would have, at this temperature.

    Args:
        of: confidence and accuracy of t triplets.
        edges: of the bins.
        members: (t,) integers each: the groups that a triplet is in, its first object and so on.
        degrees: of freedom of Student's t.
        plan: what the groups are.
    """
    means, covariance, floor = _gaps(of, edges, members)
    ece, signs = float(np.abs(means).sum()), np.sign(means)
    error = math.sqrt(max(signs @ covariance @ signs, signs @ floor @ signs))
    reach, least = quantile(plan.confidence_level, degrees) * error, np.diag(floor)
    noise = (np.maximum(np.diag(covariance), least), least)
    low, high = (
        max(0.0, less_in_squares(max(0.0, end), SIZE * float(np.sqrt(np.maximum(variances, 0.0)).sum())))
        for end, variances in zip((ece - reach, ece + reach), noise, strict=True)
    )
    return Interval(low, high, error, plan.by, "jackknife", float(plan.confidence_level))


def _gaps(
    of: Confidences, edges: np.ndarray, members: Sequence[np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(b,) mean gaps, their covariances (b, b), and these if triplets were independent."""
    bins, place = len(edges) - 1, places_of(of.confidence, edges[1:-1]).astype(np.int64)
    weights = np.ones(len(place)) if of.weights is None else of.weights
    gaps, total, single = weights * (of.accuracy - of.confidence), weights.sum(), np.einsum("t,t->", weights, weights)
    means = np.bincount(place, gaps, bins) / total
    cross = np.outer(means, np.bincount(place, gaps * weights, bins))
    own = np.diag(np.bincount(place, gaps * gaps, bins)) - cross - cross.T + np.outer(means, means) * single
    count = 1 + max((int(groups.max()) for groups in members), default=0)
    sums, sizes = np.zeros(count * bins), np.zeros(count)
    for groups in members:
        sums += np.bincount(groups * bins + place, gaps, count * bins)
        sizes += np.bincount(groups, weights, count)
    residuals = sums.reshape(count, bins) - sizes[:, None] * means
    more = len(members) - 1  # how many times too often an answer is counted with itself
    covariance = row_moments(residuals)[1] - more * own  # BLAS's threads would wait for more to do
    dependent = np.einsum("g,g->", sizes, sizes) - more * single
    return means, covariance / max(total**2 - dependent, 1.0), own / max(total**2 - single, 1.0)

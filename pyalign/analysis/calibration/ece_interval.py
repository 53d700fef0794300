"""The interval of the expected calibration error: by the jackknife over objects, debiased.

The ECE is the sum over bins of |g|, with g the mean over answers of accuracy less confidence, 0 outside of the bin. The
variance of g is the sum of S^2, with S the sum of the residuals of an object's answers. An answer is in the sums of
three objects, so twice its own square is subtracted. Noise adds to the ECE in squares, about, and is subtracted so:
from the lower end all of it, from the upper one that of independent triplets, as the fit takes away some of the rest.

Source: Efron and Stein, "The jackknife estimate of variance", Annals of Statistics 1981.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from pyalign.analysis.calibration.calibration_result import Confidences, less_in_squares, places_of
from pyalign.documents import Interval
from pyalign.stats.intervals import quantile
from pyalign.stats.resampling import Resampling

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
    gaps, total, single = weights * (of.accuracy - of.confidence), weights.sum(), weights @ weights
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
    covariance = residuals.T @ residuals - more * own
    dependent = sizes @ sizes - more * single
    return means, covariance / max(total**2 - dependent, 1.0), own / max(total**2 - single, 1.0)

"""Confidence against accuracy in bins: the expected calibration error with its noise, and the parts of the Brier score.

A gap is the accuracy of a bin less its mean confidence. Were the model calibrated, the answers to a triplet would be
draws with the model's own probabilities, and the sum of the gaps of a bin a sum of independent terms whose variance is
known. The mean of its size follows: exactly from the distribution of the sum where a bin has few answers, else from the
normal distribution. The mean of these is the floor of the ECE.

Gaps and their noise add up in squares, about: so the debiased ECE is sqrt(ece^2 - floor^2), and -sqrt(floor^2 - ece^2)
where chance has made the ECE smaller than its floor, so that it is about 0 on average for a model that is calibrated.
docs/statistics-coverage.md has its bias.

Source: for squares, Broecker, "Estimating reliability and resolution of probability forecasts through decomposition of
the empirical score", Climate Dynamics 2012, and Kumar, Liang and Ma, "Verified uncertainty calibration", NeurIPS 2019.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from pyalign._dataclass import dataclass, replace
from pyalign.analysis.calibration.result import BrierScore, Reliability
from pyalign.analysis.outcomes import CREDIT_UNIT

MOST_FOR_EDGES = 1 << 16
CHUNK = 1 << 15
FEW_EDGES = 32
FEW_ANSWERS = 64  # in a bin: up to so many the distribution of their sum is computed


def equal_width_edges(bins: int) -> np.ndarray:
    """(bins + 1,) from 0 to 1.

    Example:
        >>> equal_width_edges(2)
        array([0. , 0.5, 1. ])
    """
    return np.linspace(0.0, 1.0, bins + 1)


def equal_mass_edges(confidence: np.ndarray, weights: np.ndarray | None, bins: int) -> np.ndarray:
    """At most bins + 1 edges, with about the same weight between any two; equal confidences stay in one bin.

    Of more than 65,536 triplets, that many, evenly spaced, tell where the edges are: the share of a bin is then
    within a few thousandths of the whole.

    Example:
        >>> equal_mass_edges(np.array([0.4, 0.9, 0.5, 0.6]), None, 2)
        array([0.4, 0.5, 0.9])
    """
    low, high = confidence.min(), confidence.max()
    step = -(-len(confidence) // MOST_FOR_EDGES)
    confidence, weights = confidence[::step], None if weights is None else weights[::step]
    t = len(confidence)
    if weights is None:
        ranks = np.unique(-(-np.arange(1, bins) * t // bins) - 1)
        inner = np.partition(confidence, ranks)[ranks]
    else:
        order = np.argsort(confidence, kind="stable")
        reached = np.cumsum(weights[order])
        shares = reached[-1] * np.arange(1, bins) / bins
        inner = confidence[order[np.searchsorted(reached, shares)]]
    inner = np.unique(inner)
    return np.concatenate(([low], inner[inner < high], [high]))


@dataclass(frozen=True)
class Confidences:
    """How sure the model is of its choice in each triplet, and what people chose; float64 (t,) each."""

    confidence: np.ndarray  # the probability that the model gives to its choice.
    accuracy: np.ndarray  # the mean credit of the answers.
    credit: np.ndarray  # what an answer counts that is the model's choice: 1, or by the rule for ties less.
    chance: np.ndarray  # the probability, by the model, of an answer that gets this credit.
    weights: np.ndarray | None  # answers to each triplet; None for one.

    @property
    def scores(self) -> np.ndarray:
        """float64 (t,): the mean over answers of (confidence - credit)^2."""
        squares: np.ndarray = (self.confidence - self.accuracy) ** 2 + self.accuracy * (self.credit - self.accuracy)
        return squares

    def ece(self, edges: np.ndarray) -> float:
        """The expected calibration error in bins."""
        return reliability(self.confidence, self.accuracy, self.weights, edges).ece

    def reliability(self, edges: np.ndarray, *, floor: bool = True) -> Reliability:
        """Accuracy and confidence in bins with the parts of the Brier score; and, if `floor`, the noise of the ECE.

        Example:
            >>> sure = np.array([0.5, 0.5, 0.9, 0.9])
            >>> right = np.array([1.0, 0.0, 1.0, 1.0])
            >>> found = Confidences(sure, right, np.ones(4), sure, None).reliability(equal_width_edges(2))
            >>> round(found.ece, 3), round(found.ece_floor, 3), found.brier.score
            (0.05, 0.206, 0.13)
        """
        f, y, mean = self.confidence, self.accuracy, self.chance * self.credit
        noise = (mean - f, mean * (self.credit - mean)) if floor else ()
        count, *sums = _totals(f, (f, y, f * f, f * y, y * self.credit, *noise), self.weights, edges)
        table = _table(edges, count, sums[0], sums[1])
        least = self._floor(edges, count, *sums[5:]) if floor else None
        debiased = None if least is None else less_in_squares(table.ece, least)
        return replace(table, ece_floor=least, ece_debiased=debiased, brier=_brier(count, *sums[:5]))

    def _floor(self, edges: np.ndarray, count: np.ndarray, shift: np.ndarray, variance: np.ndarray) -> float:
        """The mean ECE of answers that are drawn with the model's probabilities."""
        spread = np.sqrt(np.maximum(variance, 0.0))
        sizes = np.array([_mean_size(*one) for one in zip(shift, spread, strict=True)])
        few = np.flatnonzero((count > 0) & (count <= FEW_ANSWERS))
        for place, rows in zip(few, self._members(few, edges), strict=True):
            sizes[place] = self._exact_size(rows)
        return float(sizes.sum() / count.sum())

    def _members(self, bins: np.ndarray, edges: np.ndarray) -> Iterator[np.ndarray]:
        """The triplets in each of these bins."""
        if len(bins):
            places = places_of(self.confidence, edges[1:-1])
            order = np.argsort(places, kind="stable")
            starts, ends = (np.searchsorted(places[order], bins, side=side) for side in ("left", "right"))
            yield from (order[start:end] for start, end in zip(starts, ends, strict=True))

    def _exact_size(self, rows: np.ndarray) -> float:
        """The mean of |sum of credits - sum of confidences| over answers drawn with the model's probabilities."""
        distribution, expected = np.ones(1), 0.0
        for row in rows:
            times = 1 if self.weights is None else round(self.weights[row])
            unit = round(CREDIT_UNIT * self.credit[row])
            one = np.zeros(unit + 1)
            one[unit] = min(self.chance[row], 1.0)
            one[0] += 1.0 - one[unit]
            expected += times * self.confidence[row]
            for _ in range(times):
                distribution = np.convolve(distribution, one)
        return float(distribution @ np.abs(np.arange(len(distribution)) / CREDIT_UNIT - expected))


def _brier(
    count: np.ndarray, sure: np.ndarray, right: np.ndarray, f_f: np.ndarray, f_y: np.ndarray, y_y: np.ndarray
) -> BrierScore:  # fmt: skip
    """The score and its parts from sums over the answers of each bin."""
    total, there = count.sum(), count > 0
    n, f_b, y_b = count[there], sure[there] / count[there], right[there] / count[there]
    mean = right.sum() / total
    return BrierScore(
        score=float((f_f - 2.0 * f_y + y_y).sum() / total),
        reliability=float((n * (f_b - y_b) ** 2).sum() / total),
        resolution=float((n * (y_b - mean) ** 2).sum() / total),
        uncertainty=float(y_y.sum() / total - mean**2),
        within_bin_variance=float((f_f[there] - n * f_b**2).sum() / total),
        within_bin_covariance=float(2.0 * (f_y[there] - n * f_b * y_b).sum() / total),
    )


def less_in_squares(whole: float, part: float) -> float:
    """What remains of a whole without a part of it that adds in squares; below 0 where the part is larger.

    Example:
        >>> less_in_squares(5.0, 3.0), less_in_squares(3.0, 5.0)
        (4.0, -4.0)
    """
    return math.copysign(math.sqrt(abs(whole**2 - part**2)), whole - part)


def _mean_size(mean: float, deviation: float) -> float:
    """The mean of |z| for a normal z.

    Example:
        >>> round(_mean_size(0.0, 1.0), 4), _mean_size(-2.0, 0.0)
        (0.7979, 2.0)
    """
    if deviation == 0.0:
        return abs(mean)
    z = mean / deviation
    return deviation * math.sqrt(2.0 / math.pi) * math.exp(-z * z / 2.0) + mean * math.erf(z / math.sqrt(2.0))


def reliability(
    confidence: np.ndarray, accuracy: np.ndarray, weights: np.ndarray | None, edges: np.ndarray
) -> Reliability:
    """Confidence and accuracy within bins.

    Args:
        confidence: (t,) the probability that the model gives to its choice.
        accuracy: (t,) the fraction of answers that are this choice: 0 or 1 where there is one answer without ties.
        weights: (t,) answers to each triplet; None for one.
        edges: (b + 1,) of the bins.

    Source: Guo et al., "On calibration of modern neural networks", ICML 2017, section 2; Nixon et al., "Measuring
    calibration in deep learning", 2019, for bins of equal mass.

    Example:
        >>> table = reliability(np.array([0.4, 0.8, 0.9]), np.array([0.0, 1.0, 1.0]), None, equal_width_edges(2))
        >>> table.count, round(table.ece, 3)
        ((1, 2), 0.233)
    """
    return _table(edges, *_totals(confidence, (confidence, accuracy), weights, edges))


def _table(edges: np.ndarray, count: np.ndarray, *totals: np.ndarray) -> Reliability:
    """The table from sums over the answers of each bin: of confidence, and of accuracy."""
    means = [np.divide(total, count, out=np.zeros(len(count)), where=count > 0) for total in totals]
    ece = float((count * np.abs(means[0] - means[1])).sum() / count.sum())
    shown = [tuple(mean if c else None for mean, c in zip(m.tolist(), count, strict=True)) for m in means]
    return Reliability(tuple(edges.tolist()), tuple(count.astype(np.int64).tolist()), shown[0], shown[1], ece)


def _totals(
    confidence: np.ndarray, columns: Sequence[np.ndarray], weights: np.ndarray | None, edges: np.ndarray
) -> np.ndarray:
    """(1 + c, b): sums within each bin of confidence, of the weights, and of columns (t,) times them."""
    bins = len(edges) - 1
    totals = np.zeros((1 + len(columns), bins))
    for start in range(0, len(confidence), CHUNK):
        part = slice(start, start + CHUNK)
        place = places_of(confidence[part], edges[1:-1])
        weight = None if weights is None else weights[part]
        totals[0] += np.bincount(place, weight, bins)
        for row, column in enumerate(columns, start=1):
            values = column[part]
            totals[row] += np.bincount(place, values if weight is None else values * weight, bins)
    return totals


def places_of(confidence: np.ndarray, inner: np.ndarray) -> np.ndarray:
    """How many inner edges lie below each confidence; for a few, far quicker than search."""
    if len(inner) > FEW_EDGES:
        return np.searchsorted(inner, confidence, side="left")
    places = np.zeros(len(confidence), np.uint8)
    for edge in inner:
        places += confidence > edge
    return places

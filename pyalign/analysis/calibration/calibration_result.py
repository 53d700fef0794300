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

The interval of the debiased ECE is by the jackknife over objects.

What `pyalign.calibrate` finds: temperatures, and whether probabilities are what they say.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import ClassVar, Literal

import numpy as np

from pyalign._dataclass import dataclass, field, replace
from pyalign._result import OfTask, Result
from pyalign.analysis.each_model import Several
from pyalign.analysis.outcomes import CREDIT_UNIT
from pyalign.data import ODD_ONE_OUT
from pyalign.documents import Estimate, Interval
from pyalign.ops.plan import row_moments
from pyalign.stats.intervals import quantile
from pyalign.stats.resampling import Resampling

MOST_FOR_EDGES = 1 << 16
CHUNK = 1 << 15
FEW_EDGES = 32
SIZE = math.sqrt(2.0 / math.pi)  # the mean of |z|, in standard deviations
FEW_ANSWERS = 64  # in a bin: up to so many the distribution of their sum is computed


def equal_width_edges(bins: int) -> np.ndarray:
    """(bins + 1,) from 0 to 1."""
    return np.linspace(0.0, 1.0, bins + 1)


def equal_mass_edges(confidence: np.ndarray, weights: np.ndarray | None, bins: int) -> np.ndarray:
    """At most bins + 1 edges, with about the same weight between any two; equal confidences stay in one bin.

    Of more than 65,536 triplets, that many, evenly spaced, tell where the edges are: the share of a bin is then
    within a few thousandths of the whole.
    """
    low, high = confidence.min(), confidence.max()
    step = -(-len(confidence) // MOST_FOR_EDGES)
    confidence, weights = confidence[::step], None if weights is None else weights[::step]
    t = len(confidence)
    if weights is None:
        ranks = np.unique(-(-np.arange(1, bins) * t // bins) - 1)
        inner = np.sort(confidence)[ranks]
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
        """Accuracy and confidence in bins with the parts of the Brier score; and, if `floor`, the noise of the ECE."""
        f, y, mean = self.confidence, self.accuracy, self.chance * self.credit
        noise = (mean - f, mean * (self.credit - mean)) if floor else ()
        count, *sums = _totals(f, (f, y, f * f, f * y, y * self.credit, *noise), self.weights, edges)
        table = _table(edges, count, sums[0], sums[1])
        least = self._floor(edges, count, *sums[5:]) if floor else None
        debiased = None if least is None else Estimate(less_in_squares(table.ece, least))
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
) -> BrierScore:
    """The score and its parts from sums over the answers of each bin."""
    total, there = count.sum(), count > 0
    n, f_b, y_b = count[there], sure[there] / count[there], right[there] / count[there]
    mean = right.sum() / total
    return BrierScore(
        score=Estimate((f_f - 2.0 * f_y + y_y).sum() / total),
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
        place = places_of(confidence[part], edges[1:-1]).astype(np.intp)
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


TARGETS = {"choices": "choices", "counts": "counts", "shares": "probabilities"}  # as documents call answers


@dataclass(frozen=True)
class Part:
    """How the model does on triplets, before (T = 1) and after (the fitted T)."""

    n_triplets: int  # how many there are.
    n_answers: int  # answers to them: the sum of the counts; elsewhere one a triplet.
    # Intervals are of the answers that are reported on, at the fitted temperature, which is treated as fixed. `fit` has
    # none where answers are held out.
    accuracy: Estimate  # fraction of the answers that are the model's choice; no temperature changes it.
    # cross_entropy_before, cross_entropy: nats per answer, mean of -log p(answer).
    cross_entropy_before: Estimate
    cross_entropy: Estimate


@dataclass(frozen=True)
class Divergences:
    """Distances of the model's probabilities from the shares of the answers to the test part, before and after.

    All are means over answers.
    """

    target_entropy: Estimate  # nats; the least cross-entropy that any model could have.
    # kl_before, kl: nats, KL(shares || model): cross-entropy less `target_entropy`.
    kl_before: Estimate
    kl: Estimate
    # js_distance_before, js_distance: mean root of the Jensen-Shannon divergence in nats; at most 0.8326.
    js_distance_before: Estimate
    js_distance: Estimate


@dataclass(frozen=True)
class Lapses:
    """How often answers are guesses, and the temperature of the others, fitted together.

    An answer that is one of k alternatives has the probability (1 - rate) softmax(s / temperature) + rate / k.
    """

    # the share of answers that are guesses, right or wrong: a fraction. Its interval begins at 0 where the rate is 0;
    # it is NaN where it is not known.
    rate: Estimate
    # in the units of the similarities; lower than that without lapses, or the same where the rate is 0. Its interval is
    # as that of `Calibration`, with the rate fitted too.
    temperature: Estimate
    cross_entropy: Estimate  # nats per answer of the test part, with both, which its interval treats as fixed.
    # by how many nats per answer this is lower than without lapses; 0 where the rate is 0, below 0 where lapses fit one
    # part better and the other one worse.
    gain: Estimate


@dataclass(frozen=True, repr=False)
class Calibration(OfTask, Result):
    """A fitted temperature, and how well calibrated the probabilities are with it."""

    command: ClassVar[str] = "calibrate"
    derived: ClassVar[tuple[str, ...]] = ("chance", "standard_error", "targets")

    # p = softmax(s / temperature), in the units of the similarities. Its interval is symmetric in 1 / temperature, by
    # Student's t; its upper end is infinite where 1 / temperature may be 0; NaN where it is not known.
    temperature: Estimate = field(metadata={"null": True})
    fit: Part  # all answers, at the temperature, which is fitted to them.
    test: Part  # the same answers, each held out of the fit of its temperature; as `fit` where nothing is held out.
    # ece_equal_width_before, ece_equal_mass_before: expected calibration error of `test` at T = 1.
    ece_equal_width_before: float
    ece_equal_mass_before: float
    # equal_width, equal_mass: reliability of `test` at the fitted T, with its `ece`.
    equal_width: Reliability
    equal_mass: Reliability
    divergences: Divergences | None  # from shares of answers, or None for choices.
    # "choices" (the last item is odd, or was not chosen), "counts" or "shares".
    answers: Literal["choices", "counts", "shares"]
    # "objects": an answer is held out with those that share an object with it, "triplets": with those to the same three
    # objects. None: nothing is held out.
    split: str | None
    n_unused: int  # triplets that are not in `test`, as nothing is left without those that they are held out with.
    n_dropped: int  # triplets left out because they touch a row with NaN or infinity, or have no choice.
    # measure, ties, backend: as in `pyalign.results.Score`.
    measure: str | None
    ties: str
    backend: str
    steps: int  # of the optimization.
    embeddings: str | None = None  # what the embeddings, or the choices, are called, or None.
    label: str | None = None  # a shorter name for tables, or None.
    seconds: float | None = field(default=None, compare=False)  # that it took.
    task: str = ODD_ONE_OUT  # the task of the triplets; `chance` follows from it.
    # "probabilities" where a model's own were calibrated, whose logarithms stand for similarities; None where
    # similarities were.
    model_choices: str | None = None
    # of weighted answers to the test part, how many of equal weight would say as much; None where all count the same.
    effective_answers: float | None = None
    # the lapse rate, with a temperature of its own; None where it was not asked for, or where the answers don't say it,
    # and a note says why. All other figures are those without lapses.
    lapses: Lapses | None = None

    @property
    def standard_error(self) -> float:
        """The standard error of the temperature; NaN where it is not known."""
        error: float | None = self.temperature.error
        return math.nan if error is None else error

    @property
    def targets(self) -> str:
        """What `answers` are called in documents: "choices", "counts" or "probabilities"."""
        return TARGETS[self.answers]

    def __repr__(self) -> str:
        ci = self.temperature.ci
        known = "" if ci is None else f" +- {self.standard_error:.2g} over {ci.by}"
        return (
            f"Calibration(temperature={self.temperature:.5g}{known}, "
            f"fit on {self.fit.n_triplets:,} triplets, {self.test.n_triplets:,} of them "
            f"{'reported' if self.split is None else 'held out'}: "
            f"cross-entropy {self.test.cross_entropy_before:.5f} -> {self.test.cross_entropy:.5f} nats, "
            f"ece {self.ece_equal_width_before:.4f} -> {self.equal_width.ece:.4f}, accuracy={self.test.accuracy:.3%}, "
            f"measure={self.measure!r}, answers={self.answers!r}, split={self.split!r}, backend={self.backend!r})"
        )


@dataclass(frozen=True, repr=False)
class Calibrations(Several[Calibration]):
    """The calibrations of several embeddings, by several measures, on the same triplets.

    Attributes:
        triplets: where the triplets came from, or None.
    """

    command: ClassVar[str] = "calibrate"
    kind: ClassVar[type[Calibration]] = Calibration

    results: tuple[Calibration, ...]  # a `Calibration` each, embeddings by embeddings.


@dataclass(frozen=True)
class Reliability:
    """Accuracy by confidence: the probability that the model gives to its own choice."""

    along: ClassVar = {"confidence": ("count",), "accuracy": ("count",)}

    # of the b bins: b + 1 confidences; a bin holds those above its lower edge, up to and with its upper one.
    edges: tuple[float, ...]
    count: tuple[int, ...]  # (b,) answers in each bin.
    confidence: tuple[float | None, ...]  # (b,) mean confidence, None in an empty bin.
    # (b,) fraction of the answers that are the model's choice, None in an empty bin.
    accuracy: tuple[float | None, ...]
    ece: float  # expected calibration error: the mean over answers of |accuracy - confidence| of their bin; a fraction.
    # the mean ECE of as many answers that are drawn with the model's own probabilities: what chance alone gives a model
    # that is calibrated. None of shares, which do not say of how many answers they are.
    ece_floor: float | None = None
    # `ece` less the floor, in squares; below 0 where chance has made `ece` smaller than the floor. Its mean is nearly 0
    # for a model that is calibrated. Its interval, by the jackknife, is of the ECE that endless answers would have.
    ece_debiased: Estimate | None = None
    brier: BrierScore | None = None  # the Brier score of the confidences and its parts by these bins.


@dataclass(frozen=True)
class BrierScore:
    """The Brier score of the model's confidence in its choice, and what it is the sum of.

    With f the confidence in a triplet and y the credit of an answer to it (1 where the answer is the model's choice, 0
    where it is not), and with means over all answers or over those of a bin b:

        score = reliability - resolution + uncertainty + within_bin_variance - within_bin_covariance

    Source: Murphy, "A new vector partition of the probability score", Journal of Applied Meteorology 1973; the last two
    terms, which bins of different confidences need, are of Stephenson, Coelho and Jolliffe, "Two extra components in
    the Brier score decomposition", Weather and Forecasting 2008.
    """

    score: Estimate  # mean of (f - y)^2; 0 is best.
    reliability: float  # mean of (mean of f in b - mean of y in b)^2, 0 for a model that is calibrated.
    # mean of (mean of y in b - mean of y)^2: how much accuracy differs between bins; larger is better.
    resolution: float
    uncertainty: float  # variance of y, which no confidence changes.
    within_bin_variance: float  # mean of (f - mean of f in b)^2.
    within_bin_covariance: float  # twice the mean of (f - mean of f in b) (y - mean of y in b).


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
    gaps, weights, total = of.accuracy - of.confidence, of.weights, float(len(place))
    single = total
    if weights is not None:
        gaps, total, single = weights * gaps, weights.sum(), np.einsum("t,t->", weights, weights)
    means = np.bincount(place, gaps, bins) / total
    cross = np.outer(means, np.bincount(place, gaps if weights is None else gaps * weights, bins))
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

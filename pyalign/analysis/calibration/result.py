"""What `pyalign.calibrate` finds: temperatures, and whether probabilities are what they say.

Reliability holds confidence against accuracy, in bins; the expected calibration error is the mean of their distance.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from pyalign._result import OfTask, Result
from pyalign.analysis.each_model import Several
from pyalign.data import ODD_ONE_OUT
from pyalign.documents import Interval

TARGETS = {"choices": "choices", "counts": "counts", "shares": "probabilities"}  # as documents call answers
MOST_FOR_EDGES = 1 << 16
CHUNK = 1 << 15
FEW_EDGES = 32


@dataclass(frozen=True)
class Part:
    """How the model does on one part of the triplets, before (T = 1) and after (the fitted T).

    Attributes:
        n_triplets: triplets in the part.
        n_answers: answers to them: the sum of the counts; elsewhere one a triplet.
        accuracy: fraction of the answers that are the model's choice; no temperature changes it.
        cross_entropy_before, cross_entropy: nats per answer, mean of -log p(answer).
    """

    n_triplets: int
    n_answers: int
    accuracy: float
    cross_entropy_before: float
    cross_entropy: float


@dataclass(frozen=True)
class Divergences:
    """How far the model's probabilities are from the shares of the answers to the test part, before and after.

    Attributes:
        target_entropy: nats; the least cross-entropy that any model could have.
        kl_before, kl: nats, KL(shares || model): cross-entropy less `target_entropy`.
        js_distance_before, js_distance: mean root of the Jensen-Shannon divergence in nats; at most 0.8326.

    All are means over answers.
    """

    target_entropy: float
    kl_before: float
    kl: float
    js_distance_before: float
    js_distance: float


@dataclass(frozen=True, repr=False)
class Calibration(OfTask, Result):
    """A fitted temperature, and how well calibrated the probabilities are with it.

    Attributes:
        temperature: p = softmax(s / temperature), in the units of the similarities.
        temperature_ci: 95 % interval, from its standard error in log temperature, by Student's t. The error is over
            other objects like these, and other participants where they are known; NaN where it is not known.
        fit, test: the part that chose the temperature, and the one that didn't; the same where nothing was split.
        ece_equal_width_before, ece_equal_mass_before: expected calibration error of the test part at T = 1.
        equal_width, equal_mass: reliability of the test part at the fitted T, with its `ece`.
        divergences: from shares of answers, or None for choices.
        answers: "choices" (the last item is odd, or was not chosen), "counts" or "shares".
        split, held_out, seed: how the parts were drawn; None where nothing was split.
        n_unused: triplets in neither part, as their items are of both.
        n_dropped: triplets of the parts left out because they touch a row with NaN or infinity, or have no choice.
        measure, ties, backend: as in `pyalign.results.Score`.
        steps: of the optimisation.
        embeddings: what the embeddings, or the choices, are called, or None.
        label: a shorter name for tables, or None.
        seconds: that it took.
        task: the task of the triplets; `chance` follows from it.
        model_choices: "probabilities" where a model's own were calibrated, whose logarithms stand for similarities;
            None where similarities were.
        effective_answers: of weighted answers to the test part, how many of equal weight would say as much; None where
            all count the same.
    """

    command: ClassVar[str] = "calibrate"
    derived: ClassVar[tuple[str, ...]] = ("chance", "standard_error", "targets")

    temperature: float
    temperature_ci: Interval
    fit: Part
    test: Part
    ece_equal_width_before: float
    ece_equal_mass_before: float
    equal_width: Reliability
    equal_mass: Reliability
    divergences: Divergences | None
    answers: str
    split: str | None
    held_out: float | None
    seed: int | None
    n_unused: int
    n_dropped: int
    measure: str | None
    ties: str
    backend: str
    steps: int
    embeddings: str | None = None
    label: str | None = None
    seconds: float | None = field(default=None, compare=False)
    task: str = ODD_ONE_OUT
    model_choices: str | None = None
    effective_answers: float | None = None

    @property
    def standard_error(self) -> float:
        """The standard error of the temperature."""
        error = self.temperature_ci.error
        return math.nan if error is None else error

    @property
    def targets(self) -> str:
        """What `answers` are called in documents: "choices", "counts" or "probabilities"."""
        return TARGETS[self.answers]

    def __repr__(self) -> str:
        return (
            f"Calibration(temperature={self.temperature:.5g} +- {self.standard_error:.2g} "
            f"over {self.temperature_ci.by}, fit on {self.fit.n_triplets:,} triplets, {self.test.n_triplets:,} others: "
            f"cross-entropy {self.test.cross_entropy_before:.5f} -> {self.test.cross_entropy:.5f} nats, "
            f"ece {self.ece_equal_width_before:.4f} -> {self.equal_width.ece:.4f}, accuracy={self.test.accuracy:.3%}, "
            f"measure={self.measure!r}, answers={self.answers!r}, split={self.split!r}, backend={self.backend!r})"
        )


@dataclass(frozen=True, repr=False)
class Calibrations(Several[Calibration]):
    """The calibrations of several embeddings, by several measures, on the same triplets.

    Attributes:
        results: a `Calibration` each, embeddings by embeddings.
        triplets: where the triplets came from, or None.
    """

    command: ClassVar[str] = "calibrate"
    kind: ClassVar[type[Calibration]] = Calibration

    results: tuple[Calibration, ...]


@dataclass(frozen=True)
class Reliability:
    """Accuracy by confidence: the probability that the model gives to its own choice.

    Attributes:
        edges: of the b bins: b + 1 confidences; a bin holds those above its lower edge, up to and with its upper one.
        count: (b,) answers in each bin.
        confidence: (b,) mean confidence, None in an empty bin.
        accuracy: (b,) fraction of the answers that are the model's choice, None in an empty bin.
        ece: expected calibration error: the mean over answers of |accuracy - confidence| of their bin; a fraction.
    """

    along: ClassVar[Mapping[str, tuple[str, ...]]] = {"confidence": ("count",), "accuracy": ("count",)}

    edges: tuple[float, ...]
    count: tuple[int, ...]
    confidence: tuple[float | None, ...]
    accuracy: tuple[float | None, ...]
    ece: float


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
    count, *totals = _totals(confidence, accuracy, weights, edges)
    means = [np.divide(total, count, out=np.zeros(len(count)), where=count > 0) for total in totals]
    ece = float((count * np.abs(means[0] - means[1])).sum() / count.sum())
    shown = [tuple(mean if c else None for mean, c in zip(m.tolist(), count, strict=True)) for m in means]
    return Reliability(tuple(edges.tolist()), tuple(np.rint(count).astype(np.int64).tolist()), shown[0], shown[1], ece)


def _totals(confidence: np.ndarray, accuracy: np.ndarray, weights: np.ndarray | None, edges: np.ndarray) -> np.ndarray:
    """(3, b): sums within each bin of the weights, and of confidence and accuracy times them."""
    bins = len(edges) - 1
    totals = np.zeros((3, bins))
    for start in range(0, len(confidence), CHUNK):
        part = slice(start, start + CHUNK)
        place = _places(confidence[part], edges[1:-1])
        weight = None if weights is None else weights[part]
        totals[0] += np.bincount(place, weight, bins)
        for row, values in ((1, confidence[part]), (2, accuracy[part])):
            totals[row] += np.bincount(place, values if weight is None else values * weight, bins)
    return totals


def _places(confidence: np.ndarray, inner: np.ndarray) -> np.ndarray:
    """How many inner edges lie below each confidence; for a few, far quicker than search."""
    if len(inner) > FEW_EDGES:
        return np.searchsorted(inner, confidence, side="left")
    places = np.zeros(len(confidence), np.uint8)
    for edge in inner:
        places += confidence > edge
    return places

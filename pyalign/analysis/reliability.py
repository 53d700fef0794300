"""Are probabilities what they say? Confidence beside accuracy, in bins, and the expected calibration error."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

MOST_FOR_EDGES = 1 << 16
CHUNK = 1 << 15
FEW_EDGES = 32


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
    return Reliability(tuple(edges.tolist()), tuple(count.astype(np.int64).tolist()), shown[0], shown[1], ece)


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

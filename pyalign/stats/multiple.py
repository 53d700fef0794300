"""Many comparisons at once: corrected p-values, and intervals that hold together."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

DRAWS = 10_000  # of the largest t
AT_ONCE = 1 << 21  # numbers that are held at once
NORMAL = NormalDist()


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down correction: p-values that may be held against one level together.

    Source: Holm, "A simple sequentially rejective multiple test procedure", 1979.

    Example:
        >>> [round(p, 4) for p in holm([0.01, 0.04, 0.03])]
        [0.03, 0.06, 0.06]
    """
    p = np.asarray(p_values, np.float64)
    order = np.argsort(p, kind="stable")
    adjusted = np.empty(len(p))
    adjusted[order] = np.maximum.accumulate(np.minimum(1.0, (len(p) - np.arange(len(p))) * p[order]))
    return [float(one) for one in adjusted]


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """P-values adjusted for the false discovery rate.

    Among those that are at most a level, at most that share is expected to be of no difference.

    Source: Benjamini and Hochberg, "Controlling the false discovery rate", 1995; valid for independent p-values and for
    those that depend on each other positively.

    Example:
        >>> [round(p, 4) for p in benjamini_hochberg([0.01, 0.04, 0.03])]
        [0.03, 0.04, 0.04]
    """
    p = np.asarray(p_values, np.float64)
    order = np.argsort(-p, kind="stable")
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum.accumulate(np.minimum(1.0, len(p) / (len(p) - np.arange(len(p))) * p[order]))
    return [float(one) for one in adjusted]


CORRECTIONS: dict[str, Callable[[Sequence[float]], list[float]]] = {
    "holm": holm,
    "benjamini-hochberg": benjamini_hochberg,
}


def corrected(p_values: Sequence[float | None], correction: str) -> list[float | None]:
    """p-values corrected over those that are there: what has none does not count.

    Example:
        >>> corrected([0.01, None, 0.04], "holm"), corrected([None], "holm")
        ([0.02, None, 0.04], [None])
    """
    known = [p for p in p_values if p is not None]
    found = iter(CORRECTIONS[correction](known) if known else [])
    return [None if p is None else next(found) for p in p_values]


def sidak(confidence_level: float, count: int) -> float:
    """The confidence of each of so many independent intervals that hold together with `confidence_level`.

    Source: Sidak, "Rectangular confidence regions for the means of multivariate normal distributions", JASA 1967.

    Example:
        >>> round(sidak(0.95, 49), 5), sidak(0.95, 1)
        (0.99895, 0.95)
    """
    return float(confidence_level ** (1.0 / count))


@dataclass(frozen=True)
class MaxT:
    """Several differences that are tested together, by the largest of their normal scores.

    A difference has the score whose two-sided p-value is that of its t, with degrees of freedom of its own.

    Attributes:
        largest: (draws,) ascending, as `largest_score` draws them.
        confidence: with which all intervals are to hold.
    """

    largest: np.ndarray
    confidence: float

    @property
    def of_each(self) -> float:
        """The confidence of each interval; never below that of all: scores are drawn, and so not quite as known."""
        score = float(np.quantile(self.largest, self.confidence))
        return max(self.confidence, math.erf(score / math.sqrt(2.0)))

    def p_value(self, single: float) -> float:
        """The adjusted p-value of a difference whose own p-value is `single`."""
        score = -NORMAL.inv_cdf(single / 2.0) if single > 0.0 else math.inf
        beyond = len(self.largest) - int(np.searchsorted(self.largest, score))
        return max(single, (1 + beyond) / (1 + len(self.largest)))


def largest_score(
    covariance: np.ndarray, seed: int = 0, draws: int = DRAWS, baseline: int | None = None
) -> np.ndarray:  # fmt: skip
    """(draws,) ascending: the largest |z| of all differences of two of k normal means, where none differs.

    A test with degrees of freedom of its own is compared with it by the normal score that has the same p-value.

    Args:
        covariance: (k, k) positive semi-definite, of the means.
        seed: of the draws.
        baseline: the mean that all others are compared with; None: every two are.

    Source: Hothorn, Bretz and Westfall, "Simultaneous inference in general parametric models", 2008; with a baseline
    that of Dunnett, "A multiple comparison procedure for comparing several treatments with a control", 1955.

    Example:
        >>> one, three = (largest_score(np.eye(k)) for k in (2, 3))
        >>> [round(float(np.quantile(found, 0.99)), 1) for found in (one, three)]  # the normal, Tukey's range
        [2.6, 2.9]
    """
    values, vectors = np.linalg.eigh(covariance)
    root = (
        vectors * np.sqrt(np.maximum(values, 0.0))
    ) @ vectors.T  # the one root that no sign or order of axes changes
    own = np.diagonal(covariance)
    variances = own[:, None] + own[None, :] - 2.0 * covariance
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = np.where(variances > 1e-12 * (own[:, None] + own[None, :]), 1.0 / np.sqrt(variances), 0.0)
    rng, k = np.random.Generator(np.random.Philox(seed)), len(covariance)
    largest, step = np.empty(draws), max(1, AT_ONCE // (k * k))
    for start in range(0, draws, step):
        count = min(step, draws - start)
        z = np.ascontiguousarray((rng.standard_normal((count, k)) @ root.T).T)
        if baseline is None:
            of_one = [(np.abs(z[a] - z[a + 1 :]) * scale[a, a + 1 :, None]).max(axis=0) for a in range(k - 1)]
        else:
            of_one = [(np.abs(z - z[baseline]) * scale[:, baseline, None]).max(axis=0)]
        largest[start : start + count] = np.max(of_one, axis=0)
    return np.sort(largest)

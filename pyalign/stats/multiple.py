"""Statistics of models on the same triplets: ranks, and p-values of paired differences from resamples.

Many comparisons at once: corrected p-values, and intervals that hold together.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache, reduce
from operator import or_
from statistics import NormalDist

import numpy as np

from pyalign._dataclass import dataclass


def ranks_of(accuracies: np.ndarray) -> np.ndarray:
    """(b, m) ranks within each row, 1 for the largest; equal ones share the mean of their ranks."""
    above = (accuracies[:, None, :] > accuracies[:, :, None]).sum(axis=2)
    equal = (accuracies[:, None, :] == accuracies[:, :, None]).sum(axis=2)
    ranks: np.ndarray = above + (equal + 1) / 2
    return ranks


def two_sided_p(differences: np.ndarray) -> float:
    """Twice the share of resamples that are not beyond 0, with 1 added above and below the line, at most 1."""
    fewer = min(int((differences <= 0).sum()), int((differences >= 0).sum()))
    return min(1.0, 2.0 * (fewer + 1) / (len(differences) + 1))


def equivalence_p(differences: np.ndarray, margin: float) -> float:
    """The larger of two one-sided p-values, of a difference of at least the margin either way, with 1 added likewise.
    """
    beyond = max(int((differences >= margin).sum()), int((differences <= -margin).sum()))
    return (beyond + 1) / (len(differences) + 1)


DRAWS = 10_000  # of the largest t
MOST = 10**9  # draws of all differences: of very many, fewer are drawn
NORMAL = NormalDist()


def holm(p_values: Sequence[float], left: np.ndarray | None = None) -> list[float]:
    """Holm's step-down correction: p-values that may be held against one level together.

    left: (p,) how many hypotheses can be true when 0, 1, ... are not (`left_of_differences`); None: all others.

    Source: Holm, "A simple sequentially rejective multiple test procedure", 1979.
    """
    p = np.asarray(p_values, np.float64)
    order = np.argsort(p, kind="stable")
    adjusted = np.empty(len(p))
    counts = len(p) - np.arange(len(p)) if left is None else np.asarray(left)
    adjusted[order] = np.maximum.accumulate(np.minimum(1.0, counts * p[order]))
    return [float(one) for one in adjusted]


@cache
def left_of_differences(k: int) -> np.ndarray:
    """(p,): of all p differences of two of k means, how many can be 0 when 0, 1, ... are not.

    Source: Shaffer, "Modified sequentially rejective multiple test procedures", JASA 1986.
    """
    possible = [1]  # of so many means; bit s: whether s of their differences can be 0
    for means in range(1, k + 1):
        possible.append(reduce(or_, (possible[means - j] << math.comb(j, 2) for j in range(1, means + 1))))
    bits = np.frombuffer(possible[k].to_bytes(k * k // 16 + 1, "little"), np.uint8)
    can_be = np.unpackbits(bits, count=math.comb(k, 2) + 1, bitorder="little")
    return np.maximum.accumulate(can_be * np.arange(len(can_be)))[:0:-1]


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """P-values adjusted for the false discovery rate.

    Among those that are at most a level, at most that share is expected to be of no difference.

    Source: Benjamini and Hochberg, "Controlling the false discovery rate", 1995; valid for independent p-values and for
    those that depend on each other positively.
    """
    p = np.asarray(p_values, np.float64)
    order = np.argsort(-p, kind="stable")
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum.accumulate(np.minimum(1.0, len(p) / (len(p) - np.arange(len(p))) * p[order]))
    return [float(one) for one in adjusted]


CORRECTIONS: dict[str, Callable[..., list[float]]] = {"holm": holm, "benjamini-hochberg": benjamini_hochberg}


def corrected(p_values: Sequence[float | None], correction: str, means: int | None = None) -> list[float | None]:
    """p-values corrected over those that are there: what has none does not count.

    means: of how many means these are all differences of two (Shaffer's counts for Holm's); None: of anything.
    """
    known = [p for p in p_values if p is not None]
    left = () if means is None or correction != "holm" or None in p_values else (left_of_differences(means),)
    adjusted = iter(CORRECTIONS[correction](known, *left) if known else [])
    return [None if p is None else next(adjusted) for p in p_values]


def sidak(confidence_level: float, count: int) -> float:
    """The confidence of each of so many independent intervals that hold together with `confidence_level`.

    Source: Sidak, "Rectangular confidence regions for the means of multivariate normal distributions", JASA 1967.
    """
    return float(confidence_level ** (1.0 / count))


@dataclass(frozen=True)
class MaxT:
    """Several differences that are tested together, by the largest of their normal scores.

    A difference has the score whose two-sided p-value is that of its t, with degrees of freedom of its own.
    """

    of_each: float  # the confidence of each interval where all hold together.
    p_values: np.ndarray  # (k, k) adjusted step by step; NaN where there is no test.

    @classmethod
    def of(
        cls, covariances: Sequence[np.ndarray], p_values: np.ndarray, confidence: float, seed: int = 0,
        baseline: int | None = None,
    ) -> MaxT:
        """Of all differences of two of k means, or of those from a baseline.

        Each, with its own of `p_values` (k, k), is compared with the largest of those that are not more significant; of
        several covariances (k, k) of the means, the one that gives the larger p-value counts.

        Source: Romano and Wolf, "Exact and approximate stepdown methods for multiple hypothesis testing", JASA 2005;
        the largest: Hothorn, Bretz and Westfall 2008; with a baseline: Dunnett 1955.
        """
        a, b = np.triu_indices(len(p_values), 1)
        a, b = (a, b) if baseline is None else (one[(a == baseline) | (b == baseline)] for one in (a, b))
        order = np.argsort(p_values[a, b], kind="stable")
        a, b, adjusted = a[order], b[order], p_values[a, b][order]
        scores = np.array([-NORMAL.inv_cdf(p / 2.0) if p > 0.0 else math.inf for p in adjusted.tolist()])
        score, draws = 0.0, min(DRAWS, MOST // len(a))
        for covariance in covariances:
            beyond, largest = step_down(covariance, a, b, scores, seed, draws)
            adjusted = np.maximum(adjusted, (1 + beyond) / (1 + draws))
            score = max(score, float(np.quantile(largest, confidence)))
        matrix = np.full(p_values.shape, np.nan)
        matrix[a, b] = matrix[b, a] = np.maximum.accumulate(adjusted)
        return cls(max(confidence, math.erf(score / math.sqrt(2.0))), matrix)


def step_down(
    covariance: np.ndarray, a: np.ndarray, b: np.ndarray, scores: np.ndarray, seed: int, draws: int
) -> tuple[np.ndarray, np.ndarray]:
    """(p,): in how many draws the largest |z| of a difference and all after it reaches its score; (draws,): of all."""
    values, vectors = np.linalg.eigh(covariance)
    root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T  # no sign or order of axes changes this one
    own = np.diagonal(covariance)
    variances = own[:, None] + own[None, :] - 2.0 * covariance
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = np.where(variances > 1e-12 * (own[:, None] + own[None, :]), 1.0 / np.sqrt(variances), 0.0)
    rng = np.random.Generator(np.random.Philox(seed))
    z = np.ascontiguousarray((rng.standard_normal((draws, len(own))) @ root.T).T)
    largest, beyond, distances = np.zeros(draws), np.empty(len(a), np.int64), np.empty(draws)
    for k in range(len(a) - 1, -1, -1):  # a row of draws fits into the cache
        np.abs(np.subtract(z[a[k]], z[b[k]], out=distances), out=distances)
        np.maximum(largest, np.multiply(distances, scale[a[k], b[k]], out=distances), out=largest)
        beyond[k] = np.count_nonzero(largest >= scores[k])
    return beyond, largest

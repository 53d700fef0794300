"""Many comparisons at once: corrected p-values, and intervals that hold together."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

DRAWS = 10_000  # of the largest t
AT_ONCE = 1 << 21  # numbers that are held at once


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
    """Of those at most a level, no more than that share is expected to be of no difference: the false discovery rate.

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


def largest_t(covariance: np.ndarray, degrees: int, seed: int = 0, draws: int = DRAWS) -> np.ndarray:
    """(draws,) ascending: the largest |t| of all differences of two of k means, where none differs.

    Args:
        covariance: (k, k) positive semi-definite, of the means.
        degrees: of freedom, of the multivariate t distribution that they are drawn from.
        seed: of the draws.

    Source: Hothorn, Bretz and Westfall, "Simultaneous inference in general parametric models", 2008.

    Example:
        >>> one, three = (largest_t(np.eye(k), 50) for k in (2, 3))
        >>> [round(float(np.quantile(found, 0.95)), 1) for found in (one, three)]  # Student's t, Tukey's range
        [2.0, 2.4]
    """
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    own = np.diagonal(covariance)
    variances = own[:, None] + own[None, :] - 2.0 * covariance
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = np.where(variances > 1e-12 * (own[:, None] + own[None, :]), 1.0 / np.sqrt(variances), 0.0)
    rng, k = np.random.Generator(np.random.Philox(seed)), len(covariance)
    largest, step = np.empty(draws), max(1, AT_ONCE // (k * k))
    for start in range(0, draws, step):
        count = min(step, draws - start)
        z = rng.standard_normal((count, k)) @ root.T
        t = np.abs(z[:, :, None] - z[:, None, :]) * scale
        shared = np.sqrt(rng.chisquare(degrees, count) / degrees)
        largest[start : start + count] = t.max(axis=(1, 2)) / shared
    return np.sort(largest)

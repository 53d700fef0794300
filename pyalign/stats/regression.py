"""The influence of each row on a correlation of two columns; its mean over the rows is 0.

They can be asked of values that are no rows, with the moments and ranks of the rows: so the change of one value, such
as that of a share without one of the answers that it is of, is a difference of influences.

Source: Hampel, "The influence curve and its role in robust estimation", JASA 1974; of Spearman's coefficient, Croux
and Dehon, "Influence functions of the Spearman and Kendall correlation measures", Statistical Methods and Applications
2010, here with ties.

A line through few points that hang together in clusters, and correlation: with errors that hold for few.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property

import numpy as np

from pyalign._dataclass import dataclass
from pyalign.ops.ranks import double_ranks

Influence = Callable[[np.ndarray, np.ndarray], np.ndarray]  # of values of both columns


def of_pearson(a: np.ndarray, b: np.ndarray) -> Influence | None:
    """The influence on Pearson's correlation of columns a and b, float64 (m,); None where either is constant."""
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return None
    (mean_a, sd_a), (mean_b, sd_b) = ((one.mean(), one.std()) for one in (a, b))
    r = float(((a - mean_a) / sd_a * ((b - mean_b) / sd_b)).mean())

    def influence(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        x, y = (a - mean_a) / sd_a, (b - mean_b) / sd_b
        moved: np.ndarray = x * y - r / 2.0 * (x * x + y * y)
        return moved

    return influence


def of_spearman(a: np.ndarray, b: np.ndarray) -> Influence | None:
    """The same of Spearman's correlation: with a row, the ranks of all others move too."""
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return None
    x, y = _Ranked.of(a), _Ranked.of(b)
    u, v = x.scores(a), y.scores(b)
    squares, together = (float((u * u).mean()), float((v * v).mean())), float((u * v).mean())
    root = math.sqrt(squares[0] * squares[1])
    above = {"uv": x.above(v), "vu": y.above(u), "uu": x.above(u), "vv": y.above(v)}

    def influence(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        u, v = x.scores(a), y.scores(b)
        both = u * v + above["uv"](a) + above["vu"](b) - 3.0 * together
        own = ((u * u + 2.0 * above["uu"](a)) / squares[0] - 3.0, (v * v + 2.0 * above["vv"](b)) / squares[1] - 3.0)
        moved: np.ndarray = both / root - together / root / 2.0 * (own[0] + own[1])
        return moved

    return influence


@dataclass(frozen=True)
class _Ranked:
    """A column in ascending order, and that order."""

    ascending: np.ndarray
    order: np.ndarray

    @classmethod
    def of(cls, column: np.ndarray) -> _Ranked:
        """Ranks the values of all rows."""
        order = np.argsort(column, kind="stable")
        return cls(column[order], order)

    def scores(self, values: np.ndarray) -> np.ndarray:
        """The share of the rows below each value, and half of those equal to it, less 1/2."""
        below, up_to = (np.searchsorted(self.ascending, values, side=side) for side in ("left", "right"))
        shares: np.ndarray = (below + up_to) / (2.0 * len(self.ascending)) - 0.5
        return shares

    def above(self, scores: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        """A function of a value: the sum of the scores of the rows above it, and half of those equal to it."""
        sums = np.concatenate([[0.0], np.cumsum(scores[self.order])])

        def of(values: np.ndarray) -> np.ndarray:
            below, up_to = (np.searchsorted(self.ascending, values, side=side) for side in ("left", "right"))
            mean: np.ndarray = (sums[-1] - (sums[below] + sums[up_to]) / 2.0) / len(self.order)
            return mean

        return of


LEAST_CLUSTERS = 3  # of an interval over them
LEAST_DEGREES = 1.0  # of freedom: of fewer an interval says nothing


@dataclass(frozen=True)
class Line:
    """A least-squares line."""

    # x, y: (m,) float64, at least two different x.
    x: np.ndarray
    y: np.ndarray
    clusters: np.ndarray  # (m,) int64, from 0: to which each point belongs.

    @cached_property
    def center(self) -> float:
        """The mean of x."""
        return float(self.x.mean())

    @cached_property
    def slope(self) -> float:
        """The slope of y on x."""
        return float(self.weights_of_slope @ self.y)

    @cached_property
    def weights_of_slope(self) -> np.ndarray:
        """(m,) c, with slope = c'y; they add up to 0, so that what all points have in common is no matter."""
        far = self.x - self.x.mean()
        scale = np.abs(far).max()
        far = far / scale
        weights: np.ndarray = far / (far @ far) / scale
        return weights

    def weights_at(self, x: float) -> np.ndarray:
        """(m,) c, with the height of the line at x = c'y."""
        return 1.0 / len(self.x) + (x - self.center) * self.weights_of_slope

    def at(self, x: float) -> float:
        """The height of the line at x."""
        return float(self.weights_at(x) @ self.y)

    def over_clusters(self, weights: np.ndarray) -> tuple[float, float]:
        """Standard error and degrees of freedom of weights'y, a slope or a height; NaN, 0 where there is none."""
        count = int(self.clusters.max()) + 1
        if count < LEAST_CLUSTERS or len(self.x) < 3:
            return math.nan, 0.0
        q = self._base
        sums, own, moved = np.zeros(count), np.zeros(count), np.zeros((count, 2))
        residuals = self.y - q @ (q.T @ self.y)
        if residuals @ residuals <= 1e-24 * (self.y @ self.y):  # a perfect fit says nothing of how far others would be
            return math.nan, 0.0
        for g, (rows, raised) in enumerate(self._members):
            v = raised @ weights[rows]
            sums[g], own[g], moved[g] = v @ residuals[rows], v @ v, q[rows].T @ v
        trace = own.sum() - (moved * moved).sum()
        square = (own * own).sum() - 2.0 * (own * (moved * moved).sum(axis=1)).sum() + ((moved.T @ moved) ** 2).sum()
        degrees = trace * trace / square if square > 0.0 else 0.0
        if trace <= 1e-12 * own.sum() or degrees < LEAST_DEGREES:
            return math.nan, 0.0
        return math.sqrt(float((sums * sums).sum())), float(degrees)

    @cached_property
    def _members(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """The points of each cluster, and its A_g."""
        rows = [np.flatnonzero(self.clusters == g) for g in range(int(self.clusters.max()) + 1)]
        return [(some, _raised(self._base[some])) for some in rows]

    @cached_property
    def _base(self) -> np.ndarray:
        """(m, 2) orthonormal columns: the constant, and x without its mean."""
        far = self.x - self.x.mean()
        far = far / np.abs(far).max()
        far = far / np.linalg.norm(far)
        return np.stack([np.full(len(far), 1.0 / math.sqrt(len(far))), far], axis=1)


def _raised(q: np.ndarray) -> np.ndarray:
    """(I - q q')^(-1/2) of the rows (k, 2) of a cluster, without what they alone determine, which has no residual."""
    values, vectors = np.linalg.eigh(np.eye(len(q)) - q @ q.T)
    roots = np.where(values > 1e-10, 1.0 / np.sqrt(np.maximum(values, 1e-10)), 0.0)
    return (vectors * roots) @ vectors.T


def jackknife(x: np.ndarray, y: np.ndarray, clusters: np.ndarray) -> tuple[float, float]:
    """Fisher's z of the rank correlation's standard error, and degrees of freedom; NaN, 0 where there is none.

    A perfect order has no finite z: it is taken for one that misses it by a quarter of what an exchange of neighbors
    costs. Where no cluster makes a difference there is no error.
    """
    count = int(clusters.max()) + 1
    if count < LEAST_CLUSTERS + 1:
        return math.nan, 0.0
    left = np.array([fisher(spearman(x[clusters != g], y[clusters != g]), len(x)) for g in range(count)])
    if np.isnan(left).any():
        return math.nan, 0.0
    error = math.sqrt(float((count - 1) / count * ((left - left.mean()) ** 2).sum()))
    if (
        error <= 1e-12
    ):  # no cluster makes a difference, as in a perfect order, which says nothing of how far others would
        return math.nan, 0.0
    return error, float(count - 1)


def fisher(correlation: float, m: int) -> float:
    """Fisher's z; of 1 that of a quarter of the step 12 / (m (m^2 - 1)) less, which an exchange of neighbors costs."""
    most = 1.0 - 3.0 / (m * (m * m - 1.0))
    return math.atanh(max(-most, min(most, correlation))) if correlation == correlation else math.nan


def pearson(a: np.ndarray, b: np.ndarray) -> float:
    """Pearson correlation of a and b (m,) in float64; NaN where either is constant or m < 2."""
    if len(a) < 2 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return math.nan
    x, y = a - a.mean(dtype=np.float64), b - b.mean(dtype=np.float64)
    x, y = x / np.abs(x).max(), y / np.abs(y).max()  # squares of small numbers would underflow
    return float(np.clip(x @ y / math.sqrt(float(x @ x) * float(y @ y)), -1, 1))


def spearman(a: np.ndarray, b: np.ndarray) -> float:
    """Spearman's rank correlation of a and b (m,): that of Pearson on ranks, equal values sharing their mean rank."""
    return pearson(double_ranks(a), double_ranks(b))

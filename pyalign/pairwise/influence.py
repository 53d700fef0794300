"""What each pair of objects does to a correlation of two matrices, and each participant to that with their mean.

A correlation moves by the mean of the influences of its pairs, to first order. That of a covariance of ranks has two
terms more than that of values: with a pair, the ranks of all others move.

Source: Hampel, "The influence curve and its role in robust estimation", 1974; of Spearman's coefficient: Croux and
Dehon, "Influence functions of the Spearman and Kendall correlation measures", 2010, here with ties.
"""

from __future__ import annotations

import math

import numpy as np

from pyalign._dataclass import dataclass
from pyalign.ops.ranks import RankedPairs, rank_pairs
from pyalign.typing import BackendName

RANKED, VALUED = ("spearman", "rho-a"), ("pearson", "cosine")
INFLUENCES = (*RANKED, *VALUED)  # the correlations that have them here


@dataclass(frozen=True, eq=False)
class Side:
    """One of two matrices."""

    name: str  # of the correlation.
    scores: np.ndarray  # float64 (m,), ranks from -1/2 to 1/2, or values as they are compared.
    square: float  # their mean square; of rho-a what it would be without ties.
    own: np.ndarray  # float64 (m,), the influence of each pair on that.
    ranked: RankedPairs | None  # the pairs in the order of their values; None where ranks don't matter.
    scale: float  # what values are divided by.

    @classmethod
    def of(cls, name: str, values: np.ndarray, items: np.ndarray, backend: BackendName = "auto") -> Side:
        """The side of values (m,) of pairs, items int32 (m, 2), by a correlation of `INFLUENCES`."""
        m = len(values)
        scale = float(np.abs(values).max(initial=0.0)) or 1.0
        ranked = rank_pairs(values, items, backend) if name in RANKED else None
        scores = _scores(name, values, scale, ranked)
        square = (1.0 - 1.0 / m**2) / 12.0 if name == "rho-a" else _mean_of(scores, scores)
        own = np.zeros(m) if name == "rho-a" else scores * scores - square
        if name == "spearman" and ranked is not None:
            own += 2.0 * (mean_above(ranked, scores) - square)
        return cls(name, scores, square, own, ranked, scale)

    def moved(self, values: np.ndarray, items: np.ndarray, backend: BackendName = "auto") -> np.ndarray:
        """(m,): the scores of other values of the same pairs, less these scores."""
        ranked = None if self.ranked is None else rank_pairs(values, items, backend)
        difference: np.ndarray = _scores(self.name, values, self.scale, ranked) - self.scores
        return difference


def _scores(name: str, values: np.ndarray, scale: float, ranked: RankedPairs | None) -> np.ndarray:
    m = len(values)
    if ranked is not None:
        ranks: np.ndarray = (ranked.ranks.astype(np.float64) - (m + 1)) / (2.0 * m)
        return ranks
    wide = values.astype(np.float64) / scale
    if name == "pearson":
        return np.zeros(m) if m == 0 or wide.min() == wide.max() else wide - wide.mean()
    return wide


def _mean_of(a: np.ndarray, b: np.ndarray) -> float:
    """The mean of the products; not by BLAS, whose sums depend on its threads."""
    return float(np.einsum("i,i->", a, b)) / len(a) if len(a) else math.nan


def mean_above(ranked: RankedPairs, scores: np.ndarray) -> np.ndarray:
    """(m,): for each pair, the sum of the scores of pairs with a larger value and half of those equal to it, over m.

    Example:
        >>> mean_above(rank_pairs(np.array([1.0, 2.0, 2.0]), np.zeros((3, 2), np.int32)), np.array([3.0, 6.0, 9.0]))
        array([5.5, 2.5, 2.5])
    """
    ascending = ranked.ranks[ranked.places]
    first = np.ones(len(ascending), bool)
    first[1:] = ascending[1:] != ascending[:-1]
    starts = np.flatnonzero(first)
    sums = np.concatenate([[0.0], np.cumsum(scores[ranked.places])])
    middle = (sums[starts] + sums[np.append(starts[1:], len(ascending))]) / 2.0
    out = np.empty(len(ascending))
    out[ranked.places] = (sums[-1] - middle)[np.cumsum(first) - 1] / len(ascending)
    return out


def influence(a: Side, b: Side) -> np.ndarray:
    """(m,): influences of pairs on the correlation of two matrices, of mean 0; NaN where it is not defined.

    Example:
        >>> items = np.array([[0, 1], [0, 2], [1, 2]], np.int32)
        >>> a, b = (Side.of("pearson", np.array(values), items) for values in ([1.0, 2.0, 3.0], [1.0, 3.0, 2.0]))
        >>> influence(a, b).round(3).tolist()  # of z_x z_y - r (z_x^2 + z_y^2) / 2, and r = 1/2
        [0.75, -0.375, -0.375]
    """
    if not (a.square > 0 and b.square > 0):
        return np.full(len(a.scores), np.nan)
    covariance = _mean_of(a.scores, b.scores)
    together = a.scores * b.scores - covariance
    if a.ranked is not None and b.ranked is not None:
        together += mean_above(a.ranked, b.scores) + mean_above(b.ranked, a.scores) - 2.0 * covariance
    root = math.sqrt(a.square) * math.sqrt(b.square)
    influences: np.ndarray = together / root - covariance / root / 2.0 * (a.own / a.square + b.own / b.square)
    return influences


def sums_of_objects(table: np.ndarray, items: np.ndarray, n: int) -> np.ndarray:
    """(k, n): the sums of rows (k, m) over the pairs of each of n objects, items (m, 2).

    Example:
        >>> sums_of_objects(np.array([[1.0, 2.0]]), np.array([[0, 1], [1, 2]]), 3)
        array([[1., 3., 2.]])
    """
    i, j = np.ascontiguousarray(items.T, np.intp)
    return np.stack([np.bincount(i, row, n) + np.bincount(j, row, n) for row in table])


def jackknifed(a: Side, b: Side, items: np.ndarray, n: int) -> np.ndarray:
    """(m + n,): the influence of each pair, and for each of n objects what leaving it out adds to those of its pairs.

    Without object i the correlation is r_-i. With m_i pairs of the object, (m - m_i) (r - r_-i) is the sum of their
    influences, to first order. An object with a large effect pulls means and variances towards itself, so that the
    influences of its pairs are too small; the second part is the rest. Ranks of other pairs are taken as they are.

    Source: the difference between HC3 and HC0, MacKinnon and White, Journal of Econometrics 1985.

    Example:
        >>> items = np.array([[0, 1], [0, 2], [1, 2], [0, 3], [1, 3], [2, 3]], np.int32)
        >>> a, b = (Side.of("pearson", np.array(values), items) for values in ([1, 2, 4, 3, 6, 5], [2, 1, 4, 3, 5, 7]))
        >>> influences = jackknifed(a, b, items, 4)
        >>> of_last = influences[:6] @ (items == 3).any(axis=1) + influences[-1]
        >>> without = np.corrcoef([1, 2, 4], [2, 1, 4])[0, 1]
        >>> bool(np.isclose(of_last, 3 * (np.corrcoef([1, 2, 4, 3, 6, 5], [2, 1, 4, 3, 5, 7])[0, 1] - without)))
        True
    """
    pairs, m = influence(a, b), len(a.scores)
    influences = np.zeros(m + n)
    influences[:m] = pairs
    if not (a.square > 0 and b.square > 0):
        influences[m:] = np.nan
        return influences
    values = np.stack([np.ones(m), a.scores, b.scores, a.scores**2, b.scores**2, a.scores * b.scores])
    of_objects = sums_of_objects(values, items, n)
    left, x, y, xx, yy, xy = values.sum(axis=1, keepdims=True) - of_objects
    centred = a.name != "cosine"
    with np.errstate(divide="ignore", invalid="ignore"):
        if centred:
            xx, yy, xy = xx - x * x / left, yy - y * y / left, xy - x * y / left
        below = np.sqrt(a.square * b.square) * left if a.name == "rho-a" else np.sqrt(xx) * np.sqrt(yy)
        without = xy / below
    root = math.sqrt(a.square) * math.sqrt(b.square)
    r = _mean_of(a.scores, b.scores) / root
    first = (values[5] - r * root) / root
    if a.name != "rho-a":
        first -= r / 2.0 * (values[3] / a.square + values[4] / b.square - 2.0)
    more = left * (r - without) - sums_of_objects(first[None], items, n)[0]
    influences[m:] = np.where(np.isfinite(more), more, 0.0)
    return influences


def gradient(a: Side, b: Side) -> np.ndarray:
    """(m,): m times the derivative of the correlation by each score of the first.

    Example:
        >>> items = np.array([[0, 1], [0, 2]], np.int32)
        >>> a, b = (Side.of("cosine", np.array(values), items) for values in ([1.0, 0.0], [0.0, 1.0]))
        >>> gradient(a, b).round(6).tolist()
        [0.0, 2.0]
    """
    if not (a.square > 0 and b.square > 0):
        return np.full(len(a.scores), np.nan)
    derivatives: np.ndarray = b.scores / math.sqrt(a.square) / math.sqrt(b.square)
    if a.name != "rho-a":
        derivatives -= _mean_of(a.scores, derivatives) * a.scores / a.square
    return derivatives

"""The influence of each row on a correlation of two columns; its mean over the rows is 0.

They can be asked of values that are no rows, with the moments and ranks of the rows: so the change of one value, such
as that of a share without one of the answers that it is of, is a difference of influences.

Source: Hampel, "The influence curve and its role in robust estimation", JASA 1974; of Spearman's coefficient, Croux
and Dehon, "Influence functions of the Spearman and Kendall correlation measures", Statistical Methods and Applications
2010, here with ties.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Influence = Callable[[np.ndarray, np.ndarray], np.ndarray]  # of values of both columns


def of_pearson(a: np.ndarray, b: np.ndarray) -> Influence | None:
    """The influence on Pearson's correlation of columns a and b, float64 (m,); None where either is constant.

    Example:
        >>> a, b = np.array([1.0, 2.0, 3.0]), np.array([1.0, 3.0, 2.0])
        >>> of_pearson(a, b)(a, b).round(3)  # z_a z_b - r (z_a^2 + z_b^2) / 2, with r = 1/2
        array([ 0.75 , -0.375, -0.375])
    """
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
    """The same of Spearman's correlation: with a row, the ranks of all others move too.

    Example:
        >>> a = np.array([1.0, 2.0, 3.0, 4.0])
        >>> float(of_spearman(a, a[[1, 0, 3, 2]])(a, a[[1, 0, 3, 2]]).sum().round(9)), of_spearman(a, np.ones(4))
        (0.0, None)
    """
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

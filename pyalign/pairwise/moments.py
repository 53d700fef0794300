"""Pearson's correlation, and the cosine."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from pyalign._dataclass import dataclass
from pyalign.backends import get_host_backend
from pyalign.typing import BackendName

CHUNK = 1 << 16


@dataclass(frozen=True, eq=False)
class Values:
    """Values of pairs of objects, shifted by their mean and scaled to about 1 where that changes nothing."""

    values: np.ndarray  # float64 (m,).
    items: np.ndarray  # int32 (m, 2).


@dataclass(frozen=True)
class Moments:
    """See `pyalign.pairwise.correlations.Family`."""

    name: str = "pearson"

    def prepare(self, values: np.ndarray, items: np.ndarray, backend: BackendName = "auto") -> Values:
        wide = values.astype(np.float64)
        if self.name == "pearson":
            constant = len(wide) == 0 or wide.min() == wide.max()
            wide = np.zeros_like(wide) if constant else wide - wide.mean()
        largest = float(np.abs(wide).max(initial=0.0))
        return Values(wide / largest if largest > 0 else wide, items)

    def value(self, a: Values, b: Values, backend: BackendName = "auto") -> float:
        if self.name == "pearson" and not (a.values.any() and b.values.any()):
            return math.nan
        pieces = range(0, len(a.values), CHUNK)
        sums = [
            math.fsum(float(np.einsum("i,i->", x[k : k + CHUNK], y[k : k + CHUNK])) for k in pieces)
            for x, y in ((a.values, b.values), (a.values, a.values), (b.values, b.values))
        ]
        return ratio(*sums)

    def unit(self, a: Values) -> np.ndarray | None:
        square = float(np.einsum("i,i->", a.values, a.values))
        return a.values / math.sqrt(square) if square > 0 else a.values

    def resampled(
        self, a: Sequence[Values], b: Sequence[Values], table: np.ndarray, backend: BackendName = "auto"
    ) -> np.ndarray:
        sums = WeightedSums(a[0].items, table, backend)
        weight = sums.of(None)
        left, right = ([self._own(sums, matrix.values) for matrix in side] for side in (a, b))
        out = np.empty((table.shape[1], len(a), len(b)))
        for i, (x, (sum_x, square_x)) in enumerate(zip(a, left, strict=True)):
            for j, (y, (sum_y, square_y)) in enumerate(zip(b, right, strict=True)):
                both = sums.of(x.values * y.values)
                if self.name == "cosine":
                    out[:, i, j] = ratios(both, square_x, square_y)
                    continue
                with np.errstate(invalid="ignore", divide="ignore"):
                    parts = (
                        (both - sum_x * sum_y / weight, both),
                        (square_x - sum_x**2 / weight, square_x),
                        (square_y - sum_y**2 / weight, square_y),
                    )
                spread = [np.where(part > 1e-13 * whole, part, 0.0) for part, whole in parts[1:]]
                out[:, i, j] = ratios(parts[0][0], *spread)
        return out

    def _own(self, sums: WeightedSums, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return sums.of(values), sums.of(values * values)


@dataclass(eq=False)
class WeightedSums:
    """Sums over pairs of objects under resamples, where a pair weighs the product of its objects' multiplicities."""

    items: np.ndarray
    table: np.ndarray
    backend: BackendName = "auto"

    def of(self, values: np.ndarray | None) -> np.ndarray:
        """(r,): the weighted sum of values (m,) in each resample; None: of ones. As t' A t / 2 of symmetric A."""
        square = as_square(np.ones(len(self.items)) if values is None else values, self.items, len(self.table))
        t = self.table.astype(np.float64)
        product = np.empty(t.shape)
        get_host_backend(self.backend).product(square, t, product)
        sums: np.ndarray = np.einsum("ir,ir->r", product, t) / 2.0
        return sums


def as_square(values: np.ndarray, items: np.ndarray, n: int) -> np.ndarray:
    """(n, n) symmetric of values (m,) of pairs, with 0 on the diagonal and where there is no pair."""
    square = np.zeros((n, n), values.dtype)
    i, j = items.T
    square[i, j] = square[j, i] = values
    return square


def ratio(covariance: float, left: float, right: float) -> float:
    """covariance / sqrt(left * right) within [-1, 1]; NaN where one of them is no positive number."""
    return float(ratios(*(np.array([part]) for part in (covariance, left, right)))[0])


def ratios(covariance: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """covariance / sqrt(left * right) of each element of arrays, as `ratio` has it."""
    with np.errstate(all="ignore"):
        product = left * right  # in one root where it is in range, so that equal sums give 1
        safe = (product > 1e-280) & (product < 1e280)
        unclipped = np.where(safe, covariance / np.sqrt(product), covariance / np.sqrt(left) / np.sqrt(right))
    unclipped[~((left > 0) & (right > 0))] = np.nan
    clipped: np.ndarray = np.clip(unclipped, -1.0, 1.0)
    return clipped

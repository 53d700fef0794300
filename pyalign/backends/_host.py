"""What the host backends share: looking at rows and scaling them, in numpy.

Ranks of pairs in numpy: see `pyalign.backends.HostBackend`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pyalign.backends._interface import RankOrder
from pyalign.measures import column_shift

FEW_COLUMNS = 8


class HostRows:
    """The methods of `pyalign.backends.HostBackend` that are no kernels, for numpy arrays."""

    def product(self, a: np.ndarray, b: np.ndarray, out: np.ndarray) -> None:
        np.matmul(a, b, out=out)

    def squared(self, values: np.ndarray) -> np.ndarray:
        k = values.shape[1]
        squared = np.empty((k, k))
        columns = np.ascontiguousarray(values.T)
        if k > FEW_COLUMNS:
            self.product(columns, values, squared)
            return squared
        for a in range(k):  # BLAS would take longer to begin, and may add in another order with other threads
            for b in range(a, k):
                squared[a, b] = squared[b, a] = np.einsum("i,i->", columns[a], columns[b])
        return squared

    def add_transpose(self, a: np.ndarray) -> None:
        a += a.T.copy()

    @property
    def most_paired(self) -> int:
        return 0

    def pair_products(self, x: np.ndarray, triplets: np.ndarray, weights: np.ndarray, out: np.ndarray) -> None:
        raise NotImplementedError("most_paired is 0")

    def plan_triplets(self, triplets: np.ndarray, n: int) -> Any:
        return None

    def planned_gradient(
        self, similarities: np.ndarray, plan: Any, temperature: float, scale: float, gradient: np.ndarray,
        targets: np.ndarray | None = None,
    ) -> float:
        raise NotImplementedError("plan_triplets has made no plan")

    def row_extremes(self, x: np.ndarray) -> np.ndarray:
        extremes: np.ndarray = np.maximum(x.max(axis=1), -x.min(axis=1))
        return extremes

    def column_shift(self, x: np.ndarray) -> np.ndarray:
        return column_shift(x)

    def some_rows(self, x: np.ndarray, rows: np.ndarray) -> np.ndarray:
        return x[rows]

    def widened(self, x: np.ndarray) -> np.ndarray:
        return x

    def shift_rows(self, x: np.ndarray, shift: np.ndarray) -> np.ndarray:
        shifted: np.ndarray = x - shift
        return shifted

    def scale_rows(self, x: np.ndarray, exponents: np.ndarray) -> np.ndarray:
        scaled: np.ndarray = np.ldexp(x, exponents[:, None])
        return scaled


RUN = 32  # elements whose inversions are counted by comparing all


class NumpyRanks:
    """The kernels about ranks."""

    def ranks(self, values: np.ndarray, order: np.ndarray | None, ranks: np.ndarray | None) -> None:
        places = np.argsort(values, kind="stable")
        if order is not None:
            order[:] = places
        if ranks is not None:
            ends = _ends_of(values[places])
            sizes = np.diff(ends, prepend=0)
            ranks[places] = np.repeat(2 * (ends - sizes) + sizes + 1, sizes)

    def rank_sums(
        self, first: RankOrder, second: RankOrder, places: np.ndarray, multiplicities: np.ndarray, sums: np.ndarray
    ) -> None:
        table = multiplicities.astype(np.int64)
        for lane in range(table.shape[1]):
            (_, r), (w, s) = (_weighted_ranks(order, table[:, lane]) for order in (first, second))
            moved = np.empty(len(places))
            moved[places] = r
            sums[:, lane] = w.sum(), w @ (moved * moved), w @ (s * s), w @ (moved * s)

    def inversions(self, values: np.ndarray, weights: np.ndarray | None) -> int:
        w = np.ones(len(values), np.int64) if weights is None else weights.astype(np.int64)
        return _inversions(values.astype(np.int64), w)


def _ends_of(ascending: np.ndarray) -> np.ndarray:
    """Where runs of equal values end, one beyond each."""
    return np.flatnonzero(np.append(ascending[1:] != ascending[:-1], True)[: len(ascending)]) + 1


def _weighted_ranks(order: RankOrder, of_objects: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The weights of the pairs in their order, and twice the weight before each plus that of its equals, as floats."""
    w = of_objects[order.items[:, 0]] * of_objects[order.items[:, 1]]
    ends = np.flatnonzero(order.last) + 1
    reached = np.append(0, np.cumsum(w))[np.append(0, ends)]
    ranks = np.repeat(reached[:-1] + reached[1:], np.diff(ends, prepend=0))
    return w.astype(np.float64), ranks.astype(np.float64)


def _inversions(values: np.ndarray, weights: np.ndarray) -> int:
    """The inversions within each half, and between the halves: the weight in the left half above each of the right."""
    m = len(values)
    if m <= RUN:
        wrong = np.triu(values[:, None] > values[None, :], 1)
        return int(weights @ wrong @ weights)
    left, right = slice(0, m // 2), slice(m // 2, m)
    order = np.argsort(values[left], kind="stable")
    above = np.append(0, np.cumsum(weights[left][order]))
    places = np.searchsorted(values[left][order], values[right], side="right")
    between = int((weights[right] * (above[-1] - above[places])).sum())
    return between + _inversions(values[left], weights[left]) + _inversions(values[right], weights[right])

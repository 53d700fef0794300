"""Measures of who is near whom: mutual k-nearest neighbours and CKNNA, of rows compared by their cosines.

A permutation moves both ends of a pair of neighbours, so that the null of n k pairs is n k look-ups.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pyalign.errors import InputError
from pyalign.nearest.ranks import NeighborRanks
from pyalign.ops.permuted import identity
from pyalign.ops.similarity import similarity
from pyalign.ops.topk import topk
from pyalign.pairwise.representation import RepresentationMeasure


@dataclass(frozen=True)
class Neighbours:
    """Who is near whom.

    Attributes:
        rows, columns: (n k,) the pairs.
        near: the rank of any column among the neighbours of any row.
        similarities: (n, n), or None where they don't count.
        length: the root of the alignment of the model with itself; 1 for shares.
    """

    rows: np.ndarray
    columns: np.ndarray
    near: NeighborRanks
    similarities: np.ndarray | None
    length: float = 1.0


class NeighbourFamily:
    """See the module."""

    def __init__(self, measure: RepresentationMeasure, shapes: Sequence[tuple[int, ...]], backend: str = "auto"):
        self.measure, self.backend, self.n = measure, backend, shapes[0][0]
        self.k = int(measure.value)  # type: ignore[arg-type]
        if not self.k < self.n:
            raise InputError(f"{measure} needs more than {self.k} rows: k is at most n - 1; got {self.n}")

    def prepare(self, x: np.ndarray) -> Neighbours:
        """The neighbours of the rows of a model (n, d)."""
        similarities = similarity(x, measure="cosine", backend=self.backend)
        columns = topk(similarities, self.k, own=0, backend=self.backend).ravel()
        rows = np.repeat(np.arange(self.n), self.k)
        near = NeighborRanks(columns.reshape(self.n, self.k))
        if self.measure.kernel == "overlap":
            return Neighbours(rows, columns, near, None)
        found = Neighbours(rows, columns, near, similarities)
        square = float(self._alignments(found, found, identity(self.n))[0])
        if not square > 0:
            raise InputError(f"{self.measure} is not defined: the alignment of the model with itself is not positive")
        return Neighbours(rows, columns, near, similarities, square**0.5)

    def score(self, a: Neighbours, b: Neighbours) -> float:
        return float(self.nulls(a, b, identity(self.n))[0])

    def nulls(self, a: Neighbours, b: Neighbours, orders: np.ndarray) -> np.ndarray:
        """(k,) scores of a with b, whose rows stand in other orders (k, n)."""
        if self.measure.kernel == "kernel":
            return self._alignments(a, b, orders) / (a.length * b.length)
        pairs = ((order[a.rows], order[a.columns]) for order in orders)
        return np.array([np.count_nonzero(b.near.of(*pair)) / len(a.rows) for pair in pairs])

    def _alignments(self, a: Neighbours, b: Neighbours, orders: np.ndarray) -> np.ndarray:
        """(k,) the unbiased HSIC, times n (n - 3), of similarities K, L between neighbours in both models; 0 elsewhere.

        Its first term is the trace of K L, as published, to which only pairs that are neighbours both ways add.
        """
        n, out = self.n, np.empty(len(orders))
        assert a.similarities is not None and b.similarities is not None
        for number, order in enumerate(orders):
            there = order[a.rows], order[a.columns]
            both = b.near.of(*there) > 0
            rows, columns = a.rows[both], a.columns[both]
            left = a.similarities[rows, columns].astype(np.float64)
            right = b.similarities[there[0][both], there[1][both]].astype(np.float64)
            back = (a.near.of(columns, rows) > 0) & (b.near.of(there[1][both], there[0][both]) > 0)  # not symmetric
            across = np.bincount(columns, left, minlength=n) @ np.bincount(rows, right, minlength=n)
            both_sums = float(left.sum()) * float(right.sum())
            out[number] = left[back] @ right[back] + both_sums / ((n - 1) * (n - 2)) - 2 * across / (n - 2)
        return out

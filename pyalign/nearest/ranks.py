"""The rank of a row among the neighbours of another, for any pairs, as relabelled measures need it."""

from __future__ import annotations

import numpy as np

LARGEST_TABLE = 1 << 27  # entries (n, n); beyond it pairs are looked up by bisection


class NeighborRanks:
    """The ranks of k neighbours of each of n rows.

    Args:
        neighbors: (n, k) integers in [0, n), the nearest first, none twice in a row.

    Example:
        >>> ranks = NeighborRanks(np.array([[1, 2], [0, 2], [1, 0]]))
        >>> ranks.of(np.array([0, 0, 2]), np.array([2, 0, 1]))  # 0: no neighbour
        array([2, 0, 1], dtype=uint8)
    """

    def __init__(self, neighbors: np.ndarray):
        self.n, self.k = neighbors.shape
        self._dtype = np.uint8 if self.k < 1 << 8 else np.uint16 if self.k < 1 << 16 else np.uint32
        ranks = np.broadcast_to(np.arange(1, self.k + 1, dtype=self._dtype), neighbors.shape)
        self._table: np.ndarray | None = None
        if self.n * self.n <= LARGEST_TABLE:
            self._table = np.zeros((self.n, self.n), self._dtype)
            np.put_along_axis(self._table, neighbors.astype(np.intp, copy=False), ranks, axis=1)
            return
        order = np.argsort(neighbors, axis=1)
        within = np.take_along_axis(neighbors, order, axis=1)
        self._keys = (np.arange(self.n, dtype=np.int64)[:, None] * self.n + within).ravel()
        self._ranks = np.take_along_axis(ranks, order, axis=1).ravel()

    def of(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """The rank from 1 of each column among the neighbours of its row, 0 where it is none; arrays that broadcast."""
        if self._table is not None:
            ranks: np.ndarray = self._table.ravel().take(rows.astype(np.int64, copy=False) * self.n + columns)
            return ranks
        wanted = rows.astype(np.int64) * self.n + columns
        place = np.minimum(np.searchsorted(self._keys, wanted), len(self._keys) - 1)
        return np.where(self._keys[place] == wanted, self._ranks[place], self._dtype(0))

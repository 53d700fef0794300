"""The exact search: candidates by float32, their order by float64, and a bound that says where that is not enough.

Of a query the k + margin best float32 scores are taken and ordered exactly. Any other row scores at most as much as the
worst of these; where the k-th nearest lies above that by more than rounding can move a score, nothing was missed.
Elsewhere more candidates are taken, and where these are not enough either, all rows are looked at in float64.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from pyalign._dataclass import dataclass, field
from pyalign.backends.native import num_threads
from pyalign.nearest.space import Sought, Space, parts

QUERIES = 4096  # at once
AGAIN = 8  # times as many candidates for queries that are not certain
CROWD = 1024  # candidates of one query, above which equal rows are compared once
SCORES = 1 << 23  # float64 scores at once
Scan = Callable[[Sought, int], tuple[np.ndarray, np.ndarray]]  # queries, k -> scores, rows, both (q, k)
Report = Callable[[int], None]


def margin_of(k: int) -> int:
    """How many candidates are taken beyond k."""
    return max(12, k // 4)


@dataclass
class Search:
    """A search in a space."""

    space: Space  # of the rows.
    scan: Scan  # the float32 search.
    # whether it finds the best scores of all rows; else what it finds is ordered exactly and no more.
    exact: bool = True
    _groups: np.ndarray | None = field(default=None, repr=False)

    def nearest(
        self, queries: np.ndarray, k: int, own: np.ndarray | None = None, report: Report | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Rows and values (m, k) of queries (m, d), the nearest first.

        own: (m,) a row that is left out for each query, or -1.
        """
        indices, values = np.empty((len(queries), k), np.int64), np.empty((len(queries), k))
        for part in parts(len(queries), 1, QUERIES):
            leave = None if own is None else own[part]
            indices[part], values[part] = self._block(queries[part], k, leave)
            if report is not None:
                report(part.stop)
        return indices, values

    def _block(self, queries: np.ndarray, k: int, own: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        wide = self.space.wide(queries)
        inverses = self.space.inverses(wide)
        sought = self.space.sought(wide, inverses)
        count = k + (own is not None) + margin_of(k)
        indices, values, certain = self._ordered(wide, inverses, sought, k, count, own)
        for more in (AGAIN * count,) if self.exact else ():
            left = np.flatnonzero(~certain)
            if len(left):
                mine = None if own is None else own[left]
                ordered = self._ordered(wide[left], inverses[left], sought[left], k, more, mine)
                indices[left], values[left], certain[left] = ordered
        left = np.flatnonzero(~certain) if self.exact else np.empty(0, np.int64)
        for part in parts(len(left), len(self.space.values), SCORES):
            rows = left[part]
            leave = np.full(len(rows), -1) if own is None else own[rows]
            indices[rows], values[rows] = self._widely(wide[rows], inverses[rows], k, leave)
        return indices, values

    def _ordered(
        self, wide: np.ndarray, inverses: np.ndarray, sought: Sought, k: int, count: int, own: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The k nearest of `count` candidates of each query, and whether they are those of all rows."""
        n = len(self.space.values)
        scores, near = self.scan(sought, min(count, n))
        values = np.empty(near.shape)

        def compare(part: slice) -> None:
            values[part] = self.space.values_of(wide[part], inverses[part], np.maximum(near[part], 0))

        self._together(compare, parts(len(near), near.shape[1] * wide.shape[1], self.space.cached))
        gone = near < 0 if own is None else (near < 0) | (near == own[:, None])
        values[gone] = -np.inf
        order = np.lexsort((np.where(gone, n, near), -values), axis=1)[:, :k]
        indices, values = np.take_along_axis(np.where(gone, -1, near), order, 1), np.take_along_axis(values, order, 1)
        certain = np.full(len(near), True) if count >= n else self.space.certain(sought, values[:, -1], scores[:, -1])
        return indices, values, certain

    def _widely(
        self, wide: np.ndarray, inverses: np.ndarray, k: int, own: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """The k nearest rows of each query by float64 scores of all rows, and by the order of those near the k-th."""
        scores, doubt = self.space.wide_scores(wide, inverses)
        kept = own >= 0
        scores[kept, own[kept]] = -np.inf
        n = scores.shape[1]
        least = np.partition(scores, n - k, axis=1)[:, n - k] - 4.0 * doubt  # of a score and of a value, twice
        indices, values = np.empty((len(wide), k), np.int64), np.empty((len(wide), k))
        for q in range(len(wide)):
            near = np.flatnonzero(~(scores[q] < least[q]))
            near = near[near != own[q]]
            near_values = self._values(wide[q : q + 1], inverses[q : q + 1], near)
            order = np.lexsort((near, -near_values))[:k]
            indices[q], values[q] = near[order], near_values[order]
        return indices, values

    def _values(self, wide: np.ndarray, inverses: np.ndarray, near: np.ndarray) -> np.ndarray:
        """(c,) the values of one query (1, d) with the rows `near` (c,); where they are many, equal rows once."""
        rows, back = near, None
        if len(near) > CROWD:
            if self._groups is None:
                self._groups = self.space.equal_rows()
            rows, back = np.unique(self._groups[near], return_inverse=True)
        values = np.empty(len(rows))

        def compare(part: slice) -> None:
            values[part] = self.space.values_of(wide, inverses, rows[None, part])[0]

        self._together(compare, parts(len(rows), wide.shape[1], self.space.cached))
        return values if back is None else values[back.reshape(-1)]

    def _together(self, work: Callable[[slice], None], pieces: list[slice]) -> None:
        """The pieces on as many threads as kernels use."""
        if len(pieces) == 1 or num_threads() == 1 or not self.space.threaded:
            for piece in pieces:
                work(piece)
            return
        with ThreadPoolExecutor(num_threads()) as pool:
            list(pool.map(work, pieces))

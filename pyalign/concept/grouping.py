"""Triplets by concept: the parts that a score is taken of, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pyalign.analysis.groups import rows_of_categories


@dataclass(frozen=True, eq=False)
class Grouping:
    """The triplets of g concepts, and those of none.

    Attributes:
        by: what the concepts are: "dimensions", "categories" or "levels".
        labels: of the concepts, g.
        rows: int64, the triplets of the first concept in ascending order, then those of the next; last those of none.
        starts: (g + 2,): where each begins in `rows`, and the end.
        apart: whether each triplet is in one part, and no more.
    """

    by: str
    labels: tuple[str, ...]
    rows: np.ndarray
    starts: np.ndarray
    apart: bool

    @classmethod
    def of_codes(cls, by: str, labels: Sequence[str], codes: np.ndarray) -> Grouping:
        """From the numbers of the concepts of each triplet (t, top), -1 where there are no more.

        Example:
            >>> found = Grouping.of_codes("levels", ("a", "b"), np.array([[1], [-1], [0], [1]]))
            >>> [found.part(k).tolist() for k in range(3)]
            [[2], [0, 3], [1]]
        """
        g, top = len(labels), codes.shape[1]
        narrow = np.uint8 if g < 255 else np.uint16 if g < 1 << 15 else np.int64  # a pass of the radix sort a byte
        places = codes.astype(narrow)
        places[codes < 0] = g
        places[:, 1:][codes[:, 1:] < 0] = g + 1  # a place that is left over is no place
        flat = places.ravel()
        order = np.argsort(flat, kind="stable")  # by radix
        sizes = np.bincount(flat, minlength=g + 2)
        rows = order[: int(sizes[: g + 1].sum())]
        return cls(by, tuple(labels), rows // top if top > 1 else rows, _starts(sizes[: g + 1]), top == 1)

    @classmethod
    def of_categories(cls, labels: Sequence[str], members: np.ndarray, index: np.ndarray) -> Grouping:
        """Triplets (t, 3) by categories (n, c) that hold both objects of the chosen pair; there may be several.

        Example:
            >>> members = np.array([[1, 1], [1, 0], [0, 1]], bool)
            >>> found = Grouping.of_categories(("a", "b"), members, np.array([[0, 1, 2], [2, 0, 1], [1, 2, 0]]))
            >>> [found.part(k).tolist() for k in range(3)]
            [[0], [1], [2]]
        """
        parts = list(rows_of_categories(members, index))
        times = np.zeros(len(index), np.int64)
        for rows in parts:
            times[rows] += 1
        parts.append(np.flatnonzero(times == 0))
        starts = _starts(np.array([len(rows) for rows in parts]))
        return cls("categories", tuple(labels), np.concatenate(parts), starts, bool((times <= 1).all()))

    def part(self, k: int) -> np.ndarray:
        """The triplets of concept k, or those of none for k = g."""
        return self.rows[self.starts[k] : self.starts[k + 1]]

    @property
    def sizes(self) -> np.ndarray:
        """(g + 1,) how many triplets each has."""
        return np.diff(self.starts)

    def sums(self, values: np.ndarray) -> np.ndarray:
        """(g + 1,): values (t,) added up, whole numbers as int64 and others as float64.

        Example:
            >>> Grouping.of_codes("levels", ("a", "b"), np.array([[1], [1]])).sums(np.array([2, 3], np.int8)).tolist()
            [0, 5, 0]
        """
        dtype = np.int64 if values.dtype.kind in "iu" else np.float64
        found = np.zeros(len(self.labels) + 1, dtype)
        there = self.sizes > 0
        if there.any():
            found[there] = np.add.reduceat(values[self.rows], self.starts[:-1][there], dtype=dtype)
        return found


def _starts(sizes: np.ndarray) -> np.ndarray:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])

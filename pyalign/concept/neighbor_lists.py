"""Lists of nearest neighbors of the same objects in two representations, and their overlap.

Duplicates and near-duplicates among the rows of embeddings, such as images that are in a set twice.
"""

from __future__ import annotations

from functools import cached_property
from typing import ClassVar, NamedTuple

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass
from pyalign.errors import InputError
from pyalign.measures import Measure
from pyalign.nearest.neighbors import neighbors
from pyalign.nearest.scan import NeighborRanks
from pyalign.nearest.space import equal_rows, parts
from pyalign.ops.similarity import similarity
from pyalign.typing import MeasureLike

TIED = 64 * float(np.finfo(np.float64).eps)  # the relative error of a similarity by rounding
SPARE = (4, 30)  # lists have 4 k + 30 neighbors, so that k of them are in a half, except for 1 in 10^10


class Lists(NamedTuple):
    """The neighbors of n rows.

    Attributes:
        rows: (n, l) int64, nearest first.
        tied: bool (n,), whether the k-th neighbor is as near as the next one.
    """

    rows: np.ndarray
    tied: np.ndarray


def neighbor_lists(x: np.ndarray, length: int, measure: MeasureLike = "cosine", k: int | None = None) -> Lists:
    """The nearest neighbors of each row, except the row itself; of equally near ones the lower row comes first.

    The search is exact, with similarities in float64, so the lists depend only on the embeddings.

    Args:
        x: (n, d) embeddings.
        length: the length of the lists.
        measure: see `pyalign.similarity`.
        k: the number of neighbors that are used, for which ties are counted; None: all.
    """
    k = length if k is None else k
    nearest = neighbors(x, k=min(max(length, k + 1), len(x) - 1), measure=measure, index="flat")
    return Lists(nearest.indices[:, :length], tied_at(nearest.similarities, k))


def tied_at(similarities: np.ndarray, k: int) -> np.ndarray:
    """bool (n,), whether the similarity after the k-th, of (n, l) neighbors, is equal to it up to rounding.

    Example:
        >>> tied_at(np.array([[0.9, 0.5, 0.5], [0.9, 0.5, 0.4]]), 2)
        array([ True, False])
    """
    if similarities.shape[1] <= k:
        return np.zeros(len(similarities), bool)
    last, following = similarities[:, k - 1], similarities[:, k]
    tied: np.ndarray = last - following <= TIED * np.maximum(np.abs(last), np.abs(following))
    return tied


def checked_k(k: object, n: int) -> int:
    """Check a number of neighbors of n objects.

    Example:
        >>> checked_k(10, 11)
        10
    """
    if n < 2:
        raise InputError(f"neighbors need at least two objects; got {n}")
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or not 1 <= k < n:
        raise InputError(f"k must be a whole number from 1 to {n - 1}, below the number of objects; got {k!r}")
    return int(k)


def list_length(k: int, n: int) -> int:
    """The number of neighbors to search for, so that k of them remain within half of the objects.

    Example:
        >>> list_length(10, 1854), list_length(10, 20)
        (70, 19)
    """
    return min(n - 1, SPARE[0] * k + SPARE[1])


def rbo_weights(k: int, p: float) -> np.ndarray:
    """(k,) the weight of a shared neighbor in the rank-biased overlap, by the larger of its two ranks, 1 to k.

    The extrapolated RBO of two lists of length k is X_k / k p^k + (1 - p) / p sum_d X_d / d p^d, where X_d is the
    number of neighbors that the first d of both lists share. A neighbor at ranks r and s counts in X_d for every
    d >= max(r, s).

    Source: Webber, Moffat and Zobel, "A similarity measure for indefinite rankings", 2010, equation 23.
    """
    depths = np.arange(1, k + 1)
    terms = p**depths / depths
    weights: np.ndarray = (1.0 - p) / p * np.cumsum(terms[::-1])[::-1] + p**k / k
    return weights


def chance_of_rbo(k: int, n: int, p: float) -> float:
    """The expected rank-biased overlap of random lists of n - 1 others: the expected X_d / d is d / (n - 1)."""
    depths = np.arange(1, k + 1)
    return float((k * p**k + (1.0 - p) / p * (depths * p**depths).sum()) / (n - 1))


class SharedNeighbors:
    """The overlap of two neighbor lists of each object among their first k, and their rank-biased overlap.

    Args:
        a, b: (n, l) integers, nearest first. l is at least k; `halved` uses longer lists.
        k: the number of neighbors that count.
        p: the persistence of the rank-biased overlap.
    """

    def __init__(self, a: np.ndarray, b: np.ndarray, k: int, p: float):
        self.a, self.b, self.k = a, b, k
        self._ranks = NeighborRanks(b)
        self._weights = np.concatenate([[0.0], rbo_weights(k, p)])

    @cached_property
    def _places(self) -> np.ndarray:
        """(n, l) the rank in b of each entry of a, 0 where there is none."""
        n, length = self.a.shape
        return self._ranks.of(np.repeat(np.arange(n), length).reshape(n, length), self.a).astype(np.int64)

    def values(self) -> np.ndarray:
        """(n, 2) the overlap and rank-biased overlap of each object."""
        return self._of(np.arange(1, self.k + 1), self._places[:, : self.k])

    def relabeled(self, order: np.ndarray) -> np.ndarray:
        """(n, 2) with the objects of a relabeled: object i becomes order[i], and row j is that of the new object j."""
        ranks = self._ranks.of(order[:, None], order.take(self.a[:, : self.k]))
        out = np.empty((len(order), 2))
        out[order] = self._of(np.arange(1, self.k + 1), ranks)
        return out

    def halved(self, rows: np.ndarray, inside: np.ndarray) -> np.ndarray:
        """(m, 2) of these rows within a half of the objects; `inside` is the mask (n,) of the half."""
        ours = inside[self.a[rows]]
        rank = np.cumsum(ours, axis=1)
        theirs = np.zeros((len(rows), self.b.shape[1] + 1), np.int64)
        np.cumsum(inside[self.b[rows]], axis=1, out=theirs[:, 1:])
        places = self._places[rows]
        other = np.take_along_axis(theirs, places, axis=1)
        return self._of(rank, np.where(ours & (rank <= self.k) & (places > 0), other, 0))

    def _of(self, ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
        """Overlaps and rank-biased overlaps from ranks in a and b, which are 0 for objects not in a list."""
        both = (theirs > 0) & (theirs <= self.k)
        depth = np.where(both, np.maximum(ours, theirs), 0)
        return np.stack([both.sum(axis=1) / self.k, self._weights[depth].sum(axis=1)], axis=1)


BLOCK = 1 << 24  # similarities at once


@dataclass(frozen=True)
class DuplicateGroup:
    """A group of rows that are connected by pairs at or above the threshold."""

    along: ClassVar = {"names": ("rows",)}

    rows: tuple[int, ...]  # the rows, ascending.
    names: tuple[str, ...] | None  # their names, or None.
    exact: bool  # whether all rows of the group are equal in every number.
    # the smallest similarity among its pairs at or above the threshold; None if there was no threshold.
    least: float | None


class Duplicates(NamedTuple):
    """The duplicates among n rows.

    groups: by their first row. n_pairs: how many pairs are equal or at or above the threshold. nearest: (n,) the most
    similar duplicate of each row, of several the lowest, or -1.
    """

    groups: tuple[DuplicateGroup, ...]
    n_pairs: int
    nearest: np.ndarray


def duplicates_of(
    rows: np.ndarray, level: float | None, measure: MeasureLike, names: tuple[str, ...] | None = None
) -> Duplicates:
    """Find groups of rows that are equal or whose similarity is at least `level`: connected components of such pairs.

    Two rows of a group may be less similar than that if other rows connect them.

    Example:
        >>> result = duplicates_of(np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.01], [0.0, 1.0]]), 0.99, "cosine")
        >>> [(group.rows, group.exact) for group in result.groups], result.nearest.tolist()
        ([((0, 2), False), ((1, 3), True)], [2, 3, 0, 1])
    """
    same = equal_rows(rows)
    pairs, values = (_equal_pairs(same), None) if level is None else _pairs(rows, level, same, measure)
    parent = components(len(rows), pairs)
    groups = tuple(_group(members, same, pairs, values, parent, names) for members in _members(parent))
    times = np.bincount(same)
    n_pairs = int((times * (times - 1) // 2).sum()) if level is None else len(pairs)
    return Duplicates(groups, n_pairs, _nearest(len(rows), pairs, values))


def _nearest(n: int, pairs: np.ndarray, values: np.ndarray | None) -> np.ndarray:
    """(n,) of each row the other of its pairs with the largest value, or -1."""
    row, other = np.concatenate([pairs, pairs[:, ::-1]]).T
    alike = np.zeros(len(row)) if values is None else np.tile(values, 2)
    order = np.lexsort((other, -alike, row))
    rows, first = np.unique(row[order], return_index=True)
    nearest = np.full(n, -1)
    nearest[rows] = other[order][first]
    return nearest


def level_of(threshold: object, measure: Measure) -> float:
    """The threshold as a number that pairs can reach: else no groups would look like no duplicates."""
    level = _checks.real_number(threshold, "threshold")
    if not np.isfinite(level):
        raise InputError(f"threshold must be finite; got {threshold!r}")
    distance = measure.name.startswith("neg_")
    most = 0 if distance else 1
    if level > most and measure.name != "dot":
        hint = ": a distance of at most S is a threshold of -S" if distance else ""
        raise InputError(f"threshold must be at most {most}, the largest {measure}; got {level:g}{hint}")
    return level


def _equal_pairs(same: np.ndarray) -> np.ndarray:
    """(p, 2): each row with the one before it that is equal."""
    order = np.argsort(same, kind="stable")
    follows = same[order][1:] == same[order][:-1]
    return np.stack([order[:-1][follows], order[1:][follows]], axis=1)


def _pairs(rows: np.ndarray, level: float, same: np.ndarray, measure: MeasureLike) -> tuple[np.ndarray, np.ndarray]:
    """(p, 2) pairs i < j that are similar or equal, and their similarities; a block of rows at a time."""
    n, pairs, values = len(rows), [], []
    for part in parts(n, n, BLOCK):
        alike = np.asarray(similarity(rows[part], rows[part.start :], measure=measure))
        near = (alike >= level) | (same[part, None] == same[None, part.start :])
        i, j = np.nonzero(np.triu(near, 1))
        pairs.append(np.stack([i, j], axis=1) + part.start)
        values.append(alike[i, j].astype(np.float64))
    return np.concatenate(pairs), np.concatenate(values)


def components(n: int, pairs: np.ndarray) -> np.ndarray:
    """(n,) the lowest row of each row's connected component.

    Example:
        >>> components(5, np.array([[3, 4], [1, 3]])).tolist()
        [0, 1, 2, 1, 1]
    """
    root = np.arange(n)
    while len(pairs):
        ends = root[pairs]
        low, high = ends.min(axis=1), ends.max(axis=1)
        joins = low < high
        if not joins.any():
            break
        np.minimum.at(root, high[joins], low[joins])
        while (root != root[root]).any():
            root = root[root]
    return root


def _members(root: np.ndarray) -> list[np.ndarray]:
    order = np.argsort(root, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(root[order])) + 1)
    return [part for part in parts if len(part) > 1]


def _group(
    members: np.ndarray, same: np.ndarray, pairs: np.ndarray, values: np.ndarray | None, root: np.ndarray,
    names: tuple[str, ...] | None,
) -> DuplicateGroup:
    inside = root[pairs[:, 0]] == root[members[0]]
    return DuplicateGroup(
        tuple(map(int, members)),
        None if names is None else tuple(names[row] for row in members),
        len(np.unique(same[members])) == 1,
        None if values is None else float(values[inside].min()),
    )

"""Lists of nearest neighbours of the same objects in two representations, and their overlap."""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import numpy as np

from pyalign.errors import InputError
from pyalign.nearest.neighbors import neighbors
from pyalign.nearest.scan import NeighborRanks
from pyalign.typing import MeasureLike

TIED = 64 * float(np.finfo(np.float64).eps)  # the relative error of a similarity by rounding
SPARE = (4, 30)  # lists have 4 k + 30 neighbours, so that k of them are in a half, except for 1 in 10^10


class Lists(NamedTuple):
    """The neighbours of n rows.

    Attributes:
        rows: (n, l) int64, nearest first.
        tied: bool (n,), whether the k-th neighbour is as near as the next one.
    """

    rows: np.ndarray
    tied: np.ndarray


def neighbor_lists(x: np.ndarray, length: int, measure: MeasureLike = "cosine", k: int | None = None) -> Lists:
    """The nearest neighbours of each row, except the row itself; of equally near ones the lower row comes first.

    The search is exact, with similarities in float64, so the lists depend only on the embeddings.

    Args:
        x: (n, d) embeddings.
        length: the length of the lists.
        measure: see `pyalign.similarity`.
        k: the number of neighbours that are used, for which ties are counted; None: all.
    """
    k = length if k is None else k
    nearest = neighbors(x, k=min(max(length, k + 1), len(x) - 1), measure=measure, index="flat")
    return Lists(nearest.indices[:, :length], tied_at(nearest.similarities, k))


def tied_at(similarities: np.ndarray, k: int) -> np.ndarray:
    """bool (n,), whether the similarity after the k-th, of (n, l) neighbours, is equal to it up to rounding.

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
    """Check a number of neighbours of n objects.

    Example:
        >>> checked_k(10, 11)
        10
    """
    if n < 2:
        raise InputError(f"neighbours need at least two objects; got {n}")
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or not 1 <= k < n:
        raise InputError(f"k must be a whole number from 1 to {n - 1}, below the number of objects; got {k!r}")
    return int(k)


def list_length(k: int, n: int) -> int:
    """The number of neighbours to search for, so that k of them remain within half of the objects.

    Example:
        >>> list_length(10, 1854), list_length(10, 20)
        (70, 19)
    """
    return min(n - 1, SPARE[0] * k + SPARE[1])


def rbo_weights(k: int, p: float) -> np.ndarray:
    """(k,) the weight of a shared neighbour in the rank-biased overlap, by the larger of its two ranks, 1 to k.

    The extrapolated RBO of two lists of length k is X_k / k p^k + (1 - p) / p sum_d X_d / d p^d, where X_d is the
    number of neighbours that the first d of both lists share. A neighbour at ranks r and s counts in X_d for every
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
    """The overlap of two neighbour lists of each object among their first k, and their rank-biased overlap.

    Args:
        a, b: (n, l) integers, nearest first. l is at least k; `halved` uses longer lists.
        k: the number of neighbours that count.
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

    def relabelled(self, order: np.ndarray) -> np.ndarray:
        """(n, 2) with the objects of a relabelled: object i becomes order[i], and row j is that of the new object j."""
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

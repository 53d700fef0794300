"""Lists of nearest neighbours of the same objects by two representations: how much of them is the same."""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import numpy as np

from pyalign.errors import InputError
from pyalign.nearest.neighbors import neighbors
from pyalign.nearest.ranks import NeighborRanks
from pyalign.typing import MeasureLike

TIED = 64 * float(np.finfo(np.float64).eps)  # of a similarity, what rounding may do to it
SPARE = (
    4,
    30,
)  # lists are four times as long and 30 more, so that half of the objects hold k of them: but for 1 in 10^10


class Lists(NamedTuple):
    """The neighbours of n rows.

    rows: (n, l) int64, the nearest first. n_tied: rows whose k-th neighbour is as near as the next one.
    """

    rows: np.ndarray
    n_tied: int


def neighbor_lists(x: np.ndarray, length: int, measure: MeasureLike = "cosine", k: int | None = None) -> Lists:
    """The rows nearest to each row, which is no neighbour of itself; of equal ones the lower first.

    By the exact search, whose similarities are of float64, so that lists depend on nothing but the numbers.

    Args:
        x: (n, d).
        length: of the lists.
        measure: see `pyalign.similarity`.
        k: how many of a list count, for the number of ties; None: all.

    Example:
        >>> neighbor_lists(np.array([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0]]), 1).rows.ravel()
        array([1, 0, 1])
    """
    k = length if k is None else k
    nearest = neighbors(x, k=min(max(length, k + 1), len(x) - 1), measure=measure, index="flat")
    return Lists(nearest.indices[:, :length], int(tied_at(nearest.similarities, k).sum()))


def tied_at(similarities: np.ndarray, k: int) -> np.ndarray:
    """bool (n,): whether of neighbours' similarities (n, l) the next after the k-th is equal to it, but for rounding.

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
    """A number of neighbours of n objects.

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
    """How many neighbours are found, so that k of them are left in half of the objects.

    Example:
        >>> list_length(10, 1854), list_length(10, 20)
        (70, 19)
    """
    return min(n - 1, SPARE[0] * k + SPARE[1])


def rbo_weights(k: int, p: float) -> np.ndarray:
    """(k,): what a shared neighbour adds to the rank-biased overlap by the larger of its two ranks, 1 to k.

    Extrapolated RBO of two lists of length k is X_k / k p^k + (1 - p) / p sum_d X_d / d p^d, with X_d the number that
    the first d of both share; a neighbour at ranks r and s counts in every X_d from d = max(r, s) on.

    Source: Webber, Moffat and Zobel, "A similarity measure for indefinite rankings", 2010, equation 23.

    Example:
        >>> round(float(rbo_weights(10, 0.9).sum()), 12)  # identical lists
        1.0
    """
    depths = np.arange(1, k + 1)
    terms = p**depths / depths
    weights: np.ndarray = (1.0 - p) / p * np.cumsum(terms[::-1])[::-1] + p**k / k
    return weights


def chance_of_rbo(k: int, n: int, p: float) -> float:
    """The expected rank-biased overlap of random lists of n - 1 others: the expected X_d / d is d / (n - 1).

    Example:
        >>> round(chance_of_rbo(10, 11, 0.9), 3), chance_of_rbo(1, 11, 0.9)  # all others, in random order
        (0.651, 0.1)
    """
    depths = np.arange(1, k + 1)
    return float((k * p**k + (1.0 - p) / p * (depths * p**depths).sum()) / (n - 1))


class SharedNeighbors:
    """What two lists of each object share among their first k: the overlap, a fraction, and the rank-biased overlap.

    Args:
        a, b: (n, l) integers, the nearest first, l of at least k; more serve `halved`.
        k: how many count.
        p: of the rank-biased overlap.
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
        """(n, 2): overlap and rank-biased overlap of each object.

        Example:
            >>> lists = np.array([[1, 2], [2, 0], [0, 1]])
            >>> SharedNeighbors(lists, lists[:, ::-1], 2, 0.5).values()[0]
            array([1. , 0.5])
        """
        return self._of(np.arange(1, self.k + 1), self._places[:, : self.k])

    def relabelled(self, order: np.ndarray) -> np.ndarray:
        """(n, 2), where object i of a is called order[i]; row j is of the object that is called j."""
        ranks = self._ranks.of(order[:, None], order.take(self.a[:, : self.k]))
        out = np.empty((len(order), 2))
        out[order] = self._of(np.arange(1, self.k + 1), ranks)
        return out

    def halved(self, rows: np.ndarray, inside: np.ndarray) -> np.ndarray:
        """(m, 2) of these rows, where they (inside, a mask (n,)) are all objects that there are."""
        ours = inside[self.a[rows]]
        rank = np.cumsum(ours, axis=1)
        theirs = np.zeros((len(rows), self.b.shape[1] + 1), np.int64)
        np.cumsum(inside[self.b[rows]], axis=1, out=theirs[:, 1:])
        places = self._places[rows]
        other = np.take_along_axis(theirs, places, axis=1)
        return self._of(rank, np.where(ours & (rank <= self.k) & (places > 0), other, 0))

    def _of(self, ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
        """Overlaps and rank-biased overlaps from ranks in a and in b, 0 where an object is no neighbour."""
        both = (theirs > 0) & (theirs <= self.k)
        depth = np.where(both, np.maximum(ours, theirs), 0)
        return np.stack([both.sum(axis=1) / self.k, self._weights[depth].sum(axis=1)], axis=1)

"""Ranks of judged pairs: as they are, and ranked again under resamples of the objects.

A resample of the objects gives a pair the product of its objects' multiplicities as weight; pairs of an object with its
own copy are left out. Values keep their order, so that the pairs are sorted once and ranked by running sums of weights.

Where the first two rows of each triplet hold most together.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass
from pyalign.backends import RankOrder, get_host_backend
from pyalign.errors import InputError
from pyalign.ops._host_dispatch import explained
from pyalign.typing import BackendName

MOST = 1 << 30  # numbers, whose doubled ranks fit in 31 bits


@dataclass(frozen=True, eq=False)
class RankedPairs:
    """Values of pairs of objects with their ranks; sorted when that is asked for."""

    values: np.ndarray  # (m,) float32 or float64.
    items: np.ndarray  # int32 (m, 2), the objects of each pair.
    ranks: np.ndarray  # int32 (m,), twice the mean rank, from 1, of those equal to each.
    backend: BackendName = "auto"  # what ranks them.

    @cached_property
    def places(self) -> np.ndarray:
        """int32 (m,), which pair stands at each place of the ascending order."""
        places = np.empty(len(self.ranks), np.int32)
        get_host_backend(self.backend).ranks(self.values, places, None)
        return places

    @cached_property
    def order(self) -> RankOrder:
        """The pairs in that order."""
        ascending = self.ranks[self.places]
        last = np.ones(len(ascending), np.uint8)
        last[:-1] = ascending[1:] != ascending[:-1]
        return RankOrder(np.ascontiguousarray(self.items[self.places]), last)

    @cached_property
    def is_tied(self) -> bool:
        """Whether some values are equal."""
        return not self.order.last.all()


def double_ranks(values: np.ndarray, backend: BackendName = "auto") -> np.ndarray:
    """Twice the mean ranks, from 1, of numbers (m,): int32 (m,), so that those of ties are whole too.

    float32 and float64 are taken as they are, others become float64; none may be NaN.
    """
    numbers = _numbers(values)
    ranks = np.empty(len(numbers), np.int32)
    get_host_backend(backend).ranks(numbers, None, ranks)
    return ranks


def rank_pairs(values: np.ndarray, items: np.ndarray, backend: BackendName = "auto") -> RankedPairs:
    """Values (m,) of pairs of objects, items int32 (m, 2), made ready for `rank_sums`."""
    numbers = _numbers(values)
    return RankedPairs(numbers, items, double_ranks(numbers, backend), backend)


def rank_sums(first: RankedPairs, second: RankedPairs, table: np.ndarray, backend: BackendName = "auto") -> np.ndarray:
    """Sums under resamples of the objects, with multiplicities (n, b) uint8, of two values of the same pairs.

    Returns:
        float64 (4, b): of the weights w, of w r r, of w s s and of w r s. r of a pair is twice the weight of the pairs
        with a smaller first value plus that of equal ones, so that its weighted mean is the sum of w; s of the second.
    """
    there = np.empty(len(second.places), np.int32)
    there[second.places] = np.arange(len(there), dtype=np.int32)
    sums = np.empty((4, table.shape[1]))
    get_host_backend(backend).rank_sums(
        first.order, second.order, there[first.places], np.ascontiguousarray(table), sums
    )
    return sums


def discordance(
    first: RankedPairs, second: RankedPairs, weights: np.ndarray | None = None, backend: BackendName = "auto"
) -> int:
    """The weight of pairs of pairs that the two values order differently: the sum of w_k w_l, each once.

    weights: int32 (m,) of the pairs, none negative; None: 1 each.
    """
    key = first.ranks.astype(np.int64) << 32 | second.ranks  # ties of the first in the order of the second: not counted
    order = np.argsort(key, kind="stable") if first.is_tied else first.places
    listed = second.ranks[order].astype(np.uint32)
    return get_host_backend(backend).inversions(listed, None if weights is None else weights[order])


def _numbers(values: np.ndarray) -> np.ndarray:
    if len(values) >= MOST:
        raise InputError(f"pairs must be fewer than 2^30 to be ranked; got {len(values):,}")
    wide = values.dtype in (np.float32, np.float64)
    return np.ascontiguousarray(values, None if wide else np.float64)


MOST_PLACES = (1 << 15) - 1


def largest_places(
    values: np.ndarray, triplets: object, *, product: bool = False, backend: BackendName = "auto"
) -> tuple[np.ndarray, int]:
    """The largest place of the sum, or product, of the first two rows of each triplet; works on the host.

    Args:
        values: (n, k) float64, finite, from 0 up; k up to 32,767.
        triplets: (t, 3) integers in [0, n), three different items each.
        product: of the two rows, instead of their sum.
        backend: of the host; for that of a device the one that "auto" chooses on the host.

    Returns:
        (t,) int16, of equal places the first, -1 where all is 0; and how many triplets have several that are largest.
    """
    host, index = get_host_backend(backend), _checks.as_triplets(triplets)
    rows = np.ascontiguousarray(values, np.float64)
    if rows.shape[1] > MOST_PLACES:
        raise InputError(f"values must have at most {MOST_PLACES:,} columns; got {rows.shape[1]:,}")
    places = np.empty(len(index), np.int16)
    with explained(host, index, len(rows)):
        n_tied = host.assign(rows, index, product, places)
    return places, n_tied

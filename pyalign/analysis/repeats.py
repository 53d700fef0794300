"""Repeated triplets: rows that ask the same question about the same three items, brought together."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass
from pyalign.backends import get_host_backend
from pyalign.data import ANCHORED, ODD_ONE_OUT, Answers, Triplets
from pyalign.errors import InputError

LARGEST = 2**63 - 1  # items are numbered in int64, and so is their number


@dataclass(frozen=True)
class Repeats:
    """The distinct sets of three items among t rows, and how often each item was called odd.

    Of anchored triplets a set is an anchor with two options in any order.
    """

    # int64 (u, 3), the distinct sets: items ascending within a row, rows ascending; an anchor comes first.
    triplets: np.ndarray
    inverse: np.ndarray  # int64 (t,), the set of each row.
    # int64 (u, 3), how many answers called the item at that position of the set odd; (u, 2), how many chose that
    # option.
    counts: np.ndarray
    odd: np.ndarray | None  # int8 (t,), the column of `counts` of the row's answer; None where answers were given.

    @property
    def answers(self) -> np.ndarray:
        """int64 (u,): how many answers each set has."""
        totals: np.ndarray = self.counts.sum(axis=1)
        return totals


def find_repeats(triplets: object, answers: Answers | None = None, task: str = ODD_ONE_OUT) -> Repeats:
    """Groups triplets by the set of their items, or by anchor and set of options.

    Args:
        triplets: (t, 3) integers >= 0, three different items each. Without answers the last column is the item that
            one participant called odd.
        answers: of t rows, how many people called each position of that row odd, or chose each option.
        task: of the triplets; of anchored ones the columns are anchor, chosen option, other.

    Raises:
        InputError: not such triplets; shares instead of counts.

    Example:
        >>> repeats = find_repeats([[5, 2, 9], [9, 2, 5], [2, 5, 9], [1, 2, 3]])
        >>> repeats.triplets.tolist(), repeats.counts.tolist()
        ([[1, 2, 3], [2, 5, 9]], [[0, 0, 1], [0, 1, 2]])
        >>> repeats.inverse, repeats.odd
        (array([1, 1, 1, 0]), array([2, 1, 2, 2], dtype=int8))
    """
    index = _checks.as_triplets(triplets)
    n = int(index.max()) + 1
    if n > LARGEST:
        raise InputError(f"triplets must lie in [0, {LARGEST:,}); got {n - 1}")
    _checks.require_valid(get_host_backend("auto").check_triplets(index, n), index, n)
    if answers is not None:
        return _from_counts(index, answers.counts, n, task)
    if task == ANCHORED:
        columns = _options_ascending(index)
        return _from_answers(columns, (index[:, 1] > index[:, 2]).view(np.int8), n, 2)
    columns = _ascending(index)
    last = index[:, 2]
    odd = (last > columns[0]).view(np.int8) + (last == columns[2]).view(np.int8)
    return _from_answers(columns, odd, n, 3)


def first_answers(given: Triplets, persons: np.ndarray | None) -> tuple[Repeats, np.ndarray | slice]:
    """The answers of different people to each set, and their rows: all but those of people who had answered it before.

    Without persons, int64 (t,) codes from 0, each answer of the t triplets is a different one's.
    """
    repeats = find_repeats(given.values, given.answers, given.task)
    if persons is None:
        return repeats, slice(None)
    rows = np.unique(repeats.inverse * (int(persons.max()) + 1) + persons, return_index=True)[1]
    if len(rows) == len(given):
        return repeats, slice(None)
    rows.sort()
    return find_repeats(given.values[rows], None, given.task), rows


Columns = tuple[np.ndarray, np.ndarray, np.ndarray]


def _from_answers(columns: Columns, answer: np.ndarray, n: int, k: int) -> Repeats:
    """answer: int8 (t,), which of the k that a set can be answered by."""
    groups = _group(columns, n)
    flat = np.bincount(k * groups.ranks + answer[groups.order], minlength=k * len(groups.sets))
    return Repeats(groups.sets, groups.inverse(), flat.reshape(-1, k), answer)


def _from_counts(index: np.ndarray, counts: np.ndarray, n: int, task: str) -> Repeats:
    k = counts.shape[1]
    groups = _group(_options_ascending(index) if task == ANCHORED else _ascending(index), n)
    ascending = np.take_along_axis(counts, np.argsort(index[:, 3 - k :], axis=1), axis=1)[groups.order]
    places = k * groups.ranks[:, None] + np.arange(k)
    flat = np.bincount(places.ravel(), weights=ascending.ravel(), minlength=k * len(groups.sets))
    return Repeats(groups.sets, groups.inverse(), flat.reshape(-1, k).astype(np.int64), None)


def _options_ascending(index: np.ndarray) -> Columns:
    """The anchor, the smaller and the larger option of each row."""
    anchor, a, b = index.T
    return anchor, np.minimum(a, b), np.maximum(a, b)


def _ascending(index: np.ndarray) -> Columns:
    """The smallest, middle and largest item of each row, by comparisons of whole columns: faster than a sort."""
    a, b, c = index.T
    small, large = np.minimum(a, b), np.maximum(a, b)
    middle = np.maximum(small, np.minimum(large, c))
    return np.minimum(small, c), middle, np.maximum(large, c)


class _Groups(NamedTuple):
    """order: (t,) rows, equal ones side by side. ranks: (t,) the set of each row in that order. sets: (u, 3)."""

    order: np.ndarray
    ranks: np.ndarray
    sets: np.ndarray

    def inverse(self) -> np.ndarray:
        """The set of each row, in the order of the rows."""
        inverse = np.empty_like(self.ranks)
        inverse[self.order] = self.ranks
        return inverse


def _group(columns: Columns, n: int) -> _Groups:
    """Groups rows by the number that their ascending items make in base n, or by the items where int64 is too short."""
    if n**3 >= 2**63:
        order = np.lexsort(columns[::-1])
        rows = np.stack(columns, axis=1)[order].astype(np.int64)
        first = _first(rows)
        return _Groups(order, np.cumsum(first) - 1, rows[first])
    key = columns[0].astype(np.int64)
    for column in columns[1:]:
        key *= n
        key += column
    order, key = _sorted(key, n**3)
    first = _first(key[:, None])
    pairs, high = np.divmod(key[first], n)
    return _Groups(order, np.cumsum(first) - 1, np.stack([*np.divmod(pairs, n), high], axis=1))


def _first(rows: np.ndarray) -> np.ndarray:
    """Marks the sorted rows that differ from the one before."""
    first = np.ones(len(rows), np.bool_)
    first[1:] = (rows[1:] != rows[:-1]).any(axis=1)
    return first


def _sorted(key: np.ndarray, limit: int) -> tuple[np.ndarray, np.ndarray]:
    """An order that sorts keys below `limit`, and the sorted keys."""
    bits = len(key).bit_length()
    if limit >= 2 ** (63 - bits):
        order = np.argsort(key)
        return order, key[order]
    # Numbers that hold key and row sort in half the time of an argsort, which fetches keys from all over.
    key <<= bits
    key |= np.arange(len(key))
    key.sort()
    return key & ((1 << bits) - 1), key >> bits

"""Each answer predicted by the other persons' answers to the same triplet, with a standard error.

Persons enter twice: their answers are predicted, and they predict those of others. What a person is worth is therefore
taken from what changes without them. Persons who gave the same answers to a triplet are one group there, so that all of
it costs a few array operations however many persons there are.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from pyalign.analysis.repeats import Repeats
from pyalign.errors import InputError


class LeaveOneOut(NamedTuple):
    """share: of n answers, those that others predict. standard_error: of the share; NaN with one triplet alone."""

    share: float
    standard_error: float
    n: int


def leave_one_out(repeats: Repeats, persons: np.ndarray | None) -> LeaveOneOut:
    """Share of answers that the majority of the other persons' answers to the same triplet predicts.

    A person's answers to a triplet are left out together, m tied majorities predict 1/m each, and answers that nobody
    else gave one to are not counted.

    Args:
        repeats: the answers; some set has two.
        persons: int64 (t,), codes from 0, who gave each; None where each answer is a different person's.

    Raises:
        InputError: no set was answered by two persons.
    """
    if persons is None or repeats.odd is None:
        groups, entries = _single_answers(repeats), None
    else:
        groups, entries = _by_person(repeats, persons)
    right, n = _predicted(groups.own, repeats.counts[groups.sets] - groups.own)
    right, n = right * groups.members, n * groups.members
    total = float(n.sum())
    if total == 0:
        raise InputError("subjects must include two persons who answered the same triplet; no triplet has two")
    share = float(right.sum()) / total
    by_set = _variance(right - share * n, groups.sets[n > 0], n > 0)
    variance = by_set
    if entries is not None:
        # Clusters of two kinds that cross (Cameron, Gelbach and Miller, 2011): what an entry has is in both.
        worth = _worth(groups, repeats.counts, share)[entries.groups]
        used = n[entries.groups] > 0
        both = by_set + _variance(worth, entries.persons[used], used) - float(worth @ worth)
        variance = max(by_set, both)
    return LeaveOneOut(share, math.sqrt(variance) / total, int(total))


class _Groups(NamedTuple):
    """Persons who gave the same answers to the same set. sets: (g,). own: (g, 3) counts of one. members: (g,)."""

    sets: np.ndarray
    own: np.ndarray
    members: np.ndarray


class _Entries(NamedTuple):
    """A person and a set that the person answered. persons: (e,). groups: (e,), the group that the person is in."""

    persons: np.ndarray
    groups: np.ndarray


def _single_answers(repeats: Repeats) -> _Groups:
    sets, positions = np.nonzero(repeats.counts * (repeats.answers >= 2)[:, None])
    return _Groups(sets, np.eye(3, dtype=np.int64)[positions], repeats.counts[sets, positions])


def _by_person(repeats: Repeats, persons: np.ndarray) -> tuple[_Groups, _Entries]:
    assert repeats.odd is not None
    rows = np.flatnonzero((repeats.answers >= 2)[repeats.inverse])
    n = int(persons.max()) + 1
    pairs, entry = np.unique(repeats.inverse[rows] * n + persons[rows], return_inverse=True)
    own = np.bincount(3 * entry.reshape(-1) + repeats.odd[rows], minlength=3 * len(pairs)).reshape(-1, 3)
    table = np.column_stack([pairs // n, own])
    order = np.lexsort(table.T[::-1])
    first = np.ones(len(table), np.bool_)
    first[1:] = (table[order[1:]] != table[order[:-1]]).any(axis=1)
    codes = np.empty(len(table), np.int64)
    codes[order] = np.cumsum(first) - 1
    distinct = table[order[first]]
    return _Groups(distinct[:, 0], distinct[:, 1:], np.bincount(codes)), _Entries(pairs % n, codes)


def _predicted(own: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For one person of each group: how many answers others (g, 3) predict, and how many they could."""
    top = others == others.max(axis=1, keepdims=True)
    known = others.any(axis=1)
    return known * (own * top).sum(axis=1) / top.sum(axis=1), known * own.sum(axis=1)


def _worth(groups: _Groups, counts: np.ndarray, share: float) -> np.ndarray:
    """(g,): what one person of each group adds to the sum of right - share * n over the answers to the set."""
    g, h = _pairs(groups.sets)
    others = counts[groups.sets[g]] - groups.own[g] - groups.own[h]
    members = groups.members[g] - (g == h)
    right, n = _predicted(groups.own[g], np.maximum(others, 0))  # below 0 only where there are no members left
    without = np.bincount(h, weights=members * (right - share * n), minlength=len(groups.sets))
    right, n = _predicted(groups.own, counts[groups.sets] - groups.own)
    whole = np.bincount(groups.sets, weights=groups.members * (right - share * n))[groups.sets]
    worth: np.ndarray = whole - without
    return worth


def _pairs(sets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All pairs of groups that belong to one set; `sets` (g,) ascends."""
    _, starts, sizes = np.unique(sets, return_index=True, return_counts=True)
    start, size = np.repeat(starts, sizes), np.repeat(sizes, sizes)
    g = np.repeat(np.arange(len(sets)), size)
    h = np.arange(len(g)) - np.repeat(np.cumsum(size) - size, size) + start[g]
    return g, h


def _variance(residuals: np.ndarray, clusters: np.ndarray, used: np.ndarray) -> float:
    """Of the sum of the residuals used, which are dependent within clusters; NaN where there is one cluster alone."""
    _, codes = np.unique(clusters, return_inverse=True)
    sums = np.bincount(codes.reshape(-1), weights=residuals[used])
    return float(sums @ sums) * len(sums) / (len(sums) - 1) if len(sums) > 1 else math.nan

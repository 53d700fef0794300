"""Each answer predicted by the other participants' answers to the same triplet, and what each participant is worth in
that.

Participants enter twice: their answers are predicted, and they predict those of others. What a participant is worth is
therefore taken from what changes without them. Participants who gave the same answers to a triplet are one group there,
so that all of it costs a few array operations however many participants there are.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pyalign._dataclass import dataclass
from pyalign.analysis.answers import Repeats
from pyalign.errors import InputError

SAME = 1e-6  # relative: within it weights are equal, as decimals in a file are


class LeaveOneOut(NamedTuple):
    """How well answers are predicted.

    Attributes:
        share: of n answers, those that others predict.
        n: answers that others could predict.
        table: float64 (u, 2), of each set: answers that others could predict, and those that they do; times its weight.
        worth: float64 (e,), of each entry: by how much (right - share * n) of its set would fall without it, less
            the mean of that, times the weight of the set; None where participants are not known.
    """

    share: float
    n: int
    table: np.ndarray
    worth: np.ndarray | None


def leave_one_out(sets: RepeatedSets) -> LeaveOneOut:
    """Share of answers that the majority of the other participants' answers to the same triplet predicts.

    Each answer to a triplet is another participant's, and m tied majorities predict 1/m each.
    """
    groups = _single_answers(sets.counts)
    right, n = _predicted(groups.own, sets.counts[groups.sets] - groups.own)
    right, n = right * groups.members, n * groups.members
    predicted = int(n.sum())
    weights = np.ones(len(sets.counts)) if sets.weights is None else sets.weights
    right, n = right * weights[groups.sets], n * weights[groups.sets]
    share = float(right.sum()) / float(n.sum())
    table = np.stack([np.bincount(groups.sets, one, len(sets.counts)) for one in (n, right)], axis=1)
    worth = None
    if sets.entries is not None:
        of_groups = _centred(_worth(groups, sets.counts, share), groups, weights) * weights[groups.sets]
        group_of = (np.cumsum(sets.counts > 0) - 1).reshape(sets.counts.shape)
        worth = of_groups[group_of[sets.entries.sets, sets.entries.own.argmax(axis=1)]]
    return LeaveOneOut(share, predicted, table, worth)


class _Groups(NamedTuple):
    """Participants who gave the same answer to the same set. sets: (g,). own: (g, k), of one. members: (g,)."""

    sets: np.ndarray
    own: np.ndarray
    members: np.ndarray


def _single_answers(counts: np.ndarray) -> _Groups:
    sets, positions = np.nonzero(counts)
    return _Groups(sets, np.eye(counts.shape[1], dtype=np.int64)[positions], counts[sets, positions])


def _predicted(own: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For one participant of each group: how many answers others (g, k) predict, and how many they could."""
    top = others == others.max(axis=1, keepdims=True)
    known = others.any(axis=1)
    return known * (own * top).sum(axis=1) / top.sum(axis=1), known * own.sum(axis=1)


def _worth(groups: _Groups, counts: np.ndarray, share: float) -> np.ndarray:
    """(g,): what one participant of each group adds to the sum of right - share * n over the answers to the set."""
    g, h = _pairs(groups.sets)
    others = counts[groups.sets[g]] - groups.own[g] - groups.own[h]
    members = groups.members[g] - (g == h)
    right, n = _predicted(groups.own[g], np.maximum(others, 0))  # below 0 only where there are no members left
    without = np.bincount(h, weights=members * (right - share * n), minlength=len(groups.sets))
    right, n = _predicted(groups.own, counts[groups.sets] - groups.own)
    whole = np.bincount(groups.sets, weights=groups.members * (right - share * n))[groups.sets]
    worth: np.ndarray = whole - without
    return worth


def _centred(worth: np.ndarray, groups: _Groups, weights: np.ndarray) -> np.ndarray:
    """Less the mean among sets of as many participants: fewer others predict worse, whoever is missing.

    weights: (u,) of the sets.
    """
    persons = np.bincount(groups.sets, groups.members).astype(np.int64)[groups.sets]
    each = groups.members * weights[groups.sets]
    sums = np.bincount(persons, each)
    totals = np.bincount(persons, each * worth) / np.where(sums > 0.0, sums, 1.0)
    centred: np.ndarray = worth - totals[persons]
    return centred


def _pairs(sets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All pairs of groups that belong to one set; `sets` (g,) ascends."""
    _, starts, sizes = np.unique(sets, return_index=True, return_counts=True)
    start, size = np.repeat(starts, sizes), np.repeat(sizes, sizes)
    g = np.repeat(np.arange(len(sets)), size)
    h = np.arange(len(g)) - np.repeat(np.cumsum(size) - size, size) + start[g]
    return g, h


@dataclass(frozen=True)
class Entries:
    """Participants and the sets that they answered, one entry for each such pair; sets ascend.

    Attributes:
        participants: int64 (e,), codes.
    """

    sets: np.ndarray  # int64 (e,).
    persons: np.ndarray
    own: np.ndarray  # int64 (e, k), the participant's answers, by position in the set.


@dataclass(frozen=True)
class RepeatedSets:
    """Sets with two answers or more."""

    triplets: np.ndarray  # int64 (u, k), their items.
    counts: np.ndarray  # int64 (u, k), how often each item was called odd.
    entries: Entries | None  # who gave these answers; None where that is not known.
    weights: np.ndarray | None = None  # float64 (u,), how much each answer to the set counts; None: all the same.

    @property
    def answers(self) -> np.ndarray:
        """int64 (u,): how many answers each set has."""
        totals: np.ndarray = self.counts.sum(axis=1)
        return totals

    @property
    def totals(self) -> np.ndarray | None:
        """float64 (u,): how much the answers to each set count together; None: the same for all sets."""
        if self.weights is None and (self.answers == self.answers[:1]).all():
            return None
        return self.answers * (1.0 if self.weights is None else self.weights)


def repeated_sets(repeats: Repeats, persons: np.ndarray | None, weights: np.ndarray | None = None) -> RepeatedSets:
    """The triplets with several answers, out of all.

    Args:
        repeats: the answers.
        participants: int64 (t,), codes from 0, who gave each; None where each answer is a different participant's.
        weights: float64 (t,), of the answers; None: all the same.

    Raises:
        InputError: answers to the same set that have different weights.

    Example:
        >>> from pyalign.analysis.answers import find_repeats
        >>> found = repeated_sets(find_repeats([[5, 2, 9], [9, 5, 2], [5, 2, 9], [1, 2, 3]]), np.array([7, 7, 8, 7]))
        >>> found.counts.tolist(), found.entries.own.tolist()
        ([[1, 0, 2]], [[1, 0, 1], [0, 0, 1]])
    """
    chosen = repeats.answers >= 2
    of_sets = None if weights is None else _of_sets(repeats, weights)[chosen]
    entries = entries_of(repeats, persons, chosen)
    return RepeatedSets(repeats.triplets[chosen], repeats.counts[chosen], entries, of_sets)


def entries_of(repeats: Repeats, persons: np.ndarray | None, chosen: np.ndarray) -> Entries | None:
    """The entries of the sets that a mask (u,) selects, renumbered from 0; None where it is not known who answered."""
    if persons is None or repeats.odd is None:
        return None
    rows = np.flatnonzero(chosen[repeats.inverse])
    sets = (np.cumsum(chosen) - 1)[repeats.inverse[rows]]
    return _entries(sets, persons[rows], repeats.odd[rows], repeats.counts.shape[1])


def _of_sets(repeats: Repeats, weights: np.ndarray) -> np.ndarray:
    """(u,): the weight of each set, which all answers to it have."""
    first = np.zeros(len(repeats.triplets), np.int64)
    first[repeats.inverse[::-1]] = np.arange(len(weights))[::-1]
    of_sets = weights[first]
    differ = np.abs(weights - of_sets[repeats.inverse]) > SAME * of_sets[repeats.inverse]
    if differ.any():
        row = int(differ.argmax())
        other = int(first[repeats.inverse[row]])
        raise InputError(
            "weights must be the same for all answers to a triplet in a noise ceiling; "
            f"rows {other} and {row} have {weights[other]:g} and {weights[row]:g}"
        )
    return of_sets


def _entries(sets: np.ndarray, persons: np.ndarray, odd: np.ndarray, k: int) -> Entries:
    n = int(persons.max(initial=0)) + 1
    pairs, entry = np.unique(sets * n + persons, return_inverse=True)
    own = np.bincount(k * entry.reshape(-1) + odd, minlength=k * len(pairs)).reshape(-1, k)
    return Entries(*np.divmod(pairs, n), own)

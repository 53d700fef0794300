"""Repeated triplets: the sets that were answered at least twice, and what each person said of each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pyalign.analysis.repeats import Repeats


@dataclass(frozen=True)
class Entries:
    """Persons and the sets that they answered, one entry for each such pair; sets ascend.

    Attributes:
        sets: int64 (e,).
        persons: int64 (e,), codes.
        own: int64 (e, k), the person's answers, by position in the set.
    """

    sets: np.ndarray
    persons: np.ndarray
    own: np.ndarray

    @property
    def n_repeats(self) -> int:
        """Answers that a person gave to a set after the first."""
        return int(self.own.sum()) - len(self.own)


@dataclass(frozen=True)
class RepeatedSets:
    """Sets with two answers or more.

    Attributes:
        triplets: int64 (u, k), their items.
        counts: int64 (u, k), how often each item was called odd.
        entries: who gave these answers; None where that is not known.
    """

    triplets: np.ndarray
    counts: np.ndarray
    entries: Entries | None

    @property
    def answers(self) -> np.ndarray:
        """int64 (u,): how many answers each set has."""
        totals: np.ndarray = self.counts.sum(axis=1)
        return totals


def repeated_sets(repeats: Repeats, persons: np.ndarray | None) -> RepeatedSets:
    """Those among all sets.

    Args:
        repeats: the answers.
        persons: int64 (t,), codes from 0, who gave each; None where each answer is a different person's.

    Example:
        >>> from pyalign.analysis.repeats import find_repeats
        >>> found = repeated_sets(find_repeats([[5, 2, 9], [9, 5, 2], [5, 2, 9], [1, 2, 3]]), np.array([7, 7, 8, 7]))
        >>> found.counts.tolist(), found.entries.own.tolist(), found.entries.n_repeats
        ([[1, 0, 2]], [[1, 0, 1], [0, 0, 1]], 1)
    """
    chosen = repeats.answers >= 2
    entries = None
    if persons is not None and repeats.odd is not None:
        rows = np.flatnonzero(chosen[repeats.inverse])
        sets = (np.cumsum(chosen) - 1)[repeats.inverse[rows]]
        entries = _entries(sets, persons[rows], repeats.odd[rows], repeats.counts.shape[1])
    return RepeatedSets(repeats.triplets[chosen], repeats.counts[chosen], entries)


def _entries(sets: np.ndarray, persons: np.ndarray, odd: np.ndarray, k: int) -> Entries:
    n = int(persons.max(initial=0)) + 1
    pairs, entry = np.unique(sets * n + persons, return_inverse=True)
    own = np.bincount(k * entry.reshape(-1) + odd, minlength=k * len(pairs)).reshape(-1, k)
    return Entries(*np.divmod(pairs, n), own)

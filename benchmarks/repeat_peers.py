"""Peers of `find_repeats`: distinct sets of three items, which one each triplet shows, and counts of the answers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pyalign.analysis.answers import find_repeats

Groups = tuple[np.ndarray, np.ndarray, np.ndarray]


def our_repeats(t: np.ndarray) -> Callable[[], Groups]:
    """pyalign: one number per row, sorted with the row packed in."""

    def group() -> Groups:
        found = find_repeats(t)
        return found.triplets, found.inverse, found.counts

    return group


def numpy_rows(t: np.ndarray) -> Callable[[], Groups]:
    """As numpy's documentation has it: sort each row, `unique` over rows, then count."""

    def group() -> Groups:
        rows = np.sort(t, axis=1)
        sets, inverse = np.unique(rows, axis=0, return_inverse=True)
        return _counted(t, rows, sets, inverse.reshape(-1))

    return group


def numpy_keys(t: np.ndarray) -> Callable[[], Groups]:
    """By hand: `unique` over one number per row."""

    def group() -> Groups:
        rows = np.sort(t, axis=1).astype(np.int64)
        n = int(rows.max()) + 1
        keys, inverse = np.unique((rows[:, 0] * n + rows[:, 1]) * n + rows[:, 2], return_inverse=True)
        sets = np.stack([keys // (n * n), keys // n % n, keys % n], axis=1)
        return _counted(t, rows, sets, inverse.reshape(-1))

    return group


def _counted(t: np.ndarray, rows: np.ndarray, sets: np.ndarray, inverse: np.ndarray) -> Groups:
    odd = (rows == t[:, 2:]).argmax(axis=1)
    return sets, inverse, np.bincount(3 * inverse + odd, minlength=3 * len(sets)).reshape(-1, 3)


def same_groups(ours: Callable[[], Groups]) -> Callable[[Groups], None]:
    """A check that a peer finds the same."""

    def check(theirs: Groups) -> None:
        for mine, other in zip(ours(), theirs, strict=True):
            np.testing.assert_array_equal(other, mine)

    return check

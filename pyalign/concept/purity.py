"""Neighbourhood purity: how many of an object's nearest neighbours share a category with it.

All rows (1 + c,) hold the purity over all objects with a category first, then that of each category.

An error is the larger of two: that of half-samples, and that of the jackknife. Where a half of the objects has fewer of
a category than neighbours are asked for, no half can be pure, and halves differ less than whole samples do; the
jackknife has no such bound, but sees nothing of what every object does to a category whose purity is near 1.
"""

from __future__ import annotations

import numpy as np

METHOD = "half-samples or jackknife"  # whose error is the larger


def purities(lists: np.ndarray, members: np.ndarray, there: np.ndarray | None = None) -> np.ndarray:
    """(1 + c,): means over the objects with a category, and over those of each category.

    Args:
        lists: (n, k) rows of members.
        members: bool (n, c).
        there: bool (n, k): which neighbours count, where not all do.

    Example:
        >>> purities(np.array([[1], [0], [0]]), np.array([[True], [True], [False]])).tolist()
        [1.0, 1.0]
    """
    sums = np.zeros(members.shape[1] + 1)
    for place in range(lists.shape[1]):  # k at a time would be n k c numbers
        sums += shared(members, lists[:, place], None if there is None else there[:, place]).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        means: np.ndarray = sums / (lists.shape[1] * _owned(members).sum(axis=0))
    return means


def shared(members: np.ndarray, near: np.ndarray, there: np.ndarray | None = None) -> np.ndarray:
    """bool (n, 1 + c): whether each object and its neighbour, a row of (n,), share any category, and each one."""
    both = members & members[near]
    return _owned(both if there is None else both & there[:, None])


def _owned(members: np.ndarray) -> np.ndarray:
    return np.concatenate([members.any(axis=1, keepdims=True), members], axis=1)


def half_lists(lists: np.ndarray, k: int, rows: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """(m, k) the nearest of half of the objects, as places among its m rows; lists hold more than k neighbours.

    Example:
        >>> half_lists(np.array([[1, 2], [2, 0], [1, 0]]), 1, np.array([0, 2]), np.array([True, False, True]))
        array([[1],
               [0]])
    """
    there = inside[lists[rows]]
    first = np.argsort(~there, axis=1, kind="stable")[:, :k]
    place = np.full(len(lists), -1)
    place[rows] = np.arange(len(rows))
    nearest: np.ndarray = place[np.take_along_axis(lists[rows], first, axis=1)]
    return nearest


def left_out_errors(lists: np.ndarray, members: np.ndarray, k: int) -> np.ndarray:
    """(1 + c,) by the jackknife: where an object is left out, the next in line takes its place in others' lists.

    NaN of a category of one object.
    """
    own, after = _owned(members), shared(members, lists[:, k])
    sums, lost = np.zeros(own.shape), np.zeros(own.shape)
    for place in range(k):
        both = shared(members, lists[:, place])
        sums += both
        np.add.at(lost, lists[:, place], both.astype(np.float64) - after)
    with np.errstate(invalid="ignore", divide="ignore"):
        without = (sums.sum(axis=0) - sums - lost) / (k * (own.sum(axis=0) - own))
        squares = ((without - without.mean(axis=0)) ** 2).sum(axis=0)
    errors: np.ndarray = np.sqrt((1 - 1 / len(lists)) * squares)
    return errors


def chance_of(members: np.ndarray) -> float:
    """The share of other objects that share a category, in mean over the objects with one."""
    kinds, counts = np.unique(members, axis=0, return_counts=True)
    share = (kinds.astype(np.int64) @ kinds.T.astype(np.int64)) > 0
    has = kinds.any(axis=1)
    others = share @ counts - has
    return float((others * counts)[has].sum() / counts[has].sum() / (len(members) - 1))

"""Hubness: objects that are among the nearest neighbours of very many others, and those that are of none.

Neighbourhood purity: how many of an object's nearest neighbours share a category with it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from pyalign.concept.neighbor_lists import TIED, Lists
from pyalign.measures import get_measure
from pyalign.nearest.space import parts
from pyalign.ops.similarity import similarity
from pyalign.typing import MeasureLike

HUB = 2  # a hub is a neighbour this many times as often as the mean
BLOCK = 1 << 22  # similarities at once


class Occurrences(NamedTuple):
    """How often each of n rows is among the k nearest of others, where ties are broken at random.

    counts: float64 (n,), the mean. none: (n,), the probability that it is never.
    """

    counts: np.ndarray
    none: np.ndarray


def occurrences(x: np.ndarray, lists: Lists, k: int, measure: MeasureLike) -> Occurrences:
    """Counts from the exact lists of neighbours; similarities that differ only by rounding tie.

    Example:
        >>> from pyalign.concept.neighbor_lists import neighbor_lists
        >>> x = np.array([[0.0], [1.0], [-1.0], [5.0]])
        >>> counted = occurrences(x, neighbor_lists(x, 1, "neg_euclidean"), 1, "neg_euclidean")
        >>> counted.counts.tolist(), counted.none.tolist()
        ([2.0, 1.5, 0.5, 0.0], [0.0, 0.0, 0.5, 1.0])
    """
    n = len(x)
    counts = np.bincount(lists.rows[~lists.tied, :k].ravel(), minlength=n).astype(np.float64)
    none = (counts == 0).astype(np.float64)
    rows = np.flatnonzero(lists.tied)
    of = "neg_euclidean" if get_measure(measure).name == "rbf" else measure  # which is 0 far away
    wide = x.astype(np.float64)
    for part in parts(len(rows), n, BLOCK):
        some = rows[part]
        near = similarity(wide[some], wide, measure=of)
        near[np.arange(len(some)), some] = -np.inf
        last = -np.partition(-near, k - 1, axis=1)[:, k - 1 : k]
        rounding = TIED * np.abs(last)
        nearer, level = near > last + rounding, np.abs(near - last) <= rounding
        shares = nearer + level * ((k - nearer.sum(axis=1)) / level.sum(axis=1))[:, None]
        counts += shares.sum(axis=0)
        none *= (1.0 - shares).prod(axis=0)
    return Occurrences(counts, none)


def hubness_of(counted: Occurrences, k: int) -> dict[str, Any]:
    """The figures of hubness that `Neighborhood` has.

    Source: Radovanović, Nanopoulos and Ivanović, "Hubness in space", JMLR 2010 (skewness); Feldbauer et al., "Fast
    approximate hubness reduction for large high-dimensional data", 2018 (Robin Hood index).

    Example:
        >>> hubness_of(Occurrences(np.ones(4), np.zeros(4)), 1)
        {'skewness': 0.0, 'robin_hood': 0.0, 'antihubs': 0.0, 'hub_occurrence': 0.0}
    """
    counts, n = counted.counts, len(counted.counts)
    apart = counts - k
    apart[np.abs(apart) < 1e-9 * k] = 0.0  # shares that add up to k but for rounding
    deviation = float(np.sqrt((apart**2).mean()))
    return {
        "skewness": float((apart**3).mean()) / deviation**3 if deviation else 0.0,
        "robin_hood": float(np.abs(apart).sum()) / (2 * k * (n - 1)),
        "antihubs": float(counted.none.mean()),
        "hub_occurrence": float(counts[counts >= HUB * k].sum()) / (n * k),
    }


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

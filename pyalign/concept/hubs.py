"""Hubness: objects that are among the nearest neighbours of very many others, and those that are of none."""

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

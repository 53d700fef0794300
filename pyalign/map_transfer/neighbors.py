"""What a map does to neighbours, without people: k-NN accuracy by category, and which neighbours it keeps.

The error of a difference is the larger of two. That of half-samples (`pyalign.stats.halves`) counts that an object's
neighbours are other objects; where half of the objects has few of a category, the plain error of paired differences is
larger.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from pyalign.concept.neighbor_lists import SharedNeighbors, list_length, neighbor_lists
from pyalign.concept.purity import half_lists
from pyalign.documents import Interval
from pyalign.map_transfer.result import KEPT, VOTES, TransferFigure
from pyalign.stats.halves import half_errors, halves, interval_of
from pyalign.stats.resampling import Resampling
from pyalign.typing import MeasureLike

METHOD = "half-samples or paired"
RBO_P = 0.9  # of the rank-biased overlap, which is not shown


def neighbor_figures(
    name: str, before: np.ndarray, after: np.ndarray, members: np.ndarray | None, labels: tuple[str, ...], k: int,
    measure: MeasureLike, plan: Resampling | None, order: np.ndarray | None = None,
) -> Iterator[TransferFigure]:  # fmt: skip
    """Neighbours kept, and k-NN accuracy over all objects with a category and for each category.

    Args:
        name: of the map.
        before, after: (n, d) and (n, r), the rows without and with it.
        members: bool (n, c), or None where there are no categories.
        labels: the c categories.
        k: the number of neighbours.
        measure: see `pyalign.similarity`.
        plan: of the half-samples; None: no intervals.
        order: (n,) see `pyalign.stats.halves.halves`.
    """
    n = len(before)
    length = list_length(k, n)
    lists = [neighbor_lists(rows, length, measure, k).rows for rows in (before, after)]
    samples = [] if plan is None else list(halves(n, plan.drawn, plan.seed, order))
    yield _kept(name, lists, k, samples, plan)
    if members is not None:
        yield from _votes(name, lists, members, labels, k, samples, plan)


Samples = list[tuple[np.ndarray, np.ndarray]]


def _kept(name: str, lists: list[np.ndarray], k: int, samples: Samples, plan: Resampling | None) -> TransferFigure:
    both = SharedNeighbors(lists[0], lists[1], k, RBO_P)
    kept = float(both.values()[:, 0].mean())
    ci = None
    if plan is not None:
        of_halves = np.array([both.halved(rows, inside)[:, 0].mean() for rows, inside in samples])
        error = float(half_errors(of_halves, len(lists[0])))
        ci = interval_of(kept, error, len(lists[0]), plan.confidence_level)
    difference = None if ci is None else Interval(ci.low - 1, ci.high - 1, ci.error, ci.by, ci.method, ci.confidence)
    return TransferFigure(
        name, "", KEPT, None, None, len(lists[0]), 1.0, None, kept, ci, kept - 1.0, difference, None
    )  # fmt: skip


def _votes(
    name: str, lists: list[np.ndarray], members: np.ndarray, labels: tuple[str, ...], k: int, samples: Samples,
    plan: Resampling | None,
) -> Iterator[TransferFigure]:  # fmt: skip
    """The first is over all objects with a category; those without can only be neighbours."""
    groups = np.concatenate([members.any(axis=1, keepdims=True), members], axis=1)
    right = [voted(rows[:, :k], members) for rows in lists]
    drawn = []
    for rows, inside in samples:
        of_half = [voted(half_lists(one, k, rows, inside), members[rows]) for one in lists]
        drawn.append([_means(one, groups[rows]) for one in of_half])
    of_halves = np.array(drawn) if drawn else np.empty((0, 2, groups.shape[1]))
    means = [_means(one, groups) for one in right]
    errors = [half_errors(of_halves[:, side], len(members)) for side in (0, 1)] if drawn else []
    paired = half_errors(of_halves[:, 1] - of_halves[:, 0], len(members)) if drawn else None
    for place, category in enumerate((None, *labels)):
        own = groups[:, place]
        n = int(own.sum())
        if n == 0:
            continue
        values = [right[side][own].astype(np.float64) for side in (0, 1)]
        ends: list[Interval | None] = [None, None, None]
        if plan is not None and paired is not None:
            of_each = (
                (values[0], errors[0][place], (0.0, 1.0)), (values[1], errors[1][place], (0.0, 1.0)),
                (values[1] - values[0], paired[place], (-1.0, 1.0)),
            )  # fmt: skip
            ends = [_interval(one, float(error), within, plan) for one, error, within in of_each]
        before, after = float(means[0][place]), float(means[1][place])
        yield TransferFigure(
            name, "", VOTES, None, category, n, before, ends[0], after, ends[1], after - before, ends[2], None
        )


def _interval(values: np.ndarray, error: float, within: tuple[float, float], plan: Resampling) -> Interval | None:
    """Around the mean of values over objects; None where they are too few, or all the same."""
    plain = float(values.std(ddof=1)) / math.sqrt(len(values)) if len(values) > 1 else math.nan
    error = float(np.fmax(error, plain))
    if not error > 0.0:
        return None
    return interval_of(float(values.mean()), error, len(values), plan.confidence_level, within, METHOD)


def _means(right: np.ndarray, groups: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        means: np.ndarray = (right[:, None] & groups).sum(axis=0) / groups.sum(axis=0)
    return means


def voted(lists: np.ndarray, members: np.ndarray) -> np.ndarray:
    """bool (n,): whether the category that most of an object's neighbours have is one of its own.

    Of categories with as many neighbours, the one whose neighbours are nearer wins. Where no neighbour has a category,
    the answer is wrong.

    Args:
        lists: (n, k) the neighbours of each object, the nearest first.
        members: bool (n, c).

    Example:
        >>> members = np.array([[True, False], [True, False], [False, True], [False, True]])
        >>> voted(np.array([[1], [2], [3], [0]]), members)
        array([ True, False,  True, False])
    """
    k = lists.shape[1]
    votes = np.zeros(members.shape)
    for place in range(k):
        votes += members[lists[:, place]] * (k * k + k - place)  # all nearness together is less than one neighbour
    chosen = votes.argmax(axis=1)
    answered = votes.any(axis=1)
    right: np.ndarray = members[np.arange(len(members)), chosen] & answered
    return right

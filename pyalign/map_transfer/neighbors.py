"""What a map does to neighbours, without people: k-NN accuracy by category, and which neighbours it keeps.

Neighbours kept have the error of half-samples, k-NN accuracy that of the jackknife, in which the next in line takes the
place of an object that is left out. With T_j the effect of object j, and T_ij that on object i by itself, sum T_j^2
counts what i and j do together twice. V = sum T_j^2 - sum T_ij^2 counts it once, and is never below that of independent
objects.

Source: Efron and Stein, "The jackknife estimate of variance", Annals of Statistics 1981, who show that it is too large.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from pyalign.concept.neighbor_lists import SharedNeighbors, list_length, neighbor_lists
from pyalign.documents import Interval
from pyalign.map_transfer.result import KEPT, VOTES, TransferFigure
from pyalign.stats.degrees import of_difference
from pyalign.stats.halves import FRACTION, half_errors, halves, interval_of
from pyalign.stats.multiple import sidak
from pyalign.stats.resampling import Resampling
from pyalign.stats.student import quantile
from pyalign.typing import MeasureLike

RBO_P = 0.9  # of the rank-biased overlap, which is not shown


def neighbor_figures(
    name: str, before: np.ndarray, after: np.ndarray, members: np.ndarray | None, labels: tuple[str, ...], k: int,
    measure: MeasureLike, plan: Resampling | None, order: np.ndarray | None = None, maps: int = 1,
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
        maps: how many there are; simultaneous intervals hold for the categories of all of them.
    """
    n = len(before)
    length = list_length(k, n)
    lists = [neighbor_lists(rows, length, measure, k).rows for rows in (before, after)]
    samples = [] if plan is None else list(halves(n, plan.drawn, plan.seed, order))
    yield _kept(name, lists, k, samples, plan)
    if members is not None:
        yield from _votes(name, lists, members, labels, k, plan, maps)


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
    name: str, lists: list[np.ndarray], members: np.ndarray, labels: tuple[str, ...], k: int, plan: Resampling | None,
    maps: int,
) -> Iterator[TransferFigure]:  # fmt: skip
    """The first is over all objects with a category; those without can only be neighbours."""
    groups = np.concatenate([members.any(axis=1, keepdims=True), members], axis=1)
    before, after = (_Votes.of(rows[:, : k + 1], members, plan is not None) for rows in lists)
    change = _Votes(
        after.right - before.right, np.hstack([after.lists, before.lists]), np.hstack([after.lost, -before.lost])
    )
    rows: list[tuple[TransferFigure, float]] = []
    for own, category in zip(groups.T, (None, *labels), strict=True):
        if not own.any():
            continue
        means, ends, degrees = [], [], 0.0
        for votes, within in ((before, FRACTION), (after, FRACTION), (change, (-1.0, 1.0))):
            means.append(float(votes.right[own].mean()))
            error, degrees = (0.0, 0.0) if plan is None else votes.error(own)
            level = 0.0 if plan is None else plan.confidence_level
            ends.append(interval_of(means[-1], error, own.sum(), level, within, "jackknife") if error > 0.0 else None)
        rows.append((TransferFigure(
            name, "", VOTES, None, category, int(own.sum()), means[0], ends[0], means[1], ends[1], means[1] - means[0],
            ends[2], None,
        ), degrees))  # fmt: skip
    count = maps * sum(figure.category is not None and figure.ci is not None for figure, _ in rows)
    for figure, degrees in rows:
        ci = figure.ci if count > 1 and figure.category is not None else None
        if ci is not None and ci.error is not None and plan is not None:
            reach = quantile(sidak(plan.confidence_level, count), degrees) * ci.error
            low, high = max(-1.0, figure.difference - reach), min(1.0, figure.difference + reach)
            figure = replace(figure, simultaneous_ci=replace(ci, low=low, high=high, method="sidak"))
        yield figure


@dataclass(frozen=True)
class _Votes:
    """Whether neighbours vote for a category of each object (n,), which (n, l), and what each of them adds (n, l)."""

    right: np.ndarray
    lists: np.ndarray
    lost: np.ndarray

    @classmethod
    def of(cls, lists: np.ndarray, members: np.ndarray, with_errors: bool) -> _Votes:
        """Of lists (n, k + 1): k neighbours and the next in line."""
        right = voted(lists[:, :-1], members).astype(np.float64)
        places = range(lists.shape[1] - 1) if with_errors else ()
        lost = [right - voted(np.delete(lists, place, axis=1), members) for place in places]
        return cls(right, lists[:, :-1], np.stack(lost, axis=1) if lost else np.empty((len(lists), 0)))

    def error(self, own: np.ndarray) -> tuple[float, float]:
        """The standard error of the mean over the objects of a mask (n,), and how many degrees of freedom it has."""
        lists, lost, residuals = self.lists[own], self.lost[own], self.right[own] - self.right[own].mean()
        n, effects = len(lists), np.bincount(lists.ravel(), lost.ravel(), len(own))
        effects[own] += residuals
        same = lists[:, :, None] == lists[:, None, :]  # before and after
        squares, floor = effects @ effects, residuals @ residuals
        pairs = np.einsum("ip,iq,ipq->", lost, lost, same)
        terms = np.array([max(floor, squares - pairs), floor, squares, pairs, n - 1.0])
        return math.sqrt(terms[0] / (n * max(1, n - 1))), float(of_difference(*terms[:, None])[0])


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

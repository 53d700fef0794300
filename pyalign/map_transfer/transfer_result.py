"""The result of `pyalign.transfer`.

What a map does to neighbors, without people: k-NN accuracy by category, and which neighbors it keeps.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import ClassVar

import numpy as np

from pyalign._dataclass import dataclass, field, replace
from pyalign._result import Result
from pyalign.concept.neighbor_lists import SharedNeighbors, list_length, neighbor_lists
from pyalign.documents import Estimate, Interval
from pyalign.stats.degrees import of_difference
from pyalign.stats.intervals import FRACTION, half_errors, halves, interval_of, quantile
from pyalign.stats.multiple import sidak
from pyalign.stats.resampling import Resampling
from pyalign.typing import MeasureLike

ACCURACY, RSA, VOTES, KEPT = "accuracy", "rsa", "k-NN accuracy", "neighbors kept"


@dataclass(frozen=True)
class TransferFigure:
    """One figure before and after a map."""

    map: str  # the name of the map.
    on: str  # the name of the data: a set of `on`; "" for figures of the embeddings by themselves.
    # "accuracy" on triplets, a fraction; "rsa", the correlation of similarity matrices; "k-NN accuracy" and "neighbors
    # kept", fractions of the objects and of their neighbors.
    figure: str
    within: str | None  # None; or "categories": only triplets and pairs of one category.
    category: str | None  # the one category that a k-NN accuracy is over; None: all.
    n: int  # the number of triplets, pairs or objects that the figure is over.
    before: Estimate = field(metadata={"null": True})  # without the map.
    after: Estimate = field(metadata={"null": True})  # with it.
    difference: float  # after less before.
    # the interval of the difference, paired over the same triplets, pairs or objects; None without intervals.
    ci: Interval | None
    # two-sided, of no difference, not corrected; None where the interval is not one of `compare` or `rsa`.
    p_value: float | None
    # of figures of neighbors: of how many of all these objects the map was fitted to keep them; None where that is not
    # known, and of other figures.
    in_sample: int | None = None
    # of one category, the interval of the difference that holds together with those of all other categories and maps
    # (Sidak), as one that was chosen among them needs; None elsewhere.
    simultaneous_ci: Interval | None = None


@dataclass(frozen=True)
class LeftOut:
    """A figure that the data can't give."""

    on: str  # the name of the data; "" for figures of the embeddings by themselves.
    figure: str  # which, a phrase.
    reason: str  # what is missing, a sentence.

    @property
    def note(self) -> str:
        """A sentence.

        Example:
            >>> LeftOut("", "k-NN accuracy", "there are no categories of the objects").note
            'neighbors: k-NN accuracy is left out: there are no categories of the objects'
        """
        return f"{self.on or 'neighbors'}: {self.figure} is left out: {self.reason}"


@dataclass(frozen=True)
class Transfer(Result):
    """What maps of embeddings gain and lose."""

    command: ClassVar[str] = "transfer"
    rows: ClassVar[str] = "figures"

    figures: tuple[TransferFigure, ...]  # set by set, map by map; those of the embeddings by themselves come last.
    left_out: tuple[LeftOut, ...]  # what could not be computed, and why; notes say it too.
    maps: tuple[str, ...]  # the names of the maps.
    # of the embeddings and after each map, by which triplets are answered; None where there are none.
    measures: tuple[str, ...]
    rsa_measure: str  # the measure of the similarity matrices.
    # the measure of the neighbors. These are among the objects that no map was fitted to keep, where those are enough
    # for k.
    neighbor_measure: str
    k: int  # the number of neighbors.
    n_objects: int  # the number of rows of the embeddings.
    confidence: float | None  # the confidence level; None without intervals.
    seed: int  # of the half-samples and of resamples.
    embeddings: str | None = None  # where the embeddings came from, or None.

    def __len__(self) -> int:
        return len(self.figures)

    def __getitem__(self, k: int) -> TransferFigure:
        return self.figures[k]


RBO_P = 0.9  # of the rank-biased overlap, which is not shown


@dataclass(frozen=True, eq=False)
class NearestFigures:
    """Neighbors kept, and k-NN accuracy over all objects with a category and for each category."""

    members: np.ndarray | None  # bool (n, c), or None where there are no categories.
    labels: tuple[str, ...]  # the c categories.
    k: int  # neighbors.
    measure: MeasureLike  # see `pyalign.similarity`.
    plan: Resampling | None  # of the half-samples; None: no intervals.
    order: np.ndarray | None = None  # (n,) see `pyalign.stats.intervals.halves`.
    maps: int = 1  # how many there are; simultaneous intervals hold for the categories of all of them.

    def of(self, name: str, before: np.ndarray, after: np.ndarray) -> Iterator[TransferFigure]:
        """The figures of a map by its name, from rows (n, d) without and (n, r) with it."""
        n, plan = len(before), self.plan
        length = list_length(self.k, n)
        lists = [neighbor_lists(rows, length, self.measure, self.k).rows for rows in (before, after)]
        samples = [] if plan is None else list(halves(n, plan.drawn, plan.seed, self.order))
        yield _kept(name, lists, self.k, samples, plan)
        if self.members is not None:
            yield from _votes(name, lists, self.members, self.labels, self.k, plan, self.maps)


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
    return TransferFigure(name, "", KEPT, None, None, len(lists[0]), Estimate(1.0), Estimate(kept, ci), kept - 1.0,
                          difference, None)


def _votes(
    name: str, lists: list[np.ndarray], members: np.ndarray, labels: tuple[str, ...], k: int, plan: Resampling | None,
    maps: int,
) -> Iterator[TransferFigure]:
    """The first is over all objects with a category; those without can only be neighbors."""
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
            name, "", VOTES, None, category, int(own.sum()), Estimate(means[0], ends[0]), Estimate(means[1], ends[1]),
            means[1] - means[0], ends[2], None,
        ), degrees))
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
    """Whether neighbors vote for a category of each object (n,), which (n, l), and what each of them adds (n, l)."""

    right: np.ndarray
    lists: np.ndarray
    lost: np.ndarray

    @classmethod
    def of(cls, lists: np.ndarray, members: np.ndarray, with_errors: bool) -> _Votes:
        """Of lists (n, k + 1): k neighbors and the next in line."""
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
    """bool (n,): whether the category that most of an object's neighbors have is one of its own.

    Of categories with as many neighbors, the one whose neighbors are nearer wins. Where no neighbor has a category,
    the answer is wrong.

    Args:
        lists: (n, k) the neighbors of each object, the nearest first.
        members: bool (n, c).
    """
    k = lists.shape[1]
    votes = np.zeros(members.shape)
    for place in range(k):
        votes += members[lists[:, place]] * (k * k + k - place)  # all nearness together is less than one neighbor
    chosen = votes.argmax(axis=1)
    answered = votes.any(axis=1)
    right: np.ndarray = members[np.arange(len(members)), chosen] & answered
    return right

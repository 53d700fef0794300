"""What neighbor lists say of models: means over objects and concepts, their errors, and what chance would give.

Means are (1 + g, 3): over all objects first, then over those of each concept; overlap and rank-biased overlap with
people's neighbors, and purity. They are NaN without a human embedding, or without concepts.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

from pyalign._dataclass import dataclass
from pyalign._process import Progress
from pyalign.concept.dimensions import Members, central, strongest
from pyalign.concept.neighbor_lists import TIED, Lists, SharedNeighbors, duplicates_of
from pyalign.concept.neighborhood_result import (
    ConceptNeighborhood, NeighborDifference, Neighborhood, ObjectNeighborhood, extremes,
)
from pyalign.documents import Estimate, ci_of
from pyalign.measures import get_measure
from pyalign.nearest.space import parts
from pyalign.ops.resample import permutations_of
from pyalign.ops.similarity import similarity
from pyalign.stats.intervals import FRACTION, LEAST, group_means, half_errors, halves, interval_of, two_sided_p
from pyalign.stats.multiple import corrected
from pyalign.stats.resampling import Resampling
from pyalign.typing import Correction, MeasureLike

MOST_NAMED = 5  # concepts that a note names


@dataclass(frozen=True)
class Question:
    """What is asked of all models."""

    names: tuple[str, ...] | None  # of the n objects.
    order: np.ndarray  # of the objects, by their names.
    concepts: Members | None
    weights: np.ndarray | None  # (n, g) of dimensions, where these are the concepts.
    human: Lists | None
    before: str | None  # the name of what is before the change.
    k: int
    measure: MeasureLike
    threshold: float | None
    rbo_p: float
    top: int
    plan: Resampling | None  # of half-samples.
    n_permutations: int
    correction: Correction
    seed: int

    @property
    def n(self) -> int:
        """The number of objects."""
        return len(self.order)

    @cached_property
    def members(self) -> np.ndarray:
        """bool (n, 1 + g): all objects, then those of each concept."""
        everyone = np.ones((self.n, 1), bool)
        return everyone if self.concepts is None else np.concatenate([everyone, self.concepts.of], axis=1)

    def means(self, agreement: np.ndarray | None, near: np.ndarray, rows: Any, labeled: Any) -> np.ndarray:
        """(1 + g, 3) over some objects with lists (m, k), and concepts of the objects in another order, `labeled`."""
        out = np.full((self.members.shape[1], 3), np.nan)
        if agreement is not None:
            out[:, :2] = group_means(agreement, self.members[rows])
        if self.concepts is not None:
            out[:, 2] = purities(near, self.concepts.of[labeled])
        return out

    def row_text(self, row: int) -> str:
        """An object by its name, or by its row."""
        return str(row) if self.names is None else self.names[row]


@dataclass(frozen=True)
class Model:
    """The lists of one model: (n, l) neighbors of each object, longer than k."""

    name: str
    x: np.ndarray
    lists: Lists
    asked: Question
    before: Lists | None  # of what is before the change, where this model is not that.

    @cached_property
    def agreement(self) -> SharedNeighbors | None:
        """What it shares with the human embedding."""
        human = self.asked.human
        return None if human is None else SharedNeighbors(self.lists.rows, human.rows, self.asked.k, self.asked.rbo_p)

    @cached_property
    def near(self) -> np.ndarray:
        """(n, k) the nearest neighbors."""
        return self.lists.rows[:, : self.asked.k]

    @cached_property
    def means(self) -> np.ndarray:
        """(1 + g, 3)."""
        values = None if self.agreement is None else self.agreement.values()
        return self.asked.means(values, self.near, slice(None), slice(None))

    def of_half(self, rows: np.ndarray, inside: np.ndarray) -> np.ndarray:
        """(1 + g, 3) where half of the objects is all that there is."""
        values = None if self.agreement is None else self.agreement.halved(rows, inside)
        return self.asked.means(values, half_lists(self.lists.rows, self.asked.k, rows, inside), rows, rows)

    def relabeled(self, order: np.ndarray) -> np.ndarray:
        """(1 + g, 3) with the objects of the model relabeled, and with the concepts shuffled."""
        values = None if self.agreement is None else self.agreement.relabeled(order)
        return self.asked.means(values, self.near, slice(None), order)


def halved(models: list[Model], plan: Resampling, progress: Progress) -> np.ndarray:
    """(b, models, 1 + g, 3): means within halves."""
    asked = models[0].asked
    out = np.empty((plan.drawn, len(models), *models[0].means.shape))
    for number, half in enumerate(halves(asked.n, plan.drawn, plan.seed, asked.order)):
        out[number] = [model.of_half(*half) for model in models]
        progress("resamples", number + 1, plan.drawn)
    return out


def nulls(models: list[Model], count: int, progress: Progress) -> np.ndarray:
    """(permutations, models, 1 + g, 3): means with the objects of each model relabeled, or the concepts shuffled."""
    asked, out = models[0].asked, np.empty((count, len(models), *models[0].means.shape))
    for part, orders in permutations_of(asked.n, count, asked.seed, asked.order):
        for number, order in enumerate(orders.astype(np.int64)):
            out[part.start + number] = [model.relabeled(order) for model in models]
        progress("permutations", part.stop, count)
    return out


def result_of(model: Model, drawn: np.ndarray | None, null: np.ndarray | None) -> Neighborhood:
    """The result of one model. `drawn`: (b, 1 + g, 3) of halves; `null`: (permutations, 1 + g, 3)."""
    asked, k = model.asked, model.asked.k
    each = _figures(model, drawn, null)
    duplicates = duplicates_of(model.x, asked.threshold, asked.measure, asked.names)
    counted = occurrences(model.x, model.lists, k, asked.measure)
    columns = {"occurrences": counted.counts}
    if asked.concepts is not None:
        alike = np.mean([shared(asked.concepts.of, near)[:, 0] for near in model.near.T], axis=0)
        columns["purity"] = np.where(asked.concepts.of.any(axis=1), alike, np.nan)
    if model.agreement is not None:
        columns["overlap"], columns["rbo"] = model.agreement.values().T
    kept, kept_rbo = None, None
    if model.before is not None:
        changed = SharedNeighbors(model.before.rows, model.lists.rows, k, asked.rbo_p).values()
        columns["kept"], columns["kept_rbo"] = changed.T
        kept, kept_rbo = map(float, changed.mean(axis=0))
    columns["duplicate"] = duplicates.nearest
    return Neighborhood(
        **each[0], embeddings=model.name, **hubness_of(counted, k), n_tied=int(model.lists.tied.sum()), kept=kept,
        kept_rbo=kept_rbo, objects=_objects(model, columns), duplicates=duplicates.groups, n_pairs=duplicates.n_pairs,
        concepts=_concepts(model, each[1:]), columns=columns,
    )


def _figures(model: Model, drawn: np.ndarray | None, null: np.ndarray | None) -> list[dict[str, Any]]:
    """The fields of `NeighborFigures` over all objects, then of each concept."""
    asked, sizes = model.asked, model.asked.members.sum(axis=0)
    counts = np.stack([sizes, sizes, sizes], axis=1)
    errors = None if drawn is None else half_errors(drawn, asked.n)
    chances: list[float] = []
    if asked.concepts is not None:
        of = asked.concepts.of
        counts[0, 2] = of.any(axis=1).sum()
        chances = [chance_of(of), *(np.maximum(sizes[1:] - 1, 0) / (asked.n - 1)).tolist()]
        if errors is not None:
            errors[:, 2] = np.fmax(errors[:, 2], left_out_errors(model.lists.rows, of, asked.k))
            errors[errors[:, 2] == 0, 2] = np.nan  # where all have the same purity, its error is not known

    def figure(g: int, v: int) -> list[Any]:
        """A value with its interval, and its p-value."""
        value, count, ci, p = float(model.means[g, v]), int(counts[g, v]), None, None
        if np.isnan(value):
            return [None] * 2
        if errors is not None and asked.plan is not None:
            how = (FRACTION, METHOD) if v == 2 else ()
            ci = interval_of(value, float(errors[g, v]), count, asked.plan.confidence_level, *how)
        if null is not None:  # values that differ only by rounding are equal
            p = float(1 + (null[:, g, v] >= value - 1e-12).sum()) / (1 + len(null))
        return [Estimate(value, ci), p]

    fields = ("overlap", "p_value", "rbo", "rbo_p_value", "purity", "purity_p_value")
    return [
        {"n_objects": int(size), **dict(zip(fields, [cell for v in range(3) for cell in figure(g, v)], strict=True)),
         "chance": chances[g] if chances else None}
        for g, size in enumerate(sizes)
    ]


def _concepts(model: Model, each: list[dict[str, Any]]) -> tuple[ConceptNeighborhood, ...] | None:
    asked = model.asked
    if asked.concepts is None:
        return None
    rows = []
    adjusted = corrected([row["p_value"] for row in each], asked.correction)
    for g, (label, row, p) in enumerate(zip(asked.concepts.labels, each, adjusted, strict=True)):
        middle = central(model.x, np.flatnonzero(asked.concepts.of[:, g]), asked.measure, asked.names)
        top = middle[: asked.top] if asked.weights is None else strongest(asked.weights[:, g], asked.top, asked.names)
        rows.append(ConceptNeighborhood(
            **row, concept=label, p_adjusted=p, medoid=middle[0] if middle else None, top=top
        ))
    return tuple(rows)


def _objects(model: Model, columns: Mapping[str, np.ndarray]) -> tuple[ObjectNeighborhood, ...]:
    """The objects that stand out, by what they do so."""
    asked = model.asked
    by = [name for name in ("occurrences", "rbo", "kept_rbo") if name in columns]
    rows = dict.fromkeys(int(row) for name in by for row in extremes(columns, name, asked.names)[: asked.top])

    def only(a: np.ndarray, b: np.ndarray) -> tuple[str, ...]:
        return tuple(asked.row_text(row) for row in a.tolist() if row not in b)

    def of(row: int) -> dict[str, Any]:
        values = {name: float(of_all[row]) for name, of_all in columns.items() if name != "duplicate"}
        cells: dict[str, Any] = {name: None if np.isnan(value) else value for name, value in values.items()}
        if model.before is not None:
            then, now = model.before.rows[row, : asked.k], model.near[row]
            cells |= {"lost": only(then, now), "gained": only(now, then)}
        twin = int(columns["duplicate"][row])
        return cells | {"duplicate": None if twin < 0 else asked.row_text(twin)}

    return tuple(ObjectNeighborhood(row, None if asked.names is None else asked.names[row], **of(row)) for row in rows)


def differences_of(models: list[Model], drawn: np.ndarray) -> tuple[NeighborDifference, ...]:
    """The differences in overlap of every two models."""
    asked = models[0].asked
    assert asked.plan is not None
    labels = [None, *(asked.concepts.labels if asked.concepts is not None else ())]
    rows = []
    for a, b in combinations(range(len(models)), 2):
        errors = half_errors(drawn[:, a, :, 0] - drawn[:, b, :, 0], asked.n)
        for g, (label, count) in enumerate(zip(labels, asked.members.sum(axis=0).tolist(), strict=True)):
            value, error = float(models[a].means[g, 0] - models[b].means[g, 0]), float(errors[g])
            ci = interval_of(value, error, count, asked.plan.confidence_level, (-1.0, 1.0))
            p = None
            if ci is not None:
                p = 1.0 if value == 0 else two_sided_p(value / error if error else np.inf, count - 1)
            rows.append((models[a].name, models[b].name, label, count, value if count else None, ci, p))
    adjusted = corrected([row[-1] for row in rows], asked.correction)
    return tuple(NeighborDifference(*row, p) for row, p in zip(rows, adjusted, strict=True))


def notes_on_intervals(results: tuple[Neighborhood, ...]) -> list[str]:
    """Why concepts have no interval."""
    rows = [row for result in results for row in result.concepts or () if row.n_objects]
    small = dict.fromkeys(row.concept for row in rows if row.n_objects < LEAST)
    same = dict.fromkeys(row.concept for row in rows if row.n_objects >= LEAST and ci_of(row.purity) is None)
    notes = []
    for labels, why in (
        (small, f"concepts of fewer than {LEAST} objects, too few for intervals"),
        (same, "no interval of purity: all of their objects have the same purity"),
    ):
        if labels:
            notes.append(f"{why}: {', '.join([*labels][:MOST_NAMED])}{', ...' if len(labels) > MOST_NAMED else ''}")
    return notes


# Hubness, purity and what neighbor lists share

HUB = 2  # a hub is a neighbor this many times as often as the mean
BLOCK = 1 << 22  # similarities at once


class Occurrences(NamedTuple):
    """How often each of n rows is among the k nearest of others, where ties are broken at random.

    counts: float64 (n,), the mean. none: (n,), the probability that it is never.
    """

    counts: np.ndarray
    none: np.ndarray


def occurrences(x: np.ndarray, lists: Lists, k: int, measure: MeasureLike) -> Occurrences:
    """Counts from the exact lists of neighbors; similarities that differ only by rounding tie.

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
    excess = counts - k
    excess[np.abs(excess) < 1e-9 * k] = 0.0  # shares that add up to k but for rounding
    deviation = float(np.sqrt((excess**2).mean()))
    return {
        "skewness": float((excess**3).mean()) / deviation**3 if deviation else 0.0,
        "robin_hood": float(np.abs(excess).sum()) / (2 * k * (n - 1)),
        "antihubs": float(counted.none.mean()),
        "hub_occurrence": float(counts[counts >= HUB * k].sum()) / (n * k),
    }


METHOD = "half-samples or jackknife"  # whose error is the larger


def purities(lists: np.ndarray, members: np.ndarray, there: np.ndarray | None = None) -> np.ndarray:
    """(1 + c,): means over the objects with a category, and over those of each category.

    Args:
        lists: (n, k) rows of members.
        members: bool (n, c).
        there: bool (n, k): which neighbors count, where not all do.

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
    """bool (n, 1 + c): whether each object and its neighbor, a row of (n,), share any category, and each one."""
    both = members & members[near]
    return _owned(both if there is None else both & there[:, None])


def _owned(members: np.ndarray) -> np.ndarray:
    return np.concatenate([members.any(axis=1, keepdims=True), members], axis=1)


def half_lists(lists: np.ndarray, k: int, rows: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """(m, k) the nearest of half of the objects, as places among its m rows; lists hold more than k neighbors.

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

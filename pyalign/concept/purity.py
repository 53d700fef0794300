"""Neighbourhood purity: how many of an object's nearest neighbours share a category with it.

Purity from lists of neighbours: its values, their errors, and what shuffled categories give.

All rows (1 + c,) hold the purity over all objects with a category first, then that of each category.

An error is the larger of two: that of half-samples, and that of the jackknife. Where a half of the objects has fewer of
a category than neighbours are asked for, no half can be pure, and halves differ less than whole samples do; the
jackknife has no such bound, but sees nothing of what every object does to a category whose purity is near 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass
from pyalign._process import Progress, reporter
from pyalign._result import Result, picked
from pyalign.concept.neighbor_agreement import PERMUTATIONS, notes_on_lists
from pyalign.concept.neighbor_lists import checked_k, list_length, neighbor_lists
from pyalign.data import Categories, Provenance
from pyalign.data.metadata import notes_on_order, require_names
from pyalign.data.similarities import one_or_several
from pyalign.documents import Interval
from pyalign.errors import InputError
from pyalign.ops.resample import permutations_of
from pyalign.ops.similarity import match_rows
from pyalign.stats.intervals import LEAST, half_errors, half_samples, halves, interval_of
from pyalign.stats.resampling import AUTO, OverObjects, Resampling
from pyalign.typing import CategoriesLike, EmbeddingsLike, MeasureLike, Models

METHOD = "half-samples or jackknife"  # whose error is the larger
NAMED = 5  # categories that a note names


@dataclass(frozen=True)
class CategoryPurity:
    """The neighbourhood purity of one category."""

    category: str  # the label of the category.
    n_objects: int  # the number of its objects.
    purity: float | None  # the mean proportion of their neighbours that are in this category; None without objects.
    # the interval of the purity, over objects; None if it was not requested, with too few objects, or if all of them
    # have the same purity.
    ci: Interval | None
    chance: float  # the expected purity of random neighbours, (n_objects - 1) / (n - 1).
    p_value: float | None  # one-sided, by shuffling the categories; None without permutations.


@dataclass(frozen=True)
class PurityResult(Result):
    """The neighbourhood purity of one model."""

    embeddings: str  # the name of the model.
    # the mean proportion of neighbours that share a category with the object, over all objects with a category.
    purity: float
    ci: Interval | None  # the interval of the purity, over objects.
    chance: float  # the expected purity of random neighbours.
    p_value: float | None  # one-sided, by shuffling the categories; None without permutations.
    # the purity of each category, for which only neighbours in that category count.
    categories: tuple[CategoryPurity, ...]
    label: str | None = None  # a shorter name for tables, or None.


@dataclass(frozen=True)
class NeighborPurity(Result):
    """The neighbourhood purity of one or more models."""

    command: ClassVar[str] = "neighbor purity"
    rows: ClassVar[str] = "results"

    results: tuple[PurityResult, ...]  # a result for each model.
    k: int  # the number of neighbours of each object.
    measure: str  # the similarity measure.
    n_objects: int  # the number of objects, all of which may be neighbours.
    n_with_category: int  # the number of objects with a category, over which purity is averaged.
    resamples: int | None  # the number of half-samples; None without intervals.
    confidence: float | None  # the confidence level of the intervals; None without intervals.
    permutations: int | None  # the number of shuffles; None without p-values.
    seed: int  # the seed of the half-samples; without intervals, that of the shuffles.

    def __getitem__(self, k: int | str) -> PurityResult:
        return picked(self.results, k)


def neighbor_purity(
    embeddings: EmbeddingsLike | Models, categories: CategoriesLike, *, k: int = 10, measure: MeasureLike = "cosine",
    ci: OverObjects = AUTO, n_permutations: int = PERMUTATIONS, seed: int = 0, progress: Progress | None = None,
) -> NeighborPurity:
    """Compute the proportion of each object's k nearest neighbours that share a category with it.

    Objects without a category may be neighbours, which then share no category, but have no purity themselves.

    Args:
        embeddings: (n, d) embeddings, or a mapping of names to them.
        categories: `Categories`, labels (n,) or memberships (n, c). An object may have several.
        k, measure, ci, n_permutations, seed, progress: see `compare_neighbors`.

    Returns:
        A `NeighborPurity`: the purity of each model, over all objects and for each category.

    Raises:
        InputError: as `compare_neighbors`; categories without objects.

    Example:
        >>> x = np.array([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]])
        >>> purity = neighbor_purity(x, ["a", "a", "b", "b"], k=1, ci=None, n_permutations=0)
        >>> purity[0].purity, round(purity[0].chance, 3)
        (1.0, 0.333)
    """
    progress = reporter(progress)
    models = one_or_several(embeddings)
    requested = half_samples(ci)
    _checks.whole_number(n_permutations, "n_permutations", 0)
    _checks.whole_number(seed, "seed", 0)
    matched = match_rows(models)
    n, k = matched.n, checked_k(k, matched.n)
    converted = Categories.of(categories)
    require_names(converted, matched.row_names)
    members = converted.of_rows(n, matched.names)
    counted = members.any(axis=1)
    if not counted.any():
        raise InputError("categories must hold at least one object; all are without")
    rows, plan = matched.take(), requested if n // 2 > k else None
    length = list_length(k, n)
    results, lists_of_models = [], {}
    for name in models:
        lists_of_models[name] = neighbor_lists(rows[name], length, measure, k)
        lists = lists_of_models[name].rows
        means = purities(lists[:, :k], members)
        errors = None if plan is None else purity_errors(lists, members, k, plan, matched.order)
        near, shuffled = lists[:, :k], (n_permutations, seed, progress, matched.order)
        null = null_purities(near, members, *shuffled) if n_permutations else None
        results.append(_result(name, converted.labels, members, means, errors, null, plan))
    notes = [
        *matched.notes,
        *notes_on_order("categories", converted.names, matched.names),
        *notes_on_lists(rows, lists_of_models, k),
    ]
    if requested is not None and plan is None:
        notes.append(f"no intervals: half of {n:,} objects holds no {k} neighbours of each")
    if plan is not None:
        notes += _notes_on_categories(results)
    without = int((~counted).sum())
    if without:
        notes.append(f"{without:,} of {n:,} objects have no category: they count only as neighbours of others")
    options = {"k": k, "measure": str(measure), "ci": None if requested is None else requested.by}
    return NeighborPurity(
        tuple(results), k, str(measure), n, n - without, None if plan is None else plan.drawn,
        None if plan is None else float(plan.confidence_level), n_permutations or None,
        seed if plan is None else plan.seed, notes=tuple(notes), provenance=Provenance.now([*models.items()], options,
        "auto", seed),
    )


def _notes_on_categories(results: Sequence[PurityResult]) -> list[str]:
    """Why categories have no interval."""
    rows = [row for result in results for row in result.categories if row.ci is None and row.n_objects]
    small = dict.fromkeys(row.category for row in rows if row.n_objects < LEAST)
    same = dict.fromkeys(row.category for row in rows if row.n_objects >= LEAST)
    notes = []
    for labels, why in ((small, f"fewer than {LEAST} objects"), (same, "all of their objects have the same purity")):
        if labels:
            listed = ", ".join([*labels][:NAMED]) + (", ..." if len(labels) > NAMED else "")
            notes.append(f"no interval of categories: {why}: {listed}")
    return notes


def _result(
    name: str, labels: tuple[str, ...], members: np.ndarray, means: np.ndarray, errors: np.ndarray | None,
    null: np.ndarray | None, plan: Resampling | None,
) -> PurityResult:
    n, counts = len(members), members.sum(axis=0)
    counted = members.any(axis=1)
    sizes = np.concatenate([[counted.sum()], counts])
    chances = np.concatenate([[chance_of(members)], np.maximum(counts - 1, 0) / (n - 1)])

    def figures(g: int) -> tuple[Any, ...]:
        value = float(means[g])
        ci = None
        if plan is not None and errors is not None and errors[g] > 0:
            ci = interval_of(value, float(errors[g]), int(sizes[g]), plan.confidence_level, method=METHOD)
        p = None if null is None or not sizes[g] else float(1 + (null[:, g] >= value - 1e-12).sum()) / (1 + len(null))
        return value if sizes[g] else None, ci, float(chances[g]), p

    each = tuple(CategoryPurity(label, int(counts[g]), *figures(g + 1)) for g, label in enumerate(labels))
    value, ci, chance, p = figures(0)
    return PurityResult(name, value, ci, chance, p, each)


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


def purity_errors(
    lists: np.ndarray, members: np.ndarray, k: int, plan: Resampling, order: np.ndarray | None = None
) -> np.ndarray:
    """(1 + c,) standard errors over objects; lists hold more than k neighbours (n, length), the nearest first."""
    samples = halves(len(lists), plan.drawn, plan.seed, order)
    of_halves = [half_purities(lists, members, k, *half) for half in samples]
    errors: np.ndarray = np.fmax(half_errors(np.array(of_halves), len(lists)), left_out_errors(lists, members, k))
    return errors


def half_purities(
    lists: np.ndarray, members: np.ndarray, k: int, rows: np.ndarray, inside: np.ndarray
) -> np.ndarray:
    """(1 + c,) where half of the objects is all that there is."""
    return purities(half_lists(lists, k, rows, inside), members[rows])


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


def null_purities(
    lists: np.ndarray, members: np.ndarray, count: int, seed: int, progress: Progress, order: np.ndarray | None = None
) -> np.ndarray:
    """(count, 1 + c) with the categories of the objects shuffled."""
    out = np.empty((count, 1 + members.shape[1]))
    for part, orders in permutations_of(len(lists), count, seed, order):
        for number, order in enumerate(orders):
            out[part.start + number] = purities(lists, members[order])
        progress("permutations", part.stop, count)
    return out


def chance_of(members: np.ndarray) -> float:
    """The share of other objects that share a category, in mean over the objects with one."""
    kinds, counts = np.unique(members, axis=0, return_counts=True)
    share = (kinds.astype(np.int64) @ kinds.T.astype(np.int64)) > 0
    has = kinds.any(axis=1)
    others = share @ counts - has
    return float((others * counts)[has].sum() / counts[has].sum() / (len(members) - 1))

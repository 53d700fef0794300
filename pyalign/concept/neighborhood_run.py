"""What neighbour lists say of models: means over objects and concepts, their errors, and what chance would give.

Means are (1 + g, 3): over all objects first, then over those of each concept; overlap and rank-biased overlap with
people's neighbours, and purity. They are NaN without a human embedding, or without concepts.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from itertools import combinations
from typing import Any

import numpy as np

from pyalign._dataclass import dataclass
from pyalign._process import Progress
from pyalign.concept.dimensions import Members
from pyalign.concept.neighbor_figures import (
    METHOD, chance_of, half_lists, hubness_of, left_out_errors, occurrences, purities, shared,
)
from pyalign.concept.neighbor_lists import Lists, SharedNeighbors, duplicates_of
from pyalign.concept.neighborhood_result import (
    ConceptNeighborhood, NeighborDifference, Neighborhood, ObjectNeighborhood, extremes,
)
from pyalign.concept.prototypes import central, strongest
from pyalign.ops.resample import permutations_of
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

    def means(self, agreement: np.ndarray | None, near: np.ndarray, rows: Any, labelled: Any) -> np.ndarray:
        """(1 + g, 3) over some objects with lists (m, k), and concepts of the objects in another order, `labelled`."""
        out = np.full((self.members.shape[1], 3), np.nan)
        if agreement is not None:
            out[:, :2] = group_means(agreement, self.members[rows])
        if self.concepts is not None:
            out[:, 2] = purities(near, self.concepts.of[labelled])
        return out

    def row_text(self, row: int) -> str:
        """An object by its name, or by its row."""
        return str(row) if self.names is None else self.names[row]


@dataclass(frozen=True)
class Model:
    """The lists of one model: (n, l) neighbours of each object, longer than k."""

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
        """(n, k) the nearest neighbours."""
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

    def relabelled(self, order: np.ndarray) -> np.ndarray:
        """(1 + g, 3) with the objects of the model relabelled, and with the concepts shuffled."""
        values = None if self.agreement is None else self.agreement.relabelled(order)
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
    """(permutations, models, 1 + g, 3): means with the objects of each model relabelled, or the concepts shuffled."""
    asked, out = models[0].asked, np.empty((count, len(models), *models[0].means.shape))
    for part, orders in permutations_of(asked.n, count, asked.seed, asked.order):
        for number, order in enumerate(orders.astype(np.int64)):
            out[part.start + number] = [model.relabelled(order) for model in models]
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
        """A value, its interval and its p-value."""
        value, count, ci, p = float(model.means[g, v]), int(counts[g, v]), None, None
        if np.isnan(value):
            return [None] * 3
        if errors is not None and asked.plan is not None:
            how = (FRACTION, METHOD) if v == 2 else ()
            ci = interval_of(value, float(errors[g, v]), count, asked.plan.confidence_level, *how)
        if null is not None:  # values that differ only by rounding are equal
            p = float(1 + (null[:, g, v] >= value - 1e-12).sum()) / (1 + len(null))
        return [value, ci, p]

    fields = ("overlap", "ci", "p_value", "rbo", "rbo_ci", "rbo_p_value", "purity", "purity_ci", "purity_p_value")
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
    same = dict.fromkeys(row.concept for row in rows if row.n_objects >= LEAST and row.purity_ci is None)
    notes = []
    for labels, why in (
        (small, f"concepts of fewer than {LEAST} objects, too few for intervals"),
        (same, "no interval of purity: all of their objects have the same purity"),
    ):
        if labels:
            notes.append(f"{why}: {', '.join([*labels][:MOST_NAMED])}{', ...' if len(labels) > MOST_NAMED else ''}")
    return notes

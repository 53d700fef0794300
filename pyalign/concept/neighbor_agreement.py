"""The result of `pyalign.compare_neighbors`.

How well a model's nearest neighbours agree with those of a human embedding: over all objects, and per concept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any, ClassVar

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass
from pyalign._process import Progress, reporter
from pyalign._result import Result, picked
from pyalign.concept.dimensions import Members, members_of
from pyalign.concept.neighbor_lists import Lists, SharedNeighbors, chance_of_rbo, checked_k, list_length, neighbor_lists
from pyalign.data import Provenance, as_embeddings
from pyalign.data.metadata import require_names
from pyalign.data.similarities import one_or_several
from pyalign.documents import Interval, csv_text, flat_record, hidden
from pyalign.errors import InputError
from pyalign.ops.resample import permutations_of
from pyalign.ops.similarity import match_rows
from pyalign.stats.intervals import (
    LEAST,
    RESAMPLES,
    group_means,
    half_errors,
    half_samples,
    halves,
    interval_of,
    two_sided_p,
)
from pyalign.stats.multiple import CORRECTIONS, corrected
from pyalign.stats.resampling import AUTO, OverObjects, Resampling
from pyalign.typing import CategoriesLike, Correction, EmbeddingsLike, MeasureLike, Models


class WithErrors:
    """A result whose interval also gives a standard error."""

    ci: Interval | None

    @property
    def standard_error(self) -> float | None:
        """The standard error of the overlap, a fraction."""
        return None if self.ci is None else self.ci.error


@dataclass(frozen=True)
class ConceptNeighbors(WithErrors):
    """How well neighbours agree for the objects of one concept."""

    derived: ClassVar[tuple[str, ...]] = ("standard_error",)

    concept: str  # the label of the concept.
    n_objects: int  # the number of its objects. Their neighbours may be any objects.
    # the mean proportion of shared neighbours among the k nearest, over these objects; None without objects.
    overlap: float | None
    ci: Interval | None  # the interval of the overlap; None if it was not requested, or with too few objects.
    # one-sided, for the hypothesis that model and reference are unrelated; None without permutations.
    p_value: float | None
    p_adjusted: float | None  # the p-value, corrected over the concepts.
    rbo: float | None  # the mean rank-biased overlap, a fraction.
    rbo_ci: Interval | None  # the interval of the rank-biased overlap.
    rbo_p_value: float | None  # the one-sided p-value of the rank-biased overlap.


@dataclass(frozen=True)
class ObjectNeighbors:
    """How well the neighbours of one object agree."""

    row: int  # the row of the object among the matched objects.
    name: str | None  # its name, or None.
    overlap: float  # the proportion of shared neighbours among the k nearest.
    rbo: float  # the rank-biased overlap, a fraction.


@dataclass(frozen=True)
class NeighborResult(WithErrors, Result):
    """How well the neighbours of one model agree with those of the reference, over all objects.

    `overlap`, `rbo`, their intervals and their p-values are those of `ConceptNeighbors`.
    """

    derived: ClassVar[tuple[str, ...]] = ("standard_error",)

    embeddings: str  # the name of the model.
    overlap: float
    ci: Interval | None
    p_value: float | None
    rbo: float
    rbo_ci: Interval | None
    rbo_p_value: float | None
    lowest: tuple[ObjectNeighbors, ...]  # the objects with the lowest rank-biased overlap.
    concepts: tuple[ConceptNeighbors, ...] | None = None  # an entry for each concept; None without concepts.
    label: str | None = None  # a shorter name for tables, or None.
    # (n,) float64, the overlap of each object. Documents do not contain it.
    overlaps: np.ndarray = hidden(default=None, compare=False)
    # (n,) float64, the rank-biased overlap of each object. Documents do not contain it.
    rbos: np.ndarray = hidden(default=None, compare=False)


@dataclass(frozen=True)
class NeighborDifference(WithErrors):
    """The difference in overlap between two models, paired by the same halves of the objects."""

    derived: ClassVar[tuple[str, ...]] = ("standard_error",)

    # a, b: the names of the two models.
    a: str
    b: str
    concept: str | None  # the label of the concept; None for all objects.
    n_objects: int  # the number of objects.
    difference: float | None  # the overlap of a minus that of b; None without objects.
    ci: Interval | None  # the interval of the difference; None with too few objects.
    p_value: float | None  # two-sided, for the hypothesis of no difference, by Student's t.
    p_adjusted: float | None  # the p-value, corrected over all differences of the result.


@dataclass(frozen=True)
class NeighborAgreement(Result):
    """How well the nearest neighbours of models agree with those of a reference, such as a human embedding."""

    command: ClassVar[str] = "neighbor agreement"
    rows: ClassVar[str] = "results"
    among: ClassVar = {"results.embeddings": ("differences.a", "differences.b")}

    results: tuple[NeighborResult, ...]  # a result for each model.
    # the differences of every two models, over all objects and for each concept; empty without intervals.
    differences: tuple[NeighborDifference, ...]
    k: int  # the number of neighbours of each object.
    measure: str  # the similarity measure of the models.
    against_measure: str  # the similarity measure of the reference.
    rbo_p: float  # the persistence of the rank-biased overlap, a fraction.
    chance: float  # the expected overlap of an unrelated model.
    rbo_chance: float  # the expected rank-biased overlap of an unrelated model.
    n_objects: int  # the number of objects.
    grouping: str | None  # how concepts are defined: by "categories", by "dimensions", or None.
    resamples: int | None  # the number of half-samples; None without intervals.
    confidence: float | None  # the confidence level of the intervals; None without intervals.
    permutations: int | None  # the number of relabellings; None without p-values.
    correction: Correction  # how p-values are corrected.
    seed: int  # the seed of the half-samples; without intervals, that of the relabellings.
    against: str | None = None  # the source of the reference, or None.
    # the names of the objects, or None. Documents do not contain them.
    names: tuple[str, ...] | None = hidden(default=None, compare=False)

    def __getitem__(self, k: int | str) -> NeighborResult:
        return picked(self.results, k)

    def __len__(self) -> int:
        return len(self.results)

    def object_records(self) -> list[dict[str, Any]]:
        """A row for each model and object, with its overlap and rank-biased overlap; empty after `load_result`."""
        return [
            {"embeddings": result.embeddings, "row": row, "object": None if self.names is None else self.names[row],
             "overlap": float(result.overlaps[row]), "rbo": float(result.rbos[row])}
            for result in self.results if result.overlaps is not None
            for row in range(self.n_objects)
        ]

    def objects_csv(self, escape: bool = False) -> str:
        """The rows of `object_records` as CSV with a header; for `escape` see `Result.to_csv`."""
        header = ("embeddings", "row", "object", "overlap", "rbo")
        return csv_text(header, (tuple(record.values()) for record in self.object_records()), escape)

    def to_records(self) -> list[dict[str, Any]]:
        """A row for each model over all objects (concept None), and one for each of its concepts."""
        rows = []
        for result in self.results:
            rows.append({"embeddings": result.embeddings, "concept": None, "n_objects": self.n_objects,
                         **flat_record(result)})
            rows += [{"embeddings": result.embeddings, **flat_record(concept)} for concept in result.concepts or ()]
        return rows


REFERENCE = "against"
PERMUTATIONS = 999
MOST_LOWEST = 10  # objects that a document names for each model


def compare_neighbors(
    embeddings: EmbeddingsLike | Models, against: EmbeddingsLike, *, k: int = 10, measure: MeasureLike = "cosine",
    human_measure: MeasureLike = "cosine", categories: CategoriesLike | None = None,
    dimensions: EmbeddingsLike | None = None, dimension_labels: Sequence[str] | None = None, rbo_p: float = 0.9,
    ci: OverObjects = AUTO, n_permutations: int = PERMUTATIONS, correction: Correction = "holm", seed: int = 0,
    progress: Progress | None = None,
) -> NeighborAgreement:
    """Measure how many of each object's k nearest neighbours a model shares with a human embedding.

    Args:
        embeddings: (n, d) embeddings, or a mapping of names to them.
        against: (n, r) embeddings, the reference, such as a human embedding (SPoSE, VICE). Rows are matched by name if
            both have names.
        k: the number of neighbours, from 1 to n - 1. Of equally near objects the lower row counts as nearer.
        measure: the similarity measure of the models; see `pyalign.similarity`.
        human_measure: the similarity measure of the reference. SPoSE and VICE predict choices by dot products, but by
            these the nearest neighbours are often the same few objects with long rows (`pyalign.hubness`), so the
            default is the cosine.
        categories: concepts as `Categories`, labels (n,) or memberships (n, c). An object may have several.
        dimensions: concepts as (n, g) non-negative numbers. An object belongs to the dimension with its largest weight.
        dimension_labels: the labels of the g dimensions.
        rbo_p: the persistence of the rank-biased overlap, a fraction. Smaller values give more weight to the first
            ranks.
        ci: ``"objects"`` (or ``"auto"``), a `pyalign.Resampling` of objects by half-samples, or None for no intervals.
        n_permutations: the number of relabellings of a model's objects, for p-values; 0 for none.
        correction: how p-values are corrected over concepts and over differences: ``"holm"`` or
            ``"benjamini-hochberg"``.
        seed: the seed of the relabellings. Relabellings and half-samples are the same for all models.
        progress: a callback that gets the stage, the amount done and the total.

    Returns:
        A `NeighborAgreement`. If a model's objects are relabelled, the expected overlap is exactly k / (n - 1). A
        p-value is (1 + the number of relabellings with at least as much overlap) / (1 + `n_permutations`). Intervals
        generalize to other samples of as many objects; they are based on half-samples (`pyalign.stats.intervals`) and
        Student's t.

    Raises:
        InputError: embeddings of different objects, a k out of range, concepts that do not fit, or unknown options.

    Source: Webber, Moffat and Zobel 2010 (rank-biased overlap); Huh et al., "The platonic representation hypothesis",
    2024 (mutual nearest neighbours).

    Example:
        >>> import pyalign
        >>> rng = np.random.default_rng(0)
        >>> people = rng.random((60, 5))
        >>> near = people + 0.1 * rng.normal(size=(60, 5))
        >>> agreement = pyalign.compare_neighbors({"near": near, "other": rng.normal(size=(60, 5))}, people, k=5)
        >>> agreement.chance == 5 / 59, agreement[0].overlap > 0.5, agreement[0].p_value
        (True, True, 0.001)
        >>> agreement.differences[0].p_value < 0.05
        True
    """
    progress = reporter(progress)
    models = one_or_several(embeddings)
    if not models or REFERENCE in models:
        raise InputError(f"embeddings must hold at least one model, none called {REFERENCE!r}; got {list(models)}")
    requested = half_samples(ci)
    _check(rbo_p, n_permutations, correction, seed)
    matched = match_rows({REFERENCE: against, **models})
    k = checked_k(k, matched.n)
    require_names(categories, matched.row_names)
    concepts = members_of(categories, dimensions, dimension_labels, matched.n, matched.names)
    rows = matched.take()
    length = list_length(k, matched.n)
    by = {name: human_measure if name == REFERENCE else measure for name in rows}
    lists = {name: neighbor_lists(rows[name], length, by[name], k) for name in rows}
    human = lists[REFERENCE].rows
    shared = {name: SharedNeighbors(lists[name].rows, human, k, rbo_p) for name in models}
    study = Study(shared, concepts, matched.n, matched.order)
    plan = requested if matched.n // 2 > k else None
    drawn = None if plan is None else study.halved(plan, progress)
    null = study.nulls(n_permutations, seed, progress) if n_permutations else None
    results = tuple(result_of(study, m, drawn, null, plan, correction, matched.names) for m in range(len(models)))
    notes = [*matched.notes, *(() if concepts is None else concepts.notes), *notes_on_lists(rows, lists, k)]
    if requested is not None and plan is None:
        notes.append(f"no intervals: half of {matched.n:,} objects holds no {k} neighbours of each")
    small = [] if concepts is None else [c.concept for c in results[0].concepts or () if c.n_objects < LEAST]
    if small and requested is not None:
        listed = ", ".join(small[:5]) + (", ..." if len(small) > 5 else "")
        notes.append(f"concepts of fewer than {LEAST} objects, too few for intervals: {listed}")
    options = {"k": k, "measure": str(measure), "against_measure": str(human_measure), "rbo_p": rbo_p,
               "ci": None if requested is None else requested.by,
               "resamples": RESAMPLES if requested is None else requested.drawn,
               "permutations": n_permutations, "correction": correction}
    return NeighborAgreement(
        results, () if drawn is None or plan is None else differences_of(study, drawn, plan, correction), k,
        str(measure), str(human_measure), float(rbo_p), k / (matched.n - 1), chance_of_rbo(k, matched.n, rbo_p),
        matched.n, None if concepts is None else concepts.kind, None if plan is None else plan.drawn,
        None if plan is None else float(plan.confidence_level), n_permutations or None, correction,
        seed if plan is None else plan.seed, as_embeddings(against, REFERENCE).source, matched.names,
        notes=tuple(dict.fromkeys(notes)),
        provenance=Provenance.now([*models.items(), (REFERENCE, against)], options, "auto", seed),
    )


def _check(rbo_p: float, n_permutations: int, correction: Correction, seed: int) -> None:
    _checks.fraction(rbo_p, "rbo_p")
    _checks.whole_number(n_permutations, "n_permutations", 0)
    _checks.one_of(correction, tuple(CORRECTIONS), "correction")
    _checks.whole_number(seed, "seed", 0)


def notes_on_lists(rows: Mapping[str, np.ndarray], lists: Mapping[str, Lists], k: int) -> list[str]:
    """Notes on rows of zeros, to which all others are equally near by cosine, and on ties for the k-th neighbour.

    Example:
        >>> [note.partition(":")[0] for note in notes_on_lists({"clip": np.array([[0.0], [1.0]])}, {}, 1)]
        ['1 row of clip is zero throughout']
    """
    notes = []
    for name, x in rows.items():
        zero = int((~x.any(axis=1)).sum())
        if zero:
            subject, it, its = ("row of {} is", "it", "its") if zero == 1 else ("rows of {} are", "them", "their")
            why = f"cosines and products with {it} are 0, {its} neighbours by them the first rows"
            notes.append(f"{zero:,} {subject.format(name)} zero throughout: {why}")
    for name, nearest in lists.items():
        if nearest.n_tied:
            whose = (
                f"all objects of {name}"
                if nearest.n_tied == len(nearest.rows)
                else f"{nearest.n_tied:,} objects of {name}"
            )
            notes.append(f"for {whose} others are as near as neighbour {k}, but for rounding: the first rows are taken")
    return notes


@dataclass(frozen=True)
class Study:
    """Models, and groups of objects: all of them first, then each concept."""

    shared: Mapping[str, SharedNeighbors]
    concepts: Members | None
    n: int
    order: np.ndarray  # of the objects, by their names

    @property
    def members(self) -> np.ndarray:
        """bool (n, 1 + g)."""
        everyone = np.ones((self.n, 1), bool)
        return everyone if self.concepts is None else np.concatenate([everyone, self.concepts.of], axis=1)

    def halved(self, plan: Resampling, progress: Progress) -> np.ndarray:
        """(b, models, 1 + g, 2): means within halves."""
        out = np.empty((plan.drawn, len(self.shared), self.members.shape[1], 2))
        for number, (rows, inside) in enumerate(halves(self.n, plan.drawn, plan.seed, self.order)):
            for m, of_model in enumerate(self.shared.values()):
                out[number, m] = group_means(of_model.halved(rows, inside), self.members[rows])
            progress("resamples", number + 1, plan.drawn)
        return out

    def nulls(self, n_permutations: int, seed: int, progress: Progress) -> np.ndarray:
        """(permutations, models, 1 + g, 2): means with the objects of each model relabelled."""
        members, out = self.members, np.empty((n_permutations, len(self.shared), self.members.shape[1], 2))
        for part, orders in permutations_of(self.n, n_permutations, seed, self.order):
            for number, order in enumerate(orders.astype(np.int64)):
                for m, of_model in enumerate(self.shared.values()):
                    out[part.start + number, m] = group_means(of_model.relabelled(order), members)
            progress("permutations", part.stop, n_permutations)
        return out


def result_of(
    study: Study, m: int, drawn: np.ndarray | None, null: np.ndarray | None, plan: Resampling | None,
    correction: Correction, names: tuple[str, ...] | None,
) -> NeighborResult:
    name = list(study.shared)[m]
    values = study.shared[name].values()
    means, counts = group_means(values, study.members), study.members.sum(axis=0)
    errors = None if drawn is None else half_errors(drawn[:, m], study.n)

    def figures(g: int) -> list[Any]:
        """Overlap, interval, p, rank-biased overlap, interval, p."""
        columns: list[Any] = []
        for v in range(2):
            value = float(means[g, v])
            error = None if errors is None else float(errors[g, v])
            ci = (
                None
                if error is None or plan is None
                else interval_of(value, error, int(counts[g]), plan.confidence_level)
            )
            columns += [value if counts[g] else None, ci,
                     None if null is None or not counts[g] else _upper_p(null[:, m, g, v], value)]
        return columns

    concepts = None
    if study.concepts is not None:
        rows = [(label, int(counts[g]), *figures(g)) for g, label in enumerate(study.concepts.labels, 1)]
        adjusted = corrected([row[4] for row in rows], correction)
        concepts = tuple(
            ConceptNeighbors(label, count, overlap, ci, p, p_adjusted, *of_rbo)
            for (label, count, overlap, ci, p, *of_rbo), p_adjusted in zip(rows, adjusted, strict=True)
        )
    lowest = np.lexsort((np.argsort(study.order), values[:, 0], values[:, 1]))[:MOST_LOWEST]
    objects = tuple(
        ObjectNeighbors(int(row), None if names is None else names[row], float(values[row, 0]), float(values[row, 1]))
        for row in lowest
    )
    overlap, ci, p, rbo, rbo_ci, rbo_p = figures(0)
    return NeighborResult(
        name, overlap, ci, p, rbo, rbo_ci, rbo_p, objects, concepts, overlaps=values[:, 0], rbos=values[:, 1],
    )


def _upper_p(null: np.ndarray, value: float) -> float:
    """The one-sided p-value of a value; values that differ only by rounding are equal."""
    return float(1 + (null >= value - 1e-12).sum()) / (1 + len(null))


def differences_of(
    study: Study, drawn: np.ndarray, plan: Resampling, correction: Correction
) -> tuple[NeighborDifference, ...]:
    names, counts = list(study.shared), study.members.sum(axis=0)
    means = [group_means(of_model.values(), study.members)[:, 0] for of_model in study.shared.values()]
    labels = [None, *(study.concepts.labels if study.concepts is not None else ())]
    rows = []
    for a, b in combinations(range(len(names)), 2):
        errors = half_errors(drawn[:, a, :, 0] - drawn[:, b, :, 0], study.n)
        for g, label in enumerate(labels):
            value, error, count = float(means[a][g] - means[b][g]), float(errors[g]), int(counts[g])
            ci = interval_of(value, error, count, plan.confidence_level, (-1.0, 1.0))
            p = (
                None
                if ci is None
                else 1.0
                if value == 0
                else two_sided_p(value / error if error else np.inf, count - 1)
            )
            rows.append((names[a], names[b], label, count, value if count else None, ci, p))
    adjusted = corrected([row[-1] for row in rows], correction)
    return tuple(NeighborDifference(*row, p) for row, p in zip(rows, adjusted, strict=True))

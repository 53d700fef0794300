"""What `pyalign.compare_neighbors` finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from pyalign._result import Result
from pyalign.documents import Interval, csv_text, flat_record, hidden


class WithErrors:
    """The standard errors beside the intervals."""

    ci: Interval | None

    @property
    def standard_error(self) -> float | None:
        """The standard error of the overlap, a fraction."""
        return None if self.ci is None else self.ci.error


@dataclass(frozen=True)
class ConceptNeighbors(WithErrors):
    """One concept's objects.

    Attributes:
        concept: its label.
        n_objects: how many objects it has; their neighbours may be any.
        overlap: mean over them of the share of the k nearest neighbours that are the same; None of no objects.
        ci: its interval; None where none was asked for, or of too few objects.
        p_value: one-sided, of no relation; None without permutations.
        p_adjusted: corrected over the concepts.
        rbo: mean rank-biased overlap.
        rbo_ci, rbo_p_value: the same of it.
    """

    derived: ClassVar[tuple[str, ...]] = ("standard_error",)

    concept: str
    n_objects: int
    overlap: float | None
    ci: Interval | None
    p_value: float | None
    p_adjusted: float | None
    rbo: float | None
    rbo_ci: Interval | None
    rbo_p_value: float | None


@dataclass(frozen=True)
class ObjectNeighbors:
    """One object: `row` of the matched objects, `name` where it has one; `overlap` and rank-biased `rbo`, fractions."""

    row: int
    name: str | None
    overlap: float
    rbo: float


@dataclass(frozen=True)
class NeighborResult(WithErrors, Result):
    """One model against the reference; attributes as of `ConceptNeighbors`, over all objects.

    Attributes:
        embeddings: the model's name.
        lowest: the objects whose neighbourhoods differ most, by rank-biased overlap.
        concepts: one for each concept, where these are given.
        overlaps, rbos: (n,) of each object; no document holds them.
        label: another name of the embeddings, for tables.
    """

    derived: ClassVar[tuple[str, ...]] = ("standard_error",)

    embeddings: str
    overlap: float
    ci: Interval | None
    p_value: float | None
    rbo: float
    rbo_ci: Interval | None
    rbo_p_value: float | None
    lowest: tuple[ObjectNeighbors, ...]
    concepts: tuple[ConceptNeighbors, ...] | None = None
    label: str | None = None
    overlaps: np.ndarray = hidden(default=None, compare=False)
    rbos: np.ndarray = hidden(default=None, compare=False)


@dataclass(frozen=True)
class NeighborDifference(WithErrors):
    """Two models on the same halves of the objects.

    Attributes:
        a, b: names of the embeddings.
        concept: its label; None over all objects.
        n_objects: how many.
        difference: overlap of a less that of b; None of no objects.
        ci: its interval; None of too few objects.
        p_value: two-sided, of no difference, by Student's t.
        p_adjusted: corrected over all differences of the result.
    """

    derived: ClassVar[tuple[str, ...]] = ("standard_error",)

    a: str
    b: str
    concept: str | None
    n_objects: int
    difference: float | None
    ci: Interval | None
    p_value: float | None
    p_adjusted: float | None


@dataclass(frozen=True)
class NeighborAgreement(Result):
    """Neighbours by models against those of a reference, such as people.

    Attributes:
        results: one for each model.
        differences: of every two models, over all objects and for each concept; none without intervals.
        k: neighbours that count.
        measure, against_measure: by which neighbours are near, of the models and of the reference.
        rbo_p: the persistence of the rank-biased overlap.
        chance, rbo_chance: expected of unrelated models.
        n_objects: how many.
        grouping: what concepts are: "categories", "dimensions", or None.
        resamples, confidence: the confidence level of the intervals; None without intervals.
        permutations: relabellings; None without p-values.
        correction: how p-values are corrected.
        seed: of the half-samples; without intervals that of the relabellings.
        against: where the reference came from, or None.
        names: of the objects, or None; no document holds them.
    """

    command: ClassVar[str] = "neighbor agreement"
    rows: ClassVar[str] = "results"

    results: tuple[NeighborResult, ...]
    differences: tuple[NeighborDifference, ...]
    k: int
    measure: str
    against_measure: str
    rbo_p: float
    chance: float
    rbo_chance: float
    n_objects: int
    grouping: str | None
    resamples: int | None
    confidence: float | None
    permutations: int | None
    correction: str
    seed: int
    against: str | None = None
    names: tuple[str, ...] | None = hidden(default=None, compare=False)

    def __getitem__(self, k: int) -> NeighborResult:
        return self.results[k]

    def __len__(self) -> int:
        return len(self.results)

    def object_records(self) -> list[dict[str, Any]]:
        """A row for each model and object: its overlap and rank-biased overlap; of a document, no rows."""
        return [
            {"embeddings": result.embeddings, "row": row, "object": None if self.names is None else self.names[row],
             "overlap": float(result.overlaps[row]), "rbo": float(result.rbos[row])}
            for result in self.results if result.overlaps is not None
            for row in range(self.n_objects)
        ]  # fmt: skip

    def objects_csv(self, escape: bool = False) -> str:
        """These rows as text, separated by commas, under a header; `escape`: see `Result.to_csv`."""
        header = ("embeddings", "row", "object", "overlap", "rbo")
        return csv_text(header, (tuple(record.values()) for record in self.object_records()), escape)

    def to_records(self) -> list[dict[str, Any]]:
        """A row for each model over all objects (concept None), and one for each of its concepts."""
        rows = []
        for result in self.results:
            rows.append({"embeddings": result.embeddings, "concept": None, "n_objects": self.n_objects,
                         **flat_record(result)})  # fmt: skip
            rows += [{"embeddings": result.embeddings, **flat_record(concept)} for concept in result.concepts or ()]
        return rows

"""The result of `pyalign.compare_neighbors`."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from pyalign._dataclass import dataclass
from pyalign._result import Result, picked
from pyalign.documents import Interval, csv_text, flat_record, hidden
from pyalign.typing import Correction


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
        ]  # fmt: skip

    def objects_csv(self, escape: bool = False) -> str:
        """The rows of `object_records` as CSV with a header; for `escape` see `Result.to_csv`."""
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

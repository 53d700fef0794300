"""The result of `pyalign.neighborhoods`: a table of objects by their neighbors, and what it comes to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from pyalign._dataclass import dataclass, field
from pyalign._result import Result, picked
from pyalign.concept.dimensions import Prototype
from pyalign.concept.neighbor_lists import DuplicateGroup
from pyalign.data.names import largest_of
from pyalign.documents import Estimate, Interval, WithError, ci_of, csv_text, flat_record, hidden
from pyalign.typing import Correction

BEFORE = "before"  # what embeddings before a change are called beside models, unless they are one of them
COLUMNS = ("occurrences", "purity", "overlap", "rbo", "kept", "kept_rbo", "duplicate")  # of the table of objects


@dataclass(frozen=True)
class ObjectNeighborhood:
    """What the neighbors of one object say."""

    row: int  # the row of the object among the matched objects.
    name: str | None  # its name, or None.
    # the number of objects that have it among their k nearest neighbors. If further objects are as near as the k-th
    # neighbor, this is the mean over all ways to break the ties.
    occurrences: float
    # the proportion of its neighbors that share a concept with it; None without concepts, or if it has none.
    purity: float | None = None
    overlap: float | None = None  # the proportion of its neighbors that are so by the human embedding too.
    rbo: float | None = None  # the rank-biased overlap with them, a fraction.
    kept: float | None = None  # the proportion of its neighbors that it has before the change.
    kept_rbo: float | None = None  # the rank-biased overlap with those before the change, a fraction.
    lost: tuple[str, ...] = ()  # the neighbors that it has only before the change, nearest first, by name or row.
    gained: tuple[str, ...] = ()  # the neighbors that it has only after the change, nearest first, by name or row.
    duplicate: str | None = None  # the most similar of its duplicates, by name or row; None without any.


@dataclass(frozen=True)
class NeighborFigures(WithError):
    """Means over objects. Those of agreement are None without a human embedding, those of purity without concepts."""

    n_objects: int  # the number of objects. Their neighbors may be any objects.
    # the mean proportion of neighbors that are so by the human embedding too; None without objects.
    # It has no interval if that was not requested, or with too few objects.
    overlap: Estimate | None = field(metadata={"ci": "ci", "null": True})
    # one-sided, for the hypothesis that model and human embedding are unrelated; None without permutations.
    p_value: float | None
    rbo: Estimate | None = field(metadata={"null": True})  # the mean rank-biased overlap, a fraction.
    rbo_p_value: float | None  # the one-sided p-value of the rank-biased overlap.
    # the mean proportion of neighbors that share a concept with the object, over the objects that have one; in the row
    # of a concept only neighbors in that concept count. Its interval is over objects; there is also none if all of
    # them have the same purity.
    purity: Estimate | None = field(metadata={"null": True})
    purity_p_value: float | None  # one-sided, by shuffling the concepts; None without permutations.
    chance: float | None  # the expected purity of random neighbors.

    @property
    def ci(self) -> Interval | None:  # type: ignore[override]
        """The interval of the overlap; None where it has none."""
        return ci_of(self.overlap)


@dataclass(frozen=True)
class ConceptNeighborhood(NeighborFigures):
    """What the neighbors of the objects of one concept say."""

    concept: str  # the label of the category or dimension.
    p_adjusted: float | None  # the p-value of the overlap, corrected over the concepts.
    # its object with the largest mean similarity to the others; None without objects.
    medoid: Prototype | None
    # for a dimension the objects with the largest weights, for a category those with the largest mean similarity.
    top: tuple[Prototype, ...]


@dataclass(frozen=True)
class Neighborhood(NeighborFigures, Result):
    """What the neighbors of one model say, over all objects.

    How often objects are neighbors of others is N, whose mean is k.
    """

    embeddings: str  # the name of the model.
    skewness: float  # the skewness of N, the mean of ((N - k) / standard deviation of N)^3; 0 if all N are equal.
    # the Robin Hood index, the sum of |N - k| / (2 k (n - 1)): the proportion of places in neighbor lists that would
    # have to be redistributed until all objects had equally many. It is 0 if all N are equal, and about 1 if the same k
    # objects are the neighbors of all others.
    robin_hood: float
    # the proportion of objects that are not a neighbor of any other, as a mean over all ways to break ties.
    antihubs: float
    # the proportion of places in neighbor lists that are taken by objects with N of at least 2 k.
    hub_occurrence: float
    # the number of objects for which further objects are as near as the k-th neighbor, up to rounding.
    n_tied: int
    kept: float | None  # the mean proportion of neighbors that objects have before the change; None without one.
    kept_rbo: float | None  # the mean rank-biased overlap with the neighbors before the change, a fraction.
    # the objects that occur most often first, then those that agree least with people, then those that change most.
    objects: tuple[ObjectNeighborhood, ...]
    duplicates: tuple[DuplicateGroup, ...]  # the groups of duplicates, sorted by their first row.
    n_pairs: int  # the number of pairs of rows that are equal, or whose similarity is at least the threshold.
    concepts: tuple[ConceptNeighborhood, ...] | None = None  # an entry for each concept; None without concepts.
    label: str | None = None  # a shorter name for tables, or None.
    # the columns of the table of all objects, (n,) each, by the fields of `ObjectNeighborhood`. `duplicate` is a row,
    # or -1. Documents do not contain them.
    columns: Mapping[str, np.ndarray] = hidden(default=None, compare=False)

    def extreme(self, by: str, top: int) -> list[ObjectNeighborhood]:
        """The `top` listed objects with the most "occurrences", or the least "rbo" or "kept_rbo"."""
        there = sorted((item for item in self.objects if getattr(item, by) is not None), key=lambda item: item.row)
        names = [item.name for item in there if item.name is not None]
        values = {name: np.array([getattr(item, name) for item in there], float) for name in (by, *FURTHER.get(by, ()))}
        return [there[k] for k in extremes(values, by, names or None)[:top]]


FURTHER = {"rbo": ("overlap",), "kept_rbo": ("kept",)}  # what orders objects of equal values


def extremes(columns: Mapping[str, np.ndarray], by: str, names: Any) -> np.ndarray:
    """Rows in the order of a column of the table: the most occurrences first, of others the least."""
    sign = 1.0 if by == "occurrences" else -1.0
    return largest_of(*(sign * columns[by], names), *(sign * columns[name] for name in FURTHER.get(by, ())))


@dataclass(frozen=True)
class NeighborDifference(WithError):
    """The difference in overlap between two models, paired by the same halves of the objects."""

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
class Neighborhoods(Result):
    """The neighborhoods of the objects of one or more models."""

    command: ClassVar[str] = "neighborhoods"
    rows: ClassVar[str] = "results"
    among: ClassVar = {"results.embeddings": ("differences.a", "differences.b")}

    results: tuple[Neighborhood, ...]  # a result for each model.
    # the differences in overlap of every two models, over all objects and for each concept; empty without intervals.
    differences: tuple[NeighborDifference, ...]
    k: int  # the number of neighbors of each object.
    measure: str  # the similarity measure of the models.
    human_measure: str | None  # the similarity measure of the human embedding; None without one.
    before: str | None  # the model with which neighbors before the change are those of; None without one.
    before_measure: str | None  # its similarity measure.
    rbo_p: float  # the persistence of the rank-biased overlap, a fraction.
    overlap_chance: float  # the expected overlap of an unrelated model.
    rbo_chance: float  # the expected rank-biased overlap of an unrelated model.
    n_objects: int  # the number of objects.
    grouping: str | None  # how concepts are defined: by "categories", by "dimensions", or None.
    n_with_concept: int | None  # the number of objects with a concept, over which purity is averaged.
    threshold: float | None  # the smallest similarity of duplicates; None: only equal rows are duplicates.
    resamples: int | None  # the number of half-samples; None without intervals.
    confidence: float | None  # the confidence level of the intervals; None without intervals.
    permutations: int | None  # the number of relabelings; None without p-values.
    correction: Correction  # how p-values are corrected.
    seed: int  # the seed of the half-samples; without intervals, that of the relabelings.
    human: str | None = None  # the source of the human embedding, or None.
    # the names of the objects, or None. Documents do not contain them.
    names: tuple[str, ...] | None = hidden(default=None, compare=False)

    def __getitem__(self, k: int | str) -> Neighborhood:
        return picked(self.results, k)

    def __len__(self) -> int:
        return len(self.results)

    def object_records(self) -> list[dict[str, Any]]:
        """A row for each model and object, with the columns of `Neighborhood`; empty after `load_result`."""
        return [
            {"embeddings": result.embeddings, "row": row, "object": None if self.names is None else self.names[row],
             **{name: self._cell(name, values[row]) for name, values in result.columns.items()}}
            for result in self.results if result.columns is not None
            for row in range(self.n_objects)
        ]

    def _cell(self, name: str, value: Any) -> Any:
        if name == "duplicate":
            return None if value < 0 else int(value) if self.names is None else self.names[value]
        return None if np.isnan(value) else float(value)

    def objects_csv(self, escape: bool = False) -> str:
        """The rows of `object_records` as CSV with a header; for `escape` see `Result.to_csv`."""
        records = self.object_records()
        there = [name for name in COLUMNS if any(name in record for record in records)]
        header = ["embeddings", "row", "object", *there]
        return csv_text(header, ([record.get(name) for name in header] for record in records), escape)

    def to_records(self) -> list[dict[str, Any]]:
        """A row for each model over all objects (concept None), and one for each of its concepts."""
        return [
            {"embeddings": result.embeddings, "concept": None, **flat_record(row)}
            for result in self.results for row in (result, *(result.concepts or ()))
        ]

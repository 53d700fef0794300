"""The result of `pyalign.score_concepts`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, TypeAlias, get_args

from pyalign._result import OfTask, Result
from pyalign.concept.prototypes import Prototype
from pyalign.data import ODD_ONE_OUT
from pyalign.documents import Interval, as_document, csv_of, flat, from_fields
from pyalign.errors import InputError
from pyalign.typing import Correction

Grouped: TypeAlias = Literal["dimensions", "categories", "levels", "entropy"]
BY: tuple[Grouped, ...] = get_args(Grouped)


@dataclass(frozen=True)
class ConceptScore:
    """How well the triplets of one concept are predicted.

    Attributes:
        concept: the label of the dimension, category, level or bin of entropy.
        n_triplets: the number of triplets that are assigned to it.
        n_objects: the number of different objects in these triplets.
        accuracy: the accuracy on these triplets, a fraction; None without triplets.
        ci: the interval of the accuracy, or None. If it was requested but does not exist, `note` says why.
        cross_entropy: nats per triplet; None without triplets, and for choices without probabilities.
        cross_entropy_ci: the interval of the cross-entropy, in nats.
        note: why there is no interval, or None.
        simultaneous_ci: the simultaneous interval of the accuracy over all concepts of the model; None for a bootstrap,
            and for the unassigned triplets.
        p_value: two-sided, for the hypothesis of no difference from the accuracy on all triplets; None as
            `simultaneous_ci`.
        p_adjusted: the p-value, corrected over all concepts of the model with the same `by`.
        effective_objects, effective_subjects: the effective numbers of objects and participants that intervals are
            over; None if they are at least half of the count. See `pyalign.stats.effective`.
        pooled: the accuracy shrunk towards that of the other concepts of the model, the more the less certain it is; a
            fraction. None without an interval, or if fewer than five concepts have one. See `pyalign.stats.pooling`.
        pooled_ci: the interval of `pooled`.
        p_lowest: the probability that no other concept has a lower true accuracy.
        p_highest: the probability that no other concept has a higher true accuracy.
    """

    derived: ClassVar[tuple[str, ...]] = ("standard_error",)

    concept: str
    n_triplets: int
    n_objects: int
    accuracy: float | None
    ci: Interval | None
    cross_entropy: float | None
    cross_entropy_ci: Interval | None
    note: str | None = None
    simultaneous_ci: Interval | None = None
    p_value: float | None = None
    p_adjusted: float | None = None
    effective_objects: float | None = None
    effective_subjects: float | None = None
    pooled: float | None = None
    pooled_ci: Interval | None = None
    p_lowest: float | None = None
    p_highest: float | None = None

    @property
    def standard_error(self) -> float | None:
        """The standard error of the accuracy, a fraction."""
        return None if self.ci is None else self.ci.error


@dataclass(frozen=True)
class ConceptScores:
    """The scores of one model for each concept.

    Attributes:
        embeddings: the name of the model; ``(transformed)`` is appended after a transform.
        by: how concepts are defined: by "dimensions", "categories", "levels" or "entropy".
        concepts: the score of each concept, in the order of the dimensions or categories.
        unassigned: the score on the triplets without a concept, or None.
        n_triplets: the number of triplets that were scored. If each triplet has one concept, this is the sum over the
            concepts and `unassigned`.
        n_ties: the number of tied triplets, including recorded answers that name no item.
        accuracy: the accuracy on all triplets, a fraction.
        ci: its interval.
        cross_entropy: the cross-entropy on all triplets, in nats; None for choices without probabilities, or if some
            human choice has probability 0.
        cross_entropy_ci: its interval.
        label: a shorter name for tables, or None.
        transform: the map that was applied to the rows first, or None.
        spread: the standard deviation of true accuracies between concepts, a fraction; None if no concept has a
            `pooled` accuracy.
        spread_ci: its interval.
    """

    derived: ClassVar[tuple[str, ...]] = ("standard_error",)

    embeddings: str
    by: Grouped
    concepts: tuple[ConceptScore, ...]
    unassigned: ConceptScore | None
    n_triplets: int
    n_ties: int
    accuracy: float
    ci: Interval | None
    cross_entropy: float | None
    cross_entropy_ci: Interval | None
    label: str | None = None
    transform: str | None = None
    spread: float | None = None
    spread_ci: Interval | None = None

    @property
    def standard_error(self) -> float | None:
        """The standard error of the accuracy, a fraction."""
        return None if self.ci is None else self.ci.error


@dataclass(frozen=True)
class ConceptDifference:
    """The difference between two models on the same triplets of one concept.

    Attributes:
        embeddings: the name of the first model.
        other: the name of the second model.
        by: how concepts are defined; see `ConceptScores`.
        concept: the label of the concept.
        n_triplets: the number of triplets of the concept.
        difference: the accuracy of `embeddings` minus that of `other`, a fraction.
        ci: its paired interval.
        p_value: two-sided, for the hypothesis of no difference.
        p_adjusted: the p-value, corrected over all concepts and pairs of models with the same `by`.
        cross_entropy_difference: the cross-entropy of `embeddings` minus that of `other`, in nats.
        cross_entropy_ci: its paired interval.
    """

    derived: ClassVar[tuple[str, ...]] = ("standard_error",)

    embeddings: str
    other: str
    by: Grouped
    concept: str
    n_triplets: int
    difference: float | None
    ci: Interval | None
    p_value: float | None
    p_adjusted: float | None
    cross_entropy_difference: float | None
    cross_entropy_ci: Interval | None

    @property
    def standard_error(self) -> float | None:
        """The standard error of the difference, a fraction."""
        return None if self.ci is None else self.ci.error


@dataclass(frozen=True)
class TopObjects:
    """The objects with the largest weights on a dimension.

    Attributes:
        concept: the label of the dimension.
        top: the objects, largest weight first.
    """

    concept: str
    top: tuple[Prototype, ...]


@dataclass(frozen=True)
class Concepts(OfTask, Result):
    """The scores of one or more models per human concept.

    Attributes:
        results: a result for each model and each way of grouping.
        differences: the differences between every two models, or after and before a transform, for each concept.
        n_triplets: the number of triplets on which all models were scored.
        n_objects: the number of objects in these triplets.
        n_subjects: the number of participants who answered them; None if intervals are not over participants.
        n_dropped: the number of triplets left out because a row has NaN or infinity, or a recorded choice is missing.
        min_triplets: the number of triplets below which a concept has no interval.
        measure: the similarity measure of the embeddings; None without embeddings.
        temperature: the temperature of the choice probabilities; None without embeddings.
        ties: how tied triplets count.
        correction: how p-values are corrected over all concepts.
        seed: the seed of all random draws.
        backend: the backend that computed the result.
        n_assignment_ties: the number of triplets for which several dimensions have the same weight; these are assigned
            to the lowest. None without dimensions.
        assign: how the weights of a pair were combined; None without dimensions.
        top: the number of dimensions to which each triplet was assigned; None without dimensions.
        ci_by: what intervals are over; None without intervals.
        ci_method: how intervals were computed; None without intervals.
        confidence: the confidence level of the intervals; None without intervals.
        resamples: the number of bootstrap resamples, or None.
        effective_objects, effective_subjects: the effective numbers of objects and participants that intervals are
            over; None if they are at least half of the count. See `pyalign.stats.effective`.
        triplets: the source of the triplets, or None.
        dimensions: the source of the dimensions, or None.
        task: the task of the triplets, which determines `chance`.
        top_objects: the objects with the largest weights on each dimension; None if they were not requested.
        entropy: whose entropy the bins by "entropy" are of, "dimensions" or "answers"; None without such bins.
    """

    command: ClassVar[str] = "concepts"
    rows: ClassVar[str] = "results"
    derived: ClassVar[tuple[str, ...]] = ("chance",)
    among: ClassVar = {"results.embeddings": ("differences.embeddings", "differences.other")}

    results: tuple[ConceptScores, ...]
    differences: tuple[ConceptDifference, ...]
    n_triplets: int
    n_objects: int
    n_subjects: int | None
    n_dropped: int
    min_triplets: int
    measure: str | None
    temperature: float | None
    ties: str
    correction: Correction
    seed: int
    backend: str
    n_assignment_ties: int | None = None
    assign: str | None = None
    top: int | None = None
    ci_by: str | None = None
    ci_method: str | None = None
    confidence: float | None = None
    resamples: int | None = None
    effective_objects: float | None = None
    effective_subjects: float | None = None
    triplets: str | None = None
    dimensions: str | None = None
    task: str = ODD_ONE_OUT
    top_objects: tuple[TopObjects, ...] | None = None
    entropy: str | None = None

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Concepts:
        """The result of a document; models have the same number of concepts, and differences are of all of them."""
        found = from_fields(cls, document)
        for by in BY:
            numbers = {len(scores.concepts) for scores in found.results if scores.by == by}
            differences = sum(difference.by == by for difference in found.differences)
            if len(numbers) > 1 or 0 < differences < max(numbers, default=0):
                raise InputError(f"'concepts' of {by} must be the same for all models and their 'differences'")
        return found

    @property
    def entropy_bins(self) -> tuple[ConceptScores, ...] | None:
        """The scores of each model by bins of entropy; None without such bins."""
        return tuple(scores for scores in self.results if scores.by == "entropy") or None

    def to_records(self) -> list[dict[str, Any]]:
        """A flat row for each concept of each result, with the unassigned triplets last."""
        records = []
        for result in self.results:
            head = {"embeddings": result.embeddings, "by": result.by}
            head |= {} if result.label is None else {"label": result.label}
            rest = () if result.unassigned is None else (result.unassigned,)
            records += [{**head, **_record(row)} for row in (*result.concepts, *rest)]
        return records

    def differences_csv(self, escape: bool = False) -> str:
        """The differences as CSV with a header, one per row; for `escape` see `Result.to_csv`."""
        return csv_of(list(map(_record, self.differences)), escape)


def _record(row: ConceptScore | ConceptDifference) -> dict[str, Any]:
    """A flat row that has columns for the ends of its intervals even if there is none."""
    record: dict[str, Any] = {}
    for name, value in flat(as_document(row)):
        ends = {f"{name}_low": None, f"{name}_high": None} if name.endswith("ci") else {name: value}
        record.update(ends)
    return record

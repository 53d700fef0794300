"""The result of `pyalign.score_concepts`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, TypeAlias, get_args

from pyalign._dataclass import dataclass
from pyalign._result import OfTask, Result
from pyalign.concept.dimensions import Prototype
from pyalign.data import ODD_ONE_OUT
from pyalign.documents import Interval, WithError, as_document, csv_of, flat, from_fields
from pyalign.errors import InputError
from pyalign.stats.resampling import Inference, inferred
from pyalign.typing import Correction

Grouped: TypeAlias = Literal["dimensions", "categories", "levels", "entropy"]


BY: tuple[Grouped, ...] = get_args(Grouped)


@dataclass(frozen=True)
class ConceptScore(WithError):
    """How well the triplets of one concept are predicted."""

    concept: str  # the label of the dimension, category, level or bin of entropy.
    n_triplets: int  # the number of triplets that are assigned to it.
    n_objects: int  # the number of different objects in these triplets.
    accuracy: float | None  # the accuracy on these triplets, a fraction; None without triplets.
    # the interval of the accuracy, or None. If it was requested but does not exist, `note` says why.
    ci: Interval | None
    cross_entropy: float | None  # nats per triplet; None without triplets, and for choices without probabilities.
    cross_entropy_ci: Interval | None  # the interval of the cross-entropy, in nats.
    note: str | None = None  # why there is no interval, or None.
    # the simultaneous interval of the accuracy over all concepts of the model; None for a bootstrap, and for the
    # unassigned triplets.
    simultaneous_ci: Interval | None = None
    # two-sided, for the hypothesis of no difference from the accuracy on all triplets; None as `simultaneous_ci`.
    p_value: float | None = None
    p_adjusted: float | None = None  # the p-value, corrected over all concepts of the model with the same `by`.
    # effective_objects, effective_subjects: the effective numbers of objects and participants that intervals are over;
    # None if they are at least half of the count. See `pyalign.stats.degrees`.
    effective_objects: float | None = None
    effective_subjects: float | None = None
    # the accuracy shrunk towards that of the other concepts of the model, the more the less certain it is; a fraction.
    # None without an interval, or if fewer than five concepts have one. See `pyalign.stats.pooling`.
    pooled: float | None = None
    pooled_ci: Interval | None = None  # the interval of `pooled`.
    p_lowest: float | None = None  # the probability that no other concept has a lower true accuracy.
    p_highest: float | None = None  # the probability that no other concept has a higher true accuracy.


@dataclass(frozen=True)
class ConceptScores(WithError):
    """The scores of one model for each concept."""

    embeddings: str  # the name of the model; ``(transformed)`` is appended after a transform.
    by: Grouped  # how concepts are defined: by "dimensions", "categories", "levels" or "entropy".
    concepts: tuple[ConceptScore, ...]  # the score of each concept, in the order of the dimensions or categories.
    unassigned: ConceptScore | None  # the score on the triplets without a concept, or None.
    # the number of triplets that were scored. If each triplet has one concept, this is the sum over the concepts and
    # `unassigned`.
    n_triplets: int
    n_ties: int  # the number of tied triplets, including recorded answers that name no item.
    accuracy: float  # the accuracy on all triplets, a fraction.
    ci: Interval | None  # its interval.
    # the cross-entropy on all triplets, in nats; None for choices without probabilities, or if some human choice has
    # probability 0.
    cross_entropy: float | None
    cross_entropy_ci: Interval | None  # its interval.
    label: str | None = None  # a shorter name for tables, or None.
    transform: str | None = None  # the map that was applied to the rows first, or None.
    # the standard deviation of true accuracies between concepts, a fraction; None if no concept has a `pooled`
    # accuracy.
    spread: float | None = None
    spread_ci: Interval | None = None  # its interval.


@dataclass(frozen=True)
class ConceptDifference(WithError):
    """The difference between two models on the same triplets of one concept."""

    embeddings: str  # the name of the first model.
    other: str  # the name of the second model.
    by: Grouped  # how concepts are defined; see `ConceptScores`.
    concept: str  # the label of the concept.
    n_triplets: int  # the number of triplets of the concept.
    difference: float | None  # the accuracy of `embeddings` minus that of `other`, a fraction.
    ci: Interval | None  # its paired interval.
    p_value: float | None  # two-sided, for the hypothesis of no difference.
    p_adjusted: float | None  # the p-value, corrected over all concepts and pairs of models with the same `by`.
    cross_entropy_difference: float | None  # the cross-entropy of `embeddings` minus that of `other`, in nats.
    cross_entropy_ci: Interval | None  # its paired interval.


@dataclass(frozen=True)
class TopObjects:
    """The objects with the largest weights on a dimension."""

    concept: str  # the label of the dimension.
    top: tuple[Prototype, ...]  # the objects, largest weight first.


@dataclass(frozen=True)
class Concepts(OfTask, Result):
    """The scores of one or more models per human concept."""

    command: ClassVar[str] = "concepts"
    rows: ClassVar[str] = "results"
    derived: ClassVar[tuple[str, ...]] = ("chance",)
    among: ClassVar = {"results.embeddings": ("differences.embeddings", "differences.other")}

    results: tuple[ConceptScores, ...]  # a result for each model and each way of grouping.
    # the differences between every two models, or after and before a transform, for each concept.
    differences: tuple[ConceptDifference, ...]
    n_triplets: int  # the number of triplets on which all models were scored.
    n_objects: int  # the number of objects in these triplets.
    n_subjects: int | None  # the number of participants who answered them; None if intervals are not over participants.
    # the number of triplets left out because a row has NaN or infinity, or a recorded choice is missing.
    n_dropped: int
    min_triplets: int  # the number of triplets below which a concept has no interval.
    measure: str | None  # the similarity measure of the embeddings; None without embeddings.
    temperature: float | None  # the temperature of the choice probabilities; None without embeddings.
    ties: str  # how tied triplets count.
    correction: Correction  # how p-values are corrected over all concepts.
    backend: str  # the backend that computed the result.
    # the number of triplets for which several dimensions have the same weight; these are assigned to the lowest. None
    # without dimensions.
    n_assignment_ties: int | None = None
    assign: str | None = None  # how the weights of a pair were combined; None without dimensions.
    top: int | None = None  # the number of dimensions to which each triplet was assigned; None without dimensions.
    inference: Inference = inferred()  # how intervals were found.
    triplets: str | None = None  # the source of the triplets, or None.
    dimensions: str | None = None  # the source of the dimensions, or None.
    task: str = ODD_ONE_OUT  # the task of the triplets, which determines `chance`.
    # the objects with the largest weights on each dimension; None if they were not requested.
    top_objects: tuple[TopObjects, ...] | None = None
    # whose entropy the bins by "entropy" are of, "dimensions" or "answers"; None without such bins.
    entropy: str | None = None

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Concepts:
        """The result of a document; models have the same number of concepts, and differences are of all of them."""
        result = from_fields(cls, document)
        for by in BY:
            numbers = {len(scores.concepts) for scores in result.results if scores.by == by}
            differences = sum(difference.by == by for difference in result.differences)
            if len(numbers) > 1 or 0 < differences < max(numbers, default=0):
                raise InputError(f"'concepts' of {by} must be the same for all models and their 'differences'")
        return result

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

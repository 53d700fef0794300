"""What `pyalign.score_concepts` finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from pyalign._result import OfTask, Result
from pyalign.concept.prototypes import Prototype
from pyalign.data import ODD_ONE_OUT
from pyalign.documents import Interval, as_document, csv_of, flat

BY = ("dimensions", "categories", "levels")


@dataclass(frozen=True)
class ConceptScore:
    """How well the triplets of one concept are predicted.

    Attributes:
        concept: the label of a dimension or a category, or a level.
        n_triplets: triplets that were assigned to it.
        n_objects: different objects in them.
        accuracy: fraction, ties counted as in the whole; None without triplets.
        ci: interval of the accuracy; None where there is none, and then `note` says why if it was asked for.
        simultaneous_ci: the interval of the accuracy that holds together with those of all concepts of the model; None
            by a bootstrap, and of the triplets of no concept.
        p_value: two-sided, of no difference from the accuracy of all triplets; None likewise.
        p_adjusted: the same, corrected over all concepts of the model and this `by`.
        cross_entropy: nats per triplet; None without triplets, and of choices without probabilities.
        cross_entropy_ci: interval, nats.
        note: why there is no interval, or None.
        effective_objects, effective_subjects: effective numbers of those that intervals are over; None where they are
            at least half of the count. See `pyalign.stats.effective`.
        pooled: the accuracy drawn towards that of the other concepts of the model, as far as it is uncertain itself; a
            fraction. None where fewer than five concepts have an interval, and for one without. See
            `pyalign.stats.pooling`.
        pooled_ci: its interval.
        p_lowest, p_highest: the probability that no other concept has a lower, or a higher, true accuracy.
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
    """One model, concept by concept.

    Attributes:
        embeddings: what they are called; after a transform, with ``(transformed)`` behind it.
        by: what the concepts are: "dimensions", "categories" or "levels".
        concepts: one for each, in the order of the dimensions or categories.
        unassigned: the triplets of no concept, where there are some.
        n_triplets: all that were scored. With one concept for each triplet, those of the concepts and of `unassigned`
            add up to it.
        n_ties: tied triplets, or answers that name none.
        accuracy: of all of them, a fraction.
        ci: its interval.
        cross_entropy: of all of them, nats; None of choices without probabilities, or where that of some human's choice
            is 0.
        cross_entropy_ci: its interval.
        label: a shorter name for tables, or None.
        transform: the map that the rows went through first, or None.
        spread: the standard deviation of true accuracies between concepts, a fraction; None as `ConceptScore.pooled`.
        spread_ci: its interval.
    """

    derived: ClassVar[tuple[str, ...]] = ("standard_error",)

    embeddings: str
    by: str
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
    """Two models on the same triplets of one concept.

    Attributes:
        embeddings, other: their names.
        by, concept: of `ConceptScores` and `ConceptScore`.
        n_triplets: triplets of the concept.
        difference: accuracy of `embeddings` less that of `other`, a fraction.
        ci: its interval, paired.
        p_value: two-sided, of no difference.
        p_adjusted: the same, corrected over all concepts and pairs of models of this `by` that have a p-value.
        cross_entropy_difference: nats.
        cross_entropy_ci: its interval.
    """

    derived: ClassVar[tuple[str, ...]] = ("standard_error",)

    embeddings: str
    other: str
    by: str
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
    """The objects that have most of a dimension, `top`, the first has the most."""

    concept: str
    top: tuple[Prototype, ...]


@dataclass(frozen=True)
class Concepts(OfTask, Result):
    """What `concepts` found.

    Attributes:
        results: one for each model and each way of grouping.
        differences: between every two models, or after and before a transform, concept by concept.
        n_triplets: triplets that all models were scored on.
        n_objects: objects in them.
        n_subjects: people who answered them; None where intervals do not count people.
        n_dropped: triplets left out because they touch a row with NaN or infinity, or choices have no answer.
        n_assignment_ties: triplets of which several dimensions carry the same: the lowest had them.
        assign, top: how triplets were assigned to dimensions, and to how many each; None without dimensions.
        min_triplets: a concept with fewer has no interval.
        measure, temperature, ties: of the choices; no measure and no temperature where no embeddings make them.
        ci_by, ci_method, confidence: over what intervals are, how they were found, how often they hold; None without.
        correction: how p-values are corrected over all concepts.
        resamples: of a bootstrap, else None.
        seed: the seed of all random draws.
        effective_objects, effective_subjects: effective numbers of those that intervals are over; None where they are
            at least half of the count. See `pyalign.stats.effective`.
        triplets, dimensions: where they came from, or None.
        task: the task of the triplets; `chance` follows from it.
        top_objects: of each dimension, where they were asked for, else None.
    """

    command: ClassVar[str] = "concepts"
    rows: ClassVar[str] = "results"
    derived: ClassVar[tuple[str, ...]] = ("chance",)

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
    correction: str
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

    def to_records(self) -> list[dict[str, Any]]:
        """A row for each concept of each result, flat; those of no concept last."""
        records = []
        for result in self.results:
            head = {"embeddings": result.embeddings, "by": result.by}
            head |= {} if result.label is None else {"label": result.label}
            rest = () if result.unassigned is None else (result.unassigned,)
            records += [{**head, **_record(row)} for row in (*result.concepts, *rest)]
        return records

    def differences_csv(self, escape: bool = False) -> str:
        """The differences as text, separated by commas, a row each under a header; `escape`: see `Result.to_csv`."""
        return csv_of(list(map(_record, self.differences)), escape)


def _record(row: ConceptScore | ConceptDifference) -> dict[str, Any]:
    """A row, flat, with the ends of its intervals also where there is none."""
    record: dict[str, Any] = {}
    for name, value in flat(as_document(row)):
        ends = {f"{name}_low": None, f"{name}_high": None} if name.endswith("ci") else {name: value}
        record.update(ends)
    return record

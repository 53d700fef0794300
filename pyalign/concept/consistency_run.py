"""One call of `pyalign.error_consistency`: who is right on which triplets, and what follows from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any, TypeVar

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass, replace
from pyalign._process import Progress, silent
from pyalign.analysis.accuracy import ChoiceModel
from pyalign.analysis.choices import Chosen
from pyalign.analysis.comparison.paired_outcomes import OutcomeTable, open_outcome_table
from pyalign.analysis.model_choices import notes_on_choices
from pyalign.analysis.notes import merged, notes_on_models
from pyalign.analysis.outcomes import Outcomes, clusters_of
from pyalign.concept.consistency_result import ErrorConsistency, ErrorPair, MissedConcept, ModelErrors
from pyalign.concept.groupings import Grouping, Ways, groupings_of
from pyalign.data import AlignedModels, alternatives_of
from pyalign.documents import Estimate, Interval
from pyalign.measures import get_measure
from pyalign.stats.clustered import Dependence
from pyalign.stats.degrees import (
    EffectiveNumber, are_enough, effective_numbers, low_values, notes_on_few, without_interval,
)
from pyalign.stats.joint import (
    COPY_OF_A, COPY_OF_B, EXCESS, KAPPA, Joint, chunks, joints, of_counts, pair_counts, share_intervals,
)
from pyalign.stats.multiple import corrected
from pyalign.stats.resampling import Clusters, Inference, Resampling
from pyalign.typing import BackendName, Correction, MeasureLike, Policy

Tested = TypeVar("Tested", ErrorPair, MissedConcept)


@dataclass(frozen=True, eq=False)
class Answers:
    """Who is right."""

    models: tuple[ModelErrors, ...]  # what is known of each alone.
    right: np.ndarray  # uint8 (m, t / 8 rounded up): a bit for each triplet that the model gets right without a tie.
    # for each column of the triplets such bits, of triplets in which the model calls that item odd.
    odd: tuple[np.ndarray, ...]
    index: np.ndarray  # (t, 3) the triplets.
    backend: str  # what computed.
    notes: tuple[str, ...]  # a sentence each.


@dataclass(frozen=True, eq=False)
class Run:
    """The options of one call; see `pyalign.error_consistency`."""

    aligned: AlignedModels  # models and triplets.
    choices: Mapping[str, Chosen]  # of models that are known by these only.
    dimensions: Any  # of the same rows, or None.
    measure: MeasureLike
    nan_policy: Policy
    backend: BackendName
    plan: Resampling | None
    people: object  # (t,) who answered, or None.
    correction: Correction
    least: int
    progress: Progress

    def result(self, by: Ways) -> ErrorConsistency:
        """Answers, compares."""
        aligned, (answers, table) = self.aligned, self._answers()
        clusters, plan = clusters_of(table, aligned, self.people, self.plan)
        numbers = () if plan is None else effective_numbers(clusters, plan.by)
        used = plan if are_enough(numbers) else None
        dependence = Dependence.of(clusters, used) if used is not None and _closed(used) else None
        names = [errors.model for errors in answers.models]
        pairs = error_pairs(names, answers.right, clusters, dependence, used, self.correction, self.progress)
        pairs = with_same_choices(pairs, answers.odd, clusters, dependence, used)
        missed = missed_by_all(answers.right, len(answers.index))
        concepts: tuple[MissedConcept, ...] | None = None
        notes: tuple[str, ...] = ()
        if self.dimensions is not None or by.categories is not None:
            concepts, notes = self._missed(answers, missed, clusters, dependence, used, by)
        return ErrorConsistency(
            models=answers.models,
            pairs=pairs,
            missed=concepts,
            n_triplets=len(answers.index),
            n_missed=int(np.unpackbits(missed, count=len(answers.index)).sum(dtype=np.int64)),
            n_dropped=0 if table.kept is None else int((~table.kept).sum()),
            n_objects=clusters.n,
            n_subjects=clusters.people if plan is not None and "subjects" in plan.by else None,
            measure=str(get_measure(self.measure)) if aligned.models else None,
            correction=self.correction,
            min_triplets=self.least,
            backend=answers.backend,
            inference=Inference.of(plan, **low_values(numbers)),
            task=aligned.triplets.task,
            notes=merged(
                aligned.notes, answers.notes, notes, notes_on_few(numbers),
                _notes_on_kappa(answers.models, pairs, plan, numbers),
            ),
        )

    def _answers(self) -> tuple[Answers, OutcomeTable]:
        aligned, task = self.aligned, self.aligned.triplets.task
        alternatives, odd = alternatives_of(task), list[np.ndarray]()  # (3, t / 8) of each model

        def note_odd(outcomes: Outcomes) -> None:
            if outcomes.similarities.shape[1]:  # recorded choices have none
                odd.append(_odd_bits(odd_of(outcomes.similarities[:, :alternatives])))

        outcomes = open_outcome_table(
            aligned, ChoiceModel(self.measure, ties="wrong", nan_policy=self.nan_policy), self.backend,
            progress=self.progress, choices=self.choices, look=note_odd,
        )
        kept = slice(None) if outcomes.kept is None else outcomes.kept
        index = _checks.as_triplets(aligned.index)[kept]
        notes = notes_on_models(replace(aligned, index=index), dict.fromkeys(aligned.models, self.measure))
        errors = tuple(_errors_of(outcomes, k, len(index)) for k in range(len(outcomes.names)))
        odd += [_odd_bits(one.odd[kept]) for one in self.choices.values()]
        all_notes = merged(notes, notes_on_choices(self.choices, task, ""))
        bits = tuple(np.stack(odd, axis=1))
        return Answers(errors, outcomes.right, bits, index, outcomes.scores[0].backend, all_notes), outcomes

    def _missed(
        self, answers: Answers, missed: np.ndarray, clusters: Clusters, dependence: Dependence | None,
        plan: Resampling | None, by: Ways,
    ) -> tuple[tuple[MissedConcept, ...], tuple[str, ...]]:
        aligned, rows = self.aligned, self.dimensions
        table = None if rows is None else _checks.as_array(rows, "dimensions", "(n, k)")
        n = aligned.n_items if rows is None else len(rows)
        groupings = groupings_of(answers.index, n, aligned.names, table, by)
        concepts = [
            concept
            for grouping in groupings.all
            for concept in self._missed_concepts(missed, grouping, clusters, dependence, plan)
        ]
        return tuple(concepts), groupings.notes

    def _missed_concepts(
        self, missed: np.ndarray, grouping: Grouping, clusters: Clusters, dependence: Dependence | None,
        plan: Resampling | None,
    ) -> tuple[MissedConcept, ...]:
        """Each concept of a grouping, where `missed` has a bit for each triplet that all models miss."""
        t = len(clusters.objects)
        whole = np.unpackbits(missed, count=t)
        counts = grouping.sums(whole)
        n_missed, sizes = int(whole.sum(dtype=np.int64)), grouping.sizes
        large = [k for k in range(len(grouping.labels)) if sizes[k] >= self.least]
        known: dict[int, Joint | None] = {}
        for part in _some(large):
            bits = np.stack([missed, *(_bits_of(grouping.part(k), t) for k in part)])
            pairs = [(0, 1 + k) for k in range(len(part))]
            known |= zip(part, joints(bits, pairs, clusters, dependence, plan, self.progress), strict=True)
        rows = [
            _concept(grouping, k, int(sizes[k]), int(counts[k]), n_missed, t, known.get(k))
            for k in range(len(grouping.labels))
        ]
        return adjusted(rows, self.correction)


def _closed(plan: Resampling) -> bool:
    """Whether errors in closed form are the intervals, or what a bootstrap over objects is brought to."""
    return plan.closed or (plan.method == "bootstrap" and plan.by == "objects")


def _errors_of(outcomes: OutcomeTable, k: int, t: int) -> ModelErrors:
    right = int(np.unpackbits(outcomes.right[k], count=t).sum(dtype=np.int64)) / t
    return ModelErrors(outcomes.names[k], right, outcomes.scores[k].n_ties)


def odd_of(similarities: np.ndarray) -> np.ndarray:
    """(t,): the column that similarities (t, 3) of the pairs 01, 02, 12 leave out, -1 where pairs tie.

    Example:
        >>> odd_of(np.array([[0.9, 0.1, 0.2], [0.1, 0.9, 0.2], [0.5, 0.5, 0.1]])).tolist()
        [2, 1, -1]
    """
    top = similarities == similarities.max(axis=1, keepdims=True)
    return np.where(top.sum(axis=1) == 1, 2 - top.argmax(axis=1), -1)


def _odd_bits(odd: np.ndarray) -> np.ndarray:
    """uint8 (3, t / 8 rounded up): a bit for each triplet whose odd column (t,) is the first, second, third."""
    return np.packbits(odd == np.arange(3)[:, None], axis=1)


def with_same_choices(
    pairs: Sequence[ErrorPair], odd: Sequence[np.ndarray], clusters: Clusters, dependence: Dependence | None,
    plan: Resampling | None,
) -> tuple[ErrorPair, ...]:
    """The pairs, every two of m models, with the proportion of triplets in which both call the same item odd.

    odd: see `Answers`, (m, t / 8) for each column. clusters, dependence, plan: see `pyalign.stats.joint.joints`.
    """
    t, m = len(clusters.objects), len(odd[0])
    same = np.sum([pair_counts(bits, t) for bits in odd], axis=0) / t
    places = list(combinations(range(m), 2))
    intervals: dict[tuple[int, int], Interval | None] = {}
    for a, partners in chunks(places) if plan is not None else ():
        of_both = np.bitwise_or.reduce([bits[a] & bits[partners] for bits in odd])
        columns = np.unpackbits(of_both, axis=1, count=t).T.view(np.int8)
        assert plan is not None
        of_partners = share_intervals(columns, clusters, dependence, plan)
        intervals |= {(a, b): ci for b, ci in zip(partners, of_partners, strict=True)}
    return tuple(
        replace(pair, same_choice=Estimate(same[at], intervals.get(at)))
        for pair, at in zip(pairs, places, strict=True)
    )


def _notes_on_kappa(
    models: tuple[ModelErrors, ...], pairs: tuple[ErrorPair, ...], plan: Resampling | None,
    numbers: tuple[EffectiveNumber, ...],
) -> tuple[str, ...]:
    """What has no kappa, or no interval, and why."""
    always = {0.0: "always wrong", 1.0: "always right"}
    flat = [errors for errors in models if errors.right in always]
    notes = [f"{errors.model} is {always[errors.right]}: kappa with it is not defined" for errors in flat]
    bare = [pair for pair in pairs if pair.kappa is not None and pair.ci is None]
    if plan is not None and bare:
        drawn = f"a resample of {plan.by} leaves a model that is always right or always wrong"
        in_closed_form = plan.closed or not are_enough(numbers)
        notes.append(without_interval(plan.by, numbers) if in_closed_form else f"there is no interval: {drawn}")
    return tuple(notes)


def error_pairs(
    names: Sequence[str], right: np.ndarray, clusters: Clusters, dependence: Dependence | None,
    plan: Resampling | None, correction: Correction, progress: Progress = silent,
) -> tuple[ErrorPair, ...]:
    """Every two of m models, of which `right` (m, t / 8) holds a bit for each triplet that they get right."""
    counts = pair_counts(right, len(clusters.objects))
    pairs = list(combinations(range(len(names)), 2))
    known = joints(right, pairs, clusters, dependence, plan, progress)
    rows = [_pair(names, counts, pair, joint, len(clusters.objects)) for pair, joint in zip(pairs, known, strict=True)]
    return adjusted(rows, correction)


def _pair(names: Sequence[str], counts: np.ndarray, pair: tuple[int, int], joint: Joint | None, t: int) -> ErrorPair:
    a, b = pair
    right_a, right_b, both = (int(counts[place]) for place in ((a, a), (b, b), (a, b)))
    agreement = of_counts(t, right_a, right_b, both)
    joint = None if agreement.kappa is None else joint
    copied = agreement.copy_probability
    of_a = right_a >= right_b  # the more accurate one is held to be copied
    return ErrorPair(
        a=names[a],
        b=names[b],
        n_triplets=t,
        accuracy_a=agreement.accuracy_a,
        accuracy_b=agreement.accuracy_b,
        observed=agreement.observed,
        expected=agreement.expected,
        kappa=agreement.kappa,
        ci=None if joint is None else joint.interval(KAPPA),
        kappa_min=agreement.kappa_min,
        kappa_max=agreement.kappa_max,
        unbiased_kappa=agreement.unbiased_kappa,
        copied=None if agreement.kappa is None else names[a if of_a else b],
        copy_probability=None if copied is None else Estimate(
            copied, None if joint is None else joint.interval(COPY_OF_A if of_a else COPY_OF_B)),
        p_value=None if joint is None else joint.p_value(KAPPA),
        p_adjusted=None,
    )


def missed_by_all(right: np.ndarray, t: int) -> np.ndarray:
    """uint8 (t / 8 rounded up): a bit for each of t triplets that no model gets right.

    Example:
        >>> np.unpackbits(missed_by_all(np.packbits([[1, 0, 0], [0, 0, 1]], axis=1), 3)).tolist()
        [0, 1, 0, 0, 0, 0, 0, 0]
    """
    missed = np.unpackbits(np.bitwise_or.reduce(right, axis=0), count=t) == 0
    return np.packbits(missed)


def _concept(
    grouping: Grouping, k: int, size: int, count: int, n_missed: int, t: int, joint: Joint | None
) -> MissedConcept:
    expected = n_missed / t
    excess = count / size - expected if size else None
    joint = joint if 0 < n_missed < t and size < t else None
    return MissedConcept(
        by=grouping.by,
        concept=grouping.labels[k],
        n_triplets=size,
        n_missed=count,
        missed=count / size if size else None,
        expected=expected,
        ratio=count * t / (size * n_missed) if size and n_missed else None,
        excess=excess,
        ci=None if joint is None else joint.interval(EXCESS),
        p_value=None if joint is None else joint.p_value(EXCESS),
        p_adjusted=None,
        share=count / n_missed if n_missed else None,
        explained=(count - size * n_missed / t) / n_missed if n_missed else None,
    )


def adjusted(rows: Sequence[Tested], correction: Correction) -> tuple[Tested, ...]:
    """The rows with their p-values corrected over all rows that have one."""
    p_values = corrected([row.p_value for row in rows], correction)
    return tuple(replace(row, p_adjusted=p) for row, p in zip(rows, p_values, strict=True))


def _some(places: Sequence[int], together: int = 8) -> Iterator[Sequence[int]]:
    for start in range(0, len(places), together):
        yield places[start : start + together]


def _bits_of(rows: np.ndarray, t: int) -> np.ndarray:
    within = np.zeros(t, bool)
    within[rows] = True
    return np.packbits(within)

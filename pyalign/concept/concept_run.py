"""One call of `pyalign.score_concepts`, its inputs in one order of rows: groups, scores, and the figures of each
group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import repeat

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass, replace
from pyalign._process import Progress
from pyalign.analysis.accuracy import ChoiceModel
from pyalign.analysis.choices import Chosen
from pyalign.analysis.comparison.paired_outcomes import (
    ACCURACY, NATS, ClosedForm, OutcomeTable, common_triplets, open_outcome_table,
)
from pyalign.analysis.model_choices import notes_on_choices
from pyalign.analysis.notes import merged, notes_on_rows, notes_on_score
from pyalign.analysis.outcomes import Outcomes, clusters_of
from pyalign.concept.concepts_result import ConceptDifference, Concepts, ConceptScore, ConceptScores
from pyalign.concept.groupings import Grouping, Groupings, Ways, groupings_of
from pyalign.concept.parts import Families, Part, Parts, SimultaneousInference, simultaneous_inference
from pyalign.data import AlignedModels, Transform
from pyalign.ops.similarity import notes_on_similarities
from pyalign.stats.degrees import low_values, notes_on_few
from pyalign.stats.multiple import corrected
from pyalign.stats.pooling import Pooled, PooledGroup, common_covariance, partially_pooled
from pyalign.stats.resampling import Inference, Resampling
from pyalign.typing import BackendName, Correction

NO_CONCEPT = "(none)"
NAMED = 5  # concepts without an interval that a note names


@dataclass(frozen=True, eq=False)
class Run:
    """One call."""

    aligned: AlignedModels  # models and triplets.
    choices: Mapping[str, Chosen]  # of models that are known by these only.
    dimensions: np.ndarray | None  # of the same rows, or None.
    how: ChoiceModel
    backend: BackendName  # that was asked for.
    plan: Resampling | None  # of the intervals, or None.
    people: object  # who answered, or None.
    # correction, least: of p-values; the fewest triplets of a concept with an interval.
    correction: Correction
    least: int
    transform: Transform | None  # that half of the models went through.
    pairs: Sequence[tuple[str, str]]  # of models that are compared: the second is taken off the first.
    families: Families | None  # of the models, whose means are further rows; None without.
    progress: Progress  # see `pyalign.score_concepts`.

    def result(self, by: Ways) -> Concepts:
        """Groups, scores, and takes the figures of each group."""
        aligned, dimensions = self.aligned, self.dimensions
        index = _checks.as_triplets(aligned.index)
        with_rows = aligned.models if self.how.nan_policy == "omit" else {}
        kept = common_triplets(with_rows, index, self.backend, choices=self.choices)
        index = index if kept is None else index[kept]
        chosen = {name: recorded.take(kept) for name, recorded in self.choices.items()}
        n = aligned.n_items if dimensions is None else len(dimensions)
        rows = None if dimensions is None else _checks.as_array(dimensions, "dimensions", "(n, k)")
        groupings = groupings_of(index, n, aligned.names, rows, by, self.backend)
        nats: list[list[np.ndarray]] = []

        def look(model_outcomes: Outcomes) -> None:
            there = 0.0 if model_outcomes.score.cross_entropy is not None else np.nan  # no sum of what is not known
            nats.append([grouping.sums(model_outcomes.cross_entropy) + there for grouping in groupings.all])

        outcomes = open_outcome_table(
            replace(aligned, index=index), self.how, self.backend, progress=self.progress, look=look, choices=chosen,
        )
        parts = self._parts(replace(outcomes, kept=kept))
        sums = [np.stack([of_model[k] for of_model in nats]) for k in range(len(groupings.all))]
        by_grouping = [
            list(parts.of(grouping, own, self.progress)) for grouping, own in zip(groupings.all, sums, strict=True)
        ]
        whole = parts.whole(by_grouping[0], self.progress)
        if self.families is not None:
            by_grouping = [list(map(self.families.added, of_grouping)) for of_grouping in by_grouping]
            whole = self.families.added(whole)
        return self._concepts(outcomes, groupings, by_grouping, whole, parts, 0 if kept is None else int((~kept).sum()))

    def _parts(self, outcomes: OutcomeTable) -> Parts:
        clusters, plan = clusters_of(outcomes, self.aligned, self.people, self.plan)
        if clusters.n < 1 << 15:  # rows are taken for each part: half as many bytes
            clusters = replace(clusters, objects=np.asarray(clusters.objects, np.int16))
        return Parts(outcomes, clusters, plan, self.least)

    def _concepts(
        self, outcomes: OutcomeTable, groupings: Groupings, by_grouping: list[list[Part]], whole: Part, of: Parts,
        dropped: int,
    ) -> Concepts:
        after = set() if self.transform is None else {name for name, _ in self.pairs}
        source = None if self.transform is None else self.transform.source or "given"
        plan, clusters = of.plan, of.clusters
        both = list(zip(groupings.all, by_grouping, strict=True))
        means = () if self.families is None else self.families.names
        names, ties = (*outcomes.names, *means), [*(score.n_ties for score in outcomes.scores), *(0 for _ in means)]
        results = [
            replace(
                result_of(k, grouping, parts, whole, self.correction), embeddings=name, n_ties=ties[k],
                transform=source if name in after else None,
            )
            for k, name in enumerate(names)
            for grouping, parts in both
        ]
        separate_pairs = [self.pairs] if self.families is None else [self.pairs, self.families.pairs]
        differences = [
            difference
            for pairs in separate_pairs  # p-values of families are corrected by themselves
            for grouping, parts in both
            for difference in differences_of(names, pairs, grouping, parts, self.correction)
        ]
        score = outcomes.scores[0]
        return Concepts(
            results=tuple(results), differences=tuple(differences), n_triplets=len(outcomes.credits),
            n_objects=whole.n_objects,
            n_subjects=clusters.people if plan is not None and "subjects" in plan.by else None,
            n_dropped=dropped, min_triplets=self.least, measure=score.measure, temperature=score.temperature,
            ties=score.ties, correction=self.correction,
            backend=score.backend,
            n_assignment_ties=groupings.n_tied,
            inference=Inference.of(plan, **low_values(whole.numbers)),
            task=score.task,
            notes=merged(groupings.notes, notes_on_small(both), self._notes(outcomes, whole)),
        )

    def _notes(self, outcomes: OutcomeTable, whole: Part) -> list[str]:
        notes = [*([] if whole.note is None else [whole.note]), *notes_on_few(whole.numbers)]
        index, task = self.aligned.index, outcomes.scores[0].task
        for name, score in zip(outcomes.names, outcomes.scores, strict=True):
            assert score.accuracy is not None
            if name in self.aligned.models:
                x = self.aligned.models[name]
                notes += notes_on_rows(x, self.aligned, name)
                notes += notes_on_similarities(x, index, self.how.measure, name)
            rows = name not in self.choices
            notes += notes_on_score(score.accuracy, score.n_triplets, score.cross_entropy or 0.0, name, task, rows)
        return [*notes, *notes_on_choices(self.choices, task)]


def result_of(k: int, grouping: Grouping, parts: Sequence[Part], whole: Part, correction: str) -> ConceptScores:
    """The result of model k, but for its name, ties and map."""
    *of_concepts, rest = parts
    among_all = simultaneous_inference(k, of_concepts, whole, correction)
    pooled = _pooled(k, parts, whole)
    intervals = whole.intervals
    _, nats = _known(whole.estimates[:, k])
    return ConceptScores(
        embeddings="",
        by=grouping.by,
        concepts=tuple(
            _row(label, part, k, inference, group)
            for label, part, inference, group in zip(
                grouping.labels, of_concepts, among_all, pooled.groups if pooled else repeat(None), strict=False
            )
        ),
        unassigned=_row(NO_CONCEPT, rest, k) if rest.n_triplets else None,
        n_triplets=whole.n_triplets,
        n_ties=0,
        accuracy=float(whole.estimates[ACCURACY, k]),
        ci=None if intervals is None else intervals.own(k, ACCURACY),
        cross_entropy=nats,
        cross_entropy_ci=None if intervals is None else intervals.own(k, NATS),
        transform=None,
        spread=None if pooled is None else pooled.spread,
        spread_ci=None if pooled is None else pooled.spread_ci,
    )


def _pooled(k: int, parts: Sequence[Part], whole: Part) -> Pooled | None:
    """The accuracies of model k for all concepts that have an interval, in one hierarchical model.

    The last of the parts are the triplets of no concept.
    """
    errors = [_error(k, part) for part in parts]
    plan = next((part.intervals.plan for part in parts[:-1] if isinstance(part.intervals, ClosedForm)), None)
    if plan is None:
        return None
    common = common_covariance(_error(k, whole), whole.n_triplets, [part.n_triplets for part in parts], errors)
    rows = [part.intervals.errors[ACCURACY].rows if isinstance(part.intervals, ClosedForm) else 0.0 for part in parts]
    accuracies = [_known(part.estimates[:, k])[0] for part in parts]
    return partially_pooled(accuracies[:-1], errors[:-1], rows[:-1], plan, common)


def _error(k: int, part: Part) -> float | None:
    """The standard error of the accuracy of model k, where it is in closed form."""
    form = part.intervals
    return float(form.errors[ACCURACY].errors[k]) if isinstance(form, ClosedForm) else None


def _row(
    label: str, part: Part, k: int, among_all: SimultaneousInference | None = None, pooled: PooledGroup | None = None
) -> ConceptScore:
    accuracy, nats = _known(part.estimates[:, k])
    intervals = part.intervals
    return ConceptScore(
        concept=label,
        n_triplets=part.n_triplets,
        n_objects=part.n_objects,
        accuracy=accuracy,
        ci=None if intervals is None else intervals.own(k, ACCURACY),
        cross_entropy=nats,
        cross_entropy_ci=None if intervals is None else intervals.own(k, NATS),
        note=part.note,
        **vars(among_all or SimultaneousInference()),
        **low_values(part.numbers),
        pooled=None if pooled is None else pooled.accuracy,
        pooled_ci=None if pooled is None else pooled.ci,
        p_lowest=None if pooled is None else pooled.p_lowest,
        p_highest=None if pooled is None else pooled.p_highest,
    )


def _known(estimates: np.ndarray) -> tuple[float | None, float | None]:
    accuracy, nats = (None if np.isnan(estimate) else float(estimate) for estimate in estimates)
    return accuracy, nats


def differences_of(
    names: Sequence[str], pairs: Sequence[tuple[str, str]], grouping: Grouping, parts: Sequence[Part],
    correction: Correction,
) -> list[ConceptDifference]:
    """Concept by concept for each pair of models; p-values are corrected over all of them."""
    rows = [(names.index(a), names.index(b), k) for a, b in pairs for k in range(len(grouping.labels))]
    p_values = [None if parts[k].intervals is None else _p_value(parts[k], a, b) for a, b, k in rows]
    return [
        _difference(names, grouping, parts, row, p, of_all)
        for row, p, of_all in zip(rows, p_values, corrected(p_values, correction), strict=True)
    ]


def _p_value(part: Part, a: int, b: int) -> float | None:
    assert part.intervals is not None
    return part.intervals.p_value(a, b)


def _difference(
    names: Sequence[str], grouping: Grouping, parts: Sequence[Part], row: tuple[int, int, int], p_value: float | None,
    adjusted: float | None,
) -> ConceptDifference:
    a, b, k = row
    part = parts[k]
    accuracy, nats = _known(part.estimates[:, a] - part.estimates[:, b])
    intervals = part.intervals
    return ConceptDifference(
        embeddings=names[a],
        other=names[b],
        by=grouping.by,
        concept=grouping.labels[k],
        n_triplets=part.n_triplets,
        difference=accuracy,
        ci=None if intervals is None else intervals.difference(a, b, ACCURACY),
        p_value=p_value,
        p_adjusted=adjusted,
        cross_entropy_difference=nats,
        cross_entropy_ci=None if intervals is None else intervals.difference(a, b, NATS),
    )


def notes_on_small(both: Sequence[tuple[Grouping, Sequence[Part]]]) -> list[str]:
    """The concepts without an interval where others have one: each of their rows says why."""
    notes = []
    for grouping, parts in both:
        labels = (*grouping.labels, NO_CONCEPT)
        small = [label for label, part in zip(labels, parts, strict=True) if part.note and part.n_triplets]
        empty = [label for label, part in zip(grouping.labels, parts, strict=False) if not part.n_triplets]
        of = f"of {len(grouping.labels):,} {'bins of entropy' if grouping.by == 'entropy' else grouping.by}"
        if small:
            notes.append(f"{len(small):,} {of} without an interval, too few triplets or objects: {_listed(small)}")
        if empty:
            notes.append(f"{len(empty):,} {of} without a triplet: {_listed(empty)}")
    return notes


def _listed(labels: Sequence[str]) -> str:
    more = f", and {len(labels) - NAMED:,} more" if len(labels) > NAMED else ""
    return ", ".join(labels[:NAMED]) + more

"""One call of `pyalign.concepts`, its inputs in one order of rows: groups, scores, and the figures of each group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pyalign import _checks
from pyalign.analysis.ledger import Ledger, common_triplets, open_ledger
from pyalign.analysis.notes import merged, notes_on_rows, notes_on_score, notes_on_similarities
from pyalign.analysis.outcomes import Outcomes
from pyalign.concept.concept_rows import differences_of, notes_on_small, result_of
from pyalign.concept.concepts_result import Concepts
from pyalign.concept.groupings import Groupings, groupings_of
from pyalign.concept.parts import Part, Parts
from pyalign.data import AlignedModels, Transform
from pyalign.data.subjects import checked_labels
from pyalign.progress import Progress
from pyalign.stats.resampling import Clusters, Resampling


@dataclass(frozen=True, eq=False)
class Run:
    """One call.

    Attributes:
        aligned: models and triplets.
        dimensions: of the same rows, or None.
        options: measure, temperature, ties and nan.
        backend: that was asked for.
        plan: of the intervals, or None.
        subjects: who answered, in place of those of the triplets.
        correction, least: of p-values; the fewest triplets of a concept with an interval.
        transform: that half of the models went through.
        pairs: of models that are compared: the second is taken off the first.
        progress: see `pyalign.concepts`.
    """

    aligned: AlignedModels
    dimensions: np.ndarray | None
    options: Mapping[str, Any]
    backend: str
    plan: Resampling | None
    subjects: object
    correction: str
    least: int
    transform: Transform | None
    pairs: Sequence[tuple[str, str]]
    progress: Progress

    def found(self, grouped: Mapping[str, Any]) -> Concepts:
        """Groups, scores, and takes the figures of each group."""
        aligned, dimensions = self.aligned, self.dimensions
        index = _checks.as_triplets(aligned.index)
        kept = common_triplets(aligned.models, index, self.backend) if self.options["nan"] == "omit" else None
        index = index if kept is None else index[kept]
        n = len(next(iter(aligned.models.values())))
        rows = None if dimensions is None else _checks.as_array(dimensions, "dimensions", "(n, k)")
        groupings = groupings_of(index, n, aligned.names, dimensions=rows, backend=self.backend, **grouped)
        nats: list[list[np.ndarray]] = []

        def look(one: Outcomes) -> None:
            nats.append([grouping.sums(one.cross_entropy) for grouping in groupings.all])

        ledger = open_ledger(
            aligned.models, index, **self.options, backend=self.backend, task=aligned.triplets.task,
            progress=self.progress, look=look, names=aligned.names,
        )  # fmt: skip
        parts = self._parts(ledger, index, kept)
        sums = [np.stack([of_model[k] for of_model in nats]) for k in range(len(groupings.all))]
        found = [list(parts.of(one, own, self.progress)) for one, own in zip(groupings.all, sums, strict=True)]
        whole = parts.whole(found[0], self.progress)
        return self._concepts(ledger, groupings, found, whole, parts, 0 if kept is None else int((~kept).sum()))

    def _parts(self, ledger: Ledger, index: np.ndarray, kept: np.ndarray | None) -> Parts:
        people = self.aligned.triplets.subjects if self.subjects is None else self.subjects
        if people is not None and kept is not None:
            people = checked_labels(people, len(kept))[kept]
        plan = None if self.plan is None else self.plan.over(people)
        counted = people if plan is not None and "subjects" in plan.by else None
        clusters = Clusters.of(index, counted, ledger.scores[0].backend)
        if clusters.n < 1 << 15:  # rows are taken for each part: half as many bytes
            clusters = replace(clusters, objects=np.asarray(clusters.objects, np.int16))
        return Parts(ledger, clusters, plan, self.least)

    def _concepts(
        self, ledger: Ledger, groupings: Groupings, found: list[list[Part]], whole: Part, of: Parts,
        dropped: int,
    ) -> Concepts:  # fmt: skip
        after = set() if self.transform is None else {name for name, _ in self.pairs}
        source = None if self.transform is None else self.transform.source or "given"
        plan, clusters = of.plan, of.clusters
        both = list(zip(groupings.all, found, strict=True))
        results = [
            result_of(k, name, grouping, parts, whole, ledger, source if name in after else None)
            for k, name in enumerate(ledger.names)
            for grouping, parts in both
        ]
        differences = [
            one
            for grouping, parts in both
            for one in differences_of(ledger.names, self.pairs, grouping, parts, self.correction)
        ]
        score = ledger.scores[0]
        assert score.measure is not None and score.temperature is not None
        drawn = plan is not None and plan.method != "corrected"
        return Concepts(
            results=tuple(results),
            differences=tuple(differences),
            n_triplets=len(ledger.credits),
            n_objects=whole.n_objects,
            n_subjects=clusters.people if plan is not None and "subjects" in plan.by else None,
            n_dropped=dropped,
            min_triplets=self.least,
            measure=score.measure,
            temperature=score.temperature,
            ties=score.ties,
            correction=self.correction,
            seed=0 if plan is None else plan.seed,
            backend=score.backend,
            n_assignment_ties=groupings.n_tied,
            ci_by=None if plan is None else plan.by,
            ci_method=None if plan is None else plan.method,
            confidence=None if plan is None else float(plan.confidence),
            resamples=plan.drawn if drawn and plan is not None else None,
            task=score.task,
            notes=merged(groupings.notes, notes_on_small(both), self._notes(ledger, whole)),
        )

    def _notes(self, ledger: Ledger, whole: Part) -> list[str]:
        told = [] if whole.note is None else [whole.note]
        for name, one in zip(ledger.names, ledger.scores, strict=True):
            assert one.accuracy is not None and one.cross_entropy is not None
            x, index = self.aligned.models[name], self.aligned.index
            told += notes_on_rows(x, index, name, one.task)
            told += notes_on_similarities(x, index, self.options["measure"], name)
            told += notes_on_score(one.accuracy, one.n_triplets, one.cross_entropy, name, one.task)
        return told

"""Held-out figures of a learned embedding and of others on the same answers, with their intervals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pyalign._dataclass import dataclass, replace
from pyalign.analysis.order import notes_on_order
from pyalign.data import align
from pyalign.documents import Interval
from pyalign.embedding.inputs import EmbeddingInputs
from pyalign.embedding.match import known_mean, matched
from pyalign.embedding.validated import EmbeddingComparison
from pyalign.fitting.algebra import host_rows, host_triplets
from pyalign.fitting.predicted import predicted_answers
from pyalign.stats.clustered import Dependence, Errors
from pyalign.stats.effective import notes_on_few, without_interval
from pyalign.stats.intervals import POSITIVE, proportion_interval, student_interval
from pyalign.stats.resampling import (
    AUTO,
    CORRECTED,
    Clusters,
    Resampling,
    enough_participants,
    plan_of,
    require_participants,
)
from pyalign.typing import EmbeddingsLike

ACCURACY, NATS = 0, 1  # columns of the learned embedding's figures; those of each other one follow


def plan_for(ci: object, split: str, subjects: object) -> Resampling | None:
    """What intervals are over: participants where they are held out or enough of them are known, otherwise triplets."""
    plan = plan_of(ci, ("subjects", "triplets"), (CORRECTED,))
    if plan is not None and plan.by == AUTO:
        plan = replace(plan, by="subjects" if split == "subjects" or enough_participants(subjects) else "triplets")
    if plan is not None and plan.by == "subjects":
        require_participants(subjects)
    return plan


@dataclass(frozen=True, eq=False)
class Other:
    """Another embedding, judged by inner products."""

    name: str  # of it.
    right: np.ndarray  # (t,) answers to each triplet that it predicts.
    nats: np.ndarray  # (t,) -log p of these answers.
    objects: np.ndarray  # (m,) the objects of the fit that it has rows for, and rows: (m, d) these.
    rows: np.ndarray
    notes: tuple[str, ...]  # on the order of its rows.

    @classmethod
    def of(cls, x: EmbeddingsLike, name: str, inputs: EmbeddingInputs) -> Other:
        """What it says of all answers; raises where it lacks an object."""
        aligned = align(x, replace(inputs.arguments["triplets"], names=inputs.names), f"against[{name!r}]")
        rows = host_rows(inputs.on, aligned.x, f"against[{name!r}]")
        index = host_triplets(inputs.on, aligned.index)
        predicted = predicted_answers(
            inputs.on.for_scoring(rows), index, inputs.answers, "dot", 1.0, inputs.on, "odd-one-out"
        )
        objects, first = np.unique(inputs.index, return_index=True)
        order = notes_on_order(aligned, name)
        return cls(name, predicted.right, predicted.nats, objects, rows[index.ravel()[first]], order)


@dataclass(frozen=True, eq=False)
class HeldOutFigures:
    """Means over folds, and their errors."""

    means: tuple[float, ...]  # accuracy and nats of the learned embedding, then of each other one.
    errors: Errors | None  # of these; None without intervals.
    plan: Resampling | None  # what intervals are over, or None.
    notes: tuple[str, ...]  # why there are none, or few.

    @classmethod
    def of(
        cls, tables: Sequence[np.ndarray], tests: Sequence[np.ndarray], others: Sequence[Other],
        inputs: EmbeddingInputs, plan: Resampling | None,
    ) -> HeldOutFigures:  # fmt: skip
        """From the held-out triplets of each fold, and a table (t, 3) of each: weights, right answers, nats."""
        parts = []
        for table, test in zip(tables, tests, strict=True):
            columns = [table, *(np.column_stack([other.right[test], other.nats[test]]) for other in others)]
            parts.append(np.column_stack(columns) / (table[:, 0].sum() * len(tables)))
        joined = np.concatenate(parts)
        means = tuple(map(float, joined[:, 1:].sum(axis=0)))
        if plan is None:
            return cls(means, None, None, ())
        rows = np.concatenate(tests)
        people = inputs.subjects[rows] if plan.by == "subjects" and inputs.subjects is not None else None
        errors = Dependence.of(Clusters.of(inputs.index[rows], people, inputs.on.backend.name), plan).errors(joined)
        notes = notes_on_few(errors.numbers)
        if not errors.known:
            return cls(means, None, plan, (*notes, without_interval(plan.by, errors.numbers)))
        return cls(means, errors, plan, notes)

    def fraction(self, column: int) -> Interval | None:
        """The interval of an accuracy."""
        if self.errors is None or self.plan is None:
            return None
        error, degrees = self.errors.errors[column], self.errors.degrees_of_means[column]
        return proportion_interval(self.means[column], float(error), float(degrees), self.errors.rows, self.plan)

    def nats(self, column: int) -> Interval | None:
        """The interval of a cross-entropy."""
        if self.errors is None or self.plan is None:
            return None
        error, degrees = self.errors.errors[column], self.errors.degrees_of_means[column]
        return student_interval(self.means[column], float(error), float(degrees), self.plan, POSITIVE)

    def difference(self, column: int, less: int) -> Interval | None:
        """The interval of a difference of two means, paired over the same triplets."""
        if self.errors is None or self.plan is None:
            return None
        error, degrees = self.errors.differences[column, less], self.errors.degrees_of_differences[column, less]
        return student_interval(self.means[column] - self.means[less], float(error), float(degrees), self.plan)

    def comparison(self, number: int, other: Other, rows: np.ndarray) -> EmbeddingComparison:
        """The figures of the other embedding of that number; rows: (n, d), fitted to all answers."""
        right, nats = 2 * number + 2, 2 * number + 3
        return EmbeddingComparison(
            embeddings=other.name,
            accuracy=self.means[right],
            accuracy_interval=self.fraction(right),
            cross_entropy=self.means[nats],
            cross_entropy_interval=self.nats(nats),
            difference=self.means[ACCURACY] - self.means[right],
            difference_interval=self.difference(ACCURACY, right),
            cross_entropy_difference=self.means[NATS] - self.means[nats],
            cross_entropy_difference_interval=self.difference(NATS, nats),
            n_dimensions=other.rows.shape[1],
            matched=known_mean(matched(rows[other.objects], other.rows.astype(np.float64)).correlations),
        )

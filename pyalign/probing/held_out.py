"""Figures of triplets that a fit has not seen, and their intervals: of means over folds, from all held-out triplets.

A fold's accuracy counts as much as that of any other, so a triplet weighs as much as its answers, divided by those of
its fold. Folds over objects hold out different objects; but the same people answer in all of them, and what a
participant's answers have in common is in the error of the mean. So errors are of one sample of triplets, as those of
`pyalign.score` are (`pyalign.stats.clustered`). They ignore what the training sets of the folds share.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np

from pyalign._dataclass import dataclass, replace
from pyalign.analysis.score import score
from pyalign.data import ODD_ONE_OUT, Transform, Triplets
from pyalign.documents import Interval
from pyalign.fitting.algebra import Algebra
from pyalign.fitting.objective import predicted_answers
from pyalign.fitting.place import algebra_for
from pyalign.journal import packed, unpacked
from pyalign.probing.parameters import ProbeOptions
from pyalign.stats.clustered import Dependence, Errors
from pyalign.stats.degrees import EffectiveNumber
from pyalign.stats.intervals import POSITIVE, proportion_interval, student_interval
from pyalign.stats.resampling import AUTO, CORRECTED, Clusters, Resampling, plan_of, require_participants
from pyalign.typing import BackendName, MeasureLike

ACCURACY, ZERO_SHOT, NATS = 0, 1, 2  # columns of means
BOTH = ("objects", "subjects", "objects+subjects", "triplets")
OVER = {"objects": BOTH, "objects+subjects": BOTH, "subjects": ("subjects", "triplets"), "triplets": ("triplets",)}


def plan_for(ci: object, split: str, subjects: object) -> Resampling | None:
    """What intervals of folds are over: what the split holds out, where nothing else is asked for."""
    plan = plan_of(ci, OVER[split], (CORRECTED,))
    if plan is not None and plan.by == AUTO:
        plan = replace(plan, by=split)
    if plan is not None and "subjects" in plan.by:
        require_participants(subjects)
    return plan


@dataclass(frozen=True, eq=False)
class HeldOutRows:
    """What a map, and the rows without it, say of each test triplet of a fold."""

    # (t, 4) float64: the weight of a triplet's answers; of those that the map predicts; of those that cosines of the
    # rows predict; and -log p of each answer by the map, in nats, times its weight.
    table: np.ndarray

    @classmethod
    def of(
        cls, mapped: Any, x: Any, triplets: np.ndarray, answers: np.ndarray | None, options: ProbeOptions,
        on: Algebra, task: str,
    ) -> HeldOutRows:
        """Computes the table from embeddings after the map and before it, (n, d') and (n, d), on the device of `on`."""
        probed = predicted_answers(mapped, triplets, answers, options.measure, options.temperature, on, task)
        before = predicted_answers(x, triplets, answers, "cosine", 1.0, on, task)
        return cls(np.column_stack([probed.weights, probed.right, before.right, probed.nats]))

    @property
    def means(self) -> tuple[float, float, float]:
        """Fractions of the answers that the map and that cosines predict, and nats per answer."""
        weight, *sums = self.table.sum(axis=0)
        accuracy, zero_shot, nats = (float(total / weight) for total in sums)
        return accuracy, zero_shot, nats

    def packed(self) -> str:
        """The table as text, for a journal."""
        return packed(table=self.table)

    @classmethod
    def unpacked(cls, text: str) -> HeldOutRows:
        """What `packed` made text of."""
        return cls(unpacked(text)["table"])


@dataclass(frozen=True)
class FoldIntervals:
    """Intervals of means over folds; None where there are none."""

    # accuracy, zero_shot: of fractions.
    accuracy: Interval | None = None
    zero_shot: Interval | None = None
    difference: Interval | None = None  # of the first less the second.
    cross_entropy: Interval | None = None  # of nats.
    # effective numbers of objects, of people, or of both, that they are over.
    numbers: tuple[EffectiveNumber, ...] = ()


def fold_intervals(
    folds: Sequence[HeldOutRows], triplets: Sequence[np.ndarray], subjects: Sequence[np.ndarray] | None,
    plan: Resampling | None, backend: str = "auto",
) -> FoldIntervals:
    """Intervals of the means over folds.

    Args:
        folds: what became of the test triplets of each.
        triplets: (t, 3) these triplets, fold by fold.
        subjects: (t,) who answered them, fold by fold; None: nobody knows.
        plan: what intervals are over; None: none.
    """
    if plan is None:
        return FoldIntervals()
    table = np.concatenate([fold.table / (fold.table[:, 0].sum() * len(folds)) for fold in folds])
    people = None if subjects is None or "subjects" not in plan.by else np.concatenate(subjects)
    clusters = Clusters.of(np.concatenate(triplets), people, backend)
    errors = Dependence.of(clusters, plan).errors(table)
    if not errors.known:
        return FoldIntervals(numbers=errors.numbers)
    accuracy, zero_shot, nats = (float(mean) for mean in errors.means)
    return FoldIntervals(
        _of_fraction(accuracy, errors, ACCURACY, plan),
        _of_fraction(zero_shot, errors, ZERO_SHOT, plan),
        student_interval(
            accuracy - zero_shot, float(errors.differences[ACCURACY, ZERO_SHOT]),
            float(errors.degrees_of_differences[ACCURACY, ZERO_SHOT]), plan,
        ),
        student_interval(nats, float(errors.errors[NATS]), float(errors.degrees_of_means[NATS]), plan, POSITIVE),
        errors.numbers,
    )


@dataclass(frozen=True)
class FoldErrors:
    """Standard errors of a fold; None where it is too small for one."""

    accuracy: float | None = None
    zero_shot: float | None = None
    difference: float | None = None
    cross_entropy: float | None = None


def fold_errors(
    fold: HeldOutRows, triplets: np.ndarray, subjects: np.ndarray | None, plan: Resampling | None,
    backend: str = "auto",
) -> FoldErrors:
    """Standard errors of the figures of one fold, over what the plan says.

    Args:
        fold: what became of its test triplets.
        triplets: (t, 3) these.
        subjects: (t,) who answered, or None.
    """
    people = subjects if plan is not None and "subjects" in plan.by else None
    if plan is None or (people is not None and len(np.unique(people)) < 2):
        return FoldErrors()
    errors = Dependence.of(Clusters.of(triplets, people, backend), plan).errors(fold.table)
    if not errors.known:
        return FoldErrors()
    accuracy, zero_shot, nats = map(float, errors.errors)
    return FoldErrors(accuracy, zero_shot, float(errors.differences[ACCURACY, ZERO_SHOT]), nats)


def _of_fraction(share: float, errors: Errors, column: int, plan: Resampling) -> Interval:
    error, degrees = float(errors.errors[column]), float(errors.degrees_of_means[column])
    return proportion_interval(share, error, degrees, errors.rows, plan)


@dataclass(frozen=True)
class HeldOut:
    """Fraction, and nats; means over the answers."""

    accuracy: float
    cross_entropy: float


def held_out_score(
    transform: Transform, options: ProbeOptions, x: np.ndarray, triplets: np.ndarray, answers: np.ndarray | None,
    on: Algebra, task: str = ODD_ONE_OUT,
) -> HeldOut:
    """Accuracy and cross-entropy of a map on triplets of rows of x, computed where it was fitted."""
    items, local = np.unique(triplets, return_inverse=True)
    rows = transform.apply(x[items])
    return scored(rows, local.reshape(-1, 3), answers, options.measure, options.temperature, on, task)


def scored(
    rows: np.ndarray, triplets: np.ndarray, answers: np.ndarray | None, measure: MeasureLike, temperature: float = 1.0,
    on: Algebra | None = None, task: str = ODD_ONE_OUT,
) -> HeldOut:
    """`pyalign.score`; with answers, their share that call the same item odd and their mean surprise, by its rules.

    Of m pairs that tie for the most similar each counts 1/m.
    """
    on = on or algebra_for()
    z: Any = on.for_scoring(rows)
    backend = on.backend.name
    if answers is None:
        result = score(
            z,
            Triplets(triplets, task=task),
            measure=measure,
            temperature=temperature,
            backend=cast("BackendName", backend),
            ci=None,
        )
        assert result.accuracy is not None and result.cross_entropy is not None
        return HeldOut(result.accuracy, result.cross_entropy)
    rows_of = predicted_answers(z, triplets, answers, measure, temperature, on, task)
    weight = answers.sum()
    return HeldOut(float(rows_of.right.sum() / weight), float(rows_of.nats.sum() / weight))

"""What a fit of an embedding returns.

What a cross-validation of an embedding returns.
Held-out figures of a learned embedding and of others on the same answers, with their intervals.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from pyalign._dataclass import dataclass, field, replace
from pyalign._result import OfTask, Result
from pyalign.analysis.notes import notes_on_order
from pyalign.data import ODD_ONE_OUT, Embeddings, align
from pyalign.data.names import largest_of
from pyalign.documents import Interval
from pyalign.embedding.choice import PathPoint
from pyalign.embedding.fit import MOST, EmbeddingOptions, RowsFit
from pyalign.embedding.folds import EmbeddingInputs, note_on_contradictions
from pyalign.embedding.stability import Stability, coming_back, known_mean, matched
from pyalign.fitting.algebra import host_rows, host_triplets, one_blas_thread
from pyalign.fitting.objective import predicted_answers
from pyalign.stats.clustered import Dependence, Errors
from pyalign.stats.degrees import notes_on_few, without_interval
from pyalign.stats.intervals import POSITIVE, proportion_interval, student_interval
from pyalign.stats.resampling import (
    AUTO, CORRECTED, Clusters, Resampling, enough_participants, plan_of, require_participants,
)
from pyalign.typing import EmbeddingsLike

TOP = 8  # objects that are named of each dimension


@dataclass(frozen=True)
class Dimension:
    """One dimension of an embedding."""

    dimension: int  # its number, from 1, by mass.
    mass: float  # the sum of its entries; of a signed embedding, of their absolute values.
    n_objects: int  # the number of objects with an entry that is not 0.
    # its share of the similarity of the pairs that people chose as the most similar, a fraction; shares add up to 1.
    share: float
    top_objects: tuple[str, ...]  # the objects with the largest entries, by name or number, largest first.


@dataclass(frozen=True)
class EmbeddingFit(Result):
    """An embedding of objects that was fitted to triplets."""

    command: ClassVar[str] = "embedding"
    rows: ClassVar[str] = "dimensions"
    derived: ClassVar[tuple[str, ...]] = ("n_dimensions",)

    # (n, d) rows with the names of the objects, float64; None in a result that was read from a document.
    embedding: Embeddings = field(metadata={"hidden": True}, repr=False, compare=False)
    dimensions: tuple[Dimension, ...] = field(repr=False)  # a `Dimension` for each column.
    # shrinkage, sparsity: the penalties.
    shrinkage: float
    sparsity: float
    signed: bool  # whether entries may be negative.
    objective: float  # ``cross_entropy + shrinkage * |X|_F^2 + sparsity / n * (sum of |X|)``, in nats.
    cross_entropy: float  # the mean over the answers of the fit, in nats.
    # the accuracy on the answers of the fit, a fraction. Both figures are optimistic: score other answers.
    accuracy: float
    # n times the largest derivative of the objective that a step could follow: 0 at a stationary point.
    residual: float
    # how far the objective is above the optimum at most, in nats. None unless `signed`: the non-negative problem is not
    # convex, and has no such bound.
    gap: float | None
    converged: bool  # whether the residual, or the gap, is as small as was asked for.
    zeros: float  # the fraction of entries that are exactly 0.
    # n_objects, n_triplets: of the fit.
    n_objects: int
    n_triplets: int
    # n_iterations, n_passes: of the solver; each pass gives the loss and its gradient over all answers.
    n_iterations: int
    n_passes: int
    seconds: float  # the time that the fit took.
    backend: str  # where losses were computed.
    options: EmbeddingOptions = field(repr=False)  # the other options.
    interrupted: bool = False  # whether Ctrl-C stopped the fit. Only a journal contains such fits.
    triplets: str | None = None  # the file of the triplets, or None.

    @property
    def n_dimensions(self) -> int:
        """The number of dimensions."""
        return len(self.dimensions)


def described(fit: RowsFit, inputs: EmbeddingInputs, options: EmbeddingOptions) -> EmbeddingFit:
    """The result of a fit to all of these answers."""
    rows, t = fit.rows, len(inputs.index)
    predicted = predicted_answers(
        inputs.on.for_scoring(rows), inputs.index, inputs.answers, "dot", 1.0, inputs.on, "odd-one-out"
    )
    notes = [*inputs.notes, *note_on_contradictions(inputs)]
    if len(inputs.absent):
        notes.append(f"{inputs.called(inputs.absent)}: in no triplet, the row is zero")
    if rows.size > t:
        notes.append(f"the embedding has {rows.size:,} entries and the fit {t:,} triplets: penalties decide much of it")
    if fit.full:
        notes.append(f"all {MOST} dimensions of the start are left: raise the number of dimensions or the penalties")
    return EmbeddingFit(
        embedding=Embeddings(rows, inputs.names, fitted=True),
        dimensions=dimensions_of(rows, inputs),
        shrinkage=fit.penalty.shrinkage,
        sparsity=fit.penalty.sparsity,
        signed=options.signed,
        objective=fit.objective,
        cross_entropy=fit.cross_entropy,
        accuracy=float(predicted.right.sum() / predicted.weights.sum()),
        residual=fit.residual,
        gap=fit.gap,
        converged=fit.converged,
        zeros=float(np.mean(rows == 0)) if rows.size else 1.0,
        n_objects=inputs.n,
        n_triplets=t,
        n_iterations=fit.n_iterations,
        n_passes=fit.n_passes,
        seconds=fit.seconds,
        backend=inputs.on.backend.name,
        options=options,
        triplets=inputs.source,
        notes=tuple(notes),
    )


def dimensions_of(rows: np.ndarray, inputs: EmbeddingInputs) -> tuple[Dimension, ...]:
    """A `Dimension` for each column of rows (n, d)."""
    names = [str(k) for k in range(inputs.n)] if inputs.names is None else inputs.names
    explained = chosen_similarity(rows, inputs)
    total = float(explained.sum())
    return tuple(
        Dimension(
            dimension=k + 1,
            mass=float(np.abs(column).sum()),
            n_objects=int(np.count_nonzero(column)),
            share=float(explained[k] / total) if total else 0.0,
            top_objects=tuple(names[o] for o in largest_of(column, names)[:TOP] if column[o] > 0),
        )
        for k, column in enumerate(rows.T)
    )


@one_blas_thread()
def chosen_similarity(rows: np.ndarray, inputs: EmbeddingInputs) -> np.ndarray:
    """(d,) what each column adds to the similarity of the pairs that people chose, summed over the answers."""
    index, n = inputs.index, inputs.n
    answers = np.array([[0.0, 0.0, 1.0]]) if inputs.answers is None else inputs.answers
    pairs = np.zeros(n * n)
    for odd, (i, j) in enumerate(((1, 2), (0, 2), (0, 1))):
        if answers[:, odd].any():
            places = index[:, i].astype(np.int64) * n + index[:, j]
            weights = np.broadcast_to(answers[:, odd], len(index))
            pairs += np.bincount(places, weights, n * n)
    return np.asarray(np.einsum("ik,ik->k", rows, pairs.reshape(n, n) @ rows))


@dataclass(frozen=True)
class EmbeddingFold(Result):
    """One fold."""

    # shrinkage, sparsity: the penalties, chosen by a tenth of the fold's training answers, or as they were stated.
    shrinkage: float
    sparsity: float
    accuracy: float  # fraction of the held-out answers.
    cross_entropy: float  # nats, of these.
    n_dimensions: int  # that are left.
    # n_train, n_test: triplets.
    n_train: int
    n_test: int
    # residual, converged: see `EmbeddingFit`; of a signed embedding its gap stands for the residual.
    residual: float
    converged: bool
    at_edge: bool  # whether the smallest or the largest penalty that was tried was the best.
    n_passes: int  # over the answers, those of the choice included.
    seconds: float  # that the fold took.
    path: tuple[PathPoint, ...]  # what the choice saw, relaxed fits before the others, smallest penalty first.


@dataclass(frozen=True)
class EmbeddingComparison:
    """Another embedding on the same held-out answers."""

    embeddings: str  # its name.
    # accuracy, accuracy_interval: by inner products, fraction; the mean over the folds' held-out answers.
    accuracy: float
    accuracy_interval: Interval | None
    # cross_entropy, cross_entropy_interval: nats.
    cross_entropy: float
    cross_entropy_interval: Interval | None
    # difference, difference_interval: the accuracy of the learned embedding less this one's.
    difference: float
    difference_interval: Interval | None
    # cross_entropy_difference, cross_entropy_difference_interval: likewise in nats; negative where the learned one is
    # better.
    cross_entropy_difference: float
    cross_entropy_difference_interval: Interval | None
    n_dimensions: int  # its columns.
    # the mean correlation of its dimensions with those of the learned embedding, one to one; None where none varies.
    matched: float | None


@dataclass(frozen=True, repr=False)
class EmbeddingCrossValidation(OfTask, Result):
    """How well a learned embedding predicts held-out answers, and the embedding fitted to all answers."""

    command: ClassVar[str] = "embed"
    rows: ClassVar[str] = "folds"
    derived: ClassVar[tuple[str, ...]] = ("chance",)

    accuracy: float  # fraction; mean over the folds, of answers that chose nothing.
    accuracy_interval: Interval | None  # its interval; None if it was not asked for or does not exist.
    # cross_entropy, cross_entropy_interval: the same in nats.
    cross_entropy: float
    cross_entropy_interval: Interval | None
    folds: tuple[EmbeddingFold, ...]  # an `EmbeddingFold` for each fold.
    split: str  # what was held out: ``"triplets"``, all answers to a set of three objects together, or ``"subjects"``.
    seed: int  # of the split.
    fit: EmbeddingFit  # the embedding fitted to all answers, with the geometric mean of the folds' penalties, scaled.
    seconds: float  # the time that all of it took.
    options: EmbeddingOptions  # of the fits.
    against: tuple[EmbeddingComparison, ...] = ()  # other embeddings on the same held-out answers.
    stability: tuple[Stability, ...] = ()  # how well each dimension comes back, of each way that was asked for.
    triplets: str | None = None  # the file of the triplets, or None.
    # (n, d) error of each entry: the root of its variance over resamples plus the square of the bias by penalties, as
    # one Newton step estimates it; None without resamples, and in a result that was read from a document.
    standard_errors: np.ndarray | None = field(default=None, metadata={"hidden": True}, repr=False, compare=False)
    task: str = ODD_ONE_OUT  # of the triplets; `chance` follows from it.

    @property
    def path(self) -> tuple[PathPoint, ...]:
        """What the folds chose from; () where one penalty was stated."""
        return tuple(point for fold in self.folds for point in fold.path)

    @property
    def reported(self) -> tuple[int, ...] | None:
        """The numbers of the dimensions that come back, which can be reported; see `coming_back`."""
        return coming_back(self.stability)

    def __repr__(self) -> str:
        interval = self.accuracy_interval
        reach = "" if interval is None else f" ({interval.low:.3%} to {interval.high:.3%})"
        return (
            f"EmbeddingCrossValidation(accuracy={self.accuracy:.3%}{reach}, "
            f"cross_entropy={self.cross_entropy:.5f} nats, {self.fit.n_dimensions} dimensions, "
            f"{len(self.folds)} folds over {self.split})"
        )


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
    ) -> HeldOutFigures:
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

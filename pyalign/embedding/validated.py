"""What a cross-validation of an embedding returns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from pyalign._result import OfTask, Result
from pyalign.data import ODD_ONE_OUT
from pyalign.documents import Interval
from pyalign.embedding.choose import PathPoint
from pyalign.embedding.options import EmbeddingOptions
from pyalign.embedding.result import EmbeddingFit
from pyalign.embedding.stability import Stability


@dataclass(frozen=True)
class EmbeddingFold(Result):
    """One fold.

    Attributes:
        shrinkage, sparsity: the penalties, chosen by a tenth of the fold's training answers, or as they were stated.
        accuracy: fraction of the held-out answers.
        cross_entropy: nats, of these.
        n_dimensions: that are left.
        n_train, n_test: triplets.
        residual, converged: see `EmbeddingFit`; of a signed embedding its gap stands for the residual.
        at_edge: whether the smallest or the largest penalty that was tried was the best.
        n_passes: over the answers, those of the choice included.
        seconds: that the fold took.
        path: what the choice saw, smallest penalty first.
    """

    shrinkage: float
    sparsity: float
    accuracy: float
    cross_entropy: float
    n_dimensions: int
    n_train: int
    n_test: int
    residual: float
    converged: bool
    at_edge: bool
    n_passes: int
    seconds: float
    path: tuple[PathPoint, ...]


@dataclass(frozen=True)
class EmbeddingComparison:
    """Another embedding on the same held-out answers.

    Attributes:
        embeddings: its name.
        accuracy, accuracy_interval: by inner products, fraction; the mean over the folds' held-out answers.
        cross_entropy, cross_entropy_interval: nats.
        difference, difference_interval: the accuracy of the learned embedding less this one's.
        cross_entropy_difference, cross_entropy_difference_interval: likewise in nats; negative where the learned one is
            better.
        n_dimensions: its columns.
        matched: the mean correlation of its dimensions with those of the learned embedding, one to one; None where none
            varies.
    """

    embeddings: str
    accuracy: float
    accuracy_interval: Interval | None
    cross_entropy: float
    cross_entropy_interval: Interval | None
    difference: float
    difference_interval: Interval | None
    cross_entropy_difference: float
    cross_entropy_difference_interval: Interval | None
    n_dimensions: int
    matched: float | None


@dataclass(frozen=True, repr=False)
class EmbeddingCrossValidation(OfTask, Result):
    """How well a learned embedding predicts held-out answers, and the embedding fitted to all answers.

    Attributes:
        accuracy: fraction; mean over the folds, of answers that chose nothing.
        accuracy_interval: its interval; None if it was not asked for or does not exist.
        cross_entropy, cross_entropy_interval: the same in nats.
        folds: an `EmbeddingFold` for each fold.
        split: what was held out: ``"triplets"``, all answers to a set of three objects together, or ``"subjects"``.
        seed: of the split.
        fit: the embedding fitted to all answers, with the geometric mean of the folds' penalties, scaled.
        seconds: the time that all of it took.
        options: of the fits.
        against: other embeddings on the same held-out answers.
        stability: how well each dimension comes back, of each way that was asked for.
        triplets: the file of the triplets, or None.
        standard_errors: (n, d) error of each entry: the root of its variance over resamples plus the square of the bias
            by penalties, as one Newton step estimates it; None without resamples, and in a result that was read from a
            document.
        task: of the triplets; `chance` follows from it.
    """

    command: ClassVar[str] = "embed"
    rows: ClassVar[str] = "folds"
    derived: ClassVar[tuple[str, ...]] = ("chance",)

    accuracy: float
    accuracy_interval: Interval | None
    cross_entropy: float
    cross_entropy_interval: Interval | None
    folds: tuple[EmbeddingFold, ...]
    split: str
    seed: int
    fit: EmbeddingFit
    seconds: float
    options: EmbeddingOptions
    against: tuple[EmbeddingComparison, ...] = ()
    stability: tuple[Stability, ...] = ()
    triplets: str | None = None
    standard_errors: np.ndarray | None = field(default=None, metadata={"hidden": True}, repr=False, compare=False)
    task: str = ODD_ONE_OUT

    @property
    def path(self) -> tuple[PathPoint, ...]:
        """What the folds chose from; () where one penalty was stated."""
        return tuple(point for fold in self.folds for point in fold.path)

    def __repr__(self) -> str:
        interval = self.accuracy_interval
        reach = "" if interval is None else f" ({interval.low:.3%} to {interval.high:.3%})"
        return (
            f"EmbeddingCrossValidation(accuracy={self.accuracy:.3%}{reach}, "
            f"cross_entropy={self.cross_entropy:.5f} nats, {self.fit.n_dimensions} dimensions, "
            f"{len(self.folds)} folds over {self.split})"
        )

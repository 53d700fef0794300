"""What a cross-validation of an embedding returns."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from pyalign._dataclass import dataclass, field
from pyalign._result import OfTask, Result
from pyalign.data import ODD_ONE_OUT
from pyalign.documents import Interval
from pyalign.embedding.choose import PathPoint
from pyalign.embedding.options import EmbeddingOptions
from pyalign.embedding.result import EmbeddingFit
from pyalign.embedding.stability import Stability


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
    path: tuple[PathPoint, ...]  # what the choice saw, smallest penalty first.


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

    def __repr__(self) -> str:
        interval = self.accuracy_interval
        reach = "" if interval is None else f" ({interval.low:.3%} to {interval.high:.3%})"
        return (
            f"EmbeddingCrossValidation(accuracy={self.accuracy:.3%}{reach}, "
            f"cross_entropy={self.cross_entropy:.5f} nats, {self.fit.n_dimensions} dimensions, "
            f"{len(self.folds)} folds over {self.split})"
        )

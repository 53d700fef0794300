"""What a cross-validation of a probe returns."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from pyalign._dataclass import dataclass
from pyalign._result import OfTask, OnCards, Result
from pyalign.data import ODD_ONE_OUT
from pyalign.documents import Interval
from pyalign.probing.fit import ProbeFit
from pyalign.probing.options import ProbeOptions


@dataclass(frozen=True)
class FoldResult(Result):
    """One fold."""

    strength: float  # of the penalty, chosen within the training triplets, or given.
    accuracy: float  # fraction of the test triplets.
    cross_entropy: float  # nats, of the test triplets.
    # accuracy_error, cross_entropy_error: standard errors, over what the intervals of the means are over; None without
    # these, or in a fold that is too small.
    accuracy_error: float | None
    cross_entropy_error: float | None
    zero_shot_accuracy: float  # fraction of the same triplets, by cosines of the rows as they came.
    # n_train, n_test: triplets.
    n_train: int
    n_test: int
    rank: int  # columns of the map.
    # gap, converged: nats, and whether the fit came as near to its optimum as was asked for; see `ProbeFit`.
    gap: float | None
    converged: bool
    at_edge: bool  # whether the strongest or the weakest strength that was tried was the best.
    n_passes: int  # over the training triplets, those of the choice included.
    seconds: float  # that the fold took.
    # strengths, inner_cross_entropy, inner_accuracy: what the choice saw; see `Choice`.
    strengths: tuple[float, ...]
    inner_cross_entropy: tuple[float, ...]
    inner_accuracy: tuple[float, ...]
    # standard error of `zero_shot_accuracy`, over the same as `accuracy_error`; None as that.
    zero_shot_error: float | None = None
    # of the accuracy less the zero-shot accuracy, which are of the same triplets.
    difference_error: float | None = None


@dataclass(frozen=True)
class Others:
    """The other embeddings of a cross-validation: where they came from, and how they took part."""

    file: str | None
    alpha: float
    tau: float


@dataclass(frozen=True)
class Kept:
    """How much of the neighborhoods of other embeddings a map keeps."""

    derived: ClassVar[tuple[str, ...]] = ("neighbours",)

    neighbors: int  # how many of each were looked at.
    overlap: float  # the fraction that is kept.

    @property
    def neighbours(self) -> int:
        """`neighbors`, under the key that documents had first."""
        return self.neighbors


@dataclass(frozen=True)
class SplitSd:
    """How much figures would vary with another seed of the splits: standard deviations of means over all repeats."""

    accuracy: float
    zero_shot: float
    difference: float
    cross_entropy: float

    @classmethod
    def of(cls, folds: tuple[FoldResult, ...], repeats: int) -> SplitSd:
        """Of the folds of two repeats or more, from what differs between these."""
        names = ("accuracy", "zero_shot_accuracy", "cross_entropy")
        table = np.array([[getattr(fold, name) for name in names] for fold in folds])
        means = table.reshape(repeats, -1, len(names)).mean(axis=1)
        columns = means[:, 0], means[:, 1], means[:, 0] - means[:, 1], means[:, 2]
        return cls(*(float(column.std(ddof=1) / np.sqrt(repeats)) for column in columns))


@dataclass(frozen=True, repr=False)
class ProbeCrossValidation(OfTask, OnCards, Result):
    """How well a probe predicts held-out answers, and the probe fitted to all triplets."""

    command: ClassVar[str] = "probe"
    rows: ClassVar[str] = "folds"
    derived: ClassVar[tuple[str, ...]] = ("chance", "difference", "split_sd", "local", "fit_stage", "interrupted")

    accuracy: float  # fraction; mean over the folds.
    accuracy_interval: Interval | None  # interval of that mean, over what `ci` says; None: not asked for, or not known.
    # cross_entropy, cross_entropy_interval: the same in nats.
    cross_entropy: float
    cross_entropy_interval: Interval | None
    zero_shot_accuracy: float  # fraction; mean over the folds, of the same triplets without a probe.
    folds: tuple[FoldResult, ...]  # a `FoldResult` for each fold, repeat by repeat.
    split: str  # what was held out: ``"objects"``, ``"triplets"``, ``"subjects"`` or ``"objects+subjects"``.
    seed: int  # the seed of the split.
    fit: ProbeFit  # the probe fitted to all triplets, with the geometric mean of the folds' strengths, scaled.
    seconds: float  # the time that all of it took.
    options: ProbeOptions  # the options of the probe.
    images: Others | None = None  # the other embeddings, if there are any.
    # embeddings, triplets: where they came from, or None.
    embeddings: str | None = None
    triplets: str | None = None
    task: str = ODD_ONE_OUT  # the task of the triplets; `chance` follows from it.
    zero_shot_interval: Interval | None = None  # the interval of the zero-shot accuracy, like `accuracy_interval`.
    # the interval of `difference`, what the probe adds, paired over the same triplets. None in documents written before
    # these intervals existed.
    difference_interval: Interval | None = None
    repeats: int = 1  # how often the data were split into folds.
    n_subjects: int | None = None  # the number of participants, where they are known.

    @property
    def difference(self) -> float:
        """Accuracy less zero-shot accuracy, a fraction; mean over the folds."""
        return self.accuracy - self.zero_shot_accuracy

    @property
    def n_test(self) -> int:
        """How many triplets are held out in the folds of one repeat, on average."""
        return sum(fold.n_test for fold in self.folds) // max(1, self.repeats)

    @property
    def split_sd(self) -> SplitSd | None:
        """How much the figures depend on the splits; None with one repeat."""
        whole = self.repeats > 1 and bool(self.folds) and len(self.folds) % self.repeats == 0  # of no damaged document
        return SplitSd.of(self.folds, self.repeats) if whole else None

    @property
    def local(self) -> Kept | None:
        """What the fit keeps of the neighborhoods of the other embeddings, where there are some."""
        return None if self.fit.local is None else Kept(*max(self.fit.local.neighbors_kept.items()))

    @property
    def fit_stage(self) -> str:
        """What `fit` is a fit of; a run that was interrupted leaves a journal instead, and no result."""
        return "refit"

    @property
    def interrupted(self) -> bool:
        """Whether the run was interrupted; False, since such a run leaves a journal and no result."""
        return False

    def __repr__(self) -> str:
        interval = self.accuracy_interval
        reach = "" if interval is None else f"{interval.low:.3%} to {interval.high:.3%}; "
        return (
            f"ProbeCrossValidation(accuracy={self.accuracy:.3%} ({reach}zero-shot "
            f"{self.zero_shot_accuracy:.3%}), cross_entropy={self.cross_entropy:.5f} nats, "
            f"{len(self.folds)} folds over {self.split})"
        )

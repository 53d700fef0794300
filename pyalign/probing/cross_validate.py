"""Cross-validation of a probe: every figure is of triplets that chose nothing.

What a cross-validation of a probe returns.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from pyalign._checks import checked
from pyalign._dataclass import dataclass, replace
from pyalign._process import Progress, reporter
from pyalign._result import OfTask, OnCards, Result
from pyalign.data import ODD_ONE_OUT
from pyalign.documents import Interval
from pyalign.errors import ConvergenceWarning, InputError
from pyalign.fitting.objective import part_of
from pyalign.journal import Journal, journal_of
from pyalign.probing.fit import (
    GROWTH, INNER_FOLDS, Choice, Maker, ProbeFit, choose_penalty, fit_path, geometric_mean, problem_of, require_sides,
)
from pyalign.probing.held_out import FoldIntervals, HeldOutRows, fold_errors, fold_intervals, plan_for
from pyalign.probing.parameters import LocalOptions, ProbeOptions, as_penalties, options_of
from pyalign.probing.probe import COMMON, Inputs, completed, maker, read_inputs, watch_over
from pyalign.probing.problem import FINISHED, FITTED, REFIT, Watch
from pyalign.stats.degrees import notes_on_few, without_interval
from pyalign.stats.resampling import IntervalsOver, Resampling, record_of
from pyalign.stats.splits import Fold, TripletKFold
from pyalign.typing import (
    AnswersLike, AtLeastTwo, BackendName, EmbeddingsLike, Penalties, Policy, Positive, Split, SubjectsLike,
    TripletsLike,
)

REPEATS = 4  # each costs as much as the first; together at most four times as much as one
ARGUMENTS = ("folds", "repeats", "penalties", "split", "subjects", "ci", "journal", *COMMON)


@checked
def cross_validate_probe(
    embeddings: EmbeddingsLike, triplets: TripletsLike, *, folds: AtLeastTwo = 3, repeats: Positive = REPEATS,
    penalties: Penalties = "auto", seed: int = 0, split: Split = "objects", subjects: SubjectsLike | None = None,
    answers: AnswersLike | None = None, weights: ArrayLike | None = None,
    other_embeddings: EmbeddingsLike | None = None, local_weight: float = 0.25, tau: float = 0.1,
    batch_size: int = 1024, n_batches: int | None = None, missing: Policy = "raise", ci: IntervalsOver = "auto",
    backend: BackendName = "auto", progress: Progress | None = None, journal: Journal | None = None, **options: Any,
) -> ProbeCrossValidation:
    """Cross-validate a probe with the penalty chosen inside each fold, then refit it to all triplets.

    Args:
        embeddings, triplets, answers, weights: see `fit_probe`. With answers, the accuracy on held-out triplets is the
            proportion of answers that the probe predicts.
        folds: the number of folds.
        repeats: how often the data are split into folds. Figures are means over all folds of all repeats;
            `ProbeCrossValidation.split_sd` says how much they still depend on the splits.
        penalties: the penalties to choose from. ``"auto"`` tries eight, from 0.1 to 0.001 of the smallest penalty for
            which the best map is zero, and further ones if the best is at an end of these. The best penalty on the
            inner folds is scaled to the number of triplets of a fold, and of the refit. A single number is used
            unchanged everywhere.
        seed: the seed of the split and of the starting points.
        split: ``"objects"``: all items of a test triplet are held-out objects, and all items of a training triplet are
            other objects, answered by the same participants; ``"triplets"`` or ``"subjects"``: held-out sets of three,
            with all answers to them, or participants, about the same objects; ``"objects+subjects"``: held-out objects
            by held-out participants, with at least two of either in each fold.
        subjects: (t,) who answered each triplet; None: those of the triplets.
        other_embeddings, local_weight, tau, batch_size, n_batches: see `fit_probe`; used with ``norm="identity"``.
        missing: see `pyalign.score`.
        ci: what intervals of the means over folds generalize to. ``"auto"``: what the split holds out. Splits over
            objects have the words of `pyalign.score`; ``"subjects"`` has ``"subjects"`` and ``"triplets"``. A
            `Resampling` sets the level.
        backend: where losses, gradients and held-out figures are computed: see `fit_probe`.
        progress: a callback that gets the current stage, such as ``fold 2/12, inner 1/3: penalty 0.0322, loss 0.86045,
            held-out 59.20%``, the number of passes of the current fit, and None.
        journal: keeps the finished folds and the best map so far, a `ProbeFit`, if the call is interrupted with Ctrl-C.
            The same call continues from there; another one is refused. The best map is that of the finished fold with
            the smallest held-out cross-entropy or, before any fold is finished, that of the best inner fit.
        options: the fields of `ProbeOptions`.

    Returns:
        A `ProbeCrossValidation`.

    Raises:
        InputError: as `fit_probe`; also for a split with an empty fold, or with a fold whose answers all have weight 0.
        MissingExtraError: scipy is not installed.

    Warns:
        ConvergenceWarning: the fits of some folds, or the refit, stopped before they reached the optimum.

    Source: Muttenthaler et al., ICLR 2023, section 5 (where the test set also stops the training).

    Example:
        >>> from pyalign.datasets.simulate import random_embeddings, simulate
        >>> x = random_embeddings(40, 4)
        >>> result = cross_validate_probe(x, simulate(x, 2000, measure="dot").triplets, repeats=1)
        >>> result.accuracy > 0.5, result.split
        (True, 'objects')
    """
    given, progress, began = dict(locals()), reporter(progress), time.perf_counter()
    chosen = options_of(ProbeOptions, {"seed": seed, **options}, ARGUMENTS)
    local = LocalOptions(local_weight, tau, batch_size, n_batches)
    as_penalties(penalties)
    if split == "triplets" and subjects is not None:
        raise InputError("subjects must be left out with split 'triplets', which makes no use of them; got some")
    inputs = read_inputs(
        embeddings, triplets, answers=answers, weights=weights, subjects=subjects, missing=missing, backend=backend
    ).beside(other_embeddings)
    if inputs.others is not None and chosen.norm != "identity":
        raise InputError(f"norm must be 'identity' with other embeddings; got {chosen.norm!r}")
    seeds = [chosen.seed, *map(int, np.random.SeedSequence(chosen.seed).generate_state(repeats - 1))]
    splits = [TripletKFold(split, folds, seed).folds(inputs.index, inputs.subjects) for seed in seeds]
    split_up = [fold for folds_of_seed in splits for fold in folds_of_seed]
    require_sides(split_up, inputs.answers)
    plan = plan_for(ci, split, inputs.subjects)
    watch = watch_over(inputs, local, progress, journal_of(journal, "cross_validate_probe", given))
    run = _Run(inputs, maker(inputs, local), chosen, penalties, split, plan, watch)
    finished = [run.fold(fold, f"fold {number + 1}/{len(split_up)}") for number, fold in enumerate(split_up)]
    results = [fold.result for fold in finished]
    fit = run.refit(results)
    _warn([*results, fit])
    tests = [fold.test for fold in split_up]
    intervals = fold_intervals(
        [HeldOutRows.unpacked(fold.rows) for fold in finished], [inputs.index[test] for test in tests],
        None if inputs.subjects is None else [inputs.subjects[test] for test in tests], plan, inputs.on.backend.name,
    )
    fit = completed(fit, inputs, local, _held_out(results, split))
    return replace(run.summary(results, intervals, repeats, fit, local), seconds=time.perf_counter() - began)


@dataclass(frozen=True)
class FinishedFold:
    """A fold in the journal: its result, and what became of its test triplets, as `HeldOutRows.packed` has it."""

    result: FoldResult
    rows: str


@dataclass(frozen=True)
class _Run:
    """A cross-validation: its inputs, how maps are made, and where it is watched."""

    inputs: Inputs
    make: Maker
    options: ProbeOptions
    penalties: object
    split: str
    plan: Resampling | None
    watch: Watch

    def fold(self, fold: Fold, stage: str) -> FinishedFold:
        """One fold, from the journal where it is finished."""
        watch, journal = self.watch.at(stage), self.watch.journal
        finished = journal.result(stage, FinishedFold)
        if finished is not None:
            return finished
        began, inputs = time.perf_counter(), self.inputs
        people = inputs.subjects if self.split == "subjects" else None
        splitter = TripletKFold(self.split.partition("+")[0], INNER_FOLDS, self.options.seed)
        choice = choose_penalty(
            inputs.asked.part(fold.train), self.options, penalties=self.penalties, splitter=splitter,
            subjects=None if people is None else people[fold.train], watch=self.watch.at(f"{stage}, inner"),
            make=self.make,
        )
        problem = problem_of(inputs.asked, fold, self.options, self.make)
        fit = next(fit_path(problem, [choice.penalty], watch=watch))
        watch.offer((FITTED, fit.objective), lambda: fit)
        finished = self._result(fold, choice, fit, began)
        watch.offer((FINISHED, finished.result.cross_entropy), lambda: fit)
        journal.finish(stage, finished)
        return finished

    def _result(self, fold: Fold, choice: Choice, fit: ProbeFit, began: float) -> FinishedFold:
        inputs = self.inputs
        test, answers = inputs.index[fold.test], part_of(inputs.answers, fold.test)
        mapped, x = (inputs.on.for_scoring(rows) for rows in (fit.transform.apply(inputs.x), inputs.x))
        rows = HeldOutRows.of(mapped, x, test, answers, self.options, inputs.on, inputs.task)
        accuracy, zero_shot, nats = rows.means
        people = None if inputs.subjects is None else inputs.subjects[fold.test]
        errors = fold_errors(rows, test, people, self.plan, inputs.on.backend.name)
        result = FoldResult(
            penalty=choice.penalty,
            accuracy=accuracy,
            cross_entropy=nats,
            accuracy_error=errors.accuracy,
            cross_entropy_error=errors.cross_entropy,
            zero_shot_accuracy=zero_shot,
            n_train=len(fold.train),
            n_test=len(fold.test),
            rank=fit.rank,
            gap=fit.gap,
            converged=fit.converged,
            at_edge=choice.at_edge,
            n_passes=choice.n_passes + fit.n_passes,
            seconds=time.perf_counter() - began,
            penalties=choice.penalties,
            inner_cross_entropy=choice.cross_entropy,
            inner_accuracy=choice.accuracy,
            zero_shot_error=errors.zero_shot,
            difference_error=errors.difference,
        )
        return FinishedFold(result, rows.packed())

    def refit(self, results: Sequence[FoldResult]) -> ProbeFit:
        """All triplets, with the penalties of the folds, which had fewer triplets."""
        inputs, penalties = self.inputs, as_penalties(self.penalties)
        grown = [r.penalty * (r.n_train / len(inputs.index)) ** GROWTH for r in results]
        penalty = penalties[0] if penalties is not None and len(penalties) == 1 else float(geometric_mean(grown))
        problem = self.make(inputs.x, inputs.index, self.options, inputs.answers)
        fit = next(fit_path(problem, [penalty], watch=self.watch.at("refit"), figures=True))
        self.watch.at("refit").offer((REFIT, fit.objective), lambda: fit)
        return fit

    def summary(
        self, results: Sequence[FoldResult], intervals: FoldIntervals, repeats: int, fit: ProbeFit, local: LocalOptions
    ) -> ProbeCrossValidation:
        """The result, but for how long it took."""
        inputs, plan, split = self.inputs, self.plan, self.split
        others = inputs.arguments.get("other_embeddings")
        notes = notes_on_few(intervals.numbers)
        if plan is not None and intervals.accuracy is None:
            notes = (*notes, without_interval(plan.by, intervals.numbers))
        return ProbeCrossValidation(
            accuracy=float(np.mean([result.accuracy for result in results])),
            accuracy_interval=intervals.accuracy,
            cross_entropy=float(np.mean([result.cross_entropy for result in results])),
            cross_entropy_interval=intervals.cross_entropy,
            zero_shot_accuracy=float(np.mean([result.zero_shot_accuracy for result in results])),
            zero_shot_interval=intervals.zero_shot,
            difference_interval=intervals.difference,
            folds=tuple(results),
            split=split,
            seed=fit.options.seed,
            fit=replace(fit, notes=(), coverage=None, provenance=None),  # they are those of the whole
            seconds=0.0,
            options=fit.options,
            task=inputs.task,
            repeats=repeats,
            n_subjects=None if inputs.subjects is None else len(np.unique(inputs.subjects)),
            images=None if others is None else Others(getattr(others, "source", None), local.local_weight, local.tau),
            embeddings=inputs.aligned.embeddings.source,
            triplets=inputs.aligned.triplets.source,
            coverage=inputs.coverage,
            notes=(*inputs.notes, *notes),
            provenance=inputs.provenance(
                {
                    "folds": len(results) // repeats,
                    "repeats": repeats,
                    "split": split,
                    "ci": record_of(plan),
                    **fit.options.to_dict(),
                },
                fit.options.seed,
            ),
        )


def _warn(fits: Sequence[FoldResult | ProbeFit]) -> None:
    names = [*(f"fold {number + 1}" for number in range(len(fits) - 1)), "the refit"]
    early = [name for name, fit in zip(names, fits, strict=True) if not fit.converged]
    if early:
        what = f"{', '.join(early)} ended before the optimum"
        warnings.warn(f"{what}; raise the penalties, tolerance or max_iterations", ConvergenceWarning, stacklevel=4)


def _held_out(results: Sequence[FoldResult], split: str) -> dict[str, Any]:
    """What the record of the refit says of the folds."""
    means = {name: float(np.mean([getattr(r, name) for r in results])) for name in ("accuracy", "cross_entropy")}
    return {**means, "over": split, "folds": len(results)}


@dataclass(frozen=True)
class FoldResult(Result):
    """One fold."""

    penalty: float  # chosen within the training triplets, or given.
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
    at_edge: bool  # whether the largest or the smallest penalty that was tried was the best.
    n_passes: int  # over the training triplets, those of the choice included.
    seconds: float  # that the fold took.
    # penalties, inner_cross_entropy, inner_accuracy: what the choice saw; see `Choice`.
    penalties: tuple[float, ...]
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

    neighbors: int  # how many of each were looked at.
    overlap: float  # the fraction that is kept.


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
    # cross_entropy, cross_entropy_interval: the same in nats. With 90 objects, 95% intervals held it in 89% of studies.
    cross_entropy: float
    cross_entropy_interval: Interval | None
    zero_shot_accuracy: float  # fraction; mean over the folds, of the same triplets without a probe.
    folds: tuple[FoldResult, ...]  # a `FoldResult` for each fold, repeat by repeat.
    split: str  # what was held out: ``"objects"``, ``"triplets"``, ``"subjects"`` or ``"objects+subjects"``.
    seed: int  # the seed of the split.
    fit: ProbeFit  # the probe fitted to all triplets, with the geometric mean of the folds' penalties, scaled.
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

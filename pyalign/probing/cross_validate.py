"""Cross-validation of a probe: every figure is of triplets that chose nothing."""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar

import numpy as np

from pyalign import _checks
from pyalign.errors import ConvergenceWarning, InputError
from pyalign.journal import Journal
from pyalign.probing.answers import part_of
from pyalign.probing.choose import GROWTH, Choice, choose_strength, problem_of, require_sides
from pyalign.probing.fit import Maker, ProbeFit, fit_path
from pyalign.probing.inputs import Inputs, read_inputs
from pyalign.probing.intervals import held_out_errors, mean_interval
from pyalign.probing.options import LocalOptions, ProbeOptions, as_strengths, options_of
from pyalign.probing.probe import COMMON, completed, maker
from pyalign.probing.scoring import held_out_score, scored
from pyalign.probing.watch import FINISHED, FITTED, REFIT, Watch
from pyalign.progress import Progress, silent
from pyalign.results import Interval, Result, from_document
from pyalign.stats.splits import SPLITS, Fold, TripletKFold

ARGUMENTS = ("folds", "strengths", "split", "subjects", "journal", *COMMON)


@dataclass(frozen=True)
class FoldResult(Result):
    """One fold.

    Attributes:
        strength: of the penalty, chosen within the training triplets, or given.
        accuracy: fraction of the test triplets.
        cross_entropy: nats, of the test triplets.
        accuracy_error, cross_entropy_error: standard errors over held-out objects, triplets or people, as the split has
            it; None with counts, shares or weights.
        zero_shot_accuracy: fraction of the same triplets, by cosines of the rows as they came.
        n_train, n_test: triplets.
        rank: columns of the map.
        gap, converged: nats, and whether the fit came as near to its optimum as was asked for; see `ProbeFit`.
        at_edge: whether the strongest or the weakest strength that was tried was the best.
        n_passes: over the training triplets, those of the choice included.
        seconds: that the fold took.
        strengths, inner_cross_entropy, inner_accuracy: what the choice saw; see `Choice`.
    """

    derived: ClassVar[tuple[str, ...]] = ("l2",)

    strength: float
    accuracy: float
    cross_entropy: float
    accuracy_error: float | None
    cross_entropy_error: float | None
    zero_shot_accuracy: float
    n_train: int
    n_test: int
    rank: int
    gap: float | None
    converged: bool
    at_edge: bool
    n_passes: int
    seconds: float
    strengths: tuple[float, ...]
    inner_cross_entropy: tuple[float, ...]
    inner_accuracy: tuple[float, ...]

    @property
    def l2(self) -> float:
        """The strength, under the name that it has on the command line."""
        return self.strength


@dataclass(frozen=True)
class Others:
    """The other embeddings of a cross-validation: where they came from, and how they took part."""

    file: str | None
    alpha: float
    tau: float


@dataclass(frozen=True)
class Kept:
    """How much of the neighborhoods of other embeddings a map keeps.

    Attributes:
        neighbors: how many of each were looked at.
        overlap: the fraction that is kept.
    """

    derived: ClassVar[tuple[str, ...]] = ("neighbours",)

    neighbors: int
    overlap: float

    @property
    def neighbours(self) -> int:
        """`neighbors`, under the key that documents had first."""
        return self.neighbors


@dataclass(frozen=True, repr=False)
class ProbeCrossValidation(Result):
    """How well a probe predicts answers about what it has not seen, and the probe fitted to everything.

    Attributes:
        accuracy: fraction; mean over the folds.
        accuracy_interval: 95 % interval of that mean, over objects, triplets or people like those that folds held out.
        cross_entropy, cross_entropy_interval: the same in nats.
        zero_shot_accuracy: fraction; mean over the folds, of the same triplets without a probe.
        folds: a `FoldResult` each.
        split: what was held out: ``"objects"``, ``"triplets"`` or ``"subjects"``.
        seed: of the split.
        fit: the probe fitted to all triplets, with the geometric mean of the folds' strengths, scaled.
        seconds: that all of it took.
        options: of the probe.
        images: the other embeddings, where there are some.
        embeddings, triplets: where they came from, or None.
    """

    command: ClassVar[str] = "probe"
    rows: ClassVar[str] = "folds"
    derived: ClassVar[tuple[str, ...]] = ("local", "fit_stage", "interrupted")

    accuracy: float
    accuracy_interval: Interval
    cross_entropy: float
    cross_entropy_interval: Interval
    zero_shot_accuracy: float
    folds: tuple[FoldResult, ...]
    split: str
    seed: int
    fit: ProbeFit
    seconds: float
    options: ProbeOptions
    images: Others | None = None
    embeddings: str | None = None
    triplets: str | None = None

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
        """Likewise."""
        return False

    def __repr__(self) -> str:
        low, high = self.accuracy_interval
        return (
            f"ProbeCrossValidation(accuracy={self.accuracy:.3%} ({low:.3%} to {high:.3%}; zero-shot "
            f"{self.zero_shot_accuracy:.3%}), cross_entropy={self.cross_entropy:.5f} nats, "
            f"{len(self.folds)} folds over {self.split})"
        )


def cross_validate_probe(
    x: object, triplets: object, *, folds: int = 3, strengths: object = "auto", seed: int = 0, split: str = "objects",
    subjects: object = None, answers: object = None, weights: object = None, other_embeddings: object = None,
    alpha: float = 0.25, tau: float = 0.1, batch_size: int = 1024, batches: int | None = None, backend: str = "auto",
    progress: Progress = silent, journal: Journal | None = None, **options: Any,
) -> ProbeCrossValidation:  # fmt: skip
    """Folds of a probe, each with the penalty's strength chosen inside, then a refit on everything.

    Args:
        x, triplets, answers, weights: see `fit_probe`; of held-out triplets accuracy is then the share of answers that
            call the same item odd.
        folds: how many.
        strengths: to choose from, or ``"auto"`` for eight from 0.1 to 0.001 of the one from which on the best map is
            zero, and more where the best lies at an end of these. What was best on the inner folds is scaled for the
            number of triplets of a fold, and of the refit. A single number is taken as it is, everywhere.
        seed: of the split and of the starts.
        split: ``"objects"``: test triplets are of held-out objects alone, training triplets of the others alone;
            ``"triplets"`` and ``"subjects"``: other answers, other people, about the same objects.
        subjects: (t,) who answered each triplet, for ``split="subjects"``; None: those of the triplets.
        other_embeddings, alpha, tau, batch_size, batches: see `fit_probe`; with penalty ``"identity"`` alone.
        backend: where losses, gradients and held-out figures are computed: see `fit_probe`.
        progress: called with where it is, such as "fold 2/3, inner 1/3: strength 0.0322, loss 0.86045, held-out
            59.20 %", the passes of the present fit, and None.
        journal: where Ctrl-C comes it has the finished folds, which the same call takes from it the next time, and the
            best map so far, a `ProbeFit`: that of the finished fold with the least held-out cross-entropy or, before
            there is one, the best of a fold's inner fits by theirs.
        options: those of `ProbeOptions`.

    Returns:
        A `ProbeCrossValidation`.

    Raises:
        InputError: as `fit_probe`, and for a split that leaves a fold empty, or without an answer that weighs anything.
        MissingExtraError: scipy is not installed.

    Warns:
        ConvergenceWarning: the fits of some folds, or the refit, ended before their optimum.

    Source: Muttenthaler et al., ICLR 2023, section 5 (where the test set also stops the training).

    Example:
        >>> from pyalign.datasets.simulate import random_embeddings, simulate
        >>> x = random_embeddings(60, 8)
        >>> result = cross_validate_probe(x, simulate(x, 6000, measure="dot").triplets)
        >>> result.accuracy > 0.5, result.split
        (True, 'objects')
    """
    began = time.perf_counter()
    chosen = options_of(ProbeOptions, {"seed": seed, **options}, ARGUMENTS)
    local = LocalOptions(alpha, tau, batch_size, batches)
    as_strengths(strengths)
    folds = _checks.whole_number(folds, "folds", 2)
    if _checks.one_of(split, SPLITS, "split") != "subjects" and subjects is not None:
        raise InputError(f"subjects must be left out unless split is 'subjects'; got split {split!r}")
    inputs = read_inputs(
        x, triplets, answers=answers, weights=weights, subjects=subjects if split == "subjects" else None,
        others=other_embeddings, backend=backend,
    )  # fmt: skip
    if inputs.others is not None and chosen.penalty != "identity":
        raise InputError(f"penalty must be 'identity' with other embeddings; got {chosen.penalty!r}")
    split_up = list(TripletKFold(split, folds, chosen.seed, len(inputs.x)).folds(inputs.index, inputs.subjects))
    require_sides(split_up, inputs.answers)
    watch = Watch(progress, journal or Journal())
    run = _Run(inputs, maker(inputs, local), chosen, strengths, split, watch)
    results = [run.fold(fold, f"fold {number + 1}/{folds}") for number, fold in enumerate(split_up)]
    fit = run.refit(results)
    _warn([*results, fit])
    return _summary(results, inputs, split, completed(fit, inputs, local, _held_out(results, split)), local, began)


@dataclass(frozen=True)
class _Run:
    inputs: Inputs
    make: Maker
    options: ProbeOptions
    strengths: object
    split: str
    watch: Watch

    def fold(self, fold: Fold, stage: str) -> FoldResult:
        """One fold, from the journal where it is finished."""
        journal = self.watch.journal
        record = journal.record(stage)
        if record is not None:
            return from_document(FoldResult, record)
        began, given = time.perf_counter(), self.inputs
        inside = np.zeros(len(given.x), np.int64)
        inside[fold.train_items] = np.arange(len(fold.train_items))
        people = given.subjects if self.split == "subjects" else None
        choice = choose_strength(
            given.x[fold.train_items], inside[given.index[fold.train]], self.options, strengths=self.strengths,
            split=self.split, subjects=None if people is None else people[fold.train], seed=self.options.seed,
            answers=part_of(given.answers, fold.train), watch=self.watch.at(f"{stage}, inner"), make=self.make,
        )  # fmt: skip
        problem = problem_of(given.x, given.index, given.answers, fold, self.options, self.make)
        fit = next(fit_path(problem, [choice.strength], watch=self.watch.at(stage)))
        journal.offer(stage, (FITTED, fit.objective), lambda: fit)
        result = self._result(fold, choice, fit, time.perf_counter() - began)
        journal.offer(stage, (FINISHED, result.cross_entropy), lambda: fit)
        journal.finish(stage, result)
        return result

    def _result(self, fold: Fold, choice: Choice, fit: ProbeFit, seconds: float) -> FoldResult:
        given, options = self.inputs, self.options
        test, answers = given.index[fold.test], part_of(given.answers, fold.test)
        found = held_out_score(fit.transform, options, given.x, test, answers, given.on)
        errors: tuple[float | None, float | None] = (None, None)
        if answers is None:
            people = given.subjects[fold.test] if self.split == "subjects" and given.subjects is not None else None
            rows = given.on.for_scoring(fit.transform.apply(given.x))
            errors = held_out_errors(
                rows, test, self.split, options.measure, options.temperature, people, given.on.backend.name
            )
        return FoldResult(
            strength=choice.strength,
            accuracy=found.accuracy,
            cross_entropy=found.cross_entropy,
            accuracy_error=errors[0],
            cross_entropy_error=errors[1],
            zero_shot_accuracy=scored(given.x, test, answers, "cosine", on=given.on).accuracy,
            n_train=len(fold.train),
            n_test=len(fold.test),
            rank=fit.rank,
            gap=fit.gap,
            converged=fit.converged,
            at_edge=choice.at_edge,
            n_passes=choice.n_passes + fit.n_passes,
            seconds=seconds,
            strengths=choice.strengths,
            inner_cross_entropy=choice.cross_entropy,
            inner_accuracy=choice.accuracy,
        )

    def refit(self, results: Sequence[FoldResult]) -> ProbeFit:
        """All triplets, with the strengths of the folds, which had fewer triplets."""
        given, strengths = self.inputs, as_strengths(self.strengths)
        logs = [np.log(r.strength) + GROWTH * np.log(r.n_train / len(given.index)) for r in results]
        strength = strengths[0] if strengths is not None and len(strengths) == 1 else float(np.exp(np.mean(logs)))
        problem = self.make(given.x, given.index, self.options, given.answers)
        fit = next(fit_path(problem, [strength], watch=self.watch.at("refit"), figures=True))
        self.watch.journal.offer("refit", (REFIT, fit.objective), lambda: fit)
        return fit


def _warn(fits: Sequence[FoldResult | ProbeFit]) -> None:
    names = [*(f"fold {number + 1}" for number in range(len(fits) - 1)), "the refit"]
    early = [name for name, fit in zip(names, fits, strict=True) if not fit.converged]
    if early:
        what = f"{', '.join(early)} ended before the optimum"
        warnings.warn(f"{what}; raise strengths, tolerance or max_iterations", ConvergenceWarning, stacklevel=3)


def _held_out(results: Sequence[FoldResult], split: str) -> dict[str, Any]:
    """What the record of the refit says of the folds."""
    means = {name: float(np.mean([getattr(r, name) for r in results])) for name in ("accuracy", "cross_entropy")}
    return {**means, "over": split, "folds": len(results)}


def _summary(
    results: Sequence[FoldResult], inputs: Inputs, split: str, fit: ProbeFit, local: LocalOptions, began: float
) -> ProbeCrossValidation:
    right, nats = ([getattr(r, name) for r in results] for name in ("accuracy", "cross_entropy"))
    others = inputs.given.get("other_embeddings")
    return ProbeCrossValidation(
        accuracy=float(np.mean(right)),
        accuracy_interval=mean_interval(right, [r.accuracy_error for r in results], split),
        cross_entropy=float(np.mean(nats)),
        cross_entropy_interval=mean_interval(nats, [r.cross_entropy_error for r in results], split),
        zero_shot_accuracy=float(np.mean([r.zero_shot_accuracy for r in results])),
        folds=tuple(results),
        split=split,
        seed=fit.options.seed,
        fit=replace(fit, notes=(), provenance=None),  # they are those of the whole
        seconds=time.perf_counter() - began,
        options=fit.options,
        images=None if others is None else Others(getattr(others, "source", None), local.alpha, local.tau),
        embeddings=inputs.aligned.embeddings.source,
        triplets=inputs.aligned.triplets.source,
        notes=inputs.notes,
        provenance=inputs.provenance({"folds": len(results), "split": split, **asdict(fit.options)}, fit.options.seed),
    )

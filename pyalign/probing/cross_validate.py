"""Cross-validation of a probe: every figure is of triplets that chose nothing."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np

from pyalign.analysis.repeats import checked_labels
from pyalign.errors import ConvergenceWarning, InputError
from pyalign.probing.algebra import Algebra, algebra_for, host_rows, host_triplets
from pyalign.probing.answers import answer_weights
from pyalign.probing.choose import (
    GROWTH,
    Choice,
    Maker,
    Reporter,
    choose_strength,
    held_out_score,
    part_of,
    problem_of,
    scored,
    silent,
    watcher,
)
from pyalign.probing.fit import ProbeFit, fit_path
from pyalign.probing.glocal_problem import GlocalOptions, GlocalProblem
from pyalign.probing.intervals import held_out_errors, mean_interval
from pyalign.probing.options import ProbeOptions, as_strengths, options_of
from pyalign.probing.problem import Problem, finite_rows, valid_triplets
from pyalign.probing.splits import Fold, folds_of, require_sides

ARGUMENTS = (
    "folds", "penalties", "seed", "split", "subjects", "targets", "weights", "images", "alpha", "tau", "finished",
    "report", "on_fold", "backend",
)  # fmt: skip


@dataclass(frozen=True)
class FoldResult:
    """One fold.

    Attributes:
        l2: strength of the penalty, chosen within the training triplets, or given.
        accuracy: fraction of the test triplets.
        cross_entropy: nats, of the test triplets.
        accuracy_error, cross_entropy_error: standard errors over held-out objects, triplets or people, as the split has
            it; None with soft targets.
        zero_shot_accuracy: fraction of the same triplets, by cosines of the rows as they came.
        n_train, n_test: triplets.
        rank: columns of the map.
        gap, converged: nats, and whether the fit came as near to its optimum as was asked for; see `ProbeFit`.
        at_edge: whether the strongest or the weakest strength that was tried was the best.
        n_passes: over the training triplets, those of the choice included.
        seconds: that the fold took.
        strengths, inner_cross_entropy, inner_accuracy: what the choice saw; see `Choice`.
    """

    l2: float
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

    def to_dict(self) -> dict[str, Any]:
        """The figures as a dict that json can write."""
        return asdict(self)

    @classmethod
    def from_dict(cls, figures: dict[str, Any]) -> FoldResult:
        """Back from `to_dict`, through json or not."""
        curves = ("strengths", "inner_cross_entropy", "inner_accuracy")
        values: dict[str, Any] = {**figures, **{name: tuple(figures[name]) for name in curves}}
        return cls(**values)


@dataclass(frozen=True, repr=False)
class ProbeCrossValidation:
    """How well a probe predicts answers about what it has not seen, and the probe fitted to everything.

    Attributes:
        accuracy: fraction; mean over the folds.
        accuracy_interval: 95 % interval of that mean, over objects, triplets or people like those that folds held out.
        cross_entropy, cross_entropy_interval: the same in nats.
        zero_shot_accuracy: fraction; mean over the folds, of the same triplets without a probe.
        folds: a `FoldResult` each.
        split: what was held out: ``"objects"``, ``"triplets"`` or ``"subjects"``.
        seed: of the split.
        fit: the probe fitted to all triplets, with the geometric mean of the folds' strengths, scaled. Where Ctrl-C
            came before that, the fit of the finished fold with the least cross-entropy on its test triplets, or else
            the best fit on the way to a fold, those first that were scored on held-out triplets; None where there is
            none.
        fit_stage: what that is a fit of, as in `Progress`: "refit" is of all triplets; None where there is none.
        interrupted: whether Ctrl-C came; figures are then of the folds that were finished, NaN where there is none.
        seconds: that all of it took.
    """

    accuracy: float
    accuracy_interval: tuple[float, float]
    cross_entropy: float
    cross_entropy_interval: tuple[float, float]
    zero_shot_accuracy: float
    folds: tuple[FoldResult, ...]
    split: str
    seed: int
    fit: ProbeFit | None
    fit_stage: str | None
    interrupted: bool
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """The figures as a dict that json can write, without the map."""
        nested = {"folds": [fold.to_dict() for fold in self.folds], "fit": self.fit.to_dict() if self.fit else None}
        return {name: nested.get(name, value) for name, value in vars(self).items()}

    def __repr__(self) -> str:
        low, high = self.accuracy_interval
        return (
            f"ProbeCrossValidation(accuracy={self.accuracy:.3%} ({low:.3%} to {high:.3%}; zero-shot "
            f"{self.zero_shot_accuracy:.3%}), cross_entropy={self.cross_entropy:.5f} nats, "
            f"{len(self.folds)} folds over {self.split})"
        )


def cross_validate_probe(
    x: object, triplets: object, *, folds: int = 3, penalties: object = "auto", seed: int = 0, split: str = "objects",
    subjects: object = None, targets: object = None, weights: object = None,
    images: object = None, alpha: float = 0.25, tau: float = 0.1,
    finished: Sequence[FoldResult] = (), report: Reporter = silent,
    on_fold: Callable[[FoldResult], None] | None = None, backend: str = "auto", **options: Any,
) -> ProbeCrossValidation:  # fmt: skip
    """Folds of a probe, each with the penalty chosen inside, then a refit on everything.

    Args:
        x: (n, d) real numbers, one row per item.
        triplets: (t, 3) integers in [0, n); the last column is the item that the person called odd.
        folds: how many.
        penalties: strengths to choose from, or ``"auto"`` for eight from 0.1 to 0.001 of the one from which on the best
            map is zero, and more where the best lies at an end of these. What was best on the inner folds is scaled for
            the number of triplets of a fold, and of the refit. A single number is taken as it is, everywhere.
        seed: of the split and of the starts.
        split: ``"objects"``: test triplets are of held-out objects alone, training triplets of the others alone;
            ``"triplets"`` and ``"subjects"``: other answers, other people, about the same objects.
        subjects: (t,) who answered each triplet, for ``split="subjects"``.
        targets, weights: see `fit_probe`; of held-out triplets accuracy is then the share of answers that
            call the same item odd.
        images: (m, d) other images whose similarities are to be kept, with penalty ``"identity"``; alpha, tau: see
            `pyalign.probing.glocal.fit_glocal`.
        finished: results of the first folds, from a run that was cut off; they are taken as they are.
        report: called with a `Progress` at each pass.
        on_fold: called with each `FoldResult`.
        backend: where losses, gradients and held-out figures are computed: see `fit_probe`.
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
    on = algebra_for(backend, x)
    rows = finite_rows(host_rows(on, x))
    index = valid_triplets(host_triplets(on, triplets), len(rows))
    chosen = options_of(ProbeOptions, {"seed": seed, **options}, ARGUMENTS)
    seed = chosen.seed
    as_strengths(penalties)
    GlocalOptions(alpha=alpha, tau=tau)  # checks them
    if subjects is not None and split != "subjects":
        raise InputError(f"subjects must be left out unless split is 'subjects'; got split {split!r}")
    people = None if subjects is None else checked_labels(subjects, len(index))
    answers = answer_weights(len(index), targets, weights)
    split_up = partial(folds_of, index, len(rows), split=split, folds=folds, seed=seed, subjects=people)
    require_sides(split_up(), answers)
    make: Maker = partial(Problem, on=on)
    if images is not None:
        if chosen.penalty != "identity":
            raise InputError(f"penalty must be 'identity' with other images; got {chosen.penalty!r}")
        make = partial(GlocalProblem, on=on, images=host_rows(on, images, "images"), alpha=alpha, tau=tau)
    run = _Run(on, make, rows, index, answers, chosen, penalties, split, people, seed, report)
    results, interrupted = list(finished), False
    try:
        for number, fold in enumerate(split_up()):
            if number < len(finished):
                continue
            results.append(run.fold(fold, f"fold {number + 1}/{folds}"))
            if on_fold is not None:
                on_fold(results[-1])
        run.refit(results)
    except KeyboardInterrupt:
        interrupted = True
    early = [f"fold {number + 1}" for number, result in enumerate(results) if not result.converged]
    if not interrupted and run.best is not None and not run.best.fit.converged:
        early.append("the refit")
    if early:
        what = f"{', '.join(early)} ended before the optimum"
        warnings.warn(f"{what}; raise l2, tolerance or max_iterations", ConvergenceWarning, stacklevel=2)
    return _summary(results, split, seed, run.best, interrupted, began)


REFIT, FINISHED, FITTED, INNER, CUT = range(5)  # what a map is worth to whoever interrupts: the first most


@dataclass(frozen=True)
class _Kept:
    """A fit, what it is of, and what it is worth: one of the kinds above, then its held-out cross-entropy."""

    worth: tuple[int, float]
    stage: str
    fit: ProbeFit


@dataclass
class _Run:
    on: Algebra
    make: Maker
    x: np.ndarray
    triplets: np.ndarray
    answers: np.ndarray | None
    options: ProbeOptions
    penalties: object
    split: str
    subjects: np.ndarray | None
    seed: int
    report: Reporter
    best: _Kept | None = None

    def keep(self, kind: int, stage: str, fit: ProbeFit | None, nats: float = float("inf")) -> None:
        """Remembers the best fit so far; raises KeyboardInterrupt after one that was cut off."""
        if fit is not None and (self.best is None or (kind, nats) < self.best.worth):
            self.best = _Kept((kind, nats), stage, fit)
        if kind == CUT:
            raise KeyboardInterrupt

    def fold(self, fold: Fold, stage: str) -> FoldResult:
        """One fold. Raises KeyboardInterrupt where Ctrl-C came, with the best fit so far in `best`."""
        began = time.perf_counter()
        inside = np.zeros(len(self.x), np.int64)
        inside[fold.train_items] = np.arange(len(fold.train_items))
        choice = choose_strength(
            self.x[fold.train_items], inside[self.triplets[fold.train]], self.options, penalties=self.penalties,
            split=self.split, subjects=None if self.subjects is None else self.subjects[fold.train], seed=self.seed,
            answers=part_of(self.answers, fold.train), stage=f"{stage}, inner", report=self.report,
            make=self.make,
        )  # fmt: skip
        self.keep(CUT if choice.interrupted else INNER, choice.best_stage, choice.best)
        problem = problem_of(self.x, self.triplets, self.answers, fold, self.options, self.make)
        fit = next(fit_path(problem, [choice.l2], watch=watcher(stage, _Fixed(choice.l2), self.report)))
        self.keep(CUT if fit.interrupted else FITTED, stage, fit)
        result = self._result(fold, choice, fit, time.perf_counter() - began)
        self.keep(FINISHED, stage, fit, result.cross_entropy)
        return result

    def _result(self, fold: Fold, choice: Choice, fit: ProbeFit, seconds: float) -> FoldResult:
        test, answers = self.triplets[fold.test], part_of(self.answers, fold.test)
        found = held_out_score(fit, self.x, test, answers, self.on)
        errors: tuple[float | None, float | None] = (None, None)
        if answers is None:
            people = None if self.subjects is None else self.subjects[fold.test]
            options, rows = self.options, self.on.for_scoring(fit.transform.apply(self.x))
            errors = held_out_errors(
                rows, test, self.split, options.measure, options.temperature, people, self.on.backend.name
            )
        return FoldResult(
            l2=choice.l2,
            accuracy=found.accuracy,
            cross_entropy=found.cross_entropy,
            accuracy_error=errors[0],
            cross_entropy_error=errors[1],
            zero_shot_accuracy=scored(self.x, test, answers, "cosine", on=self.on).accuracy,
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

    def refit(self, results: Sequence[FoldResult]) -> None:
        """All triplets, with the strengths of the folds, which had fewer triplets."""
        strengths = as_strengths(self.penalties)
        logs = [np.log(r.l2) + GROWTH * np.log(r.n_train / len(self.triplets)) for r in results]
        l2 = strengths[0] if strengths is not None and len(strengths) == 1 else float(np.exp(np.mean(logs)))
        problem = self.make(self.x, self.triplets, self.options, self.answers)
        fit = next(fit_path(problem, [l2], watch=watcher("refit", _Fixed(l2), self.report)))
        self.keep(CUT if fit.interrupted else REFIT, "refit", fit)


class _Fixed:
    """What `watcher` looks at, for a fit at one strength."""

    def __init__(self, l2: float) -> None:
        self.strengths, self.scores = (l2,), ()


def _summary(
    results: Sequence[FoldResult], split: str, seed: int, best: _Kept | None, interrupted: bool, began: float
) -> ProbeCrossValidation:
    right, nats = ([getattr(r, name) for r in results] for name in ("accuracy", "cross_entropy"))
    none = float("nan")
    return ProbeCrossValidation(
        accuracy=float(np.mean(right)) if results else none,
        accuracy_interval=mean_interval(right, [r.accuracy_error for r in results]),
        cross_entropy=float(np.mean(nats)) if results else none,
        cross_entropy_interval=mean_interval(nats, [r.cross_entropy_error for r in results]),
        zero_shot_accuracy=float(np.mean([r.zero_shot_accuracy for r in results])) if results else none,
        folds=tuple(results),
        split=split,
        seed=seed,
        fit=None if best is None else best.fit,
        fit_stage=None if best is None else best.stage,
        interrupted=interrupted,
        seconds=time.perf_counter() - began,
    )

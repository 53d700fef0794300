"""Cross-validation of a probe: every figure is of triplets that chose nothing."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike

from pyalign import _checks
from pyalign.analysis.outcomes import CREDIT_UNIT, triplet_outcomes
from pyalign.analysis.score import score
from pyalign.data import ODD_ONE_OUT, Triplets
from pyalign.documents import Interval
from pyalign.errors import ConvergenceWarning, InputError
from pyalign.journal import Journal
from pyalign.probing.answers import part_of
from pyalign.probing.choose import GROWTH, Choice, choose_strength, geometric_mean, problem_of, require_sides
from pyalign.probing.fit import Maker, ProbeFit, fit_path
from pyalign.probing.inputs import Inputs, read_inputs
from pyalign.probing.options import LocalOptions, ProbeOptions, as_penalties, options_of
from pyalign.probing.probe import COMMON, completed, maker, watch_over
from pyalign.probing.scoring import held_out_score, scored
from pyalign.probing.validated import FoldResult, Others, ProbeCrossValidation
from pyalign.probing.watch import FINISHED, FITTED, REFIT, Watch
from pyalign.progress import Progress, silent
from pyalign.stats.clustered import Dependence, with_weights
from pyalign.stats.resampling import Clusters, Resampling
from pyalign.stats.splits import SPLITS, Fold, TripletKFold
from pyalign.stats.student import quantile
from pyalign.typing import (
    AnswersLike,
    BackendName,
    EmbeddingsLike,
    MeasureLike,
    Penalties,
    Policy,
    Split,
    SubjectsLike,
    TripletsLike,
)

ARGUMENTS = ("folds", "penalties", "split", "subjects", "journal", *COMMON)
LEVEL = 0.95


def cross_validate_probe(
    embeddings: EmbeddingsLike, triplets: TripletsLike, *, folds: int = 3, penalties: Penalties = "auto", seed: int = 0,
    split: Split = "objects",
    subjects: SubjectsLike | None = None, answers: AnswersLike | None = None, weights: ArrayLike | None = None,
    other_embeddings: EmbeddingsLike | None = None,
    local_weight: float = 0.25, tau: float = 0.1, batch_size: int = 1024, batches: int | None = None,
    missing: Policy = "raise", backend: BackendName = "auto", progress: Progress | None = None,
    journal: Journal | None = None,
    **options: Any,
) -> ProbeCrossValidation:  # fmt: skip
    """Cross-validate a probe with the penalty chosen inside each fold, then refit it to all triplets.

    Args:
        embeddings, triplets, answers, weights: see `fit_probe`. With answers, the accuracy on held-out triplets is the
            proportion of answers that the probe predicts.
        folds: the number of folds.
        penalties: the penalties to choose from. ``"auto"`` tries eight, from 0.1 to 0.001 of the smallest penalty for
            which the best map is zero, and further ones if the best is at an end of these. The best penalty on the
            inner folds is scaled to the number of triplets of a fold, and of the refit. A single number is used
            unchanged everywhere.
        seed: the seed of the split and of the starting points.
        split: ``"objects"``: all items of a test triplet are held-out objects, and all items of a training triplet are
            other objects; ``"triplets"`` or ``"subjects"``: held-out answers or participants, about the same objects.
        subjects: (t,) who answered each triplet, for ``split="subjects"``; None: those of the triplets.
        other_embeddings, local_weight, tau, batch_size, batches: see `fit_probe`; used with ``norm="identity"``.
        missing: see `pyalign.score`.
        backend: where losses, gradients and held-out figures are computed: see `fit_probe`.
        progress: a callback that gets the current stage, such as "fold 2/3, inner 1/3: penalty 0.0322, loss 0.86045,
            held-out 59.20 %", the number of passes of the current fit, and None.
        journal: keeps the finished folds and the best map so far, a `ProbeFit`, if the call is interrupted with Ctrl-C.
            The same call continues from there. The best map is that of the finished fold with the smallest held-out
            cross-entropy or, before any fold is finished, that of the best inner fit.
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
        >>> x = random_embeddings(60, 8)
        >>> result = cross_validate_probe(x, simulate(x, 6000, measure="dot").triplets)
        >>> result.accuracy > 0.5, result.split
        (True, 'objects')
    """
    progress = progress or silent
    began = time.perf_counter()
    chosen = options_of(ProbeOptions, {"seed": seed, **options}, ARGUMENTS)
    local = LocalOptions(local_weight, tau, batch_size, batches)
    as_penalties(penalties)
    folds = _checks.whole_number(folds, "folds", 2)
    if _checks.one_of(split, SPLITS, "split") != "subjects" and subjects is not None:
        raise InputError(f"subjects must be left out unless split is 'subjects'; got split {split!r}")
    inputs = read_inputs(
        embeddings, triplets, answers=answers, weights=weights, subjects=subjects if split == "subjects" else None,
        others=other_embeddings, missing=missing, backend=backend,
    )  # fmt: skip
    if inputs.others is not None and chosen.norm != "identity":
        raise InputError(f"norm must be 'identity' with other embeddings; got {chosen.norm!r}")
    split_up = list(TripletKFold(split, folds, chosen.seed, len(inputs.x)).folds(inputs.index, inputs.subjects))
    require_sides(split_up, inputs.answers)
    watch = watch_over(inputs, local, progress, journal)
    run = _Run(inputs, maker(inputs, local), chosen, penalties, split, watch)
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
        watch, journal = self.watch.at(stage), self.watch.journal
        finished = journal.result(stage, FoldResult)
        if finished is not None:
            return finished
        began, inputs = time.perf_counter(), self.inputs
        inside = np.zeros(len(inputs.x), np.int64)
        inside[fold.train_items] = np.arange(len(fold.train_items))
        people = inputs.subjects if self.split == "subjects" else None
        choice = choose_strength(
            inputs.x[fold.train_items], inside[inputs.index[fold.train]], self.options, penalties=self.strengths,
            split=self.split, subjects=None if people is None else people[fold.train], seed=self.options.seed,
            answers=part_of(inputs.answers, fold.train), watch=self.watch.at(f"{stage}, inner"), make=self.make,
        )  # fmt: skip
        problem = problem_of(inputs.x, inputs.index, inputs.answers, fold, self.options, self.make)
        fit = next(fit_path(problem, [choice.strength], watch=watch))
        watch.offer((FITTED, fit.objective), lambda: fit)
        result = self._result(fold, choice, fit, time.perf_counter() - began)
        watch.offer((FINISHED, result.cross_entropy), lambda: fit)
        journal.finish(stage, result)
        return result

    def _result(self, fold: Fold, choice: Choice, fit: ProbeFit, seconds: float) -> FoldResult:
        inputs, options = self.inputs, self.options
        test, answers = inputs.index[fold.test], part_of(inputs.answers, fold.test)
        held_out = held_out_score(fit.transform, options, inputs.x, test, answers, inputs.on, inputs.task)
        errors: tuple[float | None, float | None] = (None, None)
        paired = PairedErrors()
        if answers is None:
            people = inputs.subjects[fold.test] if self.split == "subjects" and inputs.subjects is not None else None
            rows = inputs.on.for_scoring(fit.transform.apply(inputs.x))
            backend = inputs.on.backend.name
            errors = held_out_errors(
                rows, test, self.split, options.measure, options.temperature, people, backend, inputs.task
            )
            paired = paired_errors(
                rows, inputs.on.for_scoring(inputs.x), test, self.split, options, people, backend, inputs.task
            )
        return FoldResult(
            strength=choice.strength,
            accuracy=held_out.accuracy,
            cross_entropy=held_out.cross_entropy,
            accuracy_error=errors[0],
            cross_entropy_error=errors[1],
            zero_shot_accuracy=scored(inputs.x, test, answers, "cosine", on=inputs.on, task=inputs.task).accuracy,
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
            zero_shot_error=paired.zero_shot,
            difference_error=paired.difference,
        )

    def refit(self, results: Sequence[FoldResult]) -> ProbeFit:
        """All triplets, with the strengths of the folds, which had fewer triplets."""
        inputs, strengths = self.inputs, as_penalties(self.strengths)
        grown = [r.strength * (r.n_train / len(inputs.index)) ** GROWTH for r in results]
        strength = strengths[0] if strengths is not None and len(strengths) == 1 else float(geometric_mean(grown))
        problem = self.make(inputs.x, inputs.index, self.options, inputs.answers)
        fit = next(fit_path(problem, [strength], watch=self.watch.at("refit"), figures=True))
        self.watch.at("refit").offer((REFIT, fit.objective), lambda: fit)
        return fit


def _warn(fits: Sequence[FoldResult | ProbeFit]) -> None:
    names = [*(f"fold {number + 1}" for number in range(len(fits) - 1)), "the refit"]
    early = [name for name, fit in zip(names, fits, strict=True) if not fit.converged]
    if early:
        what = f"{', '.join(early)} ended before the optimum"
        warnings.warn(f"{what}; raise the penalties, tolerance or max_iterations", ConvergenceWarning, stacklevel=3)


def _held_out(results: Sequence[FoldResult], split: str) -> dict[str, Any]:
    """What the record of the refit says of the folds."""
    means = {name: float(np.mean([getattr(r, name) for r in results])) for name in ("accuracy", "cross_entropy")}
    return {**means, "over": split, "folds": len(results)}


def _degrees(inputs: Inputs, split: str, folds: int) -> int:
    """The degrees of freedom: the units that are held out, less one for each fold's mean."""
    if split == "objects":
        return len(np.unique(inputs.index)) - folds
    if split == "subjects" and inputs.subjects is not None:
        return len(np.unique(inputs.subjects)) - folds
    return len(inputs.index) - folds


def _summary(
    results: Sequence[FoldResult], inputs: Inputs, split: str, fit: ProbeFit, local: LocalOptions, began: float
) -> ProbeCrossValidation:
    right, nats = ([getattr(r, name) for r in results] for name in ("accuracy", "cross_entropy"))
    degrees = _degrees(inputs, split, len(results))
    others = inputs.arguments.get("other_embeddings")
    before = [r.zero_shot_accuracy for r in results]
    added = [r.accuracy - r.zero_shot_accuracy for r in results]
    return ProbeCrossValidation(
        accuracy=float(np.mean(right)),
        accuracy_interval=mean_interval(right, [r.accuracy_error for r in results], split, degrees=degrees),
        cross_entropy=float(np.mean(nats)),
        cross_entropy_interval=mean_interval(nats, [r.cross_entropy_error for r in results], split, degrees=degrees),
        zero_shot_accuracy=float(np.mean(before)),
        zero_shot_interval=mean_interval(before, [r.zero_shot_error for r in results], split, degrees=degrees),
        difference_interval=mean_interval(added, [r.difference_error for r in results], split, degrees=degrees),
        folds=tuple(results),
        split=split,
        seed=fit.options.seed,
        fit=replace(fit, notes=(), coverage=None, provenance=None),  # they are those of the whole
        seconds=time.perf_counter() - began,
        options=fit.options,
        task=inputs.task,
        images=None if others is None else Others(getattr(others, "source", None), local.local_weight, local.tau),
        embeddings=inputs.aligned.embeddings.source,
        triplets=inputs.aligned.triplets.source,
        coverage=inputs.coverage,
        notes=inputs.notes,
        provenance=inputs.provenance(
            {"folds": len(results), "split": split, **fit.options.to_dict()}, fit.options.seed
        ),
    )


def held_out_errors(
    rows: Any, triplets: np.ndarray, split: str, measure: MeasureLike, temperature: float,
    subjects: np.ndarray | None,
    backend: str = "auto", task: str = ODD_ONE_OUT,
) -> tuple[float | None, float | None]:  # fmt: skip
    """Standard errors of accuracy and cross-entropy of a fold, over other objects, triplets or people like its own.

    None and None where the fold is too small for a closed form.
    """
    try:
        result = score(
            rows, Triplets(triplets, task=task), measure=measure, temperature=temperature, ci=Resampling(split),
            subjects=subjects, backend=cast("BackendName", backend),
        )  # fmt: skip
    except InputError:
        return None, None
    return result.standard_error, result.cross_entropy_standard_error


@dataclass(frozen=True)
class PairedErrors:
    """Standard errors of the accuracy without a map, and of what the map adds to it; None where a fold is too small."""

    zero_shot: float | None = None
    difference: float | None = None


def paired_errors(
    mapped: object, x: object, triplets: np.ndarray, split: str, options: ProbeOptions, subjects: np.ndarray | None,
    backend: str = "auto", task: str = ODD_ONE_OUT,
) -> PairedErrors:  # fmt: skip
    """Errors of a fold over other objects, triplets or people like its own, both accuracies on the same triplets.

    Args:
        mapped, x: (n, d') and (n, d), rows after the map and as they came; of the latter cosines count.
        triplets: (t, 3) of the fold.
        split: what it holds out.
        options: measure and temperature of the map.
        subjects: (t,) who answered, where the split is over people.
    """
    probed = triplet_outcomes(mapped, triplets, measure=options.measure, temperature=options.temperature,
                              backend=backend, task=task)  # fmt: skip
    before = triplet_outcomes(x, triplets, measure="cosine", backend=backend, task=task)
    credits = np.stack([probed.credits(), before.credits()])
    try:
        errors = Dependence.of(Clusters.of(triplets, subjects), Resampling(split)).errors(with_weights(credits))
    except InputError:
        return PairedErrors()
    if not errors.known:
        return PairedErrors()
    return PairedErrors(float(errors.errors[1]) / CREDIT_UNIT, float(errors.differences[0, 1]) / CREDIT_UNIT)


def mean_interval(
    values: Sequence[float], errors: Sequence[float | None] = (), by: str | None = None, level: float = LEVEL,
    degrees: float = math.inf,
) -> Interval:  # fmt: skip
    """Interval of the mean of folds' figures; NaN where there are fewer than two.

    With the folds' standard errors it is by Student's t with these degrees of freedom: folds hold out different objects
    (or triplets, or people), so that their errors are independent but for what their training sets share. Without, it
    is by Student's t over the folds.

    Example:
        >>> low, high = mean_interval([0.58, 0.59, 0.6])
        >>> round(low, 3), round(high, 3)
        (0.565, 0.615)
        >>> low, high = mean_interval([0.58, 0.59, 0.6], [0.003, 0.003, 0.003])
        >>> round(low, 4), round(high, 4)
        (0.5866, 0.5934)
    """
    figures = np.asarray(values, dtype=np.float64)
    if len(figures) < 2:
        return Interval(float("nan"), float("nan"), None, by)
    known = [error for error in errors if error is not None]
    if len(known) == len(figures):
        error, method = float(np.sqrt(np.square(known).sum())) / len(figures), "corrected"
    else:
        error, method = float(figures.std(ddof=1) / np.sqrt(len(figures))), "student"
        degrees = len(figures) - 1
    half = quantile(level, degrees) * error
    return Interval(float(figures.mean()) - half, float(figures.mean()) + half, error, by, method, level)

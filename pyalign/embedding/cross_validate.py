"""Cross-validation of an embedding: every figure is of answers that chose nothing.

The public functions that fit an embedding to triplets.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pyalign._checks import checked
from pyalign._dataclass import dataclass, replace
from pyalign._process import Progress, reporter
from pyalign.data.similarities import named_models
from pyalign.embedding.choice import GROWTH, Stated, choose_penalty, held_out, scaled, settled_rows
from pyalign.embedding.embedding_result import (
    EmbeddingCrossValidation, EmbeddingFit, EmbeddingFold, HeldOutFigures, Other, described, plan_for,
)
from pyalign.embedding.fit import (
    EmbeddingOptions, EmbeddingPenalty, RowsFit, as_embedding_penalties, moved_by_penalties, penalty_of,
)
from pyalign.embedding.folds import EmbeddingInputs, checked_split, folds_of, read_answers
from pyalign.embedding.stability import Refits, Stability, stability_of, standard_errors
from pyalign.errors import ConvergenceWarning, InputError
from pyalign.journal import Journal, journal_of, packed, unpacked
from pyalign.stats.resampling import OverAnswers, record_of
from pyalign.stats.splits import Fold
from pyalign.typing import AnswersLike, AtLeastTwo, BackendName, EmbeddingsLike, NotNegative, SubjectsLike, TripletsLike


@checked
def cross_validate_embedding(
    triplets: TripletsLike, *, folds: AtLeastTwo = 3, penalties: Any = "auto", split: str = "triplets",
    seed: NotNegative = 0, n_seeds: NotNegative = 0, halves: bool = True, n_resamples: NotNegative = 0,
    against: Mapping[str, EmbeddingsLike] | None = None, subjects: SubjectsLike | None = None,
    answers: AnswersLike | None = None, weights: ArrayLike | None = None, names: Any = None, missing: str = "raise",
    ci: OverAnswers = "auto", backend: BackendName = "auto", progress: Progress | None = None,
    journal: Journal | None = None, **options: Any,
) -> EmbeddingCrossValidation:
    """Cross-validate an embedding with penalties chosen inside each fold, then fit it to all answers.

    Args:
        triplets, answers, weights, names, missing, backend: see `fit_embedding`.
        folds: the number of folds.
        penalties: pairs (shrinkage, sparsity) to choose from, of which one may be None. A tenth of a fold's training
            answers chooses. A single pair is used unchanged everywhere; others are scaled to the answers of each fit.
            ``"auto"``: the number of dimensions is that at which a path of twelve penalties settles, and weaker ones
            are tried from there, which keep it. ``"path"``, and ``"auto"`` if signed: the best of eight of the path of
            `embedding_path`, whatever its number of dimensions, and further ones if that is at an end of these.
        split: what is held out. ``"triplets"``: sets of three objects, with all answers to them; ``"subjects"``:
            participants. Objects can't be held out, since an object without answers has no row.
        seed: of the split.
        n_seeds: how many fits from other starts the dimensions are compared with.
        halves: whether the dimensions of two halves of the answers are compared.
        n_resamples: how many fits to resampled answers give intervals and standard errors.
        against: other embeddings, by name, which are judged by inner products on the same held-out answers.
        subjects: (t,) who answered each triplet; None: those of the triplets.
        ci: what intervals generalize to: ``"subjects"`` or ``"triplets"``; ``"auto"``: participants if at least four
            are known, otherwise triplets. A `Resampling` sets the level.
        progress: a callback that gets the current stage, the number of passes of the current fit, and None.
        journal: keeps finished folds and refits, and the best embedding so far, if the call is interrupted with Ctrl-C.
            The same call continues from there; another one is refused.
        options: the fields of `EmbeddingOptions`.

    Returns:
        An `EmbeddingCrossValidation`.

    Raises:
        InputError: as `fit_embedding`; a split over objects; unknown participants; a fold that leaves an object without
            answers.
        MissingExtraError: scipy is not installed.

    Warns:
        ConvergenceWarning: the fits of some folds, or that to all answers, stopped before a stationary point.

    Example:
        >>> from pyalign.datasets.simulate import simulate
        >>> kinds = np.repeat(np.eye(3), 8, axis=0)  # three groups of eight objects
        >>> result = cross_validate_embedding(simulate(3 * kinds, 4000, measure="dot").triplets, folds=2)
        >>> result.accuracy > 0.5, result.fit.n_dimensions >= 3
        (True, True)
    """
    given, began, progress = dict(locals()), time.perf_counter(), reporter(progress)
    chosen = options_of(options)
    if n_resamples == 1:
        raise InputError("n_resamples must be 0 or at least 2; got 1")
    models = {} if against is None else named_models(against, "against")
    inputs = read_answers(
        triplets, answers=answers, weights=weights, subjects=subjects, names=names, missing=missing, backend=backend
    )
    require_dimensions(inputs, chosen)
    stated_penalties = _stated(penalties, inputs, chosen)
    drawn = folds_of(checked_split(split, inputs), inputs, folds, seed)
    plan = plan_for(ci, split, inputs.subjects)
    others = [Other.of(x, name, inputs) for name, x in models.items()]
    journal = journal_of(journal, "cross_validate_embedding", given)
    run = _Run(inputs, chosen, stated_penalties, split, seed, progress, journal)
    finished = [run.fold(fold, f"fold {number + 1}/{folds}") for number, fold in enumerate(drawn)]
    results = [one.result for one in finished]
    settling = run.settling(finished)
    fit = replace(recorded(run.refit(results, settling), inputs), provenance=None)
    refits = Refits(
        inputs, (*settling, EmbeddingPenalty(fit.shrinkage, fit.sparsity)), chosen, split, seed, journal,
        lambda stage: progress(stage, 0, None),
    )
    stability, errors_of_entries = _stability(fit, refits, n_seeds, halves, n_resamples)
    _warn([*results, fit])
    tables = [unpacked(one.table)["table"] for one in finished]
    figures = HeldOutFigures.of(tables, [fold.test for fold in drawn], others, inputs, plan)
    return EmbeddingCrossValidation(
        accuracy=figures.means[0], accuracy_interval=figures.fraction(0), cross_entropy=figures.means[1],
        cross_entropy_interval=figures.nats(1), folds=tuple(results), split=split, seed=seed,
        fit=replace(fit, notes=()), seconds=time.perf_counter() - began, options=chosen,
        against=tuple(figures.comparison(k, other, fit.embedding.values) for k, other in enumerate(others)),
        stability=stability, triplets=inputs.source, standard_errors=errors_of_entries,
        notes=(*fit.notes, *(note for other in others for note in other.notes), *figures.notes),
        provenance=inputs.provenance(
            {"folds": folds, "split": split, "ci": record_of(plan), "penalties": penalties, "n_seeds": n_seeds,
             "halves": halves, "n_resamples": n_resamples, "missing": missing, **vars(chosen)}, seed,
        ),
    )


def _stated(penalties: Any, inputs: EmbeddingInputs, options: EmbeddingOptions) -> Stated:
    """What folds choose from: see `choose_penalty`."""
    stated = as_embedding_penalties(penalties, inputs.n, options.signed, ("auto", "path"))
    return "auto" if stated is None and penalties == "auto" and not options.signed else stated


@dataclass(frozen=True)
class FinishedFold:
    """A fold in the journal: its result, and the table (t, 3) of its held-out triplets as text.

    Columns: the weight of a triplet's answers, of those that the embedding predicts, and their nats.
    """

    result: EmbeddingFold
    table: str
    settling: tuple[EmbeddingPenalty, ...]  # see `Choice`.


@dataclass(frozen=True)
class _Run:
    """A cross-validation: its inputs, and where it is watched."""

    inputs: EmbeddingInputs
    options: EmbeddingOptions
    penalties: Stated
    split: str
    seed: int
    progress: Progress
    journal: Journal

    def fold(self, fold: Fold, stage: str) -> FinishedFold:
        """One fold, from the journal where it is finished."""
        finished = self.journal.result(stage, FinishedFold)
        if finished is not None:
            return finished
        began, inputs = time.perf_counter(), self.inputs
        choice = choose_penalty(
            inputs, fold.train, self.options, self.penalties, (self.split, self.seed), self._watch(f"{stage}, path"),
            (self.journal, stage),
        )
        fit = inputs.fitter(self.options, self._watch(stage), fold.train).at(choice.penalty, choice.rows)
        if not fit.rows.shape[1]:
            left = [EmbeddingPenalty(p.shrinkage, p.sparsity) for p in choice.path if p.n_dimensions]
            raise nothing_left(choice.penalty, left)
        predicted = held_out(fit.rows, inputs, fold.test)
        weight = float(predicted.weights.sum())
        result = EmbeddingFold(
            shrinkage=fit.penalty.shrinkage,
            sparsity=fit.penalty.sparsity,
            accuracy=float(predicted.right.sum()) / weight,
            cross_entropy=float(predicted.nats.sum()) / weight,
            n_dimensions=fit.rows.shape[1],
            n_train=len(fold.train),
            n_test=len(fold.test),
            residual=fit.residual if fit.gap is None else fit.gap,
            converged=fit.converged,
            at_edge=choice.at_edge,
            n_passes=choice.n_passes + fit.n_passes,
            seconds=time.perf_counter() - began,
            path=choice.path,
        )
        table = np.column_stack([predicted.weights, predicted.right, predicted.nats])
        finished = FinishedFold(result, packed(table=table), choice.settling)
        self.journal.finish(stage, finished, instead_of=f"{stage}, penalty ")
        return finished

    def settling(self, folds: Sequence[FinishedFold]) -> tuple[EmbeddingPenalty, ...]:
        """The means of the penalties at which the number of dimensions settles in each fold, for all answers."""
        means = tuple(_mean_penalty(ones) for ones in zip(*(fold.settling for fold in folds), strict=False))
        return scaled(means, self._growth(folds[0].result))

    def _growth(self, fold: EmbeddingFold) -> float:
        """What penalties of a fold are multiplied by for all answers."""
        return (fold.n_train / len(self.inputs.index)) ** GROWTH

    def refit(self, results: Sequence[EmbeddingFold], settling: Sequence[EmbeddingPenalty]) -> EmbeddingFit:
        """All answers, with the penalties of the folds, which had fewer of them; from the journal where it is there.

        settling: the penalties that it passes before.
        """
        inputs, penalties = self.inputs, self.penalties
        if isinstance(penalties, tuple) and len(penalties) == 1:
            penalty = penalties[0]
        else:
            penalty = _mean_penalty(results).scaled(self._growth(results[0]))
        record = self.journal.record("refit")
        if record is not None:
            rows = unpacked(record["rows"])["rows"]
            figures = {**record["figures"], "penalty": EmbeddingPenalty(**record["figures"]["penalty"])}
            return described(RowsFit(rows=rows, **figures), inputs, self.options)
        start = settled_rows(inputs, self.options, settling)
        fit = inputs.fitter(self.options, self._watch("refit", REFIT)).at(penalty, start)
        if not fit.rows.shape[1]:
            raise nothing_left(penalty)
        figures = {name: value for name, value in vars(fit).items() if name != "rows"}
        self.journal.finish("refit", {"rows": packed(rows=fit.rows), "figures": figures})
        self.journal.offer("refit", (-1.0, fit.objective), lambda: described(fit, inputs, self.options))
        return described(fit, inputs, self.options)

    def _watch(self, stage: str, *merit: int) -> Callable[[int, float, Callable[[], RowsFit]], None]:
        return watcher(self.inputs, self.options, stage, self.progress, self.journal, *merit)


PENALTIES = ("shrinkage", "sparsity")


def _mean_penalty(ones: Sequence[EmbeddingFold | EmbeddingPenalty]) -> EmbeddingPenalty:
    """The geometric mean of each penalty."""
    return EmbeddingPenalty(*(_mean([getattr(one, name) for one in ones]) for name in PENALTIES))


def _mean(values: Sequence[float]) -> float:
    """The geometric mean; 0 where one of them is."""
    return float(np.exp(np.mean(np.log(values)))) if min(values) > 0 else 0.0


def _stability(
    fit: EmbeddingFit, refits: Refits, n_seeds: int, halves: bool, n_resamples: int
) -> tuple[tuple[Stability, ...], np.ndarray | None]:
    rows, order = fit.embedding.values, refits.inputs.order  # objects are split in the order of names
    own = rows[order]
    fits, errors = [], None
    if n_seeds:
        fits.append(stability_of("seeds", own, [(own, other[order]) for other in refits.seeds(n_seeds)]))
    if halves:
        first, second = refits.halves()
        fits.append(stability_of("halves", own, [(first[order], second[order])]))
    if n_resamples:
        others = refits.resamples(n_resamples, rows)
        fits.append(stability_of("resamples", own, [(own, other[order]) for other in others], interval=True))
        errors = standard_errors(rows, others, moved_by_penalties(refits.inputs.loss(), refits.penalty, rows))
    return tuple(fits), errors


def _warn(fits: Sequence[EmbeddingFold | EmbeddingFit]) -> None:
    names = [*(f"fold {number + 1}" for number in range(len(fits) - 1)), "the fit to all answers"]
    early = [name for name, fit in zip(names, fits, strict=True) if not fit.converged]
    if early:
        what = f"{', '.join(early)} ended before a stationary point"
        warnings.warn(f"{what}; raise the penalties, tolerance or max_iterations", ConvergenceWarning, stacklevel=4)


CUT, REFIT = 1, 0  # what fits are worth to whoever interrupts, the least most


def fit_embedding(
    triplets: TripletsLike, *, shrinkage: float | None = None, sparsity: float | None = None,
    answers: AnswersLike | None = None, weights: ArrayLike | None = None, names: Any = None,
    start: ArrayLike | None = None, missing: str = "raise", backend: BackendName = "auto",
    progress: Progress | None = None, journal: Journal | None = None, **options: Any,
) -> EmbeddingFit:
    """Learn an embedding of objects, such that inner products of its rows predict the answers to triplets.

    It minimizes ``mean -log softmax(x_i . x_j) + shrinkage * |X|_F^2 + sparsity / n * (sum of X)`` over X >= 0. It
    starts near the signed optimum, so that the result depends neither on a random seed nor on the number of threads.

    Args:
        triplets: (t, 3) integers in [0, n), or names; the last is the odd one out.
        shrinkage, sparsity: the penalties, at least one of them positive. Where one is left out, sparsity is half of n
            times shrinkage. `pyalign.cross_validate_embedding` chooses them.
        answers: (t, 3) counts or proportions of the answers; None: one each, or those of the triplets.
        weights: (t,) how much each triplet counts.
        names: the names of the n objects; None: those of the triplets.
        start: (n, d) rows to begin at, such as an embedding from elsewhere.
        missing: ``"raise"`` or ``"zero"``: what objects in no triplet get.
        backend: where losses and gradients are computed: see `pyalign.fit_probe`.
        progress: a callback that gets a text, the number of passes, and None.
        journal: keeps the best embedding so far if the call is interrupted with Ctrl-C.
        options: the fields of `EmbeddingOptions`.

    Returns:
        An `EmbeddingFit`.

    Raises:
        InputError: triplets about an anchor or without answers; an object in no triplet; groups of objects that no
            triplet joins; more dimensions than objects; sparsity of a signed embedding; penalties that leave nothing.
        MissingExtraError: scipy is not installed.

    Warns:
        ConvergenceWarning: the fit stopped before it reached a stationary point.

    Source: the objective without shrinkage is that of SPoSE (Zheng et al., ICLR 2019, equation 4).

    Example:
        >>> import numpy as np
        >>> from pyalign.datasets.simulate import simulate
        >>> kinds = np.repeat(np.eye(3), 8, axis=0)  # three groups of eight objects
        >>> fit = fit_embedding(simulate(3 * kinds, 4000, measure="dot").triplets, shrinkage=0.002)
        >>> fit.n_dimensions, fit.accuracy > 0.5
        (3, True)
    """
    given, chosen = dict(locals()), options_of(options)
    inputs = read_answers(triplets, answers=answers, weights=weights, names=names, missing=missing, backend=backend)
    require_dimensions(inputs, chosen)
    penalty = penalty_of(shrinkage, sparsity, inputs.n, chosen.signed)
    first = None if start is None else as_start(start, inputs, chosen)
    journal = journal_of(journal, "fit_embedding", given)
    fitter = inputs.fitter(chosen, watcher(inputs, chosen, "fit", reporter(progress), journal))
    fit = fitter.at(penalty, first)
    if not fit.rows.shape[1]:
        raise nothing_left(penalty)
    return recorded(warned(described(fit, inputs, chosen)), inputs)


def embedding_path(
    triplets: TripletsLike, *, penalties: Any = "auto", answers: AnswersLike | None = None,
    weights: ArrayLike | None = None, names: Any = None, missing: str = "raise", backend: BackendName = "auto",
    progress: Progress | None = None, **options: Any,
) -> tuple[EmbeddingFit, ...]:
    """Fit an embedding at several penalties, from the smallest to the largest, each from the one before.

    A dimension that a penalty has put to zero never returns, so that the other way finds fewer dimensions.

    Args:
        triplets, answers, weights, names, missing, backend, progress, options: see `fit_embedding`.
        penalties: pairs (shrinkage, sparsity), of which one may be None; ``"auto"``: eight, from 0.05 to 0.4 of the
            shrinkage at which the best signed embedding is zero.

    Returns:
        An `EmbeddingFit` for each penalty that leaves something.

    Raises:
        InputError: as `fit_embedding`; no penalty leaves anything.

    Example:
        >>> import numpy as np
        >>> from pyalign.datasets.simulate import simulate
        >>> answered = simulate(3 * np.repeat(np.eye(3), 8, axis=0), 4000, measure="dot").triplets
        >>> path = embedding_path(answered, penalties=[(0.001, 0.01), (0.01, 0.1)])
        >>> path[0].cross_entropy < path[1].cross_entropy
        True
    """
    chosen = options_of(options)
    inputs = read_answers(triplets, answers=answers, weights=weights, names=names, missing=missing, backend=backend)
    require_dimensions(inputs, chosen)
    stated_penalties = as_embedding_penalties(penalties, inputs.n, chosen.signed)
    fitter = inputs.fitter(chosen, watcher(inputs, chosen, "path", reporter(progress), None))
    fits = [fit for fit in fitter.path(stated_penalties or fitter.penalties()) if fit.rows.shape[1]]
    if not fits:
        raise InputError("the penalties leave nothing of the embedding, not even the smallest of them; lower them")
    return tuple(recorded(warned(described(fit, inputs, chosen)), inputs) for fit in fits)


def options_of(options: dict[str, Any]) -> EmbeddingOptions:
    """The options by name; raises for one that does not exist."""
    try:
        return EmbeddingOptions(**options)
    except TypeError:
        names = ", ".join(EmbeddingOptions.__dataclass_fields__)
        unknown = next(name for name in options if name not in EmbeddingOptions.__dataclass_fields__)
        raise InputError(f"an option must be one of {names}; got {unknown!r}") from None


def require_dimensions(inputs: EmbeddingInputs, options: EmbeddingOptions) -> None:
    """Raises for more dimensions than objects."""
    if options.n_dimensions != "auto" and options.n_dimensions > inputs.n:
        raise InputError(
            f"n_dimensions must be at most the number of objects ({inputs.n:,}); got {options.n_dimensions:,}"
        )


def as_start(start: Any, inputs: EmbeddingInputs, options: EmbeddingOptions) -> Any:
    """Rows to begin at, checked."""
    from pyalign.fitting.algebra import host_rows

    rows = host_rows(inputs.on, start, "start").astype(float)
    if len(rows) != inputs.n:
        raise InputError(f"start must have a row for each of {inputs.n:,} objects; got {len(rows):,}")
    if not options.signed and (rows < 0).any():
        raise InputError("start must not be negative, unless signed=True")
    return rows


def watcher(
    inputs: EmbeddingInputs, options: EmbeddingOptions, stage: str, progress: Progress, journal: Journal | None,
    merit: int = CUT,
) -> Callable[[int, float, Callable[[], RowsFit]], None]:
    """A function that reports passes, and offers the best fit so far to a journal."""
    kept = journal or Journal()

    def seen(passes: int, value: float, fit: Callable[[], RowsFit]) -> None:
        kept.offer(stage, (float(merit), value), lambda: replace(described(fit(), inputs, options), interrupted=True))
        progress(f"{stage}: objective {value:.5f}", passes, None)

    return seen


def recorded(fit: EmbeddingFit, inputs: EmbeddingInputs) -> EmbeddingFit:
    """The fit with the record of what it was fitted to."""
    options = {"shrinkage": fit.shrinkage, "sparsity": fit.sparsity, **vars(fit.options)}
    return replace(fit, provenance=inputs.provenance(options, fit.options.seed))


def stated(penalty: EmbeddingPenalty) -> str:
    """A penalty in words, for messages."""
    return f"shrinkage {penalty.shrinkage:.4g}, sparsity {penalty.sparsity:.4g}"


def nothing_left(penalty: EmbeddingPenalty, left: Sequence[EmbeddingPenalty] = ()) -> InputError:
    """The error of penalties under which every dimension is zero. left: those of a path that leave something."""
    remedy = f"the largest that leave something are {stated(max(left))}" if left else "lower them"
    return InputError(f"the penalties leave nothing of the embedding: {stated(penalty)}; {remedy}")


def warned(fit: EmbeddingFit) -> EmbeddingFit:
    """The fit; warns if it stopped before its end."""
    if not fit.converged:
        distance = f"a residual of {fit.residual:.2g}" if fit.gap is None else f"a gap of {fit.gap:.2g} nats"
        warnings.warn(
            f"the fit with {stated(EmbeddingPenalty(fit.shrinkage, fit.sparsity))} ended with {distance}; raise the "
            f"penalties, tolerance ({fit.options.tolerance:g}) or max_iterations ({fit.options.max_iterations})",
            ConvergenceWarning,
            stacklevel=3,
        )
    return fit

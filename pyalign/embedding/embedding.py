"""The public functions that fit an embedding to triplets."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from numpy.typing import ArrayLike

from pyalign.embedding.embedding_result import EmbeddingFit, described
from pyalign.embedding.fit import RowsFit
from pyalign.embedding.inputs import EmbeddingInputs, read_answers
from pyalign.embedding.options import EmbeddingOptions, EmbeddingPenalty, as_embedding_penalties, penalty_of
from pyalign.errors import ConvergenceWarning, InputError
from pyalign.journal import Journal, journal_of
from pyalign.progress import Progress, reporter
from pyalign.typing import AnswersLike, BackendName, TripletsLike

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
    inputs = read_answers(
        triplets, answers=answers, weights=weights, names=names, missing=missing, backend=backend
    )
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
    inputs = read_answers(
        triplets, answers=answers, weights=weights, names=names, missing=missing, backend=backend
    )
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

"""Chance level of these triplets for these embeddings: the accuracy when rows and items are matched at random."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from pyalign import _checks
from pyalign._dataclass import replace
from pyalign._process import Progress, reporter, silent
from pyalign.analysis.accuracy import ChoiceModel, PermutationTest, accuracy_of, require_alike_orders, scored_part
from pyalign.analysis.answers import counts_of_two
from pyalign.analysis.model_choices import Judged
from pyalign.analysis.notes import notes_on_order
from pyalign.analysis.outcomes import CREDIT_UNIT, credits_of, mean_of, triplet_outcomes, weighted
from pyalign.backends import Array, Sums, Wanted, get_host_backend
from pyalign.data import ANCHORED, Aligned, Provenance, Weights, align, alternatives_of, require_one_answer_each
from pyalign.data.align import named_rows
from pyalign.data.similarities import Similarities, with_similarities
from pyalign.measures import PRECOMPUTED, get_measure
from pyalign.ops._dispatch import Dispatch
from pyalign.ops._prepare import prepare
from pyalign.ops.resample import permutation
from pyalign.ops.similarity import notes_on_similarities
from pyalign.ops.triplets import ReadyInputs, ready_inputs, use_matrix
from pyalign.stats.intervals import percentile_interval
from pyalign.stats.resampling import Resampling
from pyalign.typing import (
    BackendName, EmbeddingsLike, Fraction, MeasureLike, NotNegative, Policy, Positive, Ties, TripletsLike, WeightsLike,
)


@_checks.checked
def permutation_test(
    embeddings: EmbeddingsLike, triplets: TripletsLike, *, measure: MeasureLike = "cosine", ties: Ties = "fractional",
    nan_policy: Policy = "raise", missing: Policy = "raise", backend: BackendName = "auto",
    n_permutations: Positive = 1000, confidence_level: Fraction = 0.95, seed: NotNegative = 0,
    weights: WeightsLike | None = None, progress: Progress | None = None,
) -> PermutationTest:
    """How accurate these embeddings would be if their rows belonged to the items in random order.

    1/3 (of two options 1/2) is the chance level of a model that knows nothing. This is that of this model and these
    triplets: it keeps the similarities with their ties and hubs, and the triplets with their repeated objects.

    Args:
        embeddings: (n, d) real numbers, one row per item; or `pyalign.RDMs`, one matrix of them, whose rows and
            columns are permuted together, and which has its values instead of a measure.
        triplets: (t, 3) integers in [0, n); the last column is the item that was chosen as odd.
        measure, ties, backend: see `pyalign.score`.
        nan_policy: ``"raise"``, or ``"omit"``: the finite rows and the triplets among them are all that there is. Of a
            matrix each order leaves out the triplets that then ask about a pair that is NaN; these must be about as
            many as those that are left out of the matrix as it is.
        missing: see `pyalign.score`.
        n_permutations: random matchings.
        confidence_level: of the interval of the accuracies under them.
        seed: the same seed gives the same permutations on every backend.
        weights: see `pyalign.score`.
        progress: called with "permutations", how many are done, and of how many.

    Returns:
        A `PermutationTest`.

    Raises:
        InputError: as `pyalign.score`; a matrix whose NaN are placed so that other orders leave fewer or more triplets:
            their median is not within 10% of the number that is scored, or some order leaves less than half of it.

    Source: Phipson and Smyth, "Permutation p-values should never be zero", 2010, for the 1 that is added.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(20, 3))
        >>> triplets = np.stack([np.random.default_rng(k).permutation(20)[:3] for k in range(200)])
        >>> result = permutation_test(x, triplets, n_permutations=99)
        >>> result.null_ci[0] < 1 / 3 < result.null_ci[1], result.p_value > 0.01
        (True, True)
    """
    progress = reporter(progress)
    chosen, embeddings = get_measure(measure), with_similarities(embeddings)
    judged = Judged.of(
        embeddings, None, triplets, "permutation_test", base=None, nan_policy=nan_policy, unreadable="raise",
        missing=missing, ties=ties, weights=weights, rules=(require_one_answer_each,),
    )
    aligned = align(embeddings, judged.triplets, features=not chosen.precomputed)
    if isinstance(aligned.embeddings, Similarities):
        chosen = PRECOMPUTED[aligned.embeddings.kind]
    task, weighing = aligned.triplets.task, aligned.triplets.weights
    how = ChoiceModel(chosen, ties=ties, nan_policy=nan_policy, task=task)
    with _checks.may_omit_rows(aligned.names):
        outcomes = triplet_outcomes(aligned.x, aligned.index, how, backend)
    score = weighted(outcomes, weighing).score
    assert score.accuracy is not None
    order = notes_on_order(aligned, aligned.embeddings.source or "embeddings")
    remarks = (*aligned.notes, *order, *notes_on_similarities(aligned.x, aligned.index, chosen))
    accuracies = _accuracies(aligned, how, backend, partial(_orders, n_permutations, seed), progress)
    reached = int((accuracies >= score.accuracy - 1e-12).sum())  # the same credits, added up in another order
    options = {"measure": str(chosen), "ties": ties, "nan": nan_policy, "missing": missing}
    return PermutationTest(
        accuracy=float(score.accuracy),
        p_value=(1 + reached) / (1 + n_permutations),
        null_mean=float(accuracies.mean()),
        null_ci=percentile_interval(
            accuracies, Resampling("objects", confidence_level=confidence_level), "permutation"
        ),
        null_standard_deviation=float(accuracies.std(ddof=1)) if n_permutations > 1 else 0.0,
        permutations=n_permutations,
        seed=seed,
        n_triplets=score.n_triplets,
        task=task,
        coverage=judged.present.coverage,
        notes=remarks,
        provenance=Provenance.now(
            {"embeddings": aligned.embeddings, "triplets": aligned.triplets, "weights": weighing}, options,
            score.backend, seed,
        ),
    )


def _orders(n_permutations: int, seed: int, n: int, progress: Progress = silent) -> Iterator[np.ndarray]:
    """The permutations of n rows, one after another."""
    for k in range(n_permutations):
        yield permutation(n, k, seed=seed)
        progress("permutations", k + 1, n_permutations)


Orders = Callable[..., Iterator[np.ndarray]]  # of so many rows


def _accuracies(
    aligned: Aligned, how: ChoiceModel, backend: BackendName, orders: Orders, progress: Progress
) -> np.ndarray:
    """(permutations,) of the rows that triplets name."""
    (rows, triplets), weights = named_rows(aligned), aligned.triplets.weights
    precomputed = get_measure(how.measure).precomputed
    x = aligned.x[rows][:, rows] if precomputed else aligned.x[rows]
    if precomputed and np.isnan(np.asarray(x)).any():
        how = replace(how, nan_policy="omit")
        return _permuted_with_missing(np.asarray(x), np.asarray(triplets), how, backend, weights, orders, progress)
    ready = ready_inputs(x, triplets, backend, precomputed)
    if how.nan_policy == "omit":
        ready, kept = scored_part(ready, precomputed, how.task)
        weights = weights if weights is None or kept is None else weights.take(kept)
    return _permuted(ready, how, weights, orders, progress)


def _permuted(
    ready: ReadyInputs, how: ChoiceModel, weights: Weights | None, orders: Orders, progress: Progress
) -> np.ndarray:
    """(permutations,) accuracies."""
    dispatch, values, index = ready.dispatch, ready.rows, ready.index
    n, t, dtype = len(values), len(index), _checks.result_dtype(values)
    measure = get_measure(how.measure)
    matrix = values if measure.precomputed else None
    if matrix is None:
        rows, _ = prepare(dispatch.backend, measure, values)
        if use_matrix(n, t, dtype.itemsize):
            matrix = dispatch.empty((n, n), dtype)
            dispatch.backend.similarity(rows, None, matrix)
    on_host = None if matrix is not None and n * n < 3 * t else dispatch.host(index)
    similarities = dispatch.empty((t, 3), dtype) if how.task == ANCHORED or weights is not None else None
    accuracy = partial(_accuracy, dispatch, similarities, t, how, weights)
    accuracies = []
    for order in orders(n, progress):
        if on_host is not None:  # fewer elements to move than the matrix has
            moved = dispatch.bring(order.astype(np.int32)[on_host])
            if matrix is None:
                run = partial(dispatch.backend.triplets_from_rows, rows, moved)
            else:
                run = partial(dispatch.backend.triplets_from_matrix, matrix, moved)
        else:
            run = partial(dispatch.backend.triplets_from_matrix, dispatch.reordered(matrix, order), index)
        accuracies.append(accuracy(run))
    return np.array(accuracies)


def _permuted_with_missing(
    matrix: np.ndarray, triplets: np.ndarray, how: ChoiceModel, backend: BackendName, weights: Weights | None,
    orders: Orders, progress: Progress,
) -> np.ndarray:
    """(permutations,) accuracies with a matrix that has NaN: each of the triplets that ask about none in that order."""
    n, accuracies = len(matrix), []
    require_alike_orders(matrix, triplets, (order.astype(np.int32)[triplets] for order in orders(n)), how.task)
    for order in orders(n, progress):
        moved = order.astype(np.int32)[triplets]
        reached = weighted(triplet_outcomes(matrix, moved, how, backend), weights).score.accuracy
        assert reached is not None
        accuracies.append(reached)
    return np.array(accuracies)


def _accuracy(
    dispatch: Dispatch, similarities: Array | None, t: int, how: ChoiceModel, weights: Weights | None,
    run: Callable[[Wanted], Sums | None],
) -> float:
    """The accuracy of one matching of t triplets; anchored or weighted ones need their similarities (t, 3)."""
    sums = run(Wanted(sums=similarities is None, similarities=similarities))
    if similarities is None:
        assert sums is not None
        return accuracy_of(sums, t, how.ties)
    verdicts, host = np.empty(t, np.int8), get_host_backend(dispatch.backend.name)
    host.outcomes(dispatch.host(similarities), 1.0, verdicts, None, None, alternatives=alternatives_of(how.task))
    if weights is not None:
        return mean_of(credits_of(verdicts, how.ties), weights.values) / CREDIT_UNIT
    return accuracy_of(counts_of_two(verdicts), t, how.ties)

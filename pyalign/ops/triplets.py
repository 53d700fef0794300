"""Choice similarity: how likely two items are kept together, whatever the third.

The similarities of all pairs are computed first, n^2 numbers; then n^3 / 6 sets of three items are looked at.

Odd-one-out decisions and choice probabilities over triplets.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass, replace
from pyalign.backends import Array, Rows, Sums, Wanted
from pyalign.data import ODD_ONE_OUT, Aligned, Embeddings, RDMs, align, as_embeddings
from pyalign.data.align import NAMELESS
from pyalign.data.judgments import KINDS, as_rdms, is_rdms
from pyalign.data.similarities import as_similarities
from pyalign.errors import AssumptionWarning, InputError
from pyalign.measures import PRECOMPUTED, Measure, get_measure
from pyalign.ops._dispatch import Dispatch, dispatch_of
from pyalign.ops._place import length, lengths
from pyalign.ops._prepare import Deferred, run_finite, run_prepared
from pyalign.typing import BackendName, EmbeddingsLike, JudgmentsLike, MatrixKind, MeasureLike, TripletsLike

LEAST_ROWS = 3


def choice_similarity(
    embeddings: EmbeddingsLike | None = None, *, matrix: JudgmentsLike | None = None, kind: MatrixKind | None = None,
    measure: MeasureLike | None = None, temperature: float = 1.0, backend: BackendName = "auto", out: Any = None,
) -> Any:
    """Compute the probability that two items stay together in an odd-one-out task, averaged over all third items.

    With the similarities s of the pairs, ``p({i, j} | i, j, k) = softmax(s / temperature)[ij]`` over the three pairs of
    i, j and k, and the result at [i, j] is its mean over the n - 2 items k. Chance is 1/3, which is also the mean over
    all pairs; the result depends on which items are among the n.

    Args:
        embeddings: (n, d) real numbers, one row per item, n >= 3. float64 is computed in float64, everything else in
            float32.
        matrix: (n, n), instead of embeddings: symmetric. The diagonal is ignored.
        kind: what larger numbers of the matrix mean, ``"similarity"`` or ``"dissimilarity"``; `RDMs` know theirs.
        measure: the measure of embeddings; None: the inner product, by which SPoSE and VICE choose. See
            `pyalign.similarity`.
        temperature: in the units of the similarities; it divides. 1 for SPoSE and VICE.
        backend: see `pyalign.similarity`.
        out: (n, n) array of the result's dtype to fill, with contiguous rows, on the device of the input, which it may
            overlap.

    Returns:
        (n, n) float32 or float64, symmetric bit for bit, 1 on the diagonal: an item with itself. A numpy array, or for
        an input on a device an array of its library, there.

    Raises:
        InputError: as `pyalign.similarity`; for fewer than three rows, since there is no third item; for a temperature
            that is not a positive number; for a matrix that is not symmetric but for rounding, or of no
            kind; for both embeddings and a matrix, or neither.

    Source: Hebart et al., "Revealing the multidimensional mental representations of natural objects underlying human
    similarity judgements", Nature Human Behaviour 2020, Methods; Zheng et al., "Revealing interpretable object
    representations from human behavior", ICLR 2019.

    Example:
        >>> import numpy as np
        >>> choice_similarity(np.array([[2.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 2.0]])).round(3)
        array([[1.   , 0.787, 0.107, 0.107],
               [0.787, 1.   , 0.107, 0.107],
               [0.107, 0.107, 1.   , 0.787],
               [0.107, 0.107, 0.787, 1.   ]])
        >>> choice_similarity(matrix=np.eye(3), kind="similarity").round(3)
        array([[1.   , 0.333, 0.333],
               [0.333, 1.   , 0.333],
               [0.333, 0.333, 1.   ]])
    """
    require_one(embeddings, matrix, kind, measure)
    divisor = _checks.as_temperature(temperature)
    if matrix is not None:
        return _of_similarities(_as_similar(matrix, kind).values, divisor, backend, out)
    chosen = get_measure("dot" if measure is None else measure)
    embeddings = as_embeddings(embeddings).values
    dispatch = dispatch_of(backend, embeddings, elements=length(embeddings) * length(embeddings))
    rows = dispatch.rows(embeddings)
    _require_third(rows, "embeddings")
    shape, dtype = (len(rows), len(rows)), _checks.result_dtype(rows)
    with dispatch.running():
        result = dispatch.empty(shape, dtype) if out is None else dispatch.output(out, shape, dtype)
        similarities = dispatch.empty(shape, dtype)

        def work(backend: Any, prepared: Rows, _: Rows | None) -> None:
            backend.similarity(prepared, None, similarities)
            backend.choice_similarity(similarities, divisor, result)

        run_prepared(dispatch, chosen, rows, None, work)
        return dispatch.give(result, out)


def _of_similarities(similarities: object, divisor: float, backend: BackendName, out: Any) -> Any:
    """Choice similarity of a matrix (n, n) of similarities."""
    dispatch = dispatch_of(backend, similarities)
    matrix = dispatch.similarities(similarities)
    _require_third(matrix, "matrix")
    shape, dtype = (len(matrix), len(matrix)), _checks.result_dtype(matrix)
    with dispatch.running():
        result = dispatch.empty(shape, dtype) if out is None else dispatch.output(out, shape, dtype)
        matrix = matrix if out is None else dispatch.apart(matrix, result)

        def work(backend: Any) -> None:
            apart, most = _checks.apart_from_transpose(matrix)
            if hasattr(backend, "doubt"):
                backend.doubt(apart > most)
            elif apart > most:
                difference = f"it differs from its transpose by {float(apart):.3g}"
                raise InputError(f"matrix must be symmetric; {difference}")
            backend.choice_similarity(matrix, divisor, result)

        run_finite(dispatch, matrix, "matrix", work)
        return dispatch.give(result, out)


def _require_third(rows: Array, name: str) -> None:
    if len(rows) < LEAST_ROWS:
        raise InputError(f"{name} must have at least {LEAST_ROWS} rows, for a third item; got {len(rows)}")


MATRIX_BYTES = 256 << 20
MATRIX_ELEMENTS_PER_TRIPLET = 16


def use_matrix(n: int, t: int, itemsize: int) -> bool:
    """Whether n items and t triplets go through the (n, n) matrix.

    The product runs at close to the peak of the CPU and the row route at the speed of its caches, about 16 to 1 per
    multiply-add: the matrix pays while n^2 / 2 < 16 * 3 t, less a margin for small d. Above 256 MiB it would not fit
    where the look-ups are cheap.
    """
    return n * n <= MATRIX_ELEMENTS_PER_TRIPLET * t and n * n * itemsize <= MATRIX_BYTES


@dataclass(frozen=True)
class TripletResults:
    """What one pass over the triplets gave.

    Arrays are those of numpy, or are on the device of x in its library.
    """

    backend: str  # the backend that ran.
    n_triplets: int  # how many triplets there were.
    choices: Any  # int8 (t,) or None.
    probabilities: Any  # (t, 3) of the computation's dtype, or None.
    sums: Sums | None  # or None.
    similarities: Any = None  # (t, 3) of that dtype, of the pairs of positions 01, 02, 12, or None.


def odd_one_out(
    embeddings: EmbeddingsLike | None = None, triplets: TripletsLike | None = None, *,
    matrix: JudgmentsLike | None = None, kind: MatrixKind | None = None, measure: MeasureLike | None = None,
    backend: BackendName = "auto",
) -> Any:
    """Find the odd item of each triplet: the one outside the most similar pair.

    Args:
        embeddings: (n, d) real numbers, one row per item; of `Embeddings` and DataFrames the names are used.
        triplets: (t, 3) integers in [0, n), or names of items, three different ones each, in any order.
        matrix: (n, n), instead of embeddings; read at [earlier position, later position] of each triplet, so that it
            need not be symmetric.
        kind: of the matrix; see `pyalign.choice_similarity`.
        measure: of embeddings; None: cosine. See `pyalign.similarity`.
        backend: see `pyalign.similarity`.

    Returns:
        (t,) int8: position 0, 1 or 2 of the odd item, or -1 where two or three pairs tie for the most similar. Of
        `Triplets` that reading has reordered, the position in the file.

    Raises:
        InputError: as `pyalign.similarity`, and for an index out of range or an item named twice in a triplet; a matrix
            of no kind; both embeddings and a matrix, or neither.

    Source: Muttenthaler et al., "Human alignment of neural network representations", ICLR 2023, section 3.

    Example:
        >>> import numpy as np
        >>> odd_one_out(np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]]), [[0, 1, 2], [2, 0, 1]])
        array([2, 0], dtype=int8)
        >>> matrix = np.array([[1.0, 0.2, 0.7], [0.2, 1.0, 0.1], [0.7, 0.1, 1.0]])
        >>> odd_one_out(matrix=matrix, kind="similarity", triplets=[[0, 1, 2]])
        array([1], dtype=int8)
    """
    aligned, chosen = _aligned(embeddings, triplets, matrix, kind, measure, "odd_one_out")
    results = run_triplets(aligned.x, aligned.index, measure=chosen, backend=backend, choices=True)
    return aligned.triplets.choices_in_file(results.choices)


def _aligned(
    embeddings: object, triplets: object, matrix: object, kind: str | None, measure: MeasureLike | None, function: str
) -> tuple[Aligned, MeasureLike]:
    """Rows, of embeddings or of a matrix, odd-one-out triplets, and the measure.

    Warns:
        AssumptionWarning: of what had to be assumed, such as the order of items that numbers stand for: the result is
            an array, which has no room for notes.
    """
    require_one(embeddings, matrix, kind, measure)
    if triplets is None:
        raise InputError("triplets must be given; got None")
    if matrix is None:
        aligned = align(embeddings, triplets)
    else:
        aligned = align(_as_similar(matrix, kind), triplets, "matrix", features=False)
    if aligned.triplets.task != ODD_ONE_OUT:
        rule = f"{function} takes only odd-one-out triplets; got task {aligned.triplets.task!r}"
        raise InputError(f'{rule} (score(..., keep=("choices", "probabilities")) gives both)')
    for note in aligned.notes:
        if note != NAMELESS:  # who gives two arrays to a function of arrays says so
            warnings.warn(note, AssumptionWarning, stacklevel=3)
    chosen: MeasureLike = "cosine" if measure is None else measure
    return aligned, chosen if matrix is None else PRECOMPUTED["similarity"]


def require_one(embeddings: object, matrix: object, kind: object, measure: object) -> None:
    """Raises unless there are embeddings, or a matrix with its kind instead of them and of a measure.

    Example:
        >>> require_one(None, None, None, None)
        Traceback (most recent call last):
        pyalign.errors.InputError: embeddings or matrix must be given; got neither
    """
    if (embeddings is None) == (matrix is None):
        got = "neither" if embeddings is None else "both"
        raise InputError(f"embeddings or matrix must be given; got {got}")
    if matrix is None and kind is not None:
        raise InputError("kind says what matrix holds; got no matrix")
    if matrix is not None and measure is not None:
        raise InputError(f"measure is of embeddings; a matrix has its values already; got {measure!r}")


def _as_similar(matrix: object, kind: Any) -> Embeddings:
    """A matrix (n, n) as similarities with their names, where it is: on a device too."""
    if isinstance(matrix, RDMs) or is_rdms(matrix):
        return as_similarities(as_rdms(matrix, kind, "matrix"))
    _checks.one_of(kind, KINDS, "kind")
    rows = as_embeddings(matrix, "matrix")
    return rows if kind == "similarity" else replace(rows, values=rows.values * -1.0)


def choice_probabilities(
    embeddings: EmbeddingsLike | None = None, triplets: TripletsLike | None = None, *,
    matrix: JudgmentsLike | None = None, kind: MatrixKind | None = None, measure: MeasureLike | None = None,
    temperature: float = 1.0, backend: BackendName = "auto",
) -> Any:
    """Compute the probability that each position of each triplet is the odd one.

    The pairs' similarities s give ``p(pair) = softmax(s / temperature)`` over the three pairs; the odd item is the one
    outside the pair. The similarities are those that the decision uses.

    Args:
        embeddings: (n, d) real numbers, one row per item.
        triplets: (t, 3) integers in [0, n), three different items each.
        matrix, kind: (n, n), instead of embeddings; read as by `pyalign.odd_one_out`.
        measure: of embeddings; None: cosine. See `pyalign.similarity`.
        temperature: in the units of the similarities; it divides.
        backend: see `pyalign.similarity`.

    Returns:
        (t, 3) float32 or float64: column p is the probability that position p is odd. Rows sum to 1.

    Raises:
        InputError: as `pyalign.odd_one_out`, and for a temperature that is not a positive number.

    Source: Muttenthaler et al., ICLR 2023, equation 1.

    Example:
        >>> import numpy as np
        >>> x = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
        >>> choice_probabilities(x, [[0, 1, 2]]).round(3)
        array([[0.212, 0.212, 0.576]])
        >>> choice_probabilities(matrix=np.eye(3), kind="similarity", triplets=[[0, 1, 2]]).round(3)
        array([[0.333, 0.333, 0.333]])
    """
    aligned, chosen = _aligned(embeddings, triplets, matrix, kind, measure, "choice_probabilities")
    results = run_triplets(
        aligned.x, aligned.index, measure=chosen, temperature=temperature, backend=backend, probabilities=True
    )
    return aligned.triplets.columns_in_file(results.probabilities)


def require_finite_matrix(matrix: np.ndarray) -> None:
    """Raises where similarities (n, n) hold NaN or infinity: once, for many calls of `run_finite_matrix`."""
    run_finite(dispatch_of("auto", matrix), matrix, "matrix", lambda backend: None)


def run_finite_matrix(matrix: np.ndarray, triplets: np.ndarray, temperature: float | None = None) -> np.ndarray:
    """int8 (t,) as `odd_one_out`, with a temperature (t, 3) as `choice_probabilities`, of a matrix on the host.

    The matrix is not looked at: that takes longer than the answers to a few triplets.
    """
    dispatch = dispatch_of("auto", matrix)
    choices = dispatch.empty((len(triplets),), np.int8) if temperature is None else None
    dtype = _checks.result_dtype(matrix)
    probabilities = None if temperature is None else dispatch.empty((len(triplets), 3), dtype)
    divisor = 1.0 if temperature is None else _checks.as_temperature(temperature)
    with dispatch.running(triplets, len(matrix)):
        want = Wanted(choices=choices, probabilities=probabilities, temperature=divisor)
        dispatch.backend.triplets_from_matrix(matrix, dispatch.triplets(triplets), want)
    return np.asarray(choices if probabilities is None else probabilities)


@dataclass(frozen=True, eq=False)
class ReadyInputs:
    """Rows and triplets that are checked and are where a backend computes, for as many passes as there are measures."""

    dispatch: Dispatch  # by which results come back.
    rows: Array  # (n, d) embeddings, or similarities (n, n).
    index: Array  # (t, 3) integers, not compared with n yet.


def ready_inputs(x: object, triplets: object, backend: str = "auto", precomputed: bool = False) -> ReadyInputs:
    """Rows and triplets, checked; `precomputed`: whether x is a matrix of similarities."""
    n, t = lengths(x, triplets)
    computed = t and not precomputed and use_matrix(n, t, 4)
    dispatch = dispatch_of(backend, x, elements=n * n if computed else 0)
    rows = dispatch.similarities(x) if precomputed else dispatch.rows(x)
    return ReadyInputs(dispatch, rows, dispatch.triplets(triplets))


def run_triplets(
    x: object, triplets: object, *, measure: MeasureLike = "cosine", temperature: float = 1.0, backend: str = "auto",
    choices: bool = False, probabilities: bool = False, sums: bool = False, similarities: bool = False,
) -> TripletResults:
    """Any of choices, probabilities, similarities and sums, in one pass over the triplets.

    Arguments are those of `choice_probabilities`; with a measure of `PRECOMPUTED`, x is a matrix of similarities (n, n)
    without NaN.
    """
    chosen = get_measure(measure)
    return run_ready(
        ready_inputs(x, triplets, backend, chosen.precomputed), chosen, temperature=temperature, choices=choices,
        probabilities=probabilities, sums=sums, similarities=similarities,
    )


def run_ready(
    ready: ReadyInputs, measure: Measure, *, temperature: float = 1.0, choices: bool = False,
    probabilities: bool = False, sums: bool = False, similarities: bool = False, deferred: Deferred | None = None,
) -> TripletResults:
    """What `run_triplets` gives, of what `ready_inputs` has made.

    deferred: arrays where these are, to be read with the numbers of this call.
    """
    dispatch, rows, index = ready.dispatch, ready.rows, ready.index
    dtype, shape = _checks.result_dtype(rows), (len(index), 3)
    temperature = _checks.as_temperature(temperature)
    with dispatch.running(index, *map(int, rows.shape)):
        want = Wanted(
            choices=dispatch.empty(shape[:1], np.int8) if choices else None,
            probabilities=dispatch.empty(shape, dtype) if probabilities else None,
            similarities=dispatch.empty(shape, dtype) if similarities else None,
            sums=sums,
            temperature=temperature,
        )
        total = _run(ready, measure, want, dtype, deferred)
        wanted = want.choices, want.probabilities, want.similarities
        outputs = [None if array is None else dispatch.give(array) for array in wanted]
    return TripletResults(dispatch.backend.name, len(index), outputs[0], outputs[1], total, outputs[2])


def checked_triplets(dispatch: Dispatch, triplets: object, n: int, columns: int = 0) -> Array:
    """`triplets` as integers (t, 3), each row three different items in [0, n); columns: of the embeddings."""
    index = dispatch.triplets(triplets)
    _checks.require_valid(dispatch.backend.check_triplets(index, n), index, n, columns)
    return index


def _run(ready: ReadyInputs, measure: Measure, want: Wanted, dtype: np.dtype, deferred: Deferred | None) -> Sums | None:
    dispatch, x, triplets = ready.dispatch, ready.rows, ready.index
    if measure.precomputed:
        given = x, triplets, want
        return run_finite(dispatch, x, "matrix", lambda backend: backend.triplets_from_matrix(*given))
    n = len(x)
    matrix = dispatch.empty((n, n), dtype) if use_matrix(n, len(triplets), dtype.itemsize) else None

    def work(backend: Any, rows: Rows, _: Rows | None) -> Any:
        if matrix is None:
            return backend.triplets_from_rows(rows, triplets, want)
        backend.similarity(rows, None, matrix)
        return backend.triplets_from_matrix(matrix, triplets, want)

    return run_prepared(dispatch, measure, x, None, work, deferred)

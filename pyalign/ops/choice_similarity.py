"""Choice similarity: how likely two items are kept together, whatever the third.

The similarities of all pairs are computed first, n^2 numbers; then n^3 / 6 sets of three items are looked at.
"""

from __future__ import annotations

from typing import Any

from pyalign import _checks
from pyalign.backends import Array, Rows
from pyalign.data import as_embeddings
from pyalign.errors import InputError
from pyalign.measures import get_measure
from pyalign.ops._dispatch import dispatch_of
from pyalign.ops._place import length
from pyalign.ops._prepare import run_finite, run_prepared
from pyalign.ops.triplets import require_one
from pyalign.typing import BackendName, EmbeddingsLike, JudgmentsLike, MeasureLike

LEAST_ROWS = 3


def choice_similarity(
    embeddings: EmbeddingsLike | None = None, *, similarities: JudgmentsLike | None = None,
    measure: MeasureLike | None = None, temperature: float = 1.0, backend: BackendName = "auto", out: Any = None,
) -> Any:
    """Compute the probability that two items stay together in an odd-one-out task, averaged over all third items.

    With the similarities s of the pairs, ``p({i, j} | i, j, k) = softmax(s / temperature)[ij]`` over the three pairs of
    i, j and k, and the result at [i, j] is its mean over the n - 2 items k. Chance is 1/3, which is also the mean over
    all pairs; the result depends on which items are among the n.

    Args:
        embeddings: (n, d) real numbers, one row per item, n >= 3. float64 is computed in float64, everything else in
            float32.
        similarities: (n, n), instead of embeddings: symmetric, larger is more alike. The diagonal is ignored.
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
            that is not a positive number; for similarities that are not symmetric but for rounding; for both
            embeddings and similarities, or neither.

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
        >>> choice_similarity(similarities=np.eye(3)).round(3)
        array([[1.   , 0.333, 0.333],
               [0.333, 1.   , 0.333],
               [0.333, 0.333, 1.   ]])
    """
    require_one(embeddings, similarities, measure)
    divisor = _checks.as_temperature(temperature)
    if similarities is not None:
        return _of_similarities(similarities, divisor, backend, out)
    chosen = get_measure("dot" if measure is None else measure)
    embeddings = as_embeddings(embeddings).values
    dispatch = dispatch_of(backend, embeddings, elements=length(embeddings) * length(embeddings))
    rows = dispatch.rows(embeddings)
    _require_third(rows, "embeddings")
    shape, dtype = (len(rows), len(rows)), _checks.result_dtype(rows)
    with dispatch.running():
        result = dispatch.empty(shape, dtype) if out is None else dispatch.output(out, shape, dtype)
        matrix = dispatch.empty(shape, dtype)

        def work(backend: Any, prepared: Rows, _: Rows | None) -> None:
            backend.similarity(prepared, None, matrix)
            backend.choice_similarity(matrix, divisor, result)

        run_prepared(dispatch, chosen, rows, None, work)
        return dispatch.give(result, out)


def _of_similarities(similarities: object, divisor: float, backend: BackendName, out: Any) -> Any:
    """Choice similarity of a matrix (n, n) of similarities."""
    dispatch = dispatch_of(backend, similarities)
    matrix = dispatch.similarities(similarities)
    _require_third(matrix, "similarities")
    shape, dtype = (len(matrix), len(matrix)), _checks.result_dtype(matrix)
    with dispatch.running():
        result = dispatch.empty(shape, dtype) if out is None else dispatch.output(out, shape, dtype)
        matrix = matrix if out is None else dispatch.apart(matrix, result)

        def work(backend: Any) -> None:
            apart, most = _checks.apart_from_transpose(matrix)
            if hasattr(backend, "doubt"):
                backend.doubt(apart > most)
            elif apart > most:
                difference = f"they differ from their transpose by {float(apart):.3g}"
                raise InputError(f"similarities must be symmetric; {difference}")
            backend.choice_similarity(matrix, divisor, result)

        run_finite(dispatch, matrix, "similarities", work)
        return dispatch.give(result, out)


def _require_third(rows: Array, name: str) -> None:
    if len(rows) < LEAST_ROWS:
        raise InputError(f"{name} must have at least {LEAST_ROWS} rows, for a third item; got {len(rows)}")

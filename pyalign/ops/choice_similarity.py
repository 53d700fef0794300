"""Choice similarity: how likely two items are kept together, whatever the third.

The similarities of all pairs are computed first, n^2 numbers; then n^3 / 6 sets of three items are looked at.
"""

from __future__ import annotations

from typing import Any

from pyalign import _checks
from pyalign.backends import Array, Rows
from pyalign.data import as_embeddings
from pyalign.errors import InputError
from pyalign.measures import Measure, get_measure
from pyalign.ops._door import open_door
from pyalign.ops._place import length
from pyalign.ops._prepare import run_finite, run_prepared

LEAST_ROWS = 3


def choice_similarity(
    x: object,
    *,
    measure: str | Measure = "dot",
    temperature: float = 1.0,
    backend: str = "auto",
    out: Any = None,
) -> Any:
    """The probability that two items are kept together in an odd-one-out task, averaged over all third items.

    With the similarities s of the pairs, ``p({i, j} | i, j, k) = softmax(s / temperature)[ij]`` over the three pairs of
    i, j and k, and the result at [i, j] is its mean over the n - 2 items k. Chance is 1/3, which is also the mean over
    all pairs; the result depends on which items are among the n.

    Args:
        x: (n, d) real numbers, one row per item, n >= 3. float64 is computed in float64, everything else in float32.
        measure: see `pyalign.similarity`. The inner product by default, of which SPoSE and VICE make their choices.
        temperature: in the units of the similarities; it divides. 1 for SPoSE and VICE.
        backend: see `pyalign.similarity`.
        out: (n, n) array of the result's dtype to fill, with contiguous rows; where x lies. It may overlap x.

    Returns:
        (n, n) float32 or float64, symmetric bit for bit, 1 on the diagonal: an item with itself. A numpy array, or for
        x on a device an array of x's library, there.

    Raises:
        InputError: as `pyalign.similarity`; for fewer than three rows, since there is no third item; for a temperature
            that is not a positive number.

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
    """
    chosen, divisor = get_measure(measure), _checks.as_temperature(temperature)
    x = as_embeddings(x).values
    door = open_door(backend, x, elements=length(x) * length(x))
    rows = door.rows(x)
    _require_third(rows, "x")
    shape, dtype = (len(rows), len(rows)), _checks.result_dtype(rows)
    with door.running():
        result = door.empty(shape, dtype) if out is None else door.output(out, shape, dtype)
        matrix = door.empty(shape, dtype)

        def work(backend: Any, prepared: Rows, _: Rows | None) -> None:
            backend.similarity(prepared, None, matrix)
            backend.choice_similarity(matrix, divisor, result)

        run_prepared(door, chosen, rows, None, work)
        return door.give(result, out)


def choice_similarity_from(
    similarities: object, *, temperature: float = 1.0, backend: str = "auto", out: Any = None
) -> Any:
    """The same from a ready matrix of similarities.

    Args:
        similarities: (n, n), n >= 3, symmetric, larger is more alike. The diagonal is not looked at.
        temperature: in the units of the similarities; it divides.
        backend: see `pyalign.similarity`.
        out: as in `choice_similarity`; it may overlap the similarities.

    Returns:
        (n, n) float32 or float64, symmetric bit for bit, 1 on the diagonal.

    Raises:
        InputError: as `choice_similarity`, and for a matrix that is not symmetric but for rounding.

    Source: as `choice_similarity`.

    Example:
        >>> import numpy as np
        >>> choice_similarity_from(np.eye(3)).round(3)
        array([[1.   , 0.333, 0.333],
               [0.333, 1.   , 0.333],
               [0.333, 0.333, 1.   ]])
    """
    divisor = _checks.as_temperature(temperature)
    door = open_door(backend, similarities)
    matrix = door.similarities(similarities)
    _require_third(matrix, "similarities")
    shape, dtype = (len(matrix), len(matrix)), _checks.result_dtype(matrix)
    with door.running():
        result = door.empty(shape, dtype) if out is None else door.output(out, shape, dtype)
        matrix = matrix if out is None else door.apart(matrix, result)

        def work(backend: Any) -> None:
            apart, most = _checks.apart_from_transpose(matrix)
            if hasattr(backend, "doubt"):
                backend.doubt(apart > most)
            elif apart > most:
                told = f"they differ from their transpose by {float(apart):.3g}"
                raise InputError(f"similarities must be symmetric; {told}")
            backend.choice_similarity(matrix, divisor, result)

        run_finite(door, matrix, "similarities", work)
        return door.give(result, out)


def _require_third(rows: Array, name: str) -> None:
    if len(rows) < LEAST_ROWS:
        raise InputError(f"{name} must have at least {LEAST_ROWS} rows, for a third item; got {len(rows)}")

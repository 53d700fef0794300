"""The nearest rows of each row: the k largest similarities, of equal ones the lower index first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import numpy as np
from array_api_compat import array_namespace

from pyalign.data import as_embeddings
from pyalign.errors import InputError
from pyalign.ops._dispatch import dispatch_of
from pyalign.ops._place import length
from pyalign.ops._prepare import run_finite
from pyalign.ops.similarity import similarity
from pyalign.typing import BackendName, MeasureLike

BLOCK = 1 << 24  # similarities at once


def topk(similarities: object, k: int, *, own: int | None = None, backend: str = "auto") -> Any:
    """The columns of the k largest numbers of each row, the largest first; of equal ones the lower column first.

    Args:
        similarities: (n, m) real numbers, finite. float64 stays, everything else is taken as float32.
        k: how many, from 1 to m, or to m - 1 with `own`.
        own: column own + i is left out of row i: 0 for similarities of rows with themselves, which are then no
            neighbors of their own. None: nothing is left out.
        backend: see `pyalign.similarity`.

    Returns:
        (n, k) int32: a numpy array, or for similarities on a device an array of their library, there.
    """
    dispatch = dispatch_of(backend, similarities)
    matrix = dispatch.backend.widened(dispatch.rows(similarities, "similarities"))
    n, m = matrix.shape
    if own is not None and not (isinstance(own, int) and 0 <= own <= m - n):
        raise InputError(f"own must leave a column of {m} to each of {n} rows; got {own!r}")
    _require_neighbors(k, m if own is None else m - 1)
    with dispatch.running():
        out = dispatch.empty((n, int(k)), np.int32)
        first = -1 if own is None else own
        run_finite(dispatch, matrix, "similarities", lambda backend: backend.topk(matrix, int(k), first, out))
        return dispatch.give(out)


def _require_neighbors(k: object, most: int) -> None:
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or not 1 <= k <= most:
        raise InputError(f"k must be a whole number from 1 to {most}; got {k!r}")


def neighbors(x: object, k: int, *, measure: MeasureLike = "cosine", backend: str = "auto") -> Any:
    """The k rows most similar to each row of x, which is no neighbor of itself.

    Args:
        x: (n, d) real numbers.
        k: from 1 to n - 1.
        measure, backend: see `pyalign.similarity`.

    Returns:
        (n, k) int32 where x is, the nearest first; of equally near ones the lower row first.
    """
    rows = as_embeddings(x).values
    _require_neighbors(k, length(rows) - 1)
    blocks = [near for _, near in neighbor_blocks(rows, k, measure=measure, backend=backend)]
    return blocks[0] if len(blocks) == 1 else array_namespace(blocks[0]).concat(blocks)


def neighbor_blocks(x: Any, k: int, *, measure: MeasureLike = "cosine", backend: str = "auto") -> Iterator[Any]:
    """The neighbors in pieces: which rows (a slice), and (rows, k) of them; at most one block of similarities."""
    n = length(x)
    step = max(1, BLOCK // n)
    for start in range(0, n, step):
        part = slice(start, min(start + step, n))
        near = similarity(x[part], None if step >= n else x, measure=measure, backend=cast("BackendName", backend))
        yield part, topk(near, k, own=start, backend=backend)

"""How many nearest neighbours a transform keeps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np

from pyalign import _checks
from pyalign.data import as_embeddings
from pyalign.errors import InputError
from pyalign.nearest.neighbors import neighbors
from pyalign.typing import MeasureLike, SearchName

ENGINES = {"auto": "auto", "exact": "auto", "faiss": "faiss"}  # and the backend of `neighbors`


def neighbor_overlap(
    before: object, after: object, *, k: Sequence[int] = (1, 10), measure: MeasureLike = "cosine", engine: str = "auto"
) -> dict[int, float]:
    """The fraction of each row's k nearest neighbours in `before` that are among its k nearest in `after`.

    Args:
        before: (n, d) real numbers, one row per item.
        after: (n, r), the same items, transformed. Where both have names, rows are matched by name.
        k: how many neighbours, each below n; a row is no neighbour of itself.
        measure: see `pyalign.similarity`; the largest are the nearest.
        engine: ``"exact"``: the kernels of pyalign. ``"faiss"``: faiss's flat search. ``"auto"``: the first. All find
            the same, by similarities in float64; of equal ones the lower row is nearer. See `pyalign.neighbors`.

    Returns:
        The mean over the rows, a fraction, for each k.

    Raises:
        InputError: as `pyalign.similarity`; different numbers of rows; k that is not in [1, n).
        MissingExtraError: ``engine="faiss"`` without faiss.

    Example:
        >>> import numpy as np
        >>> x = np.random.default_rng(0).normal(size=(40, 6))
        >>> neighbor_overlap(x, 2 * x)
        {1: 1.0, 10: 1.0}
    """
    _checks.one_of(engine, tuple(ENGINES), "engine")
    original, mapped = as_embeddings(before, "before"), as_embeddings(after, "after")
    if original.names is not None and mapped.names is not None:
        mapped, _ = mapped.named(original.names)
    old, new = _checks.as_rows(original.values, "before"), _checks.as_rows(mapped.values, "after")
    n = len(old)
    if len(new) != n:
        raise InputError(f"after must have the {n} rows of before; got {len(new)}")
    numbers = _checks.sequence(k, "k", "whole numbers")
    if not numbers or any(not isinstance(number, int | np.integer) or not 1 <= number < n for number in numbers):
        raise InputError(f"k must be whole numbers from 1 to {n - 1}, below the number of rows; got {k!r}")
    for rows, name in ((old, "before"), (new, "after")):
        _checks.require_finite(~np.isfinite(rows).all(axis=1), name)
    first, second = (
        neighbors(
            rows, k=int(max(k)), measure=measure, backend=cast("SearchName", ENGINES[engine]), index="flat"
        ).indices
        for rows in (old, new)
    )
    return {int(m): _in_common(first[:, :m], second[:, :m]) / (n * int(m)) for m in k}


def _in_common(a: np.ndarray, b: np.ndarray) -> int:
    """How many numbers the rows of a (n, k) share with those of b, in sum; none stands twice in a row."""
    both = np.sort(np.concatenate([a, b], axis=1), axis=1)
    return int((both[:, 1:] == both[:, :-1]).sum())

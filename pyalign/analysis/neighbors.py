"""How many nearest neighbours a transform keeps."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np

from pyalign import _checks
from pyalign.data import as_embeddings
from pyalign.errors import InputError, MissingExtraError
from pyalign.ops.topk import neighbour_blocks

ENGINES = ("auto", "exact", "faiss")
FAISS_FROM = 20_000  # rows; below it the exact search takes about a second


def neighbor_overlap(
    before: object, after: object, *, k: Sequence[int] = (1, 10), measure: str = "cosine", engine: str = "auto"
) -> dict[int, float]:
    """The fraction of each row's k nearest neighbours in `before` that are among its k nearest in `after`.

    Args:
        before: (n, d) real numbers, one row per item.
        after: (n, r), the same items, transformed. Where both have names, rows are matched by name.
        k: how many neighbours, each below n; a row is no neighbour of itself.
        measure: see `pyalign.similarity`; the largest are the nearest.
        engine: ``"exact"``: all similarities, in blocks of rows; of equal ones the lower row is nearer. ``"faiss"``:
            faiss's flat index, in float32, for ``cosine`` and ``dot``. ``"auto"``: faiss from 20,000 float32 rows on
            where it is installed and knows the measure. The two differ where similarities differ by rounding alone.

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
    _checks.one_of(engine, ENGINES, "engine")
    given, mapped = as_embeddings(before, "before"), as_embeddings(after, "after")
    if given.names is not None and mapped.names is not None:
        mapped, _ = mapped.named(given.names)
    old, new = _checks.as_rows(given.values, "before"), _checks.as_rows(mapped.values, "after")
    n = len(old)
    if len(new) != n:
        raise InputError(f"after must have the {n} rows of before; got {len(new)}")
    wrong = [number for number in k if not isinstance(number, int | np.integer) or not 1 <= number < n]
    if wrong or len(k) == 0:
        raise InputError(f"k must be whole numbers from 1 to {n - 1}, below the number of rows; got {k!r}")
    flat = measure in ("cosine", "dot")
    if engine == "faiss" and not flat:
        raise InputError(f"measure must be cosine or dot with engine 'faiss'; got {measure!r}")
    narrow = old.dtype == new.dtype == np.float32
    if engine == "faiss" or (engine == "auto" and flat and narrow and n >= FAISS_FROM and find_spec("faiss")):
        kept = _by_faiss(old, new, k, measure)
    else:
        kept = _exactly(old, new, k, measure)
    return {int(number): float(sum_) / (n * int(number)) for number, sum_ in zip(k, kept, strict=True)}


def _exactly(old: np.ndarray, new: np.ndarray, k: Sequence[int], measure: str) -> np.ndarray:
    """How many neighbours are kept, in sum over the rows, for each k."""
    kept = np.zeros(len(k), np.int64)
    blocks = (neighbour_blocks(rows, int(max(k)), measure=measure) for rows in (old, new))
    for (_, first), (_, second) in zip(*blocks, strict=True):
        kept += [_in_common(first[:, :number], second[:, :number]) for number in k]
    return kept


def _in_common(a: np.ndarray, b: np.ndarray) -> int:
    """How many numbers the rows of a (n, k) share with those of b, in sum; none stands twice in a row."""
    both = np.sort(np.concatenate([a, b], axis=1), axis=1)
    return int((both[:, 1:] == both[:, :-1]).sum())


def _by_faiss(old: np.ndarray, new: np.ndarray, k: Sequence[int], measure: str) -> np.ndarray:
    try:
        import faiss
    except ImportError as error:
        raise MissingExtraError("engine 'faiss'", "faiss", "neighbors") from error
    for rows, name in ((old, "before"), (new, "after")):
        _checks.require_finite(~np.isfinite(rows).all(axis=1), name)
    found = [_search(faiss, rows, int(max(k)), measure) for rows in (old, new)]
    return np.array([sum(len(np.intersect1d(a[:m], b[:m])) for a, b in zip(*found, strict=True)) for m in k])


def _search(faiss: Any, rows: np.ndarray, k: int, measure: str) -> np.ndarray:
    """(n, k) the nearest rows of each row, nearest first."""
    flat = np.array(rows, np.float32, order="C")
    if measure == "cosine":
        faiss.normalize_L2(flat)
    index = faiss.IndexFlatIP(flat.shape[1])
    index.add(flat)
    found: np.ndarray = index.search(flat, k + 1)[1]
    own = found == np.arange(len(flat))[:, None]
    own[~own.any(axis=1), -1] = True  # a row so tied that it is not among its own nearest: the last one goes
    return found[~own].reshape(len(flat), k)

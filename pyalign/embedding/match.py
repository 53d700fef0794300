"""Which dimension of one embedding is which of another."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from pyalign._dataclass import dataclass
from pyalign.data import as_embeddings
from pyalign.errors import InputError, MissingExtraError
from pyalign.fitting.algebra import host_rows
from pyalign.fitting.place import algebra_for
from pyalign.fitting.threads import one_blas_thread
from pyalign.typing import EmbeddingsLike


@dataclass(frozen=True, eq=False)
class MatchedDimensions:
    """Pairs of dimensions, one to one, with the largest sum of correlations."""

    # first, second: (k,) the columns of the two embeddings that belong together; `first` ascends.
    first: np.ndarray
    second: np.ndarray
    # (k,) Pearson correlations over the objects, NaN where a column is constant: it matches nothing.
    correlations: np.ndarray


def match_dimensions(first: EmbeddingsLike, second: EmbeddingsLike) -> MatchedDimensions:
    """Match the dimensions of two embeddings of the same objects one to one (Hungarian algorithm).

    Args:
        first, second: (n, d) and (n, k) embeddings; rows are brought together by name where both have names.

    Returns:
        A `MatchedDimensions` with min(d, k) pairs.

    Raises:
        InputError: embeddings of other objects, or with NaN.
        MissingExtraError: scipy is not installed.

    Example:
        >>> x = np.array([[1.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 1.0, 3.0]])
        >>> matched = match_dimensions(x, x[:, [2, 0, 1]])
        >>> matched.second.tolist(), matched.correlations.round(6).tolist()
        ([1, 2, 0], [1.0, 1.0, 1.0])
    """
    a, b = as_embeddings(first, "first"), as_embeddings(second, "second")
    on = algebra_for()
    x, y = (host_rows(on, one.values, name).astype(np.float64) for one, name in ((a, "first"), (b, "second")))
    if a.names is not None and b.names is not None and a.names != b.names:
        if set(a.names) != set(b.names):
            missing = sorted(set(a.names) ^ set(b.names))[0]
            raise InputError(f"first and second must have rows of the same objects; only one of them has {missing!r}")
        place = {name: row for row, name in enumerate(b.names)}
        y = y[[place[name] for name in a.names]]
    if len(x) != len(y):
        raise InputError(f"first and second must have a row for each object; got {len(x):,} and {len(y):,} rows")
    for name, values in (("first", x), ("second", y)):
        if not np.isfinite(values).all():
            raise InputError(f"{name} must hold finite numbers; some are NaN or infinity")
    return matched(x, y)


@one_blas_thread()
def matched(x: np.ndarray, y: np.ndarray) -> MatchedDimensions:
    """The same of arrays (n, d) and (n, k)."""
    try:
        from scipy.optimize import linear_sum_assignment
    except ImportError as error:
        raise MissingExtraError("match_dimensions", "scipy", "probe") from error
    u, v = units(x), units(y)
    correlations = u.T @ v
    rows, columns = linear_sum_assignment(-correlations)
    varies = u[:, rows].any(axis=0) & v[:, columns].any(axis=0)
    return MatchedDimensions(rows, columns, np.where(varies, correlations[rows, columns], np.nan))


def known_mean(values: ArrayLike) -> float | None:
    """The mean of those that are not NaN; None where all are.

    Example:
        >>> known_mean([0.5, np.nan]), known_mean([np.nan])
        (0.5, None)
    """
    known = np.asarray(values, np.float64)
    known = known[~np.isnan(known)]
    return float(known.mean()) if known.size else None


def units(x: np.ndarray) -> np.ndarray:
    """Columns centred and of length 1; constant ones are 0."""
    centred = x - x.mean(axis=0)
    lengths = np.sqrt((centred**2).sum(axis=0))
    return np.asarray(np.divide(centred, lengths, out=np.zeros_like(centred), where=lengths > 1e-12 * np.sqrt(len(x))))

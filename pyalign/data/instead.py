"""What an array that is given as embeddings may be in their place: a matrix of pairs of objects, or triplets."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import numpy as np

from pyalign.backends import Array
from pyalign.data.embeddings import Embeddings

ROUNDED = 0.02  # of the range of a matrix: what bfloat16 may do to its diagonal and its symmetry
FIRST_LOOK = 0.2  # of the range of a row: what differs by more is soon seen to be no such matrix
MATRIX_PART = 1 << 22  # elements of a matrix that are looked at at once
FEWEST_ROWS = 5  # of a matrix of pairs that is known by its shape
FIRST_ROWS = 1000  # which show whether they are triplets
MOST_RATING = 9  # whole numbers up to this one may be ratings


def notes_on_values(x: Embeddings, name: str, instead: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """What embeddings seem to be instead of features: a matrix of similarities or dissimilarities, or triplets.

    Args:
        x: (n, d).
        name: of x, where it has no source.
        instead: what takes the matrix for what it is, by its kind: "similarities" or "dissimilarities".

    Example:
        >>> notes_on_values(Embeddings(1 - np.eye(3)), "embeddings")
        ('embeddings: this looks like a matrix of dissimilarities, not embeddings: its rows are taken for features',)
    """
    called, shape = x.source or name, np.shape(x.values)
    if len(shape) != 2 or not hasattr(x.values, "__getitem__"):  # an array that can be handed over, by DLPack alone
        return ()
    if x.names is None and (may_be_triplets(x.values) or may_be_triplets_of_floats(x.values)):
        return (f"{called} holds whole numbers in {shape[1]} columns, taken for features: are they triplets?",)
    kind, hint = kind_of_matrix(x.values), ""
    if kind is not None and instead is not None:
        hint = f"; {instead[kind]} takes the matrix for what it is"
    if kind is None and (pairs := shape_of_pairs(x.values)) is not None:
        kind = f"pairs ({pairs})"
    if kind is None:
        return ()
    return (f"{called}: this looks like a matrix of {kind}, not embeddings: its rows are taken for features{hint}",)


def kind_of_matrix(matrix: Array) -> str | None:
    """What a matrix seems to hold, on a device too: "similarities", "dissimilarities", or neither, None.

    Such a matrix is square and symmetric, and its diagonal is constant and the largest, or the smallest, of each row:
    all that but for rounding, which is `ROUNDED` of the range of its values at most. One-hot rows are no similarities,
    and numbers that are mostly those of the diagonal, such as the edges of a graph, neither.

    Example:
        >>> z = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0]])
        >>> kind_of_matrix(z @ z.T), kind_of_matrix(1 - z @ z.T), kind_of_matrix(np.eye(3))
        ('similarities', 'dissimilarities', None)
    """
    n = int(matrix.shape[0])
    numbers = any(word in str(matrix.dtype) for word in ("float", "int", "bool"))
    if tuple(matrix.shape) != (n, n) or n < 3 or not numbers or not _mirrored(matrix, slice(0, 1)):
        return None  # the first row and the first column decide nearly always
    parts = _parts(n)
    low, high = _range_of(matrix[rows] * 1.0 for rows in parts)
    rounding, diagonal = ROUNDED * (high - low), matrix.diagonal() * 1.0
    if not (0 < rounding < math.inf and float(diagonal.max()) - float(diagonal.min()) <= rounding):
        return None
    if not all(_mirrored(matrix, rows, rounding) for rows in parts):
        return None
    least, most, level = 0.0, 0.0, -n
    for rows in parts:
        beyond = matrix[rows] * 1.0 - diagonal[rows, None]
        least, most = min(least, float(beyond.min())), max(most, float(beyond.max()))
        level += int((abs(beyond) <= rounding).sum())
    if 2 * level > n * (n - 1):  # most are as on the diagonal: a graph's edges
        return None
    if least >= -rounding:
        return "dissimilarities"
    above = sum(int((matrix[rows] > low + rounding).sum()) for rows in parts)  # n of one-hot rows
    return "similarities" if most <= rounding and above > n else None


def shape_of_pairs(matrix: Array) -> str | None:
    """How a matrix of pairs may be written whatever it holds, on a device too: "symmetric", "triangular", or None.

    Where most numbers are the smallest one, as in one-hot rows and the edges of a graph, it is neither.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(6, 3))
        >>> shape_of_pairs(x @ x.T), shape_of_pairs(np.triu(x @ x.T)), shape_of_pairs(np.eye(6))
        ('symmetric', 'triangular', None)
    """
    n = int(matrix.shape[0])
    if tuple(matrix.shape) != (n, n) or n < FEWEST_ROWS:
        return None
    if _mirrored(matrix, slice(0, 1)):
        low, high = _range_of(matrix[rows] for rows in _parts(n))
        rounding = ROUNDED * (high - low)
        smallest = sum(int((matrix[rows] <= low + rounding).sum()) for rows in _parts(n))
        varied = 0 < rounding < math.inf and 2 * smallest <= n * n
        return "symmetric" if varied and all(_mirrored(matrix, rows, rounding) for rows in _parts(n)) else None
    for oriented in (matrix, matrix.T):
        if not oriented[1:, 0].any() and all(not oriented[k, :k].any() for k in range(1, n)):
            filled = sum(int((oriented[rows] != 0).sum()) for rows in _parts(n))
            return "triangular" if 4 * filled > n * (n - 1) else None
    return None


def _parts(n: int) -> list[slice]:
    """Rows of an (n, n) matrix that are looked at at once."""
    step = max(1, MATRIX_PART // n)
    return [slice(start, start + step) for start in range(0, n, step)]


def _mirrored(matrix: Array, rows: slice, rounding: float | None = None) -> bool:
    """Whether these rows are the columns of the same numbers, but for rounding; None: for much of the rows' range."""
    part = matrix[rows] * 1.0  # of whole numbers too, whose differences would wrap around
    low, high = _range_of([part])
    with np.errstate(over="ignore", invalid="ignore"):
        apart = float(abs(part - matrix[:, rows].T).max())
    return apart <= (FIRST_LOOK * (high - low) if rounding is None else rounding)


def _range_of(parts: Iterable[Array]) -> tuple[float, float]:
    """The smallest and the largest number in arrays or tensors."""
    ends = [(float(part.min()), float(part.max())) for part in parts]
    return min(low for low, _ in ends), max(high for _, high in ends)


def may_be_triplets(values: Array, whole: bool | None = None) -> bool:
    """Whether whole numbers in three or four columns may be items: none below 0, and more than two different ones.

    whole: what the numbers are, where their dtype does not say it.

    Example:
        >>> may_be_triplets(np.array([[0, 7, 3]])), may_be_triplets(np.eye(3)), may_be_triplets(np.eye(3, dtype=int))
        (True, False, False)
    """
    if not ("int" in str(values.dtype) if whole is None else whole) or values.shape[1:] not in ((3,), (4,)):
        return False
    first = values[:FIRST_ROWS]
    return bool(len(first) and first.min() >= 0 and first.max() > 1)


def may_be_triplets_of_floats(values: Array) -> bool:
    """Whether whole numbers that were saved as floats may be triplets: most rows name three or four items.

    Small ones may be ratings.

    Example:
        >>> [may_be_triplets_of_floats(np.array([row])) for row in ([0.0, 70.0, 3.0], [5.0, 7.0, 3.0], [0.5, 70.0, 3])]
        [True, False, False]
    """
    if "float" not in str(values.dtype) or values.shape[1:] not in ((3,), (4,)):
        return False
    first = values[:FIRST_ROWS]
    if not may_be_triplets(first, bool((first == first.round()).all())):
        return False
    columns = range(first.shape[1])
    twice = sum((first[:, i] == first[:, j]) * 1 for i in columns for j in range(i)) > 0
    return bool(first.max() > MOST_RATING) and 2 * int(twice.sum()) < len(first)

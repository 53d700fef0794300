"""Triplets that ask about a pair for which a given matrix has no value: NaN, a pair that nobody judged."""

from __future__ import annotations

import numpy as np

from pyalign.data import ANCHORED, ODD_ONE_OUT
from pyalign.errors import InputError
from pyalign.ops._door import open_door
from pyalign.ops.triplets import checked_triplets

PAIRS = ((0, 1), (0, 2), (1, 2))  # of positions; anchored triplets ask about the first two


def has_values(matrix: np.ndarray, triplets: np.ndarray, task: str = ODD_ONE_OUT) -> np.ndarray:
    """(t,) mask of the triplets (t, 3) whose pairs all have a value in a matrix (n, n).

    Example:
        >>> matrix = np.array([[0, np.nan, 1], [np.nan, 0, 1], [1, 1, 0]])
        >>> has_values(matrix, np.array([[0, 1, 2], [2, 0, 1]])), has_values(matrix, np.array([[2, 0, 1]]), "anchored")
        (array([False, False]), array([ True]))
    """
    asked = PAIRS[:2] if task == ANCHORED else PAIRS
    missing = np.zeros(len(triplets), bool)
    for i, j in asked:
        missing |= np.isnan(matrix[triplets[:, i], triplets[:, j]])
    return ~missing


def require_values(matrix: np.ndarray, name: str = "matrix") -> None:
    """Raises where a matrix (n, n) has no value for a pair."""
    missing = np.isnan(matrix)
    if not missing.any():
        return
    (i, j), n = np.argwhere(missing)[0], len(matrix)
    raise InputError(
        f"{name} must have a value for every pair; {int(missing.sum()) // 2:,} of {n * (n - 1) // 2:,} are NaN, "
        f'[{i}, {j}] is the first; nan="omit" leaves out the triplets that ask about them'
    )


def without_missing_pairs(
    matrix: np.ndarray, triplets: object, task: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """A matrix (n, n) without NaN, the triplets that ask about none of its NaN, and which these are; None for all."""
    index = np.asarray(checked_triplets(open_door("auto", matrix), triplets, len(matrix)))
    missing = np.isnan(matrix)
    if not missing.any():
        return matrix, index, None
    kept = has_values(matrix, index, task)
    if not kept.any():
        told = f"all {len(kept)} ask about a pair that is NaN"
        raise InputError(f"matrix must have a value for every pair of at least one triplet; {told}")
    return np.where(missing, matrix.dtype.type(0), matrix), index[kept], kept

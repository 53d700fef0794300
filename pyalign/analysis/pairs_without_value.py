"""Triplets that ask about a pair for which a given matrix has no value: NaN, a pair that nobody judged."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from pyalign.data import ANCHORED, ODD_ONE_OUT
from pyalign.errors import InputError
from pyalign.ops.triplets import Placed

ALIKE, FEWEST = 0.9, 0.5  # shares of the triplets that are scored: the median order has the first, each the second
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
        f'[{i}, {j}] is the first; nan_policy="omit" leaves out the triplets that ask about them'
    )


def require_alike_orders(matrix: np.ndarray, triplets: np.ndarray, permuted: Iterable[np.ndarray], task: str) -> None:
    """Raises where triplets (t, 3) under permutations ask about fewer or more pairs of NaN than they do as they are.

    Accuracies of fewer triplets vary more: the null distribution would be wider, or narrower, than the accuracy
    that is tested deserves. Where the pairs without a value have nothing to do with the triplets, the number that is
    scored is about the median over orders; that a single order leaves fewer is part of the null hypothesis.
    """
    scored = int(has_values(matrix, triplets, task).sum())
    counts = [int(has_values(matrix, moved, task).sum()) for moved in permuted]
    median, least = float(np.median(counts)), min(counts)
    if not ALIKE <= median / scored <= 1 / ALIKE or least < FEWEST * scored:
        median_of = f"{median:,.0f} in the median of {len(counts):,} orders, {least:,} at least"
        raise InputError(
            "matrix must leave about as many triplets in other orders for a permutation test; "
            f"{scored:,} ask about no NaN as the matrix is, {median_of}"
        )


def without_missing_pairs(ready: Placed, task: str) -> tuple[Placed, np.ndarray | None]:
    """A matrix (n, n) without NaN with the triplets that ask about none of its NaN, and which are those; None: all."""
    dispatch = ready.dispatch
    matrix, index = dispatch.host(ready.rows), dispatch.host(ready.index)
    missing = np.isnan(matrix)
    if not missing.any():
        return ready, None
    kept = has_values(matrix, index, task)
    if not kept.any():
        told = f"all {len(kept)} ask about a pair that is NaN"
        raise InputError(f"matrix must have a value for every pair of at least one triplet; {told}")
    filled = np.where(missing, matrix.dtype.type(0), matrix)
    return Placed(dispatch, dispatch.similarities(filled), dispatch.triplets(index[kept])), kept

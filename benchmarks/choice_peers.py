"""The peers of choice similarity; every function returns the call that is timed, as in `peers.py`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import pyalign

Matrix = Callable[[], np.ndarray]
CLOSE = 1e-5  # of probabilities, ours in float32


def ours(x: np.ndarray, temperature: float = 1.0) -> Matrix:
    return lambda: np.asarray(pyalign.choice_similarity(x, temperature=temperature))


def ours_in_float64(x: np.ndarray) -> Matrix:
    return ours(x.astype(np.float64))


def numba_loop(x: np.ndarray, rows: int) -> Matrix:
    """SPoSE's loop over i < j and all k, one thread, for the first `rows` items i; its exponentials are given."""
    import numba

    @numba.njit
    def loop(e: np.ndarray, rows: int) -> np.ndarray:
        n = len(e)
        kept = np.zeros((rows, n))
        for i in range(rows):
            for j in range(i + 1, n):
                for k in range(n):
                    if k != i and k != j:
                        kept[i, j] += e[i, j] / (e[i, j] + e[i, k] + e[j, k])
        return kept / (n - 2)

    wide = x.astype(np.float64)
    e = np.exp(wide @ wide.T)
    return lambda: np.asarray(loop(e, rows))


def share_of(n: int, rows: int) -> float:
    """How much of the work the first `rows` of n items are: pairs i < j with i among them."""
    return rows * (2 * n - rows - 1) / (n * (n - 1))


def same_probabilities(expected: Matrix) -> Callable[[np.ndarray], None]:
    """Equal above the diagonal, in the rows that the peer has."""

    def check(theirs: np.ndarray) -> None:
        above = np.triu(np.ones(theirs.shape, bool), 1)
        np.testing.assert_allclose(theirs[above], expected()[: len(theirs)][above], rtol=0, atol=CLOSE)

    return check

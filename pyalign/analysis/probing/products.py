"""Matrix products of the compiled kernels: the same bits for any number of threads, which no BLAS promises."""

from __future__ import annotations

import numpy as np

from pyalign.backends import Backend, Rows


def product(backend: Backend, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a (n, k) @ b (k, m): (n, m) of their common dtype.

    Example:
        >>> from pyalign.backends import get_backend
        >>> product(get_backend(), np.ones((2, 3)), np.ones((3, 1))).tolist()
        [[3.0], [3.0]]
    """
    out = np.empty((len(a), b.shape[1]), a.dtype)
    right = np.ascontiguousarray(b.T)
    backend.similarity(Rows(np.ascontiguousarray(a), None, "dot"), Rows(right, None, "dot"), out)
    return out


def add_transpose(a: np.ndarray, step: int = 512) -> np.ndarray:
    """a + a.T of a square matrix, in its own memory: new pages would cost more than the additions.

    Example:
        >>> add_transpose(np.array([[1.0, 2.0], [0.0, 1.0]])).tolist()
        [[2.0, 2.0], [2.0, 2.0]]
    """
    for i in range(0, len(a), step):
        on = a[i : i + step, i : i + step]
        on += on.T.copy()
        for j in range(i + step, len(a), step):
            upper, lower = a[i : i + step, j : j + step], a[j : j + step, i : i + step]
            upper += lower.T
            lower[...] = upper.T
    return a


def gram(backend: Backend, z: np.ndarray) -> np.ndarray:
    """z @ z.T of z (n, k), of which half is computed: (n, n).

    Example:
        >>> from pyalign.backends import get_backend
        >>> gram(get_backend(), np.array([[1.0, 2.0], [0.0, 1.0]])).tolist()
        [[5.0, 2.0], [2.0, 1.0]]
    """
    out = np.empty((len(z), len(z)), z.dtype)
    backend.similarity(Rows(np.ascontiguousarray(z), None, "dot"), None, out)
    return out

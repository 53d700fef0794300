"""Matrix products of the compiled kernels: the same bits for any number of threads, which no BLAS promises."""

from __future__ import annotations

import numpy as np

from pyalign.backends import HostBackend, Rows


def product(backend: HostBackend, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a (n, k) @ b (k, m): (n, m) of their common dtype.

    Example:
        >>> from pyalign.backends import get_host_backend
        >>> product(get_host_backend(), np.ones((2, 3)), np.ones((3, 1))).tolist()
        [[3.0], [3.0]]
    """
    out = np.empty((len(a), b.shape[1]), a.dtype)
    backend.product(np.ascontiguousarray(a), np.ascontiguousarray(b), out)
    return out


def gram(backend: HostBackend, z: np.ndarray) -> np.ndarray:
    """z @ z.T of z (n, k), of which half is computed: (n, n).

    Example:
        >>> from pyalign.backends import get_host_backend
        >>> gram(get_host_backend(), np.array([[1.0, 2.0], [0.0, 1.0]])).tolist()
        [[5.0, 2.0], [2.0, 1.0]]
    """
    out = np.empty((len(z), len(z)), z.dtype)
    backend.similarity(Rows(np.ascontiguousarray(z), None, "dot"), None, out)
    return out

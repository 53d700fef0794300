"""Inner products of matrices under many permutations of the items: what permutation tests of two models are made of."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pyalign.backends import get_host_backend
from pyalign.ops.resample import permutation

ORDERS_AT_ONCE = 64


def permuted_products(a: np.ndarray, b: np.ndarray, orders: np.ndarray, *, backend: str = "auto") -> np.ndarray:
    """The sum over all i, j of a[i, j] * b[p[i], p[j]] for each order p.

    Args:
        a, b: (n, n) float32 or float64, symmetric, contiguous.
        orders: (k, n) int32, each a permutation of 0 ... n - 1.
        backend: of the host; for that of a device the one that "auto" chooses on the host.

    Returns:
        (k,) float64, the same for any number of threads.

    Example:
        >>> a, b = np.diag([1.0, 2.0]), np.diag([3.0, 4.0])
        >>> permuted_products(a, b, np.array([[0, 1], [1, 0]], np.int32))
        array([11., 10.])
    """
    return get_host_backend(backend).permuted_products(a, b, np.ascontiguousarray(orders, np.int32))


def identity(n: int) -> np.ndarray:
    """(1, n) int32: the order of the items as they are."""
    return np.arange(n, dtype=np.int32)[None, :]


def permutations_of(n: int, count: int, seed: int, of: np.ndarray | None = None) -> Iterator[tuple[slice, np.ndarray]]:
    """Orders (k, n) int32 in pieces, and which of `count` they are; each has its own counter of the generator.

    of: (n,) see `order` of `permutation`.

    Example:
        >>> [(part, orders.shape) for part, orders in permutations_of(5, 3, 0)]
        [(slice(0, 3, None), (3, 5))]
    """
    for first in range(0, count, ORDERS_AT_ONCE):
        part = slice(first, min(count, first + ORDERS_AT_ONCE))
        orders = [permutation(n, counter, seed=seed, order=of) for counter in range(part.start, part.stop)]
        yield part, np.stack(orders).astype(np.int32)

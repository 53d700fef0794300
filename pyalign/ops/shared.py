"""Triplets grouped by the objects that they share, once for any number of values that are summed over the groups."""

from __future__ import annotations

from typing import Any

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass
from pyalign.backends import HostBackend, get_host_backend
from pyalign.ops._host_dispatch import explained

BLOCK = 1 << 16  # rows whose products are added up at a time


@dataclass(frozen=True)
class SharedTriplets:
    """Triplets by their objects, pairs of objects and sets of three. See `share_triplets`."""

    host: HostBackend  # the backend that made it.
    sharing: Any  # what it made.

    def products(self, values: np.ndarray) -> np.ndarray:
        """(3, k, k) float64: over groups, the products of the groups' sums of values, two by two.

        Args:
            values: (t, k) int8, int16 or float64. Whole numbers have exact products below 2^53.

        Returns:
            The sums over objects i of S_i^a S_i^b, over pairs of S_ij^a S_ij^b, over sets of three of S_ijk^a S_ijk^b:
            S_i^a is the sum of column a over the triplets with object i.

        Example:
            >>> shared = share_triplets([[0, 1, 2], [0, 1, 3]], 4)
            >>> shared.products(np.array([[1], [1]], np.int16)).ravel()
            array([10.,  8.,  2.])
        """
        return self.products_and_sums(values)[0]

    def products_and_sums(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The products, and (n, k) float64: the sums S_i of each object.

        Example:
            >>> shared = share_triplets([[0, 1, 2], [0, 1, 3]], 4)
            >>> shared.products_and_sums(np.array([[1], [1]], np.int16))[1].ravel()
            array([2., 2., 1., 1.])
        """
        return self.host.shared_products(self.sharing, np.ascontiguousarray(values))


def share_triplets(triplets: object, n: int, backend: str = "auto") -> SharedTriplets:
    """Triplets grouped by what they share.

    Args:
        triplets: (t, 3) integers in [0, n), three different items each, t < 2^31.
        n: how many items there are.
        backend: of the host; for that of a device the one that "auto" chooses on the host.

    Raises:
        InputError: not such triplets.
    """
    host, index = get_host_backend(backend), _checks.as_triplets(triplets)
    with explained(host, index, n):
        return SharedTriplets(host, host.share_triplets(index, n))


def row_moments(values: np.ndarray, backend: str = "auto") -> tuple[np.ndarray, np.ndarray]:
    """(k,) sums and (k, k) values.T @ values of (t, k) numbers, in float64, the same for any number of threads.

    Example:
        >>> row_moments(np.array([[1, 2], [0, 3]], np.int8))
        (array([1., 5.]), array([[ 1.,  2.],
               [ 2., 13.]]))
    """
    host, k = get_host_backend(backend), values.shape[1]
    sums, products = np.zeros(k), np.zeros((k, k))
    for start in range(0, len(values), BLOCK):
        part = values[start : start + BLOCK].astype(np.float64)
        sums += np.ascontiguousarray(part.T).sum(axis=1)  # a column at a time is several times as fast
        products += host.squared(part)
    return sums, products

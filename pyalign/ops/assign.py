"""Where the first two rows of each triplet hold most together."""

from __future__ import annotations

import numpy as np

from pyalign import _checks
from pyalign.backends import get_host_backend
from pyalign.errors import InputError
from pyalign.ops._host_dispatch import explained
from pyalign.typing import BackendName

MOST_PLACES = (1 << 15) - 1


def largest_places(
    values: np.ndarray, triplets: object, *, product: bool = False, backend: BackendName = "auto"
) -> tuple[np.ndarray, int]:
    """The largest place of the sum, or product, of the first two rows of each triplet; works on the host.

    Args:
        values: (n, k) float64, finite, from 0 up; k up to 32,767.
        triplets: (t, 3) integers in [0, n), three different items each.
        product: of the two rows, instead of their sum.
        backend: of the host; for that of a device the one that "auto" chooses on the host.

    Returns:
        (t,) int16, of equal places the first, -1 where all is 0; and how many triplets have several that are largest.

    Raises:
        InputError: not such triplets, or too many places.

    Example:
        >>> largest_places(np.array([[1.0, 0.0], [0.5, 2.0], [0.0, 0.0]]), [[0, 1, 2], [0, 2, 1]])
        (array([1, 0], dtype=int16), 0)
    """
    host, index = get_host_backend(backend), _checks.as_triplets(triplets)
    rows = np.ascontiguousarray(values, np.float64)
    if rows.shape[1] > MOST_PLACES:
        raise InputError(f"values must have at most {MOST_PLACES:,} columns; got {rows.shape[1]:,}")
    places = np.empty(len(index), np.int16)
    with explained(host, index, len(rows)):
        n_tied = host.assign(rows, index, product, places)
    return places, n_tied

"""Parts of the triplets to fit on and to report on."""

from __future__ import annotations

import numpy as np

from pyalign import _checks
from pyalign.errors import InputError

SPLITS = ("objects", "triplets")
CHUNK = 1 << 16
FIT, TEST = 1, 16  # so that the sum over three items tells whether all are of one kind
Parts = tuple[np.ndarray, np.ndarray]


def split_triplets(triplets: np.ndarray, n: int, split: str, held_out: float, seed: int) -> Parts:
    """Which triplets to fit on, and which to report on.

    Args:
        triplets: (t, 3) integers in [0, n).
        n: items.
        split: ``"objects"``: items are split at random, and a triplet counts where all of its items are in one part;
            ``"triplets"``: each triplet for itself, so that both parts speak of the same items.
        held_out: fraction of the items (rounded to whole ones), or the chance of a triplet, to report on.
        seed: the same seed gives the same parts everywhere: the bits are those of Philox, a counter-based generator.

    Returns:
        Two arrays of rows, in ascending order.

    Raises:
        InputError: an unknown split, a fraction outside (0, 1), or a part without triplets.

    Example:
        >>> triplets = np.array([[1, 2, 4], [0, 3, 5], [0, 1, 2], [4, 1, 2]])
        >>> [rows.tolist() for rows in split_triplets(triplets, 6, "objects", 0.5, seed=0)]
        [[0, 3], [1]]
    """
    _checks.one_of(split, SPLITS, "split")
    if not 0.0 < held_out < 1.0:
        raise InputError(f"held_out must be a fraction above 0 and below 1; got {held_out}")
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise InputError(f"seed must be a whole number, not negative; got {seed!r}")
    bits = np.random.Philox(int(seed))
    kinds = _by_objects(triplets, n, held_out, bits) if split == "objects" else _each(len(triplets), held_out, bits)
    parts = np.flatnonzero(kinds == 3 * FIT), np.flatnonzero(kinds == 3 * TEST)
    for rows, what in zip(parts, ("fit", "report"), strict=True):
        if len(rows) == 0:
            raise InputError(
                f"held_out must leave triplets in both parts; with {held_out:g} of the {split} held out (seed {seed}) "
                f"none of {len(triplets):,} triplets is left to {what} on"
            )
    return parts


def _by_objects(triplets: np.ndarray, n: int, held_out: float, bits: np.random.Philox) -> np.ndarray:
    """uint8 (t,): the sum over each triplet's items of their kinds."""
    kind = np.full(n, FIT, np.uint8)
    kind[np.argsort(bits.random_raw(n), kind="stable")[: round(held_out * n)]] = TEST
    kinds = np.empty(len(triplets), np.uint8)
    for start in range(0, len(triplets), CHUNK):
        part = slice(start, start + CHUNK)
        of_items = kind.take(triplets[part], mode="clip")  # they are in range; "raise" would look again
        np.add(of_items[:, 0], of_items[:, 1], out=kinds[part])
        kinds[part] += of_items[:, 2]
    return kinds


def _each(t: int, held_out: float, bits: np.random.Philox) -> np.ndarray:
    kinds = np.empty(t, np.uint8)
    limit = np.uint64(held_out * 2.0**64)
    for start in range(0, t, CHUNK):
        part = kinds[start : start + CHUNK]
        part[:] = np.where(bits.random_raw(len(part)) < limit, 3 * TEST, 3 * FIT)
    return kinds

"""Parameters for held-out answers: those of the triplets that share no object with the one that is held out.

The derivatives of the loss, at the best parameters of all answers, are added up by object, by pair of objects and by
set of three. By inclusion and exclusion these sums give the derivatives over the rest of each triplet, and a step of
Newton's method the parameters that fit the rest best, but for the square of the step. Nothing is drawn: with fits to
halves of the objects, fifty or two hundred times, the calibration error hangs on the seed, by a fifth of its error.

Source: Bickel, "One-step Huber estimates in the linear model", JASA 1975.
"""

from __future__ import annotations

import numpy as np

from pyalign.errors import InputError
from pyalign.stats.splits import sets_of_three

FEW = 100  # objects: above, only about 2 in n of the triplets that share an object share two of them
ROUNDING = 1e-9  # of a sum: below it, nothing is left
ALIKE = {"objects": "share an object", "triplets": "are of the same three objects"}


def rest_sums(objects: np.ndarray | None, by: str, values: np.ndarray) -> np.ndarray:
    """(k, t): the sums of values (k, t) over the rest of each triplet: those that have nothing in common with it.

    Above 100 objects a triplet that shares two objects with the one that is held out is subtracted with either.

    Args:
        objects: (t, 3) integers >= 0.
        by: ``"objects"``, or ``"triplets"``: only answers to the same three objects have something in common.
        values: (k, t) of the triplets; the first are positive where the triplet counts.

    Raises:
        InputError: any two triplets have something in common.

    Example:
        >>> rest_sums(np.array([[0, 1, 2], [3, 4, 5], [0, 6, 7]]), "objects", np.array([[1.0, 10.0, 100.0]]))
        array([[ 10., 101.,  10.]])
    """
    assert objects is not None
    columns = np.ascontiguousarray(objects.T, np.int64)
    named = np.bincount(columns.ravel()) > 0
    n, k = len(named), int(named.sum())
    a, b, c = np.sort((np.cumsum(named) - 1)[columns], axis=0) if k <= FEW else columns
    rest = np.repeat(values.sum(axis=1)[:, None], len(objects), axis=1)
    shared: list[tuple[float, tuple[np.ndarray, ...]]] = [(-1.0, (a, b, c))]
    if by == "triplets":
        shared = [(-1.0, (sets_of_three(objects, n),))]
    elif k <= FEW:
        pairs = a * k + b, a * k + c, b * k + c
        shared += [(1.0, pairs), (-1.0, (pairs[0] * k + c,))]
    else:
        rest += 2.0 * values  # of itself, which is subtracted with each of its objects
    for row, value in zip(rest, np.ascontiguousarray(values), strict=True):
        for sign, keys in shared:
            most = 1 + max(int(key.max()) for key in keys)
            together = np.sum([np.bincount(key, value, most) for key in keys], axis=0)
            row += sign * np.sum([together[key] for key in keys], axis=0)
        row[np.abs(row) <= ROUNDING * np.abs(value).sum()] = 0.0
    if not (rest[0] > 0.0).any():
        raise InputError(f"a split over {by} must leave others to fit to; any two triplets {ALIKE[by]}")
    return rest

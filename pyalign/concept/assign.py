"""Assigns each triplet to a human dimension: the one that carries most of the pair that people chose.

Many triplets share their pair, so that the work is done once for each pair.
"""

from __future__ import annotations

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass
from pyalign.backends import get_host_backend
from pyalign.concept.dimensions import as_dimensions
from pyalign.errors import InputError
from pyalign.ops.assign import largest_places
from pyalign.typing import BackendName

HOW = ("sum", "product")
AT_ONCE = 1 << 18  # numbers of pairs that are held at once, so that they stay in L2
NONE = -1


@dataclass(frozen=True, eq=False)
class Assignment:
    """The dimensions that triplets are assigned to."""

    # int16 (t, top): the dimensions that carry most of the chosen pair, the largest first; -1 where no more dimensions
    # carry anything of it.
    codes: np.ndarray
    n_tied: int  # triplets of which two or more dimensions carry the same for the last place: the lowest had it.
    n_none: int  # triplets of which no dimension carries anything; their codes are all -1.


def assigned(
    triplets: object, dimensions: object, how: str = "sum", top: int = 1, backend: BackendName = "auto"
) -> Assignment:
    """Assigns each triplet to the dimension that carries most of its chosen pair: the first two items.

    Args:
        triplets: (t, 3) integers in [0, n), the item that people called odd last.
        dimensions: (n, k) numbers from 0 up, such as SPoSE or VICE; see `pyalign.concept.dimensions`.
        how: ``"sum"``: what the two rows hold together, of which the largest is that of their mean too, as published;
            or ``"product"``: the summand of their dot product.
        top: how many dimensions, from 1 to k.
        backend: of the host, for one dimension.

    Returns:
        An `Assignment`. Of dimensions that carry the same, the lowest come first.

    Raises:
        InputError: dimensions that are negative or not finite, triplets that name no row, an unknown rule, or a `top`
            out of range.

    Source: Muttenthaler et al., "Human alignment of neural network representations", ICLR 2023, section 5.

    Example:
        >>> food_and_tools = np.array([[3.0, 0.0], [1.0, 0.5], [0.0, 2.0], [0.0, 0.0], [0.0, 0.0]])
        >>> assignment = assigned([[0, 1, 2], [1, 2, 0], [3, 4, 0]], food_and_tools)
        >>> assignment.codes.ravel(), assignment.n_none
        (array([ 0,  1, -1], dtype=int16), 1)
    """
    _checks.one_of(how, HOW, "assign")
    rows = as_dimensions(dimensions)
    _checks.whole_number(top, "top", 1)
    if top > rows.shape[1]:
        raise InputError(f"top must be at most the {rows.shape[1]} dimensions; got {top}")
    if top == 1:
        places, n_tied = largest_places(rows, triplets, product=how == "product", backend=backend)
        return Assignment(places[:, None], n_tied, int((places < 0).sum()))
    return _of_several(_checks.as_triplets(triplets), rows, how, top)


def _of_several(index: np.ndarray, rows: np.ndarray, how: str, top: int) -> Assignment:
    """Assigns by sorting, once for each pair that occurs."""
    pairs, inverse, counts = _distinct_pairs(index, len(rows))
    codes, tied = np.empty((len(pairs), top), np.int16), np.empty(len(pairs), bool)
    step = max(1, AT_ONCE // rows.shape[1])
    for start in range(0, len(pairs), step):
        part = slice(start, start + step)
        first, second = rows[pairs[part, 0]], rows[pairs[part, 1]]
        values = first + second if how == "sum" else first * second
        order = np.argsort(-values, axis=1, kind="stable")[:, :top]
        taken = np.take_along_axis(values, order, axis=1)
        last = taken[:, -1:]
        beyond = (values == last).sum(axis=1) > (taken == last).sum(axis=1)
        codes[part], tied[part] = np.where(taken > 0, order, NONE), beyond & (last[:, 0] > 0)
    return Assignment(codes[inverse], int(counts[tied].sum()), int(counts[codes[:, 0] == NONE].sum()))


def _distinct_pairs(index: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The pairs of the first two items (p, 2) in ascending order, which of them each triplet has, and how often."""
    first, second = index[:, 0].astype(np.int64), index[:, 1].astype(np.int64)
    _checks.require_valid(get_host_backend("auto").check_triplets(index, n), index, n)
    keys = np.minimum(first, second) * n + np.maximum(first, second)
    if n * n > max(1 << 22, 4 * len(index)):
        known, inverse, counts = np.unique(keys, return_inverse=True, return_counts=True)
    else:
        of_key = np.bincount(keys, minlength=n * n)
        known = np.flatnonzero(of_key)
        counts = of_key[known]
        place = np.cumsum(of_key > 0) - 1
        inverse = place[keys]
    return np.stack(np.divmod(known, n), axis=1), inverse, counts

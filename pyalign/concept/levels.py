"""Levels of abstraction: how fine a difference a triplet asks for, by a fine and a coarse set of categories."""

from __future__ import annotations

import numpy as np

from pyalign import _checks
from pyalign.data import Categories, as_triplet_data
from pyalign.errors import InputError

LEVELS = ("fine", "coarse", "border", "other")
UNCATEGORISED = "uncategorised"
WORD = 64  # categories in a number


def levels(triplets: object, fine: object, coarse: object) -> np.ndarray:
    """The level of abstraction of each triplet, by the categories of its three objects.

    ``fine``: all three share a fine category. ``coarse``: not so, but all three share a coarse one. ``border``: not so,
    but two share a coarse one, of which the third is not: a class border lies between them. ``other``: no two share a
    coarse category. ``uncategorised``: none of the first two, and an object has no coarse category, so that nobody
    knows. Which object people called odd plays no part. Objects of several categories share one where they have one in
    common.

    Args:
        triplets: (t, 3) integers, or names of items.
        fine, coarse: `Categories`, a label for each object (n,), or memberships (n, c) of 0 and 1; by name where both
            sides have names, else in the order of the numbers of triplets.

    Returns:
        (t,) text: one of these words. They serve `pyalign.score` as `groups`.

    Raises:
        InputError: triplets that name no object of the categories, or what `Categories.of` refuses.

    Source: Muttenthaler et al., "Aligning machine and human visual representations across abstraction levels", 2024,
    from which the three levels are; the rules for objects with several categories or none are ours.

    Example:
        >>> fine, coarse = ["bee", "bee", "bee", "ant", "cat", ""], ["insect"] * 4 + ["mammal", ""]
        >>> levels([[0, 1, 2], [0, 1, 3], [0, 1, 4], [0, 1, 5]], fine, coarse).tolist()
        ['fine', 'coarse', 'border', 'uncategorised']
    """
    given = as_triplet_data(triplets)
    index = _checks.as_triplets(given.values)
    two = Categories.of(fine), Categories.of(coarse)
    n = len(two[0].members) if given.names is None else len(given.names)
    members = [one.of_rows(n, given.names) for one in two]
    if len(index) and (index.min() < 0 or index.max() >= n):
        wrong = int(((index < 0) | (index >= n)).any(axis=1).argmax())
        raise InputError(
            f"triplets must lie in [0, {n}), the objects of the categories; row {wrong} is {index[wrong].tolist()}"
        )
    words: np.ndarray = np.array([*LEVELS, UNCATEGORISED])[level_codes(index, members[0], members[1])]
    return words


def level_codes(index: np.ndarray, fine: np.ndarray, coarse: np.ndarray) -> np.ndarray:
    """int8 (t,): the place in `LEVELS` of triplets (t, 3) of objects with memberships (n, c), -1 for uncategorised.

    Example:
        >>> codes = np.eye(3, dtype=bool)[[0, 0, 1, 2]]
        >>> level_codes(np.array([[0, 1, 2], [0, 2, 3]]), codes, codes)
        array([2, 3], dtype=int8)
    """
    of_fine, of_coarse = _words(fine), _words(coarse)
    categorised = np.asarray(coarse.any(axis=1))
    known = categorised[index].all(axis=1)
    two, three = _shared(index, of_coarse)
    codes = np.full(len(index), LEVELS.index("other"), np.int8)
    codes[two] = LEVELS.index("border")
    codes[~known] = -1
    codes[three] = LEVELS.index("coarse")
    codes[_shared(index, of_fine)[1]] = LEVELS.index("fine")
    return codes


def _shared(index: np.ndarray, words: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Whether two, and all three, of a triplet's objects share a category; words: (n, w) of bits."""
    two, three = np.zeros(len(index), bool), np.zeros(len(index), bool)
    for word in words.T:
        a, b, c = (word[column] for column in index.T)
        both = a & b
        two |= (both | a & c | b & c) != 0
        three |= (both & c) != 0
    return two, three


def _words(members: np.ndarray) -> np.ndarray:
    """(n, w) uint64: memberships (n, c) as bits."""
    wide = np.zeros((len(members), -(-members.shape[1] // WORD) * WORD), bool)
    wide[:, : members.shape[1]] = members
    return np.packbits(wide, axis=1).view(np.uint64)

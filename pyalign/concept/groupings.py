"""The groupings that a call asks for: by dimensions, by categories, by levels of abstraction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pyalign.concept.assign import assigned
from pyalign.concept.dimensions import labels_of
from pyalign.concept.grouping import Grouping
from pyalign.concept.levels import LEVELS, level_codes
from pyalign.data import Categories
from pyalign.errors import InputError


@dataclass(frozen=True, eq=False)
class Groupings:
    """What was asked for.

    Attributes:
        all: one for each way.
        n_tied: triplets whose dimension was decided by its place among equals; None without dimensions.
        notes: what a person should know, a sentence each.
    """

    all: tuple[Grouping, ...]
    n_tied: int | None
    notes: tuple[str, ...]


def require_some(dimensions: object, categories: object, levels: object) -> None:
    """Raises where no way of grouping is asked for, or where levels are not two."""
    if dimensions is None and categories is None and levels is None:
        raise InputError("dimensions, categories or levels must say what the concepts are; got none of them")
    if levels is not None and (not isinstance(levels, tuple | list) or len(levels) != 2):
        raise InputError("levels must be a pair: fine categories and coarse ones")


def groupings_of(
    index: np.ndarray, n: int, names: Sequence[str] | None, *, dimensions: np.ndarray | None,
    labels: Sequence[str] | None, assign: str, top: int, categories: object, levels: Sequence[object] | None,
    backend: str = "auto",
) -> Groupings:  # fmt: skip
    """Groups triplets (t, 3) of n rows that have these names."""
    found, n_tied, notes = [], None, []
    if dimensions is not None:
        one = assigned(index, dimensions, assign, top, backend)
        found.append(Grouping.of_codes("dimensions", labels_of(labels, dimensions.shape[1]), one.codes))
        n_tied = one.n_tied
        if n_tied:
            notes.append(f"{_triplets(n_tied)} of which several dimensions carry the same: the lowest has them")
        if one.n_none:
            notes.append(f"{_triplets(one.n_none)} of no dimension: nothing carries the chosen pair")
    if categories is not None:
        given = Categories.of(categories)
        found.append(Grouping.of_categories(given.labels, given.of_rows(n, names), index))
        if not found[-1].apart:
            notes.append("categories overlap: a triplet counts in each that holds both chosen objects")
    if levels is not None:
        fine, coarse = (Categories.of(one).of_rows(n, names) for one in levels)
        codes = level_codes(index, fine, coarse)[:, None]
        found.append(Grouping.of_codes("levels", LEVELS, codes))
        astray = _astray(fine, coarse)
        if astray:
            notes.append(f"{astray:,} of {fine.shape[1]:,} fine categories lie within no coarse one: are the two in "
                         "order, fine and coarse?")  # fmt: skip
        unknown = int((codes < 0).sum())
        if unknown:
            notes.append(f"{_triplets(unknown)} of no level: an object has no coarse category")
    return Groupings(tuple(found), n_tied, tuple(notes))


def _astray(fine: np.ndarray, coarse: np.ndarray) -> int:
    """Fine categories (n, f) of which no coarse one (n, c) has all objects; those without a coarse one do not count.

    Example:
        >>> _astray(np.array([[1, 0], [1, 0], [0, 1]], bool), np.eye(3, dtype=bool))
        1
    """
    shared = fine.T.astype(np.int64) @ coarse
    known = fine.T.astype(np.int64) @ coarse.any(axis=1)
    return int((shared.max(axis=1, initial=0) < known).sum())


def _triplets(count: int) -> str:
    """Example:
    >>> _triplets(1), _triplets(1200)
    ('1 triplet', '1,200 triplets')
    """
    return "1 triplet" if count == 1 else f"{count:,} triplets"

"""Groupings of triplets by dimensions, by categories, by levels of abstraction and by the entropy of the choice."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass
from pyalign.analysis.agreement_figures import ENTROPIES, places_of
from pyalign.analysis.answers import find_repeats
from pyalign.analysis.score_choices import rows_of_categories
from pyalign.concept.concepts_result import Grouped
from pyalign.concept.dimensions import assigned, labels_of
from pyalign.data import Categories, as_triplet_data
from pyalign.errors import InputError
from pyalign.ops.triplets import choice_probabilities
from pyalign.stats.divergences import entropy as entropy_of
from pyalign.typing import Assign, BackendName, CategoriesLike, TripletsLike

LEVELS = ("fine", "coarse", "border", "other")
UNCATEGORIZED = "uncategorized"
# Whose entropy triplets are in bins of, and their edges in nats, which are the paper's for what dimensions predict.
ENTROPY_OF = {"dimensions": tuple(k / 10 for k in range(12)), "answers": ENTROPIES}
WORD = 64  # categories in a number


@dataclass(frozen=True, eq=False)
class Groupings:
    """The requested groupings."""

    all: tuple[Grouping, ...]  # a grouping by each of dimensions, categories, levels and entropy that was requested.
    # the number of triplets for which several dimensions have the same weight; None without dimensions.
    n_tied: int | None
    notes: tuple[str, ...]  # what a user should know, a sentence each.


def require_some(dimensions: object, categories: object, levels: object, entropy: str | None) -> None:
    """Raises if no grouping is requested, if levels are not a pair, or if entropy is of something that is not there."""
    if entropy == "dimensions" and dimensions is None:
        raise InputError(f"entropy={entropy!r} needs dimensions, which predict the choices; got none")
    if entropy is None and dimensions is None and categories is None and levels is None:
        raise InputError("dimensions, categories or levels must say what the concepts are; got none of them")
    if levels is not None and (not isinstance(levels, tuple | list) or len(levels) != 2):
        raise InputError("levels must be a pair: fine categories and coarse ones")


@dataclass(frozen=True, eq=False)
class Ways:
    """By what triplets are grouped; fields as arguments of `pyalign.score_concepts`."""

    labels: Sequence[str] | None
    assign: Assign
    top: int
    categories: object
    levels: Sequence[object] | None = None
    entropy: str | None = None


def groupings_of(  # noqa: C901
    index: np.ndarray, n: int, names: Sequence[str] | None, dimensions: np.ndarray | None, by: Ways,
    backend: BackendName = "auto",
) -> Groupings:
    """The groupings of triplets (t, 3) of n rows with these names."""
    _checks.require_items(index, n)
    groupings, n_tied, notes, entropy = [], None, [], by.entropy
    if dimensions is not None and by.top:
        assignment = assigned(index, dimensions, by.assign, by.top, backend)
        groupings.append(Grouping.of_codes("dimensions", labels_of(by.labels, dimensions), assignment.codes))
        n_tied = assignment.n_tied
        if n_tied:
            notes.append(f"{_triplets(n_tied)} of which several dimensions carry the same: the lowest has them")
        if assignment.n_none:
            notes.append(f"{_triplets(assignment.n_none)} of no dimension: nothing carries the chosen pair")
    if by.categories is not None:
        converted = Categories.of(by.categories)
        groupings.append(Grouping.of_categories(converted.labels, converted.of_rows(n, names), index))
        if not groupings[-1].disjoint:
            notes.append("categories overlap: a triplet counts in each that holds both chosen objects")
    if by.levels is not None:
        fine, coarse = (Categories.of(level).of_rows(n, names) for level in by.levels)
        codes = level_codes(index, fine, coarse)[:, None]
        groupings.append(Grouping.of_codes("levels", LEVELS, codes))
        astray = _astray(fine, coarse)
        if astray:
            notes.append(f"{astray:,} of {fine.shape[1]:,} fine categories are not part of any coarse one: are the two "
                         "in order, fine and coarse?")
        unknown = int((codes < 0).sum())
        if unknown:
            notes.append(f"{_triplets(unknown)} of no level: an object has no coarse category")
    if entropy is not None:
        codes = entropy_codes(index, dimensions if entropy == "dimensions" else None, backend)
        bins = [f"{low:.2f} to {high:.2f} nats" for low, high in pairwise(ENTROPY_OF[entropy])]
        groupings.append(Grouping.of_codes("entropy", bins, codes[:, None]))
        if entropy == "answers":
            notes.append("few answers to a triplet have too little entropy; a triplet with one answer is in no bin")
    return Groupings(tuple(groupings), n_tied, tuple(notes))


def entropy_codes(index: np.ndarray, dimensions: np.ndarray | None, backend: BackendName = "auto") -> np.ndarray:
    """(t,) the bin of the entropy of the choice in each triplet, from 0; -1 for one that was answered once.

    With dimensions (n, k) it is the entropy of the choice that they predict, softmax of their dot products; without, of
    all answers to the same three items.

    Example:
        >>> entropy_codes(np.array([[0, 1, 2], [2, 1, 0], [1, 2, 3]]), None).tolist()
        [3, 3, -1]
        >>> entropy_codes(np.array([[0, 1, 2], [0, 2, 3]]), 3.0 * np.eye(4)[[0, 0, 2, 3]]).tolist()
        [0, 10]
    """
    if dimensions is not None:
        p = choice_probabilities(dimensions, index, measure="dot", temperature=1.0, backend=backend)
        return places_of(entropy_of(np.sort(p, axis=1)), np.array(ENTROPY_OF["dimensions"]))
    repeats = find_repeats(index)
    several = repeats.answers > 1
    if not several.any():
        raise InputError("entropy='answers' needs triplets that at least two people answered; got none")
    shares = repeats.counts / repeats.answers[:, None]
    codes = places_of(entropy_of(np.sort(shares, axis=1)), np.array(ENTROPIES))
    of_rows: np.ndarray = np.where(several, codes, -1)[repeats.inverse]
    return of_rows


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


@dataclass(frozen=True, eq=False)
class Grouping:
    """The triplets of each of g concepts, and the unassigned triplets."""

    by: Grouped  # how concepts are defined: by "dimensions", "categories", "levels" or "entropy".
    labels: tuple[str, ...]  # the labels of the g concepts.
    # int64, the triplets of the first concept in ascending order, then those of the next concepts, and last the
    # unassigned ones.
    rows: np.ndarray
    starts: np.ndarray  # (g + 2,) the place in `rows` where each part begins, and the end.
    disjoint: bool  # whether each triplet is in exactly one part.

    @classmethod
    def of_codes(cls, by: Grouped, labels: Sequence[str], codes: np.ndarray) -> Grouping:
        """A grouping by the numbers of the concepts of each triplet (t, top), filled up with -1.

        Example:
            >>> grouping = Grouping.of_codes("levels", ("a", "b"), np.array([[1], [-1], [0], [1]]))
            >>> [grouping.part(k).tolist() for k in range(3)]
            [[2], [0, 3], [1]]
        """
        g, top = len(labels), codes.shape[1]
        narrow = np.uint8 if g < 255 else np.uint16 if g < 1 << 15 else np.int64  # a pass of the radix sort a byte
        places = codes.astype(narrow)
        places[codes < 0] = g
        places[:, 1:][codes[:, 1:] < 0] = g + 1  # a place that is left over is no place
        flat = places.ravel()
        order = np.argsort(flat, kind="stable")  # by radix
        sizes = np.bincount(flat, minlength=g + 2)
        rows = order[: int(sizes[: g + 1].sum())]
        return cls(by, tuple(labels), rows // top if top > 1 else rows, _starts(sizes[: g + 1]), top == 1)

    @classmethod
    def of_categories(cls, labels: Sequence[str], members: np.ndarray, index: np.ndarray) -> Grouping:
        """A grouping of triplets (t, 3) by the categories (n, c) that contain both objects of the chosen pair.

        Example:
            >>> members = np.array([[1, 1], [1, 0], [0, 1]], bool)
            >>> grouping = Grouping.of_categories(("a", "b"), members, np.array([[0, 1, 2], [2, 0, 1], [1, 2, 0]]))
            >>> [grouping.part(k).tolist() for k in range(3)]
            [[0], [1], [2]]
        """
        parts = list(rows_of_categories(members, index))
        times = np.zeros(len(index), np.int64)
        for rows in parts:
            times[rows] += 1
        parts.append(np.flatnonzero(times == 0))
        starts = _starts(np.array([len(rows) for rows in parts]))
        return cls("categories", tuple(labels), np.concatenate(parts), starts, bool((times <= 1).all()))

    def part(self, k: int) -> np.ndarray:
        """The triplets of concept k, or the unassigned ones for k = g."""
        return self.rows[self.starts[k] : self.starts[k + 1]]

    @property
    def sizes(self) -> np.ndarray:
        """(g + 1,) the number of triplets of each part."""
        return np.diff(self.starts)

    def sums(self, values: np.ndarray) -> np.ndarray:
        """(g + 1,) the sums of values (t,) over each part, as int64 for whole numbers and float64 for others.

        Example:
            >>> Grouping.of_codes("levels", ("a", "b"), np.array([[1], [1]])).sums(np.array([2, 3], np.int8)).tolist()
            [0, 5, 0]
        """
        dtype = np.int64 if values.dtype.kind in "iu" else np.float64
        totals = np.zeros(len(self.labels) + 1, dtype)
        there = self.sizes > 0
        if there.any():
            totals[there] = np.add.reduceat(values[self.rows], self.starts[:-1][there], dtype=dtype)
        return totals


def _starts(sizes: np.ndarray) -> np.ndarray:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])


def abstraction_levels(triplets: TripletsLike, fine: CategoriesLike, coarse: CategoriesLike) -> np.ndarray:
    """Determine the level of abstraction of each triplet from the categories of its three objects.

    - ``fine``: all three objects share a fine category.
    - ``coarse``: they do not, but all three share a coarse category.
    - ``border``: they do not, but two objects share a coarse category, and the third is outside of it: a class border
      separates them.
    - ``other``: no two objects share a coarse category.
    - ``uncategorized``: the triplet is neither fine nor coarse, and some object has no coarse category, so the level is
      unknown.

    The level does not depend on which object was chosen as odd. Objects with several categories share one if they have
    any category in common.

    Args:
        triplets: (t, 3) integers, or names of items.
        fine: the fine categories: `Categories`, a label for each object (n,), or memberships (n, c) of 0 and 1. They
            are matched by name if triplets and categories have names, and otherwise by number.
        coarse: the coarse categories, in the same forms.

    Returns:
        (t,) strings, one of these words for each triplet. `pyalign.score` takes them as `groups`.

    Raises:
        InputError: triplets of an object that the categories do not contain, or categories that `Categories.of`
            refuses.

    Source: the first three levels are those of Muttenthaler et al., "Aligning machine and human visual representations
    across abstraction levels", 2024. The rules for objects with several categories or none are ours.

    Example:
        >>> fine, coarse = ["bee", "bee", "bee", "ant", "cat", ""], ["insect"] * 4 + ["mammal", ""]
        >>> abstraction_levels([[0, 1, 2], [0, 1, 3], [0, 1, 4], [0, 1, 5]], fine, coarse).tolist()
        ['fine', 'coarse', 'border', 'uncategorized']
    """
    triplet_data = as_triplet_data(triplets)
    index = _checks.as_triplets(triplet_data.values)
    two = Categories.of(fine), Categories.of(coarse)
    n = len(two[0].members) if triplet_data.names is None else len(triplet_data.names)
    members = [categories.of_rows(n, triplet_data.names) for categories in two]
    _checks.require_items(index, n, ", the objects of the categories")
    words: np.ndarray = np.array([*LEVELS, UNCATEGORIZED])[level_codes(index, members[0], members[1])]
    return words


def level_codes(index: np.ndarray, fine: np.ndarray, coarse: np.ndarray) -> np.ndarray:
    """int8 (t,): the place in `LEVELS` of triplets (t, 3) of objects with memberships (n, c), -1 for uncategorized.

    Example:
        >>> codes = np.eye(3, dtype=bool)[[0, 0, 1, 2]]
        >>> level_codes(np.array([[0, 1, 2], [0, 2, 3]]), codes, codes)
        array([2, 3], dtype=int8)
    """
    of_fine, of_coarse = _words(fine), _words(coarse)
    categorized = np.asarray(coarse.any(axis=1))
    known = categorized[index].all(axis=1)
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

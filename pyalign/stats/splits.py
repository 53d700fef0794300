"""Splits of triplets into folds, by scikit-learn's interface.

Over objects, the training triplets of a fold have all three items among the training objects, its test triplets all
three among the held-out ones; the others, which mix them, are left out. Only such a split says how a fit does on
objects that it has not seen. Over triplets the same objects stand on both sides, over subjects the same objects but
other people; over both, neither objects nor people of a test triplet are among the training ones. All answers to the
same three objects stay together over triplets: a fit that has seen other people's answers to a triplet has seen the
triplet. `split` gives indices of triplets, for tools of scikit-learn whose X is triplets.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass
from pyalign.data import Subjects, Triplets
from pyalign.errors import InputError

SPLITS = ("objects", "triplets", "subjects", "objects+subjects")
MOST_LABELS = 4  # places in a table for each value that is looked up in it


@dataclass(frozen=True, eq=False)
class Fold:
    """One fold."""

    # train, test: indices of triplets, ascending.
    train: np.ndarray
    test: np.ndarray


@dataclass(frozen=True)
class TripletKFold:
    """Folds of about equal size, drawn at random over what the triplets name, in the order of its numbers.

    Args:
        by: ``"objects"``, ``"triplets"`` (sets of three objects, with all answers to them), ``"subjects"`` or
            ``"objects+subjects"``: part f of the objects is tested with part f of the subjects.
        n_splits: how many, at least 2.
        seed: of the draw.
    """

    by: str = "objects"
    n_splits: int = 3
    seed: int = 0

    def __post_init__(self) -> None:
        _checks.one_of(self.by, SPLITS, "by")
        object.__setattr__(self, "n_splits", _checks.whole_number(self.n_splits, "n_splits", 2))

    def get_n_splits(self, X: object = None, y: object = None, groups: object = None) -> int:
        """How many folds there are."""
        return self.n_splits

    def split(self, X: object, y: object = None, groups: object = None) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Indices of the training and the test triplets of each fold.

        Args:
            X: (t, 3) triplets; `Triplets` may bring their subjects.
            y: is not read.
            groups: (t,) who answered, for folds over subjects.
        """
        for fold in self.folds(X, groups):
            yield fold.train, fold.test

    def folds(self, triplets: object, subjects: object = None) -> Iterator[Fold]:
        """The same, as `Fold`."""
        index, named = _named(triplets)
        rng = np.random.default_rng(self.seed)
        of_item = np.full(len(named), -1)
        of_triplet: np.ndarray | None = None
        if "objects" in self.by:
            of_item[named] = self._parts(int(named.sum()), rng, "objects")
        if self.by == "triplets":
            number = sets_of_three(index, len(named))
            of_triplet = self._parts(int(number.max()) + 1, rng, "different triplets")[number]
        elif "subjects" in self.by:
            number = _people(triplets, subjects, len(index))
            of_triplet = self._parts(int(number.max()) + 1, rng, "subjects")[number]
        for f in range(self.n_splits):
            sides = []
            for out in (False, True):
                rows = within(index, (of_item == f) == out) if "objects" in self.by else np.arange(len(index))
                sides.append(rows if of_triplet is None else rows[(of_triplet[rows] == f) == out])
            yield self._filled(Fold(*sides), f)

    def get_metadata_routing(self) -> Any:
        """What scikit-learn's metadata routing asks: folds over subjects take `groups`."""
        from sklearn.utils.metadata_routing import MetadataRequest

        request = MetadataRequest(owner=self)
        request.split.add_request(param="groups", alias="subjects" in self.by)
        return request

    def _parts(self, count: int, rng: np.random.Generator, what: str) -> np.ndarray:
        """(count,) the fold of each of count things: folds of equal size, or one more."""
        if "+" in self.by and 2 * self.n_splits > count:
            two = f"a split over {self.by} must have at least two {what} in each fold"
            raise InputError(f"{two}; got {count:,} in {self.n_splits} folds")
        if self.n_splits > count:
            most = f"a split over {self.by} must have at most as many folds as there are {what} ({count:,})"
            raise InputError(f"{most}; got {self.n_splits}")
        fold = np.empty(count, np.int64)
        fold[rng.permutation(count)] = np.arange(count) % self.n_splits
        return fold

    def _filled(self, fold: Fold, number: int) -> Fold:
        for side, part in (("training", fold.train), ("test", fold.test)):
            if len(part) == 0:
                what = f"fold {number + 1} has no {side} ones"
                raise InputError(f"a split over {self.by} must leave triplets on both sides; {what}")
        return fold


def within(triplets: np.ndarray, allowed: np.ndarray) -> np.ndarray:
    """Indices of the triplets (t, 3) all of whose items the mask (n,) allows.

    Example:
        >>> within(np.array([[0, 1, 2], [1, 2, 3]]), np.array([True, True, True, False]))
        array([0])
    """
    a, b, c = triplets[:, 0], triplets[:, 1], triplets[:, 2]
    return np.flatnonzero(allowed[a] & allowed[b] & allowed[c])


def numbered(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The different values, in order, and the place of each value among them; quicker of small whole numbers."""
    most = max(1 << 16, MOST_LABELS * values.size)
    if values.dtype.kind in "iu" and values.size and values.min() >= 0 and values.max() < most:
        there = np.zeros(int(values.max()) + 1, bool)
        there[values] = True
        return np.flatnonzero(there).astype(values.dtype), (np.cumsum(there) - 1)[values]
    labels, codes = np.unique(values, return_inverse=True)
    return labels, codes.reshape(values.shape)


def sets_of_three(triplets: np.ndarray, n: int) -> np.ndarray:
    """(t,) the number of the set of three items, of n, that each triplet shows, in whatever order: sets in order.

    Example:
        >>> sets_of_three(np.array([[3, 1, 2], [0, 1, 2], [2, 3, 1]]), 4)
        array([1, 0, 1])
    """
    i, j, k = np.sort(triplets, axis=1).astype(np.int64).T
    if n**3 < 2**62:
        return np.unique((i * n + j) * n + k, return_inverse=True)[1]
    return np.unique(np.stack([i, j, k], axis=1), axis=0, return_inverse=True)[1].reshape(-1)


def _named(triplets: Any) -> tuple[np.ndarray, np.ndarray]:
    """(t, 3) numbers of items, and a mask of the items up to the largest: those that some triplet names."""
    index = _checks.as_triplets(triplets.values if isinstance(triplets, Triplets) else triplets)
    named = np.zeros(int(index.max()) + 1, bool)
    named[index.ravel()] = True
    return index, named


def _people(triplets: object, subjects: object, t: int) -> np.ndarray:
    """(t,) the number of each triplet's participant, in the order of their labels."""
    if subjects is None and isinstance(triplets, Triplets):
        subjects = triplets.subjects
    if subjects is None:
        raise InputError("subjects must be given to split over subjects; got None")
    codes = subjects.codes if isinstance(subjects, Subjects) else np.asarray(subjects)
    number = np.unique(codes, return_inverse=True)[1]
    if number.shape != (t,):
        raise InputError(f"subjects must have shape ({t},), one for each triplet; got {number.shape}")
    return number

"""Splits of triplets, by scikit-learn's interface: folds, and one part that is held out.

Over objects, the training triplets of a fold have all three items among the training objects, its test triplets all
three among the held-out ones; the others, which mix them, are left out. Only such a split says how a fit does on
objects that it has not seen. Over triplets the same objects stand on both sides, over subjects the same objects but
other people; over both, neither objects nor people of a test triplet are among the training ones. All answers to the
same three objects stay together over triplets: a fit that has seen other people's answers to a triplet has seen the
triplet. `split` gives indices of triplets, for tools of scikit-learn whose X is triplets.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from pyalign import _checks
from pyalign.data import Subjects, Triplets
from pyalign.errors import InputError

SPLITS = ("objects", "triplets", "subjects", "objects+subjects")
CHUNK = 1 << 16
FIT, TEST = 1, 16  # so that the sum over three items tells whether all are of one kind


@dataclass(frozen=True, eq=False)
class Fold:
    """One fold.

    Attributes:
        train, test: indices of triplets, ascending.
    """

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

    Raises:
        InputError: fewer objects, triplets or subjects than folds, over both fewer than two of either to a fold, or a
            fold without triplets on one side.

    Example:
        >>> folds = TripletKFold("triplets", n_splits=2)
        >>> [(len(train), len(test)) for train, test in folds.split([[0, 1, 2], [3, 4, 5], [0, 1, 5], [1, 2, 3]])]
        [(2, 2), (2, 2)]
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
        for side, found in (("training", fold.train), ("test", fold.test)):
            if len(found) == 0:
                what = f"fold {number + 1} has no {side} ones"
                raise InputError(f"a split over {self.by} must leave triplets on both sides; {what}")
        return fold


@dataclass(frozen=True)
class TripletHoldOut:
    """One part to fit on, one to report on. The same seed gives the same parts everywhere: the bits are Philox's.

    Args:
        by: ``"objects"``: items are split at random, and a triplet counts where all of its items are in one part;
            ``"triplets"``: each set of three items with all answers to it, so that both parts speak of the same items.
        test_size: fraction of the items (rounded to whole ones), or the chance of a set of three, to report on.
        seed: of the draw, over what the triplets name, in the order of its numbers.

    Raises:
        InputError: an unknown split, a fraction outside (0, 1), or a part without triplets.

    Example:
        >>> triplets = [[1, 2, 4], [0, 3, 5], [0, 1, 2], [4, 1, 2]]
        >>> [rows.tolist() for rows in next(TripletHoldOut("objects", 0.5).split(triplets))]
        [[0, 3], [1]]
    """

    by: str = "objects"
    test_size: float = 0.5
    seed: int = 0

    def __post_init__(self) -> None:
        _checks.one_of(self.by, SPLITS[:2], "by")
        object.__setattr__(self, "test_size", _checks.fraction(self.test_size, "test_size"))
        seed = _checks.index_number(self.seed, 0)
        if seed is None:
            raise InputError(f"seed must be a whole number, not negative; got {self.seed!r}")
        object.__setattr__(self, "seed", seed)

    def get_n_splits(self, X: object = None, y: object = None, groups: object = None) -> int:
        """1."""
        return 1

    def split(self, X: object, y: object = None, groups: object = None) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Indices of the triplets to fit on and to report on, ascending: one pair. y and groups are not read."""
        index, named = _named(X)
        kinds = self._by_objects(index, named) if self.by == "objects" else self._by_triplets(index, len(named))
        parts = np.flatnonzero(kinds == 3 * FIT), np.flatnonzero(kinds == 3 * TEST)
        for rows, what in zip(parts, ("fit", "report"), strict=True):
            if len(rows) == 0:
                raise InputError(
                    f"a split must leave triplets in both parts; with {self.test_size:g} of the {self.by} held out "
                    f"(seed {self.seed}) none of {len(index):,} triplets is left to {what} on"
                )
        yield parts

    def _by_objects(self, triplets: np.ndarray, named: np.ndarray) -> np.ndarray:
        """uint8 (t,): the sum over each triplet's items of their kinds."""
        kind, items = np.full(len(named), FIT, np.uint8), np.flatnonzero(named)
        order = np.argsort(np.random.Philox(self.seed).random_raw(len(items)), kind="stable")
        kind[items[order[: round(self.test_size * len(items))]]] = TEST
        kinds = np.empty(len(triplets), np.uint8)
        for start in range(0, len(triplets), CHUNK):
            part = slice(start, start + CHUNK)
            of_items = kind.take(triplets[part], mode="clip")  # they are in range; "raise" would look again
            np.add(of_items[:, 0], of_items[:, 1], out=kinds[part])
            kinds[part] += of_items[:, 2]
        return kinds

    def _by_triplets(self, triplets: np.ndarray, n: int) -> np.ndarray:
        number = sets_of_three(triplets, n)
        bits, kinds = np.random.Philox(self.seed), np.empty(int(number.max()) + 1, np.uint8)
        limit = np.uint64(self.test_size * 2.0**64)
        for start in range(0, len(kinds), CHUNK):
            part = kinds[start : start + CHUNK]
            part[:] = np.where(bits.random_raw(len(part)) < limit, 3 * TEST, 3 * FIT)
        return kinds[number]


def within(triplets: np.ndarray, allowed: np.ndarray) -> np.ndarray:
    """Indices of the triplets (t, 3) all of whose items the mask (n,) allows.

    Example:
        >>> within(np.array([[0, 1, 2], [1, 2, 3]]), np.array([True, True, True, False]))
        array([0])
    """
    a, b, c = triplets[:, 0], triplets[:, 1], triplets[:, 2]
    return np.flatnonzero(allowed[a] & allowed[b] & allowed[c])


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

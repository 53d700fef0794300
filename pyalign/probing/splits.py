"""Folds of triplets: over objects, over triplets, over subjects.

Over objects, a fold's training triplets have all three items among the training objects, its test triplets all three
among the held-out ones; the others, which mix them, are left out. Only such a split says how a probe does on objects
that it has not seen. Over triplets the same objects stand on both sides, over subjects the same objects but other
people.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from pyalign import _checks
from pyalign.errors import InputError

SPLITS = ("objects", "triplets", "subjects")


@dataclass(frozen=True, eq=False)
class Fold:
    """One fold.

    Attributes:
        train, test: indices of triplets.
        train_items: of the rows that the training triplets may name: those from which a probe takes mean and deviation.
    """

    train: np.ndarray
    test: np.ndarray
    train_items: np.ndarray


def folds_of(
    triplets: np.ndarray, n: int, *, split: str = "objects", folds: int = 3, seed: int = 0,
    subjects: np.ndarray | None = None,
) -> Iterator[Fold]:  # fmt: skip
    """Folds of about equal size, drawn at random.

    Args:
        triplets: (t, 3) integers in [0, n).
        n: objects.
        split: one of `SPLITS`.
        folds: how many, at least 2.
        seed: of the draw.
        subjects: (t,) who answered; for ``split="subjects"``.

    Raises:
        InputError: fewer objects, triplets or subjects than folds, or a fold without triplets on one side.

    Example:
        >>> import numpy as np
        >>> fold = next(folds_of(np.array([[0, 1, 2], [3, 4, 5], [0, 1, 5]]), 6, split="triplets"))
        >>> len(fold.train), len(fold.test), len(fold.train_items)
        (2, 1, 6)
    """
    _checks.one_of(split, SPLITS, "split")
    t, everything = len(triplets), np.arange(n)
    rng = np.random.default_rng(seed)
    if split == "objects":
        item_fold = parts(n, folds, rng, "objects")
        for f in range(folds):
            train, test = within(triplets, item_fold != f), within(triplets, item_fold == f)
            yield _filled(Fold(train, test, np.flatnonzero(item_fold != f)), f, split)
        return
    if split == "subjects":
        if subjects is None:
            raise InputError("subjects must be given to split over subjects; got None")
        people, number = np.unique(np.asarray(subjects), return_inverse=True)
        if number.shape != (t,):
            raise InputError(f"subjects must have shape ({t},), one for each triplet; got {number.shape}")
        triplet_fold = parts(len(people), folds, rng, "subjects")[number]
    else:
        triplet_fold = parts(t, folds, rng, "triplets")
    for f in range(folds):
        out = triplet_fold == f
        yield _filled(Fold(np.flatnonzero(~out), np.flatnonzero(out), everything), f, split)


def require_sides(folds: Iterable[Fold], answers: np.ndarray | None) -> None:
    """Raises for a fold that has nothing on one side: no triplets, as `folds_of` does, or none that weighs anything.

    answers: see `pyalign.probing.answers.answer_weights`.
    """
    for number, fold in enumerate(folds):
        for side, found in (("training", fold.train), ("test", fold.test)):
            if answers is not None and not answers[found].any():
                raise InputError(
                    f"weights and targets must leave answers on both sides of a split; those of fold {number + 1}'s "
                    f"{side} triplets are all 0"
                )


def within(triplets: np.ndarray, allowed: np.ndarray) -> np.ndarray:
    """Indices of the triplets (t, 3) all of whose items the mask (n,) allows.

    Example:
        >>> import numpy as np
        >>> within(np.array([[0, 1, 2], [1, 2, 3]]), np.array([True, True, True, False]))
        array([0])
    """
    a, b, c = triplets[:, 0], triplets[:, 1], triplets[:, 2]
    return np.flatnonzero(allowed[a] & allowed[b] & allowed[c])


def parts(count: int, folds: int, rng: np.random.Generator, what: str) -> np.ndarray:
    """(count,) the fold of each of count things: folds of equal size, or one more."""
    if not 2 <= (_checks.index_number(folds, 2) or 0) <= count:
        raise InputError(f"folds must be a whole number from 2 to the number of {what} ({count:,}); got {folds!r}")
    fold = np.empty(count, np.int64)
    fold[rng.permutation(count)] = np.arange(count) % folds
    return fold


def held_out(n: int, share: float, rng: np.random.Generator) -> np.ndarray:
    """Mask (n,) of a random share of n objects."""
    mask = np.zeros(n, bool)
    mask[rng.permutation(n)[: max(1, round(share * n))]] = True
    return mask


def _filled(fold: Fold, number: int, split: str) -> Fold:
    for side, found in (("training", fold.train), ("test", fold.test)):
        if len(found) == 0:
            what = f"fold {number + 1} has no {side} ones"
            raise InputError(f"a split over {split} must leave triplets on both sides; {what}")
    return fold

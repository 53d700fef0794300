"""Which answers a fit sees: folds, a part that chooses penalties, halves; all answers to a set of three together."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pyalign import _checks
from pyalign.embedding.inputs import EmbeddingInputs
from pyalign.errors import InputError
from pyalign.stats.splits import Fold, TripletKFold, sets_of_three

SPLITS = ("triplets", "subjects")
INNER = 10  # one in so many of a fold's sets, or participants, chooses the penalties


def checked_split(split: str, inputs: EmbeddingInputs) -> str:
    """The split; raises for one over objects, whose rows nobody could fit, and over unknown participants."""
    if isinstance(split, str) and split == "objects":
        raise InputError("split must be triplets or subjects: an object without answers has no row; got 'objects'")
    _checks.one_of(split, SPLITS, "split")
    if split == "subjects" and inputs.subjects is None:
        raise InputError("subjects must identify who answered each triplet with split 'subjects'; got none")
    return split


def unit_of(split: str, inputs: EmbeddingInputs) -> np.ndarray:
    """(t,) what a triplet stays together with: the number of its set of three objects, or of its participant."""
    if split == "subjects":
        assert inputs.subjects is not None
        return np.unique(inputs.subjects, return_inverse=True)[1]
    return sets_of_three(np.argsort(inputs.order)[inputs.index], inputs.n)


def folds_of(split: str, inputs: EmbeddingInputs, folds: int, seed: int) -> list[Fold]:
    """Folds over sets of three, or over participants.

    Raises:
        InputError: more folds than sets or participants; a fold that would leave an object without answers to fit to.
    """
    units = unit_of(split, inputs)
    count = int(units.max()) + 1
    what = "subjects" if split == "subjects" else "sets of three objects"
    if folds > count:
        raise InputError(f"folds must be at most the number of {what} ({count:,}); got {folds}")
    drawn = list(TripletKFold("subjects", folds, seed).folds(inputs.index, units))
    for number, fold in enumerate(drawn):
        left = without_answers(inputs, fold.train)
        if len(left):
            raise InputError(
                f"each object needs answers in the training triplets of every fold; fold {number + 1} leaves none for "
                f"{inputs.called(left)}: use fewer objects, or more folds"
            )
    return drawn


def inner_part(split: str, inputs: EmbeddingInputs, rows: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The triplets of a fold that fits are made of, and those that choose the penalties: one in `INNER` units."""
    kinds, unit = np.unique(unit_of(split, inputs)[rows], return_inverse=True)
    if len(kinds) < 2:
        raise InputError("the penalties can't be chosen by one unit of answers; give one penalty, or more answers")
    chosen = np.zeros(len(kinds), bool)
    chosen[np.random.default_rng(seed).permutation(len(kinds))[: max(1, len(kinds) // INNER)]] = True
    return rows[~chosen[unit]], rows[chosen[unit]]


def halves_of(split: str, inputs: EmbeddingInputs, seed: int) -> Iterator[np.ndarray]:
    """The triplets of each half of the sets, or of the participants."""
    unit = unit_of(split, inputs)
    order = np.random.default_rng(seed).permutation(int(unit.max()) + 1)
    for half in (0, 1):
        yield np.flatnonzero(order[unit] % 2 == half)


def without_answers(inputs: EmbeddingInputs, rows: np.ndarray) -> np.ndarray:
    """The objects that some triplet names, but none of these that has an answer."""
    if inputs.answers is not None:
        rows = rows[inputs.answers[rows].any(axis=1)]
    seen = np.zeros(inputs.n, bool)
    seen[inputs.index[rows].ravel()] = True
    seen[inputs.absent] = True
    return np.flatnonzero(~seen)


def note_on_contradictions(inputs: EmbeddingInputs) -> tuple[str, ...]:
    """A sentence where sets of three got different answers in equal counts, with the ceiling of any embedding."""
    unit = unit_of("triplets", inputs)
    places = np.argsort(np.argsort(inputs.index, axis=1), axis=1)  # of the columns, in the set in ascending order
    counts = np.zeros((int(unit.max()) + 1, 3))
    answers = np.broadcast_to([0.0, 0.0, 1.0], (len(unit), 3)) if inputs.answers is None else inputs.answers
    for column in range(3):
        np.add.at(counts, (unit, places[:, column]), answers[:, column])
    ordered = np.sort(counts, axis=1)
    equal = int(np.count_nonzero((ordered[:, 2] > 0) & (ordered[:, 2] == ordered[:, 1])))
    if not equal:
        return ()
    ceiling = ordered[:, 2].sum() / ordered.sum()
    sets = "set of three objects has" if equal == 1 else "sets of three objects have"
    return (f"{equal:,} {sets} different answers in equal counts; no embedding can predict more than {ceiling:.1%}",)

"""The triplets of one call, checked and divided: those to fit on and those to report on, with what people answered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pyalign.analysis.notes import merged, notes_on_rows
from pyalign.backends import Array
from pyalign.data import Aligned, Answers, Triplets
from pyalign.errors import InputError
from pyalign.ops._door import Door, open_door
from pyalign.ops.triplets import checked_triplets
from pyalign.stats.resampling import codes_of
from pyalign.stats.splits import TripletHoldOut


def people_of(given: Triplets, subjects: object) -> np.ndarray | None:
    """Codes (t,) of who gave each answer, where each triplet has one."""
    if subjects is not None and given.answers is not None:
        raise InputError("subjects and answers must not both be given: counts do not say whose answer is whose")
    if subjects is not None:
        return codes_of(subjects, len(given))
    return None if given.subjects is None or given.answers is not None else given.subjects.codes


@dataclass(frozen=True)
class Ready:
    """Embeddings with their split, for one measure after the other.

    Attributes:
        rows: (n, d).
        kept: (k, 3) rows of the triplets in either part, those to fit on first.
        first: how many are to fit on; None where all serve both.
        answers: to the kept triplets, or None.
        people: (k,) who answered the kept triplets, or None.
        n_unused: triplets in neither part.
        notes: about the rows.
        task: of the triplets.
    """

    rows: Array
    kept: np.ndarray
    first: int | None
    answers: Answers | None
    people: np.ndarray | None
    n_unused: int
    notes: tuple[str, ...]
    task: str


def make_ready(
    aligned: Aligned, people: np.ndarray | None, name: str, backend: str,
    hold_out: Callable[[int], TripletHoldOut | None],
) -> Ready:  # fmt: skip
    """Checks the triplets, splits them where `hold_out`, of how many items there are, gives a split."""
    door = open_door(backend, aligned.x)
    rows = door.rows(aligned.x)
    index = door.host(checked_triplets(door, aligned.index, *map(int, rows.shape)))
    notes = merged(aligned.notes, notes_on_rows(rows, aligned.index, name, aligned.triplets.task))
    answers, task = aligned.triplets.answers, aligned.triplets.task
    items, n = _items(door, aligned, index, len(rows))
    split = hold_out(n)
    if split is None:
        return Ready(rows, index, None, answers, people, 0, notes, task)
    parts = next(split.split(items))
    chosen = np.concatenate(parts)
    kept = index.take(chosen, axis=0)
    answers = None if answers is None else answers.take(chosen)
    people = None if people is None else people[chosen]
    return Ready(rows, kept, len(parts[0]), answers, people, len(index) - len(kept), notes, task)


def _items(door: Door, aligned: Aligned, index: np.ndarray, n: int) -> tuple[np.ndarray, int]:
    """Triplets as numbers of items, and how many there are: what a split draws must not depend on the order of rows."""
    triplets = aligned.triplets
    if triplets.values is not aligned.index:
        index = door.host(door.triplets(triplets.values))
    return index, n if triplets.names is None else len(triplets.names)

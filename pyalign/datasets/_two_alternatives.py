"""Answers to "which of two images is more like the reference?": NIGHTS and BAPPS, as anchored triplets with votes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from pyalign.data import ANCHORED, Triplets
from pyalign.data.trials import anchor_first
from pyalign.datasets.places import Place
from pyalign.io.paths import bad


def anchored(path: Path | str, names: np.ndarray, second: np.ndarray, people: int | None = None) -> Triplets:
    """Anchored triplets of names (t, 3), reference, first and second option; second (t,): the share that chose the
    second. The chosen option comes to the middle; where votes are divided, shares say how, or counts where so many
    people were asked.

    Example:
        >>> triplets = anchored("x", np.array([["r", "a", "b"]]), np.array([0.75]))
        >>> [triplets.names[k] for k in triplets.values[0]], triplets.answers.shares.tolist()
        (['r', 'b', 'a'], [[0.75, 0.25]])
    """
    wrong = ~((second >= 0) & (second <= 1))
    if wrong.any():
        row = int(np.argmax(wrong))
        raise bad(path, f"votes must be shares from 0 to 1; row {row} (from 0) has {second[row]:g}")
    labels, codes = np.unique(names, return_inverse=True)
    values = codes.reshape(names.shape).astype(np.int32)
    arranged, positions = anchor_first(values, (second > 0.5).astype(np.int8), "first")
    triplets = Triplets(arranged, tuple(map(str, labels.tolist())), positions=positions, task=ANCHORED)
    votes = np.round(second * (people or 1))
    if np.allclose(votes, second * (people or 1), rtol=0, atol=1e-3):
        return (
            triplets if people is None else triplets.with_answers(np.column_stack([people - votes, votes]).astype(int))
        )
    return triplets.with_answers(np.column_stack([1 - second, second]))


def with_note(place: Place, triplets: Triplets, note: str) -> Triplets:
    """The triplets with a sentence more."""
    return replace(triplets, notes=(*triplets.notes, f"dataset:{place.name}: {note}"))

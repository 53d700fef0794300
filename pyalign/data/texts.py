"""Columns of text as codes and labels."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

MISSING = {"", "na", "n/a", "none", "null", "-", "?", "."}  # cells without a value, in lower case


class Texts(NamedTuple):
    """A column of text. codes: int32 (t,), indices into labels, which differ and stand in any order."""

    codes: np.ndarray
    labels: tuple[str, ...]

    def cells(self) -> tuple[str, ...]:
        """The text of each row."""
        return tuple(self.labels[code] for code in self.codes.tolist())


def coded(cells: Iterable[str]) -> Texts:
    """Text as codes and labels, in order of appearance."""
    known: dict[str, int] = {}
    codes = array("i", (known.setdefault(cell, len(known)) for cell in cells))
    return Texts(np.array(codes, dtype=np.int32), tuple(known))


def joined(columns: Sequence[Texts | np.ndarray]) -> tuple[np.ndarray, tuple[str, ...]]:
    """Columns of names as one array (t, k) of places among their sorted names, int32, and these names."""
    texts = [column if isinstance(column, Texts) else coded(map(str, column.tolist())) for column in columns]
    names = sorted({label for column in texts for label in column.labels})
    place = {name: rank for rank, name in enumerate(names)}
    ranks = [np.array([place[label] for label in column.labels], dtype=np.int32)[column.codes] for column in texts]
    return np.stack(ranks, axis=1), tuple(names)

"""The objects whose neighbourhoods differ most between two models, or before and after a transform."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pyalign import _checks
from pyalign._result import Result
from pyalign.concept.neighbor_lists import SharedNeighbors, checked_k, neighbor_lists
from pyalign.concept.neighborhoods import notes_on_lists
from pyalign.data import Provenance
from pyalign.ops.rows import match_rows
from pyalign.typing import EmbeddingsLike, MeasureLike


@dataclass(frozen=True)
class NeighborChange:
    """One object.

    Attributes:
        row, name: of the matched objects; None without names.
        overlap, rbo: what its neighbourhoods share, fractions; see `compare_neighbors`.
        lost, gained: the neighbours that one side alone has, the nearest first, by name or row.
    """

    row: int
    name: str | None
    overlap: float
    rbo: float
    lost: tuple[str, ...]
    gained: tuple[str, ...]


@dataclass(frozen=True)
class NeighborChanges(Result):
    """Neighbourhoods before and after.

    Attributes:
        objects: those that differ most, by rank-biased overlap, then overlap, then row.
        overlap, rbo: means over all objects, fractions.
        k, measure, after_measure, rbo_p: see `compare_neighbors`.
        n_objects: how many.
    """

    command: ClassVar[str] = "neighbor changes"
    rows: ClassVar[str] = "objects"

    objects: tuple[NeighborChange, ...]
    overlap: float
    rbo: float
    k: int
    measure: str
    after_measure: str
    rbo_p: float
    n_objects: int


def neighbor_changes(
    before: EmbeddingsLike,
    after: EmbeddingsLike,
    *,
    k: int = 10,
    measure: MeasureLike = "cosine",
    after_measure: MeasureLike | None = None,
    rbo_p: float = 0.9,
    top: int = 20,
) -> NeighborChanges:
    """Which objects' k nearest neighbours differ most between two embeddings of the same objects.

    Args:
        before, after: (n, d) and (n, r), matched by name where both have names.
        k, rbo_p: see `compare_neighbors`.
        measure, after_measure: see `pyalign.similarity`; None: the same measure for both.
        top: how many objects are named.

    Raises:
        InputError: as `compare_neighbors`.

    Example:
        >>> before = np.array([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]])
        >>> after = before[[0, 2, 1, 3]]
        >>> changes = neighbor_changes(before, after, k=1, top=1)
        >>> changes.overlap, changes.objects[0].lost, changes.objects[0].gained
        (0.0, ('1',), ('2',))
    """
    _checks.fraction(rbo_p, "rbo_p")
    _checks.whole_number(top, "top", 1)
    other = measure if after_measure is None else after_measure
    matched = match_rows({"before": before, "after": after})
    k, rows = checked_k(k, matched.n), matched.take()
    old = neighbor_lists(rows["before"], k, measure)
    new = neighbor_lists(rows["after"], k, other)
    values = SharedNeighbors(old.rows, new.rows, k, rbo_p).values()
    most = np.lexsort((np.arange(matched.n), values[:, 0], values[:, 1]))[:top]
    called = matched.names

    def only(a: np.ndarray, b: np.ndarray) -> tuple[str, ...]:
        return tuple(str(row) if called is None else called[row] for row in a.tolist() if row not in b)

    changes = tuple(
        NeighborChange(
            int(row), None if called is None else called[row], float(values[row, 0]), float(values[row, 1]),
            only(old.rows[row], new.rows[row]), only(new.rows[row], old.rows[row]),
        )
        for row in most
    )  # fmt: skip
    options = {"k": k, "measure": str(measure), "after_measure": str(other), "rbo_p": rbo_p, "top": top}
    overlap, rbo = map(float, values.mean(axis=0))
    return NeighborChanges(
        changes, overlap, rbo, k, str(measure), str(other), float(rbo_p), matched.n,
        notes=(*matched.notes, *notes_on_lists(rows, {"before": old, "after": new}, k)),
        provenance=Provenance.now([("before", before), ("after", after)], options, "auto", None),
    )  # fmt: skip

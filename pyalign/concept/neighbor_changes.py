"""The objects whose neighbourhoods differ most between two models, or before and after a transform."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass
from pyalign._result import Result
from pyalign.concept.neighbor_agreement import notes_on_lists
from pyalign.concept.neighbor_lists import SharedNeighbors, checked_k, neighbor_lists
from pyalign.data import Provenance
from pyalign.data.names import largest_of
from pyalign.ops.similarity import match_rows
from pyalign.typing import EmbeddingsLike, MeasureLike


@dataclass(frozen=True)
class NeighborChange:
    """How the neighbourhood of one object changes."""

    row: int  # the row of the object among the matched objects.
    name: str | None  # its name, or None.
    overlap: float  # the proportion of its k nearest neighbours that both embeddings share.
    rbo: float  # the rank-biased overlap of its neighbourhoods, a fraction; see `compare_neighbors`.
    lost: tuple[str, ...]  # the neighbours that it has only before the change, nearest first, by name or row.
    gained: tuple[str, ...]  # the neighbours that it has only after the change, nearest first, by name or row.


@dataclass(frozen=True)
class NeighborChanges(Result):
    """How neighbourhoods differ between two embeddings of the same objects."""

    command: ClassVar[str] = "neighbor changes"
    rows: ClassVar[str] = "objects"

    # the objects whose neighbourhoods differ most, sorted by rank-biased overlap, then overlap, then row.
    objects: tuple[NeighborChange, ...]
    overlap: float  # the mean overlap over all objects, a fraction.
    rbo: float  # the mean rank-biased overlap over all objects, a fraction.
    k: int  # the number of neighbours of each object.
    measure: str  # the similarity measure of the first embeddings.
    after_measure: str  # the similarity measure of the second embeddings.
    rbo_p: float  # the persistence of the rank-biased overlap, a fraction.
    n_objects: int  # the number of objects.


def neighbor_changes(
    before: EmbeddingsLike, after: EmbeddingsLike, *, k: int = 10, measure: MeasureLike = "cosine",
    after_measure: MeasureLike | None = None, rbo_p: float = 0.9, top: int = 20,
) -> NeighborChanges:
    """Find the objects whose k nearest neighbours differ most between two embeddings of the same objects.

    Args:
        before: (n, d) embeddings, such as those before a transform.
        after: (n, r) embeddings of the same objects. They are matched by name if both have names.
        k: the number of neighbours, from 1 to n - 1.
        measure: the similarity measure of `before`; see `pyalign.similarity`.
        after_measure: the similarity measure of `after`; None: that of `before`.
        rbo_p: the persistence of the rank-biased overlap; see `compare_neighbors`.
        top: the number of objects to return.

    Returns:
        A `NeighborChanges`: the objects that differ most, with the neighbours that they lose and gain.

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
    called = matched.names
    most = largest_of(-values[:, 1], called, -values[:, 0])[:top]

    def only(a: np.ndarray, b: np.ndarray) -> tuple[str, ...]:
        return tuple(str(row) if called is None else called[row] for row in a.tolist() if row not in b)

    changes = tuple(
        NeighborChange(
            int(row), None if called is None else called[row], float(values[row, 0]), float(values[row, 1]),
            only(old.rows[row], new.rows[row]), only(new.rows[row], old.rows[row]),
        )
        for row in most
    )
    options = {"k": k, "measure": str(measure), "after_measure": str(other), "rbo_p": rbo_p, "top": top}
    overlap, rbo = map(float, values.mean(axis=0))
    return NeighborChanges(
        changes, overlap, rbo, k, str(measure), str(other), float(rbo_p), matched.n,
        notes=(*matched.notes, *notes_on_lists(rows, {"before": old, "after": new}, k)),
        provenance=Provenance.now([("before", before), ("after", after)], options, "auto", None),
    )

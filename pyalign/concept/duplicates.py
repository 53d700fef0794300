"""Duplicates and near-duplicates among the rows of embeddings, such as images that are in a set twice."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass
from pyalign._result import Result
from pyalign.data import Provenance, as_embeddings
from pyalign.data.similarities import notes_on_values
from pyalign.errors import InputError
from pyalign.measures import Measure, get_measure
from pyalign.ops.similarity import notes_on_similarities, similarity
from pyalign.typing import BackendName, EmbeddingsLike, MeasureLike

BLOCK = 1 << 24  # similarities at once


@dataclass(frozen=True)
class DuplicateGroup:
    """A group of rows that are connected by pairs at or above the threshold."""

    along: ClassVar = {"names": ("rows",)}

    rows: tuple[int, ...]  # the rows, ascending.
    names: tuple[str, ...] | None  # their names, or None.
    exact: bool  # whether all rows of the group are equal in every number.
    # the smallest similarity among its pairs at or above the threshold; None if there was no threshold.
    least: float | None


@dataclass(frozen=True)
class NearDuplicates(Result):
    """The groups of duplicates and near-duplicates among the rows of embeddings."""

    command: ClassVar[str] = "near duplicates"
    rows: ClassVar[str] = "groups"

    groups: tuple[DuplicateGroup, ...]  # the groups, sorted by their first row.
    n_objects: int  # the number of rows.
    n_pairs: int  # the number of pairs of rows at or above the threshold, including pairs of equal rows.
    threshold: float | None  # the smallest similarity of near-duplicates; None: only equal rows are grouped.
    measure: str  # the similarity measure.

    def to_records(self) -> list[dict[str, object]]:
        """A row for each member of a group."""
        return [
            {"group": number, "row": row, "object": None if group.names is None else group.names[place],
             "exact": group.exact, "least": group.least}
            for number, group in enumerate(self.groups) for place, row in enumerate(group.rows)
        ]


def near_duplicates(
    embeddings: EmbeddingsLike, threshold: float | None = None, *, measure: MeasureLike = "cosine",
    backend: BackendName = "auto",
) -> NearDuplicates:
    """Find groups of rows that are equal or whose similarity is at least a threshold.

    Groups are the connected components of such pairs, so two rows of a group may be less similar than the threshold if
    other rows connect them.

    Args:
        embeddings: (n, d) real numbers.
        threshold: the smallest similarity of near-duplicates, in the unit of the measure; None: only equal rows are
            grouped. There is no default, since it depends on the embeddings; for cosines of image embeddings .95 to .99
            are usual.
        measure, backend: see `pyalign.similarity`.

    Returns:
        A `NearDuplicates`: the groups, by their first row.

    Raises:
        InputError: as `pyalign.similarity`; a threshold that is not a number, or that no pair can reach.

    Example:
        >>> duplicates = near_duplicates([[1.0, 0.0], [0.0, 1.0], [1.0, 0.01], [0.0, 1.0]], 0.99)
        >>> [(group.rows, group.exact) for group in duplicates.groups]
        [((0, 2), False), ((1, 3), True)]
    """
    converted = as_embeddings(embeddings)
    rows = _checks.as_rows(converted.values)
    _checks.require_finite(~np.isfinite(rows).all(axis=1))
    level = None if threshold is None else _level(threshold, get_measure(measure))
    same = _equal_rows(rows)
    pairs, values = (_equal_pairs(same), None) if level is None else _pairs(rows, level, same, measure, backend)
    parent = components(len(rows), pairs)
    of_rounding = () if level is None else notes_on_similarities(rows, None, measure)
    groups = tuple(_group(members, same, pairs, values, parent, converted.names) for members in _members(parent))
    equal = int((np.bincount(same) * (np.bincount(same) - 1) // 2).sum())
    return NearDuplicates(
        groups, len(rows), equal if level is None else len(pairs), level, str(measure),
        notes=(*converted.notes, *notes_on_values(converted, "embeddings"), *of_rounding),
        provenance=Provenance.now([("embeddings", converted)], {"threshold": level, "measure": str(measure)}, backend,
        None),
    )


def _level(threshold: object, measure: Measure) -> float:
    """The threshold as a number that pairs can reach: else no groups would look like no duplicates."""
    level = _checks.real_number(threshold, "threshold")
    if not np.isfinite(level):
        raise InputError(f"threshold must be finite; got {threshold!r}")
    distance = measure.name.startswith("neg_")
    most = 0 if distance else 1
    if level > most and measure.name != "dot":
        hint = ": a distance of at most S is a threshold of -S" if distance else ""
        raise InputError(f"threshold must be at most {most}, the largest {measure}; got {level:g}{hint}")
    return level


def _equal_rows(rows: np.ndarray) -> np.ndarray:
    """(n,) a number for each different row; -0 and 0 are equal."""
    plain = np.ascontiguousarray(rows + rows.dtype.type(0))
    keys = plain.view([("", plain.dtype)] * plain.shape[1]).ravel() if plain.shape[1] else np.zeros(len(rows))
    return np.unique(keys, return_inverse=True)[1].reshape(-1)


def _equal_pairs(same: np.ndarray) -> np.ndarray:
    """(p, 2): each row with the one before it that is equal."""
    order = np.argsort(same, kind="stable")
    follows = same[order][1:] == same[order][:-1]
    return np.stack([order[:-1][follows], order[1:][follows]], axis=1)


def _pairs(
    rows: np.ndarray, level: float, same: np.ndarray, measure: MeasureLike, backend: BackendName
) -> tuple[np.ndarray, np.ndarray]:
    """(p, 2) pairs i < j that are similar or equal, and their similarities; a block of rows at a time."""
    n, pairs, values = len(rows), [], []
    step = max(1, BLOCK // max(1, n))
    for start in range(0, n, step):
        part = np.asarray(similarity(rows[start : start + step], rows[start:], measure=measure, backend=backend))
        near = (part >= level) | (same[start : start + step, None] == same[None, start:])
        i, j = np.nonzero(np.triu(near, 1))
        pairs.append(np.stack([i, j], axis=1) + start)
        values.append(part[i, j].astype(np.float64))
    return np.concatenate(pairs), np.concatenate(values)


def components(n: int, pairs: np.ndarray) -> np.ndarray:
    """(n,) the lowest row of each row's connected component.

    Example:
        >>> components(5, np.array([[3, 4], [1, 3]])).tolist()
        [0, 1, 2, 1, 1]
    """
    root = np.arange(n)
    while len(pairs):
        ends = root[pairs]
        low, high = ends.min(axis=1), ends.max(axis=1)
        apart = low < high
        if not apart.any():
            break
        np.minimum.at(root, high[apart], low[apart])
        while (root != root[root]).any():
            root = root[root]
    return root


def _members(root: np.ndarray) -> list[np.ndarray]:
    order = np.argsort(root, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(root[order])) + 1)
    return [part for part in parts if len(part) > 1]


def _group(
    members: np.ndarray, same: np.ndarray, pairs: np.ndarray, values: np.ndarray | None, root: np.ndarray,
    names: tuple[str, ...] | None,
) -> DuplicateGroup:
    inside = root[pairs[:, 0]] == root[members[0]]
    return DuplicateGroup(
        tuple(map(int, members)),
        None if names is None else tuple(names[row] for row in members),
        len(np.unique(same[members])) == 1,
        None if values is None else float(values[inside].min()),
    )

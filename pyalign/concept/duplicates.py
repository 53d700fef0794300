"""Duplicates and near-duplicates among the rows of embeddings, such as images that are in a set twice."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass
from pyalign.errors import InputError
from pyalign.measures import Measure
from pyalign.nearest.space import equal_rows, parts
from pyalign.ops.similarity import similarity
from pyalign.typing import MeasureLike

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


class Duplicates(NamedTuple):
    """The duplicates among n rows.

    groups: by their first row. n_pairs: how many pairs are equal or at or above the threshold. nearest: (n,) the most
    similar duplicate of each row, of several the lowest, or -1.
    """

    groups: tuple[DuplicateGroup, ...]
    n_pairs: int
    nearest: np.ndarray


def duplicates_of(
    rows: np.ndarray, level: float | None, measure: MeasureLike, names: tuple[str, ...] | None = None
) -> Duplicates:
    """Find groups of rows that are equal or whose similarity is at least `level`: connected components of such pairs.

    Two rows of a group may be less similar than that if other rows connect them.

    Example:
        >>> found = duplicates_of(np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.01], [0.0, 1.0]]), 0.99, "cosine")
        >>> [(group.rows, group.exact) for group in found.groups], found.nearest.tolist()
        ([((0, 2), False), ((1, 3), True)], [2, 3, 0, 1])
    """
    same = equal_rows(rows)
    pairs, values = (_equal_pairs(same), None) if level is None else _pairs(rows, level, same, measure)
    parent = components(len(rows), pairs)
    groups = tuple(_group(members, same, pairs, values, parent, names) for members in _members(parent))
    times = np.bincount(same)
    n_pairs = int((times * (times - 1) // 2).sum()) if level is None else len(pairs)
    return Duplicates(groups, n_pairs, _nearest(len(rows), pairs, values))


def _nearest(n: int, pairs: np.ndarray, values: np.ndarray | None) -> np.ndarray:
    """(n,) of each row the other of its pairs with the largest value, or -1."""
    row, other = np.concatenate([pairs, pairs[:, ::-1]]).T
    alike = np.zeros(len(row)) if values is None else np.tile(values, 2)
    order = np.lexsort((other, -alike, row))
    found, first = np.unique(row[order], return_index=True)
    nearest = np.full(n, -1)
    nearest[found] = other[order][first]
    return nearest


def level_of(threshold: object, measure: Measure) -> float:
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


def _equal_pairs(same: np.ndarray) -> np.ndarray:
    """(p, 2): each row with the one before it that is equal."""
    order = np.argsort(same, kind="stable")
    follows = same[order][1:] == same[order][:-1]
    return np.stack([order[:-1][follows], order[1:][follows]], axis=1)


def _pairs(rows: np.ndarray, level: float, same: np.ndarray, measure: MeasureLike) -> tuple[np.ndarray, np.ndarray]:
    """(p, 2) pairs i < j that are similar or equal, and their similarities; a block of rows at a time."""
    n, pairs, values = len(rows), [], []
    for part in parts(n, n, BLOCK):
        alike = np.asarray(similarity(rows[part], rows[part.start :], measure=measure))
        near = (alike >= level) | (same[part, None] == same[None, part.start :])
        i, j = np.nonzero(np.triu(near, 1))
        pairs.append(np.stack([i, j], axis=1) + part.start)
        values.append(alike[i, j].astype(np.float64))
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

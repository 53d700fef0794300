"""Names next to points: as many as have room, none over another or over a point."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from pyalign.report.charts.theme import SMALL, drawn_width

DOT, LEAST = 3.5, 1.0  # points: half of the side of a dot, and the room around a name
HEIGHT = 1.15 * SMALL  # of a line of letters, from the highest to the lowest of the font


class Label(NamedTuple):
    """A name with the middle of its left edge, its width and its height, in points."""

    place: int
    name: str
    x: float
    y: float
    width: float
    height: float


def placed(
    at: np.ndarray, names: Sequence[str], frame: tuple[float, float], most: int, bars: np.ndarray | None = None
) -> list[Label]:
    """The names that have room, right or left of their points, above or below.

    Points that have few others around them come first. A name is over a bar only where it has no other place.

    Args:
        at: (n, 2), in points, from the upper left corner of the frame.
        names: n.
        frame: width and height.
        most: at most so many names.
        bars: (m, 4) left, top, right and bottom of bars of intervals; None: there are none.

    Example:
        >>> [label.name for label in placed(np.array([[10.0, 20.0], [11.0, 20.0], [60.0, 20.0]]), "abc", (90, 40), 2)]
        ['c', 'a']
    """
    dots = np.concatenate([at - DOT, at + DOT], axis=1)
    near = (np.linalg.norm(at[:, None] - at, axis=2) < 40).sum(axis=1)
    taken, labels = np.empty((0, 4)), list[Label]()
    for k in np.argsort(near, kind="stable").tolist():
        if len(labels) == most:
            break
        width, height = drawn_width(names[k], SMALL), HEIGHT
        right, left, over, under = DOT + 2, -DOT - 2 - width, -DOT - HEIGHT / 2 - 2, DOT + HEIGHT / 2 + 2
        away = ((right, 0.0), (left, 0.0), (-width / 2, over), (-width / 2, under),
                (right, under), (left, over), (right, over), (left, under))  # fmt: skip
        corner = at[k] + away - np.array([0.0, height / 2])
        boxes = np.concatenate([corner, corner + np.array([width, height])], axis=1)
        others = np.concatenate([taken, np.delete(dots, k, axis=0)])
        inside = (boxes[:, :2] >= 0).all(axis=1) & (boxes[:, 2:] <= frame).all(axis=1)
        free = [box for box in boxes[inside] if not _covers(box, others)]
        bare = free if bars is None else [box for box in free if not _covers(box, bars)]
        if free:
            box = (bare or free)[0]
            taken = np.concatenate([taken, box[None]])
            labels.append(Label(k, names[k], float(box[0]), float(box[1] + height / 2), width, height))
    return labels


def _covers(box: np.ndarray, others: np.ndarray) -> bool:
    """Whether a box (left, top, right, bottom) and its rim reach into one of the others (m, 4)."""
    return bool(((box[:2] - LEAST < others[:, 2:]) & (others[:, :2] < box[2:] + LEAST)).all(axis=1).any())

"""The numbers of a picture: those that can be drawn, their words, and all of them read back from a specification.

Names next to points: as many as have room, none over another or over a point.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from pyalign.documents import Interval
from pyalign.report.blocks import Value
from pyalign.report.charts.theme import SMALL, drawn_width

UNTOLD = ("told", "uri")  # what is said of a mark, and its image


def known(value: float | None) -> float | None:
    """A number that can be drawn; None for what is none.

    Example:
        >>> known(0.5), known(float("nan")), known(None)
        (0.5, None, None)
    """
    return None if value is None or not math.isfinite(value) else value


def ends_of(interval: Interval | None) -> tuple[float | None, float | None]:
    """The ends of an interval of a result; None, None where there is none."""
    low, high = (None, None) if interval is None else map(known, interval)
    return (None, None) if low is None or high is None else (low, high)


def with_margin(values: Iterable[float | None], share: float, least: float = 1.0) -> tuple[float, float]:
    """The ends of an axis: those of all values, and so large a share of their range more (of `least` where that is 0).

    Example:
        >>> with_margin([1.0, None, 3.0], 0.5), with_margin([], 0.5)
        ((0.0, 4.0), (-0.5, 1.5))
    """
    finite = [value for value in map(known, values) if value is not None] or [0.0, 1.0]
    low, high = min(finite), max(finite)
    more = share * (high - low or least)
    return low - more, high + more


def spread(counts: Iterable[int]) -> str:
    """The least to the largest of counts, such as "10 to 2,000"; of one the count."""
    ordered = sorted(counts)
    return " to ".join(f"{n:,}" for n in dict.fromkeys((ordered[0], ordered[-1])))


def first_of(shown: int, total: int, what: str) -> str:
    """The sentence that not all are shown, such as "The first 60 of 1,000 models."; "" where they are."""
    return f"The first {shown} of {total:,} {what}." if shown < total else ""


def rows_of(chart: Any) -> list[dict[str, Value]]:
    """A row for each mark that stands for data, unrounded; lines that only help to read are none.

    Such marks are those that say something to people who have the picture read to them: rows with `told`.

    Example:
        >>> import altair
        >>> values = [{"model": "clip", "value": 0.5, "told": "clip: 50.0%"}]
        >>> rows_of(altair.Chart(altair.InlineData(values=values)).mark_point())
        [{'model': 'clip', 'value': 0.5}]
    """
    datasets = list(chart.to_dict(validate=False)["datasets"].values())
    columns = [
        [row["column"] for row in values] for values in datasets if values and {"place", "column"} == set(values[0])
    ]
    rows = list[dict[str, Value]]()
    for values in datasets:
        for row in values:
            if "cells" in row:
                more = {name.removeprefix("more_"): of for name, of in row.items() if name.startswith("more_")}
                head = {name: row[name] for name in ("matrix", "row") if name in row}
                rows += _unfolded(head, columns[0], {"value": row["cells"], **more})
            elif "told" in row:
                rows.append({name: value for name, value in row.items() if name not in UNTOLD})
    return rows


def _unfolded(
    head: Mapping[str, Value], columns: Sequence[str], contents: Mapping[str, Sequence[Value]]
) -> list[dict[str, Value]]:
    """The cells of a row of a matrix, or of its first columns, by what they hold, without those that hold nothing."""
    cells = zip(columns, *contents.values(), strict=False)
    return [
        {**head, "column": column, **dict(zip(contents, values, strict=True))}
        for column, *values in cells if any(value is not None for value in values)
    ]


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
                (right, under), (left, over), (right, over), (left, under))
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

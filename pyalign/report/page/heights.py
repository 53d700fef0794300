"""How high a chart will be at least: its place is kept, so that the page does not move when it is drawn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

BESIDES = 60.0  # of axis and title
LARGER = 1.25  # than the specification says; see `.drawing .marks` in core.css


def least_height(spec: Mapping[str, Any]) -> int:
    """CSS pixels that the chart of a specification takes at least, in a page of any width; 0: not known.

    Example:
        >>> least_height({"height": 190, "mark": "point"})
        312
    """
    inside = _inside(spec, spec.get("datasets", {}))
    return int(LARGER * (inside + BESIDES)) if inside else 0


def _inside(spec: Mapping[str, Any], datasets: Mapping[str, Any]) -> float:
    """Without axes: what stands below each other in sum, what stands side by side, the highest."""
    if "vconcat" in spec:
        return sum(_inside(one, datasets) for one in spec["vconcat"])
    if "hconcat" in spec:
        return max((_inside(one, datasets) for one in spec["hconcat"]), default=0.0)
    height = spec.get("height")
    if isinstance(height, Mapping) and isinstance(height.get("step"), int | float):
        fields = set(_rows(spec))
        lists = [rows for rows in datasets.values() if isinstance(rows, list)]
        lists += [one["values"] for one in _parts(spec, "data") if isinstance(one.get("values"), list)]
        return float(height["step"]) * max((_count(rows, field) for rows in lists for field in fields), default=0)
    return float(height) if isinstance(height, int | float) else 0.0


def _rows(spec: Mapping[str, Any]) -> Iterator[str]:
    """The fields that are spread over its height, a row for each value."""
    for encoding in _parts(spec, "encoding"):
        y = encoding.get("y")
        if isinstance(y, Mapping) and y.get("type") in ("nominal", "ordinal") and isinstance(y.get("field"), str):
            yield y["field"]


def _parts(spec: Mapping[str, Any], key: str) -> Iterator[Mapping[str, Any]]:
    """What stands under a key in the specification and in its layers."""
    if isinstance(spec.get(key), Mapping):
        yield spec[key]
    for one in spec.get("layer", ()):
        yield from _parts(one, key)


def _count(rows: list[Any], field: str) -> int:
    return len({str(row[field]) for row in rows if isinstance(row, Mapping) and field in row})

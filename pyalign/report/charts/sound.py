"""Whether a document holds what a picture reads: it may come from a file that somebody has changed."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any

from pyalign.errors import InputError
from pyalign.report.charts.document import listed

# kind -> the list in each result, or None where results are the rows, and what each row must have.
ROWS: dict[str, tuple[str | None, tuple[str, ...]]] = {
    "concepts": ("concepts", ("concept",)),
    "concepts-map": ("concepts", ("concept",)),
    "dimensions": ("dimensions", ("dimension",)),
    "gallery": (None, ("query", "rank", "neighbor")),
}
NUMBERS = (
    "accuracy", "chance", "confidence", "difference", "mean_r2", "min_triplets", "n", "n_objects", "n_triplets", "r2",
    "rank", "recall", "similarity",
)  # fmt: skip
TEXTS = ("by", "embeddings", "kind", "label", "other", "task")
LISTS, MAPPINGS = ("differences",), ("unassigned",)
LARGEST = sys.float_info.max


def require_sound(document: Mapping[str, Any], kind: str) -> None:
    """Raises where a number is none, or where a row lacks what says what it is.

    Raises:
        InputError: names the first place.

    Example:
        >>> rows = [{"concept": "food", "accuracy": "high"}]
        >>> try:
        ...     require_sound({"command": "concepts", "results": [{"concepts": rows}]}, "concepts")
        ... except InputError as error:
        ...     print(error)
        results[0].concepts[0].accuracy must be a number or null; got 'high'
    """
    name, needed = ROWS[kind]
    _require_fields(document, "")
    for place, result in enumerate(listed(document, "results")):
        where = f"results[{place}]"
        _require_fields(result, f"{where}.")
        for at, row in [(where, result)] if name is None else _inside(result, name, where):
            missing = [one for one in needed if row.get(one) is None]
            if missing:
                raise InputError(f"{at} must have {missing[0]!r}; got {', '.join(map(str, row)) or 'nothing'}")
            _require_fields(row, f"{at}.")
    for name in LISTS:
        for at, row in _inside(document, name, "") if document.get(name) else ():
            _require_fields(row, f"{at}.")


def _inside(held: Mapping[str, Any], name: str, where: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The rows of a list, each with its place in the document."""
    at = f"{where}.{name}".lstrip(".")
    return ((f"{at}[{number}]", row) for number, row in enumerate(listed(held, name)))


def _require_fields(row: Mapping[str, Any], where: str) -> None:
    for name in NUMBERS:
        if row.get(name) is not None and not _is_number(row[name]):
            raise InputError(f"{where}{name} must be a number or null; got {row[name]!r:.40}")
    for name in TEXTS:
        if not isinstance(row.get(name), str | None):
            raise InputError(f"{where}{name} must be text or null; got {row[name]!r:.40}")
    ends = row.get("ci")
    if ends is not None and not (
        isinstance(ends, list | tuple) and len(ends) == 2 and all(one is None or _is_number(one) for one in ends)
    ):
        raise InputError(f"{where}ci must be two numbers or null; got {ends!r:.40}")
    for name in MAPPINGS:
        if row.get(name) is not None:
            _require_mapping(row[name], f"{where}{name}")
    intervals = row.get("intervals")
    if intervals is not None and not isinstance(intervals, Mapping):
        raise InputError(f"{where}intervals must be a mapping; got {intervals!r:.40}")
    for name, one in (intervals or {}).items():
        _require_mapping(one, f"{where}intervals.{name}")


def _require_mapping(value: object, where: str) -> None:
    if not isinstance(value, Mapping):
        raise InputError(f"{where} must be a mapping; got {value!r:.40}")
    _require_fields(value, f"{where}.")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST

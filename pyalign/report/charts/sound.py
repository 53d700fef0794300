"""Whether a document holds what a picture reads: it may come from a file that somebody has changed."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from pyalign.documents import from_document
from pyalign.errors import InputError
from pyalign.report.charts.document import listed
from pyalign.results import KINDS

# kind -> the list of rows in its document, and what each row must have.
ROWS: dict[str, tuple[str, tuple[str, ...]]] = {"metadata": ("points", ("model", "accuracy"))}
NUMBERS = (
    "accuracy", "chance", "confidence", "difference", "mean_r2", "min_triplets", "n", "n_objects", "n_triplets", "r2",
    "rank", "recall", "similarity",
)  # fmt: skip
TEXTS = ("by", "embeddings", "kind", "label", "other", "task")
# Of commands whose pictures are not in ROWS: what these compute with. Documents write null for what is no number.
COMPUTED: dict[str, tuple[str, ...]] = {
    "calibrate": ("temperature", "ece_equal_mass_before", "ece_equal_width_before", "ece"),
    "cka": ("alpha",),
    "layers": ("value", "calibrated", "alpha"),
    "probe": ("accuracy", "zero_shot_accuracy"),
    "rsa": ("lower", "upper"),
}
LARGEST = sys.float_info.max


def require_sound(document: Mapping[str, Any], kind: str) -> None:
    """Raises where a number is none, or where a row lacks what says what it is; of kinds not in `ROWS` anything that
    `load_result` would miss, and null in place of a number that the picture computes with.

    Raises:
        InputError: names the first place.

    Example:
        >>> points = [{"model": "clip", "accuracy": "high"}]
        >>> try:
        ...     require_sound({"command": "metadata", "points": points}, "metadata")
        ... except InputError as error:
        ...     print(error)
        points[0].accuracy must be a number or null; got 'high'
    """
    if kind not in ROWS:
        _require_whole(document)
        figures = {name: value for name, value in document.items() if name != "provenance"}
        _require_computed(figures, COMPUTED.get(document["command"], ()), "")
        return
    name, needed = ROWS[kind]
    _require_fields(document, "")
    for place, row in enumerate(listed(document, name)):
        at = f"{name}[{place}]"
        _require_fields(row, f"{at}.")
        missing = [one for one in needed if row.get(one) is None]
        if missing:
            raise InputError(f"{at} must have {missing[0]!r}; got {', '.join(map(str, row)) or 'nothing'}")


def _require_whole(document: Mapping[str, Any]) -> None:
    """Raises where a document is not that of its result."""
    command = document["command"]
    module, _, name = KINDS[command].partition(":")
    try:
        from_document(getattr(import_module(module), name), document)
    except (InputError, LookupError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        raise InputError(f"a damaged result of {command!r}: {error}") from error


def _require_computed(value: Any, names: tuple[str, ...], where: str) -> None:
    """Raises where one of these, anywhere in a document, is no number.

    `chance`, which no result reads back, must be a number or null.
    """
    if isinstance(value, list | tuple):
        for number, one in enumerate(value):
            _require_computed(one, names, f"{where.removesuffix('.')}[{number}].")
    elif isinstance(value, Mapping):
        for name, one in value.items():
            if name in names and not isinstance(one, list | tuple) and not _is_number(one):
                raise InputError(f"{where}{name} must be a number; got {one!r:.40}")
            if name == "chance" and one is not None and not _is_number(one):
                raise InputError(f"{where}chance must be a number or null; got {one!r:.40}")
            _require_computed(one, names, f"{where}{name}.")


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

"""Documents that are the same whenever, and in however many runs, they were made.

What a step has found follows from its inputs and options; how long it took does not, and the moment at which it was
done differs from run to run. So documents of a study say when the study was begun, and leave durations out: those
stand in the journal. Under SOURCE_DATE_EPOCH the documents of single commands and functions leave them out too.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass, replace
from typing import Any, TypeVar

from pyalign.data.provenance import Provenance

DURATIONS = ("seconds", "items_per_second")
Value = TypeVar("Value")


def timeless(value: Value, time: str | None = None) -> Value:
    """A result without durations, also those of its parts, and with `time`, unless it is None, in its provenance.

    Example:
        >>> timeless(Provenance.now({}, {}), "2026-01-01T00:00:00+00:00").time
        '2026-01-01T00:00:00+00:00'
    """
    stripped: Any = value
    if isinstance(value, Provenance):
        stripped = value if time is None else replace(value, time=time)
    elif is_dataclass(value) and not isinstance(value, type):
        stripped = _dataclass(value, time)
    elif type(value) is tuple:
        parts = tuple(timeless(part, time) for part in stripped)
        stripped = parts if any(new is not old for new, old in zip(parts, stripped, strict=True)) else value
    elif isinstance(value, Mapping):
        values = {key: timeless(entry, time) for key, entry in value.items()}
        stripped = values if any(values[key] is not entry for key, entry in value.items()) else value
    return stripped


def _dataclass(value: Any, time: str | None) -> Any:
    changes: dict[str, Any] = {}
    for field in fields(value):
        old = getattr(value, field.name)
        if field.name in DURATIONS and isinstance(old, float):
            changes[field.name] = None if field.default is None and field.default is not MISSING else math.nan
        elif not field.metadata.get("hidden") and field.init:
            new = timeless(old, time)
            if new is not old:
                changes[field.name] = new
    return replace(value, **changes) if changes else value

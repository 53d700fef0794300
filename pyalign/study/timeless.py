"""Documents that are the same whenever, and in however many runs, they were made.

What a step has found follows from its inputs and options; how long it took does not, and the moment at which it was
done differs from run to run. So documents of a study say when the study was begun, and leave durations out: those
stand in the journal.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass, replace
from typing import Any, TypeVar

from pyalign.data.provenance import Provenance

DURATIONS = ("seconds", "items_per_second")
Value = TypeVar("Value")


def timeless(value: Value, time: str) -> Value:
    """A result without durations, also those of its parts, and with `time` in its provenance.

    Example:
        >>> timeless(Provenance.now({}, {}), "2026-01-01T00:00:00+00:00").time
        '2026-01-01T00:00:00+00:00'
    """
    found: Any = value
    if isinstance(value, Provenance):
        found = replace(value, time=time)
    elif is_dataclass(value) and not isinstance(value, type):
        found = _dataclass(value, time)
    elif type(value) is tuple:
        parts = tuple(timeless(one, time) for one in found)
        found = parts if any(new is not old for new, old in zip(parts, found, strict=True)) else value
    elif isinstance(value, Mapping):
        values = {key: timeless(one, time) for key, one in value.items()}
        found = values if any(values[key] is not one for key, one in value.items()) else value
    return found


def _dataclass(value: Any, time: str) -> Any:
    changes: dict[str, Any] = {}
    for one in fields(value):
        held = getattr(value, one.name)
        if one.name in DURATIONS and isinstance(held, float):
            changes[one.name] = None if one.default is None and one.default is not MISSING else math.nan
        elif not one.metadata.get("hidden") and one.init:
            new = timeless(held, time)
            if new is not held:
                changes[one.name] = new
    return replace(value, **changes) if changes else value

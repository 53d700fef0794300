"""Columns of long tables, packed: words once each, float64 as their bytes; `tables.js` unpacks them."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

import numpy as np

MANY = 500  # rows from which a column is packed
PACKED = ("values", "low", "high")
FLOATS = "<f8"  # little-endian, as in every browser


def packed(column: Mapping[str, Any]) -> dict[str, Any]:
    """A column of a table as it stands in the page.

    Words that come again are kept once, with a number for each row. Numbers of float64 (and None) become base64 of
    their bytes, 11 letters each rather than 19; NaN stands for None there.
    """
    found = dict(column)
    values = column["values"]
    if len(values) < MANY:
        return found
    if all(value is None or isinstance(value, str) for value in values):
        words = list(dict.fromkeys(values))
        if 4 * len(words) < len(values):
            number = {word: k for k, word in enumerate(words)}
            found |= {"values": [number[value] for value in values], "words": words}
        return found
    return found | {key: _bytes_of(column[key]) for key in PACKED if key in column and _are_floats(column[key])}


def unpacked(column: Mapping[str, Any]) -> dict[str, Any]:
    """The column again, by the rules of the script.

    Example:
        >>> column = {"header": "a", "values": [0.1 * k for k in range(600)]}
        >>> unpacked(packed(column)) == column
        True
    """
    found = {key: value for key, value in column.items() if key != "words"}
    if "words" in column:
        found["values"] = [column["words"][number] for number in column["values"]]
    return found | {key: _floats_of(found[key]) for key in PACKED if isinstance(found.get(key), str)}


def _are_floats(values: Sequence[Any]) -> bool:
    """Whether all are of float64 or missing; whole numbers, and what JSON refuses, stay as they are."""
    return all(value is None or (type(value) is float and isfinite(value)) for value in values)


def _bytes_of(values: Sequence[float | None]) -> str:
    return base64.b64encode(np.array(values, FLOATS).tobytes()).decode()


def _floats_of(text: str) -> list[float | None]:
    return [None if value != value else value for value in np.frombuffer(base64.b64decode(text), FLOATS).tolist()]

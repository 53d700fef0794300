"""Results of one question, such as of one model each, as one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any, TypeVar

# What differs between calls that ask the same of other models.
OF_A_CALL = ("backend", "n_dropped", "seed")
PLAIN = (str, int, float, bool)

Of = TypeVar("Of", bound=Any)


def pooled(results: Sequence[Of]) -> list[Of]:
    """Results that say the same of all but their models have their `results` and `differences` together.

    Of the same model the first one counts.

    Example:
        >>> import numpy as np, pyalign
        >>> a, b = (pyalign.hubs({name: np.eye(4)}, k=2) for name in "ab")
        >>> [[one.embeddings for one in both.results] for both in pooled([a, b])]
        [['a', 'b']]
    """
    groups: dict[tuple[Any, ...], list[Of]] = {}
    for one in results:
        groups.setdefault(_question(one), []).append(one)
    return [_together(group) for group in groups.values()]


def _question(result: Any) -> tuple[Any, ...]:
    values = ((one.name, getattr(result, one.name)) for one in fields(result) if one.name not in OF_A_CALL)
    return tuple((name, repr(value)) for name, value in values if isinstance(value, PLAIN))


def _together(group: Sequence[Of]) -> Of:
    rows: dict[tuple[Any, ...], Any] = {}
    for row in (row for one in group for row in one.results):
        rows.setdefault((row.embeddings, getattr(row, "by", None)), row)
    result = replace(group[0], results=tuple(rows.values()))
    if not hasattr(result, "differences"):
        return result
    return replace(result, differences=tuple(row for one in group for row in one.differences or ()))

"""What is searched for: rows of x, by name or all of them, or other vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass
from pyalign.data import Embeddings, as_embeddings
from pyalign.errors import InputError
from pyalign.ops._place import device_of

CLOSE = 3  # names that are proposed


@dataclass(frozen=True)
class Queries:
    """Queries of a search."""

    values: np.ndarray  # (q, d) float32 or float64 with contiguous rows: an array, or a tensor where x is on a device.
    rows: np.ndarray | None  # (q,) int64, the rows of x that they are; None where they are other vectors.
    names: tuple[str, ...] | None  # of the queries, or None.
    everything: bool = False  # whether they are the rows of x as they stand.
    embeddings: object = None  # other vectors as they came, for the record.


def find_queries(queries: object, x: Embeddings, values: Any) -> Queries:
    """Queries of what was given: None, names, or (q, d) vectors.

    Raises:
        InputError: a name that no row has, or several; another number of features than x has.
    """
    if queries is None:
        return Queries(values, np.arange(len(values)), x.names, True)
    names: Any = [queries] if isinstance(queries, str) else queries
    if is_names(names):
        rows = rows_of(names, x)
        return Queries(values[rows], rows, tuple(map(str, names)))
    other = as_embeddings(queries, "queries")
    vectors = _with_rows(other.values, values)
    if vectors.shape[1] != values.shape[1]:
        raise InputError(
            f"queries must have the {values.shape[1]} features of the embeddings; got shape {vectors.shape}"
        )
    return Queries(vectors, None, other.names, embeddings=other)


def _with_rows(vectors: Any, values: Any) -> Any:
    """Vectors where the rows of x are."""
    if isinstance(values, np.ndarray):
        return on_host(vectors, "queries")
    from pyalign.nearest._tensor_space import tensor_rows  # loads torch

    return tensor_rows(vectors, "queries", device=values.device)


def is_names(queries: Any) -> bool:
    """Whether these are names, not vectors."""
    if isinstance(queries, np.ndarray):
        return queries.ndim == 1 and queries.dtype.kind in "UO"
    return isinstance(queries, list | tuple) and all(isinstance(element, str) for element in queries)


def rows_of(names: Sequence[str], x: Embeddings) -> np.ndarray:
    """(q,) int64, the rows of these names; close names are proposed for one that no row has.

    Example:
        >>> rows_of(["cat"], Embeddings(np.eye(2), ("dog", "cat")))
        array([1])
    """
    if not len(names):
        raise InputError("queries must hold at least one name or row; got none")
    if x.names is None:
        raise InputError(
            f"queries by name need names of the rows, which have none: give names=names; got {str(names[0])!r}"
        )
    places: dict[str, list[int]] = {}
    for row, name in enumerate(x.names):
        places.setdefault(name, []).append(row)
    numbers = []
    for name in map(str, names):
        rows = places.get(name)
        if rows is None:
            raise InputError(f"queries must be names of rows; no row is named {name!r}{_close(name, x.names)}")
        if len(rows) > 1:
            some = ", ".join(map(str, rows[:4])) + (", ..." if len(rows) > 4 else "")
            raise InputError(f"queries must be names of one row each; {name!r} names rows {some}")
        numbers.append(rows[0])
    return np.array(numbers, np.int64)


def _close(name: str, names: Sequence[str]) -> str:
    import difflib  # slow to import, and needed only for an error

    lowered: dict[str, str] = {}
    for known in names:
        lowered.setdefault(known.lower(), known)
    near = difflib.get_close_matches(name.lower(), list(lowered), n=CLOSE, cutoff=0.6)
    return f"; close ones are {', '.join(repr(lowered[match]) for match in near)}" if near else ""


def on_host(values: Any, name: str) -> np.ndarray:
    """(n, d) float32 or float64 with contiguous rows, on the host."""
    if device_of(values) != "cpu" and not hasattr(values, "detach"):  # torch's come by themselves
        values = values.get() if hasattr(values, "get") else np.from_dlpack(values)
    return _checks.as_rows(values, name)

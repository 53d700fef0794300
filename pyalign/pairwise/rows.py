"""Several embeddings brought to the same items in the same order, where no triplets say which items count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from pyalign import _checks
from pyalign.data import Embeddings, as_embeddings
from pyalign.data.names import match_names
from pyalign.errors import InputError
from pyalign.ops._door import open_door


@dataclass(frozen=True, eq=False)
class SameItems:
    """Models whose rows are the same items in the same order.

    Attributes:
        models: name -> (n, d) float32 or float64 arrays of the host, finite.
        names: of the rows, or None.
        notes: what was assumed, a sentence each.
    """

    models: dict[str, np.ndarray]
    names: tuple[str, ...] | None
    notes: tuple[str, ...]


def same_items(models: Mapping[str, object]) -> SameItems:
    """Rows matched by name, in the order of the first embeddings that have names.

    Items that some embeddings have no row for are left out, and counted in a note; embeddings without names must have
    as many rows as those with, and are taken to be in their order.

    Raises:
        InputError: embeddings of other items, or of another number where there are no names; NaN or infinity.

    Example:
        >>> a, b = (Embeddings(np.eye(2), names) for names in (("dog", "cat"), ("cat", "dog")))
        >>> same_items({"a": a, "b": b}).models["b"].tolist()
        [[0.0, 1.0], [1.0, 0.0]]
    """
    given = {name: as_embeddings(x, name) for name, x in models.items()}
    notes = [note for x in given.values() for note in x.notes]
    first = next(((name, x) for name, x in given.items() if x.names is not None), None)
    if first is None:
        _require_as_many(given)
        if len(given) > 1:
            notes.append("rows have no names: row i is taken for the same item in all embeddings")
        return SameItems({name: _on_host(x, name) for name, x in given.items()}, None, _once(notes))
    reference, items = first[0], _of(first[1])
    _require_as_many({name: x for name, x in given.items() if name == reference or x.names is None})
    rows = {name: _rows(x, name, items, reference, notes) for name, x in given.items()}
    common = np.all([found >= 0 for found in rows.values()], axis=0)
    if not common.any():
        raise InputError(f"{', '.join(given)}: no item has a row in all embeddings")
    if not common.all():
        notes.append(f"{int((~common).sum()):,} of the {len(items):,} items of {reference} are left out: others have "
                     "no row for them")  # fmt: skip
    names = tuple(np.array(items, object)[common].tolist())
    taken = {name: replace(x, values=_taken(x, rows[name][common]), names=None) for name, x in given.items()}
    return SameItems({name: _on_host(x, name) for name, x in taken.items()}, names, _once(notes))


def _rows(x: Embeddings, name: str, items: tuple[str, ...], reference: str, notes: list[str]) -> np.ndarray:
    """(items,) the row of each item in x, -1 where it has none."""
    if x.names is None:
        notes.append(f"rows of {name} have no names: they are taken to be in the order of {reference}")
        return np.arange(len(items))
    if x.names == items:
        return np.arange(len(items))
    own = {item: row for row, item in enumerate(x.names)}
    if len(own) == len(x.names) and not own.keys().isdisjoint(items):
        rows = np.array([own.get(item, -1) for item in items])
        if len(x.names) > int((rows >= 0).sum()):
            notes.append(f"{len(x.names) - int((rows >= 0).sum()):,} rows of {name} are left out: {reference} has no "
                         "such items")  # fmt: skip
        return rows
    return _by_stems(x.names, name, items, notes)


def _by_stems(names: tuple[str, ...], name: str, items: tuple[str, ...], notes: list[str]) -> np.ndarray:
    """The same where one side is called after files and the other after what is in them."""
    try:
        found = match_names(items, names)
        rows = found.rows.astype(np.int64)
    except InputError as error:
        try:
            found = match_names(names, items)
        except InputError:
            raise InputError(f"{name}: {error}") from error
        rows = np.full(len(items), -1)
        rows[found.rows] = np.arange(len(names))
    notes.extend([] if found.note is None else [f"{name}: {found.note}"])
    return rows


def _of(x: Embeddings) -> tuple[str, ...]:
    assert x.names is not None
    if len(set(x.names)) < len(x.names):
        match_names((), x.names)  # says which
    return x.names


def _taken(x: Embeddings, rows: np.ndarray) -> object:
    as_they_are = len(rows) == len(x) and bool((rows == np.arange(len(rows))).all())
    return x.values if as_they_are else x.values[rows]


def _on_host(x: Embeddings, name: str) -> np.ndarray:
    """(n, d) float32 or float64, without NaN and infinity."""
    door = open_door("auto", x.values)
    rows = door.host(door.rows(x.values, name))
    _checks.require_finite(~np.isfinite(rows).all(axis=1), name)
    return rows


def _require_as_many(models: Mapping[str, Embeddings]) -> None:
    sizes = {name: len(x) for name, x in models.items()}
    if len(set(sizes.values())) > 1:
        told = ", ".join(f"{name}: {size:,}" for name, size in sizes.items())
        raise InputError(f"models must have the same number of items; got {told}")


def _once(notes: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(notes))

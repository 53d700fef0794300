"""Several embeddings brought to the same items in the same order, where no triplets say which items count."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass
from pyalign.data import Embeddings, as_embeddings
from pyalign.data.names import in_order, match_names, require_different
from pyalign.data.similarities import notes_on_values
from pyalign.errors import InputError
from pyalign.ops._dispatch import dispatch_of

ALL = slice(None)


@dataclass(frozen=True, eq=False)
class Matched:
    """Models and which of their rows are the same items."""

    models: dict[str, Embeddings]  # name -> embeddings, as they came.
    rows: dict[str, np.ndarray | None]  # name -> (n,) the row of each item, or None where all rows count as they stand.
    n: int  # how many items.
    names: tuple[str, ...] | None  # of the items, or None.
    notes: tuple[str, ...]  # what was assumed, a sentence each.

    @property
    def row_names(self) -> tuple[tuple[str, ...], ...]:
        """The names of the rows of each model that has some."""
        return tuple(x.names for x in self.models.values() if x.names is not None)

    @property
    def order(self) -> np.ndarray:
        """(n,) the items in the order of their names, in which seeds draw them and ties are broken."""
        return np.arange(self.n) if self.names is None else in_order(self.names)

    def take(self, items: np.ndarray | slice = ALL) -> dict[str, np.ndarray]:
        """(k, d) of each model on the host: the rows of these items, or of all; float64 where one is, else float32.

        Raises:
            InputError: NaN or infinity.
        """
        taken = {name: self._take(name, items) for name in self.models}
        dtype = np.result_type(*taken.values())
        return {name: x.astype(dtype, copy=False) for name, x in taken.items()}

    def _take(self, name: str, items: np.ndarray | slice) -> np.ndarray:
        rows, values = self.rows[name], self.models[name].values
        if rows is not None or items is not ALL:
            values = values[items if rows is None else rows[items]]
        dispatch = dispatch_of("auto", values)
        taken = dispatch.host(dispatch.rows(values, name))
        _checks.require_finite(~np.isfinite(taken).all(axis=1), name)
        return taken


def match_rows(models: Mapping[str, object]) -> Matched:
    """Rows matched by name, in the order of the first embeddings that have names.

    Items that some embeddings have no row for are left out, and counted in a note; embeddings without names must have
    as many rows as those with, and are taken to be in their order.

    Raises:
        InputError: embeddings of other items, or of another number where there are no names.

    Example:
        >>> a, b = (Embeddings(np.eye(2), names) for names in (("dog", "cat"), ("cat", "dog")))
        >>> match_rows({"a": a, "b": b}).take()["b"].tolist()
        [[0.0, 1.0], [1.0, 0.0]]
    """
    if not models:
        raise InputError("embeddings must hold at least one model; got an empty mapping")
    embeddings = {name: as_embeddings(x, name) for name, x in models.items()}
    notes = [note for name, x in embeddings.items() for note in (*x.notes, *notes_on_values(x, name))]
    reference = next((name for name, x in embeddings.items() if x.names is not None), None)
    if reference is None:
        _require_as_many(embeddings)
        if len(embeddings) > 1:
            notes.append("rows have no names: row i is taken for the same item in all embeddings")
        n = len(next(iter(embeddings.values())))
        return Matched(embeddings, dict.fromkeys(embeddings), n, None, tuple(dict.fromkeys(notes)))
    items = embeddings[reference].names
    assert items is not None
    require_different(items, "row")
    _require_as_many({name: x for name, x in embeddings.items() if name == reference or x.names is None})
    rows_by_model = {name: _rows(x, name, items, reference, notes) for name, x in embeddings.items()}
    common = np.all([rows >= 0 for rows in rows_by_model.values()], axis=0)
    if not common.any():
        raise InputError(f"{', '.join(embeddings)}: no item has a row in all embeddings")
    if not common.all():
        left_out = f"{int((~common).sum()):,} of the {len(items):,} items of {reference} are left out"
        notes.append(f"{left_out}: others have no row for them")
    names = tuple(np.array(items, object)[common].tolist())
    rows = {name: _unless_all(rows[common], len(embeddings[name])) for name, rows in rows_by_model.items()}
    return Matched(embeddings, rows, len(names), names, tuple(dict.fromkeys(notes)))


def _unless_all(rows: np.ndarray, n: int) -> np.ndarray | None:
    return None if len(rows) == n and bool((rows == np.arange(n)).all()) else rows


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
                         "such items")
        return rows
    return _by_stems(x.names, name, items, notes)


def _by_stems(names: tuple[str, ...], name: str, items: tuple[str, ...], notes: list[str]) -> np.ndarray:
    """The rows of the items where one side is called after files and the other after what is in them."""
    try:
        match = match_names(items, names)
        rows = match.rows.astype(np.int64)
    except InputError as error:
        try:
            match = match_names(names, items)
        except InputError:
            raise InputError(f"{name}: {error}") from error
        rows = np.full(len(items), -1)
        rows[match.rows] = np.arange(len(names))
    notes.extend([] if match.note is None else [f"{name}: {match.note}"])
    return rows


def _require_as_many(models: Mapping[str, Embeddings]) -> None:
    sizes = {name: len(x) for name, x in models.items()}
    if len(set(sizes.values())) > 1:
        listed = ", ".join(f"{name}: {size:,}" for name, size in sizes.items())
        raise InputError(f"models must have the same number of items; got {listed}")

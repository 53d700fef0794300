"""Embeddings and triplets brought together: by the names of their items, wherever both have names.

Numbers index the order of items that somebody has stated: the names that come with the triplets, or else the rows of
the embeddings as they stand. Of rows whose names are whole numbers, a number is the row called so. What
had to be assumed is said in a note.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass, field, replace
from pyalign._process import Progress
from pyalign.backends import Array, get_host_backend
from pyalign.data.embeddings import Embeddings, as_embeddings
from pyalign.data.judgments import KINDS
from pyalign.data.names import SEVERAL, in_order, listing, match_names, require_different, whole_numbers
from pyalign.data.similarities import Similarities, notes_on_values
from pyalign.data.triplets import Triplets, as_triplet_data
from pyalign.errors import ITEM_NAMES, InputError, Remedy

NAMELESS = "neither triplets nor embeddings have names: row i is taken for object i"
FROM_MATRIX = {
    f"{kind[:-1]}ies": Remedy.of_both(
        f'pyalign.score(matrix=x, kind="{kind}")', f"pyalign score --matrix FILE --kind {kind}"
    ) for kind in KINDS
}


@dataclass(frozen=True, eq=False)
class Aligned:
    """Embeddings and triplets whose numbers are rows."""

    x: Array  # (n, d), as it came.
    index: Array  # (t, 3) rows of x, the odd item last; the triplets' own array where nothing had to be moved.
    triplets: Triplets  # all that is known of them.
    names: tuple[str, ...] | None  # of the rows of x, or None.
    notes: tuple[str, ...]  # what was assumed, a sentence each.
    # x as it was given, with all that is known of it; `Similarities` in the place of embeddings.
    embeddings: Embeddings

    def of(self, name: str) -> Aligned:
        """The same, as `AlignedModels` gives it of one of several."""
        return self


def in_name_order(matched: Aligned | AlignedModels) -> np.ndarray:
    """(t, 3) on the host: the triplets' objects numbered in the order of their names, else as they are numbered.

    What is drawn over objects is drawn in this order, so that it does not depend on the order of rows.

    Example:
        >>> rows = Embeddings(np.eye(3), ("dog", "ant", "cat"))
        >>> in_name_order(align(rows, [["cat", "dog", "ant"]])).tolist()
        [[1, 2, 0]]
    """
    triplets, names = matched.triplets, matched.names
    index = _checks.as_triplets(matched.index)
    if triplets.names is not None:
        names, index = triplets.names, _checks.as_triplets(triplets.values)
    if names is None:
        return index
    order = in_order(names)
    place = np.empty(len(order), np.int32)
    place[order] = np.arange(len(order), dtype=np.int32)
    return index if bool((order == np.arange(len(order))).all()) else place[index]


def name_of(matched: Aligned | AlignedModels, number: int) -> str:
    """What the object is called that has this number in the order of `in_name_order`."""
    names = matched.names if matched.triplets.names is None else matched.triplets.names
    return f"object {number}" if names is None else names[in_order(names)[number]]


def named_rows(matched: Aligned | AlignedModels) -> tuple[np.ndarray, np.ndarray]:
    """The rows (m,) of x that triplets name, ordered as `in_name_order` has them, and triplets (t, 3) of these.

    Example:
        >>> [numbers.tolist() for numbers in named_rows(align(np.eye(5), [[4, 2, 0]]))]
        [[0, 2, 4], [[2, 1, 0]]]
    """
    numbers = in_name_order(matched)
    rows = np.full(int(numbers.max()) + 1, -1, np.int64)
    rows[numbers] = _checks.as_triplets(matched.index)
    named = rows >= 0
    return rows[named], (np.cumsum(named, dtype=np.int32) - np.int32(1))[numbers]


def align(x: object, triplets: object, name: str = "embeddings", features: bool = True) -> Aligned:
    """The rows of x that triplets are about.

    Args:
        x: (n, d) embeddings, with names or without.
        triplets: (t, 3) triplets, of numbers or of names.
        name: of x, for messages.
        features: whether the columns of x are features; else x is a matrix, and nothing is said about its being one.
    """
    return aligned(as_embeddings(x, name), as_triplet_data(triplets), name, features)


def aligned(rows: Embeddings, triplets: Triplets, name: str = "embeddings", features: bool = True) -> Aligned:
    """Does what `align` does, to `Embeddings` and `Triplets`."""
    index, notes = _index(rows, triplets, name)
    notes += notes_on_values(rows, name, FROM_MATRIX) if features and not isinstance(rows, Similarities) else ()
    names = rows.names
    if names is None and triplets.numbered and triplets.names is not None:
        names = triplets.names
    return Aligned(rows.values, index, triplets, names, (*rows.notes, *triplets.notes, *notes), rows)


def in_turn(
    x: Embeddings | Mapping[str, Embeddings], triplets: Triplets, measures: Sequence[Any], progress: Progress,
    called: str = "embeddings",
) -> Iterator[tuple[Aligned, str | None, Any]]:
    """Each of the embeddings with the triplets, its name (None where it has none), and each of the measures.

    Args:
        x: embeddings, or a mapping from names to them; these share the order of items that the first with names has.
            `Similarities` have no measure: with them comes the first of `measures`.
        called: what x is, where it has no name.
    """
    models: dict[str | None, Embeddings] = {None: x} if isinstance(x, Embeddings) else dict(x.items())
    if isinstance(x, Mapping):
        triplets, notes = one_order(x, triplets)
        triplets = replace(triplets, notes=tuple(dict.fromkeys((*triplets.notes, *notes)))) if notes else triplets
    each = {name: measures[:1] if isinstance(values, Similarities) else measures for name, values in models.items()}
    done, total = 0, sum(map(len, each.values()))
    for name, values in models.items():
        ready = aligned(values, triplets, name or called)
        for measure in each[name]:
            progress(f"{name or called} {measure or ''}".rstrip(), done, total)
            yield ready, name, measure
            done += 1


def _index(x: Embeddings, triplets: Triplets, name: str) -> tuple[Array, tuple[str, ...]]:
    """Triplets as rows of x, and what was assumed."""
    if triplets.names is None:
        return _by_number(x, triplets, name)
    if x.names is None:
        return _by_stated_order(x, triplets, name)
    if x.names == triplets.names:
        return triplets.values, ()
    values, items = used_items(triplets, triplets.names)
    item_names = [triplets.names[item] for item in items]
    require_different(item_names, "item")
    try:
        require_different(x.names, "row")
    except InputError as error:
        raise InputError(f"{f'{x.source}: ' if x.source else ''}{error}; {SEVERAL}") from error
    match = match_names(item_names, x.names)
    rows = np.full(len(triplets.names), -1, np.int32)
    rows[items] = match.rows
    return rows[values], () if match.note is None else (match.note,)


def used_items(triplets: Triplets, names: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """The numbers of named items, checked, and the items that need a row: of a stated order those of the triplets."""
    values = _checked(triplets, len(names))
    items = np.arange(len(names))
    return values, np.flatnonzero(np.bincount(values.ravel(), minlength=len(items))) if triplets.numbered else items


def asked_items(triplets: Triplets) -> tuple[str, ...] | None:
    """The names of the items that triplets are about and that need a row; None where they have numbers alone.

    Example:
        >>> asked_items(as_triplet_data([["dog", "cat", "car"]]))
        ('car', 'cat', 'dog')
    """
    if triplets.names is None:
        return None
    return tuple(triplets.names[item] for item in used_items(triplets, triplets.names)[1])


def _checked(triplets: Triplets, n: int) -> np.ndarray:
    """The numbers of n items on the host; raises where one is no item: an index would wrap around, or fail."""
    values = _checks.as_triplets(triplets.values)
    _checks.require_items(values, n, ", the named items")
    return values


def _by_number(x: Embeddings, triplets: Triplets, name: str) -> tuple[Array, tuple[str, ...]]:
    if x.names is None:
        return triplets.values, (NAMELESS,)
    numbers = whole_numbers(x.names)
    if numbers is not None:
        if not _is_order(numbers):
            named = _named_by_numbers(triplets)
            assert named.names is not None
            return match_names(named.names, x.names).rows[named.values], ()
        order = np.argsort(numbers).astype(np.int32)
        return triplets.values if (order == np.arange(len(order))).all() else order[_checked(triplets, len(order))], ()
    source = x.source or name
    first = listing(x.names, 3) if len(x.names) <= 3 else f"{', '.join(x.names[:3])}, ..."
    return triplets.values, (
        f"item numbers are taken as row numbers of {source} ({first}), since nothing says which items they "
        f"stand for: {ITEM_NAMES}",
    )


def _is_order(numbers: tuple[int, ...]) -> bool:
    """Whether different numbers are 0 to n - 1, in any order."""
    return len(numbers) > 0 and min(numbers) == 0 and max(numbers) == len(numbers) - 1


def _named_by_numbers(triplets: Triplets) -> Triplets:
    """Triplets of the names that their numbers are, which state no order."""
    values = _checks.as_triplets(triplets.values)
    numbers, places = np.unique(_checked(triplets, int(values.max()) + 1), return_inverse=True)
    names = tuple(map(str, numbers.tolist()))
    return replace(triplets, values=places.reshape(-1, 3).astype(np.int32), names=names)


def _by_stated_order(x: Embeddings, triplets: Triplets, name: str) -> tuple[Array, tuple[str, ...]]:
    source, names = x.source or name, triplets.names
    assert names is not None
    if not triplets.numbered:
        of_matrix = isinstance(x, Similarities)
        if x.source is None:  # made in memory, not read
            remedy = "RDMs(values, kind, names)" if of_matrix else "Embeddings(x, names)"
        else:
            remedy = Remedy("names", like="names", of="load_rdms" if of_matrix else "load_embeddings")
        raise InputError(f"{source}: the triplets hold names; give the rows' names: {remedy}")
    if len(x) != len(names):
        raise InputError(f"{source}: has {len(x)} rows and no names, {len(names)} items are named: which row is whose?")
    return triplets.values, (f"rows of {source} have no names: they are taken to be in the order of the named items",)


@dataclass(frozen=True, eq=False)
class AlignedModels:
    """Several embeddings of the same items, and triplets whose numbers are rows of each."""

    models: dict[str, Array]  # name -> (n, d), rows of the same items in the same order; of `Similarities` (n, n).
    index: Array  # (t, 3) rows.
    triplets: Triplets  # all that is known of them.
    names: tuple[str, ...] | None  # of the rows, or None.
    notes: tuple[str, ...]  # what was assumed, a sentence each.
    # name -> the model as it came, and the triplets with numbers of its rows.
    each: Mapping[str, Aligned] = field(default_factory=dict)

    def of(self, name: str) -> Aligned:
        """One model as it came, and the triplets with numbers of its rows."""
        return self.each[name]

    @property
    def n_items(self) -> int:
        """How many rows the models have; without models the named items, or those up to the largest number."""
        if self.models:
            return len(next(iter(self.models.values())))
        return len(self.names) if self.names is not None else int(_checks.as_triplets(self.index).max()) + 1


def align_models(models: Mapping[str, object], triplets: object) -> AlignedModels:
    """Several embeddings in one order of rows: that of the first with names, or that of the triplets' names.

    Where embeddings differ in their rows, they keep those of the triplets' items alone. Without any, the triplets are
    checked by themselves.
    """
    known = {name: as_embeddings(x, name) for name, x in models.items()}
    ordered, notes = one_order(known, as_triplet_data(triplets))
    if not models:
        no_models = AlignedModels({}, _checks.as_triplets(ordered.values), ordered, ordered.names, ordered.notes)
        n = no_models.n_items
        _checks.require_valid(get_host_backend("auto").check_triplets(no_models.index, n), no_models.index, n)
        return no_models
    if ordered.names is None:
        sizes = {name: len(x) for name, x in known.items()}
        if len(set(sizes.values())) > 1:
            listed = ", ".join(f"{name}: {size:,}" for name, size in sizes.items())
            raise InputError(f"models must have the same number of items; got {listed}")
    each = {name: aligned(x, ordered, name) for name, x in known.items()}
    for model in each.values():
        notes += tuple(note for note in model.notes if note not in notes)
    first = next(iter(each.values()))
    if all(model.index is first.index and len(model.x) == len(first.x) for model in each.values()):
        rows = {name: model.x for name, model in each.items()}
        return AlignedModels(rows, first.index, ordered, first.names, notes, each)
    return replace(_gathered(each, ordered, notes), each=each)


def one_order(models: Mapping[str, Embeddings], triplets: Triplets) -> tuple[Triplets, tuple[str, ...]]:
    """Triplets of numbers, as numbers of the items of the first embeddings that have names; and what was assumed.

    Where these names are whole numbers, they are the items: 0 to n - 1 where some embeddings have n rows without names,
    or so named, else those that the triplets hold.
    """
    if triplets.names is not None:
        return triplets, ()
    reference = next(((name, x) for name, x in models.items() if x.names is not None), None)
    if reference is None:
        return triplets, ()
    name, x = reference
    assert x.names is not None
    if whole_numbers(x.names) is None:
        return replace(triplets, names=x.names, numbered=True), _by_number(x, triplets, name)[1]
    sizes = [len(rows) for rows in models.values() if rows.names is None or _is_order(whole_numbers(rows.names) or ())]
    if not sizes:
        return _named_by_numbers(triplets), ()
    return replace(triplets, names=tuple(map(str, range(max(sizes)))), numbered=True), ()


def _gathered(aligned: Mapping[str, Aligned], triplets: Triplets, notes: tuple[str, ...]) -> AlignedModels:
    """Rows of the triplets' items alone, in the order of the first."""
    first = next(iter(aligned.values()))
    index = np.asarray(first.index)
    used = np.flatnonzero(np.bincount(index.ravel(), minlength=len(first.x)))
    place = np.zeros(len(first.x), np.int64)
    models: dict[str, Any] = {}
    for name, model in aligned.items():
        place[index.ravel()] = np.asarray(model.index).ravel()
        models[name] = model.embeddings[place[used]].values
    place[used] = np.arange(len(used), dtype=np.int64)
    names = None if first.names is None else tuple(first.names[row] for row in used)
    return AlignedModels(models, place[index], triplets, names, notes)

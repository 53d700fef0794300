"""Which objects belong to which concept: those of a category, or those whose largest weight is on a dimension."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pyalign.concept.dimensions import as_dimensions, labels_of
from pyalign.data import Categories, as_embeddings, match_names
from pyalign.errors import InputError


@dataclass(frozen=True, eq=False)
class Members:
    """The objects of concepts.

    Attributes:
        kind: "categories" or "dimensions".
        labels: of the g concepts.
        of: bool (n, g).
        notes: what was assumed of the order of objects, a sentence.
    """

    kind: str
    labels: tuple[str, ...]
    of: np.ndarray
    notes: tuple[str, ...] = ()


def members_of(
    categories: object, dimensions: object, labels: Sequence[str] | None, n: int, names: Sequence[str] | None
) -> Members | None:
    """The concepts of n objects; None where none are given.

    Raises:
        InputError: both kinds at once, labels without dimensions, or what does not fit the objects.

    Example:
        >>> members_of(None, np.array([[0.5, 2.0], [1.0, 0.0]]), ["royal", "food"], 2, None).of.astype(int).tolist()
        [[0, 1], [1, 0]]
    """
    if categories is not None and dimensions is not None:
        raise InputError("categories and dimensions are two ways to say concepts: give one; got both")
    if dimensions is not None:
        weights = matched_dimensions(dimensions, n, names)
        notes = notes_on_order("dimensions", as_embeddings(dimensions, "dimensions").names, names)
        called = labels_of(labels, weights.shape[1])
        top = weights.argmax(axis=1)[:, None] == np.arange(weights.shape[1])
        return Members("dimensions", called, top & (weights > 0), notes)
    if labels is not None:
        raise InputError("dimension_labels are those of dimensions; got none")
    if categories is None:
        return None
    given = Categories.of(categories)
    return Members(
        "categories", given.labels, given.of_rows(n, names), notes_on_order("categories", given.names, names)
    )


def notes_on_order(kind: str, own: Sequence[str] | None, names: Sequence[str] | None) -> tuple[str, ...]:
    """What is assumed where concepts or the rows of embeddings have no names.

    Args:
        kind: "categories" or "dimensions".
        own: names of the objects of the concepts, or None.
        names: those of the rows, or None.

    Example:
        >>> notes_on_order("categories", None, None), notes_on_order("categories", ("cat",), ("cat",))
        (('the categories and the rows have no names: row i is taken for object i',), ())
    """
    without = [what for what, known in ((f"the {kind}", own), ("the rows", names)) if known is None]
    return (f"{' and '.join(without)} have no names: row i is taken for object i",) if without else ()


def matched_dimensions(dimensions: object, n: int, names: Sequence[str] | None) -> np.ndarray:
    """float64 (n, g): a human embedding's rows, matched by name where both sides have names."""
    given, values = as_embeddings(dimensions, "dimensions"), as_dimensions(dimensions)
    if given.names is not None and names is not None:
        values = values[match_names(names, given.names).rows]
    if len(values) != n:
        raise InputError(f"dimensions must have a row for each of {n} objects; got {len(values)}")
    return values

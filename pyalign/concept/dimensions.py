"""Human dimensions, their numbers and names; and which objects belong to which dimension or category."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass
from pyalign.data import Categories, match_names
from pyalign.data.categories import notes_on_order
from pyalign.data.embeddings import as_embeddings, plain
from pyalign.errors import InputError
from pyalign.ops.assign import MOST_PLACES

NOISE = 5e-3  # of the largest number: what is below zero by no more is noise of the fit; SPoSE holds such numbers


def as_dimensions(dimensions: object) -> np.ndarray:
    """(n, k) float64, checked: human dimensions say how much of something an object has.

    Numbers below 0 by no more than a two-hundredth of the largest, as the published SPoSE has them, become 0.

    Raises:
        InputError: another shape, other numbers.

    Example:
        >>> as_dimensions([[1, -1e-5], [0, 2]]).tolist()
        [[1.0, 0.0], [0.0, 2.0]]
    """
    rows = _checks.as_array(plain(as_embeddings(dimensions, "dimensions")), "dimensions", "(n, k)")
    if rows.ndim != 2 or 0 in rows.shape:
        raise InputError(f"dimensions must have shape (n, k), a row for each object; got {rows.shape}")
    if rows.shape[1] > MOST_PLACES:
        raise InputError(f"dimensions must be at most {MOST_PLACES:,}; got {rows.shape[1]:,}")
    if rows.dtype.kind not in "biuf":
        raise InputError(f"dimensions must hold real numbers; got dtype {rows.dtype}")
    rows = rows.astype(np.float64)
    finite = np.isfinite(rows)
    least = -NOISE * np.abs(rows, where=finite, out=np.zeros_like(rows)).max()
    wrong = ~(finite & (rows >= least)).all(axis=1)
    if wrong.any():
        row = int(wrong.argmax())
        first_wrong = f"row {row} is the first of {int(wrong.sum()):,} that hold others (least {rows[row].min():.4g})"
        raise InputError(f"dimensions must hold finite numbers from 0 up; {first_wrong}")
    return np.maximum(rows, 0.0)


def labels_of(labels: Sequence[str] | None, dimensions: object, argument: str = "dimension_labels") -> tuple[str, ...]:
    """A label for each of the dimensions (n, k), all different: where one comes twice, each of them with its number.

    Without labels they are their own, else their numbers, from 1.

    Raises:
        InputError: another number of labels.

    Example:
        >>> labels_of(None, np.eye(2)), labels_of(["food", "tools", "food"], np.eye(3))
        (('1', '2'), ('food (1)', 'tools', 'food (3)'))
    """
    known = as_embeddings(dimensions, "dimensions")
    labels, k = known.dimension_labels if labels is None else labels, known.shape[-1]
    if labels is None:
        return tuple(map(str, range(1, k + 1)))
    texts = _checks.names_of(labels, argument)
    if len(texts) != k:
        raise InputError(f"{argument} must be one for each of {k:,} dimensions; got {len(texts):,}")
    twice = {label for label in texts if texts.count(label) > 1}
    return tuple(f"{label} ({number})" if label in twice else label for number, label in enumerate(texts, 1))


@dataclass(frozen=True, eq=False)
class Members:
    """The objects of concepts."""

    kind: str  # "categories" or "dimensions".
    labels: tuple[str, ...]  # of the g concepts.
    of: np.ndarray  # bool (n, g).
    notes: tuple[str, ...] = ()  # what was assumed of the order of objects, a sentence.


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
        top = weights.argmax(axis=1)[:, None] == np.arange(weights.shape[1])
        return Members("dimensions", labels_of(labels, dimensions), top & (weights > 0), notes)
    if labels is not None:
        raise InputError("dimension_labels are those of dimensions; got none")
    if categories is None:
        return None
    converted = Categories.of(categories)
    notes = notes_on_order("categories", converted.names, names)
    return Members("categories", converted.labels, converted.of_rows(n, names), notes)


def matched_dimensions(dimensions: object, n: int, names: Sequence[str] | None) -> np.ndarray:
    """float64 (n, g): a human embedding's rows, matched by name where both sides have names."""
    human, values = as_embeddings(dimensions, "dimensions"), as_dimensions(dimensions)
    if human.names is not None and names is not None:
        values = values[match_names(names, human.names).rows]
    if len(values) != n:
        raise InputError(f"dimensions must have a row for each of {n} objects; got {len(values)}")
    return values

"""The prototypes of a concept: its medoid, and the objects with the largest weights on a dimension."""

from __future__ import annotations

import numpy as np

from pyalign._dataclass import dataclass
from pyalign.data.names import largest_of
from pyalign.measures import get_measure
from pyalign.nearest.space import parts
from pyalign.ops.similarity import similarity
from pyalign.typing import MeasureLike

BLOCK = 1 << 24  # similarities at once


@dataclass(frozen=True)
class Prototype:
    """An object that represents a concept."""

    row: int  # the row of the object.
    name: str | None  # its name, or None.
    # its weight on the dimension, or its mean similarity to the other objects of the concept; None if the concept has
    # no other objects.
    value: float | None


def central(
    x: np.ndarray, members: np.ndarray, measure: MeasureLike, names: tuple[str, ...] | None
) -> tuple[Prototype, ...]:
    """The objects of a concept, those with the largest mean similarity to its other objects first: the medoid first.

    Source: Kaufman and Rousseeuw, "Clustering by means of medoids", 1987.

    Example:
        >>> x = np.array([[1.0, 0.0], [1.0, 0.2], [1.0, 0.5], [0.0, 1.0]])
        >>> [item.row for item in central(x, np.array([0, 1, 2]), "cosine", None)]
        [1, 0, 2]
    """
    rows, m = x[members], len(members)
    means = np.full(m, np.nan)
    whole = m * m <= BLOCK or get_measure(measure).needs_sigma  # which is the median of all distances
    for part in parts(m if m > 1 else 0, 1 if whole else m, m if whole else BLOCK):
        values = np.asarray(similarity(rows[part], None if whole else rows, measure=measure)).astype(np.float64)
        values[np.arange(len(values)), np.arange(m)[part]] = 0.0
        means[part] = values.sum(axis=1) / (m - 1)
    order = largest_of(means, None if names is None else [names[row] for row in members])
    return _prototypes(members[order], means[order], names)


def strongest(weights: np.ndarray, top: int, names: tuple[str, ...] | None) -> tuple[Prototype, ...]:
    """The objects with the largest of (n,) weights, as `largest_of` orders them.

    Example:
        >>> [prototype.row for prototype in strongest(np.array([0.5, 2.0, 0.5]), 2, None)]
        [1, 0]
    """
    rows = largest_of(weights, names)[:top]
    return _prototypes(rows, weights[rows], names)


def _prototypes(rows: np.ndarray, values: np.ndarray, names: tuple[str, ...] | None) -> tuple[Prototype, ...]:
    return tuple(
        Prototype(int(row), None if names is None else names[row], None if np.isnan(value) else float(value))
        for row, value in zip(rows, values, strict=True)
    )

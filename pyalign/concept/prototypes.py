"""The prototypes of a concept: its medoid, and the objects with the largest weights on a dimension."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass
from pyalign._result import Result
from pyalign.concept.dimensions import matched_dimensions, members_of
from pyalign.data import Provenance, as_embeddings
from pyalign.data.names import largest_of
from pyalign.data.similarities import notes_on_values
from pyalign.errors import InputError
from pyalign.ops.similarity import notes_on_similarities, similarity
from pyalign.typing import BackendName, CategoriesLike, EmbeddingsLike, MeasureLike

TOP = 8


@dataclass(frozen=True)
class Prototype:
    """An object that represents a concept."""

    row: int  # the row of the object.
    name: str | None  # its name, or None.
    # its weight on the dimension, or its mean similarity to the other objects of the concept; None if the concept has
    # no other objects.
    value: float | None


@dataclass(frozen=True)
class ConceptPrototypes:
    """The prototypes of one concept."""

    concept: str  # the label of the category or dimension.
    n_objects: int  # the number of objects in the category, or with their largest weight on the dimension.
    # the object among these with the largest mean similarity to the others; None without objects.
    medoid: Prototype | None
    # for a dimension the objects with the largest weights, for a category those with the largest mean similarity.
    top: tuple[Prototype, ...]


@dataclass(frozen=True)
class Prototypes(Result):
    """The prototypes of several concepts."""

    command: ClassVar[str] = "prototypes"
    rows: ClassVar[str] = "concepts"

    concepts: tuple[ConceptPrototypes, ...]  # an entry for each concept.
    grouping: str  # how concepts are defined: by "categories" or by "dimensions".
    measure: str  # the similarity measure.
    n_objects: int  # the number of objects.


def prototypes(
    embeddings: EmbeddingsLike, *, categories: CategoriesLike | None = None, dimensions: EmbeddingsLike | None = None,
    dimension_labels: Sequence[str] | None = None, top: int = TOP, measure: MeasureLike = "cosine",
    backend: BackendName = "auto",
) -> Prototypes:
    """Find the medoid and the top objects of each category, or of each dimension of a human embedding.

    Args:
        embeddings: (n, d) embeddings, whose similarities define the medoids.
        categories, dimensions, dimension_labels: the concepts, either categories or dimensions; see
            `compare_neighbors`.
        top: the number of top objects of each concept.
        measure, backend: see `pyalign.similarity`.

    Returns:
        A `Prototypes`: the medoid and the top objects of each concept.

    Raises:
        InputError: neither categories nor dimensions, or both; categories or dimensions that do not fit the embeddings.

    Source: Kaufman and Rousseeuw, "Clustering by means of medoids", 1987.

    Example:
        >>> x = np.array([[1.0, 0.0], [1.0, 0.2], [1.0, 0.5], [0.0, 1.0]])
        >>> concepts = prototypes(x, categories=["a", "a", "a", "b"]).concepts
        >>> concepts[0].medoid.row, concepts[1].medoid.value
        (1, None)
    """
    converted = as_embeddings(embeddings)
    rows = _checks.as_rows(converted.values)
    _checks.require_finite(~np.isfinite(rows).all(axis=1))
    _checks.whole_number(top, "top", 1)
    concepts = members_of(categories, dimensions, dimension_labels, len(rows), converted.names)
    if concepts is None:
        raise InputError("prototypes needs categories or dimensions; got neither")
    weights = None if dimensions is None else matched_dimensions(dimensions, len(rows), converted.names)
    results = []
    for g, label in enumerate(concepts.labels):
        members = np.flatnonzero(concepts.of[:, g])
        means = _mean_similarities(rows[members], measure, backend)
        order = largest_of(means, None if converted.names is None else [converted.names[row] for row in members])
        middle = _prototypes(members[order], means[order], converted.names)
        if weights is not None:
            first = strongest(weights[:, g], top, converted.names)
        results.append(
            ConceptPrototypes(
                label, len(members), middle[0] if middle else None, first if weights is not None else middle[:top]
            )
        )
    notes = (*notes_on_values(converted, "embeddings"), *concepts.notes, *notes_on_similarities(rows, None, measure))
    return Prototypes(
        tuple(results), concepts.kind, str(measure), len(rows), notes=(*converted.notes, *notes),
        provenance=Provenance.now([("embeddings", converted)], {"measure": str(measure), "top": top}, backend, None),
    )


def strongest(weights: np.ndarray, top: int, names: tuple[str, ...] | None) -> tuple[Prototype, ...]:
    """The objects with the largest of (n,) weights, as `largest_of` orders them.

    Example:
        >>> [prototype.row for prototype in strongest(np.array([0.5, 2.0, 0.5]), 2, None)]
        [1, 0]
    """
    rows = largest_of(weights, names)[:top]
    return _prototypes(rows, weights[rows], names)


def _mean_similarities(rows: np.ndarray, measure: MeasureLike, backend: BackendName) -> np.ndarray:
    """(m,) of each row to the others; NaN of a single one."""
    m = len(rows)
    if m < 2:
        return np.full(m, np.nan)
    values = np.asarray(similarity(rows, measure=measure, backend=backend)).astype(np.float64)
    np.fill_diagonal(values, 0.0)
    means: np.ndarray = values.sum(axis=1) / (m - 1)
    return means


def _prototypes(rows: np.ndarray, values: np.ndarray, names: tuple[str, ...] | None) -> tuple[Prototype, ...]:
    return tuple(
        Prototype(int(row), None if names is None else names[row], None if np.isnan(value) else float(value))
        for row, value in zip(rows, values, strict=True)
    )

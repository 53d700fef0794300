"""What a concept looks like: its medoid, and the objects with the largest weights on a dimension."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pyalign import _checks
from pyalign._result import Result
from pyalign.concept.dimensions import matched_dimensions, members_of
from pyalign.data import Provenance, as_embeddings
from pyalign.data.instead import notes_on_values
from pyalign.errors import InputError
from pyalign.ops.similarity import notes_on_similarities, similarity
from pyalign.typing import BackendName, CategoriesLike, EmbeddingsLike, MeasureLike

TOP = 8


@dataclass(frozen=True)
class Prototype:
    """An object that stands for a concept: `row`, `name` where it has one, and its weight or mean similarity.

    A single object has no `value`: None.
    """

    row: int
    name: str | None
    value: float | None


@dataclass(frozen=True)
class ConceptPrototypes:
    """One concept.

    Attributes:
        concept: its label.
        n_objects: of the category, or with their largest weight on the dimension.
        medoid: the object of these with the largest mean similarity to the others; None of no objects.
        top: of a dimension the objects with the largest weights, of a category those with the largest mean similarity.
    """

    concept: str
    n_objects: int
    medoid: Prototype | None
    top: tuple[Prototype, ...]


@dataclass(frozen=True)
class Prototypes(Result):
    """Prototypes of concepts, which are "categories" or "dimensions" (`grouping`), among n_objects by a measure."""

    command: ClassVar[str] = "prototypes"
    rows: ClassVar[str] = "concepts"

    concepts: tuple[ConceptPrototypes, ...]
    grouping: str
    measure: str
    n_objects: int


def prototypes(
    embeddings: EmbeddingsLike,
    *,
    categories: CategoriesLike | None = None,
    dimensions: EmbeddingsLike | None = None,
    dimension_labels: Sequence[str] | None = None,
    top: int = TOP,
    measure: MeasureLike = "cosine",
    backend: BackendName = "auto",
) -> Prototypes:
    """Medoids and top objects of each category, or of each dimension of a human embedding.

    Args:
        embeddings: (n, d) embeddings, whose similarities say which object is in the middle.
        categories, dimensions, dimension_labels: one kind of concepts; see `compare_neighbors`.
        top: how many objects are named for each.
        measure, backend: see `pyalign.similarity`.

    Raises:
        InputError: neither categories nor dimensions, or both; what does not fit x.

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
        order = np.argsort(-means, kind="stable")
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
    )  # fmt: skip


def strongest(weights: np.ndarray, top: int, names: tuple[str, ...] | None) -> tuple[Prototype, ...]:
    """The objects with the largest of (n,) weights, of equal ones the lower row first.

    Example:
        >>> [prototype.row for prototype in strongest(np.array([0.5, 2.0, 0.5]), 2, None)]
        [1, 0]
    """
    rows = np.argsort(-weights, kind="stable")[:top]
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

"""Human concepts on the command line: options that commands share, and the files that they name."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from pyalign.cli import _inputs, _options
from pyalign.cli._command import option
from pyalign.concept.concepts import FEWEST
from pyalign.data import Triplets
from pyalign.errors import InputError
from pyalign.io.named import open_named
from pyalign.io.paths import Spec, is_named

CONCEPTS = "human concepts (at least one of these options)"
LABELS = "labels of the k dimensions, one per line (default: those of the file or data set, or numbers from 1)"


@dataclass(frozen=True)
class Concepts:
    """What triplets are about."""

    dimensions: Spec | None = option(
        "non-negative human dimensions (n, k), such as dataset:spose66; a triplet is assigned to the "
        "dimension that contributes most to the chosen pair", metavar="D", role="input", group=CONCEPTS,
    )  # fmt: skip
    dimension_labels: Spec | None = option(
        LABELS, metavar="FILE", role="input", group=CONCEPTS,
    )  # fmt: skip
    categories: Spec | None = option(
        f"{_options.CATEGORIES}; a triplet is assigned to the categories that hold both objects of the chosen pair",
        metavar="FILE", role="input", group=CONCEPTS,
    )  # fmt: skip
    min_triplets: int = option(
        f"minimum number of triplets for a concept to get an interval (default: {FEWEST})", "--minimum", default=FEWEST,
        kind=_options.count, metavar="K", group=CONCEPTS, rare=True,
    )  # fmt: skip


def read_dimensions(spec: Spec | None, labels: Spec | None, names: Spec | None = None) -> Any:
    """The human dimensions, with their labels where anybody says them.

    names: the file with the names of the objects, for dimensions that have none.
    """
    if spec is None:
        return None
    dimensions = _inputs.read_embeddings(spec)
    if names is not None and dimensions.names is None:
        dimensions = _inputs.read_embeddings(spec, names)
    if labels is not None:
        return replace(dimensions, dimension_labels=_inputs.names_of(labels))
    if not is_named(spec):
        return dimensions
    try:
        return replace(dimensions, dimension_labels=open_named(spec.path, "dimensions", spec.key))
    except InputError as error:  # VICE comes without
        return replace(dimensions, notes=(*dimensions.notes, f"dimensions are numbered: {error}"))


def dimensions_of(options: Any, triplets: Triplets | None) -> Any:
    """What `read_dimensions` gives; rows without names have those of --names, or of a description of the triplets."""
    names = options.names if options.per_object is None else None  # else they are names of images
    dimensions = read_dimensions(options.dimensions, options.dimension_labels, names)
    if dimensions is None or triplets is None:
        return dimensions
    return _inputs.as_described(dimensions, options.triplets, triplets)


def read_categories(spec: Spec | None) -> Any:
    """Categories of objects, where there are any."""
    if spec is None:
        return None
    from pyalign.io.categories import load_categories

    return load_categories(spec)

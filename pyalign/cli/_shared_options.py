"""The word --ceiling: a number, or a document of `pyalign ceiling --json` and which of its ceilings.

Human concepts on the command line: options that commands share, and the files that they name.
Files of ready matrices, as `pyalign score`, `compare` and `rsa` read them.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from pyalign._dataclass import dataclass, replace
from pyalign._result import load_result
from pyalign.analysis.accuracy import fraction_of_ceiling
from pyalign.analysis.ceiling.leave_one_out import NamedCeiling, NoiseCeiling, as_named_ceiling, ceiling_of
from pyalign.cli import _inputs, _options
from pyalign.cli._command import option, refuse_unused
from pyalign.cli._vocabulary import file_to_read
from pyalign.concept.concepts import FEWEST
from pyalign.data import KINDS, ODD_ONE_OUT, RDMs, Triplets, hash_early
from pyalign.errors import InputError
from pyalign.io.embeddings import open_named
from pyalign.io.paths import Spec, is_named
from pyalign.typing import MatrixKind

WORDS = "FILE.json[::upper|lower|estimate]"


def ceiling(text: str) -> float | Spec:
    """A number, or FILE.json[::NAME], which `read_ceiling` reads."""
    if "::" in text or text.endswith(".json"):
        return file_to_read(text)
    try:
        return float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"expected a number or {WORDS}; got {text!r}") from error


def read_ceiling(stated: float | Spec | None, task: str = ODD_ONE_OUT) -> NamedCeiling | None:
    """The ceiling as `pyalign.score` takes it; of a document the estimate, unless another is named.

    task: of the triplets that are scored.
    """
    if not isinstance(stated, Spec):
        return stated
    path, result = stated.path, load_result(stated.path)
    if not isinstance(result, NoiseCeiling):
        raise InputError(f"{path}: is a result of {result.command}, not of pyalign ceiling")
    if result.task != task:
        raise InputError(f"{path}: is the ceiling of {result.task} triplets; those that are scored are {task} (--task)")
    try:
        named = ceiling_of(result, stated.key or "estimate")
        fraction_of_ceiling(1.0, as_named_ceiling(named)[1], task)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    return named


CONCEPTS = "human concepts (at least one of these options)"
LABELS = "labels of the k dimensions, one per line (default: those of the file or data set, or numbers from 1)"


@dataclass(frozen=True)
class Concepts:
    """What triplets are about."""

    dimensions: Spec | None = option(
        "non-negative human dimensions (n, k), such as dataset:spose66; a triplet is assigned to the dimension that "
        "contributes most to the chosen pair", group=CONCEPTS,
    )
    dimension_labels: Spec | None = option(LABELS, group=CONCEPTS)
    categories: Spec | None = option(
        f"{_options.CATEGORIES}; a triplet is assigned to the categories that hold both objects of the chosen pair",
        group=CONCEPTS,
    )
    min_triplets: int = option(
        f"minimum number of triplets for a concept to get an interval (default: {FEWEST})", "--minimum", default=FEWEST,
        group=CONCEPTS, rare=True,
    )


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
    from pyalign.io.item_names import load_categories

    return load_categories(spec)


GROUP = "matrices"
OF_EMBEDDINGS = ("measure", "transform", "name_column", "per_object")


@dataclass(frozen=True)
class Matrices:
    """Ready matrices instead of embeddings, or in addition to them."""

    matrix: tuple[Spec, ...] | None = option(
        "matrices (n, n) of similarities or dissimilarities, instead of embeddings or in addition to them; also "
        "condensed (the pairs above the diagonal) or a stack (k, n, n), which counts as k matrices; FILE::KEY picks "
        "an array; NaN marks a missing pair", nargs="+", group=GROUP,
    )
    kind: MatrixKind | None = option(
        "whether larger values in --matrix mean more similar or more dissimilar (default: what the diagonal shows; a "
        "data set knows it)", choices=KINDS, group=GROUP,
    )


def check(options: Any) -> None:
    """Raises where an option serves embeddings or matrices, and none are given."""
    if options.matrix is None:
        refuse_unused(options, ("kind",), "matrices: add --matrix")
        return
    if not options.embeddings:
        refuse_unused(options, OF_EMBEDDINGS, "embeddings, and there are none")
    both = set(options.matrix) & set(options.embeddings)
    if both:
        raise InputError(f"--matrix must be other files than those of embeddings; got {min(both)} as both")


def read(options: Any) -> dict[str, RDMs]:
    """The matrices of a command, by their specifications."""
    return read_matrices(options.matrix or (), options.kind, "--matrix", options.names)


def read_rdms(spec: Spec, kind: MatrixKind | None, names: Spec | None) -> RDMs:
    """The judgments in FILE or FILE::KEY; names: a file of the names of their objects."""
    from pyalign.io.judgments import load_rdms

    of_objects = None if names is None else _inputs.names_of(names)
    judgments = load_rdms(spec.path, kind=kind, key=spec.key, names=of_objects)
    hash_early(judgments)
    return judgments


def read_matrices(
    specs: Sequence[Spec], kind: MatrixKind | None, flag: str, names: Spec | None = None
) -> dict[str, RDMs]:
    """The matrices in files, by specification; those of a stack by their place in it.

    flag: the option that names the files, for messages.
    """
    twice = [spec for spec in specs if list(specs).count(spec) > 1]
    if twice:
        raise InputError(f"{flag} must differ; got {twice[0]} {list(specs).count(twice[0])} times")
    matrices: dict[str, RDMs] = {}
    for spec in specs:
        judgments = read_rdms(spec, kind, names)
        if judgments.n_people is None:
            matrices[spec] = judgments
            continue
        for k in range(judgments.n_people):
            matrices[f"{spec}[{k}]"] = replace(judgments, values=judgments.values[k], people=None)
    return matrices

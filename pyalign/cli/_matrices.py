"""Files of ready matrices, as `pyalign score`, `compare` and `rsa` read them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from pyalign.cli import _inputs
from pyalign.cli._command import option, refuse_unused
from pyalign.data import KINDS, Judgments, hash_early
from pyalign.errors import InputError
from pyalign.io.paths import Spec
from pyalign.typing import MatrixKind

GROUP = "matrices"
OF_EMBEDDINGS = ("measure", "transform", "name_column", "per_object")


@dataclass(frozen=True)
class Matrices:
    """Ready matrices instead of embeddings, or in addition to them."""

    matrix: tuple[Spec, ...] | None = option(
        "matrices (n, n) of similarities or dissimilarities, instead of embeddings or in addition to "
        "them; also condensed (the pairs above the diagonal) or a stack (k, n, n), which counts as k "
        "matrices; FILE::KEY picks an array; NaN marks a missing pair", nargs="+",
        metavar="FILE", role="input", group=GROUP,
    )  # fmt: skip
    kind: MatrixKind | None = option(
        "whether larger values in --matrix mean more similar or more dissimilar (default: what the diagonal shows; a "
        "data set knows it)",
        choices=KINDS,
        group=GROUP,
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


def read(options: Any) -> dict[str, Judgments]:
    """The matrices of a command, by their specifications."""
    return read_matrices(options.matrix or (), options.kind, "--matrix", options.names)


def read_judgments(spec: Spec, kind: MatrixKind | None, names: Spec | None) -> Judgments:
    """The judgments in FILE or FILE::KEY; names: a file of the names of their objects."""
    from pyalign.io.judgments import load_judgments

    of_objects = None if names is None else _inputs.names_of(names)
    judgments = load_judgments(spec.path, kind=kind, key=spec.key, names=of_objects)
    hash_early(judgments)
    return judgments


def read_matrices(
    specs: Sequence[Spec], kind: MatrixKind | None, flag: str, names: Spec | None = None
) -> dict[str, Judgments]:
    """The matrices in files, by specification; those of a stack by their place in it.

    flag: the option that names the files, for messages.
    """
    twice = [spec for spec in specs if list(specs).count(spec) > 1]
    if twice:
        raise InputError(f"{flag} must differ; got {twice[0]} {list(specs).count(twice[0])} times")
    matrices: dict[str, Judgments] = {}
    for spec in specs:
        judgments = read_judgments(spec, kind, names)
        if judgments.n_people is None:
            matrices[spec] = judgments
            continue
        for k in range(judgments.n_people):
            matrices[f"{spec}[{k}]"] = replace(judgments, values=judgments.values[k], people=None)
    return matrices

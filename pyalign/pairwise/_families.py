"""The families of representation measures, and models made ready for one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from pyalign.errors import InputError
from pyalign.pairwise._matrices import MatrixFamily
from pyalign.pairwise._neighbours import NeighbourFamily
from pyalign.pairwise._subspaces import Subspace, SubspaceFamily, rank_note
from pyalign.pairwise.representation import RepresentationMeasure


class Family(Protocol):
    """How models are compared by a measure; what `prepare` makes of a model serves all comparisons with it."""

    n: int

    def prepare(self, x: np.ndarray) -> Any:
        """What is needed of a model (n, d)."""

    def score(self, a: Any, b: Any) -> float:
        """The similarity of two."""

    def nulls(self, a: Any, b: Any, orders: np.ndarray) -> np.ndarray:
        """(k,) the same with the rows of b in other orders (k, n)."""


FAMILIES: dict[str, type[Any]] = {"matrix": MatrixFamily, "neighbours": NeighbourFamily, "subspace": SubspaceFamily}


def family_of(measure: RepresentationMeasure, shapes: Sequence[tuple[int, ...]], backend: str) -> Family:
    """The family of a measure, for models of these shapes (n, d).

    Raises:
        InputError: fewer rows than the measure needs.
    """
    n = shapes[0][0]
    if n < measure.least:
        raise InputError(f"{measure} needs at least {measure.least} rows; got {n}")
    family: Family = FAMILIES[measure.family](measure, shapes, backend)
    return family


def prepared(family: Family, models: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Each model made ready; an error names it."""
    found = {}
    for name, x in models.items():
        try:
            found[name] = family.prepare(x)
        except InputError as error:
            raise InputError(f"{name}: {error}") from error
    return found


def notes_on(measure: RepresentationMeasure, ready: Mapping[str, Any], models: Mapping[str, np.ndarray]) -> list[str]:
    """What a person should know about these figures: a bias, correlations that are 1 by themselves."""
    n = len(next(iter(models.values())))
    if all(isinstance(one, Subspace) for one in ready.values()):
        note = rank_note([one.columns.shape[1] for one in ready.values()], n, measure)
        return [] if note is None else [note]
    widest = max(x.shape[1] for x in models.values())
    if measure.biased and widest > n:
        told = f"independent models look alike with {widest:,} features of {n:,} rows"
        return [f"{measure}: {told}: debiased-cka and calibrated scores do not"]
    return []

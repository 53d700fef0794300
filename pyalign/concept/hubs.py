"""Hubs: objects that are among the nearest neighbours of very many others, and those that are of none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pyalign import _checks
from pyalign.concept.neighbor_lists import checked_k, neighbor_lists
from pyalign.concept.neighborhoods import notes_on_lists
from pyalign.data import Provenance
from pyalign.documents import hidden
from pyalign.measures import Measure
from pyalign.ops.rows import match_rows
from pyalign.results import Result

HUB = 2  # a hub is a neighbour this many times as often as the mean


@dataclass(frozen=True)
class Hub:
    """One object: `row`, `name` where it has one, and the `count` of others that it is one of the k nearest of."""

    row: int
    name: str | None
    count: int


@dataclass(frozen=True)
class HubResult(Result):
    """One model's k-occurrences N, how often each object is among the k nearest of others; their mean is k.

    Attributes:
        embeddings: the model's name.
        skewness: mean of ((N - k) / standard deviation of N)^3; 0 where all N are the same.
        robin_hood: sum of |N - k| / (2 k (n - 1)): the share of places in lists that would have to change hands until
            all objects had as many; 0 for none, 1 where k objects are the neighbours of all others, about.
        antihubs: the share of objects that are neighbours of none.
        hub_occurrence: the share of places in lists that objects with N of at least 2 k hold.
        largest: the objects with the largest N.
        counts: (n,) int64 N; no document holds them.
        label: another name of the embeddings.
    """

    embeddings: str
    skewness: float
    robin_hood: float
    antihubs: float
    hub_occurrence: float
    largest: tuple[Hub, ...]
    label: str | None = None
    counts: np.ndarray = hidden(default=None, compare=False)


@dataclass(frozen=True)
class Hubs(Result):
    """Hubness by models, of k neighbours of n_objects by a measure."""

    command: ClassVar[str] = "hubs"
    rows: ClassVar[str] = "results"

    results: tuple[HubResult, ...]
    k: int
    measure: str
    n_objects: int

    def __getitem__(self, k: int) -> HubResult:
        return self.results[k]


def hubs(x: object, *, k: int = 10, measure: str | Measure = "cosine", largest: int = 10) -> Hubs:
    """How unequally objects are neighbours of others.

    Args:
        x: (n, d) embeddings, or a mapping of names to them.
        k: neighbours, from 1 to n - 1.
        measure: see `pyalign.similarity`.
        largest: how many of the largest hubs are named.

    Raises:
        InputError: as `pyalign.similarity`; a k that is out of range.

    Source: Radovanović, Nanopoulos and Ivanović, "Hubs in space", JMLR 2010 (skewness); Feldbauer et al., "Fast
    approximate hubness reduction for large high-dimensional data", 2018 (Robin Hood index).

    Example:
        >>> found = hubs(np.array([[0.0], [1.0], [-1.1], [5.0]]), k=1, measure="neg_euclidean")
        >>> found[0].largest[0].count, found[0].antihubs
        (2, 0.5)
    """
    models = {str(name): one for name, one in x.items()} if isinstance(x, Mapping) else {"x": x}
    _checks.whole_number(largest, "largest", 0)
    matched = match_rows(models)
    k, rows = checked_k(k, matched.n), matched.take()
    results = []
    for name in models:
        counts = np.bincount(neighbor_lists(rows[name], k, measure).ravel(), minlength=matched.n)
        results.append(_result(name, counts, k, largest, matched.names))
    options = {"k": k, "measure": str(measure), "largest": largest}
    return Hubs(
        tuple(results), k, str(measure), matched.n, notes=(*matched.notes, *notes_on_lists(rows)),
        provenance=Provenance.now([*models.items()], options, "auto", None),
    )  # fmt: skip


def _result(name: str, counts: np.ndarray, k: int, largest: int, names: tuple[str, ...] | None) -> HubResult:
    n, apart = len(counts), counts.astype(np.float64) - k
    deviation = float(np.sqrt((apart**2).mean()))
    top = np.argsort(-counts, kind="stable")[:largest]
    return HubResult(
        name,
        float((apart**3).mean()) / deviation**3 if deviation else 0.0,
        float(np.abs(apart).sum()) / (2 * k * (n - 1)),
        float((counts == 0).mean()),
        float(counts[counts >= HUB * k].sum()) / (n * k),
        tuple(Hub(int(row), None if names is None else names[row], int(counts[row])) for row in top),
        counts=counts,
    )

"""Hubness: objects that are among the nearest neighbours of very many others, and those that are of none."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass
from pyalign._result import Result, picked
from pyalign.concept.neighbor_lists import TIED, checked_k, tied_at
from pyalign.data import Provenance
from pyalign.data.names import largest_of
from pyalign.data.similarities import one_or_several
from pyalign.documents import hidden
from pyalign.measures import get_measure
from pyalign.nearest.neighbors import neighbors
from pyalign.nearest.space import parts
from pyalign.ops.similarity import match_rows, similarity
from pyalign.typing import EmbeddingsLike, MeasureLike, Models

HUB = 2  # a hub is a neighbour this many times as often as the mean
BLOCK = 1 << 22  # similarities at once


@dataclass(frozen=True)
class Hub:
    """An object that is a neighbour of many others."""

    row: int  # the row of the object.
    name: str | None  # its name, or None.
    # the number of objects that have it among their k nearest neighbours. If further objects are as near as the k-th
    # neighbour, this is the mean over all ways to break the ties.
    count: float


@dataclass(frozen=True)
class HubResult(Result):
    """The hubness of one model, by its k-occurrences N: how many objects have an object among their k nearest.

    The mean of N is k.
    """

    embeddings: str  # the name of the model.
    skewness: float  # the skewness of N, the mean of ((N - k) / standard deviation of N)^3; 0 if all N are equal.
    # the Robin Hood index, the sum of |N - k| / (2 k (n - 1)): the proportion of places in neighbour lists that would
    # have to be redistributed until all objects had equally many. It is 0 if all N are equal, and about 1 if the same k
    # objects are the neighbours of all others.
    robin_hood: float
    # the proportion of objects that are not a neighbour of any other, as a mean over all ways to break ties.
    antihubs: float
    # the proportion of places in neighbour lists that are taken by objects with N of at least 2 k.
    hub_occurrence: float
    largest: tuple[Hub, ...]  # the objects with the largest N.
    # the number of objects for which further objects are as near as the k-th neighbour, up to rounding. N is then the
    # mean over all ways to break the ties, so it does not depend on the order of the rows.
    n_tied: int = 0
    label: str | None = None  # a shorter name for tables, or None.
    # (n,) float64, N of each object. Documents do not contain it.
    counts: np.ndarray = hidden(default=None, compare=False)


@dataclass(frozen=True)
class Hubness(Result):
    """The hubness of one or more models."""

    command: ClassVar[str] = "hubs"
    rows: ClassVar[str] = "results"

    results: tuple[HubResult, ...]  # a result for each model.
    k: int  # the number of neighbours of each object.
    measure: str  # the similarity measure.
    n_objects: int  # the number of objects.

    def __getitem__(self, k: int | str) -> HubResult:
        return picked(self.results, k)


def hubness(
    embeddings: EmbeddingsLike | Models, *, k: int = 10, measure: MeasureLike = "cosine", largest: int = 10
) -> Hubness:
    """Measure how unequally often objects are neighbours of others.

    Args:
        embeddings: (n, d) embeddings, or a mapping of names to them.
        k: the number of neighbours, from 1 to n - 1.
        measure: see `pyalign.similarity`.
        largest: the number of largest hubs to return.

    Returns:
        A `Hubness`: the skewness of k-occurrences, the Robin Hood index, and the largest hubs of each model.

    Raises:
        InputError: as `pyalign.similarity`; a k that is out of range.

    Source: Radovanović, Nanopoulos and Ivanović, "Hubness in space", JMLR 2010 (skewness); Feldbauer et al., "Fast
    approximate hubness reduction for large high-dimensional data", 2018 (Robin Hood index).

    Example:
        >>> hubs = hubness(np.array([[0.0], [1.0], [-1.1], [5.0]]), k=1, measure="neg_euclidean")
        >>> hubs[0].largest[0].count, hubs[0].antihubs
        (2.0, 0.5)
    """
    models = one_or_several(embeddings)
    _checks.whole_number(largest, "largest", 0)
    matched = match_rows(models)
    k, rows = checked_k(k, matched.n), matched.take()
    results, notes = [], []
    for name in models:
        counted = occurrences(rows[name], k, measure)
        results.append(_result(name, counted, k, largest, matched.names))
        notes += _notes_on_ties(name, rows[name], counted.n_tied, k, measure)
    options = {"k": k, "measure": str(measure), "largest": largest}
    return Hubness(
        tuple(results), k, str(measure), matched.n, notes=(*matched.notes, *notes),
        provenance=Provenance.now([*models.items()], options, "auto", None),
    )


class Occurrences(NamedTuple):
    """How often each of n rows is among the k nearest of others, where ties are broken at random.

    counts: float64 (n,), the mean. none: (n,), the probability that it is never. n_tied: rows whose k-th neighbour ties
    with others beyond it.
    """

    counts: np.ndarray
    none: np.ndarray
    n_tied: int


def occurrences(x: np.ndarray, k: int, measure: MeasureLike) -> Occurrences:
    """Counts from the exact lists of neighbours; similarities that differ only by rounding tie.

    Example:
        >>> counted = occurrences(np.array([[0.0], [1.0], [-1.0], [5.0]]), 1, "neg_euclidean")
        >>> counted.counts.tolist(), counted.none.tolist(), counted.n_tied
        ([2.0, 1.5, 0.5, 0.0], [0.0, 0.0, 0.5, 1.0], 1)
    """
    n = len(x)
    nearest = neighbors(x, k=min(k + 1, n - 1), measure=measure, index="flat")
    tied = tied_at(nearest.similarities, k)
    counts = np.bincount(nearest.indices[~tied, :k].ravel(), minlength=n).astype(np.float64)
    none = (counts == 0).astype(np.float64)
    rows = np.flatnonzero(tied)
    of = "neg_euclidean" if get_measure(measure).name == "rbf" else measure  # which is 0 far away
    wide = x.astype(np.float64)
    for part in parts(len(rows), n, BLOCK):
        some = rows[part]
        near = similarity(wide[some], wide, measure=of)
        near[np.arange(len(some)), some] = -np.inf
        last = -np.partition(-near, k - 1, axis=1)[:, k - 1 : k]
        rounding = TIED * np.abs(last)
        nearer, level = near > last + rounding, np.abs(near - last) <= rounding
        shares = nearer + level * ((k - nearer.sum(axis=1)) / level.sum(axis=1))[:, None]
        counts += shares.sum(axis=0)
        none *= (1.0 - shares).prod(axis=0)
    return Occurrences(counts, none, len(rows))


def _notes_on_ties(name: str, x: np.ndarray, n_tied: int, k: int, measure: MeasureLike) -> list[str]:
    if not n_tied:
        return []
    zero = int((~x.any(axis=1)).sum())
    of_zero = f"; {zero:,} rows are zero throughout" if zero else ""
    whose = "all objects" if n_tied == len(x) else f"{n_tied:,} of {len(x):,} objects"
    tie = f"for {whose} of {name} others are as near by {measure} as neighbour {k}, but for rounding"
    return [f"{tie}: each is the neighbour equally often{of_zero}"]


def _result(name: str, counted: Occurrences, k: int, largest: int, names: tuple[str, ...] | None) -> HubResult:
    counts = counted.counts
    n, apart = len(counts), counts - k
    apart[np.abs(apart) < 1e-9 * k] = 0.0  # shares that add up to k but for rounding
    deviation = float(np.sqrt((apart**2).mean()))
    top = largest_of(counts, names)[:largest]
    return HubResult(
        name,
        float((apart**3).mean()) / deviation**3 if deviation else 0.0,
        float(np.abs(apart).sum()) / (2 * k * (n - 1)),
        float(counted.none.mean()),
        float(counts[counts >= HUB * k].sum()) / (n * k),
        tuple(Hub(int(row), None if names is None else names[row], float(counts[row])) for row in top),
        counted.n_tied,
        counts=counts,
    )

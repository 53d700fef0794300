"""The families of representation measures, and models made ready for one.

Those of symmetric matrices are in `rdms`; two stand here. Mutual k-nearest neighbors and CKNNA say who is near whom,
of rows compared by their cosines: a permutation moves both ends of a pair of neighbors, so that the null of n k pairs
is n k look-ups. Orthogonal Procrustes, CCA, SVCCA and PWCCA are singular values of a product of features, in float64.
The features of a model are turned to their principal components once; a permutation of the items moves the rows of one
of the two, so that a null is a product and the singular values of a small matrix.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from pyalign._dataclass import dataclass
from pyalign.backends import get_host_backend
from pyalign.errors import InputError, MissingExtraError
from pyalign.nearest.scan import NeighborRanks
from pyalign.ops.resample import identity
from pyalign.ops.similarity import similarity
from pyalign.ops.topk import topk
from pyalign.pairwise.rdms import MatrixFamily, RepresentationMeasure, centered_columns, not_defined
from pyalign.typing import BackendName


@dataclass(frozen=True)
class Neighbors:
    """Who is near whom."""

    # rows, columns: (n k,) the pairs.
    rows: np.ndarray
    columns: np.ndarray
    near: NeighborRanks  # the rank of any column among the neighbors of any row.
    similarities: np.ndarray | None  # (n, n), or None where they don't count.
    length: float = 1.0  # the root of the alignment of the model with itself; 1 for shares.


class NeighborFamily:
    """See the module."""

    def __init__(
        self, measure: RepresentationMeasure, shapes: Sequence[tuple[int, ...]], backend: BackendName = "auto"
    ):
        self.measure, self.backend, self.n = measure, backend, shapes[0][0]
        self.k = int(measure.value)  # type: ignore[arg-type]
        if not self.k < self.n:
            raise InputError(f"{measure} needs more than {self.k} rows: k is at most n - 1; got {self.n}")

    def prepare(self, x: np.ndarray) -> Neighbors:
        """The neighbors of the rows of a model (n, d)."""
        similarities = similarity(x, measure="cosine", backend=self.backend)
        columns = topk(similarities, self.k, own=0, backend=self.backend).ravel()
        rows = np.repeat(np.arange(self.n), self.k)
        near = NeighborRanks(columns.reshape(self.n, self.k))
        if self.measure.kernel == "overlap":
            return Neighbors(rows, columns, near, None)
        neighbors = Neighbors(rows, columns, near, similarities)
        square = float(self._alignments(neighbors, neighbors, identity(self.n))[0])
        if not square > 0:
            raise InputError(f"{self.measure} is not defined: the alignment of the model with itself is not positive")
        return Neighbors(rows, columns, near, similarities, square**0.5)

    def score(self, a: Neighbors, b: Neighbors) -> float:
        return float(self.nulls(a, b, identity(self.n))[0])

    def nulls(self, a: Neighbors, b: Neighbors, orders: np.ndarray) -> np.ndarray:
        """(k,) scores of a with b, whose rows stand in other orders (k, n)."""
        if self.measure.kernel == "kernel":
            return self._alignments(a, b, orders) / (a.length * b.length)
        pairs = ((order[a.rows], order[a.columns]) for order in orders)
        return np.array([np.count_nonzero(b.near.of(*pair)) / len(a.rows) for pair in pairs])

    def _alignments(self, a: Neighbors, b: Neighbors, orders: np.ndarray) -> np.ndarray:
        """(k,) the unbiased HSIC, times n (n - 3), of similarities K, L between neighbors in both models; 0 elsewhere.

        Its first term is the trace of K L, as published, to which only pairs that are neighbors both ways add.
        """
        n, out = self.n, np.empty(len(orders))
        assert a.similarities is not None and b.similarities is not None
        for number, order in enumerate(orders):
            there = order[a.rows], order[a.columns]
            both = b.near.of(*there) > 0
            rows, columns = a.rows[both], a.columns[both]
            left = a.similarities[rows, columns].astype(np.float64)
            right = b.similarities[there[0][both], there[1][both]].astype(np.float64)
            back = (a.near.of(columns, rows) > 0) & (b.near.of(there[1][both], there[0][both]) > 0)  # not symmetric
            across = np.bincount(columns, left, minlength=n) @ np.bincount(rows, right, minlength=n)
            both_sums = float(left.sum()) * float(right.sum())
            out[number] = left[back] @ right[back] + both_sums / ((n - 1) * (n - 2)) - 2 * across / (n - 2)
        return out


@dataclass(frozen=True)
class Subspace:
    """(n, r) columns that are compared, and what they make of the features: (r, d)."""

    columns: np.ndarray
    features: np.ndarray


class SubspaceFamily:
    """See the module."""

    def __init__(
        self, measure: RepresentationMeasure, shapes: Sequence[tuple[int, ...]], backend: BackendName = "auto"
    ):
        self.measure, self.backend, self.n = measure, backend, shapes[0][0]
        self.linalg = _linalg(measure)

    def prepare(self, x: np.ndarray) -> Subspace:
        """The principal components of a model (n, d); raises where all rows are the same."""
        left, values, right = self.linalg.svd(centered_columns(x.astype(np.float64))[0], full_matrices=False)
        rank = int((values > values[0] * max(x.shape) * np.finfo(x.dtype).eps).sum())
        if rank == 0:
            raise not_defined(self.measure)
        kept = _kept(values[:rank], self.measure)
        features = values[:kept, None] * right[:kept]
        if self.measure.kernel == "procrustes":
            return Subspace(left[:, :rank] * (values[:rank] / np.linalg.norm(values[:rank])), features)
        return Subspace(np.ascontiguousarray(left[:, :kept]), features)

    def score(self, a: Subspace, b: Subspace) -> float:
        return float(self.nulls(a, b, identity(self.n))[0])

    def nulls(self, a: Subspace, b: Subspace, orders: np.ndarray) -> np.ndarray:
        """(k,) scores of a with b, whose rows stand in other orders (k, n)."""
        host, turned = get_host_backend(self.backend), np.ascontiguousarray(a.columns.T)
        product, out = np.empty((len(turned), b.columns.shape[1])), np.empty(len(orders))
        for k, order in enumerate(orders):
            host.product(turned, b.columns[order], product)
            out[k] = self._of_product(product, a, b)
        return np.minimum(out, 1.0)

    def _of_product(self, product: np.ndarray, a: Subspace, b: Subspace) -> float:
        if self.measure.kernel != "pwcca":
            values = self.linalg.svdvals(product)
            return float(values.sum() if self.measure.kernel == "procrustes" else np.minimum(values, 1.0).mean())
        left, values, right = self.linalg.svd(product, full_matrices=False)
        directions, features = (left.T, a.features) if len(product) <= product.shape[1] else (right, b.features)
        weights = np.abs(directions @ features).sum(axis=1)
        return float(np.minimum(values, 1.0) @ weights / weights.sum())


def _kept(values: np.ndarray, measure: RepresentationMeasure) -> int:
    """How many components, from their singular values."""
    if measure.kernel != "svcca":
        return len(values)
    asked = measure.value
    if isinstance(asked, int):
        return min(asked, len(values))
    shares = np.cumsum(values**2) / float((values**2).sum())
    return min(len(values), int(np.searchsorted(shares, float(asked))) + 1)  # type: ignore[arg-type]


def _linalg(measure: RepresentationMeasure) -> Any:
    try:
        import scipy.linalg
    except ImportError as error:
        raise MissingExtraError(f"measure {measure.name}", "scipy", "pairwise") from error
    return scipy.linalg


def rank_note(ranks: Sequence[int], n: int, measure: RepresentationMeasure) -> str | None:
    """What is wrong with canonical correlations of more dimensions than items, or None.

    Example:
        >>> from pyalign.pairwise.rdms import REPRESENTATION_MEASURES
        >>> rank_note([25, 25], 200, REPRESENTATION_MEASURES["cca"]) is None
        True
    """
    if measure.kernel == "procrustes":
        return None
    most = sum(sorted(ranks)[-2:])
    if most < n:
        return None
    shortage = (
        f"{n:,} rows are too few for {most:,} dimensions of two models: some correlations are 1 whatever they hold"
    )
    return f"{measure}: {shortage}"


class Family(Protocol):
    """How models are compared by a measure; what `prepare` makes of a model serves all comparisons with it."""

    n: int

    def prepare(self, x: np.ndarray) -> Any:
        """What is needed of a model (n, d)."""

    def score(self, a: Any, b: Any) -> float:
        """The similarity of two models."""

    def nulls(self, a: Any, b: Any, orders: np.ndarray) -> np.ndarray:
        """(k,) similarities of the two with the rows of b in other orders (k, n)."""


FAMILIES: dict[str, type[Any]] = {"matrix": MatrixFamily, "neighbors": NeighborFamily, "subspace": SubspaceFamily}


def family_of(measure: RepresentationMeasure, shapes: Sequence[tuple[int, ...]], backend: BackendName) -> Family:
    """The family of a measure, for models of these shapes (n, d)."""
    n = shapes[0][0]
    if n < measure.least:
        raise InputError(f"{measure} needs at least {measure.least} rows; got {n}")
    family: Family = FAMILIES[measure.family](measure, shapes, backend)
    return family


def prepared(family: Family, models: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Each model made ready; an error names it."""
    ready = {}
    for name, x in models.items():
        try:
            ready[name] = family.prepare(x)
        except InputError as error:
            raise InputError(f"{name}: {error}") from error
    return ready


def notes_on(measure: RepresentationMeasure, ready: Mapping[str, Any], models: Mapping[str, np.ndarray]) -> list[str]:
    """What a reader should know about these figures: a bias, correlations that are 1 by themselves."""
    n = len(next(iter(models.values())))
    if all(isinstance(model, Subspace) for model in ready.values()):
        note = rank_note([subspace.columns.shape[1] for subspace in ready.values()], n, measure)
        return [] if note is None else [note]
    widest = max(x.shape[1] for x in models.values())
    if measure.biased and widest > n:
        bias = f"independent models look alike with {widest:,} features of {n:,} rows"
        return [f"{measure}: {bias}: debiased-cka and calibrated scores do not"]
    return []


def long_rows(measure: RepresentationMeasure, models: Mapping[str, Any], items: Sequence[str] | None) -> list[str]:
    """Sentences about rows so long that pairs with one hold over a quarter of a linear kernel's sum of squares."""
    notes = []
    for name, x in models.items() if measure.kernel == "linear" else ():
        rows = centered_columns(x)[0].astype(np.float64)
        squares = np.einsum("nd,nd->n", np.linalg.multi_dot([rows, rows.T, rows]), rows)
        squares -= (rows * rows).sum(axis=1) ** 2
        longest, share = int(squares.argmax()), 2.0 * float(squares.max() / squares.sum())
        if share > max(0.25, 8.0 / len(x)):  # of few rows, four times an equal share
            row = f"row {longest} (from 0)" if items is None else items[longest]
            notes.append(f"{measure}: pairs with {row} hold {share:.0%} of the weight in {name}: few rows decide")
    return notes

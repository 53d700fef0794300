"""Measures by singular values of a product of features: orthogonal Procrustes, CCA, SVCCA and PWCCA. In float64.

The features of a model are turned to their principal components once; a permutation of the items moves the rows of one
of the two, so that a null is a product and the singular values of a small matrix.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pyalign.backends import get_host_backend
from pyalign.errors import MissingExtraError
from pyalign.ops.permuted import identity
from pyalign.pairwise._matrices import centred_columns, not_defined
from pyalign.pairwise.representation import RepresentationMeasure


@dataclass(frozen=True)
class Subspace:
    """(n, r) columns that are compared, and what they make of the features: (r, d)."""

    columns: np.ndarray
    features: np.ndarray


class SubspaceFamily:
    """See the module."""

    def __init__(self, measure: RepresentationMeasure, shapes: Sequence[tuple[int, ...]], backend: str = "auto"):
        self.measure, self.backend, self.n = measure, backend, shapes[0][0]
        self.linalg = _linalg(measure)

    def prepare(self, x: np.ndarray) -> Subspace:
        """The principal components of a model (n, d); raises where all rows are the same."""
        left, values, right = self.linalg.svd(centred_columns(x.astype(np.float64))[0], full_matrices=False)
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
        >>> from pyalign.pairwise.representation import REPRESENTATION_MEASURES
        >>> rank_note([25, 25], 200, REPRESENTATION_MEASURES["cca"]) is None
        True
    """
    if measure.kernel == "procrustes":
        return None
    most = sum(sorted(ranks)[-2:])
    if most < n:
        return None
    told = f"{n:,} rows are too few for {most:,} dimensions of two models: some correlations are 1 whatever they hold"
    return f"{measure}: {told}"

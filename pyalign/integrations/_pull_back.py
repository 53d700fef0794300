"""From the derivative by similarities to the derivative by rows, for every measure, in differentiable torch.

With weights g_ij = dL / ds_ij the derivative by x_i is sum_j g_ij ds_ij / dx_i:

    dot              sum_j g_ij y_j
    cosine           (sum_j g_ij v_j - (sum_j g_ij s_ij) u_i) / |x_i|     u, v: unit rows; 0 for a zero row
    the distances    sum_j w_ij (y_j - x_i)     w as `pyalign.measures.PairKernel.slope` says

Pearson is the cosine of centred rows: what it gives is centred already. At distance zero, where -|x - y| has no
derivative, 0 is taken. The weights may be a matrix or a list of pairs.
"""

from __future__ import annotations

import warnings
from typing import Protocol

import torch
from torch import Tensor

from pyalign._dataclass import dataclass
from pyalign.measures import Measure


class Weighed(Protocol):
    """Pairs of rows i and j with weights and similarities, and what is summed over the j of each i."""

    @property
    def weights(self) -> Tensor: ...

    @property
    def similarities(self) -> Tensor: ...

    def product(self, weights: Tensor, rows: Tensor) -> Tensor:
        """sum_j weights_ij rows_j: (n, d)."""

    def sums(self, weights: Tensor) -> Tensor:
        """sum_j weights_ij: (n, 1)."""


@dataclass(frozen=True)
class Dense:
    """Weights and similarities of all pairs: (n, m) each."""

    weights: Tensor
    similarities: Tensor

    def product(self, weights: Tensor, rows: Tensor) -> Tensor:
        """sum_j weights_ij rows_j: (n, d)."""
        with torch.autocast(weights.device.type, enabled=False):
            return weights @ rows

    def sums(self, weights: Tensor) -> Tensor:
        """sum_j weights_ij: (n, 1)."""
        return weights.sum(dim=1, keepdim=True)


@dataclass(frozen=True)
class Pairs:
    """Weights and similarities of a list of pairs (i, j) in the order of i, for n rows with themselves."""

    starts: Tensor  # (n + 1,), where the pairs of each i begin.
    j: Tensor  # (p,).
    n: int
    # weights, similarities: (p,).
    weights: Tensor
    similarities: Tensor

    @classmethod
    def sorted(cls, i: Tensor, j: Tensor, n: int, weights: Tensor, similarities: Tensor) -> Pairs:
        """Sorts pairs that are in any order; waits for nothing."""
        i, order = torch.sort(i, stable=True)
        starts = torch.searchsorted(i, torch.arange(n + 1, device=i.device))
        return cls(starts, j[order], n, weights[order], similarities[order])

    def product(self, weights: Tensor, rows: Tensor) -> Tensor:
        """sum_j weights_ij rows_j: (n, d), without an (n, n) or a (p, d) array."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # once a process, that the layout is in beta
            size = self.n, self.n
            matrix = torch.sparse_csr_tensor(self.starts, self.j, weights, size, check_invariants=False)
            with torch.autocast(weights.device.type, enabled=False):
                product: Tensor = matrix @ rows
        return product

    def sums(self, weights: Tensor) -> Tensor:
        """sum_j weights_ij: (n, 1)."""
        return self.product(weights, torch.ones(self.n, 1, dtype=weights.dtype, device=weights.device))


def pull_back(measure: Measure, gamma: float | Tensor, pairs: Weighed, x: Tensor, y: Tensor) -> Tensor:
    """dL / dx (n, d) from dL / ds; what follows through y is another call, with the roles exchanged."""
    dtype = pairs.weights.dtype
    x, y = x.to(dtype), y.to(dtype)
    g, s = pairs.weights, pairs.similarities
    if not measure.kernel.terms:
        return pairs.product(g, y)
    if measure.transform == "centre":
        x, y = _centred(x), _centred(y)
    if measure.kernel.angular:
        inverse = _inverse_norms(x)
        return inverse * (pairs.product(g, _inverse_norms(y) * y) - pairs.sums(g * s) * inverse * x)
    offset = y.detach().mean(dim=0)  # leaves the differences, and keeps their digits
    assert measure.kernel.slope is not None
    w = measure.kernel.slope(g, s, gamma, torch)
    return pairs.product(w, y - offset) - pairs.sums(w) * (x - offset)


def _centred(x: Tensor) -> Tensor:
    """x minus the mean of each row, 0 for a constant row."""
    wide = x.double()
    centred = wide - wide.mean(dim=1, keepdim=True)
    return torch.where(x.amin(dim=1, keepdim=True) == x.amax(dim=1, keepdim=True), 0.0, centred).to(x.dtype)


def _inverse_norms(x: Tensor) -> Tensor:
    """1 / |x|, 0 for a zero row: (n, 1)."""
    norms = torch.linalg.vector_norm(x, dim=1, keepdim=True, dtype=torch.float64)
    positive = norms > 0
    return torch.where(positive, 1.0 / torch.where(positive, norms, 1.0), 0.0).to(x.dtype)

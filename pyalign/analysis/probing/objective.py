"""The cross-entropy of triplets as a function of the linear map, and its gradient.

With Z = X V + b and S = Z Z^T, one pass over the triplets adds the softmax residuals into G (n, n); then
dZ = (G + G^T) Z and dV = X^T dZ. No array of (t, d) is ever made. Products and residuals have the rows' dtype (float32
unless the rows are float64), losses are summed in float64.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pyalign.analysis.probing.products import gram, product
from pyalign.backends import HostBackend, Wanted, get_host_backend
from pyalign.ops.plan import TripletPlan

SMALLEST_NORM = 1e-12  # of a row whose cosines are taken: below it they count as 0


@dataclass(frozen=True)
class Slope:
    """A value and its derivatives by the weights (k, r) and the bias (r,), both float64."""

    value: float
    weights: np.ndarray
    bias: np.ndarray

    def __add__(self, other: Slope) -> Slope:
        return Slope(self.value + other.value, self.weights + other.weights, self.bias + other.bias)

    def scaled(self, factor: float) -> Slope:
        """The slope of factor times the value."""
        return Slope(factor * self.value, factor * self.weights, factor * self.bias)


class TripletTerm:
    """Mean cross-entropy (nats) of answers to triplets under the similarities of Z = rows @ weights + bias.

    Args:
        rows: (n, k) float32 or float64, contiguous.
        triplets: (t, 3) integers in [0, n), the odd item last; checked by the caller.
        measure: ``"dot"`` or ``"cosine"``.
        temperature: divides the similarities.
        answers: (t, 3) weights of the answers that call position p odd; None: one for the last.
        sort: see `pyalign.TripletPlan`.

    Source: Muttenthaler et al., ICLR 2023, equation 2.

    Example:
        >>> term = TripletTerm(np.eye(3), np.array([[0, 1, 2]]))
        >>> slope = term(np.zeros((3, 2)), np.zeros(2))
        >>> round(slope.value, 4), slope.weights.shape
        (1.0986, (3, 2))
    """

    def __init__(
        self, rows: np.ndarray, triplets: np.ndarray, *, measure: str = "dot", temperature: float = 1.0,
        answers: np.ndarray | None = None, sort: bool = True,
    ) -> None:  # fmt: skip
        self.rows, self.triplets = rows, triplets
        self.measure, self.temperature = measure, temperature
        self.answers = None if answers is None else np.ascontiguousarray(answers, rows.dtype)
        self.weight = float(len(triplets)) if answers is None else float(answers.sum(dtype=np.float64))
        self.backend: HostBackend = get_host_backend()
        self.plan = TripletPlan(triplets, len(rows), targets=self.answers, sort=sort)
        self.across = np.ascontiguousarray(rows.T)

    def __call__(self, weights: np.ndarray, bias: np.ndarray) -> Slope:
        """The value and its derivatives at weights (k, r) and bias (r,)."""
        z = self.embed(weights, bias)
        units, inverse = unit_rows(z) if self.measure == "cosine" else (z, None)
        value, both = self.residuals(gram(self.backend, units))
        by_units = product(self.backend, both, units)
        by_z = by_units if inverse is None else through_norms(by_units, units, inverse)
        by_weights = product(self.backend, self.across, by_z)
        return Slope(value, by_weights.astype(np.float64), by_z.sum(axis=0, dtype=np.float64))

    def embed(self, weights: np.ndarray, bias: np.ndarray) -> np.ndarray:
        """Z = rows @ weights + bias: (n, r) of the rows' dtype."""
        dtype = self.rows.dtype
        z = product(self.backend, self.rows, weights.astype(dtype))
        return z + bias.astype(dtype) if bias.any() else z

    def residuals(self, similarities: np.ndarray) -> tuple[float, np.ndarray]:
        """The loss, and G + G^T (n, n) with G the derivative by the similarities that were read."""
        gradient = np.empty_like(similarities)
        scale = 1.0 / self.weight
        value = self.plan.run(self.backend, similarities, self.temperature, scale, gradient) * scale
        self.backend.add_transpose(gradient)
        return value, gradient

    def by_gram(self, weights: np.ndarray, bias: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """In float64: the loss, its derivative by Z Z^T as a symmetric matrix (n, n), and p(position is odd) (t, 3)."""
        wide = self.widened
        z = wide.embed(weights, bias)
        units, inverse = unit_rows(z) if self.measure == "cosine" else (z, None)
        similarities = gram(self.backend, units)
        value, both = wide.residuals(similarities)
        probabilities = np.empty((len(self.triplets), 3))
        want = Wanted(probabilities=probabilities, temperature=self.temperature)
        self.backend.triplets_from_matrix(similarities, self.triplets, want)
        half = 0.5 * both
        if inverse is not None:
            along = np.einsum("ij,ij->i", half, similarities)
            half[np.diag_indices_from(half)] -= along
            half *= inverse * inverse.T
        return value, half, probabilities

    @cached_property
    def widened(self) -> TripletTerm:
        """The same in float64."""
        if self.rows.dtype == np.float64:
            return self
        wide = copy(self)
        wide.rows, wide.across = self.rows.astype(np.float64), self.across.astype(np.float64)
        return wide

    def mean_entropy(self, share: float, probabilities: np.ndarray) -> float:
        """Mean entropy (nats) of share * p + (1 - share) * answer, over the answers."""
        mixed = share * probabilities
        if self.answers is None:
            weights: np.ndarray | float = 1.0
            mixed[:, 2] += 1.0 - share
        else:
            wide = self.answers.astype(np.float64)
            weights = wide.sum(axis=1)
            mixed += (1.0 - share) * wide / np.maximum(weights, np.finfo(float).tiny)[:, None]
        logs = np.log(np.maximum(mixed, np.finfo(float).tiny))
        return -float((weights * np.einsum("ij,ij->i", mixed, logs)).sum()) / self.weight


def unit_rows(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows of length 1, and 1 / |z| (n, 1); both 0 for a zero row, whose cosines are 0."""
    norms = np.sqrt(np.einsum("ij,ij->i", z, z, dtype=np.float64))
    inverse = np.divide(1.0, norms, out=np.zeros_like(norms), where=norms > SMALLEST_NORM)
    inverse = inverse.astype(z.dtype)[:, None]
    return z * inverse, inverse


def through_norms(by_units: np.ndarray, units: np.ndarray, inverse: np.ndarray) -> np.ndarray:
    """From the derivative by unit rows to that by the rows: only what is orthogonal to a row turns it."""
    along = np.einsum("ij,ij->i", by_units, units)[:, None]
    return (by_units - along * units) * inverse

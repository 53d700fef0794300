"""How well a linear map keeps who is near whom among other images: gLocal's local loss, and its gradient.

In a batch of images every image has a distribution over the others, softmax(cosine / tau). The teacher's is of the rows
as they came, the map's of the rows that it gives. Products and distributions have the rows' dtype, losses are summed in
float64.
"""

from __future__ import annotations

import numpy as np

from pyalign.analysis.probing.objective import Slope, through_norms, unit_rows
from pyalign.analysis.probing.products import gram, product
from pyalign.backends import HostBackend, get_host_backend

KEPT_BYTES = 1 << 30  # of teachers; those of further batches are computed again at each pass


def image_batches(m: int, size: int, batches: int | None, seed: int) -> list[np.ndarray]:
    """Images 0 to m - 1 shuffled into batches of about equal size, none above `size`; the first `batches` of them.

    Example:
        >>> [len(batch) for batch in image_batches(10, 4, None, seed=0)]
        [4, 3, 3]
    """
    order = np.random.default_rng([seed, 2]).permutation(m)
    return np.array_split(order, -(-m // size))[:batches]


class LocalTerm:
    """Mean cross-entropy (nats) between the neighbours of images before and after a map.

    Args:
        rows: (m, k) float32 or float64: what the map is applied to.
        images: (m, d) the same images as they came: the teacher.
        batches: of images; those in none take no part.
        tau: divides the cosines, on both sides.

    Source: Muttenthaler et al., "Improving neural network representations using human similarity judgments", NeurIPS
    2023, section 3.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(6, 3))
        >>> term = LocalTerm(x, x, [np.arange(6)], tau=0.1)
        >>> bool(abs(term(np.eye(3), np.zeros(3)).value - term.entropy()) < 1e-12)
        True
    """

    def __init__(self, rows: np.ndarray, images: np.ndarray, batches: list[np.ndarray], *, tau: float) -> None:
        self.rows, self.images, self.batches, self.tau = rows, images, batches, tau
        self.count = sum(map(len, batches))
        self.backend: HostBackend = get_host_backend()
        self.teachers: dict[int, np.ndarray] = {}

    def __call__(self, weights: np.ndarray, bias: np.ndarray) -> Slope:
        """The value and its derivatives at weights (k, r) and bias (r,)."""
        total = Slope(0.0, np.zeros(weights.shape), np.zeros(bias.shape))
        for number in range(len(self.batches)):
            total = total + self._batch(number, weights, bias)
        return total

    def _batch(self, number: int, weights: np.ndarray, bias: np.ndarray) -> Slope:
        rows = self.rows[self.batches[number]]
        z = product(self.backend, rows, weights.astype(rows.dtype))
        if bias.any():
            z += bias.astype(rows.dtype)
        units, inverse = unit_rows(z)
        logs = self._log_softmax(units)
        p = self.teacher(number)
        value = -float(np.einsum("ij,ij->", p, logs, dtype=np.float64)) / self.count
        residuals = np.exp(logs)
        residuals -= p
        np.fill_diagonal(residuals, 0.0)
        residuals *= rows.dtype.type(1.0 / (self.tau * self.count))
        self.backend.add_transpose(residuals)
        by_z = through_norms(product(self.backend, residuals, units), units, inverse)
        by_weights = product(self.backend, np.ascontiguousarray(rows.T), by_z)
        return Slope(value, by_weights.astype(np.float64), by_z.sum(axis=0, dtype=np.float64))

    def _log_softmax(self, units: np.ndarray) -> np.ndarray:
        """log p (b, b) of each image over the others; the diagonal is 0, so that it adds nothing where p is 0 there."""
        s = gram(self.backend, units)
        s *= s.dtype.type(1.0 / self.tau)
        np.fill_diagonal(s, -np.inf)
        s -= s.max(axis=1, keepdims=True)
        s -= np.log(np.exp(s).sum(axis=1, dtype=np.float64, keepdims=True)).astype(s.dtype)
        np.fill_diagonal(s, 0.0)
        return s

    def teacher(self, number: int) -> np.ndarray:
        """p (b, b) of a batch before the map; 0 on the diagonal."""
        if number in self.teachers:
            return self.teachers[number]
        images = self.images[self.batches[number]].astype(self.rows.dtype)
        p = np.exp(self._log_softmax(unit_rows(images)[0]))
        np.fill_diagonal(p, 0.0)
        if sum(kept.nbytes for kept in self.teachers.values()) + p.nbytes <= KEPT_BYTES:
            self.teachers[number] = p
        return p

    def entropy(self) -> float:
        """Mean entropy (nats) of the teacher: the least that the cross-entropy can be."""
        total = 0.0
        for number in range(len(self.batches)):
            p = self.teacher(number).astype(np.float64)
            total -= float(np.einsum("ij,ij->", p, np.log(np.maximum(p, np.finfo(float).tiny))))
        return total / self.count

    def widened(self) -> LocalTerm:
        """The same in float64."""
        if self.rows.dtype == np.float64:
            return self
        return LocalTerm(self.rows.astype(np.float64), self.images, self.batches, tau=self.tau)

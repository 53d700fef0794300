"""How well a linear map keeps who is near whom among other embeddings: gLocal's local loss, and its gradient.

In a batch every row has a distribution over the others, softmax(cosine / tau). The teacher's is of the rows
as they came, the map's of the rows that it gives. Products and distributions have the rows' dtype, losses are summed in
float64.
"""

from __future__ import annotations

from copy import copy
from typing import Any

import numpy as np

from pyalign.backends import Array
from pyalign.fitting.algebra import Algebra, through_norms
from pyalign.fitting.objective import Slope
from pyalign.fitting.place import algebra_for

KEPT_BYTES = 1 << 30  # of teachers; those of further batches are computed again at each pass


def other_batches(m: int, size: int, batches: int | None, seed: int) -> list[np.ndarray]:
    """Rows 0 to m - 1 shuffled into batches of about equal size, none above `size`; the first `batches` of them.

    Example:
        >>> [len(batch) for batch in other_batches(10, 4, None, seed=0)]
        [4, 3, 3]
    """
    order = np.random.default_rng([seed, 2]).permutation(m)
    return np.array_split(order, -(-m // size))[:batches]


class LocalTerm:
    """Mean cross-entropy (nats) between the neighbors of rows before and after a map.

    Args:
        rows: (m, k) float32 or float64: what the map is applied to.
        others: (m, d) the same rows as they came: the teacher.
        batches: of rows; those in none take no part.
        tau: divides the cosines, on both sides.
        on: where it is computed, to which all of these are brought; None: on the host.

    Source: Muttenthaler et al., "Improving neural network representations using human similarity judgments", NeurIPS
    2023, section 3.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(6, 3))
        >>> term = LocalTerm(x, x, [np.arange(6)], tau=0.1)
        >>> bool(abs(term(np.eye(3), np.zeros(3)).value - term.entropy()) < 1e-12)
        True
    """

    def __init__(
        self, rows: np.ndarray, others: np.ndarray, batches: list[np.ndarray], *, tau: float, on: Algebra | None = None
    ) -> None:
        self.on = on or algebra_for()
        self.dtype, bring = rows.dtype, self.on.door.bring
        self.rows, self.others, self.tau = bring(rows), bring(others), tau
        self.batches: list[Array] = [bring(batch) for batch in batches]
        self.count = sum(map(len, batches))
        self.teachers: dict[int, Array] = {}

    def __call__(self, weights: np.ndarray, bias: np.ndarray) -> Slope:
        """The value and its derivatives at weights (k, r) and bias (r,)."""
        bring = self.on.door.bring
        with self.on.door.running():
            given = bring(weights.astype(self.dtype)), bring(bias.astype(self.dtype)) if bias.any() else None
            value, by_weights, by_bias = self._batch(0, *given)
            for number in range(1, len(self.batches)):
                more = self._batch(number, *given)
                value, by_weights, by_bias = value + more[0], by_weights + more[1], by_bias + more[2]
            return Slope(float(value), *self.on.fetched_slope(by_weights, by_bias))

    def _batch(self, number: int, weights: Array, bias: Array | None) -> tuple[Any, Array, Array]:
        """The value and its derivatives in float64, where they were computed."""
        on, rows = self.on, self.rows[self.batches[number]]
        z = on.product(rows, weights)
        if bias is not None:
            z += bias
        units, inverse = on.unit_rows(z)
        logs = on.log_shares(on.gram(units), self.tau)
        p = self.teacher(number)
        value = -on.inner(p, logs) / self.count
        residuals = on.exp(logs)
        residuals -= p
        on.fill_diagonal(residuals, 0.0)
        residuals *= 1.0 / (self.tau * self.count)
        by_z = through_norms(on, on.product(on.with_transpose(residuals), units), units, inverse)
        by_weights = on.product(on.transposed(rows), by_z)
        return value, on.door.cast(by_weights, np.float64), on.column_sums(by_z)

    def teacher(self, number: int) -> Array:
        """p (b, b) of a batch before the map; 0 on the diagonal."""
        if number in self.teachers:
            return self.teachers[number]
        on, others = self.on, self.on.door.cast(self.others[self.batches[number]], self.dtype)
        p = on.exp(on.log_shares(on.gram(on.unit_rows(others)[0]), self.tau))
        on.fill_diagonal(p, 0.0)
        if sum(kept.nbytes for kept in self.teachers.values()) + p.nbytes <= KEPT_BYTES:
            self.teachers[number] = p
        return p

    def entropy(self) -> float:
        """Mean entropy (nats) of the teacher: the least that the cross-entropy can be."""
        total = 0.0
        for number in range(len(self.batches)):
            p = self.on.door.cast(self.teacher(number), np.float64)
            total -= float(self.on.inner(p, self.on.log(p.clip(min=float(np.finfo(float).tiny)))))
        return total / self.count

    def widened(self) -> LocalTerm:
        """The same in float64."""
        if self.dtype == np.float64:
            return self
        wide = copy(self)
        wide.on, wide.dtype, wide.teachers = self.on.widened(), np.dtype(np.float64), {}
        wide.rows = self.on.door.cast(self.rows, np.float64)
        return wide

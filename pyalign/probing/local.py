"""gLocal: a map that predicts human answers and keeps who is near whom among other embeddings.

Minimizes (1 - alpha) * mean cross-entropy of triplets + alpha * `LocalTerm` + penalty * penalty: the same search as
without the local term, from a multiple of the identity, and without a duality gap.

Source: Muttenthaler et al., "Improving neural network representations using human similarity judgments", NeurIPS 2023,
equation 5. There by SGD; the published code also leaves the other embeddings unstandardized when it trains, not when it
applies the map. Here both are standardized, and the teacher is the embeddings as they came.

The local loss says how well a map keeps who is near whom. In a batch every row has a distribution over the others,
softmax(cosine / tau). The teacher's is of the rows as they came, the map's of the rows that it gives. Products and
distributions have the rows' dtype, losses are summed in float64.
"""

from __future__ import annotations

from copy import copy
from functools import cached_property
from typing import Any

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass
from pyalign.backends import Array
from pyalign.data import ODD_ONE_OUT
from pyalign.errors import InputError
from pyalign.fitting.algebra import Algebra, through_norms
from pyalign.fitting.objective import Slope
from pyalign.fitting.place import algebra_for
from pyalign.nearest.neighbors import neighbor_overlap
from pyalign.probing.parameters import FEWEST_OTHERS, Basis, LocalOptions, ProbeOptions, own_basis, principal_basis
from pyalign.probing.problem import Map, Problem, finite_rows

NEIGHBORS = (1, 10)
KEPT_BYTES = 1 << 30  # of teachers; those of further batches are computed again at each pass


@dataclass(frozen=True)
class LocalFigures:
    """How a map changes other embeddings."""

    cross_entropy: float  # the mean cross-entropy between their neighbors before and after the map, in nats.
    # the entropy of their neighbors before the map, in nats, the lower bound of `cross_entropy`.
    teacher_entropy: float
    # for k = 1 and 10 (or as many as there are) the proportion of the k nearest others by cosine that remain among the
    # k nearest after the map, over all other embeddings, including those in no batch.
    neighbors_kept: dict[int, float]
    n: int  # the number of other embeddings that were used.
    n_batches: int  # the number of their batches.
    options: LocalOptions  # the options of the local loss.


class LocalProblem(Problem):
    """Triplets and who is near whom among other embeddings, as a function of a map.

    Args:
        x, triplets, options, answers, on, task: see `Problem`.
        others: (m, d) other embeddings, and how they count.
    """

    def __init__(
        self, x: object, triplets: object, options: ProbeOptions, answers: np.ndarray | None = None,
        on: Algebra | None = None, task: str = ODD_ONE_OUT, *, others: tuple[object, LocalOptions],
    ) -> None:
        rows, self.local = others
        if options.norm == "nuclear":
            raise InputError("norm must be identity, frobenius or squared with other embeddings; got 'nuclear'")
        if isinstance(options.rank, int):
            raise InputError(f"rank must be 'full' or 'diagonal' with other embeddings; got {options.rank}")
        self.others = _other_rows(rows, finite_rows(x).shape[1])
        super().__init__(x, triplets, options, answers, on, task)
        batches = other_batches(len(self.others), self.local.batch_size, self.local.n_batches, options.seed)
        self.local_term = LocalTerm(self.other_rows, self.others, batches, tau=self.local.tau, on=self.on)

    @property
    def convex(self) -> bool:
        """No: cosines of mapped rows are not."""
        return False

    @property
    def whole(self) -> bool:
        """Yes: what distinguishes the rows of a multiple of the identity is in all columns."""
        return True

    def _basis(self, rows: np.ndarray) -> Basis:
        """A basis of all features, conditioned for items and others alike; the others' rows go to `other_rows`."""
        both = np.concatenate([rows, self.standardization.apply(self.others)])
        if self.options.rank == "diagonal":
            basis = own_basis(both, self.dtype)
        else:
            basis = principal_basis(both, self.dtype, complete=True)
        self.other_rows = basis.rows[len(rows) :]
        return Basis(basis.axes, basis.stretch, basis.rows[: len(rows)])

    def slope(self, at: Map, wide: bool = False) -> Slope:
        """(1 - alpha) of one loss and alpha of the other, which is not computed where it counts nothing."""
        alpha = self.local.local_weight
        slope = super().slope(at, wide).scaled(1.0 - alpha)
        if alpha == 0:
            return slope
        return slope + (self.wide_local_term if wide else self.local_term)(at.weights, at.bias).scaled(alpha)

    def total(self, loss: float, at: Map) -> float:
        """Both losses in float64, from that of the triplets."""
        alpha = self.local.local_weight
        if alpha == 0:
            return loss
        return (1.0 - alpha) * loss + alpha * self.wide_local_term(at.weights, at.bias).value

    def figures(self, at: Map) -> LocalFigures:
        """What a map does to the others."""
        term = self.wide_local_term
        m = len(self.others)
        k = sorted({min(number, m - 1) for number in NEIGHBORS})
        return LocalFigures(
            cross_entropy=term(at.weights, at.bias).value,
            teacher_entropy=term.entropy(),
            neighbors_kept=neighbor_overlap(self.others, self.transform(at).apply(self.others), k=k),
            n=term.count,
            n_batches=len(term.batches),
            options=self.local,
        )

    @cached_property
    def wide_local_term(self) -> LocalTerm:
        """The local loss in float64."""
        return self.local_term.widened()


def _other_rows(others: object, d: int) -> np.ndarray:
    rows = _checks.as_rows(others, "other_embeddings")
    _checks.require_finite(~np.isfinite(rows).all(axis=1), "other_embeddings")
    if rows.shape[1] != d:
        raise InputError(f"other_embeddings must have the {d} features of the embeddings; got shape {rows.shape}")
    if len(rows) < FEWEST_OTHERS:
        raise InputError(f"other_embeddings must be at least {FEWEST_OTHERS}; got {len(rows)}")
    return rows


def other_batches(m: int, size: int, n_batches: int | None, seed: int) -> list[np.ndarray]:
    """Rows 0 to m - 1 shuffled into batches of about equal size, none above `size`; the first `n_batches` of them."""
    order = np.random.default_rng([seed, 2]).permutation(m)
    return np.array_split(order, -(-m // size))[:n_batches]


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
    """

    def __init__(
        self, rows: np.ndarray, others: np.ndarray, batches: list[np.ndarray], *, tau: float, on: Algebra | None = None
    ) -> None:
        self.on = on or algebra_for()
        self.dtype, bring = rows.dtype, self.on.dispatch.bring
        self.rows, self.others, self.tau = bring(rows), bring(others), tau
        self.batches: list[Array] = [bring(batch) for batch in batches]
        self.count = sum(map(len, batches))
        self.teachers: dict[int, Array] = {}

    def __call__(self, weights: np.ndarray, bias: np.ndarray) -> Slope:
        """The value and its derivatives at weights (k, r) and bias (r,)."""
        bring = self.on.dispatch.bring
        with self.on.dispatch.running():
            parameters = bring(weights.astype(self.dtype)), bring(bias.astype(self.dtype)) if bias.any() else None
            value, by_weights, by_bias = self._batch(0, *parameters)
            for number in range(1, len(self.batches)):
                more = self._batch(number, *parameters)
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
        return value, on.dispatch.cast(by_weights, np.float64), on.column_sums(by_z)

    def teacher(self, number: int) -> Array:
        """p (b, b) of a batch before the map; 0 on the diagonal."""
        if number in self.teachers:
            return self.teachers[number]
        on, others = self.on, self.on.dispatch.cast(self.others[self.batches[number]], self.dtype)
        p = on.exp(on.log_shares(on.gram(on.unit_rows(others)[0]), self.tau))
        on.fill_diagonal(p, 0.0)
        if sum(kept.nbytes for kept in self.teachers.values()) + p.nbytes <= KEPT_BYTES:
            self.teachers[number] = p
        return p

    def entropy(self) -> float:
        """Mean entropy (nats) of the teacher: the least that the cross-entropy can be."""
        total = 0.0
        for number in range(len(self.batches)):
            p = self.on.dispatch.cast(self.teacher(number), np.float64)
            total -= float(self.on.inner(p, self.on.log(p.clip(min=float(np.finfo(float).tiny)))))
        return total / self.count

    def widened(self) -> LocalTerm:
        """The same term in float64."""
        if self.dtype == np.float64:
            return self
        wide = copy(self)
        wide.on, wide.dtype, wide.teachers = self.on.widened(), np.dtype(np.float64), {}
        wide.rows = self.on.dispatch.cast(self.rows, np.float64)
        return wide

"""gLocal: a map that predicts human answers and keeps who is near whom among other embeddings.

Minimises (1 - alpha) * mean cross-entropy of triplets + alpha * `LocalTerm` + strength * penalty: the same search as
without the local term, from a multiple of the identity, and without a certificate.

Source: Muttenthaler et al., "Improving neural network representations using human similarity judgments", NeurIPS 2023,
equation 5. There by SGD; the published code also leaves the other embeddings unstandardized when it trains, not when it
applies the map. Here both are standardized, and the teacher is the embeddings as they came.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pyalign import _checks
from pyalign.analysis.neighbors import neighbor_overlap
from pyalign.data import ODD_ONE_OUT
from pyalign.errors import InputError
from pyalign.fitting.algebra import Algebra
from pyalign.fitting.objective import Slope
from pyalign.probing.basis import Basis, own_basis, principal_basis
from pyalign.probing.local import LocalTerm, other_batches
from pyalign.probing.options import FEWEST_OTHERS, LocalOptions, ProbeOptions
from pyalign.probing.problem import Map, Problem, finite_rows

NEIGHBORS = (1, 10)


@dataclass(frozen=True)
class LocalFigures:
    """What a map does to other embeddings.

    Attributes:
        cross_entropy: nats, mean over them, of their neighbors before the map under those after it.
        teacher_entropy: nats; the least that `cross_entropy` can be.
        neighbors_kept: for k = 1 and 10, or as many as there are, the fraction of the k nearest others (by cosine) that
            are among them after the map too; see `pyalign.neighbor_overlap`. Of all of them, also those in no batch.
        n: how many took part.
        n_batches: their batches.
        options: of the local loss.
    """

    cross_entropy: float
    teacher_entropy: float
    neighbors_kept: dict[int, float]
    n: int
    n_batches: int
    options: LocalOptions


class LocalProblem(Problem):
    """Triplets and who is near whom among other embeddings, as a function of a map.

    Args:
        x, triplets, options, answers, on, task: see `Problem`.
        others: (m, d) other embeddings.
        local: see `LocalOptions`.
    """

    def __init__(
        self, x: object, triplets: object, options: ProbeOptions, answers: np.ndarray | None = None,
        on: Algebra | None = None, task: str = ODD_ONE_OUT, *, others: object, local: LocalOptions | None = None,
    ) -> None:  # fmt: skip
        self.local = local or LocalOptions()
        if options.penalty == "nuclear":
            raise InputError("penalty must be identity, frobenius or squared with other embeddings; got 'nuclear'")
        if isinstance(options.rank, int):
            raise InputError(f"rank must be 'full' or 'diagonal' with other embeddings; got {options.rank}")
        self.others = _other_rows(others, finite_rows(x).shape[1])
        super().__init__(x, triplets, options, answers, on, task)
        batches = other_batches(len(self.others), self.local.batch_size, self.local.batches, options.seed)
        self.local_term = LocalTerm(self.other_rows, self.others, batches, tau=self.local.tau, on=self.on)

    @property
    def convex(self) -> bool:
        """No: cosines of mapped rows are not."""
        return False

    @property
    def whole(self) -> bool:
        """Yes: what keeps the rows of a multiple of the identity apart is in all columns."""
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
        alpha = self.local.alpha
        slope = super().slope(at, wide).scaled(1.0 - alpha)
        if alpha == 0:
            return slope
        return slope + (self.wide_local_term if wide else self.local_term)(at.weights, at.bias).scaled(alpha)

    def total(self, loss: float, at: Map) -> float:
        """Both losses in float64, from that of the triplets."""
        alpha = self.local.alpha
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
        raise InputError(f"other_embeddings must have the {d} features of x; got shape {rows.shape}")
    if len(rows) < FEWEST_OTHERS:
        raise InputError(f"other_embeddings must be at least {FEWEST_OTHERS}; got {len(rows)}")
    return rows

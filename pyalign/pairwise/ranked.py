"""Correlations of ranks: Spearman's and rho-a; Kendall's tau-b and tau-a."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pyalign.ops.ranks import RankedPairs, discordance, rank_pairs, rank_sums
from pyalign.pairwise.moments import ratio, ratios
from pyalign.typing import BackendName

CHUNK = 1 << 16


@dataclass(frozen=True)
class Ranks:
    """See `pyalign.pairwise.correlations.Family`."""

    name: str = "spearman"

    def prepare(self, values: np.ndarray, items: np.ndarray, backend: BackendName = "auto") -> RankedPairs:
        return rank_pairs(values, items, backend)

    def value(self, a: RankedPairs, b: RankedPairs, backend: BackendName = "auto") -> float:
        return rank_correlation(a.ranks, b.ranks, self.name)

    def unit(self, a: RankedPairs) -> np.ndarray | None:
        m = len(a.ranks)
        centred: np.ndarray = a.ranks.astype(np.float64) - (m + 1)
        square = (float(m) ** 3 - m) / 3.0 if self.name == "rho-a" else float(np.einsum("i,i->", centred, centred))
        return centred / math.sqrt(square) if square > 0 else centred

    def resampled(
        self, a: Sequence[RankedPairs], b: Sequence[RankedPairs], table: np.ndarray, backend: BackendName = "auto"
    ) -> np.ndarray:
        out = np.empty((table.shape[1], len(a), len(b)))
        for i, first in enumerate(a):
            for j, second in enumerate(b):
                weight, own, others, both = rank_sums(first, second, table, backend)
                cube = weight * weight * weight  # of the mean rank, rounded as of equal values: their spread is 0
                if self.name == "rho-a":
                    own = others = cube + (cube - weight) / 3.0
                out[:, i, j] = ratios(both - cube, own - cube, others - cube)
        return out


def rank_correlation(a: np.ndarray, b: np.ndarray, name: str = "spearman") -> float:
    """Spearman's correlation, or rho-a, from doubled mean ranks (m,) as `double_ranks` gives them.

    Example:
        >>> rank_correlation(np.array([2, 5, 5]), np.array([2, 4, 6])).__round__(4)
        0.866
    """
    m = len(a)
    own: list[float] = []
    others: list[float] = []
    both: list[float] = []
    for start in range(0, m, CHUNK):  # in fixed pieces, so that the sum is the same everywhere
        x, y = (ranks[start : start + CHUNK].astype(np.float64) - (m + 1) for ranks in (a, b))
        for sums, left, right in ((own, x, x), (others, y, y), (both, x, y)):
            sums.append(float(np.einsum("i,i->", left, right)))
    if name == "rho-a":
        untied = (float(m) ** 3 - m) / 3.0
        return ratio(math.fsum(both), untied, untied) if m > 1 else math.nan
    return ratio(math.fsum(both), math.fsum(own), math.fsum(others))


@dataclass(frozen=True, eq=False)
class Listed:
    """Ranked pairs of objects, and which objects they are of."""

    ranked: RankedPairs
    items: np.ndarray


@dataclass(frozen=True)
class Concordance:
    """See `pyalign.pairwise.correlations.Family`. A pair of pairs counts with the product of their weights."""

    name: str = "kendall"

    def prepare(self, values: np.ndarray, items: np.ndarray, backend: BackendName = "auto") -> Listed:
        return Listed(rank_pairs(values, items, backend), items)

    def value(self, a: Listed, b: Listed, backend: BackendName = "auto") -> float:
        return self._tau(a.ranked, b.ranked, None, backend)

    def unit(self, a: Listed) -> np.ndarray | None:
        return None  # of pairs of pairs, of which there are too many

    def resampled(
        self, a: Sequence[Listed], b: Sequence[Listed], table: np.ndarray, backend: BackendName = "auto"
    ) -> np.ndarray:
        out = np.empty((table.shape[1], len(a), len(b)))
        i, j = a[0].items.T
        for lane in range(table.shape[1]):
            of = table[:, lane].astype(np.int32)
            weights = of[i] * of[j]
            for k, first in enumerate(a):
                for q, second in enumerate(b):
                    out[lane, k, q] = self._tau(first.ranked, second.ranked, weights, backend)
        return out

    def _tau(self, a: RankedPairs, b: RankedPairs, weights: np.ndarray | None, backend: BackendName) -> float:
        w = np.ones(len(a.ranks), np.int64) if weights is None else weights.astype(np.int64)
        total = int(w.sum())
        all_pairs = total * (total - 1) // 2
        tied_a, tied_b = _tied(a.ranks, w), _tied(b.ranks, w)
        tied = _tied_in_both(a, b, w)
        wrong = discordance(a, b, weights, backend)
        difference = float(all_pairs - tied_a - tied_b + tied - 2 * wrong)
        if self.name == "tau-a":
            return difference / all_pairs if all_pairs else math.nan
        return ratio(difference, float(all_pairs - tied_a), float(all_pairs - tied_b))


def _tied(codes: np.ndarray, weights: np.ndarray) -> int:
    """The weight of the pairs of pairs with equal codes, which are whole numbers from 0."""
    groups = np.bincount(codes, weights).astype(np.int64)  # exact below 2^53
    return int((groups * (groups - 1) // 2).sum())


def _tied_in_both(a: RankedPairs, b: RankedPairs, weights: np.ndarray) -> int:
    if not (a.is_tied and b.is_tied):  # then only a pair's own copies are
        return int((weights * (weights - 1) // 2).sum())
    _, codes = np.unique(a.ranks.astype(np.int64) << 32 | b.ranks, return_inverse=True)
    return _tied(codes.reshape(-1), weights)

"""Spearman's rank correlation, and rho-a."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pyalign.ops.ranks import RankedPairs, rank_pairs, rank_sums
from pyalign.pairwise.correlations import ratio, ratios

CHUNK = 1 << 16


@dataclass(frozen=True)
class Ranks:
    """See `pyalign.pairwise.correlations.Family`."""

    name: str = "spearman"

    def prepare(self, values: np.ndarray, items: np.ndarray, backend: str = "auto") -> RankedPairs:
        return rank_pairs(values, items, backend)

    def value(self, a: RankedPairs, b: RankedPairs, backend: str = "auto") -> float:
        return rank_correlation(a.ranks, b.ranks, self.name)

    def unit(self, a: RankedPairs) -> np.ndarray | None:
        m = len(a.ranks)
        centred: np.ndarray = a.ranks.astype(np.float64) - (m + 1)
        square = (float(m) ** 3 - m) / 3.0 if self.name == "rho-a" else float(np.einsum("i,i->", centred, centred))
        return centred / math.sqrt(square) if square > 0 else centred

    def resampled(
        self, a: Sequence[RankedPairs], b: Sequence[RankedPairs], table: np.ndarray, backend: str = "auto"
    ) -> np.ndarray:
        out = np.empty((table.shape[1], len(a), len(b)))
        for i, one in enumerate(a):
            for j, other in enumerate(b):
                weight, own, others, both = rank_sums(one, other, table, backend)
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

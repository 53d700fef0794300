"""Pearson's correlation, and the cosine.

Correlations of ranks: Spearman's and rho-a; Kendall's tau-b and tau-a.
Correlations of two similarity matrices: a row for each, and what their pairs become under resamples of the objects.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from pyalign._dataclass import dataclass
from pyalign.backends import get_host_backend
from pyalign.errors import InputError, nearest
from pyalign.ops.ranks import RankedPairs, discordance, rank_pairs, rank_sums
from pyalign.typing import BackendName

CHUNK = 1 << 16


@dataclass(frozen=True, eq=False)
class Values:
    """Values of pairs of objects, shifted by their mean and scaled to about 1 where that changes nothing."""

    values: np.ndarray  # float64 (m,).
    items: np.ndarray  # int32 (m, 2).


@dataclass(frozen=True)
class Moments:
    """See `pyalign.pairwise.correlations.Family`."""

    name: str = "pearson"

    def prepare(self, values: np.ndarray, items: np.ndarray, backend: BackendName = "auto") -> Values:
        wide = values.astype(np.float64)
        if self.name == "pearson":
            constant = len(wide) == 0 or wide.min() == wide.max()
            wide = np.zeros_like(wide) if constant else wide - wide.mean()
        largest = float(np.abs(wide).max(initial=0.0))
        return Values(wide / largest if largest > 0 else wide, items)

    def value(self, a: Values, b: Values, backend: BackendName = "auto") -> float:
        if self.name == "pearson" and not (a.values.any() and b.values.any()):
            return math.nan
        pieces = range(0, len(a.values), CHUNK)
        sums = [
            math.fsum(float(np.einsum("i,i->", x[k : k + CHUNK], y[k : k + CHUNK])) for k in pieces)
            for x, y in ((a.values, b.values), (a.values, a.values), (b.values, b.values))
        ]
        return ratio(*sums)

    def unit(self, a: Values) -> np.ndarray | None:
        square = float(np.einsum("i,i->", a.values, a.values))
        return a.values / math.sqrt(square) if square > 0 else a.values

    def resampled(
        self, a: Sequence[Values], b: Sequence[Values], table: np.ndarray, backend: BackendName = "auto"
    ) -> np.ndarray:
        sums = WeightedSums(a[0].items, table, backend)
        weight = sums.of(None)
        left, right = ([self._own(sums, matrix.values) for matrix in side] for side in (a, b))
        out = np.empty((table.shape[1], len(a), len(b)))
        for i, (x, (sum_x, square_x)) in enumerate(zip(a, left, strict=True)):
            for j, (y, (sum_y, square_y)) in enumerate(zip(b, right, strict=True)):
                both = sums.of(x.values * y.values)
                if self.name == "cosine":
                    out[:, i, j] = ratios(both, square_x, square_y)
                    continue
                with np.errstate(invalid="ignore", divide="ignore"):
                    parts = (
                        (both - sum_x * sum_y / weight, both),
                        (square_x - sum_x**2 / weight, square_x),
                        (square_y - sum_y**2 / weight, square_y),
                    )
                spread = [np.where(part > 1e-13 * whole, part, 0.0) for part, whole in parts[1:]]
                out[:, i, j] = ratios(parts[0][0], *spread)
        return out

    def _own(self, sums: WeightedSums, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return sums.of(values), sums.of(values * values)


@dataclass(eq=False)
class WeightedSums:
    """Sums over pairs of objects under resamples, where a pair weighs the product of its objects' multiplicities."""

    items: np.ndarray
    table: np.ndarray
    backend: BackendName = "auto"

    def of(self, values: np.ndarray | None) -> np.ndarray:
        """(r,): the weighted sum of values (m,) in each resample; None: of ones. As t' A t / 2 of symmetric A."""
        square = as_square(np.ones(len(self.items)) if values is None else values, self.items, len(self.table))
        t = self.table.astype(np.float64)
        product = np.empty(t.shape)
        get_host_backend(self.backend).product(square, t, product)
        sums: np.ndarray = np.einsum("ir,ir->r", product, t) / 2.0
        return sums


def as_square(values: np.ndarray, items: np.ndarray, n: int) -> np.ndarray:
    """(n, n) symmetric of values (m,) of pairs, with 0 on the diagonal and where there is no pair."""
    square = np.zeros((n, n), values.dtype)
    i, j = items.T
    square[i, j] = square[j, i] = values
    return square


def ratio(covariance: float, left: float, right: float) -> float:
    """covariance / sqrt(left * right) within [-1, 1]; NaN where one of them is no positive number."""
    return float(ratios(*(np.array([part]) for part in (covariance, left, right)))[0])


def ratios(covariance: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """covariance / sqrt(left * right) of each element of arrays, as `ratio` has it."""
    with np.errstate(all="ignore"):
        product = left * right  # in one root where it is in range, so that equal sums give 1
        safe = (product > 1e-280) & (product < 1e280)
        unclipped = np.where(safe, covariance / np.sqrt(product), covariance / np.sqrt(left) / np.sqrt(right))
    unclipped[~((left > 0) & (right > 0))] = np.nan
    clipped: np.ndarray = np.clip(unclipped, -1.0, 1.0)
    return clipped


RANKS_CHUNK = 1 << 16


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
        centered: np.ndarray = a.ranks.astype(np.float64) - (m + 1)
        square = (float(m) ** 3 - m) / 3.0 if self.name == "rho-a" else float(np.einsum("i,i->", centered, centered))
        return centered / math.sqrt(square) if square > 0 else centered

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
    for start in range(0, m, RANKS_CHUNK):  # in fixed pieces, so that the sum is the same everywhere
        x, y = (ranks[start : start + RANKS_CHUNK].astype(np.float64) - (m + 1) for ranks in (a, b))
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


class Family(Protocol):
    """A family of correlations."""

    def prepare(self, values: np.ndarray, items: np.ndarray, backend: BackendName = "auto") -> Any:
        """Values (m,) of pairs of objects, items int32 (m, 2), made ready."""

    def value(self, a: Any, b: Any, backend: BackendName = "auto") -> float:
        """The correlation; NaN where it is not defined."""

    def unit(self, a: Any) -> np.ndarray | None:
        """(m,) float64 whose inner product with that of another is their correlation; None where there is no such."""

    def resampled(
        self, a: Sequence[Any], b: Sequence[Any], table: np.ndarray, backend: BackendName = "auto"
    ) -> np.ndarray:
        """(r, len(a), len(b)): each of a correlated with each of b under r resamples, multiplicities (n, r) uint8."""


@dataclass(frozen=True)
class Correlation:
    """A correlation of similarity matrices."""

    name: str  # as users write it.
    formula: str  # in a line.
    family: Callable[[str], Family]  # what computes it, of its name.
    # how people's matrices are pooled for their noise ceiling, unless it is said: the way that the correlation itself
    # looks at values.
    pooling: str
    # whether a constant may be added to the values, so that -d is the similarity of a dissimilarity d.
    centered: bool = True

    @property
    def of(self) -> Family:
        """The family that computes this correlation."""
        return self.family(self.name)


CORRELATIONS = {
    row.name: row
    for row in (
        Correlation("spearman", "Pearson's, of ranks; equal values share their mean", Ranks, "ranks"),
        Correlation("pearson", "covariance over the product of standard deviations", Moments, "standardized"),
        Correlation("kendall", "tau-b: (con - dis) / sqrt((n0 - ties in x) (n0 - ties in y))", Concordance, "ranks"),
        Correlation("tau-a", "(con - dis) / n0, of n0 = m (m - 1) / 2 pairs of pairs", Concordance, "ranks"),
        Correlation("rho-a", "12 sum (r - mean r) (s - mean s) / (m^3 - m), of ranks r, s", Ranks, "ranks"),
        Correlation("cosine", "x . y / (|x| |y|), of values as they are", Moments, "unit", False),
    )
}


def get_correlation(name: str) -> Correlation:
    """The correlation of that name."""
    if not isinstance(name, str) or name not in CORRELATIONS:
        known = ", ".join(CORRELATIONS)
        raise InputError(f"correlation must be one of {known}; got {name!r}{nearest(str(name), CORRELATIONS)}")
    return CORRELATIONS[name]


def correlate(a: np.ndarray, b: np.ndarray, correlation: str = "spearman", backend: BackendName = "auto") -> float:
    """The correlation of two lists of numbers (m,), such as the pairs of two similarity matrices.

    Args:
        a, b: (m,) real numbers, none NaN.
        correlation: a name of `CORRELATIONS`.

    Returns:
        In [-1, 1]. Where one of them is constant: NaN, but 0 of tau-a and rho-a, whose formulas say so.

    Source: Kendall, "Rank correlation methods", 1948; rho-a: Schuett et al., "Statistical inference on representational
    geometries", eLife 2023, the expectation of Spearman's coefficient when ties are broken at random.
    """
    if np.shape(a) != np.shape(b) or np.ndim(a) != 1:
        raise InputError(f"a and b must be lists of one length; got shapes {np.shape(a)} and {np.shape(b)}")
    for values, name in ((a, "a"), (b, "b")):
        if np.isnan(values).any():
            raise InputError(f"{name} must not hold NaN; got {int(np.isnan(values).sum())}")
    family = get_correlation(correlation).of
    nowhere = np.zeros((len(a), 2), np.int32)
    left, right = (family.prepare(np.asarray(values), nowhere, backend) for values in (a, b))
    return family.value(left, right, backend)

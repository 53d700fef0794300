"""How rows are compared: in float64 for what is reported, in float32 for the search, and how far these may differ.

The float32 search maximizes one inner product for every measure: of unit rows (cosine), of centered unit rows
(pearson), of rows as they are (dot), and for distances of (a, 1) and (b, -|b|^2 / 2), with a and b centered on the mean
of x, since -|a - b|^2 / 2 is that product less |a|^2 / 2. All scales are powers of two, which change no digit.

The exact search: candidates by float32, their order by float64, and a bound that says where that is not enough.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass, field
from pyalign.backends.native import num_threads
from pyalign.measures import Measure, median_distance, with_sigma

BLOCK = 1 << 21  # float64 numbers at once
UNIT = 2.0**-24  # of float32
TINY = 2.0**-120  # below it a float32 product may have lost its digits


@dataclass(frozen=True)
class Space:
    """A measure over rows x (n, d)."""

    cached: ClassVar[int] = 1 << 18  # numbers of candidates compared at once on a thread: 2 MB
    threaded: ClassVar[bool] = True  # whether candidates are compared on several

    measure: Measure  # with its sigma, for rbf.
    values: np.ndarray  # x, float32 or float64, finite.
    exponent: int  # distances and dot products are of rows times 2^-exponent.
    center: np.ndarray | None  # (d,) what is subtracted before distances are searched, in these units.
    inverse: np.ndarray  # (n,) one over the length of each row, 0 for a zero row; only for cosines.
    search: np.ndarray  # (n, d) or (n, d + 1) float32, what is searched.
    reach: float  # the length of the longest row that is searched.
    shrink: int  # rows are searched times 2^-shrink.

    @property
    def angular(self) -> bool:
        """Whether rows have length 1."""
        return self.measure.kernel.angular

    @property
    def distance(self) -> bool:
        """Whether the measure falls with the distance."""
        return self.measure.kernel.distance

    def wide(self, rows: np.ndarray) -> np.ndarray:
        """(m, d) float64 of the original rows: the same numbers for the same row, whatever the other rows are."""
        return _wide(rows, self.measure, self.exponent)

    def inverses(self, wide: np.ndarray) -> np.ndarray:
        """(m,) what products of wide rows are multiplied by: one over their lengths, or 1."""
        return inverses_of(wide) if self.angular else np.ones(len(wide))

    def equal_rows(self) -> np.ndarray:
        """(n,) for each row of x the first that is equal to it."""
        return equal_rows(self.values)

    def values_of(self, queries: np.ndarray, inverses: np.ndarray, near: np.ndarray) -> np.ndarray:
        """(q, c) float64 by which neighbors are ordered: of wide queries (q, d) with the rows `near` (q, c) of x.

        Sums are taken pair by pair over the features in one order, so that equal rows have equal numbers.
        """
        rows = self.wide(self.values[near.reshape(-1)]).reshape(*near.shape, -1)
        if self.distance:
            rows -= queries[:, None]
            return 0.0 - np.einsum("qcd,qcd->qc", rows, rows)
        products = np.einsum("qd,qcd->qc", queries, rows)
        return products * (inverses[:, None] * self.inverse[near]) if self.angular else products

    def similarities_of(self, values: np.ndarray) -> np.ndarray:
        """The similarities of the measure from what `values_of` gives."""
        if self.angular:
            return values
        if self.measure.pair == "neg_euclidean":  # its square may not fit where it does
            return 0.0 - np.ldexp(np.sqrt(-values), self.exponent)
        scaled = np.ldexp(values, 2 * self.exponent)
        if not self.distance:
            return scaled
        kernel, sigma = self.measure.kernel, self.measure.sigma
        gamma = kernel.gamma(sigma) if kernel.gamma and sigma else 0.0
        with np.errstate(under="ignore"):
            similarities: np.ndarray = kernel.from_squares(-scaled, gamma, np)
        return similarities

    def sought(self, wide: np.ndarray, inverses: np.ndarray) -> Sought:
        """Queries as the search takes them."""
        rows = inside(wide, inverses, self.center, self.angular)
        lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows))
        if self.distance:
            rows = np.concatenate([np.ldexp(rows, -self.shrink), np.ones((len(rows), 1))], axis=1)
            lengths = np.ldexp(lengths, -self.shrink)
        powers = -np.frexp(np.abs(rows).max(axis=1, initial=0.0))[1]
        return Sought(np.ldexp(rows, powers[:, None]).astype(np.float32), lengths, powers)

    def wide_scores(self, wide: np.ndarray, inverses: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(q, n) float64 scores of queries with all rows, and (q,) how far these may be from what they stand for."""
        rows = inside(wide, inverses, self.center, self.angular)
        lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows))
        if self.distance:
            rows, lengths = np.ldexp(rows, -self.shrink), np.ldexp(lengths, -self.shrink)
        scores = np.empty((len(rows), len(self.values)))
        for part in parts(*self.values.shape):
            others = inside(self.wide(self.values[part]), self.inverse[part], self.center, self.angular)
            others = np.ldexp(others, -self.shrink)
            np.matmul(rows, others.T, out=scores[:, part])
            if self.distance:
                scores[:, part] -= 0.5 * np.einsum("ij,ij->i", others, others)
        return scores, self.doubt(lengths, 2.0**-53, 2.0**-1000)

    def doubt(self, lengths: np.ndarray, unit: float = UNIT, tiny: float = TINY) -> np.ndarray:
        """(q,) how far scores of queries of these lengths may be from what they stand for, in any order of summation.

        Higham, Accuracy and Stability of Numerical Algorithms, 2002, equation 3.5: |fl(a.b) - a.b| <= gamma_d |a||b|.
        `unit` is the rounding of the type of the scores, and below `tiny` products may have lost their digits.
        """
        reach, count = self.reach, self.search.shape[1] + 16
        share = count * unit / (1.0 - count * unit) if count * unit < 0.5 else np.inf
        if self.distance:
            ordered = 2.0**-52 * count * (lengths + reach) ** 2  # the float64 values themselves
            return share * reach * (lengths + reach) + ordered + count * tiny * (1.0 + lengths)
        return share * lengths * reach + count * tiny * np.maximum(lengths, 2.0**-900)

    def certain(self, sought: Sought, worst: np.ndarray, score: np.ndarray) -> np.ndarray:
        """(q,) whether a row whose float32 score is at most `score` (q,) must be farther than `worst` (q,)."""
        least = self._as_score(sought, worst)
        limit = np.ldexp(score.astype(np.float64), -sought.powers)
        return least > limit + self.doubt(sought.lengths)

    def _as_score(self, sought: Sought, values: np.ndarray) -> np.ndarray:
        if not self.distance:
            return np.ldexp(values, -self.shrink) if not self.angular else values
        return 0.5 * (np.ldexp(values, -2 * self.shrink) + sought.lengths**2)


@dataclass(frozen=True)
class Sought:
    """Queries of a search."""

    search: np.ndarray  # (q, d) or (q, d + 1) float32.
    lengths: np.ndarray  # (q,) of the queries.
    powers: np.ndarray  # (q,) of two by which they are multiplied in `search`.

    def __getitem__(self, some: np.ndarray) -> Sought:
        return Sought(self.search[some], self.lengths[some], self.powers[some])


def make_space(x: np.ndarray, queries: np.ndarray | None, measure: Measure) -> Space:
    """The space of rows x (n, d), for queries (m, d) that may be others."""
    if measure.needs_sigma:
        measure = with_sigma(measure, median_distance(x))
    angular = measure.kernel.angular
    exponent = 0
    if not angular:
        checked = [(rows, name) for rows, name in ((x, "embeddings"), (queries, "queries")) if rows is not None]
        for rows, name in checked:
            _require_squares(rows, measure, name)
        exponent = max((_exponent(rows) for rows, _ in checked if rows.dtype == np.float64), default=0)
    center = _mean(x, measure, exponent) if measure.kernel.distance else None
    inverse, lengths = np.ones(len(x)), np.empty(len(x))
    for part in parts(*x.shape):
        wide = _wide(x[part], measure, exponent)
        if angular:
            inverse[part] = inverses_of(wide)
        centered = inside(wide, inverse[part], center, angular)
        lengths[part] = np.sqrt(np.einsum("ij,ij->i", centered, centered))
    shrink = 0 if angular else int(np.frexp(lengths.max())[1])
    search = np.empty((len(x), x.shape[1] + (center is not None)), np.float32)
    for part in parts(*x.shape):
        centered = inside(_wide(x[part], measure, exponent), inverse[part], center, angular)
        search[part, : x.shape[1]] = np.ldexp(centered, -shrink)
    lengths = np.ldexp(lengths, -shrink)
    if center is not None:
        search[:, -1] = -0.5 * lengths**2
    return Space(measure, x, exponent, center, inverse, search, float(lengths.max()), shrink)


def parts(n: int, d: int, block: int | None = None) -> list[slice]:
    """Slices of n rows of d numbers, a block each."""
    step = max(1, (block or BLOCK) // max(1, d))
    return [slice(start, min(start + step, n)) for start in range(0, n, step)]


def inverses_of(wide: np.ndarray) -> np.ndarray:
    """(m,) one over the length of each row; 0 for a zero row."""
    lengths = np.sqrt(np.einsum("ij,ij->i", wide, wide))
    return np.divide(1.0, lengths, out=np.zeros_like(lengths), where=lengths > 0)


def equal_rows(x: np.ndarray) -> np.ndarray:
    """(n,) for each row the first that is equal to it."""
    plain = np.ascontiguousarray(x + 0)  # -0 becomes 0
    whole = plain.view(np.dtype((np.void, plain.shape[1] * plain.itemsize))).reshape(-1)
    _, firsts, codes = np.unique(whole, return_index=True, return_inverse=True)
    return firsts[codes.reshape(-1)]


def _wide(rows: np.ndarray, measure: Measure, exponent: int) -> np.ndarray:
    wide = rows.astype(np.float64)
    if not measure.kernel.angular:
        return np.ldexp(wide, -exponent) if exponent else wide
    if rows.dtype == np.float64:  # squares of float32 fit
        wide = np.ldexp(wide, -np.frexp(np.abs(wide).max(axis=1))[1][:, None])
    if measure.transform == "center":  # the deviations times d, which keeps whole numbers whole
        constant = wide.max(axis=1) == wide.min(axis=1)
        wide = wide.shape[1] * wide - wide.sum(axis=1, keepdims=True)
        wide[constant] = 0.0
    return wide


def inside(wide: np.ndarray, inverses: np.ndarray, center: np.ndarray | None, angular: bool) -> np.ndarray:
    """Rows as they are searched, in float64."""
    if angular:
        return wide * inverses[:, None]
    return wide if center is None else wide - center


def _exponent(rows: np.ndarray) -> int:
    largest = max(float(np.abs(rows[part]).max()) for part in parts(*rows.shape))
    return int(np.frexp(largest)[1])


def _mean(x: np.ndarray, measure: Measure, exponent: int) -> np.ndarray:
    total = np.zeros(x.shape[1])
    for part in parts(*x.shape):
        total += _wide(x[part], measure, exponent).sum(axis=0)
    return total / len(x)


def _require_squares(rows: np.ndarray, measure: Measure, name: str) -> None:
    if rows.dtype == np.float64:  # the squares of float32 fit
        with np.errstate(over="ignore"):
            squares = np.concatenate([np.einsum("ij,ij->i", rows[part], rows[part]) for part in parts(*rows.shape)])
        _checks.require_products(np.minimum(squares, np.finfo(np.float64).max), rows.dtype, measure.name, name)


QUERIES = 4096  # at once
AGAIN = 8  # times as many candidates for queries that are not certain
CROWD = 1024  # candidates of one query, above which equal rows are compared once
SCORES = 1 << 23  # float64 scores at once
Scan = Callable[[Sought, int], tuple[np.ndarray, np.ndarray]]  # queries, k -> scores, rows, both (q, k)
Report = Callable[[int], None]


def margin_of(k: int) -> int:
    """How many candidates are taken beyond k."""
    return max(12, k // 4)


@dataclass
class Search:
    """A search in a space."""

    space: Space  # of the rows.
    scan: Scan  # the float32 search.
    # whether it finds the best scores of all rows; else what it finds is ordered exactly and no more.
    exact: bool = True
    _groups: np.ndarray | None = field(default=None, repr=False)

    def nearest(
        self, queries: np.ndarray, k: int, own: np.ndarray | None = None, report: Report | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Rows and values (m, k) of queries (m, d), the nearest first.

        own: (m,) a row that is left out for each query, or -1.
        """
        indices, values = np.empty((len(queries), k), np.int64), np.empty((len(queries), k))
        for part in parts(len(queries), 1, QUERIES):
            leave = None if own is None else own[part]
            indices[part], values[part] = self._block(queries[part], k, leave)
            if report is not None:
                report(part.stop)
        return indices, values

    def _block(self, queries: np.ndarray, k: int, own: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        wide = self.space.wide(queries)
        inverses = self.space.inverses(wide)
        sought = self.space.sought(wide, inverses)
        count = k + (own is not None) + margin_of(k)
        indices, values, certain = self._ordered(wide, inverses, sought, k, count, own)
        for more in (AGAIN * count,) if self.exact else ():
            left = np.flatnonzero(~certain)
            if len(left):
                mine = None if own is None else own[left]
                ordered = self._ordered(wide[left], inverses[left], sought[left], k, more, mine)
                indices[left], values[left], certain[left] = ordered
        left = np.flatnonzero(~certain) if self.exact else np.empty(0, np.int64)
        for part in parts(len(left), len(self.space.values), SCORES):
            rows = left[part]
            leave = np.full(len(rows), -1) if own is None else own[rows]
            indices[rows], values[rows] = self._widely(wide[rows], inverses[rows], k, leave)
        return indices, values

    def _ordered(
        self, wide: np.ndarray, inverses: np.ndarray, sought: Sought, k: int, count: int, own: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The k nearest of `count` candidates of each query, and whether they are those of all rows."""
        n = len(self.space.values)
        scores, near = self.scan(sought, min(count, n))
        values = np.empty(near.shape)

        def compare(part: slice) -> None:
            values[part] = self.space.values_of(wide[part], inverses[part], np.maximum(near[part], 0))

        self._together(compare, parts(len(near), near.shape[1] * wide.shape[1], self.space.cached))
        gone = near < 0 if own is None else (near < 0) | (near == own[:, None])
        values[gone] = -np.inf
        order = np.lexsort((np.where(gone, n, near), -values), axis=1)[:, :k]
        indices, values = np.take_along_axis(np.where(gone, -1, near), order, 1), np.take_along_axis(values, order, 1)
        certain = np.full(len(near), True) if count >= n else self.space.certain(sought, values[:, -1], scores[:, -1])
        return indices, values, certain

    def _widely(self, wide: np.ndarray, inverses: np.ndarray, k: int, own: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The k nearest rows of each query by float64 scores of all rows, and by the order of those near the k-th."""
        scores, doubt = self.space.wide_scores(wide, inverses)
        kept = own >= 0
        scores[kept, own[kept]] = -np.inf
        n = scores.shape[1]
        least = np.partition(scores, n - k, axis=1)[:, n - k] - 4.0 * doubt  # of a score and of a value, twice
        indices, values = np.empty((len(wide), k), np.int64), np.empty((len(wide), k))
        for q in range(len(wide)):
            near = np.flatnonzero(~(scores[q] < least[q]))
            near = near[near != own[q]]
            near_values = self._values(wide[q : q + 1], inverses[q : q + 1], near)
            order = np.lexsort((near, -near_values))[:k]
            indices[q], values[q] = near[order], near_values[order]
        return indices, values

    def _values(self, wide: np.ndarray, inverses: np.ndarray, near: np.ndarray) -> np.ndarray:
        """(c,) the values of one query (1, d) with the rows `near` (c,); where they are many, equal rows once."""
        rows, back = near, None
        if len(near) > CROWD:
            if self._groups is None:
                self._groups = self.space.equal_rows()
            rows, back = np.unique(self._groups[near], return_inverse=True)
        values = np.empty(len(rows))

        def compare(part: slice) -> None:
            values[part] = self.space.values_of(wide, inverses, rows[None, part])[0]

        self._together(compare, parts(len(rows), wide.shape[1], self.space.cached))
        return values if back is None else values[back.reshape(-1)]

    def _together(self, work: Callable[[slice], None], pieces: list[slice]) -> None:
        """The pieces on as many threads as kernels use."""
        if len(pieces) == 1 or num_threads() == 1 or not self.space.threaded:
            for piece in pieces:
                work(piece)
            return
        with ThreadPoolExecutor(num_threads()) as pool:
            list(pool.map(work, pieces))

"""Correlations of similarity matrices that are too large to be held: tile after tile.

Of Pearson's correlation and the cosine no more than a tile of each matrix is there at a time. Ranks need all values of
one matrix, and its ranks: the values of the second are made when those of the first have gone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pyalign.backends import Array
from pyalign.data import Judgments, as_embeddings
from pyalign.data.judgments import require_symmetric
from pyalign.errors import InputError
from pyalign.measures import get_measure, median_distance, with_sigma
from pyalign.ops.ranks import MOST, double_ranks
from pyalign.ops.similarity import similarity, with_exact_ends
from pyalign.pairwise.correlations import Correlation, rank_correlation, ratio
from pyalign.pairwise.rsa_result import RsaResult
from pyalign.pairwise.study import (
    EXTREME,
    aligned_rows,
    as_dissimilarity,
    assumed_of,
    finite_rows,
    left_out,
    of_rounding,
    rdm_in_order,
)
from pyalign.progress import Progress, silent
from pyalign.typing import BackendName, MeasureLike

FROM = 6000  # objects
TILE = 1 << 22  # pairs of a tile
CORRELATIONS = ("spearman", "rho-a", "pearson", "cosine")
Tiles = Callable[[int, int], np.ndarray]  # the pairs (i, j > i) of rows i in a range, row by row


def tiles_of_rows(x: Array, measure: MeasureLike, kind: str, backend: BackendName) -> Tiles:
    """The tiles of the similarities of rows, or of their dissimilarities."""
    chosen = get_measure(measure)
    if chosen.needs_sigma:
        chosen = with_sigma(chosen, median_distance(np.asarray(x)))  # one for all tiles

    def tile(first: int, last: int) -> np.ndarray:
        s = np.asarray(similarity(x[first:last], x[first:], measure=chosen, backend=backend))
        flat = with_exact_ends(np.concatenate([s[i, i + 1 :] for i in range(len(s))]), chosen)
        return flat if kind == "similarity" else as_dissimilarity(flat, chosen)

    return tile


def tiles_of_judgments(given: Judgments, name: str) -> Tiles:
    """The tiles of one matrix, whole or condensed, as it is in memory or in its file."""
    values, n = given.values, given.n
    if given.is_square:
        require_symmetric(values, name)

    def tile(first: int, last: int) -> np.ndarray:
        if given.is_square:
            pairs: np.ndarray = np.concatenate([values[i, i + 1 :] for i in range(first, last)])
        else:
            pairs = values.reshape(-1)[_start(n, first) : _start(n, last)]
        if np.isinf(pairs).any():
            raise InputError(f"{name} must be finite, or NaN where a pair was not judged; got infinity")
        return pairs

    return tile


def without_holes_of(human: Tiles, others: Sequence[Tiles]) -> Tiles:
    """The human pairs, NaN where one of other matrices has NaN too: those that all have are compared."""
    if not others:
        return human

    def tile(first: int, last: int) -> np.ndarray:
        missing = np.any([np.isnan(other(first, last)) for other in others], axis=0)
        pairs = human(first, last)
        return np.where(missing, np.nan, pairs) if missing.any() else pairs

    return tile


def _start(n: int, i: int) -> int:
    """How many pairs stand before those of row i."""
    return i * n - i * (i + 1) // 2


def _ranges(n: int) -> Iterator[tuple[int, int]]:
    first = 0
    while first < n - 1:
        last = min(n - 1, first + max(1, TILE // (n - first)))
        yield first, last
        first = last


def correlate_tiles(
    human: Tiles, model: Tiles, n: int, correlation: str, ranks: HumanRanks | None = None, progress: Progress = silent
) -> tuple[float, int]:
    """The correlation, and of how many pairs: those that were judged.

    Args:
        human, model: pairs of n objects; NaN in the first is a pair that was not judged.
        correlation: one of `CORRELATIONS`.
        ranks: of the human pairs, where they are known.
    """
    if correlation in ("spearman", "rho-a"):
        known = ranks or human_ranks(human, n, progress)
        own = _all_values(model, human, n, known.missing, progress)
        other = double_ranks(own)
        return rank_correlation(known.ranks, other, correlation), len(other)
    total, scales = Sums(), (Scale(), Scale())
    for done, (first, last) in enumerate(_ranges(n)):
        a, b = (np.asarray(tile(first, last), np.float64) for tile in (human, model))
        there = ~np.isnan(a)
        if not there.all():
            a, b = a[there], b[there]
        total = total.plus(Sums.of(scales[0].of(a), scales[1].of(b)))
        progress("tiles", done + 1, None)
    return total.cosine() if correlation == "cosine" else total.pearson(), total.count


@dataclass(frozen=True, eq=False)
class HumanRanks:
    """Doubled mean ranks int32 (m,) of the judged pairs, and whether some were not judged."""

    ranks: np.ndarray
    missing: bool


def human_ranks(human: Tiles, n: int, progress: Progress = silent) -> HumanRanks:
    """The ranks of the human pairs, which serve several models."""
    pairs = n * (n - 1) // 2
    if pairs >= MOST:
        raise InputError(f"human must be about at most 46,341 objects for ranks; got {n:,}")
    values = _all_values(human, human, n, True, progress)
    return HumanRanks(double_ranks(values), len(values) < pairs)


def _all_values(tiles: Tiles, human: Tiles, n: int, missing: bool, progress: Progress) -> np.ndarray:
    """(m,): the values of the pairs that were judged; float32 where that changes none."""
    out: np.ndarray = np.empty(n * (n - 1) // 2, np.float32)
    at = 0
    for done, (first, last) in enumerate(_ranges(n)):
        part = tiles(first, last)
        if missing:
            part = part[~np.isnan(human(first, last))]
        with np.errstate(over="ignore"):  # what float32 can't hold is not the same, and kept in float64
            narrow = part.astype(np.float32)
        if out.dtype == np.float32 and not (narrow == part).all():
            wide = np.empty(len(out))
            wide[:at] = out[:at]
            out = wide
        out[at : at + len(part)] = narrow if out.dtype == np.float32 else part
        at += len(part)
        progress("tiles", done + 1, None)
    return out[:at]


def _mean(values: np.ndarray) -> float:
    """The mean; of equal values exactly their value, so that differences from it are 0."""
    return float(values[0] if values.min() == values.max() else values.mean())


@dataclass
class Scale:
    """The power of two that values are divided by, where squares of the first tile's would not fit; 0: none."""

    exponent: int | None = None

    def of(self, values: np.ndarray) -> np.ndarray:
        """The values on that scale."""
        if self.exponent is None and values.any():
            exponent = math.frexp(float(np.abs(values).max()))[1]
            self.exponent = exponent if abs(exponent) > EXTREME else 0
        return np.ldexp(values, -self.exponent) if self.exponent else values


@dataclass(frozen=True)
class Sums:
    """Count, means, and sums of products of differences from them; and the sums of plain products."""

    count: int = 0
    mean_a: float = 0.0
    mean_b: float = 0.0
    aa: float = 0.0
    bb: float = 0.0
    ab: float = 0.0

    @classmethod
    def of(cls, a: np.ndarray, b: np.ndarray) -> Sums:
        """The sums of two lists of values."""
        if len(a) == 0:
            return cls()
        mean_a, mean_b = _mean(a), _mean(b)
        x, y = a - mean_a, b - mean_b
        products = (float(np.einsum("i,i->", left, right)) for left, right in ((x, x), (y, y), (x, y)))
        return cls(len(a), mean_a, mean_b, *products)

    def plus(self, more: Sums) -> Sums:
        """The sums of these lists followed by those of `more`; see Chan, Golub and LeVeque, 1979."""
        count = self.count + more.count
        if count == 0 or more.count == 0:
            return self
        da, db, weight = more.mean_a - self.mean_a, more.mean_b - self.mean_b, self.count * more.count / count
        return Sums(
            count, self.mean_a + da * more.count / count, self.mean_b + db * more.count / count,
            self.aa + more.aa + da * da * weight, self.bb + more.bb + db * db * weight,
            self.ab + more.ab + da * db * weight,
        )

    def pearson(self) -> float:
        """Pearson's correlation."""
        return ratio(self.ab, self.aa, self.bb)

    def cosine(self) -> float:
        """The cosine."""
        a, b = self.mean_a, self.mean_b
        return ratio(self.ab + self.count * a * b, self.aa + self.count * a * a, self.bb + self.count * b * b)


def in_tiles(
    models: Mapping[str, object], rdms: Mapping[str, Judgments], judged: Judgments, measures: Sequence[Any],
    chosen: Sequence[Correlation], backend: BackendName, progress: Progress,
) -> tuple[tuple[RsaResult, ...], tuple[str, ...]]:
    """The results, values only, of matrices that are not held whole; and notes on what was assumed."""
    given, notes = aligned_rows({name: as_embeddings(x, name) for name, x in models.items()}, judged)
    rows, _ = finite_rows(given, judged.n, "raise")
    tiles = [(name, str(getattr(requested, "name", requested)),
              _named(name, tiles_of_rows(x, requested, judged.kind, backend)))
             for name, x in rows.items() for requested in measures]
    others = [(name, None, tiles_of_judgments(rdm_in_order(rdm, name, judged), name)) for name, rdm in rdms.items()]
    human = without_holes_of(tiles_of_judgments(judged, "human"), [tile for _, _, tile in others])
    sign = -1.0 if judged.kind == "similarity" else 1.0  # the matrices of models are dissimilarities
    ranked = any(correlation.pooling == "ranks" for correlation in chosen)
    ranks = human_ranks(human, judged.n, progress) if ranked else None
    results = []
    for correlation in chosen:
        for name, measure, tile in [*tiles, *others]:
            value, pairs = correlate_tiles(human, tile, judged.n, correlation.name, ranks, progress)
            value *= sign if measure is None else 1.0
            results.append(RsaResult(name, measure, correlation.name, value, None, None, None, None, judged.n, pairs,
                                     judged.n_pairs - pairs))
    of_pairs = (*assumed_of(rdms, judged), *left_out(judged.n_pairs - pairs, judged.n_pairs, bool(rdms)))
    return tuple(results), (*notes, *of_rounding(rows, measures), *of_pairs)


def _named(name: str, tiles: Tiles) -> Tiles:
    """The tiles, whose errors say of which model they are."""

    def tile(first: int, last: int) -> np.ndarray:
        try:
            return tiles(first, last)
        except InputError as error:
            raise InputError(f"{name}: {error}") from error

    return tile

"""What the noise ceiling and the reliability of people owe to each pair of objects and to each participant.

Both are means over people s of a correlation c_s: of the matrix of s with the mean of the others' (the lower ceiling),
with the mean of all (the upper), or, of the reliability, the mean correlation with each of the others. A participant q
enters twice: by c_q, and by what q does to the c_s of the others. The jackknife has both,

    J_q = (p - 1) (the mean over q of T_-q, less T_-q)

with T_-q the figure without q. At single pairs, c_q has the influences of `influence`, and q moves c_s by the slope of
c_s along what the mean loses where q is left out. The values that are averaged, such as ranks, are taken as they are.

How well people predict people: the noise ceiling of correlations with each of them, and their reliability.

What each pair of objects does to a correlation of two matrices, and each participant to that with their mean.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import combinations
from typing import Any, cast

import numpy as np

from pyalign._dataclass import dataclass
from pyalign.ops.ranks import RankedPairs, double_ranks, rank_pairs
from pyalign.pairwise.correlations import Correlation, Family
from pyalign.pairwise.rsa_result import RsaCeiling
from pyalign.typing import BackendName

LOWER, UPPER, RELIABILITY = range(3)
LEAST = 3  # people: two without one of them have nobody to be compared with


@dataclass(frozen=True, eq=False)
class AmongPeople:
    """Three figures of people with each other: lower ceiling, upper ceiling, reliability."""

    values: np.ndarray  # (p, 3), the correlations of each participant, whose means over people the figures are.
    # (p, 3), what each participant does to a figure; NaN with fewer than three people, or where a value is NaN.
    jackknife: np.ndarray
    pairs: np.ndarray  # (3, m + n), the influence of each pair and object on the figures; see `influence.jackknifed`.
    # (3, p, m + n), what each participant does to the figures there; None unless people and objects are resampled.
    rows: np.ndarray | None


def among_people(
    people: np.ndarray, items: np.ndarray, n: int, name: str, pooling: str, over: str, backend: BackendName = "auto"
) -> AmongPeople:
    """The figures of people (p, m) on pairs of n objects, by a correlation of `INFLUENCES`.

    over: one of `bootstrap.OVER`.
    """
    p, m = people.shape
    every = np.ones(n, bool)
    pool = Pool.of(people, pooling)
    values, without = np.full((p, 3), np.nan), np.full((p, p, 2), np.nan)
    pairs = np.zeros((3, m + n))
    rows = np.zeros((3, p, m + n)) if over == "objects+subjects" else None
    complete = bool(pool.there.all())
    whole = pool.without()
    one_less = [pool.without(q) for q in range(p)]
    of_all = Side.of(name, whole[0], items, backend) if complete else None
    for s in range(p):
        own = None
        for figure, (mean, counts) in ((LOWER, one_less[s]), (UPPER, whole)):
            keep = pool.there[s] & (counts > 0)
            if not keep.any():
                pairs[figure] = np.nan
                continue
            scale, of_kept = m / max(1, int(keep.sum())), items if complete else items[keep]
            if own is None or not complete:
                own = Side.of(name, pool.on_scale[s][keep], of_kept, backend)
            pooled = of_all if figure == UPPER and of_all is not None else Side.of(name, mean[keep], of_kept, backend)
            values[s, figure] = _value(own, pooled, pooled.scores)
            places, moved = np.append(keep, every), jackknifed(own, pooled, of_kept, n) * scale
            pairs[figure, places] += moved / p
            if rows is not None:
                rows[figure, s, places] += moved
            slopes = gradient(pooled, own)
            for q in range(p) if "subjects" in over else ():
                if q == s:
                    continue
                left, rest = pool.without(s, q) if figure == LOWER else one_less[q]
                change = pooled.moved(np.where(rest > 0, left, mean)[keep], of_kept, backend)
                without[s, q, figure] = _value(own, pooled, pooled.scores + change)
                if rows is not None:
                    at_pairs = slopes * change
                    rows[figure, q, :m][keep] -= (at_pairs - at_pairs.mean()) * scale
    _add_reliability(people, items, n, name, backend, (values, pairs, rows))
    return AmongPeople(values, _of_participants(values, _means(without)), pairs, rows)


def _of_participants(values: np.ndarray, left_out: np.ndarray) -> np.ndarray:
    """What each participant does to the figures (p, 3): by the means without them (p, 2), or with the others."""
    p, with_others, jackknife = len(values), values[:, RELIABILITY], np.full(values.shape, np.nan)
    if p >= LEAST:
        jackknife[:, :RELIABILITY] = (p - 1) * (left_out.mean(axis=0) - left_out)
        jackknife[:, RELIABILITY] = 2.0 * (p - 1) / (p - 2) * (with_others - with_others.mean())
        jackknife[:, np.isnan(values).any(axis=0)] = np.nan
    return jackknife


def _means(values: np.ndarray) -> np.ndarray:
    """The means over the first axis, of what is not NaN; NaN where nothing is."""
    there = ~np.isnan(values)
    counts = there.sum(axis=0)
    return np.where(counts > 0, np.where(there, values, 0.0).sum(axis=0) / np.maximum(counts, 1), np.nan)


def _value(own: Side, pooled: Side, scores: np.ndarray) -> float:
    """The correlation of a participant with a mean whose scores are these."""
    if not (own.square > 0 and pooled.square > 0):
        return math.nan
    square = pooled.square if own.name == "rho-a" else float(np.einsum("i,i->", scores, scores)) / len(scores)
    product = float(np.einsum("i,i->", own.scores, scores)) / len(scores)
    return product / math.sqrt(own.square) / math.sqrt(square) if square > 0 else math.nan


def _add_reliability(
    people: np.ndarray, items: np.ndarray, n: int, name: str, backend: BackendName,
    into: tuple[np.ndarray, np.ndarray, np.ndarray | None],
) -> None:
    """Writes the correlations of people with each other into the arrays of `AmongPeople`."""
    values, pairs, rows = into
    p, m = people.shape
    every = np.ones(n, bool)
    there = ~np.isnan(people)
    complete = bool(there.all())
    sides = [Side.of(name, person, items, backend) for person in people] if complete else []
    between = np.full((p, p), np.nan)
    for a, b in combinations(range(p), 2):
        keep = there[a] & there[b]
        if not keep.any():  # two people without a pair in common: no interval
            pairs[RELIABILITY] = np.nan
            continue
        left, right = (
            sides[number] if complete else Side.of(name, people[number][keep], items[keep], backend)
            for number in (a, b)
        )
        between[a, b] = between[b, a] = _value(left, right, right.scores)
        places = np.append(keep, every)
        moved = jackknifed(left, right, items if complete else items[keep], n) * (m / int(keep.sum()))
        pairs[RELIABILITY, places] += moved * 2.0 / (p * (p - 1))
        if rows is not None:
            for row in (a, b):
                rows[RELIABILITY, row, places] += 2.0 * moved / (p - 1)
    values[:, RELIABILITY] = _means(between)


def _ranks(values: np.ndarray) -> np.ndarray:
    return double_ranks(values).astype(np.float64)  # whole numbers, so that sums of them tie where they should


def _standardized(values: np.ndarray) -> np.ndarray:
    deviation = float(values.std())
    return (values - values.mean()) / deviation if deviation > 0 else np.zeros_like(values)


def _unit(values: np.ndarray) -> np.ndarray:
    length = math.sqrt(float((values * values).mean()))
    return values / length if length > 0 else values


# How each participant's values are brought to one scale before they are averaged.
POOLINGS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "ranks": _ranks,
    "standardized": _standardized,
    "unit": _unit,
    "raw": lambda values: values,
}


def scaled(people: np.ndarray, pooling: str) -> np.ndarray:
    """(p, m): each participant's values on the scale of a pooling, NaN where they are NaN.

    Ranks are doubled; of people who judged different numbers of pairs they are divided by how many.

    Example:
        >>> scaled(np.array([[1.0, 9.0, np.nan]]), "ranks")
        array([[ 2.,  4., nan]])
    """
    out = np.full(people.shape, np.nan)
    for row, values in zip(out, people, strict=True):
        there = ~np.isnan(values)
        if there.any():
            row[there] = POOLINGS[pooling](values[there])
    counts = (~np.isnan(people)).sum(axis=1, keepdims=True)
    if pooling == "ranks" and (counts != counts[0]).any():
        out /= counts + 1.0
    return out


@dataclass(frozen=True, eq=False)
class Pool:
    """People's matrices on the scale on which they are averaged."""

    on_scale: np.ndarray  # (p, m), NaN for pairs that a participant has not judged.
    there: np.ndarray  # bool (p, m), which pairs each participant has judged.
    total: np.ndarray  # (m,), the sum over people.
    counts: np.ndarray  # (m,), how many people judged each pair.

    @classmethod
    def of(cls, people: np.ndarray, pooling: str) -> Pool:
        """The matrices of people (p, m) on the scale of a pooling, one of `POOLINGS`."""
        on_scale = scaled(people, pooling)
        there = ~np.isnan(on_scale)
        return cls(on_scale, there, np.where(there, on_scale, 0.0).sum(axis=0), there.sum(axis=0))

    def without(self, *persons: int) -> tuple[np.ndarray, np.ndarray]:
        """(m,) the mean of all but these, 0 where nobody else judged a pair; and how many did, (m,).

        Example:
            >>> pool = Pool.of(np.array([[1.0, 2.0], [3.0, 4.0], [5.0, np.nan]]), "raw")
            >>> pool.without(0)
            (array([4., 4.]), array([2, 1]))
        """
        total, counts = self.total.copy(), self.counts.copy()
        for person in persons:
            total -= np.where(self.there[person], self.on_scale[person], 0.0)
            counts -= self.there[person]
        return np.where(counts > 0, total, 0.0) / np.maximum(counts, 1), counts


def noise_ceiling_of(people: np.ndarray, items: np.ndarray, correlation: Correlation, pooling: str) -> RsaCeiling:
    """Bounds of the mean over people of a model's correlation with each, and how reliable one participant is.

    Args:
        people: (p, m) with p of at least 2; NaN for pairs that a participant has not judged.
        items: int32 (m, 2), the objects of each pair.
        pooling: a name of `POOLINGS`.
    """
    family, pool = correlation.of, Pool.of(people, pooling)
    mean, _ = pool.without()
    lower, upper = [], []
    for person, own in enumerate(pool.on_scale):
        others, counts = pool.without(person)
        lower.append(_of_two(family, own, others, pool.there[person] & (counts > 0), items))
        upper.append(_of_two(family, own, mean, pool.there[person], items))
    reliability = _reliability_of(people, items, family)
    return RsaCeiling(_mean_of(lower), _mean_of(upper), cast(Any, pooling), reliability=reliability)


def _reliability_of(people: np.ndarray, items: np.ndarray, family: Family) -> float:
    """The mean over pairs of people of the correlation of their matrices."""
    there = ~np.isnan(people)
    if there.all():
        ready = [family.prepare(person, items) for person in people]
        return _mean_of([family.value(a, b) for a, b in combinations(ready, 2)])
    pairs = combinations(range(len(people)), 2)
    return _mean_of([_of_two(family, people[a], people[b], there[a] & there[b], items) for a, b in pairs])


def _of_two(family: Family, a: np.ndarray, b: np.ndarray, keep: np.ndarray, items: np.ndarray) -> float:
    left, right = (family.prepare(values[keep], items[keep]) for values in (a, b))
    return family.value(left, right)


def _mean_of(values: list[float]) -> float:
    """The mean of the values that are defined; NaN where none is."""
    defined = [value for value in values if not math.isnan(value)]
    return math.fsum(defined) / len(defined) if defined else math.nan


RANKED, VALUED = ("spearman", "rho-a"), ("pearson", "cosine")
INFLUENCES = (*RANKED, *VALUED)  # the correlations that have them here


@dataclass(frozen=True, eq=False)
class Side:
    """One of two matrices."""

    name: str  # of the correlation.
    scores: np.ndarray  # float64 (m,), ranks from -1/2 to 1/2, or values as they are compared.
    square: float  # their mean square; of rho-a what it would be without ties.
    own: np.ndarray  # float64 (m,), the influence of each pair on that.
    ranked: RankedPairs | None  # the pairs in the order of their values; None where ranks don't matter.
    scale: float  # what values are divided by.

    @classmethod
    def of(cls, name: str, values: np.ndarray, items: np.ndarray, backend: BackendName = "auto") -> Side:
        """The side of values (m,) of pairs, items int32 (m, 2), by a correlation of `INFLUENCES`."""
        m = len(values)
        scale = float(np.abs(values).max(initial=0.0)) or 1.0
        ranked = rank_pairs(values, items, backend) if name in RANKED else None
        scores = _scores(name, values, scale, ranked)
        square = (1.0 - 1.0 / m**2) / 12.0 if name == "rho-a" else _mean_of_people(scores, scores)
        own = np.zeros(m) if name == "rho-a" else scores * scores - square
        if name == "spearman" and ranked is not None:
            own += 2.0 * (mean_above(ranked, scores) - square)
        return cls(name, scores, square, own, ranked, scale)

    def moved(self, values: np.ndarray, items: np.ndarray, backend: BackendName = "auto") -> np.ndarray:
        """(m,): the scores of other values of the same pairs, less these scores."""
        ranked = None if self.ranked is None else rank_pairs(values, items, backend)
        difference: np.ndarray = _scores(self.name, values, self.scale, ranked) - self.scores
        return difference


def _scores(name: str, values: np.ndarray, scale: float, ranked: RankedPairs | None) -> np.ndarray:
    m = len(values)
    if ranked is not None:
        ranks: np.ndarray = (ranked.ranks.astype(np.float64) - (m + 1)) / (2.0 * m)
        return ranks
    wide = values.astype(np.float64) / scale
    if name == "pearson":
        return np.zeros(m) if m == 0 or wide.min() == wide.max() else wide - wide.mean()
    return wide


def _mean_of_people(a: np.ndarray, b: np.ndarray) -> float:
    """The mean of the products; not by BLAS, whose sums depend on its threads."""
    return float(np.einsum("i,i->", a, b)) / len(a) if len(a) else math.nan


def mean_above(ranked: RankedPairs, scores: np.ndarray) -> np.ndarray:
    """(m,): for each pair, the sum of the scores of pairs with a larger value and half of those equal to it, over m."""
    ascending = ranked.ranks[ranked.places]
    first = np.ones(len(ascending), bool)
    first[1:] = ascending[1:] != ascending[:-1]
    starts = np.flatnonzero(first)
    sums = np.concatenate([[0.0], np.cumsum(scores[ranked.places])])
    middle = (sums[starts] + sums[np.append(starts[1:], len(ascending))]) / 2.0
    out = np.empty(len(ascending))
    out[ranked.places] = (sums[-1] - middle)[np.cumsum(first) - 1] / len(ascending)
    return out


def influence(a: Side, b: Side) -> np.ndarray:
    """(m,): influences of pairs on the correlation of two matrices, of mean 0; NaN where it is not defined."""
    if not (a.square > 0 and b.square > 0):
        return np.full(len(a.scores), np.nan)
    covariance = _mean_of_people(a.scores, b.scores)
    together = a.scores * b.scores - covariance
    if a.ranked is not None and b.ranked is not None:
        together += mean_above(a.ranked, b.scores) + mean_above(b.ranked, a.scores) - 2.0 * covariance
    root = math.sqrt(a.square) * math.sqrt(b.square)
    influences: np.ndarray = together / root - covariance / root / 2.0 * (a.own / a.square + b.own / b.square)
    return influences


def sums_of_objects(table: np.ndarray, items: np.ndarray, n: int) -> np.ndarray:
    """(k, n): the sums of rows (k, m) over the pairs of each of n objects, items (m, 2).

    Example:
        >>> sums_of_objects(np.array([[1.0, 2.0]]), np.array([[0, 1], [1, 2]]), 3)
        array([[1., 3., 2.]])
    """
    i, j = np.ascontiguousarray(items.T, np.intp)
    return np.stack([np.bincount(i, row, n) + np.bincount(j, row, n) for row in table])


def jackknifed(a: Side, b: Side, items: np.ndarray, n: int) -> np.ndarray:
    """(m + n,): the influence of each pair, and for each of n objects what leaving it out adds to those of its pairs.

    Without object i the correlation is r_-i. With m_i pairs of the object, (m - m_i) (r - r_-i) is the sum of their
    influences, to first order. An object with a large effect pulls means and variances towards itself, so that the
    influences of its pairs are too small; the second part is the rest. Ranks of other pairs are taken as they are.

    Source: the difference between HC3 and HC0, MacKinnon and White, Journal of Econometrics 1985.

    Example:
        >>> items = np.array([[0, 1], [0, 2], [1, 2], [0, 3], [1, 3], [2, 3]], np.int32)
        >>> a, b = (Side.of("pearson", np.array(values), items) for values in ([1, 2, 4, 3, 6, 5], [2, 1, 4, 3, 5, 7]))
        >>> influences = jackknifed(a, b, items, 4)
        >>> of_last = influences[:6] @ (items == 3).any(axis=1) + influences[-1]
        >>> without = np.corrcoef([1, 2, 4], [2, 1, 4])[0, 1]
        >>> bool(np.isclose(of_last, 3 * (np.corrcoef([1, 2, 4, 3, 6, 5], [2, 1, 4, 3, 5, 7])[0, 1] - without)))
        True
    """
    pairs, m = influence(a, b), len(a.scores)
    influences = np.zeros(m + n)
    influences[:m] = pairs
    if not (a.square > 0 and b.square > 0):
        influences[m:] = np.nan
        return influences
    values = np.stack([np.ones(m), a.scores, b.scores, a.scores**2, b.scores**2, a.scores * b.scores])
    of_objects = sums_of_objects(values, items, n)
    left, x, y, xx, yy, xy = values.sum(axis=1, keepdims=True) - of_objects
    centered = a.name != "cosine"
    with np.errstate(divide="ignore", invalid="ignore"):
        if centered:
            xx, yy, xy = xx - x * x / left, yy - y * y / left, xy - x * y / left
        below = np.sqrt(a.square * b.square) * left if a.name == "rho-a" else np.sqrt(xx) * np.sqrt(yy)
        without = xy / below
    root = math.sqrt(a.square) * math.sqrt(b.square)
    r = _mean_of_people(a.scores, b.scores) / root
    first = (values[5] - r * root) / root
    if a.name != "rho-a":
        first -= r / 2.0 * (values[3] / a.square + values[4] / b.square - 2.0)
    more = left * (r - without) - sums_of_objects(first[None], items, n)[0]
    influences[m:] = np.where(np.isfinite(more), more, 0.0)
    return influences


def gradient(a: Side, b: Side) -> np.ndarray:
    """(m,): m times the derivative of the correlation by each score of the first."""
    if not (a.square > 0 and b.square > 0):
        return np.full(len(a.scores), np.nan)
    derivatives: np.ndarray = b.scores / math.sqrt(a.square) / math.sqrt(b.square)
    if a.name != "rho-a":
        derivatives -= _mean_of_people(a.scores, derivatives) * a.scores / a.square
    return derivatives

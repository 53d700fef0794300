"""What the noise ceiling and the reliability of people owe to each pair of objects and to each participant.

Both are means over people s of a correlation c_s: of the matrix of s with the mean of the others' (the lower ceiling),
with the mean of all (the upper), or, of the reliability, the mean correlation with each of the others. A participant q
enters twice: by c_q, and by what q does to the c_s of the others. The jackknife has both,

    J_q = (p - 1) (the mean over q of T_-q, less T_-q)

with T_-q the figure without q. At single pairs, c_q has the influences of `influence`, and q moves c_s by the slope of
c_s along what the mean loses where q is left out. The values that are averaged, such as ranks, are taken as they are.
"""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np

from pyalign._dataclass import dataclass
from pyalign.pairwise.ceilings import Pool
from pyalign.pairwise.influence import Side, gradient, jackknifed
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
    jackknife = np.full((p, 3), np.nan)
    if p >= LEAST:
        left_out, with_others = _means(without), values[:, RELIABILITY]
        jackknife[:, :RELIABILITY] = (p - 1) * (left_out.mean(axis=0) - left_out)
        jackknife[:, RELIABILITY] = 2.0 * (p - 1) / (p - 2) * (with_others - with_others.mean())
        jackknife[:, np.isnan(values).any(axis=0)] = np.nan
    return AmongPeople(values, jackknife, pairs, rows)


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
) -> None:  # fmt: skip
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

"""How well people predict people: the noise ceiling of correlations with each of them, and their reliability.

Source: Nili et al., "A toolbox for representational similarity analysis", 2014.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import combinations
from typing import Any, cast

import numpy as np

from pyalign._dataclass import dataclass
from pyalign.ops.ranks import double_ranks
from pyalign.pairwise.correlations import Correlation, Family
from pyalign.pairwise.rsa_result import RsaCeiling


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

    Example:
        >>> from pyalign.pairwise.correlations import get_correlation
        >>> people = np.array([[1.0, 2, 3], [1.0, 2, 3]])
        >>> items = np.array([[0, 1], [0, 2], [1, 2]], np.int32)
        >>> ceiling = noise_ceiling_of(people, items, get_correlation("spearman"), "ranks")
        >>> ceiling.lower, ceiling.upper, ceiling.reliability
        (1.0, 1.0, 1.0)
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

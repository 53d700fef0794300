"""People's matrices: pooled, and how well they predict each other."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

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


# How each person's values are brought to one scale before they are averaged.
POOLINGS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "ranks": _ranks,
    "standardized": _standardized,
    "unit": _unit,
    "raw": lambda values: values,
}


def scaled(people: np.ndarray, pooling: str) -> np.ndarray:
    """(p, m): each person's values on the scale of a pooling, NaN where they are NaN.

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


def noise_ceiling_of(people: np.ndarray, items: np.ndarray, correlation: Correlation, pooling: str) -> RsaCeiling:
    """Bounds of the mean over people of a model's correlation with each.

    Args:
        people: (p, m) with p of at least 2; NaN for pairs that a person has not judged.
        items: int32 (m, 2), the objects of each pair.
        pooling: a name of `POOLINGS`.

    Source: Nili et al., "A toolbox for representational similarity analysis", 2014.

    Example:
        >>> from pyalign.pairwise.correlations import get_correlation
        >>> people = np.array([[1.0, 2, 3], [1.0, 2, 3]])
        >>> noise_ceiling_of(people, np.array([[0, 1], [0, 2], [1, 2]], np.int32), get_correlation("spearman"), "ranks")
        RsaCeiling(lower=1.0, upper=1.0, pooling='ranks')
    """
    family, on_scale = correlation.of, scaled(people, pooling)
    there = ~np.isnan(on_scale)
    filled = np.where(there, on_scale, 0.0)
    total, counts = filled.sum(axis=0), there.sum(axis=0)
    lower, upper = [], []
    for person, own in enumerate(people):
        others = counts - there[person]
        keep = there[person] & (others > 0)
        lower.append(_of_two(family, own, (total - filled[person]) / np.maximum(others, 1), keep, items))
        upper.append(_of_two(family, own, total / np.maximum(counts, 1), there[person], items))
    return RsaCeiling(_mean_of(lower), _mean_of(upper), pooling)


def _of_two(family: Family, a: np.ndarray, b: np.ndarray, keep: np.ndarray, items: np.ndarray) -> float:
    left, right = (family.prepare(values[keep], items[keep]) for values in (a, b))
    return family.value(left, right)


def _mean_of(values: list[float]) -> float:
    """Of those that are defined."""
    defined = [value for value in values if not math.isnan(value)]
    return math.fsum(defined) / len(defined) if defined else math.nan

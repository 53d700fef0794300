"""Effective numbers of objects and people, and how few of them have an interval.

Where a few objects are in most triplets, or a few people gave most answers, the others say little. The effective number
(sum n_i)^2 / sum n_i^2, with n_i the rows of each, is how many with as many rows each would say as much. Degrees of
freedom count objects and people by it (`pyalign.stats.degrees`).

Below a minimum there is no interval, only the reason. docs/small-samples.md has the simulations that it is from.

Degrees of freedom of variances that are known from few objects or people.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass
from pyalign.stats.resampling import LEAST, Clusters, effective_number, is_enough

NAMES = {"objects": "objects", "subjects": "participants"}
ROWS = {"objects": "triplets each would: a few are in most", "subjects": "answers each would: a few gave most"}
DEPENDENT = {
    "objects": "any two triplets share an object",
    "subjects": "all answers are from one participant",
    "objects+subjects": "any two answers share an object or a participant",
    "triplets": "there is only one triplet",
}


@dataclass(frozen=True)
class EffectiveNumber:
    """How many objects, or people, there are, and how many with as many rows each would say as much."""

    of: str  # "objects" or "subjects".
    count: int  # those with a row.
    value: float  # the effective number.

    @classmethod
    def of_sizes(cls, of: str, sizes: np.ndarray) -> EffectiveNumber:
        """The effective number that follows from how many rows each has, or how much they weigh."""
        return cls(of, int((sizes > 0).sum()), effective_number(sizes))

    @property
    def degrees(self) -> float:
        """Degrees of freedom of a sum of squares over them."""
        return self.value * (self.count - 1) / self.count

    @property
    def is_low(self) -> bool:
        """Whether it is below half of the count."""
        return self.value < self.count / 2

    @property
    def is_enough(self) -> bool:
        """Whether there are intervals over so many."""
        return is_enough(self.of, self.value)


def effective_numbers(clusters: Clusters, by: str) -> tuple[EffectiveNumber, ...]:
    """The effective numbers of the objects and people that intervals are over; rows count by their weights."""
    numbers = []
    for name, codes in (("objects", clusters.objects), ("subjects", clusters.subjects)):
        if name in by and codes is not None:
            index = _checks.as_array(codes, name, "(t, k)")
            each = None if clusters.weights is None else np.repeat(clusters.weights, index.size // len(index))
            numbers.append(EffectiveNumber.of_sizes(name, np.bincount(index.ravel(), each).astype(np.float64)))
    return tuple(numbers)


def notes_on_few(numbers: Sequence[EffectiveNumber]) -> tuple[str, ...]:
    """A sentence each about numbers below half of the count, where there are intervals."""
    return tuple(
        f"{number.count:,} {NAMES[number.of]} say as much as {number.value:,.1f} with as many {ROWS[number.of]} of them"
        for number in numbers
        if number.is_low and number.is_enough
    )


def low_values(numbers: Sequence[EffectiveNumber]) -> dict[str, Any]:
    """Effective numbers below half of the count, by the fields of results that hold them.

    Example:
        >>> low_values([EffectiveNumber("objects", 41, 8.2), EffectiveNumber("subjects", 9, 8.0)])
        {'effective_objects': 8.2}
    """
    return {f"effective_{number.of}": number.value for number in numbers if number.is_low}


def are_enough(numbers: Sequence[EffectiveNumber]) -> bool:
    """Whether there are intervals over so many of each."""
    return all(number.is_enough for number in numbers)


def without_interval(by: str, numbers: Sequence[EffectiveNumber]) -> str:
    """Why there is no interval in closed form: too few objects or people, or all rows depend on each other."""
    few = next((number for number in numbers if not number.is_enough), None)
    over = " and ".join(NAMES.get(name, name) for name in by.split("+"))
    if few is None:
        return f"there is no interval over {over}: {DEPENDENT[by]}"
    least = f"below the minimum of {LEAST[few.of]}"
    return f"there is no interval over {over}: the effective number of {NAMES[few.of]} is {few.value:.1f}, {least}"


LEAST_DEGREES = 3.0  # degrees of freedom of a sum of squares that E V* is taken for: below 2 it is infinite
NODES = np.linspace(-8.0, 5.0, 53)  # standard deviations of the logarithm of chi-square
AT_ONCE = 1 << 18  # numbers that are held at once


def of_difference(
    variance: np.ndarray, floor: np.ndarray, squares: np.ndarray, rest: np.ndarray, degrees: np.ndarray
) -> np.ndarray:
    """Degrees of freedom of variances max(floor, squares - rest).

    Args:
        variance, floor, squares, rest: arrays of one shape.
        degrees: of the squares.
    """
    nu = np.maximum(degrees, LEAST_DEGREES)
    ratio = nu / (nu - 2.0)
    expected = squares * ratio - rest
    missing = np.empty_like(expected)
    for part, (weights, chi) in _drawn(nu):
        missing[part] = (weights * np.maximum(0.0, (floor + rest)[part, None] - squares[part, None] / chi)).sum(axis=1)
    return _from_ratio(expected + missing, variance, degrees)


def of_both(
    variance: np.ndarray, floor: np.ndarray, squares: tuple[np.ndarray, np.ndarray], rest: np.ndarray,
    common: np.ndarray, degrees: tuple[np.ndarray, np.ndarray],
) -> np.ndarray:
    """Degrees of freedom of max(floor, objects, people, objects + people - common), with objects = squares - rest.

    Args:
        variance, floor, rest, common: arrays of one shape.
        squares: over objects, and over people, whose variance is their squares themselves.
        degrees: of either.
    """
    nus = [np.maximum(freedom, LEAST_DEGREES) for freedom in degrees]
    first, second = (sum_of_squares * nu / (nu - 2.0) for sum_of_squares, nu in zip(squares, nus, strict=True))
    expected = first - rest + second - common
    missing = np.empty_like(expected)
    step = max(1, AT_ONCE // len(NODES) ** 2)
    for start in range(0, len(expected), step):
        part = slice(start, start + step)
        (weights, chi), (others, other_chi) = (chi_square(nu[part]) for nu in nus)
        objects = (squares[0][part, None] / chi - rest[part, None])[:, :, None]
        people = (squares[1][part, None] / other_chi)[:, None, :]
        shared, least = common[part, None, None], floor[part, None, None]
        short = np.maximum(np.maximum(shared - objects, shared - people), least + shared - objects - people)
        missing[part] = np.einsum("cij,ci,cj->c", np.maximum(0.0, short), weights, others)
    return _from_ratio(expected + missing, variance, np.maximum(*degrees))


def chi_square(nu: np.ndarray, nodes: np.ndarray = NODES) -> tuple[np.ndarray, np.ndarray]:
    """(c, nodes) weights and values of chi-square / nu, evenly spaced on a logarithmic scale.

    Args:
        nu: (c,) degrees of freedom.
        nodes: in standard deviations of the logarithm.
    """
    logs = nodes * np.sqrt(2.0 / nu)[:, None]
    values = np.exp(logs)
    weights = np.exp(0.5 * nu[:, None] * (logs - values + 1.0))
    return weights / weights.sum(axis=1, keepdims=True), values


@lru_cache
def chi_square_quantiles(degrees: float, shares: tuple[float, ...]) -> tuple[float, ...]:
    """Quantiles of chi-square with these degrees of freedom, divided by them.

    Example:
        >>> [round(quantile, 2) for quantile in chi_square_quantiles(10.0, (0.025, 0.975))]  # 3.247 / 10 and 20.48 / 10
        [0.32, 2.05]
    """
    weights, values = (table[0] for table in chi_square(np.array([degrees]), np.linspace(NODES[0], NODES[-1], 1001)))
    below = np.cumsum(weights) - weights / 2.0
    return tuple(float(np.exp(log)) for log in np.interp(shares, below, np.log(values)))


def _from_ratio(expected: np.ndarray, variance: np.ndarray, most: np.ndarray) -> np.ndarray:
    """Degrees of freedom of Student's t, with a variance of expected / variance times the normal distribution's."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(variance > 0, expected / variance, 1.0)
        freedom = 2.0 * ratio / (ratio - 1.0)
    return np.where(ratio > 1.0, np.minimum(freedom, most), most)


def _drawn(nu: np.ndarray) -> list[tuple[slice, tuple[np.ndarray, np.ndarray]]]:
    step = max(1, AT_ONCE // len(NODES))
    return [(slice(k, k + step), chi_square(nu[k : k + step])) for k in range(0, len(nu), step)]

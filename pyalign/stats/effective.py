"""Effective numbers of objects and people, and how few of them have an interval.

Where a few objects are in most triplets, or a few people gave most answers, the others say little. The effective number
(sum n_i)^2 / sum n_i^2, with n_i the rows of each, is how many with as many rows each would say as much. Degrees of
freedom count objects and people by it (`pyalign.stats.degrees`).

Below a minimum there is no interval, only the reason. docs/small-samples.md has the simulations that it is from.
"""

from __future__ import annotations

from collections.abc import Sequence
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
        """The effective number that follows from how many rows each has, or how much they weigh.

        Example:
            >>> EffectiveNumber.of_sizes("objects", np.array([2.0, 2.0, 0.0]))
            EffectiveNumber(of='objects', count=2, value=2.0)
        """
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
    """The effective numbers of the objects and people that intervals are over; rows count by their weights.

    Example:
        >>> effective_numbers(Clusters.of([[0, 1, 2], [0, 3, 4]]), "objects")[0].value
        4.5
    """
    numbers = []
    for name, codes in (("objects", clusters.objects), ("subjects", clusters.subjects)):
        if name in by and codes is not None:
            index = _checks.as_array(codes, name, "(t, k)")
            each = None if clusters.weights is None else np.repeat(clusters.weights, index.size // len(index))
            numbers.append(EffectiveNumber.of_sizes(name, np.bincount(index.ravel(), each).astype(np.float64)))
    return tuple(numbers)


def notes_on_few(numbers: Sequence[EffectiveNumber]) -> tuple[str, ...]:
    """A sentence each about numbers below half of the count, where there are intervals.

    Example:
        >>> notes_on_few([EffectiveNumber("objects", 41, 8.2)])
        ('41 objects say as much as 8.2 with as many triplets each would: a few are in most of them',)
    """
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
    """Why there is no interval in closed form: too few objects or people, or all rows depend on each other.

    Example:
        >>> without_interval("objects", [EffectiveNumber("objects", 6, 5.94)])
        'there is no interval over objects: the effective number of objects is 5.9, below the minimum of 8'
        >>> without_interval("triplets", [])
        'there is no interval over triplets: there is only one triplet'
    """
    few = next((number for number in numbers if not number.is_enough), None)
    over = " and ".join(NAMES.get(name, name) for name in by.split("+"))
    if few is None:
        return f"there is no interval over {over}: {DEPENDENT[by]}"
    least = f"below the minimum of {LEAST[few.of]}"
    return f"there is no interval over {over}: the effective number of {NAMES[few.of]} is {few.value:.1f}, {least}"

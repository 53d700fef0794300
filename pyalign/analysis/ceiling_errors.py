"""Standard errors of ceilings: over other objects, and over other people where they are known.

A ceiling is a (weighted) mean over sets of three items, so with psi of each set it has an error over objects, see
`pyalign.stats.clustered`. People enter by what changes without them: with c of each entry, a person's answers to a set,
the variance over people is the sum over persons of (sum of c)^2. What the two have in common, the same within each
person by objects, is taken off once:

    V = V_objects + (V_people - V_both) W^2 / (W^2 - sum W_p^2)

where W_p counts the entries of a person and W all: as many pairs of entries are of different persons. V is at least
V_objects, and at least V_people where the changes are centred in each set: others hold what sets differ by, and the
chance within sets up to twice, which V_both takes off again.

Source: Cameron, Gelbach and Miller, "Robust inference with multiway clustering", 2011; Efron and Stein, "The jackknife
estimate of variance", 1981.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pyalign.analysis.entries import Entries, RepeatedSets
from pyalign.documents import Interval
from pyalign.stats.clustered import SIGNS, Dependence
from pyalign.stats.intervals import FRACTION, student_interval
from pyalign.stats.resampling import Clusters, Resampling


@dataclass(frozen=True)
class CeilingErrors:
    """What sets and entries have in common, once for all ceilings.

    Attributes:
        sets: by their objects.
        entries: by their objects and persons, or None.
        degrees: of freedom.
        plan: over what the errors are.
    """

    sets: Dependence
    entries: Dependence | None
    degrees: int
    plan: Resampling

    @classmethod
    def of(cls, sets: RepeatedSets, confidence: float = 0.95) -> CeilingErrors:
        """Those of repeated sets."""
        items = np.unique(sets.triplets, return_inverse=True)[1].reshape(sets.triplets.shape)  # any number names one
        objects = Dependence.of(Clusters.of(items), Resampling("objects", confidence=confidence))
        entries = sets.entries
        if entries is None:
            return cls(objects, None, objects.degrees, Resampling("objects", confidence=confidence))
        plan = Resampling("objects+subjects", confidence=confidence)
        both = Dependence.of(Clusters.of(items[entries.sets], entries.persons), plan)
        return cls(objects, both, both.degrees, plan)

    def interval(
        self, value: float, table: np.ndarray, changes: np.ndarray | None, centred: bool = True
    ) -> Interval | None:  # fmt: skip
        """Of a ceiling; None where no two sets, or persons, are independent.

        Args:
            value: the ceiling.
            table: float64 (u, 2), weights of the sets and weight * psi.
            changes: float64 (e,), what the sum of weight * psi would lose without each entry, or None.
            centred: whether the changes are centred in each set.
        """
        found = self.sets.errors(np.ascontiguousarray(table))
        variance = float(found.errors[0]) ** 2
        if self.entries is not None and changes is not None:
            variance = _with_people(variance, self.entries, changes / float(table[:, 0].sum()), centred)
        if math.isnan(variance) or self.degrees < 1:
            return None
        return student_interval(value, math.sqrt(variance), self.degrees, self.plan, FRACTION)


def _with_people(variance: float, entries: Dependence, changes: np.ndarray, centred: bool) -> float:
    """The variance over objects with that over people added, NaN for a single person."""
    assert entries.people is not None and entries.both is not None
    numbers = np.bincount(entries.people).astype(np.float64)
    square = float(numbers.sum()) ** 2
    independent = square - float(numbers @ numbers)
    if independent <= 0:
        return math.nan
    sums = np.bincount(entries.people, changes)
    people = float(sums @ sums) * square / independent
    both = float(SIGNS @ entries.both.products(changes[:, None]).ravel()) * square / independent
    return max(variance + people - both, variance, people if centred else 0.0)


def changes_without(counts: np.ndarray, entries: Entries, psi: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """(e,): what psi of a set, a function of its counts (., k), loses without a person, as a jackknife within the set.

    The changes are centred in each set, which takes off the bias that psi has for few answers, and scaled by
    sqrt((m - 1) / m) with m persons, so that the sum of their squares has the size of a variance.

    Example:
        >>> entries = Entries(np.array([0, 0]), np.array([0, 1]), np.array([[1, 0, 0], [0, 1, 0]]))
        >>> changes_without(np.array([[1, 1, 0]]), entries, lambda counts: counts[:, 0] / counts.sum(axis=1)).round(4)
        array([ 0.3536, -0.3536])
    """
    without = counts[entries.sets] - entries.own
    there = without.any(axis=1)
    changes = np.zeros(len(without))
    changes[there] = psi(counts)[entries.sets[there]] - psi(without[there])
    persons = np.bincount(entries.sets, minlength=len(counts)).astype(np.float64)
    means = np.bincount(entries.sets, changes, len(counts)) / np.maximum(persons, 1.0)
    scale = np.sqrt((persons - 1.0) / np.maximum(persons, 1.0))[entries.sets]
    centred: np.ndarray = (changes - means[entries.sets]) * scale
    return centred

"""Standard errors of means over rows that share objects or people: in closed form, for any number of means together.

Two rows are dependent where they share an object (or a person), and only there. With residuals e = value - mean, the
variance of a mean over t rows is the sum of e_s e_u over dependent pairs of rows, divided by N0: how many of the t^2
pairs are independent. (The plain formula divides by t^2, and is too small: residuals add up to zero, so that dependent
pairs hold less than their errors would.) The sums follow from sums over groups of rows, by inclusion and exclusion:

    objects   sum S_i^2 - sum S_ij^2 + sum S_ijk^2      rows with object i, with both, of the same three
    people    sum S_p^2                                 rows of person p
    either    objects + people - the first within each person

with S the sum of e in the group. No variance over objects is below that of independent triplets (sets of three objects,
whose repeated answers depend on each other) or of independent rows, nor, over either, below that over objects or over
people alone.

Source: Cameron, Gelbach and Miller, "Robust inference with multiway clustering", 2011; Aronow, Samii and Assenova,
"Cluster-robust variance estimation for dyadic data", 2015; extended here from pairs to triplets, with N0.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pyalign import _checks
from pyalign.ops.shared import SharedTriplets, row_moments, share_triplets
from pyalign.stats.resampling import Clusters, Resampling

SIGNS = np.array([1.0, -1.0, 1.0])  # of objects, of pairs of them, of sets of three
ROUNDING = 1e-11  # of the variances of two means: below it, that of their difference is nothing but rounding
MOST_LABELS = 4  # labels for each object that a triplet names, before they are numbered anew


@dataclass(frozen=True)
class Errors:
    """What is known of the errors of k means.

    Attributes:
        means: (k,).
        candidates: (k, k) covariances each, of which the largest counts for each contrast: that over all that is drawn
            anew, first, then its floors.
        degrees: of freedom, of Student's t.
    """

    means: np.ndarray
    candidates: tuple[np.ndarray, ...]
    degrees: int

    @property
    def known(self) -> bool:
        """Whether there is an error: not where no two rows are independent."""
        return bool(np.isfinite(self.candidates[0]).all()) and self.degrees > 0

    @cached_property
    def errors(self) -> np.ndarray:
        """(k,) standard errors, NaN where they are not known."""
        return self._roots(np.stack([np.diagonal(one) for one in self.candidates]))

    @cached_property
    def differences(self) -> np.ndarray:
        """(k, k) standard errors of the differences of two means; 0 between means of the same values."""
        variances = []
        for one in self.candidates:
            own = np.diagonal(one)
            variance = own[:, None] + own[None, :] - one - one.T
            variance[np.abs(variance) <= ROUNDING * (np.abs(own[:, None]) + np.abs(own[None, :]))] = 0.0
            variances.append(variance)
        return self._roots(np.stack(variances))

    @cached_property
    def covariance(self) -> np.ndarray:
        """(k, k) positive semi-definite: the first candidate, raised where a contrast would be below a floor."""
        total = self.candidates[-1]
        for one in reversed(self.candidates[:-1]):
            total = total + _positive_part(one - total)
        return total

    def in_units(self, units: np.ndarray) -> Errors:
        """Those of means that are multiples (k,) of these."""
        scale = np.outer(units, units)
        return Errors(self.means * units, tuple(one * scale for one in self.candidates), self.degrees)

    def of(self, some: slice) -> Errors:
        """Those of some of the means."""
        return Errors(self.means[some], tuple(one[some, some] for one in self.candidates), self.degrees)

    def _roots(self, variances: np.ndarray) -> np.ndarray:
        if not self.known:
            return np.full(variances.shape[1:], np.nan)
        roots: np.ndarray = np.sqrt(np.maximum(variances.max(axis=0), 0.0))
        return roots


@dataclass(frozen=True)
class Dependence:
    """Which rows depend on each other: grouped once, for the means of any values.

    Attributes:
        by: what is drawn anew.
        objects: rows by their objects, or None where they don't matter.
        people: (t,) int64, or None.
        both: rows by their objects within each person, or None.
        degrees: of freedom: objects, people or rows, less one; the smaller of the first two where both count.
        backend: what adds up.
    """

    by: str
    objects: SharedTriplets | None
    people: np.ndarray | None
    both: SharedTriplets | None
    degrees: int
    backend: str = "auto"

    @classmethod
    def of(cls, clusters: Clusters, plan: Resampling) -> Dependence:
        """That of rows under a plan.

        Raises:
            InputError: people are not known, and the plan is over them.
        """
        index = _checks.as_array(clusters.objects, "objects", "(t, 3)")
        objects = people = both = None
        degrees = []
        if "objects" in plan.by:
            objects = share_triplets(index, clusters.n, clusters.backend)
            degrees.append(_distinct(index, clusters.n) if clusters.taken else clusters.n)
        if "subjects" in plan.by:
            people = clusters.persons()
            degrees.append(len(np.unique(people)))
        if objects is not None and people is not None:
            both = share_triplets(*_within(index, clusters.n, people), clusters.backend)
        return cls(plan.by, objects, people, both, min(degrees or [len(index)]) - 1, clusters.backend)

    def errors(self, table: np.ndarray) -> Errors:
        """Those of weighted means.

        Args:
            table: (t, 1 + k) int8, int16 or float64: the weights of the rows, 1 where all count the same, then weight
                times value.

        Example:
            >>> from pyalign.stats.resampling import Clusters, Resampling
            >>> rows = Clusters.of([[0, 1, 2], [3, 4, 5], [6, 7, 8]])
            >>> found = Dependence.of(rows, Resampling("objects")).errors(np.array([[1, 0], [1, 1], [1, 2]], np.int8))
            >>> found.means, found.errors.round(4), found.degrees  # the standard deviation over the root of 3
            (array([1.]), array([0.5774]), 8)
        """
        totals, alone = row_moments(table, self.backend)
        means = totals[1:] / totals[0]
        found = [alone]
        if self.people is not None:
            sums = np.stack([np.bincount(self.people, column) for column in table.T], axis=1)
            found.insert(0, row_moments(sums, self.backend)[1])
        if self.objects is not None:
            products = self.objects.products(table)
            found = [np.tensordot(SIGNS, products, 1), *found[:-1], products[2], alone]
        if self.both is not None:
            found.insert(0, found[0] + found[1] - np.tensordot(SIGNS, self.both.products(table), 1))
        if self.by == "subjects":
            found.pop()  # people's sums need no floor
        square = float(totals[0]) ** 2
        return Errors(means, tuple(variances_of(one, means, square) for one in found), self.degrees)


def variances_of(products: np.ndarray, means: np.ndarray, square: float) -> np.ndarray:
    """(k, k) covariances of means from sums over dependent pairs of rows, NaN where all pairs are dependent.

    Args:
        products: (1 + k, 1 + k): of weights and weighted values, two by two.
        means: (k,).
        square: of the sum of weights.
    """
    independent = square - products[0, 0]
    if independent <= ROUNDING * square:
        return np.full((len(means), len(means)), np.nan)
    shared = products[0, 1:]
    residuals = products[1:, 1:] - np.outer(means, shared) - np.outer(shared, means)
    variances: np.ndarray = (residuals + products[0, 0] * np.outer(means, means)) / independent
    return variances


def _positive_part(a: np.ndarray) -> np.ndarray:
    """A symmetric matrix without what is negative of it."""
    values, vectors = np.linalg.eigh((a + a.T) / 2.0)
    positive: np.ndarray = (vectors * np.maximum(values, 0.0)) @ vectors.T
    return positive


def _distinct(index: np.ndarray, n: int) -> int:
    seen = np.zeros(n, bool)
    for column in index.T:
        seen[column] = True
    return int(seen.sum())


def _within(index: np.ndarray, n: int, people: np.ndarray) -> tuple[np.ndarray, int]:
    """Triplets whose objects are others for each person, and how many there then are."""
    own = people[:, None].astype(np.int64) * n + index
    total = (int(people.max()) + 1) * n
    if total > max(1 << 16, MOST_LABELS * own.size):
        labels, codes = np.unique(own, return_inverse=True)
        return codes.reshape(own.shape), len(labels)
    return own, total


def standard_errors(clusters: Clusters, values: np.ndarray, plan: Resampling) -> tuple[np.ndarray, int]:
    """(v,) standard errors of the means of values (v, t), NaN where they are not known; and degrees of freedom."""
    found = Dependence.of(clusters, plan).errors(with_weights(values))
    return found.errors, found.degrees


def with_weights(values: np.ndarray) -> np.ndarray:
    """(t, 1 + v): values (v, t) of rows that count the same, as `Dependence.errors` takes them."""
    table = np.empty((values.shape[1], 1 + len(values)), values.dtype)
    table[:, 0] = 1
    table[:, 1:] = values.T
    return table

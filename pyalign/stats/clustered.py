"""Variances of the differences of several means, each drawn toward what all of them say together.

A is the sum of squares of a difference over objects (or people), and F its variance if rows were independent: near-
copies differ on few rows, so what differences have in common is r = A / F. With d degrees of freedom of A,

    A' = F (d0 mean(r) + d r) / (d0 + d)      has d0 + d.

d is 3 (sum S^2)^2 / sum S^4 of the sums S of objects, at most that of the design: models may differ on a few objects
only. d0 follows from how much more ratios spread than chance explains. It is at most (K - 1) d, for differences share
means: K = tr(C)^2 / tr(C^2) of the covariance C of the means about their mean.

Source: Smyth, "Linear models and empirical Bayes methods for assessing differential expression in microarray
experiments", 2004; K is that of Greenhouse and Geisser, "On methods in the analysis of profile data", 1959.

Standard errors of means over rows that share objects or people: in closed form, for any number of means together.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property
from itertools import combinations_with_replacement, pairwise

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass, replace
from pyalign.ops.plan import SharedTriplets, row_moments, share_triplets
from pyalign.stats import degrees
from pyalign.stats.components import Components, Covariances, Group, covariances_of
from pyalign.stats.degrees import EffectiveNumber, are_enough
from pyalign.stats.resampling import Clusters, Resampling
from pyalign.stats.splits import numbered

LEAST = 2.0  # own degrees of freedom


def shrunken(
    squares: np.ndarray, floor: np.ndarray, sums: np.ndarray, covariance: np.ndarray, most: float
) -> tuple[np.ndarray, np.ndarray]:
    """Sums of squares of differences, drawn toward their mean, and their degrees of freedom.

    Args:
        squares, floor: (k, k): A and F of the differences of two means; where F is 0, A stays.
        sums: (g, k) of the residuals of each object, or participant.
        covariance: (k, k): C, whose differences are A.
        most: degrees of freedom of A by the design.
    """
    pairs = np.triu(floor > 0.0, 1)
    if pairs.sum() < 2:
        return squares, np.full(squares.shape, most)
    powers, cubes = sums**2, (sums**3).T @ sums
    second, fourth = powers.sum(axis=0), (powers**2).sum(axis=0)
    second = second[:, None] + second - 2.0 * (sums.T @ sums)
    fourth = fourth[:, None] + fourth - 4.0 * (cubes + cubes.T) + 6.0 * (powers.T @ powers)
    own = np.divide(3.0 * second**2, fourth, out=np.full_like(fourth, most), where=fourth > 0.0)
    own = np.clip(own, min(LEAST, most), most)
    ratios = np.divide(squares, floor, out=np.zeros_like(squares), where=floor > 0.0)
    r, d, k = ratios[pairs], own[pairs], len(squares)
    mean, usual = float(r.mean()), float(1.0 / (1.0 / d).mean())
    centered = covariance - covariance.mean(axis=0) - covariance.mean(axis=1)[:, None] + covariance.mean()
    total = float(np.trace(centered)) ** 2
    product = (float((centered**2).sum()) - total / usual) * usual**2 / ((usual - 1.0) * (usual + 2.0))  # unbiased
    independent = min(max(total / product, 1.0), k - 1.0) if product > 0.0 else k - 1.0
    spread = float(r.var(ddof=1) - (2.0 * r * r / (d + 2.0)).mean() * (1.0 - 1.0 / independent))
    prior = min(2.0 * mean**2 / spread if spread > 0.0 else math.inf, (independent - 1.0) * usual)
    drawn = floor * (prior * mean + own * ratios) / (prior + own)
    return np.where(floor > 0.0, drawn, squares), np.maximum(prior + own, most)


SIGNS = np.array([1.0, -1.0, 1.0])  # of objects, of pairs of them, of sets of three
CONSTANT = 1e-13  # of sums of squares: residuals below it are rounding of values that are all the same
ROUNDING = 1e-11  # of the variances of two means: below it, that of their difference is nothing but rounding
NOTHING = 1e-14  # of the square of a mean: below it, its variance is nothing but rounding
Change = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Sums:
    """What the sums of objects, or of people, add to a variance."""

    squares: np.ndarray  # (k, k): the products of the sums of residuals, two by two, as covariances of means.
    number: EffectiveNumber  # how many there are.
    each: np.ndarray  # (g, k): the sums themselves, in any unit that all of them share.


@dataclass(frozen=True)
class Errors:
    """What is known of the errors of k means."""

    means: np.ndarray  # (k,).
    # (k, k) covariances each, of which the largest counts for each contrast: that over all that is drawn again, first,
    # then its floors.
    candidates: tuple[np.ndarray, ...]
    degrees: int  # of freedom at most: objects, people or triplets, less one.
    # of objects, of people, or of both, from which the degrees of freedom of each mean follow; none: `degrees`.
    sums: tuple[Sums, ...] = ()
    # how many there are, as many as weigh the same; over triplets, how many different sets of three; over objects, how
    # many that have none in common: a third of the effective number of objects.
    rows: float = math.inf
    covariances: Covariances | None = None  # of two rows, by what they share; None where they are not known.
    # for each mean, (k,) which object has the largest sum of residuals, and its part of the sum of squares.
    leading: tuple[np.ndarray, np.ndarray] | None = None

    @property
    def known(self) -> bool:
        """Whether there is an error: not where no two rows are independent, nor of too few objects or people."""
        return bool(np.isfinite(self.candidates[0]).all()) and self.degrees > 0 and are_enough(self.numbers)

    @property
    def numbers(self) -> tuple[EffectiveNumber, ...]:
        """The effective numbers of objects, of people, or of both, that the errors are over."""
        return tuple(group_sums.number for group_sums in self.sums)

    @cached_property
    def errors(self) -> np.ndarray:
        """(k,) standard errors, NaN where they are not known; 0 of equal values, whose variances are only rounding."""
        variances = np.stack([np.diagonal(candidate) for candidate in self.candidates])
        return self._roots(np.where(np.abs(variances) <= NOTHING * self.means**2, 0.0, variances))

    @cached_property
    def differences(self) -> np.ndarray:
        """(k, k) standard errors of the differences of two means; 0 between means of the same values."""
        return self._roots(np.stack([_of_differences(candidate) for candidate in self.candidates]))

    @cached_property
    def degrees_of_means(self) -> np.ndarray:
        """(k,) degrees of freedom of Student's t for each mean."""
        return self._contrasts(np.diagonal)[1]

    @cached_property
    def degrees_of_differences(self) -> np.ndarray:
        """(k, k) degrees of freedom of Student's t for the differences of two means."""
        return self._contrasts(_of_differences)[1]

    @cached_property
    def shrunken_differences(self) -> tuple[np.ndarray, np.ndarray]:
        """(k, k) standard errors, and degrees of freedom, of differences as all of them say; see `shrinkage`."""
        variances, freedom = self._contrasts(_of_differences, shrink=True)
        return self._roots(np.stack(variances)), freedom

    @cached_property
    def covariance(self) -> np.ndarray:
        """(k, k) positive semi-definite: the first candidate, raised where a contrast would be below a floor."""
        total = self.candidates[-1]
        for candidate in reversed(self.candidates[:-1]):
            total = total + _positive_part(candidate - total)
        return total

    def degrees_along(self, gradient: np.ndarray) -> float:
        """Degrees of freedom of a figure of the means with this gradient (k,)."""
        return float(self._contrasts(lambda covariance: np.array(gradient @ covariance @ gradient))[1])

    def components(self, a: int, b: int | None = None) -> Components | None:
        """Variance components of mean number a, or of mean a less mean b."""
        if self.covariances is None:
            return None
        of = self.covariances if b is None else self._covariances_of_differences
        return of.components(lambda variances: float(variances[a, a if b is None else b]))

    @cached_property
    def _covariances_of_differences(self) -> Covariances:
        assert self.covariances is not None
        return self.covariances.changed(_of_differences)

    def in_units(self, units: np.ndarray) -> Errors:
        """The errors of means that are multiples (k,) of these."""
        changed = self._changed(self.means * units, lambda each: each * units)
        return replace(changed, leading=self.leading)

    def along(self, weights: np.ndarray) -> Errors:
        """The errors of weighted sums (f, k) of the means."""
        return self._changed(weights @ self.means, lambda each: each @ weights.T)

    def of(self, some: slice | list[int]) -> Errors:
        """The errors of some of the means."""
        return self._changed(self.means[some], lambda each: each[:, some])

    def _changed(self, means: np.ndarray, columns: Change) -> Errors:
        def change(covariance: np.ndarray) -> np.ndarray:
            return columns(columns(covariance).T)

        candidates = tuple(change(candidate) for candidate in self.candidates)
        sums = tuple(Sums(change(group.squares), group.number, columns(group.each)) for group in self.sums)
        covariances = None if self.covariances is None else self.covariances.changed(change)
        return Errors(means, candidates, self.degrees, sums, self.rows, covariances)

    def _contrasts(self, of: Change, shrink: bool = False) -> tuple[list[np.ndarray], np.ndarray]:
        """Candidates for the variances of contrasts, which `of` takes out of a covariance, and degrees of freedom."""
        every = [of(candidate) for candidate in self.candidates]
        if not self.known or not self.sums:
            return every, np.full(every[0].shape, float(self.degrees))
        both = len(self.sums) == 2
        floor = np.max([np.zeros_like(every[0]), *every[3 if both else 1 :]], axis=0)
        squares, own = [of(group.squares) for group in self.sums], [group.number.degrees for group in self.sums]
        freedoms = [np.full(floor.shape, most) for most in own]
        for k, group in enumerate(self.sums if shrink else ()):
            before = squares[k]
            squares[k], freedoms[k] = shrunken(before, floor, group.each, group.squares, own[k])
            for place in {0, k + both}:  # over either, and over these
                every[place] = every[place] + (squares[k] - before)
        variances, flat = [one.ravel() for one in every], [one.ravel() for one in squares]
        largest, rest = np.max(variances, axis=0), flat[0] - variances[1 if both else 0]
        if both:
            common = variances[1] + variances[2] - variances[0]
            nu = freedoms[0].ravel(), freedoms[1].ravel()
            freedom = degrees.of_both(largest, floor.ravel(), (flat[0], flat[1]), rest, common, nu)
        else:
            freedom = degrees.of_difference(largest, floor.ravel(), flat[0], rest, freedoms[0].ravel())
        return every, freedom.reshape(floor.shape)

    def _roots(self, variances: np.ndarray) -> np.ndarray:
        if not self.known:
            return np.full(variances.shape[1:], np.nan)
        roots: np.ndarray = np.sqrt(np.maximum(variances.max(axis=0), 0.0))
        return roots


@dataclass(frozen=True)
class Dependence:
    """Groups the rows that depend on each other, once for the means of any values."""

    by: str  # what is resampled.
    objects: SharedTriplets | None  # rows by their objects, or None where they don't matter.
    people: np.ndarray | None  # (t,) int64, or None.
    both: WithinPeople | None  # rows by their objects within each participant, or None.
    degrees: int  # of freedom: objects, people or triplets, less one; the smaller of the first two where both count.
    backend: str = "auto"  # what adds up.
    # (t,) the number of each row's set of three objects, where triplets are resampled and some are in several rows, or
    # None.
    sets: np.ndarray | None = None

    @classmethod
    def of(cls, clusters: Clusters, plan: Resampling) -> Dependence:
        """The dependence of rows on each other under a plan."""
        index = _checks.as_array(clusters.objects, "objects", "(t, 3)")
        objects = people = both = None
        degrees = []
        sets = clusters.repeated() if plan.by == "triplets" else None
        if sets is not None:
            degrees.append(int(sets.max()) + 1)
        if "objects" in plan.by:
            objects = share_triplets(index, clusters.n, clusters.backend)
            degrees.append(int(np.count_nonzero(np.bincount(index.ravel()))) if clusters.taken else clusters.n)
        if "subjects" in plan.by:
            people = clusters.persons()
            degrees.append(int(np.count_nonzero(np.bincount(people))))
        if objects is not None and people is not None:
            both = WithinPeople.of(index, clusters.n, people, clusters.backend)
        return cls(plan.by, objects, people, both, min(degrees or [len(index)]) - 1, clusters.backend, sets)

    def errors(self, table: np.ndarray) -> Errors:
        """The errors of weighted means.

        Args:
            table: (t, 1 + k) int8, int16 or float64: the weights of the rows, 1 where all count the same, then weight
                times value.
        """
        columns = np.ascontiguousarray(table.T, np.float64)
        totals, alone = row_moments(columns.T, self.backend)
        means, square = totals[1:] / totals[0], float(totals[0]) ** 2
        groups: list[_Groups] = []
        objects = within = None
        candidate_products = [alone]
        if self.by == "triplets":
            candidate_products.insert(0, alone if self.sets is None else self._by_group(self.sets, columns)[1])
        if self.people is not None:
            sums, products = self._by_group(self.people, columns)
            groups.append(_Groups.of("subjects", sums, float(totals[0]), products))
            candidate_products.insert(0, groups[0].products)
        if self.objects is not None:
            objects, sums_of_objects = self.objects.products_and_sums(table)
            groups.insert(0, _Groups.of("objects", sums_of_objects, float(totals[0]), objects[0]))
            candidate_products = [np.tensordot(SIGNS, objects, 1), *candidate_products[:-1], objects[2], alone]
        if self.both is not None:
            within = self.both.products(table, columns, alone)
            candidate_products.insert(0, candidate_products[0] + candidate_products[1] - np.tensordot(SIGNS, within, 1))
        candidates = [variances_of(products, means, square) for products in candidate_products]
        if self.by == "subjects":
            candidates.pop()  # people's sums need no floor
        first = 1 if self.both is not None else 0
        for k, grouping in enumerate(groups):
            for place in {0, first + k}:  # over either, and over these
                candidates[place] += grouping.correction(means, square - candidate_products[place][0, 0])
        sums_of = tuple(
            grouping.sums(means, square - candidate_products[first + k][0, 0]) for k, grouping in enumerate(groups)
        )
        rows = square / float(candidate_products[-1 if self.by == "subjects" else -2][0, 0])
        leading = None
        if objects is not None:
            rows, leading = max(1.0, (groups[0].group.number.value + ROUNDING) // 3.0), _leading(sums_of_objects, means)
        shared = {grouping.group.number.of: grouping for grouping in groups}
        covariances = covariances_of(
            lambda products: _residuals(products, means), alone, square,
            {of: grouping.group for of, grouping in shared.items()}, objects,
            shared["subjects"].products if "subjects" in shared else None, within,
        )
        return Errors(means, tuple(candidates), self.degrees, sums_of, rows, covariances, leading)

    def _by_group(self, numbers: np.ndarray, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(g, 1 + k) sums of the rows of each group, and (1 + k, 1 + k) sums of their products, two by two."""
        sums = np.stack([np.bincount(numbers, column) for column in columns], axis=1)
        return sums, row_moments(sums, self.backend)[1]


@dataclass(frozen=True)
class WithinPeople:
    """Rows by their objects within each participant.

    With many objects, hardly any two rows of a participant share a pair: sums of squares over pairs, and over sets of
    three, are then those of single rows, and only the rows that may share a pair are grouped.
    """

    own: np.ndarray  # (t, 3) numbers of objects, others for each participant.
    some: np.ndarray | slice  # which rows may share a pair with another row of the same participant; or all.
    shared: SharedTriplets  # these rows.

    @classmethod
    def of(cls, index: np.ndarray, n: int, people: np.ndarray, backend: str) -> WithinPeople:
        """Groups rows of objects (t, 3) below n, by who answered (t,)."""
        columns = index.T.astype(np.int64, order="C")  # uint64 and int64 would be float64
        columns += people.astype(np.int64) * n
        labels, columns = numbered(columns)
        n, own, (a, b, c) = len(labels), np.ascontiguousarray(columns.T), columns
        low, high = np.minimum(np.minimum(a, b), c), np.maximum(np.maximum(a, b), c)
        middle = a + b + c - low - high
        low *= n
        pairs = np.stack([low + middle, low + high, middle * n + high])
        ordered = np.sort(pairs, axis=None)
        bits = (1 << int(np.log2(16 * len(own)))) - 1
        again = np.zeros(bits + 1, bool)  # by the last bits of a pair: a few that occur once are among these
        again[ordered[1:][ordered[1:] == ordered[:-1]] & bits] = True
        pairs &= bits
        shared = again[pairs].any(axis=0)
        shared[0] = True  # a row too many changes nothing, and none would have no groups
        some = np.flatnonzero(shared)
        if 2 * len(some) > len(own):
            return cls(own, slice(None), share_triplets(own, n, backend))
        objects, numbers = numbered(own[some])
        return cls(own, some, share_triplets(numbers, len(objects), backend))

    def products(self, table: np.ndarray, columns: np.ndarray, alone: np.ndarray) -> np.ndarray:
        """What `SharedTriplets.products` gives of (t, k) numbers; alone: (k, k), the products of single rows."""
        some = table[self.some]
        products = self.shared.products(some)
        if isinstance(self.some, slice):
            return products
        own, k = self.own.ravel(), len(columns)
        sums = [np.bincount(own, np.repeat(column, 3)) for column in columns]
        of_objects, rest = np.empty((k, k)), alone - row_moments(some)[1]
        for a, b in combinations_with_replacement(range(k), 2):
            of_objects[a, b] = of_objects[b, a] = np.einsum("i,i->", sums[a], sums[b])
        return np.stack([of_objects, products[1] + 3.0 * rest, products[2] + rest])


@dataclass(frozen=True)
class _Groups:
    """Sums of rows over objects, or over people."""

    products: np.ndarray  # (1 + k, 1 + k) over groups, of weights and weighted values, two by two.
    more: np.ndarray  # these products times the factor for groups of many rows less 1.
    group: Group  # how many groups there are, and how many rows each has.
    rows: np.ndarray  # (g, 1 + k): sums of weights and weighted values.

    @classmethod
    def of(cls, what: str, sums: np.ndarray, total: float, products: np.ndarray) -> _Groups:
        """The groups with sums (g, 1 + k); those of equal size are added up first, exact in whole numbers."""
        sizes = sums[:, 0]
        number = EffectiveNumber.of_sizes(what, sizes)
        usual = 1.0 - sizes.sum() / total / number.count
        ordered = sums[np.argsort(sizes, kind="stable")]
        starts = np.flatnonzero(np.diff(ordered[:, 0], prepend=-1.0, append=np.inf))
        more = np.zeros_like(products)
        for first, last in pairwise(starts):
            rest = 1.0 - ordered[first, 0] / total
            if ordered[first, 0] > 0 and rest > ROUNDING:
                more += (usual / rest - 1.0) * (ordered[first:last].T @ ordered[first:last])
        return cls(products, more, Group(number, ordered[:, 0] / total), sums)

    def correction(self, means: np.ndarray, independent: float) -> np.ndarray:
        """(k, k): what the factor adds to the covariances of means."""
        return _residuals(self.more, means) / independent if independent > 0 else np.zeros(2 * means.shape)

    def sums(self, means: np.ndarray, independent: float) -> Sums:
        """What these groups add to the covariances of means."""
        squares = _residuals(self.products + self.more, means)
        squares = squares / independent if independent > 0 else np.zeros_like(squares)
        return Sums(squares, self.group.number, self.rows[:, 1:] - self.rows[:, :1] * means)


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
    return _residuals(products, means) / independent


def _residuals(products: np.ndarray, means: np.ndarray) -> np.ndarray:
    """(k, k) products of residuals from those (1 + k, 1 + k) of weights and weighted values."""
    cross, squares = means[:, None] * products[0, 1:], products[0, 0] * (means[:, None] * means)
    residuals: np.ndarray = products[1:, 1:] - cross - cross.T + squares
    residuals[np.abs(residuals) <= CONSTANT * (np.abs(products[1:, 1:]) + np.abs(squares))] = 0.0
    return residuals


def _leading(sums: np.ndarray, means: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """See `Errors.leading`; sums: (n, 1 + k) of the weights and values of each object."""
    squares = (sums[:, 1:] - sums[:, :1] * means) ** 2
    return squares.argmax(axis=0), squares.max(axis=0) / np.maximum(squares.sum(axis=0), 1e-300)


def _of_differences(covariance: np.ndarray) -> np.ndarray:
    """(k, k) variances of the differences of two means; 0 where they are nothing but rounding."""
    own = np.diagonal(covariance)
    variance: np.ndarray = own[:, None] + own[None, :] - covariance - covariance.T
    variance[np.abs(variance) <= ROUNDING * (np.abs(own[:, None]) + np.abs(own[None, :]))] = 0.0
    return variance


def _positive_part(a: np.ndarray) -> np.ndarray:
    """A symmetric matrix without what is negative of it."""
    values, vectors = np.linalg.eigh((a + a.T) / 2.0)
    positive: np.ndarray = (vectors * np.maximum(values, 0.0)) @ vectors.T
    return positive


def standard_errors(clusters: Clusters, values: np.ndarray, plan: Resampling) -> tuple[np.ndarray, int]:
    """(v,) standard errors of the means of values (v, t), NaN where they are not known; and degrees of freedom."""
    errors = Dependence.of(clusters, plan).errors(with_weights(values, clusters.weights))
    return errors.errors, errors.degrees


def with_weights(values: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """(t, 1 + v): values (v, t) of rows, as `Dependence.errors` takes them.

    weights: float64 (t,) of the rows; None: they count the same.
    """
    table = np.empty((values.shape[1], 1 + len(values)), values.dtype if weights is None else np.float64)
    table[:, 0] = 1 if weights is None else weights
    table[:, 1:] = values.T
    if weights is not None:
        table[:, 1:] *= weights[:, None]
    return table

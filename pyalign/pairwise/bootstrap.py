"""Correlations under resamples of objects, of people, and of both; and the variances that follow.

Objects and people are both drawn, so that a claim holds for others like them. Resampling both at once counts the
variance that they have together more than once; the dual bootstrap takes that back: with V_o, V_s and V_b the variances
under resamples of objects, of people and of both, and n and p how many there are,

    V = n / (n - 1) V_o + p / (p - 1) V_s - n p / ((n - 1) (p - 1)) (V_b - V_o - V_s),

no smaller than either of the first two terms and no larger than V_b. A pair of an object with its own copy is left out.

Source: Schuett, Kipnis, Diedrichsen and Kriegeskorte, "Statistical inference on representational geometries", eLife
2023.

A study by one correlation: values prepared once, correlated as they are or under resamples of objects and people.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from pyalign._dataclass import dataclass
from pyalign._process import Progress, silent
from pyalign.ops.resample import OBJECTS, SUBJECTS, multiplicities, permutation, permutations_of, permuted_products
from pyalign.pairwise.correlations import Correlation, as_square
from pyalign.pairwise.rsa_result import Variances
from pyalign.pairwise.study import Study
from pyalign.typing import BackendName

STEP = 64  # resamples at once
OVER = ("objects", "subjects", "objects+subjects")


@dataclass(frozen=True, eq=False)
class Replicates:
    """Values of k statistics under resamples: each (r, k), or None where nothing of the kind is drawn."""

    # objects, subjects, both: under resamples of objects, of people, of both; or (r, k, 2) of values in two splits of
    # each resample, whose covariance then stands for the variance.
    objects: np.ndarray | None
    subjects: np.ndarray | None
    both: np.ndarray | None
    # n, p: how many objects and people there are.
    n: int
    p: int | None

    @property
    def method(self) -> str:
        """The name of the method, as results have it."""
        return "bootstrap" if self.both is None else "dual bootstrap"

    def degrees(self, a: int, b: int | None = None) -> float:
        """Degrees of freedom: objects or people, less one; the smaller where both are drawn."""
        counts = [
            count for count, replicates in ((self.n, self.objects), (self.p, self.subjects)) if replicates is not None
        ]
        return min(count for count in counts if count is not None) - 1

    def contrast(self, a: int, b: int | None = None) -> float:
        """The variance of statistic a, or of a less b; NaN where fewer than half of the resamples have a value."""

        def variance(replicates: np.ndarray | None) -> float:
            if replicates is None:
                return np.nan
            values = replicates[:, a] if b is None else replicates[:, a] - replicates[:, b]
            values = values.reshape(len(values), -1)
            defined = values[~np.isnan(values).any(axis=1)]
            if len(defined) <= max(1, len(values) // 2):
                return np.nan
            less = defined - defined.mean(axis=0)
            return float((less[:, 0] * less[:, -1]).sum() / (len(less) - 1))

        combined = dual_variance(variance(self.objects), variance(self.subjects), variance(self.both), self.n, self.p,
                                 self.objects is not None, self.subjects is not None)
        return np.nan if combined < -1e-20 else combined  # a covariance of too few resamples


def dual_variance(
    objects: float, subjects: float, both: float, n: int, p: int | None, over_objects: bool = True,
    over_subjects: bool = True,
) -> float:
    """The variance from those under resamples of objects, of people and of both; see the module.

    Example:
        >>> round(dual_variance(0.02, 0.01, 0.035, 11, 6), 6)
        0.0274
    """
    of_objects = n / (n - 1) * objects
    if not over_subjects or p is None:
        return of_objects
    of_subjects = p / (p - 1) * subjects
    if not over_objects:
        return of_subjects
    combined = of_objects + of_subjects - n * p / ((n - 1) * (p - 1)) * (both - objects - subjects)
    return float(np.minimum(np.maximum(np.maximum(combined, of_objects), of_subjects), both))


@dataclass(frozen=True, eq=False)
class Resampled:
    """The errors of correlations with the mean matrix, of their mean over people, and of partial ones."""

    value: Variances
    per_person: Variances | None
    partial: Variances | None


def resample(
    correlated: Correlated, over: str, n_resamples: int, seed: int, partial: bool = False, progress: Progress = silent
) -> Resampled:
    """The values of a study under resamples; `over` is one of `OVER`, and people are known where they are drawn."""
    study = correlated.study
    people = None if study.people is None else len(study.people)
    k = len(study.models)
    drawn = {"objects": "objects" in over, "subjects": "subjects" in over, "both": over == OVER[2]}
    value, mean, part = (
        {name: np.full((n_resamples, k), np.nan) for name, on in drawn.items() if on} for _ in range(3)
    )
    for first in range(0, n_resamples, STEP):
        rows = slice(first, min(first + STEP, n_resamples))
        count = rows.stop - first
        drawn_objects = multiplicities(study.n, first, STEP, seed=seed, stream=OBJECTS)[:, :count]
        table = np.empty_like(drawn_objects, order="C")
        table[study.order] = drawn_objects
        persons = None
        if people is not None:
            persons = multiplicities(people, first, STEP, seed=seed, stream=SUBJECTS)[:, :count].astype(np.float64)
        between = {}
        if partial:
            between = {"objects": correlated.between_models(table), "subjects": correlated.between_models(None)}
            between["both"] = between["objects"]
        if "objects" in value:
            value["objects"][rows] = correlated.resampled_values(table)
        for lane in range(count if "subjects" in value and persons is not None else 0):
            assert persons is not None
            own = table[:, [lane]] if "both" in value else None
            value["subjects"][first + lane], of_both = correlated.of_people(persons[:, lane], own)
            if of_both is not None:
                value["both"][first + lane] = of_both
        if people is not None:
            _add_per_person(correlated, mean, rows, table, persons)
        for name in part if partial else ():
            part[name][rows] = partial_correlations(value[name][rows], between[name])
        progress("resamples", rows.stop, n_resamples)

    def replicates(of: dict[str, np.ndarray]) -> Replicates:
        return Replicates(of.get("objects"), of.get("subjects"), of.get("both"), study.n, people)

    return Resampled(replicates(value), None if people is None else replicates(mean),
                     replicates(part) if partial else None)


def _add_per_person(
    correlated: Correlated, mean: dict[str, np.ndarray], rows: slice, table: np.ndarray, persons: np.ndarray | None
) -> None:
    """The mean over people, of the objects drawn, of the people drawn, and of both."""
    assert persons is not None
    there = None
    if "objects" in mean:
        there = correlated.resampled_per_person(table)
        mean["objects"][rows] = means_over(there, np.ones_like(persons.T))
    if "subjects" in mean:
        repeated = np.broadcast_to(correlated.per_person, (len(persons.T), *correlated.per_person.shape))
        mean["subjects"][rows] = means_over(repeated, persons.T)
    if "both" in mean and there is not None:
        mean["both"][rows] = means_over(there, persons.T)


def means_over(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(r, k): the means of values (r, p, k) with weights (r, p), of those that are defined."""
    there = ~np.isnan(values)
    w = weights[:, :, None] * there
    with np.errstate(invalid="ignore"):
        means: np.ndarray = (np.where(there, values, 0.0) * w).sum(axis=1) / w.sum(axis=1)
    return means


def partial_correlations(with_mean: np.ndarray, between: np.ndarray) -> np.ndarray:
    """(r, k): partial correlations of models with people's mean; from correlations (r, k) and (r or 1, k, k).

    NaN where the models depend on each other linearly.

    Source: Whittaker, "Graphical models in applied multivariate statistics", 1990, 5.7: from the inverse of the
    matrix of correlations.
    """
    r, k = with_mean.shape
    whole = np.ones((r, k + 1, k + 1))
    whole[:, 1:, 1:] = between
    whole[:, 0, 1:] = whole[:, 1:, 0] = with_mean
    out = np.full((r, k), np.nan)
    for lane in range(r):
        if np.isfinite(whole[lane]).all() and np.linalg.eigvalsh(whole[lane])[0] > 1e-10:
            inverse = np.linalg.inv(whole[lane])
            out[lane] = -inverse[0, 1:] / np.sqrt(inverse[0, 0] * np.diagonal(inverse)[1:])
    return out


@dataclass(frozen=True, eq=False)
class Group:
    """People who judged the same pairs."""

    rows: np.ndarray  # which people.
    keep: np.ndarray | None  # bool (m,), which pairs; None: all.
    # people, models: prepared values of these pairs.
    people: Sequence[Any]
    models: Sequence[Any]


@dataclass(frozen=True, eq=False)
class Correlated:
    """A study, seen by one correlation."""

    study: Study
    correlation: Correlation
    backend: BackendName = "auto"

    @cached_property
    def models(self) -> list[Any]:
        """Each model's values, prepared."""
        return [self.prepared(model.values, None) for model in self.study.models]

    @cached_property
    def mean(self) -> Any:
        """The people's mean values, prepared."""
        return self.prepared(self.study.mean, None)

    @cached_property
    def values(self) -> np.ndarray:
        """(k,): the correlation of each model with the mean."""
        return np.array([self.correlation.of.value(self.mean, model, self.backend) for model in self.models])

    @cached_property
    def per_person(self) -> np.ndarray:
        """(p, k): the correlation of each model with each participant."""
        assert self.study.people is not None
        out = np.full((len(self.study.people), len(self.models)), np.nan)
        family = self.correlation.of
        for group in self.groups:
            for row, person in zip(group.rows, group.people, strict=True):
                out[row] = [family.value(person, model, self.backend) for model in group.models]
        return out

    @cached_property
    def groups(self) -> list[Group]:
        """People by the pairs that they judged."""
        people = self.study.people
        assert people is not None
        there = ~np.isnan(people)
        kinds: dict[bytes, list[int]] = {}
        for row in range(len(people)):
            kinds.setdefault(there[row].tobytes(), []).append(row)
        groups = []
        for rows in kinds.values():
            keep = there[rows[0]]
            if not keep.any():
                continue
            mask = None if keep.all() else keep
            models = self.models if mask is None else [self.prepared(model.values, mask) for model in self.study.models]
            groups.append(Group(np.array(rows), mask, [self.prepared(people[row], mask) for row in rows], models))
        return groups

    def resampled_values(self, table: np.ndarray) -> np.ndarray:
        """(r, k): the correlation of each model with the mean, with objects resampled by multiplicities (n, r)."""
        return self.correlation.of.resampled([self.mean], self.models, table, self.backend)[:, 0]

    def resampled_per_person(self, table: np.ndarray) -> np.ndarray:
        """(r, p, k): the correlation of each model with each participant, under such resamples."""
        assert self.study.people is not None
        out = np.full((table.shape[1], len(self.study.people), len(self.models)), np.nan)
        for group in self.groups:
            out[:, group.rows] = self.correlation.of.resampled(group.people, group.models, table, self.backend)
        return out

    def of_people(self, weights: np.ndarray, table: np.ndarray | None) -> tuple[np.ndarray, np.ndarray | None]:
        """Correlations (k,) of the models with a weighted mean of people (p,): over all objects, and over a resample.

        table: the resample, multiplicities (n, 1); None where it is not wanted.
        """
        people = self.study.people
        assert people is not None
        mean, keep = weighted_mean(people, weights)
        family = self.correlation.of
        models = self.models if keep is None else [self.prepared(model.values, keep) for model in self.study.models]
        ours = self.prepared(mean, keep)
        values = np.array([family.value(ours, model, self.backend) for model in models])
        return values, None if table is None else family.resampled([ours], models, table, self.backend)[0, 0]

    def between_models(self, table: np.ndarray | None) -> np.ndarray:
        """(r, k, k), or (1, k, k) without resamples: the correlations of the models with each other."""
        family, k = self.correlation.of, len(self.models)
        if table is not None:
            return family.resampled(self.models, self.models, table, self.backend)
        out = np.ones((1, k, k))
        for i in range(k):
            for j in range(i):
                out[0, i, j] = out[0, j, i] = family.value(self.models[i], self.models[j], self.backend)
        return out

    def prepared(self, values: np.ndarray, keep: np.ndarray | None) -> Any:
        """Values (m,) of the study's pairs, those to keep, made ready for the correlation."""
        items = self.study.items
        if keep is not None and not keep.all():
            values, items = values[keep], items[keep]
        return self.correlation.of.prepare(values, items, self.backend)


def weighted_mean(people: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """(m,): the mean of people (p, m) who weigh so much (p,); and which pairs any of them judged, None: all.

    Example:
        >>> weighted_mean(np.array([[1.0, np.nan], [3.0, 5.0]]), np.array([2.0, 0.0]))
        (array([1., 0.]), array([ True, False]))
    """
    chosen = weights > 0
    some, w = people[chosen], weights[chosen].astype(np.float64)
    there = ~np.isnan(some)
    if there.all():
        return np.einsum("p,pm->m", w, some) / w.sum(), None
    total = np.einsum("p,pm->m", w, np.where(there, some, 0.0))
    counts = np.einsum("p,pm->m", w, there.astype(np.float64))
    keep = counts > 0
    mean = np.divide(total, counts, out=np.zeros(len(total)), where=keep)
    return mean, None if keep.all() else keep


def permuted_values(correlated: Correlated, n_permutations: int, seed: int, progress: Progress = silent) -> np.ndarray:
    """(permutations, k): correlations of models with the people's mean matrix, model objects relabeled at random.

    The same relabeling serves all models. Pairs that nobody judged stay out, so that other pairs of the model are in;
    where a model's own matrix has none for some of those that are in, these are left out.
    """
    human = correlated.correlation.of.unit(correlated.mean)
    if human is None or not correlated.study.is_complete:
        return _one_by_one(correlated, n_permutations, seed, progress)
    study, family = correlated.study, correlated.correlation.of
    theirs = as_square(human, study.items, study.n)
    ours = [as_square(_unit(family.unit(model)), study.items, study.n) for model in correlated.models]
    out = np.empty((n_permutations, len(ours)))
    for part, orders in permutations_of(study.n, n_permutations, seed, study.order):
        for k, square in enumerate(ours):
            out[part, k] = permuted_products(theirs, square, orders, backend=correlated.backend) / 2.0
        progress("permutations", part.stop, n_permutations)
    return out


def _unit(values: np.ndarray | None) -> np.ndarray:
    assert values is not None  # all models are of the family of the human values
    return values


def _one_by_one(correlated: Correlated, n_permutations: int, seed: int, progress: Progress) -> np.ndarray:
    """The permuted values where pairs are missing, or a correlation is no inner product: each is prepared again."""
    study, family = correlated.study, correlated.correlation.of
    every = np.stack(np.triu_indices(study.n, 1), axis=1)
    squares = [as_square(model.whole, every, study.n) for model in study.models]
    i, j = study.items.T
    out = np.empty((n_permutations, len(squares)))
    for row in range(n_permutations):
        order = permutation(study.n, row, seed=seed, order=study.order)
        for k, square in enumerate(squares):
            moved = square[order[i], order[j]]
            there = ~np.isnan(moved)
            human = correlated.mean if there.all() else correlated.prepared(study.mean, there)
            out[row, k] = family.value(human, correlated.prepared(moved, there), correlated.backend)
        progress("permutations", row + 1, n_permutations)
    return out

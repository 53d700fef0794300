"""A study by one correlation: values prepared once, correlated as they are or under resamples of objects and people.

Correlations by chance come from relabelling the objects of one matrix.

Source: Mantel, "The detection of disease clustering and a generalized regression approach", 1967.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from pyalign._dataclass import dataclass
from pyalign.ops.resample import permutation, permutations_of, permuted_products
from pyalign.pairwise.correlations import Correlation, as_square
from pyalign.pairwise.study import Study
from pyalign.progress import Progress, silent
from pyalign.typing import BackendName


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
    """(permutations, k): correlations of models with the people's mean matrix, model objects relabelled at random.

    The same relabelling serves all models. Pairs that nobody judged stay out, so that other pairs of the model are in;
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

"""Sums of models' matrices whose weights are fitted to people, judged on objects that no weight was fitted to.

Objects are split into folds: weights are fitted to pairs of objects of the other folds, and the sum is correlated with
people's matrices on pairs within the fold, as is each model by itself. Values are means over several splits.

Intervals are of the dual bootstrap around this cross-validation: the objects that were drawn are split twice, and the
covariance of the values in both stands for their variance, which leaves out what only the split changes. It is
rsatoolbox's correction, twice the variance of the mean of both splits less the mean of their variances.

Source: Khaligh-Razavi and Kriegeskorte, "Deep supervised, but not unsupervised, models may explain IT cortical
representation", 2014: non-negative least squares, cross-validated over objects; Schuett et al., eLife 2023.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pyalign.errors import InputError, MissingExtraError
from pyalign.ops.resample import OBJECTS, SUBJECTS, multiplicities
from pyalign.pairwise.bootstrap import Replicates, means_over
from pyalign.pairwise.compared import tested
from pyalign.pairwise.correlated import Correlated, weighted_mean
from pyalign.pairwise.rsa_parts import corrected
from pyalign.pairwise.rsa_result import SUM, PerPerson, PersonDifference, RsaPair, WeightedRsa
from pyalign.progress import Progress, silent
from pyalign.stats.resampling import Resampling
from pyalign.typing import Correction

FOLDS = 3
SMALLEST = 3  # objects of a fold, of which three pairs follow
SPLITS = 10  # into folds, over which values are means
RESAMPLES = 200  # where intervals of models are in closed form


def weighted_rsa(
    correlated: Correlated, seed: int, plan: Resampling | None = None, correction: Correction = "holm",
    progress: Progress = silent,
) -> WeightedRsa:
    """The sum of a study's models that is nearest to the people's mean matrix, with weights that are not negative.

    Raises:
        InputError: fewer than three objects to a fold, or no fold with judged pairs.
        MissingExtraError: scipy is not installed.
    """
    study, least = correlated.study, SMALLEST * FOLDS
    if study.n < least:
        raise InputError(f"weighted needs at least {least} objects, three for each of {FOLDS} folds; got {study.n}")
    matrix = np.stack([model.values.astype(np.float64) for model in study.models], axis=1)
    crossed = _Crossed(correlated, matrix, study.mean[None] if study.people is None else study.people)
    rng, once, everybody = np.random.default_rng(seed), np.ones(study.n, np.int64), np.ones(len(crossed.people))
    folds = np.concatenate([crossed.by_fold(once, everybody, rng) for _ in range(SPLITS)])
    if np.isnan(folds[:, 0]).all():
        raise InputError("weighted needs judged pairs that differ within folds of objects and outside; got none")
    each, means = _mean(folds)[1:, 0].tolist(), crossed.means(folds, everybody)
    weights, _, _ = _fit(matrix, study.mean, correlated.correlation.centred)
    several = len({model.measure for model in study.models if model.measure}) > 1
    names = [f"{m.name} {m.measure}" if several and m.measure else m.name for m in study.models]
    found = WeightedRsa(
        correlated.correlation.name, float(means[0, 0]), tuple(folds[:, 0, 0].tolist()),
        dict(zip(names, map(float, weights), strict=True)), seed,
        per_person=None if study.people is None else PerPerson(float(means[1, 0]), None, tuple(each)),
    )
    return found if plan is None else _with_intervals(found, crossed, means, plan, correction, progress)


def undefined_sums(sums: Sequence[WeightedRsa]) -> list[str]:
    """Sentences about sums without an interval, where it was requested."""
    few = "resamples have too few objects, or differ less than splits into folds"
    return [f"the weighted sum by {one.correlation} has no interval: {few}" for one in sums
            if one.resamples and not one.ci]


def _with_intervals(
    found: WeightedRsa, crossed: _Crossed, means: np.ndarray, plan: Resampling, correction: Correction,
    progress: Progress,
) -> WeightedRsa:
    """The sum with intervals, a test, and how much better it is than each model; means: (2, 1 + k)."""
    count = RESAMPLES if plan.closed else plan.drawn
    errors, pairs = crossed.replicates(plan, count, progress), []
    both = zip(means[:, 0].tolist(), errors, strict=True)
    (ci, p), (each_ci, _) = (tested(value, error, 0, None, plan) for value, error in both)
    for k, model in enumerate(crossed.correlated.study.models, 1):
        less = zip((means[:, 0] - means[:, k]).tolist(), errors, strict=True)
        own, each = (PersonDifference(value, *tested(value, error, 0, k, plan)) for value, error in less)
        pairs.append(RsaPair(SUM, model.name, None, model.measure, found.correlation, own.difference, own.ci,
                             own.p_value, None, None if found.per_person is None else each))
    upper = None if p is None else p / 2.0 if found.value > 0.0 else 1.0 - p / 2.0
    return replace(found, ci=ci, p_value=upper, pairs=corrected(pairs, correction), resamples=count,
                   per_person=found.per_person and replace(found.per_person, ci=each_ci))


@dataclass(frozen=True, eq=False)
class _Crossed:
    """The cross-validation of a study, whose models have values (m, k) and people (p, m), a single matrix if p = 1."""

    correlated: Correlated
    matrix: np.ndarray
    people: np.ndarray

    def by_fold(self, objects: np.ndarray, people: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """(folds, 1 + p, 1 + k): correlations of the sum, and of each model, with the mean matrix and with each person.

        Objects count (n,) times, and people (p,) times in the mean. NaN where it is not defined.
        """
        study = self.correlated.study
        drawn, fold_of = study.order[objects[study.order] > 0], np.full(study.n, -1)
        fold_of[drawn[rng.permutation(len(drawn))]] = np.arange(len(drawn)) % FOLDS
        (first, second), (mean, keep) = study.items.T, weighted_mean(self.people, people)
        mean = mean if keep is None else np.where(keep, mean, study.mean)  # pairs that nobody judged who was drawn
        out = np.full((FOLDS, 1 + len(self.people), 1 + self.matrix.shape[1]), np.nan)
        for fold in range(FOLDS if len(drawn) >= SMALLEST * FOLDS else 0):
            left, right = fold_of[first] == fold, fold_of[second] == fold
            train, test = (np.repeat(np.arange(len(mean)), objects[first] * objects[second] * kept)
                           for kept in (~(left | right), left & right))
            if len(train) and len(test):
                weights, centre, scale = _fit(self.matrix[train], mean[train], self.correlated.correlation.centred)
                predicted = ((self.matrix[test] - centre) / scale) @ weights
                out[fold] = self._correlations(np.stack([mean, *self.people])[:, test],
                                               np.stack([predicted, *self.matrix[test].T]))
                out[fold, :, 0] = out[fold, :, 0] if weights.any() else 0.0
        return out

    def _correlations(self, left: np.ndarray, right: np.ndarray) -> np.ndarray:
        """(a, b): of rows (a, t) with rows (b, t), each over the pairs that the first of the two has."""
        family, there, out = self.correlated.correlation.of, ~np.isnan(left), np.full((len(left), len(right)), np.nan)
        for kept in {row.tobytes(): row for row in there}.values():
            rows, nowhere = (there == kept).all(axis=1), np.zeros((int(kept.sum()), 2), np.int32)
            a, b = ([family.prepare(row, nowhere) for row in side[:, kept]] for side in (left[rows], right))
            if family.unit(a[0]) is None:
                out[rows] = [[family.value(x, y) for y in b] for x in a]
                continue
            x, y = (np.array([family.unit(one) for one in side]) for side in (a, b))
            x, y = (np.where(side.any(axis=1, keepdims=True), side, np.nan) for side in (x, y))
            out[rows] = np.einsum("at,bt->ab", x, y)
        return out

    def means(self, folds: np.ndarray, people: np.ndarray) -> np.ndarray:
        """(2, 1 + k): means over folds of correlations with the mean matrix, and of the mean over people."""
        values = _mean(folds)
        return np.stack([values[0], means_over(values[None, 1:], people[None])[0]])

    def replicates(self, plan: Resampling, count: int, progress: Progress) -> list[Replicates]:
        """The errors of both means, from their values in two splits of each resample."""
        study, k, p = self.correlated.study, 1 + self.matrix.shape[1], len(self.people)
        names = [*plan.by.split("+"), *(["both"] if "+" in plan.by else [])]
        found = {name: np.full((2, count, k, 2), np.nan) for name in names}
        objects = multiplicities(study.n, 0, count, seed=plan.seed, stream=OBJECTS)[np.argsort(study.order)]
        people = multiplicities(p, 0, count, seed=plan.seed, stream=SUBJECTS)
        for row in range(count):
            rng = np.random.default_rng([plan.seed, row])
            of, who = objects[:, row].astype(np.int64), people[:, row].astype(np.float64)
            draws = {"objects": (of, np.ones(p)), "subjects": (np.ones_like(of), who), "both": (of, who)}
            for name, values in found.items():
                for split in range(2):
                    values[:, row, :, split] = self.means(self.by_fold(*draws[name], rng), draws[name][1])
            progress("weighted sums", row + 1, count)
        either = [{name: values[at] for name, values in found.items()} for at in range(2)]
        return [Replicates(one.get("objects"), one.get("subjects"), one.get("both"), study.n, p) for one in either]


def _mean(folds: np.ndarray) -> np.ndarray:
    """The mean over the first axis of what is defined; NaN where nothing is."""
    return means_over(folds.reshape(1, len(folds), -1), np.ones((1, len(folds))))[0].reshape(folds.shape[1:])


def _fit(matrix: np.ndarray, mean: np.ndarray, centred: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights of the scaled columns, and what was taken from them (the cosine takes nothing) and divided by."""
    both = np.concatenate([matrix, mean[:, None]], axis=1)
    centre = both.mean(axis=0) if centred else np.zeros(both.shape[1])
    scale = np.sqrt(((both - centre) ** 2).mean(axis=0))
    scale = np.where(scale > 0, scale, 1.0)
    return _nonnegative((both - centre) / scale), centre[:-1], scale[:-1]


def _nonnegative(both: np.ndarray) -> np.ndarray:
    """Weights of all columns but the last, which is the target, by a root of their products: it has as many rows."""
    try:
        from scipy.optimize import nnls
    except ImportError as error:
        raise MissingExtraError("weighted", "scipy", "pairwise") from error
    values, vectors = np.linalg.eigh(np.einsum("mi,mj->ij", both, both))
    root = (vectors * np.sqrt(np.maximum(values, 0.0))).T
    weights: np.ndarray = nnls(root[:, :-1], root[:, -1])[0]
    return weights

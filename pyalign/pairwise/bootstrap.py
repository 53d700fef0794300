"""Correlations under resamples of objects, of people, and of both; and the variances that follow.

Objects and people are both drawn, so that a claim holds for others like them. Resampling both at once counts the
variance that they have together more than once; the dual bootstrap takes that back: with V_o, V_s and V_b the variances
under resamples of objects, of people and of both, and n and p how many there are,

    V = n / (n - 1) V_o + p / (p - 1) V_s - n p / ((n - 1) (p - 1)) (V_b - V_o - V_s),

no smaller than either of the first two terms and no larger than V_b. A pair of an object with its own copy is left out.

Source: Schuett, Kipnis, Diedrichsen and Kriegeskorte, "Statistical inference on representational geometries", eLife
2023.
"""

from __future__ import annotations

import numpy as np

from pyalign._dataclass import dataclass
from pyalign.ops.resample import OBJECTS, SUBJECTS, multiplicities
from pyalign.pairwise.compared import Variances
from pyalign.pairwise.correlated import Correlated
from pyalign.progress import Progress, silent

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

    Example:
        >>> partial_correlations(np.array([[0.5, 0.3]]), np.eye(2)[None]).round(4)
        array([[0.5241, 0.3464]])
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

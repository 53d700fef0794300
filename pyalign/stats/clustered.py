"""Standard errors in closed form: of rows that share objects or persons."""

from __future__ import annotations

import numpy as np

from pyalign import _checks
from pyalign.stats.resampling import Clusters, Resampling

SMALL_TABLE = 1 << 16


def standard_errors(clusters: Clusters, values: np.ndarray, plan: Resampling) -> np.ndarray:
    """(v,) closed-form standard errors of the means of values (v, t); NaN where nothing that is drawn anew varies."""
    if not _varies(clusters, plan):
        return np.full(len(values), np.nan)
    residuals = values - values.mean(axis=1, dtype=np.float64, keepdims=True)
    if plan.by == "triplets":
        errors: np.ndarray = residuals.std(axis=1, ddof=1) / np.sqrt(values.shape[1])
        return errors
    if plan.by == "subjects":
        return np.array([_by_subject(row, clusters.persons()) for row in residuals])
    index = _checks.as_array(clusters.objects, "triplets", "(t, 3)")
    return object_clustered_errors(residuals, index, clusters.n)


def _varies(clusters: Clusters, plan: Resampling) -> bool:
    """Whether there are two triplets, two sets of objects or two persons: of one, nobody knows what others would be."""
    if plan.by == "triplets":
        return len(clusters.objects) > 1
    if plan.by == "subjects":
        people = clusters.persons()
        return bool((people != people[0]).any())
    index = _checks.as_array(clusters.objects, "triplets", "(t, 3)")
    return not np.isin(index, index[0]).all()


def _by_subject(residuals: np.ndarray, subjects: np.ndarray) -> float:
    """Cluster-robust (sandwich) standard error of a mean, with the small-sample factor s / (s - 1)."""
    sums = np.bincount(subjects, residuals)
    people = int((np.bincount(subjects) > 0).sum())
    return float(np.sqrt((sums**2).sum() * people / (people - 1)) / len(residuals))


def object_clustered_errors(residuals: np.ndarray, triplets: np.ndarray, n: int) -> np.ndarray:
    """(v,) standard errors of means whose triplets are correlated where they share an object.

    The sum of e_s e_t over all pairs of triplets s, t that share at least one of their objects, by inclusion and
    exclusion: pairs that share an object, less those that share two, plus those that share three.

    Args:
        residuals: (v, t), values less their mean.
        triplets: (t, 3) integers in [0, n).
        n: how many items there are.

    Source: Cameron, Gelbach and Miller, "Robust inference with multiway clustering", 2011, for a common set of clusters
    in all three positions (dyadic-robust standard errors, extended from pairs to triplets).
    """
    low, middle, high = _sorted_columns(triplets)
    pairs = np.concatenate([low * n + middle, low * n + high, middle * n + high])
    if n * n > max(SMALL_TABLE, 4 * len(low)):  # a dense table would be mostly empty
        pairs = np.unique(pairs, return_inverse=True)[1]
    same = _ranks_of_sets(low, middle, high, n)
    variances = []
    for row in residuals:
        by_object = np.sum([np.bincount(column, row, minlength=n) for column in (low, middle, high)], axis=0)
        by_pair, by_set = np.bincount(pairs, np.tile(row, 3)), np.bincount(same, row)
        shared = float(by_object @ by_object - by_pair @ by_pair + by_set @ by_set)
        variances.append(max(shared, float(row @ row)))  # the former may be negative for few objects
    return np.sqrt(variances) / residuals.shape[1]


def _sorted_columns(triplets: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    a, b, c = (column.astype(np.int64) for column in triplets.T)
    low, high = np.minimum(np.minimum(a, b), c), np.maximum(np.maximum(a, b), c)
    return low, a + b + c - low - high, high


def _ranks_of_sets(low: np.ndarray, middle: np.ndarray, high: np.ndarray, n: int) -> np.ndarray:
    """(t,) int64: the same number for triplets of the same three objects."""
    if n >= 1 << 21:  # n^3 would not fit
        _, first = np.unique(low * n + middle, return_inverse=True)
    else:
        first = low * n + middle
    return np.unique(first * n + high, return_inverse=True)[1]

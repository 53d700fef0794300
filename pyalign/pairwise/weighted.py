"""Sums of models' matrices whose weights are fitted to people, judged on objects that no weight was fitted to.

Source: Khaligh-Razavi and Kriegeskorte, "Deep supervised, but not unsupervised, models may explain IT cortical
representation", 2014: non-negative least squares, cross-validated over objects.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from pyalign.errors import InputError, MissingExtraError
from pyalign.pairwise.correlated import Correlated
from pyalign.pairwise.rsa_result import WeightedRsa

FOLDS = 3
SMALLEST = 3  # objects of a fold, of which three pairs follow


def weighted_rsa(correlated: Correlated, seed: int, folds: int = FOLDS) -> WeightedRsa:
    """The sum of a study's models that is nearest to the people's mean matrix, with weights that are not negative.

    Objects are split into folds: weights are fitted to pairs of objects of the other folds, and the sum is correlated
    with the mean on pairs within the fold.

    Raises:
        InputError: fewer than three objects to a fold, or a fold without judged pairs.
        MissingExtraError: scipy is not installed.
    """
    study = correlated.study
    if study.n < SMALLEST * folds:
        raise InputError(
            f"weighted needs at least {SMALLEST * folds} objects, three for each of {folds} folds; got {study.n}"
        )
    matrix = np.stack([model.values.astype(np.float64) for model in study.models], axis=1)
    of_object = np.empty(study.n, np.int64)
    of_object[study.order[np.random.default_rng(seed).permutation(study.n)]] = np.arange(study.n) % folds
    first, second = of_object[study.items[:, 0]], of_object[study.items[:, 1]]
    values = []
    for fold in range(folds):
        train, test = (first != fold) & (second != fold), (first == fold) & (second == fold)
        if not (train.any() and test.any()):
            raise InputError(
                f"weighted needs judged pairs within each fold of objects and outside of it; fold {fold} has none"
            )
        weights, centre, scale = _fit(matrix[train], study.mean[train], correlated.correlation.centred)
        predicted = ((matrix[test] - centre) / scale) @ weights
        values.append(_value(correlated, predicted, test) if weights.any() else 0.0)
    weights, _, _ = _fit(matrix, study.mean, correlated.correlation.centred)
    several = len({model.measure for model in study.models if model.measure}) > 1
    names = [f"{m.name} {m.measure}" if several and m.measure else m.name for m in study.models]
    defined = [value for value in values if not math.isnan(value)]
    mean = math.fsum(defined) / len(defined) if defined else math.nan
    weights_by_name = dict(zip(names, map(float, weights), strict=True))
    return WeightedRsa(correlated.correlation.name, mean, tuple(values), weights_by_name, seed)


def _fit(matrix: np.ndarray, mean: np.ndarray, centred: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights of the scaled columns, and what was taken from them (the cosine takes nothing) and divided by."""
    both = np.concatenate([matrix, mean[:, None]], axis=1)
    centre = both.mean(axis=0) if centred else np.zeros(both.shape[1])
    scale = np.sqrt(((both - centre) ** 2).mean(axis=0))
    scale = np.where(scale > 0, scale, 1.0)
    scaled = (both - centre) / scale
    return _nonnegative(scaled[:, :-1], scaled[:, -1]), centre[:-1], scale[:-1]


def _nonnegative(matrix: np.ndarray, target: np.ndarray) -> np.ndarray:
    try:
        from scipy.optimize import nnls
    except ImportError as error:
        raise MissingExtraError("weighted", "scipy", "pairwise") from error
    # The normal equations have the same solution, and k rows in place of a row for each pair.
    gram = np.einsum("mi,mj->ij", matrix, matrix)
    values, vectors = np.linalg.eigh(gram)
    root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    inverse = (
        vectors * np.where(values > 1e-12 * values.max(initial=0.0), 1.0 / np.sqrt(np.maximum(values, 1e-300)), 0.0)
    ) @ vectors.T
    weights: np.ndarray = nnls(root, inverse @ np.einsum("mi,m->i", matrix, target))[0]
    return weights


def _value(correlated: Correlated, predicted: np.ndarray, test: np.ndarray) -> float:
    family, items = correlated.correlation.of, correlated.study.items[test]
    both: list[Any] = [
        family.prepare(values, items, correlated.backend) for values in (correlated.study.mean[test], predicted)
    ]
    return family.value(both[0], both[1], correlated.backend)

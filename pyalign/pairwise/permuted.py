"""Correlations of similarity matrices when the objects of one are relabelled: what chance gives.

Source: Mantel, "The detection of disease clustering and a generalized regression approach", 1967.
"""

from __future__ import annotations

import numpy as np

from pyalign.ops.permuted import permutations_of, permuted_products
from pyalign.ops.resample import permutation
from pyalign.pairwise.correlated import Correlated
from pyalign.pairwise.moments import as_square
from pyalign.progress import Progress, silent


def permuted_values(found: Correlated, permutations: int, seed: int, progress: Progress = silent) -> np.ndarray:
    """(permutations, k): of each model with the people's mean matrix, with the model's objects relabelled at random.

    The same relabelling serves all models. Pairs that nobody judged stay out, so that other pairs of the model are in;
    where a model's own matrix has none for some of those that are in, these are left out.
    """
    human = found.correlation.of.unit(found.mean)
    if human is None or not found.study.is_complete:
        return _one_by_one(found, permutations, seed, progress)
    study, family = found.study, found.correlation.of
    theirs = as_square(human, study.items, study.n)
    ours = [as_square(_unit(family.unit(model)), study.items, study.n) for model in found.models]
    out = np.empty((permutations, len(ours)))
    for part, orders in permutations_of(study.n, permutations, seed):
        for k, square in enumerate(ours):
            out[part, k] = permuted_products(theirs, square, orders, backend=found.backend) / 2.0
        progress("permutations", part.stop, permutations)
    return out


def _unit(values: np.ndarray | None) -> np.ndarray:
    assert values is not None  # all models are of the family of the human values
    return values


def _one_by_one(found: Correlated, permutations: int, seed: int, progress: Progress) -> np.ndarray:
    """Where some pairs are missing, or a correlation is no inner product: prepared anew for each relabelling."""
    study, family = found.study, found.correlation.of
    every = np.stack(np.triu_indices(study.n, 1), axis=1)
    squares = [as_square(model.whole, every, study.n) for model in study.models]
    i, j = study.items.T
    out = np.empty((permutations, len(squares)))
    for row in range(permutations):
        order = permutation(study.n, row, seed=seed)
        for k, square in enumerate(squares):
            moved = square[order[i], order[j]]
            there = ~np.isnan(moved)
            human = found.mean if there.all() else found.prepared(study.mean, there)
            out[row, k] = family.value(human, found.prepared(moved, there), found.backend)
        progress("permutations", row + 1, permutations)
    return out

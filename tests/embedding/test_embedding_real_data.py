"""Embeddings of THINGS, and standard errors of entries in a world whose entries are known."""

from __future__ import annotations

import numpy as np
import pytest

import pyalign
from pyalign.datasets.simulate import simulate
from pyalign.embedding.folds import read_answers, unit_of
from pyalign.embedding.solve import kkt_residual
from pyalign.embedding.stability import matched

pytest.importorskip("scipy")


@pytest.mark.slow
def test_predicts_held_out_answers_of_things(data):
    """Penalties are those that a tenth of the answers chose in docs/embedding.md."""
    from pyalign.embedding.fit import EmbeddingPenalty, Objective

    every = np.load(data / "things" / "human_triplets_375429.npy")
    test = np.load(data / "things" / "human_triplets_127304.npy")[:, :3]
    unit = unit_of("triplets", read_answers(np.vstack([every, test])))
    train = every[~np.isin(unit[: len(every)], unit[len(every) :])]
    assert len(train) == 248_661
    fit = pyalign.fit_embedding(train, shrinkage=1.43e-5)
    held = pyalign.score(fit.embedding, test, measure="dot", ci=None)
    assert held.accuracy >= 0.606 and held.cross_entropy <= 0.877
    assert 12 <= fit.n_dimensions <= 35 and fit.zeros > 0.5  # of the entries of these dimensions
    # What the page says of 40 columns, empty ones included.
    of_40 = pyalign.fit_embedding(train, shrinkage=1.43e-5, n_dimensions=40)
    held = pyalign.score(of_40.embedding, test, measure="dot", ci=None)
    assert held.accuracy >= 0.606 and held.cross_entropy <= 0.877 and 12 <= of_40.n_dimensions <= 35
    assert 1 - np.count_nonzero(of_40.embedding.values) / (40 * 1854) == pytest.approx(0.795, abs=0.02)
    objective = Objective(read_answers(train).loss(), EmbeddingPenalty(fit.shrinkage, fit.sparsity))
    assert fit.converged and kkt_residual(fit.embedding.values, objective(fit.embedding.values)[1]) <= 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_true_entries_are_within_two_standard_errors(seed):
    """Of sparse dimensions, at the penalty that is chosen; without the bias, 78 to 89% are."""
    rng = np.random.default_rng(seed)
    rows = rng.gamma(2.0, 0.6, (60, 4)) * (rng.random((60, 4)) < 0.4)
    triplets = simulate(rows, 12_000, measure="dot", temperature=1.0).triplets
    result = pyalign.cross_validate_embedding(triplets, n_resamples=30, ci=None)
    pairs = matched(rows, result.fit.embedding.values)
    truth, fitted = rows[:, pairs.first], result.fit.embedding.values[:, pairs.second]
    errors, large = result.standard_errors[:, pairs.second], truth > 0.2
    covered = (np.abs(fitted - truth)[large] <= 2 * errors[large]).mean()
    assert 0.9 <= covered <= 0.985

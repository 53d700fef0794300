"""The loops of SPoSE and VICE, restated, end where fits do."""

from __future__ import annotations

import numpy as np
import pytest
from planted_dimensions import planted
from published_embeddings import spose_step, vice_step

from pyalign.embedding.fit import EmbeddingOptions, EmbeddingPenalty, Objective
from pyalign.fitting.objective import TripletLoss


@pytest.mark.slow
@pytest.mark.parametrize("one_hot", [True, False])
def test_the_published_loop_reaches_the_same_objective(one_hot):
    pytest.importorskip("torch")
    from pyalign.embedding.fit import Fitter

    _, triplets = planted(30, 3, 2000)
    epoch, weights = spose_step(30, 12, triplets, 0.005, one_hot, rate=0.01, batch=500)
    for _ in range(150):
        epoch()
    objective = Objective(TripletLoss(30, triplets, np.dtype(np.float64)), EmbeddingPenalty(0.0, 0.005))
    reached = objective(weights.detach().numpy().astype(np.float64))[0]
    fit = Fitter(objective.loss, EmbeddingOptions()).at(EmbeddingPenalty(0.0, 0.005))
    assert reached - 0.05 < fit.objective < reached + 0.01  # the fit may find a better optimum, and no worse one
    assert reached < np.log(3) - 0.1  # and not zero, where its start can end


@pytest.mark.slow
def test_the_loop_of_vice_predicts_as_well():
    """Its objective has no counterpart here: the cross-entropy of the answers is compared."""
    pytest.importorskip("torch")
    from pyalign.embedding.fit import Fitter

    _, triplets = planted(30, 3, 2000)
    epoch, means = vice_step(30, 6, triplets, rate=0.02, batch=500)
    for _ in range(250):
        epoch()
    rows = np.maximum(means.detach().numpy().astype(np.float64), 0.0)
    objective = Objective(TripletLoss(30, triplets, np.dtype(np.float64)), EmbeddingPenalty())
    fit = Fitter(objective.loss, EmbeddingOptions()).at(EmbeddingPenalty(1e-3, 0.03))
    assert objective(rows)[0] == pytest.approx(fit.cross_entropy, abs=0.06)

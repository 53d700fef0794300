"""`TripletEmbedding` is `fit_embedding` as a scikit-learn estimator."""

from __future__ import annotations

import numpy as np
import pytest
from planted_dimensions import planted

import pyalign

pytest.importorskip("sklearn")


def test_is_the_function():
    _, triplets = planted(25, 3, 1500)
    model = pyalign.TripletEmbedding(2, shrinkage=2e-3, sparsity=0.02)
    rows = model.fit_transform(triplets)
    fit = pyalign.fit_embedding(triplets, shrinkage=2e-3, sparsity=0.02, n_dimensions=2)
    assert rows is model.embedding_ and rows.shape == (25, 2)
    np.testing.assert_array_equal(rows, fit.embedding.values)
    assert model.score(triplets) == pytest.approx(fit.accuracy)


def test_is_cloned_and_cross_validated_over_triplets():
    from sklearn.base import clone
    from sklearn.model_selection import cross_val_score

    _, triplets = planted(25, 3, 1500)
    model = pyalign.TripletEmbedding(shrinkage=2e-3, n_components=4, seed=1)
    assert clone(model).get_params() == model.get_params()
    scores = cross_val_score(model, triplets, cv=2)
    assert scores.shape == (2,) and scores.min() > 0.5


def test_needs_a_fit_before_a_score():
    from sklearn.exceptions import NotFittedError

    with pytest.raises(NotFittedError):
        pyalign.TripletEmbedding(shrinkage=0.1).score([[0, 1, 2]])


def test_the_number_of_components_is_refused_by_its_name(message_of):
    for wrong in (0, "two", 1.5, None):
        said = message_of(pyalign.TripletEmbedding(wrong, shrinkage=0.1).fit, [[0, 1, 2]])
        assert said == f"n_components must be 'auto' or a positive whole number; got {wrong!r}"

"""Layers against layers: the aggregate is what is calibrated, under one permutation for all layers."""

from __future__ import annotations

import numpy as np
import pytest
from support import reals

import pyalign
from pyalign.ops.resample import permutation


def layers(seed, widths, n=30):
    return {f"layer {k}": reals(seed + k, n, d, dtype=np.float64) for k, d in enumerate(widths)}


def scores_of(first, second, measure):
    """Of each layer of one with each of the other: compared as if they were all models by themselves."""
    models = {
        **{f"first {name}": x for name, x in first.items()},
        **{f"second {name}": y for name, y in second.items()},
    }
    (found,) = pyalign.cka(models, measure=measure, n_permutations=0, ci=None)
    return np.array(found.matrix)[: len(first), len(first) :]


@pytest.mark.parametrize("measure", ["debiased-cka", "linear-cka", "mutual-knn:5", "cca"])
def test_the_aggregate_is_made_anew_under_each_permutation(measure):
    first, second = layers(1, (3, 5)), layers(9, (4, 40, 6))
    orders = [permutation(30, k, seed=3) for k in range(39)]
    scores = scores_of(first, second, measure)
    permuted = [scores_of(first, {name: y[order] for name, y in second.items()}, measure) for order in orders]
    for aggregate, of in (("max", np.max), ("mean", np.mean)):
        found = pyalign.layer_similarity(first, second, measure=measure, aggregate=aggregate, n_permutations=39, seed=3)
        np.testing.assert_allclose(found.matrix, scores, rtol=0, atol=1e-12)
        assert found.value == pytest.approx(of(scores), abs=1e-12)
        nulls = [of(one) for one in permuted]
        assert found.null_threshold == pytest.approx(np.sort([*nulls, found.value])[37], abs=1e-12)
        assert found.p_value == (1 + np.sum(np.array(nulls) >= found.value - 1e-12)) / 40


def test_the_best_of_many_unrelated_layers_is_not_significant():
    """By themselves a tenth of 64 pairs would pass; of the largest of all, p is that of a draw."""
    p = []
    for k in range(2000, 2800, 20):
        first, second = layers(k, (4,) * 8, 20), layers(k + 10, (4,) * 8, 20)
        p.append(pyalign.layer_similarity(first, second, n_permutations=19).p_value)
    assert 0.3 < np.mean(p) < 0.7 and np.mean(np.array(p) <= 0.05) <= 0.15


def test_layers_that_share_something_are_found():
    first = layers(3, (5, 5))
    second = {"noise": reals(50, 30, 5, dtype=np.float64), "same": first["layer 1"] + 0.1 * reals(51, 30, 5)}
    found = pyalign.layer_similarity(first, second)
    assert found.matrix[1][1] == found.value > 0.9 and found.calibrated > 0.9 and found.p_value == 1 / 201


def test_the_result_travels_and_is_shown(tmp_path):
    found = pyalign.layer_similarity(layers(1, (3, 5)), layers(9, (4, 4, 6)), n_permutations=19)
    path = tmp_path / "layers.json"
    path.write_text(found.to_json())
    assert pyalign.load_result(path) == found
    text = str(found)
    assert "max of 6 pairs" in text and text.splitlines()[0].split() == ["layer", *"layer 0 layer 1 layer 2".split()]


def test_wrong_layers_are_refused(message_of):
    good, function = layers(1, (3,)), pyalign.layer_similarity
    assert message_of(function, good, {}) == "y must hold at least one layer; got none"
    assert message_of(function, [1], good) == "x must map names of layers to embeddings; got list"
    assert "aggregate must be one of max, mean" in message_of(function, good, good, aggregate="min")
    assert "n_permutations must be a whole number from 1" in message_of(function, good, good, n_permutations=0)
    assert message_of(function, good, good, confidence_level=95).endswith("must lie between 0 and 1; got 95")

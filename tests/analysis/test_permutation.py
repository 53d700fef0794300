"""The chance level of these triplets for these embeddings."""

from __future__ import annotations

import json

import numpy as np
import pytest
from support import draw_triplets, reals, whole

from pyalign import odd_one_out, permutation_test, score
from pyalign.ops.resample import permutation

X, T = whole(1, 30, 5), draw_triplets(1, 30, 2000)
ANSWERS = np.array([[1, 2, 0], [0, 2, 1], [0, 1, 2]])


@pytest.mark.parametrize("t", [2000, 250, 12])  # a matrix that is reordered, triplets that are, and no matrix
@pytest.mark.parametrize("measure", ["cosine", "neg_euclidean"])
def test_accuracies_are_those_of_reordered_rows(backend, t, measure):
    found = permutation_test(X, T[:t], measure=measure, n_permutations=20, seed=3, backend=backend)
    named, asked = np.unique(T[:t], return_inverse=True)  # objects that no triplet names take no part
    rows, asked = X[named], asked.reshape(-1, 3)
    orders = [permutation(len(named), k, seed=3) for k in range(20)]
    accuracies = np.array([score(rows[order], asked, measure=measure).accuracy for order in orders])
    own = score(X, T[:t], measure=measure).accuracy
    assert found.accuracy == own
    assert found.null_mean == pytest.approx(accuracies.mean(), rel=1e-12)
    assert found.null_ci == pytest.approx(tuple(np.quantile(accuracies, [0.025, 0.975])), rel=1e-12)
    assert found.null_standard_deviation == pytest.approx(accuracies.std(ddof=1), rel=1e-9)
    assert found.p_value == (1 + (accuracies >= own - 1e-12).sum()) / 21


def test_the_truth_is_far_from_chance_and_noise_is_not():
    truth = reals(2, 50, 6)
    triplets = draw_triplets(2, 50, 3000)
    triplets = np.take_along_axis(triplets, ANSWERS[odd_one_out(truth, triplets)], axis=1)
    assert permutation_test(truth, triplets, n_permutations=99).p_value == 0.01
    noise = [permutation_test(reals(k, 50, 6), triplets, n_permutations=99).p_value for k in range(3, 23)]
    assert 0.2 < np.mean(noise) < 0.8 and min(noise) >= 0.01


def test_a_constant_model_equals_its_chance_level():
    found = permutation_test(np.ones((30, 2)), T, n_permutations=19)
    assert found.p_value == 1.0 and found.null_mean == pytest.approx(1 / 3) == found.null_ci[0]


def test_permutations_are_permutations_with_streams_of_their_own():
    orders = [permutation(40, k, seed=seed).tolist() for k in range(5) for seed in (0, 1)]
    assert all(sorted(order) == list(range(40)) for order in orders)
    assert len({tuple(order) for order in orders}) == 10


def test_every_order_is_equally_likely():
    seen = {}
    for k in range(6000):
        order = tuple(permutation(3, k, seed=4).tolist())
        seen[order] = seen.get(order, 0) + 1
    assert len(seen) == 6 and max(abs(count - 1000) for count in seen.values()) < 5 * np.sqrt(6000 * 5 / 36)


def test_counts_what_is_done_and_can_be_written_as_json():
    seen = []
    found = permutation_test(X, T, n_permutations=5, progress=lambda *at: seen.append(at))
    assert seen == [("permutations", done, 5) for done in (1, 2, 3, 4, 5)]
    assert json.loads(json.dumps(found.to_dict()))["permutations"] == 5


def test_bad_options_are_one_clear_line(message_of):
    broken = X.copy()
    broken[3] = np.nan
    assert message_of(permutation_test, broken, T).startswith("embeddings must be finite; 1 of 30 rows")
    assert message_of(permutation_test, X, T + 1).startswith("triplets must lie in [0, 30)")


def test_rows_with_nan_and_their_triplets_may_be_left_out(backend):
    x, triplets = reals(1, 30, 4), draw_triplets(1, 29, 400)
    broken = np.concatenate([x[:7], np.full((1, 4), np.nan, np.float32), x[7:29]])
    shifted = np.concatenate([triplets + (triplets >= 7), [[7, 0, 1]]])
    found = permutation_test(broken, shifted, nan_policy="omit", n_permutations=20, backend=backend)
    assert found == permutation_test(x[:29], triplets, n_permutations=20, backend=backend)

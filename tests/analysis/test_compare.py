"""Several models on the same triplets: differences, ranks, agreement of errors."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata
from sklearn.metrics import cohen_kappa_score
from support import draw_triplets, reals, seeds, whole

from pyalign import compare, score
from pyalign.analysis.accuracy import BY
from pyalign.ops.resample import SUBJECTS, multiplicities
from pyalign.stats.paired import error_consistency, holm, ranks_of, two_sided_p
from pyalign.stats.resampling import Resampling

N, T = 60, draw_triplets(1, 60, 4000)
PEOPLE = np.arange(4000) % 17
MODELS = {"a": reals(1, N, 5), "b": reals(2, N, 5), "c": whole(3, N, 4)}


@pytest.mark.parametrize("by", BY)
def test_each_model_has_the_score_and_the_interval_that_it_has_alone(backend, by):
    found = compare(MODELS, T, ci=Resampling(by, resamples=100, seed=2), subjects=PEOPLE, backend=backend)
    for model in found.models:
        alone = score(
            MODELS[model.model], T, ci=Resampling(by, resamples=100, seed=2), subjects=PEOPLE, backend=backend
        )
        assert (model.accuracy, model.ci, model.n_ties) == (alone.accuracy, alone.ci, alone.n_ties)
        assert (model.standard_error, model.cross_entropy) == (alone.standard_error, alone.cross_entropy)
        assert model.cross_entropy_ci == alone.cross_entropy_ci


@pytest.mark.parametrize("by", BY)
def test_a_model_compared_with_itself_differs_by_nothing(by):
    x = MODELS["a"]
    pair = compare({"one": x, "same": x.copy()}, T, ci=Resampling(by, resamples=100), subjects=PEOPLE).pairs[0]
    assert (pair.difference, pair.ci, pair.standard_error) == (0.0, (0.0, 0.0), 0.0)
    assert (pair.cross_entropy_difference, pair.cross_entropy_ci) == (0.0, (0.0, 0.0))
    assert (pair.p_value, pair.p_adjusted) == (1.0, 1.0)
    assert pair.error_consistency == 1.0


def test_differences_are_paired():
    """Models that share most of their rows' noise differ by less than their own intervals are wide."""
    x = reals(5, N, 30)
    near = compare({"x": x, "near": x + 0.02 * reals(6, N, 30)}, T, ci=Resampling("objects", resamples=400)).pairs[0]
    apart = compare({"x": x, "other": reals(7, N, 30)}, T, ci=Resampling("objects", resamples=400)).pairs[0]
    assert near.standard_error < 0.3 * apart.standard_error


def test_resamples_in_which_two_models_are_equal_count_on_both_sides():
    """Credits are whole numbers: equal ones must not differ by rounding, in p-values or ranks."""
    models, triplets = {"a": reals(9, N, 3), "b": reals(59, N, 3)}, T[:90]
    found = compare(
        models, triplets, ci=Resampling("subjects", resamples=400), subjects=np.arange(90) % 6, measure="dot"
    )
    credits = np.array([[score(x, row[None], measure="dot").accuracy for row in triplets] for x in models.values()])
    sixths = np.rint(6 * credits).astype(np.int64)
    w = multiplicities(6, 0, 400, seed=0, stream=SUBJECTS)[np.arange(90) % 6].astype(np.int64)
    a, b = sixths @ w
    assert (a == b).sum() > 5
    assert found.pairs[0].p_value == min(1.0, 2 * (1 + min((a <= b).sum(), (a >= b).sum())) / 401)


def test_a_better_model_is_found_better():
    x = reals(8, N, 5)
    odd = np.array([[1, 2, 0], [0, 2, 1], [0, 1, 2]])
    from pyalign import odd_one_out

    triplets = np.take_along_axis(T, odd[odd_one_out(x, T)], axis=1)
    found = compare(
        {"noise": reals(9, N, 5), "truth": x, "noisy": x + 0.3 * reals(10, N, 5)},
        triplets,
        ci=Resampling("objects", resamples=200),
    )
    assert [model.rank for model in found.models] == [3, 1, 2]
    assert tuple(found.models[1].rank_ci) == (1, 1) and found.models[1].accuracy == 1.0
    assert all(pair.p_value == 2 / 201 and pair.p_adjusted == pytest.approx(6 / 201) for pair in found.pairs)
    assert found.pairs[0].error_consistency is None  # the truth is never wrong


def test_rows_with_nan_leave_triplets_out_for_all_models():
    broken = {name: x.copy() for name, x in MODELS.items()}
    broken["a"][3], broken["b"][4] = np.nan, np.inf
    kept = ((T != 3) & (T != 4)).all(axis=1)
    found = compare(broken, T, nan="omit", subjects=PEOPLE, ci=Resampling("subjects", resamples=64))
    clean = {name: np.nan_to_num(x, posinf=0.0) for name, x in broken.items()}
    alone = compare(clean, T[kept], subjects=PEOPLE[kept], ci=Resampling("subjects", resamples=64))
    assert (found.n_triplets, found.n_dropped) == (kept.sum(), (~kept).sum())
    for one, other in zip(found.models, alone.models, strict=True):
        assert one.ci == pytest.approx(other.ci, rel=1e-14)
    assert [m.accuracy for m in found.models] == pytest.approx([m.accuracy for m in alone.models], rel=1e-14)
    assert [p.error_consistency for p in found.pairs] == [p.error_consistency for p in alone.pairs]


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=9))
def test_holm_is_the_largest_of_the_scaled_p_values_before_it(p_values):
    m, order = len(p_values), sorted(range(len(p_values)), key=lambda k: p_values[k])
    scaled = [min(1.0, p_values[k] * (m - rank)) for rank, k in enumerate(order)]
    expected = {k: max(scaled[: rank + 1]) for rank, k in enumerate(order)}
    assert holm(p_values) == [expected[k] for k in range(m)]


@given(seeds, st.integers(2, 7))
def test_ranks_are_those_of_scipy(seed, m):
    accuracies = np.random.default_rng(seed).integers(0, 4, (5, m)) / 4
    np.testing.assert_array_equal(ranks_of(accuracies), rankdata(-accuracies, axis=1))


@given(seeds)
def test_error_consistency_is_cohens_kappa(seed):
    right = np.random.default_rng(seed).random((2, 200)) < 0.6
    both_wrong, expected, kappa = error_consistency(*right)
    assert kappa == pytest.approx(cohen_kappa_score(*right), rel=1e-9)
    assert both_wrong == (~right[0] & ~right[1]).mean()
    assert expected == pytest.approx((~right[0]).mean() * (~right[1]).mean())


def test_p_values_count_both_sides():
    assert two_sided_p(np.array([-1.0, 1, 1, 1, 1, 1, 1, 1, 1])) == 2 * 2 / 10
    assert two_sided_p(np.array([1.0, -1, -1, -1, -1, -1, -1, -1, -1])) == 2 * 2 / 10
    assert two_sided_p(np.full(999, 0.1)) == 2 / 1000


def test_p_values_of_equally_good_models_are_seldom_small():
    """Forty pairs of random models: a level of 5 % is passed by at most six (99 % of a binomial)."""
    p = [
        compare(
            {"a": reals(2 * k, N, 9), "b": reals(2 * k + 1, N, 9)},
            draw_triplets(k, N, 900),
            ci=Resampling("objects", resamples=99),
        ).pairs[0]
        for k in range(100, 140)
    ]
    assert sum(pair.p_value < 0.05 for pair in p) <= 6


def test_can_be_written_as_json():
    found = compare(MODELS, T, ci=Resampling("objects", resamples=64))
    again = json.loads(json.dumps(found.to_dict()))
    assert len(again["pairs"]) == 3 and again["models"][2]["model"] == "c" and again["ci_by"] == "objects"


def test_bad_models_are_one_clear_line(message_of):
    x = MODELS["a"]
    assert message_of(compare, [x, x], T) == "models must map names to embeddings, as a dict does; got list"
    assert message_of(compare, {"x": x}, T) == "models must be at least two; got 1"
    found = message_of(compare, {"x": x, "y": x[:50]}, T)
    assert found == "models must have the same number of items; got x: 60, y: 50"
    broken = x.copy()
    broken[5] = np.nan
    found = message_of(compare, {"x": x, "y": broken}, T)
    assert found == "y: x must be finite; 1 of 60 rows holds NaN or infinity, first row 5"
    assert message_of(compare, {"x": x, "y": x}, T, ci="people").startswith("ci must be one of")
    left, right = x.copy(), x.copy()
    left[:30], right[30:] = np.nan, np.nan
    apart = np.concatenate([draw_triplets(1, 30, 99), draw_triplets(1, 30, 99) + 30])
    found = message_of(compare, {"x": left, "y": right}, apart, nan="omit")
    assert found == "models must share at least one triplet whose rows are finite in all; got none"

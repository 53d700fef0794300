"""The parts of model recovery against plain references: draws, losses of refits, rates, sizes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp, softmax
from support import definition, draw_triplets, pairs_of, reals, seeds, whole

from pyalign import fit_probe, score
from pyalign.backends import get_host_backend
from pyalign.data import Triplets
from pyalign.probing.parameters import ProbeOptions
from pyalign.recovery.recovered import Simulations, needed, tied_for_best
from pyalign.recovery.refits import (
    ByProbe, ByTemperature, OneModel, Pool, answered, cuts_of, deviations_of, drawn_pairs, generator,
)
from pyalign.stats.splits import TripletKFold

HOST = get_host_backend()


def least_by_scipy(s, chosen):
    """The least of the summed losses over beta >= 0 for similarities (t, k) and the pairs chosen (t,)."""
    s = s.astype(np.float64)

    s = (s - s[np.arange(len(s)), chosen][:, None]) / s.std()

    def loss(log_beta):
        return float(logsumexp(np.exp(log_beta) * s, axis=1).sum())

    found = minimize_scalar(loss, bounds=(-12, 12), method="bounded", options={"xatol": 1e-9})
    return min(found.fun, len(s) * np.log(s.shape[1]))


@given(
    seeds, st.integers(1, 200), st.sampled_from([2, 3]), st.sampled_from([np.float32, np.float64]),
    st.sampled_from([1e-6, 1.0, 1e4]), st.integers(-5, 500), st.floats(0.02, 20),
)
def test_the_least_loss_is_that_of_a_plain_search_at_any_scale(seed, t, k, dtype, scale, start, sharp):
    rng = np.random.default_rng(seed)
    s = (scale * rng.normal(size=(t, 3)) * np.exp(rng.normal(size=(t, 1)))).astype(dtype)
    chosen = (rng.gumbel(size=(t, k)) + sharp * s[:, :k] / scale).argmax(axis=1)
    model = OneModel(HOST, s, k)
    deviation = float((s[np.arange(t), chosen].astype(float) - s[:, 0]).sum())
    expected = least_by_scipy(s[:, :k], chosen)
    (loss,) = model.least(np.array([deviation]))
    assert loss == pytest.approx(expected, abs=1e-7 * t)
    (again,) = OneModel(HOST, s, k, near=start).least(np.array([deviation]))
    assert again == pytest.approx(loss, abs=1e-12 * t)


def test_answers_no_better_than_chance_cost_as_much_as_a_flat_choice():
    s = np.array([[1.0, 0.0, 0.0]] * 6)
    assert OneModel(HOST, s).least(np.array([-6.0, -4.0])).tolist() == pytest.approx([6 * np.log(3)] * 2)


def test_answers_that_are_all_best_pairs_cost_what_ties_leave():
    s = np.array([[1.0, 0.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 2.0]])
    assert OneModel(HOST, s).least(np.array([2.0])).tolist() == pytest.approx([np.log(2)])


def test_similarities_that_are_all_equal_choose_flatly():
    assert OneModel(HOST, np.ones((4, 3))).least(np.zeros(2)).tolist() == pytest.approx([4 * np.log(3)] * 2)


@given(seeds)
def test_many_deviations_at_once_are_as_one_after_the_other(seed):
    rng = np.random.default_rng(seed)
    s = rng.normal(size=(60, 3))
    chosen = (rng.gumbel(size=(9, 60, 3)) + rng.uniform(0, 6, (9, 1, 1)) * s).argmax(axis=2)
    deviations = np.array([(s[np.arange(60), pairs] - s[:, 0]).sum() for pairs in chosen])
    expected = [OneModel(HOST, s).least(np.array([deviation]))[0] for deviation in deviations]
    np.testing.assert_allclose(OneModel(HOST, s).least(deviations), expected, atol=1e-11)
    np.testing.assert_allclose(expected, [least_by_scipy(s, pairs) for pairs in chosen], atol=60 * 1e-7)


@given(seeds, st.sampled_from([1, 2, 500, 70_000]), st.integers(1, 5), st.integers(1, 4), st.sampled_from([2, 3]))
def test_deviations_are_plain_sums(seed, t, m, g, k):
    rng = np.random.default_rng(seed)
    similarities = [rng.integers(-9, 9, (t, 3)).astype(np.float32) for _ in range(m)]
    pairs = rng.integers(0, k, (t, g)).astype(np.int8)
    expected = [[(s[np.arange(t), kept] - s[:, 0]).sum(dtype=float) for kept in pairs.T] for s in similarities]
    assert np.array_equal(deviations_of(HOST, similarities, pairs, k), expected)


@pytest.mark.parametrize("k", [2, 3])
def test_pairs_are_drawn_by_their_probabilities(k):
    s = reals(1, 4, 3)
    cuts = cuts_of(np.repeat(s, 50_000, axis=0), 0.7, k)
    drawn = drawn_pairs(cuts, np.random.default_rng(0)).reshape(4, -1)
    shares = np.stack([(drawn == pair).mean(axis=1) for pair in range(k)], axis=1)
    np.testing.assert_allclose(shares, softmax(s[:, :k].astype(float) / 0.7, axis=1), atol=0.012)
    assert drawn.max() == k - 1


@pytest.mark.parametrize("pair", [0, 1, 2])
def test_answered_puts_the_pair_that_was_kept_first(pair):
    kept = [(4, 5), (4, 6), (5, 6)][pair]
    assert sorted(answered(np.array([[4, 5, 6]]), np.array([pair]), "odd-one-out")[0, :2].tolist()) == sorted(kept)


def test_answered_puts_the_chosen_option_second():
    found = answered(np.array([[4, 5, 6], [4, 5, 6]]), np.array([0, 1]), "anchored")
    assert found.tolist() == [[4, 5, 6], [4, 6, 5]]


def test_each_key_has_random_numbers_of_its_own():
    keys = [(0, 1), (0, 2), (1, 1), (1,)]
    drawn = [generator(5, *key).random() for key in keys]
    assert len(set(drawn)) == len(keys)
    assert drawn == [generator(5, *key).random() for key in keys]


@pytest.fixture
def pool():
    models = {"a": reals(1, 25, 6), "b": reals(2, 25, 3, dtype=np.float64)}
    return Pool(models, draw_triplets(3, 25, 700, np.int16), {"a": "cosine", "b": "dot"}, "odd-one-out")


def test_a_pool_looks_similarities_up_also_of_further_triplets(pool):
    pool.grow(900)
    assert pool.index.shape == (900, 3)
    assert (np.sort(pool.index, axis=1)[:, 1:] != np.sort(pool.index, axis=1)[:, :-1]).all()
    for (name, x), s in zip(pool.models.items(), pool.similarities, strict=True):
        expected = pairs_of(definition(x, x, pool.measures[name]), pool.index).T
        np.testing.assert_allclose(s, expected, rtol=1e-5, atol=1e-6)
        assert s.dtype == x.dtype
    pool.grow(800)
    assert len(pool.index) == 900


def test_further_triplets_are_of_the_objects_of_the_study_alone():
    x = whole(1, 30, 4)
    index = 2 * draw_triplets(3, 15, 100, np.int64)
    pool = Pool({"x": x}, index, {"x": "dot"}, "odd-one-out")
    pool.grow(2000)
    assert (pool.index % 2 == 0).all()
    assert set(np.unique(pool.index)) == set(np.unique(index))


@pytest.mark.parametrize("task", ["odd-one-out", "anchored"])
def test_losses_of_temperatures_are_those_of_a_plain_search_for_each_pair_of_models(task):
    models = {"a": reals(1, 25, 6), "b": reals(2, 25, 3), "c": reals(5, 25, 9)}
    pool = Pool(models, draw_triplets(3, 25, 700, np.int16), dict.fromkeys(models, "cosine"), task)
    simulations = Simulations(pool, [0.2, 0.5, 1.0], ByTemperature(pool), 4, 0)
    rows = simulations._rows(300, 0)
    pairs = simulations.answers(rows, 300, 0)
    assert len(np.unique(rows)) == 300
    for _ in range(2):  # the second time from where the first has ended
        found = simulations.refit.losses(rows, pairs)
        for g in range(3):
            for m in range(3):
                expected = least_by_scipy(pool.similarities[m][rows][:, : pool.alternatives], pairs[:, g])
                assert found[g, m] == pytest.approx(expected / 300, abs=1e-6)


@pytest.mark.parametrize("task", ["odd-one-out", "anchored"])
def test_losses_of_probes_are_those_of_fits_to_one_side_of_each_fold_and_scores_of_the_other(task):
    models = {"a": reals(1, 30, 6), "b": reals(2, 30, 3)}
    pool = Pool(models, draw_triplets(3, 30, 2500, np.int32), dict.fromkeys(models, "dot"), task)
    probes = ByProbe(pool, ProbeOptions(), 3, 0.01, seed=4)
    simulations = Simulations(pool, [1.0, 1.0], probes, 1, 0)
    pairs = simulations.answers(slice(0, 2500), 7)
    probes.choose(pairs)
    found = probes.losses(slice(0, 2500), pairs)
    folds = list(TripletKFold("objects", 3, 4).folds(pool.index))
    for g, kept in enumerate(pairs.T):
        theirs = answered(pool.index, kept, task)
        for m, x in enumerate(models.values()):
            total = 0.0
            for fold in folds:
                fit = fit_probe(x, Triplets(theirs[fold.train], task=task), penalty=0.01)
                test = Triplets(theirs[fold.test], task=task)
                total += len(fold.test) * score(fit.transform.apply(x), test, measure="dot").cross_entropy
            expected = total / sum(len(fold.test) for fold in folds)
            assert found[g, m] == pytest.approx(expected, abs=2e-4)


def test_penalties_are_chosen_for_each_pair_and_grow_where_triplets_are_fewer():
    models = {"a": reals(1, 30, 4), "b": reals(2, 30, 3)}
    pool = Pool(models, draw_triplets(3, 30, 3000, np.int32), dict.fromkeys(models, "dot"), "odd-one-out")
    probes = ByProbe(pool, ProbeOptions(), 3, (0.3, 0.1, 0.03, 0.01), seed=0)
    probes.choose(Simulations(pool, [0.5, 0.5], probes, 1, 0).answers(slice(0, 3000), 0))
    assert probes.penalties.shape == (2, 2)
    assert (probes.penalties > 0).all()
    assert probes._penalty(0, 1, 750) == pytest.approx(probes.penalties[0, 1] * 4**0.75)


def test_losses_that_lie_within_what_float32_tells_tie():
    losses = np.array([[0.5, 0.5 + 5e-8, 0.5 + 5e-7]])
    assert tied_for_best(losses).tolist() == [[True, True, False]]


@pytest.mark.parametrize(
    ("sizes", "rates", "target", "expected"),
    [
        ([10, 100], [0.2, 0.4], 0.5, None),
        ([10, 1000], [0.0, 1.0], 0.5, (100, (10, 1000))),
        ([10, 100, 1000], [0.95, 0.8, 1.0], 0.9, (317, (100, 1000))),  # it has to stay there
        ([10, 100], [0.9, 1.0], 0.9, (10, (0, 10))),
        ([10, 100], [0.8, 0.9], 0.9, (100, (10, 100))),
    ],
)
def test_what_is_needed_lies_between_the_last_size_below_the_target_and_the_next(sizes, rates, target, expected):
    assert needed(sizes, rates, target) == expected

"""Weights of answers: figures are weighted means, by plain numpy; equal weights change nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import clustered_error, draw_triplets, read_back, reals, seeds

import pyalign
from pyalign import Resampling, Triplets
from pyalign.data import Weights, as_weights
from pyalign.errors import InputError

N, T = 20, 300
PLACES = np.array([[1, 2, 0], [0, 2, 1], [0, 1, 2]])  # the columns with each position last
X, OTHER = reals(1, N, 4, dtype=np.float64), reals(2, N, 4, dtype=np.float64)
MODELS = {"x": X, "other": X + 0.7 * OTHER, "third": OTHER}
METHODS = [
    Resampling("objects"), Resampling("triplets"), Resampling("subjects"), Resampling("objects+subjects"),
    Resampling("objects", "bootstrap", 64), Resampling("objects", "pigeonhole", 64),
    Resampling("triplets", "bootstrap", 64), Resampling("subjects", "bootstrap", 64),
]


def answered(seed, t=T):
    """Triplets that people with noisy eyes have answered, who they were, and weights."""
    rng = np.random.default_rng(seed)
    shown = draw_triplets(seed, N, t, np.int32)
    odd = pyalign.odd_one_out(X + 0.8 * rng.normal(size=X.shape), shown)
    triplets = np.take_along_axis(shown, PLACES[odd], axis=1)
    return triplets, np.arange(t) % 9, np.where(rng.random(t) < 0.4, rng.uniform(2, 5, t), 0.5)


TRIPLETS, PEOPLE, WEIGHTS = answered(0)


def by_numpy(x, triplets):
    """Whether a model is right about each triplet, its cross-entropy and its entropy, for cosines at T = 1."""
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    a, b, c = triplets.T
    s = np.stack([(unit[i] * unit[j]).sum(axis=1) for i, j in ((a, b), (a, c), (b, c))])
    logs = s - np.log(np.exp(s).sum(axis=0))
    return (s.argmax(axis=0) == 0).astype(float), -logs[0], -(np.exp(logs) * logs).sum(axis=0)


def figures(result, drop=("effective_answers", "seconds", "provenance", "triplets_per_second", "time")):
    """All numbers of a document, in its order, but for what weighted answers do not have."""
    # What chance adds to a calibration error is known of answers that weigh the same: else there is no debiased one.
    drop = (*drop, "components", "cross_entropy_components", "ece_floor", "ece_debiased", "ece_debiased_ci")

    def walk(value, key=""):
        if key in drop:
            return
        if isinstance(value, dict):
            for name, one in value.items():
                yield from walk(one, name)
        elif isinstance(value, list):
            for one in value:
                yield from walk(one, key)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield key, value

    return list(walk(result.to_dict()))


def same(found, expected, rtol=1e-7):
    one, other = figures(found), figures(expected)
    assert [key for key, _ in one] == [key for key, _ in other]
    np.testing.assert_allclose([v for _, v in one], [v for _, v in other], rtol=rtol, atol=5e-9)  # nats are float32


@given(seeds)
def test_a_score_is_the_weighted_mean(seed):
    triplets, _, weights = answered(seed)
    found = pyalign.score(X, triplets, weights=weights, ci=None)
    right, nats, entropy = by_numpy(X, triplets)
    assert found.accuracy == pytest.approx(np.average(right, weights=weights), rel=1e-12)
    assert found.cross_entropy == pytest.approx(np.average(nats, weights=weights), rel=1e-9)
    assert found.mean_entropy == pytest.approx(np.average(entropy, weights=weights), rel=1e-9)
    assert (found.n_triplets, found.effective_answers) == (T, pytest.approx(weights.sum() ** 2 / (weights**2).sum()))


def test_the_error_is_that_of_the_weighted_mean_over_independent_rows():
    triplets = np.random.default_rng(3).permutation(300).reshape(100, 3)
    x, weights = reals(5, 300, 3, dtype=np.float64), np.random.default_rng(4).uniform(1, 3, 100)
    found = pyalign.score(x, triplets, weights=weights, ci="triplets")
    right, _, _ = by_numpy(x, triplets)
    residuals = weights * (right - np.average(right, weights=weights))
    independent = weights.sum() ** 2 - (weights**2).sum()
    assert found.standard_error == pytest.approx(np.sqrt((residuals**2).sum() / independent), rel=1e-9)


@given(seeds, st.sampled_from(["objects", "triplets"]))
def test_without_weights_the_error_is_what_it_was(seed, by):
    triplets, _, _ = answered(seed, 60)
    right, _, _ = by_numpy(X, triplets)
    found = pyalign.score(X, triplets, ci=by)
    assert found.standard_error == pytest.approx(clustered_error(right, triplets, by), rel=1e-9)
    assert found.effective_answers is None


@settings(max_examples=8)
@pytest.mark.parametrize("plan", METHODS, ids=lambda plan: f"{plan.by} {plan.method}")
@given(seeds)
def test_equal_weights_give_the_figures_without_weights(plan, seed):
    triplets, people, _ = answered(seed)
    groups = np.arange(T) % 3
    for call in (
        lambda w: pyalign.score(X, triplets, weights=w, ci=plan, subjects=people, groups=groups),
        lambda w: pyalign.compare(MODELS, triplets, weights=w, ci=plan, subjects=people),
    ):
        same(call(np.full(T, 0.3)), call(None))


@pytest.mark.parametrize(
    "call",
    [
        lambda w: pyalign.compare(MODELS, TRIPLETS, weights=w, choose_best=True, difference=0.1, baseline="x"),
        lambda w: pyalign.score(X, TRIPLETS, weights=w, n_permutations=9),
        lambda w: pyalign.permutation_test(X, TRIPLETS, weights=w, n_permutations=9),
        lambda w: pyalign.calibrate(X, TRIPLETS, weights=w, split=None),
        lambda w: pyalign.calibrate(X, TRIPLETS, weights=w, split="triplets", subjects=PEOPLE),
        lambda w: pyalign.noise_ceiling(np.repeat(TRIPLETS[:40], 5, axis=0)[:, [1, 0, 2]], weights=w and w[:200]),
        lambda w: pyalign.score_choices(pyalign.odd_one_out(X, TRIPLETS), TRIPLETS, weights=w),
    ],
)
def test_equal_weights_give_the_figures_of_other_analyses_too(call):
    class Some(np.ndarray):
        def __bool__(self):
            return True

    same(call(np.full(T, 3.0).view(Some)), call(None))


def test_whole_weights_are_repeated_rows():
    whole = np.random.default_rng(8).integers(1, 4, T)
    again = np.repeat(TRIPLETS, whole, axis=0)
    for call in (
        lambda t, w: [pyalign.score(X, t, weights=w, ci=None).accuracy],
        lambda t, w: [pyalign.score(X, t, weights=w, ci=None).cross_entropy],
        lambda t, w: [one.accuracy for one in pyalign.compare(MODELS, t, weights=w, ci=None).models],
        lambda t, w: [pyalign.calibrate(X, t, weights=w, split=None).temperature],
        lambda t, w: [pyalign.calibrate(X, t, weights=w, split=None).equal_width.ece],
        lambda t, w: [pyalign.score_choices(pyalign.odd_one_out(X, t), t, weights=w, ci=None).accuracy],
        lambda t, w: [pyalign.permutation_test(X, t, weights=w, n_permutations=9).null_mean],
        lambda t, w: [pyalign.compare(MODELS, t, weights=w, choose_best=True).best.accuracy],
    ):
        np.testing.assert_allclose(call(TRIPLETS, whole), call(again, None), rtol=1e-7)


def test_a_weighted_bootstrap_scatters_as_the_closed_form_says():
    triplets, _, weights = answered(3, 3000)
    closed, drawn = (
        pyalign.score(X, triplets, weights=weights, ci=Resampling("triplets", *how)).standard_error
        for how in ((), ("bootstrap", 2000))
    )
    assert drawn == pytest.approx(closed, rel=0.1)


@pytest.mark.parametrize(
    "plan", [one for one in METHODS if not one.closed], ids=lambda plan: f"{plan.by} {plan.method}"
)
def test_a_weighted_bootstrap_lies_around_the_weighted_figure(plan):
    """Weights that follow the cross-entropies: their plain mean is far from the weighted one."""
    _, nats, _ = by_numpy(X, TRIPLETS)
    weights = np.where(nats > np.median(nats), 9.0, 1.0)
    one = pyalign.score(X, TRIPLETS, weights=weights, ci=plan, subjects=PEOPLE)
    two = pyalign.compare({"x": X, "other": OTHER}, TRIPLETS, weights=weights, ci=plan, subjects=PEOPLE).models[0]
    assert abs(one.cross_entropy - nats.mean()) > 2.5 * one.cross_entropy_standard_error
    for found, nats_ci in ((one, one.cross_entropy.ci), (two, two.cross_entropy_ci)):
        for figure, ci in ((found.accuracy, found.ci), (found.cross_entropy, nats_ci)):
            assert abs((ci.low + ci.high) / 2 - figure) < 1.5 * ci.error


def test_weights_move_a_difference_and_its_intervals():
    found = pyalign.compare(MODELS, TRIPLETS, weights=WEIGHTS)
    right = {name: by_numpy(x, TRIPLETS)[0] for name, x in MODELS.items()}
    for pair in found.pairs:
        each = right[pair.a] - right[pair.b]
        assert pair.difference == pytest.approx(np.average(each, weights=WEIGHTS), rel=1e-9)
        assert pair.simultaneous_ci.low < pair.ci.low < pair.difference < pair.ci.high < pair.simultaneous_ci.high
    assert found.effective_answers == pytest.approx(WEIGHTS.sum() ** 2 / (WEIGHTS**2).sum())


def test_weights_of_left_out_triplets_are_left_out():
    names = [f"item {k}" for k in range(N)]
    some, kept = pyalign.Embeddings(X[:-3], names[:-3]), (TRIPLETS < N - 3).all(axis=1)
    named = Triplets(TRIPLETS, tuple(names), numbered=True)
    expected = pyalign.score(X, TRIPLETS[kept], weights=WEIGHTS[kept]).accuracy
    assert pyalign.score(some, named, weights=WEIGHTS, missing="omit").accuracy == expected
    assert (
        pyalign.compare({"a": some, "b": some}, named, weights=WEIGHTS, missing="omit").models[0].accuracy == expected
    )
    holes = np.where(np.arange(N)[:, None] < N - 3, X, np.nan)
    for plan in (None, "objects", Resampling("objects", "bootstrap", 64)):
        found = pyalign.score(holes, TRIPLETS, weights=WEIGHTS, nan_policy="omit", ci=plan)
        same(found, replace(pyalign.score(X, TRIPLETS[kept], weights=WEIGHTS[kept], ci=plan).only,
                            n_dropped=int((~kept).sum()), nan="omit"))
    test = pyalign.permutation_test(holes, TRIPLETS, weights=WEIGHTS, nan_policy="omit", n_permutations=5)
    assert test.accuracy == pytest.approx(expected)
    temperature = pyalign.calibrate(holes, TRIPLETS, weights=WEIGHTS, nan_policy="omit", split=None).temperature
    assert temperature == pytest.approx(
        pyalign.calibrate(X, TRIPLETS[kept], weights=WEIGHTS[kept], split=None).temperature
    )


def test_groups_and_their_intervals_are_weighted():
    found = pyalign.score(X, TRIPLETS, weights=WEIGHTS, groups=np.arange(T) % 2)
    for k, group in enumerate(found.groups):
        alone = pyalign.score(X, TRIPLETS[k::2], weights=WEIGHTS[k::2])
        assert (group.accuracy, group.standard_error) == pytest.approx((alone.accuracy, alone.standard_error), rel=1e-3)


def test_triplets_carry_their_weights():
    carrying = Triplets(TRIPLETS, weights=WEIGHTS)
    assert isinstance(carrying.weights, Weights)
    for call in (pyalign.score, pyalign.calibrate):
        same(call(X, carrying), call(X, TRIPLETS, weights=WEIGHTS))
    np.testing.assert_array_equal(carrying[5:9].weights.values, WEIGHTS[5:9])
    a, b = (pyalign.fit_probe(X, t, penalty=1.0, weights=w) for t, w in ((carrying, None), (TRIPLETS, WEIGHTS)))
    np.testing.assert_allclose(a.transform.weights, b.transform.weights)


def test_people_who_answer_much_count_by_their_weights():
    """One participant who gave most answers says less when these count little."""
    people = np.where(np.arange(T) < T // 2, 0, 1 + np.arange(T) % 8)
    little = np.where(people == 0, 0.1, 1.0)
    plain, weighted = (pyalign.score(X, TRIPLETS, subjects=people, weights=w) for w in (None, little))
    few, more = (one.inference.effective_subjects for one in (plain, weighted))
    assert few is not None and (more is None or more > few)


# Ceilings


def test_a_ceiling_is_a_weighted_mean_over_triplets():
    rng = np.random.default_rng(5)
    sets = np.unique(np.sort(draw_triplets(9, N, 60), axis=1), axis=0)
    places = np.repeat(np.arange(len(sets)), 6)
    odd = np.where(
        rng.random(len(places)) < 0.7, rng.integers(0, 2, len(sets))[places], rng.integers(0, 3, len(places))
    )
    triplets = np.take_along_axis(sets[places], PLACES[odd], axis=1)
    of_sets, people = rng.integers(1, 4, len(sets)), np.arange(len(places)) % 12
    found = pyalign.noise_ceiling(triplets, weights=of_sets[places], subjects=people)
    counts = np.stack([np.bincount(places, odd == k) for k in range(3)], axis=1)
    majority = counts.max(axis=1) / 6
    assert found.ceiling == pytest.approx(np.average(majority, weights=of_sets))
    several = np.concatenate([triplets[of_sets[places] > k] + k * N for k in range(3)])  # the sets with other objects
    again = pyalign.noise_ceiling(several)
    for name in ("ceiling", "leave_one_out", "guessing", "least_cross_entropy", "corrected_entropy"):
        assert getattr(found, name) == pytest.approx(getattr(again, name), rel=1e-9), name
    assert found.ceilings.estimate.value == pytest.approx(again.ceilings.estimate.value, abs=1e-3)
    assert found.effective_answers == pytest.approx(6 * of_sets.sum() ** 2 / (of_sets**2).sum())
    assert found.ci.by == "objects+subjects"


def test_a_ceiling_refuses_two_weights_of_a_triplet():
    with pytest.raises(InputError, match=r"same for all answers to a triplet.*rows 0 and 1 have 1 and 2"):
        pyalign.noise_ceiling([[0, 1, 2], [1, 0, 2], [0, 1, 2]], weights=[1, 2, 1])


# Calibration


def test_counts_and_weights_multiply():
    counts = np.random.default_rng(1).integers(1, 5, (T, 3)) + np.array([0, 0, 4])
    whole = np.random.default_rng(2).integers(1, 4, T)
    found = pyalign.calibrate(X, TRIPLETS, answers=counts, weights=whole, split=None)
    again = pyalign.calibrate(X, TRIPLETS, answers=counts * whole[:, None], split=None)
    assert found.temperature == pytest.approx(again.temperature)
    assert (found.test.accuracy, found.equal_width.ece) == pytest.approx((again.test.accuracy, again.equal_width.ece))
    assert found.test.n_answers == int(counts.sum())
    assert sum(found.equal_width.count) == pytest.approx(int(counts.sum()), abs=10)


# What is said, and what is refused


@pytest.mark.parametrize(
    ("weights", "told"),
    [
        ([1.0, 2.0], r"weights must have one entry per triplet, shape \(300,\); got \(2,\)"),
        (np.where(np.arange(T) == 7, 0, 1), "weights must be positive; row 7 is 0: leave out triplets"),
        (np.where(np.arange(T) == 7, -1.5, 1), "weights must be positive; row 7 is -1.5"),
        (np.where(np.arange(T) == 7, np.nan, 1), "weights must be finite; row 7 is nan"),
        (np.where(np.arange(T) == 7, 1e200, 1), r"weights must lie between 1e-100 and 1e\+100; row 7 is 1e\+200"),
        (["a"] * T, "weights must hold real numbers"),
        (np.ones((T, 1)), r"weights must have one entry per triplet, shape \(300,\); got \(300, 1\)"),
    ],
)
def test_other_weights_are_refused(weights, told):
    for call in (
        lambda: pyalign.score(X, TRIPLETS, weights=weights),
        lambda: pyalign.compare(MODELS, TRIPLETS, weights=weights),
        lambda: pyalign.noise_ceiling(TRIPLETS, weights=weights),
        lambda: pyalign.calibrate(X, TRIPLETS, weights=weights),
        lambda: pyalign.score_choices(np.zeros(T, int), TRIPLETS, weights=weights),
        lambda: pyalign.permutation_test(X, TRIPLETS, weights=weights, n_permutations=3),
        lambda: Triplets(TRIPLETS, weights=weights),
    ):
        with pytest.raises(InputError, match=told):
            call()


def test_large_and_small_weights_are_weights_all_the_same():
    for factor in (1e-99, 1e97):
        same(pyalign.score(X, TRIPLETS, weights=WEIGHTS * factor), pyalign.score(X, TRIPLETS, weights=WEIGHTS), 1e-6)


@pytest.mark.parametrize(
    "call",
    [
        lambda t: pyalign.agreement(X, t, answers=np.ones((T, 3), int)),
        lambda t: pyalign.find_failures({"a": X, "b": OTHER}, t),
        lambda t: pyalign.recover({"a": X, "b": OTHER}, t, n_simulations=2),
        lambda t: pyalign.error_consistency({"a": X, "b": OTHER}, t),
        lambda t: pyalign.score_concepts(X, t, np.abs(X)),
        lambda t: pyalign.predict_dimensions(X, np.abs(OTHER), triplets=t),
    ],
)
def test_what_can_not_weigh_refuses_weights(call):
    with pytest.raises(InputError, match="has no use for weights, which these triplets hold"):
        call(Triplets(TRIPLETS, weights=WEIGHTS))


def test_results_say_that_answers_were_weighted(tmp_path):
    people = np.repeat(TRIPLETS[:40], 5, axis=0)
    for found in (
        pyalign.score(X, TRIPLETS, weights=WEIGHTS), pyalign.compare(MODELS, TRIPLETS, weights=WEIGHTS),
        pyalign.noise_ceiling(people, weights=np.repeat(WEIGHTS[:40], 5)),
        pyalign.calibrate(X, TRIPLETS, weights=WEIGHTS, split=None),
    ):
        assert "weights" in [one.name for one in found.provenance.inputs]
        one = found if hasattr(found, "effective_answers") else found.only
        line = f"weighted answers: effective number of answers {one.effective_answers:,.1f}"
        assert line in " ".join(str(found).split())
        assert read_back(found, tmp_path) == found
    assert "weighted" not in str(pyalign.score(X, TRIPLETS))


def test_weights_of_triplets_on_which_models_differ_are_noted():
    note = as_weights(Weights(WEIGHTS, 0.42), T).notes[0]
    assert "42.0%" in note
    for call in (pyalign.score, lambda x, t: pyalign.compare({"a": x, "b": OTHER}, t)):
        assert note in call(X, Triplets(TRIPLETS, weights=Weights(WEIGHTS, 0.42))).notes


def test_anchored_triplets_are_weighted_too():
    whole = np.random.default_rng(8).integers(1, 4, T)
    one, again = (Triplets(t, task="anchored") for t in (TRIPLETS, np.repeat(TRIPLETS, whole, axis=0)))
    found, expected = pyalign.score(X, one, weights=whole, n_permutations=5), pyalign.score(X, again, n_permutations=5)
    for name in ("accuracy", "cross_entropy", "mean_entropy"):
        assert getattr(found, name) == pytest.approx(getattr(expected, name), rel=1e-9), name
    assert found.permutation_test.null_mean == pytest.approx(expected.permutation_test.null_mean)

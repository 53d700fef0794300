"""Several models on the same triplets: differences, ranks, agreement of errors."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.stats import kstest, rankdata
from scipy.stats import t as student
from support import (
    clustered_error, decide, definition, degrees_of, dependent, draw_triplets, more_for_many_rows, pairs_of, read_back,
    reals, seeds, whole,
)

import pyalign
from pyalign import Embeddings, compare, score
from pyalign.ops.resample import SUBJECTS, multiplicities
from pyalign.stats.multiple import CORRECTIONS, corrected, holm, ranks_of, two_sided_p
from pyalign.stats.resampling import BY, Resampling

N, T = 60, draw_triplets(1, 60, 4000)
PEOPLE = np.arange(4000) % 17
MODELS = {"a": reals(1, N, 5), "b": reals(2, N, 5), "c": whole(3, N, 4)}
PLANS = [Resampling(by, "corrected", seed=2) for by in BY]
PLANS += [Resampling(by, "bootstrap", 100, seed=2) for by in ("objects", "triplets", "subjects")]
PLANS += [Resampling("objects", "pigeonhole", 100, seed=2)]


@pytest.fixture(params=PLANS, ids=lambda plan: f"{plan.method}-{plan.by}")
def plan(request):
    """Everything that intervals can be over, in every way."""
    return request.param


def right_of(x, triplets):
    """(t,) 1 where the two others are the most similar by cosine, by definition; reals have no ties."""
    return (decide(pairs_of(definition(x, x, "cosine"), triplets)) == 2).astype(np.float64)


def answered(x, triplets):
    """The triplets with the item last that x calls odd."""
    columns = np.array([[1, 2, 0], [0, 2, 1], [0, 1, 2]])
    return np.take_along_axis(triplets, columns[pyalign.odd_one_out(x, triplets)], axis=1)


def near(interval, expected, rel=1e-12):
    """The same interval to rounding, over the same and found in the same way."""
    assert tuple(interval) == pytest.approx(tuple(expected), rel=rel, abs=1e-15)
    assert interval.error == pytest.approx(expected.error, rel=rel, abs=1e-15)
    assert (interval.by, interval.method, interval.confidence) == (expected.by, expected.method, expected.confidence)


# Each model


def test_each_model_has_the_score_and_the_interval_that_it_has_alone(backend, plan):
    found = compare(MODELS, T, ci=plan, subjects=PEOPLE, backend=backend)
    for model in found.models:
        alone = score(MODELS[model.model], T, ci=plan, subjects=PEOPLE, backend=backend)
        assert (model.accuracy, model.n_ties) == (alone.accuracy, alone.n_ties)
        assert model.cross_entropy == alone.cross_entropy
        near(model.ci, alone.ci)
        near(model.cross_entropy_ci, alone.cross_entropy.ci)


def test_a_comparison_says_what_it_is_over():
    found = compare(MODELS, T, subjects=PEOPLE)
    assert (found.inference.over, found.inference.method, found.correction) == ("objects+subjects", "corrected", "holm")
    assert (found.n_objects, found.n_subjects, found.n_triplets) == (60, 17, 4000)
    assert (found.inference.resamples, found.best) == (None, None)
    found = compare(MODELS, T, subjects=PEOPLE, ci="objects")
    assert (found.inference.over, found.n_objects, found.n_subjects) == ("objects", 60, None)
    assert compare(MODELS, T).inference.over == "objects"
    known = pyalign.Triplets(T, subjects=PEOPLE)
    assert replace(compare(MODELS, known), provenance=None) == replace(
        compare(MODELS, T, subjects=PEOPLE), provenance=None
    )


# Differences in closed form


@pytest.mark.parametrize("by", BY)
def test_differences_are_those_of_paired_values_by_a_double_sum(by):
    """Error, interval, p-value and covariance of accuracies, from the definition of right and wrong."""
    triplets, people = T[:500], PEOPLE[:500]
    models = {"a": MODELS["a"], "b": MODELS["b"], "near": MODELS["a"] + 0.3 * reals(4, N, 5)}
    found = compare(models, triplets, ci=Resampling(by, confidence_level=0.9), subjects=people)
    right = {name: right_of(x, triplets) for name, x in models.items()}
    for a, b in combinations(models, 2):  # two at a time: of three, each variance is drawn toward the others
        two = {name: models[name] for name in (a, b)}
        (pair,) = compare(two, triplets, ci=Resampling(by, confidence_level=0.9), subjects=people).pairs
        values = right[a] - right[b]
        error = clustered_error(values, triplets, by, people)
        assert pair.difference == pytest.approx(values.mean(), abs=1e-12)
        assert pair.standard_error == pytest.approx(error, rel=1e-9)
        degrees = degrees_of(values, triplets, by, people)
        reach = student.ppf(0.95, degrees) * error
        assert tuple(pair.ci) == pytest.approx((values.mean() - reach, values.mean() + reach), rel=1e-9)
        assert pair.p_value == pytest.approx(2 * student.sf(abs(values.mean()) / error, degrees), rel=1e-9)
    table = np.stack(list(right.values()))
    residuals = table - table.mean(axis=1, keepdims=True)
    together = dependent(triplets, people, by)
    more = more_for_many_rows(residuals.T, np.ones(500), triplets, people, by)
    covariance = (residuals @ together @ residuals.T + more) / (~together).sum()
    alone = residuals @ residuals.T / (500 * 499)
    assert (np.linalg.eigvalsh(np.array(found.covariance) - covariance) > -1e-12).all()
    if np.linalg.eigvalsh(covariance - alone).min() > 0 and by != "objects+subjects":
        np.testing.assert_allclose(found.covariance, covariance, rtol=1e-8)
    assert np.array(found.cross_entropy_covariance).shape == (3, 3)


@pytest.mark.parametrize("by", BY)
def test_differences_of_cross_entropies_are_paired_too(by):
    triplets, people = T[:120], PEOPLE[:120]
    found = compare({"a": MODELS["a"], "b": MODELS["b"]}, triplets, ci=by, subjects=people)
    values = np.array(
        [[score(MODELS[name], row[None]).cross_entropy for row in triplets] for name in ("a", "b")], np.float64
    )
    difference = values[0] - values[1]
    (pair,) = found.pairs
    assert pair.cross_entropy_difference == pytest.approx(difference.mean(), abs=1e-7)
    # Cross-entropies are taken in steps of 1 / 32,767 of the largest.
    assert pair.cross_entropy_ci.error == pytest.approx(clustered_error(difference, triplets, by, people), rel=1e-3)


def test_a_model_compared_with_itself_differs_by_nothing(plan):
    x = MODELS["a"]
    pair = compare({"one": x, "same": x.copy()}, T, ci=plan, subjects=PEOPLE).pairs[0]
    assert (pair.difference, tuple(pair.ci), pair.standard_error) == (0.0, (0.0, 0.0), 0.0)
    assert (pair.cross_entropy_difference, tuple(pair.cross_entropy_ci)) == (0.0, (0.0, 0.0))
    assert (pair.p_value, pair.p_adjusted) == (1.0, 1.0)
    if plan.method == "corrected":
        assert (tuple(pair.simultaneous_ci), pair.p_max_t) == ((0.0, 0.0), 1.0)


@pytest.mark.parametrize("by", BY)
def test_copies_among_many_models_differ_by_nothing_and_share_their_ranks(by):
    """More than are multiplied at a time, and their ranks' intervals are as those of one."""
    models = {f"m{k}": reals(k, N, 5) for k in range(12)} | {"copy": reals(3, N, 5)}
    found = compare(models, T, ci=by, subjects=PEOPLE)
    pair = next(pair for pair in found.pairs if (pair.a, pair.b) == ("m3", "copy"))
    assert (tuple(pair.ci), pair.p_value, pair.p_max_t) == ((0.0, 0.0), 1.0, 1.0)
    of = {model.model: model for model in found.models}
    assert of["m3"].rank == of["copy"].rank and tuple(of["m3"].rank_ci) == tuple(of["copy"].rank_ci)


@pytest.mark.parametrize("method", ["corrected", "bootstrap", "pigeonhole"])
def test_differences_are_paired(method):
    """Models that share most of their rows' noise differ by less than their own intervals are wide."""
    x, plan = reals(5, N, 30), Resampling("objects", method)
    near = compare({"x": x, "near": x + 0.02 * reals(6, N, 30)}, T, ci=plan).pairs[0]
    apart = compare({"x": x, "other": reals(7, N, 30)}, T, ci=plan).pairs[0]
    assert near.standard_error < 0.3 * apart.standard_error


def test_a_better_model_is_found_better():
    x = reals(8, N, 5)
    models = {"noise": reals(9, N, 5), "truth": x, "noisy": x + 0.3 * reals(10, N, 5)}
    for plan in (Resampling("objects", "corrected"), Resampling("objects", "pigeonhole", 200)):
        found = compare(models, answered(x, T), ci=plan)
        assert [model.rank for model in found.models] == [3, 1, 2]
        assert tuple(found.models[1].rank_ci) == (1, 1) and found.models[1].accuracy == 1.0
        if plan.method == "corrected":
            assert all(pair.p_adjusted < 0.001 and pair.p_max_t < 0.001 for pair in found.pairs)
        else:
            assert all(pair.p_value == 2 / 201 and pair.p_adjusted == pytest.approx(6 / 201) for pair in found.pairs)


# Many pairs


@pytest.mark.parametrize("by", BY)
def test_simultaneous_intervals_hold_each_pairs_own(by):
    models = {f"m{k}": reals(k, N, 5) for k in range(6)}
    found = compare(models, T, ci=Resampling(by, confidence_level=0.9), subjects=PEOPLE)
    levels = []
    for pair in found.pairs:
        assert pair.simultaneous_ci.low < pair.ci.low < pair.ci.high < pair.simultaneous_ci.high
        assert pair.p_max_t >= pair.p_value
        assert pair.p_max_t <= min(1.0, 15 * pair.p_value) + 0.01  # Bonferroni, and the error of 10,000 draws
        assert (pair.simultaneous_ci.method, pair.simultaneous_ci.error) == ("max-t", pair.standard_error)
        reach = (pair.simultaneous_ci.high - pair.difference) / pair.standard_error
        own = (pair.ci.high - pair.difference) / pair.standard_error
        degrees = brentq(lambda d, own=own: student.isf(0.05, d) - own, 1.5, 1e7)
        levels.append(2 * student.sf(reach, degrees))
        assert pair.p_max_t == pytest.approx(1.0, abs=0.02) or pair.difference != 0
    np.testing.assert_allclose(levels, levels[0], rtol=1e-4, err_msg="all hold at one level")
    assert 0.1 / 15 < levels[0] < 0.1


@given(seeds, st.sampled_from(BY))
def test_where_an_interval_that_holds_for_all_excludes_0_its_p_value_is_small(seed, by):
    """Of the difference that is found first the other way round too; later steps find more than intervals do."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(30, 4))
    models = {f"m{k}": x + rng.uniform(0, 2) * rng.normal(size=x.shape) for k in range(4)}
    triplets = answered(x, draw_triplets(seed, 30, 300))
    found = compare(models, triplets, ci=by, subjects=np.arange(300) % 9)
    first = min(pair.p_value for pair in found.pairs)
    for pair in found.pairs:
        low, high = pair.simultaneous_ci
        if abs(pair.p_max_t - 0.05) > 2e-3:  # the quantile lies between two of the draws that p counts
            assert pair.p_max_t < 0.05 or low <= 0 <= high
            assert pair.p_value > first or (pair.p_max_t < 0.05) == (low > 0 or high < 0)
        assert (pair.p_value < 0.05) == (pair.ci.low > 0 or pair.ci.high < 0)


@pytest.mark.parametrize("seed", range(6))
def test_what_holds_for_all_pairs_is_never_less_than_what_holds_for_one(seed):
    """Of two models and copies of them there is one difference: the draws of the largest t scatter about Student's."""
    a, b = MODELS["a"], MODELS["b"]
    models = {"a": a, "again": a.copy(), "b": b, "once more": a.copy()}
    for pair in compare(models, T, ci=Resampling("objects", seed=seed)).pairs:
        assert pair.p_max_t >= pair.p_value
        assert pair.p_max_t == pytest.approx(pair.p_value, abs=0.03)
        assert pair.simultaneous_ci.low <= pair.ci.low <= pair.ci.high <= pair.simultaneous_ci.high
        assert tuple(pair.simultaneous_ci) == pytest.approx(tuple(pair.ci), abs=0.1 * pair.standard_error)


def test_of_two_models_all_pairs_together_are_the_one():
    (pair,) = compare({"a": MODELS["a"], "b": MODELS["b"]}, T).pairs
    assert tuple(pair.simultaneous_ci) == pytest.approx(tuple(pair.ci), rel=1e-12)
    assert pair.p_max_t == pair.p_value == pair.p_adjusted


@pytest.mark.parametrize("by", BY)
def test_intervals_of_ranks_count_who_is_better_and_who_is_worse(by):
    x = reals(8, N, 5)
    models = {f"m{k}": x + 0.25 * k * reals(k, N, 5) for k in (3, 1, 4, 2, 9)}
    found = compare(models, answered(x, T[:1500]), ci=by, subjects=PEOPLE[:1500])
    for model in found.models:
        better = worse = 0
        for pair in found.pairs:
            if model.model in (pair.a, pair.b):
                ahead = pair.difference if pair.a == model.model else -pair.difference
                better += pair.p_max_t < 0.05 and ahead < 0
                worse += pair.p_max_t < 0.05 and ahead > 0
        assert tuple(model.rank_ci) == (1 + better, 5 - worse)
        assert model.rank_ci.low <= model.rank <= model.rank_ci.high
        assert model.rank_ci.method == "max-t"
    assert len({tuple(model.rank_ci) for model in found.models}) > 1


@pytest.mark.parametrize("correction", CORRECTIONS)
def test_p_values_are_corrected_by_the_rule_that_is_asked_for(correction, plan):
    models = {f"m{k}": reals(k, N, 5) for k in range(4)}
    found = compare(models, T, ci=plan, subjects=PEOPLE, correction=correction)
    assert found.correction == correction
    p_values = [pair.p_value for pair in found.pairs]
    assert [pair.p_adjusted for pair in found.pairs] == corrected(p_values, correction, 4)
    if correction == "holm":
        assert all(pair.p_adjusted <= p for pair, p in zip(found.pairs, holm(p_values), strict=True))


def test_p_values_of_equally_good_models_are_seldom_small_and_uniform():
    """Three hundred pairs of models that are the truth with noise of their own, on objects of their own: a level of 5%
    is passed by 2 to 9%, and the p-values spread evenly.
    """
    p_values = []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(40, 5))
        triplets = answered(x, draw_triplets(seed, 40, 600))
        models = {name: x + rng.normal(size=x.shape) for name in "ab"}
        p_values.append(compare(models, triplets).pairs[0].p_value)
    assert 0.02 <= np.mean(np.array(p_values) < 0.05) <= 0.09
    assert kstest(p_values, "uniform").pvalue > 0.001


@pytest.mark.slow
def test_p_values_are_right_where_people_differ_and_too_small_where_people_are_not_counted():
    """Twelve people with tastes of their own, and two models that are as right about people at large: over objects and
    people a level of 5% is passed by 2 to 9% of 200, over objects alone by far more.
    """
    people, p_values = np.arange(600) % 12, {"objects": [], "objects+subjects": []}
    for seed in range(200):
        rng = np.random.default_rng(seed)
        x, triplets = rng.normal(size=(40, 3)), draw_triplets(seed, 40, 600)
        for person in range(12):
            own, taste = people == person, rng.exponential(size=3) ** 1.5
            triplets[own] = answered(x * taste + 0.2 * rng.normal(size=x.shape), triplets[own])
        models = {"a": x * [2, 1, 1], "b": x * [1, 2, 1]}
        for by, found in p_values.items():
            found.append(compare(models, triplets, subjects=people, ci=by).pairs[0].p_value)
    passed = {by: np.mean(np.array(found) < 0.05) for by, found in p_values.items()}
    assert 0.02 <= passed["objects+subjects"] <= 0.09
    assert passed["objects"] > 0.2


# By resamples


def test_resamples_in_which_two_models_are_equal_count_on_both_sides():
    """Credits are whole numbers: equal ones must not differ by rounding, in p-values or ranks."""
    models, triplets = {"a": reals(9, N, 3), "b": reals(59, N, 3)}, T[:90]
    people, plan = np.arange(90) % 6, Resampling("subjects", "bootstrap", 400)
    found = compare(models, triplets, ci=plan, subjects=people, measure="dot")
    credits = np.array([[score(x, row[None], measure="dot").accuracy for row in triplets] for x in models.values()])
    sixths = np.rint(6 * credits).astype(np.int64)
    w = multiplicities(6, 0, 400, seed=0, stream=SUBJECTS)[np.arange(90) % 6].astype(np.int64)
    a, b = sixths @ w
    assert (a == b).sum() > 5
    assert found.pairs[0].p_value == min(1.0, 2 * (1 + min((a <= b).sum(), (a >= b).sum())) / 401)


def test_the_bootstrap_over_objects_has_exactly_the_corrected_errors():
    """Of each model and of each difference, which are brought to theirs one by one."""
    closed, drawn = (compare(MODELS, T, ci=Resampling("objects", method)) for method in ("corrected", "bootstrap"))
    for one, other in zip([*closed.models, *closed.pairs], [*drawn.models, *drawn.pairs], strict=True):
        assert other.standard_error == pytest.approx(one.standard_error, rel=1e-9)
        assert other.cross_entropy_ci.error == pytest.approx(one.cross_entropy_ci.error, rel=1e-9)
    assert (drawn.covariance, drawn.cross_entropy_covariance) == (None, None)
    assert {(pair.simultaneous_ci, pair.p_max_t) for pair in drawn.pairs} == {(None, None)}


@pytest.mark.parametrize(("m", "resamples", "told"), [(2, 39, False), (2, 38, True), (5, 398, True), (5, 399, False)])
def test_resamples_that_no_corrected_p_value_can_be_small_with_are_told(m, resamples, told):
    """The least p-value is 2 / (B + 1), and Holm's rule multiplies the least by the number of pairs."""
    models = {f"m{k}": reals(k, N, 5) for k in range(m)}
    found = compare(models, T, ci=Resampling("objects", "bootstrap", resamples))
    notes = [note for note in found.notes if "too few" in note]
    assert len(notes) == told
    if told:
        pairs = m * (m - 1) // 2
        assert notes[0].startswith(
            f"{resamples:,} resamples are too few for {pairs:,} pairs: no p-value, corrected for"
        )
        enough = int(notes[0].split("take ")[1].split(",")[0].replace(",", ""))
        assert 2 * pairs / (enough + 1) <= 0.05
        few = compare(models, T, ci=Resampling("objects", "bootstrap", enough))
        assert not [note for note in few.notes if "too few" in note]
    assert not [note for note in compare(models, T).notes if "too few" in note]


# What is left out, and what is not known


def test_rows_with_nan_leave_triplets_out_for_all_models(plan):
    broken = {name: x.copy() for name, x in MODELS.items()}
    broken["a"][3], broken["b"][4] = np.nan, np.inf
    kept = ((T != 3) & (T != 4)).all(axis=1)
    found = compare(broken, T, nan_policy="omit", subjects=PEOPLE, ci=plan)
    clean = {name: np.nan_to_num(x, posinf=0.0) for name, x in broken.items()}
    alone = compare(clean, T[kept], subjects=PEOPLE[kept], ci=plan)
    assert (found.n_triplets, found.n_dropped, found.n_objects) == (kept.sum(), (~kept).sum(), 58)
    for one, other in zip(found.models, alone.models, strict=True):
        near(one.ci, other.ci)
        near(one.cross_entropy_ci, other.cross_entropy_ci)
        assert (one.rank, tuple(one.rank_ci)) == (other.rank, tuple(other.rank_ci))
    assert [m.accuracy for m in found.models] == pytest.approx([m.accuracy for m in alone.models], rel=1e-14)
    for one, other in zip(found.pairs, alone.pairs, strict=True):
        near(one.ci, other.ci)
        assert (one.p_value, one.p_adjusted) == pytest.approx((other.p_value, other.p_adjusted), rel=1e-9)
        assert one.p_max_t == other.p_max_t or one.p_max_t == pytest.approx(other.p_max_t, rel=1e-9)


def test_people_whose_triplets_were_all_left_out_do_not_count():
    x = MODELS["a"].copy()
    x[7] = np.nan
    touched = (T == 7).any(axis=1)
    found = compare({"x": x, "b": MODELS["b"]}, T, nan_policy="omit", subjects=np.where(touched, 99, PEOPLE))
    alone = compare({"x": MODELS["a"], "b": MODELS["b"]}, T[~touched], subjects=PEOPLE[~touched])
    assert found.n_subjects == alone.n_subjects == 17
    near(found.pairs[0].ci, alone.pairs[0].ci)


@pytest.mark.parametrize("by", ["objects", "objects+subjects"])
def test_triplets_that_all_share_an_object_have_no_intervals_but_a_note(by, tmp_path):
    triplets, people = draw_triplets(2, 5, 60), np.arange(60) % 4
    models = {name: reals(k, 5, 3) for k, name in enumerate("abc")}
    found = compare(models, triplets, ci=by, subjects=people)
    assert {(m.ci, m.cross_entropy_ci, m.rank_ci, m.standard_error) for m in found.models} == {(None,) * 4}
    for pair in found.pairs:
        assert (pair.ci, pair.cross_entropy_ci, pair.simultaneous_ci) == (None, None, None)
        assert (pair.p_value, pair.p_adjusted, pair.p_max_t, pair.standard_error) == (None, None, None, None)
        accuracies = [score(models[name], triplets).accuracy for name in (pair.a, pair.b)]
        assert pair.difference == pytest.approx(accuracies[0] - accuracies[1])
    assert (found.covariance, found.cross_entropy_covariance) == (None, None)
    over = by.replace("+", " and ").replace("subjects", "participants")
    assert sum(note.startswith(f"there is no interval over {over}: ") for note in found.notes) == 1
    assert "-" in str(found)
    assert read_back(found, tmp_path) == found


# Ties of what is given


def test_models_in_any_order_have_the_same_numbers(plan):
    """More than are written at a time. But for the draws of the largest t, which go by the order."""
    models = {f"m{k}": reals(k, N, 5) for k in range(11)} | {"ties": MODELS["c"]}
    names = list(models)
    found = compare(models, T, ci=plan, subjects=PEOPLE)
    of = {model.model: model for model in found.models}
    pairs = {frozenset((pair.a, pair.b)): pair for pair in found.pairs}
    for order in (names[::-1], list(np.random.default_rng(0).permutation(names))):
        other = compare({name: models[name] for name in order}, T, ci=plan, subjects=PEOPLE)
        assert [model.model for model in other.models] == [str(name) for name in order]
        assert [(pair.a, pair.b) for pair in other.pairs] == list(combinations(map(str, order), 2))
        for model in other.models:
            near(model.ci, of[model.model].ci)
            near(model.cross_entropy_ci, of[model.model].cross_entropy_ci)
            assert (model.accuracy, model.rank) == (of[model.model].accuracy, of[model.model].rank)
        for pair in other.pairs:
            one = pairs[frozenset((pair.a, pair.b))]
            sign = 1 if one.a == pair.a else -1
            assert pair.difference == sign * one.difference
            assert pair.p_value == pytest.approx(one.p_value, rel=1e-9)
            assert pair.p_adjusted == pytest.approx(one.p_adjusted, rel=1e-9)
            assert tuple(pair.ci)[::sign] == pytest.approx([sign * end for end in one.ci], rel=1e-9)
            if plan.method == "corrected":
                assert pair.p_max_t == pytest.approx(one.p_max_t, abs=0.03)
        if plan.method == "corrected":
            places = [names.index(str(name)) for name in order]
            np.testing.assert_allclose(
                other.covariance, np.array(found.covariance)[np.ix_(places, places)], rtol=1e-6, atol=1e-12
            )


@given(seeds, st.integers(2, 7))
def test_ranks_are_those_of_scipy(seed, m):
    accuracies = np.random.default_rng(seed).integers(0, 4, (5, m)) / 4
    np.testing.assert_array_equal(ranks_of(accuracies), rankdata(-accuracies, axis=1))


def test_p_values_count_both_sides():
    assert two_sided_p(np.array([-1.0, 1, 1, 1, 1, 1, 1, 1, 1])) == 2 * 2 / 10
    assert two_sided_p(np.array([1.0, -1, -1, -1, -1, -1, -1, -1, -1])) == 2 * 2 / 10
    assert two_sided_p(np.full(999, 0.1)) == 2 / 1000


# Documents, and what is refused


def test_can_be_written_as_json(plan, tmp_path):
    found = compare(MODELS, T, ci=plan, subjects=PEOPLE)
    again = json.loads(json.dumps(found.to_dict()))
    assert len(again["pairs"]) == 3 and again["models"][2]["model"] == "c" and again["ci_by"] == plan.by
    assert ("covariance" in again and len(again["covariance"]) == 3) == (plan.closed)
    assert read_back(found, tmp_path) == found


def test_bad_models_are_one_clear_line(message_of):
    x = MODELS["a"]
    assert message_of(compare, x, T) == "models must map names to embeddings, as a dict does; got ndarray"
    same = [Embeddings(x, source="x.npy")] * 2
    assert message_of(compare, same, T) == "models must differ; got 'x.npy' twice"
    assert message_of(compare, {"x": x}, T) == "compare needs at least two models; got 1: 'x'"
    found = message_of(compare, {"x": x, "y": x[:50]}, T)
    assert found == "models must have the same number of items; got x: 60, y: 50"
    broken = x.copy()
    broken[5] = np.nan
    found = message_of(compare, {"x": x, "y": broken}, T)
    rule = "y: embeddings must be finite; 1 of 60 rows holds NaN or infinity, first row 5"
    assert found == f'{rule}; nan_policy="omit" leaves them out'
    assert message_of(compare, {"x": x, "y": x}, T, ci="people").startswith("ci must be one of")
    left, right = x.copy(), x.copy()
    left[:30], right[30:] = np.nan, np.nan
    apart = np.concatenate([draw_triplets(1, 30, 99), draw_triplets(1, 30, 99) + 30])
    found = message_of(compare, {"x": left, "y": right}, apart, nan_policy="omit")
    assert found == "models must share at least one triplet whose rows are finite in all; got none"


def test_bad_options_are_one_clear_line(message_of):
    models = {"a": MODELS["a"], "b": MODELS["b"]}
    found = message_of(compare, models, T, ci="objects+subjects")
    assert found == "subjects must identify who answered each triplet for intervals over participants; got none"
    found = message_of(compare, models, T, subjects=PEOPLE[:9])
    assert found == "subjects must have one entry per triplet, shape (4000,); got (9,)"


@pytest.mark.parametrize("by", ["objects", "objects+subjects"])
def test_tensors_on_a_device_give_the_same(device, by):
    import torch

    models = {name: torch.as_tensor(x) for name, x in MODELS.items()}
    expected = compare(MODELS, T, ci=by, subjects=PEOPLE, choose_best=True)
    found = compare(models, torch.as_tensor(T), ci=by, subjects=PEOPLE, choose_best=True)
    assert found.best == expected.best
    for one, other in zip([*found.models, *found.pairs], [*expected.models, *expected.pairs], strict=True):
        near(one.ci, other.ci)


# A measure for each model


def test_each_model_has_its_own_measure(tmp_path):
    rng = np.random.default_rng(3)
    models = {name: rng.normal(size=(30, 4)) + 0.5 for name in ("a", "b", "c")}
    measures, triplets = {"c": "rbf:2.0", "a": "dot", "b": "neg_euclidean"}, draw_triplets(1, 30, 500)
    found = pyalign.compare(models, triplets, measure=measures)
    assert [one.measure for one in found.models] == ["dot", "neg_euclidean", "rbf:2.0"] and found.measure is None
    assert found.provenance.options["measure"] == {name: measures[name] for name in models}
    for one in found.models:
        alone = pyalign.score(models[one.model], triplets, measure=measures[one.model], ci="objects")
        assert one.accuracy == alone.accuracy and tuple(one.ci) == pytest.approx(tuple(alone.ci), rel=1e-12)
    again = read_back(found, tmp_path)
    assert [one.measure for one in again.models] == ["dot", "neg_euclidean", "rbf:2.0"] and again.measure is None
    same = pyalign.compare(models, triplets, measure=dict.fromkeys(models, "dot"))
    once = pyalign.compare(models, triplets, measure="dot")
    assert same == once and same.measure == "dot" and same.provenance.options == once.provenance.options


@pytest.mark.parametrize(
    ("measure", "expected"),
    [
        ({"a": "dot"}, "measure must be given for each model; got none for 'b'"),
        ({"a": "dot", "b": "dot", "bb": "dot"}, "measure names 'bb', which is none of the models; did you mean 'b'?"),
        ({"a": "dot", "b": "dod"}, "measure must be one of cosine, dot,"),
        ({}, "measure must be given for each model; got none for 'a'"),
        (["dot", "cosine"], "measure must be one for all embeddings, or a mapping from their names; got ['dot', 'cos"),
        (("dot", "cosine"), "measure must be one for all embeddings, or a mapping from their names; got ('dot', 'cos"),
    ],
)
def test_measures_of_other_models_are_refused(message_of, measure, expected):
    models, triplets = {"a": np.eye(5), "b": -np.eye(5)}, draw_triplets(1, 5, 20)
    assert message_of(pyalign.compare, models, triplets, measure=measure).startswith(expected)

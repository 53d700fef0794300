"""Weighted sums of matrices: their intervals, tests and differences from models, by loops and by rsatoolbox."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import nnls
from scipy.stats import t as student

import pyalign
from pyalign import Resampling, rsa, similarity
from pyalign.ops.resample import OBJECTS, SUBJECTS, multiplicities
from pyalign.pairwise.correlations import CORRELATIONS, correlate

from .test_rsa import study

FOLDS = 3
OF_RSATOOLBOX = (0.0369, 0.0211, 0.0212, 0.0112)  # the sum; less fc6, fc7, fc8


def world(n=20, p=5, noise=0.5, seed=0):
    """Matrices of dissimilarity: of two models, of which people see both, and of people."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 6))
    models = {"a": 1 - similarity(x[:, :4], measure="pearson"), "b": 1 - similarity(x[:, 2:], measure="pearson")}
    people = [1 - similarity(x + noise * rng.normal(size=x.shape), measure="pearson") for _ in range(p)]
    return models, np.stack(people)


def crossed(models, people, objects, persons, rng):
    """(1 + p, 1 + k): means over folds, with pairs written out as often as they were drawn."""
    n, p = len(objects), len(people)
    i, j = np.triu_indices(n, 1)
    drawn, fold_of = np.flatnonzero(objects), np.full(n, -1)
    if len(drawn) < 3 * FOLDS:
        return np.full((1 + p, 1 + len(models)), np.nan)
    fold_of[drawn[rng.permutation(len(drawn))]] = np.arange(len(drawn)) % FOLDS
    mean = np.repeat(people, persons, axis=0).mean(axis=0)[i, j]
    columns, humans = np.stack([x[i, j] for x in models.values()], axis=1), [mean, *people[:, i, j]]
    found = []
    for fold in range(FOLDS):
        inside = np.repeat(np.arange(len(i)), objects[i] * objects[j] * ((fold_of[i] == fold) & (fold_of[j] == fold)))
        outside = np.repeat(np.arange(len(i)), objects[i] * objects[j] * ((fold_of[i] != fold) & (fold_of[j] != fold)))
        z = (columns - columns[outside].mean(axis=0)) / columns[outside].std(axis=0)
        weights, _ = nnls(z[outside], mean[outside] - mean[outside].mean())
        rows = [z @ weights, *columns.T]
        found.append([[correlate(human[inside], row[inside], "pearson") for row in rows] for human in humans])
    return np.mean(found, axis=0)


def corrected_variance(first, second):
    """rsatoolbox's: of values in two splits, twice the variance of their mean less the mean of their variances."""
    return 2 * np.var((first + second) / 2, ddof=1) - (np.var(first, ddof=1) + np.var(second, ddof=1)) / 2


@pytest.mark.parametrize("quantity", ["mean matrix", "each person"])
def test_intervals_are_those_of_loops_over_the_same_draws(quantity):
    n, p, count = 24, 5, 30
    models, people = world(n, p)
    drawn = {OBJECTS: n, SUBJECTS: p}
    objects, persons = (multiplicities(size, 0, count, seed=3, stream=of).T.astype(int) for of, size in drawn.items())
    values = {name: np.empty((count, 2, 3)) for name in ("objects", "subjects", "both")}
    for k in range(count):
        rng = np.random.default_rng([3, k])
        for name, of, who in (
            ("objects", objects[k], np.ones(p, int)), ("subjects", np.ones(n, int), persons[k]),
            ("both", objects[k], persons[k]),
        ):
            for split in range(2):
                table = crossed(models, people, of, who, rng)
                values[name][k, split] = table[0] if quantity == "mean matrix" else who @ table[1:] / p
    plan = Resampling("objects+subjects", "bootstrap", count, seed=3)
    found = rsa(None, people, kind="dissimilarity", matrix=models, correlation="pearson", weighted=True, ci=plan)
    one = found.weighted[0]
    pairs = [pair if quantity == "mean matrix" else pair.per_person for pair in one.pairs]
    ours = [one.ci if quantity == "mean matrix" else one.per_person.ci, *(pair.ci for pair in pairs)]
    for column, interval in enumerate(ours):
        less = {name: table[:, :, 0] - (table[:, :, column] if column else 0.0) for name, table in values.items()}
        of_objects, of_people, both = (corrected_variance(*table[~np.isnan(table[:, 0])].T) for table in less.values())
        variance = n / (n - 1) * of_objects + p / (p - 1) * of_people
        variance -= n * p / ((n - 1) * (p - 1)) * (both - of_objects - of_people)
        variance = min(max(variance, n / (n - 1) * of_objects, p / (p - 1) * of_people), both)
        assert interval.error == pytest.approx(math.sqrt(variance), rel=1e-9)
        assert (interval.method, interval.by) == ("dual bootstrap", "objects+subjects")
    assert one.resamples == count
    assert one.p_value == pytest.approx(student.sf(one.value / one.ci.error, p - 1))
    assert pairs[0].p_value == pytest.approx(2 * student.sf(abs(pairs[0].difference / ours[1].error), p - 1))


def test_values_are_means_over_ten_splits_and_models_are_judged_on_the_same_folds():
    models, people = world()
    found = rsa(None, people, kind="dissimilarity", matrix=models, correlation="pearson", weighted=True, ci=None)
    rng, once = np.random.default_rng(0), np.ones(20, int)
    table = np.mean([crossed(models, people, once, np.ones(5, int), rng) for _ in range(10)], axis=0)
    one = found.weighted[0]
    assert (one.value, one.per_person.values) == (pytest.approx(table[0, 0]), pytest.approx(table[1:, 0]))
    assert (one.ci, one.p_value, one.pairs, one.resamples) == (None, None, (), None)
    plan = Resampling("objects", "bootstrap", 2)
    again = rsa(None, people, kind="dissimilarity", matrix=models, correlation="pearson", weighted=True, ci=plan)
    for k, pair in enumerate(again.weighted[0].pairs, 1):
        assert (pair.a, pair.b, pair.difference) == (
            "weighted sum", "ab"[k - 1], pytest.approx(table[0, 0] - table[0, k]))
        assert pair.per_person.difference == pytest.approx((table[1:, 0] - table[1:, k]).mean())


@pytest.mark.slow
def test_errors_are_those_of_rsatoolbox_on_its_demonstration_data(data):
    """Layers of AlexNet and 92 photographs. `OF_RSATOOLBOX` are standard errors of means over participants by

    rsatoolbox 0.3.2, eval_dual_bootstrap(method="corr", N=500, k_pattern=3, k_rdm=1, n_cv=2), with scipy's non-negative
    least squares as the fitter, since its own does not end where two models are nearly the same. Standard deviations of
    200 and 500 resamples differ by 6% or so, and the formula adds three of them.
    """
    people = np.load(data / "objects92" / "kriegeskorte92_images_and_behaviour.npz")["behav_rdms"]
    layers = np.load(data / "objects92" / "alexnet_fc_92.npz")
    found = rsa({name: layers[name] for name in ("fc6", "fc7", "fc8")}, people, kind="dissimilarity",
                correlation="pearson", weighted=True).weighted[0]
    ours = [found.per_person.ci.error, *(pair.per_person.ci.error for pair in found.pairs)]
    assert ours == pytest.approx(OF_RSATOOLBOX, rel=0.15)
    assert found.per_person.mean == pytest.approx(0.3845, abs=0.01)  # theirs is a mean over resamples


@pytest.mark.parametrize("correlation", CORRELATIONS)
def test_every_correlation_has_intervals_with_missing_pairs_too(correlation):
    models, people = world(24, 3)
    people[1, 2, 3] = people[1, 3, 2] = np.nan
    plan = Resampling("objects", n_resamples=16)
    found = rsa(None, people, kind="dissimilarity", matrix=models, correlation=correlation, weighted=True, ci=plan)
    one = found.weighted[0]
    assert one.ci.low <= one.value <= one.ci.high and one.per_person.ci.error > 0
    assert 0 <= one.p_value < 0.01 and len(one.pairs) == 2


def test_a_single_matrix_has_intervals_over_objects():
    models, people = world(24)
    plan = Resampling("auto", n_resamples=60)
    one = rsa(None, people[0], kind="dissimilarity", matrix=models, weighted=True, ci=plan).weighted[0]
    assert (one.ci.by, one.ci.method, one.resamples, one.per_person) == ("objects", "bootstrap", 60, None)
    assert [pair.per_person for pair in one.pairs] == [None, None]


def test_a_sum_that_is_one_of_the_models_is_no_better_than_it():
    """A model against people gets no weight, so that sum and other model are the same in every fold."""
    models, people = world(24)
    against = {"a": models["a"], "less": np.where(np.eye(24) > 0, 0.0, 3.0 - people.mean(axis=0))}
    one = rsa(None, people, kind="dissimilarity", matrix=against, weighted=True,
              ci=Resampling("auto", n_resamples=20)).weighted[0]
    assert (one.pairs[0].difference, one.pairs[0].ci.error) == (
        pytest.approx(0.0, abs=1e-12), pytest.approx(0, abs=1e-9))
    assert one.pairs[1].difference > 0.5 and one.pairs[1].p_adjusted < 0.05


def test_folds_of_few_objects_have_no_interval_and_a_note_says_so():
    models, people = world(9)
    found = rsa(None, people, kind="dissimilarity", matrix=models, weighted=True, ci="objects")
    assert found.results[0].ci is not None and found.weighted[0].resamples == 200
    assert found.weighted[0].ci is None and not math.isnan(found.weighted[0].value)
    why = "resamples have too few objects, or differ less than splits into folds"
    assert found.notes[-1] == f"the weighted sum by spearman has no interval: {why}"


@pytest.mark.parametrize("n", [3, 4, 8])
def test_fewer_objects_than_folds_take_are_one_line(n, message_of):
    models, people = world(n)
    said = message_of(rsa, None, people, kind="dissimilarity", matrix=models, weighted=True, ci="objects")
    assert said == f"weighted needs at least 9 objects, three for each of 3 folds; got {n}"


def test_weighted_sums_travel_as_json_and_are_shown_with_their_intervals(tmp_path):
    models, people = world()
    found = rsa(None, people, kind="dissimilarity", matrix=models, weighted=True,
                ci=Resampling("auto", n_resamples=20))
    path = tmp_path / "rsa.json"
    path.write_text(found.to_json())
    again = pyalign.load_result(path)
    assert again.weighted == found.weighted
    shown = " ".join(str(again).split())
    one = found.weighted[0]
    assert f"weighted sum, spearman: {one.value:.4f} ({one.ci.low:.4f} to {one.ci.high:.4f}), mean over" in shown
    assert "weighted sum - a" in shown and "weighted sums less models, on the same folds: means over" in shown


def test_a_weighted_sum_finds_the_weights_and_is_judged_on_other_objects():
    rng = np.random.default_rng(0)
    parts = [1 - similarity(rng.normal(size=(24, 8)), measure="pearson") for _ in range(3)]
    upper = np.triu_indices(24, 1)
    human = 2 * parts[0] / parts[0][upper].std() + parts[1] / parts[1][upper].std() - parts[2] / parts[2][upper].std()
    found = rsa(
        {}, human, kind="dissimilarity", matrix=dict(zip("abc", parts, strict=True)), ci=None, weighted=True
    )
    one = found.weighted[0]
    assert one.weights["c"] == 0.0 and one.weights["a"] == pytest.approx(2 * one.weights["b"], rel=0.3)
    assert len(one.folds) == 30 and one.value == pytest.approx(np.mean(one.folds))
    assert one.value > found[0].value


def test_a_weighted_sum_for_the_cosine_takes_no_mean_off():
    parts = [1 - similarity(study(seed)[0], measure="pearson") for seed in range(2)]
    rdms = dict(zip("ab", parts, strict=True))
    options = {"kind": "dissimilarity", "matrix": rdms, "ci": None, "weighted": True, "correlation": "cosine"}
    one = rsa({}, 3 * parts[0] + parts[1], **options).weighted[0]
    assert one.folds == pytest.approx((1.0,) * 30)
    roots = [np.sqrt((part[np.triu_indices(12, 1)] ** 2).mean()) for part in parts]
    assert one.weights["a"] / one.weights["b"] == pytest.approx(3 * roots[0] / roots[1])


def test_a_weighted_sum_of_models_against_people_predicts_nothing():
    _, people = study()
    upper = people[np.triu_indices(len(people), 1)]
    against = {"a": 2 - upper, "b": 3 - upper}
    one = rsa({}, people, kind="dissimilarity", matrix=against, ci=None, weighted=True).weighted[0]
    assert (one.value, one.folds, dict(one.weights)) == (0.0, (0.0,) * 30, {"a": 0.0, "b": 0.0})


def test_weights_are_called_as_the_models_are():
    x, people = study()
    options = {"kind": "dissimilarity", "ci": None, "weighted": True, "matrix": {"m.npy": people**2}}
    found = rsa({"x.npy": x}, people, **options)
    assert list(found.weighted[0].weights) == ["x.npy", "m.npy"] and "fitted to all pairs: x " in str(found)
    found = rsa({"x.npy": x}, people, measure=["cosine", "dot"], **options)
    assert list(found.weighted[0].weights) == ["x.npy cosine", "x.npy dot", "m.npy"]
    assert "fitted to all pairs: x cosine " in " ".join(str(found).split())


def test_many_models_of_nothing_explain_nothing_of_other_objects():
    rng = np.random.default_rng(0)
    human, *rest = (1 - similarity(rng.normal(size=(90, 8)), measure="pearson") for _ in range(21))
    rdms = {str(k): one for k, one in enumerate(rest)}
    found = rsa({}, human, kind="dissimilarity", ci=None, weighted=True, matrix=rdms).weighted[0]
    assert sum(found.weights.values()) > 0.1 and abs(found.value) < 0.1


def test_a_fold_is_judged_on_pairs_that_no_weight_of_it_was_fitted_to():
    """Pairs between two folds are in the fit of the third alone: changing them leaves the value of no other fold."""
    x, people = study(n=18)
    of = np.empty(18, int)
    of[np.random.default_rng(0).permutation(18)] = np.arange(18) % 3
    between = ((of[:, None] == 0) & (of[None, :] == 1)) | ((of[:, None] == 1) & (of[None, :] == 0))
    options = {"kind": "dissimilarity", "ci": None, "weighted": True}
    models = {"a": x, "b": x[:, :2]}
    before = rsa(models, people, **options).weighted[0]
    after = rsa(models, np.where(between, 0.5 * people**2, people), **options).weighted[0]
    assert before.folds[:2] == after.folds[:2] and before.weights != after.weights

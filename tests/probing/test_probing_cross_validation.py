"""Splits, the choice of a strength, cross-validation: what is held out stays out, and figures are those of score."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import draw_triplets, interrupting, reals, seeds

import pyalign
from pyalign import cross_validate_probe
from pyalign.datasets.simulate import simulate
from pyalign.probing import choose, cross_validate, fit_probe
from pyalign.probing.choose import choose_strength, least_of
from pyalign.probing.options import ProbeOptions
from pyalign.probing.splits import folds_of


def world(seed=0, n=90, t=20000):
    x = reals(seed, n, 8)
    return x, simulate(x[:, :3], t, measure="dot", temperature=1.0, seed=seed).triplets


# Splits


@given(seeds, st.sampled_from((2, 3, 5)))
def test_over_objects_no_held_out_object_is_in_a_training_triplet(seed, folds):
    triplets = draw_triplets(seed, 60, 3000)
    tested = []
    for fold in folds_of(triplets, 60, folds=folds, seed=seed):
        train, test = triplets[fold.train], triplets[fold.test]
        outside = np.setdiff1d(np.arange(60), fold.train_items)
        assert np.isin(train, fold.train_items).all() and np.isin(test, outside).all()
        assert len(fold.train) == np.isin(triplets, fold.train_items).all(axis=1).sum()
        assert len(fold.test) == np.isin(triplets, outside).all(axis=1).sum()
        tested.append(outside)
    np.testing.assert_array_equal(np.sort(np.concatenate(tested)), np.arange(60))
    assert np.ptp([len(items) for items in tested]) <= 1


@given(seeds, st.sampled_from((2, 3, 7)))
def test_over_triplets_each_is_tested_once(seed, folds):
    triplets = draw_triplets(seed, 20, 100)
    found = list(folds_of(triplets, 20, split="triplets", folds=folds, seed=seed))
    np.testing.assert_array_equal(np.sort(np.concatenate([f.test for f in found])), np.arange(100))
    assert all(len(np.intersect1d(f.train, f.test)) == 0 for f in found)


def test_over_subjects_nobody_stands_on_both_sides():
    triplets, subjects = draw_triplets(1, 20, 500), np.random.default_rng(0).choice([3, 5, 8, 13, 21], 500)
    tested = []
    for fold in folds_of(triplets, 20, split="subjects", folds=2, subjects=subjects):
        assert not set(subjects[fold.train]) & set(subjects[fold.test])
        assert len(fold.train) + len(fold.test) == 500
        tested += list(set(subjects[fold.test]))
    assert sorted(tested) == [3, 5, 8, 13, 21]


def test_the_same_seed_gives_the_same_folds_and_another_others():
    triplets = draw_triplets(1, 40, 2000)
    first, same, other = ([f.test.tolist() for f in folds_of(triplets, 40, seed=seed)] for seed in (0, 0, 1))
    assert first == same != other


def test_refuses_splits_that_leave_nothing(message_of):
    triplets = draw_triplets(1, 20, 30)

    def split(**options):
        return list(folds_of(triplets, 20, **options))

    assert message_of(split, split="items").startswith("split must be one of objects, triplets, subjects")
    assert "folds must be a whole number from 2" in message_of(split, folds=1)
    assert "folds must be a whole number from 2 to the number of objects (20)" in message_of(split, folds=21)
    assert "has no test ones" in message_of(split, folds=10)
    assert message_of(split, split="subjects") == "subjects must be given to split over subjects; got None"
    assert "subjects must have shape (30,)" in message_of(split, split="subjects", subjects=[1, 2])


# The choice


def test_the_least_of_a_parabola_lies_between_the_strengths():
    strengths = np.array([1.0, 0.1, 0.01, 0.001])
    assert least_of(strengths, (np.log(strengths) - np.log(0.05)) ** 2) == pytest.approx(0.05)
    assert least_of(strengths, np.array([1.0, 2.0, 3.0, 4.0])) == 1.0
    assert least_of(strengths, np.array([4.0, 3.0, 2.0, 1.0])) == 0.001


def test_a_path_ends_when_held_out_triplets_get_worse():
    x, triplets = world(t=4000)
    choice = choose_strength(x, triplets, ProbeOptions(), penalties=np.geomspace(3, 1e-5, 14))
    assert choose.PATIENCE < len(choice.strengths) < 14
    assert choice.strengths[-1] < choice.l2 < choice.strengths[0]


def test_automatic_strengths_do_not_depend_on_the_scale_of_the_features():
    x, triplets = world()
    one, other = (choose_strength(factor * x, triplets, ProbeOptions()) for factor in (1, 100))
    assert one.l2 == pytest.approx(other.l2, rel=1e-2)
    loose = [choose_strength(factor * x, triplets, ProbeOptions(standardize="none")).l2 for factor in (1, 100)]
    assert loose[1] == pytest.approx(1e4 * loose[0], rel=0.5)  # the curve is flat there


def test_strengths_beyond_the_automatic_ones_are_tried_where_the_best_lies_at_an_end():
    x, triplets = world(t=6000)
    shuffled = np.random.default_rng(0).permuted(triplets, axis=1)
    silent = choose_strength(x, shuffled, ProbeOptions())
    assert np.all(np.diff(silent.strengths) < 0)
    assert silent.strengths[0] == pytest.approx(10 * silent.strengths[3])  # the first of the eight
    assert np.argmin(silent.cross_entropy) < 3 and min(silent.cross_entropy) < np.log(3) + 1e-3
    exact = simulate(x, 200_000, measure="dot", temperature=1e-3).triplets
    loud = choose_strength(x, exact, ProbeOptions())
    assert len(loud.strengths) > 8 and np.argmin(loud.cross_entropy) >= 8


def test_says_whether_the_best_strength_was_the_first_or_the_last():
    x, triplets = world(t=4000)
    inside, strong, weak = (
        choose_strength(x, triplets, ProbeOptions(), penalties=penalties)
        for penalties in ([10, 0.01, 1e-6], [0.01, 1e-6], [10, 0.01])
    )
    assert [inside.at_edge, strong.at_edge, weak.at_edge] == [False, True, True]


def test_one_strength_is_taken_as_it_is():
    x, triplets = world(t=6000)
    result = cross_validate_probe(x, triplets, penalties=0.02)
    assert [fold.l2 for fold in result.folds] == [0.02] * 3 and result.fit.l2 == 0.02
    assert result.folds[0].strengths == (0.02,) and result.folds[0].inner_accuracy == ()
    several = cross_validate_probe(x, triplets, penalties=[0.02, 0.01])
    assert all(fold.l2 != 0.02 for fold in several.folds)


# Cross-validation


@pytest.fixture(scope="module")
def validated():
    x, triplets = world()
    return x, triplets, cross_validate_probe(x, triplets, folds=3, seed=5)


def test_every_fold_can_be_had_by_hand(validated):
    x, triplets, result = validated
    for fold, found in zip(folds_of(triplets, len(x), folds=3, seed=5), result.folds, strict=True):
        place = np.full(len(x), -1)
        place[fold.train_items] = np.arange(len(fold.train_items))
        fit = fit_probe(x[fold.train_items], place[triplets[fold.train]], l2=found.l2, seed=5)
        z = fit.transform.apply(x)
        assert found.accuracy == pytest.approx(
            pyalign.score(z, triplets[fold.test], measure="dot").accuracy, abs=2 / found.n_test
        )
        assert found.zero_shot_accuracy == pyalign.score(x, triplets[fold.test]).accuracy
        scored = pyalign.score(z, triplets[fold.test], measure="dot", ci="objects", ci_method="analytic")
        assert found.accuracy_error == pytest.approx(scored.standard_error, rel=0.05)
        assert (found.n_train, found.n_test) == (len(fold.train), len(fold.test))
    assert result.accuracy == pytest.approx(np.mean([f.accuracy for f in result.folds]))
    error = np.sqrt(sum(f.accuracy_error**2 for f in result.folds)) / 3
    assert np.diff(result.accuracy_interval)[0] == pytest.approx(2 * 1.959964 * error, rel=1e-6)
    low, high = result.accuracy_interval
    assert low < result.accuracy < high


def test_a_probe_helps_on_held_out_objects_and_the_refit_uses_everything(validated):
    _, triplets, result = validated
    assert result.accuracy > result.zero_shot_accuracy + 0.05
    assert result.fit.n_triplets == len(triplets) and not result.interrupted
    assert result.fit.l2 < np.exp(np.mean(np.log([f.l2 for f in result.folds])))
    assert json.loads(json.dumps(result.to_dict()))["folds"][0]["n_train"] == result.folds[0].n_train
    assert "3 folds over objects" in repr(result)


def test_a_probe_of_shuffled_choices_is_at_chance_on_held_out_objects():
    x, triplets = world()
    shuffled = np.random.default_rng(0).permuted(triplets, axis=1)
    result = cross_validate_probe(x, shuffled, folds=3)
    n = sum(fold.n_test for fold in result.folds)
    assert abs(result.accuracy - 1 / 3) < 4 * np.sqrt(2 / 9 / n)
    assert result.cross_entropy < np.log(3) + 0.02


def test_features_of_held_out_objects_change_no_fold():
    """Not even through a mean: a fold's fit does not see them."""
    x, triplets = world()
    fold = next(folds_of(triplets, len(x), seed=0))
    outside = np.setdiff1d(np.arange(len(x)), fold.train_items)
    moved = x.copy()
    moved[outside] = 50 * reals(9, len(outside), 8)
    first = [cross_validate_probe(rows, triplets, penalties=[0.1]).folds[0] for rows in (x, moved)]
    assert first[0].inner_cross_entropy == first[1].inner_cross_entropy
    assert first[0].accuracy > first[1].accuracy


def test_finished_folds_are_taken_as_they_are(validated):
    x, triplets, result = validated
    seen = []
    again = cross_validate_probe(x, triplets, seed=5, finished=result.folds[:2], on_fold=seen.append)
    assert again.folds[:2] == result.folds[:2] and len(seen) == 1
    assert again.accuracy == result.accuracy and again.fit.l2 == result.fit.l2
    np.testing.assert_array_equal(again.fit.transform.weights, result.fit.transform.weights)


def test_an_interruption_returns_what_is_finished_and_the_map_of_the_best_fold(validated):
    x, triplets, result = validated

    def stop(progress):
        if progress.stage == "fold 2/3, inner 2/3":
            raise KeyboardInterrupt

    cut = cross_validate_probe(x, triplets, seed=5, report=stop)
    assert cut.interrupted and len(cut.folds) == 1
    assert cut.folds[0].accuracy == result.folds[0].accuracy
    assert np.isnan(cut.accuracy_interval).all()
    assert cut.fit_stage == "fold 1/3" and not cut.fit.interrupted
    assert pyalign.score(
        cut.fit.transform.apply(x), triplets[next(folds_of(triplets, len(x), seed=5)).test], measure="dot"
    ).accuracy == pytest.approx(result.folds[0].accuracy, abs=1e-3)


def test_of_inner_fits_an_interruption_keeps_the_best_on_held_out_triplets(validated):
    """Not the last one, which is cut off after a pass."""
    x, triplets, _ = validated

    def stop(progress):
        if progress.stage == "fold 1/3, inner 2/3":
            raise KeyboardInterrupt

    cut = cross_validate_probe(x, triplets, seed=5, report=stop)
    assert cut.interrupted and not cut.folds
    assert cut.fit_stage == "fold 1/3, inner 1/3"
    assert not cut.fit.interrupted and cut.fit.cross_entropy < np.log(3) - 0.1


@pytest.mark.parametrize("place", ["problem_of", "held_out_score", "choose_strength"])
def test_an_interruption_outside_of_a_fit_loses_nothing_either(validated, monkeypatch, place):
    x, triplets, result = validated
    monkeypatch.setattr(cross_validate, place, interrupting(getattr(cross_validate, place), at=2))
    found = cross_validate_probe(x, triplets, seed=5)
    assert found.interrupted and found.fit_stage == "fold 1/3"
    assert found.folds[0].accuracy == result.folds[0].accuracy


def test_an_interruption_in_the_scoring_of_inner_folds_keeps_what_is_scored(validated, monkeypatch):
    x, triplets, _ = validated
    monkeypatch.setattr(choose, "held_out_score", interrupting(choose.held_out_score, at=4))
    found = choose_strength(x, triplets, ProbeOptions())
    assert found.interrupted and len(found.strengths) == 3
    assert found.best.l2 == pytest.approx(found.strengths[int(np.argmin(found.cross_entropy))])


def test_over_triplets_and_subjects_the_same_objects_are_known(validated):
    x, triplets, result = validated
    subjects = np.arange(len(triplets)) % 11
    known = cross_validate_probe(x, triplets, split="triplets", penalties=[0.3, 0.03, 0.003])
    people = cross_validate_probe(x, triplets, split="subjects", subjects=subjects, penalties=[0.3, 0.03, 0.003])
    assert known.folds[0].n_train + known.folds[0].n_test == len(triplets)
    assert min(known.accuracy, people.accuracy) > result.accuracy - 0.02
    assert (known.split, people.split) == ("triplets", "subjects")


@pytest.mark.parametrize("soft", [False, True])
def test_a_fold_whose_answers_weigh_nothing_is_refused_at_the_start(message_of, soft):
    x, triplets = world(t=4000)
    weights = np.ones(len(triplets))
    weights[list(folds_of(triplets, len(x)))[1].test] = 0
    given = {"targets": np.outer(weights, [1, 1, 2])} if soft else {"weights": weights}
    assert message_of(cross_validate_probe, x, triplets, report=lambda at: 1 / 0, **given) == (
        "weights and targets must leave answers on both sides of a split; those of fold 2's test triplets are all 0"
    )


def test_where_there_is_too_little_to_choose_on_a_number_is_asked_for(message_of):
    x, triplets = world(t=3000)
    subjects = np.arange(3000) % 3
    people = {"split": "subjects", "subjects": subjects}
    assert message_of(cross_validate_probe, x, triplets, **people) == (
        "the strength can't be chosen on an inner split over subjects (folds must be a whole number from 2 to the "
        "number of subjects (2); got 3); give one number (l2, --l2), or more data"
    )
    result = cross_validate_probe(x, triplets, penalties=[0.05], **people)
    assert [fold.l2 for fold in result.folds] == [0.05] * 3 and not result.folds[0].inner_accuracy
    few = draw_triplets(1, 20, 30)
    told = message_of(pyalign.TripletProbe().fit, reals(1, 20, 3), few)
    assert told.startswith(
        "the strength can't be chosen on an inner split over objects (a split over objects must leave"
    )
    assert pyalign.TripletProbe(l2=0.1).fit(reals(1, 20, 3), few).l2_ == 0.1


def test_refuses_what_it_does_not_know(message_of):
    x, triplets = world(t=100)
    assert message_of(cross_validate_probe, x, triplets, penalties="best") == (
        "penalties must be 'auto' or numbers; got 'best'"
    )
    assert message_of(cross_validate_probe, x, triplets, penalties=[0.1, -1]).startswith(
        "penalties must be 'auto' or a"
    )
    for options, message in (
        ({"alpha": 1.5}, "alpha must be a number from 0 to below 1"),
        ({"tau": 0}, "tau must be a positive number"),
        ({"subjects": [1, 2]}, "subjects must be left out unless split is 'subjects'; got split 'objects'"),
        ({"subjects": [1, 2], "split": "subjects"}, "subjects must have one entry per triplet, shape (100,); got (2,)"),
    ):
        assert message_of(cross_validate_probe, x, triplets, **options).startswith(message)
    assert message_of(cross_validate_probe, x, triplets, penalties=[]) == "penalties must be positive numbers; got []"


def test_weights_of_one_change_nothing_where_similarities_tie():
    rng = np.random.default_rng(0)
    x, triplets = rng.integers(0, 2, (60, 4)).astype(np.float64), draw_triplets(0, 60, 8000)
    plain, weighted = (cross_validate_probe(x, triplets, penalties=0.02, weights=w) for w in (None, np.ones(8000)))
    for one, other in zip(plain.folds, weighted.folds, strict=True):
        assert one.zero_shot_accuracy == pytest.approx(other.zero_shot_accuracy, abs=1e-12)
        assert one.accuracy == pytest.approx(other.accuracy, abs=1e-12)
        assert one.cross_entropy == pytest.approx(other.cross_entropy, rel=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_soft_figures_are_those_of_the_definition_where_probabilities_vanish(dtype):
    x, triplets = 30 * reals(3, 20, 4, dtype=dtype), draw_triplets(3, 20, 500)
    y = np.random.default_rng(3).integers(0, 4, (500, 3)).astype(np.float64)
    found = choose.scored(x, triplets, y, "dot", 0.5)
    a, b, c = x[triplets].astype(np.float64).transpose(1, 0, 2)
    s = np.stack([(b * c).sum(1), (a * c).sum(1), (a * b).sum(1)], axis=1) / 0.5
    logs = s - np.logaddexp.reduce(s, axis=1, keepdims=True)
    assert logs.min() < -1000
    assert found.cross_entropy == pytest.approx(-(y * logs).sum() / y.sum(), rel=1e-5)
    assert found.accuracy == pytest.approx(y[np.arange(500), s.argmax(axis=1)].sum() / y.sum())


def test_a_fold_that_ends_before_its_optimum_is_told():
    x, triplets = world(t=6000)
    with pytest.warns(pyalign.ConvergenceWarning, match="fold 1, fold 2, fold 3, the refit ended before the optimum"):
        result = cross_validate_probe(x, triplets, penalties=1e-3, max_iterations=2)
    assert not any(fold.converged for fold in result.folds)

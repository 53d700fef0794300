"""The choice of a penalty, cross-validation: what is held out stays out, and figures are those of score."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from support import draw_triplets, interrupting, reals

import pyalign
from pyalign import cross_validate_probe
from pyalign.datasets.simulate import simulate
from pyalign.journal import Journal
from pyalign.probing import cross_validate
from pyalign.probing import fit as choose
from pyalign.probing import fit_probe
from pyalign.probing.fit import Asked, choose_penalty, least_of
from pyalign.probing.held_out import scored
from pyalign.probing.parameters import ProbeOptions
from pyalign.probing.problem import INNER, Watch
from pyalign.stats.splits import TripletKFold


def world(seed=0, n=90, t=8000):
    x = reals(seed, n, 8)
    return x, simulate(x[:, :3], t, measure="dot", temperature=1.0, seed=seed).triplets


# The choice


def test_the_least_of_a_parabola_lies_between_the_penalties():
    penalties = np.array([1.0, 0.1, 0.01, 0.001])
    assert least_of(penalties, (np.log(penalties) - np.log(0.05)) ** 2) == pytest.approx(0.05)
    assert least_of(penalties, np.array([1.0, 2.0, 3.0, 4.0])) == 1.0
    assert least_of(penalties, np.array([4.0, 3.0, 2.0, 1.0])) == 0.001


def test_a_path_ends_when_held_out_triplets_get_worse():
    x, triplets = world(t=4000)
    choice = choose_penalty(Asked(x, triplets), ProbeOptions(), penalties=np.geomspace(3, 1e-5, 14))
    assert choose.PATIENCE < len(choice.penalties) < 14
    assert choice.penalties[-1] < choice.penalty < choice.penalties[0]


def test_automatic_penalties_do_not_depend_on_the_scale_of_the_features():
    x, triplets = world()
    one, other = (choose_penalty(Asked(factor * x, triplets), ProbeOptions()) for factor in (1, 100))
    assert one.penalty == pytest.approx(other.penalty, rel=1e-2)
    loose = [choose_penalty(Asked(c * x, triplets), ProbeOptions(standardize="none")).penalty for c in (1, 100)]
    assert loose[1] == pytest.approx(1e4 * loose[0], rel=0.5)  # the curve is flat there


def test_penalties_beyond_the_automatic_ones_are_tried_where_the_best_lies_at_an_end():
    x, triplets = world(t=6000)
    shuffled = np.random.default_rng(0).permuted(triplets, axis=1)
    silent = choose_penalty(Asked(x, shuffled), ProbeOptions())
    assert np.all(np.diff(silent.penalties) < 0)
    assert silent.penalties[0] == pytest.approx(10 * silent.penalties[3])  # the first of the eight
    assert np.argmin(silent.cross_entropy) < 3 and min(silent.cross_entropy) < np.log(3) + 1e-3
    exact = simulate(x, 50_000, measure="dot", temperature=1e-3).triplets
    loud = choose_penalty(Asked(x, exact), ProbeOptions())
    assert len(loud.penalties) > 8 and np.argmin(loud.cross_entropy) >= 8


def test_says_whether_the_best_strength_was_the_first_or_the_last():
    x, triplets = world(t=4000)
    inside, strong, weak = (
        choose_penalty(Asked(x, triplets), ProbeOptions(), penalties=penalties)
        for penalties in ([10, 0.01, 1e-6], [0.01, 1e-6], [10, 0.01])
    )
    assert [inside.at_edge, strong.at_edge, weak.at_edge] == [False, True, True]


def test_one_strength_is_taken_as_it_is():
    x, triplets = world(t=6000)
    result = cross_validate_probe(x, triplets, repeats=1, penalties=0.02)
    assert [fold.penalty for fold in result.folds] == [0.02] * 3 and result.fit.penalty == 0.02
    assert result.folds[0].penalties == (0.02,) and result.folds[0].inner_accuracy == ()
    several = cross_validate_probe(x, triplets, repeats=1, penalties=[0.02, 0.01])
    assert all(fold.penalty != 0.02 for fold in several.folds)


# Cross-validation


@pytest.fixture(scope="module")
def validated():
    x, triplets = world()
    return x, triplets, cross_validate_probe(x, triplets, folds=3, repeats=1, seed=5)


def test_every_fold_can_be_had_by_hand(validated):
    x, triplets, result = validated
    for fold, found in zip(TripletKFold(seed=5).folds(triplets), result.folds, strict=True):
        fit = fit_probe(x, triplets[fold.train], penalty=found.penalty, seed=5)
        z = fit.transform.apply(x)
        assert found.accuracy == pytest.approx(
            pyalign.score(z, triplets[fold.test], measure="dot").accuracy, abs=2 / found.n_test
        )
        assert found.zero_shot_accuracy == pytest.approx(pyalign.score(x, triplets[fold.test]).accuracy, rel=1e-12)
        scored = pyalign.score(z, triplets[fold.test], measure="dot", ci=pyalign.Resampling("objects"))
        assert found.accuracy_error == pytest.approx(scored.standard_error, rel=0.05)
        assert (found.n_train, found.n_test) == (len(fold.train), len(fold.test))
    assert result.accuracy == pytest.approx(np.mean([f.accuracy for f in result.folds]))
    error = np.sqrt(sum(f.accuracy_error**2 for f in result.folds)) / 3  # as if nothing were common to the folds
    assert result.accuracy_interval.error == pytest.approx(error, rel=0.2)
    low, high = result.accuracy_interval
    assert low < result.accuracy < high


def test_a_probe_helps_on_held_out_objects_and_the_refit_uses_everything(validated):
    _, triplets, result = validated
    assert result.accuracy > result.zero_shot_accuracy + 0.05
    assert result.fit.n_triplets == len(triplets) and not result.interrupted and result.fit_stage == "refit"
    assert result.fit.penalty < np.exp(np.mean(np.log([f.penalty for f in result.folds])))
    assert json.loads(result.to_json())["folds"][0]["n_train"] == result.folds[0].n_train
    assert "3 folds over objects" in repr(result)


def test_a_probe_of_shuffled_choices_is_at_chance_on_held_out_objects():
    x, triplets = world()
    shuffled = np.random.default_rng(0).permuted(triplets, axis=1)
    result = cross_validate_probe(x, shuffled, repeats=1, folds=3)
    n = sum(fold.n_test for fold in result.folds)
    assert abs(result.accuracy - 1 / 3) < 4 * np.sqrt(2 / 9 / n)
    assert result.cross_entropy < np.log(3) + 0.02


def test_features_of_held_out_objects_change_no_fold():
    """Not even through a mean: a fold's fit does not see them."""
    x, triplets = world()
    fold = next(TripletKFold().folds(triplets))
    outside = np.setdiff1d(np.arange(len(x)), triplets[fold.train])
    moved = x.copy()
    moved[outside] = 50 * reals(9, len(outside), 8)
    first = [cross_validate_probe(rows, triplets, repeats=1, penalties=[0.1]).folds[0] for rows in (x, moved)]
    assert first[0].inner_cross_entropy == first[1].inner_cross_entropy
    assert first[0].accuracy > first[1].accuracy


def stopping_at(stage):
    """A `Progress` that is Ctrl-C at a stage."""

    def stop(text, done, total):
        if text.startswith(f"{stage}:"):
            raise KeyboardInterrupt

    return stop


def test_a_run_goes_on_from_its_journal_and_ends_bit_for_bit_as_one_that_was_not_interrupted(validated, tmp_path):
    x, triplets, result = validated
    place = tmp_path / "w.journal.json"
    for stage, done in (("fold 1/3, inner 3/3", 0), ("fold 2/3", 1), ("refit", 3)):
        journal = Journal.open(place, resume=place.exists())
        with pytest.raises(KeyboardInterrupt):
            cross_validate_probe(x, triplets, repeats=1, seed=5, progress=stopping_at(stage), journal=journal)
        assert len(journal.steps) == done
    seen, journal = [], Journal.open(place, resume=True)
    again = cross_validate_probe(
        x, triplets, repeats=1, seed=5, progress=lambda *at: seen.append(at[0]), journal=journal
    )
    assert {text.partition(":")[0] for text in seen} == {"refit"}
    assert (again.accuracy, again.accuracy_interval) == (result.accuracy, result.accuracy_interval)
    assert [replace(f, seconds=0) for f in again.folds] == [replace(f, seconds=0) for f in result.folds]
    np.testing.assert_array_equal(again.fit.transform.weights, result.fit.transform.weights)


def test_an_interruption_leaves_the_map_of_the_best_fold_in_the_journal(validated):
    x, triplets, result = validated
    journal = Journal()
    with pytest.raises(KeyboardInterrupt):
        cross_validate_probe(
            x, triplets, repeats=1, seed=5, progress=stopping_at("fold 2/3, inner 2/3"), journal=journal
        )
    assert list(journal.steps) == ["fold 1/3"]
    assert journal.steps["fold 1/3"]["result"]["accuracy"] == result.folds[0].accuracy
    best = journal.best
    assert best.stage == "fold 1/3" and not best.value.interrupted
    test = next(TripletKFold(seed=5).folds(triplets)).test
    found = pyalign.score(best.value.transform.apply(x), triplets[test], measure="dot")
    assert found.accuracy == pytest.approx(result.folds[0].accuracy, abs=1e-3)


def test_of_inner_fits_an_interruption_keeps_the_best_on_held_out_triplets(validated):
    """Not the last one, which is cut off after a pass."""
    x, triplets, _ = validated
    journal = Journal()
    with pytest.raises(KeyboardInterrupt):
        cross_validate_probe(
            x, triplets, repeats=1, seed=5, progress=stopping_at("fold 1/3, inner 2/3"), journal=journal
        )
    assert not journal.steps and journal.best.stage == "fold 1/3, inner 1/3"
    assert not journal.best.value.interrupted and journal.best.value.cross_entropy < np.log(3) - 0.1


@pytest.mark.parametrize("place", ["problem_of", "fold_errors", "choose_penalty"])
def test_an_interruption_outside_of_a_fit_loses_nothing_either(validated, monkeypatch, place):
    x, triplets, result = validated
    monkeypatch.setattr(cross_validate, place, interrupting(getattr(cross_validate, place), at=2))
    journal = Journal()
    with pytest.raises(KeyboardInterrupt):
        cross_validate_probe(x, triplets, repeats=1, seed=5, journal=journal)
    assert journal.best.stage == "fold 1/3"
    assert journal.steps["fold 1/3"]["result"]["accuracy"] == result.folds[0].accuracy


def test_an_interruption_in_the_scoring_of_inner_folds_keeps_what_is_scored(validated, monkeypatch):
    x, triplets, _ = validated
    whole = choose_penalty(Asked(x, triplets), ProbeOptions())
    monkeypatch.setattr(choose, "held_out_score", interrupting(choose.held_out_score, at=4))
    watch = Watch()
    with pytest.raises(KeyboardInterrupt):
        choose_penalty(Asked(x, triplets), ProbeOptions(), watch=watch)
    assert watch.journal.best.merit[0] == INNER  # of the three that were scored: the weakest, as the curve falls there
    assert watch.journal.best.value.penalty == pytest.approx(whole.penalties[2], rel=0.1)


@pytest.mark.slow
def test_over_triplets_and_subjects_the_same_objects_are_known(validated):
    x, triplets, result = validated
    subjects = np.arange(len(triplets)) % 11
    known = cross_validate_probe(x, triplets, split="triplets", repeats=1, penalties=[0.3, 0.03, 0.003])
    people = cross_validate_probe(
        x, triplets, split="subjects", subjects=subjects, repeats=1, penalties=[0.3, 0.03, 0.003]
    )
    assert known.folds[0].n_train + known.folds[0].n_test == len(triplets)
    assert min(known.accuracy, people.accuracy) > result.accuracy - 0.02
    assert (known.split, people.split) == ("triplets", "subjects")


@pytest.mark.slow
def test_over_triplets_that_were_answered_several_times_figures_are_those_of_new_triplets():
    """Of the same objects: accuracies are not above those of the map on new triplets, and errors are their spread."""
    rng, people = np.random.default_rng(1), 1.3 * np.random.default_rng(2).gamma(0.6, size=(20, 3))
    x = np.concatenate([people + 0.5 * rng.normal(size=people.shape), rng.normal(size=(20, 12))], axis=1)

    def answered(sets, times):
        shown = np.repeat(np.argsort(rng.random((sets, 20)), axis=1)[:, :3], times, axis=0)
        p = pyalign.choice_probabilities(people, shown, measure="dot")
        odd = (rng.random((len(shown), 1)) > p.cumsum(axis=1)[:, :2]).sum(axis=1)
        return np.take_along_axis(shown, np.array([[1, 2, 0], [0, 2, 1], [0, 1, 2]])[odd], axis=1)

    found, new = [], []
    for seed in range(36):
        result = cross_validate_probe(x, answered(100, 8), split="triplets", repeats=1, penalties=[0.01], seed=seed)
        found.append((result.accuracy, result.accuracy_interval.error))
        new.append(pyalign.score(x, answered(1000, 1), transform=result.fit.transform, ci=None).accuracy)
    accuracies, errors = np.array(found).T
    assert np.mean(new) - 0.05 < accuracies.mean() < np.mean(new) + 0.01
    assert 0.75 < errors.mean() / accuracies.std() < 1.35


@pytest.mark.parametrize("soft", [False, True])
def test_a_fold_whose_answers_weigh_nothing_is_refused_at_the_start(message_of, soft):
    x, triplets = world(t=4000)
    weights = np.ones(len(triplets))
    weights[list(TripletKFold().folds(triplets))[1].test] = 0
    given = {"weights": weights, **({"answers": np.tile([1, 1, 2], (len(triplets), 1))} if soft else {})}
    assert message_of(cross_validate_probe, x, triplets, progress=lambda *at: 1 / 0, **given) == (
        "weights must leave answers on both sides of a split; those of fold 2's test triplets are all 0"
    )


def test_where_there_is_too_little_to_choose_on_a_number_is_asked_for(message_of):
    x, triplets = world(t=3000)
    subjects = np.arange(3000) % 3
    people = {"split": "subjects", "subjects": subjects}
    assert message_of(cross_validate_probe, x, triplets, **people) == (
        "the penalty can't be chosen on an inner split over subjects (a split over subjects must have at most as "
        "many folds as there are subjects (2); got 3); give one penalty, or more data"
    )
    result = cross_validate_probe(x, triplets, repeats=1, penalties=[0.05], **people)
    assert [fold.penalty for fold in result.folds] == [0.05] * 3 and not result.folds[0].inner_accuracy
    few = draw_triplets(1, 20, 30)
    told = message_of(pyalign.TripletProbe().fit, reals(1, 20, 3), few)
    assert told.startswith(
        "the penalty can't be chosen on an inner split over objects (a split over objects must leave"
    )
    assert pyalign.TripletProbe(penalty=0.1).fit(reals(1, 20, 3), few).penalty_ == 0.1


def test_refuses_what_it_does_not_know(message_of):
    x, triplets = world(t=100)
    assert message_of(cross_validate_probe, x, triplets, penalties="best") == (
        "penalties must be 'auto' or numbers; got 'best'"
    )
    assert message_of(cross_validate_probe, x, triplets, penalties=[0.1, -1]).startswith(
        "penalties must be 'auto' or a"
    )
    for options, message in (
        ({"local_weight": 1.5}, "local_weight must be a number from 0 to below 1"),
        ({"tau": 0}, "tau must be a positive number"),
        ({"subjects": [1, 2], "split": "triplets"}, "subjects must be left out with split 'triplets', which makes no"),
        ({"subjects": [1, 2], "split": "subjects"}, "subjects must have one entry per triplet, shape (100,); got (2,)"),
    ):
        assert message_of(cross_validate_probe, x, triplets, **options).startswith(message)
    x, triplets = world(t=4000)
    for options, message in (
        ({"ci": "objects+subjects"}, "subjects must identify who answered each triplet for intervals over"),
        ({"ci": "objects", "split": "triplets"}, "ci must be auto, triplets or none here; got 'objects'"),
        ({"ci": pyalign.Resampling("objects", "bootstrap")}, "ci_method must be corrected here; got 'bootstrap'"),
    ):
        before = message_of(cross_validate_probe, x, triplets, progress=lambda *at: 1 / 0, **options)
        assert before.startswith(message)
    assert message_of(cross_validate_probe, x, triplets, penalties=[]) == "penalties must be positive numbers; got []"


def test_weights_of_one_change_nothing_where_similarities_tie():
    rng = np.random.default_rng(0)
    x, triplets = rng.integers(0, 2, (60, 4)).astype(np.float64), draw_triplets(0, 60, 8000)
    plain, weighted = (
        cross_validate_probe(x, triplets, repeats=1, penalties=0.02, weights=w) for w in (None, np.ones(8000))
    )
    for one, other in zip(plain.folds, weighted.folds, strict=True):
        assert one.zero_shot_accuracy == pytest.approx(other.zero_shot_accuracy, abs=1e-12)
        assert one.accuracy == pytest.approx(other.accuracy, abs=1e-12)
        assert one.cross_entropy == pytest.approx(other.cross_entropy, rel=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_soft_figures_are_those_of_the_definition_where_probabilities_vanish(dtype):
    x, triplets = 30 * reals(3, 20, 4, dtype=dtype), draw_triplets(3, 20, 500)
    y = np.random.default_rng(3).integers(0, 4, (500, 3)).astype(np.float64)
    found = scored(x, triplets, y, "dot", 0.5)
    a, b, c = x[triplets].astype(np.float64).transpose(1, 0, 2)
    s = np.stack([(b * c).sum(1), (a * c).sum(1), (a * b).sum(1)], axis=1) / 0.5
    logs = s - np.logaddexp.reduce(s, axis=1, keepdims=True)
    assert logs.min() < -1000
    assert found.cross_entropy == pytest.approx(-(y * logs).sum() / y.sum(), rel=1e-5)
    assert found.accuracy == pytest.approx(y[np.arange(500), s.argmax(axis=1)].sum() / y.sum())


def test_a_fold_that_ends_before_its_optimum_is_told():
    x, triplets = world(t=6000)
    early = "fold 1, fold 2, fold 3, the refit ended before the optimum"
    with pytest.warns(pyalign.ConvergenceWarning, match=early) as warned:
        result = cross_validate_probe(x, triplets, repeats=1, penalties=1e-3, max_iterations=2)
    assert not any(fold.converged for fold in result.folds)
    assert {one.filename for one in warned} == {__file__}  # of who called, not of what checks arguments


# Other computers


@pytest.fixture(scope="module")
def by_numpy():
    x, triplets = world(3, n=60, t=3000)
    return x, triplets, cross_validate_probe(x, triplets, repeats=1, folds=2, backend="numpy")


def test_printed_figures_are_those_of_every_backend_and_instruction_set(by_numpy, backend):
    x, triplets, expected = by_numpy
    result = cross_validate_probe(x, triplets, repeats=1, folds=2, backend=backend)
    assert result.accuracy == pytest.approx(expected.accuracy, abs=2e-4)
    for one, other in zip(result.folds, expected.folds, strict=True):
        assert one.cross_entropy == pytest.approx(other.cross_entropy, abs=2e-6)
        assert one.penalty == pytest.approx(other.penalty, rel=2e-4)
        np.testing.assert_allclose(one.inner_cross_entropy, other.inner_cross_entropy, atol=4e-6)

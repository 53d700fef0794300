"""Repeats of the folds: what they average, how much the splits still matter, and whom figures are of."""

from __future__ import annotations

import json

import numpy as np
import pytest
from support import reals

import pyalign
from pyalign import cross_validate_probe
from pyalign.datasets.simulate import simulate
from pyalign.probing.held_out import HeldOutRows, fold_intervals
from pyalign.stats.resampling import Resampling

FIGURES = ("accuracy", "zero_shot_accuracy", "cross_entropy")


@pytest.fixture(scope="module")
def world():
    x = reals(1, 48, 6)
    return x, simulate(x[:, :3], 4000, measure="dot", seed=2).triplets, np.arange(4000) % 8


@pytest.fixture(scope="module")
def repeated(world):
    x, triplets, people = world
    return cross_validate_probe(x, triplets, penalties=0.1, subjects=people, repeats=3)


def test_figures_are_means_over_the_folds_of_all_repeats(world, repeated):
    x, triplets, _ = world
    assert repeated.repeats == 3 and len(repeated.folds) == 9
    for name in FIGURES:
        assert getattr(repeated, name) == pytest.approx(np.mean([getattr(fold, name) for fold in repeated.folds]))
    once = cross_validate_probe(x, triplets, penalties=0.1, repeats=1)
    assert [fold.accuracy for fold in once.folds] == [fold.accuracy for fold in repeated.folds[:3]]
    assert len({fold.accuracy for fold in repeated.folds}) > 6  # other splits
    assert repeated.n_test == sum(fold.n_test for fold in repeated.folds) // 3


def test_the_sd_over_splits_is_that_of_repeats_divided_by_the_root_of_their_number(repeated):
    of_repeats = {
        name: np.array([getattr(fold, name) for fold in repeated.folds]).reshape(3, 3).mean(axis=1) for name in FIGURES
    }
    gains = of_repeats["accuracy"] - of_repeats["zero_shot_accuracy"]
    expected = (*of_repeats.values(), gains)
    sd = repeated.split_sd
    found = (sd.accuracy, sd.zero_shot, sd.cross_entropy, sd.difference)
    assert found == pytest.approx([np.std(values, ddof=1) / np.sqrt(3) for values in expected])
    assert json.loads(repeated.to_json())["split_sd"]["accuracy"] == sd.accuracy


def test_with_another_seed_figures_of_four_repeats_move_half_as_far(world):
    x, triplets, _ = world
    few = triplets[:1500]
    spread = [
        np.std([cross_validate_probe(x, few, penalties=0.1, seed=s, repeats=r, ci=None).accuracy for s in range(12)])
        for r in (1, 4)
    ]
    assert spread[1] < 0.75 * spread[0]


@pytest.mark.parametrize("by", ["objects", "subjects", "objects+subjects", "triplets"])
def test_a_triplet_that_is_tested_in_two_repeats_is_no_second_triplet(world, by):
    _, triplets, people = world
    rng = np.random.default_rng(0)
    table = np.column_stack([np.ones(600), rng.random((600, 2)) < 0.6, rng.random(600)]).astype(float)
    rows, plan = HeldOutRows(table), Resampling(by, "corrected")
    once = fold_intervals([rows], [triplets[:600]], [people[:600]], plan)
    twice = fold_intervals([rows, rows], [triplets[:600]] * 2, [people[:600]] * 2, plan)
    for name in ("accuracy", "zero_shot", "difference", "cross_entropy"):
        assert tuple(getattr(twice, name)) == pytest.approx(tuple(getattr(once, name)), rel=1e-9)


def test_new_participants_are_predicted_worse_than_those_of_the_training_triplets():
    """Each participant sees one feature; six others say little of it."""
    rng = np.random.default_rng(4)
    x, people = reals(3, 40, 6), np.repeat(np.arange(6), 500)
    parts = [simulate(3 * x[:, [p]], 500, measure="dot", seed=p).triplets for p in range(6)]
    triplets = np.concatenate(parts)
    order = rng.permutation(3000)
    given = {"subjects": people[order], "penalties": 0.1, "repeats": 2, "ci": None}
    these = cross_validate_probe(x, triplets[order], **given)
    new = cross_validate_probe(x, triplets[order], split="objects+subjects", **given)
    assert new.accuracy < these.accuracy - 0.03
    assert (these.n_subjects, new.n_subjects, new.split) == (6, 6, "objects+subjects")


def test_the_table_has_the_accuracy_before_and_after_and_the_gain_with_their_intervals(repeated):
    header, row, *notes = repeated.table(100).splitlines()
    assert header.split("  ")[0] == "folds" and header.count("95% interval") == 3
    intervals = (repeated.zero_shot_interval, repeated.accuracy_interval, repeated.difference_interval)
    for value, interval in zip((repeated.zero_shot_accuracy, repeated.accuracy, repeated.difference), intervals,
                               strict=True):
        assert f"{100 * value:.1f}%" in row and f"{100 * interval.low:.1f} to {100 * interval.high:.1f}%" in row
    said = " ".join(notes)
    assert "held-out objects, of these participants" in said and "participants treated as fixed" in said
    assert f"gain {100 * repeated.split_sd.difference:.2f} points" in said


def test_a_single_repeat_says_nothing_of_the_splits(world):
    x, triplets, _ = world
    found = cross_validate_probe(x, triplets, penalties=0.1, repeats=1)
    assert found.split_sd is None and "sd over splits: unknown, from one repeat" in str(found)
    assert "of these participants" not in str(found)  # nobody knows who answered


def test_crossed_folds_have_intervals_over_objects_and_participants(world):
    x, triplets, people = world
    found = cross_validate_probe(x, triplets, penalties=0.1, subjects=people, repeats=2, split="objects+subjects")
    assert found.accuracy_interval.by == "objects+subjects"
    assert "held-out objects and participants" in str(found) and "of these participants" not in str(found)


def test_bad_input_is_one_line(world, message_of):
    x, triplets, people = world
    assert message_of(cross_validate_probe, x, triplets, repeats=0) == (
        "repeats must be a whole number from 1 to 2,147,483,647; got 0"
    )
    crossed = {"split": "objects+subjects"}
    assert message_of(cross_validate_probe, x, triplets, subjects=people % 5, **crossed) == (
        "a split over objects+subjects must have at least two subjects in each fold; got 5 in 3 folds"
    )
    few = triplets[(triplets < 6).all(axis=1)]
    assert message_of(cross_validate_probe, x, few, subjects=np.arange(len(few)) % 8, folds=4, **crossed) == (
        "a split over objects+subjects must have at least two objects in each fold; got 6 in 4 folds"
    )
    assert message_of(cross_validate_probe, x, triplets, **crossed) == (
        "subjects must be given to split over subjects; got None"
    )


def test_runs_of_repeats_resume_as_they_were(world, repeated):
    x, triplets, people = world
    journal, given = pyalign.journal.Journal(), {"penalties": 0.1, "subjects": people, "repeats": 3}

    def stop(stage, done, total):
        if stage.startswith("fold 5/9:"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cross_validate_probe(x, triplets, progress=stop, journal=journal, **given)
    assert list(journal.steps) == [f"fold {k}/9" for k in range(1, 5)]
    again = cross_validate_probe(x, triplets, journal=journal, **given)
    assert again.accuracy == repeated.accuracy and again.accuracy_interval == repeated.accuracy_interval

"""Intervals of a cross-validated probe: over what the folds hold out, and over people who answered in all of them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import draw_triplets, reals

import pyalign
from pyalign.datasets.simulate import simulate
from pyalign.fitting.place import algebra_for
from pyalign.journal import Journal
from pyalign.probing.held_out import HeldOutRows, fold_errors, fold_intervals, plan_for
from pyalign.probing.parameters import ProbeOptions
from pyalign.stats.resampling import Resampling

OPTIONS = ProbeOptions(measure="cosine", norm="identity")
PLAN = Resampling("objects", "corrected")


def rows_of(mapped, x, triplets, answers=None, options=OPTIONS):
    return HeldOutRows.of(mapped, x, triplets, answers, options, algebra_for(), "odd-one-out")


@pytest.fixture(scope="module")
def world():
    x = reals(1, 60, 6)
    triplets = simulate(x[:, :3], 6000, measure="dot", seed=2).triplets
    return x, triplets, np.arange(6000) % 13


@pytest.fixture(scope="module")
def validated(world):
    x, triplets, people = world
    return pyalign.cross_validate_probe(x, triplets, repeats=1, penalties=0.05, subjects=people, ci="objects+subjects")


@pytest.mark.parametrize("by", ["objects", "subjects", "objects+subjects", "triplets"])
def test_one_fold_has_the_intervals_of_score_and_compare(world, by):
    x, triplets, people = world[0], world[1][:900], world[2][:900]
    mapped = x @ np.diag([3.0, 2.0, 1.0, 0.1, 0.1, 0.1]).astype(x.dtype)
    plan = Resampling(by, "corrected", confidence_level=0.9)
    rows = rows_of(mapped, x, triplets)
    found = fold_intervals([rows], [triplets], [people], plan)
    scores = [pyalign.score(z, triplets, subjects=people, ci=plan).only for z in (mapped, x)]
    for interval, expected in (
        (found.accuracy, scores[0].ci), (found.zero_shot, scores[1].ci),
        (found.difference, pyalign.compare([mapped, x], triplets, subjects=people, ci=plan).pairs[0].ci),
    ):
        assert tuple(interval) == pytest.approx(tuple(expected), rel=1e-9)
        assert (interval.by, interval.confidence) == (by, 0.9)
    assert tuple(found.cross_entropy) == pytest.approx(tuple(scores[0].cross_entropy.ci), rel=1e-4)  # steps there
    errors = fold_errors(rows, triplets, people, plan)
    assert errors.accuracy == pytest.approx(scores[0].standard_error, rel=1e-9)
    assert errors.difference == pytest.approx(found.difference.error, rel=1e-9)


def test_each_fold_counts_as_much_as_any_other(world):
    """However many triplets it has, and in whatever unit its answers are counted."""
    x, triplets, people = world
    parts = triplets[:200], triplets[200:1000], triplets[1000:1300]
    folds = [rows_of(x[:, :3], x, part) for part in parts]
    who = [people[:200], people[200:1000], people[1000:1300]]
    plan = Resampling("objects+subjects", "corrected")
    found = fold_intervals(folds, parts, who, plan)
    middle = np.mean([pyalign.score(x[:, :3], part, ci=None).accuracy for part in parts])
    assert found.accuracy.low < middle < found.accuracy.high
    scaled = [HeldOutRows(fold.table * unit) for fold, unit in zip(folds, (1.0, 7.0, 0.25), strict=True)]
    again = fold_intervals(scaled, parts, who, plan)
    assert tuple(again.accuracy) == pytest.approx(tuple(found.accuracy), rel=1e-12)
    assert again.difference.error == pytest.approx(found.difference.error, rel=1e-12)


def test_people_who_answer_in_all_folds_count_once(world):
    """The same people in every fold, or other ones in each: the error differs by what a person has in common."""
    triplets = world[1]
    parts = [triplets[k * 600 : (k + 1) * 600] for k in range(3)]
    tables = []
    for k in range(3):
        right = np.repeat([1.0, 0.0], 300)  # half of the people are always right
        tables.append(HeldOutRows(np.column_stack([np.ones(600), right, np.full(600, 0.5), np.full(600, 1.0 + k)])))
    same, others = np.repeat(np.arange(10), 60), [np.repeat(np.arange(10), 60) + 10 * k for k in range(3)]
    plan = Resampling("subjects", "corrected")
    once = fold_intervals(tables, parts, [same] * 3, plan).accuracy
    apart = fold_intervals(tables, parts, others, plan).accuracy
    assert once.error == pytest.approx(np.sqrt(0.25 / 9))
    assert apart.error == pytest.approx(np.sqrt(0.25 / 29))


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.sampled_from([np.float32, np.float64]))
def test_counts_of_answers_weigh_as_rows_that_are_repeated(seed, dtype):
    """Values are those of the answers one by one; what a triplet's answers have in common stays in its error."""
    rng = np.random.default_rng(seed)
    x, triplets = reals(seed, 12, 4).astype(dtype), draw_triplets(seed, 12, 40)
    counts = rng.integers(0, 4, (40, 3))
    counts[0] += 1
    rows = rows_of(x[:, :2], x, triplets, counts.astype(np.float64)).table
    columns = np.array([[1, 2, 0], [0, 2, 1], [0, 1, 2]])
    each = np.concatenate([np.repeat(triplets[:, columns[p]], counts[:, p], axis=0) for p in range(3)])
    expected = rows_of(x[:, :2], x, each).table.sum(axis=0)
    np.testing.assert_allclose(rows.sum(axis=0), expected, rtol=1e-5)


def test_rows_come_back_from_a_journal_as_they_were():
    table = np.random.default_rng(0).normal(size=(500, 4))
    assert np.array_equal(HeldOutRows.unpacked(HeldOutRows(table).packed()).table, table)
    assert HeldOutRows(table).packed() == HeldOutRows(table).packed()


@pytest.mark.parametrize(
    ("ci", "split", "people", "by"),
    [
        ("auto", "objects", None, "objects"), ("auto", "objects", list("aabbcc"), "objects"),
        ("auto", "objects", list("abcdab"), "objects"),
        ("auto", "objects+subjects", list("abcdab"), "objects+subjects"),
        ("auto", "subjects", list("aabbcc"), "subjects"),
        ("auto", "triplets", list("abcdab"), "triplets"), ("objects", "objects", list("abcdab"), "objects"),
        ("triplets", "subjects", list("abcdab"), "triplets"),
    ],
)
def test_what_intervals_are_over(ci, split, people, by):
    assert plan_for(ci, split, people).by == by
    assert plan_for(Resampling(ci, confidence_level=0.8), split, people).confidence_level == 0.8
    assert plan_for(None, split, people) is None


def test_over_objects_and_the_people_who_answered_where_that_is_asked_for(validated, world):
    x, triplets, people = world
    for interval in (
        validated.accuracy_interval, validated.zero_shot_interval, validated.difference_interval,
        validated.cross_entropy_interval,
    ):
        assert (interval.by, interval.confidence, interval.method) == ("objects+subjects", 0.95, "corrected")
    assert validated.difference_interval.low < validated.difference < validated.difference_interval.high
    assert "intervals" not in validated.notes
    named = pyalign.cross_validate_probe(x, pyalign.Triplets(triplets, subjects=people), repeats=1, penalties=0.05)
    assert named.accuracy == validated.accuracy
    assert named.accuracy_interval.by == "objects"
    assert named.accuracy_interval.error <= validated.accuracy_interval.error


def test_counts_and_weights_have_intervals_too(world):
    x, triplets, _ = world
    counts = np.tile([0, 0, 1], (len(triplets), 1))
    found = pyalign.cross_validate_probe(x, triplets, answers=counts, repeats=1, penalties=0.05)
    expected = pyalign.cross_validate_probe(x, triplets, repeats=1, penalties=0.05, ci="objects")
    assert found.accuracy_interval.error == pytest.approx(expected.accuracy_interval.error, rel=1e-3)
    assert found.folds[0].difference_error == pytest.approx(expected.folds[0].difference_error, rel=1e-3)


def test_without_intervals(world):
    x, triplets, _ = world
    found = pyalign.cross_validate_probe(x, triplets, repeats=1, penalties=0.05, ci=None)
    assert found.accuracy_interval is found.difference_interval is found.folds[0].accuracy_error is None
    assert "interval" not in str(found) and "(zero-shot" in repr(found)


def test_too_few_people_leave_no_interval_and_a_reason(world):
    x, triplets, people = world
    found = pyalign.cross_validate_probe(
        x, triplets, repeats=1, penalties=0.05, subjects=people % 3, ci="objects+subjects"
    )
    assert found.accuracy_interval is None and found.accuracy > 0.4
    assert found.notes[-1] == (
        "there is no interval over objects and participants: the effective number of participants is 3.0, below the "
        "minimum of 4"
    )


def test_a_fold_whose_triplets_all_share_an_object_has_no_error(world):
    x, triplets, _ = world
    found = fold_errors(rows_of(x, x, triplets[:1]), triplets[:1], None, PLAN)
    assert found.accuracy is found.zero_shot is found.difference is found.cross_entropy is None


def test_a_run_that_goes_on_has_the_same_intervals(world, validated, tmp_path):
    x, triplets, people = world

    def stop(stage, done, total):
        if stage.startswith("fold 3"):
            raise KeyboardInterrupt

    asked = {"repeats": 1, "penalties": 0.05, "subjects": people, "ci": "objects+subjects"}
    place = tmp_path / "journal.json"
    with pytest.raises(KeyboardInterrupt):
        pyalign.cross_validate_probe(x, triplets, **asked, progress=stop, journal=Journal.open(place))
    again = pyalign.cross_validate_probe(x, triplets, **asked, journal=Journal.open(place, resume=True))
    assert again.accuracy_interval == validated.accuracy_interval
    assert again.cross_entropy_interval == validated.cross_entropy_interval
    assert again.difference_interval == validated.difference_interval


def test_a_document_of_before_there_were_such_intervals_is_read(validated, tmp_path):
    document = validated.to_dict()
    for name in ("difference", "difference_interval", "zero_shot_interval"):
        del document[name]
    for fold in document["folds"]:
        del fold["difference_error"], fold["zero_shot_error"]
    (tmp_path / "old.json").write_text(json.dumps(document))
    old = pyalign.load_result(tmp_path / "old.json")
    assert old.difference_interval is None and old.difference == validated.difference

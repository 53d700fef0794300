"""Intervals of shares: within 0 and 1, with width also where nothing went wrong."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, t
from support import draw_triplets, reals

import pyalign
from pyalign.stats.clustered import Dependence, with_weights
from pyalign.stats.intervals import proportion_interval, student_interval
from pyalign.stats.resampling import BY, Clusters, Resampling

PLAN = Resampling("objects")
ROWS = Resampling("triplets")
LAST = np.array([[1, 2, 0], [0, 2, 1], [0, 1, 2]])


@given(st.floats(1e-6, 1 - 1e-6), st.floats(1e-6, 0.5), st.floats(2.0, 1e6), st.floats(1.0, 1e6))
def test_they_lie_within_0_and_1_around_the_share_and_have_width(share, error, degrees, rows):
    low, high = proportion_interval(share, error, degrees, rows, ROWS)
    assert 0.0 <= low < share < high <= 1.0
    other = proportion_interval(1 - share, error, degrees, rows, ROWS)
    assert tuple(other) == pytest.approx((1 - high, 1 - low), abs=1e-9)
    lower, same = proportion_interval(share, error, degrees, rows, PLAN)
    assert 0.0 <= lower <= low and same == high


@pytest.mark.parametrize("share", [0.0, 1.0])
@pytest.mark.parametrize("rows", [1, 40, 100_000])
@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_where_nothing_went_wrong_they_are_those_of_clopper_and_pearson(share, rows, confidence):
    found = proportion_interval(share, 0.0, 9, rows, Resampling("objects", confidence_level=confidence))
    expected = binomtest(round(share * rows), rows).proportion_ci(confidence, "exact")
    assert tuple(found) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert found.error == 0.0 and found.low < found.high


@pytest.mark.parametrize("right", [1, 17, 59])
def test_of_independent_rows_and_many_degrees_they_are_wilsons(right):
    share = right / 60
    found = proportion_interval(share, np.sqrt(share * (1 - share) / 60), 1e9, 60, PLAN)
    expected = binomtest(right, 60).proportion_ci(0.95, "wilson")
    assert tuple(found) == pytest.approx((expected.low, expected.high), rel=1e-6)


def test_far_from_0_and_1_they_are_students():
    """Of THINGS: an accuracy of .505 with an error of .0043 over 1,854 objects."""
    found, expected = (
        proportion_interval(0.50469, 0.0043, 1600, 1e5, PLAN), student_interval(0.50469, 0.0043, 1600, PLAN)
    )
    assert tuple(found) == pytest.approx(tuple(expected), abs=5e-6)


def test_a_share_of_rows_that_are_all_equal_and_neither_has_no_width():
    """A constant model: all triplets are ties."""
    assert tuple(proportion_interval(1 / 3, 0.0, 29, 400, PLAN)) == (1 / 3, 1 / 3)


def answered_as(x, triplets):
    """The triplets with the odd one last, as the rows x have it."""
    return np.take_along_axis(triplets, LAST[pyalign.odd_one_out(x, triplets)], axis=1)


def test_a_model_that_is_always_right_has_an_interval_below_1():
    """Of so many triplets as have no object in common: a third of the effective number of objects."""
    x, triplets = reals(1, 30, 5), np.array(list(combinations(range(30), 3)))[::101][:40]
    triplets = answered_as(x, triplets)
    found = pyalign.score(x, triplets, ci="objects")
    counts = np.bincount(triplets.ravel())
    units = int(counts.sum() ** 2 / (counts**2).sum() / 3)
    assert 3 < units < 10
    assert found.accuracy == 1.0 and tuple(found.ci) == pytest.approx((0.025 ** (1 / units), 1.0))
    over_triplets = pyalign.score(x, triplets, ci="triplets")
    assert tuple(over_triplets.ci) == pytest.approx((0.025 ** (1 / 40), 1.0))
    twice = pyalign.score(x, np.concatenate([triplets, triplets]), ci="objects")  # no more is known of other triplets
    assert tuple(twice.ci) == pytest.approx(tuple(found.ci))
    pair = pyalign.compare({"a": x, "b": x}, triplets, ci="objects")
    assert tuple(pair.models[0].ci) == pytest.approx(tuple(found.ci))


@pytest.mark.parametrize("n", [24, 300])
@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_the_lower_end_allows_for_wrong_objects_of_which_there_is_none(n, confidence):
    """In so many that n objects hold none with half of the probability outside; half of their triplets are right."""
    wrong = 1.0 - ((1.0 - confidence) / 2.0) ** (1 / n)
    with_one = 1.0 - (1.0 - wrong) ** 3
    found = proportion_interval(0.9, 1e-9, 50, n // 3, Resampling("objects", confidence_level=confidence))
    assert found.low == pytest.approx((1.0 - with_one) * 0.9 + with_one / 2.0)


@pytest.mark.parametrize("share, error", [(0.9, 0.04), (0.505, 0.0043), (0.49, 0.001), (0.02, 0.001), (0.5, 0.0)])
def test_it_does_not_where_one_wrong_object_would_cost_less_than_the_error(share, error):
    assert tuple(proportion_interval(share, error, 50, 10, PLAN)) == tuple(
        proportion_interval(share, error, 50, 10, ROWS)
    )


def test_intervals_hold_where_wrong_objects_are_rare():
    """3% of 30 objects: 40% of studies hold none, and the model is right about all of their triplets."""
    held, truth, rng = 0, 0.9538, np.random.default_rng(3)
    for _ in range(100):
        x = rng.normal(size=(30, 12)).astype(np.float32)
        triplets = answered_as(x, draw_triplets(int(rng.integers(1 << 30)), 30, 300))
        wrong = rng.random(30) < 0.03
        found = pyalign.score(np.where(wrong[:, None], rng.normal(size=x.shape).astype(np.float32), x), triplets)
        held += found.ci.low <= truth <= found.ci.high
    assert held >= 88


def test_notes_name_an_object_that_makes_much_of_the_variance_and_say_what_one_more_would_cost():
    """Whatever order the rows are in."""
    x, names = reals(4, 30, 12), np.array([f"object {k:02d}" for k in range(30)])
    triplets = names[answered_as(x, draw_triplets(4, 30, 300))]
    wrong = x.copy()
    wrong[7] = reals(5, 1, 12)[0]
    for order in (np.arange(30), np.random.default_rng(4).permutation(30)):
        found = pyalign.score(pyalign.Embeddings(wrong[order], tuple(names[order])), triplets)
        note = next(note for note in found.notes if "of the variance" in note)
        assert note.startswith("object 07 by itself makes ") and note.endswith(
            "of the variance of the accuracy over objects"
        )
    named = pyalign.Embeddings(x, tuple(names))
    none = pyalign.score(named, triplets)
    assert none.accuracy == 1.0 and none.notes == ()  # the interval says it
    few = triplets.copy()
    few[:50:10] = few[:50:10, [2, 0, 1]]
    some = pyalign.score(named, few)
    rows = np.log(0.025) / np.log(none.ci.low)  # one in so many objects, of which half of the triplets are right
    cost = (some.accuracy - 0.5) / rows
    assert some.standard_error < cost and some.accuracy == pytest.approx(295 / 300)
    told = f"one more wrong object would cost {100 * cost:.1f} points of accuracy, more than the standard error"
    assert told in some.notes and not any("of the variance" in note for note in some.notes)


@pytest.mark.parametrize("by", BY)
def test_an_accuracy_has_the_degrees_of_its_mean(by):
    x, triplets, people = reals(2, 40, 5), draw_triplets(2, 40, 500), np.arange(500) % 11
    found = pyalign.score(x, triplets, ci=by, subjects=people)
    credits = (pyalign.odd_one_out(x, triplets) == 2).astype(np.int8)
    errors = Dependence.of(Clusters.of(triplets, people), Resampling(by)).errors(with_weights(credits[None]))
    error, reach = float(errors.errors[0]), t.ppf(0.975, errors.degrees_of_means[0])
    rows = found.accuracy * (1 - found.accuracy) / error**2
    for end in found.ci:  # where the score test of that share rejects
        assert abs(end - found.accuracy) == pytest.approx(reach * np.sqrt(end * (1 - end) / rows), rel=1e-8)

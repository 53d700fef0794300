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


@given(st.floats(1e-6, 1 - 1e-6), st.floats(1e-6, 0.5), st.floats(2.0, 1e6), st.floats(1.0, 1e6))
def test_they_lie_within_0_and_1_around_the_share_and_have_width(share, error, degrees, rows):
    low, high = proportion_interval(share, error, degrees, rows, PLAN)
    assert 0.0 <= low < share < high <= 1.0
    other = proportion_interval(1 - share, error, degrees, rows, PLAN)
    assert tuple(other) == pytest.approx((1 - high, 1 - low), abs=1e-9)


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
    )  # fmt: skip
    assert tuple(found) == pytest.approx(tuple(expected), abs=5e-6)


def test_a_share_of_rows_that_are_all_equal_and_neither_has_no_width():
    """A constant model: all triplets are ties."""
    assert tuple(proportion_interval(1 / 3, 0.0, 29, 400, PLAN)) == (1 / 3, 1 / 3)


def test_a_model_that_is_always_right_has_an_interval_below_1():
    """Of 40 different sets of three objects."""
    x, triplets = reals(1, 30, 5), np.array(list(combinations(range(30), 3)))[::101][:40]
    odd = pyalign.odd_one_out(x, triplets)
    triplets = np.take_along_axis(triplets, np.array([[1, 2, 0], [0, 2, 1], [0, 1, 2]])[odd], axis=1)
    found = pyalign.score(x, triplets, ci="objects")
    assert found.accuracy == 1.0 and tuple(found.ci) == pytest.approx((0.025 ** (1 / 40), 1.0))
    twice = pyalign.score(x, np.concatenate([triplets, triplets]), ci="objects")  # no more is known of other triplets
    assert tuple(twice.ci) == pytest.approx(tuple(found.ci))
    pair = pyalign.compare({"a": x, "b": x}, triplets, ci="objects")
    assert tuple(pair.models[0].ci) == pytest.approx(tuple(found.ci))


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

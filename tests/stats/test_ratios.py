"""Intervals of ratios, against the definition and against simulated estimates."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyalign.stats.intervals import fieller, ratio_error

numbers = st.floats(0.1, 10.0)


def covariance_of(first, second, correlation):
    both = correlation * first * second
    return np.array([[first**2, both], [both, second**2]])


@given(st.floats(-5.0, 5.0), numbers, numbers, st.floats(0.01, 0.4), st.floats(-0.99, 0.99), st.floats(0.5, 2.4))
def test_at_the_ends_the_numerator_is_as_far_from_the_ratio_times_the_denominator_as_the_quantile(
    top, bottom, first, share, correlation, reach
):
    covariance = covariance_of(first, share * bottom, correlation)
    low, high = fieller(top, bottom, covariance, reach)
    assert low <= top / bottom <= high
    for end in (low, high):
        gradient = np.array([1.0, -end])
        distance = abs(top - end * bottom)
        assert distance == pytest.approx(reach * math.sqrt(gradient @ covariance @ gradient), rel=1e-6, abs=1e-9)


@given(st.floats(-5.0, 5.0), numbers, numbers)
def test_a_denominator_that_may_be_0_has_no_interval(top, bottom, first):
    covariance = np.diag([first**2, (bottom / 1.9) ** 2])
    assert fieller(top, bottom, covariance, 2.0) is None
    assert fieller(top, bottom, covariance, 1.8) is not None


def test_small_errors_give_the_interval_of_the_delta_method():
    covariance = covariance_of(1e-4, 2e-4, 0.5)
    low, high = fieller(1.0, 2.0, covariance, 2.0)
    error = ratio_error(1.0, 2.0, covariance)
    assert (high - 0.5, 0.5 - low) == pytest.approx((2 * error, 2 * error), rel=1e-3)


def test_intervals_hold_the_ratio_of_estimates_that_depend_on_each_other():
    rng = np.random.default_rng(0)
    covariance = covariance_of(0.2, 0.3, 0.7)
    drawn = rng.multivariate_normal([0.6, 1.0], covariance, size=2000)
    ends = [fieller(top, bottom, covariance, 1.959964) for top, bottom in drawn]
    held = [one is None or one[0] <= 0.6 <= one[1] for one in ends]
    assert 0.94 < np.mean(held) < 0.965


def test_a_denominator_of_0_has_no_error():
    assert math.isnan(ratio_error(1.0, 0.0, np.eye(2)))

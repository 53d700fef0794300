"""Student's t distribution, against scipy's."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm
from scipy.stats import t as student

from pyalign.stats.intervals import NORMAL_DEGREES, quantile, two_sided_p


def close(degrees, rel=1e-9):
    """Logarithms of the gamma function lose a digit for each of the degrees of freedom, beyond a hundred thousand."""
    return max(rel, 1e-14 * degrees)


degrees_of_freedom = st.one_of(st.integers(1, 60), st.integers(60, 9_999_999), st.floats(0.5, 1e6))


@given(st.floats(1e-9, 8.0), degrees_of_freedom)
def test_p_values_are_those_of_scipy(t, degrees):
    expected = 2 * student.sf(t, degrees)
    if expected > 1e-8:
        near = pytest.approx(expected, rel=close(degrees, 1e-8))  # scipy's rounds to 1 where t is near 0
        assert two_sided_p(t, degrees) == two_sided_p(-t, degrees) == near


def test_p_values_near_1_are_those_of_the_arc_tangent():
    t = 3.859827804406903e-09
    assert two_sided_p(t, 1) == pytest.approx(1 - 2 * math.atan(t) / math.pi, rel=1e-15)


@given(st.floats(8.0, 1e6), degrees_of_freedom)
def test_far_tails_are_those_of_scipy(t, degrees):
    expected = 2 * student.sf(t, degrees)
    if expected > 1e-290:
        assert two_sided_p(t, degrees) == pytest.approx(expected, rel=1e-6)
    else:
        assert 0.0 <= two_sided_p(t, degrees) <= 1e-280


@given(st.floats(1e-3, 0.9999999), degrees_of_freedom)
def test_quantiles_are_those_of_scipy(confidence, degrees):
    found = quantile(confidence, degrees)
    assert found == pytest.approx(student.isf((1 - confidence) / 2, degrees), rel=close(degrees, 1e-7))
    assert two_sided_p(found, degrees) == pytest.approx(1 - confidence, rel=close(degrees))


@pytest.mark.parametrize("degrees", [1, 2, 3, 9, 29, 30, 31, 263, 1853, 10**5, 9_999_999])
def test_quantiles_of_tables(degrees):
    for confidence in (0.5, 0.8, 0.9, 0.95, 0.99, 0.999):
        expected = pytest.approx(student.ppf(0.5 + confidence / 2, degrees), rel=close(degrees))
        assert quantile(confidence, degrees) == expected, confidence


@given(degrees_of_freedom, st.lists(st.floats(0, 50), min_size=2, max_size=9))
def test_p_values_fall_as_t_grows(degrees, values):
    found = [two_sided_p(t, degrees) for t in sorted(values)]
    assert all(a >= b * (1 - 1e-12) for a, b in pairwise(found))
    assert all(0.0 <= p <= 1.0 for p in found)


@pytest.mark.parametrize("degrees", [1, 5, 1e3, 1e9, math.inf])
def test_ends_and_what_is_no_number(degrees):
    assert two_sided_p(0.0, degrees) == 1.0
    assert two_sided_p(math.inf, degrees) == two_sided_p(-math.inf, degrees) == 0.0
    assert math.isnan(two_sided_p(math.nan, degrees))


def test_many_degrees_of_freedom_are_the_normal_distribution():
    for t in (0.1, 1.0, 1.96, 4.0):
        assert two_sided_p(t, NORMAL_DEGREES) == pytest.approx(2 * norm.sf(t), rel=1e-12)
        assert two_sided_p(t, NORMAL_DEGREES - 1) == pytest.approx(2 * norm.sf(t), rel=1e-4)
    assert quantile(0.95, math.inf) == pytest.approx(norm.ppf(0.975), rel=1e-12)
    assert quantile(0.95, NORMAL_DEGREES - 1) == pytest.approx(norm.ppf(0.975), rel=1e-6)


def test_of_one_degree_it_is_the_arc_tangent():
    for t in np.logspace(-6, 6, 25):
        assert two_sided_p(t, 1) == pytest.approx(2 * math.atan2(1.0, t) / math.pi, rel=1e-9)


def test_a_quantile_is_a_float_whatever_type_asked_for_it_first():
    assert type(quantile(np.float64(0.9371), np.float64(17.0))) is type(quantile(0.9371, 17)) is float

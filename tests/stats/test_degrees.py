"""Degrees of freedom of variances that few objects or people say something about, against draws of what they say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t as student
from support import draw_triplets, seeds

from pyalign.stats.clustered import Dependence, with_weights
from pyalign.stats.degrees import EffectiveNumber, of_both, of_difference
from pyalign.stats.resampling import BY, Clusters, Resampling

ONE = np.ones(1)


def by_draws(floor, rest, squares, nu, seed=0, count=400_000):
    """E max(floor, squares nu / chi-square - rest), drawn."""
    drawn = np.random.default_rng(seed).chisquare(nu, count)
    return np.maximum(floor, squares * nu / drawn - rest).mean()


@pytest.mark.parametrize("nu", [9.0, 29.0, 99.0])
@pytest.mark.parametrize("variance", [1.0, 1.5, 4.0, 20.0])
def test_the_variance_of_students_t_is_that_of_what_squares_may_be(nu, variance):
    """Of independent triplets (floor 1, rest 2) with effects of objects that make the variance so much larger."""
    expected = by_draws(1.0, 2.0, variance + 2.0, nu) / variance
    (found,) = of_difference(variance * ONE, ONE, (variance + 2.0) * ONE, 2.0 * ONE, nu * ONE)
    assert found <= nu
    assert found / (found - 2.0) == pytest.approx(max(expected, nu / (nu - 2.0)), rel=0.02)


@given(st.floats(1.0, 1e4), st.floats(1e-6, 1e6))
def test_nothing_but_squares_has_their_degrees(nu, size):
    (found,) = of_difference(size * ONE, 0 * ONE, size * ONE, 0 * ONE, nu * ONE)
    assert found == pytest.approx(nu, rel=1e-6)


@given(st.floats(4.0, 300.0), st.floats(0.0, 50.0), st.floats(1e-9, 1e9))
def test_they_have_no_unit_and_are_never_more_than_those_of_the_squares(nu, effects, unit):
    args = (1.0 + effects) * ONE, ONE, (3.0 + effects) * ONE, 2.0 * ONE
    (found,), (other,) = of_difference(*args, nu * ONE), of_difference(*(unit * one for one in args), nu * ONE)
    assert 2.0 < found <= nu and other == pytest.approx(found, rel=1e-6)


def test_squares_far_below_what_independent_triplets_make_leave_the_floor_known():
    (found,) = of_difference(ONE, ONE, 0.5 * ONE, 2.0 * ONE, 29.0 * ONE)
    assert found == 29.0


def test_effects_of_objects_are_known_better_than_their_absence():
    effects = np.linspace(0.0, 40.0, 60)
    found = of_difference(1 + effects, np.ones(60), 3 + effects, 2 * np.ones(60), np.full(60, 29.0))
    assert (np.diff(found) > 0).all() and found[0] == pytest.approx(6.4, abs=0.1) and found[-1] > 25


@pytest.mark.parametrize("objects", [0.0, 3.0])
@pytest.mark.parametrize("people", [0.2, 5.0])
def test_over_objects_and_people_both_may_be_otherwise(objects, people):
    rng, count = np.random.default_rng(1), 400_000
    a, p = 3.0 + objects, 1.0 + people
    x, y = a * 29 / rng.chisquare(29, count) - 2.0, p * 9 / rng.chisquare(9, count)
    variance = max(1.0, a - 2.0, p, a - 2.0 + p - 1.0)
    expected = np.max([np.ones(count), x, y, x + y - 1.0], axis=0).mean() / variance
    (found,) = of_both(variance * ONE, ONE, (a * ONE, p * ONE), 2.0 * ONE, ONE, (29 * ONE, 9 * ONE))
    assert found / (found - 2.0) == pytest.approx(expected, rel=0.02)


def test_many_contrasts_are_taken_in_pieces(monkeypatch):
    rng = np.random.default_rng(2)
    effects, people = rng.uniform(0, 9, 300), rng.uniform(0, 9, 300)
    ones, nus = np.ones(300), rng.uniform(5, 60, 300)

    def both():
        first = of_difference(1 + effects, ones, 3 + effects, 2 * ones, nus)
        squares = 3 + effects, 1 + people
        return first, of_both(1 + effects + people, ones, squares, 2 * ones, ones, (nus, 9 * ones))

    expected = both()
    monkeypatch.setattr("pyalign.stats.degrees.AT_ONCE", 20_000)
    for one, other in zip(both(), expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


# From the design


@given(st.integers(1, 200), st.floats(0.01, 1e6))
def test_as_many_objects_are_effective_as_have_as_many_rows_each(n, rows):
    sizes = np.append(np.full(n, rows), [0.0, 0.0])
    assert EffectiveNumber.of_sizes("objects", sizes).value == pytest.approx(n)


def test_objects_that_have_more_rows_leave_fewer_degrees():
    """A third of the triplets have the same object: of its effects one value is known."""
    found = {}
    for often in (0, 300):
        triplets = draw_triplets(6, 30, 900)
        triplets[:often] = np.concatenate([np.full((often, 1), 30), triplets[:often, :2]], axis=1)
        values = (np.random.default_rng(6).normal(size=31)[triplets].sum(axis=1) > 0).astype(np.int8)
        errors = Dependence.of(Clusters.of(triplets), Resampling("objects")).errors(with_weights(values[None]))
        sizes = np.bincount(triplets.ravel())
        assert errors.numbers[0].value == pytest.approx(sizes.sum() ** 2 / (sizes**2.0).sum())
        assert errors.sums[0].number.degrees == pytest.approx(errors.numbers[0].value * (1 - 1 / (sizes > 0).sum()))
        found[often] = errors.degrees_of_means[0]
    assert found[300] < found[0] < 29


# Of rows


def errors_of(seed, n, t, k, by, people=10):
    triplets = draw_triplets(seed, n, t)
    values = np.random.default_rng(seed).integers(0, 2, (k, t)).astype(np.int8)
    return Dependence.of(Clusters.of(triplets, np.arange(t) % people), Resampling(by)).errors(with_weights(values))


@pytest.mark.parametrize("by", BY)
@given(seeds, st.integers(7, 20), st.integers(20, 80))
def test_of_rows_they_are_at_most_the_objects_or_people_less_one(by, seed, n, t):
    found = errors_of(seed, n, t, 3, by)
    most = {"triplets": t - 1, "subjects": 9, "objects": n - 1, "objects+subjects": max(n - 1, 9)}[by]
    if found.known:
        for one in (found.degrees_of_means, found.degrees_of_differences):
            assert (one >= 1).all() and (one <= most * (1 + 1e-9)).all()
    assert found.degrees_of_differences.shape == (3, 3)


def test_a_difference_has_those_of_a_column_of_differences():
    triplets, rng = draw_triplets(3, 30, 900), np.random.default_rng(3)
    effects = rng.normal(size=(2, 30))
    values = (effects[:, triplets].sum(axis=2) + rng.normal(size=(2, 900)) > 0).astype(np.int8)
    table = np.concatenate([values, values[:1] - values[1:]])
    for by in BY:
        clusters = Clusters.of(triplets, np.arange(900) % 12)
        found = Dependence.of(clusters, Resampling(by)).errors(with_weights(table))
        assert found.degrees_of_differences[0, 1] == pytest.approx(found.degrees_of_means[2], rel=1e-6)
        halves = found.in_units(np.full(3, 0.5)).of(slice(0, 2))
        np.testing.assert_allclose(halves.degrees_of_means, found.degrees_of_means[:2], rtol=1e-6)


def test_over_people_who_answered_as_often_they_are_the_people_less_one():
    found = errors_of(4, 20, 400, 2, "subjects", people=8)
    np.testing.assert_allclose(found.degrees_of_means, 7.0)


def test_intervals_of_independent_triplets_are_wider_than_by_the_number_of_objects():
    found = errors_of(5, 30, 1000, 40, "objects")
    reach = student.ppf(0.975, found.degrees_of_means)
    assert found.degrees_of_means.min() < 12 and reach.max() > student.ppf(0.975, 29) * 1.05

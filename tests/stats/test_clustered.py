"""Closed-form standard errors, against sums over all pairs of rows."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import chain, combinations

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from support import FLOORS, clustered_error, draw_triplets, more_for_many_rows, reals, seeds

from pyalign.stats.clustered import Dependence, Errors, WithinPeople, standard_errors, with_weights
from pyalign.stats.resampling import BY, Clusters, Resampling

KINDS = (np.int8, np.int16, np.float64)


def depend(s, u, triplets, people, by):
    """Whether rows s and u depend on each other."""
    if by == "triplets":
        return set(triplets[s].tolist()) == set(triplets[u].tolist())
    objects = "objects" in by and bool(set(triplets[s].tolist()) & set(triplets[u].tolist()))
    return s == u or objects or ("subjects" in by and people[s] == people[u])


def by_loops(table, triplets, people, by):
    """(k, k) covariances of weighted means: the sum over dependent pairs of rows of products of weighted residuals,
    over the weight of independent pairs; and the factor for objects and people with many rows.
    """
    table = table.astype(np.float64)
    weights, means = table[:, 0], table[:, 1:].sum(axis=0) / table[:, 0].sum()
    residuals = table[:, 1:] - weights[:, None] * means
    total, independent = np.zeros((len(means), len(means))), 0.0
    for s in range(len(table)):
        for u in range(len(table)):
            if depend(s, u, triplets, people, by):
                total += np.outer(residuals[s], residuals[u])
            else:
                independent += weights[s] * weights[u]
    total += more_for_many_rows(residuals, weights, triplets, people, by)
    return total / independent if independent else np.full_like(total, np.nan)


def case(seed, n, t, k, kind, weighted):
    """A table (t, 1 + k), triplets of n objects, and people, of whom the first two answered something."""
    rng = np.random.default_rng(seed)
    triplets, people = draw_triplets(seed, n, t), rng.permutation(np.arange(t) % max(2, t // 4))
    weights = rng.integers(1, 4, (t, 1)) if weighted else np.ones((t, 1), int)
    values = rng.integers(-6, 7, (t, k)) if kind != np.float64 else rng.normal(size=(t, k))
    return np.concatenate([weights, weights * values], axis=1).astype(kind), triplets, people


def errors_of(table, triplets, people, by, backend="auto"):
    return Dependence.of(Clusters.of(triplets, people, backend), Resampling(by)).errors(table)


def same(found, expected, table):
    """The same covariances, to the rounding of the squares that they are sums of; unknown where they are unknown."""
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12 * float(np.abs(table).max()) ** 2)


@pytest.mark.parametrize("by", BY)
@given(seeds, st.integers(3, 15), st.integers(2, 30), st.integers(1, 4), st.sampled_from(KINDS), st.booleans())
def test_covariances_are_sums_over_all_pairs_of_dependent_rows(by, seed, n, t, k, kind, weighted):
    table, triplets, people = case(seed, n, t, k, kind, weighted)
    found = errors_of(table, triplets, people, by)
    expected = [by_loops(table, triplets, people, one) for one in (by, *FLOORS.get(by, ()))]
    assert len(found.candidates) == len(expected)
    for one, other in zip(found.candidates, expected, strict=True):
        same(one, other, table)
    np.testing.assert_allclose(found.means, np.average(table[:, 1:] / table[:, :1], axis=0, weights=table[:, 0]))


@pytest.mark.parametrize("by", BY)
@given(seeds, st.integers(6, 15), st.integers(6, 30), st.booleans())
def test_errors_and_differences_are_the_roots_of_the_largest_that_counts(by, seed, n, t, weighted):
    """Of each mean, and of each difference taken as one column: which floor counts may be another for each."""
    table, triplets, people = case(seed, n, t, 3, np.float64, weighted)
    found = errors_of(table, triplets, people, by)
    assume(found.known)
    pairs = [(a, b) for a in range(3) for b in range(3) if a != b]
    differences = np.stack([table[:, 1 + a] - table[:, 1 + b] for a, b in pairs], axis=1)
    wide = np.concatenate([table, differences], axis=1)
    variances = [np.diagonal(by_loops(wide, triplets, people, one)) for one in (by, *FLOORS.get(by, ()))]
    expected = np.sqrt(np.maximum(0.0, np.nanmax(variances, axis=0)))
    np.testing.assert_allclose(found.errors, expected[:3], rtol=1e-7)
    np.testing.assert_allclose([found.differences[pair] for pair in pairs], expected[3:], rtol=1e-6)
    assert not np.diagonal(found.differences).any()


@pytest.mark.parametrize("by", BY)
def test_of_rows_that_count_the_same_it_is_that_of_the_values(by):
    triplets, people = draw_triplets(4, 25, 300), np.arange(300) % 11
    different = len(np.unique(np.sort(triplets, axis=1), axis=0))
    values = reals(4, 2, 300, dtype=np.float64) + np.arange(300) % 11
    errors, degrees = standard_errors(Clusters.of(triplets, people), values, Resampling(by))
    np.testing.assert_allclose(errors, [clustered_error(row, triplets, by, people) for row in values], rtol=1e-9)
    assert degrees == {"objects": 24, "triplets": different - 1, "subjects": 10, "objects+subjects": 10}[by]


def test_over_triplets_that_are_all_different_it_is_the_textbook_error_of_a_mean():
    values, triplets = np.random.default_rng(0).normal(size=(2, 50)), np.array([*combinations(range(9), 3)])[:50]
    found, degrees = standard_errors(Clusters.of(triplets), values, Resampling("triplets"))
    np.testing.assert_allclose(found, values.std(axis=1, ddof=1) / np.sqrt(50), rtol=1e-12)
    assert degrees == 49


def test_over_triplets_many_equal_answers_to_each_say_no_more_than_one():
    """Of 10 equal answers to each of 50 triplets: in whatever order a row shows the three."""
    values, triplets = np.random.default_rng(0).normal(size=(2, 50)), np.array([*combinations(range(9), 3)])[:50]
    rows = np.random.default_rng(1).permuted(np.repeat(triplets, 10, axis=0), axis=1)
    found, degrees = standard_errors(Clusters.of(rows), np.repeat(values, 10, axis=1), Resampling("triplets"))
    np.testing.assert_allclose(found, values.std(axis=1, ddof=1) / np.sqrt(50), rtol=1e-12)
    assert degrees == 49


@pytest.mark.parametrize("by", ["objects", "triplets", "objects+subjects"])
def test_of_triplets_that_share_nothing_it_is_the_textbook_error_too(by):
    triplets, values = np.random.default_rng(1).permutation(90).reshape(30, 3), reals(1, 1, 30, dtype=np.float64)
    found, degrees = standard_errors(Clusters.of(triplets, np.arange(30)), values, Resampling(by))
    assert found[0] == pytest.approx(values.std(ddof=1) / np.sqrt(30), rel=1e-12)
    assert degrees == {"objects": 89, "triplets": 29, "objects+subjects": 29}[by]


@given(seeds, st.integers(4, 7))
def test_over_people_it_is_that_of_the_means_of_people_who_answered_as_often(seed, people):
    """With a row count each, N0 = t^2 (1 - 1 / people): the spread of the people's means, divided by people - 1."""
    codes, values = np.arange(people * 7) % people, np.random.default_rng(seed).normal(size=(1, people * 7))
    clusters = Clusters.of(draw_triplets(seed, 9, people * 7), codes)
    errors, degrees = standard_errors(clusters, values, Resampling("subjects"))
    means = values.reshape(7, people).mean(axis=0)
    assert errors[0] == pytest.approx(means.std(ddof=1) / np.sqrt(people))
    assert degrees == people - 1


# What changes nothing


@pytest.mark.parametrize("by", BY)
@given(seeds, st.integers(6, 30), st.integers(5, 60), st.booleans())
def test_order_and_names_change_no_bit_of_whole_numbers(by, seed, n, t, weighted):
    """Rows in any order, objects and people renumbered, the items of a triplet in any order."""
    table, triplets, people = case(seed, n, t, 4, np.int16, weighted)
    expected = errors_of(table, triplets, people, by)
    rng = np.random.default_rng(seed)
    order, objects, persons = rng.permutation(t), rng.permutation(3 * n)[:n], rng.permutation(t)
    within = rng.permuted(objects[triplets], axis=1)
    found = errors_of(table[order], within[order], persons[people][order], by)
    assert found.degrees == expected.degrees
    for one, other in zip(found.candidates, expected.candidates, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("by", BY)
def test_are_the_same_on_every_backend(host_backend, by, kind):
    """Of whole numbers to the last bit."""
    table, triplets, people = case(5, 20, 400, 11, kind, True)
    expected, found = (errors_of(table, triplets, people, by, name) for name in ("reference", host_backend))
    for one, other in zip(found.candidates, expected.candidates, strict=True):
        same(one, other, table)
        assert kind == np.float64 or (one == other).all()


@pytest.mark.parametrize("by", BY)
def test_are_the_same_for_any_number_of_threads(host_backend, set_threads, by):
    table, triplets, people = case(6, 200, 20_000, 11, np.float64, True)
    seen = set()
    for threads in (1, 2, 3, 5):
        set_threads(threads)
        seen.add(b"".join(one.tobytes() for one in errors_of(table, triplets, people, by).candidates))
    assert len(seen) == 1


@pytest.mark.parametrize("by", ["objects", "objects+subjects"])
def test_large_and_sparse_object_numbers_change_nothing(by):
    table, triplets, people = case(7, 40, 300, 3, np.int16, False)
    expected = errors_of(table, triplets, people, by)
    for other in (triplets * 60_001, triplets * (1 << 17) + 12_345):
        found = errors_of(table, other, people * 999_983, by)
        assert found.degrees == expected.degrees
        np.testing.assert_array_equal(found.candidates, expected.candidates)


@pytest.mark.parametrize("n, people, kind", [
    (900, 150, np.int16), (900, 40, np.float64), (60, 20, np.int8), (9, 3, np.int8),
])
def test_rows_that_share_a_pair_within_a_participant_are_grouped(n, people, kind):
    """Objects within people are labels of their own: far more than occur, or not; all are grouped if most share."""
    table, triplets, _ = case(8, n, 400, 3, kind, True)
    who = np.random.default_rng(8).integers(0, people, 400)
    triplets[:2], who[:2] = [[0, 1, 2], [3, 1, 0]], 1
    pairs = [[(p, *sorted(two)) for two in combinations(row, 2)] for p, row in zip(who, triplets.tolist(), strict=True)]
    often = {pair for pair, times in Counter(chain(*pairs)).items() if times > 1}
    share = [k for k, row in enumerate(pairs) if often & {*row}]
    grouped = np.arange(400)[WithinPeople.of(triplets, n, who, "auto").some]
    assert {*share} <= {*grouped.tolist()} and (len(grouped) <= len(share) + 20 or 2 * len(share) > 400 - 20)
    found = errors_of(table, triplets, who, "objects+subjects")
    same(found.candidates[0], by_loops(table, triplets, who, "objects+subjects"), table)


def test_some_of_the_rows_are_those_rows_alone():
    table, triplets, people = case(9, 60, 80, 2, np.int16, False)
    rows = np.arange(80) % 4 == 1
    clusters = Clusters.of(triplets, people).take(rows)
    for by in BY:
        part = Dependence.of(clusters, Resampling(by)).errors(table[rows])
        alone = errors_of(table[rows], triplets[rows], people[rows], by)
        assert part.degrees == alone.degrees
        np.testing.assert_array_equal(part.candidates, alone.candidates)


@pytest.mark.parametrize("by", BY)
def test_objects_may_be_numbered_in_any_whole_type(by):
    table, triplets, people = case(2, 20, 80, 2, np.int16, False)
    for dtype in (np.uint8, np.uint16, np.uint64, ">i4"):
        found = errors_of(table, triplets.astype(dtype), people, by)
        np.testing.assert_array_equal(found.candidates, errors_of(table, triplets, people, by).candidates)


# What is not known


@pytest.mark.parametrize("n", [3, 4, 5])
@pytest.mark.parametrize("by", ["objects", "objects+subjects"])
def test_triplets_of_five_objects_all_share_one_and_have_no_error(by, n):
    table, triplets, people = case(n, n, 50, 2, np.int16, False)
    found = errors_of(table, triplets, people, by)
    assert not found.known
    assert np.isnan(found.errors).all() and np.isnan(found.differences).all()
    assert errors_of(table, triplets, people, "triplets").known == (n > 3)  # three objects are one triplet


@given(seeds, st.integers(0, 30))
def test_one_object_in_all_triplets_leaves_no_variance_and_two_apart_leave_one(seed, t):
    triplets = draw_triplets(seed, 20, t + 2)
    triplets[:, 0] = 20
    triplets[:, 2] = np.where(triplets[:, 2] == triplets[:, 1], (triplets[:, 1] + 1) % 20, triplets[:, 2])
    table = with_weights(np.random.default_rng(seed).integers(0, 7, (2, t + 2)).astype(np.int8))
    people = np.arange(t + 2) % 2
    assert not errors_of(table, triplets, people, "objects").known
    assert np.isnan(errors_of(table, triplets, people, "objects").candidates[0]).all()
    triplets[:2] = [[20, 21, 22], [23, 24, 25]]
    assert np.isfinite(errors_of(table, triplets, people, "objects").candidates[0]).all()


def test_two_people_who_share_every_object_have_a_variance_over_people_alone():
    triplets, people = np.array([[0, 1, 2], [0, 1, 3], [4, 5, 6]]), np.array([0, 1, 0])
    table = with_weights(np.array([[0, 6, 3]], np.int8))

    def known_by():
        found = {by: errors_of(table, triplets, people, by) for by in BY}
        return {by: bool(np.isfinite(one.candidates[0]).all()) for by, one in found.items()}

    assert known_by() == {"objects": True, "triplets": True, "subjects": True, "objects+subjects": True}
    triplets[2] = [3, 0, 6]
    known = known_by()
    assert known == {"objects": False, "triplets": True, "subjects": True, "objects+subjects": False}


@pytest.mark.parametrize("by", BY)
def test_of_one_row_nobody_knows(by):
    one = Clusters.of([[0, 1, 2], [2, 1, 0]], [5, 6]).take(np.array([0]))
    errors, degrees = standard_errors(one, np.ones((1, 1)), Resampling(by))
    assert np.isnan(errors).all() and degrees == (2 if by == "objects" else 0)


def test_people_must_be_known_to_count(message_of):
    clusters = Clusters.of(draw_triplets(0, 9, 5))
    for by in ("subjects", "objects+subjects"):
        message = message_of(Dependence.of, clusters, Resampling(by))
        assert message == "subjects must identify who answered each triplet for intervals over participants; got none"


# Differences and covariances


@pytest.mark.parametrize("by", BY)
@given(seeds, st.integers(2, 14), st.sampled_from(KINDS))
def test_the_same_values_differ_by_exactly_nothing(by, seed, k, kind):
    table, triplets, people = case(seed, 30, 400, k, kind, False)
    table[:, k] = table[:, 1]
    found = errors_of(table, triplets, people, by)
    assert found.differences[0, k - 1] == found.differences[k - 1, 0] == 0.0
    assert found.errors[0] > 0


@pytest.mark.parametrize("kind", KINDS)
def test_values_that_differ_in_a_single_row_differ_by_something(kind):
    table, triplets, people = case(11, 300, 30_000, 10, kind, False)
    table[:, 10] = table[:, 1]
    table[17, 10] += 1
    for by in BY:
        found = errors_of(table, triplets, people, by).differences[0, 9]
        expected = errors_of(one_row(table, 17), triplets, people, by).errors[0]
        assert found == pytest.approx(expected, rel=1e-3)


def one_row(table, row):
    """(t, 2): ones, and a value of 1 in a single row."""
    ones = np.zeros((len(table), 2), table.dtype)
    ones[:, 0], ones[row, 1] = 1, 1
    return ones


@pytest.mark.parametrize("by", BY)
@given(seeds, st.integers(6, 12), st.integers(8, 40), st.integers(2, 6))
def test_the_covariance_is_positive_and_below_no_floor(by, seed, n, t, k):
    """For every contrast of the means, not only for single ones and for differences."""
    table, triplets, people = case(seed, n, t, k, np.float64, True)
    found = errors_of(table, triplets, people, by)
    assume(found.known)
    covariance = found.covariance
    scale = np.abs(covariance).max()
    np.testing.assert_allclose(covariance, covariance.T, atol=1e-12 * scale)
    assert np.linalg.eigvalsh(covariance).min() >= -1e-12 * scale
    for one in found.candidates:
        assert np.linalg.eigvalsh(covariance - one).min() >= -1e-9 * scale
    contrasts = np.random.default_rng(seed).normal(size=(50, k))
    variances = np.einsum("ck,kl,cl->c", contrasts, covariance, contrasts)
    floors = [np.einsum("ck,kl,cl->c", contrasts, one, contrasts) for one in found.candidates]
    assert (variances >= np.max(floors, axis=0) - 1e-9 * scale).all()
    assert (np.sqrt(np.diagonal(covariance)) >= found.errors * (1 - 1e-9)).all()


@given(seeds)
def test_where_no_floor_counts_the_covariance_is_the_sum_itself(seed):
    """Values that objects share: dependence adds to the variance of every contrast."""
    rng = np.random.default_rng(seed)
    triplets = draw_triplets(seed, 30, 3000)
    values = rng.normal(size=(30, 3))[triplets].sum(axis=1) + 0.1 * rng.normal(size=(3000, 3))
    found = errors_of(np.concatenate([np.ones((3000, 1)), values], axis=1), triplets, None, "objects")
    np.testing.assert_allclose(found.covariance, found.candidates[0], rtol=1e-8, atol=1e-12)


@given(seeds)
def test_in_other_units_everything_is_in_other_units(seed):
    table, triplets, people = case(seed, 20, 60, 3, np.int16, False)
    found, units = errors_of(table, triplets, people, "objects+subjects"), np.array([1 / 6, 2.0, 1e-4])
    other = found.in_units(units)
    np.testing.assert_allclose(other.means, found.means * units)
    np.testing.assert_allclose(other.errors, found.errors * units)
    np.testing.assert_allclose(other.candidates[0], found.candidates[0] * np.outer(units, units))
    assert other.degrees == found.degrees


@example(0.5, 1.0)
@given(st.floats(0.01, 1), st.floats(0, 3))
def test_the_largest_candidate_counts_for_each_contrast_by_itself(small, shared):
    """A floor may be below for single means, and above for their difference."""
    first = np.array([[1.0, 1.0 - small / 2], [1.0 - small / 2, 1.0]])
    floor = np.array([[0.5, 0.5 - shared], [0.5 - shared, 0.5]]) / 4
    found = Errors(np.zeros(2), (first, floor), 9)
    np.testing.assert_allclose(found.errors, 1.0)
    assert found.differences[0, 1] == pytest.approx(np.sqrt(max(small, shared / 2)))


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e6])
def test_a_difference_that_is_nothing_but_rounding_is_nothing(scale):
    """Products of many columns are not equal to the last bit; a difference of single rows is far above that."""
    for off, known in ((4e-16, False), (-4e-16, False), (1e-9, True)):
        covariance = scale * np.array([[1.0, 1.0 - off], [1.0 - off, 1.0]])
        found = Errors(np.zeros(2), (covariance, 0.1 * covariance), 9).differences[0, 1]
        assert found == (pytest.approx(np.sqrt(2e-9 * scale), rel=1e-4) if known else 0.0)


def test_a_variance_below_zero_is_none():
    found = Errors(np.zeros(1), (np.array([[-1.0]]),), 9)
    assert found.errors[0] == 0.0
    assert np.isnan(replace(found, degrees=0).errors[0])


@pytest.mark.parametrize("by", [by for by in BY if by != "auto"])
@pytest.mark.parametrize("value", [0.8, 1 / 3, 1e-3, 12345.6])
def test_equal_values_have_no_error(by, value):
    triplets, people = draw_triplets(1, 30, 60), np.arange(60) % 7
    weights = np.random.default_rng(2).uniform(0.5, 2.0, 60)
    errors = Dependence.of(Clusters.of(triplets, people), Resampling(by)).errors(
        with_weights(np.full((1, 60), value), weights)
    )
    assert errors.errors.tolist() == [0.0]

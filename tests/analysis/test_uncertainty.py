"""Standard errors and intervals: against plain definitions, on every backend, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import draw_triplets, reals, seeds, whole

from pyalign import score
from pyalign.analysis.outcomes import triplet_outcomes
from pyalign.analysis.uncertainty import values_of
from pyalign.ops.resample import OBJECTS, SUBJECTS, multiplicities
from pyalign.stats.clustered import object_clustered_errors
from pyalign.stats.resampling import BY, METHODS, Resampling

X, T = whole(1, 40, 6), draw_triplets(1, 40, 1500)
PEOPLE = np.arange(1500) % 13


def naive(x, triplets, by, people, resamples, seed):
    """(b, 2) accuracies and cross-entropies under the same resamples, from the outcomes of single triplets."""
    items = np.unique(triplets)
    rows = [score(x, row[None], measure="dot", temperature=9.0) for row in triplets]
    credits, nats = (np.array([getattr(row, name) for row in rows]) for name in ("accuracy", "cross_entropy"))
    if by == "objects":
        table = multiplicities(len(items), 0, resamples, seed=seed, stream=OBJECTS)
        w = table[np.searchsorted(items, triplets)].astype(np.int64).prod(axis=1)
    else:
        w = multiplicities(people.max() + 1, 0, resamples, seed=seed, stream=SUBJECTS)[people].astype(np.int64)
    return np.stack([(w * value[:, None]).sum(axis=0) / w.sum(axis=0) for value in (credits, nats)], axis=1)


@pytest.mark.parametrize("by", ["objects", "subjects"])
def test_bootstrap_intervals_equal_a_plain_loop(by):
    x, triplets, people = X, T[:300] // 2 * 2 % 39, PEOPLE[:300]  # even items alone: 20 of 40 occur
    triplets = triplets[[len(set(row)) == 3 for row in triplets.tolist()]]
    people = people[: len(triplets)]
    means = naive(x, triplets, by, people, 128, 3)
    found = score(
        x, triplets, measure="dot", temperature=9.0, subjects=people,
        ci=Resampling(by, resamples=128, seed=3, confidence=0.9),
    )  # fmt: skip
    np.testing.assert_allclose(found.ci, np.quantile(means[:, 0], [0.05, 0.95]), rtol=1e-12)
    np.testing.assert_allclose(found.standard_error, means[:, 0].std(ddof=1), rtol=1e-12)
    # Cross-entropies are resampled in steps of 1 / 32,767 of the largest.
    np.testing.assert_allclose(found.cross_entropy_ci, np.quantile(means[:, 1], [0.05, 0.95]), atol=2e-5)
    np.testing.assert_allclose(found.cross_entropy_standard_error, means[:, 1].std(ddof=1), rtol=1e-3)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("by", BY)
def test_are_the_same_on_every_backend(backend, by, method):
    options = {"measure": "dot", "temperature": 30.0, "ci": Resampling(by, method, 70, seed=5), "subjects": PEOPLE}
    expected, found = (score(X, T, **options, backend=name) for name in ("numpy", backend))
    assert (found.ci, found.standard_error) == (expected.ci, expected.standard_error)
    np.testing.assert_allclose(found.cross_entropy_ci, expected.cross_entropy_ci, atol=1e-6)
    assert found.accuracy == expected.accuracy == score(X, T, measure="dot").accuracy


@pytest.mark.parametrize("by", BY)
def test_are_the_same_for_any_number_of_threads(set_threads, by):
    results = []
    for threads in (1, 2, 5):
        set_threads(threads)
        results.append(score(X, T, measure="dot", ci=Resampling(by, resamples=64), subjects=PEOPLE))
    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize("by", BY)
def test_another_seed_draws_others(by):
    one, same, other = (score(X, T, ci=Resampling(by, resamples=64, seed=seed), subjects=PEOPLE) for seed in (0, 0, 1))
    assert one == same and one.ci != other.ci


@given(seeds, st.integers(4, 9), st.integers(2, 40))
def test_the_closed_form_for_objects_is_the_double_sum_over_triplets_that_share_one(seed, n, t):
    triplets = draw_triplets(seed, n, t)
    e = reals(seed, 2, t, dtype=np.float64)
    e -= e.mean(axis=1, keepdims=True)
    share = (triplets[:, None, :, None] == triplets[None, :, None, :]).any(axis=(2, 3))
    for row, error in zip(e, object_clustered_errors(e, triplets, n), strict=True):
        expected = max(row @ share @ row, (row**2).sum())
        assert error == pytest.approx(np.sqrt(expected) / t, rel=1e-9)


def test_the_closed_form_for_objects_takes_many_objects():
    """Numbers of pairs and of sets that no dense table could hold give the same as renumbered ones."""
    triplets, e = draw_triplets(3, 50, 400), reals(3, 1, 400, dtype=np.float64)
    expected = object_clustered_errors(e, triplets, 50)
    np.testing.assert_allclose(object_clustered_errors(e, triplets * 60_001, 3_000_051), expected, rtol=1e-12)


def test_the_closed_form_for_triplets_is_that_of_a_mean():
    credits = np.array([score(X, row[None], measure="dot").accuracy for row in T])
    found = score(X, T, measure="dot", ci=Resampling("triplets", method="analytic", confidence=0.6826894921370859))
    assert found.standard_error == pytest.approx(credits.std(ddof=1) / np.sqrt(len(T)), rel=1e-12)
    assert found.ci == pytest.approx(
        (found.accuracy - found.standard_error, found.accuracy + found.standard_error), rel=1e-9
    )
    assert found.resamples is None and found.seed is None


def test_bootstrap_and_closed_form_agree_where_they_measure_the_same():
    """For triplets and for people: within five standard errors of a standard deviation from 4,000 resamples."""
    for by in ("triplets", "subjects"):
        bootstrap, closed = (
            score(X, T, measure="dot", ci=Resampling(by, method=method, resamples=4000), subjects=PEOPLE)
            for method in METHODS
        )
        few = 1 / np.sqrt(1 - 1 / 13) if by == "subjects" else 1.0  # the sandwich's small-sample factor
        assert bootstrap.standard_error * few == pytest.approx(closed.standard_error, rel=5 / np.sqrt(8000))


def test_the_object_interval_holds_the_closed_form_within_it():
    """The pigeonhole bootstrap is conservative: it never falls below the object-clustered error by more than noise."""
    bootstrap, closed = (score(X, T, measure="dot", ci=Resampling("objects", method=method)) for method in METHODS)
    assert bootstrap.standard_error > 0.9 * closed.standard_error


def test_left_out_triplets_are_left_out_of_the_resamples():
    x = X.copy()
    x[7] = np.nan
    kept = (T != 7).all(axis=1)
    for by in BY:
        found = score(x, T, nan="omit", ci=Resampling(by, resamples=64), subjects=PEOPLE)
        alone = score(np.nan_to_num(x), T[kept], ci=Resampling(by, resamples=64), subjects=PEOPLE[kept])
        assert (found.ci, found.standard_error) == (alone.ci, alone.standard_error)


def test_groups_are_scored_each_by_itself():
    labels = np.array(["a", "b", "c"])[np.arange(1500) % 7 % 3]
    found = score(X, T, measure="dot", groups=labels)
    assert [group.group for group in found.groups] == ["a", "b", "c"]
    for group in found.groups:
        alone = score(X, T[labels == group.group], measure="dot")
        assert (group.accuracy, group.n_triplets) == (pytest.approx(alone.accuracy, rel=1e-14), alone.n_triplets)
        assert group.cross_entropy == pytest.approx(alone.cross_entropy, rel=1e-6)
        assert group.ci is None
    with_ci = score(X, T, measure="dot", groups=labels, ci=Resampling("objects", resamples=100))
    for group in with_ci.groups:
        assert group.ci[0] < group.accuracy < group.ci[1] and group.standard_error > 0
    assert with_ci.ci == score(X, T, measure="dot", ci=Resampling("objects", resamples=100)).ci
    one = score(X, T, groups=np.zeros(1500, int), ci=Resampling("objects", resamples=100))
    assert one.groups[0].ci == pytest.approx(one.ci, rel=1e-12) and one.groups[0].standard_error > 0


def test_a_group_that_resamples_miss_has_no_interval():
    labels = np.arange(1500) == 3
    rare = score(X, T, groups=labels, ci=Resampling("objects", resamples=100)).groups[1]
    assert rare.group == "True" and rare.n_triplets == 1 and rare.ci is None and rare.standard_error is None


def test_groups_meet_the_resamples_of_all_people():
    """A group without the last persons is drawn among all of them: many resamples hold nobody of it."""
    few = np.where(PEOPLE < 2, "few", "rest")
    found = score(X, T, measure="dot", groups=few, ci=Resampling("subjects", resamples=100), subjects=PEOPLE)
    assert found.groups[0].ci is None
    half = score(
        X, T, measure="dot", groups=PEOPLE < 9, ci=Resampling("subjects", resamples=100), subjects=PEOPLE
    ).groups[1]
    members = np.isin(PEOPLE, np.arange(9))
    credits = np.array([score(X, row[None], measure="dot").accuracy for row in T[members]])
    w = multiplicities(13, 0, 100, seed=0, stream=SUBJECTS)[PEOPLE[members]].astype(np.int64)
    means = (w * credits[:, None]).sum(axis=0) / w.sum(axis=0)
    np.testing.assert_allclose(half.ci, np.quantile(means, [0.025, 0.975]), rtol=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_people_whose_answers_were_all_left_out_are_not_drawn(message_of, method):
    x = X.copy()
    x[7] = np.nan
    touched = (T == 7).any(axis=1)
    options = {"nan": "omit", "ci": Resampling("subjects", method, 64)}
    found = score(x, T, subjects=np.where(touched, 99, PEOPLE), **options)
    alone = score(X, T[~touched], subjects=PEOPLE[~touched], **options)
    assert (found.ci, found.standard_error) == (alone.ci, alone.standard_error)
    message = message_of(score, x, T, subjects=touched.astype(int), **options)
    assert message.startswith("subjects must be at least two persons")


@pytest.mark.parametrize("backend", ["numpy", "native"])
def test_the_smallest_cross_entropies_are_counted_in_steps(backend):
    x = np.array([[1.0], [1.0], [0.0], [2.0], [2.0]], np.float32)
    outcomes = triplet_outcomes(x, [[0, 1, 2], [3, 4, 2]], measure="dot", temperature=1 / 95, backend=backend)
    assert 0 < outcomes.cross_entropy[0] < 1e-37
    values, units = values_of([outcomes], "fractional", None)
    assert values[1, 0] == 32767
    assert (values[1] * units[1]).tolist() == pytest.approx(outcomes.cross_entropy.tolist(), rel=1e-4, abs=0)


def test_random_rows_have_an_interval_that_covers_a_third():
    x, triplets = reals(8, 300, 20), draw_triplets(8, 300, 20_000)
    low, high = score(x, triplets, ci="objects").ci
    assert low < 1 / 3 < high


@pytest.mark.parametrize("by", BY)
def test_a_constant_model_is_at_chance_without_doubt(by):
    """All triplets tie: a third of a credit each, in every resample."""
    found = score(np.ones((40, 3)), T, ci=Resampling(by, resamples=64), subjects=PEOPLE)
    assert found.ci == pytest.approx((1 / 3, 1 / 3), rel=1e-12) and found.standard_error < 1e-15


def test_fraction_of_ceiling_runs_from_chance_to_the_ceiling():
    found = score(X, T, measure="dot", ceiling=0.6722)
    assert found.fraction_of_ceiling == pytest.approx((found.accuracy - 1 / 3) / (0.6722 - 1 / 3))
    assert score(np.ones((40, 3)), T, ceiling=0.6722).fraction_of_ceiling == pytest.approx(0, abs=1e-12)


def test_all_of_it_can_be_written_as_json():
    import json

    found = score(X, T, ci=Resampling("objects", resamples=64), groups=np.arange(1500) % 2)
    again = json.loads(json.dumps(found.to_dict()))
    assert again["ci"] == list(found.ci) and again["groups"][0]["n_triplets"] == 750


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ci": "items"}, "ci must be one of objects, triplets, subjects; got 'items'"),
        ({"ci": 95}, "ci must be a name (objects, triplets, subjects) or a Resampling; got int"),
        ({"ci": "subjects"}, 'subjects must say who answered each triplet for ci="subjects"; got none'),
        ({"ci": "subjects", "subjects": [1, 2]}, "subjects must have one entry per triplet, shape (1500,); got (2,)"),
        (
            {"ci": "subjects", "subjects": [4] * 1500},
            "subjects must be at least two persons, so that one can be left out; got [4]",
        ),
        ({"groups": [1, 2]}, "groups must have one entry per triplet, shape (1500,); got (2,)"),
        ({"groups": [[1], [1, 2]]}, "groups must have shape (t,); got rows of different lengths"),
        ({"groups": [np.nan] * 1500}, "groups must be finite; row 0 is nan"),
        ({"groups": ["a", None] * 750}, "groups must be numbers, or strings throughout; row 1 is None"),
        (
            {"ci": "subjects", "subjects": np.array(["a", 7, "b"] * 500, object)},
            "subjects must be numbers, or strings throughout; row 1 is 7",
        ),
        ({"ceiling": 0.3}, "ceiling must be a fraction above chance (1/3), at most 1; got 0.3"),
        ({"ceiling": float("nan")}, "ceiling must be a fraction above chance (1/3), at most 1; got nan"),
    ],
)
def test_bad_options_are_one_clear_line(message_of, options, message):
    assert message_of(score, X, T, **options).startswith(message)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "exact"}, "method must be one of bootstrap, analytic; got 'exact'"),
        ({"confidence": 95}, "confidence must lie between 0 and 1; got 95"),
        ({"confidence": "high"}, "confidence must lie between 0 and 1; got 'high'"),
        ({"resamples": 1}, "resamples must be a whole number from 2 to 2,147,483,647; got 1"),
        ({"resamples": 1e3}, "resamples must be a whole number from 2 to 2,147,483,647; got 1000.0"),
        ({"seed": -1}, "seed must be a whole number from 0 to 2,147,483,647; got -1"),
    ],
)
def test_bad_options_of_a_resampling_are_one_clear_line(message_of, options, message):
    assert message_of(Resampling, "objects", **options).startswith(message)


@pytest.mark.parametrize("by", BY)
def test_one_of_what_is_drawn_anew_has_no_closed_form(message_of, by):
    """Neither 0 nor NaN nor infinity: an error for the whole, None for a group."""
    labels = np.where(np.arange(1500) == 3, "one", "rest") if by != "subjects" else PEOPLE
    groups = score(X, T, ci=Resampling(by, method="analytic"), subjects=PEOPLE, groups=labels).groups
    assert (groups[0].ci, groups[0].standard_error) == (None, None)
    assert (groups[-1].ci is None) == (by == "subjects")
    if by != "subjects":
        found = message_of(score, X, T[:1], ci=Resampling(by, method="analytic"))
        assert found.startswith("triplets must be of at least two ") and found.endswith(f" over {by}; got one")
    same_set = np.array([[0, 1, 2], [2, 0, 1], [2, 1, 0]])
    if by == "objects":
        assert message_of(score, X, same_set, ci=Resampling(by, method="analytic")).endswith("got one")


def test_resamples_that_leave_no_triplet_are_one_clear_line(message_of):
    message = message_of(score, X, T[:2], ci=Resampling("objects", resamples=64))
    assert message.startswith("triplets must be enough for every resample of objects to leave one; ")
    assert message.endswith(" of 64 resamples leave none")


def test_strings_may_come_as_objects_as_from_a_column_of_pandas():
    names = np.array([f"person {k}" for k in PEOPLE])
    options = {"ci": Resampling("subjects", resamples=64)}
    found = score(X, T, subjects=names.astype(object), groups=names.astype(object), **options)
    assert found == score(X, T, subjects=names, groups=names, **options)


def test_people_may_have_any_labels():
    names = [f"person {k}" for k in PEOPLE]
    by_name = score(X, T, ci=Resampling("subjects", method="analytic"), subjects=names)
    assert by_name.standard_error == pytest.approx(
        score(X, T, ci=Resampling("subjects", method="analytic"), subjects=900 - 7 * PEOPLE).standard_error, rel=1e-12
    )

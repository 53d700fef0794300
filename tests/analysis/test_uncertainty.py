"""Standard errors and intervals: against plain definitions, on every backend, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t as student
from support import NATIVE, clustered_error, degrees_of, draw_triplets, reals, seeds, whole, wilson

from pyalign import TripletProbe, Triplets, predict_dimensions, score
from pyalign.analysis.outcomes import ChoiceModel, scaled, triplet_outcomes, values_of
from pyalign.ops.resample import OBJECTS, SUBJECTS, multiplicities
from pyalign.probing.held_out import scored
from pyalign.stats.resampling import BY, Resampling

X, T = whole(1, 40, 6), draw_triplets(1, 40, 1500)
PEOPLE = np.arange(1500) % 13
DRAWN = {"objects": "pigeonhole", "triplets": "bootstrap", "subjects": "bootstrap"}  # resamples as they are
PLANS = [Resampling(by) for by in BY]
PLANS += [Resampling(by, "bootstrap", 70, seed=5) for by in DRAWN] + [Resampling("objects", "pigeonhole", 70, seed=5)]


def named(plan):
    return f"{plan.method}-{plan.by}"


@pytest.fixture(params=PLANS, ids=named)
def plan(request):
    """Everything that intervals can be over, in every way."""
    return request.param


def credits_of(x, triplets, **options):
    """(t,) what each triplet counts, scored by itself."""
    return np.array([score(x, row[None], **options).accuracy for row in triplets])


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
        ci=Resampling(by, DRAWN[by], 128, seed=3, confidence_level=0.9),
    )
    np.testing.assert_allclose(found.ci, np.quantile(means[:, 0], [0.05, 0.95]), rtol=1e-12)
    np.testing.assert_allclose(found.standard_error, means[:, 0].std(ddof=1), rtol=1e-12)
    # Cross-entropies are resampled in steps of 1 / 32,767 of the largest.
    np.testing.assert_allclose(found.cross_entropy.ci, np.quantile(means[:, 1], [0.05, 0.95]), atol=2e-5)
    np.testing.assert_allclose(found.cross_entropy_standard_error, means[:, 1].std(ddof=1), rtol=1e-3)


def test_are_the_same_on_every_backend(backend, plan):
    options = {"measure": "dot", "temperature": 30.0, "ci": plan, "subjects": PEOPLE}
    expected, found = (score(X, T, **options, backend=name) for name in ("numpy", backend))
    assert tuple(found.ci) == pytest.approx(tuple(expected.ci), rel=1e-12)
    assert found.standard_error == pytest.approx(expected.standard_error, rel=1e-12)
    if plan.method == DRAWN.get(plan.by):
        assert (found.ci, found.standard_error) == (expected.ci, expected.standard_error)
    np.testing.assert_allclose(found.cross_entropy.ci, expected.cross_entropy.ci, atol=1e-6)
    assert found.accuracy == expected.accuracy == score(X, T, measure="dot").accuracy


def test_are_the_same_for_any_number_of_threads(set_threads, plan):
    results = []
    for threads in (1, 2, 5):
        set_threads(threads)
        results.append(score(X, T, measure="dot", ci=plan, subjects=PEOPLE))
    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize("by", DRAWN)
def test_another_seed_draws_others(by):
    one, same, other = (score(X, T, ci=Resampling(by, "bootstrap", 64, seed=s), subjects=PEOPLE) for s in (0, 0, 1))
    assert one == same and one.ci != other.ci


# In closed form


@pytest.mark.parametrize("by", BY)
def test_the_closed_form_is_the_double_sum_over_dependent_triplets(by):
    """With the accuracy in single triplets' credits, and the cross-entropy in those that they have alone."""
    triplets, people = T[:150], PEOPLE[:150]
    found = score(X, triplets, measure="dot", temperature=9.0, ci=Resampling(by, confidence_level=0.8), subjects=people)
    rows = [score(X, row[None], measure="dot", temperature=9.0) for row in triplets]
    for name, interval, rel in (("accuracy", found.ci, 1e-9), ("cross_entropy", found.cross_entropy.ci, 1e-4)):
        values = [getattr(row, name) for row in rows]
        error = clustered_error(values, triplets, by, people)
        reach = student.ppf(0.9, degrees_of(values, triplets, by, people))
        assert interval.error == pytest.approx(error, rel=rel)
        mean = getattr(found, name)
        expected = mean - reach * error, mean + reach * error
        if name == "accuracy":
            expected = wilson(mean, error, reach)
        assert tuple(interval) == pytest.approx(expected, rel=rel)
        assert (interval.by, interval.method, interval.confidence) == (by, "corrected", 0.8)
    assert found.inference.resamples is None and found.inference.seed is None


def test_people_and_objects_count_together_where_both_are_known():
    """By default; an error over both is below neither of the two."""
    errors = {by: score(X, T, measure="dot", ci=by, subjects=PEOPLE).standard_error for by in BY}
    assert errors["objects+subjects"] >= max(errors["objects"], errors["subjects"])
    assert score(X, T, measure="dot", ci="auto", subjects=PEOPLE).ci.by == "objects+subjects"
    assert score(X, T, measure="dot", ci="auto").ci.by == "objects"
    assert score(X, T, measure="dot", ci="auto", subjects=[3] * 1500).ci.by == "objects"
    x, of_others = X.copy(), (T == 7).any(axis=1)
    x[7] = np.nan  # all that others have answered: one person is left
    assert score(x, T, ci="auto", nan_policy="omit", subjects=of_others.astype(int)).ci.by == "objects"
    assert score(X, T, measure="dot") == score(X, T, measure="dot", ci="auto")
    assert score(X, T, measure="dot", ci=None).ci is None


def test_triplets_without_answers_have_no_interval_and_need_none(message_of):
    asked = Triplets(T, answered=False)
    assert score(X, asked).ci is score(X, asked, ci=Resampling("auto", confidence_level=0.9)).ci is None
    told = "ci needs human choices, which these triplets do not hold"
    assert message_of(score, X, asked, ci="objects") == told


def test_what_reads_no_interval_does_not_compute_one(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("an interval that nobody reads")

    monkeypatch.setattr("pyalign.analysis.score_choices.Asked.with_intervals", refuse)
    few = T[:200]
    assert TripletProbe(penalty=10.0).fit(X, few).score(X, few) > 0
    assert scored(X, few, None, "dot").accuracy > 0
    assert predict_dimensions(X, np.abs(X), triplets=few, ci=None)[0].accuracy > 0


# By resamples


def test_bootstrap_and_closed_form_agree_where_they_measure_the_same():
    """For triplets and for people: within five standard errors of a standard deviation from 4,000 resamples."""
    for by in ("triplets", "subjects"):
        bootstrap, closed = (
            score(X, T, measure="dot", ci=plan, subjects=PEOPLE)
            for plan in (Resampling(by, "bootstrap", 4000), Resampling(by))
        )
        few = 1 / np.sqrt(1 - 1 / 13) if by == "subjects" else 1.0  # of 13 people a pair is dependent in one of 13
        assert bootstrap.standard_error * few == pytest.approx(closed.standard_error, rel=5 / np.sqrt(8000))


@given(seeds, st.integers(14, 30), st.integers(200, 400))
def test_the_bootstrap_over_objects_has_exactly_the_corrected_error(seed, n, t):
    """And the shape of the pigeonhole: its deviations from the estimate, all by the same factor."""
    x, triplets = reals(seed, n, 4), draw_triplets(seed, n, t)
    plans = Resampling("objects"), Resampling("objects", "bootstrap", 300), Resampling("objects", "pigeonhole", 300)
    closed, bootstrap, pigeonhole = (score(x, triplets, ci=one) for one in plans)
    assert bootstrap.standard_error == pytest.approx(closed.standard_error, rel=1e-9)
    assert bootstrap.cross_entropy_standard_error == pytest.approx(closed.cross_entropy_standard_error, rel=1e-9)
    factor = closed.standard_error / pigeonhole.standard_error
    moved = [found.accuracy + factor * (end - found.accuracy) for found in [pigeonhole] for end in found.ci]
    assert tuple(bootstrap.ci) == pytest.approx(moved, rel=1e-9)
    assert (bootstrap.ci.method, pigeonhole.ci.method) == ("bootstrap", "pigeonhole")


def test_the_pigeonhole_is_wider_than_the_closed_form():
    """Up to sqrt(7) times, where triplets hardly depend on each other."""
    x, triplets = reals(9, 200, 6), draw_triplets(9, 200, 1000)
    plans = Resampling("objects", "pigeonhole"), Resampling("objects")
    pigeonhole, closed = (score(x, triplets, ci=one).standard_error for one in plans)
    assert 1.5 * closed < pigeonhole < np.sqrt(7) * 1.1 * closed


def test_resamples_that_do_not_differ_are_not_spread():
    means = np.full((9, 2), 0.5)
    assert (scaled(means, np.full(2, 0.5), np.array([0.1, 0.0])) == 0.5).all()
    assert np.isnan(scaled(means, np.full(2, 0.5), np.array([np.nan, 0.1]))[:, 0]).all()


def test_left_out_triplets_are_left_out_of_the_intervals(plan):
    x = X.copy()
    x[7] = np.nan
    kept = (T != 7).all(axis=1)
    found = score(x, T, nan_policy="omit", ci=plan, subjects=PEOPLE)
    alone = score(np.nan_to_num(x), T[kept], ci=plan, subjects=PEOPLE[kept])
    assert (found.ci, found.standard_error) == (alone.ci, alone.standard_error)


def test_groups_are_scored_each_by_itself():
    labels = np.array(["a", "b", "c"])[np.arange(1500) % 7 % 3]
    found = score(X, T, measure="dot", groups=labels, ci=None)
    assert [group.group for group in found.groups] == ["a", "b", "c"]
    for group in found.groups:
        alone = score(X, T[labels == group.group], measure="dot")
        assert (group.accuracy, group.n_triplets) == (pytest.approx(alone.accuracy, rel=1e-14), alone.n_triplets)
        assert group.cross_entropy == pytest.approx(alone.cross_entropy, rel=1e-6)
        assert group.ci is None
    with_ci = score(X, T, measure="dot", groups=labels, ci=Resampling("objects", "pigeonhole", 100))
    for group in with_ci.groups:
        assert group.ci[0] < group.accuracy < group.ci[1] and group.standard_error > 0
    assert with_ci.ci == score(X, T, measure="dot", ci=Resampling("objects", "pigeonhole", 100)).ci
    one = score(X, T, groups=np.zeros(1500, int), ci=Resampling("objects", "pigeonhole", 100))
    assert one.groups[0].ci == pytest.approx(one.ci, rel=1e-12) and one.groups[0].standard_error > 0


def test_a_group_that_resamples_miss_has_no_interval():
    labels = np.arange(1500) == 3
    rare = score(X, T, groups=labels, ci=Resampling("objects", "pigeonhole", 100)).groups[1]
    assert rare.group == "True" and rare.n_triplets == 1 and rare.ci is None and rare.standard_error is None


def test_groups_meet_the_resamples_of_all_people():
    """A group without the last persons is drawn among all of them: many resamples hold nobody of it."""
    few = np.where(PEOPLE < 2, "few", "rest")
    found = score(X, T, measure="dot", groups=few, ci=Resampling("subjects", "bootstrap", 100), subjects=PEOPLE)
    assert found.groups[0].ci is None
    half = score(
        X, T, measure="dot", groups=PEOPLE < 9, ci=Resampling("subjects", "bootstrap", 100), subjects=PEOPLE
    ).groups[1]
    members = np.isin(PEOPLE, np.arange(9))
    credits = np.array([score(X, row[None], measure="dot").accuracy for row in T[members]])
    w = multiplicities(13, 0, 100, seed=0, stream=SUBJECTS)[PEOPLE[members]].astype(np.int64)
    means = (w * credits[:, None]).sum(axis=0) / w.sum(axis=0)
    np.testing.assert_allclose(half.ci, np.quantile(means, [0.025, 0.975]), rtol=1e-12)


@pytest.mark.parametrize("method", ["corrected", "bootstrap"])
def test_people_whose_answers_were_all_left_out_are_not_drawn(message_of, method):
    x = X.copy()
    x[7] = np.nan
    touched = (T == 7).any(axis=1)
    options = {"nan_policy": "omit", "ci": Resampling("subjects", method, None if method == "corrected" else 64)}
    found = score(x, T, subjects=np.where(touched, 99, PEOPLE), **options)
    alone = score(X, T[~touched], subjects=PEOPLE[~touched], **options)
    assert (found.ci, found.standard_error) == (alone.ci, alone.standard_error)
    message = message_of(score, x, T, subjects=touched.astype(int), **options)
    assert message.startswith("subjects must be at least two participants")


@pytest.mark.parametrize("backend", ["numpy", NATIVE])
def test_the_smallest_cross_entropies_are_counted_in_steps(backend):
    x = np.array([[1.0], [1.0], [0.0], [2.0], [2.0]], np.float32)
    outcomes = triplet_outcomes(x, [[0, 1, 2], [3, 4, 2]], ChoiceModel("dot", 1 / 95), backend)
    assert 0 < outcomes.cross_entropy[0] < 1e-37
    values, units = values_of(outcomes)
    assert values[1, 0] == 32767
    assert (values[1] * units[1]).tolist() == pytest.approx(outcomes.cross_entropy.tolist(), rel=1e-4, abs=0)


def test_random_rows_have_an_interval_that_covers_a_third():
    x, triplets = reals(8, 300, 20), draw_triplets(8, 300, 20_000)
    low, high = score(x, triplets, ci="objects").ci
    assert low < 1 / 3 < high


def test_a_constant_model_is_at_chance_without_doubt(plan):
    """All triplets tie: a third of a credit each, in every resample."""
    found = score(np.ones((40, 3)), T, ci=plan, subjects=PEOPLE)
    assert found.ci == pytest.approx((1 / 3, 1 / 3), rel=1e-12) and found.standard_error < 1e-15


def test_fraction_of_ceiling_runs_from_chance_to_the_ceiling():
    found = score(X, T, measure="dot", ceiling=0.6722)
    assert found.fraction_of_ceiling == pytest.approx((found.accuracy - 1 / 3) / (0.6722 - 1 / 3))
    assert score(np.ones((40, 3)), T, ceiling=0.6722).fraction_of_ceiling == pytest.approx(0, abs=1e-12)


def test_all_of_it_can_be_written_as_json():
    import json

    found = score(X, T, ci=Resampling("objects", "pigeonhole", 64), groups=np.arange(1500) % 2)
    again = json.loads(json.dumps(found.only.to_dict()))
    assert again["ci"] == list(found.ci) and again["groups"][0]["n_triplets"] == 750


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ci": "items"}, "ci must be one of auto, objects, subjects, objects+subjects, triplets; got 'items'"),
        (
            {"ci": 95},
            "ci must be a word (auto, objects, subjects, objects+subjects, triplets), a Resampling or None; got int",
        ),
        (
            {"ci": "subjects"},
            "subjects must identify who answered each triplet for intervals over participants; got none",
        ),
        (
            {"ci": "objects+subjects"},
            "subjects must identify who answered each triplet for intervals over participants; got none",
        ),
        ({"ci": "subjects", "subjects": [1, 2]}, "subjects must have one entry per triplet, shape (1500,); got (2,)"),
        (
            {"ci": "subjects", "subjects": [4] * 1500},
            "subjects must be at least two participants, so that one can be left out; got [4]",
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
        ({"method": "exact"}, "ci_method must be one of corrected, bootstrap, pigeonhole, half-samples; got 'exact'"),
        ({"confidence_level": 95}, "confidence_level must lie between 0 and 1; got 95"),
        ({"confidence_level": "high"}, "confidence_level must lie between 0 and 1; got 'high'"),
        ({"n_resamples": 1}, "n_resamples must be a whole number from 2 to 2,147,483,647; got 1"),
        ({"n_resamples": 1e3}, "n_resamples must be a whole number from 2 to 2,147,483,647; got 1000.0"),
        (
            {"method": "corrected", "n_resamples": 64},
            "n_resamples are those of ci_method bootstrap or pigeonhole; got 64 for corrected",
        ),
        ({"seed": -1}, "seed must be a whole number from 0 to 2,147,483,647; got -1"),
    ],
)
def test_bad_options_of_a_resampling_are_one_clear_line(message_of, options, message):
    assert message_of(Resampling, "objects", **options).startswith(message)


# No interval


@pytest.mark.parametrize("by", BY)
def test_a_single_row_has_no_interval_in_closed_form_but_a_note(by):
    """Neither 0 nor NaN nor infinity nor an error: None, for a group and for the whole."""
    labels = np.where(np.arange(1500) == 3, "one", "rest")
    one, rest = score(X, T, ci=by, subjects=PEOPLE, groups=labels).groups
    assert (one.ci, one.standard_error) == (None, None)
    assert rest.ci is not None
    if "subjects" not in by:  # which are at least two participants
        found = score(X, T[:1], ci=by)
        assert (found.ci, found.cross_entropy.ci, found.standard_error) == (None, None, None)
        assert sum(note.startswith(f"there is no interval over {by}: ") for note in found.notes) == 1
        assert str(found).startswith(f"{found.table()}\nnote: ")


@pytest.mark.parametrize("n", [3, 4, 5])
def test_triplets_of_five_objects_have_no_interval_over_objects(n):
    """Any two of them share one; over the triplets themselves there is an interval, where there are two or more."""
    x, triplets, people = reals(1, n, 3), draw_triplets(2, n, 60), np.arange(60) % 4
    for by in ("objects", "objects+subjects"):
        found = score(x, triplets, ci=by, subjects=people)
        assert found.ci is None and found.cross_entropy.ci is None
        start = f"there is no interval over {by.replace('+', ' and ').replace('subjects', 'participants')}: "
        assert sum(note.startswith(start) for note in found.notes) == 1
    assert score(x, triplets, ci="auto").ci is None
    found = score(x, triplets, ci="triplets")
    notes = [note for note in found.notes if "no interval" in note]
    assert (found.ci is None, len(notes)) == ((True, 1) if n == 3 else (False, 0))


def test_a_bootstrap_has_no_interval_of_few_objects_either():
    x, triplets = reals(1, 5, 3), draw_triplets(2, 5, 60)
    for method in ("bootstrap", "pigeonhole"):
        found = score(x, triplets, ci=Resampling("objects", method, 3, seed=1))  # each leaves some
        assert found.ci is None
        assert any(note.startswith("there is no interval over objects") for note in found.notes)


def test_resamples_that_leave_no_triplet_are_one_clear_line(message_of):
    message = message_of(score, X, np.arange(9).reshape(3, 3), ci=Resampling("objects", "pigeonhole", 64))
    assert message.startswith("triplets must be enough for every resample of objects to leave one; ")
    assert message.endswith(" of 64 resamples leave none")


def test_strings_may_come_as_objects_as_from_a_column_of_pandas():
    names = np.array([f"person {k}" for k in PEOPLE])
    options = {"ci": Resampling("subjects", "bootstrap", 64)}
    found = score(X, T, subjects=names.astype(object), groups=names.astype(object), **options)
    assert found == score(X, T, subjects=names, groups=names, **options)


def test_people_may_have_any_labels():
    names = [f"person {k}" for k in PEOPLE]
    by_name = score(X, T, ci=Resampling("subjects"), subjects=names)
    assert by_name.standard_error == pytest.approx(
        score(X, T, ci=Resampling("subjects"), subjects=900 - 7 * PEOPLE).standard_error, rel=1e-12
    )

"""Resampling of objects, rows and people, and what is made of the replicates."""

from __future__ import annotations

import inspect
import math
import re
from itertools import combinations
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t as student
from support import draw_triplets, seeds

import pyalign
from pyalign.data import Subjects
from pyalign.data.answers import checked_labels
from pyalign.ops.resample import OBJECTS, SUBJECTS, multiplicities, pair_sums
from pyalign.stats.intervals import FRACTION, POSITIVE, percentile_interval, student_interval
from pyalign.stats.resampling import (
    AUTO, BY, METHODS, Clusters, Inference, IntervalsOver, Resampling, as_resampling, plan_of, replicates, require_rows,
    subject_codes,
)


def draw_pairs(seed, n, p):
    return draw_triplets(seed, n, p)[:, :2]


def values_of(seed, v, t):
    return np.random.default_rng(seed).integers(-(2**15), 2**15, (v, t)).astype(np.int16)


# Pairs


@given(
    seeds, st.integers(3, 40), st.sampled_from([1, 2, 100, 4095, 4096, 4097]), st.integers(0, 3), st.integers(1, 130)
)
def test_sums_over_pairs_are_those_of_a_plain_loop(seed, n, p, v, b):
    pairs, values = draw_pairs(seed, n, p), values_of(seed, v, p)
    sums = pair_sums(pairs, n, values, n_resamples=b, seed=3)
    assert (sums.shape, sums.dtype) == ((b, 1 + v), np.int64)
    times = multiplicities(n, 0, -(-b // 64) * 64, seed=3, stream=OBJECTS).astype(int)
    for k in {0, b // 2, b - 1}:
        expected = [0] * (1 + v)
        for row, (i, j) in enumerate(pairs.tolist()):
            weight = int(times[i, k]) * int(times[j, k])
            expected[0] += weight
            for one in range(v):
                expected[1 + one] += weight * int(values[one, row])
        assert sums[k].tolist() == expected


def test_sums_over_pairs_do_not_depend_on_threads(set_threads):
    pairs, values = draw_pairs(0, 50, 9000), values_of(0, 2, 9000)
    found = []
    for threads in (1, 2, 3):
        set_threads(threads)
        found.append(pair_sums(pairs, 50, values, n_resamples=100))
    assert all(np.array_equal(found[0], other) for other in found)


def test_more_resamples_keep_the_first_and_another_seed_has_others():
    pairs, values = draw_pairs(0, 50, 300), values_of(0, 1, 300)
    few, many = (pair_sums(pairs, 50, values, n_resamples=b, seed=1) for b in (70, 700))
    assert np.array_equal(many[:70], few)
    assert not np.array_equal(pair_sums(pairs, 50, values, n_resamples=70, seed=2), few)


def test_pairs_tell_how_far_they_are():
    told = []
    pair_sums(draw_pairs(0, 9, 5), 9, values_of(0, 1, 5), n_resamples=600, progress=lambda *now: told.append(now))
    assert told == [("resamples", 512, 600), ("resamples", 600, 600)]


# Replicates


@given(seeds, st.sampled_from(["objects", "triplets", "subjects"]), st.sampled_from([2, 3]))
def test_replicates_are_weighted_means(seed, by, k):
    rows, values = draw_triplets(seed, 9, 60)[:, :k], values_of(seed, 2, 60)
    people = np.random.default_rng(seed).integers(0, 4, 60)
    clusters = Clusters.of(rows, people)
    plan = Resampling(by, "bootstrap", 64, seed=7)
    means = replicates(clusters, values, plan)
    assert means.shape == (64, 2)
    if by == "triplets":  # whose weights are their own; the mean of equal values is that value
        assert np.array_equal(replicates(clusters, np.full((1, 60), 5, np.int16), plan), np.full((64, 1), 5.0))
        return
    drawn, codes = (clusters.objects, clusters.n), (clusters.subjects[:, None], clusters.people)
    index, n = drawn if by == "objects" else codes
    stream = OBJECTS if by == "objects" else SUBJECTS
    weights = multiplicities(n, 0, 64, seed=7, stream=stream)[index].astype(int).prod(axis=1)
    with np.errstate(invalid="ignore"):
        expected = (values.astype(int) @ weights) / weights.sum(axis=0)
    np.testing.assert_allclose(means, expected.T, rtol=1e-13, atol=1e-10)


@pytest.mark.parametrize("weighted", [False, True])
def test_over_triplets_all_answers_to_one_are_drawn_together(weighted):
    """Rows in any order, which show the three objects in any order: the means are those of sums over the triplets."""
    rng = np.random.default_rng(0)
    triplets, times = rng.permutation([*combinations(range(7), 3)]), rng.integers(1, 6, 35)
    shown = np.concatenate(
        [np.arange(35), rng.permutation(np.repeat(np.arange(35), times - 1))]
    )  # each once, then more
    rows, values = rng.permuted(triplets[shown], axis=1), values_of(3, 1, 35)
    weights = rng.integers(1, 4, 35)[shown].astype(float) if weighted else None
    plan = Resampling("triplets", "bootstrap", 64, seed=7)
    found = replicates(Clusters.of(rows, weights=weights), values[:, shown], plan)
    expected = replicates(Clusters.of(triplets, weights=np.bincount(shown, weights).astype(float)), values, plan)
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_a_resample_that_leaves_no_row_is_not_a_number_and_is_refused(message_of):
    clusters = Clusters.of([[0, 1]])
    plan = Resampling("objects", "bootstrap", 64)
    means = replicates(clusters, np.ones((1, 1), np.int16), plan)
    empty = int(np.isnan(means).sum())
    assert 0 < empty < 64
    assert message_of(require_rows, means, plan) == (
        f"triplets must be enough for every resample of objects to leave one; {empty} of 64 resamples leave none"
    )


def test_objects_are_those_that_occur():
    clusters = Clusters.of([[4, 9], [9, 2]])
    assert (clusters.objects.tolist(), clusters.n, clusters.people) == ([[1, 2], [2, 0]], 3, 0)
    part = clusters.take(np.array([1]))
    assert (part.objects.tolist(), part.n) == ([[2, 0]], 3)


def test_people_must_be_known_to_be_drawn(message_of):
    clusters = Clusters.of(draw_triplets(0, 9, 5))
    message = message_of(replicates, clusters, np.ones((1, 5), np.int16), Resampling("subjects", "bootstrap"))
    assert message == "subjects must identify who answered each triplet for intervals over participants; got none"


def test_replicates_of_objects_are_the_same_by_both_bootstraps():
    clusters, values = Clusters.of(draw_triplets(0, 20, 200)), values_of(0, 3, 200)
    one, other = (replicates(clusters, values, Resampling("objects", m, 70)) for m in ("bootstrap", "pigeonhole"))
    assert np.array_equal(one, other)


# The plan


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (
            {"by": "object"},
            "ci must be one of auto, objects, subjects, objects+subjects, triplets; got 'object': did you mean "
            "'objects'?",
        ),
        (
            {"method": "bootstraps"},
            "ci_method must be one of corrected, bootstrap, pigeonhole, half-samples; got 'bootstraps': did you mean "
            "'bootstrap'?",
        ),
        (
            {"method": "analytic"},
            "ci_method must be one of corrected, bootstrap, pigeonhole, half-samples; got 'analytic'",
        ),
        ({"confidence_level": 95}, "confidence_level must lie between 0 and 1; got 95"),
        ({"confidence_level": 0.0}, "confidence_level must lie between 0 and 1; got 0.0"),
        (
            {"method": "corrected", "n_resamples": 99},
            "n_resamples are those of ci_method bootstrap or pigeonhole; got 99 for corrected",
        ),
        ({"by": "triplets", "method": "pigeonhole"}, "ci_method pigeonhole draws objects; got ci 'triplets'"),
        ({"by": "subjects", "method": "pigeonhole"}, "ci_method pigeonhole draws objects; got ci 'subjects'"),
        ({"n_resamples": 1}, "n_resamples must be a whole number from 2 to 2,147,483,647; got 1"),
        ({"n_resamples": 10.0}, "n_resamples must be a whole number from 2 to 2,147,483,647; got 10.0"),
        ({"seed": -1}, "seed must be a whole number from 0 to 2,147,483,647; got -1"),
    ],
)
def test_a_plan_is_checked_when_it_is_made(message_of, options, expected):
    assert message_of(lambda: Resampling(**{"by": "objects", **options})).replace("; did", ": did") == expected


def test_ci_is_a_name_a_plan_or_nothing(message_of):
    plan = Resampling("triplets", "bootstrap", 9)
    assert as_resampling(plan) is plan
    assert as_resampling("subjects") == Resampling("subjects", "corrected", None, 0.95, 0)
    assert as_resampling(None) is None
    assert message_of(as_resampling, True) == (
        "ci must be a word (auto, objects, subjects, objects+subjects, triplets), a Resampling or None; got bool"
    )
    assert message_of(as_resampling, "none") == "ci must be None for no intervals; got 'none'"
    assert get_args(IntervalsOver)[1:] == (Resampling, type(None))
    assert get_args(get_args(IntervalsOver)[0]) == (AUTO, *BY)


def test_resamples_ask_for_the_bootstrap_of_means_over_triplets(message_of):
    assert as_resampling(Resampling("objects", n_resamples=50)) == Resampling("objects", "bootstrap", 50)
    assert [Resampling("objects", *given).closed for given in ((), ("corrected",), ("bootstrap",), (None, 50))] == [
        True, True, False, False
    ]
    told = "ci objects+subjects needs the closed form, without resamples; got 'bootstrap'"
    assert message_of(as_resampling, Resampling("objects+subjects", "bootstrap")) == told
    assert message_of(as_resampling, Resampling("objects+subjects", n_resamples=50)) == told


def test_an_analysis_takes_what_it_can_draw_by_the_methods_that_it_has(message_of):
    half = ("half-samples",)
    assert plan_of("auto", ("objects",), half) == Resampling("auto", "half-samples")
    assert plan_of(Resampling("objects", n_resamples=9), ("objects",), half) == Resampling("objects", "half-samples", 9)
    assert plan_of(Resampling("auto", n_resamples=9), BY, METHODS[:2]).method == "bootstrap"
    assert (
        message_of(plan_of, "triplets", ("objects",), half) == "ci must be auto, objects or none here; got 'triplets'"
    )
    told = "ci_method must be corrected or bootstrap or pigeonhole here; got 'half-samples'"
    assert message_of(as_resampling, Resampling("objects", "half-samples")) == told
    asked = Resampling("objects", "pigeonhole")
    told = "ci_method must be corrected or bootstrap here; got 'pigeonhole'"
    assert message_of(plan_of, asked, BY, METHODS[:2]) == told


def test_a_bootstrap_draws_a_thousand_where_nobody_says_how_many():
    assert [Resampling("objects", "bootstrap", b).drawn for b in (None, 1000, 77)] == [1000, 1000, 77]
    assert {Resampling(by).n_resamples for by in BY} == {None}


@pytest.mark.parametrize(
    ("subjects", "by"),
    [
        (None, "objects"),
        ([], "objects"),
        (["a"], "objects"),
        (["a", "a", "a"], "objects"),
        ([3, 3], "objects"),
        (["a", "b", "c"], "objects"),
        (["a"] * 30 + ["b", "c", "d", "e"], "objects"),  # an effective number of 1.3 people
        (["a", "b", "c", "d", "a"], "objects+subjects"),
        (np.array([7, 8, 9, 10]), "objects+subjects"),
        (np.array(list("xyzw"), object), "objects+subjects"),
        (Subjects(np.array([1, 1], np.int32), ("ann", "bob")), "objects"),
        (Subjects(np.array([1, 0, 2, 3], np.int32), ("ann", "bob", "cat", "dan")), "objects+subjects"),
    ],
)
def test_an_interval_that_nobody_has_named_counts_people_where_enough_are_known(subjects, by):
    assert as_resampling("auto").over(subjects) == Resampling(by, "corrected")
    assert Resampling("auto", confidence_level=0.5, seed=3).over(subjects) == Resampling(
        by, confidence_level=0.5, seed=3
    )
    assert Resampling("auto", "bootstrap", 9).over(subjects) == Resampling("objects", "bootstrap", 9)
    assert Resampling("triplets").over(subjects) == Resampling("triplets")


def test_score_and_compare_take_a_plan():
    x, triplets = np.random.default_rng(0).normal(size=(20, 3)), draw_triplets(1, 20, 200)
    for method, drawn in (("bootstrap", 128), ("pigeonhole", 128), ("corrected", None)):
        plan = Resampling("objects", method, drawn, confidence_level=0.5, seed=4)
        found = pyalign.score(x, triplets, ci=plan)
        told = (None, None) if drawn is None else (128, 4)
        assert (found.inference.resamples, found.inference.seed) == told
        assert (found.ci.confidence, found.ci.by, found.ci.method) == (0.5, "objects", method)
        other = pyalign.compare({"a": x, "b": -x}, triplets, ci=plan)
        assert other.inference == Inference("objects", method, 0.5, drawn, 4)
        assert tuple(other.models[0].ci) == pytest.approx(tuple(found.ci), rel=1e-12)


RUNS = {
    "score": lambda x, t, **ci: pyalign.score(x, t, **ci),
    "score_choices": lambda x, t, **ci: pyalign.score_choices(t[:, 0] % 3, t, **ci),
    "rsa": lambda x, t, **ci: pyalign.rsa(x, 1 - np.corrcoef(x), kind="dissimilarity", **ci),
    "neighborhoods": lambda x, t, **ci: pyalign.neighborhoods(x, -x, k=3, n_permutations=0, **ci),
    "error_consistency": lambda x, t, **ci: pyalign.error_consistency({"a": x, "b": -x}, t, **ci),
    "compare": lambda x, t, **ci: pyalign.compare({"a": x, "b": -x}, t, **ci),
    "score_concepts": lambda x, t, **ci: pyalign.score_concepts(x, t, categories=list("ab" * 10), **ci),
    "predict_dimensions": lambda x, t, **ci: pyalign.predict_dimensions(x, abs(x), **ci),
    "agreement": lambda x, t, **ci: pyalign.agreement(
        x, t[:40], answers=np.random.default_rng(2).integers(1, 9, (40, 3)), **ci
    ),
    "calibrate": lambda x, t, **ci: pyalign.calibrate(x, t, split=None, **ci),
    "transfer": lambda x, t, **ci: pyalign.transfer(x, stretched(x.shape[1]), {"t": t}, k=3, **ci),
    "cka": lambda x, t, **ci: pyalign.cka({"a": x, "b": -(x**3), "c": x[:, :2]}, n_permutations=0, **ci),
}


def stretched(d):
    return pyalign.Transform(np.diag(np.arange(1.0, d + 1)), None, 0.0, 1.0)


OVER = ("IntervalsOver", "OverObjects", "OverMatrices", "OverAnswers")


def functions_with_intervals():
    named = {name: getattr(pyalign, name) for name in pyalign.__all__ if name[0].islower()}
    return {name: one for name, one in named.items() if callable(one) and "ci" in inspect.signature(one).parameters}


def test_intervals_are_asked_for_in_one_way_by_every_function():
    functions = functions_with_intervals()
    # Those of the last two: probing/test_held_out.py and embedding/test_embedding_cross_validation.py.
    assert set(functions) == {*RUNS, "cross_validate_probe", "cross_validate_embedding"}
    for name, function in functions.items():
        options = inspect.signature(function).parameters
        assert options["ci"].default == "auto" and options["ci"].annotation in OVER
        own = {"cross_validate_embedding": {"n_resamples"}, "cka": {"confidence_level"}}.get(name, set())
        assert not ({"ci_method", "n_resamples", "confidence_level"} - own) & set(options)


@pytest.mark.parametrize("name", RUNS)
def test_every_function_gives_intervals_unless_they_are_left_out(message_of, name):
    x, triplets = np.random.default_rng(0).normal(size=(20, 6)), draw_triplets(1, 20, 100)
    plain, auto, bare = (RUNS[name](x, triplets, **ci) for ci in ({}, {"ci": "auto"}, {"ci": None}))
    assert plain == auto and plain.provenance.options["ci"] and bare.provenance.options["ci"] is None
    intervals = [re.findall(r'"\w*ci": \[', found.to_json()) for found in (plain, bare)]
    assert intervals[0] and not intervals[1]
    plan = pyalign.Resampling("objects", confidence_level=0.5)
    assert '"confidence": 0.5' in RUNS[name](x, triplets, ci=plan).to_json()
    assert message_of(RUNS[name], x, triplets, ci="none") == "ci must be None for no intervals; got 'none'"


@pytest.mark.parametrize(
    ("run", "of"),
    [
        (lambda x, **given: pyalign.rsa(
            x, 1 - np.corrcoef(np.tanh(x)), kind="dissimilarity", n_permutations=20, **given
        ), ""),
        (lambda x, **given: pyalign.neighborhoods(x, np.tanh(x[:, :3]), k=3, n_permutations=20, **given), ""),
        (lambda x, **given: pyalign.neighborhoods(
            x, categories=(x[:, 0] + x[:, 1] > 0).astype(int), k=3, n_permutations=20, **given
        ), "purity_"),
    ],
    ids=["rsa", "neighborhoods", "neighborhoods: purity"],
)
def test_resamples_have_the_seed_of_their_plan_and_permutations_that_of_the_call(run, of):
    x = np.random.default_rng(0).normal(size=(40, 6))
    plans = [Resampling("objects", n_resamples=20, seed=seed) for seed in (3, 4)]
    one, same, other = (run(x, ci=plan, seed=seed) for plan, seed in ((plans[0], 5), (plans[0], 6), (plans[1], 5)))
    first, again, drawn = ((found[0].purity if of else found[0]).ci for found in (one, same, other))
    assert first == again != drawn
    assert getattr(one[0], f"{of}p_value") == getattr(other[0], f"{of}p_value")
    said = one.to_dict()
    assert (said["seed"], one.provenance.seed, said["resamples"]) == (3, 5, 20)
    assert run(x, ci=None, seed=5).to_dict()["seed"] == 5


# Intervals


def test_an_interval_of_replicates_is_their_middle_share():
    means = np.random.default_rng(0).permutation(np.arange(1001.0))
    found = percentile_interval(means, Resampling("objects", "bootstrap", confidence_level=0.9))
    assert tuple(found) == pytest.approx((50.0, 950.0), rel=1e-12)
    assert found.error == pytest.approx(means.std(ddof=1))
    assert (found.by, found.method, found.confidence) == ("objects", "bootstrap", 0.9)
    assert percentile_interval(means[:1], Resampling("objects", "bootstrap")).error is None


@pytest.mark.parametrize("confidence", [0.5, 0.95, 0.6826894921370859])
@pytest.mark.parametrize("degrees", [1, 9, 1853, 10**9])
def test_an_interval_of_an_error_reaches_as_far_as_students_t(confidence, degrees):
    found = student_interval(0.5, 0.1, degrees, Resampling("triplets", confidence_level=confidence))
    reach = 0.1 * student.ppf(0.5 + confidence / 2, degrees)
    assert tuple(found) == pytest.approx((0.5 - reach, 0.5 + reach), rel=1e-9)
    assert (found.error, found.method, found.by, found.confidence) == (0.1, "corrected", "triplets", confidence)


def test_an_interval_stays_where_its_quantity_does():
    plan = Resampling("objects")
    assert student_interval(0.99, 0.1, 9, plan, FRACTION).high == 1.0
    assert student_interval(0.01, 0.1, 9, plan, FRACTION).low == 0.0
    assert student_interval(0.01, 0.1, 9, plan, POSITIVE).low == 0.0
    assert student_interval(0.99, 0.1, 9, plan, POSITIVE).high > 1.0
    assert student_interval(0.01, 0.1, 9, plan).low < 0.0
    assert all(math.isnan(end) for end in student_interval(0.5, math.nan, 9, plan, FRACTION))
    assert tuple(student_interval(0.5, 0.0, 9, plan)) == (0.5, 0.5)


# Labels of people


@pytest.mark.parametrize(
    ("labels", "codes"),
    [
        (["b", "a", "b"], [1, 0, 1]),
        ([30, 4, 30], [1, 0, 1]),
        (np.array([0.5, 0.25, 0.5]), [1, 0, 1]),
        (np.array(["x", "y", "x"], object), [0, 1, 0]),
        (Subjects(np.array([2, 0, 2], np.int32), ("4", "7", "30")), [1, 0, 1]),
    ],
    ids=["text", "numbers", "reals", "objects", "known"],
)
def test_people_are_counted_from_0(labels, codes):
    assert subject_codes(labels, 3).tolist() == codes


def test_people_in_a_column_of_pandas():
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    for dtype in (object, "string", "category"):
        assert subject_codes(pandas.Series(["b", "a", "b"], dtype=dtype, index=[5, 3, 9]), 3).tolist() == [1, 0, 1]


def test_known_people_give_their_labels():
    known = Subjects(np.array([1, 0, 1], np.int32), ("ann", "bob"))
    assert checked_labels(known, 3).tolist() == ["bob", "ann", "bob"]
    assert known.take([0]).codes.tolist() == [1]


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["a", "b"], "subjects must have one entry per triplet, shape (3,); got (2,)"),
        (np.array(["a", 1, "b"], object), "subjects must be numbers, or strings throughout; row 1 is 1"),
        ([0.5, np.nan, 1], "subjects must be finite; row 1 is nan"),
        ([True, False, True], "subjects must be numbers or strings; got dtype bool"),
        (["a", "a", "a"], "subjects must be at least two participants, so that one can be left out; got ['a']"),
    ],
)
def test_other_people_are_refused(message_of, labels, expected):
    assert message_of(subject_codes, labels, 3) == expected

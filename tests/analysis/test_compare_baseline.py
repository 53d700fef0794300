"""Models against one of them, and models that differ by less than a margin."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t as student
from support import draw_triplets, read_back, reals

import pyalign
from pyalign.report.page.sections.comparisons import _widest_difference
from pyalign.stats.intervals import upper_p
from pyalign.stats.multiple import corrected, equivalence_p
from pyalign.stats.resampling import Resampling

N, T = 60, draw_triplets(1, 60, 3000)
MODELS = {name: reals(k, N, 5) for k, name in enumerate("abcd")}
BOOTSTRAP = Resampling("triplets", "bootstrap", 400, seed=2)


# With a baseline


@pytest.mark.parametrize("ci", ["objects", "triplets", BOOTSTRAP, None])
@pytest.mark.parametrize("baseline", ["a", "c"])
def test_each_of_the_others_is_compared_with_the_baseline_alone(baseline, ci, tmp_path):
    found, every = pyalign.compare(MODELS, T, baseline=baseline, ci=ci), pyalign.compare(MODELS, T, ci=ci)
    assert [(pair.a, pair.b) for pair in found.pairs] == [(name, baseline) for name in MODELS if name != baseline]
    assert (
        found.baseline == baseline and found.models == every.models and read_back(found, tmp_path).pairs == found.pairs
    )
    known = {(pair.a, pair.b): pair for pair in every.pairs}
    for pair in found.pairs:
        same = known.get((pair.a, pair.b)) or known[pair.b, pair.a]
        sign = 1.0 if (same.a, same.b) == (pair.a, pair.b) else -1.0
        assert pair.difference == sign * same.difference and pair.p_value == same.p_value
        assert (pair.ci is None) == (ci is None)
    assert [pair.p_adjusted for pair in found.pairs] == corrected([pair.p_value for pair in found.pairs], "holm")


def test_fewer_tests_need_less_correction():
    found, every = pyalign.compare(MODELS, T, baseline="a", ci="objects"), pyalign.compare(MODELS, T, ci="objects")
    for one, other in zip(found.pairs, every.pairs, strict=False):  # both begin with those of a
        assert {one.a, one.b} == {other.a, other.b}
        assert one.p_value <= one.p_max_t <= other.p_max_t and one.p_adjusted <= other.p_adjusted
        width, wide = one.simultaneous_ci.high - one.simultaneous_ci.low, other.simultaneous_ci
        assert one.ci.high - one.ci.low < width < wide.high - wide.low


def test_of_two_models_a_baseline_changes_the_sign_only():
    two = {name: MODELS[name] for name in "ab"}
    (one,), (other,) = (pyalign.compare(two, T, baseline=name).pairs for name in "ba")
    assert (one.a, other.a) == ("a", "b") and one.difference == -other.difference
    assert one.p_max_t == other.p_max_t == one.p_value == one.p_adjusted


# Within a margin


@pytest.mark.parametrize("by", ["objects", "triplets"])
@pytest.mark.parametrize("margin", [0.005, 0.03, 0.2])
def test_equivalence_is_by_two_one_sided_tests(by, margin, tmp_path):
    found = pyalign.compare(MODELS, T, ci=by, difference=margin)
    assert found.margin == margin and read_back(found, tmp_path).pairs == found.pairs
    for pair in found.pairs:
        degrees = student_degrees(pair)
        sides = (pair.difference + margin) / pair.ci.error, (margin - pair.difference) / pair.ci.error
        assert pair.p_equivalence == pytest.approx(max(student.sf(one, degrees) for one in sides), rel=1e-4)
    p_values = [pair.p_equivalence for pair in found.pairs]
    assert [pair.p_equivalence_adjusted for pair in found.pairs] == corrected(p_values, "holm")


def student_degrees(pair):
    """Those by which the p-value of no difference was found."""
    t, low, high = abs(pair.difference) / pair.ci.error, 1.0, 1e9
    for _ in range(200):
        middle = np.sqrt(low * high)
        low, high = (middle, high) if 2 * student.sf(t, middle) > pair.p_value else (low, middle)
    return low


def test_it_agrees_with_the_interval_of_twice_the_level():
    """p is at most 5% where the 90% interval lies within the margin."""
    plan = Resampling("objects", confidence_level=0.9)
    (pair,) = pyalign.compare({name: MODELS[name] for name in "ab"}, T, ci=plan, difference=0.05).pairs
    furthest = max(abs(pair.ci.low), abs(pair.ci.high))
    for margin, small in ((furthest * 1.001, True), (furthest * 0.999, False)):
        (pair,) = pyalign.compare({name: MODELS[name] for name in "ab"}, T, ci=plan, difference=margin).pairs
        assert (pair.p_equivalence < 0.05) == small


def test_a_model_and_its_copy_are_equivalent_within_any_margin():
    (pair,) = pyalign.compare({"a": MODELS["a"], "b": MODELS["a"]}, T, difference=1e-6).pairs
    assert pair.p_value == 1.0 and pair.p_equivalence == 0.0


def test_of_resamples_the_share_beyond_the_margin_counts():
    found = pyalign.compare({name: MODELS[name] for name in "ab"}, T, ci=BOOTSTRAP, difference=0.05).pairs[0]
    assert 1 / 401 <= found.p_equivalence <= 1.0
    closed = pyalign.compare({name: MODELS[name] for name in "ab"}, T, ci="triplets", difference=0.05).pairs[0]
    assert found.p_equivalence == pytest.approx(closed.p_equivalence, abs=0.05)
    assert equivalence_p(np.array([-0.1, 0.0, 0.1]), 0.1) == 0.5


@given(st.floats(-30, 30), st.floats(1, 200))
def test_p_values_of_one_side_are_those_of_scipy(t, degrees):
    assert upper_p(t, degrees) == pytest.approx(student.sf(t, degrees), rel=1e-6, abs=1e-12)


def test_without_an_interval_there_is_no_equivalence():
    triplets = draw_triplets(1, 5, 40)
    (pair,) = pyalign.compare({name: reals(k, 5, 3) for k, name in enumerate("ab")}, triplets, difference=0.1).pairs
    assert pair.ci is None and pair.p_equivalence is None and pair.p_equivalence_adjusted is None


def test_models_that_differ_by_the_margin_are_seldom_called_equivalent():
    """Right in .5 and .5 - .03 of the triplets of 60 objects, independently: at most 5% of 300 draws, and 2 errors."""
    rng, called = np.random.default_rng(0), []
    for _ in range(300):
        right = [rng.random(len(T)) < share for share in (0.5, 0.47)]
        choices = {f"m{k}": np.where(one, 2, 0) for k, one in enumerate(right)}
        (pair,) = pyalign.compare(None, T, model_choices=choices, difference=0.03, ci="triplets").pairs
        called.append(pair.p_equivalence < 0.05)
    assert 0.0 < np.mean(called) < 0.05 + 2 * np.sqrt(0.05 * 0.95 / 300)


# What is shown


def test_tables_and_notes_name_the_baseline_and_the_margin():
    text = pyalign.compare(MODELS, T, baseline="b", difference=0.01).table(200)
    assert "each model less the baseline, b" in text and "a - b" in text and "c - d" not in text
    assert "p (margin), of a difference of 1% or more, Holm" in " ".join(text.split())
    assert "margin" not in pyalign.compare(MODELS, T).table(200)


def test_documents_hold_them_where_they_were_asked_for():
    document = pyalign.compare(MODELS, T).to_dict()
    assert not {"baseline", "margin"} & {*document, *document["provenance"]["options"]}
    assert "p_equivalence" not in document["pairs"][0]
    document = pyalign.compare(MODELS, T, baseline="b", difference=0.01).to_dict()
    assert document["baseline"] == "b" and document["margin"] == document["provenance"]["options"]["margin"] == 0.01


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"baseline": "e"}, "baseline must be one of a, b, c, d; got 'e'"),
        ({"baseline": 0}, "baseline must be one of a, b, c, d; got 0"),
        ({"difference": 0.0}, "difference must lie between 0 and 1; got 0.0"),
        ({"difference": 1}, "difference must lie between 0 and 1; got 1"),
        ({"difference": 0.01, "ci": None}, "difference needs intervals; got ci=None"),
    ],
)
def test_bad_options_are_one_clear_line(message_of, options, expected):
    assert message_of(lambda: pyalign.compare(MODELS, T, **options)).startswith(expected)


def test_the_page_says_how_many_differ_from_the_baseline_and_how_many_by_less_than_the_margin():
    found = pyalign.compare(MODELS, T, baseline="b", difference=0.2)
    labels = {name: name.upper() for name in MODELS}
    (text,) = _widest_difference(found, labels).paragraphs
    apart = sum(pair.p_adjusted < 0.05 for pair in found.pairs)
    assert f"{apart} of 3 models differ from B at 5%, corrected for all models." in text
    assert "3 of 3 differ by less than 20 percentage points at 5%, likewise corrected." in text
    (text,) = _widest_difference(pyalign.compare(MODELS, T), labels).paragraphs
    assert "of 6 pairs differ at 5%, corrected for all pairs." in text and "less than" not in text

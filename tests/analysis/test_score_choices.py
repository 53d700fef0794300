"""Choices that are there already: scored as embeddings with the same choices are, or refused with what is wrong."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import NATIVE, draw_triplets, read_back, reals, seeds, whole

from pyalign import Resampling, noise_ceiling, score, score_choices
from pyalign.data import Categories, Triplets
from pyalign.documents import Interval

SAME = (
    "accuracy", "n_triplets", "n_ties", "n_dropped", "ci", "ceiling", "ceiling_name", "fraction_of_ceiling", "ties",
    "task", "inference",
)


def alike(found, expected, names=SAME):
    assert {name: getattr(found, name) for name in names} == {name: getattr(expected, name) for name in names}


@pytest.fixture
def case():
    """Rows without ties, triplets, and who answered."""
    x, triplets = reals(1, 40, 8), draw_triplets(2, 40, 900, np.int32)
    return x, triplets, np.random.default_rng(3).integers(0, 12, 900)


def in_file(order, triplets, **options):
    """Triplets as reading leaves them where the odd item lay in another column, or in any."""
    positions = {"last": None, "first": np.array([1, 2, 0], np.int8)}.get(order, ...)
    if positions is ...:
        rng = np.random.default_rng(7)
        rows = [[0, 2, 1], [1, 2, 0], [0, 1, 2]]
        if options.get("task") == "anchored":
            rows = [[0, 2, 1], [0, 1, 2]]
        positions = np.array(rows, np.int8)[rng.integers(0, len(rows), len(triplets))]
    return Triplets(triplets, positions=positions, **options)


@pytest.mark.parametrize("order", ["last", "first", "any"])
@pytest.mark.parametrize(
    "ci", [None, "objects", "subjects", "objects+subjects", "triplets", Resampling("objects", "bootstrap", 50)]
)
def test_choices_are_scored_as_the_embeddings_that_made_them(case, order, ci):
    x, triplets, people = case
    asked = in_file(order, triplets)
    groups = np.array(["a", "b", "c"])[triplets.sum(axis=1) % 3]
    options = {"ci": ci, "subjects": people if ci and "subjects" in str(ci) else None, "groups": groups, "ceiling": 0.7}
    expected = score(x, asked, keep=("choices", "probabilities"), **options)
    found = score_choices(expected.choices, asked, **options)
    alike(found, expected)
    assert [(g.group, g.accuracy, g.ci, g.cross_entropy) for g in found.groups] == [
        (g.group, g.accuracy, g.ci, None) for g in expected.groups
    ]
    assert (found.cross_entropy, found.mean_entropy, found.measure, found.temperature) == (None,) * 4
    assert (found.model_choices, expected.model_choices) == ("positions", None)
    by_probability = score_choices(expected.probabilities, asked, **options)
    alike(by_probability, expected)
    assert by_probability.model_choices == "probabilities"
    assert by_probability.cross_entropy == pytest.approx(expected.cross_entropy, rel=1e-6)
    assert by_probability.mean_entropy == pytest.approx(expected.mean_entropy, rel=1e-6)
    if ci:
        assert tuple(by_probability.cross_entropy.ci) == pytest.approx(tuple(expected.cross_entropy.ci), rel=1e-4)


@pytest.mark.parametrize("anchor", ["first", "last"])
def test_options_are_numbered_in_their_order_in_the_file(case, anchor):
    x, triplets, _ = case
    if anchor == "first":
        asked, base = in_file("any", triplets, task="anchored"), 1  # columns 1 and 2 hold the options
    else:
        asked, base = Triplets(triplets, positions=np.array([2, 0, 1], np.int8), task="anchored"), 0
    expected = score(x, asked, ci="objects", keep=("choices", "probabilities"))
    found = score_choices(expected.choices, asked, choice_base=base, ci="objects")
    alike(found, expected)
    assert found.chance == 0.5
    by_probability = score_choices(expected.probabilities, asked, ci="objects")
    alike(by_probability, expected)
    assert by_probability.cross_entropy == pytest.approx(expected.cross_entropy, rel=1e-6)


@given(seeds, st.sampled_from(["fractional", "wrong"]), st.sampled_from(["odd-one-out", "anchored"]))
def test_accuracy_is_the_share_that_agrees_and_none_is_a_tie_of_all(seed, ties, task):
    rng = np.random.default_rng(seed)
    t, k = int(rng.integers(1, 50)), 2 if task == "anchored" else 3
    triplets = draw_triplets(seed, 9, t, np.int16)
    choices = rng.integers(-1, k, t)
    found = score_choices(choices, Triplets(triplets, task=task), ties=ties)
    none = choices == -1
    credit = np.where(none, 1 / k if ties == "fractional" else 0.0, choices == (0 if k == 2 else 2))
    assert found.accuracy == pytest.approx(credit.mean(), abs=1e-12)
    assert (found.n_ties, found.n_triplets) == (none.sum(), t)
    told = [note for note in found.notes if "name none" in note]
    assert told == (
        [f"{none.sum()} of {t} choices name none (-1): each counts as a tie of all alternatives"] if none.any() else []
    )


def test_probabilities_that_tie_share_the_credit():
    p = [[0.4, 0.2, 0.4], [1 / 3, 1 / 3, 1 / 3], [0.5, 0.5, 0.0], [0.0, 0.0, 1.0]]
    triplets = [[0, 1, 2]] * 4
    found = score_choices(p, triplets)
    assert found.accuracy == pytest.approx((1 / 2 + 1 / 3 + 0 + 1) / 4)
    assert found.n_ties == 3
    assert score_choices(p, triplets, ties="wrong").accuracy == 0.25


def test_an_impossible_answer_leaves_no_finite_cross_entropy_and_is_told():
    p = [[0.5, 0.5, 0.0], [0.0, 0.0, 1.0], [0.2, 0.2, 0.6]]
    triplets = [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    found = score_choices(p, triplets, ci="triplets")
    assert found.cross_entropy is None
    assert found.mean_entropy == pytest.approx((np.log(2) + 0 + 0.9503) / 3, abs=1e-4)
    assert "the probability of what people chose is 0 in 1 triplets: there is no finite cross-entropy" in found.notes
    assert json.loads(found.only.to_json())["cross_entropy_ci"] is None


def test_names_are_those_of_the_items(case):
    x, triplets, _ = case
    names = tuple(f"item {k}" for k in range(40))
    asked = Triplets(triplets, names=names, numbered=True)
    expected = score(x, asked, keep="choices")
    named = np.array(names, object)[np.take_along_axis(triplets, expected.choices[:, None].astype(int), 1)[:, 0]]
    found = score_choices(named, asked, ci="objects")
    assert (found.accuracy, found.n_ties, found.model_choices) == (expected.accuracy, 0, "names")
    named[:3] = "-1"
    assert score_choices(named, asked).n_ties == 3
    named[3] = ""
    assert score_choices(named, asked, nan_policy="omit").n_dropped == 1
    option = np.array(names, object)[triplets[:, 1]]
    assert score_choices(option, Triplets(triplets, names=names, task="anchored")).accuracy == 1.0


def test_triplets_of_names_take_names_of_their_own():
    triplets = np.array([["dog", "cat", "car"], ["bus", "car", "dog"]])
    assert score_choices(["car", "bus"], triplets).accuracy == 0.5
    assert score_choices([2, 0], triplets).accuracy == 0.5


def test_what_has_no_answer_is_left_out_where_that_is_asked_for(case):
    x, triplets, people = case
    expected = score(x, triplets, keep=("choices", "probabilities"))
    absent = np.arange(900) % 7 == 0
    choices, p = expected.choices.astype(float), expected.probabilities.copy()
    choices[absent], p[absent] = np.nan, np.nan
    kept = score_choices(expected.choices[~absent], triplets[~absent], ci="auto", subjects=people[~absent])
    for given_ in (choices, p):
        found = score_choices(given_, triplets, nan_policy="omit", ci="auto", subjects=people)
        assert (found.accuracy, found.ci, found.n_triplets) == (kept.accuracy, kept.ci, kept.n_triplets)
        assert found.n_dropped == absent.sum()


def test_categories_count_by_the_objects_of_the_humans_pair(case):
    x, triplets, _ = case
    categories = Categories.of(["a" if k < 20 else "b" for k in range(40)])
    expected = score(x, triplets, groups=categories, keep="choices")
    found = score_choices(expected.choices, triplets, groups=categories)
    assert [(g.group, g.accuracy, g.n_triplets) for g in found.groups] == [
        (g.group, g.accuracy, g.n_triplets) for g in expected.groups
    ]


def test_a_ceiling_of_people_serves(case):
    x, triplets, _ = case
    people = noise_ceiling(np.concatenate([triplets[:30]] * 3 + [triplets[:30][:, [0, 2, 1]]]))
    expected = score(x, triplets, ceiling=people, keep="choices")
    alike(score_choices(expected.choices, triplets, ceiling=people), expected)


def test_several_give_a_row_each_and_the_document_is_read_back(case, tmp_path):
    x, triplets, _ = case
    expected = score({"x": x, "y": reals(9, 40, 3)}, triplets, keep=("choices", "probabilities"))
    found = score_choices({"x": expected[0].choices, "y": expected[1].probabilities}, triplets, ci="objects")
    assert [one.embeddings for one in found] == ["x", "y"]
    assert [one.accuracy for one in found] == [one.accuracy for one in expected]
    again = read_back(found, tmp_path)
    assert again == found
    assert again[0].measure is None
    assert isinstance(again[0].ci, Interval)
    document = json.loads(found.to_json())["results"][0]
    wanted = ("measure", "temperature", "cross_entropy", "mean_entropy", "cross_entropy_ci")
    assert {name: document[name] for name in wanted} == dict.fromkeys(wanted)
    assert document["provenance"]["inputs"][0]["sha256"] is not None
    assert "cross_entropy=None nats" in repr(found[0])
    assert "model_choices='positions'" in repr(found[0])
    assert str(found).splitlines()[0].split()[:2] == ["choices", "accuracy"]


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int64, np.float16, np.float64])
def test_any_type_and_stride_of_numbers_will_do(case, dtype):
    _, triplets, _ = case
    choices = np.random.default_rng(0).integers(0, 3, 1800).astype(dtype)[::2]
    expected = (choices == 2).mean()
    assert score_choices(choices, triplets).accuracy == pytest.approx(expected, abs=1e-12)
    assert score_choices(choices + 1, triplets, choice_base=1).accuracy == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("backend", [NATIVE, "numpy", "reference"])
def test_backends_agree(backend):
    p = np.random.default_rng(0).dirichlet([1, 1, 1], 60)
    triplets = draw_triplets(1, 12, 60)
    found, expected = (score_choices(p, triplets, ci="objects", backend=name) for name in (backend, "auto"))
    assert (found.accuracy, found.backend) == (expected.accuracy, backend)
    assert tuple(found.ci) == pytest.approx(tuple(expected.ci))


def test_an_accuracy_below_chance_is_noted():
    found = score_choices(np.zeros(300, int), draw_triplets(1, 30, 300))
    assert any("below chance" in note for note in found.notes)


T3 = [[0, 1, 2], [2, 3, 0], [0, 2, 3]]


@pytest.mark.parametrize(
    ("choices", "options", "expected"),
    [
        ([0, 1, 3], {}, "choices must be 0, 1 or 2, or -1 for none of them; row 2 is 3"),
        ([1, 2, 3], {"choice_base": 0}, "choices must be 0, 1 or 2, or -1 for none of them; row 2 is 3; do they count "
                                        "from 1 (choice_base=1)?"),
        ([0, 1, 2], {"choice_base": 1}, "choices must be 1, 2 or 3, or -1 for none of them; row 0 is 0"),
        ([0, 0.5, 2], {}, "choices must be 0, 1 or 2, or -1 for none of them; row 1 is 0.5"),
        ([0, np.inf, 2], {}, "choices must be 0, 1 or 2, or -1 for none of them; row 1 is inf"),
        ([0, 1], {}, "choices must have one entry per triplet, shape (3,) or (3, 3); got (2,)"),
        ([[0, 1], [1, 0], [0, 1]], {}, "choices must have one entry per triplet, shape (3,) or (3, 3); got (3, 2)"),
        ([[0, 1, 0]] * 4, {}, "choices must have one entry per triplet, shape (3,) or (3, 3); got (4, 3)"),
        ([[0.5, 0.5, 0.5]] * 3, {}, "choices must sum to 1 in each row; row 0 sums to 1.5"),
        ([[2, -1, 0]] * 3, {}, "choices must not be negative; row 0 is [2.0, -1.0, 0.0]"),
        ([[np.nan, 0.5, 0.5]] * 3, {}, "choices must be finite; row 0 is [nan, 0.5, 0.5]"),
        ([0, np.nan, 2], {},
            "choices must answer the triplets; 1 has no answer, row 1 is the first; "
            'nan_policy="omit" '

                             "leaves these triplets out"),
        ([np.nan] * 3, {"nan_policy": "omit"},
            "choices must answer the triplets; 3 have no answer, row 0 is the "
            "first"
        ),
        (["a", "b", "c"], {}, "choices hold names, the triplets do not: " "load_triplets(..., item_names=names)"),
        ([True, False, True], {}, "choices must be positions, names or probabilities; got dtype bool"),
        ([0, 1, 2], {"choice_base": 2}, "choice_base must be 0 or 1; got 2"),
        ([0, 1, 2], {"choice_base": True}, "choice_base must be 0 or 1; got True"),
        ([0, 1, 2], {"ties": "human_alignment"}, "ties must be one of fractional, wrong; got "
                                                 "'human_alignment'"),
        ([0, 1, 2], {"nan_policy": "keep"}, "nan_policy must be one of raise, omit; got 'keep'"),
        ({}, {}, "choices must hold at least one model's; got an empty mapping"),
        ({"gpt": [0, 1]}, {}, "gpt: choices must have one entry per triplet, shape (3,) or (3, 3); got (2,)"),
    ],
)
def test_what_no_choice_can_be_is_refused(message_of, choices, options, expected):
    assert message_of(score_choices, choices, T3, **options) == expected


OMIT = '; unreadable="omit" leaves these triplets out'


def test_names_of_no_item_of_the_triplet_are_refused(message_of):
    asked = Triplets(np.array(T3), names=("a", "b", "c", "d"), numbered=True)
    expected = (
        "choices must each name an item of its triplet; 1 does not, row 0 is the first: 'd', not one of 'a', 'b', 'c'"
        + OMIT
    )
    assert message_of(score_choices, ["d", "a", "a"], asked) == expected
    expected = (
        "choices must each name an option of its triplet; 1 does not, row 0 is the first: 'a', not one of 'b', 'c'"
        + OMIT
    )
    assert message_of(score_choices, ["a"], Triplets(asked.values[:1], names=asked.names, task="anchored")) == expected
    told = message_of(score_choices, np.array(["a", 3, "b"], object), asked)
    assert told == "choices must be numbers, or names throughout; row 1 is 3"


def test_options_of_anchored_triplets_are_two(message_of):
    asked = Triplets(np.array(T3), task="anchored")
    assert message_of(score_choices, [0, 1, 2], asked) == ("choices must be 0 or 1, or -1 for none of them; row 2 is 2")
    assert message_of(score_choices, [1, 1, 2], asked, choice_base=0).endswith("(choice_base=1)?")
    assert score_choices([1, 1, 2], asked).accuracy == pytest.approx(2 / 3)


def test_triplets_need_answers_and_three_items(message_of):
    told = message_of(score_choices, [0, 1, 2], Triplets(np.array(T3), answered=False))
    assert told.startswith("score_choices needs human choices")
    assert "three different items" in message_of(score_choices, [0], [[0, 0, 1]])
    assert "must lie in" in message_of(score_choices, [0], [[-1, 0, 1]])
    assert "ceiling must be a fraction above chance" in message_of(score_choices, [0, 1, 2], T3, ceiling=0.2)


def test_whole_number_embeddings_with_ties_agree_where_a_tie_counts_nothing():
    x, triplets = whole(3, 30, 3), draw_triplets(4, 30, 2000)
    expected = score(x, triplets, measure="dot", ties="wrong", ci="objects", keep="choices")
    assert expected.n_ties > 50
    alike(score_choices(expected.choices, triplets, ties="wrong", ci="objects"), expected)


def test_minus_two_is_a_triplet_that_was_left_out(case, message_of):
    _, triplets, _ = case
    choices = np.random.default_rng(0).integers(-1, 3, len(triplets)).astype(np.int8)
    left = np.arange(len(triplets)) % 4 == 0
    found = score_choices(np.where(left, -2, choices), triplets, ci="objects")
    alike(found, score_choices(choices[~left], triplets[~left], ci="objects"), [n for n in SAME if n != "n_dropped"])
    assert found.n_dropped == left.sum()
    assert f"{left.sum()} of {len(triplets)} triplets were left out where the choices were made (-2)" in found.notes
    assert message_of(score_choices, np.full(3, -2), [[0, 1, 2]] * 3) == (
        "choices must answer at least one triplet; all 3 were left out where they were made (-2)"
    )


def test_minus_two_is_no_missing_answer(message_of):
    triplets = [[0, 1, 2]] * 3
    assert score_choices([2, -2, 0], triplets, choice_base=0).n_dropped == 1
    assert score_choices([3, -2, 1], triplets, choice_base=1).accuracy == 0.5
    assert message_of(score_choices, [2, -2, np.nan], triplets).startswith(
        "choices must answer the triplets; 1 has no answer, row 2 is the first"
    )
    assert score_choices([2, -2, np.nan], triplets, nan_policy="omit").n_dropped == 2
    assert message_of(score_choices, [np.nan, -2], triplets[:2], nan_policy="omit").startswith("choices must answer")

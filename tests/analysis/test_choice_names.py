"""Choices in natural words: spellings of one name, what two names share, and answers that name none of the three."""

from __future__ import annotations

import numpy as np
import pytest
from support import draw_triplets, reals

from pyalign import Triplets, error_consistency, score_choices

NAMES = ("spider_web", "dog", "car", "ice cream", "The_Who", "bat")
ASKED = Triplets(np.array([[1, 2, 0], [0, 1, 3], [3, 5, 4]]), names=NAMES, numbered=True)
EXACT = ["spider_web", "ice cream", "The_Who"]


@pytest.mark.parametrize(
    "answer",
    ["spider web", "Spider Web", "SPIDER_WEB", "spider web.", "a spider web", "The spider_web.", " spider  web "],
)
def test_blanks_case_a_final_period_and_an_article_make_no_other_name(answer):
    found = score_choices([answer, *EXACT[1:]], ASKED)
    assert (found.accuracy, found.n_dropped, found.n_ties) == (1.0, 0, 0)
    assert f"1 of 3 choices is another spelling of an item's name: {answer!r} is 'spider_web'" in found.notes


def test_names_as_they_are_need_no_note_and_spellings_are_counted():
    assert not any("spelling" in note for note in score_choices(EXACT, ASKED).notes)
    found = score_choices(["spider web", "Ice_Cream", "who"], ASKED)
    assert found.accuracy == 1.0
    assert "3 of 3 choices are other spellings of items' names: 'spider web' is 'spider_web'" in found.notes


TWINS = Triplets(np.array([[0, 1, 2], [0, 1, 2]]), names=("Bat", "bat", "ball"), numbered=True)


def test_of_two_names_that_become_the_same_the_exact_one_is_meant(message_of):
    assert score_choices(["Bat", "bat"], TWINS).accuracy == 0.0
    assert score_choices(["ball", "ball"], TWINS).accuracy == 1.0
    said = message_of(score_choices, ["ball", "a bat"], TWINS)
    assert said.startswith(
        "choices must each name an item of its triplet; 1 does not, row 1 is the first: 'a bat', not one of 'Bat', "
        "'bat', 'ball'"
    )
    assert score_choices(["ball", "a bat"], TWINS, unreadable="omit").n_dropped == 1


def test_the_exact_name_of_another_item_is_no_spelling_of_one_of_the_three(message_of):
    asked = Triplets(np.array([[0, 1, 2]]), names=("bat", "dog", "car", "Bat"), numbered=True)
    assert "row 0 is the first: 'Bat'" in message_of(score_choices, ["Bat"], asked)


def test_answers_that_name_none_of_the_three_are_counted_and_left_out_where_that_is_asked_for(message_of):
    answers = ["spider web", "I don't know", "dog"]
    assert message_of(score_choices, answers, ASKED) == (
        'choices must each name an item of its triplet; 2 do not, row 1 is the first: "I don\'t know", not one of '
        "'spider_web', 'dog', 'ice cream'; unreadable=\"omit\" leaves these triplets out"
    )
    found = score_choices(answers, ASKED, unreadable="omit")
    assert (found.accuracy, found.n_triplets, found.n_dropped) == (1.0, 1, 2)
    assert '2 of 3 choices name no item of their triplet ("I don\'t know", ...) and are left out' in found.notes
    assert found.provenance.options["unreadable"] == "omit"
    none = message_of(score_choices, ["x", "y", "z"], ASKED, unreadable="omit")
    assert none == (
        "choices must each name an item of its triplet; 3 do not, row 0 is the first: 'x', not one of 'dog', 'car', "
        "'spider_web'"
    )


def test_no_answer_is_still_a_matter_of_nan(message_of):
    answers = ["spider web", "", "dog"]
    said = message_of(score_choices, answers, ASKED, unreadable="omit")
    assert said == (
        'choices must answer the triplets; 1 has no answer, row 1 is the first; nan_policy="omit" leaves these '
        "triplets out"
    )
    found = score_choices(answers, ASKED, unreadable="omit", nan_policy="omit")
    assert (found.n_triplets, found.n_dropped) == (1, 2)
    assert "1 of 2 choices names no item of its triplet ('dog') and is left out" in found.notes


def test_options_of_anchored_triplets_and_triplets_of_names_likewise():
    asked = Triplets(np.array([[1, 0, 2]]), names=NAMES, task="anchored")
    assert score_choices(["A spider web."], asked).accuracy == 1.0
    assert score_choices(["Alarm clock"], np.array([["dog", "cat", "alarm_clock"]])).accuracy == 1.0


def test_a_word_for_unknown_that_is_none_is_refused(message_of):
    said = message_of(score_choices, EXACT, ASKED, unreadable="skip")
    assert said == "unreadable must be one of raise, omit; got 'skip'"


def test_of_several_models_and_of_errors_that_coincide_too(message_of):
    triplets = draw_triplets(2, 6, 200, np.int32)
    asked = Triplets(triplets, names=NAMES, numbered=True)
    exact = np.array(NAMES, object)[triplets[np.arange(200), np.arange(200) % 3]]
    spoken = np.array([name.replace("_", " ").upper() + "." for name in exact], object)
    spoken[:20] = "no idea"
    both = {"exact": exact, "spoken": spoken}
    several = score_choices(both, asked, unreadable="omit")
    assert [one.n_dropped for one in several] == [0, 20]
    assert any(note.startswith("spoken: 20 of 200 choices name no item") for note in several.notes)
    assert 'unreadable="omit"' in message_of(error_consistency, None, asked, model_choices=both)
    found = error_consistency(None, asked, model_choices=both, unreadable="omit", ci=None)
    assert (found.n_dropped, found.n_triplets, found.pairs[0].kappa) == (20, 180, 1.0)
    assert any(note.startswith("spoken: 20 of 200 choices name no item") for note in found.notes)
    beside = error_consistency(
        {"x": reals(1, 6, 4)}, asked, model_choices={"spoken": spoken}, unreadable="omit", ci=None
    )
    assert beside.n_dropped == 20


def test_accents_may_be_composed_in_one_way_or_the_other(message_of):
    asked = Triplets(np.array([[0, 1, 2]]), names=("dog", "car", "caf\u00e9"), numbered=True)
    assert score_choices(["The cafe\u0301"], asked).accuracy == 1.0
    both = Triplets(np.array([[0, 1, 2]]), names=("dog", "cafe\u0301", "caf\u00e9"), numbered=True)
    assert score_choices(["caf\u00e9"], both).accuracy == 1.0
    assert "row 0 is the first: 'Caf\u00e9'" in message_of(score_choices, ["Caf\u00e9"], both)


@pytest.mark.parametrize(
    ("answer", "offered", "elsewhere"),
    [
        ("Cat", "a cat", "cat"),
        ("CAT", "the cat.", "Cat"),
        ("a Cat", "cat", "A cat"),
        ("spider web.", "a spider_web", "spider_web"),
        ("Spider web", "spider_web", "spider web"),
    ],
)
def test_an_answer_is_the_name_that_it_is_nearest_to_wherever_that_occurs(message_of, answer, offered, elsewhere):
    asked = Triplets(np.array([[0, 1, 2]]), names=("dog", "car", offered), numbered=True)
    assert score_choices([answer], asked).accuracy == 1.0
    asked = Triplets(np.array([[0, 1, 2]]), names=("dog", "car", offered, elsewhere), numbered=True)
    assert f"row 0 is the first: {answer!r}" in message_of(score_choices, [answer], asked)


def test_of_two_alternatives_the_nearest_is_meant():
    asked = Triplets(np.array([[0, 1, 2], [1, 2, 0]]), names=("a cat", "dog", "cat"), numbered=True)
    assert score_choices(["Cat", "A cat."], asked).accuracy == 1.0

"""Anchored triplets as data: columns anchor, chosen, other; answers by option; positions of the file."""

from __future__ import annotations

import numpy as np
import pytest
from support import reals

import pyalign
from pyalign import Triplets
from pyalign.data import ODD_ONE_OUT, align, align_models, as_triplet_data, require_odd_one_out

ROWS = np.array([[4, 0, 2], [1, 2, 3]])
LAST = np.array([2, 0, 1])  # the anchor is the file's last column
EACH = np.array([[2, 0, 1], [2, 1, 0]])  # ... and in the second row the file's second option was chosen


def test_plain_ones_are_odd_one_out():
    assert Triplets(ROWS).task == as_triplet_data(ROWS).task == ODD_ONE_OUT == "odd-one-out"


def test_an_unknown_task_is_refused(message_of):
    message = "task must be one of odd-one-out, anchored; got 'anchor' (did you mean anchored?)"
    assert message_of(Triplets, ROWS, task="anchor").startswith(message.split(" (")[0])


def test_parts_keep_the_task_and_what_belongs_to_them():
    whole = Triplets(ROWS, task="anchored", positions=EACH).with_answers([[1, 2], [5, 3]])
    part = whole[1:]
    assert (part.task, part.values.tolist(), part.positions.tolist()) == ("anchored", [[1, 2, 3]], [[2, 1, 0]])
    assert part.answers.counts.tolist() == [[3, 5]]
    assert repr(whole) == "Triplets(2, anchored, with answers)"


@pytest.mark.parametrize(
    ("positions", "expected"), [(None, [[1, 2], [5, 3]]), (LAST, [[1, 2], [5, 3]]), (EACH, [[1, 2], [3, 5]])]
)
def test_answers_are_by_option_in_the_order_of_the_file(positions, expected):
    given = Triplets(ROWS, task="anchored", positions=positions).with_answers([[1, 2], [5, 3]])
    assert given.answers.counts.tolist() == expected  # chosen, other


@pytest.mark.parametrize("positions", [None, LAST, EACH])
def test_columns_come_back_as_answers_went_in(positions):
    triplets = Triplets(ROWS, task="anchored", positions=positions)
    given = np.array([[0.25, 0.75], [1.0, 0.0]])
    moved = triplets.with_answers(given).answers.shares
    np.testing.assert_array_equal(triplets.columns_in_file(moved), given)


@pytest.mark.parametrize(
    ("positions", "expected"), [(None, [1, 2]), (LAST, [0, 1]), (EACH, [0, 0]), (np.array([0, 2, 1]), [2, 1])]
)
def test_choices_are_positions_of_the_file(positions, expected):
    triplets = Triplets(ROWS, task="anchored", positions=positions)
    assert triplets.choices_in_file(np.array([1, 2], np.int8)).tolist() == expected
    assert triplets.choices_in_file(np.array([-1, -1], np.int8)).tolist() == [-1, -1]


def test_answers_of_three_are_refused(message_of):
    answers = Triplets(ROWS).with_answers([[1, 1, 1], [1, 2, 3]]).answers
    assert message_of(Triplets, ROWS, task="anchored", answers=answers) == (
        "answers must have shape (2, 2) for task 'anchored'; got (2, 3)"
    )
    assert message_of(Triplets(ROWS, task="anchored").with_answers, answers) == (
        "answers must have shape (2, 2); got (2, 3)"
    )
    assert message_of(Triplets(ROWS).with_answers, [[1, 2], [3, 4]]).endswith(
        "(2, 3), a row for each triplet; got (2, 2)"
    )


def test_alignment_by_names_keeps_the_task():
    named = Triplets(ROWS, ("a", "b", "c", "d", "e"), task="anchored")
    x = pyalign.Embeddings(reals(1, 5, 3), ("e", "d", "c", "b", "a"))
    assert align(x, named).triplets.task == "anchored"
    assert align(x, named).index.tolist() == [[0, 4, 2], [3, 2, 1]]
    assert align_models({"x": x, "y": x}, named).triplets.task == "anchored"
    assert align_models({"x": x}, Triplets(ROWS, task="anchored")).triplets.task == "anchored"


def test_who_needs_the_odd_one_says_so(message_of):
    require_odd_one_out(Triplets(ROWS), "this")
    message = "this takes only odd-one-out triplets; got task 'anchored'"
    assert message_of(require_odd_one_out, Triplets(ROWS, task="anchored"), "this") == message

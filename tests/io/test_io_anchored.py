"""Files of anchored triplets: where the anchor stands, and which option was chosen."""

from __future__ import annotations

import numpy as np
import pytest

from pyalign.io import load_triplets, read_answers


@pytest.fixture
def table(tmp_path):
    """``table(text)``: the path of a .csv."""

    def write(text, name="t.csv"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


def load(path, **options):
    found = load_triplets(path, task="anchored", **options)
    assert found.task == "anchored"
    positions = None if found.positions is None else found.positions.tolist()
    return found.values.tolist(), positions


def test_the_anchor_comes_first_and_the_chosen_option_next(table):
    assert load(table("5,3,8\n2,9,1\n")) == ([[5, 3, 8], [2, 9, 1]], None)


def test_the_anchor_comes_last(table):
    assert load(table("5,3,8\n2,9,1\n"), anchor="last") == ([[8, 5, 3], [1, 2, 9]], [2, 0, 1])


def test_columns_are_picked_first(table):
    path = table("left,right,ref\n5,3,8\n2,9,1\n")
    assert load(path, columns=("ref", "right", "left")) == ([[8, 3, 5], [1, 9, 2]], None)
    assert load(path, columns=(0, 1, 2), anchor="last") == ([[8, 5, 3], [1, 2, 9]], [2, 0, 1])


@pytest.mark.parametrize("base", [0, 1])
@pytest.mark.parametrize("anchor", ["first", "last"])
def test_a_column_says_which_of_the_two_options_was_chosen(table, anchor, base):
    rows = [[5, 3, 8, 1], [2, 9, 1, 0], [7, 4, 6, 1]]
    path = table("".join(f"{a},{b},{c},{choice + base}\n" for a, b, c, choice in rows))
    values, positions = load(path, choice_column=3, anchor=anchor)
    for row, found, places in zip(rows, values, positions, strict=True):
        options = (1, 2) if anchor == "first" else (0, 1)
        chosen, other = options[row[3]], options[1 - row[3]]
        assert places == [0 if anchor == "first" else 2, chosen, other]
        assert found == [row[place] for place in places]


def test_a_column_that_always_names_the_first_moves_nothing(table):
    assert load(table("5,3,8,0\n2,9,1,0\n"), choice_column=3) == ([[5, 3, 8], [2, 9, 1]], None)
    assert load(table("5,3,8,1\n2,9,1,1\n"), choice_column=3, choice_base=1) == ([[5, 3, 8], [2, 9, 1]], None)


def test_names_in_place_of_numbers(table):
    found = load_triplets(table("shoe,boot,hat\nhat,cap,boot\n"), task="anchored")
    assert [[found.names[item] for item in row] for row in found.values] == [
        ["shoe", "boot", "hat"],
        ["hat", "cap", "boot"],
    ]


def test_counts_are_by_option_of_the_file(table):
    path = table("5,3,8,1\n2,9,1,0\n")
    found = load_triplets(path, task="anchored", choice_column=3, answers=[[2, 7], [4, 1]])
    assert found.answers.counts.tolist() == [[7, 2], [4, 1]]
    counts = table("2,7\n4,1\n", "counts.csv")
    assert read_answers(counts, task="anchored").tolist() == [[2, 7], [4, 1]]
    assert read_answers(table("9,2,7\n9,4,1\n", "c.csv"), columns=(1, 2), task="anchored").tolist() == [[2, 7], [4, 1]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"task": "triplet"}, "task must be 'odd-one-out' or 'anchored'; got 'triplet'"),
        ({"anchor": "middle", "task": "anchored"}, "anchor must be 'first' or 'last'; got 'middle'"),
        ({"anchor": "last"}, "anchor belongs to task 'anchored'; got 'last' with task 'odd-one-out'"),
        (
            {"odd_column": "first", "task": "anchored"},
            "odd_column belongs to task 'odd-one-out'; got 'first' with task 'anchored'",
        ),
        (
            {"odd_column": "none", "task": "anchored"},
            "odd_column belongs to task 'odd-one-out'; got 'none' with task 'anchored'",
        ),
    ],
)
def test_options_of_the_other_task_are_refused(table, message_of, options, message):
    assert message_of(load_triplets, table("0,1,2\n"), **options) == message


@pytest.mark.parametrize(
    ("choices", "options", "message"),
    [
        (
            (0, 2),
            {},
            "2 answers; column 3 is one of column 1, column 2 in 1 row; row 1 (from 0) holds '2', which is no item",
        ),
        (
            (1, 3),
            {},
            "2 answers; column 3 is one of column 1, column 2 in 1 row; row 1 (from 0) holds '3', which is no item",
        ),
        ((1, 1), {}, "column 3 holds only 1, which fits both ways of counting: say choice_base=0"),
        (
            (1, 2),
            {"choice_base": 0},
            "2 answers; column 3 is one of column 1, column 2 in 1 row; row 1 (from 0) holds '2', which is no item",
        ),
    ],
)
def test_a_choice_that_names_no_option_is_refused(table, message_of, choices, options, message):
    path = table(f"5,3,8,{choices[0]}\n2,9,1,{choices[1]}\n")
    told = message_of(load_triplets, path, task="anchored", choice_column=3, **options)
    assert told.startswith(f"{path}: {message}")


def test_answers_of_another_width_are_refused(table, message_of):
    path = table("1,2,3\n")
    assert message_of(read_answers, path, task="anchored") == (
        f"{path}: answers must have 2 columns; got 3; columns says which"
    )
    assert message_of(read_answers, path, columns=(0, 1, 2), task="anchored") == (
        "columns must be two, as in 3,4 or first,second; got (0, 1, 2)"
    )
    assert message_of(load_triplets, path, task="anchored", answers=np.ones((1, 3), int)).endswith("got (1, 3)")

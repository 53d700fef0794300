"""Names of items find their rows, or say why not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pyalign
from pyalign.data import match_names
from pyalign.data.names import MissingRows, rows_of_some
from pyalign.errors import InputError

WORDS = st.lists(st.text("abcxyz_-. 019", min_size=1, max_size=6), min_size=1, max_size=12, unique=True)


@given(WORDS, st.randoms(use_true_random=False))
def test_equal_names_find_their_rows_in_any_order(names, random):
    items = random.sample(names, random.randint(1, len(names)))
    found = match_names(items, names)
    assert [names[row] for row in found.rows] == items
    assert found.note is None
    assert found.rows.dtype == np.int32


@pytest.mark.parametrize(
    ("items", "rows", "expected", "example"),
    [
        (["ant", "cat"], ["cat/cat_01b.jpg", "ant/ant_01b.jpg"], [1, 0], "'ant' is 'ant/ant_01b.jpg'"),
        (["cat_01b", "ant_02"], ["x/ant_02.jpg", "x/cat_01b.jpg"], [1, 0], "'cat_01b' is 'x/cat_01b.jpg'"),
        (["ant", "cat"], ["cat/0001.png", "ant/0002.png"], [1, 0], "'ant' is 'ant/0002.png'"),
        (["ant"], ["C:\\x\\cat_03s.jpg", "C:\\x\\ant_12n.jpg"], [1], "'ant' is 'C:\\\\x\\\\ant_12n.jpg'"),
        (["ant", "cat"], ["cat", "ant_01b.jpg"], [1, 0], "'ant' is 'ant_01b.jpg'"),
    ],
    ids=["number", "file", "folder", "backslash", "one of them equal"],
)
def test_stems_find_rows_that_are_called_after_files_and_say_so(items, rows, expected, example):
    found = match_names(items, rows)
    assert found.rows.tolist() == expected
    assert found.note == f"items are found by the stems of the rows' names: {example}"


@pytest.mark.parametrize("rows", [["dog", "ant"], ["x/dog.png", "x/ant.png"], ["dog/dog_01b.jpg", "ant/ant_01b.jpg"]])
def test_items_that_are_called_after_files_find_the_rows_of_these_names(rows):
    items = ["stimuli/ant.jpg", "stimuli/dog.jpg"]
    found = match_names(items, rows)
    assert found.rows.tolist() == [1, 0]
    assert found.note == f"items are found by the stems of their names: 'stimuli/ant.jpg' is {rows[1]!r}"
    assert rows_of_some([*items, "stimuli/bee.jpg"], rows).tolist() == [1, 0, -1]


def test_stems_of_items_are_not_used_where_two_are_equal_or_a_row_has_a_whole_name(message_of):
    assert "no row is named" in message_of(match_names, ["a/ant.jpg", "b/ant.jpg"], ["ant", "dog"])
    assert "no row is named 'a/dog.jpg'" in message_of(match_names, ["a/ant.jpg", "a/dog.jpg"], ["a/ant.jpg", "dog"])


@pytest.mark.parametrize("rows", [["cat", "abacus", "dog"], ["cat.npy", "x/abacus.npy", "dog"]])
def test_files_of_items_are_found_by_their_objects_where_nothing_else_is_called_so(rows):
    match = match_names(["stimuli/abacus_01b.jpg", "stimuli/cat 2.jpg"], rows)
    assert match.rows.tolist() == [1, 0]
    assert match.note == f"items are found by the stems of their names: 'stimuli/abacus_01b.jpg' is {rows[1]!r}"
    assert rows_of_some(["stimuli/abacus_01b.jpg", "stimuli/owl_02s.jpg"], rows).tolist()[1] == -1
    assert rows_of_some(["stimuli/abacus_01b.jpg", "stimuli/cat_02s.jpg"], ["cat", "abacus"]).tolist() == [1, 0]


@pytest.mark.parametrize(
    ("items", "rows", "said"),
    [
        (["s/abacus_01b.jpg", "s/abacus_02s.jpg", "s/cat.jpg"], ["abacus", "cat"],
         "'s/abacus_01b.jpg' and 's/abacus_02s.jpg' may both be 'abacus'"),
        (["s/abacus_01b.jpg"], ["abacus", "abacus_07"], "'abacus' and 'abacus_07' may both be 'abacus'"),
        (["s/object 1.jpg", "s/object 2.jpg"], ["object", "cat"], "may both be 'object'"),
    ],
)
def test_files_that_two_items_or_two_rows_may_be_are_one_line(items, rows, said, message_of):
    told = message_of(match_names, items, rows)
    assert told.startswith(f"no row is named {items[0]!r}") and told.endswith(said) and "\n" not in told


def test_a_row_with_the_whole_stem_comes_before_the_object():
    assert match_names(["s/abacus_01b.jpg"], ["abacus", "abacus_01b"]).rows.tolist() == [1]


def test_names_that_differ_in_capitals_or_signs_are_proposed_and_not_taken(message_of):
    message = message_of(match_names, ["hot_dog", "ant"], ["Ant", "Hot Dog"])
    assert message.endswith(
        "'hot_dog' may be 'Hot Dog': capitals, spaces and signs must be the same (2 items are written in "
        "another way: Embeddings(..., names=names) names rows as items are)"
    )
    message = message_of(match_names, ["ant"], ["bee", "cow", "dog", "eel"])
    assert message.endswith("(1 of 1 items have no row); rows are named 'bee', 'cow', 'dog' and 1 more")


def test_a_stem_that_two_rows_share_is_refused_with_both(message_of):
    message = message_of(match_names, ["ant", "cat"], ["cat_01.jpg", "ant_01.jpg", "ant_02.jpg"])
    assert message == (
        "no row is named 'ant', 'cat' (2 of 2 items have no row); 'ant' may be 'ant_01.jpg', 'ant_02.jpg'; "
        'x.per_object("mean") or x.per_object("first") makes one row of the images of an object'
    )


def test_rows_with_ambiguous_stems_do_no_harm_where_no_item_asks_for_them():
    found = match_names(["cat"], ["ant_01.jpg", "cat_01.jpg", "ant_02.jpg"])
    assert found.rows.tolist() == [1]


def test_a_way_of_shortening_holds_for_all_items_or_for_none(message_of):
    rows = ["zoo/cat_01.jpg", "dog/7.jpg"]  # the one would go by its file, the other by its folder
    assert message_of(match_names, ["cat", "dog"], rows) == "no row is named 'cat', 'dog' (2 of 2 items have no row)"


def test_exact_names_come_before_stems():
    found = match_names(["cat"], ["cat_01.jpg", "cat"])
    assert found.rows.tolist() == [1]
    assert found.note is None


def test_missing_names_are_counted_and_the_first_are_listed(message_of):
    items = [f"i{k}" for k in range(9)]
    message = message_of(match_names, items, ["i0", "i1", "other"])
    assert message == "no row is named 'i2', 'i3', 'i4', 'i5', 'i6' and 2 more (7 of 9 items have no row)"


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (["cat", "ant", "cat"], "row names must differ; 'cat' occurs more than once"),
        (["cat", "ant", "cat", "ant"], "row names must differ; 'cat', 'ant' occur more than once"),
    ],
)
def test_rows_of_one_name_are_refused(message_of, rows, expected):
    assert message_of(match_names, ["cat"], rows) == expected


def test_names_that_differ_in_how_accents_are_composed_are_the_same(message_of):
    composed, apart = "caf\u00e9", "cafe\u0301"
    found = match_names(["dog", composed], [apart, "dog"])
    assert found.rows.tolist() == [1, 0]
    assert (
        found.note == f"items are found by names whose accents are composed in another way: {composed!r} is {apart!r}"
    )
    assert match_names([apart], [f"{composed}/{composed}_01b.jpg"]).rows.tolist() == [0]
    assert match_names([composed], [apart, composed]).note is None
    assert "no row is named" in message_of(match_names, [composed, "x"], [apart, "dog"])
    several = message_of(match_names, ["\u1ec7"], ["e\u0323\u0302", "\u1eb9\u0302"])
    assert several.startswith("no row is named '\u1ec7' (1 of 1 items have no row)")


def test_names_that_differ_only_in_their_writing_are_counted_and_not_left_out():
    rows = [f"object_{k}" for k in range(300)]
    items = [row.replace("_", " ").title() for row in rows[:270]] + ["unicorn"]
    with pytest.raises(InputError) as caught:
        match_names([*rows[270:], *items], rows)
    assert not isinstance(caught.value, MissingRows)
    assert "271 of 301 items have no row" in str(caught.value)
    assert "(270 items are written in another way: " in str(caught.value)
    with pytest.raises(InputError) as caught:
        pyalign.score(pyalign.Embeddings(np.eye(3), ("a_1", "a_2", "b")), [["a 1", "a 2", "b"]])
    assert "omit" not in str(caught.value) and "'a 1' may be 'a_1'" in str(caught.value)

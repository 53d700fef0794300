"""Categories: what a label says, and whose it is."""

from __future__ import annotations

import numpy as np
import pytest

from pyalign import Categories


def test_negative_numbers_and_empty_texts_are_no_category():
    numbered = Categories.of([3, -1, 3, 0])
    assert numbered.labels == ("0", "3")
    assert np.array_equal(numbered.members, [[0, 1], [0, 0], [0, 1], [1, 0]])
    assert np.array_equal(Categories.of(["", "x"]).members, [[0], [1]])
    assert Categories.of([-1, -2]).members.shape == (2, 0)


def test_numbers_are_in_their_order_and_not_in_that_of_their_texts():
    assert Categories.of([10, 9, 100]).labels == ("9", "10", "100")


def test_labels_of_a_column_of_pandas_are_taken():
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    column = pandas.Series(["tool", "food", "tool"])
    assert np.array_equal(Categories.of(column).members, Categories.of(["tool", "food", "tool"]).members)


def test_memberships_are_taken_as_they_are():
    table = np.array([[1, 0, 1], [0, 0, 0]])
    found = Categories.of(table, ("a", "b", "c"))
    assert np.array_equal(found.members, table) and found.labels == ("a", "b", "c")
    assert Categories.of(table).labels == ("0", "1", "2")
    assert Categories.of(found) is found


def test_rows_are_found_by_name_where_both_have_names():
    found = Categories.of(["tool", "food", "tool"], names=("saw", "pie", "axe"))
    assert found.of_rows(2, ("pie", "axe")).argmax(axis=1).tolist() == [0, 1]
    assert found.of_rows(3).tolist() == found.members.tolist()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (np.ones(3), "categories must be whole numbers or text; got dtype float64"),
        (np.array(["a", 1], object), "categories must be whole numbers or text; got dtype object"),
        (np.zeros((2, 2, 2), int), "categories must have shape (n,) or (n, c), a row for each object; got (2, 2, 2)"),
        (2 * np.eye(2), "categories of shape (n, c) must hold 0 and 1 alone; got dtype float64 with others"),
    ],
)
def test_what_is_no_category_is_refused(message_of, given, message):
    assert message_of(Categories.of, given) == message


def test_rows_without_a_category_are_refused(message_of):
    few = Categories.of(["a", "b"], names=("saw", "pie"))
    assert message_of(few.of_rows, 3) == "categories must have a row for each of 3 rows of x; got 2"
    assert message_of(few.of_rows, 1, ("axe",)) == "no row is named 'axe' (1 of 1 items have no row)"

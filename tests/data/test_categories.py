"""Categories: what a label says, and whose it is."""

from __future__ import annotations

import numpy as np
import pytest

import pyalign
from pyalign import Categories, Embeddings, Triplets

NAMES = ("ant", "bee", "cat", "dog", "eel", "fox", "gnu", "hen")
OBJECTS = Embeddings(np.random.default_rng(0).normal(size=(8, 3)), NAMES)
TIMED = ["seconds", "triplets_per_second"]
KINDS = ("x", "x", "x", "y", "y", "x", "y", "y")
OTHERS = {"another order": slice(None, None, -1), "a part": slice(5)}
CALLS = {
    "score": lambda models, triplets, kinds: pyalign.score(
        models, triplets, groups=Categories.of(kinds), missing="omit"
    ),
    "concepts": lambda models, triplets, kinds: pyalign.score_concepts(
        models, triplets, categories=kinds, ci=None, missing="omit"
    ),
    "levels": lambda models, triplets, kinds: pyalign.score_concepts(
        models, triplets, levels=(kinds, kinds), ci=None, missing="omit"
    ),
    "consistency": lambda models, triplets, kinds: pyalign.error_consistency(
        models, triplets, model_choices={"c": [0] * len(triplets)}, categories=kinds, ci=None, missing="omit"
    ),
    "neighborhoods": lambda models, triplets, kinds: pyalign.neighborhoods(
        models, OBJECTS, categories=kinds, k=1, ci=None, n_permutations=0
    ),
}


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
        (2 * np.eye(2), "categories of shape (n, c) must hold only 0 and 1; got dtype float64 with others"),
    ],
)
def test_what_is_no_category_is_refused(message_of, given, message):
    assert message_of(Categories.of, given) == message


def test_names_in_the_place_of_labels_are_refused(message_of):
    """They would be left out without a word, and rows matched by position."""
    message = message_of(Categories.of, ["tool", "food"], ("axe", "pear"))
    assert message == (
        "labels must be left out where categories (n,) are the labels themselves; got 2: the names of objects are "
        "names="
    )


def test_rows_without_a_category_are_refused(message_of):
    few = Categories.of(["a", "b"], names=("saw", "pie"))
    assert message_of(few.of_rows, 3) == "categories must have a row for each of 3 rows of embeddings; got 2"
    assert message_of(few.of_rows, 1, ("axe",)).startswith("no row is named 'axe' (1 of 1 items have no row)")


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
@pytest.mark.parametrize("name", CALLS)
def test_categories_without_names_are_refused_where_rows_are_in_different_orders(message_of, name, other):
    """Whose rows would they be of? Identical models would have other categories each."""
    models = {"a": OBJECTS, "b": OBJECTS[other]}
    triplets = [[NAMES[item] for item in one] for one in ([0, 1, 2], [1, 3, 4], [0, 2, 4])]
    assert message_of(CALLS[name], models, triplets, KINDS) == (
        "categories have no names, and the models' rows are in different orders: give categories with names"
    )
    CALLS[name](models, triplets, Categories.of(KINDS, names=NAMES))


@pytest.mark.parametrize("name", CALLS)
def test_categories_without_names_are_of_the_rows_where_all_are_in_one_order(name):
    numbers = [[0, 1, 2], [1, 3, 4], [0, 2, 4], [5, 6, 7], [3, 7, 6]]
    named, found = [[NAMES[item] for item in one] for one in numbers], []
    for models, triplets in (
        ({"a": OBJECTS, "b": OBJECTS[:]}, named),
        ({"a": OBJECTS, "b": OBJECTS.values}, Triplets(np.array(numbers), NAMES, numbered=True)),
        ({"a": OBJECTS.values, "b": OBJECTS.values}, numbers),
    ):
        found.append(CALLS[name](models, triplets, KINDS).to_frame().drop(columns=TIMED, errors="ignore"))
    assert found[0].equals(found[1]) and found[1].equals(found[2])

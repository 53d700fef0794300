"""Embeddings and triplets are brought together by names; what is assumed is said."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import draw_triplets, reals, seeds

from pyalign.data import Embeddings, Triplets, align, align_models
from pyalign.data.align import one_order

N = 7
X = reals(0, N, 3)
NAMES = tuple(f"item {k}" for k in range(N))
orders = st.permutations(range(N)).map(np.array)


def named(order):
    """X and its names, with rows in another order."""
    return Embeddings(X[order], tuple(NAMES[k] for k in order))


def named_by_numbers(order):
    """X in another order, each row named after its number."""
    return Embeddings(X[order], tuple(map(str, order)))


def stated(triplets):
    """Triplets of numbers whose items somebody has named."""
    return Triplets(triplets, NAMES, numbered=True)


@given(orders, seeds)
def test_triplets_of_names_find_their_rows(order, seed):
    triplets = draw_triplets(seed, N, 20)
    found = align(named(order), np.array(NAMES)[triplets])
    assert np.array_equal(found.x[found.index], X[triplets])
    assert found.notes == ()


@given(orders, seeds)
def test_numbers_of_a_stated_order_find_their_rows(order, seed):
    triplets = draw_triplets(seed, N, 20)
    found = align(named(order), stated(triplets))
    assert np.array_equal(found.x[found.index], X[triplets])
    assert found.notes == ()


@given(orders, seeds)
def test_names_that_are_the_numbers_find_their_rows(order, seed):
    triplets = draw_triplets(seed, N, 20)
    found = align(Embeddings(X[order], tuple(map(str, order))), triplets)
    assert np.array_equal(found.x[found.index], X[triplets])
    assert found.notes == ()


def test_where_nothing_has_to_move_the_triplets_are_the_callers_own():
    triplets = draw_triplets(0, N, 5)
    for x, given_triplets in ((X, triplets), (named(np.arange(N)), stated(triplets)), (X, stated(triplets))):
        assert align(x, given_triplets).index is triplets


def test_numbers_and_names_without_a_link_say_which_order_is_assumed():
    found = align(Embeddings(X, NAMES, "named.csv"), draw_triplets(0, N, 5))
    assert found.notes == (
        "item numbers are taken as row numbers of named.csv (item 0, item 1, item 2, ...), since nothing "
        "says which items they stand for: load_triplets(..., item_names=names)",
    )


def test_nameless_rows_and_a_stated_order_say_what_is_assumed():
    found = align(X, stated(draw_triplets(0, N, 5)), "clip.npy")
    assert found.notes == ("rows of clip.npy have no names: they are taken to be in the order of the named items",)
    assert found.names == NAMES


def test_where_neither_side_has_names_the_order_of_rows_is_said_to_be_assumed():
    told = "neither triplets nor embeddings have names: row i is taken for object i"
    assert align(X, draw_triplets(0, N, 5)).notes == (told,)
    assert align_models({"a": X, "b": X[:, :2]}, draw_triplets(0, N, 5)).notes == (told,)
    assert align(Embeddings(X, tuple(map(str, range(N)))), draw_triplets(0, N, 5)).notes == ()
    assert align(Embeddings(X, NAMES), [NAMES[:3]]).notes == ()


def test_notes_of_both_sides_come_along():
    found = align(Embeddings(X, notes=("of x",)), Triplets(draw_triplets(0, N, 5), notes=("of t",)))
    assert found.notes[:2] == ("of x", "of t")


def test_stems_are_said():
    x = Embeddings(X[:2], ("b/b_01.jpg", "a/a_01.jpg"))
    found = align(Embeddings(X[:3], ("b/b_01.jpg", "a/a_01.jpg", "c/c_01.jpg")), [["a", "b", "c"]])
    assert found.index.tolist() == [[1, 0, 2]]
    assert found.notes == ("items are found by the stems of the rows' names: 'a' is 'a/a_01.jpg'",)
    assert len(x) == 2


def test_of_a_stated_order_items_that_no_triplet_names_need_no_row():
    found = align(Embeddings(X[:3], NAMES[:3]), stated(np.array([[2, 1, 0]])))
    assert found.index.tolist() == [[2, 1, 0]]


# What is refused


@pytest.mark.parametrize(
    ("x", "triplets", "expected"),
    [
        (X, [["a", "b", "c"]], "embeddings: the triplets hold names; give the rows' names: Embeddings(x, names)"),
        (
            Embeddings(X, source="x.npy"), [["a", "b", "c"]],
            "x.npy: the triplets hold names; give the rows' names: load_embeddings(..., names=names)",
        ),
        (named(np.arange(3)), [list(NAMES[1:4])], "no row is named 'item 3' (1 of 3 items have no row)"),
        (
            X[:5], stated(np.array([[0, 1, 2]])),
            "embeddings: has 5 rows and no names, 7 items are named: which row is whose?",
        ),
        (named(np.arange(6)), stated(np.array([[0, 1, 6]])), "no row is named 'item 6' (1 of 3 items have no row)"),
    ],
    ids=[
        "no names of rows",
        "no names in a file",
        "a name without a row",
        "other number of rows",
        "an item without a row",
    ],
)
def test_items_without_a_row_are_refused(message_of, x, triplets, expected):
    assert message_of(align, x, triplets) == expected


NUMBERED = Embeddings(X, tuple(map(str, reversed(range(N)))))
SHORT = named(np.arange(N)[::-1])


@pytest.mark.parametrize("x", [NUMBERED, SHORT], ids=["names are numbers", "stated order"])
@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([[0, 1, -1]], "triplets must lie in [0, 7), the named items; row 0 is [0, 1, -1]"),
        ([[0, 1, 2], [3, 4, 7]], "triplets must lie in [0, 7), the named items; row 1 is [3, 4, 7]"),
        ([[1, 2, 7]], "triplets must lie in [0, 7), the named items; row 0 is [1, 2, 7]; is it 1-based?"),
        ([[0, 1.5, 2.5]], "triplets must be integers; got dtype float64: are embeddings and triplets swapped?"),
        ([[0, 1]], "triplets must have shape (t, 3); got (1, 2)"),
        (np.zeros((0, 3), int), "triplets must not be empty; got shape (0, 3)"),
    ],
    ids=["negative", "past the end", "one-based", "fraction", "two columns", "empty"],
)
def test_numbers_of_no_item_are_refused_and_never_wrap_around(message_of, x, values, expected):
    make = np.array if x is NUMBERED else lambda values: stated(np.array(values))
    assert message_of(lambda: align(x, make(values))) == expected


def test_two_numbers_of_one_item_are_refused(message_of):
    triplets = Triplets(np.array([[0, 1, 2], [1, 2, 3]]), ("a", "b", "c", "a"), numbered=True)
    x = Embeddings(X[:3], ("c", "b", "a"))
    assert message_of(align, x, triplets) == "item names must differ; 'a' occurs more than once"


def test_rows_of_one_name_are_refused_where_names_decide(message_of):
    x = Embeddings(X[:3], ("a", "a", "b"))
    message = message_of(align, x, [["a", "b", "c"]])
    assert message.startswith("row names must differ; 'a' occurs more than once; x.per_object")
    assert message_of(align, replace(x, source="x.csv"), [["a", "b", "c"]]) == f"x.csv: {message}"


# Several embeddings


@given(orders, orders, seeds)
def test_several_embeddings_are_aligned_by_name(first, second, seed):
    triplets = draw_triplets(seed, N, 20)
    for given_triplets, wanted in (
        (np.array(NAMES)[triplets], triplets),
        (stated(triplets), triplets),
        (triplets, first[triplets]),  # numbers are those of the first that has names
    ):
        found = align_models({"a": named(first), "b": named(second)}, given_triplets)
        for x in found.models.values():
            assert np.array_equal(x[found.index], X[wanted])


def test_the_first_with_names_gives_the_order_and_the_nameless_are_said():
    order = np.array([3, 1, 0, 2, 6, 5, 4])
    triplets = draw_triplets(0, N, 20)
    found = align_models({"plain": X[order], "named": named(order)}, triplets)
    assert np.array_equal(found.models["plain"], X[order])
    assert np.array_equal(found.models["named"][found.index], X[order][triplets])
    assert len(found.notes) == 2
    assert found.notes[0].startswith("item numbers are taken as row numbers of named (item 3, item 1, ")
    assert found.notes[1].startswith(
        "rows of plain have no names: they are taken to be in the order of the named items"
    )


def test_embeddings_of_other_items_too_keep_the_rows_of_the_triplets():
    more = Embeddings(np.vstack([reals(1, 2, 3), X[::-1]]), ("u", "v", *NAMES[::-1]))
    triplets = np.array(NAMES)[[[4, 2, 0], [1, 2, 4]]]
    found = align_models({"a": named(np.arange(N)), "b": more}, triplets)
    assert [len(x) for x in found.models.values()] == [4, 4]
    assert np.array_equal(found.models["a"], found.models["b"])
    assert np.array_equal(found.models["a"][found.index], X[[[4, 2, 0], [1, 2, 4]]])
    assert found.names == tuple(NAMES[k] for k in (0, 1, 2, 4))


def test_nameless_embeddings_of_other_sizes_are_refused(message_of):
    message = message_of(align_models, {"a": X, "b": X[:5]}, draw_triplets(0, 5, 3))
    assert message == "models must have the same number of items; got a: 7, b: 5"


def test_one_order_of_names_that_are_numbers_is_that_of_the_numbers():
    given_order, notes = one_order({"a": NUMBERED}, Triplets(np.array([[0, 1, 2]])))
    assert given_order.names == tuple(map(str, range(N)))
    assert notes == ()


@given(orders, seeds)
def test_numbers_padded_with_zeros_are_found_in_one_model_as_in_several(order, seed):
    triplets = draw_triplets(seed, N, 20)
    padded = Embeddings(X[order], tuple(f"{k:02d}" for k in order))
    assert np.array_equal(X[order][align(padded, triplets).index], X[triplets])
    for models in ({"a": padded}, {"a": padded, "b": named_by_numbers(order[::-1])}, {"a": padded, "b": X}):
        for both in (models, dict(reversed(models.items()))):
            found = align_models(both, triplets)
            for x in found.models.values():
                assert np.array_equal(x[found.index], X[triplets])

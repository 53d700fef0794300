"""pyalign.data.missing: triplets and judged pairs of objects without a row, which are refused or left out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyalign import Embeddings, Judgments, Triplets
from pyalign.data import Categories, Subjects, align, align_models
from pyalign.data.missing import Coverage, judged_with_rows, with_rows
from pyalign.data.names import OMIT, rows_of_some
from pyalign.errors import InputError

NAMES = ("ant", "bee", "cat", "dog", "eel")
TRIPLETS = np.array([[0, 1, 2], [2, 3, 4], [0, 2, 3], [1, 2, 0]])
HINT = f"; {OMIT}"


def rows(*names):
    """Embeddings whose row of each item holds its place among `NAMES`."""
    return Embeddings(np.array([[NAMES.index(name), 1.0] for name in names]), names)


def numbered(**more):
    return Triplets(TRIPLETS, NAMES, numbered=True, **more)


# Which row is of which item


def test_the_row_of_each_item_that_has_one():
    assert rows_of_some(["cat", "dog", "eel"], ["eel", "ant", "cat"]).tolist() == [2, -1, 0]


def test_one_rule_finds_the_rows_that_which_finds_most():
    assert rows_of_some(["ant", "cat", "dog"], ["x/ant_01.jpg", "x/dog_02.jpg"]).tolist() == [0, -1, 1]
    assert rows_of_some(["ant", "cat", "dog"], ["ant/1.jpg", "dog/7.jpg"]).tolist() == [0, -1, 1]


def test_exact_names_go_first():
    assert rows_of_some(["cat", "dog"], ["cat_01.jpg", "cat"]).tolist() == [1, -1]


def test_an_item_with_several_rows_is_not_missing(message_of):
    message = message_of(rows_of_some, ["ant", "cat", "dog"], ["ant_01.jpg", "ant_02.jpg", "dog_01.jpg"])
    assert message.startswith("'ant' has several rows: 'ant_01.jpg', 'ant_02.jpg'; x.per_object(\"mean\") or")


def test_rows_of_the_same_name_are_refused(message_of):
    assert message_of(rows_of_some, ["cat"], ["cat", "cat"]) == "row names must differ; 'cat' occurs more than once"


@given(st.sets(st.sampled_from(NAMES), min_size=1), st.permutations(NAMES))
def test_items_that_all_have_a_row_are_found_as_without_the_option(items, order):
    from pyalign.data import match_names

    items = sorted(items)
    assert rows_of_some(items, order).tolist() == match_names(items, order).rows.tolist()


# Triplets


def test_triplets_of_items_without_a_row_are_left_out():
    found = with_rows(rows("dog", "cat", "ant"), numbered(), "omit")
    assert found.triplets.values.tolist() == [[0, 2, 3]] and found.kept.tolist() == [False, False, True, False]
    assert found.coverage == Coverage(n_objects=3, of_objects=5, n_triplets=1, of_triplets=4)
    told = "2 of 5 objects have no row (bee, eel): 3 of 4 triplets are left out; 1 triplet of 3 objects remains"
    assert found.triplets.notes == (told,)
    assert align(rows("dog", "cat", "ant"), found.triplets).index.tolist() == [[2, 1, 0]]


def test_names_of_triplets_are_those_of_what_remains():
    """Triplets of names are as if the others had never been there: a stated order of numbers stays."""
    named = [[NAMES[item] for item in one] for one in TRIPLETS]
    found = with_rows(rows("dog", "cat", "ant"), named, "omit").triplets
    assert found.names == ("ant", "cat", "dog") and found.values.tolist() == [[0, 1, 2]]
    assert with_rows(rows("dog", "cat", "ant"), numbered(), "omit").triplets.names == NAMES


def test_everything_known_of_a_triplet_goes_with_it():
    places = np.array([[0, 1, 2], [1, 2, 0], [0, 2, 1], [2, 1, 0]], np.int8)
    triplets = numbered(subjects=Subjects(np.array([0, 1, 1, 2], np.int32), ("x", "y", "z")), positions=places)
    found = with_rows(rows("ant", "bee", "cat"), triplets, "omit")
    assert found.triplets.subjects.codes.tolist() == [0, 2] and found.triplets.positions.tolist() == [
        [0, 1, 2],
        [2, 1, 0],
    ]
    assert found.coverage.n_subjects == 2 and found.coverage.of_subjects == 3
    assert found.triplets.notes[0].endswith("2 triplets of 3 objects by 2 of 3 people remain")
    found = with_rows(rows("ant", "bee", "cat"), numbered().with_answers(np.eye(3)[[0, 1, 2, 0]]), "omit")
    assert found.triplets.answers.shares.tolist() == [[1, 0, 0], [1, 0, 0]]


def test_labels_given_for_all_triplets_go_in_step():
    found = with_rows(rows("ant", "bee", "cat"), numbered(), "omit", subjects=["x", "y", "x", "z"])
    assert (found.coverage.n_subjects, found.coverage.of_subjects) == (2, 3)
    assert found.of(["x", "y", "x", "z"], "subjects").tolist() == ["x", "z"]
    assert found.of(np.arange(12).reshape(4, 3), "weights").tolist() == [[0, 1, 2], [9, 10, 11]]
    categories = Categories.of(["a", "b", "a", "b", "a"])
    assert found.of(categories, "groups") is categories and found.of(None, "groups") is None
    assert found.of(Subjects(np.array([3, 2, 1, 0]), ("x",) * 4), "subjects").codes.tolist() == [3, 0]
    with pytest.raises(InputError, match=r"groups must have one entry per triplet, 4; got 3"):
        found.of([1, 2, 3], "groups")


def test_arrays_of_what_remains_take_their_places_among_all():
    found = with_rows(rows("ant", "bee", "cat"), numbered(), "omit")
    assert found.among_all(np.array([1, 2], np.int8)).tolist() == [1, -2, -2, 2]
    np.testing.assert_array_equal(found.among_all(np.eye(2, 3)), [[1, 0, 0], [np.nan] * 3, [np.nan] * 3, [0, 1, 0]])
    assert found.rows_among_all(np.array([1, 0])).tolist() == [3, 0] and found.among_all(None) is None


def test_of_several_models_all_must_have_the_rows():
    models = {"a": rows("ant", "bee", "cat", "eel"), "b": rows("dog", "cat", "bee", "ant")}
    found = with_rows(models, numbered(), "omit")
    assert found.triplets.values.tolist() == [[0, 1, 2], [1, 2, 0]]
    assert found.triplets.notes[0].startswith("2 of 5 objects have no row in some model (dog, eel): 2 of 4 triplets")
    assert align_models(models, found.triplets).models["b"][:, 0].tolist() == [0, 1, 2]


def test_numbers_are_those_of_the_first_model_with_names():
    models = {"a": rows(*NAMES), "b": rows("cat", "bee", "ant")}
    found = with_rows(models, TRIPLETS, "omit")
    assert found.triplets.values.tolist() == [[0, 1, 2], [1, 2, 0]] and len(found.triplets.notes) == 2
    assert found.triplets.notes[0].startswith("item numbers are taken for rows of a in its own order")


@pytest.mark.parametrize("x", [np.eye(5), np.eye(3)])
def test_numbers_without_names_miss_nothing(x):
    found = with_rows(x, TRIPLETS, "omit")
    assert found.triplets.values is TRIPLETS and found.kept is None and found.triplets.notes == ()
    assert found.coverage == Coverage(n_objects=5, of_objects=5, n_triplets=4, of_triplets=4)


def test_rows_without_names_are_in_the_stated_order():
    models = {"a": np.eye(5), "b": rows("cat", "bee", "ant")}
    found = with_rows(models, numbered(), "omit").triplets
    assert align_models(models, found).models["a"].tolist() == np.eye(5)[:3].tolist()


def test_nothing_is_said_where_nothing_is_missing():
    found = with_rows(rows(*NAMES[::-1]), numbered(), "omit")
    assert found.kept is None and found.triplets.notes == () and found.coverage.n_triplets == 4


def test_by_default_nothing_is_left_out_and_the_error_names_the_option(message_of):
    assert with_rows(rows(*NAMES), numbered(), "raise").coverage is None
    for models in (rows("ant", "cat"), {"a": rows(*NAMES), "b": rows("ant", "cat")}):
        message = message_of(with_rows, models, numbered(), "raise")
        assert message == f"no row is named 'bee', 'dog', 'eel' (3 of 5 items have no row){HINT}"


def test_an_item_with_several_rows_is_no_case_for_the_option(message_of):
    several = Embeddings(np.eye(3), ("ant_1.jpg", "ant_2.jpg", "bee_1.jpg"))
    message = message_of(with_rows, several, [["ant", "bee", "ant"]], "raise")
    assert 'x.per_object("mean")' in message and "missing" not in message


def test_no_triplet_left_is_an_error(message_of):
    message = message_of(with_rows, rows("ant", "eel"), numbered(), "omit")
    assert message == (
        "triplets must hold one whose items all have a row; got none: 3 of 5 objects have no row (bee, cat, dog)"
    )


def test_what_breaks_a_rule_is_still_refused(message_of):
    assert message_of(with_rows, rows("ant"), numbered(), "drop").startswith("missing must be one of raise, omit; got ")
    wrong = Triplets(TRIPLETS + 1, NAMES, numbered=True)
    assert message_of(with_rows, rows("ant"), wrong, "omit").startswith("triplets must lie in [0, 5), the named items")
    twice = Triplets(TRIPLETS, ("ant", "bee", "ant", "dog", "eel"), numbered=True)
    assert message_of(with_rows, rows("ant"), twice, "omit").startswith("item names must differ; 'ant' occurs more")


# Judged pairs


def test_judged_objects_without_a_row_are_left_out():
    square = np.arange(25.0).reshape(5, 5)
    human = Judgments(square + square.T, "dissimilarity", NAMES)
    found, coverage = judged_with_rows({"a": rows("eel", "bee", "dog"), "b": rows(*NAMES)}, {}, human, "omit")
    assert found.names == ("bee", "dog", "eel") and found.values.tolist() == human.take([1, 3, 4]).values.tolist()
    assert coverage == Coverage(n_objects=3, of_objects=5, n_pairs=3, of_pairs=10)
    told = (
        "2 of 5 objects have no row in some model (ant, cat): 7 of 10 pairs are left out; 3 pairs of 3 objects remain"
    )
    assert found.notes == (told,)


def test_matrices_of_models_count_too():
    square = np.ones((5, 5))
    human, rdm = Judgments(square, "dissimilarity", NAMES), Judgments(square[:4, :4], "dissimilarity", NAMES[:4])
    found, _ = judged_with_rows({}, {"a": rdm}, human, "omit")
    assert found.names == NAMES[:4]


def test_judgments_without_names_miss_nothing():
    human = Judgments(np.ones((5, 5)), "dissimilarity")
    found, coverage = judged_with_rows({"a": rows("ant", "bee")}, {}, human, "omit")
    assert found is human and coverage.n_pairs == coverage.of_pairs == 10


def test_judged_objects_without_a_row_are_refused_by_default(message_of):
    human = Judgments(np.ones((5, 5)), "dissimilarity", NAMES)
    message = message_of(judged_with_rows, {"a": rows(*NAMES[:4])}, {}, human, "raise")
    assert message == f"no row is named 'eel' (1 of 5 items have no row){HINT}"
    assert judged_with_rows({"a": rows(*NAMES)}, {}, human, "raise") == (human, None)
    message = message_of(judged_with_rows, {"a": Embeddings(np.eye(2), ("x", "y"))}, {}, human, "omit")
    told = "human must hold a pair of objects that have a row; got none: 5 of 5 objects have no row (ant, bee, cat and "
    assert message == f"{told}2 more)"

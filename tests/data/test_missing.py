"""pyalign.data.missing: triplets and judged pairs of objects without a row, which are refused or left out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pyalign
from pyalign import Embeddings, RDMs, Triplets, load_triplets
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


def test_values_for_each_triplet_are_those_of_the_triplets_that_remain():
    found = with_rows(rows("dog", "cat", "ant"), numbered(), "omit")
    assert found.of(["x", "y", "z", "x"], "subjects").tolist() == ["z"]
    with pytest.raises(InputError, match=r"^groups must have one entry per triplet, 4; got 2$"):
        found.of([1, 2], "groups")


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
    told = "2 of 5 objects have no row ('bee', 'eel'): 3 of 4 triplets are left out; 1 triplet of 3 objects remains"
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
    assert found.triplets.notes[0].startswith(
        "2 of 5 objects have no row in some model ('dog', 'eel'; 'a' lacks 1, 'b' lacks 1): 2 of 4 triplets"
    )
    assert align_models(models, found.triplets).models["b"][:, 0].tolist() == [0, 1, 2]


def test_numbers_are_those_of_the_first_model_with_names():
    models = {"a": rows(*NAMES), "b": rows("cat", "bee", "ant")}
    found = with_rows(models, TRIPLETS, "omit")
    assert found.triplets.values.tolist() == [[0, 1, 2], [1, 2, 0]] and len(found.triplets.notes) == 2
    assert found.triplets.notes[0].startswith("item numbers are taken as row numbers of a")


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
    told = f"no row is named 'bee', 'dog', 'eel' (3 of 5 items have no row){HINT}"
    for models in (rows("ant", "cat"), {"b": rows("ant", "cat")}):
        assert message_of(with_rows, models, numbered(), "raise") == told
    several = {"a": rows(*NAMES), "b": rows("ant", "cat"), "c": rows("ant", "eel")}
    assert message_of(with_rows, several, numbered(), "raise") == f"b: {told}"


def test_an_item_with_several_rows_is_no_case_for_the_option(message_of):
    several = Embeddings(np.eye(3), ("ant_1.jpg", "ant_2.jpg", "bee_1.jpg"))
    message = message_of(with_rows, several, [["ant", "bee", "ant"]], "raise")
    assert 'x.per_object("mean")' in message and "missing" not in message


def test_which_model_lacks_how_many_is_said_of_the_first_three():
    models = {"all": rows(*NAMES)} | {name: rows("ant", "bee", "cat") for name in "wxyz"}
    told = "2 of 5 objects have no row in some model ('dog', 'eel'; 'w' lacks 2, 'x' lacks 2, 'y' lacks 2 and 1 more): "
    assert with_rows(models, numbered(), "omit").triplets.notes[0].startswith(told)


def test_an_object_with_several_rows_is_said_to_be_of_which_model(message_of):
    models = {"a": rows("ant", "bee", "cat"), "b": Embeddings(np.eye(3), ("ant_1.jpg", "ant_2.jpg", "bee_1.jpg"))}
    assert message_of(with_rows, models, [["ant", "bee", "cat"]], "omit").startswith("b: 'ant' has several rows: ")


def test_no_triplet_left_is_an_error(message_of):
    message = message_of(with_rows, rows("ant", "eel"), numbered(), "omit")
    assert message == (
        "triplets must hold one whose items all have a row; got none: 3 of 5 objects have no row ('bee', 'cat', 'dog')"
    )


def test_what_breaks_a_rule_is_still_refused(message_of):
    assert message_of(with_rows, rows("ant"), numbered(), "drop").startswith("missing must be one of raise, omit; got ")
    wrong = Triplets(TRIPLETS + 1, NAMES, numbered=True)
    assert message_of(with_rows, rows("ant"), wrong, "omit").startswith("triplets must lie in [0, 5), the named items")
    twice = Triplets(TRIPLETS, ("ant", "bee", "ant", "dog", "eel"), numbered=True)
    assert message_of(with_rows, rows("ant"), twice, "omit").startswith("item names must differ; 'ant' occurs more")


# Names that are numbers


PLAIN = np.arange(10.0).reshape(5, 2)
BY_NUMBER = {
    "names": lambda first, end: Embeddings(PLAIN[first:end], tuple(map(str, range(first, end)))),
    "padded": lambda first, end: Embeddings(PLAIN[first:end], tuple(f"{k:02d}" for k in range(first, end))),
    "DataFrame": lambda first, end: pytest.importorskip("pandas").DataFrame(PLAIN).iloc[first:end],
}


@pytest.mark.parametrize("of", BY_NUMBER.values(), ids=BY_NUMBER)
def test_rows_named_by_a_part_of_the_numbers_are_found_by_them(message_of, of):
    """Rows 1 to 4 of five: a number is the row that is called so, and never a place among those that are there."""
    part = of(1, 5)
    found = with_rows(part, TRIPLETS, "omit")
    assert found.kept.tolist() == [False, True, False, False] and found.coverage.n_triplets == 1
    assert found.triplets.notes == (
        "1 of 5 objects has no row ('0'): 3 of 4 triplets are left out; 1 triplet of 3 objects remains",
    )
    assert align(part, found.triplets).index.tolist() == [[1, 2, 3]]
    assert message_of(with_rows, part, TRIPLETS, "raise") == f"no row is named '0' (1 of 5 items have no row){HINT}"
    inside = with_rows(part, TRIPLETS[1:2], "raise").triplets
    assert align(part, inside).index.tolist() == [[1, 2, 3]] and align(part, inside).notes == ()
    assert message_of(align, part, TRIPLETS) == "no row is named '0' (1 of 5 items have no row)"
    assert message_of(with_rows, of(4, 5), TRIPLETS[:1], "omit").startswith("triplets must hold one whose items all ")
    assert message_of(align, part, TRIPLETS - 1).startswith("triplets must lie in [0, 4), the named items; row 0 is ")


@pytest.mark.parametrize("of", BY_NUMBER.values(), ids=BY_NUMBER)
def test_parts_of_the_numbers_in_several_models(of):
    for models in ({"a": of(0, 5), "b": of(1, 5)}, {"a": of(1, 5), "b": of(2, 5)}, {"a": of(1, 5), "b": PLAIN}):
        for both in (models, dict(reversed(models.items()))):
            found = with_rows(both, TRIPLETS, "omit")
            assert found.kept.tolist() == [False, True, False, False]
            aligned = align_models(both, found.triplets)
            assert all(x[aligned.index[0], 0].tolist() == [4.0, 6.0, 8.0] for x in aligned.models.values())


def test_a_number_beyond_the_rows_without_names_is_no_missing_row(message_of):
    models = {"a": PLAIN, "b": Embeddings(PLAIN[1:], ("1", "2", "3", "4"))}
    assert message_of(with_rows, models, TRIPLETS[:2] + 1, "omit") == (
        "triplets must lie in [0, 5), the named items; row 1 is [3, 4, 5]; is it 1-based?"
    )


ASTRAY = Embeddings(np.eye(5), ("ant/bee.jpg", "bee/cat.jpg", "cat/ant.jpg", "dog/x1.jpg", "eel/x2.jpg"))


def test_another_rule_for_the_objects_that_remain_is_refused(message_of):
    """The folders name all five objects; of the three that remain the file names would name the wrong rows."""
    told = "'ant' is the row 'ant/bee.jpg' among all objects and 'cat/ant.jpg' among those that remain: name the rows "
    models, named = {"a": ASTRAY, "b": rows("ant", "bee", "cat")}, [["ant", "bee", "cat"], ["ant", "dog", "eel"]]
    assert message_of(with_rows, models, named, "omit") == f"a: {told}after the objects"
    assert message_of(with_rows, ASTRAY, [["ant", "bee", "cat"], ["ant", "dog", "fox"]], "omit") == (
        f"embeddings: {told}after the objects"
    )
    human = RDMs(np.ones((5, 5)), "dissimilarity", NAMES)
    assert message_of(judged_with_rows, models, {}, human, "omit") == f"a: {told}after the objects"


def test_the_rule_of_all_objects_is_that_of_those_that_remain():
    folders = Embeddings(np.eye(5), tuple(f"{name}/{k}.jpg" for k, name in enumerate(NAMES)))
    found = with_rows({"a": folders, "b": rows("ant", "bee", "cat")}, numbered(), "omit").triplets
    assert align(folders, found).index.tolist() == [[0, 1, 2], [1, 2, 0]]


# Judged pairs


def test_judged_objects_without_a_row_are_left_out():
    square = np.arange(25.0).reshape(5, 5)
    human = RDMs(square + square.T, "dissimilarity", NAMES)
    found, coverage = judged_with_rows({"a": rows("eel", "bee", "dog"), "b": rows(*NAMES)}, {}, human, "omit")
    assert found.names == ("bee", "dog", "eel") and found.values.tolist() == human.take([1, 3, 4]).values.tolist()
    assert coverage == Coverage(n_objects=3, of_objects=5, n_pairs=3, of_pairs=10)
    left = "7 of 10 pairs are left out; 3 pairs of 3 objects remain"
    assert found.notes == (f"2 of 5 objects have no row in some model ('ant', 'cat'; 'a' lacks 2): {left}",)


def test_matrices_of_models_count_too():
    square = np.ones((5, 5))
    human, rdm = RDMs(square, "dissimilarity", NAMES), RDMs(square[:4, :4], "dissimilarity", NAMES[:4])
    found, _ = judged_with_rows({}, {"a": rdm}, human, "omit")
    assert found.names == NAMES[:4]


def test_judgments_without_names_miss_nothing():
    human = RDMs(np.ones((5, 5)), "dissimilarity")
    found, coverage = judged_with_rows({"a": rows("ant", "bee")}, {}, human, "omit")
    assert found is human and coverage.n_pairs == coverage.of_pairs == 10


def test_judged_objects_without_a_row_are_refused_by_default(message_of):
    human = RDMs(np.ones((5, 5)), "dissimilarity", NAMES)
    rdms = {"m": RDMs(np.ones((4, 4)), "dissimilarity", NAMES[:4])}
    message = message_of(judged_with_rows, {"a": rows(*NAMES)}, rdms, human, "raise")
    assert message == f"m: no row is named 'eel' (1 of 5 items have no row){HINT}"
    message = message_of(judged_with_rows, {"a": rows(*NAMES[:4])}, {}, human, "raise")
    assert message == f"no row is named 'eel' (1 of 5 items have no row){HINT}"
    assert judged_with_rows({"a": rows(*NAMES)}, {}, human, "raise") == (human, None)
    message = message_of(judged_with_rows, {"a": Embeddings(np.eye(2), ("x", "y"))}, {}, human, "omit")
    told = "human must hold pairs of at least 2 objects that have a row; got none: 5 of 5 objects have no row "
    assert message == f"{told}('ant', 'bee', 'cat' and 2 more)"


@pytest.mark.parametrize(
    ("rows", "asks"),
    [
        (["Ding A,Ding B,Ding C", "cat,dog,car", "cat,car,dog"], True),
        (["a,b,c", "cat,dog,car"], True),
        (["a,b,cat", "cat,dog,car"], False),
        (["a,b,c", "cat,dog,car", "dog,cat,a"], False),
        (["a,b,c", "cat,dog,bat"], False),
        (["a,b,c"], False),
        (["a,b,several", "cat,dog,car"], False),
    ],
)
def test_names_without_a_row_in_the_first_row_alone_may_be_a_header(message_of, tmp_path, rows, asks):
    path = tmp_path / "t.csv"
    path.write_text("\n".join(rows))
    x = Embeddings(np.eye(5), ("cat.jpg", "dog.jpg", "car.jpg", "several/1.jpg", "several/2.jpg"))
    message = message_of(with_rows, x, load_triplets(path), "raise")
    assert message.endswith("; is the first row a header (load_triplets(..., columns=names))?") == asks
    if asks:
        named = load_triplets(path, columns=tuple(rows[0].split(",")))
        assert len(with_rows(x, named, "raise").triplets) == len(rows) - 1


@pytest.mark.parametrize(
    ("subjects", "rule"),
    [
        (["ann", "bob"], "one entry per triplet, shape"),
        (["ann", None] * 20, "strings throughout; row 1 is None"),
        ([np.nan] * 40, "finite; row 0 is nan"),
    ],
)
def test_subjects_are_checked_where_no_interval_is_over_them_too(message_of, subjects, rule):
    """They were left out without a word: intervals were over objects alone."""
    triplets = np.array([[0, 1, 2], [1, 2, 3], [3, 4, 0], [2, 4, 1]] * 10)
    for call in (pyalign.score, pyalign.calibrate, pyalign.agreement):
        message = message_of(call, np.eye(5), triplets, subjects=subjects)
        assert message.startswith("subjects must ") and rule in message

"""Embeddings know their items."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import reals

from pyalign import _checks
from pyalign.data import Embeddings, RDMs, Triplets, as_embeddings, plain
from pyalign.data.similarities import Similarities, as_models

NAMES = ("dog", "cat", "car", "ant")


@pytest.fixture
def x():
    return Embeddings(reals(0, 4, 3), NAMES, "x.npy", ("a note",))


@pytest.fixture
def pandas():
    return pytest.importorskip("pandas", reason="pandas is not installed")


def test_they_behave_as_an_array(x):
    assert (len(x), x.shape, x.ndim, x.dtype) == (4, (4, 3), 2, np.float32)
    assert np.array_equal(np.asarray(x), x.values)
    assert np.asarray(x, np.float64).dtype == np.float64
    assert np.array_equal(np.stack(list(x)), x.values)
    copy = np.array(x, copy=True)
    copy[0] = 0
    assert x.values[0].any()


@pytest.mark.parametrize(
    "rows",
    [slice(1, 3), [2, 0], np.array([3, 1]), np.array([True, False, True, False]), [True, False, False, True], slice(0)],
    ids=["slice", "list", "array", "mask", "list of bool", "none"],
)
def test_some_rows_keep_their_names_and_what_is_known(x, rows):
    part = x[rows]
    assert isinstance(part, Embeddings)
    assert np.array_equal(part.values, x.values[rows])
    assert part.names == tuple(np.array(NAMES)[rows])
    assert (part.source, part.notes) == (x.source, x.notes)


def test_other_indices_go_to_the_values(x):
    assert x[1, 2] == x.values[1, 2]
    assert np.array_equal(x[1], x.values[1])
    assert np.array_equal(x[np.int64(1)], x.values[1])
    assert np.array_equal(x[:, 0], x.values[:, 0])


@given(st.permutations(range(4)))
def test_named_puts_rows_in_the_order_of_the_names_and_says_so(order):
    x = Embeddings(np.eye(4), NAMES)
    names = [NAMES[k] for k in order]
    moved, note = x.named(names)
    assert moved.names == tuple(names)
    assert np.array_equal(moved.values, np.eye(4)[list(order)])
    assert (note is None) == (names == list(NAMES))
    assert note in (None, "rows are put in the order of the names that were given")


def test_nameless_rows_take_names_as_they_stand():
    named, note = Embeddings(np.eye(2)).named(["dog", "cat"])
    assert (named.names, note) == (("dog", "cat"), None)
    assert np.array_equal(named.values, np.eye(2))


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("dog", "cat", "bus", "ant"), "row 2 is 'car', not 'bus', and no row is named 'bus'"),
        (("cat", "dog", "car", "bee"), "row 0 is 'dog', not 'cat', and no row is named 'bee'"),
        (("dog", "cat", "car"), "there are 3 names for 4 rows"),
        (("dog", "dog", "car", "ant"), "row 1 is 'cat', not 'dog'"),
    ],
)
def test_other_names_are_refused_with_the_first_difference(x, message_of, names, expected):
    assert message_of(x.named, names) == f"names must be those that the rows have; {expected}"


def test_a_name_for_each_row(message_of):
    assert message_of(Embeddings, np.eye(3), ("a",)) == "names must be one for each of 3 rows; got 1"


def test_select_gives_the_rows_of_items(x, message_of):
    part = x.select(["ant", "dog"])
    assert np.array_equal(part.values, x.values[[3, 0]])
    assert part.names == ("ant", "dog")
    assert message_of(x.select, ["bus"]).startswith("no row is named 'bus' (1 of 1 items have no row); rows are")
    assert message_of(Embeddings(np.eye(2)).select, ["bus"]).startswith("select needs the names of the rows")


def test_the_text_form_tells_what_it_is(x):
    assert repr(x) == "Embeddings(4 x 3 float32, names 'dog', ..., from x.npy)"


# What they are made of


def test_the_index_of_a_frame_is_the_names(pandas):
    found = as_embeddings(pandas.DataFrame(np.eye(2), index=["dog", "cat"]))
    assert found.names == ("dog", "cat")
    assert np.array_equal(found.values, np.eye(2))


def test_an_index_of_the_numbers_in_order_says_nothing(pandas):
    assert as_embeddings(pandas.DataFrame(np.eye(2))).names is None


def test_an_index_of_the_numbers_in_another_order_puts_rows_in_order(pandas):
    found = as_embeddings(pandas.DataFrame(np.eye(3), index=[2, 0, 1]))
    assert found.names is None
    assert np.array_equal(found.values, np.eye(3)[[1, 2, 0]])


def test_other_whole_numbers_are_names(pandas):
    assert as_embeddings(pandas.DataFrame(np.eye(2), index=[7, 3])).names == ("7", "3")


@pytest.mark.parametrize("make", [lambda frame: frame, Embeddings, as_embeddings], ids=["bare", "inside", "known"])
def test_a_frame_keeps_its_index_wherever_it_is_put(pandas, make):
    frame = pandas.DataFrame(np.eye(2), index=["dog", "cat"])
    assert as_embeddings(make(frame)).names == ("dog", "cat")
    assert np.array_equal(plain(make(frame)), np.eye(2))


def test_what_frames_must_not_hold(pandas, message_of):
    frame = pandas.DataFrame({"name": ["dog", "cat"], "f0": [1.0, 2.0]})
    assert message_of(as_embeddings, frame) == (
        "embeddings must hold only numbers; column 'name' does not (set_index makes it the names)"
    )
    for text in (["a", "b"], pandas.Categorical(["a", "b"]), [True, None]):
        frame = pandas.DataFrame({0: [1.0, 2.0], "word": text})
        assert "; column 'word' does not" in message_of(as_embeddings, frame)
    two = pandas.DataFrame(np.eye(2), index=pandas.MultiIndex.from_tuples([("a", 1), ("b", 2)]))
    assert message_of(as_embeddings, two) == "embeddings must have one level of names in its index; got 2"
    lacking = pandas.DataFrame(np.eye(3), index=["dog", None, "cat"])
    assert message_of(as_embeddings, lacking) == "embeddings must have a name for every row; row 1 has none"


def test_a_path_says_how_it_is_read(message_of, tmp_path):
    told = "embeddings must be an array; got the path 'clip.npy': read it with load_embeddings(path)"
    assert message_of(as_embeddings, "clip.npy") == told
    assert message_of(as_embeddings, tmp_path / "clip.npy").endswith("clip.npy': read it with load_embeddings(path)")


def test_triplets_are_no_embeddings(message_of):
    told = "embeddings must be embeddings; got triplets: Triplets(2): are the arguments swapped?"
    assert message_of(as_embeddings, Triplets(np.array([[0, 1, 2], [2, 3, 1]]))) == told


@pytest.mark.parametrize("kind", ["csr_matrix", "coo_matrix", "csc_array"])
def test_a_sparse_matrix_says_what_to_do(message_of, kind):
    sparse = pytest.importorskip("scipy.sparse", reason="scipy is not installed")
    x = getattr(sparse, kind)(np.eye(3))
    assert message_of(as_embeddings, x) == f"embeddings must be a dense array; got {kind}: give embeddings.toarray()"


def test_lists_and_arrays_are_taken_as_they_are():
    x = np.eye(2)
    assert as_embeddings(x).values is x
    assert as_embeddings([[1.0, 2.0]]).values.tolist() == [[1.0, 2.0]]
    assert Embeddings([[1.0, 2.0]], ["a"]).shape == (1, 2)
    given = Embeddings(x)
    assert as_embeddings(given) is given


@pytest.mark.parametrize("nothing", [None, 3.5, np.float64(1)])
def test_what_has_no_rows_is_refused(message_of, nothing):
    assert message_of(as_embeddings, nothing, "a") == "a must have shape (n, d); got ()"


def test_a_tensor_without_data_is_refused(message_of):
    torch = pytest.importorskip("torch")
    told = message_of(_checks.as_array, torch.empty(3, 2, device="meta"), "embeddings", "(n, d)")
    assert told.startswith("embeddings must be an array of numbers; got Tensor: ")


def test_models_are_embeddings_by_their_names_as_text(message_of):
    judged = RDMs([0.1, 0.9, 0.8], "dissimilarity")
    found = as_models({1: np.eye(3), "judged": judged})
    assert list(found) == ["1", "judged"] and [type(one) for one in found.values()] == [Embeddings, Similarities]
    assert as_models(np.eye(2)).shape == (2, 2) and isinstance(as_models(judged), Similarities)
    assert message_of(as_models, {}) == "models must hold at least one model; got an empty mapping"
    assert (
        message_of(as_models, {1: np.eye(2), "1": np.eye(2)})
        == "models must have names that differ as text; got 1 and '1'"
    )
    assert message_of(as_models, {"a": "clip.npy"}).startswith("a must be an array; got the path 'clip.npy'")

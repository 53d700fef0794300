"""Several images of one object become one row."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyalign.data import Embeddings
from pyalign.data import names as module
from pyalign.data.names import OMIT, objects_of

FLOATS = ("float16", "float32", "float64")
OBJECTS = ("ant", "bat1", "bat2", "c d", "ä")


@st.composite
def images(draw):
    """Names of images in folders of their objects, in any order."""
    counts = draw(st.lists(st.integers(1, 4), min_size=2, max_size=len(OBJECTS)))
    names = [f"{OBJECTS[k]}/{OBJECTS[k]}_{i:02}s.jpg" for k, count in enumerate(counts) for i in range(count)]
    return draw(st.permutations(names))


def by_a_plain_loop(values, objects, how):
    """(m, d) and names, as the words say."""
    rows = {}
    for name, row in zip(objects, values, strict=True):
        rows.setdefault(name, []).append(row.astype(np.float64))
    taken = [np.mean(some, axis=0) if how == "mean" else some[0] for some in rows.values()]
    return np.array(taken), tuple(rows)


@given(
    names=images(), how=st.sampled_from(module.HOW), dtype=st.sampled_from(FLOATS), chunk=st.sampled_from([1, 7, 999]),
    known=st.booleans(), seed=st.integers(0, 99),
)
def test_rows_are_those_of_a_plain_loop(monkeypatch, names, how, dtype, chunk, known, seed):
    monkeypatch.setattr(module, "CHUNK", chunk)
    values = np.random.default_rng(seed).normal(size=(len(names), 3)).astype(dtype)
    objects = [name.split("/")[0] for name in names]
    expected, order = by_a_plain_loop(values, objects, how)
    items = sorted(set(objects)) if known else None
    found, note = Embeddings(values, tuple(names), "E", ("a note",)).per_object(how, items)
    assert (found.names, found.dtype, found.source, found.notes) == (order, dtype, "E", ("a note",))
    # A mean may cancel: the sum, in another order of the rows, is known to some roundings of its largest value.
    largest = float(np.abs(values).max())
    np.testing.assert_allclose(found.values, expected, rtol=1.01 * np.finfo(dtype).eps, atol=4e-15 * largest)
    assert note.startswith((f"{len(names)} rows become {len(order)} objects, by their ", "each of "))


@given(st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_the_order_of_objects_alone(random):
    names = [f"{k % 4}/{k}.jpg" for k in range(12)]
    values = np.arange(36.0).reshape(12, 3)
    order = random.sample(range(12), 12)
    plain = Embeddings(values, tuple(names)).per_object("mean")[0]
    turned = Embeddings(values[order], tuple(names[k] for k in order)).per_object("mean")[0]
    np.testing.assert_array_equal(turned.select(plain.names).values, plain.values)


@pytest.mark.parametrize(
    ("rows", "items", "rule", "objects"),
    [
        (["cat/1.jpg", "dog/1.jpg", "cat/2.jpg"], None, "folders", ("cat", "dog")),
        (["x/cat_01.jpg", "x/cat_02.jpg", "x/dog_1.jpg"], None, "file names without number", ("cat", "dog")),
        (["cat_01b.jpg", "cat_02s.jpg", "dog"], None, "file names without number", ("cat", "dog")),
        (["a/cat_1.jpg", "cat_2.jpg"], None, "file names without number", ("cat",)),
        (["a/0001.jpg", "a/0002.jpg"], None, "file names without number", ("a/0001.jpg", "a/0002.jpg")),
        (["cat", "cat", "dog"], ["dog", "cat"], "names", ("cat", "dog")),
        (["x/cat_01.jpg", "y/cat_01.png"], ["cat_01"], "file names", ("cat_01",)),
        (["x/cat_01.jpg", "y/cat_02.jpg"], ["cat"], "file names without number", ("cat",)),
        (["cat/a.jpg", "cat/b.jpg", "c.jpg"], ["cat"], "folders", ("cat", "c.jpg")),
        (["bat1", "bat2"], ["bat1", "bat2"], "names", ("bat1", "bat2")),
        (["x\\cat_01.jpg", "y\\cat_02.jpg"], None, "folders", ("x", "y")),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_one_rule_says_which_rows_are_of_one_object(rows, items, rule, objects):
    found = objects_of(rows, items)
    assert (found.rule, found.names) == (rule, objects)


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ([1, 1], "each of 2 rows is an object of its own, by their folders"),
        ([3, 3], "6 rows become 2 objects, by their folders: the mean of 3 images each"),
        ([1, 2], "3 rows become 2 objects, by their folders: the mean of 1 to 2 images each"),
    ],
)
def test_a_note_says_by_what_and_how_many(counts, said):
    names = [f"{k}/{i}.jpg" for k, count in enumerate(counts) for i in range(count)]
    assert Embeddings(np.ones((len(names), 2)), tuple(names)).per_object("mean")[1] == said


def test_the_first_is_that_of_the_rows_and_says_so():
    x = Embeddings(np.arange(6).reshape(3, 2), ("cat/9.jpg", "dog/1.jpg", "cat/1.jpg"))
    found, note = x.per_object("first")
    assert (found.values.tolist(), found.dtype) == ([[0, 1], [2, 3]], x.dtype)
    assert note.endswith("the first of 1 to 2 images each")


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint64"])
def test_the_mean_of_whole_numbers_is_float64(dtype):
    found, _ = Embeddings(np.array([[0], [1]], dtype), ("a/1", "a/2")).per_object("mean", ["a"])
    assert (found.dtype, found.values.tolist()) == (np.float64, [[0.5]])


def test_other_floats_keep_their_type():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    found, _ = Embeddings(np.array([[1], [4]], ml_dtypes.bfloat16), ("a/1", "a/2")).per_object("mean", ["a"])
    assert (found.dtype, float(found.values[0, 0])) == (ml_dtypes.bfloat16, 2.5)
    large = Embeddings(np.array([[60_000], [60_064]], "f2"), ("a/1", "a/2")).per_object("mean", ["a"])[0]
    assert (large.dtype, float(large.values[0, 0])) == (np.float16, 60_032)


def test_a_tensor_becomes_an_array_for_the_mean_and_stays_one_for_the_first():
    torch = pytest.importorskip("torch")
    x = Embeddings(torch.tensor([[1.0], [3.0]]), ("a/1", "a/2"))
    assert np.array_equal(x.per_object("mean", ["a"])[0].values, np.array([[2]], "f4"))
    assert isinstance(x.per_object("first", ["a"])[0].values, torch.Tensor)


def test_what_is_refused(message_of):
    x = Embeddings(np.eye(3), ("cat/1.jpg", "cat/2.jpg", "dog/1.jpg"))
    assert message_of(x.per_object, "median") == "per_object must be one of mean, first; got 'median'"
    assert message_of(Embeddings(np.eye(2)).per_object, "mean") == (
        "per_object needs the names of the rows; these embeddings have none"
    )
    assert message_of(x.per_object, "mean", ["cat", "cow", "dog"]) == (
        f"no row is of 'cow' (1 of 3 items have no row, by their folders); {OMIT}"
    )
    message = message_of(Embeddings(np.eye(2) * 1j, ("a/1", "b/2")).per_object, "mean")
    assert message == "embeddings must hold real numbers; got dtype complex128"


def test_items_may_be_without_a_row():
    names = ("cat/1.jpg", "cat/2.jpg", "dog/1.jpg")
    found, note = Embeddings(np.eye(3), names).per_object("first", ["cat", "cow", "dog"], "omit")
    assert found.names == ("cat", "dog") and "by their folders" in note


def test_some_item_must_have_a_row(message_of):
    x = Embeddings(np.eye(2), ("cat/1.jpg", "dog/1.jpg"))
    assert message_of(x.per_object, "mean", ["cow"], "omit").startswith("no row is of 'cow' (1 of 1 items")
    assert message_of(x.per_object, "mean", ["cow"], "drop").startswith(
        "missing must be one of raise, omit; got 'drop'"
    )

"""Triplets from arrays (.npy, .npz, .parquet): types, columns, and the odd item put last."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pyalign.data import Embeddings, align
from pyalign.errors import InputError
from pyalign.io import load_triplets

NAMES = ("dog", "cow", "bee", "ant")
ITEMS = np.array([[3, 7, 11], [0, 2, 1], [9, 8, 5]])


def save(path, values):
    np.save(path, values) if path.suffix == ".npy" else np.savez(path, triplets=values)
    return path


@pytest.fixture
def npy(tmp_path):
    return lambda values: save(tmp_path / "t.npy", values)


@pytest.mark.parametrize("dtype", ["int16", "uint16", "int32", "int64"])
def test_a_canonical_npy_is_mapped_without_a_copy(npy, dtype):
    found = load_triplets(npy(ITEMS.astype(dtype)))
    assert isinstance(found.values, np.memmap)
    assert found.values.dtype == dtype
    assert found.names is None
    assert found.positions is None
    np.testing.assert_array_equal(found.values, ITEMS)


@pytest.mark.parametrize(
    ("dtype", "becomes"),
    [("int8", "int32"), ("uint8", "int32"), ("uint32", "int64"), ("uint64", "int64"), (">i4", "int32")],
)
def test_other_integers_become_a_type_that_the_kernels_read(npy, dtype, becomes):
    found = load_triplets(npy(ITEMS.astype(dtype)))
    assert found.dtype == np.dtype(becomes) and found.dtype.isnative
    np.testing.assert_array_equal(found, ITEMS)


def test_whole_floats_become_the_smaller_integer(npy):
    assert load_triplets(npy(ITEMS.astype("f4"))).dtype == np.int32
    large = ITEMS + 2.0**40
    assert load_triplets(npy(large)).dtype == np.int64
    np.testing.assert_array_equal(load_triplets(npy(large)), large)


@pytest.mark.parametrize(
    ("value", "dtype", "said"),
    [
        (1.5, "f8", "row 1 (from 0) holds 1.5, not a whole number"),
        (np.nan, "f8", "row 1 (from 0) holds nan, not a whole number"),
        (np.inf, "f4", "row 1 (from 0) holds inf"),
        (1e300, "f8", "larger than float64 holds exactly"),
        (2.0**24 + 2, "f4", "larger than float32 holds exactly"),
        (2050, "f2", "larger than float16 holds exactly"),
        (2**64 - 1, "u8", "more than int64 holds"),
        (1, "?", "must be whole numbers or names; got dtype bool"),
        (1, "c8", "must be whole numbers or names; got dtype complex64"),
    ],
)
def test_what_is_no_item_number_is_refused(npy, refused, value, dtype, said):
    values = ITEMS.astype(dtype)
    values[1, 2] = value
    assert said in refused(load_triplets, npy(values))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (np.empty((0, 3), int), "triplets are empty; got shape (0, 3)"),
        (np.arange(3), "must have shape (t, 3); got (3,)"),
        (np.ones((2, 3, 1), int), "got (2, 3, 1)"),
        (np.ones((5, 2), int), "has 2 columns, not 3; first row: '1, 1'"),
        (np.ones((5, 0), int), "has 0 columns, not 3"),
        (np.tile(np.arange(4), (5, 1)), "has 4 columns, not 3; first row: '0, 1, 2, 3'; say which three"),
    ],
)
def test_a_table_of_another_shape_is_refused_with_advice(npy, refused, values, said):
    message = refused(load_triplets, npy(values))
    assert said in message
    assert ("columns=(0, 1, 2)" in message) == (values.ndim == 2 and values.shape[1] > 3)


def test_columns_choose_three_of_more_in_the_order_asked_for(npy, refused):
    wide = np.c_[np.full(3, 99), ITEMS].astype("int16")
    found = load_triplets(npy(wide), columns=(1, 2, 3))
    assert found.values.flags.c_contiguous and found.values.dtype == np.int16
    np.testing.assert_array_equal(found.values, ITEMS)
    np.testing.assert_array_equal(load_triplets(npy(wide), columns=["3", "1", "2"]), ITEMS[:, [2, 0, 1]])
    assert "columns 0 to 3; got column 4" in refused(load_triplets, npy(wide), columns=(1, 2, 4))
    assert "columns 0 to 3; got column -1" in refused(load_triplets, npy(wide), columns=(1, 2, -1))
    assert "must be different" in refused(load_triplets, npy(wide), columns=(1, 2, 2))
    assert "no header" in refused(load_triplets, npy(wide), columns=("image1", "image2", "image3"))


def test_odd_first_is_moved_to_the_end_and_none_stays(npy):
    found = load_triplets(npy(ITEMS), odd_column="first")
    np.testing.assert_array_equal(found.values, ITEMS[:, [1, 2, 0]])
    assert found.positions.dtype == np.int8
    np.testing.assert_array_equal(found.positions, [1, 2, 0])
    kept = load_triplets(npy(ITEMS), odd_column="none")
    np.testing.assert_array_equal(kept.values, ITEMS)
    assert kept.positions is None


def test_a_choice_that_is_always_the_last_leaves_the_columns_as_they_stand(npy):
    found = load_triplets(npy(np.c_[ITEMS, [3, 3, 3]]), choice_column=3)
    np.testing.assert_array_equal(found.values, ITEMS)
    assert found.positions is None


@pytest.mark.parametrize("base", [0, 1])
@pytest.mark.parametrize("told", [True, False])
def test_a_choice_column_says_which_item_goes_last(npy, base, told):
    wide = np.c_[ITEMS, np.array([0, 1, 2]) + base]
    found = load_triplets(npy(wide), choice_column=3, choice_base=base if told else None)
    np.testing.assert_array_equal(found.values, [[7, 11, 3], [0, 1, 2], [9, 8, 5]])
    assert found.positions.dtype == np.int8
    np.testing.assert_array_equal(found.positions, [[1, 2, 0], [0, 2, 1], [0, 1, 2]])


@given(
    items=hnp.arrays("int32", st.tuples(st.integers(1, 20), st.just(3)), elements=st.integers(0, 10**9)),
    at=st.permutations(range(4)), draw=st.data(),
)
@settings(max_examples=60)
def test_the_chosen_item_is_last_wherever_the_columns_stand(tmp_path_factory, items, at, draw):
    choice = draw.draw(hnp.arrays("int32", len(items), elements=st.integers(0, 2)))
    wide = np.empty((len(items), 4), np.int32)
    wide[:, at] = np.c_[items, choice]
    path = save(tmp_path_factory.mktemp("choice") / "t.npy", wide)
    found = load_triplets(path, columns=at[:3], choice_column=at[3], choice_base=0)
    rows = np.arange(len(items))
    np.testing.assert_array_equal(found.values[:, 2], items[rows, choice])
    positions = np.array([0, 1, 2]) if found.positions is None else found.positions
    back = np.take_along_axis(items, np.broadcast_to(positions, items.shape), axis=1)
    np.testing.assert_array_equal(found.values, back)
    assert (np.sort(np.broadcast_to(positions, items.shape)) == [0, 1, 2]).all()


@pytest.mark.parametrize(
    ("choice", "base", "said"),
    [
        ([1, 2, 1], None, "say choice_base=0 or choice_base=1"),
        ([2, 2, 2], None, "say choice_base=0"),
        (
            [0, 3, 1], None,
            "in 2 rows; row 1 (from 0) holds '3', which is no item of its row and no place counted from 0",
        ),
        ([1, 2, 4], None, "row 2 (from 0) holds '4', which is no item of its row and no place counted from 0"),
        ([-1, 2, 1], 0, "row 0 (from 0) holds '-1', which is no item of its row and no place counted from 0"),
        ([1, 3, 1], 0, "row 1 (from 0) holds '3', which is no item of its row and no place counted from 0"),
        ([0, 1, 2], 1, "row 0 (from 0) holds '0', which is no item of its row and no place counted from 1"),
        ([0, 1, 1.5], None, "row 2 (from 0) holds '1.5', which is no item of its row and no place"),
        ([0, 1, np.nan], None, "row 2 (from 0) is empty"),
    ],
)
def test_a_choice_column_of_other_values_is_refused(npy, refused, choice, base, said):
    assert said in refused(load_triplets, npy(np.c_[ITEMS, choice]), choice_column=3, choice_base=base)


def test_a_choice_column_takes_one_of_the_columns(npy, refused):
    message = refused(load_triplets, npy(ITEMS), choice_column=2)
    assert "three in addition to the choice column 2" in message
    assert "must be different" in refused(load_triplets, npy(ITEMS), columns=(0, 1, 2), choice_column=2)
    wide = np.c_[ITEMS, ITEMS]
    assert "has 6 columns" in refused(load_triplets, npy(wide), choice_column=2)


def test_one_based_numbers_become_zero_based(npy, refused):
    found = load_triplets(npy((ITEMS + 1).astype("uint16")), one_based=True)
    assert found.dtype == np.uint16
    np.testing.assert_array_equal(found, ITEMS)
    assert refused(load_triplets, npy(ITEMS), one_based=True) == "triplets hold a 0, so they are not 1-based"
    lowest = np.full((1, 3), -(2**15), np.int16)
    assert "triplets hold a -32768" in refused(load_triplets, npy(lowest), one_based=True)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"odd_column": "second"}, "odd_column must be"),
        ({"columns": (0, 1)}, "columns must be three"),
        ({"columns": "abc"}, "columns must be three"),
        ({"choice_column": 3, "choice_base": 2}, "choice_base must be 0 or 1"),
        ({"choice_base": 1}, "give choice_column too"),
        ({"choice_column": 3, "odd_column": "first"}, "leave odd_column='first' out"),
    ],
)
def test_options_that_contradict_each_other_are_refused_before_reading(options, said):
    with pytest.raises(InputError, match=r"^(odd_column|columns|choice_base|choice_column)") as caught:
        load_triplets("not there", **options)
    assert said in str(caught.value)


def test_npz_prefers_the_only_table_of_integers(tmp_path, refused):
    path = tmp_path / "t.npz"
    np.savez(path, filenames=np.array(["a", "b"]), indices=ITEMS, similarities=ITEMS / 7)
    np.testing.assert_array_equal(load_triplets(path), ITEMS)
    np.savez(path, a=ITEMS, b=ITEMS)
    assert "a (3, 3) int64, b (3, 3) int64" in refused(load_triplets, path)
    np.testing.assert_array_equal(load_triplets(path, key="b"), ITEMS)


@pytest.mark.parametrize("suffix", ["npy", "npz"])
@pytest.mark.parametrize("dtype", ["U", "S"])
def test_arrays_of_names_index_into_the_sorted_names(tmp_path, refused, suffix, dtype):
    path = save(tmp_path / f"t.{suffix}", np.array([["dog", "ant", "cow"], ["bee", "ant", "dog"]], dtype))
    found = load_triplets(path)
    assert found.names == ("ant", "bee", "cow", "dog")
    np.testing.assert_array_equal(found.values, [[3, 0, 2], [1, 0, 3]])
    rows = align(Embeddings(np.eye(4), NAMES), found).index
    np.testing.assert_array_equal(rows, [[0, 3, 1], [2, 3, 0]])
    assert "holds names ('ant', ...) itself, so item_names" in refused(load_triplets, path, item_names=NAMES)
    assert "one_based has no meaning" in refused(load_triplets, path, one_based=True)


def test_the_human_triplets_of_things(data):
    path = data / "things/human_triplets_127304.npy"
    found = load_triplets(path)
    assert found.shape == (127304, 3) and found.dtype == np.int16 and len(found.subjects.labels) == 264
    np.testing.assert_array_equal(found.values, load_triplets(path, columns=(0, 1, 2)).values)
    assert isinstance(load_triplets(data / "things/human_triplets_375429.npy").values, np.memmap)


def test_item_names_are_stated_for_numbers(npy):
    found = load_triplets(npy(ITEMS), item_names=[f"item{k}" for k in range(12)])
    assert found.numbered and found.names[11] == "item11"
    np.testing.assert_array_equal(found.values, ITEMS)

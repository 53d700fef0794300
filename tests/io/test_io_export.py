"""What is written comes back, names and all; what would not is refused."""

from __future__ import annotations

import os

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import pyalign
from pyalign import Embeddings, load_embeddings, write_embeddings
from pyalign.errors import InputError, MissingExtraError
from pyalign.io import read_names
from pyalign.io.embeddings import WRITERS, names_path

needs = {".parquet": "pyarrow"}
NAMED = [suffix for suffix in WRITERS if suffix != ".npy"]
FLOATS = ("float16", "float32", "float64")
LETTERS = st.characters(codec="utf-8", exclude_characters="\0")
WORDS = st.text(LETTERS, min_size=1, max_size=6) | st.sampled_from(
    [
        "a, b",
        'say "x"',
        "#1",
        "# note",
        "1",
        "007",
        "na",
        "-",
        "ä/ö 1.jpg",
        "a;b\tc",
        "None",
        "1,5",
        "name",
        "x::y",
        "'",
    ]
)
ODD = [" a", "a\r\nb", "a\nb", "a\x0b", "\x85", "a\u2028b", "\ufeffa", "a\tb", "\x1f"]


@st.composite
def named(draw, dtypes=FLOATS):
    shape = draw(st.tuples(st.integers(1, 6), st.integers(1, 5)))
    values = draw(hnp.arrays(draw(st.sampled_from(dtypes)), shape))
    return Embeddings(values, tuple(draw(st.lists(WORDS, min_size=shape[0], max_size=shape[0]))))


def there_and_back(path, x):
    """What was written, as it is read again; None where it was refused, and then nothing is there."""
    try:
        write_embeddings(path, x)
    except InputError as error:
        assert str(error).startswith(f"{path}: names must ")
        assert not os.path.exists(path)
        return None
    return load_embeddings(path, names=read_names(names_path(path)) if str(path).endswith(".npy") else None)


@pytest.mark.parametrize("suffix", WRITERS)
@given(x=named())
@example(Embeddings(np.array([[1.0], [2.0]], "f4"), ("1", "2")))
@example(Embeddings(np.array([[0.1, np.nan], [-0.0, np.inf]], "f2"), ("#a", '"')))
@example(Embeddings(np.eye(2), ("a;b", "c;d")))
@settings(max_examples=40)
def test_embeddings_come_back_with_their_names(tmp_path_factory, suffix, x):
    pytest.importorskip(needs.get(suffix, "numpy"))
    path = tmp_path_factory.mktemp("x") / f"x{suffix}"
    found = there_and_back(path, x)
    if found is None:
        assert suffix in (".csv", ".npy")
        return
    assert found.names == x.names
    assert found.dtype == (np.float64 if suffix == ".csv" else x.dtype)
    np.testing.assert_array_equal(found.values, x.values)


@pytest.mark.parametrize("suffix", WRITERS)
@pytest.mark.parametrize("name", ODD)
def test_odd_names_come_back_or_are_refused(tmp_path, suffix, name):
    pytest.importorskip(needs.get(suffix, "numpy"))
    x = Embeddings(np.eye(2), (name, "b"))
    found = there_and_back(tmp_path / f"x{suffix}", x)
    assert found is None or found.names == x.names
    assert found is not None or suffix in (".csv", ".npy")


@pytest.mark.parametrize("suffix", WRITERS)
@pytest.mark.parametrize("name", ["", "a\0b", "\udc80"])
def test_no_name_is_empty_or_no_text(tmp_path, refused, suffix, name):
    message = refused(write_embeddings, tmp_path / f"x{suffix}", embeddings=Embeddings(np.eye(2), ("a", name)))
    assert message.startswith("names must be text of Unicode, without NUL; row 1 is ")


@pytest.mark.parametrize("suffix", WRITERS)
@given(
    values=hnp.arrays(
        st.sampled_from([*FLOATS, "int16", "bool", ">f4", "uint8"]),
        hnp.array_shapes(min_dims=2, max_dims=2, max_side=5),
    ),
    fortran=st.booleans(),
)
def test_values_without_names_of_every_type_and_order_come_back(tmp_path_factory, suffix, values, fortran):
    pytest.importorskip(needs.get(suffix, "numpy"))
    path = tmp_path_factory.mktemp("x") / f"x{suffix}"
    write_embeddings(path, np.asfortranarray(values) if fortran else values)
    found = load_embeddings(path)
    assert found.names is None
    np.testing.assert_array_equal(found.values, values)
    if suffix != ".csv" and found.dtype != values.dtype.newbyteorder("="):
        assert found.dtype == np.float64 and values.dtype.kind in "iu" and values.shape[1] in (3, 4)


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".csv", ".safetensors"])
def test_whole_numbers_that_could_be_triplets_are_written_as_floats(tmp_path, suffix):
    pytest.importorskip(needs.get(suffix, "numpy"))
    for values, dtype in ((np.array([[3, 1, 2], [0, 5, 4]]), np.float64), (np.array([[0, 1, 1], [1, 0, 0]]), np.int64)):
        write_embeddings(tmp_path / f"x{suffix}", values)
        found = load_embeddings(tmp_path / f"x{suffix}")
        np.testing.assert_array_equal(found.values, values)
        assert found.dtype == (np.float64 if suffix == ".csv" else dtype)


@pytest.mark.parametrize("suffix", NAMED)
@pytest.mark.parametrize("dtype", ["int64", "bool"])
def test_whole_numbers_with_names_need_no_key(tmp_path, suffix, dtype):
    pytest.importorskip(needs.get(suffix, "numpy"))
    write_embeddings(tmp_path / f"x{suffix}", Embeddings(np.eye(3, dtype=dtype), ("a", "b", "c")))
    found = load_embeddings(tmp_path / f"x{suffix}")
    assert found.names == ("a", "b", "c")
    np.testing.assert_array_equal(found.values, np.eye(3))


def test_pieces_are_the_whole(tmp_path, monkeypatch):
    monkeypatch.setattr("pyalign.io.embeddings.PIECE", 7)
    x = Embeddings(np.random.default_rng(0).normal(size=(50, 3)), tuple(f"n{k}" for k in range(50)))
    for name in ("x.csv", "x.safetensors"):
        assert there_and_back(tmp_path / name, x).names == x.names
        np.testing.assert_array_equal(load_embeddings(tmp_path / name).values, x.values)


def test_the_library_of_safetensors_reads_it(tmp_path):
    library = pytest.importorskip("safetensors")
    write_embeddings(tmp_path / "x.safetensors", Embeddings(np.eye(2, dtype="f4"), ("a, b", "ä")))
    with library.safe_open(tmp_path / "x.safetensors", "np") as file:
        assert file.metadata() == {"names": '["a, b", "ä"]'}
        np.testing.assert_array_equal(file.get_tensor("embeddings"), np.eye(2))


def test_numpy_reads_it(tmp_path):
    write_embeddings(tmp_path / "x.npz", Embeddings(np.eye(2), ("a", "b")))
    with np.load(tmp_path / "x.npz") as file:
        assert (file["names"].tolist(), file["features"].tolist()) == (["a", "b"], np.eye(2).tolist())
    write_embeddings(tmp_path / "x.npy", Embeddings(np.eye(2), ("a", "b")))
    assert np.load(tmp_path / "x.npy").tolist() == np.eye(2).tolist()
    assert (tmp_path / "x.names.txt").read_text() == "a\nb\n"


@pytest.mark.parametrize("dtype", FLOATS)
def test_pandas_reads_it_with_the_names_as_index(tmp_path, dtype):
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    x = Embeddings(np.random.default_rng(0).normal(size=(4, 3)).astype(dtype), ("a, b", "c", 'd"', "4"))
    write_embeddings(tmp_path / "x.parquet", x)
    write_embeddings(tmp_path / "x.csv", x)
    frame = pandas.read_parquet(tmp_path / "x.parquet")
    assert (tuple(frame.index), list(frame.columns), frame.index.name) == (x.names, ["f0", "f1", "f2"], "name")
    assert set(frame.dtypes) == {np.dtype(dtype)}
    table = pandas.read_csv(tmp_path / "x.csv", index_col=0)
    assert (tuple(table.index), list(table.columns)) == (x.names, ["f0", "f1", "f2"])
    np.testing.assert_array_equal(table.to_numpy(), x.values)
    t = [["c", "4", "a, b"]]
    assert pyalign.odd_one_out(frame, t).tolist() == pyalign.odd_one_out(x, t).tolist()


def test_frames_and_tensors_are_written(tmp_path):
    pandas, torch = pytest.importorskip("pandas"), pytest.importorskip("torch")
    write_embeddings(tmp_path / "x.npz", pandas.DataFrame(np.eye(2), index=["a", "b"]))
    assert load_embeddings(tmp_path / "x.npz").names == ("a", "b")
    write_embeddings(tmp_path / "x.npy", torch.eye(2, dtype=torch.bfloat16))
    assert load_embeddings(tmp_path / "x.npy").dtype == np.float32
    import ml_dtypes

    write_embeddings(tmp_path / "y.npz", np.eye(2, dtype=ml_dtypes.bfloat16))
    assert load_embeddings(tmp_path / "y.npz").dtype == np.float32


# What is refused


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (np.ones(3), "embeddings must have shape (n, d); got (3,)"),
        (np.ones((2, 2)) * 1j, "embeddings must be real numbers"),
        (np.ones((0, 2)), "embeddings are empty"),
        (np.full((2, 2), 2**60), "past 2^53, which float64 would round"),
    ],
)
def test_what_is_no_matrix_is_refused(tmp_path, refused, values, said):
    assert said in refused(write_embeddings, tmp_path / "x.npz", embeddings=values)
    assert not list(tmp_path.iterdir())


def test_other_extensions_are_refused(tmp_path, refused):
    told = "embeddings are written as .npy, .npz, .safetensors, .parquet, .csv"
    assert refused(write_embeddings, tmp_path / "x.h5", embeddings=np.eye(2)) == f"unknown extension '.h5'; {told}"
    assert refused(write_embeddings, tmp_path / "x", embeddings=np.eye(2)) == f"no extension; {told}"


def test_names_of_others_are_not_left_beside_an_array_without(tmp_path, refused):
    write_embeddings(tmp_path / "x.npy", Embeddings(np.eye(2), ("a", "b")))
    message = refused(write_embeddings, tmp_path / "x.npy", embeddings=np.eye(2))
    assert message == f"these embeddings have no names, and {tmp_path / 'x.names.txt'} has those of others: remove it"


def test_more_than_readers_take_is_refused(tmp_path, refused, monkeypatch):
    monkeypatch.setattr("pyalign.io.embeddings.MOST_VALUES", 20)
    x = Embeddings(np.eye(30), tuple(map(str, range(30))))
    assert "write .npz or .parquet" in refused(write_embeddings, tmp_path / "x.safetensors", embeddings=x)
    monkeypatch.setattr("pyalign.io.embeddings.LONGEST_LINE", 20)
    assert "a line would have more than 20 letters" in refused(write_embeddings, tmp_path / "x.csv", embeddings=x)
    assert not list(tmp_path.iterdir())


def test_parquet_names_the_extra_that_it_needs(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match="pyarrow"):
        write_embeddings(tmp_path / "x.parquet", np.eye(2))


# Names in the metadata of a .safetensors


@pytest.mark.parametrize("told", ["a", "[", "[1]", "{}", "[]", "[" * 9000, '["a", 1]'])
def test_metadata_that_is_no_list_of_names_says_nothing(tmp_path, told):
    library = pytest.importorskip("safetensors.numpy")
    library.save_file({"x": np.eye(2)}, tmp_path / "x.safetensors", metadata={"names": told})
    assert load_embeddings(tmp_path / "x.safetensors").names is None


def test_another_number_of_names_than_rows_is_refused(tmp_path, refused):
    library = pytest.importorskip("safetensors.numpy")
    library.save_file({"x": np.eye(2)}, tmp_path / "x.safetensors", metadata={"names": '["a"]'})
    assert refused(load_embeddings, tmp_path / "x.safetensors") == "'names' holds 1 names for 2 rows"

"""Embeddings from .npy and .npz."""

from __future__ import annotations

import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pyalign.errors import InputError
from pyalign.io import load_embeddings

FLOATS = ("float16", "float32", "float64")


@pytest.mark.parametrize("dtype", [*FLOATS, "int64", "uint8", "bool"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_npy_is_mapped_and_keeps_its_type(tmp_path, dtype, order):
    values = np.asarray(np.arange(20).reshape(4, 5), dtype=dtype, order=order)
    np.save(tmp_path / "x.npy", values)
    file = load_embeddings(tmp_path / "x.npy")
    assert isinstance(file.values, np.memmap)
    assert not file.values.flags.writeable
    assert file.values.dtype == values.dtype
    assert file.names is None
    np.testing.assert_array_equal(file.values, values)


def test_accepts_str_paths_and_capital_extensions(tmp_path):
    with open(tmp_path / "X.NPY", "wb") as handle:
        np.save(handle, np.eye(2))
    np.testing.assert_array_equal(load_embeddings(str(tmp_path / "X.NPY")), np.eye(2))


def test_the_other_byte_order_becomes_this_machines(tmp_path):
    np.save(tmp_path / "x.npy", np.arange(6.0).reshape(2, 3).astype(">f4"))
    values = load_embeddings(tmp_path / "x.npy")
    assert values.dtype == np.float32
    assert values.dtype.isnative
    np.testing.assert_array_equal(values, np.arange(6).reshape(2, 3))


@given(values=hnp.arrays(st.sampled_from(FLOATS), hnp.array_shapes(min_dims=2, max_dims=2, max_side=9)))
@settings(max_examples=50)
def test_npy_and_npz_round_trip(tmp_path_factory, values):
    folder = tmp_path_factory.mktemp("round")
    np.save(folder / "x.npy", values)
    np.savez_compressed(folder / "x.npz", x=values)
    for name in ("x.npy", "x.npz"):
        np.testing.assert_array_equal(load_embeddings(folder / name), values)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (np.arange(3.0), "must have shape (n, d); got (3,)"),
        (np.float64(3), "got ()"),
        (np.ones((2, 5, 7, 7)), "got (2, 5, 7, 7); pool or flatten"),
        (np.ones((2, 5, 1, 1)), "got (2, 5, 1, 1)"),
        (np.ones((2, 1, 5)), "got (2, 1, 5)"),
        (np.ones((0, 5)), "empty; got shape (0, 5)"),
        (np.ones((5, 0)), "empty; got shape (5, 0)"),
        (np.ones((2, 2), complex), "complex128"),
        (np.array([["a", "b"]]), "<U1"),
        (np.array([[b"a", b"b"]]), "|S1"),
        (np.ones((2, 2), "M8[s]"), "datetime64"),
        (np.ones((2, 2), np.longdouble), "must be real numbers"),
        (np.ones((2, 2), "f4,f4"), "not a plain array"),
    ],
)
def test_refuses_what_is_no_matrix_of_real_numbers(tmp_path, refused, values, said):
    np.save(tmp_path / "x.npy", values)
    assert said in refused(load_embeddings, tmp_path / "x.npy")
    np.savez(tmp_path / "x.npz", x=values)
    assert said in refused(load_embeddings, tmp_path / "x.npz")


class Trap:
    """Unpickling it fails the test."""

    def __reduce__(self):
        return pytest.fail, ("unpickled",)


def test_objects_are_refused_without_unpickling(tmp_path, refused):
    values = np.array([[Trap(), 1.0]], dtype=object)
    np.save(tmp_path / "x.npy", values, allow_pickle=True)
    assert "Python objects" in refused(load_embeddings, tmp_path / "x.npy")
    np.savez(tmp_path / "x.npz", x=values, y=np.eye(2))
    np.testing.assert_array_equal(load_embeddings(tmp_path / "x.npz"), np.eye(2))
    assert "Python objects" in refused(load_embeddings, tmp_path / "x.npz", key="x")


def _npy(tmp_path, values=None):
    np.save(tmp_path / "x.npy", np.arange(12.0).reshape(4, 3) if values is None else values)
    return tmp_path / "x.npy", (tmp_path / "x.npy").read_bytes()


def test_every_truncation_is_refused(tmp_path, refused):
    path, whole = _npy(tmp_path)
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        message = refused(load_embeddings, path)
        if length > 127:
            assert f"takes 96 bytes, {length - 128} are there" in message


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b"\x93NUMPY", b"PK\x03\x04xx", "not a .npy file"),
        (b"\x93NUMPY\x01", b"\x93NUMPY\x09", "unknown version"),
        (b"(4, 3)", b"(4, -)", "not a sound .npy file"),
        (b"(4, 3)", b"(-4,3)", "not a plain array"),
        (b"(4, 3), }         ", b"(10000000000, 3), }", "truncated"),
        (b"'<f8'", b"'<g8'", "not a sound .npy file"),
        (b"'<f8'", b"'|O8'", ""),
    ],
)
def test_a_broken_header_is_refused(tmp_path, refused, old, new, said):
    path, whole = _npy(tmp_path)
    assert old in whole
    path.write_bytes(whole.replace(old, new, 1))
    assert said in refused(load_embeddings, path)


def test_npy_has_no_keys(tmp_path, refused):
    path, _ = _npy(tmp_path)
    assert "the key 'a' has no meaning" in refused(load_embeddings, path, key="a")


def test_npz_needs_a_key_only_when_several_could_be_meant(tmp_path, refused):
    path = tmp_path / "x.npz"
    np.savez(path, fc6=np.eye(3), fc7=2 * np.eye(4, dtype=np.float32), labels=np.arange(3))
    message = refused(load_embeddings, path)
    assert "FILE::KEY: fc6 (3, 3) float64, fc7 (4, 4) float32, labels (3,) int64" in message
    np.testing.assert_array_equal(load_embeddings(path, key="fc7"), 2 * np.eye(4))
    assert "no array 'fc8'; it holds fc6 (3, 3)" in refused(load_embeddings, path, key="fc8")
    np.savez(path, weights=np.eye(3), bias=np.ones(3), mean=np.float32(0), table=np.eye(2, dtype=int))
    np.testing.assert_array_equal(load_embeddings(path), np.eye(3))
    np.savez(path, a=np.eye(3), features=np.eye(2))
    assert load_embeddings(path).shape == (2, 2)


def test_npz_brings_the_names_of_its_rows(tmp_path, refused):
    path = tmp_path / "x.npz"
    np.savez(path, features=np.eye(2), file_names=np.array(["b.jpg", "ä.jpg"]))
    assert load_embeddings(path).names == ("b.jpg", "ä.jpg")
    np.savez(path, features=np.eye(2), names=np.array([b"b", "ä".encode()]))
    assert load_embeddings(path).names == ("b", "ä")
    np.savez(path, features=np.eye(3), names=np.array(["a", "b"]))
    assert "'names' holds 2 names for 3 rows" in refused(load_embeddings, path)
    np.savez(path, features=np.eye(2), category=np.array(["animal", "animal"]))
    assert load_embeddings(path).names is None


def test_npz_without_arrays_or_with_many(tmp_path, refused):
    path = tmp_path / "x.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "hello")
    assert "holds no arrays" in refused(load_embeddings, path)
    np.savez(path, **{f"layer{index}": np.eye(2) for index in range(30)})
    assert "and 20 more" in refused(load_embeddings, path)


@given(place=st.integers(0, 399), byte=st.integers(0, 255), cut=st.booleans())
@settings(max_examples=200)
def test_a_damaged_npz_is_refused_or_reads_well(tmp_path_factory, place, byte, cut):
    path = tmp_path_factory.mktemp("damage") / "x.npz"
    np.savez_compressed(path, x=np.arange(30.0).reshape(6, 5))
    raw = bytearray(path.read_bytes())
    place %= len(raw)
    path.write_bytes(raw[:place] if cut else raw[:place] + bytes([byte]) + raw[place + 1 :])
    try:
        assert load_embeddings(path).ndim == 2
    except InputError as error:
        assert str(error).startswith(f"{path}: ") and "\n" not in str(error)

"""Safetensors: what the format's own library writes, and headers that lie."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyalign.errors import InputError
from pyalign.io import load_embeddings

VALUES = np.arange(6, dtype=np.float32).reshape(2, 3)
RAW = VALUES.tobytes()


def write(path, header, data=RAW, pad=0):
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    raw += b" " * pad
    path.write_bytes(len(raw).to_bytes(8, "little") + raw + data)
    return path


def tensor(dtype="F32", shape=(2, 3), offsets=(0, 24)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int64", "uint8", "bool"])
def test_reads_what_the_library_writes(tmp_path, dtype):
    library = pytest.importorskip("safetensors.numpy")
    values = np.arange(10).reshape(2, 5).astype(dtype)
    path = tmp_path / "x.safetensors"
    library.save_file({"visual": values, "bias": np.ones(3, "f4")}, path, metadata={"made": "by hand"})
    found = load_embeddings(path, key="visual")
    assert found.values.dtype == values.dtype
    assert found.names is None
    np.testing.assert_array_equal(found.values, values)


def test_the_only_float_matrix_needs_no_key(tmp_path, refused):
    library = pytest.importorskip("safetensors.numpy")
    path = tmp_path / "x.safetensors"
    library.save_file({"b": np.ones(3), "w": np.eye(2), "z": np.ones((2, 2), int)}, path)
    np.testing.assert_array_equal(load_embeddings(path), np.eye(2))
    library.save_file({"a": np.eye(2), "w": np.eye(2)}, path)
    assert "a (2, 2) float64, w (2, 2) float64" in refused(load_embeddings, path)


def test_bfloat16_becomes_the_same_numbers_in_float32(tmp_path):
    torch = pytest.importorskip("torch")
    library = pytest.importorskip("safetensors.torch")
    values = torch.randn(5, 7).to(torch.bfloat16)
    values[0, :3] = torch.tensor([float("inf"), -0.0, float("nan")])
    library.save_file({"x": values}, tmp_path / "x.safetensors")
    found = load_embeddings(tmp_path / "x.safetensors")
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, values.float().numpy())


@pytest.mark.parametrize("pad", range(8))
def test_data_that_is_not_aligned_is(tmp_path, pad):
    found = load_embeddings(write(tmp_path / "x.safetensors", {"x": tensor()}, pad=pad)).values
    assert found.flags.aligned
    np.testing.assert_array_equal(found, VALUES)


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (b"[]", "not a JSON object"),
        (b"{", "not a sound .safetensors"),
        (b"\xff\xfe", "not a sound .safetensors"),
        (b"[" * 100_000, "not a sound .safetensors"),
        (b'{"x": ' + b"1" * 5000 + b"}", "not a sound .safetensors"),
        (b"{}", "0 bytes of data described, 24 there"),
        ({"x": 5}, "no description"),
        ({"x": {}}, "broken description"),
        ({"x": tensor() | {"shape": [2, 3.0]}}, "broken description"),
        ({"x": tensor() | {"shape": [True, 6]}}, "broken description"),
        ({"x": tensor() | {"shape": "23"}}, "broken description"),
        ({"x": tensor() | {"dtype": 5}}, "broken description"),
        ({"x": tensor(offsets=(0, 24, 24))}, "broken description"),
        ({"x": tensor(shape=(-2, -3))}, "broken description"),
        ({"x": tensor(offsets=(-24, 0))}, "broken description"),
        ({"x": tensor(offsets=(24, 0))}, "are not F32 of shape [2, 3]"),
        ({"x": tensor(shape=(2, 4))}, "are not F32 of shape [2, 4]"),
        ({"x": tensor(shape=(2**62, 2**62))}, "are not F32"),
        ({"x": tensor(shape=(2**31, 3), offsets=(0, 12 * 2**31))}, "there"),
        ({"x": tensor(shape=(1, 3), offsets=(12, 24))}, "starts at byte 12 of the data, not at 0"),
        ({"x": tensor(), "y": tensor()}, "starts at byte 0 of the data, not at 24"),
        ({"x": tensor(), "y": tensor(shape=(3, 2), offsets=(12, 36))}, "starts at byte 12"),
        ({"x": tensor(shape=(1, 3), offsets=(0, 12))}, "12 bytes of data described, 24 there"),
        ({"x": tensor("F8_E4M3", (2, 12))}, "F8_E4M3, a type that is not read"),
        ({"x": tensor("I32", (2, 3, 1))}, "got (2, 3, 1)"),
    ],
)
def test_a_header_that_lies_is_refused(tmp_path, refused, header, said):
    assert said in refused(load_embeddings, write(tmp_path / "x.safetensors", header))


def test_a_name_that_occurs_twice_is_refused(tmp_path, refused):
    once = json.dumps({"x": tensor()}).encode()
    path = write(tmp_path / "x.safetensors", once[:-1] + b", " + once[1:])
    assert "occurs twice" in refused(load_embeddings, path)


def test_an_empty_tensor_is_refused_as_empty(tmp_path, refused):
    path = write(tmp_path / "x.safetensors", {"x": tensor(shape=(0, 2**40), offsets=(0, 0))}, b"")
    assert "embeddings" in refused(load_embeddings, path)
    path = write(tmp_path / "x.safetensors", {"x": tensor(shape=(0, 3), offsets=(0, 0))}, b"")
    assert "embeddings are empty; got shape (0, 3)" in refused(load_embeddings, path)


@pytest.mark.parametrize("length", [2**63, 2**40, 25])
def test_a_header_longer_than_the_file_is_refused(tmp_path, refused, length):
    path = tmp_path / "x.safetensors"
    path.write_bytes(length.to_bytes(8, "little") + b"{}" + bytes(20))
    assert f"header of {length} bytes in a file of 30" in refused(load_embeddings, path)


def test_every_truncation_is_refused(tmp_path, refused):
    path = write(tmp_path / "x.safetensors", {"x": tensor()})
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        refused(load_embeddings, path)


@given(place=st.integers(0, 200), new=st.binary(max_size=9))
@settings(max_examples=300)
def test_a_damaged_file_is_refused_or_reads_well(tmp_path_factory, place, new):
    path = write(tmp_path_factory.mktemp("damage") / "x.safetensors", {"x": tensor(), "__metadata__": {}})
    raw = path.read_bytes()
    place %= len(raw)
    path.write_bytes(raw[:place] + new + raw[place + len(new) :])
    try:
        assert load_embeddings(path).values.size * 4 >= 6
    except InputError as error:
        assert str(error).startswith(f"{path}: ")

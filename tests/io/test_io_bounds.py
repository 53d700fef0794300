"""A small file does not become a large one, and a header is not believed before its numbers are looked at."""

from __future__ import annotations

import gzip
import json
import os
import pickle
import zipfile

import numpy as np
import pytest

from pyalign.io import load_embeddings, load_triplets
from pyalign.io.contents import contents

HEAD = (
    b"\x93NUMPY\x01\x00v\x00" + b"{'descr': '<f4', 'fortran_order': False, 'shape': (80000, 1024), }".ljust(117) + b"\n"
)
NBYTES = 80_000 * 1024 * 4


def test_a_file_of_holes_is_refused(tmp_path, refused):
    path = tmp_path / "x.npy"
    path.write_bytes(HEAD)
    os.truncate(path, len(HEAD) + NBYTES)
    if os.stat(path).st_blocks * 512 > NBYTES // 2:
        pytest.skip("this file system fills holes")
    assert "that it claims; the rest are holes" in refused(load_embeddings, path)


def test_a_header_of_gigabytes_is_refused(tmp_path, refused):
    path = tmp_path / "x.npy"
    path.write_bytes(b"\x93NUMPY\x02\x00\xff\xff\xff\xff" + HEAD[10:])
    assert refused(load_embeddings, path) == "has a .npy header of 4294967295 bytes"


def test_a_member_of_a_zip_that_becomes_much_more_is_refused(tmp_path, refused):
    path = tmp_path / "x.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("x.npy", "w") as member:
        member.write(HEAD)
        for _ in range(80):
            member.write(bytes(NBYTES // 80))
    assert "more than 100 times as many" in refused(load_embeddings, path)


@pytest.mark.parametrize(("line", "said"), [(b"0,", "line 1 is longer"), (b"0,1,2\n", "more than 50 times as much")])
def test_packed_text_that_becomes_much_more_is_refused(tmp_path, refused, line, said):
    path = tmp_path / "x.csv.gz"
    with gzip.open(path, "wb", 1) as file:
        for _ in range(40):
            file.write(line * 400_000)
    assert said in refused(load_embeddings, path)


def header(path, raw, data=b""):
    path.write_bytes(len(raw).to_bytes(8, "little") + raw + data)
    return path


@pytest.mark.parametrize("shape", [[10**3999] * 2000, [1] * 80, [2**63]])
def test_shapes_that_no_array_has_are_refused(tmp_path, refused, shape):
    raw = json.dumps({"x": {"dtype": "F32", "shape": shape, "data_offsets": [0, 4]}}).encode()
    path = header(tmp_path / "x.safetensors", raw, bytes(4))
    assert "tensor 'x' has a broken description" in refused(load_embeddings, path)


def test_headers_of_millions_of_values_are_refused(tmp_path, refused):
    path = header(tmp_path / "x.safetensors", b'{"x":[' + b"[]," * 600_000 + b"[]]}")
    assert "a header of more than 1000000 values" in refused(load_embeddings, path)


def test_parquet_columns_of_lists_and_maps_are_named(tmp_path, refused):
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    path, kind = tmp_path / "x.parquet", pyarrow.map_(pyarrow.string(), pyarrow.int64())
    nested = {"l": [[1, 2], [3]], "m": pyarrow.array([[("k", 1)], []], kind), "s": [{"z": 1}, {"z": 2}]}
    parquet.write_table(pyarrow.table({"a": [0.5, 1.0], **nested}), path)
    assert refused(load_embeddings, path) == "column 'l' holds list<element: int64>, not numbers"
    assert "column 'm' holds map<string, int64" in refused(load_triplets, path, columns=("a", "m", "s"))
    (found,) = contents(path)
    assert found.values.tolist() == [[0.5], [1.0]] and "column 's' holds struct<z: int64>, not text" in found.fault


def test_parquet_without_plain_columns_is_refused(tmp_path, refused):
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pyarrow.table({"l": [[1, 2], [3]]}), tmp_path / "x.parquet")
    assert "column 'l' holds list" in refused(load_embeddings, tmp_path / "x.parquet")
    parquet.write_table(pyarrow.table({"a": np.zeros(50_000_000)}), tmp_path / "x.parquet")
    assert "more than 100 times as many" in refused(load_embeddings, tmp_path / "x.parquet")


def test_hdf5_that_was_never_written_is_refused(tmp_path, refused):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.create_dataset("x", (1_000_000, 1024), "f4", chunks=(1000, 1024))
    assert "more than 100 times as many" in refused(load_embeddings, tmp_path / "x.h5")


def test_torch_views_that_are_larger_than_their_data_are_refused(tmp_path, refused):
    torch = pytest.importorskip("torch")
    torch.save({"x": torch.ones(1).expand(100_000, 100_000)}, tmp_path / "x.pt")
    assert "more than 100 times as many" in refused(load_embeddings, tmp_path / "x.pt")


def test_letters_that_are_not_unicode_are_refused(tmp_path, refused):
    for suffix in (".npy", ".npz"):
        array = np.array([["a", "b", "c"]])
        array.view("u4")[0, 1] = 0x110000
        path = tmp_path / f"x{suffix}"
        np.save(path, array) if suffix == ".npy" else np.savez(path, x=array)
        assert "holds text that is not Unicode" in refused(load_triplets, path)


def test_messages_show_no_more_of_a_file_than_fits_on_a_line(tmp_path, refused):
    path = tmp_path / "x.pkl"
    path.write_bytes(pickle.dumps({"\x1b[31m" + "k" * 100_000: np.eye(2), "b": np.eye(2)}))
    message = refused(load_embeddings, path)
    assert "\x1b" not in message and message.endswith("...")

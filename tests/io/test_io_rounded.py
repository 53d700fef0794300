"""Whole numbers past 2^53 become float64 where they are used, so they are refused with their count."""

from __future__ import annotations

import numpy as np
import pytest

from pyalign.io import load_embeddings, read_answers


def write(path, values):
    if path.suffix == ".npy":
        np.save(path, values)
    elif path.suffix == ".npz":
        np.savez(path, x=values)
    elif path.suffix == ".mat":
        pytest.importorskip("scipy.io").savemat(path, {"x": values})
    elif path.suffix == ".h5":
        with pytest.importorskip("h5py").File(path, "w") as file:
            file["x"] = values
    elif path.suffix == ".parquet":
        table = pytest.importorskip("pyarrow").table({f"c{k}": column for k, column in enumerate(values.T)})
        pytest.importorskip("pyarrow.parquet").write_table(table, path)
    elif path.suffix == ".pt":
        torch = pytest.importorskip("torch")
        torch.save(torch.from_numpy(values), path)
    elif path.suffix == ".pkl":
        import pickle

        path.write_bytes(pickle.dumps({"x": values}))
    else:
        pytest.importorskip("safetensors.numpy").save_file({"x": values}, path)
    return path


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".mat", ".h5", ".parquet", ".pt", ".pkl", ".safetensors"])
def test_in_every_format(tmp_path, refused, suffix):
    values = np.array([[2**53, 1, 2], [2**53 + 1, -(2**60), 0]])
    said = "hold 2 whole numbers past 2^53, which float64 would round"
    path = write(tmp_path / f"x{suffix}", values)
    assert refused(load_embeddings, path) == f"embeddings {said}"
    assert refused(read_answers, path) == f"answers {said}"
    path = write(tmp_path / f"x{suffix}", np.minimum(np.maximum(values, -(2**53)), 2**53))
    assert load_embeddings(path).values[1].tolist() == [2**53, -(2**53), 0]


def test_parquet_columns_of_whole_numbers_beside_reals(tmp_path, refused):
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pyarrow.table({"a": [2**53 + 1, 1], "b": [0.5, 1.0]}), tmp_path / "x.parquet")
    said = "column 'a' has 1 whole numbers past 2^53, which float64, as the other values have it, does not hold exactly"
    assert refused(load_embeddings, tmp_path / "x.parquet") == said

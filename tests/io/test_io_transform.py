"""Transforms: the published file, what is written is read back, and what is refused."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from support import reals

import pyalign
from pyalign.analysis.describe.file import describe_file
from pyalign.data import Embeddings, Transform
from pyalign.io import load_transform, write_transform


def parts(**changes):
    arrays = {"weights": reals(1, 4, 3), "bias": reals(2, 3), "mean": np.array(0.5), "std": np.array(2.0)}
    return {name: a for name, a in {**arrays, **changes}.items() if a is not None}


@pytest.mark.parametrize("bias", [None, reals(2, 3)])
def test_what_is_written_is_read_back(tmp_path, bias):
    path = tmp_path / "t.npz"
    write_transform(path, Transform(reals(1, 4, 3), bias, 0.5, 2.0))
    read = load_transform(path)
    np.testing.assert_array_equal(read.weights, reals(1, 4, 3))
    assert (read.bias is None) == (bias is None) and (read.mean, read.std) == (0.5, 2.0)
    with np.load(path) as file:  # as gLocal reads it
        assert file["mean"].shape == file["std"].shape == ()
        assert ("bias" in file) == (bias is not None)
        assert file["weights"].dtype == np.float32


def test_the_published_transform_is_applied_as_published(data):
    path = data / "glocal" / "resnet18_avgpool_transform.npz"
    x = reals(3, 50, 512)
    with np.load(path) as file:
        w, b, mean, std = (file[key].astype(np.float64) for key in ("weights", "bias", "mean", "std"))
    ours = load_transform(path).apply(x)
    assert ours.shape == (50, 512) and ours.dtype == np.float32
    np.testing.assert_allclose(ours, ((x - mean) / std) @ w + b, rtol=1e-4, atol=1e-5)


def test_the_published_file_survives_being_written_again(data, tmp_path):
    original = load_transform(data / "glocal" / "resnet18_avgpool_transform.npz")
    write_transform(tmp_path / "again.npz", original)
    again = load_transform(tmp_path / "again.npz")
    np.testing.assert_array_equal(again.weights, original.weights)
    np.testing.assert_array_equal(again.bias, original.bias)
    assert (again.mean, again.std) == (original.mean, original.std)


def test_rows_keep_their_kind_and_blocks_change_nothing():
    transform = Transform(reals(1, 6, 2), None, 0.1, 3.0)
    x = reals(2, 1000, 6, dtype=np.float64)
    assert transform.apply(x).dtype == np.float64
    assert transform.apply(x.astype(np.float16)).dtype == np.float32
    np.testing.assert_allclose(transform.apply(x), ((x - 0.1) / 3.0) @ transform.weights, rtol=1e-6, atol=1e-9)


REFUSED = [
    ({"weights": None}, "'weights' is missing"),
    ({"mean": None}, "'mean' is missing"),
    ({"weights": reals(1, 4)}, "weights must have shape (d, r); got (4,)"),
    ({"bias": reals(1, 2)}, "bias must have shape (3,); got (2,)"),
    ({"std": np.array(0.0)}, "std must be positive; got 0"),
    ({"mean": reals(1, 4)}, "mean must be one number; got shape (4,)"),
    ({"weights": reals(1, 4, 3) * np.nan}, "weights must hold finite numbers; got nan at (0, 0)"),
    ({"bias": np.array([0, 0, np.inf])}, "bias must hold finite numbers; got inf at (2,)"),
    ({"mean": np.array(np.nan)}, "mean must hold finite numbers; got nan"),
    ({"weights": np.full((4, 3), "a")}, "weights must hold real numbers; got dtype <U1"),
]


@pytest.mark.parametrize(("changes", "message"), REFUSED, ids=lambda v: str(v)[:24])
def test_refuses_a_file_that_is_no_transform(tmp_path, message_of, changes, message):
    path = tmp_path / "t.npz"
    np.savez(path, **parts(**changes))
    found = message_of(load_transform, path)
    assert found.startswith(f"{path}: ") and message in found


def test_refuses_other_names_and_keeps_what_was_there(tmp_path, message_of):
    assert message_of(load_transform, __file__).startswith(f"{__file__}: unknown extension '.py'")
    assert "written as .npz" in message_of(write_transform, tmp_path / "t.npy", Transform(**parts()))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("changes", "message"), [
    ({"weights": np.full((4, 3), 1e39)}, "weights must fit float32, in which a transform is written; got 1e+39"),
    ({"bias": np.array([0, 0, -1e39])}, "bias must fit float32, in which a transform is written; got 1e+39"),
    ({"weights": np.full((4, 3), np.nan)}, "weights must hold finite numbers; got nan at (0, 0)"),
    ({"weights": np.full((4, 3), np.inf)}, "weights must hold finite numbers; got inf at (0, 0)"),
    ({"mean": np.nan}, "mean must hold finite numbers; got nan"),
    ({"std": 0.0}, "std must be positive; got 0"),
], ids=str)
def test_what_could_not_be_read_again_is_not_written(tmp_path, message_of, changes, message):
    given = {"weights": reals(1, 4, 3), "bias": None, "mean": 0.0, "std": 1.0, **changes}
    assert message_of(write_transform, tmp_path / "w.npz", Transform(**given)) == message
    assert not list(tmp_path.iterdir())


def test_a_map_without_mean_and_std_takes_those_of_all_numbers_of_the_features(tmp_path):
    x, weights = reals(3, 50, 4, dtype=np.float64), reals(1, 4, 3, dtype=np.float64)
    np.savez(tmp_path / "t.npz", weights=weights, bias=np.ones(3))
    transform = load_transform(tmp_path / "t.npz")
    (note,) = transform.notes
    assert note.startswith(
        f"{tmp_path / 't.npz'}: holds no mean and std, so that features are standardized by their own"
    )
    expected = (x - x.mean()) / x.std() @ weights + 1
    mapped = transform.apply(Embeddings(x))
    np.testing.assert_allclose(mapped.values, expected, rtol=1e-12)
    assert mapped.notes == transform.notes and mapped.fitted
    np.testing.assert_allclose(transform.apply(x.astype(np.float32)), expected, rtol=1e-5)
    torch = pytest.importorskip("torch")
    np.testing.assert_allclose(transform.apply(torch.from_numpy(x)), expected, rtol=1e-12)


def test_other_rows_can_be_standardized_as_those_that_a_map_was_standardized_by():
    x, transform = reals(3, 50, 4, dtype=np.float64), Transform(np.eye(4), None, None, None)
    other = transform.standardizing(x)
    np.testing.assert_allclose(other.apply(x[:5]), transform.apply(x)[:5], rtol=1e-12)
    assert other.standardizing(x[:5]) is other


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 0.0, 1e200])
def test_features_without_a_mean_and_a_std_are_refused(message_of, value):
    x = np.zeros((5, 4))
    x[0, 0] = value
    message = message_of(Transform(np.eye(4), None, None, None).apply, x)
    assert message.startswith("embeddings must be finite and must differ, since the map has no mean and std but theirs")


def test_a_map_without_mean_and_std_is_not_written_and_maps_no_batches(tmp_path, message_of):
    transform = Transform(np.eye(4), None, None, None)
    message = message_of(write_transform, tmp_path / "t.npz", transform)
    assert message == "transform must have a mean and std to be written; got a map that takes those of embeddings"
    message = message_of(pyalign.extract, "pixels:2", str(tmp_path), transform=transform)
    assert message.startswith("transform must have a mean and std, since images come in batches")
    assert "std must be a number" in message_of(Transform, np.eye(4), None, 0.0, None)


@pytest.mark.parametrize("name", ["t.npz", "t.npy", "t.pkl"])
def test_a_description_names_a_map_or_says_that_it_may_be_one(tmp_path, name):
    path, weights = tmp_path / name, reals(1, 4, 4)
    if name == "t.npz":
        np.savez(path, weights=weights, bias=np.ones(4))
        (found,) = describe_file(path).arrays
        assert (found.kind, found.remarks[1]) == (
            "transform", "mean and std are not in the file: they are those of the features x")
        return
    np.save(path, weights) if name == "t.npy" else path.write_bytes(pickle.dumps({"m": {"penultimate": weights}}))
    (found,) = describe_file(path).arrays
    assert found.kind == "embeddings"
    assert "as many rows as columns: a linear map perhaps (--transform)" in found.remarks

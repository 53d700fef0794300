"""The folder that thingsvision writes: `features.npy`, and `file_names.txt` in both of its habits."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from support import reals

import pyalign
from pyalign.io import load_embeddings, read_names
from pyalign.io.contents import contents
from pyalign.io.folder import folder_files

X = reals(1, 4, 3)
FILES = ("ant/1.jpg", "ant/2.jpg", "bee/1.jpg", "cat/in/1.png")


@pytest.fixture
def written(tmp_path):
    """``written(lines)``: a folder with the rows of X and a file of these lines; None: without it."""

    def write(lines, features=X):
        folder = tmp_path / "clip"
        folder.mkdir(exist_ok=True)
        np.save(folder / "features.npy", features)
        if lines is not None:
            (folder / "file_names.txt").write_text("".join(f"{line}\n" for line in lines))
        return folder

    return write


def thingsvision_module(folder):
    """Helpers of thingsvision; the package as a whole needs TensorFlow to be imported."""
    package = importlib.util.find_spec("thingsvision")
    if package is None:
        pytest.skip("thingsvision is not installed")
    path = Path(next(iter(package.submodule_search_locations)), "utils", folder, "helpers.py")
    spec = importlib.util.spec_from_file_location("thingsvision_helpers", path)
    helpers = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(helpers)
    return helpers


@pytest.fixture
def storing():
    return thingsvision_module("storing")


def test_bare_names_of_a_folder_of_images_are_the_names(written):
    folder = written(["ant.jpg", "bee, red.jpg", "cat.jpg", "dog.jpg"])
    actual = load_embeddings(folder)
    assert (actual.names, actual.source, actual.notes) == (
        ("ant.jpg", "bee, red.jpg", "cat.jpg", "dog.jpg"), str(folder), ())
    np.testing.assert_array_equal(actual.values, X)
    assert isinstance(actual.values, np.memmap)


@pytest.mark.parametrize("root", ["/data/images/things", "images", r"C:\data\images"])
def test_paths_of_a_folder_for_each_object_become_paths_below_it(written, root):
    separator = "\\" if "\\" in root else "/"
    folder = written([separator.join([root, *name.split("/")]) for name in FILES])
    actual = load_embeddings(folder)
    assert actual.names == FILES
    below = root.replace("\\", "/")
    assert actual.notes == (f"{folder}: names are the paths of file_names.txt below {below}/",)
    assert actual.per_object("first")[0].names == ("ant", "bee", "in")


def test_the_folder_of_the_only_object_stays_in_the_names(written):
    assert load_embeddings(written([f"/data/ant/{k}.jpg" for k in range(4)])).names[0] == "ant/0.jpg"
    assert load_embeddings(written([f"ant/{k}.jpg" for k in range(4)])).names[0] == "ant/0.jpg"


def test_names_of_triplets_find_the_rows(written):
    triplets = pyalign.Triplets(np.array([[0, 1, 2], [2, 1, 0]]), ("cat", "bee", "dog"))
    x = load_embeddings(written(["/data/ant/ant.jpg", "/data/bee/bee.jpg", "/data/cat/cat.jpg", "/data/dog/dog.jpg"]))
    expected = pyalign.odd_one_out(X[[2, 1, 3]], triplets.values)
    np.testing.assert_array_equal(pyalign.odd_one_out(x, triplets), expected)


def test_a_folder_without_names_is_read_and_says_so(written):
    folder = written(None)
    actual = load_embeddings(folder)
    assert actual.names is None
    assert actual.notes == (f"{folder}: has no file_names.txt, so its rows have no names",)
    assert load_embeddings(folder, names=["a", "b", "c", "d"]).names == ("a", "b", "c", "d")


def test_other_readers_take_the_folder_too(written):
    folder = written(["a.jpg", "b.jpg", "c.jpg", "d.jpg"])
    assert read_names(folder) == ("a.jpg", "b.jpg", "c.jpg", "d.jpg")
    first = next(iter(contents(folder)))
    assert (first.key, first.values.shape, first.names) == ("features", (4, 3), read_names(folder))
    assert folder_files(folder) == ("features.npy", "file_names.txt")


def test_what_is_found_of_a_folder_of_data_is_one_set_of_embeddings(written, tmp_path):
    from pyalign.analysis.describe.file import describe_file
    from pyalign.study.draft import items_of

    written(["a.jpg", "b.jpg", "c.jpg", "d.jpg"])
    described = describe_file(tmp_path / "clip")
    assert (described.model, described.arrays[0].kind, described.arrays[0].shape) == (None, "embeddings", (4, 3))
    assert [(item.spec, item.kind, item.named) for item in items_of(str(tmp_path))] == [("clip", "embeddings", True)]


@pytest.mark.parametrize(
    "lines,message",
    [
        (["a.jpg", "b.jpg", "c.jpg"], "holds 3 names for 4 rows"),
        (["a.jpg"] * 9, "holds more than 4 names for 4 rows"),
        (["a.jpg", "", "c.jpg", "d.jpg"], "line 2 has no name"),
    ],
)
def test_files_of_names_that_do_not_fit_are_refused(written, refused, lines, message):
    assert refused(load_embeddings, written(lines)) == f"file_names.txt: {message}"


def test_damaged_features_are_refused(written, refused):
    folder = written(["a.jpg", "b.jpg", "c.jpg", "d.jpg"])
    (folder / "features.npy").write_bytes(b"no features")
    assert refused(load_embeddings, folder).startswith("features.npy: is not a .npy file")


@pytest.mark.parametrize("read", [load_embeddings, read_names])
@pytest.mark.parametrize("name", ["features.npy", "file_names.txt"])
def test_links_are_not_followed(written, tmp_path, refused, name, read):
    folder = written(["a.jpg", "b.jpg", "c.jpg", "d.jpg"])
    (folder / name).rename(tmp_path / name)
    for target in (tmp_path / name, "/etc/passwd", "nowhere"):
        (folder / name).symlink_to(target)
        assert refused(read, folder) == f"{name}: is a link, which is not followed out of the folder"
        (folder / name).unlink()


def test_features_with_more_axes_want_pooling(written, refused):
    folder = written(["a", "b", "c", "d"], np.ones((4, 2, 3, 3), "f4"))
    assert "got (4, 2, 3, 3); pool or flatten" in refused(load_embeddings, folder)


@pytest.mark.parametrize("suffix", ["hdf5", "pt", "txt", "npy"])
def test_every_format_that_thingsvision_writes_is_read(tmp_path, storing, suffix):
    (tmp_path / "file_names.txt").write_text("".join(f"/images/{name}\n" for name in FILES))
    torch = pytest.importorskip("torch")
    storing.save_features(torch.from_numpy(X) if suffix == "pt" else X, str(tmp_path), suffix)
    actual = load_embeddings(tmp_path)
    assert (actual.names, folder_files(tmp_path)) == (FILES, (f"features.{suffix}", "file_names.txt"))
    np.testing.assert_array_equal(actual.values, X)


def test_features_of_matlab_without_names_are_read_and_with_names_have_lost_their_order(tmp_path, storing, refused):
    storing.save_features(X, str(tmp_path), "mat")
    np.testing.assert_array_equal(load_embeddings(tmp_path), X)
    (tmp_path / "file_names.txt").write_text("ant.jpg\nbee.jpg\ncat.jpg\ndog.jpg\n")
    storing.save_features(X, str(tmp_path), "mat")
    said = "features.mat: holds an array for each image, and not in which order the images were: save npy"
    assert refused(load_embeddings, tmp_path) == said


def test_features_in_parts_are_refused(tmp_path, storing, refused):
    (tmp_path / "file_names.txt").write_text("a\nb\nc\nd\n")
    assert refused(load_embeddings, tmp_path) == "is a folder of thingsvision without features"
    storing.split_features(str(tmp_path), X, "npy", 4)
    said = "without features: they are in parts, features_01.npy, features_02.npy and 1 more, which must be stacked"
    assert said in refused(load_embeddings, tmp_path)


def test_a_manifest_goes_first(written, refused):
    folder = written(["a.jpg", "b.jpg", "c.jpg", "d.jpg"])
    (folder / "manifest.json").write_text("{}")
    assert refused(load_embeddings, folder) == "manifest.json: is no manifest of pyalign extract"


def test_a_key_must_be_that_of_the_features(written, refused):
    folder = written(["a.jpg", "b.jpg", "c.jpg", "d.jpg"])
    assert load_embeddings(folder, key="features").shape == (4, 3)
    assert refused(load_embeddings, folder, key="fc7") == "has no array 'fc7'; it holds features (4, 3) float32"


def test_the_files_that_thingsvision_itself_writes_are_read(tmp_path):
    """Its own functions that write `file_names.txt`."""
    helpers = thingsvision_module("data")
    images = tmp_path / "images"
    for name in FILES:
        (images / name).parent.mkdir(parents=True, exist_ok=True)
        (images / name).touch()
    np.save(tmp_path / "features.npy", X)
    helpers.make_class_dataset(str(images), str(tmp_path), {"ant": 0, "bee": 1, "cat": 2})
    assert load_embeddings(tmp_path).names == FILES
    helpers.make_instance_dataset(str(images), str(tmp_path), ["a.jpg", "b.jpg", "c.jpg", "d.jpg"])
    assert load_embeddings(tmp_path).names == ("a.jpg", "b.jpg", "c.jpg", "d.jpg")

"""The built-in sample is what its page says."""

from __future__ import annotations

import hashlib
import io
import json
from importlib.resources import files

import numpy as np
import pytest

from pyalign import load_dataset, load_embeddings, load_triplets, score
from pyalign.data.names import match_names
from pyalign.datasets.simulate import FILES, write_sample
from pyalign.extraction.images import as_images

SOURCE = files("pyalign.datasets") / "sample"


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sample")
    assert write_sample(folder) == [folder / name for name in FILES]
    return folder


def test_the_files_are_those_of_the_package(sample):
    assert sorted(path.name for path in sample.iterdir()) == sorted(FILES)
    assert all((sample / name).read_bytes() == (SOURCE / name).read_bytes() for name in FILES)


def test_nothing_in_the_package_is_left_out():
    assert sorted(path.name for path in SOURCE.iterdir()) == sorted(FILES)


def test_it_takes_at_most_1_9_megabytes_and_its_pictures_0_6(sample):
    assert sum(path.stat().st_size for path in sample.iterdir()) <= 1_900_000
    assert (sample / "images.tar").stat().st_size <= 600_000


def test_its_hashes_are_those_of_its_provenance(sample):
    hashes = json.loads((sample / "provenance.json").read_text())["outputs_sha256"]
    assert set(hashes) == {"embeddings.npy", "images.tar", "names.txt", "subgroups.txt", "triplets.npy"}
    for name, digest in hashes.items():
        assert hashlib.sha256((sample / name).read_bytes()).hexdigest() == digest


def test_at_least_300_different_objects_have_a_name_a_subgroup_and_a_row(sample):
    names = (sample / "names.txt").read_text().splitlines()
    subgroups = (sample / "subgroups.txt").read_text().splitlines()
    assert load_embeddings(sample / "embeddings.npy").shape == (411, 1280)
    assert len(set(names)) == len(names) == len(subgroups) == 411 >= 300


def test_each_triplet_is_two_of_one_subgroup_and_one_of_another(sample):
    subgroups = np.array((sample / "subgroups.txt").read_text().splitlines())
    a, b, odd = subgroups[load_triplets(sample / "triplets.npy")].T
    assert (a == b).all()
    assert (a != odd).all()


def test_its_score(sample):
    found = score(load_embeddings(sample / "embeddings.npy"), load_triplets(sample / "triplets.npy"))
    assert round(100 * found.accuracy, 3) == 56.375


def test_each_object_has_a_picture_of_its_own(sample):
    decode = pytest.importorskip("PIL.Image").open
    images = as_images(sample / "images.tar")
    assert [name.removesuffix(".webp") for name in images.names] == (sample / "names.txt").read_text().splitlines()
    pixels = [decode(io.BytesIO(images.open(k))).convert("RGB") for k in range(len(images))]
    assert {picture.size for picture in pixels} == {(96, 96)}
    assert len({picture.tobytes() for picture in pixels}) == 411
    assert all(picture.getextrema() != ((255, 255),) * 3 for picture in pixels)  # none is blank


def test_pictures_and_categories_and_names_are_parts_of_the_data_set(sample):
    known = load_dataset("sample")
    assert as_images("dataset:sample").names == as_images(known.images().source).names
    assert match_names(known.names(), as_images("dataset:sample").names).rows.tolist() == list(range(411))


def test_its_license_names_its_sources_and_quotes_that_of_the_pictures(sample):
    notice = (sample / "NOTICE.txt").read_text()
    assert all(word in notice for word in ("Noto", "Open Font License", "EfficientNet", "Apache", "Unicode"))
    assert "images.tar" in notice and "Copyright 2022 Google Inc." in notice
    assert "SIL OPEN FONT LICENSE Version 1.1" in notice and "DEALINGS IN THE FONT SOFTWARE." in notice


def test_a_folder_that_cannot_be_made_raises_the_systems_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError):
        write_sample(tmp_path / "file")


@pytest.mark.parametrize("name", FILES)
def test_one_file_that_cannot_be_written_leaves_none(tmp_path, name):
    (tmp_path / name).mkdir()
    with pytest.raises(OSError):
        write_sample(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [name]

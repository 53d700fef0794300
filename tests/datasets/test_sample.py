"""The built-in sample is what its page says."""

from __future__ import annotations

import hashlib
import json
from importlib.resources import files

import numpy as np
import pytest

from pyalign import load_embeddings, load_triplets, score
from pyalign.datasets.sample import FILES, write_sample

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


def test_it_takes_at_most_a_megabyte_and_a_half(sample):
    assert sum(path.stat().st_size for path in sample.iterdir()) <= 1_500_000


def test_its_hashes_are_those_of_its_provenance(sample):
    hashes = json.loads((sample / "provenance.json").read_text())["outputs_sha256"]
    assert set(hashes) == {"embeddings.npy", "names.txt", "subgroups.txt", "triplets.npy"}
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


def test_its_licence_names_its_sources(sample):
    notice = (sample / "NOTICE.txt").read_text()
    assert all(word in notice for word in ("Noto", "Open Font License", "EfficientNet", "Apache", "Unicode"))


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

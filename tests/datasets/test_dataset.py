"""A data set can be named wherever a file can, knows what it is, and says what it lacks."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest

import pyalign
from pyalign.datasets import DATASETS, load_dataset
from pyalign.datasets.dataset import HOW, PARTS
from pyalign.datasets.places import Place, folder_of, remember, remembered
from pyalign.io import load_categories, load_embeddings, load_rdms, load_triplets, read_names


def test_every_row_says_what_a_person_should_know():
    for name, row in DATASETS.items():
        assert row.name == name and row.what and row.source and row.license and row.citation and row.layout
        assert set(row.parts) <= set(PARTS) and row.checked in HOW
        assert ("judgments" in row.parts) == (row.kind is not None)
        assert row.home is None or row.home in DATASETS
        assert all(file.hash is None or file.hash.startswith(("sha256:", "md5:")) for file in row.files)
        name, _, first = row.module.partition(":")
        module = __import__(f"pyalign.datasets._{name}", fromlist=["names"])
        assert all(callable(getattr(module, f"{first}_{part}" if first else part)) for part in row.parts)


def test_checksums_are_those_of_the_copies_that_are_here(data):
    files = {file.file: file for row in DATASETS.values() for file in row.files}
    here = {path.name: path for folder in ("things", "objects92") for path in (data / folder).iterdir()}
    compared = files.keys() & here.keys()
    # copies of the table of concepts differ in their ends of lines, so that none of them is the published one for sure
    unknown = {"things_concepts.tsv"}
    assert {name for name in compared if files[name].hash is None} == unknown < compared
    for name in compared - unknown:
        assert files[name].hash == f"sha256:{hashlib.sha256(here[name].read_bytes()).hexdigest()}"


def test_the_sample_is_a_data_set_wherever_files_are():
    x, t = load_embeddings("dataset:sample"), load_triplets("dataset:sample")
    assert (x.shape, x.source, t.source) == ((411, 1280), "dataset:sample", "dataset:sample")
    assert x.names == t.names == read_names("dataset:sample") and t.numbered
    assert round(100 * pyalign.score(x, t).accuracy, 3) == 56.375
    assert any("no human judgments" in note for note in t.notes)
    categories = load_categories("dataset:sample")
    assert len(categories.labels) == 28 and categories.names == x.names


def test_what_is_not_there_is_one_line_with_what_would_bring_it(root, message_of):
    told = message_of(load_triplets, "dataset:things")
    assert told.startswith(f"dataset:things: is not here, {root / 'things'} is no folder")
    assert "'pyalign datasets fetch things' gets it" in told and "load_dataset(..., folder=path) says" in told
    assert "get it from https://" in message_of(load_embeddings, "dataset:vice42")
    assert "did you mean 'things'" in message_of(load_triplets, "dataset:thing")
    assert message_of(load_rdms, "dataset:sample") == (
        "dataset:sample: has no judgments; it has triplets, embeddings, categories, names, images"
    )
    assert "has no triplets 'x'; there are no others" in message_of(load_triplets, "dataset:sample", key="x")


def test_the_layout_is_known_so_that_options_of_it_are_refused(message_of):
    for option in ({"one_based": True}, {"columns": (0, 1, 2)}, {"odd_column": "first"}, {"item_names": ["a"]}):
        told = message_of(load_triplets, "dataset:sample", **option)
        assert told.startswith("dataset:sample: a data set knows") and next(iter(option)) in told
    assert "name_column" in message_of(load_embeddings, "dataset:sample", name_column=0)
    told = message_of(load_triplets, "dataset:sample", task="anchored")
    assert told == "dataset:sample: task must be that of the data set, 'odd-one-out'; got 'anchored'"
    assert "from a file, not from a data set" in message_of(pyalign.io.read_subjects, "dataset:sample")
    assert "names must be None for a data set" in message_of(pyalign.as_images, "dataset:sample", names=["a"])


def test_answers_and_people_of_ones_own_go_with_the_triplets_of_a_data_set():
    people = np.arange(28770) % 7
    found = load_triplets("dataset:sample", subjects=people, answers=np.tile([0, 1, 2], (28770, 1)))
    assert found.subjects.labels == tuple("0123456") and found.answers.counts[0].tolist() == [0, 1, 2]


def test_a_folder_elsewhere_is_remembered(root, tmp_path, things):
    elsewhere = tmp_path / "mine"
    elsewhere.mkdir()
    remember("kriegeskorte92", elsewhere)
    assert remembered() == {"kriegeskorte92": str(elsewhere)}
    assert folder_of("kriegeskorte92") == elsewhere and folder_of("things") == things
    remember("things", elsewhere)
    assert folder_of("spose66", "things") == elsewhere  # which lies in the folder of things by itself
    remember("spose66", things)
    assert folder_of("spose66", "things") == things


def test_a_damaged_list_of_folders_is_one_line(root, message_of):
    root.mkdir()
    (root / "folders.json").write_text("[1]")
    assert message_of(load_triplets, "dataset:things").startswith(str(root / "folders.json"))
    (root / "folders.json").write_text("{")
    assert "is not JSON" in message_of(load_triplets, "dataset:things")


def test_files_are_found_where_archives_put_them_but_never_two_of_them(tmp_path, message_of):
    (tmp_path / "wrapper/deeper").mkdir(parents=True)
    (tmp_path / "__MACOSX").mkdir()
    (tmp_path / "__MACOSX/x.txt").write_text("")
    (tmp_path / "wrapper/deeper/x.txt").write_text("here")
    place = Place("mine", tmp_path)
    assert place.file("y.txt", "x.txt").read_text() == "here"
    assert place.file("deeper/x.txt") == tmp_path / "wrapper/deeper/x.txt"
    (tmp_path / "wrapper/x.txt").write_text("")
    assert "holds x.txt twice" in message_of(place.file, "x.txt")
    assert message_of(place.file, "z.txt") == f"dataset:mine: has no z.txt in {tmp_path}; it holds wrapper"


def test_a_file_that_is_called_so_is_named_with_its_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("dataset:sample.npy", np.eye(3))
    assert load_embeddings("./dataset:sample.npy").shape == (3, 3)


def test_kriegeskorte92_from_the_npz_or_from_the_files_of_the_toolbox(root, tmp_path, data):
    scipy_io = pytest.importorskip("scipy.io", reason="scipy is not installed")
    remember("kriegeskorte92", data / "objects92")
    found = load_rdms("dataset:kriegeskorte92")
    assert (found.kind, found.n, found.n_people, found.source) == ("dissimilarity", 92, 16, "dataset:kriegeskorte92")
    images = pyalign.as_images("dataset:kriegeskorte92")
    assert images.names == found.names == read_names("dataset:kriegeskorte92")
    assert images.open(5).shape == (175, 175, 3)
    assert "human face" in load_categories("dataset:kriegeskorte92").labels

    with np.load(data / "objects92/kriegeskorte92_images_and_behaviour.npz") as held:
        people = np.zeros((1, 16), [("RDM", object), ("name", object)])
        people[0] = [(rdm.astype(float), f"person {k}") for k, rdm in enumerate(held["behav_rdms"])]
        stimuli = np.zeros((1, 92), [("image", object), ("category", object)])
        stimuli[0] = list(zip(held["images"], held["category"], strict=True))
    folder = tmp_path / "92imageData"
    folder.mkdir()
    scipy_io.savemat(folder / "92_behavRDMs.mat", {"rdms_behav_92": people})
    scipy_io.savemat(folder / "Kriegeskorte_Neuron2008_supplementalData.mat", {"stimuli_92objs": stimuli},
                     do_compression=True)
    other = load_dataset("kriegeskorte92", tmp_path)
    np.testing.assert_array_equal(other.judgments().pairs(), found.pairs())
    np.testing.assert_array_equal(other.images().source[5], images.open(5))


def test_kind_is_known_and_must_agree(root, data, message_of):
    remember("kriegeskorte92", data / "objects92")
    assert load_rdms("dataset:kriegeskorte92", kind="dissimilarity").kind == "dissimilarity"
    told = message_of(load_rdms, "dataset:kriegeskorte92", kind="similarity")
    assert told.startswith("dataset:kriegeskorte92: kind must be that of human, 'dissimilarity'; got 'similarity'")
    assert load_rdms(data / "things/RDM48_triplet.mat").kind == "dissimilarity"  # as its diagonal shows


def test_a_wrong_count_is_refused(root, tmp_path, message_of):
    folder = tmp_path / "92"
    folder.mkdir()
    np.savez(folder / "kriegeskorte92_images_and_behaviour.npz", behav_rdms=np.zeros((15, 92, 92)),
             images=np.zeros((92, 175, 175, 3), np.uint8))
    found = load_dataset("kriegeskorte92", folder)
    assert "judgments must have shape (16, 92, 92); got (15, 92, 92)" in message_of(found.judgments)
    assert "has no category" in message_of(found.categories)


def test_remembered_folders_stand_in_a_file_that_people_can_read(root, tmp_path):
    remember("things", tmp_path)
    assert json.loads((root / "folders.json").read_text()) == {"things": str(tmp_path)}

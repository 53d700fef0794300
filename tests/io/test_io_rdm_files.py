"""RDMs of rsatoolbox, Meadows and the RSA toolbox: names, participants and notes; what is none of them, or broken."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import peer_files
import pytest

from pyalign.analysis.describe.file import describe_file
from pyalign.errors import InputError
from pyalign.io import load_embeddings, load_rdms

NAMES, PAIRS = ("cat", "dog", "car", "bus"), np.arange(18, dtype=float).reshape(3, 6)
PEOPLE = ("s1", "s2", "s3")


def matrix(pairs):
    whole = np.zeros((4, 4))
    whole[np.triu_indices(4, 1)] = pairs
    return whole + whole.T


def tree(**changes):
    """The dict that rsatoolbox pickles."""
    return {
        "dissimilarities": PAIRS,
        "descriptors": {},
        "rdm_descriptors": {"subject": [*PEOPLE], "index": [0, 1, 2], "noise": np.ones((3, 2, 2))},
        "pattern_descriptors": {"conds": [*NAMES], "index": [0, 1, 2, 3]},
        "dissimilarity_measure": None,
        "rsatoolbox_version": "0.3.2",
        **changes,
    }


def write_pickle(path, **changes):
    path.write_bytes(pickle.dumps(tree(**changes)))
    return path


def write_hdf5(path, **changes):
    """As rsatoolbox writes it: text as attributes or fixed bytes, dicts as groups."""
    h5py = pytest.importorskip("h5py")

    def fill(group, parts):
        for name, part in parts.items():
            if isinstance(part, dict):
                fill(group.create_group(name), part)
            elif isinstance(part, str):
                group.attrs[name] = part
            elif part is not None:
                values = np.array(part)
                group[name] = values.astype("S") if values.dtype.kind == "U" else values

    with h5py.File(path, "w") as file:
        fill(file, tree(**changes))
    return path


WRITERS = pytest.mark.parametrize("write,suffix", [(write_pickle, ".pkl"), (write_hdf5, ".hdf5")])


@WRITERS
def test_descriptors_are_the_names_and_the_participants(tmp_path, write, suffix):
    path = write(tmp_path / f"x{suffix}")
    actual = load_rdms(path)
    assert (actual.kind, actual.names, actual.people, actual.source) == ("dissimilarity", NAMES, PEOPLE, str(path))
    np.testing.assert_array_equal(actual.pairs(), PAIRS)
    assert actual.notes == (
        f"{path}: RDMs of rsatoolbox: 4 objects, 3 participants; not carried over: the RDM descriptor 'noise'",
    )
    reordered = load_rdms(path, names=NAMES[::-1])
    expected = [matrix(one)[::-1, ::-1][np.triu_indices(4, 1)] for one in PAIRS]
    np.testing.assert_array_equal(reordered.pairs(), expected)


@WRITERS
def test_negated_similarities_become_similarities_again(tmp_path, write, suffix):
    actual = load_rdms(write(tmp_path / f"x{suffix}", dissimilarity_measure="negated similarity"))
    assert actual.kind == "similarity"
    np.testing.assert_array_equal(actual.pairs(), -PAIRS)


def test_text_of_numpy_in_lists_and_arrays_is_text(tmp_path):
    for names in (np.array(NAMES), [*map(np.str_, NAMES)]):
        patterns = {"conds": names, "kind": [np.str_("animal")] * 4}
        assert load_rdms(write_pickle(tmp_path / "x.pkl", pattern_descriptors=patterns)).names == NAMES


@WRITERS
def test_a_key_says_which_descriptor_holds_the_names_or_names_an_array(tmp_path, refused, write, suffix):
    patterns = {"conds": [*NAMES], "file": [f"{name}.jpg" for name in NAMES]}
    people = {"subject": [*PEOPLE], "session": ["mon", "tue", "wed"], "noise": np.ones((3, 2, 2))}
    path = write(tmp_path / f"x{suffix}", pattern_descriptors=patterns)
    told = "FILE::pattern_descriptors/KEY must say which pattern descriptor holds the names"
    assert refused(load_rdms, path).startswith(told)
    assert load_rdms(path, key="pattern_descriptors/file").names[0] == "cat.jpg"
    path = write(tmp_path / f"y{suffix}", rdm_descriptors=people)
    assert load_rdms(path, key="rdm_descriptors/session").people == ("mon", "tue", "wed")
    noise = load_rdms(path, key="rdm_descriptors/noise", kind="similarity")
    np.testing.assert_array_equal(noise.values, np.ones((3, 2, 2)))
    assert "no" in refused(load_rdms, path, key="pattern_descriptors/no")
    assert refused(load_embeddings, path) == "holds RDMs of rsatoolbox: they are matrices of pairs, not embeddings"


@pytest.mark.parametrize(
    "changes",
    [
        {"rdm_descriptors": {"a": 5}}, {"rdm_descriptors": {"a": np.empty((1 << 62, 0), "i1")}},
        {"pattern_descriptors": {"a": [[1], {}, None, ()]}, "rdm_descriptors": 3, "descriptors": [1]},
        {"pattern_descriptors": {"a": ["cat"]}},
        {"descriptors": {"notes": 5, "source": {}}}, {"dissimilarities": np.ones((3, 5))},
        {"dissimilarities": np.array(["far"] * 6), "dissimilarity_measure": "negated similarity"},
        {"dissimilarities": np.float64(3)},
    ],
)
def test_what_rsatoolbox_would_not_write_is_one_line_or_read(tmp_path, changes):
    path = write_pickle(tmp_path / "x.pkl", **changes)
    try:
        load_rdms(path)
    except InputError as error:
        assert str(error).startswith(str(path)) and "\n" not in str(error)


def test_a_descriptor_of_a_size_that_is_not_there_takes_no_memory(tmp_path, refused):
    h5py = pytest.importorskip("h5py")
    path = write_hdf5(tmp_path / "x.hdf5")
    with h5py.File(path, "a") as file:
        file.create_dataset("rdm_descriptors/large", (1 << 50, 3), "f8", chunks=(1, 3))
    assert "values of RDM descriptor 'large'" in refused(load_rdms, path)


# Meadows


def test_each_participant_may_have_an_order_and_objects_of_their_own(tmp_path):
    path = tmp_path / "x.mat"
    people = {"able-fly": (PAIRS[0], NAMES), "brave-owl": ([9.0, 8.0, 7.0], ("bus", "cat", "ant"))}
    path.write_bytes(peer_files.meadows(people))
    actual = load_rdms(path)
    assert (actual.names, actual.people) == ((*NAMES, "ant"), tuple(people))
    second = np.full((5, 5), np.nan)
    for i, j, far in ((3, 0, 9), (3, 4, 8), (0, 4, 7)):
        second[i, j] = second[j, i] = far
    np.testing.assert_array_equal(actual.values[0][:4, :4], matrix(PAIRS[0]) + np.diag([np.nan] * 4))
    np.testing.assert_array_equal(actual.values[1], second)


def test_a_single_participant_is_one_matrix(tmp_path, refused):
    path = tmp_path / "x.mat"
    path.write_bytes(peer_files.mat(peer_files.numbers("rdmutv", PAIRS[0]), peer_files.text("stimuli", NAMES)))
    actual = load_rdms(path)
    assert (actual.names, actual.people, actual.n_people) == (NAMES, None, None)
    path.write_bytes(peer_files.mat(peer_files.numbers("rdmutv", PAIRS[0]), peer_files.text("stimuli", ["a"] * 4)))
    message = "must hold different names, and a number for each pair of them; got 1 of 4 names, and 6 numbers"
    assert refused(load_rdms, path) == message


def test_a_tree_of_several_participants_has_their_names_and_counts_those_without_an_arrangement(tmp_path):
    path = tmp_path / "x.json"
    several = {
        who: peer_files.tree(peer_files.arrangement("a", one, NAMES)) for who, one in zip(PEOPLE, PAIRS, strict=True)
    }
    path.write_bytes(peer_files.as_json({**several, "s4": peer_files.tree()}))
    actual = load_rdms(path)
    assert (actual.names, actual.people) == (NAMES, PEOPLE)
    np.testing.assert_array_equal(actual.pairs(), PAIRS)
    assert actual.notes == (
        f"{path}: RDMs of Meadows: 4 objects, 3 participants", f"{path}: 1 of 4 participants have no arrangement",
    )
    assert load_rdms(path, key="s2").notes == (f"{path}::s2: RDMs of Meadows: 4 objects",)


def test_a_json_of_something_else_is_no_tree(tmp_path, refused):
    path = tmp_path / "x.json"
    for document in (
        [1], {"a": 1}, {"tasks": 3}, {"tasks": [{"task": 1}]}, {"tasks": [{}]}, {}, {"a": {}}, {"a": {"tasks": None}},
        {"a": {"tasks": {"b": 1}}}, {"a": {"rdm": [1.0], "stimuli": 3}}, {"rdm": {}},
        {"a": {"rdm": "x", "stimuli": []}},
    ):
        path.write_bytes(peer_files.as_json(document))
        refused(load_rdms, path)


# The RSA toolbox


def test_structs_without_different_names_have_no_participants(tmp_path):
    path = tmp_path / "x.mat"
    path.write_bytes(peer_files.mat(peer_files.rsa_toolbox([matrix(one) for one in PAIRS], ["a", "a", "b"])))
    actual = load_rdms(path)
    assert (actual.n, actual.n_people, actual.names, actual.people) == (4, 3, None, None)
    np.testing.assert_array_equal(actual.pairs(), PAIRS)
    assert load_rdms(path, key="RDMs").source == f"{path}::RDMs"


def test_a_matrix_next_to_structs_is_the_one_that_is_meant(tmp_path):
    path = tmp_path / "x.mat"
    structs = peer_files.rsa_toolbox([matrix(one) for one in PAIRS], PEOPLE)
    path.write_bytes(peer_files.mat(peer_files.numbers("mean", matrix(PAIRS[2])), structs))
    np.testing.assert_array_equal(load_rdms(path, kind="dissimilarity").values, matrix(PAIRS[2]))
    assert load_rdms(path, key="RDMs").people == PEOPLE


# Descriptions, and arrays of noise


def test_a_description_says_whose_rdms_they_are_and_reads_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_pickle(Path("x.pkl"))
    (found,) = describe_file("x.pkl").arrays
    assert (found.kind, found.shape, found.names) == ("dissimilarities", (3, 4, 4), NAMES[:3])
    assert found.remarks[0].startswith("RDMs of rsatoolbox: 4 objects, 3 participants")
    assert found.command == "pyalign rsa --embeddings EMB --human x.pkl --kind dissimilarity"


@pytest.mark.parametrize("name", ["noise", "Noise_cov", "precisions", "group/noiseCov", "NOISE", "rdm.cov"])
def test_what_is_called_noise_is_read_by_its_key_only(tmp_path, refused, name):
    path = tmp_path / "x.npz"
    noise, values = np.eye(4), matrix(PAIRS[0])
    np.savez(path, **{name: noise})
    for read in (load_rdms, load_embeddings):
        options = {"kind": "similarity"} if read is load_rdms else {}
        message = f"holds an array of noise, choose one as FILE::KEY: {name} (4, 4) float64"
        assert refused(read, path, **options) == message
        np.testing.assert_array_equal(read(path, key=name, **options).values, noise)
    np.savez(path, **{name: noise, "rdm": values})
    np.testing.assert_array_equal(load_rdms(path, kind="dissimilarity").values, values)
    np.savez(path, **{name: noise, "rdm": values, "model": values})
    listed = f"{name} (4, 4) float64, rdm (4, 4) float64, model (4, 4) float64"
    assert refused(load_rdms, path, kind="dissimilarity").endswith(f"choose one as FILE::KEY: {listed}")


def test_words_that_only_begin_so_are_no_noise(tmp_path):
    path = tmp_path / "x.npz"
    np.savez(path, recovered=np.eye(4))
    assert load_embeddings(path).shape == (4, 4)

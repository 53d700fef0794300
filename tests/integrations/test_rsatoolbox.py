"""RDMs of rsatoolbox become judgments and models, and come back: values, names, participants, and what is left out."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from support import reals

import pyalign
from pyalign import Embeddings, RDMs
from pyalign.errors import MissingExtraError
from pyalign.integrations.rsatoolbox import from_rdms, models_from_rdms, to_rdms

NAMES = ("cat", "dog", "car", "bus")
PAIRS = np.arange(18, dtype=float).reshape(3, 6)  # three participants, the six pairs of four objects


def stand_in(values=PAIRS, measure=None, patterns=None, rdms=None, descriptors=None):
    """What an `RDMs` of rsatoolbox holds, with the indices that it adds by itself, where the package is missing."""
    p, n = len(values), 4
    return SimpleNamespace(
        dissimilarities=values,
        dissimilarity_measure=measure,
        descriptors=descriptors or {},
        pattern_descriptors={"index": list(range(n)), **(patterns or {})},
        rdm_descriptors={"index": list(range(p)), **(rdms or {})},
    )


@pytest.fixture
def rdms_class():
    return pytest.importorskip("rsatoolbox", reason="rsatoolbox is not installed").rdm.RDMs


# Into pyalign


def test_names_and_participants_are_the_descriptors_that_differ_and_are_text():
    patterns = {"stimulus": [*NAMES], "animal": ["yes", "yes", "no", "no"], "size": [1, 2, 3, 4]}
    actual = from_rdms(stand_in(patterns=patterns, rdms={"subject": ["s1", "s2", "s3"]}))
    assert (actual.kind, actual.names, actual.people) == ("dissimilarity", NAMES, ("s1", "s2", "s3"))
    np.testing.assert_array_equal(actual.pairs(), PAIRS)


def test_an_array_of_the_real_class_reads_the_same(rdms_class):
    patterns, subjects = {"stimulus": [*NAMES]}, {"subject": ["s1", "s2", "s3"]}
    theirs = from_rdms(rdms_class(PAIRS, pattern_descriptors=patterns, rdm_descriptors=subjects))
    ours = from_rdms(stand_in(patterns=patterns, rdms=subjects))
    assert (theirs.names, theirs.people, theirs.notes) == (ours.names, ours.people, ours.notes)
    np.testing.assert_array_equal(theirs.values, ours.values)


def test_numbers_are_names_only_where_no_text_is_and_the_plain_index_is_none():
    assert from_rdms(stand_in()).names is None
    assert from_rdms(stand_in(patterns={"image": [30, 10, 20, 40]})).names == ("30", "10", "20", "40")
    assert from_rdms(stand_in(patterns={"image": [30, 10, 20, 20]})).names is None
    assert from_rdms(stand_in(patterns={"size": [0.5, 0.25, 1.5, 2.5]})).names is None


def test_the_index_of_some_patterns_is_their_names(rdms_class):
    """rsatoolbox keeps the numbers that patterns had before a part of them was taken."""
    whole = rdms_class(PAIRS)
    assert from_rdms(whole.subset_pattern("index", [1, 3])).names == ("1", "3")
    moved = whole.copy()
    moved.reorder(np.array([2, 0, 1, 3]))
    assert from_rdms(moved).names == ("2", "0", "1", "3")


def test_two_descriptors_that_could_be_names_are_both_named(message_of):
    rdms = stand_in(
        patterns={"stimulus": [*NAMES], "file": ["a.jpg", "b.jpg", "c.jpg", "d.jpg"]},
        rdms={"subject": ["s1", "s2", "s3"], "session": ["mon", "tue", "wed"]},
    )
    message = message_of(from_rdms, rdms)
    assert message == (
        "name_descriptor of from_rdms must say which pattern descriptor holds the names, 'stimulus' or 'file'; got None"
    )
    message = message_of(from_rdms, rdms, name_descriptor="file")
    rule = "must say which RDM descriptor holds the participants, 'subject' or 'session'; got None"
    assert message == f"subject_descriptor of from_rdms {rule}"
    actual = from_rdms(rdms, name_descriptor="file", subject_descriptor="session")
    assert (actual.names[0], actual.people) == ("a.jpg", ("mon", "tue", "wed"))


def test_what_is_left_out_is_in_the_notes():
    rdms = stand_in(
        measure="crossnobis",
        patterns={"stimulus": [*NAMES], "size": [1.0, 2.0, 3.0, 4.0]},
        rdms={"subject": ["s1", "s1", "s2"]},
        descriptors={"noise": "residuals"},
    )
    assert from_rdms(rdms).notes == (
        "rdms: the dissimilarity measure, 'crossnobis', is not carried over",
        "rdms: the descriptor 'noise' is not carried over",
        "rdms: the pattern descriptor 'size' is not carried over",
        "rdms: the RDM descriptor 'subject' is not carried over",
        "rdms: no RDM descriptor differs between all 3 RDMs, so each is taken for another participant's",
    )


def test_one_rdm_is_one_matrix_unless_a_descriptor_is_said_to_be_its_participant():
    """So that the RDM of a brain area goes where a model does, whatever else is known of it."""
    area = stand_in(PAIRS[:1], rdms={"area": ["IT"], "subject": ["s1"]})
    actual = from_rdms(area)
    assert (actual.n_people, actual.people) == (None, None)
    assert actual.notes == tuple(
        f"rdms: the RDM descriptor {name!r} is not carried over" for name in ("area", "subject")
    )
    assert from_rdms(area, subject_descriptor="subject").people == ("s1",)
    triplets = np.array([[0, 1, 2], [1, 2, 3]])
    assert pyalign.score(matrix={"IT": actual}, kind="dissimilarity", triplets=triplets, ci=None)[0].n_triplets == 2


def test_a_descriptor_of_notes_that_is_one_text_is_one_note():
    assert from_rdms(stand_in(descriptors={"notes": "of the pilot"}, rdms={"subject": [*"abc"]})).notes == (
        "of the pilot",
    )


def test_as_many_rdms_as_pairs_are_no_square_matrix():
    """(6, 6) numbers are six participants with six pairs, not a matrix of six objects."""
    values = reals(1, 6, 6, dtype=np.float64)
    actual = from_rdms(stand_in(values))
    assert (actual.n, actual.n_people) == (4, 6)
    np.testing.assert_array_equal(actual.pairs(), values)


# And back


@pytest.mark.parametrize("kind", ["dissimilarity", "similarity"])
@pytest.mark.parametrize("people", [None, ("s1", "s2", "s3")])
def test_a_round_trip_loses_nothing(rdms_class, kind, people):
    values = PAIRS.copy()
    values[1, 2] = np.nan
    judged = RDMs(values, kind, NAMES, people, "ratings.npz", ("ratings.npz: a note",))
    rdms = to_rdms(judged)
    assert isinstance(rdms, rdms_class)
    back = from_rdms(rdms)
    assert (back.kind, back.names, back.people, back.source) == (kind, NAMES, people, "ratings.npz")
    assert back.notes[0] == "ratings.npz: a note" and len(back.notes) == (1 if people else 2)
    np.testing.assert_array_equal(back.pairs(), values)


def test_a_round_trip_through_a_file_of_rsatoolbox_loses_nothing(rdms_class, tmp_path):
    pytest.importorskip("h5py", reason="h5py is not installed")
    from rsatoolbox.rdm import load_rdm

    judged = RDMs(PAIRS, "similarity", NAMES, ("s1", "s2", "s3"), "ratings.npz", ("ratings.npz: a note",))
    to_rdms(judged).save(tmp_path / "rdms.hdf5")
    back = from_rdms(load_rdm(str(tmp_path / "rdms.hdf5")))
    assert (back.kind, back.names, back.people, back.notes) == (judged.kind, NAMES, judged.people, judged.notes)
    np.testing.assert_array_equal(back.pairs(), PAIRS)


def test_similarities_are_negated_so_that_larger_is_less_alike_there(rdms_class):
    rdms = to_rdms(RDMs(PAIRS[0], "similarity"))
    assert rdms.dissimilarity_measure == "negated similarity"
    np.testing.assert_array_equal(rdms.dissimilarities, -PAIRS[:1])


@pytest.mark.parametrize(
    "measure,name,formula",
    [
        ("pearson", "1 - pearson", lambda s: 1 - s),
        ("rbf:2.0", "1 - rbf:2.0", lambda s: 1 - s),
        ("neg_euclidean", "euclidean", lambda s: -s),
        ("neg_sqeuclidean", "sqeuclidean", lambda s: -s),
        ("dot", "-dot", lambda s: -s),
    ],
)
def test_embeddings_become_an_rdm_for_each_model(rdms_class, measure, name, formula):
    x, y = (Embeddings(reals(seed, 4, 5, dtype=np.float64), NAMES) for seed in (1, 2))
    order = [3, 1, 0, 2]
    rdms = to_rdms({"clip": x, "vgg": y[order]}, measure=measure)
    assert rdms.dissimilarity_measure == name and rdms.rdm_descriptors["model"] == ["clip", "vgg"]
    assert rdms.pattern_descriptors["name"] == [*NAMES]
    upper = np.triu_indices(4, 1)
    expected = [formula(pyalign.similarity(one.values, measure=measure))[upper] for one in (x, y)]
    np.testing.assert_allclose(rdms.dissimilarities, expected, rtol=1e-12)


def test_the_rdms_of_embeddings_are_those_of_rsatoolbox(rdms_class):
    from rsatoolbox.data import Dataset
    from rsatoolbox.rdm import calc_rdm

    x = reals(3, 12, 7, dtype=np.float64)
    theirs = calc_rdm(Dataset(x), method="correlation")
    np.testing.assert_allclose(to_rdms(x, measure="pearson").dissimilarities, theirs.dissimilarities, atol=1e-12)


def test_models_go_to_rsa_by_their_names_and_give_the_figures_of_the_embeddings(rdms_class):
    x, y = reals(1, 4, 5, dtype=np.float64), reals(2, 4, 5, dtype=np.float64)
    models = models_from_rdms(to_rdms({"clip": x, "vgg": y}, measure="pearson"))
    human = RDMs(PAIRS, "dissimilarity")
    options = {"correlation": "spearman", "ci": None}
    theirs = pyalign.rsa({}, human, matrix=models, **options)
    ours = pyalign.rsa({"clip": x, "vgg": y}, human, measure="pearson", **options)
    assert [one.value for one in theirs] == pytest.approx([one.value for one in ours])
    assert [*models] == ["clip", "vgg"] and models["vgg"].n_people is None


def test_models_that_no_descriptor_tells_apart_are_numbered():
    models = models_from_rdms(stand_in())
    assert [*models] == ["model 1", "model 2", "model 3"]
    assert not any("participant" in note for one in models.values() for note in one.notes)


def test_rdms_of_people_of_models_and_of_one_matrix_go_in_as_they_are(rdms_class):
    x, noise = reals(1, 4, 5, dtype=np.float64), np.full((4, 4), 9.0)
    people = rdms_class(PAIRS, rdm_descriptors={"subject": ["ann", "bea", "cem"], "noise": [noise] * 3},
                        pattern_descriptors={"stimulus": [*NAMES]}, descriptors={"noise": noise})
    judged, options = from_rdms(people), {"ci": None, "correlation": "pearson"}
    rows = pyalign.Embeddings(x, NAMES)
    found, expected = (pyalign.rsa(rows, human, **options) for human in (people, judged))
    assert found.results == expected.results and found.n_people == 3
    assert any("'noise' is not carried over" in note for note in judged.notes)
    models = models_from_rdms(people)
    found, expected = (pyalign.rsa(None, judged, matrix=given, **options) for given in (people, models))
    assert found.results == expected.results and [one.embeddings for one in found] == ["ann", "bea", "cem"]
    triplets = pyalign.Triplets([[0, 1, 2], [1, 3, 0], [2, 3, 1]], NAMES)
    expected = [pyalign.score(matrix=one, triplets=triplets, ci=None).accuracy for one in models.values()]
    for call in ({"matrix": people}, {"models": people}):
        assert [one.accuracy for one in pyalign.score(**call, triplets=triplets, ci=None)] == expected
    one = people.subset("subject", "bea")
    assert pyalign.score(matrix=one, triplets=triplets, ci=None).accuracy == expected[1]
    assert pyalign.permutation_test(one, triplets, n_permutations=3).accuracy == expected[1]
    assert pyalign.rsa(None, judged, matrix=one, **options)[0].embeddings == "bea"


# Bad input


def test_what_is_no_rdms_and_unknown_descriptors_are_refused(message_of):
    rdms = stand_in(patterns={"stimulus": [*NAMES], "animal": ["yes", "yes", "no", "no"]})
    assert message_of(from_rdms, PAIRS) == "rdms must be an RDMs of rsatoolbox; got ndarray"
    message = message_of(from_rdms, rdms, name_descriptor="stimulos")
    assert message.startswith("name_descriptor must be one of index, stimulus, animal; got 'stimulos'")
    message = message_of(from_rdms, rdms, name_descriptor="animal")
    assert message == "name_descriptor must differ between patterns; 'animal' has 'yes' twice"


def test_an_rdms_that_holds_other_numbers_than_it_says_is_refused(message_of):
    broken = stand_in(patterns={"stimulus": ["cat", "dog"]})
    assert message_of(from_rdms, broken) == "rdms must have 4 values of pattern descriptor 'stimulus'; got 2"
    empty = stand_in(PAIRS[:0])
    assert message_of(from_rdms, empty) == "rdms must hold dissimilarities of shape (p, m); got (0, 6)"


def test_models_of_other_objects_and_matrices_of_participants_are_refused(rdms_class, message_of):
    x = Embeddings(reals(1, 4, 5), NAMES)
    message = message_of(to_rdms, {"a": x, "b": Embeddings(x.values, ("cat", "dog", "car", "van"))})
    assert message == "b must have the names of a; no object is named 'bus'"
    assert message_of(to_rdms, {"a": x, "b": x.values}) == "b must have names, as a has; got none"
    assert message_of(to_rdms, {"a": x.values, "b": x.values[:3]}) == "b must have 4 objects, as a has; got 3"
    message = message_of(to_rdms, {"a": RDMs(PAIRS, "similarity")})
    assert message.startswith("a must be one matrix; got those of 3 participants")


def test_without_rsatoolbox_the_way_back_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "rsatoolbox.rdm", None)
    with pytest.raises(MissingExtraError, match=r"to_rdms needs rsatoolbox, .* pip install '?rsatoolbox"):
        to_rdms(RDMs(PAIRS, "dissimilarity"))

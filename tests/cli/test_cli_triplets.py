"""`pyalign triplets draw`: the arrays of `pyalign.sample_triplets`, in files."""

from __future__ import annotations

import numpy as np
import pytest

import pyalign

OF_S, OF_D = (("--kind", kind, "--matrix") for kind in ("similarity", "dissimilarity"))
SAMPLE = ("triplets", "draw", "--count", "200", "--out", "s.npy")


def test_writes_the_triplets_and_probabilities_of_the_function(command, folder, x):
    ran = command(*SAMPLE, "--embeddings", "x.npy", "--temperature", "0.2", "--probabilities", "p.npy", "--seed", "4")
    assert (ran.code, ran.err) == (0, "")
    triplets, p = pyalign.sample_triplets(x, 200, temperature=0.2, soft=True, seed=4)
    assert np.array_equal(np.load("s.npy"), triplets)
    assert np.array_equal(np.load("p.npy"), p)
    assert "200 triplets" in ran.out


def test_a_transform_is_applied_first(command, folder, x):
    weights = np.random.default_rng(0).normal(size=(x.shape[1], 3)).astype(np.float32)
    pyalign.write_transform("w.npz", pyalign.Transform(weights, None, 0.5, 2.0))
    assert command(*SAMPLE, "--embeddings", "x.npy", "--transform", "w.npz").code == 0
    mapped = ((x - 0.5) / 2.0) @ weights
    assert (pyalign.odd_one_out(mapped, np.load("s.npy")) == 2).mean() > 0.99
    assert np.array_equal(np.load("s.npy"), pyalign.sample_triplets(pyalign.load_transform("w.npz").apply(x), 200))


def test_similarities_stand_in_for_embeddings(command, folder, x):
    np.save("m.npy", pyalign.similarity(x))
    assert command(*SAMPLE, *OF_S, "m.npy").code == 0
    assert np.array_equal(np.load("s.npy"), pyalign.sample_triplets(x, 200))


def test_a_matrix_of_dissimilarities_must_be_stated_as_such(command, refused, folder, x):
    s = pyalign.similarity(x, measure="neg_euclidean")
    np.fill_diagonal(s, 0)
    np.save("m.npy", -s)
    said = refused(*SAMPLE, *OF_S, "m.npy")
    assert said.startswith("m.npy must be of --kind dissimilarity, since its diagonal has the smallest number")
    assert command(*SAMPLE, *OF_D, "m.npy").code == 0
    assert np.array_equal(np.load("s.npy"), pyalign.sample_triplets(None, 200, matrix=s, kind="similarity"))


def test_the_kind_of_a_matrix_is_what_its_diagonal_shows(command, refused, folder, x, data):
    s = pyalign.similarity(x, measure="neg_euclidean")
    for values, kind in ((s, "similarity"), (-s, "dissimilarity")):
        np.save("m.npy", values)
        assert command(*SAMPLE, "--kind", kind, "--matrix", "m.npy").code == 0
        stated = np.load("s.npy")
        ran = command(*SAMPLE, "--matrix", "m.npy")
        assert ran.code == 0 and np.array_equal(np.load("s.npy"), stated)
        assert f"note: m.npy is taken for {kind[:-1]}ies, as its diagonal shows\n" in ran.err
    np.save("n.npy", np.where(np.eye(len(s), dtype=bool), s.mean(), s))
    assert "n.npy: --kind dissimilarity or --kind similarity must say what it holds" in refused(
        *SAMPLE, "--matrix", "n.npy"
    )
    rdm = data / "things" / "RDM48_triplet.mat"
    assert "is taken for dissimilarities" in command(*SAMPLE, "--matrix", rdm).err


def test_the_real_matrix_of_dissimilarities(command, refused, data, folder):
    rdm = data / "things" / "RDM48_triplet.mat"
    assert "must be of --kind dissimilarity" in refused(*SAMPLE, *OF_S, rdm)
    assert command(*SAMPLE, *OF_D, rdm).code == 0
    d, (a, b, odd) = np.asarray(pyalign.load_embeddings(rdm)), np.load("s.npy").T
    assert (d[a, b] < np.minimum(d[a, odd], d[b, odd])).all()


def test_a_document_is_read_back(command, folder):
    ran = command("triplets", "draw", "x.npy", *SAMPLE[2:], "--json", "d.json", "--csv", "d.csv")
    assert ran.out == "s.npy: 200 triplets\n"
    found = pyalign.load_result("d.json")
    assert (found.n_triplets, found.scheme, found.measure, found.temperature) == (200, "uniform", "cosine", None)
    assert found.provenance.inputs[0].source == "x.npy"
    assert (folder / "d.csv").read_text().splitlines()[1].startswith("200,")


def test_a_seed_that_is_none_is_a_usage_error(command, folder):
    ran = command(*SAMPLE, "--embeddings", "x.npy", "--seed", "-1")
    assert ran.code == 2 and "--seed" in ran.err


@pytest.mark.parametrize(
    "options, words",
    [
        (("--embeddings", "x.npy", "--probabilities", "p.npy"), "--probabilities p.npy needs --temperature"),
        (("--embeddings", "x.npy", "--probabilities", "s.npy"), "same file"),
        ((), "embeddings or --matrix must be given, one of them; got none"),
        (("x.npy", "--matrix", "y.npy"), "one of them; got both"),
        (("--matrix", "x.npy"), "x.npy"),
        (("x.npy", "--kind", "similarity"), "--kind similarity applies only to a matrix: add --matrix"),
        ((*OF_D, "x.npy", "--transform", "x.npy"), "--transform x.npy applies only to embeddings"),
        ((*OF_S, "x.npy"), "x.npy: matrix must be one matrix; got those of 30 participants"),
        ((*OF_S, "x.npy", "--measure", "dot"), "not to --matrix"),
    ],
)
def test_what_cannot_be_drawn_is_one_line_and_no_file(refused, options, words):
    assert words in refused(*SAMPLE, *options)

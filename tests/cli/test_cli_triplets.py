"""`pyalign triplets sample`: the arrays of `pyalign.sample_triplets`, in files."""

from __future__ import annotations

import json

import numpy as np
import pytest

import pyalign

SAMPLE = ("triplets", "sample", "--triplets", "200", "--out", "s.npy")


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
    assert np.array_equal(np.load("s.npy"), pyalign.sample_triplets(pyalign.read_transform("w.npz").apply(x), 200))


@pytest.mark.parametrize("kind", ["labels.txt", "labels.npy", "table.tsv", "table.npy"])
def test_categories_come_as_labels_or_as_a_table(command, folder, x, kind):
    code = np.arange(len(x)) % 3
    table = np.eye(3, dtype=int)[code]
    if kind == "labels.txt":
        (folder / kind).write_text("".join(f"group {k}\n" for k in code))
    elif kind == "table.tsv":
        np.savetxt(kind, table, fmt="%d", delimiter="\t", header="a\tb\tc", comments="")
    else:
        np.save(kind, code if kind == "labels.npy" else table)
    ran = command(*SAMPLE, "--embeddings", "x.npy", "--categories", kind, "--scheme", "across", "--json")
    assert ran.code == 0
    assert np.array_equal(np.load("s.npy"), pyalign.sample_triplets(x, 200, categories=code, scheme="across"))
    document = json.loads(ran.out)
    assert (document["scheme"], document["n_triplets"]) == ("across", 200)
    assert document["n_sharing"] > 0


def test_similarities_stand_in_for_embeddings(command, folder, x):
    np.save("m.npy", pyalign.similarity(x))
    assert command(*SAMPLE, "--similarities", "m.npy").code == 0
    assert np.array_equal(np.load("s.npy"), pyalign.sample_triplets(x, 200))


@pytest.mark.parametrize(
    "options, words",
    [
        (("--embeddings", "x.npy", "--scheme", "within"), "categories must be given"),
        (("--embeddings", "x.npy", "--probabilities", "p.npy"), "--probabilities p.npy needs --temperature"),
        (("--embeddings", "x.npy", "--probabilities", "s.npy"), "same file"),
        (("--embeddings", "x.npy", "--seed", "-1"), "--seed"),
        (("--similarities", "x.npy"), "(n, n)"),
        (("--similarities", "x.npy", "--measure", "dot"), "no use"),
        (("--embeddings", "x.npy", "--categories", "t.npy", "--scheme", "within"), "t.npy: several columns"),
    ],
)
def test_what_cannot_be_drawn_is_one_line_and_no_file(refused, options, words):
    assert words in refused(*SAMPLE, *options)

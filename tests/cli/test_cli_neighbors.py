"""`pyalign neighbors search` on small files: what it prints, writes and refuses."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from support import reals

from pyalign import build_index, load_result, neighbors

faiss_alone = pytest.mark.skipif(find_spec("faiss") is None, reason="faiss is not installed")


@pytest.fixture
def names(folder, x):
    Path("names.txt").write_text("".join(f"item {row}\n" for row in range(len(x))))
    return "names.txt"


def test_names_give_a_table_a_document_and_a_csv(command, names, x):
    ran = command("neighbors", "search", "--embeddings", "x.npy", "--names", names, "--query", "item 3", "item 5",
                  "-k", 4, "--json", "n.json", "--csv", "n.csv", "--quiet")
    assert (ran.code, ran.err) == (0, "")
    read, expected = load_result("n.json"), neighbors(x, k=4)
    np.testing.assert_array_equal(read.indices, expected.indices[[3, 5]])
    assert len(Path("n.csv").read_text().splitlines()) == 9
    assert f"item {expected.indices[3, 0]}" in ran.out.splitlines()[1]


def test_vectors_of_a_file_are_queries(command, folder, x):
    np.save("q.npy", x[:2] + 0.1)
    ran = command("neighbors", "search", "x.npy", "--query", "q.npy", "-k", 2, "--measure", "neg_euclidean", "--json")
    found = json.loads(ran.out)
    assert [row["row"] for row in found["results"] if row["rank"] == 1] == [0, 1]
    assert found["kind"] == "negated distance"


@pytest.mark.parametrize("scales", [{"mean": 0.5, "std": 2.0}, {}])
def test_a_search_after_a_map_is_that_of_mapped_rows_and_queries(command, names, x, scales):
    """Without a mean and std of its own the map standardizes queries as it does the rows."""
    weights, bias = reals(4, 6, 3), reals(5, 3)
    mean, std = scales.get("mean", x.mean()), scales.get("std", x.std())
    mapped = (x - mean) / std @ weights + bias
    np.savez("w.npz", weights=weights, bias=bias, **scales)
    np.save("q.npy", x[:2] + 0.1)
    asked = {"names": ("--query", "item 3", "item 5"), "vectors": ("--query", "q.npy")}
    given = {"names": mapped[[3, 5]], "vectors": (x[:2] + 0.1 - mean) / std @ weights + bias}
    for kind, words in asked.items():
        ran = command(
            "neighbors",
            "search",
            "x.npy",
            "--names",
            names,
            *words,
            "-k",
            4,
            "--transform",
            "w.npz",
            "--json",
            "n.json",
        )
        read = load_result("n.json")
        expected = neighbors(mapped, given[kind], k=4 + (kind == "names"))
        np.testing.assert_array_equal(read.indices, expected.indices[:, kind == "names" :])
        assert read.transform == "w.npz" and "rows after w.npz" in " ".join(ran.out.split())


@faiss_alone
def test_an_index_is_written_and_read(command, folder):
    to = ("--out", "found", "--figures", "none")
    ran = command("neighbors", "search", "x.npy", "-k", 3, "--index", "hnsw", *to, "--json", "--quiet")
    again = command("neighbors", "search", "x.npy", "-k", 3, "--index", "found/neighbors.index", "--json", "--quiet")
    assert json.loads(ran.out)["results"] == json.loads(again.out)["results"]
    assert json.loads(again.out)["index"] == "HNSW32"


def test_what_is_wrong_is_one_line(refused, command, names):
    base = ("neighbors", "search", "--embeddings", "x.npy", "--names", names)
    assert "no row is named 'itm 3'; close ones are 'item 3'" in refused(*base, "--query", "itm 3")
    np.save("q.npy", reals(9, 2, 6))
    for others in (("item 3",), ("x.npy",)):
        told = refused(*base, "--query", "q.npy", *others)
        assert told == "--query must be names of rows, or one file of vectors; got q.npy with others"
    assert "no row is named 'gone.npy'" in refused(*base, "--query", "gone.npy")
    assert "from 1 to 29" in refused(*base, "-k", 30)
    assert "measure must be one of" in refused(*base, "--measure", "cosin")
    build_index(np.load("x.npy")).save("x.index")
    np.save("y.npy", reals(9, 30, 6))
    assert "index x.index was made of other rows (sha256" in refused(
        "neighbors", "search", "y.npy", "--index", "x.index"
    )
    assert refused(*base, "--index", "gone.index") == "gone.index: No such file or directory"
    assert refused(*base, "--index", "no/gone") == "no/gone: No such file or directory"
    Path("x.index").write_bytes(b"something else")
    assert "is no index that pyalign has written" in refused("neighbors", "search", "x.npy", "--index", "x.index")


@faiss_alone
def test_a_factory_string_that_faiss_cannot_read_is_said_without_its_source(refused, names):
    message = refused("neighbors", "search", "x.npy", "--index", "foo")
    assert message == (
        "index must be a factory string of faiss that suits the embeddings; "
        "got 'foo' (could not parse index string foo)"
    )


def test_info_says_which_faiss_is_there(command):
    facts = json.loads(command("info", "--json").out)["faiss"]
    assert set(facts) >= {"packages", "version", "note"}
    assert "\nfaiss " in command("info").out

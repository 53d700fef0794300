"""Neighbors as they are asked for: names, other vectors, refusals, NaN, the document, indexes and their files."""

from __future__ import annotations

import json
import os
import sys
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from support import BEST, reals

from pyalign import Embeddings, MissingExtraError, build_index, load_index, neighbors
from pyalign.documents import from_document
from pyalign.nearest import scan
from pyalign.nearest.index import cells_index, choose_index

faiss_alone = pytest.mark.skipif(find_spec("faiss") is None, reason="faiss is not installed")
X = reals(1, 40, 5)
NAMES = tuple(f"item {row}" for row in range(40))
NAMED = Embeddings(X, NAMES)


@pytest.fixture
def without_faiss(monkeypatch):
    monkeypatch.setitem(sys.modules, "faiss", None)


def test_queries_by_name_are_rows_and_not_their_own_neighbors():
    found = neighbors(NAMED, ["item 7", "item 3"], 4)
    everything = neighbors(NAMED, k=4)
    np.testing.assert_array_equal(found.indices, everything.indices[[7, 3]])
    assert found.query_rows.tolist() == [7, 3]
    assert found.to_records()[0] == {
        "query": "item 7", "rank": 1, "neighbor": NAMES[found.indices[0, 0]], "row": found.indices[0, 0],
        "similarity": found.similarities[0, 0],
    }
    assert neighbors(NAMED, "item 7", 4).indices.shape == (1, 4)
    assert neighbors(NAMED, "item 7", 1, include_self=True).indices.tolist() == [[7]]


def test_other_vectors_have_all_rows_for_neighbors():
    found = neighbors(X, X[:3] * 2, 40)
    assert found.indices[:, 0].tolist() == [0, 1, 2]
    assert sorted(found.indices[0]) == list(range(40))
    assert neighbors(X, Embeddings(X[:1], ("asked",)), 1).to_records()[0]["query"] == "asked"


def test_what_cannot_be_asked_for_is_refused_in_one_line(message_of):
    doubled = Embeddings(X[:3], ("a", "b", "a"))
    assert message_of(neighbors, X, k=40) == (
        "k must be a whole number from 1 to 39 (40 rows, and none is its own neighbor); got 40"
    )
    assert message_of(neighbors, X, X, 41) == "k must be a whole number from 1 to 40 (40 rows); got 41"
    assert message_of(neighbors, X, k=True).endswith("got True")
    assert (
        message_of(neighbors, X, np.ones((2, 4)))
        == "queries must have the 5 features of the embeddings; got shape (2, 4)"
    )
    told = message_of(neighbors, NAMED, "itm 7")
    assert told.startswith("queries must be names of rows; no row is named 'itm 7'; close ones are 'item 7'")
    assert message_of(neighbors, doubled, "a", 1) == "queries must be names of one row each; 'a' names rows 0, 2"
    assert "which have none" in message_of(neighbors, X, "item 7")
    assert message_of(neighbors, X, backend="fais") == (
        "backend must be one of auto, native, faiss, cuda, triton, torch; got 'fais'; did you mean 'faiss'?"
    )
    assert message_of(neighbors, X, k=3, index=7).startswith("index must be auto, flat, hnsw, ivf")
    assert message_of(neighbors, X, k=3, index="hnsw", backend="native") == (
        "backend 'native' can only search the flat index; got index 'HNSW32'"
    )
    assert "overflows float64" in message_of(neighbors, X.astype(np.float64) * 1e200, k=3, measure="dot")
    assert message_of(neighbors, X[:1], k=1).startswith("embeddings must have rows that can be neighbors")


def test_names_that_occur_twice_do_not_matter_where_nobody_asks_for_them():
    assert neighbors(Embeddings(X[:3], ("a", "b", "a")), "b", 1).to_records()[0]["neighbor"] == "a"


def test_rows_with_nan_are_an_error_or_left_out(message_of):
    x = X.copy()
    x[[4, 9], 2] = np.nan, np.inf
    rule = 'must be finite; 2 of 40 rows hold NaN or infinity, first row 4; nan_policy="omit" leaves them out'
    assert message_of(neighbors, x) == f"embeddings {rule}"
    found = neighbors(x, k=3, nan_policy="omit")
    kept = np.delete(np.arange(40), [4, 9])
    np.testing.assert_array_equal(found.indices[kept], kept[neighbors(x[kept], k=3).indices])
    assert (found.indices[[4, 9]] == -1).all() and np.isnan(found.similarities[[4, 9]]).all()
    assert found.n_omitted == 2
    assert len(found.notes) == 2
    assert len(found.to_records()) == 3 * 38
    assert message_of(neighbors, X, x) == f"queries {rule}"
    assert message_of(neighbors, x, k=37 + 1, nan_policy="omit").startswith("k must be a whole number from 1 to 37")


@pytest.mark.parametrize(("measure", "what"), [("cosine", "zero"), ("pearson", "constant"), ("dot", None)])
def test_rows_that_are_alike_to_none_are_told(measure, what):
    x = X.copy()
    x[[5, 8]] = 2.0 * (measure == "pearson")
    told = [note for note in neighbors(x, k=2, measure=measure).notes if "throughout" in note]
    expected = f"2 rows of embeddings are {what} throughout: their similarities are 0, their neighbors the first rows"
    assert told == ([expected] if what else [])
    assert not neighbors(X, k=2, measure=measure).notes
    x[8] = X[8]
    told = neighbors(x, k=2, measure=measure).notes
    assert told == ((
        f"1 row of embeddings is {what} throughout: its similarities are 0, its neighbors the first " f"rows",) if what
                    else ())


@pytest.mark.parametrize("queries", [None, ("item 3",), X[:2]])
def test_a_document_holds_what_was_found(queries):
    found = neighbors(NAMED, queries, 3, measure="neg_euclidean")
    read = from_document(type(found), json.loads(found.to_json()))
    np.testing.assert_array_equal(read.indices, found.indices)
    np.testing.assert_array_equal(read.similarities, found.similarities)
    assert read.to_records()[0]["neighbor"] == found.to_records()[0]["neighbor"]
    assert read.kind == "negated distance"
    assert json.loads(found.to_json()) == found.to_dict()
    assert read == found and read != neighbors(NAMED, queries, 2, measure="neg_euclidean")


@pytest.mark.parametrize("queries", [None, ("item 4", "item 0", "item 9", "item 0"), X[:6]])
def test_queries_that_were_left_out_keep_their_places_in_a_document(queries):
    holes = X.copy()
    holes[[0, 4, 9]] = np.nan
    if isinstance(queries, np.ndarray):
        queries = holes[:6]
    for x in (holes, Embeddings(holes, NAMES)) if not isinstance(queries, tuple) else (Embeddings(holes, NAMES),):
        found = neighbors(x, queries, 3, nan_policy="omit")
        read = from_document(type(found), json.loads(found.to_json()))
        np.testing.assert_array_equal(read.indices, found.indices)
        np.testing.assert_array_equal(read.similarities, found.similarities)
        assert [read.query(q) for q in range(found.n_queries)] == [found.query(q) for q in range(found.n_queries)]
        assert read.to_records() == found.to_records() and str(read) == str(found) and read == found


def test_the_table_shows_distances_as_such():
    found = neighbors(NAMED, "item 3", 2, measure="neg_euclidean")
    table = found.table()
    assert "distance" in table.splitlines()[0]
    assert f"{-found.similarities[0, 0]:.5g}" in table


def test_without_faiss_the_exact_search_gives_the_same(without_faiss, message_of):
    assert neighbors(X, k=3).backend == BEST
    for options in ({"index": "hnsw"}, {"backend": "faiss"}):
        with pytest.raises(MissingExtraError, match=r"needs faiss-cpu, .*: pip install '?faiss-cpu\b"):
            neighbors(X, k=3, **options)


def test_the_rule_is_flat_then_graphs_then_codes():
    assert choose_index(50_000, 512, 50_000) == "flat"
    assert choose_index(10_000_000, 2048, 1000) == "flat"
    assert choose_index(1_300_000, 768, 1_300_000, memory=1e10) == "HNSW32"
    assert choose_index(1_300_000, 768, 1_300_000, memory=1e9) == "OPQ64_256,IVF32768,PQ64x4fs"
    assert choose_index(1_300_000, 768, 1_300_000) in ("HNSW32", "OPQ64_256,IVF32768,PQ64x4fs")


@faiss_alone
@pytest.mark.parametrize("n, d", [(500, 1), (900, 3), (2000, 20)])
def test_factory_strings_of_the_rule_are_taken_by_faiss(n, d):
    assert neighbors(reals(1, n, d), k=3, index=cells_index(n, d), measure="neg_euclidean").recall > 0.5


@faiss_alone
@pytest.mark.parametrize(
    "index, measure",
    [
        ("hnsw", "cosine"),
        ("hnsw", "rbf:3"),
        ("ivf", "cosine"),
        ("IVF16,Flat", "pearson"),
        ("IVF16,Flat", "dot"),
        ("IVF16,Flat", "neg_sqeuclidean"),
    ],
)
def test_an_index_finds_the_share_that_it_says(index, measure):
    x = reals(1, 2000, 16)
    found, exact = neighbors(x, k=10, measure=measure, index=index), neighbors(x, k=10, measure=measure)
    share = np.mean([np.isin(a, b).mean() for a, b in zip(exact.indices, found.indices, strict=True)])
    assert not found.exact and exact.exact and exact.recall is None
    assert found.recall == pytest.approx(share, abs=0.04)
    assert share > 0.85
    both = found.indices == exact.indices
    np.testing.assert_array_equal(found.similarities[both], exact.similarities[both])


@faiss_alone
@pytest.mark.slow
@pytest.mark.parametrize("index", ["hnsw", "IVF512,PQ32x4fs"])
def test_the_recall_of_100_000_rows_is_that_of_2_000_other_queries(index):
    rng = np.random.default_rng(0)
    x = (rng.normal(size=(100_000, 16)) @ rng.normal(size=(16, 128))).astype(np.float32)
    queries = x[37::50]
    found, exact = neighbors(x, queries, 10, index=index), neighbors(x, queries, 10, index="flat")
    share = np.mean([np.isin(a, b).mean() for a, b in zip(exact.indices, found.indices, strict=True)])
    print(f"{found.index}: recall {found.recall:.4f} on the sample, {share:.4f} on all")
    assert found.recall == pytest.approx(share, abs=0.03)


@faiss_alone
def test_an_index_that_faiss_does_not_take_is_one_line(message_of):
    told = message_of(neighbors, X, k=3, index="HNWS32")
    assert told.startswith("index must be a factory string of faiss that suits the embeddings; got 'HNWS32'")
    assert "index must be" in message_of(neighbors, X, k=3, index="IVF5000,Flat")
    assert message_of(neighbors, X, k=3, index="\ud800") == "index must be a factory string of faiss; got '\\ud800'"


@faiss_alone
@pytest.mark.parametrize("index", ["flat", "hnsw", "IVF4,Flat"])
@pytest.mark.parametrize("measure", ["cosine", "neg_euclidean", "rbf"])
def test_an_index_comes_back_from_its_file(tmp_path, index, measure):
    made = build_index(X, measure=measure, index=index)
    made.save(tmp_path / "x.index", recall=0.5)
    read = load_index(tmp_path / "x.index")
    assert (read.index, read.measure, read.manifest["recall"]) == (made.index, made.measure, 0.5)
    first, second = (neighbors(X, k=4, measure=measure, index=one) for one in (made, tmp_path / "x.index"))
    np.testing.assert_array_equal(first.indices, second.indices)
    assert first.exact == (index == "flat")


def test_an_index_of_other_rows_or_another_measure_is_refused(tmp_path, message_of):
    path = tmp_path / "x.index"
    build_index(X, index="flat").save(path)
    other = X.copy()
    other[3, 2] += 1
    told = message_of(neighbors, other, k=3, index=path)
    assert told.startswith(f"index {path} was made of other rows (sha256 ")
    other[3, 2] = np.nan
    assert (
        message_of(build_index, other) == "embeddings must be finite; 1 of 40 rows holds NaN or infinity, first row 3"
    )
    assert message_of(neighbors, other, k=3, nan_policy="omit", index=path).startswith(
        "embeddings must be finite where an index"
    )
    assert message_of(neighbors, X, k=3, index=path, measure="dot") == (
        f"index {path} was made for measure cosine; got dot"
    )
    assert "was made of 40 rows of 5 features; got shape (39, 5)" in message_of(neighbors, X[1:], k=3, index=path)


@faiss_alone
def test_a_pipe_in_place_of_an_index_is_not_waited_for(tmp_path, message_of):
    os.mkfifo(tmp_path / "x.index")
    assert message_of(load_index, tmp_path / "x.index") == f"{tmp_path / 'x.index'}: is not a regular file"


def test_a_file_that_is_damaged_is_never_given_to_faiss(tmp_path, message_of, monkeypatch):
    import faiss

    path = tmp_path / "x.index"
    build_index(X, index="hnsw").save(path)
    whole = path.read_bytes()
    monkeypatch.setattr(faiss, "deserialize_index", lambda *_: pytest.fail("faiss was asked"))
    for at in (0, 10, 40, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert message_of(load_index, path).startswith(f"{path}: is ")
    for end in (0, 5, 26, 100, len(whole) - 1):
        path.write_bytes(whole[:end])
        assert message_of(load_index, path).startswith(f"{path}: is ")
    path.write_bytes(whole + b"x")
    assert message_of(load_index, path) == f"{path}: is damaged: the index in it is not the one that was written"
    path.write_bytes(whole[:91] + b"[" * 100_000 + b"\n")
    assert "no manifest" in message_of(load_index, path)


def test_several_distributions_of_faiss_are_told_of(monkeypatch):
    there = {"faiss-cpu": "1.15.1", "faiss-gpu-cuvs": "1.14"}

    def version(name):
        if name not in there:
            raise metadata.PackageNotFoundError(name)
        return there[name]

    monkeypatch.setattr(scan, "version", version)
    note = "faiss-cpu 1.15.1, faiss-gpu-cuvs 1.14 install the same folder faiss: the last one installed is used"
    assert scan.note_of_packages().startswith(note)
    assert scan.faiss_facts()["note"].startswith(note)
    if find_spec("faiss") is not None:  # where an index of faiss has answered, and nowhere else
        notes = {index: neighbors(reals(1, 40, 4), k=2, index=index).notes for index in ("HNSW16", "flat")}
        assert [sum(one.startswith(note) for one in notes[index]) for index in ("HNSW16", "flat")] == [1, 0]
    there.pop("faiss-cpu")
    assert scan.note_of_packages() is None


def test_a_faiss_that_does_not_load_is_told_of(monkeypatch, without_faiss):
    assert scan.faiss_facts()["version"] is None


def test_no_extra_but_those_of_faiss_and_of_our_tests_asks_for_faiss():
    """It would replace a GPU build that is there."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        tomllib = pytest.importorskip("tomli")
    project = Path(__file__).parents[2] / "pyproject.toml"
    extras = tomllib.loads(project.read_text())["project"]["optional-dependencies"]

    def packages_of(extra):
        for one in extras[extra]:
            if one.startswith("pyalign-kit["):
                inner = one[len("pyalign-kit[") : one.index("]")].split(",")
                yield from (package for name in inner for package in packages_of(name))
            else:
                yield one

    asking = {extra for extra in extras if any(one.startswith("faiss") for one in packages_of(extra))}
    assert asking == {"neighbors", "neighbors-gpu", "neighbors-cuvs", "test", "bench"}


def test_neighbors_of_things_are_those_of_all_cosines_in_float64(data):
    folder = data / "things"
    names = (folder / "unique_id.txt").read_text().split()
    x = np.load(folder / "clip_vit_b32.npy")
    found = neighbors(Embeddings(x, names), ["apple", "lion"], 5)
    assert [row["neighbor"] for row in found.to_records()] == [
        *("plum", "cherry", "kiwi", "peach", "mango"), *("cheetah", "leopard", "tiger", "cougar", "warthog"),
    ]
    assert found.similarities[:, 0] == pytest.approx([0.83243387, 0.83538911], abs=1e-8)
    unit = x / np.linalg.norm(x.astype(np.float64), axis=1, keepdims=True)
    cosines = unit @ unit.T
    np.fill_diagonal(cosines, -2)
    for engine in ("auto", "faiss") if find_spec("faiss") else ("auto",):
        everything = neighbors(x, k=20, backend=engine)
        np.testing.assert_array_equal(everything.indices, np.argsort(-cosines, axis=1, kind="stable")[:, :20])

"""One label for the same embeddings in all documents, never one label for two."""

from __future__ import annotations

import json

import pytest
from support import draw_triplets, reals

import pyalign
from pyalign.data import hashing
from pyalign.report.page.naming import names_of
from pyalign.report.page.sources import Loaded, Sources


def given(*documents):
    return Sources(tuple(Loaded(f"{k}.json", one) for k, one in enumerate(documents)))


def score(*names, labels=(), hashes=()):
    rows = [{"embeddings": name} for name in names]
    for row, label in zip(rows, labels, strict=False):
        row["label"] = label
    inputs = [{"name": name, "source": name, "sha256": sha} for name, sha in zip(names, hashes, strict=False)]
    return {"command": "score", "version": "0.1.0", "results": rows, "provenance": {"inputs": inputs}}


def cka(*names, hashes=(), sources=()):
    sources = sources or names
    inputs = [{"name": n, "source": s, "sha256": sha} for n, s, sha in zip(names, sources, hashes, strict=False)]
    return {
        "command": "cka",
        "version": "0.1.0",
        "results": [{"models": list(names)}],
        "provenance": {"inputs": inputs},
    }


def test_labels_are_short_over_all_documents():
    labels = given(score("a/clip.npy", "a/vgg.npy"), cka("b/clip.npy", "a/vgg.npy")).labels
    assert labels == {"a/clip.npy": "a/clip", "a/vgg.npy": "a/vgg", "b/clip.npy": "b/clip"}


def test_a_label_that_was_given_is_used_in_every_document():
    found = given(cka("clip.npy"), score("clip.npy", labels=["CLIP"]))
    assert found.label("clip.npy") == "CLIP" and found.label("other") == "other"


def test_a_name_that_is_the_label_of_another_is_that_model():
    found = given(score("clip.npy", labels=["CLIP"], hashes=["1"]), cka("CLIP", sources=["clip.npy"], hashes=["1"]))
    assert found.labels == {"clip.npy": "CLIP", "CLIP": "CLIP"}


def test_unless_its_values_are_others():
    found = given(score("clip.npy", labels=["CLIP"], hashes=["1"]), cka("CLIP", hashes=["2"]))
    assert len(set(found.labels.values())) == 2


@pytest.mark.parametrize(
    "documents",
    [
        (score("a.npy", labels=["x"]), score("b.npy", labels=["x"])),
        (score("a.npy", labels=["x"]), score("b.npy", labels=["x"]), cka("x", "c.npy")),
        (score("x.npy"), score("b.npy", labels=["x"])),
        (score("a.npy", labels=["x (b)"]), score("b.npy", labels=["x"]), score("c.npy", labels=["x"])),
        (score("x.npy", "d/x.npy"), score("x.h5::a", labels=["x"])),
        (score("a", "b", labels=["one\ntwo", "one\\ntwo"]),),
    ],
)
def test_two_embeddings_never_share_a_label(documents):
    labels = given(*documents).labels
    named = [row["embeddings"] for one in documents for row in one["results"] if "embeddings" in row]
    assert len({labels[name] for name in named}) == len(set(named))


def test_the_same_name_with_other_values_is_said():
    found = given(score("clip.npy", hashes=["abcdefgh1"]), cka("clip.npy", hashes=["12345678x"]))
    (remark,) = found.remarks
    assert remark.startswith("clip.npy is not the same in all documents")
    assert "abcdefgh in 0.json" in remark and "12345678 in 1.json" in remark


def test_versions_that_differ_are_said():
    found = given(score("a.npy"), {**cka("a.npy"), "version": "0.2.0"})
    assert found.remarks == ("The documents are of several versions of pyalign: 0.1.0 (1), 0.2.0 (1).",)
    assert given(score("a.npy"), cka("a.npy")).remarks == ()


def test_words_under_other_keys_are_no_models():
    document = {
        "command": "extract", "version": "0.1.0", "model": "timm:vit",
        "results": [{"embeddings": "clip.npy", "label": "CLIP"}],
    }  # fmt: skip
    assert given(document).labels == {}


def test_names_are_found_however_deep_they_stand_and_once_each():
    deep = {"command": "score", "results": [{"rows": {"x": [{"models": ["a", "b"], "other": "a"}]}}, [{"a": "d"}], 3],
            "notes": [{"model": "no"}], "embeddings": "c", "label": "C"}  # fmt: skip
    assert names_of(deep) == [("c", "C"), ("a", None), ("b", None), ("d", None)]
    assert names_of({**deep, "command": "extract"}) == []


def on_triplets(digest, left=None, of=None):
    document = {**score("clip.npy"), "triplets": "tn.csv"}
    document["provenance"] = {"inputs": [{"name": "triplets", "source": "tn.csv", "sha256": digest}]}
    if of is not None:
        document["coverage"] = {"n_objects": 4, "of_objects": 9, "n_triplets": left, "of_triplets": of}
    return document


def test_triplets_of_which_some_are_left_out_are_no_other_file():
    """Models of different objects are scored on different triplets of the same file, which the documents say."""
    assert given(on_triplets("11111111", 9, 60), on_triplets("22222222", 26, 60)).remarks == ()
    assert given(on_triplets("11111111", 9, 60), on_triplets("33333333")).remarks == ()
    for whole in (on_triplets("22222222", 60, 60), on_triplets("22222222")):
        (remark,) = given(on_triplets("11111111", 9, 60), whole, on_triplets("33333333")).remarks
        assert remark.startswith("tn.csv is not the same in all documents") and "11111111" not in remark


def test_a_coverage_that_is_damaged_or_of_pairs_says_nothing_of_triplets():
    for coverage in (None, [], 3, {}, {"n_triplets": None, "of_triplets": None, "n_pairs": 3}):
        documents = ({**on_triplets(digest), "coverage": coverage} for digest in ("11111111", "22222222"))
        assert len(given(*documents).remarks) == 1


def test_models_differ_whatever_is_left_out_of_the_triplets():
    one, other = score("clip.npy", hashes=["1"]), score("clip.npy", hashes=["2"])
    for document in (one, other):
        document["coverage"] = {"n_triplets": 9, "of_triplets": 60}
    assert len(given(one, other).remarks) == 1


def test_scores_of_models_with_other_rows_have_no_remark():
    x, names = reals(0, 8, 3), tuple("abcdefgh")
    asked = pyalign.Triplets(draw_triplets(1, 8, 90), names, True, source="tn.csv")
    with hashing():
        found = [
            pyalign.score({f"m{n}": pyalign.Embeddings(x[:n], names[:n])}, asked, missing="omit") for n in (5, 6, 8)
        ]
        documents = [json.loads(one.to_json()) for one in found]
    digests = {one["sha256"] for document in documents for one in document["provenance"]["inputs"][-1:]}
    assert len(digests) == 3 and None not in digests
    assert given(*documents).remarks == ()

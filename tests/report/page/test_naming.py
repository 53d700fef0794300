"""One label for the same embeddings in all documents, never one label for two."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from support import draw_triplets, reals

import pyalign
from pyalign.data import hashing
from pyalign.data.missing import Coverage
from pyalign.data.provenance import Input
from pyalign.extraction.models import KnownModel, ModelList
from pyalign.report.page import sources
from pyalign.report.page.sources import Loaded, Sources, names_of
from pyalign.report.page.write import _about


def given(*results, versions=()):
    versions = versions or ["0.1.0"] * len(results)
    loaded = (Loaded(f"{k}.json", one, version) for k, (one, version) in enumerate(zip(results, versions, strict=True)))
    return Sources(tuple(loaded))


@cache
def made():
    """Any scores, and any similarities of models, whose names the tests replace."""
    scores = pyalign.score({"x": reals(0, 4, 3)}, draw_triplets(1, 4, 9))
    return scores, pyalign.cka({"a": reals(0, 4, 3), "b": reals(1, 4, 3)}, n_permutations=0)


def of_inputs(result, names, sources, hashes):
    inputs = tuple(
        Input(name, source, (4, 3), "float64", sha) for name, source, sha in zip(names, sources, hashes, strict=False)
    )
    return replace(result, provenance=replace(result.provenance, inputs=inputs))


def score(*names, labels=(), hashes=()):
    scores, _ = made()
    rows = [replace(scores.results[0], embeddings=name, label=None) for name in names]
    rows[: len(labels)] = [replace(row, label=label) for row, label in zip(rows, labels, strict=False)]
    return of_inputs(replace(scores, results=tuple(rows)), names, names, hashes)


def cka(*names, hashes=(), sources=()):
    _, similarities = made()
    return of_inputs(
        replace(similarities, results=(replace(similarities.results[0], models=names),)),
        names,
        sources or names,
        hashes,
    )


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
    named = [row.embeddings for one in documents for row in one.results if hasattr(row, "embeddings")]
    assert len({labels[name] for name in named}) == len(set(named))


def test_the_same_values_under_two_names_are_one_model():
    found = given(score("a.npy", hashes=["abcdefgh1"]), score("b/a.npy", "c.npy", hashes=["abcdefgh1", "12345678x"]))
    assert found.remarks == ("a.npy and b/a.npy hold the same embeddings: one model.",)
    assert _about(found)[0] == "2 models"
    other = given(score("a.npy", hashes=["abcdefgh1"]), score("b/a.npy", hashes=["12345678x"]))
    assert other.remarks == () and _about(other)[0] == "2 models"


def test_the_same_name_with_other_values_is_said():
    found = given(score("clip.npy", hashes=["abcdefgh1"]), cka("clip.npy", hashes=["12345678x"]))
    (remark,) = found.remarks
    assert remark.startswith("clip.npy is not the same in all documents")
    assert "abcdefgh in 0.json" in remark and "12345678 in 1.json" in remark


def test_versions_that_differ_are_said():
    found = given(score("a.npy"), cka("a.npy"), versions=["0.1.0", "0.2.0"])
    assert found.remarks == ("The documents are of several versions of pyalign: 0.1.0 (1), 0.2.0 (1).",)
    assert given(score("a.npy"), cka("a.npy")).remarks == ()


def test_models_of_other_kinds_of_results_are_no_embeddings():
    listed = ModelList((KnownModel("timm:vit", "timm"),))
    assert given(listed).labels == {} and names_of(listed) == []


def test_names_are_found_however_deep_they_stand_and_once_each():
    x = {name: reals(k, 8, 3) for k, name in enumerate("ab")}
    compared = pyalign.compare(x, draw_triplets(1, 8, 90))
    assert names_of(compared) == [("a", None), ("b", None)]
    assert names_of(score("c", "a", labels=["C"])) == [("c", "C"), ("a", None)]
    agreed = pyalign.neighborhoods(x, reals(3, 8, 3), k=2)
    assert ("a", None) in names_of(agreed)


def test_a_probe_of_named_embeddings_is_of_that_model(tmp_path):
    np.save(tmp_path / "few.npy", reals(0, 9, 3))
    few = {"few": pyalign.load_embeddings(tmp_path / "few.npy")}
    triplets = draw_triplets(1, 9, 60)
    probed = pyalign.cross_validate_probe(few["few"], triplets, folds=2, repeats=1, penalties=[1.0])
    found = given(pyalign.score(few, triplets), replace(probed, embeddings="few"))
    assert found.remarks == () and set(found.labels) == {"few"}
    assert [name for name, _ in names_of(probed)] == [str(tmp_path / "few.npy")]


def on_triplets(digest, left=None, of=None):
    result = replace(of_inputs(score("clip.npy"), ["triplets"], ["tn.csv"], [digest]), triplets="tn.csv")
    return replace(result, coverage=None if of is None else Coverage(4, 9, left, of))


def test_triplets_of_which_some_are_left_out_are_no_other_file():
    """Models of different objects are scored on different triplets of the same file, which the documents say."""
    assert given(on_triplets("11111111", 9, 60), on_triplets("22222222", 26, 60)).remarks == ()
    assert given(on_triplets("11111111", 9, 60), on_triplets("33333333")).remarks == ()
    for whole in (on_triplets("22222222", 60, 60), on_triplets("22222222")):
        (remark,) = given(on_triplets("11111111", 9, 60), whole, on_triplets("33333333")).remarks
        assert remark.startswith("tn.csv is not the same in all documents") and "11111111" not in remark


def test_a_coverage_of_pairs_says_nothing_of_triplets():
    for coverage in (None, Coverage(4, 9, n_pairs=3, of_pairs=8)):
        results = (replace(on_triplets(digest), coverage=coverage) for digest in ("11111111", "22222222"))
        assert len(given(*results).remarks) == 1


def test_models_differ_whatever_is_left_out_of_the_triplets():
    one, other = (replace(score("clip.npy", hashes=[sha]), coverage=Coverage(4, 9, 9, 60)) for sha in "12")
    assert len(given(one, other).remarks) == 1


def test_scores_of_models_with_other_rows_have_no_remark():
    x, names = reals(0, 8, 3), tuple("abcdefgh")
    asked = pyalign.Triplets(draw_triplets(1, 8, 90), names, True, source="tn.csv")
    with hashing():
        found = [
            pyalign.score({f"m{n}": pyalign.Embeddings(x[:n], names[:n])}, asked, missing="omit") for n in (5, 6, 8)
        ]
        digests = {one.provenance.inputs[-1].sha256 for one in found}
    assert len(digests) == 3 and None not in digests
    assert given(*found).remarks == ()


def test_each_kind_of_part_is_looked_into_once_however_many_parts_there_are(monkeypatch):
    """Pages of a hundred models have hundreds of thousands of parts, most of them numbers."""
    looked_into = []
    real = sources.is_dataclass
    monkeypatch.setattr(sources, "is_dataclass", lambda kind: looked_into.append(kind) or real(kind))
    monkeypatch.setattr(sources, "_shown", cache(sources._fields_with_names))
    human = abs(reals(2, 12, 30))
    found = pyalign.score_concepts({"m": reals(0, 12, 3)}, draw_triplets(1, 12, 300), human, ci=None)
    assert names_of(found)[0] == ("m", None)
    assert len(looked_into) == len(set(looked_into)) < 30
    fields_of_a_row = sources._fields_with_names(type(found.results[0].concepts[0]))
    assert not {"accuracy", "label", "n_triplets"} & {*fields_of_a_row}

"""What analyses of concepts find comes back from its document as it was, also where a concept is small or empty."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from support import draw_triplets, read_back, reals, strict_json

import pyalign
from pyalign import Categories, Embeddings

N = 30
NAMES = tuple(f"object {k}" for k in range(N))
TRIPLETS = draw_triplets(3, N, 300, np.int32)
X, Y = Embeddings(reals(1, N, 4), NAMES), Embeddings(reals(2, N, 3), NAMES)
WITH_ZERO = Embeddings(np.where(np.arange(N)[:, None] == 3, 0.0, X.values), NAMES)
KINDS = Categories(
    np.stack([np.arange(N) == 0, (np.arange(N) > 0) & (np.arange(N) < 9), np.arange(N) > 8, np.zeros(N, bool)], axis=1),
    ("one", "some", "many", "none"),
    NAMES,
)
DIMENSIONS = Embeddings(np.abs(reals(4, N, 3)) * [1, 1, 0], NAMES)
BOTH = {"x": X, "zero": WITH_ZERO}

MAKERS = {
    "concepts": lambda: pyalign.score_concepts(
        BOTH, TRIPLETS, DIMENSIONS, categories=KINDS, levels=(KINDS, KINDS), limit=2
    ),
    "concepts without intervals": lambda: pyalign.score_concepts(X, TRIPLETS, DIMENSIONS, top=2, ci=None, limit=2),
    "predicted dimensions": lambda: pyalign.predict_dimensions({"x": X, "y": Y}, DIMENSIONS, triplets=TRIPLETS),
    "consistency": lambda: pyalign.error_consistency(BOTH, TRIPLETS, dimensions=DIMENSIONS, categories=KINDS),
    "consistency with who is always right": lambda: pyalign.error_consistency(
        {"x": X}, TRIPLETS, model_choices={"right": np.full(len(TRIPLETS), 2)}
    ),
    "neighborhoods": lambda: pyalign.neighborhoods(
        BOTH, Y, before=WITH_ZERO, k=3, categories=KINDS, threshold=-1.0, n_permutations=9
    ),
    "neighborhoods by dimensions": lambda: pyalign.neighborhoods(X, Y, k=3, dimensions=DIMENSIONS, ci=None),
    "neighborhoods without people": lambda: pyalign.neighborhoods(BOTH, categories=KINDS, k=3, n_permutations=9),
    "neighborhoods without anything": lambda: pyalign.neighborhoods(BOTH, k=3),
    "changes": lambda: pyalign.neighborhoods(WITH_ZERO, before=X, k=3),
    "duplicates": lambda: pyalign.neighborhoods(np.concatenate([X.values, X.values]), threshold=0.9),
    "neighbors": lambda: pyalign.neighbors(X, ["object 1", "object 2"], 3),
    "neighbors of vectors": lambda: pyalign.neighbors(X, WITH_ZERO.values[2:4], 3, measure="neg_euclidean"),
}


@pytest.mark.parametrize("name", MAKERS)
def test_a_result_comes_back_as_it_was(name, tmp_path):
    found = MAKERS[name]()
    again = read_back(found, tmp_path)
    assert again == found
    assert strict_json(again.to_json()) == strict_json(found.to_json())
    assert str(again) == str(found) and again.to_records() == found.to_records()


def first_entries(document):
    """(list, keys of its first entry) for the lists of entries of a document, and for those within."""
    for name, value in document.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            yield name, set(value[0])
            yield from first_entries(value[0])


@pytest.mark.parametrize("name", [name for name in MAKERS if name not in (
    "concepts without intervals", "consistency with who is always right", "duplicates", "changes",
    "neighborhoods by dimensions", "neighborhoods without people", "neighborhoods without anything",
)])
def test_the_page_of_documents_names_the_fields(name):
    page = Path(__file__).resolve().parents[2] / "docs" / "results.md"
    document = MAKERS[name]().to_dict()
    rows = re.findall(rf"^\| `{document['command']}` \|.*$", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert rows and max(map(len, rows)) <= 250
    of_page = {name: set(fields.split(", ")) for name, fields in re.findall(r"`(\w+)`: `([^`]+)`", "\n".join(rows))}
    of_document = dict(first_entries(document))
    assert set(of_page) == set(of_document)
    for name, fields in of_page.items():
        assert fields <= of_document[name], name


def test_other_neighbors_are_another_result():
    assert MAKERS["neighbors"]() == MAKERS["neighbors"]()
    assert MAKERS["neighbors"]() != pyalign.neighbors(Embeddings(X.values**2, NAMES), ["object 1", "object 2"], 3)

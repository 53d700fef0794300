"""Notes on rows: matrices of dissimilarities that were taken for embeddings."""

from __future__ import annotations

import numpy as np
import pytest
from support import draw_triplets, reals

from pyalign import load_embeddings, score
from pyalign.analysis.notes import notes_on_rows

TOLD = (
    "m looks like a matrix of dissimilarities, not embeddings: its rows are taken for features; "
    "pyalign.odd_one_out_from(-x, triplets) takes the matrix for what it is"
)
EVERY = np.array([[0, 1, 2], [3, 4, 5], [0, 3, 1]])


def distances(n, dtype=np.float64):
    x = reals(1, n, 3, dtype=np.float64)
    return np.sqrt(((x[:, None] - x) ** 2).sum(axis=2)).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_dissimilarities_taken_for_embeddings_are_noted(dtype):
    assert notes_on_rows(distances(6, dtype), EVERY, "m") == (TOLD,)


@pytest.mark.parametrize(
    "x",
    [
        pytest.param(distances(6)[:, :5], id="not square"),
        pytest.param(distances(6) + np.eye(6), id="a diagonal"),
        pytest.param(np.triu(distances(6)) + 2 * np.tril(distances(6)), id="not symmetric"),
        pytest.param(reals(1, 6, 6), id="square embeddings"),
        pytest.param(-distances(6), id="negative"),
    ],
)
def test_what_is_no_such_matrix_is_not_noted(x):
    assert TOLD not in notes_on_rows(x, EVERY, "m")


def test_only_square_embeddings_are_looked_at_whole(monkeypatch):
    monkeypatch.setattr("pyalign._checks.looks_like_dissimilarities", lambda matrix: pytest.fail("looked at"))
    notes_on_rows(reals(1, 6, 6), EVERY)
    notes_on_rows(distances(6)[:, :5], EVERY)


def test_the_real_matrix_is_noted_by_score(data):
    rdm = load_embeddings(data / "things" / "RDM48_triplet.mat")
    notes = score(rdm, draw_triplets(1, 48, 200)).notes
    assert any("looks like a matrix of dissimilarities, not embeddings" in note for note in notes)

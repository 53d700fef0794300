"""Neighbors kept: against a plain count, with ties, blocks and both engines."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import definition, reals, seeds, whole

from pyalign.nearest.neighbors import neighbor_overlap


def plain(before, after, k, measure):
    """Sorted by similarity, of equal ones the lower row first."""
    kept = []
    for row in range(len(before)):
        nearest = []
        for x in (before, after):
            s = definition(x, x, measure)[row]
            others = sorted((other for other in range(len(x)) if other != row), key=lambda o: (-s[o], o))
            nearest.append(set(others[:k]))
        kept.append(len(nearest[0] & nearest[1]) / k)
    return np.mean(kept)


@given(seed=seeds, n=st.integers(12, 40), measure=st.sampled_from(["cosine", "dot", "neg_euclidean"]))
def test_equals_a_plain_count(seed, n, measure):
    before, after = reals(seed, n, 5, dtype=np.float64), reals(seed + 1, n, 3, dtype=np.float64)
    found = neighbor_overlap(before, after, k=(1, 3, 10), measure=measure)
    assert found == pytest.approx({k: plain(before, after, k, measure) for k in (1, 3, 10)})


@given(seed=seeds)
def test_of_equal_similarities_the_lower_row_is_nearer(seed):
    before, after = whole(seed, 20, 2), whole(seed + 1, 20, 2)
    found = neighbor_overlap(before, after, k=(1, 5), measure="dot")
    assert found == pytest.approx({k: plain(before, after, k, "dot") for k in (1, 5)})


@pytest.mark.skipif(find_spec("faiss") is None, reason="faiss is not installed")
@pytest.mark.parametrize("measure", ["cosine", "dot", "neg_euclidean"])
def test_faiss_finds_the_same_neighbors(measure):
    before, after = reals(1, 500, 16), reals(2, 500, 12)
    after[:, :8] = 3 * before[:, :8]
    exact = neighbor_overlap(before, after, measure=measure)
    assert 0.1 < exact[10] < 0.9
    assert neighbor_overlap(before, after, measure=measure, engine="faiss") == exact


@pytest.mark.skipif(find_spec("faiss") is None, reason="faiss is not installed")
def test_equal_rows_are_the_same_neighbors_for_faiss():
    x = np.ones((30, 3), np.float32)
    assert neighbor_overlap(x, x, k=(5,), engine="faiss") == {5: 1.0}


@pytest.mark.parametrize(
    "options, words",
    [
        ({"k": (5,)}, "1 to 4"),
        ({"k": (0,)}, "1 to 4"),
        ({"k": ()}, "1 to 4"),
        ({"k": (1.5,)}, "1 to 4"),
        ({"engine": "fais"}, "'faiss'"),
        ({"after": np.ones((4, 2))}, "5 rows"),
        ({"after": np.full((5, 2), np.nan)}, "finite"),
    ],
)
def test_wrong_arguments_are_refused(options, words, message_of):
    options = {"after": reals(1, 5, 2), "k": (1,), **options}
    assert words in message_of(neighbor_overlap, reals(1, 5, 3), **options)

"""Ranks of neighbors: the table and the bisection give what the lists say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import seeds

from pyalign.nearest import scan as module
from pyalign.nearest.scan import NeighborRanks


def lists(seed, n, k):
    rng = np.random.default_rng(seed)
    return np.stack([rng.permutation(np.delete(np.arange(n), row))[:k] for row in range(n)])


@pytest.mark.parametrize("largest", [1 << 27, 0])
@given(seed=seeds, n=st.integers(2, 20), data=st.data())
def test_ranks_are_places_in_the_lists(largest, seed, n, data):
    k = data.draw(st.integers(1, n - 1))
    found = lists(seed, n, k)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "LARGEST_TABLE", largest)
        ranks = NeighborRanks(found)
    rows, columns = (grid.ravel() for grid in np.indices((n, n)))
    plain = [found[i].tolist().index(j) + 1 if j in found[i] else 0 for i, j in zip(rows, columns, strict=True)]
    assert ranks.of(rows, columns).tolist() == plain


@pytest.mark.parametrize("largest", [1 << 27, 0])
def test_more_neighbors_than_a_byte_counts(largest, monkeypatch):
    monkeypatch.setattr(module, "LARGEST_TABLE", largest)
    found = lists(0, 302, 300)
    ranks = NeighborRanks(found)
    rows = np.repeat(np.arange(302), 300)
    assert (ranks.of(rows, found.ravel()).reshape(302, 300) == np.arange(1, 301)).all()

"""The largest place of two rows, on every host backend, against the reference and against loops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import draw_triplets, seeds

from pyalign.backends import get_host_backend
from pyalign.ops import ranks
from pyalign.ops.ranks import largest_places

# Around vectors and panels of rows; 127 places fit a byte, 128 do not.
ROWS = (3, 4, 7, 8, 9, 31, 32, 33, 65)
PLACES = (1, 2, 66, 126, 127, 128, 300)


@given(
    seed=seeds, n=st.sampled_from(ROWS), k=st.sampled_from(PLACES), t=st.sampled_from([1, 5, 511, 513, 3000]),
    product=st.booleans(), largest=st.sampled_from([1, 2, 1000]), dtype=st.sampled_from([np.int16, np.int32, np.int64]),
)
def test_places_and_ties_are_those_of_the_reference(host_backend, seed, n, k, t, product, largest, dtype):
    """With many triplets a table of all pairs serves them, with few each pair by itself."""
    values = np.random.default_rng(seed).integers(0, largest + 1, (n, k)).astype(np.float64)
    values[np.random.default_rng(seed).random(n) < 0.2] = 0.0
    triplets = draw_triplets(seed, n, t, dtype)
    expected, n_tied = largest_places(values, triplets, product=product, backend="reference")
    found, tied = largest_places(values, triplets, product=product, backend=host_backend)
    np.testing.assert_array_equal(found, expected)
    assert (found.dtype, tied) == (np.int16, n_tied)


@pytest.mark.compiled
@pytest.mark.parametrize("t", [200, 5000])
def test_threads_and_strides_do_not_matter(set_threads, t):
    values = np.asfortranarray(np.random.default_rng(1).gamma(0.5, size=(60, 40)))
    wide = np.zeros((t, 6), np.int32)
    wide[:, ::2] = draw_triplets(1, 60, t)
    found = []
    for threads in (1, 2, 5):
        set_threads(threads)
        found.append(largest_places(values, wide[:, ::2], backend="native")[0])
    expected = (values[wide[:, 0]] + values[wide[:, 2]]).argmax(axis=1)
    assert all((one == expected).all() for one in found)


@pytest.mark.parametrize("t", [2, 4000])
@pytest.mark.parametrize("wrong", [[0, 1, 9], [-1, 0, 1], [2, 2, 1]])
def test_invalid_triplets_are_named(host_backend, message_of, t, wrong):
    triplets = draw_triplets(1, 9, t)
    triplets[1] = wrong
    assert "row 1" in message_of(largest_places, np.ones((9, 3)), triplets, backend=host_backend)


def test_more_places_than_16_bits_hold_are_refused(message_of, monkeypatch):
    monkeypatch.setattr(ranks, "MOST_PLACES", 2)
    assert "values must have at most 2 columns; got 3" in message_of(largest_places, np.ones((3, 3)), [[0, 1, 2]])


def test_the_last_of_32767_places(host_backend):
    values = np.zeros((3, 32767))
    values[:, -1] = 1.0
    assert largest_places(values, [[0, 1, 2]] * 6, backend=host_backend)[0].tolist() == [32766] * 6
    with pytest.raises((RuntimeError, ValueError)):
        get_host_backend("native").assign(np.zeros((3, 32768)), np.array([[0, 1, 2]]), False, np.empty(1, np.int16))

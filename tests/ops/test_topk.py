"""The nearest rows: every backend against a sort, with ties, strides, and refusals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import definition, floats, reals, seeds, whole

from pyalign.ops import topk as module
from pyalign.ops.topk import neighbors, topk


def by_sorting(s, k, own=None):
    left = s.astype(np.float64)
    if own is not None:
        left[np.arange(len(s)), np.arange(len(s)) + own] = -np.inf
    return np.argsort(-left, axis=1, kind="stable")[:, :k]


@given(seed=seeds, n=st.integers(1, 9), more=st.sampled_from([0, 1, 54, 55, 64, 130]), dtype=floats, data=st.data())
def test_are_those_of_a_stable_sort(backend, seed, n, more, dtype, data):
    """Around blocks of 64; whole numbers tie, and the lower column comes first."""
    m = n + 1 + more
    own = data.draw(st.sampled_from([None, 0, 1]))
    k = data.draw(st.integers(1, m - 1))
    for s in (whole(seed, n, m, dtype=dtype), reals(seed, n, m, dtype=dtype)):
        np.testing.assert_array_equal(topk(s, k, own=own, backend=backend), by_sorting(s, k, own))


@given(seed=seeds, n=st.integers(1, 5), m=st.integers(1, 9), data=st.data())
def test_backends_give_what_the_reference_gives(backend, seed, n, m, data):
    s, k = whole(seed, n, m), data.draw(st.integers(1, m))
    np.testing.assert_array_equal(topk(s, k, backend=backend), topk(s, k, backend="reference"))


def test_all_columns_are_a_sort(backend):
    s = reals(1, 5, 300)
    np.testing.assert_array_equal(topk(s, 300, backend=backend), by_sorting(s, 300))


@pytest.mark.parametrize("view", [lambda s: s[::2], lambda s: s[:, 3:], lambda s: s[:, ::-1], np.asfortranarray])
def test_take_any_strides(backend, view):
    s = view(reals(2, 12, 80))
    np.testing.assert_array_equal(topk(s, 7, backend=backend), by_sorting(s, 7))


def test_values_that_descend_and_ascend(backend):
    """The best come first, so that no block is looked at again; or last, so that all are."""
    s = np.stack([np.arange(1000), -np.arange(1000), np.zeros(1000)]).astype(np.float32)
    np.testing.assert_array_equal(topk(s, 100, backend=backend), by_sorting(s, 100))


def test_are_the_same_for_any_number_of_threads(host_backend, set_threads):
    s = whole(3, 400, 400)
    found = []
    for threads in (1, 2, 5):
        set_threads(threads)
        found.append(topk(s, 9, own=0, backend=host_backend))
    assert all((one == found[0]).all() for one in found)


def test_come_back_as_int32_and_from_tensors_as_tensors(device):
    import torch

    assert topk(np.eye(3), 1).dtype == np.int32
    found = topk(torch.eye(3, dtype=torch.float16), 1)
    assert isinstance(found, torch.Tensor) and found.tolist() == [[0], [1], [2]]


@given(seed=seeds, n=st.integers(2, 30), measure=st.sampled_from(["cosine", "dot", "neg_euclidean"]))
def test_neighbors_are_the_most_similar_rows(backend, seed, n, measure):
    x = reals(seed, n, 4, dtype=np.float64)
    expected = by_sorting(definition(x, x, measure), min(3, n - 1), 0)
    np.testing.assert_array_equal(neighbors(x, min(3, n - 1), measure=measure, backend=backend), expected)


@pytest.mark.parametrize("block", [1, 60, 10_000])
def test_neighbors_in_blocks_are_the_same(backend, block, monkeypatch):
    x = whole(5, 40, 3)
    expected = neighbors(x, 6, measure="dot", backend="reference")
    monkeypatch.setattr(module, "BLOCK", block)
    np.testing.assert_array_equal(neighbors(x, 6, measure="dot", backend=backend), expected)


def test_what_is_no_number_of_neighbors_is_refused(message_of):
    s = np.eye(4)
    assert message_of(topk, s, 5) == "k must be a whole number from 1 to 4; got 5"
    assert message_of(topk, s, 4, own=0) == "k must be a whole number from 1 to 3; got 4"
    assert message_of(topk, s, 0) == "k must be a whole number from 1 to 4; got 0"
    assert message_of(topk, s, True) == "k must be a whole number from 1 to 4; got True"
    assert message_of(neighbors, s, 4) == "k must be a whole number from 1 to 3; got 4"
    assert message_of(topk, s, 1, own=1) == "own must leave a column of 4 to each of 4 rows; got 1"


@pytest.mark.compiled
@pytest.mark.parametrize("own", [2, 2**63 - 1])
def test_a_column_of_a_row_s_own_that_is_not_there_is_refused_by_the_compiled_module(own):
    from pyalign.backends.native import _native

    with pytest.raises(ValueError, match="own must be a column of each row"):
        _native.topk(np.zeros((2, 3)), 1, own, np.zeros((2, 1), np.int32))


def test_numbers_that_have_no_order_are_refused(message_of):
    s = np.eye(4)
    s[2, 1] = np.nan
    told = "similarities must be finite; 1 of 4 rows holds NaN or infinity, first row 2"
    assert message_of(topk, s, 1) == told
    s[2, 1] = -np.inf
    assert message_of(topk, s, 1) == told

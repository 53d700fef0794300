"""Products of sums over triplets that share objects: every backend against the reference, exact for whole numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import draw_triplets, reals, seeds

from pyalign.backends import InvalidTripletsError, get_host_backend, native
from pyalign.ops.plan import row_moments

REFERENCE = get_host_backend("reference")
KINDS = (np.int8, np.int16, np.float64)


def products(backend, triplets, n, values):
    host = get_host_backend(backend)
    return host.shared_products(host.share_triplets(triplets, n), values)[0]


def sums_of_objects(backend, triplets, n, values):
    host = get_host_backend(backend)
    return host.shared_products(host.share_triplets(triplets, n), values)[1]


def values_of(seed, t, k, kind=np.int16):
    return np.random.default_rng(seed).integers(-9, 10, (t, k)).astype(kind)


@given(seed=seeds, n=st.integers(3, 12), t=st.integers(1, 60), k=st.integers(1, 12), kind=st.sampled_from(KINDS))
def test_equal_the_reference_for_whole_numbers(host_backend, seed, n, t, k, kind):
    """Few objects: pairs and sets of three come again, in any order of their items."""
    triplets, values = draw_triplets(seed, n, t), values_of(seed, t, k, kind)
    found = products(host_backend, triplets, n, values)
    assert (found == products("reference", triplets, n, values)).all()


@given(seed=seeds, n=st.integers(3, 12), t=st.integers(1, 60), k=st.integers(1, 12), kind=st.sampled_from(KINDS))
def test_sums_of_each_object_come_too(host_backend, seed, n, t, k, kind):
    """Of objects that no triplet has as well: their sums are 0."""
    triplets, values = draw_triplets(seed, n, t), values_of(seed, t, k, kind)
    expected = np.zeros((n + 2, k))
    for column in triplets.T:
        np.add.at(expected, column, values)
    assert (sums_of_objects(host_backend, triplets, n + 2, values) == expected).all()


@pytest.mark.parametrize("dtype", [np.int16, np.uint16, np.int32, np.int64])
def test_take_triplets_of_any_type_and_strides(host_backend, dtype):
    triplets, values = draw_triplets(1, 40, 3000, dtype), values_of(1, 3000, 3)
    expected = products("reference", triplets, 40, values)
    assert (products(host_backend, triplets, 40, values) == expected).all()
    strided = np.asfortranarray(triplets)[::-1]
    assert (products(host_backend, strided, 40, values[::-1].copy()) == expected).all()


def test_are_the_same_for_any_number_of_threads(host_backend, set_threads):
    triplets, values = draw_triplets(2, 300, 20_000), reals(2, 20_000, 17, dtype=np.float64)
    seen = set()
    for threads in (1, 2, 3, 8):
        set_threads(threads)
        seen.add(products(host_backend, triplets, 300, values).tobytes())
    assert len(seen) == 1


@pytest.mark.compiled
def test_are_the_same_however_many_groups_are_held_at_once(monkeypatch):
    triplets, values = draw_triplets(3, 50, 900), values_of(3, 900, 2)
    expected = products("native", triplets, 50, values)
    for most in (1, 100, 999):
        monkeypatch.setattr(native, "SUMS_AT_ONCE", most)
        assert (products("native", triplets, 50, values) == expected).all()


def test_equal_columns_have_equal_products(host_backend):
    """So that the difference of a model and itself has no variance."""
    triplets, values = draw_triplets(4, 90, 5000), reals(4, 5000, 12, dtype=np.float64)
    values[:, 11] = values[:, 2]
    for one in products(host_backend, triplets, 90, values):
        assert one[2, 2] == pytest.approx(one[11, 11], rel=1e-13) and one[2, 11] == pytest.approx(one[2, 2], rel=1e-13)


@pytest.mark.parametrize("bad", [[[0, 1, 4]], [[0, 1, 1]], [[-1, 1, 2]]])
def test_refuse_triplets_that_are_none(host_backend, bad):
    with pytest.raises(InvalidTripletsError):
        get_host_backend(host_backend).share_triplets(np.array(bad), 4)


def test_of_no_triplets_are_zero(host_backend):
    assert (products(host_backend, np.empty((0, 3), np.int32), 5, np.empty((0, 2), np.int16)) == 0).all()


@given(seeds, st.sampled_from((1, 3, 8, 9)), st.sampled_from((1, 70_000)))
def test_products_of_columns_are_the_same_however_they_lie(seed, k, t):
    values = np.random.default_rng(seed).normal(size=(t, k))
    in_columns = np.asfortranarray(values)
    squared = [get_host_backend().squared(one) for one in (values, in_columns, in_columns[t // 3 :], values[t // 3 :])]
    np.testing.assert_array_equal(squared[0], squared[1])
    np.testing.assert_array_equal(squared[2], squared[3])
    np.testing.assert_allclose(squared[0], values.T @ values, rtol=1e-9, atol=1e-9)
    for one, other in zip(row_moments(values), row_moments(in_columns), strict=True):
        np.testing.assert_array_equal(one, other)

"""Inner products under permutations: every backend against numpy's indexing, exact for whole numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import floats, reals, seeds, whole

from pyalign.backends import get_host_backend
from pyalign.ops.resample import identity, permutations_of, permuted_products


def symmetric(make, seed, n, dtype):
    a = make(seed, n, n, dtype=dtype)
    return a + a.T


def orders_of(seed, n, count):
    rng = np.random.default_rng(seed)
    return np.stack([rng.permutation(n) for _ in range(count)]).astype(np.int32)


def by_indexing(a, b, orders):
    return [(a.astype(np.float64) * b[np.ix_(p, p)].astype(np.float64)).sum() for p in orders]


@given(
    seed=seeds, n=st.sampled_from([1, 2, 3, 17, 31, 32, 33, 65]), count=st.sampled_from([1, 2, 16, 17]), dtype=floats
)
def test_are_sums_over_all_pairs(host_backend, seed, n, count, dtype):
    """Around pieces of 32 rows and groups of 16 orders."""
    a, b = symmetric(whole, seed, n, dtype), symmetric(whole, seed + 1, n, dtype)
    orders = orders_of(seed, n, count)
    found = permuted_products(a, b, orders, backend=host_backend)
    assert found.dtype == np.float64 and found.tolist() == by_indexing(a, b, orders)


@given(seed=seeds, n=st.integers(1, 7), count=st.integers(1, 3))
def test_backends_give_what_the_reference_gives(host_backend, seed, n, count):
    a, b = symmetric(whole, seed, n, np.float32), symmetric(whole, seed + 1, n, np.float32)
    orders = orders_of(seed, n, count)
    expected = permuted_products(a, b, orders, backend="reference")
    assert permuted_products(a, b, orders, backend=host_backend).tolist() == expected.tolist()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [511, 513, 1100])
def test_reals_are_within_rounding(host_backend, n, dtype):
    """Around blocks of 512 products that are added up in the matrices' own type."""
    a, b = symmetric(reals, 1, n, dtype), symmetric(reals, 2, n, dtype)
    orders = orders_of(3, n, 3)
    margin = 10 * np.finfo(dtype).eps * np.linalg.norm(a.astype(float)) * np.linalg.norm(b.astype(float))
    np.testing.assert_allclose(
        permuted_products(a, b, orders, backend=host_backend), by_indexing(a, b, orders), rtol=0, atol=margin
    )


def test_are_the_same_for_any_number_of_threads(host_backend, set_threads):
    a, b = symmetric(reals, 1, 300, np.float32), symmetric(reals, 2, 300, np.float32)
    orders = orders_of(3, 300, 20)
    found = set()
    for threads in (1, 2, 3, 8):
        set_threads(threads)
        found.add(permuted_products(a, b, orders, backend=host_backend).tobytes())
    assert len(found) == 1


def test_are_the_same_however_many_orders_come_at_once(host_backend):
    a, b = symmetric(reals, 1, 100, np.float32), symmetric(reals, 2, 100, np.float32)
    orders = orders_of(3, 100, 37)
    together = permuted_products(a, b, orders, backend=host_backend)
    assert together.tolist() == [permuted_products(a, b, p[None], backend=host_backend)[0] for p in orders]


def test_rows_may_lie_apart(host_backend):
    a, b = symmetric(whole, 1, 40, np.float32), symmetric(whole, 2, 40, np.float32)
    apart = np.full((40, 45), np.nan, np.float32)
    apart[:, :40] = a
    orders = orders_of(3, 40, 2)
    host = get_host_backend(host_backend)
    assert host.permuted_products(apart[:, :40], b, orders).tolist() == by_indexing(a, b, orders)


@pytest.mark.compiled
@pytest.mark.parametrize("order", [[0, 1, 3], [0, -1, 2], [0, 0, 2]])
def test_orders_that_are_no_permutations_are_refused_by_the_compiled_module(order):
    from pyalign.backends.native import _native

    a, orders = np.eye(3), np.array([[2, 0, 1], order], np.int32)
    with pytest.raises(ValueError, match="orders must be permutations of 0"):
        _native.permuted_products(a, a, orders)


def test_permutations_are_the_same_in_any_pieces(monkeypatch):
    def all_of(count):
        return np.concatenate([orders for _, orders in permutations_of(20, count, 7)])

    long, short = all_of(150), all_of(70)
    assert (long[:70] == short).all() and (np.sort(long, axis=1) == np.arange(20)).all()
    assert len(np.unique(long, axis=0)) == 150
    monkeypatch.setattr("pyalign.ops.resample.ORDERS_AT_ONCE", 7)
    assert (all_of(150) == long).all()
    assert identity(3).tolist() == [[0, 1, 2]]

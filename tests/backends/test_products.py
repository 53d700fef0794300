"""Products of the host backends: exact on whole numbers, the same bits for any number of threads."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import FLOATS, NATIVE, floats, reals, seeds, whole

from pyalign.backends import get_host_backend
from pyalign.backends.native import _native

HOST = (NATIVE, "numpy", "reference")
sizes = st.sampled_from((1, 2, 15, 16, 17, 48, 49, 193))


def product(name, a, b):
    out = np.full((len(a), b.shape[1]), np.nan, a.dtype)
    get_host_backend(name).product(a, b, out)
    return out


@pytest.mark.parametrize("name", HOST)
@given(sizes, sizes, sizes, floats, seeds)
def test_a_product_of_whole_numbers_is_exact(name, n, k, m, dtype, seed):
    a, b = whole(seed, n, k, dtype=dtype), whole(seed + 1, k, m, dtype=dtype)
    np.testing.assert_array_equal(product(name, a, b), (a.astype(np.int64) @ b.astype(np.int64)).astype(dtype))


@pytest.mark.parametrize("dtype", FLOATS)
def test_a_product_takes_rows_that_are_apart(isa, dtype):
    a, b = reals(1, 70, 90, dtype=dtype)[:, :60], reals(2, 60, 120, dtype=dtype)[:, 20:]
    out = np.full((70, 150), np.nan, dtype)
    get_host_backend("native").product(a, b, out[:, :100])
    expected = a.astype(np.float64) @ b.astype(np.float64)
    np.testing.assert_allclose(out[:, :100], expected, rtol=0, atol=200 * np.finfo(dtype).eps)
    assert np.isnan(out[:, 100:]).all()


@pytest.mark.parametrize("dtype", FLOATS)
def test_a_product_does_not_depend_on_the_number_of_threads(isa, set_threads, dtype):
    a, b = reals(3, 500, 300, dtype=dtype), reals(4, 300, 400, dtype=dtype)
    results = set()
    for threads in (1, 2, 5):
        set_threads(threads)
        results.add(product("native", a, b).tobytes())
    assert len(results) == 1


@pytest.mark.parametrize("name", HOST)
@given(st.sampled_from((1, 2, 15, 17, 63, 64, 65, 130, 401)), floats, seeds)
def test_a_matrix_and_its_transpose_are_added_in_place(name, n, dtype, seed):
    a = reals(seed, n, n, dtype=dtype)
    expected = a + a.T
    get_host_backend(name).add_transpose(a)
    np.testing.assert_array_equal(a, expected)


A = np.ones((3, 4), np.float32)


@pytest.mark.compiled
@pytest.mark.parametrize(
    "call",
    [
        lambda: _native.product(A, A, np.empty((3, 4), np.float32)),
        lambda: _native.product(A, A.T.copy(), np.empty((3, 4), np.float32)),
        lambda: _native.product(A, A.T.copy(), np.empty((3, 3))),
        lambda: _native.product(A, A.T.astype(float), np.empty((3, 3), np.float32)),
        lambda: _native.product(A, A.T, np.empty((3, 3), np.float32)),
        lambda: _native.add_transpose(A.copy()),
        lambda: _native.add_transpose(np.ones((3, 6), np.float32)[:, :3]),
        lambda: _native.add_transpose(np.broadcast_to(np.float32(1), (3, 3))),
    ],
)
def test_the_module_refuses_arrays_that_do_not_fit(call):
    with pytest.raises(ValueError):
        call()


def test_a_product_over_no_features_is_zero(isa):
    out = np.full((3, 4), np.nan)
    _native.product(np.ones((3, 0)), np.ones((5, 4))[:0], out)
    assert not out.any()

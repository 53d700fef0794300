"""Products of sizes that take ways of their own: results past the caches, and y packed group by group."""

from __future__ import annotations

import numpy as np
import pytest
from support import FLOATS, reals

import pyalign
from pyalign.backends import get_host_backend

BYTES = 32 << 20  # of a result that is written past the caches, and of rows that are packed together
APART = 3  # numbers between the rows of a result, so that they begin at every place within a line


def small_whole(seed, n, d, dtype):
    return np.random.default_rng(seed).integers(-2, 3, (n, d)).astype(dtype)


def into_the_middle(n, m, dtype):
    """A result of n rows and m columns, and the whole memory around it."""
    around = np.full((n + 2, m + APART), np.nan, dtype)
    return around[1:-1, 1 : m + 1], around


def exact_product(x, y):
    return (x.astype(np.float64) @ y.astype(np.float64)).astype(x.dtype)


def square_of(dtype):
    return int((1.02 * BYTES / np.dtype(dtype).itemsize) ** 0.5)


@pytest.mark.parametrize("dtype", FLOATS)
def test_a_product_past_the_caches_is_exact_and_stays_within_its_place(isa, set_threads, dtype):
    n = square_of(dtype)
    x, y = small_whole(1, n, 5, dtype), small_whole(2, 5, n + 7, dtype)
    out, around = into_the_middle(n, n + 7, dtype)
    assert out.nbytes > BYTES
    set_threads(3)
    get_host_backend("native").product(x, y, out)
    np.testing.assert_array_equal(out, exact_product(x, y))
    assert np.isnan(around).sum() == around.size - out.size


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("measure", ["dot", "neg_sqeuclidean"])
def test_similarities_past_the_caches_are_exact(isa, set_threads, dtype, measure):
    x = small_whole(3, square_of(dtype), 4, dtype)
    set_threads(3)
    expected = exact_product(x, x.T)
    if measure != "dot":
        squares = np.diag(expected)
        expected = 2 * expected - squares[:, None] - squares
    np.testing.assert_array_equal(pyalign.similarity(x, measure=measure), expected)
    np.testing.assert_array_equal(pyalign.similarity(x, x[::-1].copy(), measure=measure), expected[:, ::-1])


@pytest.mark.parametrize("dtype", FLOATS)
def test_y_packed_in_groups_gives_the_exact_product(isa, dtype):
    d, m = 2 * 8 * BYTES // (9 * 1297 * np.dtype(dtype).itemsize), 1297  # 1.8 times what is packed together
    x, y = small_whole(4, 70, d, dtype), small_whole(5, m, d, dtype)
    out, around = into_the_middle(70, m, dtype)
    get_host_backend("native").product(x, np.ascontiguousarray(y.T), out)
    np.testing.assert_array_equal(out, exact_product(x, y.T))
    assert np.isnan(around).sum() == around.size - out.size
    np.testing.assert_array_equal(pyalign.similarity(x, y, measure="dot"), exact_product(x, y.T))


def test_a_matrix_with_itself_in_groups_does_not_depend_on_them_or_on_threads(isa, set_threads):
    x = reals(6, 1300, 7300)
    results = set()
    for threads in (1, 3):
        set_threads(threads)
        ours = pyalign.similarity(x)
        results.add(ours.tobytes())
        np.testing.assert_array_equal(ours, ours.T)
    assert len(results) == 1
    few = pyalign.similarity(x[1100:], x[:200])  # one group
    np.testing.assert_array_equal(ours[1100:, :200], few)

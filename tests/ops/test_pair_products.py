"""To each item the rows that it is paired with, weighed: whole numbers, so that every order of the sums is exact."""

from __future__ import annotations

import numpy as np
import pytest
from support import FLOATS, draw_triplets, reals, whole

from pyalign.backends import InvalidTripletsError, get_host_backend
from pyalign.backends.native import BACKEND, MOST_PAIRED, SLAB

pytestmark = pytest.mark.compiled


def products(x, triplets, weights):
    out = np.full(x.shape, np.nan, x.dtype)
    BACKEND.pair_products(x, triplets, weights, out)
    return out


def one_by_one(x, triplets, weights):
    out = np.zeros(x.shape)
    for pair, (first, second) in enumerate([(0, 1), (0, 2), (1, 2)]):
        i, j, w = triplets[:, first], triplets[:, second], weights[:, pair, None].astype(float)
        np.add.at(out, i, w * x[j])
        np.add.at(out, j, w * x[i])
    return out


def weights_of(seed, t, dtype=np.float32):
    return whole(seed, t, 3, dtype=dtype)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("d", [1, 7, 8, 9, 31, 64, 100, 257])
def test_any_number_of_features(isa, dtype, d):
    x, triplets = whole(0, 60, d, dtype=dtype), draw_triplets(1, 60, 700)
    weights = weights_of(2, 700, dtype)
    np.testing.assert_array_equal(products(x, triplets, weights), one_by_one(x, triplets, weights))


@pytest.mark.parametrize(("n", "d", "t"), [(3, 5, 1), (4, 3, 50_000), (70_000, 2, 20_000), (3000, 300, 40_000)])
def test_any_number_of_tiles_and_pairs_of_a_bucket(isa, n, d, t):
    """Of 4 items a bucket is cut into pieces; 70,000 items are many bands."""
    x, triplets, weights = whole(3, n, d), draw_triplets(4, n, t), weights_of(5, t)
    np.testing.assert_array_equal(products(x, triplets, weights), one_by_one(x, triplets, weights))


@pytest.mark.parametrize("t", [0, 1, 511, 513, 16_383, 16_384, 16_385])
def test_any_number_of_triplets(t):
    x, triplets, weights = whole(6, 40, 5), draw_triplets(7, 40, t), weights_of(8, t)
    np.testing.assert_array_equal(products(x, triplets, weights), one_by_one(x, triplets, weights))


def test_triplets_beyond_a_slab():
    t = SLAB + 12_345
    x, triplets, weights = whole(9, 3000, 1), draw_triplets(10, 3000, t), np.ones((t, 3), np.float32)
    np.testing.assert_array_equal(products(x, triplets, weights), one_by_one(x, triplets, weights))


@pytest.mark.parametrize("index", ["int16", "uint16", "int32", "int64"])
@pytest.mark.parametrize("arrange", [np.asfortranarray, lambda a: np.repeat(a, 2, axis=0)[::2], lambda a: a[::-1]])
def test_any_index_type_and_layout(index, arrange):
    x, triplets, weights = whole(11, 200, 40)[::2], arrange(draw_triplets(12, 100, 3000, index)), weights_of(13, 3000)
    np.testing.assert_array_equal(products(x, triplets, weights), one_by_one(x, triplets, weights))


@pytest.mark.parametrize("dtype", FLOATS)
def test_the_number_of_threads_changes_no_bit(set_threads, dtype):
    x, triplets, weights = (
        reals(14, 5000, 70, dtype=dtype), draw_triplets(15, 5000, 60_000), reals(16, 60_000, 3, dtype=dtype)
    )
    found = []
    for threads in (1, 2, 3, 16):
        set_threads(threads)
        found.append(products(x, triplets, weights))
    for others in found[1:]:
        np.testing.assert_array_equal(others, found[0])
    unit = np.finfo(dtype).eps
    np.testing.assert_allclose(found[0], one_by_one(x, triplets, weights), rtol=0, atol=2000 * unit)


@pytest.mark.parametrize("bad", [(3, 3, 4), (0, 1, 40), (-1, 0, 1), (2**33, 1, 2)])
@pytest.mark.parametrize("where", [0, 16_384, -1])
def test_invalid_triplets_are_refused(bad, where):
    triplets = draw_triplets(17, 40, 20_000, "int64")
    triplets[where] = bad
    with pytest.raises(InvalidTripletsError):
        products(whole(18, 40, 3), triplets, weights_of(19, 20_000))


def test_more_items_than_there_are_buckets_for_are_refused():
    assert BACKEND.most_paired == MOST_PAIRED == 2**20
    x = np.ones((MOST_PAIRED + 1, 1), np.float32)
    with pytest.raises(ValueError, match="refused"):
        products(x, np.array([[0, 1, 2]]), np.ones((1, 3), np.float32))
    assert products(x[1:], np.array([[0, 1, MOST_PAIRED - 1]]), np.ones((1, 3), np.float32)).sum() == 6


def test_weights_that_do_not_fit_are_refused():
    x, triplets = whole(20, 9, 2), draw_triplets(21, 9, 5)
    for weights in (np.ones((4, 3), np.float32), np.ones((5, 3)), np.ones((5, 6), np.float32)[:, ::2]):
        with pytest.raises(ValueError, match="weights"):
            products(x, triplets, weights)


def test_numpy_alone_has_none():
    from pyalign.backends.numpy import BACKEND as NUMPY

    assert NUMPY.most_paired == 0 and get_host_backend() is BACKEND
    with pytest.raises(NotImplementedError):
        NUMPY.pair_products(*[np.empty(0)] * 4)

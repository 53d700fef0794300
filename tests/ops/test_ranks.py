"""Ranks of pairs: every backend against the definitions, exactly."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import FLOATS, seeds

from pyalign import InputError
from pyalign.backends import get_host_backend
from pyalign.ops import ranks as ops
from pyalign.ops.resample import OBJECTS, multiplicities

REFERENCE = get_host_backend("reference")
rankdata = pytest.importorskip("scipy.stats").rankdata
KINDS = ("reals", "ties", "constant", "skewed", "infinite range", "two")


def numbers(seed, m, dtype, kind):
    rng, wide = np.random.default_rng(seed), dtype == np.float64
    values = {
        "reals": lambda: rng.normal(size=m),
        "ties": lambda: rng.integers(-3, 4, m).astype(float),
        "constant": lambda: np.full(m, -0.25),
        "skewed": lambda: np.exp(8 * rng.normal(size=m)),
        "infinite range": lambda: rng.choice([-3e38, 3e38, 1e-40, -0.0, 0.0], m) * (1e250 if wide else 1),
        "two": lambda: np.where(np.arange(m) == m // 2, 1.0, 1.0 + np.finfo(dtype).eps),
    }[kind]()
    with np.errstate(under="ignore"):
        return values.astype(dtype)


def pairs(n):
    return np.stack(np.triu_indices(n, 1), axis=1).astype(np.int32)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", FLOATS)
def test_ranks_and_order_are_those_of_the_definition(host_backend, dtype, kind):
    for m, backend in product((0, 1, 2, 31, 33, 700), (get_host_backend(host_backend), REFERENCE)):
        values = numbers(m, m, dtype, kind)
        order, ranks = np.empty(m, np.int32), np.empty(m, np.int32)
        backend.ranks(values, order, ranks)
        np.testing.assert_array_equal(order, np.argsort(values, kind="stable"))
        np.testing.assert_array_equal(ranks, 2 * rankdata(values) if m else [])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", FLOATS)
def test_long_lists_are_ranked_the_same_by_any_number_of_threads(isa, set_threads, dtype, kind):
    values = numbers(1, 150_001, dtype, kind)
    expected = 2 * rankdata(values)
    for threads in (1, 2, 5):
        set_threads(threads)
        np.testing.assert_array_equal(ops.double_ranks(values, "native"), expected)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("at_once", [500, 5_000])
def test_ranges_that_are_sorted_one_after_the_other_change_nothing(isa, set_threads, at_once, dtype, kind):
    from pyalign.backends.native import _native

    values = numbers(2, 40_000, dtype, kind)
    expected, found = 2 * rankdata(values), np.empty(len(values), np.int32)
    for threads in (1, 3):
        set_threads(threads)
        _native.ranks(values, at_once, None, found)
        np.testing.assert_array_equal(found, expected)


def expanded_spearman(a, b, items, counts):
    """That of the pairs written out as often as they occur."""
    weight = counts[items[:, 0]].astype(int) * counts[items[:, 1]]
    r, s = (rankdata(np.repeat(v, weight)) for v in (a, b))
    if len(r) == 0:
        return 0, 0.0, 0.0, 0.0
    return len(r), (r - r.mean()) @ (r - r.mean()), (s - s.mean()) @ (s - s.mean()), (r - r.mean()) @ (s - s.mean())


@given(seed=seeds, n=st.integers(2, 9), b=st.integers(1, 35), ties=st.booleans())
def test_sums_under_resamples_are_those_of_the_pairs_written_out(host_backend, seed, n, b, ties):
    rng, items = np.random.default_rng(seed), pairs(n)
    a, c = (rng.integers(0, 4 if ties else 10**6, len(items)).astype(float) for _ in range(2))
    table = np.ascontiguousarray(multiplicities(n, 0, 64, seed=seed % 1000, stream=OBJECTS)[:, :b])
    first, second = ops.rank_pairs(a, items, host_backend), ops.rank_pairs(c, items, host_backend)
    sums = ops.rank_sums(first, second, table, host_backend)
    np.testing.assert_array_equal(sums, ops.rank_sums(first, second, table, "reference"))
    for lane in range(b):
        weight, own, other, both = expanded_spearman(a, c, items, table[:, lane])
        mean = weight**3  # of w r = w^2, so that the sum of w (r - w)^2 is the rest
        assert sums[0, lane] == weight
        np.testing.assert_allclose(sums[1:, lane] - mean, [4 * own, 4 * other, 4 * both], atol=1e-6)


@pytest.mark.parametrize("n", [40, 130])
def test_sums_do_not_depend_on_threads_or_on_how_many_are_drawn_at_once(isa, set_threads, n, monkeypatch):
    rng, items = np.random.default_rng(n), pairs(n)
    first, second = (ops.rank_pairs(rng.normal(size=len(items)), items) for _ in range(2))
    table = np.ascontiguousarray(multiplicities(n, 0, 64, seed=0, stream=OBJECTS)[:, :37])
    set_threads(1)
    expected = ops.rank_sums(first, second, table, "native")
    for threads in (2, 7):
        set_threads(threads)
        np.testing.assert_array_equal(ops.rank_sums(first, second, table, "native"), expected)
    one_by_one = [ops.rank_sums(first, second, table[:, [lane]], "native") for lane in range(37)]
    np.testing.assert_array_equal(np.concatenate(one_by_one, axis=1), expected)


@given(seed=seeds, m=st.integers(0, 120), weighted=st.booleans(), ties=st.booleans())
def test_inversions_are_counted_exactly(host_backend, seed, m, weighted, ties):
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 5 if ties else 2**32, m, dtype=np.uint32)
    weights = rng.integers(0, 30, m, dtype=np.int32) if weighted else None
    expected = REFERENCE.inversions(values, weights)
    assert get_host_backend(host_backend).inversions(values, weights) == expected


def test_inversions_of_a_long_list_do_not_depend_on_threads(isa, set_threads):
    values = np.arange(100_000, dtype=np.uint32)[::-1].copy()
    for threads in (1, 2, 5):
        set_threads(threads)
        assert get_host_backend("native").inversions(values, None) == 100_000 * 99_999 // 2
        assert get_host_backend("native").inversions(values, np.full(100_000, 961, np.int32)) == 961**2 * 4_999_950_000


def test_ties_are_not_discordant(host_backend):
    items = pairs(4)
    a = ops.rank_pairs(np.array([1.0, 1, 1, 2, 2, 3]), items, host_backend)
    b = ops.rank_pairs(np.array([3.0, 2, 1, 0, 0, 5]), items, host_backend)
    assert ops.discordance(a, b, None, host_backend) == 6  # of the three that tie in a, with the two that tie below


def test_too_many_numbers_are_refused():
    with pytest.raises(InputError, match=r"pairs must be fewer than 2\^30 to be ranked; got 1,073,741,824"):
        ops.double_ranks(np.lib.stride_tricks.as_strided(np.zeros(1), (1 << 30,), (0,)))

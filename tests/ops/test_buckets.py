"""Triplets whose pairs are put into buckets have the numbers of the row route, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
from support import FLOATS, MEASURES, draw_triplets, reals, whole

from pyalign.backends import InvalidTripletsError, Rows, Wanted
from pyalign.backends.native import BACKEND, SLAB, _native, use_buckets
from pyalign.measures import get_measure
from pyalign.ops._prepare import prepare
from pyalign.ops.triplets import run_triplets

pytestmark = pytest.mark.compiled


def every(run, rows, triplets):
    """Choices, probabilities, similarities and sums."""
    t, dtype = len(triplets), rows.values.dtype
    want = Wanted(np.empty(t, np.int8), np.empty((t, 3), dtype), np.empty((t, 3), dtype), True, 0.5)
    sums = run(rows, triplets, want)
    return want.choices, want.probabilities, want.similarities, sums


def same(rows, triplets):
    for ours, theirs in zip(
        every(_native.triplets_in_buckets, rows, triplets),
        every(_native.triplets_from_rows, rows, triplets),
        strict=True,
    ):
        np.testing.assert_array_equal(ours, theirs)


def rows_of(x, measure="cosine"):
    return prepare(BACKEND, get_measure(measure), x)[0]


@pytest.mark.parametrize("measure", [*MEASURES, "rbf"])
@pytest.mark.parametrize("dtype", FLOATS)
def test_every_measure_has_the_bits_of_the_row_route(isa, measure, dtype):
    same(rows_of(reals(0, 500, 300, dtype=dtype), measure), draw_triplets(1, 500, 20_000))


@pytest.mark.parametrize("d", [1, 7, 15, 16, 17, 31, 33, 64, 1025])
def test_any_number_of_features(isa, d):
    same(rows_of(reals(2, 300, d)), draw_triplets(3, 300, 3000))


@pytest.mark.parametrize(("n", "d", "t"), [(3, 5, 1), (4, 5, 50_000), (70_000, 2, 20_000), (3000, 1500, 40_000)])
def test_any_number_of_tiles_and_pairs_of_a_bucket(isa, n, d, t):
    """Of 4 items a bucket is cut into pieces; 3,000 long rows are many tiles and many bands."""
    same(rows_of(whole(4, n, d), "dot"), draw_triplets(5, n, t))


@pytest.mark.parametrize("t", [1, 511, 513, 16_383, 16_384, 16_385])
def test_any_number_of_triplets(t):
    same(rows_of(reals(6, 400, 200)), draw_triplets(7, 400, t))


def test_no_triplets():
    sums = _native.triplets_in_buckets(rows_of(reals(6, 9, 2)), np.empty((0, 3), np.int32), Wanted(sums=True))
    assert sums == (0,) * 7


@pytest.mark.parametrize("index", ["int16", "uint16", "int32", "int64"])
@pytest.mark.parametrize("arrange", [np.asfortranarray, lambda a: np.repeat(a, 2, axis=0)[::2], lambda a: a[::-1]])
def test_any_index_type_and_layout(index, arrange):
    same(rows_of(reals(8, 400, 200)), arrange(draw_triplets(9, 400, 20_000, index)))


def test_rows_apart_in_memory():
    wide = reals(10, 400, 500)
    same(Rows(wide[::2, :300], None, "dot"), draw_triplets(11, 200, 20_000))


def test_triplets_beyond_a_slab():
    """Few features, so that it takes no time; the last slab is as long as the others, but for a chunk."""
    same(rows_of(whole(12, 3000, 2), "dot"), draw_triplets(13, 3000, SLAB + 12_345))


@pytest.mark.parametrize("where", [0, 20_000, 39_999])
def test_an_invalid_triplet_is_refused_wherever_it_stands(monkeypatch, where):
    triplets = draw_triplets(14, 300, 40_000)
    triplets[where] = 5, 7, 5
    monkeypatch.setattr("pyalign.backends.native.use_buckets", lambda *_: True)
    with pytest.raises(InvalidTripletsError):
        BACKEND.triplets_from_rows(rows_of(reals(15, 300, 9)), triplets, Wanted(sums=True))


def test_the_number_of_threads_makes_no_difference(set_threads):
    rows, triplets = rows_of(reals(16, 900, 400)), draw_triplets(17, 900, 60_000)
    found = []
    for threads in (1, 2, 5):
        set_threads(threads)
        found.append(every(_native.triplets_in_buckets, rows, triplets))
    for other in found[1:]:
        for ours, theirs in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_copies_of_rows_tie(monkeypatch):
    """Whatever tile each lies in: the pairs (i, k) and (i + 600, k) have the same bits."""
    monkeypatch.setattr("pyalign.ops.triplets.use_matrix", lambda *_: False)
    monkeypatch.setattr("pyalign.backends.native.use_buckets", lambda *_: True)
    x = reals(18, 600, 900)
    x = np.concatenate([x, x, 10 * x])
    triplets = np.stack([np.arange(600), np.arange(600, 1200), np.arange(1200, 1800)], axis=1)
    found = run_triplets(x, triplets, measure="dot", backend="native", choices=True)
    assert (found.choices == -1).all()


def test_buckets_are_used_by_the_rule(monkeypatch):
    asked = []
    monkeypatch.setattr("pyalign.backends.native.use_buckets", lambda *sizes: asked.append(sizes) or True)
    x, triplets = whole(19, 5000, 4, dtype=np.float64), draw_triplets(20, 5000, 1000)
    found = run_triplets(x, triplets, measure="dot", backend="native", choices=True)
    assert asked == [(5000, 1000, 32)]
    s = [(x[triplets[:, p]] * x[triplets[:, q]]).sum(axis=1) for p, q in ((0, 1), (0, 2), (1, 2))]
    top = np.max(s, axis=0)
    odd = np.where(s[0] == top, 2, np.where(s[1] == top, 1, 0))
    np.testing.assert_array_equal(found.choices, np.where((np.array(s) == top).sum(axis=0) > 1, -1, odd))


def test_the_rule_is_that_of_the_docs():
    """docs/numbers.md: rows beyond the caches, not too short, triplets enough."""
    assert use_buckets(10_000, 3_000_000, 1024)
    assert not use_buckets(8191, 3_000_000, 1024) and use_buckets(8192, 3_000_000, 1024)
    assert not use_buckets(100_000, 3_000_000, 767) and use_buckets(100_000, 3_000_000, 768)
    assert not use_buckets(10_000, 299_999, 1024) and use_buckets(10_000, 300_000, 1024)
    most = int((6 * SLAB * 2**24 / (3 * 1024)) ** 0.5)
    assert use_buckets(most, 10**9, 1024) and not use_buckets(most + 1, 10**9, 1024)

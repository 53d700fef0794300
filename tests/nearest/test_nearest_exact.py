"""The exact search against brute force in float64, ties by index: measures, dtypes, duplicates, near ties, scales."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nearest_rows import HARD, compared, sorted_by
from support import FLOATS, MEASURES, definition, reals, seeds, whole

from pyalign import neighbors, similarity
from pyalign.measures import get_measure
from pyalign.nearest import scan
from pyalign.nearest import space as exact
from pyalign.nearest.scan import native_scan
from pyalign.nearest.space import Search, equal_rows, inverses_of, make_space

ALL = (*MEASURES, "rbf:2.0")
ENGINES = ("auto", pytest.param("faiss", marks=pytest.mark.skipif(not find_spec("faiss"), reason="no faiss")))
engines = pytest.mark.parametrize("engine", ENGINES)
every_measure = pytest.mark.parametrize("measure", ALL)


def one_by_one(x, measure, k):
    """The order by the values of `Space.values_of`, of all rows for each row by itself."""
    space = make_space(x, None, get_measure(measure))
    found = []
    for row in range(len(x)):
        wide = space.wide(x[row : row + 1])
        inverse = inverses_of(wide) if space.angular else np.ones(1)
        found.append(space.values_of(wide, inverse, np.arange(len(x))[None])[0])
    return sorted_by(np.array(found), k, np.arange(len(x)))


@engines
@every_measure
@given(seed=seeds, n=st.integers(2, 60), dtype=st.sampled_from(FLOATS), data=st.data())
def test_whole_numbers_give_what_the_definition_gives_with_its_ties(engine, measure, seed, n, dtype, data):
    x = whole(seed, n, 3, dtype=dtype)
    k = data.draw(st.integers(1, n - 1))
    found = neighbors(x, k=k, measure=measure, backend=engine)
    if measure in ("cosine", "pearson"):  # the same products in the same order
        expected = one_by_one(x, measure, k)
    else:
        expected = sorted_by(definition(x, x, compared(measure)), k, np.arange(n))
    np.testing.assert_array_equal(found.indices, expected)


@engines
@every_measure
@given(seed=seeds, dtype=st.sampled_from([np.float16, np.float32, np.float64]))
def test_reals_give_what_the_definition_gives_in_float64(engine, measure, seed, dtype):
    x = reals(seed, 80, 7, dtype=dtype)
    found = neighbors(x, k=9, measure=measure, backend=engine)
    name, _, sigma = measure.partition(":")
    s = definition(x, x, name, float(sigma or 1))
    np.testing.assert_array_equal(found.indices, sorted_by(definition(x, x, compared(measure)), 9, np.arange(80)))
    np.testing.assert_allclose(found.similarities, np.take_along_axis(s, found.indices, 1), rtol=1e-9, atol=1e-12)


@engines
@every_measure
@pytest.mark.parametrize("case", HARD)
def test_hard_rows_give_what_all_pairs_give(engine, measure, case):
    x = HARD[case]
    found = neighbors(x, k=10, measure=measure, backend=engine)
    np.testing.assert_array_equal(found.indices, one_by_one(x, measure, 10))
    assert np.isfinite(found.similarities).all()


def test_a_common_offset_costs_no_digits():
    """faiss gave 512 for the squared distance of a vector to itself."""
    x = (reals(0, 300, 512) * 100 + 1000).astype(np.float32)
    found = neighbors(x, k=1, measure="neg_sqeuclidean", include_self=True)
    assert found.indices[:, 0].tolist() == list(range(300))
    assert (found.similarities == 0).all()


def test_500_equal_rows_come_in_the_order_of_their_numbers():
    x = HARD["500 equal rows"]
    found = neighbors(x, k=20, measure="neg_euclidean")
    assert found.indices[100].tolist() == [3, *range(50, 69)]
    assert found.indices[3].tolist() == list(range(50, 70))


def test_a_margin_without_the_bound_would_not_do(monkeypatch):
    """The bound is what makes it exact: without it the wrong rows of the 500 come out."""
    x = HARD["nearer than float32 tells"]
    right = one_by_one(x, "cosine", 10)
    monkeypatch.setattr(exact.Space, "certain", lambda self, sought, *_: np.full(len(sought.lengths), True))
    assert (neighbors(x, k=10).indices != right).any()


@every_measure
@given(
    seed=seeds,
    scale=st.sampled_from([1e-3, 1.0, 1e3]),
    offset=st.sampled_from([0.0, 10.0]),
    dtype=st.sampled_from(FLOATS),
)
def test_no_score_lies_farther_from_its_number_than_the_bound_says(measure, seed, scale, offset, dtype):
    x, y = (scale * reals(seed + more, 30, 40, dtype=dtype) + dtype(offset) for more in (0, 1))
    space = make_space(x, y, get_measure(measure))
    wide = space.wide(y)
    inverse = inverses_of(wide) if space.angular else np.ones(len(wide))
    sought = space.sought(wide, inverse)
    scores, _ = native_scan(space)(sought, 30)
    order = np.argsort(-(sought.search @ space.search.T), axis=1, kind="stable")
    scores = np.take_along_axis(sought.search @ space.search.T, order, 1)
    values = space.values_of(wide, inverse, order)
    stands_for = np.stack([space._as_score(sought, column) for column in values.T], axis=1)
    apart = np.abs(np.ldexp(scores.astype(np.float64), -sought.powers[:, None]) - stands_for)
    assert (apart <= space.doubt(sought.lengths)[:, None]).all()


@engines
@pytest.mark.parametrize("view", [lambda x: x[::2], lambda x: x[:, 3:], lambda x: x[:, ::-1], np.asfortranarray])
def test_any_strides_give_the_same(engine, view):
    x = view(reals(2, 60, 9))
    found = neighbors(x, k=4, backend=engine)
    np.testing.assert_array_equal(found.indices, neighbors(np.array(x, order="C"), k=4).indices)


def test_bfloat16_is_taken_as_what_it_holds():
    torch = pytest.importorskip("torch")
    x = torch.from_numpy(reals(3, 40, 6)).bfloat16()
    np.testing.assert_array_equal(neighbors(x, k=3).indices, neighbors(x.double().numpy(), k=3).indices)


@engines
def test_threads_and_blocks_do_not_show(engine, set_threads, monkeypatch):
    x = whole(4, 300, 5)
    found = []
    for threads, block in ((1, 1 << 26), (2, 1 << 26), (5, 1000)):
        set_threads(threads)
        monkeypatch.setattr(scan, "SCANNED_SCORES", block)
        monkeypatch.setattr(exact, "QUERIES", 4096 if block > 1000 else 37)
        found.append(neighbors(x, k=7, measure="dot", backend=engine))
    for one in found[1:]:
        np.testing.assert_array_equal(one.indices, found[0].indices)
        np.testing.assert_array_equal(one.similarities, found[0].similarities)


def test_searches_at_once_give_what_each_gives_alone():
    from concurrent.futures import ThreadPoolExecutor

    x = [reals(seed, 200, 8) for seed in range(6)]
    alone = [neighbors(one, k=5).indices for one in x]
    with ThreadPoolExecutor(6) as pool:
        together = list(pool.map(lambda one: neighbors(one, k=5).indices, x))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)


@every_measure
@given(seed=seeds)
def test_values_are_those_of_similarity(measure, seed):
    x, y = reals(seed, 30, 5, dtype=np.float64), reals(seed + 1, 8, 5, dtype=np.float64)
    found = neighbors(x, y, 30, measure=measure)
    s = similarity(y, x, measure=measure)
    np.testing.assert_allclose(found.similarities, np.take_along_axis(s, found.indices, 1), rtol=1e-9, atol=1e-12)


def test_rbf_without_sigma_takes_that_of_similarity():
    x = reals(1, 50, 4, dtype=np.float64)
    found = neighbors(x, k=5, measure="rbf")
    s = similarity(x, measure="rbf")
    np.testing.assert_allclose(found.similarities, np.take_along_axis(s, found.indices, 1), rtol=1e-9)


def test_zero_rows_are_similar_to_nothing():
    x = np.array([[0.0, 0], [1, 0], [-1, 0], [0, 0]])
    found = neighbors(x, k=3)
    assert found.similarities[0].tolist() == [0, 0, 0]
    assert found.indices[1].tolist() == [0, 3, 2]


def test_equal_rows_are_found_with_either_zero():
    assert equal_rows(np.array([[0.0, 1], [2, 3], [-0.0, 1], [2, 3]])).tolist() == [0, 1, 0, 1]


def test_a_crowd_of_equal_rows_is_compared_once(monkeypatch):
    """Otherwise n equal rows would take n^2 d."""
    monkeypatch.setattr(exact, "CROWD", 4)
    x = np.repeat(reals(6, 3, 4), 40, axis=0)
    np.testing.assert_array_equal(neighbors(x, k=5).indices, one_by_one(x, "cosine", 5))


def test_progress_is_told():
    seen = []
    neighbors(reals(1, 20, 3), k=2, progress=lambda *told: seen.append(told))
    assert seen[-1] == ("neighbors", 20, 20)


def test_a_search_that_is_not_exact_leaves_it_at_its_candidates():
    x = reals(1, 50, 4)
    space = make_space(x, None, get_measure("dot"))
    wrong = Search(space, lambda sought, k: (np.zeros((len(sought.lengths), k)), np.tile(np.arange(k), (50, 1))), False)
    indices, _ = wrong.nearest(x, 3)
    assert indices.max() < 15

"""Decisions and probabilities over triplets, by both routes, on every backend and instruction set."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support import (
    FLOATS, MEASURES, TRIPLETS, clear_cut, decide, definition, draw_triplets, features, floats, pairs_of, reals, seeds,
    whole,
)

from pyalign import choice_probabilities, odd_one_out, similarity
from pyalign.backends import Wanted
from pyalign.backends.native import BACKEND, NativeBackend
from pyalign.measures import get_measure
from pyalign.ops.triplets import ready_inputs, run_ready, run_triplets, use_matrix

INDEX_DTYPES = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")
sizes = st.sampled_from((3, 4, 31, 48, 193))
counts = st.sampled_from(TRIPLETS[:5])


@pytest.mark.parametrize("measure", MEASURES)
@given(sizes, st.integers(1, 40), counts, floats, seeds)
@example(5, 2, 513, np.float32, 0)  # few items, few features: mostly ties
def test_decisions_on_whole_numbers_equal_the_definition(backend, route, measure, n, d, t, dtype, seed):
    x, triplets = whole(seed, n, d, dtype=dtype), draw_triplets(seed, n, t)
    expected = decide(pairs_of(definition(x, x, measure).astype(dtype), triplets))
    np.testing.assert_array_equal(odd_one_out(x, triplets, measure=measure, backend=backend), expected)


@pytest.mark.parametrize("measure", [*MEASURES, "rbf:3"])
@given(sizes.filter(lambda n: n < 50), st.integers(1, 9), st.integers(1, 60), floats, seeds)
def test_decisions_on_whole_numbers_equal_the_reference(backend, route, measure, n, d, t, dtype, seed):
    x, triplets = whole(seed, n, d, dtype=dtype), draw_triplets(seed, n, t)
    expected = odd_one_out(x, triplets, measure=measure, backend="reference")
    np.testing.assert_array_equal(odd_one_out(x, triplets, measure=measure, backend=backend), expected)


@pytest.mark.parametrize("measure", [*MEASURES, "rbf"])
@given(sizes, features, floats, seeds)
@example(193, 257, np.float32, 1)
def test_decisions_on_reals_differ_within_rounding_alone(backend, route, measure, n, d, dtype, seed):
    x, triplets = reals(seed, n, d, dtype=dtype), draw_triplets(seed, n, 2000)
    expected, clear = clear_cut(x, triplets, measure)
    ours = odd_one_out(x, triplets, measure=measure, backend=backend)
    np.testing.assert_array_equal(ours[clear], expected[clear])
    # Cosines of single numbers, and correlations of two, are 1 or -1: ties. Few items make few different triplets.
    if d > 2 and n > 30:
        assert clear.mean() > 0.95


@pytest.mark.parametrize("dtype", FLOATS)
def test_every_triplet_of_any_number_is_decided_once(backend, route, dtype):
    x = whole(1, 60, 5, dtype=dtype)
    for t in TRIPLETS:
        triplets = draw_triplets(2, 60, t)
        s = pairs_of(definition(x, x, "dot"), triplets)
        top = (s == s.max(axis=0)).sum(axis=0)
        results = run_triplets(x, triplets, measure="dot", backend=backend, choices=True, probabilities=True, sums=True)
        np.testing.assert_array_equal(results.choices, decide(s), f"{t} triplets")
        assert results.sums.ties == ((top == 2).sum(), (top == 3).sum())
        assert results.sums.right == tuple(((s[0] == s.max(axis=0)) & (top == m)).sum() for m in (1, 2, 3))
        np.testing.assert_allclose(results.probabilities.sum(axis=1), 1, rtol=8 * np.finfo(dtype).eps)


def test_several_passes_over_what_lies_ready_are_those_over_rows_and_triplets(backend):
    x, triplets = reals(3, 30, 4), draw_triplets(4, 30, 300)
    ready = ready_inputs(x, triplets, backend)
    for measure in MEASURES:
        found = run_ready(ready, get_measure(measure), temperature=0.3, choices=True, probabilities=True, sums=True)
        expected = run_triplets(
            x, triplets, measure=measure, temperature=0.3, backend=backend, choices=True, probabilities=True, sums=True
        )
        np.testing.assert_array_equal(found.choices, expected.choices)
        np.testing.assert_array_equal(found.probabilities, expected.probabilities)
        assert found.sums == expected.sums


def test_reads_every_index_type(backend, route):
    x, triplets = whole(3, 128, 7), draw_triplets(4, 128, 1000)
    expected = odd_one_out(x, triplets, backend="numpy")
    for dtype in map(np.dtype, INDEX_DTYPES):
        for one in (dtype, dtype.newbyteorder()):
            np.testing.assert_array_equal(odd_one_out(x, triplets.astype(one), backend=backend), expected, str(one))


@pytest.mark.parametrize("index_dtype,n", [("int16", 32768), ("uint16", 65536), ("int32", 70000), ("int64", 70000)])
def test_reads_indices_up_to_the_last_one_of_their_type(isa, index_dtype, n):
    x, triplets = whole(5, n, 2), draw_triplets(6, n, 1000)
    triplets[17] = n - 1, n - 2, 0
    expected = decide(
        np.stack([(x[triplets[:, p]] * x[triplets[:, q]]).sum(axis=1) for p, q in ((0, 1), (0, 2), (1, 2))])
    )
    ours = odd_one_out(x, triplets.astype(index_dtype), measure="dot", backend="native")
    np.testing.assert_array_equal(ours, expected)


IN_MEMORY = {
    "fortran": np.asfortranarray,
    "wider": lambda a: np.concatenate([a, 1000 + a], axis=1)[:, :3],
    "strided": lambda a: np.repeat(np.repeat(a, 2, axis=0), 2, axis=1)[::2, ::2],
    "upside-down": lambda a: a[::-1].copy()[::-1],
    "reversed": lambda a: a[:, ::-1].copy()[:, ::-1],
    "unaligned": lambda a: np.frombuffer(b"0" + a.tobytes(), np.uint8)[1:].view(a.dtype).reshape(a.shape),
    "field": lambda a: np.rec.fromarrays([a[:, 0] * 0 > 1, a], dtype=[("flag", bool), ("items", a.dtype, 3)])["items"],
    "lists": np.ndarray.tolist,
}


@pytest.mark.parametrize("index_dtype", ["int16", "int32", "int64"])
def test_does_not_depend_on_how_the_triplets_lie_in_memory(backend, route, index_dtype):
    x, triplets = whole(7, 50, 9), draw_triplets(8, 50, 1025, index_dtype)
    expected = odd_one_out(x, triplets, backend="numpy")
    for name, arrange in IN_MEMORY.items():
        arranged = arrange(triplets)
        if isinstance(arranged, np.ndarray):
            arranged.flags.writeable = False
            np.testing.assert_array_equal(arranged, triplets)
        np.testing.assert_array_equal(odd_one_out(x, arranged, backend=backend), expected, name)


def test_the_same_triplet_again_and_again(backend, route):
    x = whole(9, 4, 3)
    triplets = np.broadcast_to(np.array([2, 0, 3]), (20000, 3))
    ours = odd_one_out(x, triplets, backend=backend)
    assert (ours == odd_one_out(x, [[2, 0, 3]], backend="reference")[0]).all()


@pytest.mark.parametrize("measure", ["dot", "neg_euclidean"])
@pytest.mark.parametrize("dtype", FLOATS)
def test_pairs_of_copies_tie_exactly(backend, route, measure, dtype):
    """Items i and i + 100 are equal, and i + 200 so much longer that its inner products with them are the largest.
    Distances: i + 200 is a copy of i + 100 too, moved by the same vector.
    """
    x = reals(10, 100, 77, dtype=dtype)
    x = np.concatenate([x, x, 10 * x if measure == "dot" else x])
    triplets = np.stack([np.arange(100), np.arange(100, 200), np.arange(200, 300)], axis=1)
    for order in ([0, 1, 2], [0, 2, 1], [2, 1, 0]):
        assert (odd_one_out(x, triplets[:, order], measure=measure, backend=backend) == -1).all()


def test_reversing_positions_reverses_decisions_and_probabilities(backend, route):
    x, triplets = reals(11, 50, 20), draw_triplets(12, 50, 3000)
    choices, p = odd_one_out(x, triplets, backend=backend), choice_probabilities(x, triplets, backend=backend)
    for order in ([2, 1, 0], [1, 2, 0], [0, 2, 1]):
        again = odd_one_out(x, triplets[:, order], backend=backend)
        np.testing.assert_array_equal(np.array(order)[again], choices)
        np.testing.assert_allclose(choice_probabilities(x, triplets[:, order], backend=backend), p[:, order], rtol=1e-5)


# From a ready matrix


@given(sizes, counts, floats, seeds)
def test_from_a_matrix_equals_the_definition(backend, n, t, dtype, seed):
    """Not symmetric: read at [earlier position, later position]."""
    s, triplets = whole(seed, n, n, dtype=dtype), draw_triplets(seed, n, t)
    ours = odd_one_out(kind="similarity", matrix=s, triplets=triplets, backend=backend)
    np.testing.assert_array_equal(ours, decide(pairs_of(s, triplets)))


@pytest.mark.parametrize("arrange", [np.asarray, np.asfortranarray, lambda s: s[::-1, ::-1].copy()[::-1, ::-1]])
def test_from_a_matrix_of_any_type_and_order(backend, arrange):
    s, triplets = whole(13, 33, 33), draw_triplets(14, 33, 2000)
    expected = decide(pairs_of(s, triplets))
    dtypes, kinds = ("float16", "float32", "float64", ">f4", ">f8", "int8", "int64"), ("similarity", "dissimilarity")
    for dtype, kind in product(dtypes, kinds):
        given = arrange((s if kind == "similarity" else -s).astype(dtype))
        ours = odd_one_out(None, triplets, matrix=given, kind=kind, backend=backend)
        np.testing.assert_array_equal(ours, expected, dtype)


def test_from_a_matrix_wider_than_its_rows_apart(backend):
    s, triplets = whole(15, 33, 40), draw_triplets(16, 33, 2000)
    ours = odd_one_out(kind="similarity", matrix=s[:, :33], triplets=triplets, backend=backend)
    np.testing.assert_array_equal(ours, decide(pairs_of(s, triplets)))


def test_from_a_matrix_equals_from_the_rows(backend):
    x, triplets = reals(17, 100, 30), draw_triplets(18, 100, 5000)
    for measure in MEASURES:
        s = similarity(x, measure=measure, backend=backend)
        np.testing.assert_array_equal(
            odd_one_out(kind="similarity", matrix=s, triplets=triplets, backend=backend),
            odd_one_out(x, triplets, measure=measure, backend=backend),
        )


def test_from_a_matrix_of_more_than_two_to_the_31_elements(isa, tmp_path):
    """46,400 x 46,400 in a file with holes; few of its pages are touched."""
    n = 46_400
    s = np.memmap(tmp_path / "similarities", np.float32, "w+", shape=(n, n))
    triplets = np.array([[n - 1, n - 2, n - 3], [n - 1, n - 2, n - 3][::-1], [0, n - 1, 1], [46_399, 0, 46_350]])
    for row, (i, j) in enumerate([(n - 1, n - 3), (n - 3, n - 2), (n - 1, 1), (46_399, 0)]):
        s[i, j] = 1 + row
    choices = np.empty(4, np.int8)
    BACKEND.triplets_from_matrix(np.asarray(s), triplets, Wanted(choices=choices))
    np.testing.assert_array_equal(choices, [1, 2, 0, 2])


# Probabilities


def log_softmax(s, temperature):
    scaled = s.astype(np.float64) / temperature
    scaled = scaled - scaled.max(axis=0)
    return scaled - np.log(np.exp(scaled).sum(axis=0))


@pytest.mark.parametrize("dtype", FLOATS)
def test_probabilities_are_the_softmax_of_the_pairs(backend, route, dtype):
    """float32: an exponent a carries a rounding error of a few eps |a|, and exp(a) that relative error."""
    x, triplets = whole(19, 40, 9, dtype=dtype), draw_triplets(20, 40, 3000)
    pairs, eps, tiny = pairs_of(definition(x, x, "dot"), triplets), np.finfo(dtype).eps, np.finfo(dtype).tiny
    for temperature in (1e-4, 1e-2, 0.07, 1, 30, 1e4):
        exact = np.exp(log_softmax(pairs, temperature))[::-1].T
        ours = choice_probabilities(x, triplets, measure="dot", temperature=temperature, backend=backend)
        assert ours.dtype == dtype and ours.shape == (3000, 3)
        np.testing.assert_allclose(ours, exact, rtol=16 * eps * max(1, -math.log(tiny)), atol=4 * tiny)
        np.testing.assert_allclose(ours.sum(axis=1, dtype=np.float64), 1, rtol=0, atol=4 * eps)


@pytest.mark.parametrize("measure", [*MEASURES, "rbf"])
def test_the_most_probable_position_is_the_odd_one(backend, route, measure):
    x, triplets = reals(21, 60, 30), draw_triplets(22, 60, 5000)
    choices = odd_one_out(x, triplets, measure=measure, backend=backend)
    p = choice_probabilities(x, triplets, measure=measure, temperature=0.1, backend=backend)
    ordered = np.sort(p, axis=1)
    clear = ordered[:, 2] > ordered[:, 1]  # unequal similarities may round to equal probabilities, not the reverse
    assert clear.mean() > 0.99
    np.testing.assert_array_equal(p.argmax(axis=1)[clear], choices[clear])


@pytest.mark.parametrize("dtype", FLOATS)
def test_probabilities_of_inner_products_100_99_98(backend, route, dtype):
    """Without subtracting the maximum exp(100) overflows float32."""
    x = np.array([[10, 0, 0], [10, 1, 0], [9.9, -1, 1]], dtype)
    p = choice_probabilities(x, [[0, 1, 2]], measure="dot", backend=backend)
    weights = np.exp([-2.0, -1.0, 0.0])  # 12: 98, 02: 99, 01: 100
    np.testing.assert_allclose(p[0], weights / weights.sum(), rtol=1e-5)
    huge = choice_probabilities(x * dtype(1e6), [[0, 1, 2]], measure="dot", backend=backend)
    np.testing.assert_allclose(huge, [[0, 0, 1]], atol=1e-37)


def test_equal_similarities_give_a_third_each(backend, route):
    p = choice_probabilities(np.ones((3, 4)), [[0, 1, 2]], temperature=1e-30, backend=backend)
    np.testing.assert_allclose(p, 1 / 3, rtol=1e-15)


# Which route, threads, errors


def test_matrix_route_is_for_many_triplets_of_few_items():
    assert use_matrix(1854, 1854**2 // 16 + 1, 4)
    assert not use_matrix(1854, 1854**2 // 16 - 1, 4)
    assert use_matrix(8192, 10**9, 4) and not use_matrix(8193, 10**9, 4)
    assert use_matrix(5792, 10**9, 8) and not use_matrix(5793, 10**9, 8)


@pytest.mark.compiled
def test_the_documented_rule_chooses_the_route(monkeypatch):
    """Otherwise `route` would test one route twice."""
    taken = []
    for name in ("triplets_from_matrix", "triplets_from_rows"):
        kernel = getattr(NativeBackend, name)
        monkeypatch.setattr(NativeBackend, name, lambda *a, k=kernel, n=name: taken.append(n) or k(*a))
    x = whole(23, 20, 3)
    odd_one_out(x, draw_triplets(24, 20, 25))
    odd_one_out(x, draw_triplets(24, 20, 24))
    assert taken == ["triplets_from_matrix", "triplets_from_rows"]


@pytest.mark.parametrize("measure", ["cosine", "neg_euclidean"])
@pytest.mark.parametrize("dtype", FLOATS)
def test_does_not_depend_on_the_number_of_threads(isa, route, measure, dtype, set_threads):
    """Bit for bit: choices, probabilities and sums."""
    x, triplets = reals(25, 300, 33, dtype=dtype), draw_triplets(26, 300, 100_001)
    results = []
    for threads in (1, 2, 3, 5, 8, 8, 1):
        set_threads(threads)
        results.append(
            run_triplets(x, triplets, measure=measure, temperature=0.3, choices=True, probabilities=True, sums=True)
        )
    for other in results[1:]:
        assert other.sums == results[0].sums
        np.testing.assert_array_equal(other.choices, results[0].choices)
        np.testing.assert_array_equal(other.probabilities, results[0].probabilities)


@pytest.mark.parametrize("row", [0, 4095, 4096, 16384, 50_000])
def test_says_which_triplet_is_wrong_whatever_the_threads(backend, route, row, set_threads, message_of):
    x, triplets = whole(27, 30, 3), draw_triplets(28, 30, 50_001)
    outside, repeated = triplets.copy(), triplets.copy()
    outside[row:, 1] = 30
    repeated[row:, 2] = repeated[row:, 0]
    for threads in (1, 5):
        set_threads(threads)
        assert message_of(odd_one_out, x, outside, backend=backend).startswith(
            f"triplets must lie in [0, 30); row {row} is [{triplets[row, 0]}, 30, "
        )
        assert message_of(odd_one_out, x, repeated, backend=backend).startswith(
            f"triplets must name three different items; row {row} is ["
        )


WRONG = [
    *([0, 1, -1], [-1, 1, 0], [5, 0, 1], [0, 5, 1], [0, 1, 5]),
    *([-(2**63), 1, 2], [0, 1, 2**32 + 2], [0, 2**31, 2]),  # 2^32 + 2 would be 2 in 32 bits
    *([0, 0, 1], [1, 0, 1], [0, 1, 1]),
]


@pytest.mark.parametrize("argument", ["embeddings", "matrix"])
def test_refuses_items_that_are_not_there_and_items_named_twice(backend, route, argument, message_of):
    rows = {argument: whole(29, 5, 5), "kind": "similarity" if argument == "matrix" else None}
    for function, wrong in product((odd_one_out, choice_probabilities), WRONG):
        triplets = np.array([[0, 1, 2], wrong])
        for some in (triplets, np.asfortranarray(triplets), np.repeat(triplets, 2, axis=1)[:, ::2]):
            assert f"row 1 is {wrong}" in message_of(function, **rows, triplets=some, backend=backend)


def test_refuses_the_extremes_of_every_index_type(backend, route, message_of):
    for limits in map(np.iinfo, ("int16", "uint16", "int32", "int64")):
        for extreme in (limits.min or 5, limits.max):
            triplets = np.array([[0, 1, 2]] * 700, limits.dtype)
            triplets[-1, 1] = extreme
            message = message_of(odd_one_out, whole(30, 5, 4), triplets, backend=backend)
            assert message == f"triplets must lie in [0, 5); row 699 is {triplets[-1].tolist()}"


def test_a_negative_16_bit_item_is_not_one_of_many(isa, message_of):
    """-5 would be 65,531 without its sign."""
    message = message_of(odd_one_out, whole(31, 70_000, 1), np.array([[0, 1, -5]], np.int16), backend="native")
    assert message == "triplets must lie in [0, 70000); row 0 is [0, 1, -5]"


def test_similarities_must_be_square_and_finite(backend, message_of):
    triplets = [[0, 1, 2]]
    told = message_of(odd_one_out, None, triplets, matrix=whole(1, 3, 4), kind="similarity", backend=backend)
    assert told == "matrix must have shape (n, n); got (3, 4)"
    s = np.where(np.eye(3) > 0, np.nan, 1.0)
    told = message_of(odd_one_out, None, triplets, matrix=s, kind="similarity", backend=backend)
    assert told.startswith("matrix must be finite; 3 of 3")
    s = np.array([[1, 1e200, 0], [0, 1, 0], [0, 0, 1]])  # its square overflows, it does not
    assert odd_one_out(kind="similarity", matrix=s, triplets=triplets, backend=backend) == [2]


@pytest.mark.parametrize("function", [odd_one_out, choice_probabilities])
def test_embeddings_and_similarities_exclude_one_another(function, message_of):
    x = whole(1, 4, 3)
    assert message_of(function) == "embeddings or matrix must be given; got neither"
    told = message_of(function, x, [[0, 1, 2]], kind="similarity", matrix=np.eye(4))
    assert told == "embeddings or matrix must be given; got both"
    told = message_of(function, kind="similarity", matrix=np.eye(4), triplets=[[0, 1, 2]], measure="dot")
    assert told == "measure is of embeddings; a matrix has its values already; got 'dot'"
    assert message_of(function, x) == "triplets must be given; got None"

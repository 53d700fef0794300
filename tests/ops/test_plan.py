"""pyalign.TripletPlan: the numbers of `triplet_gradient` without a plan, in another order of summation."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support import FLOATS, NATIVE, draw_triplets, floats, reals, seeds

from pyalign import TripletPlan, triplet_gradient
from pyalign.backends import get_host_backend
from pyalign.backends.native import _native

HOST = get_host_backend()
INDICES = (np.int16, np.uint16, np.int32, np.int64)


def run(s, triplets, answers=None, temperature=1.0, scale=1.0, sort=True, backend=HOST):
    gradient = np.full(s.shape, np.nan, s.dtype)
    plan = TripletPlan(triplets, len(s), answers=answers, sort=sort)
    return plan.run(backend, s, temperature, scale, gradient), gradient


def close(found, expected, dtype, t, scale=1.0):
    """Sums of t terms in two orders: each element within what t / n^2 of them, of either sign, may differ."""
    (value, gradient), (expected_value, expected_gradient) = found, expected
    eps, n = np.finfo(dtype).eps, len(gradient)
    assert value == pytest.approx(expected_value, rel=1e-12)  # both in float64, from the same terms
    terms = 1 + t / (n * (n - 1) / 2)
    np.testing.assert_allclose(gradient, expected_gradient, rtol=0, atol=16 * scale * eps * terms**1.5)


@given(st.sampled_from((3, 5, 63, 64, 65, 200)), st.sampled_from((1, 511, 513, 9000)), floats, seeds, st.booleans())
@example(3, 20_000, np.float32, 0, True)
@example(700, 40_000, np.float32, 0, False)
def test_equals_the_pass_without_a_plan(n, t, dtype, seed, soft):
    s, triplets = reals(seed, n, n, dtype=dtype), draw_triplets(seed, n, t)
    answers = np.abs(reals(seed + 1, t, 3, dtype=dtype)) if soft else None
    given_as = s, triplets, answers, 0.7, 1 / t
    close(run(*given_as), run(*given_as, sort=False), dtype, t, scale=4 / 0.7 / t)


@pytest.mark.parametrize("dtype", FLOATS)
def test_equals_the_reference(dtype):
    s, triplets, answers = reals(1, 9, 9, dtype=dtype), draw_triplets(1, 9, 300), np.abs(reals(2, 300, 3, dtype=dtype))
    value, gradient = run(s, triplets, answers)
    expected, by_s = run(s, triplets, answers, backend=get_host_backend("reference"))
    eps = float(np.finfo(dtype).eps)
    assert value == pytest.approx(expected, rel=16 * eps)
    np.testing.assert_allclose(gradient, by_s, rtol=0, atol=64 * eps * len(triplets) / 36)


def test_whole_residuals_are_added_exactly():
    """With equal similarities a residual is a third of all answers less its own: whole, where 3 divides the counts."""
    n, t = 50, 30_000
    triplets, answers = draw_triplets(1, n, t), 3.0 * np.random.default_rng(2).integers(0, 4, (t, 3))
    s = np.zeros((n, n))
    _, found = run(s, triplets, answers)
    expected = np.zeros((n, n))
    for (p, q), odd in {(0, 1): 2, (0, 2): 1, (1, 2): 0}.items():
        np.add.at(expected, (triplets[:, p], triplets[:, q]), answers.sum(axis=1) / 3 - answers[:, odd])
    np.testing.assert_array_equal(found.round(6), expected)


@pytest.mark.compiled
def test_the_plan_is_sorted_and_holds_every_triplet_once():
    triplets = draw_triplets(3, 300, 20_000)
    order = HOST.plan_triplets(triplets, 300).order
    np.testing.assert_array_equal(order, np.lexsort((triplets[:, 1], triplets[:, 0])))


@pytest.mark.parametrize("dtype", FLOATS)
def test_does_not_depend_on_the_number_of_threads(isa, set_threads, dtype):
    s, triplets = reals(4, 400, 400, dtype=dtype), draw_triplets(5, 400, 50_000)
    results = set()
    for threads in (1, 2, 5):
        set_threads(threads)
        value, gradient = run(s, triplets)
        results.add((value, gradient.tobytes()))
    assert len(results) == 1


@pytest.mark.parametrize("index", INDICES)
def test_takes_triplets_of_every_type_and_layout(index):
    s, triplets = reals(6, 30, 30), draw_triplets(7, 30, 700)
    expected = run(s, triplets)[1]
    wide = np.zeros((700, 5), index)
    wide[:, 1:4] = triplets
    for given_as in (triplets.astype(index), np.asfortranarray(triplets.astype(index)), wide[:, 1:4]):
        np.testing.assert_array_equal(run(s, given_as)[1], expected)


def test_triplets_of_one_item_and_similarities_with_rows_apart():
    triplets = np.repeat([[5, 2, 7]], 3000, axis=0)
    s = reals(8, 9, 20)[:, :9]
    expected = run(np.ascontiguousarray(s), triplets, sort=False)
    np.testing.assert_allclose(run(s, triplets)[1], expected[1], rtol=1e-5)


@pytest.mark.parametrize("backend", ["auto", NATIVE, "numpy", "reference", "torch"])
@pytest.mark.parametrize("soft", [False, True])
def test_stands_in_the_place_of_triplets(backend, soft):
    if backend == "torch":
        pytest.importorskip("torch")
    triplets, answers = draw_triplets(9, 40, 900), np.abs(reals(1, 900, 3)) if soft else None
    plan = TripletPlan(triplets, 40, answers=answers, sort=True)
    for dtype in FLOATS:
        s = reals(2, 40, 40, dtype=dtype)
        loss, gradient = triplet_gradient(s, plan, temperature=0.5, backend=backend)
        expected, by_s = triplet_gradient(s, triplets, answers=answers, temperature=0.5, backend=backend)
        assert loss == pytest.approx(expected, rel=1e-6)
        assert gradient.dtype == dtype
        np.testing.assert_allclose(gradient, by_s, rtol=0, atol=1e-6)


@pytest.mark.compiled
def test_sorts_where_that_pays_and_as_it_is_told():
    for n, share, sorts in ((1000, 0.06, True), (1000, 0.04, False), (3000, 0.21, True), (3000, 0.1, False)):
        triplets = np.broadcast_to([0, 1, 2], (int(share * n * n), 3))
        assert (TripletPlan(triplets, n)._native is not None) == sorts
    assert TripletPlan([[0, 1, 2]], 3, sort=True)._native is not None
    assert TripletPlan([[0, 1, 2]], 3, sort=False)._native is None


def test_can_be_pickled():
    triplets, answers, s = draw_triplets(1, 30, 600), np.abs(reals(1, 600, 3)), reals(2, 30, 30)
    plan = TripletPlan(triplets, 30, answers=answers)
    loss, gradient = triplet_gradient(s, plan)
    again, by_s = triplet_gradient(s, pickle.loads(pickle.dumps(plan)))
    assert again == loss
    np.testing.assert_array_equal(by_s, gradient)


@pytest.mark.compiled
def test_as_many_items_as_it_can_number_are_planned():
    assert HOST.plan_triplets(np.array([[0, 1, 65_535]]), 65_536).order.tolist() == [0]


def test_more_items_than_it_can_number_are_taken_as_they_are():
    assert HOST.plan_triplets(np.array([[0, 1, 65_536]]), 65_537) is None
    assert TripletPlan([[0, 1, 70_000]], 70_001).weight == 1


@pytest.mark.parametrize("sort", [False, True])
def test_refuses_what_it_cannot_use(sort, message_of):
    wrong = "triplets must name three different items; row 1 is [0, 1, 1]"
    assert message_of(TripletPlan, [[0, 1, 2], [0, 1, 1]], 3, sort=sort) == wrong
    assert message_of(TripletPlan, [[0, 1, 3]], 3, sort=sort).startswith("triplets must lie in [0, 3)")
    assert message_of(TripletPlan, [[0, 1, 2]], 2, sort=sort).startswith("n must be a whole number from 3")
    assert message_of(TripletPlan, [[0, 1, 2]], 3, answers=[[1, 0]], sort=sort).startswith(
        "answers must have shape (1, 3)"
    )
    plan = TripletPlan([[0, 1, 2]], 3, sort=sort)
    assert message_of(triplet_gradient, np.zeros((4, 4)), plan) == (
        "matrix must be of the 3 items of the plan; got shape (4, 4)"
    )
    assert message_of(triplet_gradient, np.zeros((3, 3)), plan, answers=[[0, 0, 1]]) == (
        "answers must be given to the TripletPlan; got a plan and answers as well"
    )


@pytest.mark.parametrize("sort", [False, True])
@pytest.mark.parametrize("weight", [1e39, 1e-300])
def test_refuses_answers_that_the_dtype_of_the_similarities_cannot_hold(sort, weight, message_of):
    plan = TripletPlan([[0, 1, 2]], 3, answers=[[0, 0, weight]], sort=sort)
    for _ in range(2):
        message = message_of(triplet_gradient, np.zeros((3, 3), np.float32), plan)
        assert message.startswith("answers must be finite, at least 0, and not all 0")
    assert triplet_gradient(np.zeros((3, 3)), plan)[0] == pytest.approx(np.log(3))


@pytest.mark.compiled
def test_the_module_refuses_arrays_that_do_not_fit():
    plan, s = _native.plan_triplets(np.array([[0, 1, 2]]), 3), np.zeros((3, 3), np.float32)
    for similarities, answers, gradient in (
        (np.zeros((4, 4), np.float32), None, np.empty((4, 4), np.float32)),
        (s, None, np.empty((3, 3))),
        (s, None, np.empty((3, 4), np.float32)[:, :3]),
        (s, np.ones((2, 3), np.float32), np.empty((3, 3), np.float32)),
        (s, np.ones((1, 3)), np.empty((3, 3), np.float32)),
        (s, [[1.0, 1.0, 1.0]], np.empty((3, 3), np.float32)),
        (np.zeros((3, 3)), [[1.0, 1.0, 1.0]], np.empty((3, 3))),
    ):
        with pytest.raises(ValueError):
            _native.planned_gradient(similarities, plan, answers, 1.0, 1.0, gradient, 3)
    for n in (0, -1, 65_537, 2**63 - 1):
        with pytest.raises(ValueError):
            _native.plan_triplets(np.array([[0, 1, 2]]), n)

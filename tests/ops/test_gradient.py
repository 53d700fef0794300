"""pyalign.triplet_gradient: equal to the definition, to finite differences, and the same for any number of threads."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support import BEST, FLOATS, draw_triplets, floats, pairs_of, reals, seeds

import pyalign
from pyalign import triplet_gradient


def by_definition(s, triplets, temperature):
    """Mean cross-entropy, its gradient, and the sum of the magnitudes in each element; float64, nothing of pyalign."""
    pairs = pairs_of(s.astype(np.float64), triplets) / temperature
    exponentials = np.exp(pairs - pairs.max(axis=0))
    p = exponentials / exponentials.sum(axis=0)
    residuals = (p - np.array([[1], [0], [0]])) / temperature / len(triplets)
    gradient, magnitude = np.zeros(s.shape), np.zeros(s.shape)
    a, b, c = triplets.T.astype(np.int64)
    for (i, j), residual in zip(((a, b), (a, c), (b, c)), residuals, strict=True):
        np.add.at(gradient, (i, j), residual)
        np.add.at(magnitude, (i, j), 1 / temperature / len(triplets))
    return -np.log(p[0]).mean(), gradient, magnitude


def matrix(seed, n, dtype):
    return reals(seed, n, n, dtype=dtype)  # not symmetric: which of its halves is read shows


@given(
    st.sampled_from((3, 5, 61, 200)), st.sampled_from((1, 2, 511, 513, 20000)), floats, seeds, st.sampled_from((0.3, 1))
)
@example(700, 40000, np.float32, 0, 1.0)
def test_equals_the_definition(backend, n, t, dtype, seed, temperature):
    s, triplets = matrix(seed, n, dtype), draw_triplets(seed, n, t)
    loss, gradient = triplet_gradient(s, triplets, temperature=temperature, backend=backend)
    expected_loss, expected, magnitude = by_definition(s, triplets, temperature)
    eps = float(np.finfo(dtype).eps)
    # Terms are of the rows' dtype, their sum is float64's; of few triplets again and again it always rounds one way.
    rounding = 16 * eps + t * np.finfo(np.float64).eps / 8
    assert loss == pytest.approx(expected_loss, rel=rounding, abs=rounding)
    assert gradient.dtype == dtype
    # A sum in the rows' dtype of as many terms as triplets read the element.
    terms = magnitude.max() * t * temperature
    assert (abs(gradient - expected) <= (64 + terms) * eps * magnitude).all()


@pytest.mark.parametrize("dtype", FLOATS)
def test_equals_the_reference(backend, dtype):
    s, triplets = matrix(1, 9, dtype), draw_triplets(1, 9, 300)
    loss, gradient = triplet_gradient(s, triplets, temperature=0.5, backend=backend)
    expected_loss, expected = triplet_gradient(s, triplets, temperature=0.5, backend="reference")
    assert loss == pytest.approx(expected_loss, rel=16 * float(np.finfo(dtype).eps))
    np.testing.assert_allclose(gradient, expected, rtol=0, atol=64 * np.finfo(dtype).eps)


def test_agrees_with_finite_differences(backend):
    s, triplets = matrix(2, 5, np.float64), draw_triplets(2, 5, 40)
    _, gradient = triplet_gradient(s, triplets, temperature=0.7, backend=backend)
    for i, j in np.ndindex(5, 5):
        step = np.zeros((5, 5))
        step[i, j] = 1e-5
        up, down = (triplet_gradient(s + sign * step, triplets, temperature=0.7)[0] for sign in (1, -1))
        assert gradient[i, j] == pytest.approx((up - down) / 2e-5, abs=1e-9)


def test_loss_is_the_cross_entropy_of_score(backend):
    x, triplets = reals(3, 40, 7), draw_triplets(3, 40, 5000)
    s = pyalign.similarity(x, measure="dot")
    loss, _ = triplet_gradient(s, triplets, temperature=2.0, backend=backend)
    assert loss == pytest.approx(pyalign.score(x, triplets, measure="dot", temperature=2.0).cross_entropy, rel=1e-6)


def test_does_not_depend_on_the_number_of_threads(isa, set_threads):
    s, triplets = matrix(4, 300, np.float32), draw_triplets(4, 300, 70_000)
    results = []
    for threads in (1, 2, 3, 7):
        set_threads(threads)
        loss, gradient = triplet_gradient(s, triplets)
        results.append((loss, gradient.tobytes()))
    assert len(set(results)) == 1


@pytest.mark.parametrize("soft", [False, True])
def test_plain_torch_gives_the_same_bits_every_time_and_for_any_number_of_threads(soft):
    """Rounds of different numbers of threads, and each again: threads that add together differ from run to run."""
    torch = pytest.importorskip("torch", reason="torch is not installed")
    s, triplets = matrix(11, 300, np.float32), draw_triplets(11, 300, 300_001)
    answers = np.random.default_rng(11).integers(0, 4, triplets.shape) if soft else None
    before, results = torch.get_num_threads(), set()
    try:
        for threads in (1, 2, 2, 3, 2):
            torch.set_num_threads(threads)
            loss, gradient = triplet_gradient(s, triplets, answers=answers, backend="torch")
            results.add((loss, gradient.tobytes()))
    finally:
        torch.set_num_threads(before)
    assert len(results) == 1


@pytest.mark.parametrize("dtype", ["int16", "uint16", "int32", "int64", "uint8"])
def test_takes_triplets_of_every_type_and_layout(backend, dtype):
    s, triplets = matrix(5, 50, np.float32), draw_triplets(5, 50, 1000)
    expected = triplet_gradient(s, triplets, backend=backend)[1]
    for arranged in (triplets.astype(dtype), np.asfortranarray(triplets.astype(dtype)), triplets.astype(dtype)[::-1]):
        ours = triplet_gradient(s, arranged, backend=backend)[1]
        np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-9)
    wide = np.zeros((50, 60), np.float32)
    wide[:, 5:55] = s
    np.testing.assert_array_equal(triplet_gradient(wide[:, 5:55], triplets, backend=backend)[1], expected)


def test_extreme_similarities_neither_overflow_nor_give_nan(backend):
    s = np.array([[0, 1e30, -1e30], [0, 0, 1e30], [0, 0, 0]], np.float32)
    loss, gradient = triplet_gradient(s, [[0, 1, 2]], temperature=1e-3, backend=backend)
    assert loss == pytest.approx(np.log(2), rel=1e-6)
    np.testing.assert_allclose(gradient, [[0, -500, 0], [0, 0, 500], [0, 0, 0]], rtol=1e-6, atol=1e-30)


def test_refuses_what_it_cannot_use(backend, message_of):
    s = np.eye(4)
    gradient = triplet_gradient
    assert message_of(gradient, s, [[0, 1, 4]], backend=backend) == "triplets must lie in [0, 4); row 0 is [0, 1, 4]"
    assert "three different items" in message_of(gradient, s, [[0, 1, 2], [3, 3, 1]], backend=backend)
    assert message_of(gradient, s[:3], [[0, 1, 2]], backend=backend).startswith("matrix must have shape (n, n)")
    assert message_of(gradient, s * np.nan, [[0, 1, 2]], backend=backend).startswith("matrix must be finite")
    assert message_of(gradient, s, [[0, 1, 2]], temperature=0, backend=backend).startswith("temperature must be")


# Soft answers


def soft_definition(s, triplets, answers, temperature):
    """Mean over all answers, and its gradient; float64."""
    logs = pairs_of(s.astype(np.float64), triplets) / temperature
    logs = logs - logs.max(axis=0)
    logs -= np.log(np.exp(logs).sum(axis=0))
    y = answers.T[::-1]
    gradient = np.zeros(s.shape)
    a, b, c = triplets.T.astype(np.int64)
    residuals = (y.sum(axis=0) * np.exp(logs) - y) / temperature / y.sum()
    for (i, j), residual in zip(((a, b), (a, c), (b, c)), residuals, strict=True):
        np.add.at(gradient, (i, j), residual)
    return -(y * logs).sum() / y.sum(), gradient


@pytest.mark.parametrize("dtype", FLOATS)
@given(st.sampled_from((1, 511, 513, 17000)), seeds, st.sampled_from((0.3, 1)))
def test_soft_answers_equal_the_definition(backend, dtype, t, seed, temperature):
    s, triplets = matrix(seed, 40, dtype), draw_triplets(seed, 40, t)
    answers = np.random.default_rng(seed).integers(0, 4, (t, 3)) + np.array([0, 0, 1])
    loss, gradient = triplet_gradient(s, triplets, answers=answers, temperature=temperature, backend=backend)
    expected_loss, expected = soft_definition(s, triplets, answers, temperature)
    eps = float(np.finfo(dtype).eps)
    assert loss == pytest.approx(expected_loss, rel=64 * eps + t * np.finfo(np.float64).eps / 8)
    np.testing.assert_allclose(gradient, expected, rtol=0, atol=200 * eps / temperature)


def test_soft_answers_equal_the_reference():
    s, triplets = matrix(1, 9, np.float64), draw_triplets(1, 9, 60)
    answers = np.random.default_rng(0).random((60, 3)) * [1, 1, 0]
    results = [triplet_gradient(s, triplets, answers=answers, backend=name) for name in ("auto", "numpy", "reference")]
    for loss, gradient in results[:2]:
        assert loss == pytest.approx(results[2][0], rel=1e-12)
        np.testing.assert_allclose(gradient, results[2][1], atol=1e-14)


def test_one_answer_as_a_target_is_the_answer(backend):
    s, triplets = matrix(2, 30, np.float32), draw_triplets(2, 30, 2000)
    hard = triplet_gradient(s, triplets, backend=backend)
    soft = triplet_gradient(s, triplets, answers=np.tile([0, 0, 7], (2000, 1)), backend=backend)
    assert soft[0] == pytest.approx(hard[0], rel=1e-6)
    np.testing.assert_allclose(soft[1], hard[1], atol=1e-8)


def test_answers_move_with_the_positions_and_weights_count_as_repeats(backend):
    s = matrix(3, 30, np.float64)
    s = s + s.T
    triplets = draw_triplets(3, 30, 500)
    moved = triplet_gradient(s, triplets[:, [2, 0, 1]], answers=np.tile([1.0, 0, 0], (500, 1)), backend=backend)
    plain = triplet_gradient(s, triplets, backend=backend)
    assert moved[0] == pytest.approx(plain[0], rel=1e-9)
    np.testing.assert_allclose(moved[1] + moved[1].T, plain[1] + plain[1].T, atol=1e-12)
    weights = np.arange(500) % 3
    weighted = triplet_gradient(s, triplets, answers=np.outer(weights, [0, 0, 1.0]), backend=backend)
    repeated = triplet_gradient(s, np.repeat(triplets, weights, axis=0), backend=backend)
    assert weighted[0] == pytest.approx(repeated[0], rel=1e-9)
    np.testing.assert_allclose(weighted[1], repeated[1], atol=1e-12)


def test_takes_answers_of_every_type_and_layout(backend):
    s, triplets = matrix(5, 30, np.float32), draw_triplets(5, 30, 500)
    counts = np.random.default_rng(5).integers(0, 4, (500, 4))
    for dtype in ("uint8", "int64", "float16", "float32", "float64"):
        given = counts.astype(dtype)
        expected = triplet_gradient(s, triplets, answers=np.ascontiguousarray(given[:, :3]), backend=backend)
        for arranged in (given[:, :3], np.asfortranarray(given[:, :3]), given[:, :3].tolist()):
            loss, gradient = triplet_gradient(s, triplets, answers=arranged, backend=backend)
            assert loss == expected[0]
            np.testing.assert_array_equal(gradient, expected[1])


@pytest.mark.parametrize("odd", [0, 1, 2])
@pytest.mark.parametrize("dtype", FLOATS)
def test_what_is_missing_to_a_probability_of_one_keeps_its_digits(backend, dtype, odd):
    """Similarities 60 below the chosen pair's: p is 1 in any type, and 1 - p is 2e-26."""
    first, second = [(1, 2), (0, 2), (0, 1)][odd]
    s = np.full((3, 3), -60, dtype)
    s[first, second] = 0
    loss, gradient = triplet_gradient(s, [[0, 1, 2]], answers=np.eye(3)[[odd]], backend=backend)
    expected = np.exp(-60.0) * np.triu(np.ones((3, 3)), 1)
    expected[first, second] = -2 * np.exp(-60.0)
    assert loss == pytest.approx(2 * np.exp(-60.0), rel=1e-5)
    np.testing.assert_allclose(gradient, expected, rtol=1e-5)


def test_soft_answers_do_not_depend_on_the_number_of_threads(isa, set_threads):
    s, triplets = matrix(4, 300, np.float32), draw_triplets(4, 300, 70_000)
    answers = np.random.default_rng(0).random((70_000, 3))
    results = set()
    for threads in (1, 2, 7):
        set_threads(threads)
        loss, gradient = triplet_gradient(s, triplets, answers=answers)
        results.add((loss, gradient.tobytes()))
    assert len(results) == 1


def test_refuses_answers_that_are_no_weights(backend, message_of):
    s, gradient = np.eye(4), triplet_gradient
    assert message_of(gradient, s, [[0, 1, 2]], answers=[[1, 0]], backend=backend) == (
        "answers must have shape (1, 3), a row for each triplet; got (1, 2)"
    )
    for wrong in ([[1, 0, -1]], [[0, 0, 0]], [[0, np.nan, 1]]):
        assert "answers must be finite, at least 0" in message_of(
            gradient, s, [[0, 1, 2]], answers=wrong, backend=backend
        )


def test_answers_of_one_triplet_may_lie_in_a_wider_row():
    wide, s = np.arange(6.0)[None], reals(0, 3, 3, dtype=np.float64)
    for triplets in ([[0, 1, 2]], None):
        given = wide[:, :3]
        plan = triplets or pyalign.TripletPlan([[0, 1, 2]], 3, answers=given)
        loss, _ = triplet_gradient(s, plan, answers=given if triplets else None, backend=BEST)
        assert loss == triplet_gradient(s, [[0, 1, 2]], answers=given.copy(), backend=BEST)[0]

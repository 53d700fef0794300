"""Kernels of two alternatives, an anchor's two options: every host backend against plain loops of the definition."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import FLOATS, NATIVE, TRIPLETS, draw_triplets, reals, seeds, whole

import pyalign
from pyalign.backends import LossSums, get_host_backend

EPS = {dtype: float(np.finfo(dtype).eps) for dtype in FLOATS}


def two(similarities):
    """The first two of the three similarities of each triplet, as plain floats."""
    return [(float(a), float(b)) for a, b, _ in similarities]


def probability(mine, other, temperature):
    """exp(mine / T) / (exp(mine / T) + exp(other / T)); nothing of pyalign."""
    return 1.0 / (1.0 + math.exp(min((other - mine) / temperature, 700.0)))


def outcomes_of(name, similarities, temperature):
    t, dtype = len(similarities), similarities.dtype
    found = np.empty(t, np.int8), np.empty(t, dtype), np.empty(t, dtype)
    get_host_backend(name).outcomes(similarities, temperature, *found, alternatives=2)
    return found


@given(seed=seeds, temperature=st.sampled_from((0.3, 1.0, 20.0)), dtype=st.sampled_from(FLOATS))
def test_outcomes_are_those_of_the_definition(host_backend, seed, temperature, dtype):
    similarities = whole(seed, 60, 3, dtype=dtype)
    similarities[:, 2] = 1e6  # the pair of the two options is not asked about
    verdicts, nats, entropies = outcomes_of(host_backend, similarities, temperature)
    for row, (chosen, other) in enumerate(two(similarities)):
        p = probability(chosen, other, temperature), probability(other, chosen, temperature)
        assert verdicts[row] == (2 if chosen == other else 1 if chosen > other else -1)
        assert nats[row] == pytest.approx(-math.log(p[0]), rel=64 * EPS[dtype], abs=1e-12)
        assert entropies[row] == pytest.approx(-sum(q * math.log(q) for q in p), rel=64 * EPS[dtype], abs=1e-12)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("t", TRIPLETS)
def test_outcomes_equal_the_reference_at_any_number_of_triplets(isa, t, dtype):
    similarities = reals(t, t, 3, dtype=dtype)
    expected, found = outcomes_of("reference", similarities, 0.2), outcomes_of("native", similarities, 0.2)
    np.testing.assert_array_equal(found[0], expected[0])
    for ours, wanted in zip(found[1:], expected[1:], strict=True):
        np.testing.assert_allclose(ours, wanted, rtol=1e-4 if dtype == np.float32 else 1e-12, atol=1e-35)


def test_a_model_that_knows_nothing_ties_everywhere_at_log_2(host_backend):
    verdicts, nats, entropies = outcomes_of(host_backend, np.ones((5, 3)) * [1, 1, 0], 1.0)
    assert verdicts.tolist() == [2] * 5
    np.testing.assert_allclose([*nats, *entropies], math.log(2), rtol=1e-15)


def loss_by_definition(similarities, targets, weights, beta):
    """The six sums of `LossSums`, and the probability of the better option of each triplet."""
    sums, confidences = [0.0] * 6, []
    for row, s in enumerate(two(similarities)):
        w = 1.0 if weights is None else float(weights[row])
        u = s[0] if targets is None else min(float(targets[row]), max(s))
        p = probability(s[0], s[1], 1 / beta) if beta else 0.5
        mean = p * s[0] + (1 - p) * s[1]
        variance = p * (s[0] - mean) ** 2 + (1 - p) * (s[1] - mean) ** 2
        loss = math.log(sum(math.exp(beta * (one - max(s))) for one in s)) + beta * (max(s) - u)
        parts = w, w * loss, w * (mean - u), w * variance, (w * (mean - u)) ** 2, w * (max(s) - u)
        sums = [total + part for total, part in zip(sums, parts, strict=True)]
        confidences.append(max(p, 1 - p))
    return sums, confidences


@given(seed=seeds, beta=st.sampled_from((0.0, 0.01, 1.0, 25.0)), soft=st.booleans(), dtype=st.sampled_from(FLOATS))
def test_temperature_sums_are_those_of_the_definition(host_backend, seed, beta, soft, dtype):
    similarities, rng = reals(seed, 50, 3, dtype=dtype), np.random.default_rng(seed)
    similarities[:, 2] += 50
    share = rng.random(50)
    targets = (share * similarities[:, 0] + (1 - share) * similarities[:, 1]).astype(float) if soft else None
    weights = rng.integers(0, 5, 50).astype(float) if soft else None
    found = np.empty(50)
    sums = get_host_backend(host_backend).temperature_sums(similarities, targets, weights, beta, found, alternatives=2)
    expected, confidences = loss_by_definition(similarities, targets, weights, beta)
    ours = [getattr(sums, name) for name in LossSums.__dataclass_fields__]
    np.testing.assert_allclose(ours, expected, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(found, confidences, rtol=1e-12)


def test_temperature_sums_do_not_depend_on_the_number_of_threads(isa, set_threads):
    similarities, seen = reals(5, 50_001, 3), set()
    for threads in (1, 2, 3, 8):
        set_threads(threads)
        seen.add(get_host_backend("native").temperature_sums(similarities, None, None, 3.0, alternatives=2))
    assert len(seen) == 1


def gradient_by_definition(s, triplets, temperature, targets):
    gradient, loss = np.zeros(s.shape), 0.0
    for row, (anchor, chosen, other) in enumerate(triplets.tolist()):
        a, b = float(s[anchor, chosen]), float(s[anchor, other])
        p = probability(a, b, temperature)
        y = (1.0, 0.0) if targets is None else (float(targets[row, 2]), float(targets[row, 1]))
        gradient[anchor, chosen] += (sum(y) * p - y[0]) / temperature
        gradient[anchor, other] += (sum(y) * (1 - p) - y[1]) / temperature
        loss -= y[0] * math.log(p) + y[1] * math.log(probability(b, a, temperature))
    return loss, gradient


def gradient_of(name, s, triplets, temperature, targets, planned):
    backend, out = get_host_backend(name), np.empty_like(s)
    if not planned:
        return backend.triplet_gradient(s, triplets, temperature, 1.0, out, targets, alternatives=2), out
    plan = backend.plan_triplets(triplets, len(s))
    ordered = None if targets is None else np.ascontiguousarray(targets[plan.order])
    return backend.planned_gradient(s, plan, temperature, 1.0, out, ordered, alternatives=2), out


@given(seed=seeds, soft=st.booleans(), temperature=st.sampled_from((0.5, 1.0)), dtype=st.sampled_from(FLOATS))
@pytest.mark.parametrize("name", [NATIVE, "numpy", "reference", pytest.param("planned", marks=pytest.mark.compiled)])
def test_the_gradient_is_that_of_the_definition(name, seed, soft, temperature, dtype):
    s, triplets = reals(seed, 9, 9, dtype=dtype), draw_triplets(seed, 9, 40)
    targets = np.random.default_rng(seed).random((40, 3)).astype(dtype) if soft else None
    engine = "native" if name == "planned" else name
    loss, gradient = gradient_of(engine, s, triplets, temperature, targets, name == "planned")
    expected_loss, expected = gradient_by_definition(s, triplets, temperature, targets)
    assert loss == pytest.approx(expected_loss, rel=64 * EPS[dtype])
    np.testing.assert_allclose(gradient, expected, atol=256 * EPS[dtype])


@pytest.mark.parametrize("planned", [False, True])
def test_the_gradient_does_not_depend_on_the_number_of_threads(isa, set_threads, planned):
    s, triplets, seen = reals(4, 300, 300), draw_triplets(4, 300, 70_000), set()
    for threads in (1, 2, 3, 7):
        set_threads(threads)
        loss, gradient = gradient_of("native", s, triplets, 1.0, None, planned)
        seen.add((loss, gradient.tobytes()))
    assert len(seen) == 1


@pytest.mark.compiled
@pytest.mark.parametrize("alternatives", [0, 1, 4])
def test_the_binding_takes_two_or_three(alternatives):
    native, s = get_host_backend("native"), np.zeros((4, 3))
    for call in (
        lambda: native.outcomes(s, 1.0, None, None, None, alternatives=alternatives),
        lambda: native.temperature_sums(s, None, None, 1.0, alternatives=alternatives),
        lambda: native.triplet_gradient(
            np.eye(3), np.array([[0, 1, 2]]), 1.0, 1.0, np.empty((3, 3)), alternatives=alternatives
        ),
    ):
        with pytest.raises(ValueError, match=r"alternatives must be 2 or 3|argument"):
            call()


@pytest.mark.parametrize("sort", [False, True])
def test_a_plan_knows_that_there_are_two(host_backend, sort):
    s, triplets = reals(6, 12, 12, dtype=np.float64), draw_triplets(6, 12, 200)
    plan = pickle.loads(pickle.dumps(pyalign.TripletPlan(triplets, 12, sort=sort, alternatives=2)))
    loss, gradient = pyalign.triplet_gradient(s, plan, backend=host_backend)
    expected_loss, expected = gradient_by_definition(s, triplets, 1.0, None)
    assert loss == pytest.approx(expected_loss / 200, rel=1e-12)
    np.testing.assert_allclose(gradient, expected / 200, atol=1e-12)


def test_a_plan_of_two_is_for_the_host(message_of):
    pytest.importorskip("torch")
    plan = pyalign.TripletPlan([[0, 1, 2]], 3, alternatives=2)
    message = "a plan of two alternatives needs a backend on the host; got 'torch'"
    assert message_of(pyalign.triplet_gradient, np.eye(3), plan, backend="torch") == message
    message = "alternatives must be a whole number from 2 to 3; got 4"
    assert message_of(pyalign.TripletPlan, [[0, 1, 2]], 3, alternatives=4) == message

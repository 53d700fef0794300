"""The loss of an inverse temperature and its derivatives: every backend against the reference, and by differences."""

from __future__ import annotations

from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import FLOATS, reals, seeds

from pyalign.backends import LossSums, get_host_backend

REFERENCE = get_host_backend("reference")


def case(seed, t, dtype, soft):
    """Similarities, and where soft target similarities within each triplet's range and weights, some of them 0."""
    similarities = reals(seed, t, 3, dtype=dtype)
    if not soft:
        return similarities, None, None
    rng = np.random.default_rng(seed)
    targets = (rng.dirichlet([0.5] * 3, t) * similarities).sum(axis=1)
    return similarities, targets, rng.integers(0, 5, t).astype(float)


def close(found, expected, t):
    np.testing.assert_allclose(astuple(found), astuple(expected), rtol=1e-12, atol=1e-13 * t)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("t", [1, 2, 511, 512, 513, 16385])  # 512 are a block, 16,384 a chunk
def test_equal_the_reference(host_backend, t, soft, dtype):
    inputs = case(t, t, dtype, soft)
    expected, found = np.empty(t), np.empty(t)
    for beta in (1.7,) if t > 1000 else (0.0, 1e-3, 1.7, 40.0):
        close(
            get_host_backend(host_backend).temperature_sums(*inputs, beta, found),
            REFERENCE.temperature_sums(*inputs, beta, expected),
            t,
        )
        np.testing.assert_allclose(found, expected, rtol=1e-13)


@given(seed=seeds, beta=st.floats(0.01, 30))
def test_first_and_second_are_the_derivatives_of_the_loss(host_backend, seed, beta):
    inputs, host, h = case(seed, 700, np.float64, True), get_host_backend(host_backend), 1e-4 * beta
    low, at, high = (host.temperature_sums(*inputs, b) for b in (beta - h, beta, beta + h))
    assert (high.loss - low.loss) / (2 * h) == pytest.approx(at.first, rel=1e-5, abs=1e-4)
    assert (high.first - low.first) / (2 * h) == pytest.approx(at.second, rel=1e-5, abs=1e-4)


@pytest.mark.parametrize("soft", [False, True])
def test_do_not_depend_on_the_number_of_threads(isa, set_threads, soft):
    inputs, seen = case(5, 50_001, np.float32, soft), set()
    for threads in (1, 2, 3, 8):
        set_threads(threads)
        confidences = np.empty(50_001)
        sums = get_host_backend("native").temperature_sums(*inputs, 3.0, confidences)
        seen.add((sums, confidences.tobytes()))
    assert len(seen) == 1


def test_stay_finite_at_any_inverse_temperature(host_backend):
    """The exponentials of the lesser pairs underflow; what is left is the shortfall and the count."""
    similarities = np.array([[100.0, 99, 98], [98.0, 99, 100], [5, 5, 5]])
    sums = get_host_backend(host_backend).temperature_sums(similarities, None, None, 1e20)
    assert sums.loss == pytest.approx(2e20)
    assert (sums.first, sums.second, sums.shortfall, sums.weight) == (2.0, pytest.approx(0, abs=1e-9), 2.0, 3.0)


def test_a_target_above_the_best_pair_counts_as_it(host_backend):
    """Rounding can lift a mean of equal similarities above them."""
    similarities, above = np.full((1, 3), 0.7), np.array([np.nextafter(0.7, 1)])
    host = get_host_backend(host_backend)
    assert host.temperature_sums(similarities, above, None, 2.0) == host.temperature_sums(similarities, None, None, 2.0)


def test_constant_similarities_have_no_slope_to_the_last_bit(host_backend):
    similarities = np.repeat(reals(1, 600, 1), 3, axis=1)
    sums = get_host_backend(host_backend).temperature_sums(similarities, None, None, 4.0)
    assert sums == LossSums(600.0, pytest.approx(600 * np.log(3)), 0.0, 0.0, 0.0, 0.0)


@pytest.mark.compiled
@pytest.mark.parametrize(
    "name,array",
    [("targets", np.zeros(4)), ("targets", np.zeros(5, np.float32)), ("weights", np.zeros(10)[::2]),
     ("confidences", np.zeros(4))],
)
def test_the_binding_refuses_what_would_read_wild_memory(name, array):
    arguments = {"targets": None, "weights": None, "beta": 1.0, name: array}
    with pytest.raises(ValueError, match=r"expected|bad output"):
        get_host_backend("native").temperature_sums(np.zeros((5, 3)), **arguments)

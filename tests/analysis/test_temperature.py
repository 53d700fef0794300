"""The optimal temperature: against a general minimizer, and where there is none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp
from support import reals, seeds

from pyalign.analysis.calibration.temperature import minimize
from pyalign.backends import get_host_backend

HOST = get_host_backend()


def fitted(similarities, targets=None, weights=None):
    return minimize(lambda beta: HOST.temperature_sums(similarities, targets, weights, beta))


def by_scipy(similarities, targets, weights, near):
    """1 / T with the least loss, from the formula, in float64; `near` only says where to look."""

    def loss(log_beta):
        beta = np.exp(log_beta)
        return np.average(logsumexp(beta * similarities, axis=1) - beta * targets, weights=weights)

    found = minimize_scalar(
        loss, bounds=(np.log(near) - 3, np.log(near) + 3), method="bounded", options={"xatol": 1e-9}
    )
    return np.exp(found.x), found.fun


@given(seed=seeds, t=st.integers(20, 3000), log_scale=st.floats(-6, 6), strength=st.floats(0.1, 8), soft=st.booleans())
def test_is_that_of_a_general_minimizer(seed, t, log_scale, strength, soft):
    """Answers are drawn at a known strength, then the similarities are scaled by whatever."""
    rng = np.random.default_rng(seed)
    s = rng.normal(size=(t, 3))
    p = np.exp(strength * s)
    p /= p.sum(axis=1, keepdims=True)
    counts = rng.multinomial(1 + 4 * soft, p)
    s *= 10**log_scale
    targets, weights = (counts * s).sum(axis=1) / counts.sum(axis=1), counts.sum(axis=1).astype(float)
    assume((s.mean(axis=1) < targets).mean() > 0.5 and s.mean() < targets.mean() and (targets < s.max(axis=1)).any())
    found = fitted(s, targets, weights)
    beta, least = by_scipy(s, targets, weights, found.beta)
    ours = HOST.temperature_sums(s, targets, weights, found.beta)
    # By values alone a minimum is found to where its curvature drowns in rounding; by derivatives to the last digits.
    flat = np.sqrt(2.0**-52 * ours.loss / (ours.second * found.beta**2))
    assert found.beta == pytest.approx(beta, rel=1e-6 + 4 * flat)
    assert ours.loss / ours.weight <= least * (1 + 1e-14)
    assert abs(ours.first) <= 1e-9 * ours.second * found.beta
    assert found.steps < 60


@pytest.mark.parametrize("margin", [1e-12, 1e-6, 1.0, 100.0])
def test_one_slightly_wrong_answer_among_many_clear_ones_still_has_an_optimum(margin):
    similarities = np.array([[3.0, 1.0, 0.0]] * 5000 + [[0.0, margin, -1.0]])
    found = fitted(similarities)
    sums = HOST.temperature_sums(similarities, None, None, found.beta)
    assert abs(sums.first) <= 1e-8 * max(sums.second * found.beta, margin)
    assert found.steps < 200


def test_scales_with_the_similarities():
    similarities = reals(3, 2000, 3, dtype=np.float64)
    similarities[:, 0] += 0.3
    assert fitted(similarities * 4096).beta * 4096 == pytest.approx(fitted(similarities).beta, rel=1e-14)


@pytest.mark.parametrize(
    "similarities",
    [np.ones((10, 3)), np.array([[0.0, 1.0, 1.0]] * 5 + [[0.5, 0.0, 0.0]]), np.array([[1.0, 0, 0], [0, 1.0, 1.0]])],
    ids=["constant", "worse than chance", "at chance"],
)
def test_no_better_than_chance_is_said_and_gives_no_number(message_of, similarities):
    assert "better than chance" in message_of(fitted, similarities)


@pytest.mark.parametrize("similarities", [[[1.0, 0, 0], [0.5, 0.2, 0.1]], [[1.0, 0, 0], [0.5, 0.5, 0.1]]])
def test_answers_that_are_all_right_are_said_and_give_no_number(message_of, similarities):
    """A tie for the best pair is no mistake either."""
    assert "the best pair is the chosen one in all 2 answers" in message_of(fitted, np.array(similarities))

"""Divergences of distributions, against scipy and their definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from scipy.spatial.distance import jensenshannon
from scipy.special import rel_entr
from scipy.stats import entropy as scipy_entropy
from support import seeds

from pyalign.ops.triplets import run_triplets
from pyalign.stats.divergences import as_distributions, entropy, js_distance, kl, kl_of_logs, log_choice_probabilities


def draw(seed, t=50):
    """Rows of all kinds: with zeros, with all in one place, near the corners."""
    rng = np.random.default_rng(seed)
    p = rng.dirichlet([0.3, 0.3, 0.3], t)
    p[rng.random((t, 3)) < 0.2] = 0
    p[p.sum(axis=1) == 0] = [1, 0, 0]
    return p / p.sum(axis=1, keepdims=True)


@given(seeds)
def test_are_those_of_scipy(seed):
    p, q = draw(seed), draw(seed + 1)
    np.testing.assert_allclose(entropy(p), scipy_entropy(p, axis=1), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(kl(p, q), rel_entr(p, q).sum(axis=1), rtol=1e-10, atol=1e-14)
    # The squares: scipy takes the root of a difference, which loses digits for rows that are near.
    np.testing.assert_allclose(js_distance(p, q) ** 2, jensenshannon(p, q, axis=1) ** 2, rtol=1e-10, atol=1e-15)


@given(seeds)
def test_distance_is_symmetric_and_zero_only_from_itself(seed):
    p, q = draw(seed), draw(seed + 1)
    np.testing.assert_array_equal(js_distance(p, q), js_distance(q, p))
    assert (js_distance(p, p) == 0).all() and (kl(p, p) == 0).all()
    assert (js_distance(p, q) > 0).all() or (p == q).all(axis=1).any()
    assert (js_distance(p, q) <= np.sqrt(np.log(2)) + 1e-15).all()


@pytest.mark.parametrize("step", [1e-3, 1e-6, 1e-9])
def test_distance_of_near_rows_keeps_its_digits(step):
    """For p = 1/2 + step, q = 1/2 - step the divergence is 2 step^2 to leading order; differences would cancel."""
    found = js_distance([[0.5 + step, 0.5 - step]], [[0.5 - step, 0.5 + step]])[0]
    assert found == pytest.approx(np.sqrt(2) * step, rel=max(step**2, 1e-7))


def test_kl_is_infinite_where_the_model_excludes_a_choice_but_not_from_logarithms():
    assert kl([[0.5, 0.5, 0.0]], [[1.0, 0.0, 0.0]])[0] == np.inf
    similarities = np.array([[2000.0, 0.0, 0.0]], np.float32)
    logs = log_choice_probabilities(similarities)
    assert np.exp(logs).tolist() == [[0, 0, 1]]
    assert kl_of_logs(np.array([[0.5, 0.0, 0.5]]), logs)[0] == pytest.approx(1000 - np.log(2))


def test_probabilities_are_in_the_order_of_choice_probabilities():
    x, triplets = np.random.default_rng(0).normal(size=(9, 4)), [[0, 1, 2], [8, 3, 5]]
    results = run_triplets(x, triplets, temperature=0.3, probabilities=True, similarities=True)
    logs = log_choice_probabilities(results.similarities, 0.3)
    np.testing.assert_allclose(np.exp(logs), results.probabilities, rtol=1e-12)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([0.5, 0.5], "p must have shape (t, 3), t > 0; got (2,)"),
        (np.empty((0, 3)), "p must have shape (t, 3), t > 0; got (0, 3)"),
        ([["a", "b", "c"]], "p must hold real numbers; got dtype <U1"),
        ([[0.5, 0.5, 0], [np.nan, 0, 1]], "p must be finite; row 1 is [nan, 0.0, 1.0]"),
        ([[1.5, -0.5, 0]], "p must not be negative; row 0 is [1.5, -0.5, 0.0]"),
        ([[0.5, 0.5, 0], [0.5, 0.4, 0]], "p must sum to 1 in each row; row 1 sums to 0.9"),
    ],
)
def test_what_is_no_distribution_is_refused(message_of, value, message):
    assert message_of(as_distributions, value) == message


def test_shapes_that_differ_are_refused(message_of):
    assert message_of(kl, [[0.5, 0.5]], [[1, 0, 0]]) == "p and q must have one shape; got (1, 2) and (1, 3)"


def test_half_precision_and_rounded_text_are_brought_to_sum_1():
    p = np.array([[0.1, 0.2, 0.7]], np.float16)
    assert as_distributions(p).sum() == pytest.approx(1, abs=1e-15)
    assert as_distributions([[0.333, 0.333, 0.333]])[0] == pytest.approx([1 / 3] * 3, rel=1e-15)

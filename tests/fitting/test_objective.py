"""The loss of triplets and its derivatives: the definition, finite differences, and torch's autograd."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import draw_triplets, numeric, reals, seeds

from pyalign.backends import get_backend
from pyalign.fitting.objective import TripletTerm
from pyalign.fitting.place import gram, product

MEASURES = ("dot", "cosine")


def by_definition(x, triplets, weights, bias, measure, temperature):
    """Mean cross-entropy in nats, a triplet at a time."""
    z = x @ weights + bias
    if measure == "cosine":
        z = z / np.linalg.norm(z, axis=1, keepdims=True)
    losses = []
    for i, j, k in triplets:
        s = np.array([z[i] @ z[j], z[i] @ z[k], z[j] @ z[k]]) / temperature
        losses.append(np.log(np.exp(s - s[0]).sum()))
    return np.mean(losses)


def case(seed, n=9, k=5, r=3, t=40, dtype=np.float64):
    x, triplets = reals(seed, n, k, dtype=dtype), draw_triplets(seed, n, t, np.int32)
    return x, triplets, reals(seed + 1, k, r, dtype=np.float64), reals(seed + 2, r, dtype=np.float64)


@pytest.mark.parametrize("measure", MEASURES)
@given(seeds, st.sampled_from((0.3, 1.0, 2.0)))
def test_value_is_the_mean_cross_entropy(measure, seed, temperature):
    x, triplets, weights, bias = case(seed % 1000)
    slope = TripletTerm(x, triplets, measure=measure, temperature=temperature)(weights, bias)
    assert slope.value == pytest.approx(by_definition(x, triplets, weights, bias, measure, temperature), rel=1e-9)


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("biased", [False, True])
def test_gradient_agrees_with_finite_differences(measure, biased):
    x, triplets, weights, bias = case(3)
    bias = bias * biased
    term = TripletTerm(x, triplets, measure=measure, temperature=0.7)
    slope = term(weights, bias)
    np.testing.assert_allclose(slope.weights, numeric(lambda w: term(w, bias).value, weights), atol=1e-8)
    np.testing.assert_allclose(slope.bias, numeric(lambda b: term(weights, b).value, bias + 1e-300), atol=1e-8)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("measure", MEASURES)
def test_gradient_agrees_with_torch_autograd(measure, dtype):
    torch = pytest.importorskip("torch")
    x, triplets, weights, bias = case(4, n=60, k=20, r=8, t=3000, dtype=dtype)
    slope = TripletTerm(x, triplets, measure=measure)(weights * 0.3, bias * 0.3)
    w, b = (torch.tensor(a * 0.3, requires_grad=True) for a in (weights, bias))
    z = torch.tensor(x.astype(np.float64)) @ w + b
    z = torch.nn.functional.normalize(z) if measure == "cosine" else z
    s = z @ z.T
    i, j, k = torch.tensor(triplets.astype(np.int64)).unbind(1)
    pairs = torch.stack([s[i, j], s[i, k], s[j, k]], 1)
    loss = torch.nn.functional.cross_entropy(pairs, torch.zeros(len(pairs), dtype=torch.long))
    loss.backward()
    close = {np.float32: 1e-4, np.float64: 1e-10}[dtype]
    assert slope.value == pytest.approx(loss.item(), rel=close)
    np.testing.assert_allclose(slope.weights, w.grad.numpy(), atol=close * abs(w.grad.numpy()).max())
    np.testing.assert_allclose(slope.bias, b.grad.numpy(), atol=close * abs(b.grad.numpy()).max())


def test_a_row_that_the_map_sends_to_zero_has_no_gradient_by_cosine():
    x, triplets, weights, _ = case(5)
    x[2] = 0
    slope = TripletTerm(x, triplets, measure="cosine")(weights, np.zeros(3))
    assert np.isfinite(slope.weights).all() and np.isfinite(slope.value)


@pytest.mark.parametrize("measure", MEASURES)
def test_derivative_by_the_gram_matrix_agrees_with_finite_differences_along_a_new_column(measure):
    """A column of length e adds e^2 u u^T to Z Z^T."""
    x, triplets, weights, _ = case(6)
    term = TripletTerm(x, triplets, measure=measure)
    value, by_gram, p = term.by_gram(weights, np.zeros(3))
    u = x @ reals(9, 5, dtype=np.float64)
    step = 1e-4
    wider = np.hstack([weights, np.sqrt(step) * np.linalg.lstsq(x, u, rcond=None)[0][:, None]])
    assert (term(wider, np.zeros(4)).value - value) / step == pytest.approx(u @ by_gram @ u, rel=2e-3)
    assert value == pytest.approx(-np.log(p[:, 2]).mean())


def test_products_are_those_of_numpy_and_do_not_depend_on_the_number_of_threads(set_threads):
    a, b = reals(1, 130, 70), reals(2, 70, 33)
    results = set()
    for threads in (1, 2, 5):
        set_threads(threads)
        results.add(product(get_backend(), a, b).tobytes() + gram(get_backend(), a).tobytes())
    assert len(results) == 1
    np.testing.assert_allclose(product(get_backend(), a, b), a @ b, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(gram(get_backend(), a), a @ a.T, rtol=1e-4, atol=1e-4)

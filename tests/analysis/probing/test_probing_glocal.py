"""gLocal: the local loss and its gradient, and what it keeps."""

from __future__ import annotations

import numpy as np
import pytest
from support import reals

from pyalign import cross_validate_probe
from pyalign.analysis.probing.fit import fit_probe
from pyalign.analysis.probing.glocal import LocalTerm, fit_glocal, neighbour_overlap
from pyalign.datasets.simulate import simulate


def by_definition(before, after, tau):
    """Mean over rows of -sum p log q over the other rows."""
    tables = []
    for x in (before, after):
        u = x / np.linalg.norm(x, axis=1, keepdims=True)
        e = np.exp(u @ u.T / tau) * (1 - np.eye(len(x)))
        tables.append(e / e.sum(axis=1, keepdims=True))
    p, q = tables
    off = ~np.eye(len(before), dtype=bool)
    return -(p[off] * np.log(q[off])).sum() / len(before)


@pytest.mark.parametrize("batch", [12, 5])
def test_value_is_the_cross_entropy_of_each_batch(batch):
    x, w = reals(1, 12, 5, dtype=np.float64), reals(2, 5, 3, dtype=np.float64)
    found = LocalTerm(x, x, tau=0.3, batch=batch)(w).value
    parts = np.array_split(np.arange(12), -(-12 // batch))
    expected = sum(len(p) * by_definition(x[p], x[p] @ w, 0.3) for p in parts) / 12
    assert found == pytest.approx(expected, rel=1e-10)


def test_gradient_agrees_with_finite_differences_and_torch():
    torch = pytest.importorskip("torch")
    x, w = reals(1, 10, 4, dtype=np.float64), reals(2, 4, 3, dtype=np.float64)
    term = LocalTerm(x, x, tau=0.5, batch=10)
    slope = term(w).weights
    leaf = torch.tensor(w, requires_grad=True)
    cosines = [torch.nn.functional.normalize(z, dim=1) for z in (torch.tensor(x), torch.tensor(x) @ leaf)]
    mask = torch.eye(10, dtype=torch.bool)
    logs = [(u @ u.T / 0.5).masked_fill(mask, -torch.inf).log_softmax(1) for u in cosines]
    loss = -(logs[0].exp() * logs[1].masked_fill(mask, 0)).sum() / 10
    loss.backward()
    np.testing.assert_allclose(slope, leaf.grad.numpy(), atol=1e-10)
    step = np.zeros_like(w)
    step[1, 2] = 1e-6
    assert slope[1, 2] == pytest.approx((term(w + step).value - term(w - step).value) / 2e-6, abs=1e-7)


def world():
    x = reals(1, 50, 6)
    return x, simulate(x[:, :2], 4000, measure="dot", seed=2).triplets, reals(3, 200, 6)


def test_a_weight_on_the_local_term_keeps_more_neighbours_at_a_cost():
    x, triplets, images = world()
    kept, costs = [], []
    for alpha in (0.0, 0.5, 0.95):
        fit = fit_glocal(x, triplets, images, l2=1e-3, alpha=alpha)
        kept.append(neighbour_overlap(images, fit.transform.apply(images)))
        costs.append(fit.cross_entropy)
    assert kept == sorted(kept) and kept[2] > kept[0] + 0.1
    assert costs == sorted(costs)


def test_without_the_local_term_it_is_the_probe_with_an_identity_penalty():
    x, triplets, images = world()
    one = fit_glocal(x, triplets, images, l2=0.01, alpha=0.0)
    assert one.objective == pytest.approx(fit_probe(x, triplets, l2=0.01, penalty="identity").objective, abs=1e-6)


def test_cross_validation_takes_the_local_term_into_every_fold():
    x, triplets, images = world()
    options = {"penalty": "identity", "penalties": [0.1, 0.01]}
    plain = cross_validate_probe(x, triplets, **options)
    both = cross_validate_probe(x, triplets, images=images, alpha=0.9, **options)
    overlap = [neighbour_overlap(images, r.fit.transform.apply(images)) for r in (plain, both)]
    assert overlap[1] > overlap[0] and both.folds[0].accuracy != plain.folds[0].accuracy


def test_overlap_is_the_share_of_shared_neighbours():
    x, z = reals(1, 40, 3), reals(2, 40, 3)
    u, v = (a / np.linalg.norm(a, axis=1, keepdims=True) for a in (x, z))
    near = [[set(np.argsort(-row)[1:6]) for row in a @ a.T] for a in (u, v)]
    expected = np.mean([len(a & b) / 5 for a, b in zip(*near, strict=True)])
    assert neighbour_overlap(x, z, k=5) == pytest.approx(expected)


@pytest.mark.parametrize(("options", "message"), [
    ({"alpha": 1.5}, "alpha must be a number from 0 to 1; got 1.5"),
    ({"tau": 0}, "tau must be a positive number; got 0"),
    ({"batch": 1}, "batch must be a whole number of at least 3; got 1"),
    ({"images": np.ones((9, 5))}, "images must have shape (m, 6) with m >= 3; got (9, 5)"),
])  # fmt: skip
def test_refuses_what_it_cannot_use(message_of, options, message):
    x, triplets, images = world()
    assert message_of(fit_glocal, x, triplets, options.pop("images", images), l2=1, **options) == message


def test_other_penalties_are_refused(message_of):
    x, triplets, images = world()
    assert message_of(cross_validate_probe, x, triplets, images=images).startswith("penalty must be 'identity' with")

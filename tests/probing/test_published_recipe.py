"""The published training, to which probes are compared: the same steps as torch's Adam on one-hot products."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from support import reals

sys.path.append(str(Path(__file__).resolve().parents[2]))

from benchmarks.published_recipe import PATIENCE, Adam, epochs
from pyalign.datasets.simulate import simulate


def world(n=40, d=6, t=2000):
    x = reals(1, n, d, dtype=np.float64)
    return x, simulate(x[:, :2], t, measure="dot", seed=2).triplets


def published_steps(x, triplets, batches, weights, l2):
    """human_alignment's training step, restated: one-hot triplets, all rows mapped, torch's Adam, clipped."""
    torch = pytest.importorskip("torch")
    w = torch.tensor(weights, requires_grad=True)
    features, adam, losses = torch.tensor(x), torch.optim.Adam([w], lr=1e-3), []
    for batch in batches:
        one_hot = torch.eye(len(x), dtype=w.dtype)[torch.tensor(triplets[batch].astype(np.int64)).flatten()]
        z = (one_hot @ (features @ w)).reshape(-1, 3, w.shape[1])
        a, b, c = z.unbind(1)
        s = torch.stack([(a * b).sum(1), (a * c).sum(1), (b * c).sum(1)], 1)
        loss = -(s[:, 0] - s.logsumexp(1)).mean() + l2 * w.norm()
        adam.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_([w], 1.0)
        adam.step()
        losses.append(loss.item())
    return w.detach().numpy(), losses


def test_steps_are_those_of_the_published_code():
    x, triplets = world()
    adam = Adam(x, triplets, 1e-2)
    adam.weights *= 500.0
    start = adam.weights.copy()
    batches = [np.arange(k * 256, (k + 1) * 256) % len(triplets) for k in range(20)]
    losses = [adam.step(batch) for batch in batches]
    weights, expected = published_steps(x, triplets, batches, start, 1e-2)
    np.testing.assert_allclose(losses, expected, rtol=1e-9)
    np.testing.assert_allclose(adam.weights, weights, atol=1e-9)


def test_ends_when_three_epochs_have_not_lowered_the_held_out_loss():
    x, triplets = world(t=4000)
    losses = [nats for nats, _ in epochs(x, triplets[1000:], triplets[:1000], 0.1)]
    assert losses[0] == pytest.approx(np.log(3), abs=0.05)
    assert int(np.argmin(losses)) == len(losses) - 1 - PATIENCE

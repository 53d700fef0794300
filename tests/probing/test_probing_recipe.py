"""The published recipe: the same steps as torch's Adam on one-hot products, and its rule for the end."""

from __future__ import annotations

import numpy as np
import pytest
from support import reals

from pyalign.datasets.simulate import simulate
from pyalign.probing.recipe import Adam, Epoch, RecipeSettings, _is_over, cross_validate_recipe, fit_recipe


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
    adam = Adam(x, triplets, 1e-2, RecipeSettings(start_deviation=0.5), seed=0)
    start = adam.weights.copy()
    batches = [np.arange(k * 256, (k + 1) * 256) % len(triplets) for k in range(20)]
    losses = [adam.step(batch) for batch in batches]
    weights, expected = published_steps(x, triplets, batches, start, 1e-2)
    np.testing.assert_allclose(losses, expected, rtol=1e-9)
    np.testing.assert_allclose(adam.weights, weights, atol=1e-9)


def test_starts_small_and_learns():
    x, triplets = world(t=4000)
    fit = fit_recipe(x, triplets[1000:], held_out=triplets[:1000], settings=RecipeSettings(epochs=40))
    assert fit.curve[0].cross_entropy == pytest.approx(np.log(3), abs=0.05)
    assert fit.curve[-1].accuracy > 0.6 and fit.curve[-1].cross_entropy < 0.95
    assert fit.curve[-1].loss < fit.curve[0].loss


def test_ends_when_the_held_out_loss_has_not_fallen_for_ten_epochs():
    settings = RecipeSettings()
    falling = [Epoch(0, value, 0) for value in np.linspace(1, 0.5, 12)]
    assert not _is_over(falling, settings)
    assert not _is_over([*falling, *[Epoch(0, 0.6, 0)] * 9], settings)
    assert _is_over([*falling, *[Epoch(0, 0.6, 0)] * 10], settings)
    assert not _is_over([Epoch(value, None, None) for value in (1, 0.9)], settings)


def test_the_seed_decides_and_ctrl_c_keeps_the_map():
    x, triplets = world()
    few = RecipeSettings(epochs=3)
    one, same, other = (fit_recipe(x, triplets, seed=s, settings=few).transform.weights for s in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)

    def stop(epoch, figures):
        if epoch == 2:
            raise KeyboardInterrupt

    cut = fit_recipe(x, triplets, settings=few, on_epoch=stop)
    assert cut.interrupted and len(cut.curve) == 2


def test_folds_are_over_objects():
    x, triplets = world(t=6000)
    seen = []
    fits = cross_validate_recipe(
        x, triplets, folds=2, settings=RecipeSettings(epochs=2), on_epoch=lambda *at: seen.append(at[:2])
    )
    assert len(fits) == 2 and seen == [(1, 1), (1, 2), (2, 1), (2, 2)]
    assert fits[0].to_dict()["curve"][1]["accuracy"] > 0.2

"""The published recipe: the same steps as torch's Adam on one-hot products, and its rule for the end."""

from __future__ import annotations

import numpy as np
import pytest
from support import reals

from pyalign.data import Triplets
from pyalign.datasets.simulate import simulate
from pyalign.journal import Journal
from pyalign.probing.recipe import Adam, Epoch, RecipeSettings, _is_over, cross_validate_recipe, fit_recipe
from pyalign.stats.splits import TripletKFold


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


FEW = RecipeSettings(epochs=3)


def test_the_seed_decides():
    x, triplets = world()
    one, same, other = (fit_recipe(x, triplets, seed=s, settings=FEW).transform.weights for s in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def stopping_at(text, epoch):
    def stop(stage, done, total):
        assert total == 3
        if stage.startswith(text) and done == epoch:
            raise KeyboardInterrupt

    return stop


def test_ctrl_c_leaves_the_best_epoch_in_the_journal():
    x, triplets = world()
    journal, whole = Journal(), fit_recipe(x, triplets, settings=FEW)
    with pytest.raises(KeyboardInterrupt):
        fit_recipe(x, triplets, settings=FEW, progress=stopping_at("fit", 2), journal=journal)
    fit = journal.best.value
    assert fit.interrupted and fit.curve == whole.curve[: len(fit.curve)]
    assert fit.curve[-1].loss == min(epoch.loss for epoch in whole.curve[:2])


def test_folds_are_over_objects():
    x, triplets = world(t=6000)
    seen = []
    fits = cross_validate_recipe(
        x, triplets, folds=2, settings=FEW, progress=lambda *at: seen.append((at[0].partition(":")[0], at[1]))
    )
    assert len(fits) == 2 and seen == [(f"fold {fold}/2", epoch) for fold in (1, 2) for epoch in (1, 2, 3)]
    assert fits.to_dict()["folds"][0]["curve"][1]["accuracy"] > 0.2
    fold = next(TripletKFold(n_splits=2).folds(triplets))
    by_hand = fit_recipe(x, triplets[fold.train], held_out=triplets[fold.test], settings=FEW)
    assert by_hand.curve == fits[0].curve
    np.testing.assert_array_equal(by_hand.transform.weights, fits[0].transform.weights)


def test_a_run_goes_on_from_its_journal_and_ends_bit_for_bit_as_one_that_was_not_interrupted():
    x, triplets = world(t=6000)
    journal, whole = Journal(), cross_validate_recipe(x, triplets, folds=3, settings=FEW)
    for stage, done in (("fold 2/3", 1), ("fold 3/3", 2)):
        with pytest.raises(KeyboardInterrupt):
            cross_validate_recipe(
                x, triplets, folds=3, settings=FEW, progress=stopping_at(stage, 2), journal=journal
            )  # fmt: skip
        assert len(journal.steps) == done and journal.best.stage in journal.steps
    again = cross_validate_recipe(x, triplets, folds=3, settings=FEW, journal=journal)
    assert set(journal.steps) == {"fold 1/3", "fold 2/3"}  # a record has no map, and that of the last fold is kept
    assert [fit.curve for fit in again] == [fit.curve for fit in whole]
    np.testing.assert_array_equal(again[2].transform.weights, whole[2].transform.weights)


def test_refuses_counts(message_of):
    x, triplets = world()
    given = Triplets(triplets).with_answers(np.ones((len(triplets), 3), int))
    assert message_of(fit_recipe, x, given) == "the recipe takes one answer for each triplet; got counts or shares"


def test_held_out_rows_do_not_standardize_those_of_the_fit():
    x = np.random.default_rng(0).normal(size=(12, 4)).astype(np.float32)
    x[8:] *= 30
    triplets = np.array([[0, 1, 2], [3, 4, 5], [6, 7, 0], [1, 3, 6]])
    alone, beside = (
        fit_recipe(x, triplets, held_out=held_out, settings=FEW) for held_out in (None, [[8, 9, 10], [9, 10, 11]])
    )
    assert (alone.transform.mean, alone.transform.std) == (beside.transform.mean, beside.transform.std)

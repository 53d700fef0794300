"""TripletBatches: sets of images with all answered triplets among them, against loops over sets and triplets."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import draw_triplets

import pyalign
from pyalign import InputError
from pyalign.integrations.training import TripletBatches


def between_neighbors(n, t, seed=0):
    """Triplets within groups of six objects, whose numbers are mixed: sets drawn at random hold few of them."""
    rng = np.random.default_rng(seed)
    mixed, group = rng.permutation(n), rng.integers(n // 6, size=t)
    return mixed[6 * group[:, None] + np.stack([rng.permutation(6)[:3] for _ in range(t)])]


def held(batches):
    return sum(len(one.which) for one in batches)


@given(st.integers(12, 40), st.integers(6, 50), st.booleans(), st.integers(0, 99))
def test_a_pass_has_every_object_once_and_every_triplet_among_those_of_a_set(n, size, dense, seed):
    triplets = 3 * draw_triplets(seed, n, 3000) + 1  # numbers that nobody asked about are in between
    batches = TripletBatches(triplets, size, dense=dense, seed=seed)
    for _ in range(2):
        sets = list(batches)
        assert len(sets) == len(batches)
        assert sorted(np.concatenate([one.images for one in sets])) == sorted(set(triplets.ravel()))
        lengths = [len(one.images) for one in sets]
        assert max(lengths) <= size and max(lengths) - min(lengths) <= 1
        for one in sets:
            members = set(one.images.tolist())
            assert one.which.tolist() == [k for k, row in enumerate(triplets.tolist()) if members >= set(row)]
            assert (one.images[one.triplets] == triplets[one.which]).all()


def test_passes_differ_and_a_seed_draws_the_same_ones_again():
    triplets = draw_triplets(0, 30, 3000)
    for dense in (False, True):
        one, same, other = (TripletBatches(triplets, 10, dense=dense, seed=seed) for seed in (1, 1, 2))
        drawn = [[part.images.tolist() for part in batches] for batches in (one, one, same, same, other)]
        assert drawn[:2] == drawn[2:4] and drawn[0] != drawn[1] and drawn[0] != drawn[4]


def test_dense_sets_hold_many_times_the_triplets_that_random_ones_hold():
    triplets = between_neighbors(120, 4000)
    dense, random = (TripletBatches(triplets, 30, dense=dense) for dense in (True, False))
    assert held(dense) > 0.6 * len(triplets) > 6 * held(random)
    spread = TripletBatches(draw_triplets(0, 300, 6000), 30, dense=True)  # 55 of them in sets at random
    assert held(spread) > 300  # 240 where sets grow by the triplets that they touch, whether or not they complete them


def test_random_sets_bring_every_triplet_equally_often():
    triplets = draw_triplets(0, 20, 50)
    batches, passes = TripletBatches(np.tile(triplets, (5, 1)), 10), 1500
    counts = np.bincount(np.concatenate([one.which for _ in range(passes) for one in batches]), minlength=250)[:50]
    share = 2 * (10 * 9 * 8) / (20 * 19 * 18)
    assert counts == pytest.approx(passes * share, abs=5 * np.sqrt(passes * share * (1 - share)))


def test_a_set_of_all_images_has_the_loss_of_all_triplets():
    torch = pytest.importorskip("torch", reason="torch is not installed")
    from pyalign.integrations.torch import TripletLoss

    x, triplets = torch.randn(12, 4, generator=torch.Generator().manual_seed(0)), draw_triplets(0, 12, 60)
    answers = np.random.default_rng(0).integers(1, 9, (60, 3))
    (only,) = TripletBatches(triplets, 50)
    found = TripletLoss("cosine")(x[only.images], only.triplets, answers[only.which])
    assert found.item() == pytest.approx(TripletLoss("cosine")(x, triplets, answers).item(), rel=1e-6)


def test_names_are_numbers_in_the_order_of_the_names():
    asked = [["cat", "dog", "car"], ["car", "bus", "dog"]]
    named = pyalign.Triplets([[2, 3, 1], [1, 0, 3]], names=("bus", "car", "cat", "dog"))
    for triplets in (asked, named):
        (only,) = TripletBatches(triplets, 4)
        assert [[named.names[only.images[k]] for k in row] for row in only.triplets] == asked


@pytest.mark.parametrize("dense", [False, True])
def test_sets_that_hold_no_triplet_are_refused(dense):
    batches = TripletBatches([[0, 1, 2], [3, 4, 5], [0, 6, 7]], 3, dense=dense)
    with pytest.raises(InputError, match=r"^size must be large enough that every set holds a triplet; got 3: of sets "):
        iter(batches)


def test_bad_input_is_refused():
    triplets = draw_triplets(0, 9, 20)
    for options, problem in (
        ({"size": 2}, "size must be"), ({"size": 4.5}, "size must be"), ({"size": 4, "dense": "yes"}, "dense must be"),
        ({"size": 4, "seed": -1}, "seed must be"),
    ):
        with pytest.raises(InputError, match=problem):
            TripletBatches(triplets, **options)
    with pytest.raises(InputError, match="TripletBatches needs human choices"):
        TripletBatches(pyalign.Triplets(triplets, answered=False), 4)
    with pytest.raises(InputError, match="takes only odd-one-out triplets; got task 'anchored'"):
        TripletBatches(pyalign.Triplets(triplets, task="anchored"), 4)

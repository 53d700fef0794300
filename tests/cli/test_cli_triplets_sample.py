"""`pyalign triplets sample`: which items stand together, and how they are answered."""

from __future__ import annotations

import numpy as np
import pytest
from support import reals

import pyalign
from pyalign.datasets.simulate import category_triplets


@pytest.fixture
def sample(command, folder):
    (folder / "labels.txt").write_text("".join(f"{'abc'[i % 3]}\n" for i in range(30)))

    def run(*options):
        ran = command("triplets", "sample", "--embeddings", "x.npy", "--out", "new.npy", "--number", "5000", *options)
        assert (ran.code, ran.err) == (0, "")
        return np.load("new.npy"), ran.out

    return run


def test_answers_are_drawn_from_the_choice_model(sample, x):
    triplets, out = sample("--temperature", "0.5", "--probabilities", "p.npy")
    assert triplets.shape == (5000, 3)
    p = np.load("p.npy")
    np.testing.assert_array_equal(p, pyalign.choice_probabilities(x, triplets, temperature=0.5))
    assert np.mean(p[:, 2]) == pytest.approx((p**2).sum(axis=1).mean(), abs=0.03)  # drawn with these probabilities
    accuracy = float(out.split("expected accuracy ")[1].split(" %")[0]) / 100
    assert pyalign.score(x, triplets).accuracy == pytest.approx(accuracy, abs=0.03)


@pytest.mark.parametrize("kind", ["within", "across"])
def test_items_are_of_one_category_or_of_three(sample, folder, kind):
    triplets, _ = sample("--kind", kind, "--categories", "labels.txt")
    categories = np.sort(triplets % 3, axis=1)
    expected = categories[:, :1] if kind == "within" else np.arange(3)
    assert (categories == expected).all()
    np.save("table.npy", (np.arange(30)[:, None] % 3 == np.arange(3)).astype(np.float32))
    again, _ = sample("--kind", kind, "--categories", "table.npy")
    np.testing.assert_array_equal(triplets, again)


def test_within_categories_every_triplet_is_equally_likely():
    members = np.zeros((9, 2), bool)
    members[:4, 0] = members[4:, 1] = True  # 4 and 10 triplets
    drawn = category_triplets(9, 14_000, np.random.default_rng(0), "within", members)
    _, counts = np.unique(np.sort(drawn, axis=1), axis=0, return_counts=True)
    assert len(counts) == 14 and abs(counts - 1000).max() < 150


def test_items_of_several_categories_share_none_across():
    members = np.random.default_rng(0).random((40, 6)) < 0.2
    for a, b, c in category_triplets(40, 500, np.random.default_rng(1), "across", members):
        assert members[[a, b, c]].any(axis=1).all() and members[[a, b, c]].sum(axis=0).max() == 1


def test_a_transform_goes_first(sample, x, folder):
    np.savez("w.npz", weights=reals(5, 6, 2), mean=np.array(0.0), std=np.array(1.0))
    triplets, _ = sample("--transform", "w.npz", "--temperature", "0.01")
    z = pyalign.read_transform("w.npz").apply(x)
    assert pyalign.score(z, triplets).accuracy > 0.9


def test_the_seed_decides(sample):
    assert np.array_equal(sample()[0], sample()[0])
    assert not np.array_equal(sample()[0], sample("--seed", "1")[0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--kind", "within"], "categories must be given for triplets within categories; got None"),
        (["--kind", "within", "--categories", "few.txt"], "must have a label for each of 30 items; got 2"),
        (["--kind", "across", "--categories", "one.txt"], "three items that share none"),
        (["--kind", "within", "--categories", "each.txt"], "a category of at least three items"),
        (["--categories", "x.npy", "--kind", "within"], "must be a table of 0 and 1 with 30 rows"),
        (["--seed", "-1"], "--seed must not be negative"),
    ],
)
def test_refuses_in_one_line(refused, folder, options, message):
    (folder / "few.txt").write_text("a\nb\n")
    (folder / "one.txt").write_text("a\n" * 30)
    (folder / "each.txt").write_text("".join(f"k{i}\n" for i in range(30)))
    found = refused("triplets", "sample", "--embeddings", "x.npy", "--out", "new.npy", "--number", "10", *options)
    assert message in found

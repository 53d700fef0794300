"""examples/align_timm.py: a smoke run, no object on two sides, the last blocks as in the network, and its table."""

from __future__ import annotations

import csv
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from support import draw_triplets, load_from_tools

import pyalign

torch = pytest.importorskip("torch", reason="torch is not installed")
for package in ("timm", "PIL", "scipy"):
    pytest.importorskip(package, reason=f"{package} is not installed")

example = load_from_tools("align_timm", "examples")
ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def smoke(tmp_path_factory):
    """A run of a tiny network with random weights on 120 objects, with photographs that are noise."""
    folder = tmp_path_factory.mktemp("align")
    rng = np.random.default_rng(0)
    people = rng.random((2, 12, 12))
    people = people + people.transpose(0, 2, 1)
    people[:, range(12), range(12)] = 0
    images = rng.integers(0, 256, (12, 40, 40, 3), np.uint8)
    np.savez(folder / "judged.npz", images=images, behav_rdms=people)
    for k in range(3):
        pyalign.extraction.decode.decode(images[k]).save(folder / f"photograph_{k}_{k}.jpg")
    example.main([
        "--model", "random:0:timm:test_efficientnet", "--objects", "120", "--folds", "2", "--passes", "1", "--size",
        "40", "--photographs", str(folder / "judged.npz"), "--labeled", str(folder), "--out", str(folder / "out.csv"),
    ])
    return rows_of(folder / "out.csv")


def rows_of(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_every_way_has_a_row_of_figures_and_a_paired_difference(smoke):
    assert [row["way"] for row in smoke] == list(example.WAYS)
    for row in smoke:
        assert 0 <= float(row["low"]) <= float(row["accuracy"]) <= float(row["high"]) <= 1
        assert 0 <= float(row["neighbors_kept"]) <= 1 and -1 <= float(row["photographs"]) <= 1
        assert bool(row["labeled"]) == (row["way"] in ("frozen", "linear", "tuned"))
        if row["way"] == "tuned":
            assert row["tuned_less_this"] == ""
            continue
        difference = float(smoke[-1]["accuracy"]) - float(row["accuracy"])
        assert float(row["tuned_less_this"]) == pytest.approx(difference, abs=2e-4)
        assert float(row["difference_low"]) <= difference + 1e-4 and difference - 1e-4 <= float(row["difference_high"])
    assert float(smoke[0]["neighbors_kept"]) == 1


def test_the_table_that_is_committed_is_of_these_columns_and_of_the_page(smoke):
    table = rows_of(ROOT / "examples" / "align_timm.csv")
    page = (ROOT / "docs" / "howto-align.md").read_text(encoding="utf-8")
    assert list(table[0]) == list(smoke[0]) and [row["way"] for row in table] == list(example.WAYS)
    for row in table:
        accuracy, low, high, kept, people, labeled = (
            100 * float(row[name] or "nan")
            for name in ("accuracy", "low", "high", "neighbors_kept", "photographs", "labeled")
        )
        known = "-" if row["labeled"] == "" else f"{labeled:.0f}%"
        accuracies = f"{accuracy:.1f}% | {low:.1f} to {high:.1f}%"
        assert f"| {row['way']} | {accuracies} | {kept:.0f}% | {people / 100:.2f} | {known} |" in page


def test_no_object_is_on_two_sides_of_a_fold():
    triplets = draw_triplets(0, 60, 9000)
    tested = []
    for parts in example.parts_of(triplets, 3, 0):
        objects = [set(part.ravel().tolist()) for part in parts]
        assert not objects[0] & objects[1] and not objects[2] & (objects[0] | objects[1])
        tested += objects[2]
    assert sorted(tested) == list(range(60))


@pytest.mark.parametrize("name", ["test_efficientnet", "test_vit", "test_vit2"])
def test_the_last_blocks_give_the_rows_of_the_whole_network(name):
    encoder = pyalign.load_encoder(f"random:0:timm:{name}")
    image = np.random.default_rng(0).integers(0, 256, (50, 60, 3), np.uint8)
    pictures = example.Pictures(encoder, 2, [image, image[::-1]])
    tail = example.Tail(encoder.module, 2)
    again = example.applied(tail, pictures.maps)
    torch.testing.assert_close(again, pictures.rows)
    again = pyalign.extract(encoder, pyalign.as_images([image, image[::-1]], names=["a", "b"]))["penultimate"]
    torch.testing.assert_close(torch.as_tensor(np.asarray(again.values)), pictures.rows, rtol=1e-4, atol=1e-5)
    before = [one.clone() for one in encoder.module.parameters()]
    tail(pictures.maps).sum().backward()
    assert all(one.grad is not None for one in tail.network.blocks.parameters())
    assert all(torch.equal(one, other) for one, other in zip(before, encoder.module.parameters(), strict=True))


@pytest.mark.parametrize(("name", "problem"), [
    ("timm:test_resnet", "must be a network of timm with `blocks`"), ("pixels", "must be a network of timm"),
])
def test_other_networks_are_refused_in_a_line(name, problem):
    name = name if name == "pixels" else f"random:0:{name}"
    with pytest.raises(SystemExit, match=problem):
        example.Pictures(pyalign.load_encoder(name), 1, [np.zeros((9, 9, 3), np.uint8)])


def test_training_is_undone_where_it_does_not_help_and_kept_where_it_does():
    x = torch.as_tensor(np.asarray(pyalign.load_embeddings("dataset:sample").values, np.float32))
    triplets = np.asarray(pyalign.load_triplets("dataset:sample").values).astype(np.int64)
    learn, decide, _ = next(example.parts_of(triplets, 5, 0))
    options = SimpleNamespace(size=60, seed=0, passes=3, rate=3e-4)
    rows = example.centered(x)
    found = example.trained(example.Linear(x.shape[1]), rows, learn, decide, options)

    def accuracy(module, of):
        objects, places = example.renumbered(of)
        embeddings = example.centered(example.applied(module, rows[objects]))
        return pyalign.score(embeddings, places, ci=None).accuracy

    start = example.Linear(x.shape[1])
    assert accuracy(found, decide) > accuracy(start, decide) and accuracy(found, learn) > accuracy(start, learn) + 0.1
    wrong = example.trained(example.Linear(x.shape[1]), rows, learn[:, [2, 0, 1]], decide, options)
    assert torch.equal(wrong.weight, start.weight)

"""The tables of docs/consistency.md, computed anew from real data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import pyalign

PAGE = Path(__file__).parents[2] / "docs" / "consistency.md"
FILES = {"CLIP": "clip_vit_b32.npy", "EfficientNet": "efficientnet_lite0_logits.npy", "word2vec": "word2vec.npy"}


def rows_after(mark):
    """The cells of the table behind a comment, without its head."""
    table = PAGE.read_text().split(f"<!-- {mark} -->\n")[1].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in table]


@pytest.fixture(scope="module")
def things(data):
    answers = np.load(data / "things" / "human_triplets_127304.npy")
    models = {name: np.load(data / "things" / file) for name, file in FILES.items()}
    return models, answers[:, :3], answers[:, 3], np.loadtxt(data / "things" / "spose_embedding_66d_sorted.txt")


def test_the_table_of_pairs(things, data):
    models, triplets, people, spose = things
    human = {"SPoSE-66": spose, "VICE": np.load(data / "things" / "vice_42d.npy")}
    choices = {name: pyalign.odd_one_out(x, triplets, measure="dot") for name, x in human.items()}
    found = pyalign.error_consistency(models, triplets, model_choices=choices, subjects=people)
    assert (found.n_triplets, found.n_subjects) == (127_304, 264)
    assert rows_after("pairs") == [
        [
            f"{p.a}, {p.b}", f"{p.accuracy_a:.4f}", f"{p.accuracy_b:.4f}", f"{p.kappa:.4f}",
            f"{p.ci.low:.4f} to {p.ci.high:.4f}", f"{p.kappa_min:.4f} to {p.kappa_max:.4f}",
            f"{p.copy_probability:.4f}",
        ]
        for p in found.pairs if p.a == "CLIP" or p.b == "VICE"
    ]


def test_the_table_of_what_all_models_miss(things, data):
    models, triplets, people, spose = things
    labels = (data / "things" / "spose_66d_labels.txt").read_text().split("\n")[:66]
    found = pyalign.error_consistency(models, triplets, subjects=people, dimensions=spose, dimension_labels=labels)
    by_name = {row.concept: row for row in found.missed}
    assert (found.n_missed, sum(row.n_triplets for row in found.missed)) == (27_730, 127_304)
    for name, *cells in rows_after("missed"):
        m = by_name[name]
        assert cells == [
            f"{m.n_triplets:,}", f"{m.missed:.4f}", f"{m.ratio:.2f}", f"{m.excess:+.4f}",
            f"{m.ci.low:+.4f} to {m.ci.high:+.4f}", f"{m.p_adjusted:.2g}", f"{m.explained:+.4f}",
        ]
    assert sum(row.p_adjusted is not None and row.p_adjusted < 0.05 for row in found.missed) == 7
    assert sum(row.explained for row in found.missed if row.explained > 0) == pytest.approx(0.0496, abs=1e-4)

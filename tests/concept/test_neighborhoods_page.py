"""docs/neighborhoods.md: its table is what the functions give on real data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import pyalign

PAGE = Path(__file__).resolve().parents[2] / "docs" / "neighborhoods.md"


def figure(value):
    return f"{value:.4f}"[1:]


@pytest.fixture(scope="module")
def things(data):
    folder = data / "things"
    names = ("clip_vit_b32", "efficientnet_lite0_logits", "word2vec", "vice_42d")
    models = {name: np.load(folder / f"{name}.npy") for name in names}
    spose = np.loadtxt(folder / "spose_embedding_66d_sorted.txt")
    return models, spose, np.loadtxt(folder / "category27.tsv", skiprows=1).astype(int)


def test_the_table_is_recomputed(things):
    models, spose, categories = things
    human = pyalign.neighborhoods(models, spose, categories=categories, n_permutations=0).results
    vice = models["vice_42d"]
    others = {name: x for name, x in models.items() if x is not vice}
    by_vice = pyalign.neighborhoods(others, vice, ci=None, n_permutations=0).results
    purity = pyalign.neighborhoods(spose, categories=categories, ci=None, n_permutations=0)[0]
    page = PAGE.read_text(encoding="utf-8")
    for k, one in enumerate(human):
        of_vice = [by_vice[k].overlap, by_vice[k].rbo] if k < 3 else []
        cells = [figure(one.overlap), " to ".join(map(figure, one.ci)), figure(one.rbo), *map(figure, of_vice)]
        cells += [""] * (2 - len(of_vice)) + [figure(one.purity)]
        assert f"| `{one.embeddings}` | {' | '.join(cells)} |".replace("  ", " ") in page
    assert f"Purity by chance is {figure(purity.chance)}; that of SPoSE-66 is {figure(purity.purity)}" in page


def test_hubs_and_dot_products_are_as_the_page_says(things):
    models, spose, _ = things
    vice = {"vice": models["vice_42d"]}
    by_dot, by_cosine = (pyalign.neighborhoods(vice, measure=measure)[0] for measure in ("dot", "cosine"))
    assert (round(100 * by_dot.antihubs), round(100 * by_cosine.antihubs)) == (16, 1)
    assert (round(by_dot.skewness, 1), round(by_cosine.skewness, 1)) == (3.8, 1.4)
    found = pyalign.neighborhoods(models, spose, human_measure="dot", ci=None, n_permutations=0)
    assert [figure(one.overlap) for one in found.results[:3]] == [".2429", ".2051", ".1714"]

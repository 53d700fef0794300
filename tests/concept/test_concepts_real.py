"""Concepts of THINGS: credits that add up exactly, and the table of docs/concepts.md."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import pyalign
from pyalign import Categories
from pyalign.io.item_names import load_categories

# a column of the table -> file, measure, accuracy, tied triplets
MODELS = {
    "CLIP ViT-B/32": ("clip_vit_b32.npy", "cosine", 0.50469, 0),
    "EfficientNet-Lite0": ("efficientnet_lite0_logits.npy", "cosine", 0.46393, 87),
    "word2vec": ("word2vec.npy", "cosine", 0.46726, None),
    "SPoSE-66": ("spose_embedding_66d_sorted.txt", "dot", 0.64749, None),
    "VICE": ("vice_42d.npy", "dot", 0.63807, None),
}
SHARES = [0.76, 0.63, 0.55, 0.17, 0.04]  # of SPoSE's distance from chance
TABLE = Path(__file__).resolve().parents[2] / "docs" / "concepts.md"


def read(path):
    return np.loadtxt(path) if path.suffix == ".txt" else np.load(path)


@pytest.fixture(scope="module")
def things(data):
    return data / "things"


@pytest.fixture(scope="module")
def triplets(things):
    return pyalign.load_triplets(things / "human_triplets_127304.npy", columns=(0, 1, 2), subject_column=3)


@pytest.fixture(scope="module")
def human(things):
    labels = (things / "spose_66d_labels.txt").read_text().splitlines()
    return read(things / "spose_embedding_66d_sorted.txt"), labels


@pytest.fixture(scope="module")
def results(things, triplets, human):
    """By dimension, for each model."""
    found = {}
    for name, (file, measure, _, _) in MODELS.items():
        x = read(things / file)
        options = {"dimension_labels": human[1], "measure": measure}
        found[name] = pyalign.score_concepts({name: x}, triplets, human[0], ci=None, **options).results[0]
    return found


@pytest.mark.parametrize("name", MODELS)
def test_credits_of_the_dimensions_are_those_of_all_triplets(results, name):
    """Whole sixths, with ties, a zero row, and triplets that no dimension explains."""
    _, _, accuracy, n_ties = MODELS[name]
    one = results[name]
    rows = [*one.concepts, *([] if one.unassigned is None else [one.unassigned])]
    assert sum(row.n_triplets for row in rows) == one.n_triplets == 127_304
    credits = [Fraction(row.accuracy).limit_denominator(10**7) * 6 * row.n_triplets for row in rows]
    assert all(credit.denominator == 1 for credit in credits)
    assert sum(credits) == Fraction(one.accuracy).limit_denominator(10**8) * 6 * 127_304
    assert float(sum(credits) / (6 * 127_304)) == pytest.approx(one.accuracy, rel=1e-15)
    assert one.accuracy == pytest.approx(accuracy, abs=1e-5)
    assert n_ties is None or one.n_ties == n_ties


def test_clip_sees_food_as_people_do_and_sports_and_vehicles_not(results):
    clip = results["CLIP ViT-B/32"]
    of = {row.concept: row.accuracy for row in clip.concepts}
    assert of["food-related"] > clip.accuracy and of["plant-related"] > clip.accuracy
    assert of["sports-/playing-related"] < clip.accuracy - 0.1
    assert of["transportation-/movement-related"] < clip.accuracy - 0.1


def test_pairs_of_animals_are_well_represented_but_those_that_share_an_animal_dimension_are_not(
    things, triplets, results
):
    """What carries most of a pair is often animal where one of the two is none: a horse and a carriage."""
    clip = results["CLIP ViT-B/32"]
    assert {row.concept: row.accuracy for row in clip.concepts}["animal-related"] < clip.accuracy
    categories = load_categories(things / "category27.tsv")
    assert isinstance(categories, Categories)
    of = pyalign.score_concepts(read(things / "clip_vit_b32.npy"), triplets, categories=categories, ci=None).results[0]
    pairs = {row.concept: row.accuracy for row in of.concepts}
    assert pairs["animal"] == pytest.approx(0.885, abs=5e-4) and pairs["food"] == pytest.approx(0.797, abs=5e-4)


def test_of_what_people_s_dimensions_explain_clip_has_more_for_food_and_animals_than_on_average(results):
    clip, spose = results["CLIP ViT-B/32"], results["SPoSE-66"]
    pairs = {a.concept: (a.accuracy, b.accuracy) for a, b in zip(clip.concepts, spose.concepts, strict=True)}
    pairs["all"] = clip.accuracy, spose.accuracy
    names = "food-related", "animal-related", "all", "sports-/playing-related", "transportation-/movement-related"
    shares = [(a - 1 / 3) / (b - 1 / 3) for a, b in (pairs[name] for name in names)]
    assert [round(share, 2) for share in shares] == SHARES


def test_the_table_of_the_documentation_is_what_comes_out(results):
    text = TABLE.read_text(encoding="utf-8")
    header = next(line for line in text.splitlines() if line.startswith("| dimension "))
    names = [cell.strip() for cell in header.strip("|").split("|")][2:]
    assert names == list(MODELS)
    rows = re.findall(r"^\| ([^|]+) \| +([\d,]+) \|(.+)\|$", text, re.MULTILINE)
    of = {name: {row.concept: row for row in one.concepts} for name, one in results.items()}
    shown = {label.strip(): (int(n.replace(",", "")), cells) for label, n, cells in rows}
    large = {row.concept for row in results["VICE"].concepts if row.n_triplets >= 2000}
    assert set(shown) == large | {"all"}
    for label, (n, cells) in shown.items():
        for name, cell in zip(names, cells.split("|"), strict=True):
            one = results[name] if label == "all" else of[name][label]
            assert (n, cell.strip()) == (one.n_triplets, f"{100 * one.accuracy:.1f}")


# The figure of the paper: VICE, all triplets, bins of 0.1 nats
ERRORS = {
    "vice_42d.npy": [0.052, 0.123, 0.192, 0.257, 0.329, 0.379, 0.444, 0.482, 0.531, 0.572, 0.611],
    "spose_embedding_66d_sorted.txt": [0.038, 0.099, 0.171, 0.235, 0.301, 0.367, 0.426, 0.462, 0.528, 0.571, 0.620],
}


@pytest.mark.parametrize("file", ERRORS)
def test_errors_of_clip_by_entropy_are_those_of_the_paper(things, triplets, file):
    """Against the formula written out, and the figures of docs/real-results.md to the third digit."""
    clip, human = np.load(things / "clip_vit_b32.npy"), read(things / file)
    found = pyalign.score_concepts({"clip": clip}, triplets, human, entropy="dimensions", top=0, ci=None)
    s, index = human @ human.T, triplets.values
    z = np.stack([s[index[:, a], index[:, b]] for a, b in ((0, 1), (0, 2), (1, 2))], axis=1)
    e = np.exp(z - z.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    bins = np.floor(10 * -(p * np.log(np.maximum(p, 1e-300))).sum(axis=1)).astype(int)
    (scores,) = found.results
    assert [row.n_triplets for row in scores.concepts] == np.bincount(bins, minlength=11).tolist()
    assert sum(row.n_triplets for row in scores.concepts) == len(index) == 127304
    assert [1 - row.accuracy for row in scores.concepts] == pytest.approx(ERRORS[file], abs=5.1e-4)

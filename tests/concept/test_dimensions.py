"""Human dimensions are checked, cleared of noise and labeled by one rule, whichever analysis takes them."""

from __future__ import annotations

import numpy as np
import pytest
from support import draw_triplets, reals

import pyalign
from pyalign.concept.dimensions import NOISE
from pyalign.report.charts.gallery import top_cards

N, K = 30, 3
X = reals(1, N, 5)
TRIPLETS = draw_triplets(2, N, 900, np.int32)
ROW = np.arange(N)[:, None]
SIZES = np.where(ROW < 12, 1.0 + ROW / N, np.where(ROW < 18, 0.003, 0.0))  # much, less than the noise, nothing
CLEAN = np.where(np.arange(K) == ROW % K, SIZES, 0.0)
LABELS = ("food", "tool", "food")


def concepts(dimensions):
    found = pyalign.score_concepts(X, TRIPLETS, dimensions, dimension_labels=LABELS, ci=None).results[0]
    return {row.concept: row.n_triplets for row in found.concepts}


def consistency(dimensions):
    models = {"a": X, "b": X[:, ::2]}
    found = pyalign.error_consistency(models, TRIPLETS, dimensions=dimensions, dimension_labels=LABELS, ci=None)
    return {row.concept: row.n_triplets for row in found.missed}


def neighbors(dimensions):
    options = {"k": 4, "ci": None, "n_permutations": 0}
    found = pyalign.neighborhoods(X, X[:, ::2], dimensions=dimensions, dimension_labels=LABELS, **options)[0]
    return {row.concept: (row.n_objects, row.overlap) for row in found.concepts}


def prototypes(dimensions):
    found = pyalign.neighborhoods(X, dimensions=dimensions, dimension_labels=LABELS, k=4, ci=None, n_permutations=0)[0]
    return {row.concept: (row.n_objects, row.top) for row in found.concepts}


def cards(dimensions):
    return {card.label: card for card in top_cards(dimensions, list(map(str, range(N))), LABELS)}


ALL = pytest.mark.parametrize("of", [concepts, consistency, neighbors, prototypes, cards])


@ALL
def test_numbers_just_below_zero_are_zero(of):
    noisy = np.where(CLEAN > 0, CLEAN, -0.9 * NOISE * CLEAN.max())
    found = of(noisy)
    assert found == of(CLEAN)
    assert set(found) == {"food (1)", "tool", "food (3)"}


@ALL
@pytest.mark.parametrize("wrong", [-1.1 * NOISE * CLEAN.max(), np.nan, np.inf])
def test_other_numbers_are_refused_in_one_line(of, wrong, message_of):
    dimensions = CLEAN.copy()
    dimensions[7, 0] = wrong
    told = message_of(of, dimensions)
    assert told.startswith("dimensions must hold finite numbers from 0 up; row 7 is the first of 1 that hold others")


def names_in_order(order):
    """The objects that are named as the largest, by all that names some, with the objects in this order."""
    names, x = [f"o{k:02}" for k in order], np.eye(2)[np.arange(N) % 2][order]
    named, weights = pyalign.Embeddings(x, names), np.round(SIZES[order], 1) * [1.0, 0.5] + 1e-9 * order[:, None]
    kinds = pyalign.Categories.of((order % 3).astype(str), names=names)
    options = {"k": 3, "top": 9, "ci": None, "n_permutations": 0}
    prototypes = [
        *pyalign.neighborhoods(named, dimensions=pyalign.Embeddings(weights, names), **options)[0].concepts,
        *sorted(pyalign.neighborhoods(named, categories=kinds, **options)[0].concepts, key=lambda found: found.concept),
    ]
    return [
        *[[one.name for one in found.top] for found in prototypes],
        [one.name for one in pyalign.neighborhoods(named, k=N // 2 - 1, top=9)[0].extreme("occurrences", 9)],
        [one.name for one in pyalign.neighborhoods(named, before=named, k=3, top=9)[0].extreme("kept_rbo", 9)],
        *[card.objects for card in top_cards(weights, names)],
    ]


def test_of_equal_objects_the_first_by_name_are_named():
    orders = [np.arange(N), np.arange(N)[::-1], np.random.default_rng(4).permutation(N)]
    first, *others = map(names_in_order, orders)
    assert first == others[0] == others[1]

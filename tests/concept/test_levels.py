"""Levels of abstraction against their definition in sets."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import draw_triplets, seeds

import pyalign
from pyalign import Categories


def by_hand(triplet, fine, coarse):
    a, b, c = (set(np.flatnonzero(fine[item])) for item in triplet)
    if a & b & c:
        return "fine"
    a, b, c = (set(np.flatnonzero(coarse[item])) for item in triplet)
    if a & b & c:
        return "coarse"
    if not (a and b and c):
        return "uncategorized"
    return "border" if a & b or a & c or b & c else "other"


@given(
    seed=seeds, n=st.integers(3, 20), t=st.integers(1, 60), k=st.sampled_from([1, 2, 5, 63, 64, 65, 130]),
    share=st.floats(0.05, 0.6),
)
def test_a_level_is_what_the_categories_share(seed, n, t, k, share):
    """With objects in several categories and in none, around words of 64 categories."""
    rng = np.random.default_rng(seed)
    fine, coarse = rng.random((n, k)) < share / 2, rng.random((n, 3)) < share
    triplets = draw_triplets(seed, n, t)
    found = pyalign.abstraction_levels(triplets, fine, coarse)
    assert found.tolist() == [by_hand(triplet, fine, coarse) for triplet in triplets]


@given(seed=seeds, order=st.permutations([0, 1, 2]))
def test_which_item_is_odd_plays_no_part(seed, order):
    rng = np.random.default_rng(seed)
    fine, coarse = rng.integers(-1, 4, 12), rng.integers(-1, 2, 12)
    triplets = draw_triplets(seed, 12, 40)
    expected = pyalign.abstraction_levels(triplets, fine, coarse)
    np.testing.assert_array_equal(pyalign.abstraction_levels(triplets[:, order], fine, coarse), expected)


def test_names_find_their_categories():
    labels = ["insect", "insect", "mammal", "insect"]
    names = ("bee", "ant", "cat", "fly")
    fine = Categories.of(["a", "b", "c", "d"], names=names)
    shuffled = Categories.of([labels[k] for k in (2, 0, 3, 1)], names=tuple(names[k] for k in (2, 0, 3, 1)))
    found = pyalign.abstraction_levels([["ant", "bee", "fly"], ["bee", "cat", "ant"]], fine, shuffled)
    assert found.tolist() == ["coarse", "border"]


def test_they_serve_a_score_as_groups():
    rng = np.random.default_rng(1)
    x, triplets = rng.normal(size=(12, 3)), draw_triplets(1, 12, 200)
    fine, coarse = np.arange(12) // 4, np.arange(12) // 6
    words = pyalign.abstraction_levels(triplets, fine, coarse)
    grouped = pyalign.score(x, triplets, groups=words).groups
    by_level = pyalign.score_concepts(x, triplets, levels=(fine, coarse), ci=None).results[0]
    there = {row.concept: (row.n_triplets, row.accuracy) for row in by_level.concepts if row.n_triplets}
    assert there == {one.group: (one.n_triplets, pytest.approx(one.accuracy)) for one in grouped}


@pytest.mark.parametrize(
    ("triplets", "fine", "coarse", "told"),
    [
        ([[0, 1, 5]], ["a"] * 3, ["b"] * 3, "triplets must lie in [0, 3), the objects of the categories; row 0"),
        ([[0, 1, 2]], ["a"] * 3, ["b"] * 4, "categories must have a row for each of 3 rows"),
        ([["x", "y", "z"]], ["a"] * 2, ["b"] * 3, "categories must have a row for each of 3 rows"),
    ],
)
def test_what_they_refuse(message_of, triplets, fine, coarse, told):
    assert told in message_of(pyalign.abstraction_levels, triplets, fine, coarse)

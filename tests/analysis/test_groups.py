"""Groups of triplets: by a label each, or by the categories of their objects."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from support import draw_triplets, reals, seeds

from pyalign import Categories, Embeddings, Resampling, Triplets, score
from pyalign.analysis.score_choices import group_members
from pyalign.data import align

N, T = 12, 200
X, TRIPLETS = reals(1, N, 4), draw_triplets(2, N, T)
NAMES = tuple(f"item {k}" for k in range(N))
aligned = align(X, TRIPLETS)


@given(seeds)
def test_labels_part_the_triplets(seed):
    labels = np.random.default_rng(seed).integers(-2, 3, T)
    found = group_members(labels, aligned, None)
    assert list(found) == [str(label) for label in np.unique(labels)]
    for label, members in found.items():
        assert np.array_equal(members, np.flatnonzero(labels == int(label)))


@given(seeds)
def test_of_dropped_triplets_no_group_knows(seed):
    rng = np.random.default_rng(seed)
    labels, kept = rng.choice(["a", "b"], T), rng.random(T) < 0.7
    for label, members in group_members(labels, aligned, kept).items():
        assert np.array_equal(members, np.flatnonzero(labels[kept] == label))


@given(seeds)
def test_a_triplet_is_in_the_categories_of_its_pair_and_may_be_in_several(seed):
    members = np.random.default_rng(seed).random((N, 3)) < 0.6
    found = group_members(Categories.of(members, ("x", "y", "z")), aligned, None)
    for c, label in enumerate("xyz"):
        expected = [row for row, (i, j, _) in enumerate(TRIPLETS.tolist()) if members[i, c] and members[j, c]]
        assert found.get(label, np.array([])).tolist() == expected


def test_categories_and_embeddings_are_matched_by_name():
    order = np.random.default_rng(0).permutation(N)
    tools = np.arange(N) < 6
    categories = Categories(tools[order, None], ("tool",), tuple(NAMES[k] for k in order))
    turned = Embeddings(X[::-1], NAMES[::-1])
    triplets = Triplets(TRIPLETS, NAMES, numbered=True)
    found = score(turned, triplets, groups=categories).groups
    plain = score(X, TRIPLETS, groups=Categories.of(tools[:, None], ("tool",))).groups
    assert found == plain
    assert found[0].n_triplets == int((tools[TRIPLETS[:, 0]] & tools[TRIPLETS[:, 1]]).sum())


def test_groups_of_triplets_without_nan():
    x = X.copy()
    x[3] = np.nan
    labels = np.arange(T) % 2
    kept = ~(TRIPLETS == 3).any(axis=1)
    found = score(x, TRIPLETS, nan_policy="omit", groups=labels, ci=Resampling("triplets", "bootstrap", 64))
    for group in found.groups:
        own = kept & (labels == int(group.group))
        assert group.n_triplets == own.sum()
        assert group.accuracy == score(X, TRIPLETS[own]).accuracy


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        (np.zeros(3), "groups must have one entry per triplet, shape (200,); got (3,)"),
        (np.full(T, np.nan), "groups must be finite; row 0 is nan"),
        (np.full(T, 1j), "groups must be numbers or strings; got dtype complex128"),
        (Categories.of(["a"] * 5), "categories must have a row for each of 12 rows of embeddings; got 5"),
        (
            Categories.of(np.zeros((N, 2))),
            "categories must hold both objects of some human pair; no triplet's pair shares one",
        ),
    ],
)
def test_other_groups_are_refused(message_of, groups, expected):
    assert message_of(group_members, groups, aligned, None) == expected

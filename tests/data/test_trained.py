"""What a fit has seen of what is scored."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import draw_triplets, reals, seeds

from pyalign.data import TrainedOn
from pyalign.data.transform import SKETCH, triplet_hashes

N = 12
X = reals(0, N, 3)
NAMES = tuple(f"item {k}" for k in range(N))


def record(triplets, names=None, x=X):
    return TrainedOn.of(x, triplets, measure="dot", temperature=2.0, names=names)


def as_sets(triplets, rows=None):
    """Each triplet as its unordered pair and its odd item."""
    rows = np.arange(triplets.max() + 1) if rows is None else rows
    return [(frozenset((rows[a], rows[b])), rows[c]) for a, b, c in triplets.tolist()]


def shares(trained, scored):
    """By plain sets: of the triplets, each as often as it stands there, and of their items."""
    seen = set(as_sets(trained))
    items = set(trained.ravel().tolist())
    return (
        np.mean([one in seen for one in as_sets(scored)]),
        np.mean([item in items for item in set(scored.ravel().tolist())]),
    )


@given(seeds, st.integers(1, 300), st.integers(1, 300), st.integers(4, N))
def test_of_few_triplets_the_overlap_is_exact(seed, t, u, n):
    trained, scored = draw_triplets(seed, n, t), draw_triplets(seed + 1, N, u)
    found = record(trained).overlap(X, scored)
    assert (found.triplets, found.objects) == pytest.approx(shares(trained, scored), abs=1e-12)


@given(seeds, st.permutations(range(N)))
def test_names_tell_the_rows_of_other_embeddings(seed, order):
    trained, scored = draw_triplets(seed, 8, 50), draw_triplets(seed + 1, N, 50)
    place = np.argsort(order)  # of each item, its row in the other embeddings
    found = record(trained, NAMES).overlap(reals(5, N, 2), place[scored], [NAMES[k] for k in order])
    assert (found.triplets, found.objects) == pytest.approx(shares(trained, scored), abs=1e-12)


@settings(max_examples=4)
@given(seeds)
def test_of_many_triplets_the_overlap_is_estimated_within_its_error(seed):
    n, t, u = 200, 40_000, 20_000
    trained, others = draw_triplets(seed, n, t), draw_triplets(seed + 1, n, u)
    scored = np.concatenate([trained[: u // 2], others])
    found = record(trained, x=reals(0, n, 2)).overlap(reals(0, n, 2), scored)
    truth, objects = shares(trained, scored)
    sampled = len(scored) * SKETCH / len(np.unique(triplet_hashes(trained)))
    error = np.sqrt(truth * (1 - truth) / sampled)
    assert abs(found.triplets - truth) < 5 * error
    assert found.objects == objects


def test_the_estimate_is_exact_up_to_as_many_triplets_as_the_sketch_holds():
    triplets = draw_triplets(0, 100, 3 * SKETCH)
    distinct = triplets[np.unique(triplet_hashes(triplets), return_index=True)[1]]
    x = reals(0, 100, 2)
    scored = np.concatenate([distinct[:1000], draw_triplets(1, 100, 500)])
    trained = distinct[: SKETCH - 1]
    found = record(trained, x=x).overlap(x, scored)
    assert found.triplets == pytest.approx(shares(trained, scored)[0], abs=1e-12)


def test_a_share_that_the_sketch_cannot_tell_is_unknown_and_not_zero():
    trained = draw_triplets(0, 2000, 400_000)
    x = reals(0, 2000, 2)
    fit = record(trained, x=x)
    seen = [fit.overlap(x, trained[[k]]) for k in range(40)]
    assert {one.objects for one in seen} == {1.0}
    assert None in {one.triplets for one in seen}
    assert {one.triplets for one in seen} <= {None, 1.0}


def test_of_other_embeddings_without_names_nobody_can_tell():
    trained = draw_triplets(0, N, 50)
    assert record(trained).overlap(X + 1, trained) is None
    assert record(trained, NAMES).overlap(X + 1, trained) is None
    assert record(trained).overlap(X + 1, trained, NAMES) is None


def test_the_very_matrix_is_known_without_names():
    trained = draw_triplets(0, N, 50)
    assert record(trained, NAMES).overlap(np.asfortranarray(X), trained).triplets == 1.0


def test_names_come_before_the_matrix():
    """The same numbers under other names are other items."""
    trained = draw_triplets(0, N, 50)
    found = record(trained, NAMES).overlap(X, trained, [f"other {k}" for k in range(N)])
    assert (found.triplets, found.objects) == (0.0, 0.0)


def test_the_pair_has_no_order_but_the_odd_item_counts():
    trained = draw_triplets(0, N, 50)
    unique = trained[np.unique(triplet_hashes(trained), return_index=True)[1]]
    assert record(trained).overlap(X, trained[:, [1, 0, 2]]).triplets == 1.0
    turned = unique[:, [2, 1, 0]]
    assert record(unique).overlap(X, turned).triplets == pytest.approx(shares(unique, turned)[0])


@given(seeds)
def test_hashes_of_different_triplets_differ(seed):
    triplets = draw_triplets(seed, 2000, 5000)
    hashes = triplet_hashes(triplets)
    assert hashes.dtype == np.uint64
    assert len(np.unique(hashes)) == len(set(as_sets(triplets)))


def test_the_record_holds_what_was_fitted():
    trained = draw_triplets(0, 8, 20)
    found = record(trained, NAMES)
    assert (found.measure, found.temperature, found.n_triplets) == ("dot", 2.0, 20)
    assert np.array_equal(found.items, np.unique(trained))
    assert found.names == tuple(NAMES[k] for k in np.unique(trained))
    assert (np.diff(found.sketch.astype(object)) > 0).all()

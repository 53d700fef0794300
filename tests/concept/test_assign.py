"""Which dimension a triplet is about, against a loop over triplets."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import draw_triplets, seeds

from pyalign.concept.dimensions import assigned
from pyalign.errors import InputError


def by_hand(triplets, dimensions, how, top):
    """Codes, and how many are tied for the last place: a loop, with numbers of Python."""
    codes, tied = [], 0
    for i, j, _ in triplets.tolist():
        a, b = dimensions[i].tolist(), dimensions[j].tolist()
        values = [(x + y) / 2 if how == "sum" else x * y for x, y in zip(a, b, strict=True)]
        order = sorted(range(len(values)), key=lambda k: -values[k])  # stable: the lowest first
        codes.append([k if values[k] > 0 else -1 for k in order[:top]])
        last = values[order[top - 1]]
        tied += last > 0 and any(values[k] == last for k in order[top:])
    return np.array(codes), tied


HOW = "sum", "product"


@given(
    seed=seeds, n=st.integers(3, 12), t=st.integers(1, 60), k=st.integers(1, 9), how=st.sampled_from(HOW),
    dtype=st.sampled_from([np.float64, np.float32, np.int16]), index=st.sampled_from([np.int16, np.int32, np.int64]),
    data=st.data(),
)
def test_it_is_the_largest_of_the_pair(seed, n, t, k, how, dtype, index, data):
    """Small whole numbers, so that there are ties, and pairs of which nothing carries anything."""
    top = data.draw(st.integers(1, k))
    dimensions = np.random.default_rng(seed).integers(0, 3, (n, k)).astype(dtype)
    triplets = draw_triplets(seed, n, t, index)
    found = assigned(triplets, dimensions, how, top)
    codes, tied = by_hand(triplets, dimensions, how, top)
    np.testing.assert_array_equal(found.codes, codes)
    assert (found.n_tied, found.n_none) == (tied, (codes[:, 0] < 0).sum())


@pytest.mark.parametrize("n", [40, 2100])
def test_it_is_as_published(n):
    """np.apply_along_axis over triplets, with tables of all pairs and, for many items, without."""
    dimensions = np.random.default_rng(n).gamma(0.3, size=(n, 66))
    triplets = draw_triplets(1, n, 3000)
    published = np.apply_along_axis(lambda t: np.argmax(np.mean(dimensions[t[:2]], axis=0)), 1, triplets)
    np.testing.assert_array_equal(assigned(triplets, dimensions).codes[:, 0], published)


@given(seed=seeds)
def test_the_order_of_the_pair_and_the_odd_item_play_no_part(seed):
    dimensions = np.random.default_rng(seed).integers(0, 9, (10, 5)).astype(float)
    triplets = draw_triplets(seed, 10, 50)
    codes = assigned(triplets, dimensions).codes
    np.testing.assert_array_equal(assigned(triplets[:, [1, 0, 2]], dimensions).codes, codes)
    odd = (np.ones((10, 10)).cumsum(axis=1) - 1).astype(int)
    other = np.array([next(k for k in odd[0] if k not in row[:2]) for row in triplets])
    np.testing.assert_array_equal(assigned(np.column_stack([triplets[:, :2], other]), dimensions).codes, codes)


def test_strides_do_not_matter():
    dimensions = np.random.default_rng(0).gamma(1.0, size=(20, 10))
    triplets = draw_triplets(1, 20, 100, np.int32)
    wide = np.zeros((200, 6), np.int32)
    wide[::2, ::2] = triplets
    expected = assigned(triplets, dimensions).codes
    np.testing.assert_array_equal(assigned(wide[::2, ::2], np.asfortranarray(dimensions)).codes, expected)


def test_what_an_optimizer_leaves_below_zero_is_zero():
    dimensions = np.array([[2.0, -1e-3], [0.0, -1e-3], [0.0, 1.0]])
    assert assigned([[0, 1, 2], [1, 2, 0]], dimensions, top=2).codes.tolist() == [[0, -1], [1, -1]]


@pytest.mark.parametrize(
    ("dimensions", "options", "told"),
    [
        ([[1.0, 2.0], [0.0, -1.0], [1.0, 1.0]], {}, "from 0 up; row 1 is the first of 1 that hold others (least -1)"),
        ([[1.0, 2.0], [0.0, np.nan], [1.0, 1.0]], {}, "dimensions must hold finite numbers"),
        ([[1.0, 2.0], [0.0, np.inf], [1.0, 1.0]], {}, "dimensions must hold finite numbers"),
        ([1.0, 2.0, 3.0], {}, "dimensions must have shape (n, k)"),
        (np.ones((3, 0)), {}, "dimensions must have shape (n, k)"),
        (np.ones((3, 2)), {"top": 3}, "top must be at most the 2 dimensions; got 3"),
        (np.ones((3, 2)), {"top": 0}, "top must be"),
        (np.ones((2, 2)), {}, "triplets must lie in [0, 2); row 0 is [0, 1, 2]"),
    ],
)
def test_what_it_refuses(message_of, dimensions, options, told):
    assert told in message_of(assigned, [[0, 1, 2]], dimensions, **options)


def test_no_triplets_are_an_error_of_their_own():
    with pytest.raises(InputError, match="triplets"):
        assigned(np.zeros((0, 3), int), np.ones((3, 2)))

"""Repeated triplets brought together, against plain Python."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import draw_triplets, seeds

from pyalign.analysis.answers import find_repeats
from pyalign.data import as_answers


def check(triplets, repeats):
    """Everything that `Repeats` promises, by loops."""
    rows = [tuple(row) for row in triplets.tolist()]
    sets = sorted({tuple(sorted(row)) for row in rows})
    assert [tuple(row) for row in repeats.triplets.tolist()] == sets
    assert [sets[k] for k in repeats.inverse] == [tuple(sorted(row)) for row in rows]
    assert [sets[k][p] for k, p in zip(repeats.inverse, repeats.odd, strict=True)] == [row[2] for row in rows]
    called = Counter((tuple(sorted(row)), row[2]) for row in rows)
    assert repeats.counts.tolist() == [[called[items, item] for item in items] for items in sets]


@given(seeds, st.sampled_from([3, 4, 7, 30]), st.sampled_from([1, 2, 100, 1000]))
def test_are_those_of_a_loop(seed, n, t):
    triplets = draw_triplets(seed, n, t)
    check(triplets, find_repeats(triplets))


@pytest.mark.parametrize("dtype", [np.int16, np.uint16, np.int32, np.int64])
@pytest.mark.parametrize("order", ["C", "F"])
def test_do_not_depend_on_the_index_type_or_memory_order(dtype, order):
    triplets = draw_triplets(1, 20, 500)
    check(triplets, find_repeats(np.array(triplets, dtype, order=order)))


LARGEST = (2**16 - 1, 2**18 - 2, 2**18, 2**20, 2**21 - 2, 2**21 - 1, 2**21 + 50, 2**31, 2**62)


@pytest.mark.parametrize("largest", LARGEST)
def test_are_exact_for_every_size_of_item_number(largest):
    """Keys with the row packed in, keys alone, and items that no key of 64 bits holds."""
    spread = np.append(np.random.default_rng(0).integers(0, largest, 11), largest)
    for items in (spread, largest - np.arange(12)):
        triplets = items[draw_triplets(2, 12, 700)]
        check(triplets, find_repeats(triplets))


def test_counts_go_with_their_items_and_add_up_over_repeated_rows():
    repeats = find_repeats([[9, 2, 5], [5, 9, 2], [4, 3, 1]], as_answers([[1, 2, 3], [30, 10, 20], [0, 0, 7]], 3))
    assert repeats.triplets.tolist() == [[1, 3, 4], [2, 5, 9]]
    assert repeats.counts.tolist() == [[7, 0, 0], [22, 33, 11]]
    assert repeats.inverse.tolist() == [1, 1, 0]
    assert repeats.odd is None


@given(seeds)
def test_counts_of_single_answers_are_the_answers(seed):
    triplets = draw_triplets(seed, 9, 300)
    by_answers = find_repeats(triplets)
    by_counts = find_repeats(triplets, as_answers(np.tile([0, 0, 1], (300, 1)), 300))
    np.testing.assert_array_equal(by_counts.counts, by_answers.counts)
    np.testing.assert_array_equal(by_counts.inverse, by_answers.inverse)


@pytest.mark.parametrize(
    ("triplets", "message"),
    [
        ([[0, 1, 2], [0, -1, 2]], "triplets must lie in [0, 3); row 1 is [0, -1, 2]"),
        ([[0, 1, 2], [2, 1, 2]], "triplets must name three different items; row 1 is [2, 1, 2]"),
        ([[0, 1]], "triplets must have shape (t, 3); got (1, 2)"),
    ],
)
def test_wrong_triplets_are_refused(message_of, triplets, message):
    assert message_of(find_repeats, triplets) == message


def test_shares_do_not_say_how_many_answered(message_of):
    shares = as_answers([[0.2, 0.3, 0.5], [1.0, 0.0, 0.0]], 2)
    assert message_of(find_repeats, [[0, 1, 2], [3, 4, 5]], shares) == (
        "answers must be counts (whole numbers) here; got shares, which do not say of how many"
    )

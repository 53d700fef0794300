"""Parts to fit on and to report on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import draw_triplets, seeds

from pyalign.analysis.splits import split_triplets


@given(seed=seeds, n=st.integers(12, 60), held_out=st.floats(0.3, 0.7),
       dtype=st.sampled_from([np.int16, np.uint16, np.int32, np.int64]))  # fmt: skip
def test_objects_no_item_is_in_both_parts_and_no_triplet_is_forgotten(seed, n, held_out, dtype):
    triplets = draw_triplets(seed, n, 3000, dtype)
    fit, test = split_triplets(triplets, n, "objects", held_out, seed)
    mine, others = set(triplets[fit].ravel().tolist()), set(triplets[test].ravel().tolist())
    assert not mine & others
    assert len(others) <= round(held_out * n) and len(mine) <= n - round(held_out * n)
    whole = [row for row, items in enumerate(triplets.tolist()) if set(items) <= mine or set(items) <= others]
    assert sorted([*fit, *test]) == whole


def test_triplets_are_all_used_and_drawn_at_the_fraction():
    triplets = draw_triplets(1, 30, 200_000)
    fit, test = split_triplets(triplets, 30, "triplets", 0.3, 0)
    assert sorted([*fit, *test]) == list(range(200_000))
    assert len(test) / 200_000 == pytest.approx(0.3, abs=0.005)


@pytest.mark.parametrize("split", ["objects", "triplets"])
def test_the_seed_decides(split):
    triplets = draw_triplets(1, 30, 70_000)
    one, again, other = (split_triplets(triplets, 30, split, 0.5, seed) for seed in (3, np.int64(3), 4))
    assert all(np.array_equal(a, b) for a, b in zip(one, again, strict=True))
    assert not any(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_the_same_objects_are_held_out_whatever_the_triplets():
    few, many = draw_triplets(1, 30, 500), draw_triplets(2, 30, 5000)
    held = [set(t[split_triplets(t, 30, "objects", 0.5, 0)[1]].ravel().tolist()) for t in (few, many)]
    assert held[0] <= held[1] and len(held[1]) == 15


@pytest.mark.parametrize(
    "options,pieces",
    [
        ({"split": "people"}, ["split must be one of objects, triplets", "'people'"]),
        ({"held_out": 0.0}, ["held_out", "above 0 and below 1", "0.0"]),
        ({"held_out": 1.0}, ["held_out", "1.0"]),
        ({"held_out": float("nan")}, ["held_out", "nan"]),
        ({"seed": -1}, ["seed", "-1"]),
        ({"seed": 1.5}, ["seed", "1.5"]),
        ({"held_out": 0.05}, ["none of 400 triplets is left to report on", "0.05", "seed 0"]),
        ({"held_out": 0.95}, ["none of 400 triplets is left to fit on"]),
    ],
    ids=str,
)
def test_what_cannot_be_split_is_refused(message_of, options, pieces):
    given_options = {"split": "objects", "held_out": 0.5, "seed": 0, **options}
    message = message_of(split_triplets, draw_triplets(1, 30, 400), 30, **given_options)
    assert all(piece in message for piece in pieces)

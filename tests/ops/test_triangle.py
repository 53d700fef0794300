"""Look-ups in a large symmetric matrix have the bits of the matrix; in one that is not quite symmetric, too."""

from __future__ import annotations

import numpy as np
import pytest
from support import FLOATS, draw_triplets, reals

from pyalign.backends import InvalidTripletsError, Wanted
from pyalign.backends.native import BACKEND

ITEMS = {"float32": 1031, "float64": 731}  # matrices just large enough to be copied; odd, so that tiles end unevenly


def symmetric(dtype, stride=0):
    n = ITEMS[np.dtype(dtype).name]
    x = reals(0, n, 9, dtype=dtype)
    wide = np.full((n, n + stride), np.nan, dtype)
    s = wide[:, :n]
    s[:] = x @ x.T
    lower = np.tril_indices(n, -1)
    s[lower] = s.T[lower]
    return s


def enough(s, index="int32"):
    return draw_triplets(1, len(s), len(s) ** 2 // 3 + 1, index)


def looked_up(s, triplets):
    t = len(triplets)
    want = Wanted(np.empty(t, np.int8), np.empty((t, 3), s.dtype), np.empty((t, 3), s.dtype), True, 0.5)
    sums = BACKEND.triplets_from_matrix(s, triplets, want)
    return want.similarities, want.choices, want.probabilities, sums


def same_as_the_matrix(s, triplets):
    """The bits at [earlier position, later position]; all else as of few triplets, for which nothing is copied."""
    a, b, c = triplets.T
    similarities, choices, probabilities, sums = looked_up(s, triplets)
    bits = f"u{s.dtype.itemsize}"
    np.testing.assert_array_equal(similarities.view(bits), np.stack([s[a, b], s[a, c], s[b, c]], axis=1).view(bits))
    half = len(triplets) // 2
    parts = [looked_up(s, part) for part in (triplets[:half], triplets[half:])]
    for whole, halves in ((choices, [part[1] for part in parts]), (probabilities, [part[2] for part in parts])):
        np.testing.assert_array_equal(whole, np.concatenate(halves))
    assert [sums.right, sums.ties] == [
        tuple(map(sum, zip(*(getattr(part[3], name) for part in parts), strict=True))) for name in ("right", "ties")
    ]


@pytest.mark.parametrize("dtype", FLOATS)
def test_a_symmetric_matrix(isa, dtype):
    s = symmetric(dtype)
    same_as_the_matrix(s, enough(s))


@pytest.mark.parametrize("index", ["int16", "uint16", "int64"])
def test_rows_apart_and_any_index_type(isa, index):
    s = symmetric(np.float32, stride=5)
    same_as_the_matrix(s, enough(s, index)[::-1])


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("at", [(1, 0), (-1, 0), (-1, -2), (500, 499), (129, 64), (63, 62)])
def test_one_element_that_differs_from_its_mirror_image(dtype, at):
    s = symmetric(dtype)
    s[at] = np.nextafter(s[at], np.inf, dtype=dtype)
    triplets = enough(s)
    i, j = (place % len(s) for place in at)
    other = i + 1 if i + 1 not in (j, len(s)) else 7
    triplets[:2] = [[i, j, other], [j, i, other]]
    same_as_the_matrix(s, triplets)


def test_zeros_of_both_signs_are_not_mixed():
    s = symmetric(np.float32)
    s[40, 900], s[900, 40] = 0.0, -0.0
    triplets = enough(s)
    triplets[:2] = [[40, 900, 1], [900, 40, 1]]
    same_as_the_matrix(s, triplets)


def test_sums_do_not_depend_on_the_threads(set_threads):
    s = symmetric(np.float32)
    triplets = enough(s)
    found = []
    for threads in (1, 2, 7):
        set_threads(threads)
        found.append(looked_up(s, triplets)[3])
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("bad", [(3, 3, 4), (0, 1, 1031), (-1, 0, 1)])
def test_triplets_are_still_checked(bad):
    s = symmetric(np.float32)
    triplets = enough(s)
    triplets[-1] = bad
    with pytest.raises(InvalidTripletsError):
        looked_up(s, triplets)

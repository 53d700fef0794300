"""Look-ups in a matrix that L2 does not hold have its bits, symmetric or not, in whatever number they come."""

from __future__ import annotations

import numpy as np
import pytest
from support import FLOATS, draw_triplets, reals

from pyalign.backends import InvalidTripletsError, Wanted
from pyalign.backends.native import BACKEND

pytestmark = pytest.mark.compiled

# Matrices just large enough for requests ahead and for a copy; odd, so that tiles end unevenly.
ITEMS = {"float32": 1031, "float64": 731}
# Triplets beside the 32 by which requests are ahead, and beside the ends of blocks of 512 and chunks of 16,384.
COUNTS = [1, 31, 32, 33, 479, 480, 481, 511, 512, 513, 543, 544, 545, 16_383, 16_384, 16_385, 16_417]


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


def few_of(s, index):
    """Of each count: the bits at [earlier position, later position], and the decisions that follow from them."""
    for t in COUNTS:
        triplets = draw_triplets(2, len(s), t, index)
        a, b, c = triplets.T
        expected = np.stack([s[a, b], s[a, c], s[b, c]], axis=1)
        top = expected.max(axis=1, keepdims=True)
        odd = np.where((expected == top).sum(axis=1) > 1, -1, 2 - expected.argmax(axis=1))
        similarities, choices, _, sums = looked_up(s, triplets)
        np.testing.assert_array_equal(similarities.view(f"u{s.dtype.itemsize}"), expected.view(f"u{s.dtype.itemsize}"))
        np.testing.assert_array_equal(choices, odd)
        assert sums.right[0] == (odd == 2).sum()


@pytest.mark.parametrize("dtype", FLOATS)
def test_few_triplets_of_a_matrix_that_is_not_symmetric(isa, dtype):
    n = ITEMS[np.dtype(dtype).name]
    few_of(reals(3, n, n, dtype=dtype), "int32")


@pytest.mark.parametrize("index", ["int16", "uint16", "int64"])
def test_few_triplets_of_a_symmetric_matrix_of_any_index_type(isa, index):
    few_of(symmetric(np.float32, stride=5), index)


@pytest.mark.parametrize("more", COUNTS)
def test_any_number_of_triplets_for_which_the_triangle_is_copied(more):
    s = symmetric(np.float32)
    a, b, c = triplets = draw_triplets(4, len(s), (len(s) ** 2 // 3 // 512 + 1) * 512 + more, "int32").T
    np.testing.assert_array_equal(looked_up(s, triplets.T)[0], np.stack([s[a, b], s[a, c], s[b, c]], axis=1))


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

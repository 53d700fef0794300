"""Decisions, probabilities and sums by the Triton kernels, against the definition in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from support import decide, definition, draw_triplets, pairs_of, reals, whole
from triton_cases import (
    DTYPES, INDEX_TYPES, PAIRS, Outputs, from_matrix, from_rows, index, kernels, log_softmax, matrix, rows, similarity,
    sums_of, wide,
)

from pyalign.backends._triton_triplets import MATRIX_BLOCK, ROWS_BLOCK

N = 40
LAYOUTS = "contiguous", "columns", "steps"
OUTPUTS = "choices", "probabilities", "similarities", "sums"
SIGMA = 5.0
GAMMA = 1 / (2 * SIGMA**2)
# Out of range on either side, beyond 32 bits, and every way to name an item twice; only some fit each type of index.
INVALID = [(-1, 0, 1), (0, N, 1), (2, 3, 2**40), (5, 5, 6), (5, 6, 5), (6, 5, 5), (-(2**40), 1, 2), (0, 1, N)]


def expect(out, similarities, triplets, temperature, exact=True):
    """Every output from a matrix of similarities, in float64 where they are not exact."""
    s = pairs_of(np.asarray(similarities, np.float64), triplets)
    if exact:
        np.testing.assert_array_equal(out.choices, decide(s))
        np.testing.assert_array_equal(out.similarities, s.T.astype(np.float32))
    p = np.exp(log_softmax(s, temperature))[::-1].T  # column p: position p is odd
    np.testing.assert_allclose(out.probabilities, p, rtol=4e-6, atol=1e-37)
    expected = sums_of(similarities, triplets, temperature)
    np.testing.assert_array_equal(out.sums[:5], expected[:5])
    np.testing.assert_allclose(out.sums[5:], expected[5:], rtol=2e-6, atol=1e-30)
    assert out.invalid[0] == 0


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", INDEX_TYPES, ids=str)
def test_every_type_and_layout_of_the_indices(dtype, layout):
    """A matrix of few values: one triplet in three or so is a tie."""
    similarities, triplets = whole(1, N, N), draw_triplets(2, N, 100)
    out = from_matrix(matrix(similarities), index(triplets, dtype, layout), 0.7)
    expect(out, similarities, triplets, 0.7)
    assert 5 < out.sums[3] < 50, "two-way ties"
    x = whole(3, N, 3)
    out = from_rows(rows(x), "dot", index(triplets[:20], dtype, layout), temperature=0.7)
    expect(out, definition(x, x, "dot"), triplets[:20], 0.7)


@pytest.mark.parametrize("t", [1, MATRIX_BLOCK - 1, MATRIX_BLOCK, MATRIX_BLOCK + 1, 2 * MATRIX_BLOCK + 5])
def test_blocks_of_triplets(t):
    """The element at [earlier position, later position] is the one that is read: the matrix is not symmetric."""
    similarities, triplets = reals(t, N, N), draw_triplets(t, N, t)
    expect(from_matrix(matrix(similarities), index(triplets)), similarities, triplets, 1.0)


@pytest.mark.parametrize("t", [1, ROWS_BLOCK, ROWS_BLOCK + 1])
@pytest.mark.parametrize("d", [1, 31, 32, 33])
def test_blocks_of_triplets_and_features(t, d):
    x, triplets = whole(d, N, d), draw_triplets(t, N, t)
    expect(from_rows(rows(x), "dot", index(triplets), temperature=9.0), definition(x, x, "dot"), triplets, 9.0)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("pair", PAIRS)
def test_from_rows_is_from_the_matrix_of_whole_numbers(pair, dtype):
    """Ties and all, bit for bit."""
    x, triplets = rows(whole(4, N, 2), dtype), draw_triplets(5, N, 50)
    similarities = similarity(x, None, pair, GAMMA)
    out = from_rows(x, pair, index(triplets), GAMMA)
    expect(out, similarities, triplets, 1.0)
    expected = definition(wide(x), wide(x), pair, SIGMA).astype(np.float32)
    np.testing.assert_allclose(out.similarities.T, pairs_of(expected, triplets), rtol=2.0**-23 if pair == "rbf" else 0)
    assert out.sums[3] > 0


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("pair", PAIRS)
def test_from_rows_of_reals(pair, dtype):
    x, triplets = rows(reals(6, N, 70), dtype), draw_triplets(7, N, 30)
    out = from_rows(x, pair, index(triplets), GAMMA)
    expected = pairs_of(definition(wide(x), wide(x), pair, SIGMA), triplets).T
    np.testing.assert_allclose(out.similarities, expected, rtol=1e-5, atol=1e-4 if pair == "dot" else 1e-6)
    expect(out, similarities_of(out, triplets), triplets, 1.0)


def similarities_of(out, triplets):
    """A matrix that holds the similarities which were computed."""
    full = np.full((N, N), np.nan)
    for (i, j, k), (s01, s02, s12) in zip(triplets.tolist(), out.similarities.tolist(), strict=True):
        full[i, j], full[i, k], full[j, k] = s01, s02, s12
    return full


@pytest.mark.parametrize("temperature", [1e-3, 0.05, 1.0, 1e4])
def test_any_temperature(temperature):
    similarities, triplets = reals(8, N, N), draw_triplets(9, N, 100)
    s = pairs_of(similarities.astype(np.float64), triplets)
    out = from_matrix(matrix(similarities), index(triplets), temperature)
    p = np.exp(log_softmax(s, temperature))[::-1].T
    # exp is cut off at e^-87, and its argument is rounded: a relative error of that argument's size.
    np.testing.assert_allclose(out.probabilities, p, rtol=2e-5, atol=1e-37)
    np.testing.assert_allclose(out.sums[5:], sums_of(similarities, triplets, temperature)[5:], rtol=1e-5)


def test_a_confident_answer_keeps_the_digits_of_its_cross_entropy():
    """-log p = log(1 + tiny) where the human pair is far ahead."""
    similarities = np.zeros((N, N), np.float32)
    similarities[0, 1] = 30.0
    out = from_matrix(matrix(similarities), index([[0, 1, 2]]))
    np.testing.assert_allclose(out.sums[5], np.log1p(2 * np.exp(-30.0)), rtol=1e-6)
    np.testing.assert_allclose(out.sums[6], 62 * np.exp(-30.0), rtol=1e-5)


@pytest.mark.parametrize("dtype", [torch.uint16, torch.int32, torch.int64], ids=str)
def test_items_beyond_int16(dtype):
    x = whole(20, 60000, 2)
    triplets = np.array([[40000, 1, 59999], [3, 32768, 50000], [32767, 32768, 32769]])
    out = from_rows(rows(x), "dot", index(triplets, dtype))
    some = x[triplets]
    expected = np.stack([(some[:, p] * some[:, q]).sum(1) for p, q in ((0, 1), (0, 2), (1, 2))], axis=1)
    np.testing.assert_array_equal(out.similarities, expected)


@pytest.mark.parametrize("source", [from_matrix, from_rows])
@pytest.mark.parametrize("dtype", INDEX_TYPES, ids=str)
def test_triplets_that_are_not_valid_touch_nothing(dtype, source):
    """Every third one is not: flagged, -1 and NaN; the others are as without them. (Indices from far would crash.)"""
    limits = torch.iinfo(dtype)
    bad = [triplet for triplet in INVALID if all(limits.min <= item <= limits.max for item in triplet)]
    if dtype == torch.uint16:
        bad += [(0, 1, 65535), (40000, 1, 2)]
    good = draw_triplets(10, N, 2 * len(bad))
    mixed = np.array([one for b, g in zip(bad, good.reshape(-1, 2, 3).tolist(), strict=True) for one in (b, *g)])
    x = rows(whole(11, N, N), torch.float32)
    arguments = (x,) if source is from_matrix else (x, "dot")
    got, clean = source(*arguments, index(mixed, dtype)), source(*arguments, index(good, dtype))
    valid = np.arange(len(mixed)) % 3 > 0
    assert got.invalid[0] == 1 and clean.invalid[0] == 0
    assert (got.choices[~valid] == -1).all()
    assert np.isnan(got.probabilities[~valid]).all() and np.isnan(got.similarities[~valid]).all()
    for name in OUTPUTS[:3]:
        np.testing.assert_array_equal(getattr(got, name)[valid], getattr(clean, name))
    np.testing.assert_array_equal(got.sums[:5], clean.sums[:5])
    np.testing.assert_allclose(got.sums[5:], clean.sums[5:], rtol=1e-14)


@pytest.mark.parametrize("bad", INVALID)
def test_each_triplet_that_is_not_valid_is_seen(bad):
    assert from_matrix(matrix(whole(12, N, N)), index([bad], torch.int64)).invalid[0] == 1


def test_the_flag_is_never_taken_back():
    out = Outputs(5)
    out.invalid.fill_(1)
    kernels.triplets_from_matrix(matrix(whole(13, N, N)), index(draw_triplets(14, N, 5)), out.wanted(1.0))
    assert out.checked().invalid[0] == 1


@pytest.mark.parametrize("wanted", OUTPUTS)
def test_what_is_not_wanted_is_left_out(wanted):
    s, triplets = matrix(whole(15, N, N)), index(draw_triplets(16, N, 70))
    every, one = from_matrix(s, triplets), from_matrix(s, triplets, wanted=(wanted,))
    np.testing.assert_array_equal(getattr(one, wanted), getattr(every, wanted))
    assert from_matrix(s, triplets, wanted=()).invalid[0] == 0
    assert from_matrix(s, index([[0, 0, 1]]), wanted=()).invalid[0] == 1


@pytest.mark.parametrize("source", [from_matrix, from_rows])
def test_no_triplets(source):
    x = matrix(whole(17, N, N))
    out = source(*((x,) if source is from_matrix else (x, "dot")), index(np.empty((0, 3))))
    assert (out.sums == 0).all() and out.invalid[0] == 0


def test_no_items():
    """Then no triplet is valid."""
    out = from_matrix(matrix(np.empty((0, 0))), index([[0, 1, 2]]))
    assert out.invalid[0] == 1 and out.choices[0] == -1


def test_the_same_every_time():
    s, triplets = matrix(reals(18, N, N)), index(draw_triplets(19, N, 300))
    first, second = from_matrix(s, triplets), from_matrix(s, triplets)
    for name in OUTPUTS:
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))

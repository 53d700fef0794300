"""All pairs of rows by the Triton kernels, against the definition in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from support import definition, reals, whole
from triton.runtime import interpreter
from triton_cases import DEVICE, DTYPES, EPS, PAIRS, kernels, prepared, rows, similarity, wide

from pyalign.backends import Rows
from pyalign.backends._triton_similarity import MEND_BLOCK, MEND_STRIP, can_describe

SIGMA = 5.0
GAMMA = 1 / (2 * SIGMA**2)
DISTANCES = "neg_sqeuclidean", "neg_euclidean", "rbf"
ROUNDING_DESCRIPTORS = DEVICE == "cuda" or hasattr(interpreter, "_round_f32_to_tf32")  # Triton 3.9
SHAPES = (1, 1, 1), (2, 33, 3), (31, 32, 17), (33, 5, 32), (40, 70, 65)


def exact(x, y, pair):
    """The definition, rounded once."""
    return definition(wide(x), wide(y), pair, SIGMA).astype(np.float32)


def same(got, expected, pair):
    """Equal bit for bit; exp may differ in the last place from one library to another."""
    if pair == "rbf":
        np.testing.assert_allclose(got, expected, rtol=2 * EPS, atol=0)
    else:
        np.testing.assert_array_equal(got, expected)


# The ways a product is made: types of rows, whether TF32 is allowed, and whether descriptors can describe them.
PLAIN, DESCRIBED = (torch.float32, False, False), (torch.float16, False, True)
OTHERS = (
    (torch.float32, True, False), (torch.bfloat16, False, False), (torch.float32, True, True),
    (torch.bfloat16, False, True),
)
WAYS = [(pair, *way) for way in (PLAIN, DESCRIBED) for pair in PAIRS] + [("neg_sqeuclidean", *way) for way in OTHERS]


@pytest.mark.parametrize(("pair", "dtype", "tf32", "aligned"), WAYS)
def test_whole_numbers_give_the_definition_rounded_once(pair, dtype, tf32, aligned):
    for seed, (n, m, d) in enumerate(SHAPES if dtype == torch.float32 and not tf32 else SHAPES[-2:]):
        x, y = rows(whole(seed, n, d), dtype, aligned), rows(whole(seed + 50, m, d), dtype, aligned)
        assert aligned == (can_describe(x) and can_describe(y)) or DEVICE == "cuda"
        same(similarity(x, y, pair, GAMMA, tf32), exact(x, y, pair), pair)
        same(similarity(x, None, pair, GAMMA, tf32), exact(x, x, pair), pair)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_many_rows_of_tiles(dtype):
    """More than one group of tiles, and a last group of fewer; more tiles than programs."""
    aligned = dtype == torch.float16
    x, y = rows(whole(1, 270, 3), dtype, aligned), rows(whole(2, 40, 3), dtype, aligned)
    same(similarity(x, y, "dot"), exact(x, y, "dot"), "dot")
    if aligned:
        same(similarity(x, None, "dot"), exact(x, x, "dot"), "dot")


@pytest.mark.parametrize("pair", PAIRS)
def test_of_itself_is_symmetric_bit_for_bit_with_an_exact_diagonal(pair):
    for s in (
        similarity(rows(reals(3, 75, 37)), None, pair, GAMMA),
        similarity(rows(reals(3, 75, 37), torch.float16, aligned=True), None, pair, GAMMA),
    ):
        is_symmetric(s, pair)


def is_symmetric(s, pair):
    assert torch.equal(s, s.T)
    if pair in DISTANCES:
        assert (s.diagonal() == (1.0 if pair == "rbf" else 0.0)).all()


@pytest.mark.parametrize(
    ("pair", "dtype", "aligned"),
    [*((pair, torch.float32, False) for pair in PAIRS), ("cosine", torch.bfloat16, True), ("rbf", torch.float16, True)],
)
def test_reals_lie_within_rounding(pair, dtype, aligned):
    x, y = rows(reals(4, 40, 50), dtype, aligned), rows(reals(5, 35, 50), dtype, aligned)
    lengths = np.sqrt((wide(x) ** 2).sum(1))[:, None], np.sqrt((wide(y) ** 2).sum(1))[None, :]
    product = 50 * EPS * lengths[0] * lengths[1]  # bound of a sum of 50 products
    expected = definition(wide(x), wide(y), pair, SIGMA)
    squares = -definition(wide(x), wide(y), "neg_sqeuclidean")
    bound = {
        "dot": product,
        "cosine": 50 * EPS,
        "neg_sqeuclidean": 2 * product,
        "neg_euclidean": 2 * product / np.sqrt(squares),
        "rbf": 2 * product * GAMMA,
    }[pair]
    assert (abs(similarity(x, y, pair, GAMMA).numpy() - expected) <= bound + 2 * EPS * abs(expected)).all()


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("pair", DISTANCES)
def test_close_rows_keep_their_digits(pair, dtype):
    """|x|^2 + |y|^2 - 2 x.y would have none: rows share an offset of 64 and differ by eighths."""
    values = 64 + np.random.default_rng(6).integers(-2, 3, (40, 20)) / 8
    x = rows(values, torch.float32 if dtype == torch.bfloat16 else dtype)  # bfloat16 could not hold them
    if dtype == torch.bfloat16:
        x = rows(1 + np.random.default_rng(6).integers(0, 2, (40, 20)) / 128, dtype)
    for s in (similarity(x, None, pair, GAMMA), similarity(x, x, pair, GAMMA)):
        same(s, exact(x, x, pair), pair)


@pytest.mark.parametrize("pair", DISTANCES)
def test_close_reals_are_rounded_once(pair):
    """Their sums have more digits than float32."""
    x = rows(1 + reals(21, 40, 20) / 100)
    same(similarity(x, None, pair, GAMMA), exact(x, x, pair), pair)


@pytest.mark.parametrize("pair", DISTANCES)
def test_a_close_pair_changes_no_other(pair):
    """Though its block is visited again: a value follows from its two rows."""
    values = reals(22, 40, 23)
    before = similarity(rows(values), None, pair, GAMMA)
    values[5] = values[9]
    after = similarity(rows(values), None, pair, GAMMA)
    others = [i for i in range(40) if i != 5]
    assert torch.equal(before[others][:, others], after[others][:, others])
    assert after[5, 9] == (1.0 if pair == "rbf" else 0.0)


@pytest.mark.parametrize("aligned", [False, True])
def test_few_close_pairs_far_out_are_found(aligned):
    """One beyond the first strip of blocks, one in the last column, none in the block between."""
    pair, dtype = "neg_sqeuclidean", torch.float16 if aligned else torch.float32
    m = MEND_BLOCK * MEND_STRIP + 50
    x, y = reals(7, 3, 9), reals(8, m, 9)
    y[MEND_BLOCK * MEND_STRIP + 3] = x[2] * np.float32(1.002)
    y[m - 1] = x[0]
    x, y = rows(x, dtype, aligned), rows(y, dtype, aligned)
    for got, expected in (
        (similarity(x, y, pair, GAMMA).numpy(), exact(x, y, pair)),
        (similarity(y, x, pair, GAMMA).numpy(), exact(y, x, pair)),
    ):
        close = definition(wide(x), wide(y), "neg_sqeuclidean") > -1e-3
        assert close.sum() == 2
        close = close if got.shape == close.shape else close.T
        np.testing.assert_allclose(got[close], expected[close], rtol=2 * EPS)
        np.testing.assert_allclose(got, expected, rtol=1e-4)


@pytest.mark.parametrize("aligned", [False, True])
@pytest.mark.parametrize("pair", ["cosine", "neg_sqeuclidean", "neg_euclidean"])
def test_next_to_a_rounding_border_the_last_step_is_that_of_float64(pair, aligned):
    """Within 2^-52 of half a unit two float32 cannot tell; neighbors that they can tell stay as they are."""
    x, y = torch.zeros(40, 8, device=DEVICE), torch.zeros(33, 8, device=DEVICE)
    x[:, 0], y[:, 0 if pair == "cosine" else 1] = 1025, 1
    nudges = np.arange(-20, 20) * 2.0**-51
    half = 1 + 2.0**-24 if pair != "neg_euclidean" else (1 + 2.0**-24) ** 2
    terms = half + nudges, np.zeros(33)
    if pair == "cosine":
        terms = (1 + 2.0**-24 + nudges) / 1025, np.ones(33)
    sides = (Rows(v, torch.from_numpy(a).to(DEVICE), pair) for v, a in zip((x, y), terms, strict=True))
    out = torch.empty(40, 33, device=DEVICE)
    kernels.similarity(*sides, aligned, out)  # TF32 holds these rows
    expected = {
        "cosine": 1025 * (terms[0][:, None] * terms[1]),
        "neg_sqeuclidean": -(terms[0][:, None] + terms[1]),
        "neg_euclidean": -np.sqrt(terms[0][:, None] + terms[1]),
    }[pair].astype(np.float32)
    assert len(np.unique(expected)) == 2
    np.testing.assert_array_equal(out.cpu().numpy(), expected)


@pytest.mark.parametrize("pair", PAIRS)
def test_rows_of_zeros(pair):
    values = whole(11, 34, 5)
    values[[0, 33]] = 0
    x = rows(values)
    same(similarity(x, None, pair, GAMMA), exact(x, x, pair), pair)


@pytest.mark.parametrize("pair", PAIRS)
def test_a_row_with_nan_spoils_no_other(pair):
    values = reals(12, 40, 8)
    clean = similarity(rows(values), None, pair, GAMMA)
    values[7, 3] = np.nan
    s = similarity(rows(values), None, pair, GAMMA)
    others = [i for i in range(40) if i != 7]
    assert torch.equal(s[others][:, others], clean[others][:, others])


@pytest.mark.parametrize("pair", PAIRS)
def test_rows_at_any_distance(pair):
    """Every other row of contiguous ones, and contiguous rows that 16-byte loads can read."""
    values = whole(13, 66, 32)
    x = torch.from_numpy(values).to(DEVICE)
    for some in (x, x[::2], x[5:]):
        same(similarity(some, None, pair, GAMMA), exact(some, some, pair), pair)


def rounded(x):
    """float32 to 11 bits, to nearest, ties to even, as float64."""
    bits = x.cpu().numpy().view(np.int32)
    return ((bits + 0xFFF + ((bits >> 13) & 1)) & -0x2000).view(np.float32).astype(np.float64)


@pytest.mark.parametrize("aligned", [False, True] if ROUNDING_DESCRIPTORS else [False])
def test_tf32_rounds_the_factors_to_nearest(aligned):
    """Cut off, features of one sign would make every product too small, by 2^-11 of it on average."""
    values = abs(reals(14, 33, 40)), abs(reals(15, 20, 40))
    values[0][0, :3] = 1 + 2.0**-11, 1 + 3 * 2.0**-11, 2 - 2.0**-20  # to even, to even, into the exponent
    x, y = (rows(v, aligned=aligned) for v in values)
    expected = rounded(x) @ rounded(y).T
    np.testing.assert_allclose(similarity(x, y, "dot", tf32=True), expected, rtol=40 * EPS)
    assert abs(expected / (wide(x) @ wide(y).T) - 1).max() < 2.0**-11


def test_a_row_with_infinity_stays_so_in_tf32():
    values = reals(16, 5, 8)
    values[2, 3] = np.inf
    s = similarity(rows(values), rows(abs(reals(17, 4, 8)) + 1), "dot", tf32=True)
    assert torch.isinf(s[2]).all() and torch.isfinite(s[[0, 1, 3, 4]]).all()


@pytest.mark.parametrize(("n", "m"), [(0, 3), (3, 0)])
def test_no_rows(n, m):
    x, y = torch.ones(n, 4, device=DEVICE), torch.ones(m, 4, device=DEVICE)
    out = torch.empty(n, m, device=DEVICE)
    kernels.similarity(prepared(x, "rbf", 1.0), prepared(y, "rbf", 1.0), False, out)


def test_the_same_every_time():
    x = rows(reals(17, 70, 33))
    assert torch.equal(similarity(x, None, "rbf", GAMMA), similarity(x, None, "rbf", GAMMA))

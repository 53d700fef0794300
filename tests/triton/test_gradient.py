"""The derivative of the cross-entropy by the Triton kernels, against float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import REFERENCE
from support import draw_triplets, pairs_of, reals, seeds
from triton_cases import DEVICE, INDEX_TYPES, INTERPRETED, guarded, index, kernels, log_softmax, matrix

from pyalign.backends import _triton_triplets
from pyalign.backends._tensors import TensorGradient
from pyalign.backends._triton_triplets import BLOCK
from pyalign.backends._triton_triplets import SLAB as WHOLE_SLAB

SLAB = 8 * BLOCK  # of these tests, small on a device too
RUN_LENGTHS = 1, 2, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 5 * BLOCK + 3, BLOCK * BLOCK + 7


@pytest.fixture(autouse=True)
def small_slabs(monkeypatch):
    monkeypatch.setattr(_triton_triplets, "SLAB", SLAB)


def gradient_of(similarities, triplets, temperature=1.0, scale=1.0, targets=None):
    """(n, n), the cross-entropy and the flag, from the kernels."""
    n = len(similarities)
    flat, check = guarded(n * n, dtype=torch.float32)
    flat.fill_(torch.nan)
    total = torch.full((1,), torch.nan, dtype=torch.float64, device=DEVICE)
    invalid = torch.zeros(1, dtype=torch.int32, device=DEVICE)
    out = TensorGradient(flat.view(n, n), total, invalid)
    kernels.triplet_gradient(matrix(similarities), triplets, temperature, scale, out, targets)
    check()
    return out.matrix.cpu().numpy(), total.item(), invalid.item()


def cross_entropy(similarities, triplets, temperature):
    return -log_softmax(pairs_of(np.asarray(similarities, np.float64), triplets), temperature)[0].sum()


def by_definition(similarities, triplets, temperature=1.0, scale=1.0):
    """(softmax - 1 for the human pair) * scale / temperature, added up where each similarity was read."""
    p = np.exp(log_softmax(pairs_of(similarities.astype(np.float64), triplets), temperature))
    p[0] = -(p[1] + p[2])
    gradient = np.zeros(similarities.shape)
    for residual, (first, second) in zip(p, ((0, 1), (0, 2), (1, 2)), strict=True):
        np.add.at(gradient, (triplets[:, first], triplets[:, second]), residual * scale / temperature)
    return gradient


def readings(n, triplets):
    """(n, n): how often each element is read."""
    count = np.zeros((n, n))
    for first, second in ((0, 1), (0, 2), (1, 2)):
        np.add.at(count, (triplets[:, first], triplets[:, second]), 1)
    return count


def agree(similarities, triplets, temperature=1.0, scale=1.0):
    got, total, invalid = gradient_of(similarities, index(triplets), temperature, scale)
    expected, count = by_definition(similarities, triplets, temperature, scale), readings(len(similarities), triplets)
    # Few different triplets have few different residuals, whose roundings add up instead of canceling.
    tolerance = 1e-6 * (abs(expected) + count * abs(scale) / temperature)
    assert (abs(got - expected) <= tolerance).all(), abs(got - expected).max()
    assert not np.signbit(got[count == 0]).any()
    np.testing.assert_allclose(total, cross_entropy(similarities, triplets, temperature), rtol=1e-6)
    assert invalid == 0


def test_is_the_slope_of_the_cross_entropy():
    similarities, triplets, step = reals(1, 6, 6).astype(np.float64), draw_triplets(2, 6, 30), 1e-5
    got, _, _ = gradient_of(similarities, index(triplets), 0.5, 3.0)
    for i, j in np.ndindex(6, 6):
        up, down = similarities.copy(), similarities.copy()
        up[i, j] += step
        down[i, j] -= step
        slope = 3.0 * (cross_entropy(up, triplets, 0.5) - cross_entropy(down, triplets, 0.5)) / (2 * step)
        assert abs(got[i, j] - slope) < 1e-5


@pytest.mark.parametrize("t", [0, 1, 5, SLAB - 1, SLAB, SLAB + 1, 2 * SLAB + 9])
def test_slabs_of_triplets(t):
    agree(reals(t, 20, 20), draw_triplets(t, 20, t))


def test_slabs_of_the_size_in_use(monkeypatch):
    monkeypatch.setattr(_triton_triplets, "SLAB", WHOLE_SLAB)
    agree(reals(1, 60, 60), draw_triplets(1, 60, WHOLE_SLAB + 9))


@pytest.mark.parametrize("n", [3, 4, 60])
@pytest.mark.parametrize(("temperature", "scale"), [(1.0, 1.0), (0.1, -0.25), (30.0, 1e-3)])
def test_few_and_many_elements(n, temperature, scale):
    """Long runs of one element over the borders of blocks, and hardly any."""
    agree(reals(n, n, n), draw_triplets(n, n, SLAB), temperature, scale)


def test_one_triplet_again_and_again():
    """Each block is the middle of a run."""
    agree(reals(3, 5, 5), np.tile([[4, 0, 2]], (SLAB, 1)))


def test_keys_of_64_bits(monkeypatch):
    monkeypatch.setattr(_triton_triplets, "_key_type", lambda end: torch.int64)
    agree(reals(4, 12, 12), draw_triplets(5, 12, SLAB))


@pytest.mark.parametrize("dtype", INDEX_TYPES, ids=str)
def test_triplets_that_are_not_valid_add_nothing(dtype):
    similarities, good = reals(6, 20, 20), draw_triplets(7, 20, 40)
    bad = np.array([[0, 1, 20], [3, 3, 4], [3, 4, 3], [4, 3, 3]])
    mixed = np.concatenate([bad[:2], good[:25], bad[2:], good[25:]])
    got, total, invalid = gradient_of(similarities, index(mixed, dtype, "columns"))
    clean, clean_total, _ = gradient_of(similarities, index(good, dtype))
    np.testing.assert_array_equal(got, clean)
    np.testing.assert_allclose(total, clean_total, rtol=1e-14)
    assert invalid == 1
    assert not gradient_of(similarities, index(bad, dtype))[0].any()


@pytest.mark.parametrize("seed", range(6))
def test_runs_of_any_length(seed):
    """Sorted keys in runs that begin, end and go on at every place of a block; the last key counts for nothing."""
    rng = np.random.default_rng(seed)
    lengths = rng.choice(RUN_LENGTHS, 8, p=np.array([6, 4, 2, 2, 2, 2, 1, 1]) / 20) if seed else RUN_LENGTHS
    keys = torch.from_numpy(np.repeat(2 * np.arange(len(lengths)), lengths)).to(torch.int32).to(DEVICE)
    order = torch.from_numpy(rng.permutation(len(keys))).to(DEVICE)
    residuals = torch.from_numpy(rng.integers(-9, 10, len(keys)).astype(np.float32)).to(DEVICE)
    end = 2 * len(lengths) - 2
    gradient, check = guarded(end, dtype=torch.float32)
    gradient.fill_(1000.0)
    _triton_triplets._add_runs(keys, order, residuals, gradient, end)
    check()
    expected = np.full(end + 2, 1000.0)
    np.add.at(expected, keys.cpu().numpy(), residuals[order].cpu().numpy())
    np.testing.assert_array_equal(gradient.cpu(), expected[:end])


def test_the_same_every_time():
    similarities, triplets = reals(8, 9, 9), index(draw_triplets(9, 9, SLAB))
    first, second = gradient_of(similarities, triplets), gradient_of(similarities, triplets)
    np.testing.assert_array_equal(first[0], second[0])
    assert first[1] == second[1]


# Soft targets


def answers(targets):
    """(t, 3) contiguous on the device, off by one element from where memory begins, which holds NaN like the end."""
    values = torch.from_numpy(np.asarray(targets, np.float32))
    around = torch.full((values.numel() + 2,), torch.nan, device=DEVICE)
    around[1:-1] = values.flatten()
    return around[1:-1].view(-1, 3)


def draw_targets(seed, t):
    """Counts of 0 to 3 and shares, some triplets without any answer."""
    rng = np.random.default_rng(seed)
    counts, shares = rng.integers(0, 4, (t, 3)), rng.dirichlet([0.3] * 3, t)
    return np.where(rng.random((t, 1)) < 0.5, counts, shares).astype(np.float32)


@settings(max_examples=12)
@given(seeds, st.sampled_from([1, 5, SLAB, SLAB + 1, 2 * SLAB + 9]), st.sampled_from([0.1, 1.0, 30.0]))
def test_soft_targets_equal_the_reference(seed, t, temperature):
    similarities, triplets, targets = reals(seed, 20, 20), draw_triplets(seed, 20, t), draw_targets(seed, t)
    got, total, invalid = gradient_of(similarities, index(triplets), temperature, 2.0, answers(targets))
    expected, s = np.zeros((20, 20)), similarities.astype(np.float64)
    expected_total = REFERENCE.triplet_gradient(s, triplets, temperature, 2.0, expected, targets)
    np.testing.assert_allclose(got, expected, rtol=1e-6, atol=4e-6 / temperature * np.sqrt(t))
    np.testing.assert_allclose(total, expected_total, rtol=1e-6)
    assert invalid == 0


def test_one_answer_as_a_target_is_the_answer():
    """Bit for bit in the interpreter; a compiler may fuse products and sums of the two in different ways."""
    similarities, triplets = reals(10, 12, 12), draw_triplets(10, 12, SLAB + 9)
    plain = gradient_of(similarities, index(triplets), 0.5, 3.0)
    soft = gradient_of(similarities, index(triplets), 0.5, 3.0, answers(np.tile([0, 0, 1], (SLAB + 9, 1))))
    tolerance = 0.0 if INTERPRETED else 1e-6
    assert (abs(soft[0] - plain[0]) <= tolerance * readings(12, triplets) * 3.0 / 0.5).all()
    assert soft[1] == pytest.approx(plain[1], rel=tolerance, abs=0)


def test_eight_times_the_answers_are_eight_times_the_gradient():
    similarities, triplets = reals(11, 12, 12), index(draw_triplets(11, 12, 50))
    once, eight = (gradient_of(similarities, triplets, 0.5, 1.0, answers(f * draw_targets(11, 50))) for f in (1, 8))
    np.testing.assert_array_equal(eight[0], 8 * once[0])
    assert eight[1] == 8 * once[1]


@pytest.mark.parametrize("odd", [0, 1, 2])
def test_what_is_missing_to_a_probability_of_one_keeps_its_digits(odd):
    """Similarities 60 below the chosen pair's: p is 1 in any type, and 1 - p is 2e-26."""
    similarities = np.full((3, 3), -60.0)
    first, second = [(1, 2), (0, 2), (0, 1)][odd]
    similarities[first, second] = 0.0
    got, total, _ = gradient_of(similarities, index([[0, 1, 2]]), targets=answers(np.eye(3)[[odd]]))
    small = np.exp(-60.0)
    expected = np.full((3, 3), small) * np.triu(np.ones((3, 3)), 1)
    expected[first, second] = -2 * small
    np.testing.assert_allclose(got, expected, rtol=1e-5)
    np.testing.assert_allclose(total, 2 * small, rtol=1e-5)


def test_targets_of_triplets_that_are_not_valid_count_for_nothing():
    similarities, triplets, targets = reals(12, 20, 20), draw_triplets(12, 20, 40), draw_targets(12, 40)
    bad, lost = triplets.copy(), targets.copy()
    bad[[0, 17, 39]], lost[[0, 17, 39]] = [[0, 1, 20], [3, 3, 4], [-1, 3, 4]], np.nan
    keep = np.setdiff1d(np.arange(40), [0, 17, 39])
    got, total, invalid = gradient_of(similarities, index(bad), targets=answers(lost))
    clean, clean_total, _ = gradient_of(similarities, index(triplets[keep]), targets=answers(targets[keep]))
    np.testing.assert_array_equal(got, clean)
    np.testing.assert_allclose(total, clean_total, rtol=1e-14)
    assert invalid == 1

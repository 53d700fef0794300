"""The derivative of the cross-entropy by the Triton kernels, against float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from support import draw_triplets, pairs_of, reals
from triton_cases import DEVICE, INDEX_TYPES, guarded, index, kernels, log_softmax, matrix

from pyalign.backends import _triton_gradient
from pyalign.backends._triton_gradient import BLOCK, SLAB

RUN_LENGTHS = 1, 2, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 5 * BLOCK + 3, BLOCK * BLOCK + 7


def gradient_of(similarities, triplets, temperature=1.0, scale=1.0):
    """(n, n), the cross-entropy and the flag, from the kernels."""
    n = len(similarities)
    flat, check = guarded(n * n, dtype=torch.float32)
    flat.fill_(torch.nan)
    total = torch.full((1,), torch.nan, dtype=torch.float64, device=DEVICE)
    invalid = torch.zeros(1, dtype=torch.int32, device=DEVICE)
    gradient = flat.view(n, n)
    kernels.triplet_gradient(matrix(similarities), triplets, temperature, scale, gradient, total, invalid)
    check()
    return gradient.cpu().numpy(), total.item(), invalid.item()


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


def agree(similarities, triplets, temperature=1.0, scale=1.0):
    got, total, invalid = gradient_of(similarities, index(triplets), temperature, scale)
    expected = by_definition(similarities, triplets, temperature, scale)
    touched = np.zeros(similarities.shape, bool)
    for first, second in ((0, 1), (0, 2), (1, 2)):
        touched[triplets[:, first], triplets[:, second]] = True
    scale_of_one = abs(scale) / temperature
    np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-6 * scale_of_one * np.sqrt(len(triplets) + 1))
    assert (got[~touched] == 0).all() and not np.signbit(got[~touched]).any()
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


@pytest.mark.parametrize("n", [3, 4, 60])
@pytest.mark.parametrize(("temperature", "scale"), [(1.0, 1.0), (0.1, -0.25), (30.0, 1e-3)])
def test_few_and_many_elements(n, temperature, scale):
    """Long runs of one element over the borders of blocks, and hardly any."""
    agree(reals(n, n, n), draw_triplets(n, n, SLAB), temperature, scale)


def test_one_triplet_again_and_again():
    """Each block is the middle of a run."""
    agree(reals(3, 5, 5), np.tile([[4, 0, 2]], (SLAB, 1)))


def test_keys_of_64_bits(monkeypatch):
    monkeypatch.setattr(_triton_gradient, "_key_type", lambda end: torch.int64)
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
    _triton_gradient._add_runs(keys, order, residuals, gradient, end)
    check()
    expected = np.full(end + 2, 1000.0)
    np.add.at(expected, keys.cpu().numpy(), residuals[order].cpu().numpy())
    np.testing.assert_array_equal(gradient.cpu(), expected[:end])


def test_the_same_every_time():
    similarities, triplets = reals(8, 9, 9), index(draw_triplets(9, 9, SLAB))
    first, second = gradient_of(similarities, triplets), gradient_of(similarities, triplets)
    np.testing.assert_array_equal(first[0], second[0])
    assert first[1] == second[1]

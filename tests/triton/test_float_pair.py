"""The last step in two float32, against the formulas in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import triton
import triton.language as tl
from triton_cases import DEVICE, EPS

from pyalign.backends._triton_arithmetic import (
    SQUARES_ERROR, cosine_of, is_sure, pair_of, rbf_of, root_in_float64, root_of, squared_distance_of, two_of,
)

COUNT = 1 << 16


@triton.jit
def cosine_kernel(g, a, b, value, sure, COUNT: tl.constexpr):
    k = tl.arange(0, COUNT)
    found, certain = cosine_of(tl.load(g + k), tl.load(a + k), tl.load(b + k))
    tl.store(value + k, found)
    tl.store(sure + k, certain.to(tl.int8))


@triton.jit
def distance_kernel(g, a, b, value, sure, ROOT: tl.constexpr, COUNT: tl.constexpr):
    k = tl.arange(0, COUNT)
    s, low, together = squared_distance_of(tl.load(g + k), tl.load(a + k), tl.load(b + k))
    if ROOT:
        found, certain = root_of(s, low, together)
    else:
        found, certain = s, is_sure(s, low, together * SQUARES_ERROR)
    tl.store(value + k, found)
    tl.store(sure + k, certain.to(tl.int8))


@triton.jit
def exponential_kernel(s, value, gamma: tl.float32, gamma_low: tl.float32, COUNT: tl.constexpr):
    k = tl.arange(0, COUNT)
    high, low = pair_of(tl.load(s + k))
    tl.store(value + k, rbf_of(high, low, (gamma, gamma_low)))


@triton.jit
def root_kernel(s, value, COUNT: tl.constexpr):
    k = tl.arange(0, COUNT)
    tl.store(value + k, root_in_float64(tl.load(s + k)))


def run(kernel, arguments, *more, **constants):
    """(COUNT,) of what the kernel gives, and whether it is sure."""
    value = torch.empty(COUNT, dtype=torch.float32, device=DEVICE)
    sure = torch.empty(COUNT, dtype=torch.int8, device=DEVICE)
    kernel[(1,)](*(torch.from_numpy(a).to(DEVICE) for a in arguments), value, sure, *more, **constants, COUNT=COUNT)
    return value.cpu().numpy(), sure.cpu().numpy().astype(bool)


def inner_and_squares(seed, spread):
    """Inner products as float32 and squared norms of pairs of rows, at angles from small to large."""
    rng = np.random.default_rng(seed)
    a, b = np.exp(rng.normal(0, spread, (2, COUNT)))
    share = 1 - np.exp(rng.uniform(np.log(1 / 900), np.log(1.9), COUNT))
    return (share * np.sqrt(a * b)).astype(np.float32), a, b


def test_a_cosine_that_is_sure_is_that_of_float64():
    g, a, b = inner_and_squares(1, 2)
    a, b = 1 / np.sqrt(a), 1 / np.sqrt(b)
    value, sure = run(cosine_kernel, (g, a, b))
    expected = (g.astype(np.float64) * (a * b)).astype(np.float32)
    np.testing.assert_array_equal(value[sure], expected[sure])
    assert sure.mean() > 1 - 2.0**-13  # one in 2^18 or so is not


def test_cosines_next_to_a_border_are_not_sure():
    """g / 2^24 (1 + 2^-25): products that lie 2^-49 from half a unit, where float64 alone can tell."""
    g = np.full(COUNT, 2**23 + 1, np.float32)
    a = np.full(COUNT, 2.0**-23 * (1 + 2.0**-24 + 2.0**-50))
    value, sure = run(cosine_kernel, (g, a, np.ones(COUNT)))
    assert not sure.any()
    assert np.isfinite(value).all()


@pytest.mark.parametrize("root", [False, True])
def test_a_distance_that_is_sure_is_that_of_float64(root):
    g, a, b = inner_and_squares(2, 2)
    value, sure = run(distance_kernel, (g, a, b), ROOT=root)
    s = a + b - 2.0 * g
    expected = (np.sqrt(s) if root else s).astype(np.float32)
    far = s > (a + b) / 1024
    np.testing.assert_array_equal(value[sure & far], expected[sure & far])
    assert sure[far].mean() > 0.99


@pytest.mark.parametrize("root", [False, True])
def test_distances_of_whole_numbers_follow_from_the_distance_alone(root):
    """Equal ones are equal, whatever the norms, and rounded once, as where they are summed from the rows."""
    rng = np.random.default_rng(3)
    s, g = rng.integers(1, 1 << 12, COUNT), rng.integers(0, 1 << 12, COUNT)
    a = s + rng.integers(0, g + 1)
    b = s + 2 * g - a
    value, sure = run(distance_kernel, (g.astype(np.float32), a.astype(np.float64), b.astype(np.float64)), ROOT=root)
    expected = (np.sqrt(s) if root else s).astype(np.float32)
    np.testing.assert_array_equal(value[sure], expected[sure])
    far = s > (a + b) / 1024
    assert sure[far].mean() > 0.99 if root else sure[far].all()


def test_cosines_that_are_equal_in_exact_arithmetic_are_equal():
    """Binary rows: p common features of k^2 q and l^2 q."""
    rng = np.random.default_rng(4)
    p, k, q = rng.integers(1, 60, COUNT), rng.integers(1, 30, COUNT), rng.integers(1, 30, COUNT)
    values, certain = [], np.ones(COUNT, bool)
    for times in (1, 3, 7):  # of both p and the lengths
        g = (p * times).astype(np.float32)
        a, b = 1 / np.sqrt(k * k * q * times * 1.0), 1 / np.sqrt(1.0 * q * times)
        value, sure = run(cosine_kernel, (g, a, b))
        values.append(value)
        certain &= sure
    assert certain.mean() > 1 - 2.0**-10
    for value in values[1:]:
        np.testing.assert_array_equal(value[certain], values[0][certain])


@pytest.mark.parametrize("gamma", [1 / 3, 2.0**-100 / 3])
def test_exponentials_are_within_0_7_of_the_last_place(gamma):
    s = np.random.default_rng(5).uniform(0, 87, COUNT) / gamma
    value = torch.empty(COUNT, dtype=torch.float32, device=DEVICE)
    exponential_kernel[(1,)](torch.from_numpy(s).to(DEVICE), value, *two_of(gamma), COUNT=COUNT)
    exact = np.exp(-gamma * s)
    off = abs(value.cpu().numpy() - exact) / np.spacing(exact.astype(np.float32))
    assert off.max() < (0.7 if gamma > 1e-3 else 1.5)
    assert off.mean() < 0.3


def test_exponentials_go_down_to_zero():
    s = np.linspace(87, 130, COUNT)
    value = torch.empty(COUNT, dtype=torch.float32, device=DEVICE)
    exponential_kernel[(1,)](torch.from_numpy(s).to(DEVICE), value, *two_of(1.0), COUNT=COUNT)
    np.testing.assert_allclose(value.cpu().numpy(), np.exp(-s), rtol=4 * EPS, atol=2.0**-149)
    assert (np.diff(value.cpu().numpy()) <= 0).all() and value[-1] == 0


def test_roots_in_float64_are_rounded_to_those_of_the_library():
    s = np.exp2(np.random.default_rng(6).uniform(-150, 127, COUNT))
    s[:1000] = np.arange(1, 1001.0) ** 2
    value = torch.empty(COUNT, dtype=torch.float64, device=DEVICE)
    root_kernel[(1,)](torch.from_numpy(s).to(DEVICE), value, COUNT=COUNT)
    np.testing.assert_allclose(value.cpu().numpy(), np.sqrt(s), rtol=2.0**-51)
    np.testing.assert_array_equal(value[:1000].cpu().numpy(), np.arange(1, 1001.0))

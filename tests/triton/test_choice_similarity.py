"""Choice similarity by the Triton kernel, against the definition in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from support import reals, whole
from triton_cases import guarded, kernels, matrix

NOTHING = 1e-36  # what float32 may make of a probability below it


def by_definition(s, temperature):
    kept, with_i, with_j = s[:, :, None], s[:, None, :], s[None, :, :]
    top = np.maximum(np.maximum(kept, with_i), with_j)
    e = [np.exp((one - top) / temperature) for one in (kept, with_i, with_j)]
    p, here = e[0] / sum(e), np.arange(len(s))
    p[here, :, here] = p[:, here, here] = 0
    mean = p.sum(axis=2) / (len(s) - 2)
    np.fill_diagonal(mean, 1.0)
    return mean


def choice_similarity(s, temperature):
    out, check = guarded(*s.shape, dtype=torch.float32)
    np.fill_diagonal(s, np.nan)  # which is not to be looked at
    kernels.choice_similarity(matrix(s), temperature, out)
    check()
    return out.cpu().numpy()


def close(got, expected):
    assert (got == got.T).all()
    np.testing.assert_allclose(got, expected, rtol=2e-5, atol=NOTHING)


@pytest.mark.parametrize("temperature", [1.0, 0.02, 1e-3])
@pytest.mark.parametrize("n", [3, 7, 8, 9, 16, 33])
def test_equals_the_definition(n, temperature):
    s = (reals(n, n, n) + reals(n, n, n).T).astype(np.float64)
    expected = by_definition(s, temperature)
    close(choice_similarity(s, temperature), expected)


def test_large_similarities_do_not_overflow():
    s = 1e4 * whole(1, 19, 19).astype(np.float64)
    s = s + s.T
    expected = by_definition(s, 0.01)
    close(choice_similarity(s, 0.01), expected)


def test_equal_similarities_leave_everything_to_chance():
    close(choice_similarity(np.full((20, 20), 3.0), 1.0), np.where(np.eye(20) > 0, 1, 1 / 3))

"""The k largest of each row by the Triton kernel, against a sort."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from support import reals, whole
from triton_cases import DEVICE, guarded, kernels, rows

from pyalign.backends._triton_kernels import TOPK_BLOCK

SIZES = 1, 2, TOPK_BLOCK - 1, TOPK_BLOCK, TOPK_BLOCK + 1, 3 * TOPK_BLOCK + 7


@pytest.mark.parametrize("values", [whole, reals])
@pytest.mark.parametrize(("m", "own"), [(m, own) for m in SIZES for own in (-1, 0, 1) if own < 0 or max(own, 1) < m])
def test_are_those_of_a_stable_sort(m, values, own):
    """Whole numbers tie; the lower column comes first."""
    n = min(3, m if own < 0 else m - own)
    k = min(5, m if own < 0 else m - 1)
    s = values(m, n, m)
    flat, check = guarded(n * k, dtype=torch.int32)
    kernels.topk(rows(s), k, own, flat.view(n, k))
    check()
    left = s.astype(np.float64)
    if own >= 0:
        left[np.arange(n), np.arange(n) + own] = -np.inf
    np.testing.assert_array_equal(flat.view(n, k).cpu().numpy(), np.argsort(-left, axis=1, kind="stable")[:, :k])


def test_of_no_rows_nothing_is_launched():
    out = torch.full((1, 2), 7, dtype=torch.int32, device=DEVICE)
    kernels.topk(torch.empty(0, 4, device=DEVICE), 2, -1, out[:0])
    assert out.tolist() == [[7, 7]]

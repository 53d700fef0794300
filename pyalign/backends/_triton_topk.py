"""The columns of the k largest numbers of each row, the largest first, of equal ones the lower column first.

Division of the work: a program takes a row and goes over it k times, in blocks; each pass finds what comes next in that
order after what the pass before has found, as csrc/cuda/topk.cu does, which has the prediction.
"""

# Annotations mean something to Triton: mypy has to do without in kernels.
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-decorators, allow-untyped-calls
from __future__ import annotations

import torch
import triton
import triton.language as tl

from pyalign.backends import _torch_kernels
from pyalign.backends._gpu_routes import route
from pyalign.backends._triton_launch import INTERPRETED, launch

TOPK_BLOCK = 64 if INTERPRETED else 1024


@triton.jit(do_not_specialize=["m", "stride", "k", "own"])
def topk_kernel(similarities, indices, m, stride: tl.int64, k, own: tl.int64, BLOCK: tl.constexpr):
    """Among numbers that come after the last one found, each lane keeps its first; the lanes' first is the next."""
    i = tl.program_id(0).to(tl.int64)
    left_out = tl.where(own < 0, -1, own + i)
    last_value, last_column = float("inf"), -1
    for rank in range(k):
        best = tl.full((BLOCK,), float("-inf"), tl.float32)
        columns = tl.full((BLOCK,), 2147483647, tl.int32)
        for start in range(0, m, BLOCK):
            j = start + tl.arange(0, BLOCK)
            value = tl.load(similarities + i * stride + j, mask=j < m, other=float("-inf"))
            after = (value < last_value) | ((value == last_value) & (j > last_column))
            better = (j < m) & (j != left_out) & after & (value > best)
            best = tl.where(better, value, best)
            columns = tl.where(better, j, columns)
        last_value = tl.max(best, 0)
        last_column = tl.min(tl.where(best == last_value, columns, 2147483647), 0)
        tl.store(indices + i * k + rank, last_column)


def topk(similarities: torch.Tensor, k: int, own: int, indices: torch.Tensor) -> None:
    """See `pyalign.backends._tensor_kernels.Kernels`."""
    n, m = similarities.shape
    if route("topk") == "torch":
        _torch_kernels.KERNELS.topk(similarities, k, own, indices)
    elif n:
        launch(topk_kernel, (n,), similarities, indices, m, similarities.stride(0), k, own, BLOCK=TOPK_BLOCK)

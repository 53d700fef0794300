"""How likely two items are kept together, averaged over all third items, by a Triton kernel.

Division of the work: a program takes a tile of `TILE` x `TILE` pairs, on and above the diagonal, and walks over the
third items k. Of a row of the matrix it loads the two pieces that belong to the tile's rows and columns, and adds
1 / (1 + exp((s_ik - s_ij) / T) + exp((s_jk - s_ij) / T)): whatever the range of the similarities, nothing overflows,
since exponents are held below `MOST`. `DEPTH` of them are added in float32, the rest in float64.

Prediction for an H100, n = 1,854: n^3 / 2 terms of two exponentials and a division, 9.6e9 times the unit of special
functions, which does 3.7e12 a second: 2.6 ms. The CUDA kernel takes exponentials once for each pair where their range
allows it; that choice needs the extremes of the matrix, which is a kernel more, and is left to it.

The columns of the k largest numbers of each row, the largest first, of equal ones the lower column first.
The operations of csrc/include/pyalign_cuda.h as Triton kernels on torch tensors.
"""

from __future__ import annotations

import os

import torch
import triton
import triton.language as tl

from pyalign.backends import _torch_kernels
from pyalign.backends._host import Place
from pyalign.backends._tensor_kernels import prepare_rows, route
from pyalign.backends._triton_launch import INTERPRETED, blocks, launch
from pyalign.backends._triton_similarity import similarity
from pyalign.backends._triton_triplets import triplet_gradient, triplets_from_matrix, triplets_from_rows

# Annotations mean something to Triton: mypy has to do without in kernels.
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-decorators, allow-untyped-calls


TILE = 8 if INTERPRETED else 32
DEPTH = 16
MOST = 84.0  # two exponentials of it fit into float32


@triton.jit
def exp_of_other(other, kept, inverse_temperature, MOST: tl.constexpr):
    """exp((other - kept) / T), infinite where p would be next to nothing."""
    x = (other - kept) * inverse_temperature
    return tl.where(x < MOST, tl.exp(tl.minimum(x, MOST)), float("inf"))


@triton.jit(do_not_specialize=["n", "stride", "out_stride", "inverse_temperature"])
def choice_kernel(
    similarities, out, n, stride: tl.int64, out_stride: tl.int64, inverse_temperature: tl.float32, TILE: tl.constexpr,
    DEPTH: tl.constexpr, MOST: tl.constexpr,
):
    down, across = tl.program_id(0), tl.program_id(1)
    if down > across:
        return
    rows, columns = down * TILE + tl.arange(0, TILE), across * TILE + tl.arange(0, TILE)
    i, j = rows[:, None], columns[None, :]
    inside = (i < n) & (j < n)
    kept = tl.load(similarities + i * stride + j, mask=inside, other=0.0)
    total = tl.zeros((TILE, TILE), tl.float64)
    for k0 in range(0, n, DEPTH):
        part = tl.zeros((TILE, TILE), tl.float32)
        for k in range(k0, tl.minimum(k0 + DEPTH, n)):
            # An item with itself is infinitely alike, so that nothing is kept of the others.
            a = tl.load(similarities + k * stride + rows, mask=(rows < n) & (rows != k), other=float("inf"))
            b = tl.load(similarities + k * stride + columns, mask=(columns < n) & (columns != k), other=float("inf"))
            others = exp_of_other(a[:, None], kept, inverse_temperature, MOST)
            others += exp_of_other(b[None, :], kept, inverse_temperature, MOST)
            part += 1.0 / (1.0 + others)
        total += part.to(tl.float64)
    mean = tl.minimum(total / (n - 2), 1.0).to(tl.float32)
    mean = tl.where(i == j, 1.0, mean)
    upper = inside & (i <= j)
    tl.store(out + i * out_stride + j, mean, mask=upper)
    tl.store(out + j * out_stride + i, mean, mask=upper)


def choice_similarity(similarities: torch.Tensor, temperature: float, out: torch.Tensor) -> None:
    """See `pyalign.backends.Backend`; both (n, n) float32 with unit column stride."""
    n = len(similarities)
    tiles = blocks(n, TILE)
    launch(
        choice_kernel, (tiles, tiles), similarities, out, n, similarities.stride(0), out.stride(0), 1.0 / temperature,
        TILE=TILE, DEPTH=DEPTH, MOST=MOST,
    )


# Annotations mean something to Triton: mypy has to do without in kernels.
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-decorators, allow-untyped-calls


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


OLDEST = (8, 0)  # what Triton compiles for


class TritonKernels:
    """See `pyalign.backends._tensor_kernels.Kernels`."""

    row_bytes = 16
    prepare_rows = staticmethod(prepare_rows)
    similarity = staticmethod(similarity)
    triplets_from_matrix = staticmethod(triplets_from_matrix)
    triplets_from_rows = staticmethod(triplets_from_rows)
    triplet_gradient = staticmethod(triplet_gradient)
    topk = staticmethod(topk)
    choice_similarity = staticmethod(choice_similarity)
    resample_items = _torch_kernels.KERNELS.resample_items  # gathers and a product: nothing for Triton to fuse

    @property
    def home(self) -> str:
        """Triton's interpreter works on the memory of the host."""
        return "cpu" if os.environ.get("TRITON_INTERPRET") == "1" else "cuda"

    def why_not(self, place: Place) -> str | None:
        if place.dtype == "float64":
            return "it takes no float64 rows"
        if self.home == "cpu":
            return None if place.on_host else f"it interprets on the CPU; the rows are on {place.device}"
        if not torch.cuda.is_available():
            return "torch finds no CUDA device"
        if not place.device.startswith("cuda"):
            return f"it takes CUDA arrays; these are on {place.device}"
        if torch.version.hip is None and torch.cuda.get_device_capability(place.device) < OLDEST:
            return f"it takes devices of compute capability 8.0 (Ampere) and later; {place.device} is older"
        return None


KERNELS = TritonKernels()

"""The derivative of the triplets' cross-entropy with respect to every similarity, without atomics.

Division of the work, for slabs of at most `SLAB` triplets, so that the workspace is bounded:
1. one lane per triplet computes three residuals (softmax less target, scaled; without targets, that of the last
   item's answer) and the element i * n + j that each belongs to; the cross-entropy is summed by block, in float64;
2. torch sorts the elements, stably, so that the residuals of one element are neighbours in the order of the triplets;
3. one program per block of sorted entries sums each run of equal elements by a segmented scan in float64, and adds
   those runs to the gradient that lie in the block as a whole;
4. one program walks the blocks' borders: a run that crosses them is the last run of one block, blocks of nothing
   else, and the first run of another. A segmented scan over the blocks adds these, so that a million triplets of one
   pair take as long as a million different ones.
Each element is written by one lane of one kernel, and all orders are fixed.

Prediction for an H100, t = 4.7 M, n = 1,854: sorting 14.1 M pairs of a 32-bit key and a 64-bit number in four passes
moves about 14.1 M * 12 * 2 * 4 bytes = 1.35 GB, 0.4 ms of HBM; the other kernels move about 30 bytes for each of the
14.1 M entries and 36 for a triplet, 0.6 GB or 0.18 ms; and 13.7 MB of gradient. Targets are 12 bytes more for a
triplet, 56 MB or 17 us.
"""

# Annotations mean something to Triton: mypy has to do without in kernels.
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-decorators, allow-untyped-calls
from __future__ import annotations

import torch
import triton
import triton.language as tl

from pyalign.backends._tensor_kernels import TensorGradient
from pyalign.backends._triton_arithmetic import residuals as residuals_of
from pyalign.backends._triton_launch import INTERPRETED, blocks, launch, unused
from pyalign.backends._triton_outputs import ABOUT_TRIPLETS, about, read_triplets
from pyalign.backends._triton_triplets import MATRIX_BLOCK, look_up

SLAB = 128 if INTERPRETED else 1 << 22  # 12.6 M entries of about 40 bytes with what the sort needs
BLOCK = 16 if INTERPRETED else 1024


@triton.jit(do_not_specialize=["n", "stride", "end", *ABOUT_TRIPLETS[:5]])
def residual_kernel(
    similarities, targets, keys, residuals, partials, invalid, n, stride, triplets: tl.int64, index_type, t: tl.int64,
    row_stride, column_stride, end: tl.int64, inverse_temperature: tl.float32, factor: tl.float32, SOFT: tl.constexpr,
    BLOCK: tl.constexpr,
):  # fmt: skip
    """keys, residuals (3, t): of the pairs 01, 02, 12. A triplet that is not valid belongs to no element: `end`.

    targets (t, 3) are read where SOFT; else the last item is odd.
    """
    q = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = q < t
    i, j, k, valid = read_triplets(triplets, index_type, t, n, row_stride, column_stride, q, invalid)
    s01, s02, s12 = look_up(similarities, i, j, k, stride, valid)
    odd0, odd1, odd2 = 0.0, 0.0, 1.0
    if SOFT:
        odd0 = tl.load(targets + 3 * q, mask=valid, other=0.0)
        odd1 = tl.load(targets + 3 * q + 1, mask=valid, other=0.0)
        odd2 = tl.load(targets + 3 * q + 2, mask=valid, other=0.0)
    cross_entropy, r02, r12 = residuals_of(s01, s02, s12, inverse_temperature, odd0, odd1, odd2)
    tl.store(residuals + q, -(r02 + r12) * factor, mask=inside)
    tl.store(residuals + t + q, r02 * factor, mask=inside)
    tl.store(residuals + 2 * t + q, r12 * factor, mask=inside)
    tl.store(keys + q, tl.where(valid, i * n + j, end).to(keys.dtype.element_ty), mask=inside)
    tl.store(keys + t + q, tl.where(valid, i * n + k, end).to(keys.dtype.element_ty), mask=inside)
    tl.store(keys + 2 * t + q, tl.where(valid, j * n + k, end).to(keys.dtype.element_ty), mask=inside)
    tl.store(partials + tl.program_id(0), tl.sum(tl.where(valid, cross_entropy.to(tl.float64), 0.0), 0))


@triton.jit
def segmented_add(reset_a, a, reset_b, b):
    """Joins the sums of two neighbours: a new sum starts where reset is not 0."""
    return reset_a | reset_b, tl.where(reset_b != 0, b, a + b)


@triton.jit
def add_to(gradient, key, value, mask):
    place = gradient + key.to(tl.int64)
    tl.store(place, (tl.load(place, mask=mask, other=0.0).to(tl.float64) + value).to(tl.float32), mask=mask)


@triton.jit(do_not_specialize=["count", "end"])
def run_kernel(keys, order, residuals, gradient, heads, tails, count, end, BLOCK: tl.constexpr):
    """Runs of equal keys that lie in one block; of others heads[block], tails[block]: the first and the last sum."""
    start = tl.program_id(0).to(tl.int64) * BLOCK
    entry = start + tl.arange(0, BLOCK)
    inside = entry < count
    key = tl.load(keys + entry, mask=inside, other=end)
    before = tl.load(keys + entry - 1, mask=inside & (entry > 0), other=-1)
    after = tl.load(keys + entry + 1, mask=entry + 1 < count, other=-1)
    which = tl.load(order + entry, mask=inside, other=0)
    residual = tl.load(residuals + which, mask=inside, other=0.0).to(tl.float64)
    _, total = tl.associative_scan(((key != before).to(tl.int32), residual), 0, segmented_add)

    last = tl.minimum(start + BLOCK, count) - 1
    first_key, last_key = tl.load(keys + start), tl.load(keys + last)
    continued = (start > 0) & (tl.load(keys + tl.maximum(start - 1, 0)) == first_key)
    entering_key = tl.where(continued, first_key, -1)
    whole = inside & (key != after) & (key != entering_key)
    add_to(gradient, key, total, whole & (key < end))
    tl.store(heads + tl.program_id(0), tl.sum(tl.where(inside & (key == first_key), residual, 0.0), 0))
    tl.store(tails + tl.program_id(0), tl.sum(tl.where(inside & (key == last_key), residual, 0.0), 0))


@triton.jit
def continues(keys, block, count, BLOCK):
    """Whether the block's first run began in the block before."""
    border = (block > 0) & (block < count)
    left = tl.load(keys + block * BLOCK - 1, mask=border, other=-1)
    return border & (left == tl.load(keys + block * BLOCK, mask=border, other=-2))


@triton.jit
def all_one_run(keys, block, count, BLOCK):
    """Whether the block is nothing but the middle of a run."""
    through = continues(keys, block, count, BLOCK) & continues(keys, block + 1, count, BLOCK)
    first = tl.load(keys + block * BLOCK, mask=through, other=-1)
    return through & (first == tl.load(keys + (block + 1) * BLOCK, mask=through, other=-2))


@triton.jit(do_not_specialize=["count", "end"])
def border_kernel(keys, gradient, heads, tails, count, end, BLOCK: tl.constexpr, WIDTH: tl.constexpr):
    """Runs that cross blocks, WIDTH blocks at a time; `carried` is the sum of the run that enters the next ones."""
    lane = tl.arange(0, WIDTH).to(tl.int64)
    carried = tl.sum(tl.zeros((WIDTH,), tl.float64), 0)
    for first in range(0, count, WIDTH):
        block = first + lane
        entered = continues(keys, block, count, BLOCK)
        reset = all_one_run(keys, block - 1, count, BLOCK) == 0
        tail = tl.load(tails + block - 1, mask=entered, other=0.0)
        tail = tl.where((lane == 0) & (reset == 0), tail + carried, tail)
        _, total = tl.associative_scan((reset.to(tl.int32), tail), 0, segmented_add)
        carried = tl.sum(tl.where(lane == WIDTH - 1, total, 0.0), 0)
        key = tl.load(keys + block * BLOCK, mask=entered, other=end)
        ends = entered & (all_one_run(keys, block, count, BLOCK) == 0) & (key < end)
        add_to(gradient, key, total + tl.load(heads + block, mask=ends, other=0.0), ends)


def triplet_gradient(
    similarities: torch.Tensor, triplets: torch.Tensor, temperature: float, scale: float, out: TensorGradient,
    targets: torch.Tensor | None = None,
) -> None:  # fmt: skip
    """The derivative of scale * sum over triplets of -log softmax(s / temperature)[pair 01].

    Or, with targets, of scale * sum over triplets and positions p of -targets[p] * log softmax(...)[pair without p].

    Args:
        similarities: (n, n) float32 with unit column stride.
        triplets: (t, 3) int16, uint16, int32 or int64, any strides.
        out: the matrix float32, with respect to the element that was read for each pair, zero elsewhere; the
            cross-entropy is that sum of -log, in nats, not scaled.
        targets: (t, 3) float32, contiguous, how much the answers weigh that call position p odd; None: 0, 0, 1.
    """
    out.matrix.zero_()
    out.cross_entropy.zero_()
    for start in range(0, len(triplets), SLAB):
        part = slice(start, start + SLAB)
        answers = None if targets is None else targets[part]
        _add_slab(similarities, triplets[part], answers, temperature, scale, out)


def _add_slab(
    similarities: torch.Tensor, triplets: torch.Tensor, targets: torch.Tensor | None, temperature: float, scale: float,
    out: TensorGradient,
) -> None:  # fmt: skip
    t, n, device = len(triplets), len(similarities), similarities.device
    end = n * n
    keys = torch.empty(3 * t, dtype=_key_type(end), device=device)
    residuals = torch.empty(3 * t, dtype=torch.float32, device=device)
    partials = torch.empty(blocks(t, MATRIX_BLOCK), dtype=torch.float64, device=device)
    launch(
        residual_kernel, (len(partials),), similarities,
        unused(similarities, torch.float32) if targets is None else targets, keys, residuals, partials, out.invalid, n,
        similarities.stride(0), *about(triplets), end, 1.0 / temperature, scale / temperature,
        SOFT=targets is not None, BLOCK=MATRIX_BLOCK,
    )  # fmt: skip
    out.cross_entropy.add_(partials.sum())
    keys, order = torch.sort(keys, stable=True)
    _add_runs(keys, order, residuals, out.matrix, end)


def _key_type(end: int) -> torch.dtype:
    """Half the bits are half the passes of the sort."""
    return torch.int32 if end < 2**31 else torch.int64


def _add_runs(
    keys: torch.Tensor, order: torch.Tensor, residuals: torch.Tensor, gradient: torch.Tensor, end: int
) -> None:
    """keys (e,), sorted, and the number of the residual that belongs to each."""
    count = blocks(len(keys), BLOCK)
    heads, tails = (torch.empty(count, dtype=torch.float64, device=keys.device) for _ in range(2))
    launch(run_kernel, (count,), keys, order, residuals, gradient, heads, tails, len(keys), end, BLOCK=BLOCK)
    launch(border_kernel, (1,), keys, gradient, heads, tails, count, end, BLOCK=BLOCK, WIDTH=BLOCK)

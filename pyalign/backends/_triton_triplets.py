"""Triplets as the kernels read them, and what they write of each: decisions, probabilities and sums.

One lane has one triplet. What is wanted is an argument at run time, and so is the type of the indices: branches that
a whole grid takes alike, and one binary for all of them. Sums are taken over a program's block of triplets in float64
and written as the block's column of a (7, blocks) tensor, which torch adds up: the same tree every time.

Decisions, probabilities and sums over triplets, from a ready matrix or from the rows, in one pass.
The derivative of the triplets' cross-entropy with respect to every similarity, without atomics.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl

from pyalign.backends._host import Rows
from pyalign.backends._tensor_kernels import TensorGradient, TensorWanted
from pyalign.backends._triton_arithmetic import (
    COSINE, DOT, NUMBERS, decide, from_any_squared_distance, is_distance, nats,
)
from pyalign.backends._triton_arithmetic import residuals as residuals_of
from pyalign.backends._triton_arithmetic import softmax, two_of
from pyalign.backends._triton_launch import INTERPRETED, blocks, launch, unused

# Annotations mean something to Triton: mypy has to do without in kernels.
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-decorators, allow-untyped-calls


CHOICES = tl.constexpr(1)  # bits of `wanted`
PROBABILITIES = tl.constexpr(2)
SIMILARITIES = tl.constexpr(4)
SUMS = tl.constexpr(8)
INDEX_TYPES = torch.int16, torch.uint16, torch.int32, torch.int64  # in the order of `pa_index_type`
# Sizes that one binary serves: none of them makes loads wider.
ABOUT_TRIPLETS = ["triplets", "index_type", "t", "row_stride", "column_stride", "wanted", "count"]


@triton.jit
def read_items(address, index_type, offset, mask):
    """int64 from one of the four types of index."""
    item = tl.zeros_like(offset)
    if index_type == 0:
        item = tl.load(address.to(tl.pointer_type(tl.int16)) + offset, mask=mask, other=0).to(tl.int64)
    elif index_type == 1:
        item = tl.load(address.to(tl.pointer_type(tl.uint16)) + offset, mask=mask, other=0).to(tl.int64)
    elif index_type == 2:
        item = tl.load(address.to(tl.pointer_type(tl.int32)) + offset, mask=mask, other=0).to(tl.int64)
    else:
        item = tl.load(address.to(tl.pointer_type(tl.int64)) + offset, mask=mask, other=0)
    return item


@triton.jit
def read_triplets(address, index_type, t, n, row_stride, column_stride, q, invalid):
    """Items of the triplets q, and which of them are three different ones in [0, n); *invalid where one is not."""
    inside = q < t
    first = q * row_stride
    i = read_items(address, index_type, first, inside)
    j = read_items(address, index_type, first + column_stride, inside)
    k = read_items(address, index_type, first + 2 * column_stride, inside)
    in_range = (i >= 0) & (i < n) & (j >= 0) & (j < n) & (k >= 0) & (k < n)
    valid = inside & in_range & (i != j) & (i != k) & (j != k)
    tl.store(invalid + tl.zeros_like(q), 1, mask=inside & (valid == 0))  # all write the same
    return i, j, k, valid


@triton.jit
def finite(value):
    """Whether similarities are finite; those of rows that hold NaN or infinity are not."""
    return tl.abs(value) < float("inf")


@triton.jit
def finite_or_nan(value):
    return tl.where(finite(value), value, float("nan"))


@triton.jit
def store_three(out, q, inside, valid, first, second, third):
    """A row of three float32; NaN for a triplet that is not valid."""
    row = out + 3 * q
    tl.store(row, tl.where(valid, first, float("nan")), mask=inside)
    tl.store(row + 1, tl.where(valid, second, float("nan")), mask=inside)
    tl.store(row + 2, tl.where(valid, third, float("nan")), mask=inside)


@triton.jit
def store_sums(partials, count, s01, s02, s12, valid, inverse_temperature):
    """Column `program` of partials (7, blocks): the members of pa_sums in their order."""
    pairs, human, _ = decide(s01, s02, s12)
    # Four counts below 2^15 as the digits of one number: one reduction in place of four. In a three-way tie the human
    # pair is always among the three.
    digit = tl.where(pairs == 1, human, 0).to(tl.int64) + (tl.where(pairs == 2, human, 0).to(tl.int64) << 16)
    digit += ((pairs == 2).to(tl.int64) << 32) + ((pairs == 3).to(tl.int64) << 48)
    counts = tl.sum(tl.where(valid, digit, 0), 0)
    ties = ((counts >> 32) & 0xFFFF).to(tl.float64)
    three_way = (counts >> 48).to(tl.float64)
    cross_entropy, entropy = nats(s01, s02, s12, inverse_temperature)
    place = partials + tl.program_id(0)
    tl.store(place, (counts & 0xFFFF).to(tl.float64))
    tl.store(place + count, ((counts >> 16) & 0xFFFF).to(tl.float64))
    tl.store(place + 2 * count, three_way)
    tl.store(place + 3 * count, ties)
    tl.store(place + 4 * count, three_way)
    tl.store(place + 5 * count, tl.sum(tl.where(valid, cross_entropy.to(tl.float64), 0.0), 0))
    tl.store(place + 6 * count, tl.sum(tl.where(valid, entropy.to(tl.float64), 0.0), 0))


@triton.jit
def store_outputs(
    s01, s02, s12, q, inside, valid, wanted, choices, probabilities, similarities_out, partials, count,
    inverse_temperature,
):
    if (wanted & CHOICES) != 0:
        _, _, odd = decide(s01, s02, s12)
        known = valid & finite(s01) & finite(s02) & finite(s12)
        tl.store(choices + q, tl.where(known, odd, -1).to(tl.int8), mask=inside)
    if (wanted & PROBABILITIES) != 0:
        e01, e02, e12, z = softmax(s01, s02, s12, inverse_temperature)
        p0, p1, p2 = tl.div_rn(e12, z), tl.div_rn(e02, z), tl.div_rn(e01, z)
        store_three(probabilities, q, inside, valid, p0, p1, p2)
    if (wanted & SIMILARITIES) != 0:
        known01, known02, known12 = finite_or_nan(s01), finite_or_nan(s02), finite_or_nan(s12)
        store_three(similarities_out, q, inside, valid, known01, known02, known12)
    if (wanted & SUMS) != 0:
        store_sums(partials, count, s01, s02, s12, valid, inverse_temperature)


def about(triplets: torch.Tensor) -> tuple[int, int, int, int, int]:
    """Triplets as the kernels take them: address, type of index, t, row and column stride."""
    row_stride, column_stride = triplets.stride()
    return triplets.data_ptr(), INDEX_TYPES.index(triplets.dtype), len(triplets), row_stride, column_stride


class Outputs:
    """What is wanted of each triplet, as the kernels take it."""

    def __init__(self, want: TensorWanted, programs: int) -> None:
        flag, self.sums = want.invalid, want.sums
        shape = (7, programs if self.sums is not None else 0)
        self.partials = torch.empty(shape, dtype=torch.float64, device=flag.device)
        outputs = (
            (want.choices, torch.int8, CHOICES),
            (want.probabilities, torch.float32, PROBABILITIES),
            (want.similarities, torch.float32, SIMILARITIES),
        )
        self.tensors = tuple(unused(flag, dtype) if tensor is None else tensor for tensor, dtype, _ in outputs)
        flags = (*((tensor, bit) for tensor, _, bit in outputs), (self.sums, SUMS))
        self.wanted = sum(bit.value for tensor, bit in flags if tensor is not None)

    def add_up(self) -> None:
        if self.sums is not None:
            torch.sum(self.partials, 1, out=self.sums)


# Annotations mean something to Triton: mypy has to do without in kernels.
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-decorators, allow-untyped-calls


MATRIX_BLOCK = 64 if INTERPRETED else 512
ROWS_BLOCK = 8
DEPTH = 32 if INTERPRETED else 128  # 8 triplets, 128 features: 8 elements of each row a thread


@triton.jit
def look_up(similarities, i, j, k, stride, valid):
    s01 = tl.load(similarities + i * stride + j, mask=valid, other=0.0)
    s02 = tl.load(similarities + i * stride + k, mask=valid, other=0.0)
    s12 = tl.load(similarities + j * stride + k, mask=valid, other=0.0)
    return s01, s02, s12


@triton.jit(do_not_specialize=["n", "stride", *ABOUT_TRIPLETS])
def from_matrix_kernel(
    similarities, choices, probabilities, similarities_out, partials, invalid, n, stride,
    triplets: tl.int64, index_type, t: tl.int64, row_stride, column_stride, wanted, count: tl.int64,
    inverse_temperature: tl.float32, BLOCK: tl.constexpr,
):
    q = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    i, j, k, valid = read_triplets(triplets, index_type, t, n, row_stride, column_stride, q, invalid)
    s01, s02, s12 = look_up(similarities, i, j, k, stride, valid)
    store_outputs(
        s01, s02, s12, q, q < t, valid, wanted, choices, probabilities, similarities_out, partials, count,
        inverse_temperature,
    )


@triton.jit
def term(p, q, pair):
    """What a feature adds to a pair's sum, float32."""
    value = p * q
    if is_distance(pair):
        value = (p - q) * (p - q)
    return value


@triton.jit
def finish(sums, terms, i, j, gamma, pair, valid):
    """float32 similarity from a pair's float32 sum over the features."""
    value = sums
    if pair == COSINE:
        a, b = tl.load(terms + i, mask=valid, other=0.0), tl.load(terms + j, mask=valid, other=0.0)
        value = (sums.to(tl.float64) * (a * b)).to(tl.float32)
    elif pair != DOT:
        value = from_any_squared_distance(sums.to(tl.float64), gamma, pair)
        value = tl.where(sums < float("inf"), value, float("nan"))  # rbf would make 0 of an infinite row
    return value


@triton.jit
def features_of(x, i, stride, start, d, valid, DEPTH):
    """(BLOCK, DEPTH) float32: a slice of the rows i."""
    k = start + tl.arange(0, DEPTH)
    place = x + i[:, None] * stride + k[None, :]
    return tl.load(place, mask=valid[:, None] & (k < d)[None, :], other=0.0).to(tl.float32)


@triton.jit(do_not_specialize=["n", "pair", *ABOUT_TRIPLETS])
def from_rows_kernel(
    x, terms, choices, probabilities, similarities_out, partials, invalid, n, d, stride, gamma: tl.float32,
    gamma_low: tl.float32, pair, triplets: tl.int64, index_type, t: tl.int64, row_stride, column_stride, wanted,
    count: tl.int64, inverse_temperature: tl.float32, BLOCK: tl.constexpr, DEPTH: tl.constexpr,
):
    q = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    i, j, k, valid = read_triplets(triplets, index_type, t, n, row_stride, column_stride, q, invalid)
    s01 = tl.zeros((BLOCK, DEPTH), tl.float32)
    s02, s12 = tl.zeros_like(s01), tl.zeros_like(s01)
    for start in range(0, d, DEPTH):
        a = features_of(x, i, stride, start, d, valid, DEPTH)
        b = features_of(x, j, stride, start, d, valid, DEPTH)
        c = features_of(x, k, stride, start, d, valid, DEPTH)
        s01 += term(a, b, pair)
        s02 += term(a, c, pair)
        s12 += term(b, c, pair)
    store_outputs(
        finish(tl.sum(s01, 1), terms, i, j, (gamma, gamma_low), pair, valid),
        finish(tl.sum(s02, 1), terms, i, k, (gamma, gamma_low), pair, valid),
        finish(tl.sum(s12, 1), terms, j, k, (gamma, gamma_low), pair, valid),
        q, q < t, valid, wanted, choices, probabilities, similarities_out, partials, count, inverse_temperature,
    )


def triplets_from_matrix(similarities: torch.Tensor, triplets: torch.Tensor, want: TensorWanted) -> None:
    """Fills what is wanted, all of it contiguous and of float32 where it is not of another dtype for all.

    Args:
        similarities: (n, n) float32 with unit column stride.
        triplets: (t, 3) int16, uint16, int32 or int64, any strides.
        want: see `TensorWanted`.
    """
    programs = blocks(len(triplets), MATRIX_BLOCK)
    out = Outputs(want, programs)
    if programs > 0:
        launch(
            from_matrix_kernel, (programs,), similarities, *out.tensors, out.partials, want.invalid, len(similarities),
            similarities.stride(0), *about(triplets), out.wanted, programs, 1.0 / want.temperature, BLOCK=MATRIX_BLOCK,
        )
    out.add_up()


def triplets_from_rows(x: Rows, triplets: torch.Tensor, want: TensorWanted) -> None:
    """Fills whatever is wanted from the rows, which are as `similarity` takes them; needs no (n, n) memory."""
    programs, values = blocks(len(triplets), ROWS_BLOCK), x.values
    out = Outputs(want, programs)
    if programs > 0:
        launch(
            from_rows_kernel, (programs,), values, unused(values, torch.float64) if x.terms is None else x.terms,
            *out.tensors, out.partials, want.invalid, *values.shape, values.stride(0), *two_of(x.gamma),
            NUMBERS[x.pair], *about(triplets), out.wanted, programs, 1.0 / want.temperature,
            BLOCK=ROWS_BLOCK, DEPTH=DEPTH,
        )
    out.add_up()


# Annotations mean something to Triton: mypy has to do without in kernels.
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-decorators, allow-untyped-calls


SLAB = 128 if INTERPRETED else 1 << 22  # 12.6 M entries of about 40 bytes with what the sort needs
BLOCK = 16 if INTERPRETED else 1024


@triton.jit(do_not_specialize=["n", "stride", "end", *ABOUT_TRIPLETS[:5]])
def residual_kernel(
    similarities, targets, keys, residuals, partials, invalid, n, stride, triplets: tl.int64, index_type, t: tl.int64,
    row_stride, column_stride, end: tl.int64, inverse_temperature: tl.float32, factor: tl.float32, SOFT: tl.constexpr,
    BLOCK: tl.constexpr,
):
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
    """Joins the sums of two neighbors: a new sum starts where reset is not 0."""
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
) -> None:
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
) -> None:
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
    )
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

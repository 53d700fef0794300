"""Triplets as the kernels read them, and what they write of each: decisions, probabilities and sums.

One lane has one triplet. What is wanted is an argument at run time, and so is the type of the indices: branches that
a whole grid takes alike, and one binary for all of them. Sums are taken over a program's block of triplets in float64
and written as the block's column of a (7, blocks) tensor, which torch adds up: the same tree every time.
"""

# Annotations mean something to Triton: mypy has to do without in kernels.
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-decorators, allow-untyped-calls
from __future__ import annotations

import torch
import triton
import triton.language as tl

from pyalign.backends._tensor_kernels import TensorWanted
from pyalign.backends._triton_arithmetic import decide, nats, softmax
from pyalign.backends._triton_launch import unused

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
):  # fmt: skip
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

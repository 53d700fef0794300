"""Decisions, probabilities and sums over triplets, from a ready matrix or from the rows, in one pass.

Division of the work. A program takes a block of triplets, one to a lane: it reads and checks their items, fetches the
three similarities of each, or computes them from the rows, and writes what is wanted (_triton_outputs.py). From the
rows, lanes stride over the features too; each adds up its own in float32 and a tree adds the lanes. The blocks are
fixed and not tuned, since another block would be another order of the sums.

Predictions for an H100, t = 4.7 M int32 triplets. From a matrix of n = 1,854 (13.7 MB, in L2): 12 t bytes of triplets
are 56 MB, 17 us of HBM, and three sectors of 32 bytes a triplet 451 MB, 82 us of L2: the look-ups decide. From rows
of d = 768 in bfloat16: 3 * 1,536 bytes a triplet, 21.7 GB, 3.9 ms of L2; 6 t d operations are 21.7 GFLOP, 0.3 ms.
"""

# Annotations mean something to Triton: mypy has to do without in kernels.
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-decorators, allow-untyped-calls
from __future__ import annotations

import torch
import triton
import triton.language as tl

from pyalign.backends._interface import Rows
from pyalign.backends._tensor_kernels import TensorWanted
from pyalign.backends._triton_float_pair import two_of
from pyalign.backends._triton_launch import INTERPRETED, blocks, launch, unused
from pyalign.backends._triton_outputs import ABOUT_TRIPLETS, Outputs, about, read_triplets, store_outputs
from pyalign.backends._triton_pair import COSINE, DOT, NUMBERS, from_any_squared_distance, is_distance

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
):  # fmt: skip
    q = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    i, j, k, valid = read_triplets(triplets, index_type, t, n, row_stride, column_stride, q, invalid)
    s01, s02, s12 = look_up(similarities, i, j, k, stride, valid)
    store_outputs(
        s01, s02, s12, q, q < t, valid, wanted, choices, probabilities, similarities_out, partials, count,
        inverse_temperature,
    )  # fmt: skip


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
):  # fmt: skip
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
    )  # fmt: skip


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
        )  # fmt: skip
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
        )  # fmt: skip
    out.add_up()

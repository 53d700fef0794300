"""All pairs of rows: tiles of a matrix product, with the similarity taken while a tile is in registers.

Division of the work. A program makes one tile of the result: it accumulates inner products in float32 over slices of
the features, in their order, turns them into similarities and writes them. When y is x, tiles below the diagonal
return at once, elements with row <= column are written, and those with row < column a second time transposed: half is
computed, and the result is symmetric bit for bit whatever the order of the sums. Tiles are taken in groups of
`GROUP` rows of tiles, so that the programs that run at one time share their rows in L2.

Close pairs of a distance are not known from their inner products: the tile kernel writes NaN for them and marks their
block, and the kernel of _triton_close.py sums them from the rows.

Prediction for an H100. n = m = 20,000, d = 768: 4 n m bytes of result are 1.6 GB, 0.48 ms of HBM; 2 n m d operations
are 614 GFLOP (half, when y is x): at least 9.2 ms in float32, 1.2 ms in TF32, 0.62 ms in bfloat16. At n = 1,854 all
is in L2, and the launches and the 225 tiles of 128 for 132 processors set the time.

The configurations differ in tiles, not in the order of a sum, so that tuning by time changes no result. The pair
kernel is an argument at run time: the branches are the same for a whole grid, and one binary serves all measures.
"""

# Annotations mean something to Triton: mypy has to do without in kernels.
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-decorators, allow-untyped-calls
from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl

from pyalign.backends import Rows
from pyalign.backends._triton_arithmetic import (
    CLOSE_SHARE,
    CLOSE_TF32,
    COSINE,
    DOT,
    NEG_EUCLIDEAN,
    NEG_SQEUCLIDEAN,
    RBF,
    from_squared_distance,
    squared_distance,
)
from pyalign.backends._triton_close import MEND_BLOCK, mend_close
from pyalign.backends._triton_launch import INTERPRETED, blocks, launch, unused
from pyalign.measures import PAIR_KERNELS


def _tile(rows: int, columns: int, depth: int, warps: int, stages: int) -> triton.Config:
    constants = {"TILE_M": rows, "TILE_N": columns, "DEPTH": depth, "GROUP": 8}
    return triton.Config(constants, num_warps=warps, num_stages=stages)


TILES = {
    "exact": [_tile(64, 64, 16, 4, 2), _tile(128, 64, 16, 8, 3)],
    "tf32": [_tile(64, 64, 32, 4, 3), _tile(128, 128, 32, 8, 3)],
    "half": [_tile(64, 64, 64, 4, 3), _tile(128, 128, 64, 8, 3)],
}
if INTERPRETED:
    TILES = {name: [_tile(32, 32, 32, 4, 1)] for name in TILES}


@triton.jit
def inner_products(
    x, y, row, column, n, m, d, x_stride, y_stride, TF32: tl.constexpr, WIDEN: tl.constexpr,
    TILE_M: tl.constexpr, TILE_N: tl.constexpr, DEPTH: tl.constexpr,
):  # fmt: skip
    """(TILE_M, TILE_N) float32. Rows past the end repeat the last one: their results are not written."""
    features = tl.arange(0, DEPTH)
    rows, columns = row + tl.arange(0, TILE_M), column + tl.arange(0, TILE_N)
    left = x + tl.minimum(rows, n - 1)[:, None] * x_stride + features[None, :]
    right = y + tl.minimum(columns, m - 1)[:, None] * y_stride + features[None, :]
    g = tl.zeros((TILE_M, TILE_N), tl.float32)
    for start in range(0, d, DEPTH):
        mask = (features < d - start)[None, :]
        a, b = tl.load(left, mask=mask, other=0.0), tl.load(right, mask=mask, other=0.0)
        if WIDEN:  # the interpreter has no bfloat16
            a, b = a.to(tl.float32), b.to(tl.float32)
        g = tl.dot(a, tl.trans(b), g, input_precision="tf32" if TF32 else "ieee")
        left += DEPTH
        right += DEPTH
    return g


@triton.jit
def tile_of(program, n, m, TILE_M, TILE_N, GROUP):
    """Row and column of a program's tile: groups of GROUP rows of tiles, each taken column by column."""
    down, across = tl.cdiv(n, TILE_M), tl.cdiv(m, TILE_N)
    first = program // (GROUP * across) * GROUP
    height = tl.minimum(down - first, GROUP)
    within = program % (GROUP * across)
    return first + within % height, within // height


@triton.jit
def similarity_or_nan(g, a, b, gamma, PAIR: tl.constexpr, CLOSE: tl.constexpr):
    """float32 similarity from inner products and squared norms; NaN for close pairs."""
    s = squared_distance(g.to(tl.float64), a, b)
    return tl.where(s <= (a + b) * CLOSE, float("nan"), from_squared_distance(s, gamma, PAIR))


@triton.jit
def similarity_of(g, a, b, gamma, pair, CLOSE: tl.constexpr):
    """The last step, each pair kernel in a branch of its own, so that float64 values of one live at a time."""
    value = g
    if pair == COSINE:
        value = (g.to(tl.float64) * (a * b)).to(tl.float32)
    elif pair == NEG_SQEUCLIDEAN:
        value = similarity_or_nan(g, a, b, gamma, NEG_SQEUCLIDEAN, CLOSE)
    elif pair == NEG_EUCLIDEAN:
        value = similarity_or_nan(g, a, b, gamma, NEG_EUCLIDEAN, CLOSE)
    else:
        value = similarity_or_nan(g, a, b, gamma, RBF, CLOSE)
    return value


@triton.jit
def mark_close(marks, close, row, column, n, m, TILE_M: tl.constexpr, MARK: tl.constexpr):
    """Marks the blocks of MARK rows below `row`, with the columns from `column`, where a pair is close."""
    if tl.max(tl.max(close.to(tl.int32), 1), 0) > 0:
        i = row // MARK + tl.arange(0, TILE_M // MARK)
        one = tl.full((TILE_M // MARK,), 1, tl.int8)
        tl.store(marks + i * tl.cdiv(m, MARK) + column // MARK, one, mask=i < tl.cdiv(n, MARK))


@triton.jit
def finish(
    g, row, column, x_terms, y_terms, out, marks, n, m, out_stride, gamma, pair, symmetric,
    CLOSE: tl.constexpr, MARK: tl.constexpr, TILE_M: tl.constexpr, WIDTH: tl.constexpr, PART: tl.constexpr,
):  # fmt: skip
    """Writes the similarities of (TILE_M, WIDTH) inner products, PART columns after PART: registers for float64."""
    if WIDTH > PART:
        left, right = tl.split(tl.permute(tl.reshape(g, (TILE_M, 2, WIDTH // 2)), (0, 2, 1)))
        finish(
            left, row, column, x_terms, y_terms, out, marks, n, m, out_stride, gamma, pair,
            symmetric, CLOSE, MARK, TILE_M, WIDTH // 2, PART,
        )  # fmt: skip
        finish(
            right, row, column + WIDTH // 2, x_terms, y_terms, out, marks, n, m, out_stride, gamma, pair,
            symmetric, CLOSE, MARK, TILE_M, WIDTH // 2, PART,
        )  # fmt: skip
    else:
        rows, columns = row + tl.arange(0, TILE_M), column + tl.arange(0, WIDTH)
        i, j = rows[:, None], columns[None, :]
        diagonal = j + tl.where(symmetric != 0, 0, n)  # where i would have to be; out of reach without symmetry
        wanted = (i < n) & (j < m) & (i <= diagonal)
        if pair != DOT:
            a = tl.load(x_terms + rows, mask=rows < n, other=0.0)[:, None]
            b = tl.load(y_terms + columns, mask=columns < m, other=0.0)[None, :]
            g = similarity_of(g, a, b, gamma, pair, CLOSE)
        if pair > COSINE:
            g = tl.where(i == diagonal, tl.where(pair == RBF, 1.0, 0.0), g)
            mark_close(marks, wanted & (g != g), row, column, n, m, TILE_M, MARK)
        tl.store(out + i * out_stride + j, g, mask=wanted)
        if symmetric != 0:
            mirrored = out + columns[:, None] * out_stride + rows[None, :]
            tl.store(mirrored, tl.trans(g), mask=tl.trans(wanted & (i < j)))


@triton.jit(do_not_specialize=["n", "m", "pair", "symmetric", "size_class"])
def similarity_kernel(
    x, y, x_terms, y_terms, out, marks, n: tl.int64, m: tl.int64, d, x_stride, y_stride, out_stride,
    gamma: tl.float64, pair, symmetric, size_class, TF32: tl.constexpr, WIDEN: tl.constexpr, CLOSE: tl.constexpr,
    MARK: tl.constexpr, TILE_M: tl.constexpr, TILE_N: tl.constexpr, DEPTH: tl.constexpr, GROUP: tl.constexpr,
):  # fmt: skip
    down, across = tile_of(tl.program_id(0), n, m, TILE_M, TILE_N, GROUP)
    if (symmetric != 0) & ((across + 1) * TILE_N <= down * TILE_M):
        return
    row, column = down.to(tl.int64) * TILE_M, across.to(tl.int64) * TILE_N
    g = inner_products(x, y, row, column, n, m, d, x_stride, y_stride, TF32, WIDEN, TILE_M, TILE_N, DEPTH)
    finish(
        g, row, column, x_terms, y_terms, out, marks, n, m, out_stride, gamma, pair, symmetric,
        CLOSE, MARK, TILE_M, TILE_N, TILE_N // 4,
    )  # fmt: skip


TUNED = {
    name: triton.autotune(configs, key=["size_class", "symmetric"])(similarity_kernel)
    for name, configs in TILES.items()
}


def similarity(x: Rows, y: Rows | None, tf32: bool, out: torch.Tensor) -> None:
    """Similarities of all rows of x with all rows of y (m, d), or with those of x where y is None.

    Args:
        x: values (n, d) float16, bfloat16 or float32 with unit column stride, terms contiguous; y is of the same dtype.
        tf32: float32 products may be rounded to TF32 first; else they are exact up to float32.
        out: (n, m) float32 with unit column stride.
    """
    right = x if y is None else y
    (n, m), d = out.shape, x.values.shape[1]
    if n == 0 or m == 0:
        return
    terms = (unused(out, torch.float64) if side.terms is None else side.terms for side in (x, right))
    strides = x.values.stride(0), right.values.stride(0), out.stride(0)
    last = x.gamma, PAIR_KERNELS.index(x.pair), int(y is None)
    distance = x.pair not in ("dot", "cosine")
    down, across = blocks(n, MEND_BLOCK), blocks(m, MEND_BLOCK)
    marks = torch.zeros(down * across if distance else 0, dtype=torch.int8, device=out.device)
    kind = "half" if x.values.dtype != torch.float32 else "tf32" if tf32 else "exact"
    launch(
        TUNED[kind], _tiles(n, m),
        x.values, right.values, *terms, out, marks, n, m, d, *strides, *last, _size_class(n, m, d),
        TF32=kind == "tf32", WIDEN=INTERPRETED, CLOSE=CLOSE_TF32 if kind == "tf32" else CLOSE_SHARE, MARK=MEND_BLOCK,
    )  # fmt: skip
    if distance:
        mend_close(x.values, right.values, out, marks, *last)


def _tiles(n: int, m: int) -> Any:
    return lambda tile: (blocks(n, tile["TILE_M"]) * blocks(m, tile["TILE_N"]),)


def _size_class(n: int, m: int, d: int) -> int:
    """What tuning may depend on: sizes up to a factor of two, so that it seldom comes back."""
    return 64 * (n * m).bit_length() + d.bit_length()

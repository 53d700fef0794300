"""All pairs of rows: tiles of a matrix product, with the similarity taken while a tile is in registers.

Division of the work. A program makes one tile of the result at a time: it accumulates inner products in float32 over
slices of the features, in their order, turns them into similarities and writes them (_triton_epilogue.py). When y is
x, only tiles on and above the diagonal are made (_triton_schedule.py), and each is written a second time transposed.

On Hopper rows of half precision, and of float32 where TF32 is allowed, are multiplied by warp groups, from slices that
the copy engine (TMA) brings by descriptors: no thread computes an address. A program is made for each processor and
takes tile after tile. Elsewhere, and for rows that cannot be described (not 16-byte aligned, or less than 16 bytes
apart), a program makes one tile and its threads copy the slices. TF32 rounds both factors to nearest: the copy engine
does so as it copies, the threads do it after.

Counts, sm_90, tile 128 x 256 x 64: the loop over slices is 55 instructions of each of 8 warps, 4 of them HGMMA of
64 x 256 x 16 (14 for each, whose multiplication takes 128 cycles of the processor), 2 of them copies; 255 registers,
none of them in memory, 193 KB of shared memory. Warp specialization (`tl.range(..., warp_specialize=True)`) changes
nothing at 8 warps: the compiler does not take it on Hopper.

Prediction for an H100. n = m = 20,000, d = 768: 4 n m bytes of result are 1.6 GB, 0.48 ms of HBM; 2 n m d operations
are 614 GFLOP (half, when y is x): at least 9.2 ms in float32, 1.2 ms in TF32, 0.62 ms in bfloat16. At n = 1,854 all
is in L2, and the launches and the 435 tiles of 64 for 132 processors set the time.

The pair kernel is an argument at run time: the branches are the same for a whole grid, and one binary serves all.
"""

# Annotations mean something to Triton: mypy has to do without in kernels.
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-decorators, allow-untyped-calls
from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch
import triton
import triton.language as tl
from triton.tools.tensor_descriptor import TensorDescriptor

from pyalign.backends._gpu_routes import multiply, route
from pyalign.backends._interface import Rows
from pyalign.backends._triton_close import MEND_BLOCK, mend_close
from pyalign.backends._triton_epilogue import finish
from pyalign.backends._triton_float_pair import two_of
from pyalign.backends._triton_last_step import last_step
from pyalign.backends._triton_launch import INTERPRETED, VERSION, blocks, capability_of, launch, unused
from pyalign.backends._triton_pair import CLOSE_SHARE, CLOSE_TF32, NUMBERS
from pyalign.backends._triton_schedule import GROUP, scheduled, scheduled_tiles, tile_count
from pyalign.backends._triton_tiles import DESCRIBED, PLAIN, TUNING, Tile, programs_at_once, tile_for

DESCRIBED_KINDS = ("half", "tf32") if VERSION >= (3, 7) else ("half",)  # descriptors of 3.6 do not round to TF32


@triton.jit
def to_tf32(x):
    """float32 rounded to 11 bits, to nearest, ties to even; infinity and NaN as they are."""
    bits = x.to(tl.int32, bitcast=True)
    rounded = (bits + (0xFFF + ((bits >> 13) & 1))) & -0x2000
    return tl.where((bits & 0x7F800000) == 0x7F800000, bits, rounded).to(tl.float32, bitcast=True)


@triton.jit
def inner_products(
    x, y, row, column, n, m, d, x_stride, y_stride, TF32: tl.constexpr, WIDEN: tl.constexpr,
    TILE_M: tl.constexpr, TILE_N: tl.constexpr, DEPTH: tl.constexpr,
):  # fmt: skip
    """(TILE_M, TILE_N) float32. Rows past the end repeat the last one: their results are not written."""
    features = tl.arange(0, DEPTH)
    rows = (row + tl.minimum(tl.arange(0, TILE_M), n - row - 1)).to(tl.int64)
    columns = (column + tl.minimum(tl.arange(0, TILE_N), m - column - 1)).to(tl.int64)
    left = x + rows[:, None] * x_stride + features[None, :]
    right = y + columns[:, None] * y_stride + features[None, :]
    g = tl.zeros((TILE_M, TILE_N), tl.float32)
    for start in range(0, d, DEPTH):
        mask = (features < d - start)[None, :]
        a, b = tl.load(left, mask=mask, other=0.0), tl.load(right, mask=mask, other=0.0)
        if WIDEN:  # the interpreter has no bfloat16
            a, b = a.to(tl.float32), b.to(tl.float32)
        if TF32:
            a, b = to_tf32(a), to_tf32(b)
        g = tl.dot(a, tl.trans(b), g, input_precision="tf32" if TF32 else "ieee")
        left += DEPTH
        right += DEPTH
    return g


@triton.jit
def described_products(
    x, y, row, column, d, TF32: tl.constexpr, WIDEN: tl.constexpr,
    TILE_M: tl.constexpr, TILE_N: tl.constexpr, DEPTH: tl.constexpr,
):  # fmt: skip
    """The same from descriptors, with zeros past the end of a row and past the last row."""
    g = tl.zeros((TILE_M, TILE_N), tl.float32)
    for start in range(0, d, DEPTH):
        a, b = x.load([row, start]), y.load([column, start])
        if WIDEN:
            a, b = a.to(tl.float32), b.to(tl.float32)
        g = tl.dot(a, tl.trans(b), g, input_precision="tf32" if TF32 else "ieee")
    return g


@triton.jit(do_not_specialize=["n", "m", "out_stride", "pair", "symmetric", "size_class"])
def similarity_kernel(
    x, y, x_terms, y_terms, out, marks, n, m, d, x_stride, y_stride, out_stride: tl.int64,
    gamma: tl.float32, gamma_low: tl.float32, pair, symmetric, size_class, DESCRIBED: tl.constexpr, TF32: tl.constexpr,
    WIDEN: tl.constexpr, CLOSE: tl.constexpr, MARK: tl.constexpr, GROUP: tl.constexpr, TILE_M: tl.constexpr,
    TILE_N: tl.constexpr, DEPTH: tl.constexpr, PART: tl.constexpr,
):  # fmt: skip
    """x and y are addresses, or descriptors, whose strides are in them."""
    tiles = scheduled_tiles(n, m, symmetric, TILE_M, TILE_N)
    # What the rounds have in common stays in them: kept aside, it would take registers that the sums need.
    for place in tl.range(tl.program_id(0), tiles, tl.num_programs(0), disable_licm=True):
        i, j = scheduled(place, n, m, symmetric, TILE_M, TILE_N, GROUP)
        row, column = i * TILE_M, j * TILE_N
        if DESCRIBED:
            g = described_products(x, y, row, column, d, TF32, WIDEN, TILE_M, TILE_N, DEPTH)
        else:
            g = inner_products(x, y, row, column, n, m, d, x_stride, y_stride, TF32, WIDEN, TILE_M, TILE_N, DEPTH)
        finish(
            g, row, column, x_terms, y_terms, out, marks, n, m, out_stride, (gamma, gamma_low), pair, symmetric,
            CLOSE, MARK, TILE_M, TILE_N, PART,
        )  # fmt: skip


def similarity(x: Rows, y: Rows | None, tf32: bool, out: torch.Tensor) -> None:
    """Similarities of all rows of x with all rows of y (m, d), or with those of x where y is None.

    Args:
        x: values (n, d) float16, bfloat16 or float32 with unit column stride, terms contiguous; y is of the same dtype.
        tf32: float32 products may be rounded to TF32 first; else they are exact up to float32.
        out: (n, m) float32 with unit column stride.
    """
    right = x if y is None else y
    n, m = out.shape
    if n == 0 or m == 0:
        return
    terms = tuple(unused(out, torch.float64) if side.terms is None else side.terms for side in (x, right))
    down, across = blocks(n, MEND_BLOCK), blocks(m, MEND_BLOCK)
    marks = torch.zeros(down * across if x.kernel.distance else 0, dtype=torch.int8, device=out.device)
    last = *two_of(x.gamma), NUMBERS[x.pair], int(y is None)
    kind = "half" if x.values.dtype != torch.float32 else "tf32" if tf32 else "exact"
    constants = {"CLOSE": CLOSE_TF32 if kind == "tf32" else CLOSE_SHARE, "MARK": MEND_BLOCK}
    if route("product") == "cublas":
        multiply(x.values, right.values, out)
        if x.kernel.terms or y is None:  # else the products are the similarities
            last_step(terms, out, marks, *last, **constants)
    else:
        _make_tiles(x.values, right.values, kind, terms, out, marks, last, constants)
    if x.kernel.distance:
        mend_close(x.values, right.values, out, marks, *last)


def _make_tiles(
    x: torch.Tensor, y: torch.Tensor, kind: str, terms: tuple[torch.Tensor, ...], out: torch.Tensor,
    marks: torch.Tensor, last: tuple[Any, ...], constants: dict[str, float],
) -> None:  # fmt: skip
    """The products and their last step by one kernel; `last`: gamma in two, pair, symmetric."""
    (n, m), d, symmetric = out.shape, x.shape[1], bool(last[-1])
    strides = x.stride(0), y.stride(0)
    described = kind in DESCRIBED_KINDS and can_describe(x) and can_describe(y)
    narrow = kind == "half" and not (described or (loads_are_wide(x) and loads_are_wide(y)))
    tiles = (DESCRIBED if described else PLAIN)["narrow" if narrow else kind]
    kernel, grid, tile, options = _chosen(tiles, described, n, m, symmetric, out.device)
    sides: tuple[Any, Any] = x, y
    if described:  # by whole slices, and with no strides: one binary for all of them
        sides = _described(x, tile.height, tile, kind), _described(y, tile.width, tile, kind)
        d, strides = blocks(d, tile.depth) * tile.depth, (0, 0)
    launch(
        kernel, grid, *sides, *terms, out, marks, n, m, d, *strides, out.stride(0), *last, _size_class(n, m, d),
        DESCRIBED=described, TF32=kind == "tf32", WIDEN=INTERPRETED, GROUP=GROUP, **constants, **options,
    )  # fmt: skip


def can_describe(x: torch.Tensor) -> bool:
    """Whether a copy engine for warp groups (Hopper's) takes such rows: multiples of 16 bytes apart, no overlap."""
    if capability_of(x.device)[0] != 9:
        return False
    step = x.stride(0)
    return x.data_ptr() % 16 == 0 and step * x.element_size() % 16 == 0 and step >= x.shape[1]


def loads_are_wide(x: torch.Tensor) -> bool:
    """Whether Triton's threads load 16 bytes at a time: it asks for multiples of 16 elements."""
    return x.data_ptr() % 16 == 0 and x.stride(0) % 16 == 0 and x.shape[1] % 16 == 0


def _described(x: torch.Tensor, rows: int, tile: Tile, kind: str) -> TensorDescriptor:
    rounding = {"round_f32_to_tf32": True} if kind == "tf32" else {}
    return TensorDescriptor.from_tensor(x, [rows, tile.depth], **rounding)


def _chosen(
    tiles: tuple[Tile, ...], described: bool, n: int, m: int, symmetric: bool, device: torch.device
) -> tuple[Any, Any, Tile, dict[str, int]]:
    """Kernel, grid, a tile and its constants and options, which the kernel chooses by itself where it is tuned."""
    programs = programs_at_once(device)

    def grid(tile: dict[str, int]) -> tuple[int]:
        count = tile_count(n, m, symmetric, tile["TILE_M"], tile["TILE_N"])
        return (min(count, programs) if described else count,)

    if TUNING:
        return _tuned(tiles, described), grid, tiles[0], {}
    tile = tile_for(tiles, n, m, symmetric, programs)
    return similarity_kernel, grid(tile.constants), tile, {**tile.constants, **tile.options}


@lru_cache
def _tuned(tiles: tuple[Tile, ...], described: bool) -> Any:
    hook = _set_blocks if described else None
    configs = [triton.Config(tile.constants, **tile.options, pre_hook=hook) for tile in tiles]
    return triton.autotune(configs, key=["size_class", "symmetric"])(similarity_kernel)


def _set_blocks(arguments: dict[str, Any]) -> None:
    """Descriptors copy blocks of the tile that is tried."""
    arguments["x"].block_shape = [arguments["TILE_M"], arguments["DEPTH"]]
    arguments["y"].block_shape = [arguments["TILE_N"], arguments["DEPTH"]]


def _size_class(n: int, m: int, d: int) -> int:
    """What tuning may depend on: sizes up to a factor of two, so that it seldom comes back."""
    return 64 * (n * m).bit_length() + d.bit_length()

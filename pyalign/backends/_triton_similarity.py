"""Similarities of close pairs, which inner products do not give: |x|^2 + |y|^2 - 2 x.y has too few digits left.

The tile kernel of _triton_similarity.py has written NaN for close pairs and marked their blocks of 32 x 32. Division
of the work: a program looks at `MEND_STRIP` marks. In a marked block that holds NaN it sums the squared distances of
all pairs from the rows, in float64 and in the order of the features, and writes again what is NaN. So a pair's value
follows from its two rows alone, whatever stands next to it, and tiles need no registers for float64 sums. (Rows hold
no NaN: the caller has refused them.)

Prediction: where no pair is close, a byte is read for 1,024 pairs, a 4,000th of what writing them moves. A marked
block costs 3 * 1,024 d float64 operations: at n = 20,000, d = 768 and with every block marked (half, when y is x), 922
GFLOP, 27 ms of an H100's 34 TFLOP/s.

From a tile of inner products to similarities in memory, a quarter of the columns after the other.
Similarities from inner products that lie in the result already, such as those of the vendor's library.
All pairs of rows: tiles of a matrix product, with the similarity taken while a tile is in registers.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch
import triton
import triton.language as tl
from triton.tools.tensor_descriptor import TensorDescriptor

from pyalign.backends._host import Rows
from pyalign.backends._tensor_kernels import multiply, route
from pyalign.backends._triton_arithmetic import (
    CLOSE_SHARE, CLOSE_TF32, NUMBERS, any_of, from_any_squared_distance, has_terms, is_distance, of_equal_rows,
    similarity_of, two_of,
)
from pyalign.backends._triton_launch import (
    DESCRIBED, GROUP, INTERPRETED, PLAIN, TUNING, VERSION, Tile, blocks, capability_of, launch, programs_at_once,
    scheduled, scheduled_tiles, tile_count, tile_for, unused,
)

# Annotations mean something to Triton: mypy has to do without in kernels.
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-decorators, allow-untyped-calls


MEND_BLOCK = 32  # every tile size is a multiple of it
MEND_STRIP = 16


@triton.jit
def sum_squares(x, y, rows, columns, n, m, d, x_stride, y_stride):
    """Squared distances of all rows with all columns, feature by feature in float64."""
    left, right = x + rows[:, None] * x_stride, y + columns[None, :] * y_stride
    s = tl.zeros((rows.shape[0], columns.shape[0]), tl.float64)
    for k in range(d):
        a = tl.load(left + k, mask=rows[:, None] < n, other=0.0).to(tl.float32).to(tl.float64)
        b = tl.load(right + k, mask=columns[None, :] < m, other=0.0).to(tl.float32).to(tl.float64)
        s += (a - b) * (a - b)
    return s


@triton.jit
def mend_block(
    x, y, out, down, across, n, m, d, x_stride, y_stride, out_stride, gamma, pair, symmetric, MARK: tl.constexpr
):
    """Where out is NaN: the similarity from the squared distance."""
    rows = down * MARK + tl.arange(0, MARK).to(tl.int64)
    columns = across * MARK + tl.arange(0, MARK).to(tl.int64)
    i, j = rows[:, None], columns[None, :]
    wanted = (i < n) & (j < m) & (i < j + tl.where(symmetric != 0, 0, n))
    place = out + i * out_stride + j
    known = tl.load(place, mask=wanted, other=0.0)
    wanted = wanted & (known != known)
    if tl.max(tl.max(wanted.to(tl.int32), 1), 0) > 0:
        s = sum_squares(x, y, rows, columns, n, m, d, x_stride, y_stride)
        value = from_any_squared_distance(s, gamma, pair)
        tl.store(place, value, mask=wanted)
        if symmetric != 0:
            tl.store(out + j * out_stride + i, value, mask=wanted)


@triton.jit(do_not_specialize=["n", "m", "d", "x_stride", "y_stride", "out_stride", "pair", "symmetric"])
def mend_kernel(
    x, y, out, marks, n: tl.int64, m: tl.int64, d, x_stride, y_stride, out_stride, gamma: tl.float32,
    gamma_low: tl.float32, pair, symmetric, MARK: tl.constexpr, STRIP: tl.constexpr,
):
    width = tl.cdiv(m, MARK)
    strips = tl.cdiv(width, STRIP)
    down, first = tl.program_id(0) // strips, tl.program_id(0) % strips * STRIP
    for across in range(first, tl.minimum(first + STRIP, width)):
        if tl.load(marks + down.to(tl.int64) * width + across) != 0:
            mend_block(
                x, y, out, down, across, n, m, d, x_stride, y_stride, out_stride, (gamma, gamma_low), pair,
                symmetric, MARK,
            )


def mend_close(
    x: torch.Tensor, y: torch.Tensor, out: torch.Tensor, marks: torch.Tensor, *last: float
) -> None:
    """marks: one int8 for each block of out (n, m), row by row; `last`: the kernel's last arguments."""
    (n, m), d = out.shape, x.shape[1]
    programs = blocks(n, MEND_BLOCK) * blocks(blocks(m, MEND_BLOCK), MEND_STRIP)
    launch(
        mend_kernel, (programs,), x, y, out, marks, n, m, d, x.stride(0), y.stride(0), out.stride(0), *last,
        MARK=MEND_BLOCK, STRIP=MEND_STRIP,
    )


# Annotations mean something to Triton: mypy has to do without in kernels.
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-decorators, allow-untyped-calls


@triton.jit
def mark_close(marks, close, row, column, n, m, HEIGHT: tl.constexpr, WIDTH: tl.constexpr, MARK: tl.constexpr):
    """Marks the blocks of MARK x MARK that a part of (HEIGHT, WIDTH) touches, where a pair in it is close."""
    if any_of(close):
        width = (m - 1) // MARK + 1
        i = (row // MARK + tl.arange(0, HEIGHT // MARK)).to(tl.int64)[:, None]
        j = (column // MARK + tl.arange(0, (WIDTH + MARK - 1) // MARK))[None, :]
        ones = tl.full((HEIGHT // MARK, (WIDTH + MARK - 1) // MARK), 1, tl.int8)
        tl.store(marks + i * width + j, ones, mask=(i < (n - 1) // MARK + 1) & (j < width))


@triton.jit
def wanted_of(i, j, row, column, n, m, symmetric, HEIGHT: tl.constexpr):
    """The distance of a part from the diagonal, and its elements that are computed: with symmetry not those below it.

    Without symmetry no diagonal is in reach.
    """
    right = tl.where(symmetric != 0, column - row, HEIGHT)
    return right, (i < n - row) & (j < m - column) & (i - j <= right)


@triton.jit
def finish_part(
    g, row, column, x_terms, y_terms, out, marks, n, m, out_stride, gamma, pair, symmetric, CLOSE: tl.constexpr,
    MARK: tl.constexpr, HEIGHT: tl.constexpr, WIDTH: tl.constexpr,
):
    """Writes the similarities of (HEIGHT, WIDTH) inner products, which begin at that row and column."""
    rows, columns = tl.arange(0, HEIGHT), tl.arange(0, WIDTH)
    i, j = rows[:, None], columns[None, :]
    right, wanted = wanted_of(i, j, row, column, n, m, symmetric, HEIGHT)
    if has_terms(pair):
        a = tl.load(x_terms + row + rows, mask=rows < n - row, other=0.0)[:, None]
        b = tl.load(y_terms + column + columns, mask=columns < m - column, other=0.0)[None, :]
        g = similarity_of(g, a, b, gamma, pair, CLOSE)
    if is_distance(pair):
        g = tl.where(i - j == right, of_equal_rows(pair), g)
        mark_close(marks, wanted & (g != g), row, column, n, m, HEIGHT, WIDTH, MARK)
    tl.store(out + row * out_stride + column + (i * out_stride + j), g, mask=wanted)
    if symmetric != 0:
        mirrored = out + column * out_stride + row + (columns[:, None] * out_stride + rows[None, :])
        tl.store(mirrored, tl.trans(g), mask=tl.trans(wanted & (i - j < right)))


@triton.jit
def halves(g, HEIGHT: tl.constexpr, WIDTH: tl.constexpr):
    """The left and the right columns of (HEIGHT, WIDTH)."""
    return tl.split(tl.permute(tl.reshape(g, (HEIGHT, 2, WIDTH // 2)), (0, 2, 1)))


@triton.jit
def finish(
    g, row, column, x_terms, y_terms, out, marks, n, m, out_stride, gamma, pair, symmetric, CLOSE: tl.constexpr,
    MARK: tl.constexpr, HEIGHT: tl.constexpr, WIDTH: tl.constexpr, PART: tl.constexpr,
):
    """Writes the similarities of a tile (HEIGHT, WIDTH) of inner products, which begins at that row and column.

    PART: columns that are taken at once, WIDTH by a power of 2.
    """
    if WIDTH > PART:
        left, right = halves(g, HEIGHT, WIDTH)
        if WIDTH > 2 * PART:
            first, second = halves(left, HEIGHT, WIDTH // 2)
            third, fourth = halves(right, HEIGHT, WIDTH // 2)
            for _ in tl.range(4, disable_licm=True):
                finish(
                    first, row, column, x_terms, y_terms, out, marks, n, m, out_stride, gamma, pair, symmetric, CLOSE,
                    MARK, HEIGHT, WIDTH // 4, PART,
                )
                column += WIDTH // 4
                first, second, third = second, third, fourth
        else:
            for _ in tl.range(2, disable_licm=True):
                finish(
                    left, row, column, x_terms, y_terms, out, marks, n, m, out_stride, gamma, pair, symmetric, CLOSE,
                    MARK, HEIGHT, PART, PART,
                )
                column += PART
                left = right
    else:
        finish_part(
            g, row, column, x_terms, y_terms, out, marks, n, m, out_stride, gamma, pair, symmetric, CLOSE, MARK,
            HEIGHT, WIDTH,
        )


# Annotations mean something to Triton: mypy has to do without in kernels.
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-decorators, allow-untyped-calls


HEIGHT, WIDTH, WARPS = 32, 64, 8


@triton.jit(do_not_specialize=["n", "m", "out_stride", "pair", "symmetric"])
def last_step_kernel(
    x_terms, y_terms, out, marks, n, m, out_stride: tl.int64, gamma: tl.float32, gamma_low: tl.float32, pair, symmetric,
    CLOSE: tl.constexpr, MARK: tl.constexpr, GROUP: tl.constexpr, HEIGHT: tl.constexpr, WIDTH: tl.constexpr,
):
    i, j = scheduled(tl.program_id(0), n, m, symmetric, HEIGHT, WIDTH, GROUP)
    row, column = i * HEIGHT, j * WIDTH
    down, right = tl.arange(0, HEIGHT)[:, None], tl.arange(0, WIDTH)[None, :]
    _, wanted = wanted_of(down, right, row, column, n, m, symmetric, HEIGHT)
    g = tl.load(out + row * out_stride + column + (down * out_stride + right), mask=wanted, other=0.0)
    finish_part(
        g, row, column, x_terms, y_terms, out, marks, n, m, out_stride, (gamma, gamma_low), pair, symmetric, CLOSE,
        MARK, HEIGHT, WIDTH,
    )


def last_step(
    terms: tuple[torch.Tensor, ...], out: torch.Tensor, marks: torch.Tensor, *last: Any, **constants: Any
) -> None:
    """out (n, m) float32 of inner products with unit column stride; `last`: gamma in two, pair, symmetric."""
    n, m = out.shape
    grid = (tile_count(n, m, bool(last[-1]), HEIGHT, WIDTH),)
    launch(
        last_step_kernel, grid, *terms, out, marks, n, m, out.stride(0), *last, GROUP=GROUP, HEIGHT=HEIGHT,
        WIDTH=WIDTH, num_warps=WARPS, **constants,
    )


# Annotations mean something to Triton: mypy has to do without in kernels.
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-decorators, allow-untyped-calls


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
):
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
):
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
):
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
        )


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
) -> None:
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
    )


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

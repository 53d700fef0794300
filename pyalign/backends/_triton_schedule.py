"""The order of the tiles of the result: programs that run at one time share their rows in L2.

Of x with y: groups of `GROUP` rows of tiles, each taken column by column. Of x with itself only tiles on and above the
diagonal are counted, so that no program finds nothing to do. They are taken by squares, as high and wide as a tile is
wide: the square (p, q), p <= q, has number q (q + 1) / 2 + p if squares go column by column. They go by bands of
`GROUP` columns instead: first all that lie above the band's triangle, row by row, then the triangle, column by column.
The last square is the last of the diagonal; its lower tile may be past the end, and is not counted then.
"""

# Annotations mean something to Triton: mypy has to do without in kernels.
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-decorators, allow-untyped-calls
from __future__ import annotations

import triton
import triton.language as tl

from pyalign.backends._triton_launch import blocks

GROUP = 8


def tile_count(n: int, m: int, symmetric: bool, height: int, width: int) -> int:
    """How many tiles the schedule has; `width` is `height` or twice that."""
    if not symmetric:
        return blocks(n, height) * blocks(m, width)
    squares, tall = blocks(n, width), width // height
    return tall * squares * (squares + 1) // 2 - (tall * squares - blocks(n, height))


@triton.jit
def column_of(square):
    """q of the square with that number, column by column: the largest with q (q + 1) / 2 <= square."""
    return ((tl.sqrt((8 * square + 1).to(tl.float64)) - 1.0) * 0.5).to(tl.int32)


@triton.jit
def square_of(square, squares, GROUP: tl.constexpr):
    """(p, q) of the square that comes at that place, of `squares` by `squares`."""
    first = column_of(square) // GROUP * GROUP  # column of the band
    width = tl.minimum(squares - first, GROUP)
    within = square - first * (first + 1) // 2
    beyond = tl.maximum(within - first * width, 0)  # in the triangle
    q = column_of(beyond)
    p = beyond - q * (q + 1) // 2
    above = within < first * width
    return tl.where(above, within // width, first + p), first + tl.where(above, within % width, q)


@triton.jit
def tile_of(place, down, across, GROUP: tl.constexpr):
    """Row and column of the tile that comes at that place, of `down` by `across` tiles."""
    first = place // (GROUP * across) * GROUP
    height = tl.minimum(down - first, GROUP)
    within = place % (GROUP * across)
    return first + within % height, within // height


@triton.jit
def upper_tile_of(place, across, TALL: tl.constexpr, GROUP: tl.constexpr):
    """The same of the tiles on and above the diagonal; TALL of them make a square."""
    p, q = square_of(place // TALL, across, GROUP)
    return p * TALL + place % TALL, q


@triton.jit
def blocks_of(n, SIZE: tl.constexpr):
    """`blocks` of n >= 1 things, for n up to the largest int32."""
    return (n - 1) // SIZE + 1


@triton.jit
def scheduled_tiles(n, m, symmetric, HEIGHT: tl.constexpr, WIDTH: tl.constexpr):
    """`tile_count`, int32."""
    down, across = blocks_of(n, HEIGHT), blocks_of(m, WIDTH)
    upper = WIDTH // HEIGHT * (across * (across + 1) // 2) - (WIDTH // HEIGHT * across - down)
    return tl.where(symmetric != 0, upper, down * across)


@triton.jit
def scheduled(place, n, m, symmetric, HEIGHT: tl.constexpr, WIDTH: tl.constexpr, GROUP: tl.constexpr):
    """Row and column of a tile by either schedule, int32."""
    place = tl.cast(place, tl.int32)  # a plain number in the interpreter
    row, column = place, place
    if symmetric != 0:
        row, column = upper_tile_of(place, blocks_of(m, WIDTH), WIDTH // HEIGHT, GROUP)
    else:
        row, column = tile_of(place, blocks_of(n, HEIGHT), blocks_of(m, WIDTH), GROUP)
    return row, column

"""How Triton kernels are launched: on the device of their tensors, or only noted down for a compiler without a device.

Every launch passes through `launch`, so that what `recorded` collects is what would run: a kernel, a configuration or
a combination of types cannot be forgotten by the checks that compile ahead of time.

The order of the tiles of the result: programs that run at one time share their rows in L2.
Sizes of tiles, by what is multiplied, by how much of it and by the device: a table, reasoned from counts.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import torch
import triton
import triton.language as tl

from pyalign._dataclass import dataclass

OLDEST = (3, 6)  # whose compiler takes all of the kernels, and whose interpreter passes their tests
VERSION = tuple(map(int, triton.__version__.split(".")[:2]))
if VERSION < OLDEST:
    raise ImportError(f"Triton 3.6 or later is needed; got {triton.__version__}")
INTERPRETED: bool = triton.knobs.runtime.interpret  # kernels run on the CPU, 5 to 15 ms a program: blocks are tiny then


@dataclass(frozen=True)
class Launch:
    """One launch: `kernel` is a jitted or autotuned function, `constants` its compile-time arguments and options."""

    kernel: Any
    arguments: tuple[Any, ...]
    constants: dict[str, Any]


_record: list[Launch] | None = None
_capability = (9, 0)  # of devices that are not there: the interpreter takes what Hopper takes


@contextmanager
def recorded(capability: tuple[int, int] = (9, 0)) -> Iterator[list[Launch]]:
    """Collects launches instead of making them; tensors may be on the device "meta". Not for several threads.

    capability: of the device that they are for.
    """
    global _record, _capability
    before, _record, _capability = (_record, _capability), [], capability
    try:
        yield _record
    finally:
        _record, _capability = before


def capability_of(device: torch.device) -> tuple[int, int]:
    """Compute capability of a CUDA device; of others that of the device which they stand for; (0, 0) of AMD's."""
    if device.type != "cuda":
        return _capability
    return (0, 0) if torch.version.hip else torch.cuda.get_device_capability(device)


def launch(kernel: Any, grid: Any, *arguments: Any, **constants: Any) -> None:
    """Queues the kernel on the current stream of the device that holds its first argument."""
    constants = {**constants, "enable_fp_fusion": True}  # Triton's default depends on its version
    if _record is not None:
        _record.append(Launch(kernel, arguments, constants))
        return
    with torch.cuda.device_of(next(argument for argument in arguments if isinstance(argument, torch.Tensor))):
        kernel[grid](*arguments, **constants)


def blocks(count: int, size: int) -> int:
    """How many blocks of that size hold `count` things."""
    return -(-count // size)


def unused(like: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """What stands for a tensor that is not there: a null address of the right type, never read or written."""
    return torch.empty(0, dtype=dtype, device=like.device)


# Annotations mean something to Triton: mypy has to do without in kernels.
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-decorators, allow-untyped-calls


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


@dataclass(frozen=True)
class Tile:
    """Rows and columns of a tile, features of a slice, warps of a program, slices in flight.

    `part`: columns of the tile that the last step takes at once, see _triton_similarity.py.
    """

    height: int
    width: int
    depth: int
    warps: int
    stages: int
    part: int

    @property
    def constants(self) -> dict[str, int]:
        """The constants as the kernel takes them."""
        return {"TILE_M": self.height, "TILE_N": self.width, "DEPTH": self.depth, "PART": self.part}

    @property
    def options(self) -> dict[str, int]:
        """The options as Triton's compiler takes them."""
        return {"num_warps": self.warps, "num_stages": self.stages}


PART = 16 if VERSION >= (3, 9) else 8 if VERSION >= (3, 7) else 4  # columns; older compilers would spill

# By kind, the largest first. "exact" is float32 by float32; "tf32" and "half" are tensor cores'. "narrow" is half
# precision loaded element by element, each from an address of its own: registers for slices of half the depth.
PLAIN: dict[str, tuple[Tile, ...]] = {
    "exact": (Tile(64, 128, 16, 8, 3, 32), Tile(64, 64, 16, 4, 2, 16)),
    "tf32": (Tile(128, 128, 32, 8, 3, PART), Tile(64, 64, 32, 4, 3, 16)),
    "half": (Tile(128, 128, 64, 8, 3, PART), Tile(64, 64, 64, 4, 3, 16)),
    "narrow": (Tile(128, 128, 32, 8, 3, PART), Tile(64, 64, 32, 4, 3, 16)),
}
# On Hopper, where rows can be described to its copy engine: 48 KB a slice and 192 of 227 KB for the largest.
DESCRIBED: dict[str, tuple[Tile, ...]] = {
    "tf32": (Tile(128, 256, 32, 8, 4, PART), Tile(128, 128, 32, 8, 4, PART), Tile(64, 64, 32, 4, 4, 16)),
    "half": (Tile(128, 256, 64, 8, 4, PART), Tile(128, 128, 64, 8, 4, PART), Tile(64, 64, 64, 4, 4, 16)),
}
if INTERPRETED:
    PLAIN = {kind: (Tile(32, 32, 32, 4, 1, 32),) for kind in PLAIN}
    DESCRIBED = {kind: (Tile(32, 64, 32, 4, 1, 16),) for kind in DESCRIBED}

PROCESSORS = 132  # of an H100, for kernels that are only compiled
TUNING: bool = os.environ.get("PYALIGN_TRITON_TUNE") == "1"


@lru_cache
def programs_at_once(device: torch.device) -> int:
    """One for each multiprocessor; three in the interpreter, so that programs make several tiles there."""
    if device.type != "cuda":
        return 3 if INTERPRETED else PROCESSORS
    return int(torch.cuda.get_device_properties(device).multi_processor_count)


def tile_for(tiles: tuple[Tile, ...], n: int, m: int, symmetric: bool, programs: int) -> Tile:
    """The largest of the tiles of which there is one for every processor, else the smallest.

    Example:
        >>> half = Tile(128, 256, 64, 8, 4, 16), Tile(64, 64, 64, 4, 4, 16)
        >>> [tile_for(half, n, n, True, 132).width for n in (1854, 4096)]
        [64, 256]
    """
    for tile in tiles[:-1]:
        if tile_count(n, m, symmetric, tile.height, tile.width) >= programs:
            return tile
    return tiles[-1]

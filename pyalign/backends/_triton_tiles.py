"""Sizes of tiles, by what is multiplied, by how much of it and by the device: a table, reasoned from counts.

A slice of `depth` features costs depth * height * width multiply-adds and brings depth * (height + width) elements: the
larger the tile, the fewer bytes for an operation. So the largest tile is taken that gives every processor one; where
none does, the smallest. Stages are as many as the shared memory holds, up to four. Nothing is timed in the user's step.

`PYALIGN_TRITON_TUNE=1`, read when the kernels are first used, has Triton time all rows that a device may take, once for
each class of sizes, and keep the fastest. They differ in tiles, not in the order of a sum: no result changes.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache

import torch

from pyalign.backends._triton_launch import INTERPRETED, VERSION
from pyalign.backends._triton_schedule import tile_count


@dataclass(frozen=True)
class Tile:
    """Rows and columns of a tile, features of a slice, warps of a program, slices in flight.

    `part`: columns of the tile that the last step takes at once, see _triton_epilogue.py.
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

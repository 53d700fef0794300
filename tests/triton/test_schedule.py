"""The order of the tiles: each that is wanted comes once, and none that is not."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import triton
import triton.language as tl
from triton_cases import DEVICE

from pyalign.backends._triton_launch import GROUP, scheduled, scheduled_tiles, tile_count


@triton.jit
def places_kernel(out, count, n, m, symmetric, HEIGHT: tl.constexpr, WIDTH: tl.constexpr, GROUP: tl.constexpr):
    tl.store(count, scheduled_tiles(n, m, symmetric, HEIGHT, WIDTH))
    for place in range(scheduled_tiles(n, m, symmetric, HEIGHT, WIDTH)):
        row, column = scheduled(place, n, m, symmetric, HEIGHT, WIDTH, GROUP)
        tl.store(out + 2 * place, row)
        tl.store(out + 2 * place + 1, column)


def places(n, m, symmetric, height, width, group=GROUP):
    """Row and column of each tile in the order of the schedule."""
    count = tile_count(n, m, symmetric, height, width)
    out = torch.full((count + 9, 2), -1, dtype=torch.int32, device=DEVICE)  # room for a schedule that is wrong
    found = torch.zeros(1, dtype=torch.int32, device=DEVICE)
    places_kernel[(1,)](out, found, n, m, int(symmetric), height, width, group)
    assert found.item() == count
    return [tuple(pair) for pair in out[:count].cpu().tolist()]


def on_or_above(n, height, width):
    """The tiles with an element whose row is not below its column."""
    tiles = [(i, j) for i in range(-(-n // height)) for j in range(-(-n // width))]
    return {(i, j) for i, j in tiles if i * height <= min((j + 1) * width, n) - 1}


@pytest.mark.parametrize("n", [1, 32, 33, 64, 65, 97, 300])
@pytest.mark.parametrize(("height", "width"), [(32, 32), (32, 64)])
def test_of_itself_each_tile_on_or_above_the_diagonal_comes_once(n, height, width):
    found = places(n, n, True, height, width, group=3)
    assert len(set(found)) == len(found)
    assert set(found) == on_or_above(n, height, width)


@pytest.mark.parametrize(("n", "m"), [(1, 1), (33, 64), (320, 40), (40, 320)])
def test_of_two_each_tile_comes_once(n, m):
    found = places(n, m, False, 32, 64, group=3)
    assert sorted(found) == [(i, j) for i in range(-(-n // 32)) for j in range(-(-m // 64))]


def test_tiles_that_follow_each_other_share_their_rows():
    """18 of them need at most 15 blocks of rows; of a line they would need 19, of two lines 11."""
    found = places(320, 320, True, 32, 32, group=3)
    some = (found[k : k + 18] for k in range(len(found) - 18))
    assert max(len({i for i, _ in tiles}) + len({j for _, j in tiles}) for tiles in some) <= 15


def test_counts_do_not_overflow_where_a_matrix_is_as_large_as_memory():
    n = 400_000  # 640 GB
    assert tile_count(n, n, True, 64, 64) == 6250 * 6251 // 2 < 2**31
    squares = np.arange(1, 7000, dtype=np.int64)
    numbers = squares * (squares + 1) // 2
    roots = ((np.sqrt((8 * numbers + 1).astype(np.float64)) - 1) * 0.5).astype(np.int64)
    before = ((np.sqrt((8 * numbers - 7).astype(np.float64)) - 1) * 0.5).astype(np.int64)
    assert (roots == squares).all() and (before == squares - 1).all()

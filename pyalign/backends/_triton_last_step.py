"""Similarities from inner products that lie in the result already, such as those of the vendor's library.

Division of the work: a program takes a tile of the result and writes similarities in the place of its products, by the
last step of the tiles that multiply (_triton_epilogue.py). Of x with itself only tiles on and above the diagonal are
read. csrc/cuda/last_step.cuh has the prediction.
"""

# Annotations mean something to Triton: mypy has to do without in kernels.
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-decorators, allow-untyped-calls
from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl

from pyalign.backends._triton_epilogue import finish_part, wanted_of
from pyalign.backends._triton_launch import launch
from pyalign.backends._triton_schedule import GROUP, scheduled, tile_count

HEIGHT, WIDTH, WARPS = 32, 64, 8


@triton.jit(do_not_specialize=["n", "m", "out_stride", "pair", "symmetric"])
def last_step_kernel(
    x_terms, y_terms, out, marks, n, m, out_stride: tl.int64, gamma: tl.float32, gamma_low: tl.float32, pair, symmetric,
    CLOSE: tl.constexpr, MARK: tl.constexpr, GROUP: tl.constexpr, HEIGHT: tl.constexpr, WIDTH: tl.constexpr,
):  # fmt: skip
    i, j = scheduled(tl.program_id(0), n, m, symmetric, HEIGHT, WIDTH, GROUP)
    row, column = i * HEIGHT, j * WIDTH
    down, right = tl.arange(0, HEIGHT)[:, None], tl.arange(0, WIDTH)[None, :]
    _, wanted = wanted_of(down, right, row, column, n, m, symmetric, HEIGHT)
    g = tl.load(out + row * out_stride + column + (down * out_stride + right), mask=wanted, other=0.0)
    finish_part(
        g, row, column, x_terms, y_terms, out, marks, n, m, out_stride, (gamma, gamma_low), pair, symmetric, CLOSE,
        MARK, HEIGHT, WIDTH,
    )  # fmt: skip


def last_step(
    terms: tuple[torch.Tensor, ...], out: torch.Tensor, marks: torch.Tensor, *last: Any, **constants: Any
) -> None:
    """out (n, m) float32 of inner products with unit column stride; `last`: gamma in two, pair, symmetric."""
    n, m = out.shape
    grid = (tile_count(n, m, bool(last[-1]), HEIGHT, WIDTH),)
    launch(
        last_step_kernel, grid, *terms, out, marks, n, m, out.stride(0), *last, GROUP=GROUP, HEIGHT=HEIGHT,
        WIDTH=WIDTH, num_warps=WARPS, **constants,
    )  # fmt: skip

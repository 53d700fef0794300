"""Similarities of close pairs, which inner products do not give: |x|^2 + |y|^2 - 2 x.y has too few digits left.

The tile kernel of _triton_similarity.py has written NaN for close pairs and marked their blocks of 32 x 32. Division
of the work: a program looks at `MEND_STRIP` marks. In a marked block that holds NaN it sums the squared distances of
all pairs from the rows, in float64 and in the order of the features, and writes again what is NaN. So a pair's value
follows from its two rows alone, whatever stands next to it, and tiles need no registers for float64 sums. (Rows hold
no NaN: the caller has refused them.)

Prediction: where no pair is close, a byte is read for 1,024 pairs, a 4,000th of what writing them moves. A marked
block costs 3 * 1,024 d float64 operations: at n = 20,000, d = 768 and with every block marked (half, when y is x), 922
GFLOP, 27 ms of an H100's 34 TFLOP/s.
"""

# Annotations mean something to Triton: mypy has to do without in kernels.
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-decorators, allow-untyped-calls
from __future__ import annotations

import torch
import triton
import triton.language as tl

from pyalign.backends._triton_launch import blocks, launch
from pyalign.backends._triton_pair import from_any_squared_distance

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
):  # fmt: skip
    width = tl.cdiv(m, MARK)
    strips = tl.cdiv(width, STRIP)
    down, first = tl.program_id(0) // strips, tl.program_id(0) % strips * STRIP
    for across in range(first, tl.minimum(first + STRIP, width)):
        if tl.load(marks + down.to(tl.int64) * width + across) != 0:
            mend_block(
                x, y, out, down, across, n, m, d, x_stride, y_stride, out_stride, (gamma, gamma_low), pair,
                symmetric, MARK,
            )  # fmt: skip


def mend_close(
    x: torch.Tensor, y: torch.Tensor, out: torch.Tensor, marks: torch.Tensor, *last: float
) -> None:  # fmt: skip
    """marks: one int8 for each block of out (n, m), row by row; `last`: the kernel's last arguments."""
    (n, m), d = out.shape, x.shape[1]
    programs = blocks(n, MEND_BLOCK) * blocks(blocks(m, MEND_BLOCK), MEND_STRIP)
    launch(
        mend_kernel, (programs,), x, y, out, marks, n, m, d, x.stride(0), y.stride(0), out.stride(0), *last,
        MARK=MEND_BLOCK, STRIP=MEND_STRIP,
    )  # fmt: skip

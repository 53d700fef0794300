"""From a tile of inner products to similarities in memory, a quarter of the columns after the other.

Division of the work. A program takes its tile apart into four blocks of columns, without moving a number, and goes over
them in a loop that moves the next one up: registers for one quarter, and a quarter of the instructions to compile.

The last step is that of _triton_pair.py. Elements that it is not sure of are computed in float64, together with
their block, and take that value alone: what a pair gets follows from its two rows, whatever stands next to it. Close
pairs of a distance are not known from their inner products: NaN is written for them and their blocks are marked, and
the kernel of _triton_close.py sums them from the rows.

When y is x, elements with row <= column are written, and those with row < column a second time transposed: the result
is symmetric bit for bit whatever the order of the sums.
"""

# Annotations mean something to Triton: mypy has to do without in kernels.
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-decorators, allow-untyped-calls
from __future__ import annotations

import triton
import triton.language as tl

from pyalign.backends._triton_pair import any_of, has_terms, is_distance, of_equal_rows, similarity_of


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
):  # fmt: skip
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
):  # fmt: skip
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
                )  # fmt: skip
                column += WIDTH // 4
                first, second, third = second, third, fourth
        else:
            for _ in tl.range(2, disable_licm=True):
                finish(
                    left, row, column, x_terms, y_terms, out, marks, n, m, out_stride, gamma, pair, symmetric, CLOSE,
                    MARK, HEIGHT, PART, PART,
                )  # fmt: skip
                column += PART
                left = right
    else:
        finish_part(
            g, row, column, x_terms, y_terms, out, marks, n, m, out_stride, gamma, pair, symmetric, CLOSE, MARK,
            HEIGHT, WIDTH,
        )  # fmt: skip

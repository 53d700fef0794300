"""Rows of a tensor made ready for pair kernels: what is done to each by itself, and what must be known of them.

`prepare_rows` is the operation in plain torch, for devices without a kernel of their own. Nothing here waits.

The protocol around the kernels of a tensor backend, and what all callers of them share.

Second routes of the CUDA and Triton backends, which a benchmark holds against the first ones.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from pyalign._dataclass import dataclass
from pyalign.backends._host import Place, Rows
from pyalign.errors import InputError
from pyalign.measures import SAFE_INVERSE_NORM, Measure

BLOCK_ELEMENTS = 1 << 24
SAMPLE_ROWS = 63
TRANSFORMS = ("none", "center", "shift")  # in the order of `pa_transform`
REPORT = 4  # numbers about the rows, see `Prepared`
NO_NUMBER = (1 << 63) - 1  # the bits of a NaN, above those of infinity


@dataclass(frozen=True)
class Prepared:
    """What `Kernels.prepare_rows` does to the rows v of x, and fills; None for what is not wanted."""

    transform: str = "none"  # "none", "center" or "shift", as in `pyalign.measures.Measure`.
    shift: Tensor | None = None  # (d,) of x's dtype, for "shift".
    # (n, d), the rows that come out: of x's dtype, centered ones float32 or float64. None with "none" alone.
    values: Tensor | None = None
    squares: Tensor | None = None  # (n,) float64, |v|^2; NaN where a row of x is not finite.
    inverse_norms: Tensor | None = None  # (n,) float64, 1 / |v|, 0 for a zero row; NaN likewise.
    # (REPORT,) int64, raised to the largest over rows of: the bits of |x|^2, of |v|^2, of the largest |x_k| (those of
    # NaN where a row is not finite), and 1 for a row, not zero, whose 1 / |v| is beyond `SAFE_INVERSE_NORM`.
    report: Tensor | None = None


def result_dtype(x: Tensor) -> torch.dtype:
    """float64 for float64, else float32."""
    return torch.float64 if x.dtype == torch.float64 else torch.float32


def row_blocks(x: Tensor) -> Iterator[slice]:
    """Slices of rows that hold at most `BLOCK_ELEMENTS` elements."""
    step = max(1, BLOCK_ELEMENTS // max(1, x.shape[1]))
    return (slice(start, start + step) for start in range(0, len(x), step))


def row_squares(x: Tensor) -> Tensor:
    """|x|^2 of each row in float64: (n,)."""
    squares = torch.empty(len(x), dtype=torch.float64, device=x.device)
    for part in row_blocks(x):
        squares[part] = x[part].double().square().sum(dim=1)
    return squares


def row_extremes(x: Tensor) -> Tensor:
    """The largest magnitude of each row: (n,)."""
    return torch.maximum(x.amax(dim=1), -x.amin(dim=1))


def center_rows(x: Tensor) -> Tensor:
    """d * x - sum(x) of each row, zero for a constant row: (n, d) float32 or float64."""
    out = torch.empty(x.shape, dtype=result_dtype(x), device=x.device)
    for part in row_blocks(x):
        wide = x[part].double()
        centered = wide.shape[1] * wide - wide.sum(dim=1, keepdim=True)
        out[part] = centered.masked_fill_((wide.amin(dim=1) == wide.amax(dim=1))[:, None], 0.0)
    return out


def column_shift(x: Tensor) -> Tensor:
    """What the rows share, (d,): the rule of `pyalign.measures.column_shift`."""
    some = x[:: max(1, -(-len(x) // SAMPLE_ROWS))]
    some = some[: len(some) - 1 + len(some) % 2]
    middle = some.sort(dim=0).values[len(some) // 2]  # median() is refused where only deterministic kernels may run
    near, far = torch.minimum(0.5 * middle, 2 * middle), torch.maximum(0.5 * middle, 2 * middle)
    return torch.where((near <= x.amin(dim=0)) & (x.amax(dim=0) <= far), middle, torch.zeros_like(middle))


def scale_rows(x: Tensor, exponents: Tensor) -> Tensor:
    """x * 2^exponents, row by row, in two steps: each a power of two that the dtype holds."""
    half = torch.div(exponents, 2, rounding_mode="floor")
    for step in (half, exponents - half):
        x = x * torch.exp2(step.to(torch.float64)).to(x.dtype)[:, None]
    return x


def prepare_rows(x: Tensor, out: Prepared) -> None:
    """See `pyalign.backends._tensor_kernels.Kernels.prepare_rows`."""
    original_squares = row_squares(x)
    known = (
        ~original_squares.isnan() & torch.isfinite(row_extremes(x))
        if x.dtype == torch.float64
        else torch.isfinite(original_squares)
    )
    values, squares = x, original_squares
    if out.values is not None:
        values = center_rows(x) if out.transform == "center" else x if out.shift is None else x - out.shift
        out.values.copy_(values)
        squares = row_squares(values)
    inverse_norms = torch.where(squares > 0, _inverse_roots(squares), 0.0)
    for wanted, terms in ((out.squares, squares), (out.inverse_norms, inverse_norms)):
        if wanted is not None:
            wanted.copy_(torch.where(known, terms, torch.nan))
    if out.report is not None:
        low, high = SAFE_INVERSE_NORM
        extreme = (row_extremes(values) != 0) & ~((inverse_norms >= low) & (inverse_norms <= high))
        numbers = (
            torch.stack([original_squares, squares, row_extremes(x).abs().double()]).contiguous().view(torch.int64)
        )
        largest = torch.where(known, numbers, NO_NUMBER).amax(dim=1)
        out.report.copy_(torch.maximum(out.report, torch.cat([largest, extreme.any().long()[None]])))


def _inverse_roots(x: Tensor) -> Tensor:
    """1 / sqrt(x) rounded as IEEE says, which MKL's sqrt() on the CPU is not, nor rsqrt() on a device."""
    return x.rsqrt() if x.device.type == "cpu" else 1.0 / x.sqrt()


def ready_rows(
    kernels: Any, measure: Measure, x: Tensor, shift: Tensor | None, gamma: float, report: Tensor | None = None
) -> Rows:
    """Rows of x (n, d) as the pair kernel of the measure takes them, from one call of `Kernels.prepare_rows`.

    Rows are copied only where the measure changes them, or where they do not start at multiples of the bytes that the
    kernels load at once: then once, (n, d) and up to 15 bytes a row.

    Args:
        shift: (d,), for the measures that shift; see `column_shift`.
        gamma: of rbf.
        report: see `Prepared`.
    """
    values = None
    if measure.transform != "none" or not starts_aligned(x, kernels.row_bytes):
        dtype = result_dtype(x) if measure.transform == "center" else x.dtype
        values = aligned_rows(x, dtype, kernels.row_bytes)
    terms = None
    if measure.kernel.terms:
        terms = torch.empty(len(x), dtype=torch.float64, device=x.device)
    squares, inverse_norms = (None, terms) if measure.kernel.angular else (terms, None)
    if terms is not None or values is not None or report is not None:
        kernels.prepare_rows(x, Prepared(measure.transform, shift, values, squares, inverse_norms, report))
    return Rows(x if values is None else values, terms, measure.pair, gamma)


def starts_aligned(x: Tensor, row_bytes: int) -> bool:
    """Whether each row of x (n, d) begins at a multiple of so many bytes.

    Example:
        >>> starts_aligned(torch.zeros(3, 5), 16), starts_aligned(torch.zeros(3, 8)[:, :5], 16)
        (False, True)
    """
    if row_bytes == 1:
        return True
    return (len(x) == 1 or x.stride(0) * x.element_size() % row_bytes == 0) and x.data_ptr() % row_bytes == 0


def aligned_rows(like: Tensor, dtype: torch.dtype, row_bytes: int) -> Tensor:
    """New rows of the shape (n, d) of `like`, each beginning at a multiple of so many bytes.

    Example:
        >>> aligned_rows(torch.zeros(3, 5), torch.float32, 16).stride()
        (8, 1)
    """
    n, d = like.shape
    size = max(1, row_bytes // dtype.itemsize)
    return torch.empty(n, -(-d // size) * size, dtype=dtype, device=like.device)[:, :d]


@dataclass(frozen=True)
class TensorWanted:
    """`pyalign.backends.Wanted` for kernels that return nothing: what they would have to wait for goes into tensors."""

    invalid: Tensor  # (1,) int32, which becomes 1 where a triplet is not three different items in [0, n).
    choices: Tensor | None = None  # (t,) int8 to fill, or None.
    probabilities: Tensor | None = None  # (t, 3) to fill, or None.
    similarities: Tensor | None = None  # (t, 3) to fill, or None.
    sums: Tensor | None = None  # (7,) float64 of zeros to fill with the counts and nats of `Sums`, or None.
    temperature: float = 1.0  # p = softmax(s / temperature).


@dataclass(frozen=True)
class TensorGradient:
    """What a gradient pass fills."""

    matrix: Tensor  # (n, n) contiguous, of the similarities' dtype.
    cross_entropy: Tensor  # (1,) float64 of zero.
    invalid: Tensor  # (1,) int32, which becomes 1 where a triplet is not three different items in [0, n).

    @classmethod
    def into(cls, matrix: Tensor) -> TensorGradient:
        """A gradient into that matrix, with new tensors for the rest."""
        return cls(matrix, torch.zeros(1, dtype=torch.float64, device=matrix.device), no_flag(matrix))


def no_flag(tensor: Tensor) -> Tensor:
    """(1,) int32 of zero: `invalid` before a call."""
    return torch.zeros(1, dtype=torch.int32, device=tensor.device)


class Kernels(Protocol):
    """The operations of csrc/include/pyalign_cuda.h on tensors of one device, which need not be the current one.

    They queue work and wait for nothing. Of `Rows`, values and terms are tensors. A triplet that is not three different
    items in [0, n) has outputs of -1 or NaN, and adds nothing to sums and gradients.
    """

    home: str  # the device to which inputs from the host are brought
    row_bytes: int  # rows that begin at multiples of so many bytes are read at once

    def why_not(self, place: Place) -> str | None:
        """Why these kernels can't take such rows here, or None."""

    def prepare_rows(self, x: Tensor, out: Prepared) -> None:
        """Rows of x (n, d) transformed, their terms, and a report on them: one pass over x where rows stay."""

    def similarity(self, x: Rows, y: Rows | None, tf32: bool, out: Tensor) -> None:
        """out (n, m) float32 or float64 with unit column stride; y None: of x with itself."""

    def triplets_from_matrix(self, similarities: Tensor, triplets: Tensor, want: TensorWanted) -> None:
        """Fills whatever is wanted, from a ready matrix (n, n)."""

    def triplets_from_rows(self, x: Rows, triplets: Tensor, want: TensorWanted) -> None:
        """Fills whatever is wanted, from the rows (n, d)."""

    def triplet_gradient(
        self, similarities: Tensor, triplets: Tensor, temperature: float, scale: float, out: TensorGradient,
        targets: Tensor | None = None,
    ) -> None:
        """See `Backend.triplet_gradient`."""

    def topk(self, similarities: Tensor, k: int, own: int, indices: Tensor) -> None:
        """indices (n, k) int32 contiguous: see `Backend.topk`."""

    def resample_items(
        self, triplets: Tensor, multiplicities: Tensor, values: Tensor, sums: Tensor, invalid: Tensor
    ) -> None:
        """sums (1 + v, b) int64, all contiguous: see `Backend.resample_items`."""

    def choice_similarity(self, similarities: Tensor, temperature: float, out: Tensor) -> None:
        """See `Backend.choice_similarity`; both with unit column stride."""


def on_host(x: Tensor) -> np.ndarray:
    """A copy on the host; half precision as float32."""
    wide = x if x.dtype in (torch.float32, torch.float64) else x.float()
    return wide.detach().cpu().numpy()


def current_device(device: torch.device) -> Any:
    """A context in which `device` is the current CUDA device."""
    return torch.cuda.device(device) if device.type == "cuda" else nullcontext()


def tf32_allowed() -> bool:
    """Whether float32 products may be rounded to TF32: the user's setting in torch, off unless they turn it on."""
    newer = getattr(
        torch.backends.cuda.matmul, "fp32_precision", "none"
    )  # torch 2.9, which then refuses the older name
    if newer in ("tf32", "ieee"):
        return bool(newer == "tf32")
    return bool(torch.get_float32_matmul_precision() != "highest")


VARIABLE = "PYALIGN_GPU_ROUTES"
ROUTES = {
    "topk": ("passes", "torch"),
    "product": ("tiles", "cublas"),
    "gradient": ("size", "fixed", "sort"),
}  # of each operation; the first is taken where the variable does not name the operation
FIXED_BYTES = {
    "size": 256 << 20,
    "fixed": 512 << 20,
    "sort": 0,
}  # for sums of a gradient, at most: n = 5,792; n = 8,192
WIDENS = tuple(map(int, torch.__version__.split(".")[:2])) >= (2, 8)  # torch multiplies half precision into float32


def route(operation: str) -> str:
    """The route that the environment asks for, else the first."""
    return parse_routes(os.environ.get(VARIABLE, ""))[operation]


@lru_cache
def parse_routes(text: str) -> Mapping[str, str]:
    """The route of each operation, from the value of the environment variable.

    Example:
        >>> parse_routes("topk=torch")
        {'topk': 'torch', 'product': 'tiles', 'gradient': 'size'}
    """
    chosen: dict[str, str] = {}
    for pair in text.split(",") if text.strip() else ():
        operation, _, name = (part.strip() for part in pair.partition("="))
        if operation in chosen or name not in ROUTES.get(operation, ()):
            known = ", ".join(f"{operation}={'|'.join(names)}" for operation, names in ROUTES.items())
            raise InputError(f"{VARIABLE} must be routes separated by commas, each at most once: {known}; got {text!r}")
        chosen[operation] = name
    return {operation: names[0] for operation, names in ROUTES.items()} | chosen


@contextmanager
def routes(text: str) -> Iterator[None]:
    """Inside, the environment asks for these routes."""
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = text
    try:
        yield
    finally:
        if before is None:
            del os.environ[VARIABLE]
        else:
            os.environ[VARIABLE] = before


def multiply(x: Tensor, y: Tensor, out: Tensor) -> None:
    """out (n, m) = x (n, d) @ y.T (d, m) by the vendor's library, half precision into float32 without a rounding.

    Autocast leaves products with an `out` alone.
    """
    with torch.no_grad():
        if x.dtype == out.dtype:
            torch.mm(x, y.T, out=out)
        elif WIDENS and x.is_cuda:
            torch.mm(x, y.T, out.dtype, out=out)
        else:
            torch.mm(x.to(out.dtype), y.T.to(out.dtype), out=out)

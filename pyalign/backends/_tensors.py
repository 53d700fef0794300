"""What the tensor backends share: rows looked at and transformed by torch, and the protocol around their kernels.

A tensor backend brings `Kernels`, which queue work on tensors of one device and wait for nothing. `TensorBackend` makes
them a `Backend`: it allocates, waits for what the caller must know, and raises. The torch ops call the kernels
directly, without waiting.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from pyalign.backends import HOST, InvalidTripletsError, Place, Rows, Sums, TripletCheck, Wanted

BLOCK_ELEMENTS = 1 << 24
SAMPLE_ROWS = 63


@dataclass(frozen=True)
class TensorWanted:
    """`pyalign.backends.Wanted` for kernels that return nothing: what they would have to wait for goes into tensors.

    Attributes:
        invalid: (1,) int32, which becomes 1 where a triplet is not three different items in [0, n).
        choices: (t,) int8 to fill, or None.
        probabilities: (t, 3) to fill, or None.
        similarities: (t, 3) to fill, or None.
        sums: (7,) float64 of zeros to fill with the counts and nats of `Sums`, or None.
        temperature: p = softmax(s / temperature).
    """

    invalid: Tensor
    choices: Tensor | None = None
    probabilities: Tensor | None = None
    similarities: Tensor | None = None
    sums: Tensor | None = None
    temperature: float = 1.0


@dataclass(frozen=True)
class TensorGradient:
    """What a gradient pass fills.

    Attributes:
        matrix: (n, n) contiguous, of the similarities' dtype.
        cross_entropy: (1,) float64 of zero.
        invalid: (1,) int32, which becomes 1 where a triplet is not three different items in [0, n).
    """

    matrix: Tensor
    cross_entropy: Tensor
    invalid: Tensor

    @classmethod
    def into(cls, matrix: Tensor) -> TensorGradient:
        """That matrix, with new tensors for the rest."""
        return cls(matrix, torch.zeros(1, dtype=torch.float64, device=matrix.device), no_flag(matrix))


def no_flag(beside: Tensor) -> Tensor:
    """(1,) int32 of zero: `invalid` before a call."""
    return torch.zeros(1, dtype=torch.int32, device=beside.device)


class Kernels(Protocol):
    """The operations of csrc/include/pyalign_cuda.h on tensors of one device. They queue work and wait for nothing.

    Of `Rows`, values and terms are tensors. A triplet that is not three different items in [0, n) has outputs of -1 or
    NaN, and adds nothing to sums and gradients.
    """

    home: str  # the device to which inputs from the host are brought

    def why_not(self, place: Place) -> str | None:
        """Why these kernels can't take such rows here, or None."""

    def similarity(self, x: Rows, y: Rows | None, tf32: bool, out: Tensor) -> None:
        """out (n, m) float32 or float64 with unit column stride; y None: of x with itself."""

    def triplets_from_matrix(self, similarities: Tensor, triplets: Tensor, want: TensorWanted) -> None:
        """From a ready matrix (n, n), whatever is wanted."""

    def triplets_from_rows(self, x: Rows, triplets: Tensor, want: TensorWanted) -> None:
        """The same from the rows (n, d)."""

    def triplet_gradient(
        self, similarities: Tensor, triplets: Tensor, temperature: float, scale: float, out: TensorGradient,
        targets: Tensor | None = None,
    ) -> None:  # fmt: skip
        """See `Backend.triplet_gradient`."""

    def topk(self, similarities: Tensor, k: int, own: int, indices: Tensor) -> None:
        """indices (n, k) int32 contiguous: see `Backend.topk`."""

    def resample_items(
        self, triplets: Tensor, multiplicities: Tensor, values: Tensor, sums: Tensor, invalid: Tensor
    ) -> None:
        """sums (1 + v, b) int64, all contiguous: see `Backend.resample_items`."""

    def choice_similarity(self, similarities: Tensor, temperature: float, out: Tensor) -> None:
        """See `Backend.choice_similarity`; both with unit column stride."""


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


def centre_rows(x: Tensor) -> Tensor:
    """d * x - sum(x) of each row, zero for a constant row: (n, d) float32 or float64."""
    out = torch.empty(x.shape, dtype=result_dtype(x), device=x.device)
    for part in row_blocks(x):
        wide = x[part].double()
        centred = wide.shape[1] * wide - wide.sum(dim=1, keepdim=True)
        out[part] = centred.masked_fill_((wide.amin(dim=1) == wide.amax(dim=1))[:, None], 0.0)
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


def on_host(x: Tensor) -> np.ndarray:
    """A copy on the host; half precision as float32."""
    wide = x if x.dtype in (torch.float32, torch.float64) else x.float()
    return wide.detach().cpu().numpy()


def current_device(device: torch.device) -> Any:
    """A context in which `device` is the current CUDA device."""
    return torch.cuda.device(device) if device.type == "cuda" else nullcontext()


class TensorBackend:
    """See `pyalign.backends.Backend`; arrays are tensors.

    Attributes:
        kernels: what computes.
        half: whether the kernels take float16 and bfloat16 rows as they are.
    """

    def __init__(self, name: str, kernels: Kernels, *, half: bool):
        self.name, self.kernels, self.half = name, kernels, half

    def why_not(self, place: Place = HOST) -> str | None:
        return self.kernels.why_not(replace(place, device=self.kernels.home) if place.on_host else place)

    def row_squares(self, x: Tensor) -> np.ndarray:
        return on_host(row_squares(x))

    def row_extremes(self, x: Tensor) -> np.ndarray:
        return on_host(torch.maximum(x.amax(dim=1), -x.amin(dim=1)))

    def column_shift(self, x: Tensor) -> np.ndarray:
        return on_host(column_shift(x))

    def some_rows(self, x: Tensor, rows: np.ndarray) -> np.ndarray:
        return on_host(x[torch.as_tensor(rows, device=x.device)])

    def centre_rows(self, x: Tensor) -> Tensor:
        return centre_rows(x)

    def widened(self, x: Tensor) -> Tensor:
        return x.to(result_dtype(x))

    def shift_rows(self, x: Tensor, shift: np.ndarray) -> Tensor:
        return x - torch.as_tensor(shift, device=x.device).to(x.dtype)

    def scale_rows(self, x: Tensor, exponents: np.ndarray) -> Tensor:
        return scale_rows(x, torch.as_tensor(exponents, device=x.device))

    def similarity(self, x: Rows, y: Rows | None, out: Tensor) -> None:
        left, right = _on_device(x), None if y is None else _on_device(y)
        with current_device(out.device):
            self.kernels.similarity(left, right, tf32_allowed(), out)

    def check_triplets(self, triplets: Tensor, n: int) -> TripletCheck:
        wide = triplets.long()
        a, b, c = wide.unbind(dim=1)
        outside = ((wide < 0) | (wide >= n)).any(dim=1)
        repeated = (a == b) | (a == c) | (b == c)
        return TripletCheck(_first(outside), _first(repeated), int(wide.min()), int(wide.max()))

    def triplets_from_matrix(self, similarities: Tensor, triplets: Tensor, want: Wanted) -> Sums | None:
        wanted = _on_tensors(want, triplets)
        with current_device(triplets.device):
            self.kernels.triplets_from_matrix(similarities, triplets, wanted)
        return _read_sums(wanted)

    def triplets_from_rows(self, x: Rows, triplets: Tensor, want: Wanted) -> Sums | None:
        wanted = _on_tensors(want, triplets)
        with current_device(triplets.device):
            self.kernels.triplets_from_rows(_on_device(x), triplets, wanted)
        return _read_sums(wanted)

    def triplet_gradient(
        self, similarities: Tensor, triplets: Tensor, temperature: float, scale: float, gradient: Tensor,
        targets: Tensor | None = None,
    ) -> float:  # fmt: skip
        out = TensorGradient.into(gradient)
        with current_device(triplets.device):
            self.kernels.triplet_gradient(similarities, triplets, temperature, scale, out, targets)
        if out.invalid.item():
            raise InvalidTripletsError
        return out.cross_entropy.item()

    def topk(self, similarities: Tensor, k: int, own: int, indices: Tensor) -> None:
        with current_device(similarities.device):
            self.kernels.topk(similarities, k, own, indices)

    def resample_items(self, triplets: Tensor, multiplicities: Tensor, values: Tensor, sums: Tensor) -> None:
        invalid = no_flag(triplets)
        with current_device(triplets.device):
            self.kernels.resample_items(triplets, multiplicities, values, sums, invalid)
        if invalid.item():
            raise InvalidTripletsError

    def choice_similarity(self, similarities: Tensor, temperature: float, out: Tensor) -> None:
        with current_device(out.device):
            self.kernels.choice_similarity(similarities, temperature, out)


def tf32_allowed() -> bool:
    """Whether float32 products may be rounded to TF32: the user's setting in torch, off unless they turn it on."""
    newer = getattr(
        torch.backends.cuda.matmul, "fp32_precision", "none"
    )  # torch 2.9, which then refuses the older name
    if newer in ("tf32", "ieee"):
        return bool(newer == "tf32")
    return bool(torch.get_float32_matmul_precision() != "highest")


def _on_device(rows: Rows) -> Rows:
    """Rows with their terms beside their values."""
    if rows.terms is None:
        return rows
    return replace(rows, terms=torch.as_tensor(rows.terms, device=rows.values.device))


def _on_tensors(want: Wanted, triplets: Tensor) -> TensorWanted:
    sums = torch.zeros(7, dtype=torch.float64, device=triplets.device) if want.sums else None
    arrays = want.choices, want.probabilities, want.similarities
    return TensorWanted(no_flag(triplets), *arrays, sums, want.temperature)


def _first(mask: Tensor) -> int:
    return int(mask.int().argmax()) if bool(mask.any()) else -1


def _read_sums(wanted: TensorWanted) -> Sums | None:
    if wanted.invalid.item():
        raise InvalidTripletsError
    if wanted.sums is None:
        return None
    right1, right2, right3, ties2, ties3, cross_entropy, entropy = wanted.sums.tolist()
    return Sums((int(right1), int(right2), int(right3)), (int(ties2), int(ties3)), cross_entropy, entropy)

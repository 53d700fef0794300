"""The protocol around the kernels of a tensor backend, and what all callers of them share.

A tensor backend brings `Kernels`, which queue work on tensors of one device and wait for nothing.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from pyalign._dataclass import dataclass
from pyalign.backends._interface import Place, Rows
from pyalign.backends._tensor_rows import Prepared


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
    """The operations of csrc/include/pyalign_cuda.h on tensors of one device. They queue work and wait for nothing.

    Of `Rows`, values and terms are tensors. A triplet that is not three different items in [0, n) has outputs of -1 or
    NaN, and adds nothing to sums and gradients.
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

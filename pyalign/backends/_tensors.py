"""The tensor backends: kernels that wait for nothing, and what must be waited for.

`TensorBackend` makes `Kernels` a `Backend`: it allocates, waits for what the caller must know, and raises. `Queue` does
the same for one call, and waits once. The torch ops call the kernels directly, without waiting.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from pyalign.backends._interface import HOST, InvalidTripletsError, Place, Rows, Sums, TripletCheck, Wanted
from pyalign.backends._queue import Queue, sums_of
from pyalign.backends._tensor_kernels import (
    Kernels,
    TensorGradient,
    TensorWanted,
    current_device,
    no_flag,
    on_host,
    tf32_allowed,
)
from pyalign.backends._tensor_rows import centre_rows, column_shift, result_dtype, row_extremes, row_squares, scale_rows


class TensorBackend:
    """See `pyalign.backends.Backend`; arrays are tensors.

    Attributes:
        kernels: what computes.
        half: whether the kernels take float16 and bfloat16 rows as they are.
    """

    def __init__(self, name: str, kernels: Kernels, *, half: bool):
        self.name, self.kernels, self.half = name, kernels, half

    def queue(self, x: Tensor) -> Queue:
        """A queue of these kernels for one call on the device of x, which waits once, at its end."""
        return Queue(self.kernels, x.device)

    def why_not(self, place: Place = HOST) -> str | None:
        return self.kernels.why_not(replace(place, device=self.kernels.home) if place.on_host else place)

    def row_squares(self, x: Tensor) -> np.ndarray:
        return on_host(row_squares(x))

    def row_extremes(self, x: Tensor) -> np.ndarray:
        return on_host(row_extremes(x))

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


def _on_device(rows: Rows) -> Rows:
    """Rows with their terms next to their values."""
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
    return sums_of(on_host(wanted.sums))

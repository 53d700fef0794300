"""One call on a device that waits once: all its work is queued, then what must be known of it is read together.

Rows are taken for ordinary before that is known: finite, within the range of their dtype, none of extreme length. Where
they are not, results mean nothing, and the caller takes the careful way, which looks before each step.

The tensor backends: kernels that wait for nothing, and what must be waited for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pyalign.backends._host import HOST, InvalidTripletsError, NotOrdinaryError, Place, Rows, Sums, TripletCheck, Wanted
from pyalign.backends._tensor_kernels import (
    REPORT, Kernels, Prepared, TensorGradient, TensorWanted, center_rows, column_shift, on_host, ready_rows,
    result_dtype, row_extremes, row_squares, scale_rows, tf32_allowed,
)
from pyalign.measures import LARGEST_CENTERED, LONGEST_SQUARE, SHORTEST_SQUARE, Measure, median_distance, spaced_rows

# What is found out, eight bytes each: of x, of y, a doubt, invalid triplets, seven sums.
OF_Y, DOUBT, INVALID, SUMS, FOUND_WORDS = REPORT, 2 * REPORT, 2 * REPORT + 1, 2 * REPORT + 2, 2 * REPORT + 9


class Passing:
    """The operations that return nothing and meet no triplets: what waits and what does not has the same ones."""

    kernels: Kernels

    def similarity(self, x: Rows, y: Rows | None, out: Tensor) -> None:
        self.kernels.similarity(_on_device(x), None if y is None else _on_device(y), tf32_allowed(), out)

    def topk(self, similarities: Tensor, k: int, own: int, indices: Tensor) -> None:
        self.kernels.topk(similarities, k, own, indices)

    def choice_similarity(self, similarities: Tensor, temperature: float, out: Tensor) -> None:
        self.kernels.choice_similarity(similarities, temperature, out)


class Queue(Passing):
    """The methods of `TensorBackend` that a call may use, none of which waits, and `read` at its end.

    Args:
        kernels: what computes.
        device: where all tensors of the call are.
    """

    def __init__(self, kernels: Kernels, device: torch.device):
        self.kernels, self.device = kernels, device
        self.words = torch.zeros(FOUND_WORDS, dtype=torch.int64, device=device)
        self._measure: Measure | None = None
        self._dtype = torch.float32
        self._result: Callable[[np.ndarray], Any] = lambda sums: None

    def look(self, matrix: Tensor) -> None:
        """Numbers (n, m) must be finite."""
        self.kernels.prepare_rows(matrix, Prepared(report=self.words[:REPORT]))

    def doubt(self, doubtful: Tensor) -> None:
        """Where `doubtful` () is true, the careful way must be taken."""
        self.words[DOUBT] |= doubtful

    def prepare(self, measure: Measure, x: Tensor, y: Tensor | None = None) -> tuple[Rows, Rows | None]:
        """Rows as `pyalign.ops._prepare.prepare` makes them. A kernel without a sigma waits for the median distance."""
        self._measure, self._dtype = measure, result_dtype(x)
        shift = column_shift(x) if measure.transform == "shift" else None
        if shift is not None and y is not None and x.dtype != self._dtype:
            self.doubt(shift.any())  # of y it may not be exact in half precision
        left = self._ready(measure, x, shift, 0)
        right = None if y is None else self._ready(measure, y, shift, OF_Y)
        gamma = measure.gamma(lambda: self._median_distance(x, y))
        return Rows(left.values, left.terms, left.pair, gamma), right

    def _ready(self, measure: Measure, x: Tensor, shift: Tensor | None, first: int) -> Rows:
        return ready_rows(self.kernels, measure, x, shift, 0.0, self.words[first : first + REPORT])

    def _median_distance(self, x: Tensor, y: Tensor | None) -> float:
        sides = [rows for rows in (x, y) if rows is not None]
        places = [torch.as_tensor(spaced_rows(len(rows)), device=self.device) for rows in sides]
        some = [rows[index].to(self._dtype) for rows, index in zip(sides, places, strict=True)]
        words, *samples = read_together(self.words, *some)
        self._require_ordinary(words)
        return median_distance(*samples)

    def triplets_from_matrix(self, similarities: Tensor, triplets: Tensor, want: Wanted) -> None:
        self.kernels.triplets_from_matrix(similarities, triplets, self._wanted(want))

    def triplets_from_rows(self, x: Rows, triplets: Tensor, want: Wanted) -> None:
        self.kernels.triplets_from_rows(_on_device(x), triplets, self._wanted(want))

    def triplet_gradient(
        self, similarities: Tensor, triplets: Tensor, temperature: float, scale: float, gradient: Tensor,
        targets: Tensor | None = None,
    ) -> None:
        self._result = lambda sums: float(sums[0])
        out = TensorGradient(gradient, self._sums()[:1], self._invalid())
        self.kernels.triplet_gradient(similarities, triplets, temperature, scale, out, targets)

    def resample_items(self, triplets: Tensor, multiplicities: Tensor, values: Tensor, sums: Tensor) -> None:
        self.kernels.resample_items(triplets, multiplicities, values, sums, self._invalid())

    def read(self, deferred: Sequence[Tensor] = ()) -> tuple[Any, list[np.ndarray]]:
        """Waits. What the last method of `TensorBackend` would have returned, and what lies in the tensors in addition.
        """
        words, *arrays = read_together(self.words, *deferred)
        self._require_ordinary(words)
        if words[INVALID]:
            raise InvalidTripletsError
        return self._result(words[SUMS:].view(np.float64)), arrays

    def _require_ordinary(self, words: np.ndarray) -> None:
        reports = words[:REPORT], words[OF_Y : OF_Y + REPORT]
        if words[DOUBT] or not all(self._is_ordinary(report) for report in reports):
            raise NotOrdinaryError
        if self._measure is not None and not self._measure.kernel.angular:
            longest = max(float(report.view(np.float64)[1]) for report in reports)
            if not longest >= SHORTEST_SQUARE[self._type]:
                raise NotOrdinaryError

    def _is_ordinary(self, report: np.ndarray) -> bool:
        largest_square, _, largest = report[:3].view(np.float64).tolist()
        if self._measure is None or not math.isfinite(largest_square):
            return math.isfinite(largest_square)
        if not self._measure.kernel.angular:
            return bool(largest_square <= LONGEST_SQUARE[self._type])
        return not report[3] and (self._measure.transform == "none" or largest <= LARGEST_CENTERED)

    @property
    def _type(self) -> str:
        return str(self._dtype).rpartition(".")[2]

    def _wanted(self, want: Wanted) -> TensorWanted:
        if want.sums:
            self._result = sums_of
        sums = self._sums() if want.sums else None
        arrays = want.choices, want.probabilities, want.similarities
        return TensorWanted(self._invalid(), *arrays, sums, want.temperature)

    def _invalid(self) -> Tensor:
        return self.words[INVALID : INVALID + 1].view(torch.int32)[:1]

    def _sums(self) -> Tensor:
        return self.words[SUMS:].view(torch.float64)


def read_together(*tensors: Tensor) -> list[np.ndarray]:
    """Copies on the host of tensors of one device, by one transfer."""
    if len(tensors) == 1:
        return [tensors[0].cpu().numpy()]
    parts = [tensor.contiguous().view(-1).view(torch.uint8) for tensor in tensors]
    everything, arrays, start = torch.cat(parts).cpu().numpy(), [], 0
    for tensor, part in zip(tensors, parts, strict=True):
        dtype = np.dtype(str(tensor.dtype).rpartition(".")[2])
        arrays.append(everything[start : start + len(part)].view(dtype).reshape(tensor.shape))
        start += len(part)
    return arrays


def sums_of(sums: np.ndarray) -> Sums:
    """`Sums` from its members in their order, all as float64."""
    right1, right2, right3, ties2, ties3, cross_entropy, entropy = sums.tolist()
    return Sums((int(right1), int(right2), int(right3)), (int(ties2), int(ties3)), cross_entropy, entropy)


class TensorBackend(Passing):
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

    def center_rows(self, x: Tensor) -> Tensor:
        return center_rows(x)

    def widened(self, x: Tensor) -> Tensor:
        return x.to(result_dtype(x))

    def shift_rows(self, x: Tensor, shift: np.ndarray) -> Tensor:
        return x - torch.as_tensor(shift, device=x.device).to(x.dtype)

    def scale_rows(self, x: Tensor, exponents: np.ndarray) -> Tensor:
        return scale_rows(x, torch.as_tensor(exponents, device=x.device))

    def check_triplets(self, triplets: Tensor, n: int) -> TripletCheck:
        wide = triplets.long()
        a, b, c = wide.unbind(dim=1)
        outside = ((wide < 0) | (wide >= n)).any(dim=1)
        repeated = (a == b) | (a == c) | (b == c)
        return TripletCheck(_first(outside), _first(repeated), int(wide.min()), int(wide.max()))

    def triplets_from_matrix(self, similarities: Tensor, triplets: Tensor, want: Wanted) -> Sums | None:
        total: Sums | None = self._read(triplets, lambda one: one.triplets_from_matrix(similarities, triplets, want))
        return total

    def triplets_from_rows(self, x: Rows, triplets: Tensor, want: Wanted) -> Sums | None:
        total: Sums | None = self._read(triplets, lambda one: one.triplets_from_rows(x, triplets, want))
        return total

    def triplet_gradient(
        self, similarities: Tensor, triplets: Tensor, temperature: float, scale: float, gradient: Tensor,
        targets: Tensor | None = None,
    ) -> float:
        given = similarities, triplets, temperature, scale, gradient, targets
        return float(self._read(triplets, lambda one: one.triplet_gradient(*given)))

    def resample_items(self, triplets: Tensor, multiplicities: Tensor, values: Tensor, sums: Tensor) -> None:
        self._read(triplets, lambda one: one.resample_items(triplets, multiplicities, values, sums))

    def _read(self, x: Tensor, work: Callable[[Queue], None]) -> Any:
        """What a call of one operation gives."""
        queue = self.queue(x)
        work(queue)
        return queue.read()[0]


def _on_device(rows: Rows) -> Rows:
    """Rows with their terms next to their values."""
    if rows.terms is None:
        return rows
    return replace(rows, terms=torch.as_tensor(rows.terms, device=rows.values.device))


def _first(mask: Tensor) -> int:
    return int(mask.int().argmax()) if bool(mask.any()) else -1

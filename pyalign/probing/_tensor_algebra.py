"""`Algebra` on torch tensors of one device; see `pyalign.probing.algebra`.

Products are torch's, the sums over triplets those of a tensor backend. Where that takes no float64 and a fit asks for
it, plain torch stands in.
"""

from __future__ import annotations

from copy import copy

import numpy as np
import torch
from torch import Tensor

from pyalign.backends import Backend, Place, get_backend
from pyalign.ops._tensor_door import TensorDoor
from pyalign.probing.algebra import SMALLEST_NORM


class TensorAlgebra:
    """Nothing of the size of rows or triplets leaves the device but by `fetched`."""

    def __init__(self, door: TensorDoor):
        self.door = door

    @property
    def backend(self) -> Backend:
        return self.door.backend

    def widened(self) -> TensorAlgebra:
        place = Place(str(self.door.device), "float64")
        if self.backend.why_not(place) is None:
            return self
        door = copy(self.door)
        door.backend = get_backend("torch", place)  # type: ignore[assignment]
        return TensorAlgebra(door)

    def plan(self, triplets: Tensor, n: int, answers: Tensor | None, sort: bool | None) -> tuple[Tensor, Tensor | None]:
        """As they are: a device sorts by place in each pass."""
        return triplets, answers

    def gradient(
        self, plan: tuple[Tensor, Tensor | None], similarities: Tensor, temperature: float, scale: float,
        gradient: Tensor,
    ) -> float:  # fmt: skip
        triplets, answers = plan
        weights = None if answers is None else answers.to(similarities.dtype)
        return self.backend.triplet_gradient(similarities, triplets, temperature, scale, gradient, weights)

    def log(self, a: Tensor) -> Tensor:
        return a.log()

    def exp(self, a: Tensor) -> Tensor:
        return a.exp()

    def product(self, a: Tensor, b: Tensor) -> Tensor:
        with torch.autocast(a.device.type, enabled=False):
            return a @ b

    def gram(self, z: Tensor) -> Tensor:
        return self.product(z, z.T)

    def transposed(self, a: Tensor) -> Tensor:
        return a.T

    def with_transpose(self, a: Tensor) -> Tensor:
        return a + a.T

    def dots(self, a: Tensor, b: Tensor) -> Tensor:
        return (a * b).sum(dim=1)

    def inner(self, a: Tensor, b: Tensor) -> Tensor:
        return (a.double() * b.double()).sum()

    def column_sums(self, a: Tensor) -> Tensor:
        return a.sum(dim=0, dtype=torch.float64)

    def unit_rows(self, z: Tensor) -> tuple[Tensor, Tensor]:
        norms = torch.linalg.vector_norm(z, dim=1, keepdim=True, dtype=torch.float64)
        long = norms > SMALLEST_NORM
        inverse = torch.where(long, 1.0 / torch.where(long, norms, 1.0), 0.0).to(z.dtype)
        return z * inverse, inverse

    def fill_diagonal(self, a: Tensor, value: float) -> None:
        a.fill_diagonal_(value)

    def reduce_diagonal(self, a: Tensor, by: Tensor) -> None:
        a.diagonal().sub_(by)

    def log_shares(self, s: Tensor, tau: float) -> Tensor:
        s.mul_(1.0 / tau).fill_diagonal_(-torch.inf)
        s -= s.amax(dim=1, keepdim=True)
        s -= s.exp().sum(dim=1, keepdim=True, dtype=torch.float64).log().to(s.dtype)
        return s.fill_diagonal_(0.0)

    def fetched(self, array: Tensor | np.ndarray) -> np.ndarray:
        """Results of operations on host rows are on the host already."""
        return array if isinstance(array, np.ndarray) else self.door.host(array)

    def fetched_slope(self, by_weights: Tensor, by_bias: Tensor) -> tuple[np.ndarray, np.ndarray]:
        both = self.door.host(torch.cat([by_weights.double(), by_bias[None]]))
        return both[:-1], both[-1]

    def for_scoring(self, rows: np.ndarray) -> Tensor | np.ndarray:
        """Rows that came from the host go to the device of the backend by themselves."""
        return rows if self.door.from_host else self.door.bring(rows)

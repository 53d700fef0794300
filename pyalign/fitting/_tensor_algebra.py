"""`Algebra` on torch tensors of one device; see `pyalign.fitting.algebra`.

Products are torch's, the sums over triplets those of a tensor backend. Where that takes no float64 and a fit asks for
it, plain torch stands in.
"""

from __future__ import annotations

from copy import copy
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pyalign.backends import Place, get_backend
from pyalign.fitting.algebra import Algebra
from pyalign.ops._tensor_dispatch import TensorDispatch
from pyalign.ops.plan import pays


class TensorAlgebra(Algebra):
    """Nothing of the size of rows or triplets leaves the device but by `fetched`."""

    dispatch: TensorDispatch

    @cached_property
    def xp(self) -> Any:
        import array_api_compat.torch  # slow to import

        return array_api_compat.torch

    def widened(self) -> TensorAlgebra:
        place = Place(str(self.dispatch.device), "float64")
        if self.backend.why_not(place) is None:
            return self
        dispatch = copy(self.dispatch)
        dispatch.backend = get_backend("torch", place)
        return TensorAlgebra(dispatch)

    def plan(
        self, triplets: Tensor, n: int, answers: Tensor | None, sort: bool | None, alternatives: int = 3
    ) -> tuple[Tensor, Tensor | None]:
        """For CUDA kernels sorted by their first pair; for others, which sort in each pass, as they are.

        Of two alternatives `read_inputs` stays on the host.
        """
        assert alternatives == 3
        if self.backend.name != "cuda" or not (pays(len(triplets), n) if sort is None else sort):
            return triplets, answers
        return by_first_pair(triplets, answers, n)

    def gradient(
        self, plan: tuple[Tensor, Tensor | None], similarities: Tensor, temperature: float, scale: float,
        gradient: Tensor,
    ) -> float:
        triplets, answers = plan
        weights = None if answers is None else answers.to(similarities.dtype)
        return self.backend.triplet_gradient(similarities, triplets, temperature, scale, gradient, weights)

    def product(self, a: Tensor, b: Tensor) -> Tensor:
        with torch.autocast(a.device.type, enabled=False):
            return a @ b

    def gram(self, z: Tensor, out: Tensor | None = None) -> Tensor:
        return self.product(z, z.T)

    def transposed(self, a: Tensor) -> Tensor:
        return a.T

    def with_transpose(self, a: Tensor) -> Tensor:
        return a + a.T

    def norms(self, z: Tensor) -> Tensor:
        return torch.linalg.vector_norm(z, dim=1, keepdim=True, dtype=torch.float64)

    def dots(self, a: Tensor, b: Tensor) -> Tensor:
        return (a * b).sum(dim=1)

    def inner(self, a: Tensor, b: Tensor) -> Tensor:
        return (a.double() * b.double()).sum()

    def fill_diagonal(self, a: Tensor, value: float) -> None:
        a.fill_diagonal_(value)

    def reduce_diagonal(self, a: Tensor, by: Tensor) -> None:
        a.diagonal().sub_(by)

    def fetched(self, array: Tensor | np.ndarray) -> np.ndarray:
        """Results of operations on host rows are on the host already."""
        return array if isinstance(array, np.ndarray) else self.dispatch.host(array)

    def fetched_slope(self, by_weights: Tensor, by_bias: Tensor) -> tuple[np.ndarray, np.ndarray]:
        both = self.dispatch.host(torch.cat([by_weights.double(), by_bias[None]]))
        return both[:-1], both[-1]

    def for_scoring(self, rows: np.ndarray) -> Tensor | np.ndarray:
        """Rows that came from the host go to the device of the backend by themselves."""
        return rows if self.dispatch.from_host else self.dispatch.bring(rows)


def by_first_pair(triplets: Tensor, answers: Tensor | None, n: int) -> tuple[Tensor, Tensor | None]:
    """Triplets (t, 3) by items 0 and 1, equal ones in their order, and their answers (t, 3).

    Neighbors then look up and add to the same row: two of three similarities come from L1, and additions to one pair
    reach L2 together. Sums of whole numbers, as the gradient of float32 is added up, are the same in any order.
    """
    first, second, _ = triplets.long().unbind(dim=1)
    order = torch.argsort(first * n + second, stable=True)
    return triplets[order], None if answers is None else answers[order]

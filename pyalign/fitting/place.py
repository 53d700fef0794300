"""`Algebra` on the host, and the choice of the host or a device.

Matrix products are those of the compiled kernels: the same bits for any number of threads, which no BLAS promises.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, cast

import numpy as np

from pyalign.backends import HostBackend, Rows
from pyalign.fitting.algebra import Algebra
from pyalign.ops._dispatch import dispatch_of
from pyalign.ops.plan import TripletPlan
from pyalign.typing import BackendName


def algebra_for(backend: BackendName = "auto", x: object = None) -> Algebra:
    """Where a fit to x is computed: on its device, or by the backend that is asked for; "auto": on the host from there.

    Raises:
        InputError: as `pyalign.backends.get_backend`.

    Example:
        >>> import numpy as np
        >>> algebra_for("numpy", np.eye(3)).backend.name
        'numpy'
    """
    dispatch = dispatch_of(backend, x)
    if dispatch.on_host:
        return HostAlgebra(dispatch)
    from pyalign.fitting._tensor_algebra import TensorAlgebra  # loads torch

    return TensorAlgebra(cast(Any, dispatch))


class HostAlgebra(Algebra):
    """Products of the compiled kernels, or of another backend on the host; sums of products without their array."""

    @cached_property
    def xp(self) -> Any:
        import array_api_compat.numpy  # slow to import

        return array_api_compat.numpy

    @property
    def backend(self) -> HostBackend:
        return cast(HostBackend, self.dispatch.backend)

    def widened(self) -> HostAlgebra:
        return self

    def plan(
        self, triplets: np.ndarray, n: int, answers: np.ndarray | None, sort: bool | None, alternatives: int = 3
    ) -> TripletPlan:
        sort = sort if self.backend.name == "native" else False
        return TripletPlan(triplets, n, answers=answers, sort=sort, alternatives=alternatives)

    def gradient(
        self, plan: TripletPlan, similarities: np.ndarray, temperature: float, scale: float, gradient: np.ndarray
    ) -> float:
        return plan.run(self.backend, similarities, temperature, scale, gradient)

    def product(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return product(self.backend, a, b)

    def gram(self, z: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        return gram(self.backend, z, out)

    def transposed(self, a: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(a.T)

    def with_transpose(self, a: np.ndarray) -> np.ndarray:
        self.backend.add_transpose(a)
        return a

    def norms(self, z: np.ndarray) -> np.ndarray:
        return cast(np.ndarray, np.sqrt(np.einsum("ij,ij->i", z, z, dtype=np.float64))[:, None])

    def dots(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return cast(np.ndarray, np.einsum("ij,ij->i", a, b))

    def inner(self, a: np.ndarray, b: np.ndarray) -> float:
        return float(np.einsum("ij,ij->", a, b, dtype=np.float64))

    def fill_diagonal(self, a: np.ndarray, value: float) -> None:
        np.fill_diagonal(a, value)

    def reduce_diagonal(self, a: np.ndarray, by: np.ndarray) -> None:
        a[np.diag_indices_from(a)] -= by

    def fetched(self, array: np.ndarray) -> np.ndarray:
        return array

    def fetched_slope(self, by_weights: np.ndarray, by_bias: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return by_weights.astype(np.float64, copy=False), by_bias

    def for_scoring(self, rows: np.ndarray) -> np.ndarray:
        return rows


def product(backend: HostBackend, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a (n, k) @ b (k, m): (n, m) of their common dtype.

    Example:
        >>> from pyalign.backends import get_host_backend
        >>> product(get_host_backend(), np.ones((2, 3)), np.ones((3, 1))).tolist()
        [[3.0], [3.0]]
    """
    out = np.empty((len(a), b.shape[1]), a.dtype)
    backend.product(np.ascontiguousarray(a), np.ascontiguousarray(b), out)
    return out


def gram(backend: HostBackend, z: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """z @ z.T of z (n, k), of which half is computed: (n, n). out: where it goes; None: new memory.

    Example:
        >>> from pyalign.backends import get_host_backend
        >>> gram(get_host_backend(), np.array([[1.0, 2.0], [0.0, 1.0]])).tolist()
        [[5.0, 2.0], [2.0, 1.0]]
    """
    out = np.empty((len(z), len(z)), z.dtype) if out is None else out
    backend.similarity(Rows(np.ascontiguousarray(z), None, "dot"), None, out)
    return out

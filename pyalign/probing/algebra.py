"""Where the loss of a probe is computed: the few matrix operations that it takes, on the host or on a device.

A fit brings rows, triplets and answers to that place once. A pass brings the weights there and fetches their gradient;
neither depends on the number of rows or triplets. The solver itself, and what prepares the rows, stay on the host.
"""

from __future__ import annotations

from typing import Any, Protocol, cast

import numpy as np

from pyalign import _checks
from pyalign.backends import Array, Backend, HostBackend
from pyalign.ops._door import Door, open_door
from pyalign.ops._host_door import HostDoor
from pyalign.ops.plan import TripletPlan
from pyalign.probing.products import gram, product

SMALLEST_NORM = 1e-12  # of a row whose cosines are taken: below it they count as 0


class Algebra(Protocol):
    """Arrays are numpy's on the host, tensors on a device; with a method for what these two do not write alike."""

    @property
    def door(self) -> Door:
        """What brings arrays there, and fetches them."""

    @property
    def backend(self) -> Backend:
        """What adds up triplets."""

    def widened(self) -> Algebra:
        """The one for float64 in the same place."""

    def plan(self, triplets: Array, n: int, answers: Array | None, sort: bool | None) -> Any:
        """Triplets and answers made ready for `gradient`; sort: see `pyalign.TripletPlan`."""

    def gradient(self, plan: Any, similarities: Array, temperature: float, scale: float, gradient: Array) -> float:
        """As `pyalign.backends.Backend.triplet_gradient`."""

    def log(self, a: Array) -> Array:
        """Natural logarithms."""

    def exp(self, a: Array) -> Array:
        """Exponentials."""

    def product(self, a: Array, b: Array) -> Array:
        """a (n, k) @ b (k, m)."""

    def gram(self, z: Array) -> Array:
        """z @ z.T of z (n, k)."""

    def transposed(self, a: Array) -> Array:
        """a.T, as `product` is quickest with."""

    def with_transpose(self, a: Array) -> Array:
        """a + a.T of a square matrix, perhaps in its own memory."""

    def dots(self, a: Array, b: Array) -> Array:
        """Inner products (n,) of the rows of a and b (n, k)."""

    def inner(self, a: Array, b: Array) -> Any:
        """The sum of all a * b in float64: a number, or a tensor of one."""

    def column_sums(self, a: Array) -> Array:
        """The sums (k,) over the rows of a (n, k), in float64."""

    def unit_rows(self, z: Array) -> tuple[Array, Array]:
        """Rows of length 1, and 1 / |z| (n, 1); both 0 for a zero row, whose cosines are 0."""

    def fill_diagonal(self, a: Array, value: float) -> None:
        """Sets the diagonal of a square matrix."""

    def reduce_diagonal(self, a: Array, by: Array) -> None:
        """Subtracts `by` (n,) from the diagonal of a (n, n)."""

    def log_shares(self, s: Array, tau: float) -> Array:
        """log softmax of each row of s (b, b) / tau without its diagonal, which becomes 0; in the memory of s."""

    def fetched(self, array: Array) -> np.ndarray:
        """On the host."""

    def fetched_slope(self, by_weights: Array, by_bias: Array) -> tuple[np.ndarray, np.ndarray]:
        """Derivatives (k, r) and (r,) on the host in float64, at once."""

    def for_scoring(self, rows: np.ndarray) -> Array:
        """Mapped rows for `pyalign.score` and its like, which are to compute in the same place."""


class HostAlgebra:
    """Products of the compiled kernels, or of another backend on the host."""

    def __init__(self, door: Door):
        self.door = door

    @property
    def backend(self) -> HostBackend:
        return cast(HostBackend, self.door.backend)

    def widened(self) -> HostAlgebra:
        return self

    def plan(self, triplets: np.ndarray, n: int, answers: np.ndarray | None, sort: bool | None) -> TripletPlan:
        return TripletPlan(triplets, n, targets=answers, sort=sort if self.backend.name == "native" else False)

    def gradient(
        self, plan: TripletPlan, similarities: np.ndarray, temperature: float, scale: float, gradient: np.ndarray
    ) -> float:
        return plan.run(self.backend, similarities, temperature, scale, gradient)

    def log(self, a: np.ndarray) -> np.ndarray:
        logs: np.ndarray = np.log(a)
        return logs

    def exp(self, a: np.ndarray) -> np.ndarray:
        exponentials: np.ndarray = np.exp(a)
        return exponentials

    def product(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return product(self.backend, a, b)

    def gram(self, z: np.ndarray) -> np.ndarray:
        return gram(self.backend, z)

    def transposed(self, a: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(a.T)

    def with_transpose(self, a: np.ndarray) -> np.ndarray:
        self.backend.add_transpose(a)
        return a

    def dots(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return cast(np.ndarray, np.einsum("ij,ij->i", a, b))

    def inner(self, a: np.ndarray, b: np.ndarray) -> float:
        return float(np.einsum("ij,ij->", a, b, dtype=np.float64))

    def column_sums(self, a: np.ndarray) -> np.ndarray:
        return cast(np.ndarray, a.sum(axis=0, dtype=np.float64))

    def unit_rows(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        norms = np.sqrt(np.einsum("ij,ij->i", z, z, dtype=np.float64))
        inverse = np.divide(1.0, norms, out=np.zeros_like(norms), where=norms > SMALLEST_NORM)
        inverse = inverse.astype(z.dtype)[:, None]
        return z * inverse, inverse

    def fill_diagonal(self, a: np.ndarray, value: float) -> None:
        np.fill_diagonal(a, value)

    def reduce_diagonal(self, a: np.ndarray, by: np.ndarray) -> None:
        a[np.diag_indices_from(a)] -= by

    def log_shares(self, s: np.ndarray, tau: float) -> np.ndarray:
        s *= s.dtype.type(1.0 / tau)
        np.fill_diagonal(s, -np.inf)
        s -= s.max(axis=1, keepdims=True)
        s -= np.log(np.exp(s).sum(axis=1, dtype=np.float64, keepdims=True)).astype(s.dtype)
        np.fill_diagonal(s, 0.0)
        return s

    def fetched(self, array: np.ndarray) -> np.ndarray:
        return array

    def fetched_slope(self, by_weights: np.ndarray, by_bias: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return by_weights.astype(np.float64, copy=False), by_bias

    def for_scoring(self, rows: np.ndarray) -> np.ndarray:
        return rows


def algebra_for(backend: str = "auto", x: object = None) -> Algebra:
    """Where a fit to x is computed: on its device, or by the backend that is asked for; "auto": on the host from there.

    Raises:
        InputError: as `pyalign.backends.get_backend`.

    Example:
        >>> algebra_for("numpy", np.eye(3)).backend.name
        'numpy'
    """
    door = open_door(backend, x)
    if isinstance(door, HostDoor):
        return HostAlgebra(door)
    from pyalign.probing._tensor_algebra import TensorAlgebra  # loads torch

    return TensorAlgebra(cast(Any, door))


def host_rows(on: Algebra, x: object, name: str = "x") -> np.ndarray:
    """x (n, d) on the host, as `pyalign._checks.as_rows`, wherever it lies; refused where `on` can't take its dtype."""
    rows = on.door.rows(x, name)
    return on.door.host(on.door.cast(rows, _checks.result_dtype(rows)))


def host_triplets(on: Algebra, triplets: object) -> np.ndarray:
    """triplets (t, 3) on the host, as `pyalign._checks.as_triplets`, wherever they lie."""
    return on.door.host(on.door.triplets(triplets))


def through_norms(on: Algebra, by_units: Array, units: Array, inverse: Array) -> Array:
    """From the derivative by unit rows to that by the rows: only what is orthogonal to a row turns it."""
    along = on.dots(by_units, units)[:, None]
    return (by_units - along * units) * inverse

"""Where the loss of a probe is computed: the few matrix operations that it takes, on the host or on a device.

A fit brings rows, triplets and answers to that place once. A pass brings the weights there and fetches their gradient;
neither depends on the number of rows or triplets. The solver itself, and what prepares the rows, stay on the host.

Threads while a probe is fitted: one for BLAS, and idle ones of OpenMP that soon sleep.
"""

from __future__ import annotations

import ctypes
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from threading import Event, Thread
from typing import Any

import numpy as np

from pyalign import _checks
from pyalign.backends import Array, Backend, get_backend, native
from pyalign.ops._dispatch import Dispatch

SMALLEST_NORM = 1e-12  # of a row whose cosines are taken: below it they count as 0


class Algebra(ABC):
    """Arrays are numpy's on the host, tensors on a device. What both libraries have is written here once.

    dispatch: what brings arrays there, and fetches them.
    """

    def __init__(self, dispatch: Any) -> None:
        self.dispatch: Dispatch = dispatch

    @property
    @abstractmethod
    def xp(self) -> Any:
        """The array library, by the names of the array API."""

    @property
    def backend(self) -> Backend:
        """What adds up triplets."""
        return self.dispatch.backend

    def log(self, a: Array) -> Array:
        """Natural logarithms."""
        return self.xp.log(a)

    def exp(self, a: Array) -> Array:
        """Exponentials."""
        return self.xp.exp(a)

    def column_sums(self, a: Array) -> Array:
        """The sums (k,) over the rows of a (n, k), in float64."""
        return self.xp.sum(a, axis=0, dtype=self.xp.float64)

    def unit_rows(self, z: Array) -> tuple[Array, Array]:
        """Rows of length 1, and 1 / |z| (n, 1); both 0 for a zero row, whose cosines are 0."""
        xp, norms = self.xp, self.norms(z)
        long = norms > SMALLEST_NORM
        inverse = xp.astype(xp.where(long, 1.0 / xp.where(long, norms, 1.0), 0.0), z.dtype)
        return z * inverse, inverse

    def log_shares(self, s: Array, tau: float) -> Array:
        """log softmax of each row of s (b, b) / tau without its diagonal, which becomes 0; in the memory of s."""
        xp = self.xp
        s *= 1.0 / tau
        self.fill_diagonal(s, -np.inf)
        s -= xp.max(s, axis=1, keepdims=True)
        s -= xp.astype(xp.log(xp.sum(xp.exp(s), axis=1, dtype=xp.float64, keepdims=True)), s.dtype)
        self.fill_diagonal(s, 0.0)
        return s

    @abstractmethod
    def widened(self) -> Algebra:
        """The one for float64 in the same place."""

    @abstractmethod
    def plan(self, triplets: Array, n: int, answers: Array | None, sort: bool | None, alternatives: int = 3) -> Any:
        """Triplets and answers made ready for `gradient`; sort, alternatives: see `pyalign.TripletPlan`."""

    @abstractmethod
    def gradient(self, plan: Any, similarities: Array, temperature: float, scale: float, gradient: Array) -> float:
        """Fills the gradient and returns the loss, as `pyalign.backends.Backend.triplet_gradient` does."""

    @abstractmethod
    def product(self, a: Array, b: Array) -> Array:
        """a (n, k) @ b (k, m)."""

    @abstractmethod
    def gram(self, z: Array, out: Array | None = None) -> Array:
        """z @ z.T of z (n, k), perhaps in the memory of `out`."""

    @abstractmethod
    def transposed(self, a: Array) -> Array:
        """a.T, as `product` is quickest with."""

    @abstractmethod
    def with_transpose(self, a: Array) -> Array:
        """a + a.T of a square matrix, perhaps in its own memory."""

    @abstractmethod
    def norms(self, z: Array) -> Array:
        """The lengths (n, 1) of rows, in float64."""

    @abstractmethod
    def dots(self, a: Array, b: Array) -> Array:
        """Inner products (n,) of the rows of a and b (n, k)."""

    @abstractmethod
    def inner(self, a: Array, b: Array) -> Any:
        """The sum of all a * b in float64: a number, or a tensor of one."""

    @abstractmethod
    def fill_diagonal(self, a: Array, value: float) -> None:
        """Sets the diagonal of a square matrix."""

    @abstractmethod
    def reduce_diagonal(self, a: Array, by: Array) -> None:
        """Subtracts `by` (n,) from the diagonal of a (n, n)."""

    @abstractmethod
    def fetched(self, array: Array) -> np.ndarray:
        """A copy of the array on the host."""

    @abstractmethod
    def fetched_slope(self, by_weights: Array, by_bias: Array) -> tuple[np.ndarray, np.ndarray]:
        """Derivatives (k, r) and (r,) on the host in float64, at once."""

    @abstractmethod
    def for_scoring(self, rows: np.ndarray) -> Array:
        """Mapped rows for `pyalign.score` and its like, which are to compute in the same place."""


def host_rows(on: Algebra, x: object, name: str = "embeddings") -> np.ndarray:
    """x (n, d) on the host, as `pyalign._checks.as_rows`, wherever it is; refused where `on` can't take its dtype."""
    rows = on.dispatch.rows(x, name)
    return on.dispatch.host(on.dispatch.cast(rows, _checks.result_dtype(rows)))


def host_triplets(on: Algebra, triplets: object) -> np.ndarray:
    """triplets (t, 3) on the host, as `pyalign._checks.as_triplets`, wherever they are."""
    return on.dispatch.host(on.dispatch.triplets(triplets))


def valid_triplets(triplets: object, n: int, columns: int = 0) -> np.ndarray:
    """triplets as integers (t, 3), each three different items in [0, n); columns: of the embeddings."""
    index = _checks.as_triplets(triplets)
    _checks.require_valid(get_backend("auto").check_triplets(index, n), index, n, columns)
    return index


def through_norms(on: Algebra, by_units: Array, units: Array, inverse: Array) -> Array:
    """The derivative by the rows, from that by unit rows: only what is orthogonal to a row turns it."""
    along = on.dots(by_units, units)[:, None]
    return (by_units - along * units) * inverse


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """BLAS runs on one thread inside, where threadpoolctl is installed, and idle threads of OpenMP soon sleep."""
    controller = _controller()
    if controller is None:
        yield
        return
    with controller.limit(limits=1, user_api="blas"), _soon_asleep(_runtime(controller)):
        yield


@lru_cache(maxsize=1)
def _controller() -> Any:
    try:
        import scipy.linalg  # noqa: F401  its BLAS is loaded before the libraries are looked up
        from threadpoolctl import ThreadpoolController
    except ImportError:
        return None
    return ThreadpoolController()


def _runtime(controller: Any) -> str | None:
    """The path of GNU's OpenMP where there is one that all share, unless the user has said how its threads wait."""
    if {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"} & os.environ.keys():
        return None
    libraries = [one.filepath for one in controller.lib_controllers if one.prefix == "libgomp"]
    return libraries[0] if len(libraries) == 1 else None


@contextmanager
def _soon_asleep(path: str | None) -> Iterator[None]:
    """A thread with a team of its own lives meanwhile: more threads than there are cores, for the runtime."""
    if path is None:
        yield
        return
    held, done = Event(), Event()
    keeper = Thread(target=_hold, args=(ctypes.CDLL(path), held, done), name="pyalign-openmp", daemon=True)
    keeper.start()
    held.wait()
    try:
        yield
    finally:
        done.set()
        keeper.join()


def _hold(runtime: Any, held: Event, done: Event) -> None:
    try:
        cores = runtime.omp_get_num_procs()
        nothing = ctypes.cast(runtime.omp_get_thread_num, ctypes.c_void_p)  # what each thread of the team runs
        team = max(2, cores - native.num_threads() + 2)
        runtime.GOMP_parallel(nothing, None, ctypes.c_uint(team), ctypes.c_uint(0))
    except AttributeError:  # an old runtime
        pass
    finally:
        held.set()
    done.wait()

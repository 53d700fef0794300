"""The dispatch of every operation: where the inputs are, which backend takes them, and how results go back.

Inputs from the host are numpy arrays inside, and come back as such. Rows on a device (tensors of torch, arrays of CuPy
or JAX, anything with DLPack or `__cuda_array_interface__`) are torch tensors inside, without a copy; results stay on
the device, in the library that the rows came from.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, cast

import numpy as np

from pyalign.backends import TENSOR_BACKENDS, Array, Backend, get_backend
from pyalign.ops._host_dispatch import HostDispatch
from pyalign.ops._place import place_of


class Dispatch(Protocol):
    """Inputs checked and brought to where the backend works."""

    @property
    def backend(self) -> Backend:
        """The backend that computes."""

    def rows(self, x: object, name: str = "embeddings") -> Array:
        """(n, d) of a dtype that the backend takes, rows contiguous; as `pyalign._checks.as_rows`."""

    def triplets(self, triplets: object) -> Array:
        """(t, 3) integers; as `pyalign._checks.as_triplets`."""

    def similarities(self, similarities: object) -> Array:
        """(n, n) float32 or float64, rows contiguous."""

    def bring(self, array: np.ndarray) -> Array:
        """An array of our own, brought from the host to where the backend works."""

    def cast(self, x: Array, dtype: Any) -> Array:
        """`x` in that numpy dtype."""

    def weights(self, x: object, dtype: Any, name: str) -> Array:
        """Numbers (t, k) of that numpy dtype, contiguous, whatever rows the backend takes."""

    def empty(self, shape: tuple[int, ...], dtype: Any) -> Array:
        """A new array of that numpy dtype."""

    def output(self, out: object, shape: tuple[int, ...], dtype: Any) -> Array:
        """The caller's array to fill, which must have that shape and dtype."""

    def apart(self, x: Array, out: Array) -> Array:
        """x, or a copy where filling `out` could write over it."""

    def take(self, x: Array, rows: np.ndarray) -> Array:
        """The rows that the mask (n,) marks."""

    def reordered(self, matrix: Array, order: np.ndarray) -> Array:
        """Rows and columns of a matrix (n, n) in another order (n,)."""

    def host(self, array: Array) -> np.ndarray:
        """A numpy array of the same values."""

    def host_all(self, arrays: Sequence[Array]) -> list[np.ndarray]:
        """What `host` gives of each of several arrays, by one transfer."""

    def zero_rows(self, rows: Array) -> Array:
        """(1,): how many rows (n, d) are zero throughout."""

    def used_rows(self, triplets: Array, n: int) -> Array:
        """Mask (n,) of the items that triplets (t, 3) name; undefined for numbers outside [0, n)."""

    def give(self, result: Array, out: Any = None) -> Any:
        """A result as the caller gets it: `out` itself where one was passed to `output`."""

    def running(self, triplets: Array | None = None, n: int = 0, columns: int = 0) -> Any:
        """A context around the kernels, which explains invalid triplets and memory that ran out."""


def dispatch_of(backend: str, *inputs: object, elements: int = 0) -> Dispatch:
    """The dispatch of inputs (rows, or a matrix of similarities), which must all be in one place.

    elements: how many elements the similarity matrix will have that is computed from them.
    """
    place = place_of(inputs, elements)
    engine = get_backend(backend, place)
    if engine.name not in TENSOR_BACKENDS:
        return HostDispatch(engine)
    from pyalign.ops._tensor_dispatch import TensorDispatch  # loads torch

    return TensorDispatch(cast(Any, engine), place, inputs[0])

"""The door of every operation: where the inputs lie, which backend takes them, and how results go back.

Inputs from the host are numpy arrays inside, and come back as such. Rows on a device (tensors of torch, arrays of CuPy
or JAX, anything with DLPack or `__cuda_array_interface__`) are torch tensors inside, without a copy; results stay on
the device, in the library that the rows came from.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol, cast

import numpy as np

from pyalign import _checks
from pyalign.backends import HOST, TENSOR_BACKENDS, Array, Backend, InvalidTripletsError, Place, get_backend
from pyalign.errors import InputError
from pyalign.ops._driver import device_of_address

DLPACK_CUDA = (2, 13)  # kDLCUDA, kDLCUDAManaged


class Door(Protocol):
    """Inputs checked and brought to where the backend works."""

    @property
    def backend(self) -> Backend:
        """What computes."""

    def rows(self, x: object, name: str = "x") -> Array:
        """(n, d) of a dtype that the backend takes, rows contiguous; as `pyalign._checks.as_rows`."""

    def triplets(self, triplets: object) -> Array:
        """(t, 3) integers; as `pyalign._checks.as_triplets`."""

    def similarities(self, similarities: object) -> Array:
        """(n, n) float32 or float64, rows contiguous."""

    def bring(self, array: np.ndarray) -> Array:
        """Our own array from the host, where the backend works."""

    def cast(self, x: Array, dtype: Any) -> Array:
        """x in that numpy dtype."""

    def weights(self, x: object, dtype: Any, name: str) -> Array:
        """Numbers (t, k) of that numpy dtype, contiguous, whatever rows the backend takes."""

    def empty(self, shape: tuple[int, ...], dtype: Any) -> Array:
        """A new array of that numpy dtype."""

    def output(self, out: object, shape: tuple[int, ...], dtype: Any) -> Array:
        """The caller's array to fill, which must have that shape and dtype."""

    def take(self, x: Array, rows: np.ndarray) -> Array:
        """The rows that the mask (n,) marks."""

    def reordered(self, matrix: Array, order: np.ndarray) -> Array:
        """Rows and columns of a matrix (n, n) in another order (n,)."""

    def host(self, array: Array) -> np.ndarray:
        """A numpy array of the same values."""

    def give(self, result: Array, out: Any = None) -> Any:
        """A result as the caller gets it: in `out`, where that was given to `output`."""

    def running(self, triplets: Array | None = None, n: int = 0) -> Any:
        """A context around the kernels, which explains invalid triplets and memory that ran out."""


def open_door(backend: str, *inputs: object, elements: int = 0) -> Door:
    """The door for inputs (rows, or a matrix of similarities) that lie in one place.

    elements: of the similarity matrix that will be computed.
    """
    place = place_of(inputs, elements)
    engine = get_backend(backend, place)
    if engine.name not in TENSOR_BACKENDS:
        return HostDoor(engine)
    from pyalign.ops._tensor_door import TensorDoor  # loads torch

    return TensorDoor(cast(Any, engine), place, inputs[0])


def place_of(inputs: tuple[object, ...], elements: int = 0) -> Place:
    """Where the inputs lie: all on the host, or all on one device."""
    places = [device_of(value) for value in inputs if value is not None] or ["cpu"]
    if len(set(places)) > 1:
        raise InputError(f"x and y must lie on one device; got {' and '.join(places)}")
    if places[0] == "cpu":
        return HOST
    dtype = str(getattr(inputs[0], "dtype", "")).rpartition(".")[2]
    return Place(places[0], dtype, elements)


def device_of(value: object) -> str:
    """The device on which an array lies, as torch writes it: "cpu", "cuda:0"."""
    if type(value).__module__.partition(".")[0] == "torch":
        return str(getattr(value, "device", "cpu"))
    if hasattr(value, "__dlpack_device__"):
        kind, number = value.__dlpack_device__()
        return f"cuda:{number}" if kind in DLPACK_CUDA else "cpu"
    if hasattr(value, "__cuda_array_interface__"):  # which names an address and no device
        return f"cuda:{device_of_address(value.__cuda_array_interface__['data'][0])}"
    return "cpu"


def length(x: object) -> int:
    """Rows of x where it has a shape, else 0: for choices that are made before x is checked."""
    shape: tuple[int, ...] = getattr(x, "shape", ())
    return int(shape[0]) if len(shape) else 0


class HostDoor:
    """Arrays of numpy."""

    def __init__(self, backend: Backend):
        self.backend = backend

    def rows(self, x: object, name: str = "x") -> np.ndarray:
        return _checks.as_rows(x, name)

    def triplets(self, triplets: object) -> np.ndarray:
        return _checks.as_triplets(triplets)

    def similarities(self, similarities: object) -> np.ndarray:
        return _checks.as_similarities(similarities)

    def bring(self, array: np.ndarray) -> np.ndarray:
        return array

    def cast(self, x: np.ndarray, dtype: Any) -> np.ndarray:
        return x.astype(dtype, copy=False)

    def weights(self, x: object, dtype: Any, name: str) -> np.ndarray:
        return np.ascontiguousarray(_checks.as_rows(x, name), dtype)

    def empty(self, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        return np.empty(shape, dtype)

    def output(self, out: object, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        return host_output(out, shape, dtype)

    def take(self, x: np.ndarray, rows: np.ndarray) -> np.ndarray:
        return x[rows]

    def reordered(self, matrix: np.ndarray, order: np.ndarray) -> np.ndarray:
        return np.take(matrix[order], order, axis=1)

    def host(self, array: np.ndarray) -> np.ndarray:
        return array

    def give(self, result: np.ndarray, out: Any = None) -> Any:
        return result

    @contextmanager
    def running(self, triplets: np.ndarray | None = None, n: int = 0) -> Iterator[None]:
        with explained(self.backend, triplets, n):
            yield


def host_output(out: object, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """`out` where it is a numpy array of that shape and dtype that can be filled."""
    if not isinstance(out, np.ndarray) or out.shape != shape or out.dtype != dtype:
        what = f"{out.shape} {out.dtype}" if isinstance(out, np.ndarray) else type(out).__name__
        raise InputError(f"out must be an array of shape {shape} and dtype {np.dtype(dtype)}; got {what}")
    if not out.flags.writeable or not out.flags.aligned or (shape[1] > 1 and out.strides[1] != out.itemsize):
        raise InputError("out must be writeable, with contiguous rows")
    return out


@contextmanager
def explained(backend: Backend, triplets: Array | None, n: int) -> Iterator[None]:
    """Kernels check triplets in passing and only say that some are invalid; a second look says which."""
    try:
        yield
    except InvalidTripletsError:
        assert triplets is not None
        _checks.require_valid(backend.check_triplets(triplets, n), triplets, n)
        raise

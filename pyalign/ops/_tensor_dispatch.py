"""The dispatch of torch tensors; see `pyalign.ops._dispatch`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pyalign import _checks
from pyalign.backends import Place
from pyalign.backends._tensor_kernels import current_device, row_extremes
from pyalign.backends._tensors import read_together
from pyalign.errors import InputError
from pyalign.ops import _place
from pyalign.ops._host_dispatch import HostDispatch, explained, host_output, require_rows_apart

HALF = (torch.float16, torch.bfloat16)
TO_FLOAT32 = (*HALF, torch.float32, torch.int8, torch.uint8, torch.int16, torch.bool)
INDICES = (torch.int16, torch.int32, torch.int64)


class TensorDispatch(HostDispatch):
    """Tensors on the device of the rows, or on the backend's home for rows from the host."""

    on_host = False

    def __init__(self, backend: Any, place: Place, origin: object):
        super().__init__(backend)
        self.from_host = place.on_host
        self.device = _home(backend.kernels.home) if place.on_host else _as_tensor(origin).device
        self.library = "numpy" if place.on_host else type(origin).__module__.partition(".")[0]

    def rows(self, x: object, name: str = "embeddings") -> Tensor:
        a = self._real(x, name)
        if a.dtype in TO_FLOAT32:
            a = a if a.dtype in HALF and self.backend.half else a.to(torch.float32)
        else:
            a = a.to(torch.float64)
        self._require_taken(a)
        return _with_contiguous_rows(a)

    def triplets(self, triplets: object) -> Tensor:
        a = self._bring(triplets, lambda: _signed(_checks.as_triplets(triplets)), "triplets")
        _checks.require_triplets(tuple(a.shape))
        if a.is_floating_point() or a.is_complex() or a.dtype == torch.bool:
            raise InputError(f"triplets must be integers; got dtype {_name(a)}")
        return a if a.dtype in INDICES else a.to(torch.int64)

    def similarities(self, similarities: object) -> Tensor:
        a = self._bring(similarities, lambda: _checks.as_similarities(similarities), "matrix")
        _checks.require_square(tuple(a.shape))
        wide = a.to(torch.float32) if a.dtype in TO_FLOAT32 else a.to(torch.float64)
        self._require_taken(wide)
        return _with_contiguous_rows(wide)

    def bring(self, array: np.ndarray) -> Tensor:
        with _within_memory(self.device):
            return _from_host(array).to(self.device)

    def cast(self, x: Tensor, dtype: Any) -> Tensor:
        return x.to(_torch_dtype(dtype))

    def weights(self, x: object, dtype: Any, name: str) -> Tensor:
        return self._real(x, name).to(_torch_dtype(dtype)).contiguous()

    def empty(self, shape: tuple[int, ...], dtype: Any) -> Tensor:
        return torch.empty(shape, dtype=_torch_dtype(dtype), device=self.device)

    def output(self, out: object, shape: tuple[int, ...], dtype: Any) -> Tensor:
        if self.from_host:
            host_output(out, shape, dtype)
            return self.empty(shape, dtype)
        wanted = _torch_dtype(dtype)
        a = None if _place.device_of(out) == "cpu" or self.library.startswith("jax") else _as_tensor(out)
        if a is None or a.device != self.device or tuple(a.shape) != shape or a.dtype != wanted:
            what = type(out).__name__ if a is None else f"{tuple(a.shape)} {_name(a)}"
            wanted_text = f"shape {shape} and dtype {np.dtype(dtype)} on {self.device}"
            raise InputError(f"out must be an array of {wanted_text}; got {what}")
        if shape[1] > 1 and a.stride(1) != 1:
            raise InputError("out must have contiguous rows")
        require_rows_apart(shape, a.stride(0))
        return a

    def apart(self, x: Tensor, out: Tensor) -> Tensor:
        (first, last), (begin, end) = _span(x), _span(out)
        return x.clone() if first < end and begin < last else x

    def take(self, x: Tensor, rows: np.ndarray) -> Tensor:
        return x[torch.from_numpy(rows).to(x.device)]

    def reordered(self, matrix: Tensor, order: np.ndarray) -> Tensor:
        places = self.bring(order)
        return matrix[places][:, places].contiguous()

    def host(self, array: Tensor) -> np.ndarray:
        return array.cpu().numpy()

    def host_all(self, arrays: Sequence[Tensor]) -> list[np.ndarray]:
        return read_together(*arrays)

    def zero_rows(self, rows: Tensor) -> Tensor:
        return (row_extremes(rows) == 0).sum().view(1)

    def used_rows(self, triplets: Tensor, n: int) -> Tensor:
        used = torch.zeros(n, dtype=torch.bool, device=self.device)
        return used.index_fill_(0, triplets.long().clamp(0, n - 1).flatten(), True)

    def give(self, result: Tensor, out: Any = None) -> Any:
        if self.from_host:
            host = result.cpu().numpy()
            if out is None:
                return host
            out[...] = host
            return out
        theirs = self._theirs(result)  # orders their stream after torch's, for `out` too
        return theirs if out is None else out

    def _theirs(self, result: Tensor) -> Any:
        if self.library not in ("cupy", "jax", "jaxlib"):
            return result
        module: Any = import_module("cupy" if self.library == "cupy" else "jax.numpy")
        with current_device(result.device):
            return module.from_dlpack(result)

    @contextmanager
    def running(self, triplets: Tensor | None = None, n: int = 0, columns: int = 0) -> Iterator[None]:
        with explained(self.backend, triplets, n, columns), _within_memory(self.device):
            yield

    def _real(self, x: object, name: str) -> Tensor:
        """(n, d) of real numbers on the device of this dispatch."""
        a = self._bring(x, lambda: _checks.as_rows(x, name), name)
        _checks.require_rows(tuple(a.shape), name)
        if a.is_complex():
            raise InputError(f"{name} must hold real numbers; got dtype {_name(a)}")
        return a

    def _require_taken(self, a: Tensor) -> None:
        """Rows from the host get their dtype here, after the backend was chosen."""
        reason = self.backend.why_not(Place(str(a.device), _name(a)))
        if reason is not None:
            raise InputError(f"no backend can take this input: {self.backend.name}: {reason}")

    def _bring(self, value: object, from_host: Any, name: str) -> Tensor:
        """`value` as a tensor on the device of this dispatch; arrays on another device are refused."""
        if _place.device_of(value) == "cpu":
            host = from_host()
            with _within_memory(self.device):
                return _from_host(host).to(self.device)
        a = _as_tensor(value)
        if a.device != self.device:
            raise InputError(f"{name} must be on the host or on {self.device}; got {a.device}")
        return a


@contextmanager
def _within_memory(device: torch.device) -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:  # torch's own error of a device is one, and that of the CPU has no class
        if not isinstance(error, torch.cuda.OutOfMemoryError) and "DefaultCPUAllocator" not in str(error):
            raise
        reason = str(error).splitlines()[0]
        raise MemoryError(f"the memory of {device} is not enough for this input ({reason})") from error


def _home(home: str) -> torch.device:
    """Where a backend wants inputs from the host."""
    return torch.device("cuda", torch.cuda.current_device()) if home == "cuda" else torch.device(home)


def _as_tensor(value: Any) -> Tensor:
    """A view of a device array, without its graph."""
    if isinstance(value, Tensor):
        return value.detach()
    if hasattr(value, "__dlpack__"):
        return torch.from_dlpack(value)
    # By __cuda_array_interface__. Without a device torch copies to its default one, and the stream it does not look at.
    tensor = torch.as_tensor(value, device=_place.device_of(value))
    stream = value.__cuda_array_interface__.get("stream")
    if stream is not None:
        default = stream in (1, 2)
        where = tensor.device  # not the current one, which may be another
        theirs = torch.cuda.default_stream(where) if default else torch.cuda.ExternalStream(stream, where)
        torch.cuda.current_stream(tensor.device).wait_stream(theirs)
    return tensor


def _span(a: Tensor) -> tuple[int, int]:
    """The address of its first byte, and that past its last."""
    start, size = a.data_ptr(), a.element_size()
    return start, start + size * (1 + sum((n - 1) * stride for n, stride in zip(a.shape, a.stride(), strict=True)))


def _from_host(array: np.ndarray) -> Tensor:
    """A view where torch takes one: of memory that may be written to."""
    return torch.from_numpy(array if array.flags.writeable else array.copy())


def _with_contiguous_rows(a: Tensor) -> Tensor:
    return a if a.stride(1) == 1 or a.shape[1] == 1 else a.contiguous()


def _signed(triplets: np.ndarray) -> np.ndarray:
    """uint16, for which torch has few operations, as int32; and no negative strides, which torch has not."""
    if triplets.dtype == np.uint16:
        return triplets.astype(np.int32)
    return triplets if all(stride >= 0 for stride in triplets.strides) else triplets.copy()


def _torch_dtype(dtype: Any) -> torch.dtype:
    torch_dtype: torch.dtype = getattr(torch, np.dtype(dtype).name)
    return torch_dtype


def _name(a: Tensor) -> str:
    return str(a.dtype).rpartition(".")[2]

"""The CUDA kernels on tensors: addresses and sizes handed to `_cuda`, on the caller's stream, without a copy.

csrc/include/pyalign_cuda.h says what each kernel does.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from pyalign._registry import load
from pyalign.backends import _torch_kernels
from pyalign.backends._host import Place, Rows
from pyalign.backends._tensor_kernels import (
    FIXED_BYTES, TRANSFORMS, Prepared, TensorGradient, TensorWanted, multiply, route,
)

TYPES = {torch.float32: 0, torch.float64: 1, torch.float16: 2, torch.bfloat16: 3}
TF32, READY = 1, 2  # of `pa_products`
OLDEST = (8, 0)
INDEX_TYPES = {torch.int16: 0, torch.int32: 2, torch.int64: 3}

try:
    _cuda: Any = load("pyalign.backends._cuda")
except ModuleNotFoundError:
    _cuda, _missing = None, "the CUDA kernels are not compiled"
except ImportError as error:
    _cuda, _missing = None, f"the CUDA kernels cannot be loaded ({error})"


class CudaKernels:
    """See `pyalign.backends._tensor_kernels.Kernels`."""

    row_bytes = 16

    @property
    def home(self) -> str:
        """Emulated kernels, which tests build, run on the memory of the host."""
        return "cpu" if _cuda is not None and _cuda.emulated else "cuda"

    def why_not(self, place: Place) -> str | None:
        if _cuda is None:
            return _missing
        count, reason = _cuda.device_count()
        if count == 0:
            return str(reason)
        if torch.device(place.device).type != self.home:
            return f"it takes CUDA arrays; these are on {place.device}"
        if self.home == "cuda" and not torch.cuda.is_available():
            return "this torch was built without CUDA: pip install a CUDA build of torch"
        if self.home == "cuda" and torch.cuda.get_device_capability(place.device) < OLDEST:
            return f"it takes devices of compute capability 8.0 (Ampere) and later; {place.device} is older"
        return None

    def prepare_rows(self, x: Tensor, out: Prepared) -> None:
        values = _address(out.values), 0 if out.values is None else _row_stride(out.values)
        terms = _address(out.squares), _address(out.inverse_norms), _address(out.report)
        transform = TRANSFORMS.index(out.transform), _address(out.shift)
        _cuda.prepare_rows(_matrix(x), (*transform, *values, *terms), _queue(x))

    def similarity(self, x: Rows, y: Rows | None, tf32: bool, out: Tensor) -> None:
        right, products = None if y is None else _rows(y), TF32 if tf32 else 0
        if route("product") == "cublas":
            multiply(x.values, x.values if y is None else y.values, out)
            products |= READY
        _cuda.similarity(_rows(x), right, products, out.data_ptr(), _row_stride(out), _queue(out))

    def triplets_from_matrix(self, similarities: Tensor, triplets: Tensor, want: TensorWanted) -> None:
        workspace = _sums_workspace(triplets, want)
        _cuda.triplets_from_matrix(
            _matrix(similarities), _triplets(triplets), _wanted(want), workspace.data_ptr(), _queue(triplets)
        )

    def triplets_from_rows(self, x: Rows, triplets: Tensor, want: TensorWanted) -> None:
        workspace = _sums_workspace(triplets, want)
        _cuda.triplets_from_rows(_rows(x), _triplets(triplets), _wanted(want), workspace.data_ptr(), _queue(triplets))

    def triplet_gradient(
        self, similarities: Tensor, triplets: Tensor, temperature: float, scale: float, out: TensorGradient,
        targets: Tensor | None = None,
    ) -> None:
        size, queue = (TYPES[similarities.dtype], len(similarities), len(triplets)), _queue(triplets)
        fixed_bytes = FIXED_BYTES[route("gradient")]
        workspace = _bytes(_cuda.gradient_workspace(*size, fixed_bytes, queue), triplets)
        loss = _address(targets), temperature, scale, 3  # alternatives
        outputs = out.matrix.data_ptr(), out.cross_entropy.data_ptr(), out.invalid.data_ptr()
        _cuda.triplet_gradient(
            _matrix(similarities), _triplets(triplets), loss, outputs, fixed_bytes, workspace.data_ptr(), queue
        )

    def topk(self, similarities: Tensor, k: int, own: int, indices: Tensor) -> None:
        if route("topk") == "torch":
            _torch_kernels.KERNELS.topk(similarities, k, own, indices)
        else:
            _cuda.topk(_matrix(similarities), k, own, indices.data_ptr(), _queue(similarities))

    def resample_items(
        self, triplets: Tensor, multiplicities: Tensor, values: Tensor, sums: Tensor, invalid: Tensor
    ) -> None:
        n, lanes = multiplicities.shape
        if multiplicities.data_ptr() % 16:
            multiplicities = multiplicities.clone()
        resamples = values.data_ptr(), len(values), lanes, sums.data_ptr()
        queue = _queue(triplets)
        _cuda.resample_items(
            _triplets(triplets), n, multiplicities.data_ptr(), resamples, invalid.data_ptr(), queue
        )

    def choice_similarity(self, similarities: Tensor, temperature: float, out: Tensor) -> None:
        workspace, queue = _bytes(_cuda.choice_similarity_workspace(), out), _queue(out)
        _cuda.choice_similarity(
            _matrix(similarities), temperature, out.data_ptr(), _row_stride(out), workspace.data_ptr(), queue
        )


def _row_stride(a: Tensor) -> int:
    """Elements from row to row; of a single row torch may say anything."""
    return a.stride(0) if len(a) > 1 else max(a.stride(0), a.shape[1])


def _matrix(x: Tensor) -> tuple[int, int, int, int, int]:
    return x.data_ptr(), x.shape[0], x.shape[1], _row_stride(x), TYPES[x.dtype]


def _rows(x: Rows) -> tuple[tuple[int, int, int, int, int], int, str, float]:
    return _matrix(x.values), _address(x.terms), x.pair, x.gamma


def _wanted(want: TensorWanted) -> tuple[int, int, int, int, float, int]:
    addresses = (_address(tensor) for tensor in (want.choices, want.probabilities, want.similarities, want.sums))
    return *addresses, want.temperature, want.invalid.data_ptr()


def _triplets(triplets: Tensor) -> tuple[int, int, int, int, int]:
    return triplets.data_ptr(), len(triplets), triplets.stride(0), triplets.stride(1), INDEX_TYPES[triplets.dtype]


def _address(tensor: Tensor | None) -> int:
    return 0 if tensor is None else tensor.data_ptr()


def _bytes(count: int, tensor: Tensor) -> Tensor:
    """Scratch memory of torch's allocator, which hands it on in the order of the stream."""
    return torch.empty(count, dtype=torch.uint8, device=tensor.device)


def _sums_workspace(triplets: Tensor, want: TensorWanted) -> Tensor:
    return _bytes(0 if want.sums is None else _cuda.sums_workspace(len(triplets)), triplets)


def _queue(tensor: Tensor) -> tuple[int, int]:
    """The device and torch's current stream there; emulated kernels have a stream that they insist on."""
    if tensor.is_cuda:
        return tensor.get_device(), torch.cuda.current_stream(tensor.device).cuda_stream
    return 0, _cuda.current_stream()


KERNELS = CudaKernels()

"""The operations of csrc/include/pyalign_cuda.h as Triton kernels on torch tensors.

All tensors of a call are on one device. A call queues its work on the current stream of that device and waits for
nothing, unless PYALIGN_TRITON_TUNE=1 asks for tiles to be timed. The caller has checked shapes, dtypes,
strides, d >= 1 and n < 2^31; float64 input is for other backends. Triplets are checked in passing, as the header says.
All results are the same from run to run.
"""

from __future__ import annotations

import os

import torch

from pyalign.backends import _torch_kernels
from pyalign.backends._interface import Place
from pyalign.backends._tensor_rows import prepare_rows
from pyalign.backends._triton_choice_similarity import choice_similarity
from pyalign.backends._triton_gradient import triplet_gradient
from pyalign.backends._triton_similarity import similarity
from pyalign.backends._triton_topk import topk
from pyalign.backends._triton_triplets import triplets_from_matrix, triplets_from_rows

OLDEST = (8, 0)  # what Triton compiles for


class TritonKernels:
    """See `pyalign.backends._tensor_kernels.Kernels`."""

    row_bytes = 16
    prepare_rows = staticmethod(prepare_rows)
    similarity = staticmethod(similarity)
    triplets_from_matrix = staticmethod(triplets_from_matrix)
    triplets_from_rows = staticmethod(triplets_from_rows)
    triplet_gradient = staticmethod(triplet_gradient)
    topk = staticmethod(topk)
    choice_similarity = staticmethod(choice_similarity)
    resample_items = _torch_kernels.KERNELS.resample_items  # gathers and a product: nothing for Triton to fuse

    @property
    def home(self) -> str:
        """Triton's interpreter works on the memory of the host."""
        return "cpu" if os.environ.get("TRITON_INTERPRET") == "1" else "cuda"

    def why_not(self, place: Place) -> str | None:
        if place.dtype == "float64":
            return "it takes no float64 rows"
        if self.home == "cpu":
            return None if place.on_host else f"it interprets on the CPU; the rows are on {place.device}"
        if not torch.cuda.is_available():
            return "torch finds no CUDA device"
        if not place.device.startswith("cuda"):
            return f"it takes CUDA arrays; these are on {place.device}"
        if torch.version.hip is None and torch.cuda.get_device_capability(place.device) < OLDEST:
            return f"it takes devices of compute capability 8.0 (Ampere) and later; {place.device} is older"
        return None


KERNELS = TritonKernels()

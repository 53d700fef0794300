"""The CUDA kernels (csrc/cuda), where they were built."""

from __future__ import annotations

from pyalign.backends._optional import tensor_backend

BACKEND = tensor_backend("cuda", ("torch",), half=True)

"""Kernels in Triton, for CUDA devices; with TRITON_INTERPRET=1 interpreted on the CPU."""

from __future__ import annotations

from pyalign.backends._optional import tensor_backend

BACKEND = tensor_backend("triton", ("torch", "triton"), half=True)

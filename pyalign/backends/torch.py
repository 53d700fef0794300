"""Plain torch, on any device that has float64: what the other tensor backends fall back to."""

from __future__ import annotations

from pyalign.backends._optional import tensor_backend

BACKEND = tensor_backend("torch", ("torch",), half=False)

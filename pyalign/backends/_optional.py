"""Backends that need an extra: the backend, or a stand-in that says what is missing.

cuda: the CUDA kernels (csrc/cuda), where they were built. triton: kernels in Triton, for CUDA devices; with
TRITON_INTERPRET=1 interpreted on the CPU. torch: plain torch, on any device that has float64: what the other two fall
back to.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import cast

from pyalign._registry import load
from pyalign.backends._host import HOST, Backend, Place
from pyalign.errors import pip_install

# The packages that each needs, and whether its kernels take float16 and bfloat16 rows as they are.
NEEDS = {"cuda": (("torch",), True), "triton": (("torch", "triton"), True), "torch": (("torch",), False)}


class Missing:
    """Stands in for a backend that can't be loaded; it can only say why."""

    def __init__(self, name: str, reason: str):
        self.name, self.reason = name, reason

    def why_not(self, place: Place = HOST) -> str | None:
        return self.reason


def tensor_backend(name: str) -> Backend:
    """The backend with the kernels of `pyalign.backends._NAME_kernels`."""
    packages, half = NEEDS[name]
    for package in packages:
        if find_spec(package) is None:
            extra = "torch" if package == "torch" else "gpu"
            return cast(Backend, Missing(name, f"{package} is not installed: {pip_install(extra, package)}"))
    try:
        kernels = load(f"pyalign.backends._{name}_kernels:KERNELS")
        tensors = load("pyalign.backends._tensors")
    except Exception as error:  # what a release that does not fit raises can be anything, and other backends remain
        what = str(error).splitlines() or [type(error).__name__]
        return cast(Backend, Missing(name, f"it cannot be loaded ({what[0]})"))
    backend: Backend = tensors.TensorBackend(name, kernels, half=half)
    return backend

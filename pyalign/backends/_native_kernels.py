"""The compiled CPU kernels on tensors of the CPU, without a copy: for the torch ops.

Backends that need an extra: the backend, or a stand-in that says what is missing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from typing import cast

from torch import Tensor

from pyalign._extras import pip_install
from pyalign._registry import load
from pyalign.backends import native
from pyalign.backends._host import HOST, Backend, InvalidTripletsError, Place, Rows, Sums, Wanted
from pyalign.backends._tensor_kernels import TensorGradient, TensorWanted, prepare_rows, result_dtype


class NativeKernels:
    """See `pyalign.backends._tensor_kernels.Kernels`. Where a triplet is invalid, all outputs are undefined."""

    home = "cpu"
    row_bytes = 1
    prepare_rows = staticmethod(prepare_rows)

    def why_not(self, place: Place) -> str | None:
        return native.BACKEND.why_not() if place.on_host else f"it takes CPU tensors; these are on {place.device}"

    def similarity(self, x: Rows, y: Rows | None, tf32: bool, out: Tensor) -> None:
        native.BACKEND.similarity(_as_arrays(x), None if y is None else _as_arrays(y), out.numpy())

    def triplets_from_matrix(self, similarities: Tensor, triplets: Tensor, want: TensorWanted) -> None:
        _fill(want, lambda arrays: native.BACKEND.triplets_from_matrix(similarities.numpy(), triplets.numpy(), arrays))

    def triplets_from_rows(self, x: Rows, triplets: Tensor, want: TensorWanted) -> None:
        _fill(want, lambda arrays: native.BACKEND.triplets_from_rows(_as_arrays(x), triplets.numpy(), arrays))

    def triplet_gradient(
        self, similarities: Tensor, triplets: Tensor, temperature: float, scale: float, out: TensorGradient,
        targets: Tensor | None = None,
    ) -> None:
        arrays = similarities.numpy(), triplets.numpy()
        outputs = out.matrix.numpy(), None if targets is None else targets.numpy()
        try:
            out.cross_entropy[0] = native.BACKEND.triplet_gradient(*arrays, temperature, scale, *outputs)
        except InvalidTripletsError:
            out.invalid.fill_(1)

    def topk(self, similarities: Tensor, k: int, own: int, indices: Tensor) -> None:
        native.BACKEND.topk(similarities.numpy(), k, own, indices.numpy())

    def resample_items(
        self, triplets: Tensor, multiplicities: Tensor, values: Tensor, sums: Tensor, invalid: Tensor
    ) -> None:
        arrays = (tensor.numpy() for tensor in (triplets, multiplicities, values, sums))
        try:
            native.BACKEND.resample_items(*arrays)
        except InvalidTripletsError:
            invalid.fill_(1)

    def choice_similarity(self, similarities: Tensor, temperature: float, out: Tensor) -> None:
        native.BACKEND.choice_similarity(similarities.numpy(), temperature, out.numpy())


def _as_arrays(x: Rows) -> Rows:
    values = x.values.to(result_dtype(x.values))
    if values.stride(1) != 1 and values.shape[1] > 1:
        values = values.contiguous()
    return replace(x, values=values.numpy(), terms=None if x.terms is None else x.terms.numpy())


def _fill(want: TensorWanted, run: Callable[[Wanted], Sums | None]) -> None:
    """What `run` fills and returns, as the tensors of `want` have it."""
    tensors = want.choices, want.probabilities, want.similarities
    arrays = [None if tensor is None else tensor.numpy() for tensor in tensors]
    try:
        total = run(Wanted(arrays[0], arrays[1], arrays[2], want.sums is not None, want.temperature))
    except InvalidTripletsError:
        want.invalid.fill_(1)
        return
    if total is not None and want.sums is not None:
        want.sums.numpy()[:] = (*total.right, *total.ties, total.cross_entropy, total.entropy)


KERNELS = NativeKernels()


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

"""The compiled CPU kernels on tensors of the CPU, without a copy: for the torch ops."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from torch import Tensor

from pyalign.backends import native
from pyalign.backends._host import InvalidTripletsError, Place, Rows, Sums, Wanted
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

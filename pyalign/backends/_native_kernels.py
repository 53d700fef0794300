"""The compiled CPU kernels on tensors of the CPU, without a copy: for the torch ops."""

from __future__ import annotations

from torch import Tensor

from pyalign.backends import InvalidTripletsError, Place, Rows, Sums, Wanted, native
from pyalign.backends._tensors import result_dtype


class NativeKernels:
    """See `pyalign.backends._tensors.Kernels`. Where a triplet is invalid, all outputs are undefined."""

    home = "cpu"

    def why_not(self, place: Place) -> str | None:
        return (
            native.BACKEND.why_not() if place.on_host else f"it takes tensors of the CPU; these lie on {place.device}"
        )

    def similarity(
        self, x: Tensor, x_terms: Tensor | None, y: Tensor | None, y_terms: Tensor | None, pair: str, gamma: float,
        tf32: bool, out: Tensor,
    ) -> None:  # fmt: skip
        right = None if y is None else _rows(y, y_terms, pair, gamma)
        native.BACKEND.similarity(_rows(x, x_terms, pair, gamma), right, out.numpy())

    def triplets_from_matrix(
        self, similarities: Tensor, triplets: Tensor, choices: Tensor | None, probabilities: Tensor | None,
        pairs: Tensor | None, sums: Tensor | None, temperature: float, invalid: Tensor,
    ) -> None:  # fmt: skip
        want = _wanted(choices, probabilities, pairs, sums, temperature)
        try:
            total = native.BACKEND.triplets_from_matrix(similarities.numpy(), triplets.numpy(), want)
        except InvalidTripletsError:
            invalid.fill_(1)
        else:
            _write(total, sums)

    def triplets_from_rows(
        self, x: Tensor, terms: Tensor | None, pair: str, gamma: float, triplets: Tensor, choices: Tensor | None,
        probabilities: Tensor | None, pairs: Tensor | None, sums: Tensor | None, temperature: float, invalid: Tensor,
    ) -> None:  # fmt: skip
        want = _wanted(choices, probabilities, pairs, sums, temperature)
        try:
            total = native.BACKEND.triplets_from_rows(_rows(x, terms, pair, gamma), triplets.numpy(), want)
        except InvalidTripletsError:
            invalid.fill_(1)
        else:
            _write(total, sums)

    def triplet_gradient(
        self, similarities: Tensor, triplets: Tensor, temperature: float, scale: float, gradient: Tensor,
        cross_entropy: Tensor, invalid: Tensor, targets: Tensor | None = None,
    ) -> None:  # fmt: skip
        arrays = similarities.numpy(), triplets.numpy()
        outputs = gradient.numpy(), None if targets is None else targets.numpy()
        try:
            cross_entropy[0] = native.BACKEND.triplet_gradient(*arrays, temperature, scale, *outputs)
        except InvalidTripletsError:
            invalid.fill_(1)

    def resample_items(
        self, triplets: Tensor, multiplicities: Tensor, values: Tensor, sums: Tensor, invalid: Tensor
    ) -> None:
        arrays = (tensor.numpy() for tensor in (triplets, multiplicities, values, sums))
        try:
            native.BACKEND.resample_items(*arrays)
        except InvalidTripletsError:
            invalid.fill_(1)


def _rows(x: Tensor, terms: Tensor | None, pair: str, gamma: float) -> Rows:
    values = x.to(result_dtype(x))
    if values.stride(1) != 1 and values.shape[1] > 1:
        values = values.contiguous()
    return Rows(values.numpy(), None if terms is None else terms.numpy(), pair, gamma)


def _wanted(
    choices: Tensor | None, probabilities: Tensor | None, pairs: Tensor | None, sums: Tensor | None, temperature: float
) -> Wanted:
    arrays = [None if tensor is None else tensor.numpy() for tensor in (choices, probabilities, pairs)]
    return Wanted(arrays[0], arrays[1], arrays[2], sums is not None, temperature)


def _write(total: Sums | None, sums: Tensor | None) -> None:
    if total is not None and sums is not None:
        sums.numpy()[:] = (*total.right, *total.ties, total.cross_entropy, total.entropy)


KERNELS = NativeKernels()

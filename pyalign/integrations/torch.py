"""pyalign inside torch: `torch.ops.pyalign.similarity`, `.odd_one_out` and `.triplet_loss`, and `TripletLoss`.

Importing this module registers the ops. On the CPU they run the compiled kernels, on CUDA devices the CUDA or Triton
kernels, elsewhere plain torch; they differentiate, compile with ``fullgraph=True`` and know fake tensors and vmap.

>>> import torch
>>> import pyalign.integrations.torch
>>> x = torch.tensor([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]], requires_grad=True)
>>> triplets = torch.tensor([[0, 1, 2]])
>>> torch.ops.pyalign.odd_one_out(x, triplets, "cosine")
tensor([2], dtype=torch.int8)
>>> loss = torch.ops.pyalign.triplet_loss(x, triplets, "dot", 1.0)
>>> loss.backward()
>>> tuple(x.grad.shape)
(3, 2)

Checks are those that cost no waiting. Rows with NaN give NaN. Invalid triplets, answers and temperatures raise on the
CPU; on a device the loss becomes NaN and the choice -1, since an error would have to wait for the device.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pyalign import _checks
from pyalign.backends._tensor_kernels import result_dtype
from pyalign.errors import InputError
from pyalign.integrations import _torch_kernels as kernels
from pyalign.integrations._loss_kernels import Weighed, pull_back
from pyalign.integrations._loss_ops import REDUCTIONS
from pyalign.integrations._loss_terms import check_temperature
from pyalign.integrations._vmap import one_by_one
from pyalign.measures import Measure, get_measure

SIMILARITY = "(Tensor x, Tensor? y=None, str measure='cosine') -> Tensor"
ODD_ONE_OUT = "(Tensor x, Tensor triplets, str measure='cosine') -> Tensor"


@torch.library.custom_op("pyalign::similarity", mutates_args=(), schema=SIMILARITY)
def similarity(x: Tensor, y: Tensor | None = None, measure: str = "cosine") -> Tensor:
    """Similarity of every row of x (n, d) with every row of y (m, d), or of x where y is None: (n, m).

    float32, or float64 for float64 rows; measures as in `pyalign.similarity`. The bandwidth of ``"rbf"`` without a
    sigma is the median distance, taken as a constant by the gradient.
    """
    return kernels.similarity(x, y, measure)


@similarity.register_fake
def _(x: Tensor, y: Tensor | None = None, measure: str = "cosine") -> Tensor:
    kernels.check_rows(x, y)
    get_measure(measure)
    dtype = result_dtype(x) if y is None else torch.promote_types(*map(result_dtype, (x, y)))
    return x.new_empty((x.shape[0], (x if y is None else y).shape[0]), dtype=dtype)


@torch.library.custom_op("pyalign::_bandwidth", mutates_args=())
def _bandwidth(x: Tensor, y: Tensor | None, measure: str) -> Tensor:
    return x.new_tensor(kernels.bandwidth(get_measure(measure), x, y), dtype=torch.float64)


@_bandwidth.register_fake
def _(x: Tensor, y: Tensor | None, measure: str) -> Tensor:
    return x.new_empty((), dtype=torch.float64)


def _gamma(measure: Measure, x: Tensor, y: Tensor | None) -> float | Tensor:
    """gamma of rbf as a constant of the graph: the median distance has no gradient here."""
    if not measure.needs_sigma:
        return kernels.bandwidth(measure, x, y)
    gamma: Tensor = torch.ops.pyalign._bandwidth(x.detach(), None if y is None else y.detach(), str(measure))
    return gamma


def _keep_rows(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    x, y, ctx.measure = inputs
    ctx.save_for_backward(x, y, output)


def _similarity_gradient(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
    x, y, s = ctx.saved_tensors
    measure = get_measure(ctx.measure)
    gamma = _gamma(measure, x, y)
    if y is None:
        both = Weighed(grad + grad.T, s)
        return pull_back(measure, gamma, both, x, x).to(x.dtype), None, None
    by_x, by_y = ctx.needs_input_grad[:2]
    dx = pull_back(measure, gamma, Weighed(grad, s), x, y).to(x.dtype) if by_x else None
    dy = pull_back(measure, gamma, Weighed(grad.T, s.T), y, x).to(y.dtype) if by_y else None
    return dx, dy, None


similarity.register_autograd(_similarity_gradient, setup_context=_keep_rows)


@torch.library.custom_op("pyalign::odd_one_out", mutates_args=(), schema=ODD_ONE_OUT)
def odd_one_out(x: Tensor, triplets: Tensor, measure: str = "cosine") -> Tensor:
    """The odd item of each triplet (t, 3) of rows of x (n, d): (t,) int8, -1 for a tie; as `pyalign.odd_one_out`."""
    return kernels.odd_one_out(x, triplets, measure)


@odd_one_out.register_fake
def _(x: Tensor, triplets: Tensor, measure: str = "cosine") -> Tensor:
    kernels.check_triplets(x, triplets)
    get_measure(measure)
    return x.new_empty((triplets.shape[0],), dtype=torch.int8)


for _op in (similarity, odd_one_out, _bandwidth):
    _op.register_vmap(one_by_one(_op))


class TripletLoss(nn.Module):
    """Cross-entropy of triplets under the similarities of embeddings, to train a network on.

    Called as ``loss(x, triplets)`` with x (n, d), embeddings of a batch or of the whole table, and triplets (t, 3),
    rows of x, the last column the odd item.

    Args:
        measure: see `pyalign.similarity`.
        temperature: in the units of the similarities; it divides. A parameter, or a leaf tensor that requires a
            gradient, which becomes one, is learned. A tensor that was computed, such as ``log_t.exp()``, passes its
            gradient on to what it was computed from, in one backward pass: a loss that is called in every step takes
            it again in each call.
        reduction: "mean" over all answers, their "sum", or "none": a loss for each triplet.

    Raises:
        InputError: for an unknown measure or reduction, and a temperature that is not one positive number. So does a
            later step on the CPU when a learned temperature is positive no more; on a device its loss is NaN. And a
            call after the backward pass of a computed temperature, which has become out of date.

    Source: Muttenthaler et al., ICLR 2023, equation 2 (without the penalty).

    Example:
        >>> network = nn.Linear(4, 2)
        >>> loss = TripletLoss()(network(torch.ones(3, 4)), torch.tensor([[0, 1, 2]]))
        >>> round(loss.item(), 4)
        1.0986
    """

    temperature: float | Tensor

    def __init__(self, measure: str = "dot", temperature: float | Tensor = 1.0, reduction: str = "mean"):
        super().__init__()
        self.measure = str(get_measure(measure))
        self.temperature = _checked_temperature(temperature)
        self._gradients_taken: list[bool] = []  # of a computed temperature
        if isinstance(self.temperature, Tensor) and not self.temperature.is_leaf:
            taken = self._gradients_taken
            self.temperature.register_hook(lambda gradient: taken.append(True))
        self.reduction = _checks.one_of(reduction, REDUCTIONS, "reduction")

    def forward(
        self, x: Tensor, triplets: Any, answers: Any = None, weights: Any = None,
        temperature: float | Tensor | None = None,
    ) -> Tensor:
        """Cross-entropy in nats: (), or (t,) with reduction "none".

        Args:
            x: (n, d) tensor of floating-point numbers.
            triplets: (t, 3) integers: a tensor next to x, or an array, which is brought there.
            answers: (t, 3) numbers of at least 0: how often, or with which probability, each position was called odd.
                None: one answer for each triplet, its last item.
            weights: (t,) numbers of at least 0, by which the answers of each triplet are multiplied.
            temperature: of this call, instead of that of the module: a number or a tensor, computed or not, through
                which the gradient goes.

        Returns:
            The sum over triplets and positions p of ``-weights * answers[p] * log softmax(s / T)[pair without p]``,
            divided by that of ``weights * answers`` for a mean. There is no gradient by answers and weights.

        Raises:
            InputError: for x that is no tensor, and for values that the ops can't use; what is on a device is not
                looked at, there the loss is NaN.
        """
        if not isinstance(x, Tensor):
            made = "torch.as_tensor(x) makes one"
            raise InputError(f"x must be a tensor, since an array takes no gradient ({made}); got {type(x).__name__}")
        divisor = self._current_temperature() if temperature is None else temperature
        divisor = divisor if isinstance(divisor, Tensor) else _checks.as_temperature(divisor)
        op = torch.ops.pyalign.triplet_loss
        chosen = op.learned if isinstance(divisor, Tensor) else op.default
        index = triplets if isinstance(triplets, Tensor) else _to_device_of(x, _checks.as_triplets(triplets))
        given = [_numbers(x, *pair) for pair in ((answers, "answers", "(t, 3)"), (weights, "weights", "(t,)"))]
        loss: Tensor = chosen(x, index, self.measure, divisor, *given, self.reduction)
        return loss

    def _current_temperature(self) -> float | Tensor:
        """The temperature of the module; raises where it was computed and its gradient has been taken since."""
        if self._gradients_taken:
            raise InputError("temperature was computed before a backward pass that has used it: compute it for each "
                             "call, loss(x, triplets, temperature=...)")
        return self.temperature

    def extra_repr(self) -> str:
        """The options, for print(model)."""
        temperature = f"{self.temperature:g}" if isinstance(self.temperature, float) else "learned"
        if isinstance(self.temperature, Tensor) and not self.temperature.is_leaf:
            temperature = "computed"
        reduction = "" if self.reduction == "mean" else f", reduction={self.reduction!r}"
        return f"measure={self.measure!r}, temperature={temperature}{reduction}"


def _checked_temperature(temperature: float | Tensor) -> float | Tensor:
    """A parameter and a computed tensor stay what they are; a leaf tensor that requires a gradient becomes a parameter.

    Raises:
        InputError: it is not one positive number.
    """
    if not isinstance(temperature, Tensor):
        return _checks.as_temperature(temperature)
    check_temperature(temperature, temperature)
    value = 1.0 if temperature.is_meta else _checks.as_temperature(temperature.item())
    if isinstance(temperature, nn.Parameter) or not temperature.is_leaf:
        return temperature
    return nn.Parameter(temperature) if temperature.requires_grad else value


def _numbers(x: Tensor, values: Any, name: str, shape: str) -> Tensor | None:
    if values is None or isinstance(values, Tensor):
        return values
    array = _checks.as_array(values, name, shape)
    if array.dtype.kind not in "buif":
        raise InputError(f"{name} must hold real numbers; got dtype {array.dtype}")
    return _to_device_of(x, array)


def _to_device_of(x: Tensor, array: np.ndarray) -> Tensor:
    """An array as a tensor on the device of x, in its own memory where torch can take that: writable and in order."""
    return torch.from_numpy(np.require(array, requirements=["C", "W"])).to(x.device)

"""The rule of vmap for the ops.

The ops of `torch.ops.pyalign.triplet_loss`.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from pyalign import _checks
from pyalign.backends._tensor_kernels import result_dtype
from pyalign.integrations import _loss_kernels as kernels
from pyalign.integrations import _torch_kernels as asked
from pyalign.integrations import _torch_kernels as base
from pyalign.measures import get_measure


def one_by_one(op: Any) -> Any:
    """vmap as a loop: each element is a whole matrix product, which fills the CPU by itself."""

    def rule(info: Any, in_dims: tuple[Any, ...], *args: Any) -> tuple[Any, Any]:
        def element(k: int) -> Any:
            pairs = zip(args, in_dims, strict=True)
            return op(*(value if dim is None else value.select(dim, k) for value, dim in pairs))

        results = [element(k) for k in range(info.batch_size)]
        if isinstance(results[0], Tensor):
            return torch.stack(results), 0
        return tuple(torch.stack(column) for column in zip(*results, strict=True)), (0,) * len(results[0])

    return rule


REDUCTIONS = ("mean", "sum", "none")
OPTIONS = "Tensor? answers=None, Tensor? weights=None, str reduction='mean'"
LEARNED = f"(Tensor x, Tensor triplets, str measure='dot', Tensor? temperature=None, {OPTIONS}) -> Tensor"
TRIPLET_LOSS = f"(Tensor x, Tensor triplets, str measure='dot', float temperature=1.0, {OPTIONS}) -> Tensor"


@torch.library.custom_op("pyalign::_checked_temperature", mutates_args=())
def _checked_temperature(x: Tensor, temperature: Tensor) -> Tensor:
    asked.check_temperature(x, temperature)
    return asked.checked_temperature(temperature)


@_checked_temperature.register_fake
def _(x: Tensor, temperature: Tensor) -> Tensor:
    asked.check_temperature(x, temperature)
    return temperature.new_empty(())


_checked_temperature.register_autograd(lambda ctx, grad: (None, grad), setup_context=lambda ctx, inputs, output: None)


_weighed_answers = torch.library.custom_op("pyalign::_weighed_answers", asked.weighed_answers, mutates_args=())


@_weighed_answers.register_fake
def _(x: Tensor, triplets: Tensor, answers: Tensor | None, weights: Tensor | None) -> Tensor:
    asked.check_answers(x, triplets, answers, weights)
    return x.new_empty((triplets.shape[0], 3), dtype=result_dtype(x))


# torch keeps compiled graphs on disk under the public op, and they call these: after a change of what these take or
# give, graphs from before fail until that cache (TORCHINDUCTOR_CACHE_DIR) is deleted.
_triplet_loss_parts = torch.library.custom_op("pyalign::_triplet_loss_parts", kernels.loss, mutates_args=())


@_triplet_loss_parts.register_fake
def _(
    x: Tensor, triplets: Tensor, answers: Any, learned: Any, measure: str, temperature: Any, mean: Any, training: bool
) -> tuple[Tensor, ...]:
    base.check_triplets(x, triplets)
    get_measure(measure)
    dtype, n, t = result_dtype(x), x.shape[0], triplets.shape[0]
    matrix = base.uses_matrix(x, triplets)
    shapes = (), (n, n) if matrix else (t, 3), (n, n) if matrix and training else (0, 0)
    return tuple(x.new_empty(shape, dtype=dtype) for shape in shapes)


_triplet_loss_backward = torch.library.custom_op(
    "pyalign::_triplet_loss_backward", kernels.loss_gradient, mutates_args=()
)


@_triplet_loss_backward.register_fake
def _(
    grad: Tensor, x: Tensor, similarities: Any, gradient: Any, triplets: Any, answers: Any, learned: Tensor | None,
    measure: str, temperature: float, mean: bool, by_x: bool,
) -> tuple[Tensor, Tensor]:
    by_rows = torch.empty_like(x, memory_format=torch.contiguous_format) if by_x else x.new_empty(0)
    return by_rows, grad.new_empty(0) if learned is None else learned.new_empty(())


def _keep_similarities(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor, Tensor]) -> None:
    x, triplets, answers, learned, ctx.measure, ctx.temperature, ctx.mean, _ = inputs
    ctx.save_for_backward(x, output[1], output[2], triplets, answers, learned)
    ctx.mark_non_differentiable(output[1], output[2])
    ctx.set_materialize_grads(False)


def _loss_gradient(ctx: Any, grad: Tensor | None, *_: Any) -> tuple[Tensor | None, ...]:
    by_x, by_temperature = ctx.needs_input_grad[0], ctx.needs_input_grad[3]
    if grad is None:
        return (None,) * 8
    *saved, learned = ctx.saved_tensors
    backward = torch.ops.pyalign._triplet_loss_backward
    dx, slope = backward(grad, *saved, learned, ctx.measure, ctx.temperature, ctx.mean, by_x)
    return dx if by_x else None, None, None, slope if by_temperature else None, None, None, None, None


_triplet_loss_parts.register_autograd(_loss_gradient, setup_context=_keep_similarities)


_triplet_similarities = torch.library.custom_op(
    "pyalign::_triplet_similarities", kernels.triplet_similarities, mutates_args=()
)


@_triplet_similarities.register_fake
def _(x: Tensor, triplets: Tensor, measure: str) -> tuple[Tensor, Tensor]:
    base.check_triplets(x, triplets)
    get_measure(measure)
    n = x.shape[0] if base.uses_matrix(x, triplets) else 0
    dtype = result_dtype(x)
    return x.new_empty((triplets.shape[0], 3), dtype=dtype), x.new_empty((n, n), dtype=dtype)


_triplet_similarities_backward = torch.library.custom_op(
    "pyalign::_triplet_similarities_backward", kernels.triplet_similarities_gradient, mutates_args=()
)


@_triplet_similarities_backward.register_fake
def _(grad: Tensor, x: Tensor, *_: Any) -> Tensor:
    return torch.empty_like(x, memory_format=torch.contiguous_format)


def _keep_pairs(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    x, triplets, ctx.measure = inputs
    ctx.save_for_backward(x, *output, triplets)
    ctx.mark_non_differentiable(output[1])
    ctx.set_materialize_grads(False)


def _pairs_gradient(ctx: Any, grad: Tensor | None, _: Any) -> tuple[Tensor | None, None, None]:
    if grad is None:
        return None, None, None
    return torch.ops.pyalign._triplet_similarities_backward(grad, *ctx.saved_tensors, ctx.measure), None, None


_triplet_similarities.register_autograd(_pairs_gradient, setup_context=_keep_pairs)

# In this order: a number is no tensor, but torch would take a tensor for a number, and its gradient would be lost.
torch.library.define("pyalign::triplet_loss.learned", LEARNED)
torch.library.define("pyalign::triplet_loss", TRIPLET_LOSS)


@torch.library.impl("pyalign::triplet_loss", "CompositeImplicitAutograd")
def triplet_loss(
    x: Tensor, triplets: Tensor, measure: str = "dot", temperature: float = 1.0, answers: Tensor | None = None,
    weights: Tensor | None = None, reduction: str = "mean",
) -> Tensor:
    """Cross-entropy of triplets (t, 3) in nats: -log softmax(s / temperature) of the pair of the first two items.

    The last column is the odd item; with answers (t, 3), how often each position was called odd, it is the sum over
    positions, and weights (t,) multiply it. The mean is that over all answers: (), as the sum; reduction "none" gives
    (t,). Needs no memory of (t, d): through an (n, n) matrix where that pays, else from the rows. Differentiable once,
    by x and by a temperature that is a tensor.
    """
    return _reduced(x, triplets, measure, temperature, answers, weights, reduction)


@torch.library.impl("pyalign::triplet_loss.learned", "CompositeImplicitAutograd")
def _with_a_tensor(
    x: Tensor, triplets: Tensor, measure: str = "dot", temperature: Tensor | None = None,
    answers: Tensor | None = None, weights: Tensor | None = None, reduction: str = "mean",
) -> Tensor:
    return _reduced(x, triplets, measure, 1.0 if temperature is None else temperature, answers, weights, reduction)


def _reduced(
    x: Tensor, triplets: Tensor, measure: str, temperature: float | Tensor, answers: Tensor | None,
    weights: Tensor | None, reduction: str,
) -> Tensor:
    _checks.one_of(reduction, REDUCTIONS, "reduction")
    ops = torch.ops.pyalign
    learned = None
    if isinstance(temperature, Tensor):
        learned, temperature = temperature.reshape(()) if temperature.numel() == 1 else temperature, 1.0
        learned = ops._checked_temperature(x, learned)
    if answers is not None or weights is not None:
        given = (None if values is None else values.detach() for values in (answers, weights))
        answers = ops._weighed_answers(x.detach(), triplets, *given)
    if reduction == "none":
        divisor = _checks.as_temperature(temperature) if learned is None else learned
        return _each(ops._triplet_similarities(x, triplets, measure)[0], divisor, answers)
    training = torch.is_grad_enabled() and (x.requires_grad or (learned is not None and learned.requires_grad))
    mean = reduction == "mean"
    return ops._triplet_loss_parts(x, triplets, answers, learned, measure, temperature, mean, training)[0]


def _each(similarities: Tensor, temperature: float | Tensor, answers: Tensor | None) -> Tensor:
    """Cross-entropy of each triplet (t,) from similarities (t, 3)."""
    top = similarities.detach().amax(dim=1, keepdim=True)
    logs = torch.log_softmax((similarities - top) / temperature, dim=1)
    return -logs[:, 0] if answers is None else -(answers.flip(1) * logs).sum(dim=1)


for _op in (
    _checked_temperature, _weighed_answers, _triplet_loss_parts, _triplet_loss_backward, _triplet_similarities,
    _triplet_similarities_backward,
):
    _op.register_vmap(one_by_one(_op))

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

Checks are those that cost no waiting. Rows with NaN give NaN. Invalid triplets raise on the CPU; on a device the loss
becomes NaN and the choice -1, since an error would have to wait for the device.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from pyalign._checks import as_temperature
from pyalign.backends._tensors import result_dtype
from pyalign.integrations import _torch_kernels as kernels
from pyalign.integrations._pull_back import Dense, Pairs, pull_back
from pyalign.measures import Measure, get_measure

SIMILARITY = "(Tensor x, Tensor? y=None, str measure='cosine') -> Tensor"
ODD_ONE_OUT = "(Tensor x, Tensor triplets, str measure='cosine') -> Tensor"
TRIPLET_LOSS = "(Tensor x, Tensor triplets, str measure='dot', float temperature=1.0) -> Tensor"


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
    """1 / (2 sigma^2) of rbf as a constant of the graph: the median distance has no gradient here."""
    if measure.pair != "rbf" or measure.sigma is not None:
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
        both = Dense(grad + grad.T, s)
        return pull_back(measure, gamma, both, x, x).to(x.dtype), None, None
    by_x, by_y = ctx.needs_input_grad[:2]
    dx = pull_back(measure, gamma, Dense(grad, s), x, y).to(x.dtype) if by_x else None
    dy = pull_back(measure, gamma, Dense(grad.T, s.T), y, x).to(y.dtype) if by_y else None
    return dx, dy, None


similarity.register_autograd(_similarity_gradient, setup_context=_keep_rows)


@torch.library.custom_op("pyalign::odd_one_out", mutates_args=(), schema=ODD_ONE_OUT)
def odd_one_out(x: Tensor, triplets: Tensor, measure: str = "cosine") -> Tensor:
    """The odd item of each triplet (t, 3) of rows of x (n, d): (t,) int8, -1 for a tie; as `pyalign.odd_one_out`."""
    return kernels.odd_one_out(x, triplets, measure)


@odd_one_out.register_fake
def _(x: Tensor, triplets: Tensor, measure: str = "cosine") -> Tensor:
    kernels.check_rows(x)
    kernels.check_triplets(x, triplets)
    get_measure(measure)
    return x.new_empty((triplets.shape[0],), dtype=torch.int8)


# torch keeps compiled graphs on disk under the public op, and they call these two: after a change of what these take or
# give, graphs from before fail until that cache (TORCHINDUCTOR_CACHE_DIR) is deleted.
@torch.library.custom_op("pyalign::_triplet_loss_parts", mutates_args=())
def _triplet_loss_parts(
    x: Tensor, triplets: Tensor, measure: str, temperature: float, training: bool
) -> tuple[Tensor, Tensor, Tensor]:
    return kernels.loss(x, triplets, measure, temperature, training)


@_triplet_loss_parts.register_fake
def _(x: Tensor, triplets: Tensor, measure: str, temperature: float, training: bool) -> tuple[Tensor, Tensor, Tensor]:
    kernels.check_rows(x)
    kernels.check_triplets(x, triplets)
    get_measure(measure)
    dtype, n, t = result_dtype(x), x.shape[0], triplets.shape[0]
    matrix = kernels.uses_matrix(x, triplets)
    shapes = (), (n, n) if matrix else (t, 3), (n, n) if matrix and training else (0, 0)
    loss, similarities, gradient = (x.new_empty(shape, dtype=dtype) for shape in shapes)
    return loss, similarities, gradient


@torch.library.custom_op("pyalign::_triplet_loss_backward", mutates_args=())
def _triplet_loss_backward(
    grad: Tensor, x: Tensor, similarities: Tensor, gradient: Tensor, triplets: Tensor, measure: str, temperature: float
) -> Tensor:
    chosen = get_measure(measure)
    gamma = kernels.bandwidth(chosen, x, None)
    if not kernels.uses_matrix(x, triplets):
        pairs: Dense | Pairs = _listed(similarities, triplets, len(x), temperature)
    else:
        if len(gradient) == 0:  # autograd came in by a way that the forward pass could not see
            gradient = kernels.matrix_gradient(similarities, triplets, temperature)[1]
        pairs = kernels.Product(gradient, similarities)
    return kernels.scaled(pull_back(chosen, gamma, pairs, x, x), grad).to(x.dtype)


def _listed(similarities: Tensor, triplets: Tensor, n: int, temperature: float) -> Pairs:
    """The three pairs of every triplet, in both orders, with the derivative of the mean cross-entropy.

    Invalid triplets, which on a device nobody has refused, weigh nothing and name item 0.
    """
    index = triplets.long()
    a, b, c = index.unbind(dim=1)
    valid = (((index >= 0) & (index < n)).all(dim=1) & (a != b) & (a != c) & (b != c))[:, None]
    weights = torch.softmax(similarities / temperature, dim=1)
    weights[:, 0] = -weights[:, 1:].sum(dim=1)
    weights = torch.where(valid, weights / (temperature * len(triplets)), 0.0)
    a, b, c = torch.where(valid, index, 0).unbind(dim=1)
    i, j = torch.stack([a, a, b], dim=1).flatten(), torch.stack([b, c, c], dim=1).flatten()
    twice = (tensor.flatten().repeat(2) for tensor in (weights, torch.where(valid, similarities, 0.0)))
    return Pairs.sorted(torch.cat([i, j]), torch.cat([j, i]), n, *twice)


@_triplet_loss_backward.register_fake
def _(
    grad: Tensor, x: Tensor, similarities: Tensor, gradient: Tensor, triplets: Tensor, measure: str, temperature: float
) -> Tensor:
    return torch.empty_like(x, memory_format=torch.contiguous_format)


def _keep_similarities(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor, Tensor]) -> None:
    x, triplets, ctx.measure, ctx.temperature, _ = inputs
    ctx.save_for_backward(x, output[1], output[2], triplets)
    ctx.mark_non_differentiable(output[1], output[2])
    ctx.set_materialize_grads(False)


def _loss_gradient(ctx: Any, grad: Tensor | None, *_: Any) -> tuple[Tensor | None, None, None, None, None]:
    if grad is None:
        return None, None, None, None, None
    backward = torch.ops.pyalign._triplet_loss_backward
    return backward(grad, *ctx.saved_tensors, ctx.measure, ctx.temperature), None, None, None, None


_triplet_loss_parts.register_autograd(_loss_gradient, setup_context=_keep_similarities)

torch.library.define("pyalign::triplet_loss", TRIPLET_LOSS)


@torch.library.impl("pyalign::triplet_loss", "CompositeImplicitAutograd")
def triplet_loss(x: Tensor, triplets: Tensor, measure: str = "dot", temperature: float = 1.0) -> Tensor:
    """Mean over triplets (t, 3) of -log softmax(s / temperature) of the pair of the first two items, in nats: ().

    The last column is the odd item. Needs no memory of (t, d): through an (n, n) matrix where that pays, else from the
    rows. Differentiable once.
    """
    training = torch.is_grad_enabled() and x.requires_grad
    loss: Tensor = torch.ops.pyalign._triplet_loss_parts(x, triplets, measure, temperature, training)[0]
    return loss


def _one_by_one(op: Any) -> Any:
    """vmap as a loop: each element is a whole matrix product, which fills the processor by itself."""

    def rule(info: Any, in_dims: tuple[Any, ...], *args: Any) -> tuple[Any, Any]:
        def element(k: int) -> Any:
            pairs = zip(args, in_dims, strict=True)
            return op(*(value if dim is None else value.select(dim, k) for value, dim in pairs))

        results = [element(k) for k in range(info.batch_size)]
        if isinstance(results[0], Tensor):
            return torch.stack(results), 0
        return tuple(torch.stack(column) for column in zip(*results, strict=True)), (0,) * len(results[0])

    return rule


for _op in (similarity, odd_one_out, _bandwidth, _triplet_loss_parts, _triplet_loss_backward):
    _op.register_vmap(_one_by_one(_op))


class TripletLoss(nn.Module):
    """Cross-entropy of triplets under the similarities of embeddings, to train a network on.

    Called as ``loss(x, triplets)`` with x (n, d), embeddings of a batch or of the whole table, and triplets (t, 3),
    rows of x, the last column the odd item; gives the mean in nats, ().

    Args:
        measure: see `pyalign.similarity`.
        temperature: in the units of the similarities; it divides.

    Source: Muttenthaler et al., ICLR 2023, equation 2 (without the penalty).

    Example:
        >>> network = nn.Linear(4, 2)
        >>> loss = TripletLoss()(network(torch.ones(3, 4)), torch.tensor([[0, 1, 2]]))
        >>> round(loss.item(), 4)
        1.0986
    """

    def __init__(self, measure: str = "dot", temperature: float = 1.0):
        super().__init__()
        self.measure = str(get_measure(measure))
        self.temperature = as_temperature(temperature)

    def forward(self, x: Tensor, triplets: Tensor) -> Tensor:
        """Mean cross-entropy in nats: ()."""
        loss: Tensor = torch.ops.pyalign.triplet_loss(x, triplets, self.measure, self.temperature)
        return loss

    def extra_repr(self) -> str:
        """The options, for print(model)."""
        return f"measure={self.measure!r}, temperature={self.temperature:g}"

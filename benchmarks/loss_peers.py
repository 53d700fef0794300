"""The cross-entropy of triplets and its gradient: pyalign's op, and the ways in which torch users write it.

Every function takes its inputs and returns the call that is timed: forward and backward, as in a step of training. Each
gives the loss and the gradient, by the embeddings or, where the similarities are given, by these.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import pyalign

Step = Callable[[], tuple[float, np.ndarray]]


def our_loss(x: np.ndarray, triplets: np.ndarray) -> Step:
    """`torch.ops.pyalign.triplet_loss`."""
    import torch

    import pyalign.integrations.torch  # noqa: F401

    index = torch.from_numpy(triplets)
    return _training_step(x, lambda leaf: torch.ops.pyalign.triplet_loss(leaf, index, "dot", 1.0))


def torch_loss(x: np.ndarray, triplets: np.ndarray, flat: bool = False) -> Step:
    """The product of all rows, then a gather of three similarities for each triplet."""
    import torch

    index = torch.from_numpy(triplets)
    return _training_step(x, lambda leaf: _of_similarities(leaf @ leaf.T, index, flat))


def torch_rows_loss(x: np.ndarray, triplets: np.ndarray) -> Step:
    """The rows of every triplet gathered: needs three arrays (t, d), and as many for the backward pass."""
    import torch

    index = torch.from_numpy(triplets)
    return _training_step(x, lambda leaf: _of_rows(leaf, index))


def torch_chunked_loss(x: np.ndarray, triplets: np.ndarray, chunk: int) -> Step:
    """The same of some triplets at a time, forward and backward."""
    import torch

    leaf, parts = torch.from_numpy(x.copy()).requires_grad_(), torch.from_numpy(triplets).split(chunk)

    def step() -> tuple[float, np.ndarray]:
        leaf.grad, summed = None, 0.0
        for part in parts:
            loss = _of_rows(leaf, part) * (len(part) / len(triplets))
            loss.backward()
            summed += loss.item()
        assert leaf.grad is not None
        return summed, leaf.grad.numpy()

    return step


def _of_rows(leaf: Any, index: Any) -> Any:
    a, b, c = (leaf.index_select(0, index[:, p]) for p in range(3))
    return _of_pairs((a * b).sum(1), (a * c).sum(1), (b * c).sum(1))


def our_gradient(s: np.ndarray, triplets: np.ndarray) -> Step:
    """`pyalign.triplet_gradient`, which checks both inputs."""
    return lambda: pyalign.triplet_gradient(s, triplets)


def our_planned_gradient(s: np.ndarray, triplets: np.ndarray) -> Step:
    """`pyalign.triplet_gradient` with a plan, which is made before: the pass that a fit repeats."""
    plan = pyalign.TripletPlan(triplets, len(s))
    return lambda: pyalign.triplet_gradient(s, plan)


def torch_gradient(s: np.ndarray, triplets: np.ndarray, flat: bool = False) -> Step:
    """Autograd through a gather of ready similarities."""
    import torch

    index = torch.from_numpy(triplets)
    return _training_step(s, lambda leaf: _of_similarities(leaf, index, flat))


def _training_step(values: np.ndarray, loss_of: Callable[[Any], Any]) -> Step:
    import torch

    leaf = torch.from_numpy(values.copy()).requires_grad_()

    def step() -> tuple[float, np.ndarray]:
        leaf.grad = None
        loss = loss_of(leaf)
        loss.backward()
        return loss.item(), leaf.grad.numpy()

    return step


def torch_planned_gradient(s: np.ndarray, triplets: np.ndarray) -> Step:
    """Autograd through `index_select` at flat positions that are made before."""
    import torch

    a, b, c = torch.from_numpy(triplets.astype(np.int64)).unbind(1)
    places = [i * len(s) + j for i, j in ((a, b), (a, c), (b, c))]
    return _training_step(s, lambda leaf: _of_pairs(*(leaf.view(-1).index_select(0, place) for place in places)))


def _of_similarities(s: Any, index: Any, flat: bool) -> Any:
    """Look-ups as `s[a, b]`, or at flat positions by `index_select`, torch's fastest."""
    a, b, c = index.unbind(1)
    if not flat:
        return _of_pairs(s[a, b], s[a, c], s[b, c])
    n, line = len(s), s.view(-1)
    return _of_pairs(*(line.index_select(0, place) for place in (a * n + b, a * n + c, b * n + c)))


def _of_pairs(s01: Any, s02: Any, s12: Any) -> Any:
    import torch

    pairs = torch.stack([s01, s02, s12], dim=1)
    return (torch.logsumexp(pairs, dim=1) - s01).mean()

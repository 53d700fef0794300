"""Steps of training beside the ways in which torch users write them: losses of triplets, their gradients, probes.

Every function takes its inputs and returns the call that is timed: forward and backward. Each gives the loss and the
gradient, by the embeddings or, where the similarities are given, by these; of a probe by the weights W, (d, d).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import pyalign
from benchmarks import cases
from benchmarks.cases import MB, Case, embeddings, similarities, triplets
from benchmarks.processes import memory
from benchmarks.timing import SOME, SUBJECT, Comparison, Way

Step = Callable[[], tuple[float, np.ndarray]]
BATCH, SCALE = 256, 1e-2  # of the published training of probes, and of the weights at which their step is taken
ONE_HOT_SLICE = 4 * BATCH  # triplets on which its products are timed


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


# ---------------------------------------------------------------- probes


def start(d: int) -> np.ndarray:
    """Weights (d, d) at which the step is taken."""
    weights: np.ndarray = SCALE * np.random.default_rng(0).standard_normal((d, d))
    return weights


def our_step(x: np.ndarray, triplets: np.ndarray) -> Step:
    """The objective of `pyalign.fit_probe`."""
    from pyalign.fitting.objective import TripletTerm

    term, weights = TripletTerm(x, triplets), start(x.shape[1])

    def step() -> tuple[float, np.ndarray]:
        slope = term(weights, np.zeros(weights.shape[1]))
        return slope.value, slope.weights

    return step


def torch_gather_step(x: np.ndarray, triplets: np.ndarray, flat: bool = False) -> Step:
    """Autograd through all similarities and a gather of three for each triplet, as `s[a, b]` or at flat positions."""
    import torch

    index, rows = torch.from_numpy(triplets.astype(np.int64)), torch.from_numpy(x)
    w = torch.tensor(start(x.shape[1]).astype(np.float32), requires_grad=True)
    n = len(x)
    a, b, c = index.unbind(1)
    pairs = [(a, b), (a, c), (b, c)]
    places = [i * n + j for i, j in pairs]

    def step() -> tuple[float, np.ndarray]:
        w.grad = None
        z = rows @ w
        s = z @ z.T
        if flat:
            return _backward([s.view(-1).index_select(0, place) for place in places], w)
        return _backward([s[pair] for pair in pairs], w)

    return step


def one_hot_step(x: np.ndarray, triplets: np.ndarray) -> Step:
    """The published formulation: triplets as one-hot rows times all mapped rows, in batches of 256."""
    import torch

    rows = torch.from_numpy(x)
    w = torch.tensor(start(x.shape[1]).astype(np.float32), requires_grad=True)
    batches = np.array_split(triplets, max(1, len(triplets) // BATCH))

    def step() -> tuple[float, np.ndarray]:
        w.grad, total = None, 0.0
        gradient = np.zeros(tuple(w.shape), np.float64)
        for batch in batches:
            w.grad = None
            one_hot = torch.zeros(3 * len(batch), len(x))
            one_hot[torch.arange(3 * len(batch)), torch.from_numpy(batch.astype(np.int64)).flatten()] = 1.0
            a, b, c = (one_hot @ (rows @ w)).view(-1, 3, w.shape[1]).unbind(1)
            loss, by_w = _backward([(a * b).sum(1), (a * c).sum(1), (b * c).sum(1)], w)
            total += loss * len(batch)
            gradient += by_w * len(batch)
        return total / len(triplets), gradient / len(triplets)

    return step


def _backward(pairs: list[Any], w: Any) -> tuple[float, np.ndarray]:
    loss = _of_pairs(*pairs)
    loss.backward()
    return loss.item(), w.grad.numpy()


def same_step(theirs: tuple[float, np.ndarray], ours: tuple[float, np.ndarray]) -> None:
    """The loss, and the gradient relative to its largest element."""
    assert abs(theirs[0] - ours[0]) < 2e-5
    np.testing.assert_allclose(theirs[1], ours[1], rtol=0, atol=1e-4 * abs(ours[1]).max())


# ---------------------------------------------------------------- the comparisons


def _steps(op: str, of: Callable[[Case], np.ndarray], ways: dict[str, Way]) -> Comparison:
    return Comparison(op, cases.TRAINING, ways, SOME, (of, triplets), same_step)


LOSSES = (
    _steps("triplet_loss", embeddings, {
        SUBJECT: Way(our_loss), "torch": Way(torch_loss, at_least=4), "torch flat": Way(partial(torch_loss, flat=True)),
    }),
    _steps("triplet_gradient", similarities, {
        SUBJECT: Way(our_gradient), "torch": Way(torch_gradient, at_least=10),
        "torch flat": Way(partial(torch_gradient, flat=True)),
    }),
    _steps("triplet_gradient, planned", similarities, {
        SUBJECT: Way(our_planned_gradient), "torch": Way(torch_gradient, at_least=10),
        "torch planned": Way(torch_planned_gradient), "pyalign unplanned": Way(our_gradient),
    }),
    # The array (t, d) that is not needed, once.
    memory("triplet_loss", cases.TRAINING, 4 * cases.TRAINING.t * cases.TRAINING.d / MB),
)
PROBE = _steps("probe step", embeddings, {
    SUBJECT: Way(our_step), "torch": Way(torch_gather_step, at_least=3),
    "torch flat": Way(partial(torch_gather_step, flat=True)),
    "one-hot": Way(one_hot_step, limit=ONE_HOT_SLICE, at_least=1000),
})

"""One full-batch step of a probe, and how it is published: loss and gradient by the weights W, (d, d).

Every function takes the rows (n, d) and triplets (t, 3) and returns the call that is timed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Step = Callable[[], tuple[float, np.ndarray]]
BATCH = 256  # of the published training
SCALE = 1e-2


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
    import torch

    stacked = torch.stack(pairs, dim=1)
    loss = (torch.logsumexp(stacked, dim=1) - pairs[0]).mean()
    loss.backward()
    return loss.item(), w.grad.numpy()

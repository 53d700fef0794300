"""The trainings of SPoSE and VICE, restated: minibatches of one-hot rows and Adam; SPoSE's also with rows looked up.

One-hot rows of the three objects are multiplied by the weights, as published. SPoSE's negative weights are cut at zero
by the loss's penalty in the published code and by a clamp after each step here. VICE's weights have a mean and a
standard deviation each; a step draws all of them, and compares them with a prior of two widths.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

BATCH, RATE = 100, 0.001  # of the published training
START = 0.1, 0.01  # mean and standard deviation of the first weights
VICE_BATCH = 128
SPIKE, SLAB, SPIKES = 0.25, 1.0, 0.6  # widths of VICE's prior, and the share of the narrow one, as in its example


def spose_step(
    n: int, d: int, triplets: np.ndarray, sparsity: float, one_hot: bool, rate: float = RATE, batch: int = BATCH,
    seed: int = 0,
) -> tuple[Callable[[], None], Any]:
    """A call that goes through all of these triplets once, in a random order, and the weights (n, d) that it moves."""
    import torch

    rng = np.random.default_rng(seed)
    weights = torch.tensor(rng.normal(*START, (n, d)), dtype=torch.float32, requires_grad=True)
    optimizer = torch.optim.Adam([weights], lr=rate)
    index, eye = torch.tensor(triplets.astype(np.int64)), torch.eye(n) if one_hot else None

    def epoch() -> None:
        order = torch.tensor(rng.permutation(len(index)))
        for start in range(0, len(index), batch):
            chosen = index[order[start : start + batch]]
            rows = weights[chosen] if eye is None else (eye[chosen.ravel()] @ weights).reshape(*chosen.shape, d)
            optimizer.zero_grad()
            objective(rows, weights, sparsity).backward()
            optimizer.step()
            with torch.no_grad():
                weights.clamp_(min=0.0)

    return epoch, weights


def vice_step(
    n: int, d: int, triplets: np.ndarray, rate: float = RATE, batch: int = VICE_BATCH, seed: int = 0
) -> tuple[Callable[[], None], Any]:
    """VICE's: a call that goes through all of these triplets once, and the means (n, d) that it moves.

    Source: Muttenthaler et al., "VICE", NeurIPS 2022, section 3, and its published code.
    """
    import torch

    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    means = torch.tensor(rng.normal(*START, (n, d)), dtype=torch.float32, requires_grad=True)
    log_widths = torch.full((n, d), -2.3, requires_grad=True)
    optimizer = torch.optim.Adam([means, log_widths], lr=rate)
    index, eye = torch.tensor(triplets.astype(np.int64)), torch.eye(n)
    density = torch.distributions.Normal

    def epoch() -> None:
        order = torch.tensor(rng.permutation(len(index)))
        for start in range(0, len(index), batch):
            chosen = index[order[start : start + batch]]
            widths = log_widths.exp()
            weights = means + widths * torch.randn(n, d)
            rows = torch.relu(eye[chosen.ravel()] @ weights).reshape(*chosen.shape, d)
            posterior = density(means, widths).log_prob(weights).sum()
            spike, slab = density(0.0, SPIKE).log_prob(weights), density(0.0, SLAB).log_prob(weights)
            prior = (SPIKES * spike.exp() + (1 - SPIKES) * slab.exp()).log().sum()
            optimizer.zero_grad()
            (objective(rows, weights, 0.0) + (posterior - prior) / len(index)).backward()
            optimizer.step()

    return epoch, means


def objective(rows: Any, weights: Any, sparsity: float) -> Any:
    """Mean cross-entropy of triplets whose rows (b, 3, d) these are, the odd one last, and SPoSE's penalty."""
    import torch

    i, j, k = rows.unbind(dim=1)
    similarities = torch.stack([(i * j).sum(1), (i * k).sum(1), (j * k).sum(1)], dim=1)
    return -torch.log_softmax(similarities, dim=1)[:, 0].mean() + sparsity * weights.abs().sum() / len(weights)

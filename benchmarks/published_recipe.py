"""The published training of probes, to compare with: minibatch Adam, to where a held-out loss stops falling.

Muttenthaler et al., ICLR 2023, section 5 and appendix: features standardized by one mean and deviation, W from
N(0, 1e-3^2), Adam with rate 1e-3 on batches of 256 triplets, gradients clipped to length 1, an un-squared norm. A step
touches the rows of its batch alone, instead of one-hot products over all objects, which is where its speed comes from.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pyalign import score
from pyalign.fitting.objective import TripletTerm

START_DEVIATION, RATE, BATCH, CLIP, PATIENCE = 1e-3, 1e-3, 256, 1.0, 3


class Adam:
    """Minibatch Adam on mean cross-entropy + strength * |W|_F.

    Source: Kingma and Ba, "Adam", ICLR 2015, algorithm 1, with its published rates.
    """

    def __init__(self, rows: np.ndarray, triplets: np.ndarray, strength: float, seed: int = 0) -> None:
        self.rows, self.triplets, self.strength = rows, triplets, strength
        self.rng = np.random.default_rng(seed)
        d = rows.shape[1]
        self.weights = (self.rng.normal(size=(d, d)) * START_DEVIATION).astype(rows.dtype)
        self.first, self.second = np.zeros_like(self.weights), np.zeros_like(self.weights)
        self.steps = 0

    def epoch(self) -> float:
        """Trains for an epoch; the mean loss of its steps."""
        order = self.rng.permutation(len(self.triplets))
        return float(np.mean([self.step(order[k : k + BATCH]) for k in range(0, len(order), BATCH)]))

    def step(self, batch: np.ndarray) -> float:
        """One step on those triplets; its loss before the step."""
        items, local = np.unique(self.triplets[batch], return_inverse=True)
        term = TripletTerm(self.rows[items], local.reshape(-1, 3).astype(np.int32), sort=False)
        slope = term(self.weights, np.zeros(self.weights.shape[1]))
        norm = float(np.sqrt(np.einsum("ij,ij->", self.weights, self.weights, dtype=np.float64)))
        gradient = (slope.weights + self.strength / norm * self.weights).astype(self.weights.dtype)
        length = float(np.sqrt(np.einsum("ij,ij->", gradient, gradient, dtype=np.float64)))
        gradient *= min(1.0, CLIP / (length + 1e-6))
        self.steps += 1
        self.first += 0.1 * (gradient - self.first)
        self.second += 0.001 * (gradient * gradient - self.second)
        first, second = 1.0 - 0.9**self.steps, 1.0 - 0.999**self.steps
        self.weights -= RATE / first * self.first / (np.sqrt(self.second / second) + 1e-8)
        return slope.value + self.strength * norm


def epochs(x: np.ndarray, triplets: np.ndarray, held_out: np.ndarray, strength: float) -> Iterator[tuple[float, float]]:
    """Held-out cross-entropy and accuracy after each epoch, until three epochs have not lowered the first."""
    seen = x[np.unique(triplets)]
    standard = ((x - seen.mean()) / seen.std()).astype(x.dtype)
    adam, losses = Adam(standard, triplets, strength), list[float]()
    while len(losses) - int(np.argmin(losses or [0.0])) <= PATIENCE:
        adam.epoch()
        found = score(standard @ adam.weights, held_out, measure="dot", ci=None)
        losses.append(found.cross_entropy)
        yield found.cross_entropy, found.accuracy

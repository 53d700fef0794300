"""Triplets drawn from a known choice model, so that the right answer is known before anything is scored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pyalign.data import Provenance, as_embeddings
from pyalign.documents import hidden
from pyalign.errors import InputError
from pyalign.measures import Measure, get_measure
from pyalign.ops.triplets import choice_probabilities
from pyalign.results import Result

CHUNK = 1 << 20
ODD_LAST = np.array([[1, 2, 0], [0, 2, 1], [0, 1, 2]])  # row p: the positions in the order that puts p last


@dataclass(frozen=True)
class Simulation(Result):
    """Simulated answers and what scoring them should give.

    Attributes:
        n_triplets: how many were drawn.
        expected_accuracy: fraction; mean over the drawn triplets of the probability of the model's own best answer.
        standard_error: fraction; standard deviation of the accuracy around that, over draws of the answers.
        expected_cross_entropy: nats; mean entropy of the choice probabilities.
        measure: the similarity measure.
        temperature: p = softmax(s / temperature).
        seed: of the generator.
        triplets: int32 (t, 3), the item called odd last; no document holds them.
    """

    command: ClassVar[str] = "simulate"

    n_triplets: int
    expected_accuracy: float
    standard_error: float
    expected_cross_entropy: float
    measure: str
    temperature: float
    seed: int
    triplets: np.ndarray = hidden(default=None, compare=False)


def random_embeddings(n: int, d: int, seed: int = 0) -> np.ndarray:
    """(n, d) float32 Gaussian features whose variance falls as 1 / k over the features, as in trained networks.

    Example:
        >>> random_embeddings(4, 8).shape
        (4, 8)
    """
    rng = np.random.default_rng([seed, 0])
    x = rng.standard_normal((n, d), dtype=np.float32)
    return x * (np.arange(1, d + 1, dtype=np.float32) ** np.float32(-0.5))


def random_triplets(n: int | np.ndarray, t: int, rng: np.random.Generator) -> np.ndarray:
    """(t, 3) int32: three different items of n, every ordered triplet equally likely.

    n: how many items, at least three; or (t,), how many there are for each triplet.

    Example:
        >>> random_triplets(3, 2, np.random.default_rng(0)).sum(axis=1)
        array([3, 3])
    """
    if np.min(n) < 3:
        raise InputError(f"triplets need at least three items; got {np.min(n)}")
    a = rng.integers(0, n, t, dtype=np.int32)
    b = rng.integers(0, n - 1, t, dtype=np.int32)
    c = rng.integers(0, n - 2, t, dtype=np.int32)
    b += b >= a
    low, high = np.minimum(a, b), np.maximum(a, b)
    c += c >= low
    c += c >= high
    return np.stack([a, b, c], axis=1)


def simulate(
    x: object, n_triplets: int, *, measure: str | Measure = "cosine", temperature: float = 0.1, seed: int = 0
) -> Simulation:
    """Answers of people who choose with ``p(pair) = softmax(s / temperature)``.

    Args:
        x: (n, d) real numbers, one row per item.
        n_triplets: how many to draw.
        measure: see `pyalign.similarity`.
        temperature: in the units of the similarities.
        seed: the same seed gives the same triplets.

    Returns:
        A `Simulation`. Scoring x on its triplets gives `expected_accuracy` within a few `standard_error`.

    Raises:
        InputError: as `pyalign.choice_probabilities`, or fewer than three items.

    Example:
        >>> import numpy as np
        >>> drawn = simulate(random_embeddings(50, 16), 1000)
        >>> drawn.triplets.shape, 1 / 3 < drawn.expected_accuracy < 1
        ((1000, 3), True)
    """
    rows = as_embeddings(x)
    rng = np.random.default_rng([seed, 1])
    triplets = random_triplets(len(rows), n_triplets, rng)
    p = choice_probabilities(rows.values, triplets, measure=measure, temperature=temperature)
    triplets = put_odd_last(triplets, draw_odd(p, rng))
    best, variance, entropy = _expected(p)
    return Simulation(
        n_triplets=n_triplets,
        expected_accuracy=best / n_triplets,
        standard_error=float(np.sqrt(variance)) / n_triplets,
        expected_cross_entropy=entropy / n_triplets,
        measure=str(get_measure(measure)),
        temperature=float(temperature),
        seed=seed,
        triplets=triplets,
        notes=rows.notes,
        provenance=Provenance.now({"x": x}, {"measure": str(measure), "temperature": temperature}, seed=seed),
    )


def draw_odd(p: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(t,) int8: a position of each row of p (t, 3), drawn with those probabilities.

    Example:
        >>> draw_odd(np.array([[0.0, 1.0, 0.0]]), np.random.default_rng(0))
        array([1], dtype=int8)
    """
    drawn = np.empty(len(p), np.int8)
    for start in range(0, len(p), CHUNK):
        part = p[start : start + CHUNK].astype(np.float64)
        u = rng.random(len(part)) * part.sum(axis=1)
        drawn[start : start + CHUNK] = (u >= part[:, 0]).astype(np.int8) + (u >= part[:, 0] + part[:, 1])
    return drawn


def put_odd_last(columns: np.ndarray, odd: np.ndarray) -> np.ndarray:
    """The three columns (t, 3) of each row with the one at position odd (t,) moved last, the others in their order.

    Example:
        >>> put_odd_last(np.array([[7, 8, 9]]), np.array([0]))
        array([[8, 9, 7]])
    """
    ordered = np.empty_like(columns)
    for start in range(0, len(columns), CHUNK):
        part = slice(start, start + CHUNK)
        ordered[part] = np.take_along_axis(columns[part], ODD_LAST[odd[part]], axis=1)
    return ordered


def _expected(p: np.ndarray) -> tuple[float, float, float]:
    """Sums over the rows of p (t, 3): of the largest, of the variance of drawing it, and of the entropy in nats."""
    best = variance = entropy = 0.0
    for start in range(0, len(p), CHUNK):
        wide = p[start : start + CHUNK].astype(np.float64)
        top = wide.max(axis=1)
        best += float(top.sum())
        variance += float((top * (1.0 - top)).sum())
        entropy -= float((wide * np.log(np.maximum(wide, 1e-300))).sum())
    return best, variance, entropy

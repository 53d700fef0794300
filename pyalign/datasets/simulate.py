"""Triplets drawn from a known choice model, so that the right answer is known before anything is scored."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from pyalign._checks import one_of
from pyalign.errors import InputError
from pyalign.ops.triplets import choice_probabilities

CHUNK = 1 << 20
TRIES = 50  # of at least 1,024 draws without a triplet, after which there are taken to be none


@dataclass(frozen=True)
class Simulation:
    """Simulated answers and what scoring them should give.

    Attributes:
        triplets: int32 (t, 3), the item called odd last.
        expected_accuracy: fraction; mean over the drawn triplets of the probability of the model's own best answer.
        standard_error: fraction; standard deviation of the accuracy around that, over draws of the answers.
        expected_cross_entropy: nats; mean entropy of the choice probabilities.
        measure: the similarity measure.
        temperature: p = softmax(s / temperature).
        seed: of the generator.
    """

    triplets: np.ndarray
    expected_accuracy: float
    standard_error: float
    expected_cross_entropy: float
    measure: str
    temperature: float
    seed: int

    def to_dict(self) -> dict[str, Any]:
        """The figures, without the triplets."""
        figures = {name: value for name, value in asdict(self).items() if name != "triplets"}
        return {"n_triplets": len(self.triplets), **figures}


def random_embeddings(n: int, d: int, seed: int = 0) -> np.ndarray:
    """(n, d) float32 Gaussian features whose variance falls as 1 / k over the features, as in trained networks.

    Example:
        >>> random_embeddings(4, 8).shape
        (4, 8)
    """
    rng = np.random.default_rng([seed, 0])
    x = rng.standard_normal((n, d), dtype=np.float32)
    return x * (np.arange(1, d + 1, dtype=np.float32) ** np.float32(-0.5))


def random_triplets(n: int, t: int, rng: np.random.Generator) -> np.ndarray:
    """(t, 3) int32: three different items of n, every ordered triplet equally likely.

    Example:
        >>> random_triplets(3, 2, np.random.default_rng(0)).sum(axis=1)
        array([3, 3])
    """
    if n < 3:
        raise InputError(f"triplets need at least three items; got {n}")
    a = rng.integers(0, n, t, dtype=np.int32)
    b = rng.integers(0, n - 1, t, dtype=np.int32)
    c = rng.integers(0, n - 2, t, dtype=np.int32)
    b += b >= a
    low, high = np.minimum(a, b), np.maximum(a, b)
    c += c >= low
    c += c >= high
    return np.stack([a, b, c], axis=1)


KINDS = ("uniform", "within", "across")


def category_triplets(
    n: int, t: int, rng: np.random.Generator, kind: str = "uniform", categories: np.ndarray | None = None
) -> np.ndarray:
    """(t, 3) int32: three different items of n, of one category, of none in common, or any.

    kind, categories: see `simulate`. Within categories, every triplet of a category is equally likely.

    Raises:
        InputError: categories are missing, of another shape, or leave no such triplet.

    Example:
        >>> members = np.array([[1, 0], [1, 0], [1, 0], [0, 1]], bool)
        >>> np.sort(category_triplets(4, 1, np.random.default_rng(0), "within", members))
        array([[0, 1, 2]], dtype=int32)
    """
    one_of(kind, KINDS, "kind")
    if kind == "uniform":
        return random_triplets(n, t, rng)
    if categories is None:
        raise InputError(f"categories must be given for triplets {kind} categories; got None")
    members = np.asarray(categories).astype(bool)
    if members.ndim != 2 or len(members) != n:
        raise InputError(f"categories must have shape (n, c) with n = {n}; got {members.shape}")
    return _within(members, t, rng) if kind == "within" else _across(members, t, rng)


def _within(members: np.ndarray, t: int, rng: np.random.Generator) -> np.ndarray:
    sizes = members.sum(axis=0).astype(np.float64)
    ways = sizes * (sizes - 1) * (sizes - 2)
    if not ways.max(initial=0) > 0:
        raise InputError("triplets within categories need a category of at least three items; there is none")
    out = np.empty((t, 3), np.int32)
    chosen = rng.choice(len(sizes), t, p=ways / ways.sum())
    for category in np.unique(chosen):
        items = np.flatnonzero(members[:, category])
        rows = np.flatnonzero(chosen == category)
        out[rows] = items[random_triplets(len(items), len(rows), rng)]
    return out


def _across(members: np.ndarray, t: int, rng: np.random.Generator) -> np.ndarray:
    """Draws of three items that belong somewhere, until there are t whose categories differ."""
    items = np.flatnonzero(members.any(axis=1))
    weights = members[items].astype(np.int32)
    parts: list[np.ndarray] = []
    found = tries = 0
    while found < t and len(items) >= 3:
        drawn = random_triplets(len(items), max(1024, 2 * (t - found)), rng)
        a, b, c = (weights[drawn[:, p]] for p in range(3))
        shared = ((a * b) + (a * c) + (b * c)).any(axis=1)
        parts.append(items[drawn[~shared]].astype(np.int32))
        found, tries = found + len(parts[-1]), tries + 1
        if found == 0 and tries == TRIES:
            break
    if found < t:
        raise InputError("triplets across categories need three items that share none; none were found")
    return np.concatenate(parts)[:t]


def simulate(
    x: object, n_triplets: int, *, measure: str = "cosine", temperature: float = 0.1, seed: int = 0,
    kind: str = "uniform", categories: np.ndarray | None = None,
) -> Simulation:  # fmt: skip
    """Answers of people who choose with ``p(pair) = softmax(s / temperature)``.

    Args:
        x: (n, d) real numbers, one row per item.
        n_triplets: how many to draw.
        measure: see `pyalign.similarity`.
        temperature: in the units of the similarities.
        seed: the same seed gives the same triplets.
        kind: which items stand together: ``"uniform"``, any three; ``"within"``, three of one category; ``"across"``,
            three that share none.
        categories: (n, c) booleans, what belongs to which category; for ``"within"`` and ``"across"``.

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
    rng = np.random.default_rng([seed, 1])
    triplets = category_triplets(len(np.asarray(x)), n_triplets, rng, kind, categories)
    p = choice_probabilities(x, triplets, measure=measure, temperature=temperature)
    best = variance = entropy = 0.0
    for start in range(0, n_triplets, CHUNK):
        part = slice(start, start + CHUNK)
        wide = p[part].astype(np.float64)
        top = wide.max(axis=1)
        best += float(top.sum())
        variance += float((top * (1.0 - top)).sum())
        entropy -= float((wide * np.log(np.maximum(wide, 1e-300))).sum())
        triplets[part] = _put_odd_last(triplets[part], _draw(wide, rng))
    expected, error = best / n_triplets, float(np.sqrt(variance)) / n_triplets
    return Simulation(triplets, expected, error, entropy / n_triplets, measure, temperature, seed)


def _draw(p: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A position of each row of p (c, 3), with those probabilities."""
    u = rng.random(len(p)) * p.sum(axis=1)
    drawn: np.ndarray = (u >= p[:, 0]).astype(np.int64) + (u >= p[:, 0] + p[:, 1])
    return drawn


def _put_odd_last(triplets: np.ndarray, odd: np.ndarray) -> np.ndarray:
    order = np.array([[1, 2, 0], [0, 2, 1], [0, 1, 2]])[odd]
    ordered: np.ndarray = np.take_along_axis(triplets, order, axis=1)
    return ordered

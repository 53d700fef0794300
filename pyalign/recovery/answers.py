"""Answers drawn from models: which of a triplet's pairs somebody kept together who chooses as the model does."""

from __future__ import annotations

import numpy as np

from pyalign.data import ANCHORED
from pyalign.datasets.simulate import put_odd_last
from pyalign.stats.divergences import log_choice_probabilities

CHUNK = 1 << 18
SUBSET, ANSWER = 0, 1  # mark what is drawn from a seed


def cuts_of(similarities: np.ndarray, temperature: float, alternatives: int) -> np.ndarray:
    """(t, k - 1) float32: where the unit interval is cut so that its k parts are the probabilities of the pairs.

    Args:
        similarities: (t, 3) of the pairs 01, 02, 12.
        temperature: p = softmax(s / temperature) over the first k pairs.
        alternatives: k, 3 or 2.

    Example:
        >>> cuts_of(np.zeros((1, 3)), 1.0, 3).round(3)
        array([[0.333, 0.667]], dtype=float32)
    """
    cuts = np.empty((len(similarities), alternatives - 1), np.float32)
    for start in range(0, len(cuts), CHUNK):
        part = slice(start, start + CHUNK)
        p = np.exp(log_choice_probabilities(similarities[part, :alternatives], temperature))[:, ::-1]
        cuts[part] = np.cumsum(p, axis=1)[:, :-1]
    return cuts


def drawn_pairs(cuts: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """int8 (t,): the pair of each triplet, 0, 1 or 2 for 01, 02, 12, drawn with the probabilities of `cuts_of`.

    Example:
        >>> drawn_pairs(np.array([[0.0, 1.0], [1.0, 1.0]], np.float32), np.random.default_rng(0))
        array([1, 0], dtype=int8)
    """
    u = rng.random(len(cuts), np.float32)
    pairs = (u >= cuts[:, 0]).astype(np.int8)
    for cut in cuts.T[1:]:
        pairs += u >= cut
    return pairs


def answered(triplets: np.ndarray, pairs: np.ndarray, task: str) -> np.ndarray:
    """Triplets (t, 3) in the order that says so: the chosen pair is 01, of positions that were numbered before.

    Example:
        >>> answered(np.array([[4, 5, 6], [4, 5, 6]]), np.array([0, 1]), "odd-one-out").tolist()
        [[4, 5, 6], [4, 6, 5]]
    """
    if task == ANCHORED:
        swapped: np.ndarray = np.where(pairs[:, None] == 1, triplets[:, [0, 2, 1]], triplets)
        return swapped
    return put_odd_last(triplets, 2 - pairs)


def generator(seed: int, *key: int) -> np.random.Generator:
    """Random numbers of their own for each key: the same whatever else is drawn, and by however many threads."""
    return np.random.Generator(np.random.Philox([seed, *key]))

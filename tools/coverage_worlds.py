"""The world of tools/coverage_probabilities.py: objects, people who choose by a softmax, and their answers.

Objects have seven features, of which models see four; people choose by a softmax of inner products of all, some more
attentively than others, and may lapse. Two credits of a model share about as much of their variance by an object, or by
a person, as those of CLIP do in THINGS (`python tools/coverage_probabilities.py --effects`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from zlib import crc32

import numpy as np

from pyalign.documents import Interval

PACKAGE = "pyalign"
SEEN, UNSEEN = 4, 3  # features
TEMPERATURE = 2.2
ATTENTION = 0.28  # standard deviation of its logarithm among people
LAST = np.array([[1, 2, 0], [0, 2, 1], [0, 1, 2]])
GUESSES = np.array([1.0, 2.0]) / 3.0  # where the shares of guesses that fall to each of three items end
TRUTH = 60_000  # triplets of objects that occur once
Measured = Iterator[tuple[str, str, Interval | None, float, float]]  # quantity, way, interval, estimate, truth


@dataclass(frozen=True)
class Cell:
    """A row: of which table, its name, what it draws, and the share of the draws."""

    kind: str
    name: str
    draw: Callable[[np.random.Generator], Measured]
    share: float = 1.0

    @property
    def number(self) -> int:
        """For its generators."""
        return crc32(self.name.encode())


def drawn(
    triplets: np.ndarray, rng: np.random.Generator, answers: int = 1, who: np.ndarray | None = None, lapses: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Rows of new objects as a model sees them, and odd positions (t, answers).

    who: (t, answers) people, or None. lapses: the share of answers that are guesses, by half of the people if there are
    any.
    """
    x = rng.normal(size=(int(triplets.max()) + 1, SEEN + UNSEEN))
    attention = 1.0 if who is None else np.exp(ATTENTION * rng.normal(size=int(who.max()) + 1))[who][:, :, None]
    edges = np.cumsum(chances(x, triplets, attention), axis=2)[:, :, :2]
    guessed = lapses if who is None or not lapses else 2.0 * lapses * (who % 2)[:, :, None]
    edges = (1.0 - guessed) * edges + guessed * GUESSES
    odd = (rng.random((len(triplets), answers, 1)) > edges).sum(axis=2)
    return np.ascontiguousarray(x[:, :SEEN]), odd


def chances(x: np.ndarray, triplets: np.ndarray, attention: np.ndarray | float = 1.0) -> np.ndarray:
    """(t, answers, 3) the probability that each item is called odd, of people with this attention (t, answers, 1)."""
    first, second = x[triplets[:, [1, 0, 0]]], x[triplets[:, [2, 2, 1]]]  # of the pair without item 0, 1, 2
    utility = np.einsum("tof,tof->to", first, second)[:, None, :] / TEMPERATURE * attention
    p = np.exp(utility - utility.max(axis=2, keepdims=True))
    shares: np.ndarray = p / p.sum(axis=2, keepdims=True)
    return shares


def counted(odd: np.ndarray) -> np.ndarray:
    """(t, 3) from the odd positions (t, answers)."""
    return (odd[:, :, None] == np.arange(3)).sum(axis=1)


def rows(triplets: np.ndarray, odd: np.ndarray) -> np.ndarray:
    """Answers (t * answers, 3) with the odd item last, triplet by triplet."""
    return np.take_along_axis(np.repeat(triplets, odd.shape[1], axis=0), LAST[odd.ravel()], axis=1)


def apart(t: int = TRUTH) -> np.ndarray:
    """Triplets of objects that occur once."""
    return np.arange(3 * t).reshape(-1, 3)


def people_apart(t: int, answers: int) -> np.ndarray:
    """(t, answers) people who answer once each."""
    return np.arange(t * answers).reshape(t, answers)

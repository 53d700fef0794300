"""Cases in which a model has a few objects wholly wrong.

A model is as people are but for a share of the objects, of which it saw wrong pictures: in many studies there is none,
or only one. People guess in a share of their answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from zlib import crc32

import numpy as np

import pyalign
from pyalign.datasets.simulate import random_triplets

from . import FEATURES, LAST, Case, Found

TRUTH = 400_000  # triplets of objects that occur once
ASKED = (0.92, 1.0)
ACCURACY, OF_TWO = "accuracy", "kappa"


@dataclass(frozen=True)
class World:
    """How many objects and triplets there are, the share of wrong objects, and that of guesses."""

    n: int
    t: int
    wrong: float
    lapses: float = 0.0

    @property
    def name(self) -> str:
        guesses = f", {self.lapses:.0%} lapses" if self.lapses else ""
        return f"{self.n} objects, {self.t:,} triplets, {self.wrong:.0%} wrong{guesses}"

    def drawn(self, triplets: np.ndarray, rng: np.random.Generator, models: int) -> tuple[list[np.ndarray], np.ndarray]:
        """Rows (n, 12) of new objects as each model has them, and triplets (t, 3) with the odd one last."""
        x = rng.normal(size=(int(triplets.max()) + 1, FEATURES)).astype(np.float32)
        units = x / np.linalg.norm(x, axis=1, keepdims=True)
        a, b, c = (units[column] for column in triplets.T)
        odd = np.stack([(b * c).sum(axis=1), (a * c).sum(axis=1), (a * b).sum(axis=1)], axis=1).argmax(axis=1)
        odd = np.where(rng.random(len(odd)) < self.lapses, rng.integers(0, 3, len(odd)), odd)
        rows = []
        for _ in range(models):
            wrong = rng.random(len(x)) < self.wrong
            rows.append(np.where(wrong[:, None], rng.normal(size=x.shape).astype(np.float32), x))
        return rows, np.take_along_axis(triplets, LAST[odd], axis=1)


@cache
def truth(world: World, figure: str) -> float:
    """The accuracy of one model, or the kappa of two, over all objects."""
    rows, triplets = world.drawn(np.arange(3 * TRUTH).reshape(-1, 3), np.random.default_rng(1), 2)
    if figure == ACCURACY:
        return float(np.mean([pyalign.score(x, triplets, ci=None).accuracy for x in rows]))
    return float(kappa_of(rows, triplets, None).kappa)


def kappa_of(rows: list[np.ndarray], triplets: np.ndarray, ci: str | None) -> pyalign.ErrorPair:
    """What is known of two models' errors."""
    return pyalign.error_consistency({"a": rows[0], "b": rows[1]}, triplets, ci=ci).pairs[0]


WORLDS = (  # whose interval, of which world
    (ACCURACY, World(30, 300, 0.03)), (ACCURACY, World(100, 2_000, 0.01)), (ACCURACY, World(60, 2_000, 0.03, 0.15)),
    (OF_TWO, World(100, 2_000, 0.02, 0.15)),
)


def measured(figure: str, world: World) -> Callable[[np.random.Generator], Iterator[Found]]:
    def draw(rng: np.random.Generator) -> Iterator[Found]:
        rows, triplets = world.drawn(random_triplets(world.n, world.t, rng), rng, 2)
        if figure == ACCURACY:
            found = pyalign.score(rows[0], triplets, ci="objects")
            yield Found.of(figure, found.accuracy, found.ci)
        else:
            pair = kappa_of(rows, triplets, "objects")
            yield Found.of(figure, pair.kappa, pair.ci)

    return draw


def cases() -> Iterator[Case]:
    for figure, world in WORLDS:
        yield Case(
            "wrong objects", f"{figure}, {world.name}", "objects", f"{world.n} objects, {world.t:,} triplets",
            measured(figure, world), lambda rng, figure=figure, world=world: {figure: truth(world, figure)},
            {figure: ASKED}, number=crc32(f"{figure} {world.name}".encode()),
        )


CASES = list(cases())

"""How often the intervals of `pyalign.score` hold the true value, by simulation.

    python tools/coverage.py [--draws 400] [--resamples 400] [--seed 0]

A population has 40,000 objects, with features, of which people see all and the model has most. Its true accuracy and
cross-entropy are those of 2 million triplets. Then, again and again: objects are drawn anew, or triplets of the same
objects, or people, who differ in how often they guess; answers follow choice probabilities; the model is scored, and
the interval either holds the true value or does not.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable

import numpy as np

import pyalign
from pyalign.datasets.simulate import random_triplets

POPULATION, FEATURES, SEEN = 40_000, 12, 8  # the model has the first 8 of 12
TRUTH = 2_000_000
TEMPERATURE = 0.35
LAST = np.array([[1, 2, 0], [0, 2, 1], [0, 1, 2]])


class World:
    """Objects, and people who choose between them."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng([seed, 0])
        kind = rng.integers(0, 12, POPULATION)
        centres = rng.normal(size=(12, FEATURES))
        self.objects = (centres[kind] + 0.8 * rng.normal(size=(POPULATION, FEATURES))).astype(np.float32)

    def answered(self, items: np.ndarray, t: int, rng: np.random.Generator, lapses: np.ndarray | float) -> np.ndarray:
        """(t, 3) triplets of rows of `items`, the odd one last. lapses: how often people guess."""
        triplets = random_triplets(len(items), t, rng)
        p = pyalign.choice_probabilities(self.objects[items], triplets, temperature=TEMPERATURE).astype(np.float64)
        p = (1 - np.reshape(lapses, (-1, 1))) * p + np.reshape(lapses, (-1, 1)) / 3
        odd = (rng.random(t)[:, None] > np.cumsum(p, axis=1)[:, :2]).sum(axis=1)
        return np.take_along_axis(triplets, LAST[odd], axis=1)


Drawn = tuple[np.ndarray, np.ndarray, np.ndarray | None]
GUESS = 0.2
PEOPLES_OBJECTS = 300


def other_objects(world: World, rng: np.random.Generator, n: int, t: int) -> Drawn:
    items = rng.choice(POPULATION, n, replace=False)
    return world.objects[items, :SEEN], world.answered(items, t, rng, GUESS), None


def other_triplets(world: World, rng: np.random.Generator, n: int, t: int) -> Drawn:
    items = np.arange(n)  # always the same
    return world.objects[items, :SEEN], world.answered(items, t, rng, GUESS), None


def other_people(world: World, rng: np.random.Generator, people: int, each: int) -> Drawn:
    items = np.arange(PEOPLES_OBJECTS)
    lapses = rng.beta(0.4, 1.6, people)  # mean 0.2: some hardly look
    subjects = np.repeat(np.arange(people), each)
    return world.objects[items, :SEEN], world.answered(items, people * each, rng, lapses[subjects]), subjects


# What is drawn anew, what the interval is over, its method, sizes, coverage that is asked for.
CASES: list[tuple[Callable[..., Drawn], str, str, tuple[int, int], tuple[float, float]]] = [
    (other_objects, "objects", "bootstrap", (60, 1_500), (0.93, 1.0)),
    (other_objects, "objects", "bootstrap", (120, 20_000), (0.93, 1.0)),
    (other_objects, "objects", "bootstrap", (400, 20_000), (0.93, 1.0)),
    (other_objects, "objects", "analytic", (30, 4_000), (0.0, 0.93)),  # too few objects for the formula
    (other_objects, "objects", "analytic", (120, 20_000), (0.93, 0.97)),
    (other_objects, "objects", "analytic", (400, 20_000), (0.93, 0.97)),
    (other_objects, "triplets", "bootstrap", (120, 20_000), (0.0, 0.93)),
    (other_triplets, "triplets", "bootstrap", (300, 3_000), (0.93, 0.97)),
    (other_triplets, "triplets", "analytic", (300, 3_000), (0.93, 0.97)),
    (other_people, "subjects", "bootstrap", (60, 50), (0.93, 0.97)),
    (other_people, "subjects", "analytic", (60, 50), (0.93, 0.97)),
]


def truth(world: World, draw: Callable[..., Drawn], sizes: tuple[int, int], seed: int) -> tuple[float, float]:
    """Accuracy and cross-entropy of the population: all objects, or all answers to these."""
    rng = np.random.default_rng([seed, 1])
    sizes_of = {other_objects: POPULATION, other_triplets: sizes[0]}
    items = np.arange(sizes_of.get(draw, PEOPLES_OBJECTS))
    answered = world.answered(items, TRUTH, rng, GUESS)  # the mean lapse is all that matters to a mean
    found = pyalign.score(world.objects[items, :SEEN], answered)
    return found.accuracy, found.cross_entropy


def coverage(world: World, case: int, draws: int, resamples: int, seed: int) -> tuple[float, float, float]:
    """How often the intervals of accuracy and cross-entropy hold the truth, and the mean width of the former."""
    draw, by, method, sizes, _ = CASES[case]
    accuracy, cross_entropy = truth(world, draw, sizes, seed)
    held, widths = np.zeros(2), 0.0
    for k in range(draws):
        x, triplets, subjects = draw(world, np.random.default_rng([seed, 2, case, k]), *sizes)
        found = pyalign.score(
            x, triplets, ci=pyalign.Resampling(by, method=method, resamples=resamples, seed=k), subjects=subjects
        )
        for number, (interval, value) in enumerate(((found.ci, accuracy), (found.cross_entropy_ci, cross_entropy))):
            held[number] += interval[0] <= value <= interval[1]
        widths += found.ci[1] - found.ci[0]
    return held[0] / draws, held[1] / draws, widths / draws


def main() -> int:
    """Prints a row for each case; 0 when all lie where they should, as far as so few draws can tell."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=400)
    parser.add_argument("--resamples", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    world, failed = World(args.seed), 0
    print("| drawn anew | interval | method | sizes | accuracy held | cross-entropy held | width | asked for |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for case, (draw, by, method, sizes, (least, most)) in enumerate(CASES):
        *held, width = coverage(world, case, args.draws, args.resamples, args.seed)
        noise = 2 * math.sqrt(0.95 * 0.05 / args.draws)
        right = all(least - noise <= share <= most + noise for share in held)
        failed += not right
        unit = "people, answers each" if draw is other_people else "objects, triplets"
        asked = f"{100 * least:.0f} to {100 * most:.0f} %" + ("" if right else ": MISSED")
        print(
            f"| {draw.__name__.replace('other_', '')} | {by} | {method} | {sizes[0]:,} {unit.split(', ')[0]}, "
            f"{sizes[1]:,} {unit.split(', ')[1]} | {100 * held[0]:.1f} % | {100 * held[1]:.1f} % "
            f"| {100 * width:.2f} % | {asked} |",
            flush=True,
        )
    return failed > 0


if __name__ == "__main__":
    raise SystemExit(main())

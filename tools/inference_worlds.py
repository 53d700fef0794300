"""Worlds for tools/inference.py: who answers which triplets, and how often models are right, with known effects.

A model is right about a triplet where a normal variable is above 0. That variable is the sum of effects of the three
objects (some shared by all models, some of each model), of the person who answered, of the triplet, and of noise; its
variance is 1. So the accuracy over all objects, people and triplets is a known number, and models with equal accuracies
differ by exactly 0.

The effects have the size that they have in THINGS: `python tools/inference.py --effects` prints them from the real
answers, as the share of the variance of a credit, or of the difference of two, that two triplets with one common object
(or person) have in common. Within concepts, where triplets are about similar pairs, they are larger.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import NormalDist
from zlib import crc32

import numpy as np

from pyalign.concept.assign import assigned
from pyalign.datasets.simulate import random_triplets

THINGS = Path(__file__).resolve().parents[2] / "shared" / "data" / "things"
CONCEPTS = 49

Design = Callable[[np.random.Generator], tuple[np.ndarray, np.ndarray | None]]  # triplets (t, 3), people (t,)


@dataclass(frozen=True)
class Effects:
    """Shares of the variance of the normal variable that decides whether a model is right.

    Attributes:
        common: of each object, the same in all models.
        own: of each object, in each model by itself: what differences of models share.
        person: of the person who answered.
        triplet: of the triplet, the same in all models.
    """

    common: float
    own: float
    person: float = 0.0
    triplet: float = 0.237


NONE = Effects(0.0, 0.0)
OF_THINGS = Effects(0.0044, 0.0069)  # two credits share .007 of their variance, two differences .005
THIRD = Effects(0.0044, 0.0079)  # two differences share .006: a third of those within concepts
UNEQUAL = 0.56, 0.54, 0.52, 0.5, 0.48, 0.46  # accuracies of models of which the best is chosen
WITHIN_CONCEPTS = Effects(0.0046, 0.0237)  # .018 of either


@dataclass(frozen=True)
class World:
    """What is drawn anew.

    Attributes:
        design: of a generator, the triplets and who answered them.
        effects: of objects, people and triplets.
        truths: the accuracy of each model.
        over: what intervals are over.
    """

    design: Design
    effects: Effects
    truths: tuple[float, ...]
    over: str = "objects"

    def credits(self, triplets: np.ndarray, people: np.ndarray | None, rng: np.random.Generator) -> np.ndarray:
        """int8 (models, t): 1 where a model is right."""
        effects, n, count = self.effects, int(triplets.max()) + 1, len(self.truths)
        rest = 1.0 - 3.0 * (effects.common + effects.own) - effects.triplet
        shared = np.sqrt(effects.triplet) * rng.standard_normal(len(triplets))
        shared += np.sqrt(effects.common) * rng.standard_normal(n)[triplets].sum(axis=1)
        if people is not None:
            rest -= effects.person
            shared += np.sqrt(effects.person) * rng.standard_normal(int(people.max()) + 1)[people]
        own = np.sqrt(effects.own) * rng.standard_normal((count, n))
        found = np.empty((count, len(triplets)), np.int8)
        for k, truth in enumerate(self.truths):
            of_model = own[k][triplets].sum(axis=1) + np.sqrt(rest) * rng.standard_normal(len(triplets))
            found[k] = shared + of_model > NormalDist().inv_cdf(1.0 - truth)
        return found


@dataclass(frozen=True)
class Cell:
    """A row of the table.

    Attributes:
        kind: of the table that it stands in.
        name: of the row.
        worlds: one, or one for each concept; none of all concepts at once, which tools/inference_concepts.py draws.
        margin: within which models are tested for equivalence; None: they are not.
        things: folder of the answers of THINGS.
    """

    kind: str
    name: str
    worlds: tuple[World, ...]
    margin: float | None = None
    things: Path = THINGS

    @property
    def number(self) -> int:
        """For its generators."""
        return crc32(self.name.encode())


def balanced(n: int, t: int) -> Design:
    """Random triplets."""
    return lambda rng: (random_triplets(n, t, rng), None)


def by_rank(n: int, t: int, power: float = 1.0) -> Design:
    """Object number r is drawn with a probability proportional to 1 / r, or to a power of it."""
    weights = 1.0 / np.arange(1, n + 1) ** power
    largest = np.log(weights)

    def draw(rng: np.random.Generator) -> tuple[np.ndarray, None]:
        keys = largest + rng.gumbel(size=(t, n))  # the three largest are a draw without replacement
        return np.argpartition(keys, n - 3, axis=1)[:, n - 3 :], None

    return draw


def answered_by(n: int, t: int, people: int, half: bool) -> Design:
    """Random triplets, answered by so many people as often as each other; or half of them by the first."""

    def draw(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        who = np.arange(t) % people
        if half:
            who = np.where(np.arange(t) < t // 2, 0, 1 + np.arange(t) % (people - 1))
        return random_triplets(n, t, rng), who

    return draw


@cache
def concept_designs(things: Path) -> tuple[np.ndarray, ...]:
    """The triplets of THINGS about each of the 49 dimensions of SPoSE, objects numbered from 0."""
    triplets = np.load(things / "human_triplets_127304.npy")[:, :3].astype(np.int64)
    dimensions = np.loadtxt(things / f"spose_embedding_{CONCEPTS}d_sorted.txt")
    codes = assigned(triplets, dimensions, "sum", 1, "auto").codes[:, 0]
    parts = [triplets[codes == k] for k in range(CONCEPTS)]
    return tuple(np.unique(one, return_inverse=True)[1].reshape(-1, 3) for one in parts)


def of_concept(things: Path, k: int) -> Design:
    """The same triplets in each draw; objects are others in each."""
    return lambda rng: (concept_designs(things)[k], None)


def cells(things: Path = THINGS) -> Iterator[Cell]:
    """All of them; those of concepts need the answers of THINGS."""
    for count, n, t in ((10, 30, 1_000), (10, 60, 2_000), (20, 100, 3_000), (10, 200, 6_000)):
        name = f"{count} equal models, {n} objects, {t:,} triplets"
        yield Cell("compare", name, (World(balanced(n, t), OF_THINGS, (0.5,) * count),))
    for n, t in ((30, 1_000), (60, 2_000), (200, 6_000)):
        for effects, told in ((OF_THINGS, ""), (NONE, ", no effects of objects")):
            name = f"2 equal models, {n} objects, {t:,} triplets{told}"
            yield Cell("compare", name, (World(balanced(n, t), effects, (0.5, 0.5)),))
    for n, t, better in ((60, 2_000, 0.57), (200, 6_000, 0.535)):
        name = f"2 models, {better} and 0.5, {n} objects, {t:,} triplets"
        yield Cell("power", name, (World(balanced(n, t), OF_THINGS, (better, 0.5)),))
    name = "10 models, one 0.59 and nine 0.5, 60 objects, 2,000 triplets"
    yield Cell("power", name, (World(balanced(60, 2_000), OF_THINGS, (0.59,) + (0.5,) * 9),))
    for n, t in ((30, 1_000), (60, 2_000), (100, 3_000), (200, 6_000)):
        yield Cell("score", f"{n} objects, {t:,} triplets", (World(balanced(n, t), OF_THINGS, (0.5,)),))
    for n, t in ((100, 1_000), (60, 2_000)):
        name = f"{n} objects by 1/rank, {t:,} triplets"
        yield Cell("score", name, (World(by_rank(n, t), OF_THINGS, (0.5,)),))
    people = Effects(0.0044, 0.0069, 0.0069)  # answers of one person share .0044 of their variance
    for half, told in ((False, "30 people"), (True, "30 people, one gives half of the answers")):
        world = World(answered_by(100, 3_000, 30, half), people, (0.5,), "objects+subjects")
        yield Cell("score", f"100 objects, 3,000 triplets, {told}", (world,))
    unlike = World(answered_by(100, 3_000, 8, False), Effects(0.0044, 0.0069, 0.03), (0.5,), "objects+subjects")
    yield Cell("score", "100 objects, 3,000 triplets, 8 unlike people", (unlike,))
    for truth, n, t in ((0.95, 30, 60), (0.9655, 30, 60), (0.98, 30, 40)):
        yield Cell("score", f"truth {truth}, {n} objects, {t} triplets", (World(balanced(n, t), OF_THINGS, (truth,)),))
    for count, n, t in ((10, 30, 1_000), (10, 60, 2_000), (20, 100, 3_000)):
        name = f"{count} equal models against the first, {n} objects, {t:,} triplets"
        yield Cell("baseline", name, (World(balanced(n, t), OF_THINGS, (0.5,) * count),))
    for better in (0.55, 0.5):
        name = f"2 models, {better} and 0.5, 200 objects, 6,000 triplets, margin 0.05"
        yield Cell("equivalence", name, (World(balanced(200, 6_000), OF_THINGS, (better, 0.5)),), 0.05)
    for truths, told in (((0.5,) * 10, "10 equal models"), (UNEQUAL, "6 models, 0.56 to 0.46")):
        for n, t in ((60, 2_000), (100, 3_000)):
            name = f"the best of {told}, {n} objects, {t:,} triplets"
            yield Cell("best", name, (World(balanced(n, t), OF_THINGS, truths),))
    yield from few()
    yield Cell("all concepts", f"all {CONCEPTS} concepts of THINGS at once", (), things=things)
    for effects, told in ((WITHIN_CONCEPTS, ".018"), (THIRD, ".006")):
        several = tuple(World(of_concept(things, k), effects, (0.5, 0.5)) for k in range(CONCEPTS))
        yield Cell("concepts", f"{CONCEPTS} concepts of THINGS, effects {told}", several)


def few() -> Iterator[Cell]:
    """Worlds about the minima of effective numbers."""
    for n, t in ((7, 300), (8, 300), (12, 500)):
        for effects, told in ((OF_THINGS, ""), (WITHIN_CONCEPTS, ", effects .018")):
            yield Cell("few", f"{n} objects, {t} triplets{told}", (World(balanced(n, t), effects, (0.5, 0.5)),))
    for n, t in ((30, 1_000), (100, 3_000)):
        world = World(by_rank(n, t, 1.5), OF_THINGS, (0.5, 0.5))
        yield Cell("few", f"{n} objects by 1/rank^1.5, {t:,} triplets", (world,))
    for person, told in ((0.0069, ""), (0.03, ", unlike")):
        for count in (2, 3, 4, 5):
            effects = Effects(0.0044, 0.0069, person)
            world = World(answered_by(100, 3_000, count, False), effects, (0.5,), "objects+subjects")
            yield Cell("few", f"{count} people{told}, 100 objects, 3,000 triplets", (world,))

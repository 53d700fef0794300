"""Worlds of known truth: objects, people, their answers and matrices, and models that are right with known effects.

*Features*: objects of twelve kinds have twelve features, of which people see all and a model some. Shifted by two the
features are as they were, so that models can be equally good. People choose by a softmax of cosines and guess.

*Softmax*: objects have seven features, of which models see four; people choose by a softmax of inner products of all,
some more attentively, and may lapse. Effects are as large as in THINGS, as they are in the next one.

*Effects*: a model is right about a triplet where a normal variable is above 0, the sum of effects of the three objects
(some shared by all models, some of each model), of the person, of the triplet, and of noise; its variance is 1. So
accuracies over all objects, people and triplets are known, and equally good models differ by exactly 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import combinations
from pathlib import Path
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np

from pyalign.concept.dimensions import assigned
from pyalign.datasets.simulate import random_triplets

from .harness import Rng

LAST = np.array([[1, 2, 0], [0, 2, 1], [0, 1, 2]])  # the items of a triplet with the odd one last

# Features
FEATURES, KINDS, SEEN = 12, 12, tuple(range(8))
TEMPERATURE, GUESS = 0.35, 0.2  # of people, and how often they guess
TRUTH, AT_ONCE = 4_000_000, 500_000  # triplets of objects that occur once
STAYS = 11  # the seed of what stays the same
UNLIKE = 1.2  # how much people differ in what features matter to them, where they are unlike each other
UNSHIFTED = np.random.default_rng(7).normal(size=(KINDS // 6, FEATURES))
CENTERS = np.concatenate([np.roll(UNSHIFTED, 2 * k, axis=1) for k in range(6)])


def objects(n: int, rng: Rng) -> np.ndarray:
    """(n, 12) float32."""
    return (CENTERS[rng.integers(0, KINDS, n)] + 0.8 * rng.normal(size=(n, FEATURES))).astype(np.float32)


class People(NamedTuple):
    """How often each answers by a guess, and how much the features matter to each."""

    lapses: np.ndarray
    weights: np.ndarray

    @classmethod
    def draw(cls, count: int, rng: Rng, differ: float = 0.6) -> People:
        return cls(rng.beta(0.4, 1.6, count), weights(count, rng, differ))


def weights(people: int, rng: Rng, differ: float = 0.6) -> np.ndarray:
    """(people, 12)."""
    return np.exp(differ * rng.normal(size=(people, FEATURES)))


def chances(x: np.ndarray, triplets: np.ndarray, people: People | None = None, who: Any = 0) -> np.ndarray:
    """(t, 3) that one of the people, or somebody who guesses one time in five, calls each item odd."""
    own = 1.0 if people is None else people.weights[who]
    lapses = GUESS if people is None else np.reshape(people.lapses[who], (-1, 1))
    items = [x[column] * own for column in triplets.T]
    norms = [np.sqrt((z * z).sum(axis=1)) for z in items]
    s = [(items[i] * items[j]).sum(axis=1) / (norms[i] * norms[j]) for i, j in ((1, 2), (0, 2), (0, 1))]
    z = np.exp(np.stack(s, axis=1).astype(np.float64) / TEMPERATURE)  # the pair without item 0, 1, 2
    return (1 - lapses) * z / z.sum(axis=1, keepdims=True) + lapses / 3


def answered(x: np.ndarray, triplets: np.ndarray, rng: Rng, people: People | None = None, who: Any = 0) -> np.ndarray:
    """(t, 3) the odd item last, as they say."""
    p = chances(x, triplets, people, who)
    odd = (rng.random(len(p))[:, None] > np.cumsum(p, axis=1)[:, :2]).sum(axis=1)
    return np.take_along_axis(triplets, LAST[odd], axis=1)


def model(x: np.ndarray, seen: tuple[int, ...] = SEEN) -> np.ndarray:
    """What a model knows of the objects: some features."""
    return np.ascontiguousarray(x[:, seen])


def shifted(k: int) -> tuple[int, ...]:
    """What a model sees that is as good as the first: the features of the world may be shifted by two."""
    return tuple((feature + 2 * k) % FEATURES for feature in SEEN)


def fresh(rng: Rng, people: bool) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Objects and answered triplets in which every object, and every person, occurs once."""
    for _ in range(TRUTH // AT_ONCE):
        x, triplets = objects(3 * AT_ONCE, rng), apart(AT_ONCE)
        yield x, answered(x, triplets, rng, People.draw(AT_ONCE, rng) if people else None, np.arange(AT_ONCE))


def drawn_triplets(n: int, t: int, rng: Rng, each: int = 1) -> np.ndarray:
    """(t, 3) random triplets, each of them `each` times; t = 0: all that there are."""
    if t == 0:
        return np.array([*combinations(range(n), 3)])
    return np.repeat(random_triplets(n, t // each, rng), each, axis=0)


def judged(x: np.ndarray, people: np.ndarray, noise: float, rng: Rng) -> np.ndarray:
    """(people, pairs): 1 - the correlation of what each sees, and noise of each person and pair."""
    i, j = np.triu_indices(len(x), 1)
    seen = np.stack([1.0 - np.corrcoef(x * own)[i, j] for own in people])
    return seen + noise * rng.normal(size=seen.shape)


# Softmax
OF_MODEL, UNSEEN = 4, 3  # features
SOFTNESS = 2.2  # the temperature of people
ATTENTION = 0.28  # standard deviation of its logarithm among people
GUESSES = np.array([1.0, 2.0]) / 3.0  # where the shares of guesses that fall to each of three items end
APART = 60_000  # triplets of objects that occur once


def drawn(triplets: np.ndarray, rng: Rng, answers: int = 1, who: np.ndarray | None = None, lapses: float = 0.0
          ) -> tuple[np.ndarray, np.ndarray]:
    """Rows of new objects as a model sees them, and odd positions (t, answers), by people (t, answers) or None.

    lapses: the share of answers that are guesses, by half of the people if there are any.
    """
    x = rng.normal(size=(int(triplets.max()) + 1, OF_MODEL + UNSEEN))
    attention = 1.0 if who is None else np.exp(ATTENTION * rng.normal(size=int(who.max()) + 1))[who][:, :, None]
    edges = np.cumsum(shares(x, triplets, attention), axis=2)[:, :, :2]
    guessed = lapses if who is None or not lapses else 2.0 * lapses * (who % 2)[:, :, None]
    edges = (1.0 - guessed) * edges + guessed * GUESSES
    odd = (rng.random((len(triplets), answers, 1)) > edges).sum(axis=2)
    return np.ascontiguousarray(x[:, :OF_MODEL]), odd


def shares(x: np.ndarray, triplets: np.ndarray, attention: np.ndarray | float = 1.0) -> np.ndarray:
    """(t, answers, 3) the probability that each item is called odd, of people with this attention (t, answers, 1)."""
    first, second = x[triplets[:, [1, 0, 0]]], x[triplets[:, [2, 2, 1]]]  # of the pair without item 0, 1, 2
    utility = np.einsum("tof,tof->to", first, second)[:, None, :] / SOFTNESS * attention
    p = np.exp(utility - utility.max(axis=2, keepdims=True))
    return p / p.sum(axis=2, keepdims=True)


def counted(odd: np.ndarray) -> np.ndarray:
    """(t, 3) from the odd positions (t, answers)."""
    return (odd[:, :, None] == np.arange(3)).sum(axis=1)


def rows(triplets: np.ndarray, odd: np.ndarray) -> np.ndarray:
    """Answers (t * answers, 3) with the odd item last, triplet by triplet."""
    return np.take_along_axis(np.repeat(triplets, odd.shape[1], axis=0), LAST[odd.ravel()], axis=1)


def apart(t: int = APART) -> np.ndarray:
    """Triplets of objects that occur once."""
    return np.arange(3 * t).reshape(-1, 3)


def endless(seed: int, answers: int, people: bool, t: int = APART, lapses: float = 0.0) -> tuple[Any, Any]:
    """`drawn` about objects, and by people if there are any, that occur once."""
    who = np.arange(t * answers).reshape(t, answers) if people else None
    return drawn(apart(t), np.random.default_rng(seed), answers, who, lapses)


# Effects
THINGS = Path(__file__).resolve().parents[3] / "shared" / "data" / "things"
CONCEPTS = 49
COMMON, OWN = 0.0113, 0.017  # of a model on all concepts at once: by each object, and by it in each concept
Design = Callable[[Rng], tuple[np.ndarray, np.ndarray | None]]  # triplets (t, 3), people (t,)


@dataclass(frozen=True)
class Effects:
    """Shares of the variance of the normal variable that decides whether a model is right."""

    common: float  # of each object, the same in all models
    own: float  # of each object, in each model by itself: what differences of models share
    person: float = 0.0
    triplet: float = 0.237  # the same in all models
    of_each: float = 0.0  # of each person, in each model by itself
    each: tuple[float, ...] = ()  # in place of `own`, where models differ in it
    changed: int | None = None  # of how many objects models know something of their own; None: of all


OF_THINGS = Effects(0.0044, 0.0069)  # two credits share .007 of their variance, two differences .005


@dataclass(frozen=True)
class World:
    """What is drawn anew."""

    design: Design
    effects: Effects
    truths: tuple[float, ...]  # the accuracy of each model
    over: str = "objects"

    def credits(self, triplets: np.ndarray, people: np.ndarray | None, rng: Rng) -> np.ndarray:
        """int8 (models, t): 1 where a model is right."""
        effects, n, count = self.effects, int(triplets.max()) + 1, len(self.truths)
        shared = np.sqrt(effects.triplet) * rng.standard_normal(len(triplets))
        shared += np.sqrt(effects.common) * rng.standard_normal(n)[triplets].sum(axis=1)
        if people is not None:
            shared += np.sqrt(effects.person) * rng.standard_normal(int(people.max()) + 1)[people]
        parts, by_people = effects.each or (effects.own,) * count, people is not None
        of_people = (effects.person + effects.of_each) * by_people
        own = np.sqrt(parts)[:, None] * rng.standard_normal((count, n))

        def by_itself(own: np.ndarray, share: float) -> np.ndarray:
            rest = 1.0 - 3.0 * (effects.common + share) - effects.triplet - of_people
            found = own[triplets].sum(axis=1) + np.sqrt(rest) * rng.standard_normal(len(triplets))
            if by_people and effects.of_each:
                found += np.sqrt(effects.of_each) * rng.standard_normal(int(people.max()) + 1)[people]
            return found

        found, few = np.empty((count, len(triplets)), np.int8), effects.changed is not None
        alike = by_itself(np.sqrt(effects.own) * rng.standard_normal(n), effects.own) if few else 0.0
        for k, truth in enumerate(self.truths):
            z = by_itself(own[k], parts[k])
            if few:
                differs = np.isin(triplets, rng.choice(n, effects.changed, replace=False)).any(axis=1)
                z = np.where(differs, z, alike)
            found[k] = shared + z > NormalDist().inv_cdf(1.0 - truth)
        return found


def balanced(n: int, t: int) -> Design:
    """Random triplets."""
    return lambda rng: (random_triplets(n, t, rng), None)


def by_rank(n: int, t: int, power: float = 1.0) -> Design:
    """Object number r is drawn with a probability proportional to 1 / r, or to a power of it."""
    keys = np.log(1.0 / np.arange(1, n + 1) ** power)  # with noise, the three largest are a draw without replacement
    return lambda rng: (np.argpartition(keys + rng.gumbel(size=(t, n)), n - 3, axis=1)[:, n - 3 :], None)


def answered_by(n: int, t: int, people: int, half: bool) -> Design:
    """Random triplets, answered by so many people as often as each other; or half of them by the first."""
    who = np.where(np.arange(t) < t // 2, 0, 1 + np.arange(t) % (people - 1)) if half else np.arange(t) % people
    return lambda rng: (random_triplets(n, t, rng), who)


@cache
def world_of(n: int, t: int, models: int = 2, truths: tuple[float, ...] = (), people: int = 0, half: bool = False,
             power: float = 0.0, **effects: Any) -> World:
    """A world by the numbers that cases give, of equal models if no `truths` are given; `effects` like in THINGS."""
    design = answered_by(n, t, people, half) if people else by_rank(n, t, power) if power else balanced(n, t)
    over = "objects+subjects" if people else "objects"
    return World(design, replace(OF_THINGS, **effects), truths or (0.5,) * models, over)


@cache
def things(folder: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The triplets of THINGS, the 49 dimensions of SPoSE, and which of them each triplet is about."""
    triplets = np.load(folder / "human_triplets_127304.npy")[:, :3].astype(np.int64)
    dimensions = np.loadtxt(folder / f"spose_embedding_{CONCEPTS}d_sorted.txt")
    return triplets, dimensions, assigned(triplets, dimensions).codes[:, 0]


def right_about_concepts(triplets: np.ndarray, codes: np.ndarray, rng: Rng) -> np.ndarray:
    """(t,) whether a model is right, half of the time in each concept: .010 shared by an object, .018 within one."""
    n = int(triplets.max()) + 1
    effects = np.sqrt(COMMON) * rng.standard_normal((n, 1)) + np.sqrt(OWN) * rng.standard_normal((n, CONCEPTS))
    rest = np.sqrt(1.0 - 3.0 * (COMMON + OWN)) * rng.standard_normal(len(triplets))
    return effects[triplets, codes[:, None]].sum(axis=1) + rest > 0.0

"""The cases of tools/intervals.py about triplets: a world of objects and people, and what pyalign is asked about it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any
from zlib import crc32

import numpy as np

import pyalign
from pyalign.datasets.simulate import random_triplets

FEATURES = 12  # of which people see all; a model sees some
KINDS = 12
TEMPERATURE = 0.35
GUESS = 0.2  # how often people guess
TRUTH = 4_000_000  # triplets of objects that occur once
AT_ONCE = 500_000
LAST = np.array([[1, 2, 0], [0, 2, 1], [0, 1, 2]])
SEEN = tuple(range(8))
UNLIKE = 1.2  # how much people differ in what features matter to them, where they are unlike each other
NOMINAL, SIZE = (0.92, 0.97), (0.03, 0.07)
NOTHING: dict[str, tuple[float, float]] = {}
IDEAL = {"first two": (math.nan, math.nan)}  # the power of a test that knows the standard deviation, give or take 2 %


@dataclass(frozen=True)
class Found:
    """What one draw gave: an estimate with its standard error and interval, or whether a test rejected."""

    quantity: str
    estimate: float
    error: float
    low: float = math.nan
    high: float = math.nan
    rejected: bool = False

    @classmethod
    def of(cls, quantity: str, estimate: float, interval: Any) -> Found:
        """Of an interval of pyalign; without one the truth is not held."""
        if interval is None:
            return cls(quantity, estimate, math.nan)
        return cls(quantity, estimate, interval.error, *interval)


@dataclass(frozen=True)
class Case:
    """What is drawn, what is measured, and what is asked for.

    Attributes:
        kind: of the table that it stands in.
        name, over, sizes: what a row says.
        draw: of a generator, gives what was found.
        truth: the true values by quantity.
        asked: the range of rates by quantity.
        share: of the number of draws.
        rejects: whether a rate is of tests that reject.
        centred: whether the truth is the mean of all estimates, where no other is known.
        number: of the case, for its generator.
    """

    kind: str
    name: str
    over: str
    sizes: str
    draw: Callable[[np.random.Generator], Iterator[Found]]
    truth: Callable[[np.random.Generator], dict[str, float]] = lambda rng: {}
    asked: dict[str, tuple[float, float]] = field(default_factory=dict)
    share: float = 1.0
    rejects: bool = False
    centred: bool = False
    number: int = 0


# The world


def centres() -> np.ndarray:
    """Of the kinds of objects: the same when the features are shifted by two, so that shifted models are as good."""
    base = np.random.default_rng(7).normal(size=(KINDS // 6, FEATURES))
    return np.concatenate([np.roll(base, 2 * k, axis=1) for k in range(6)])


CENTRES = centres()


def objects(n: int, rng: np.random.Generator) -> np.ndarray:
    """(n, 12) float32."""
    kind = rng.integers(0, KINDS, n)
    return (CENTRES[kind] + 0.8 * rng.normal(size=(n, FEATURES))).astype(np.float32)


@dataclass(frozen=True)
class People:
    """How each of them answers: how often by a guess, and how much the features matter to them."""

    lapses: np.ndarray
    weights: np.ndarray

    @classmethod
    def draw(cls, count: int, rng: np.random.Generator, differ: float = 0.6) -> People:
        """Some hardly look, and each has own weights."""
        return cls(rng.beta(0.4, 1.6, count), np.exp(differ * rng.normal(size=(count, FEATURES))))


ATTENTIVE = People(np.zeros(1), np.ones((1, FEATURES)))  # who never guesses


def chances(x: np.ndarray, triplets: np.ndarray, people: People | None = None, who: Any = 0) -> np.ndarray:
    """(t, 3) that one of the people, or somebody who guesses one time in five, calls each item odd."""
    weights = 1.0 if people is None else people.weights[who]
    lapses = GUESS if people is None else np.reshape(people.lapses[who], (-1, 1))
    a, b, c = (x[column] * weights for column in triplets.T)
    norms = [np.sqrt((z * z).sum(axis=1)) for z in (a, b, c)]
    s = [(p * q).sum(axis=1) / (norms[i] * norms[j]) for p, q, i, j in ((b, c, 1, 2), (a, c, 0, 2), (a, b, 0, 1))]
    z = np.exp(np.stack(s, axis=1).astype(np.float64) / TEMPERATURE)  # the pair without item 0, 1, 2
    p: np.ndarray = (1 - lapses) * z / z.sum(axis=1, keepdims=True) + lapses / 3
    return p


def answered(
    x: np.ndarray, triplets: np.ndarray, rng: np.random.Generator, people: People | None = None, who: Any = 0
) -> np.ndarray:
    """(t, 3) the odd item last, as they say."""
    p = chances(x, triplets, people, who)
    odd = (rng.random(len(p))[:, None] > np.cumsum(p, axis=1)[:, :2]).sum(axis=1)
    return np.take_along_axis(triplets, LAST[odd], axis=1)


def model(x: np.ndarray, seen: tuple[int, ...] = SEEN, last: float = 1.0) -> np.ndarray:
    """What a model knows of the objects: some features, of the last two a part."""
    known = np.ascontiguousarray(x[:, seen])
    known[:, -2:] *= np.float32(last)
    return known


def fresh(rng: np.random.Generator, people: bool, count: int = TRUTH) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Objects and answered triplets in which every object, and every person, occurs once."""
    for _ in range(count // AT_ONCE):
        x, triplets = objects(3 * AT_ONCE, rng), np.arange(3 * AT_ONCE).reshape(-1, 3)
        several = People.draw(AT_ONCE, rng) if people else None
        yield x, answered(x, triplets, rng, several, np.arange(AT_ONCE))


def true_scores(rng: np.random.Generator, people: bool = False) -> dict[str, float]:
    """Accuracy and cross-entropy of the model over all objects (and people)."""
    found = [pyalign.score(model(x), triplets, ci=None) for x, triplets in fresh(rng, people)]
    names = {"accuracy": "accuracy", "cross-entropy": "cross_entropy"}
    return {told: float(np.mean([getattr(one, name) for one in found])) for told, name in names.items()}


def drawn_triplets(n: int, t: int, rng: np.random.Generator, each: int = 1) -> np.ndarray:
    """(t, 3) random triplets, each of them `each` times; t = 0: all that there are."""
    if t == 0:
        i, j, k = np.triu_indices(n, 1)[0], np.triu_indices(n, 1)[1], np.arange(n)
        rows = (k[None, :] > j[:, None]).nonzero()
        return np.stack([i[rows[0]], j[rows[0]], rows[1]], axis=1)
    return np.repeat(random_triplets(n, t // each, rng), each, axis=0)


# Scores


def scored(n: int, t: int, ci: str, each: int = 1, method: str = "corrected") -> Callable[..., Iterator[Found]]:
    """Scores on objects that are drawn anew."""

    def draw(rng: np.random.Generator) -> Iterator[Found]:
        x = objects(n, rng)
        triplets = answered(x, drawn_triplets(n, t, rng, each), rng)
        found = pyalign.score(model(x), triplets, ci=pyalign.Resampling(ci, method))
        yield Found.of("accuracy", found.accuracy, found.ci)
        yield Found.of("cross-entropy", found.cross_entropy, found.cross_entropy_ci)

    return draw


def by_people(n: int, people: int, each: int, ci: str, same: bool = False) -> Callable[..., Iterator[Found]]:
    """Scores on people, and objects unless they are the same, that are drawn anew."""

    def draw(rng: np.random.Generator) -> Iterator[Found]:
        x = objects(n, np.random.default_rng(11) if same else rng)
        who = np.repeat(np.arange(people), each)
        triplets = answered(x, random_triplets(n, len(who), rng), rng, People.draw(people, rng), who)
        found = pyalign.score(model(x), triplets, ci=ci, subjects=who)
        yield Found.of("accuracy", found.accuracy, found.ci)
        yield Found.of("cross-entropy", found.cross_entropy, found.cross_entropy_ci)

    return draw


def of_same_objects(n: int, people: bool) -> Callable[[np.random.Generator], dict[str, float]]:
    """Over all triplets (and people) of the same n objects."""

    def truth(rng: np.random.Generator) -> dict[str, float]:
        x = objects(n, np.random.default_rng(11))
        t = TRUTH // 4
        several = People.draw(t, rng) if people else None
        found = pyalign.score(model(x), answered(x, random_triplets(n, t, rng), rng, several, np.arange(t)), ci=None)
        return {"accuracy": found.accuracy, "cross-entropy": found.cross_entropy}

    return truth


def other_triplets(n: int, t: int) -> Callable[..., Iterator[Found]]:
    """Scores on triplets of the same objects."""

    def draw(rng: np.random.Generator) -> Iterator[Found]:
        x = objects(n, np.random.default_rng(11))
        found = pyalign.score(model(x), answered(x, random_triplets(n, t, rng), rng), ci="triplets")
        yield Found.of("accuracy", found.accuracy, found.ci)
        yield Found.of("cross-entropy", found.cross_entropy, found.cross_entropy_ci)

    return draw


BOTH = {"accuracy": NOMINAL, "cross-entropy": NOMINAL}


def two_of_three(x: np.ndarray, triplets: np.ndarray, rng: np.random.Generator) -> pyalign.Triplets:
    """Anchored: which of two options people take for more like the first item; it is put second."""
    chosen = answered(x, triplets, rng, ATTENTIVE)  # of the two pairs with the anchor where that is not called odd
    stays = chosen[:, 2] != triplets[:, 0]
    first = np.where(stays & (chosen[:, 2] == triplets[:, 1]), triplets[:, 2], triplets[:, 1])
    second = triplets[:, 1] + triplets[:, 2] - first
    return pyalign.Triplets(np.stack([triplets[:, 0], first, second], axis=1)[stays], task="anchored")


def anchored(n: int, t: int) -> Callable[..., Iterator[Found]]:
    """Scores of two alternatives on objects that are drawn anew."""

    def draw(rng: np.random.Generator) -> Iterator[Found]:
        x = objects(n, rng)
        found = pyalign.score(model(x), two_of_three(x, random_triplets(n, t, rng), rng), ci="objects")
        yield Found.of("accuracy", found.accuracy, found.ci)
        yield Found.of("cross-entropy", found.cross_entropy, found.cross_entropy_ci)

    return draw


def anchored_truth(rng: np.random.Generator) -> dict[str, float]:
    """Over all objects."""
    x, triplets = objects(6 * AT_ONCE, rng), np.arange(6 * AT_ONCE).reshape(-1, 3)
    found = pyalign.score(model(x), two_of_three(x, triplets, rng), ci=None)
    return {"accuracy": found.accuracy, "cross-entropy": found.cross_entropy}


SCORES = [
    # n, t, answers to each triplet, share of the draws, asked for
    (20, 300, 1, 2.0, NOTHING),
    (30, 1_000, 1, 2.0, NOTHING),
    (50, 500, 1, 2.0, BOTH),
    (50, 0, 1, 1.0, BOTH),
    (100, 1_500, 1, 2.0, BOTH),
    (100, 20_000, 1, 1.0, BOTH),
    (200, 20_000, 20, 1.0, BOTH),
    (400, 20_000, 1, 1.0, BOTH),
    (1_854, 20_000, 1, 1.0, BOTH),
    (1_854, 20_000, 20, 1.0, BOTH),
    (1_854, 500_000, 1, 0.3, BOTH),
]


def sizes(n: int, t: int, each: int = 1) -> str:
    """As a row says them."""
    told = f"{n:,} objects, {t or math.comb(n, 3):,} triplets"
    return f"{told.replace('triplets', 'answers')} ({each} to each triplet)" if each > 1 else told


def score_cases() -> Iterator[Case]:
    for n, t, each, share, asked in SCORES:
        name = f"score n={n} t={t or 'all'}" + (f" x{each}" if each > 1 else "")
        yield Case(
            "score", name, "objects", sizes(n, t, each), scored(n, t, "objects", each), true_scores, asked, share
        )
    for method, n, t, asked in (
        ("pigeonhole", 100, 1_500, NOTHING), ("bootstrap", 100, 1_500, BOTH), ("bootstrap", 400, 20_000, BOTH),
    ):  # fmt: skip
        draw = scored(n, t, "objects", method=method)
        yield Case("score", f"{method} n={n}", f"objects, {method}", sizes(n, t), draw, true_scores, asked, 0.5)
    draw = anchored(100, 3_000)
    yield Case("score", "two alternatives", "objects", sizes(100, 3_000), draw, anchored_truth, BOTH)
    blind = scored(100, 20_000, "triplets")
    yield Case("score", "blind to objects", "triplets", sizes(100, 20_000), blind, true_scores, NOTHING, 0.5)
    yield Case(
        "score", "the same objects", "triplets", sizes(300, 3_000), other_triplets(300, 3_000),
        of_same_objects(300, False), BOTH,
    )  # fmt: skip


PEOPLE = [(50, 50, 60), (200, 60, 100), (200, 200, 25), (1_854, 264, 482)]


def people_cases() -> Iterator[Case]:
    def over_people(rng: np.random.Generator) -> dict[str, float]:
        return true_scores(rng, True)

    for n, people, each in PEOPLE:
        told = f"{n:,} objects, {people:,} people, {each} answers each"
        share = 0.3 if n > 1000 else 1.0
        yield Case(
            "people", f"people n={n} p={people}", "objects and people", told,
            by_people(n, people, each, "objects+subjects"), over_people, BOTH, share,
        )  # fmt: skip
    told = "200 objects, 60 people, 100 answers each"
    for ci in ("objects", "subjects"):
        draw = by_people(200, 60, 100, ci)
        yield Case("people", f"only over {ci}", ci, told, draw, over_people, NOTHING, 0.5)
    yield Case(
        "people", "the same objects, other people", "subjects", told, by_people(200, 60, 100, "subjects", True),
        of_same_objects(200, True), BOTH,
    )  # fmt: skip


# Comparisons


def shifted(k: int) -> tuple[int, ...]:
    """What a model sees that is as good as the first: the features of the world may be shifted by two."""
    return tuple((feature + 2 * k) % FEATURES for feature in SEEN)


def compared(n: int, t: int, models: list[tuple[tuple[int, ...], float]], each: int = 1, ci: Any = "objects") -> Any:
    """Tests of models on objects that are drawn anew: of the first two, and whether any two differ."""

    def draw(rng: np.random.Generator) -> Iterator[Found]:
        x = objects(n, rng)
        triplets = answered(x, drawn_triplets(n, t, rng, each), rng)
        given = {f"model {k}": model(x, *known) for k, known in enumerate(models)}
        found = pyalign.compare(given, triplets, ci=ci)
        first = found.pairs[0]
        yield Found("first two", first.difference, first.standard_error or math.nan, rejected=first.p_value < 0.05)
        if len(models) > 2:
            for told, name in (("any, Holm", "p_adjusted"), ("any, max-t", "p_max_t")):
                least = min(getattr(pair, name) for pair in found.pairs)
                yield Found(told, first.difference, first.standard_error or math.nan, rejected=least < 0.05)

    return draw


FAMILY = {"first two": SIZE, "any, Holm": (0.0, 0.07), "any, max-t": (0.0, 0.07)}


def compare_cases() -> Iterator[Case]:
    for n, t, each, count in (
        (50, 2_000, 1, 2), (100, 1_500, 1, 6), (200, 20_000, 20, 2), (400, 20_000, 1, 6), (1_854, 20_000, 1, 2),
    ):  # fmt: skip
        models = [(shifted(k), 1.0) for k in range(count)]
        asked = {name: FAMILY[name] for name in (FAMILY if count > 2 else ("first two",))}
        name = f"equal models n={n} t={t}" + (f" x{each}" if each > 1 else "") + f", {count} models"
        draw = compared(n, t, models, each)
        yield Case("size", name, "objects", sizes(n, t, each), draw, asked=asked, rejects=True, centred=True)
    for n, t, each, last in (
        (100, 3_000, 1, 0.3), (200, 20_000, 20, 0.6), (400, 20_000, 1, 0.75), (1_854, 20_000, 1, 0.75),
    ):  # fmt: skip
        name = f"unequal models n={n} t={t}" + (f" x{each}" if each > 1 else "")
        draw = compared(n, t, [(SEEN, 1.0), (SEEN, last)], each)
        yield Case("power", name, "objects", sizes(n, t, each), draw, asked=IDEAL, rejects=True, centred=True)
    draw = compared(200, 20_000, [(SEEN, 1.0), (SEEN, 0.6)], 20, pyalign.Resampling("objects", "pigeonhole"))
    yield Case(
        "power", "unequal models n=200 t=20000 x20, pigeonhole", "objects, pigeonhole", sizes(200, 20_000, 20), draw,
        rejects=True, centred=True, share=0.3,
    )  # fmt: skip


# The best of several, probes


def best_of_equal(n: int, t: int, count: int) -> Callable[..., Iterator[Found]]:
    """The best of models that are equally good, by the triplets that chose it, and by others."""

    def draw(rng: np.random.Generator) -> Iterator[Found]:
        x = objects(n, rng)
        triplets = answered(x, random_triplets(n, t, rng), rng)
        found = pyalign.compare({f"model {k}": model(x, shifted(k)) for k in range(count)}, triplets, choose_best=True)
        best, first = found.best, found.models[0]
        top = next(one for one in found.models if one.model == best.model)
        yield Found.of("one of them", first.accuracy, first.ci)
        yield Found.of("the best, in-sample", top.accuracy, top.ci)
        yield Found.of("the best, free of the choice", best.accuracy, best.ci)

    return draw


def best_cases() -> Iterator[Case]:
    def truth(rng: np.random.Generator) -> dict[str, float]:
        return dict.fromkeys(
            ("one of them", "the best, in-sample", "the best, free of the choice"), true_scores(rng)["accuracy"]
        )

    asked = {"one of them": NOMINAL, "the best, free of the choice": NOMINAL}
    for n, t in ((100, 3_000), (400, 20_000)):
        yield Case("best", f"best of 6 n={n}", "objects", sizes(n, t), best_of_equal(n, t, 6), truth, asked, 0.4)


def probed(n: int, t: int, people: int = 0, ci: str = "auto") -> Callable[..., Iterator[Found]]:
    """The held-out accuracy of a probe, by folds over objects, with people who are unlike each other at one penalty."""

    def draw(rng: np.random.Generator) -> Iterator[Found]:
        x = objects(n, rng)
        triplets = random_triplets(n, t, rng)
        who = np.arange(t) % people if people else None
        answers = answered(x, triplets, rng, People.draw(people, rng, UNLIKE) if people else None, who if people else 0)
        found = pyalign.cross_validate_probe(
            model(x), answers, subjects=who, ci=ci, penalties=0.02 if people else "auto"
        )  # fmt: skip
        yield Found.of("accuracy", found.accuracy, found.accuracy_interval)
        yield Found.of("cross-entropy", found.cross_entropy, found.cross_entropy_interval)

    return draw


def probe_cases() -> Iterator[Case]:
    for n, t in ((90, 9_000), (240, 20_000)):
        yield Case(
            "probe", f"probe n={n}", "objects", f"{sizes(n, t)}, 3 folds", probed(n, t), asked=BOTH, share=0.3,
            centred=True,
        )  # fmt: skip
    for over, ci, asked in (("objects and people", "objects+subjects", BOTH), ("objects", "objects", NOTHING)):
        yield Case(
            "probe", f"probe n=90 p=8 over {over}", over, f"{sizes(90, 9_000)}, 8 unlike people, 3 folds",
            probed(90, 9_000, 8, ci), asked=asked, share=0.5, centred=True,
        )  # fmt: skip


# Temperatures, ceilings


def calibrated(n: int, t: int, each: int, counted: bool) -> Callable[..., Iterator[Found]]:
    """The temperature of a model that sees all, fitted to answers that nobody guesses; counts, or one by one."""

    def draw(rng: np.random.Generator) -> Iterator[Found]:
        x, triplets = objects(n, rng), drawn_triplets(n, t, rng, each)
        told = answered(x, triplets, rng, ATTENTIVE)
        if not counted:
            found = pyalign.calibrate(x[:, SEEN], told, split=None)
        else:
            odd = (told[:, 2:] == triplets).argmax(axis=1)
            counts = np.eye(3, dtype=int)[odd].reshape(-1, each, 3).sum(axis=1)
            found = pyalign.calibrate(x[:, SEEN], triplets[::each], answers=counts, split=None)
        yield Found.of("T", found.temperature, found.temperature_ci)

    return draw


def temperature_cases() -> Iterator[Case]:
    def truth(rng: np.random.Generator) -> dict[str, float]:
        x, triplets = objects(3 * AT_ONCE, rng), np.arange(3 * AT_ONCE).reshape(-1, 3)
        found = pyalign.calibrate(x[:, SEEN], answered(x, triplets, rng, ATTENTIVE), split=None)
        return {"T": found.temperature}

    for n, t, each, counted in ((100, 5_000, 1, False), (200, 20_000, 20, False), (200, 20_000, 20, True)):
        name = f"temperature n={n} t={t}" + (f" x{each}" if each > 1 else "") + (" as counts" if counted else "")
        draw = calibrated(n, t, each, counted)
        yield Case("temperature", name, "objects", sizes(n, t, each), draw, truth, {"T": NOMINAL}, 0.5)


def ceilings_of(n: int, sets: int, each: int, people: int = 0) -> Callable[..., Iterator[Found]]:
    """The ceilings of sets that are answered so often, by people of whom each has answered some of them."""

    def draw(rng: np.random.Generator) -> Iterator[Found]:
        x, triplets = objects(n, rng), np.repeat(random_triplets(n, sets, rng), each, axis=0)
        who = None
        if people:  # each a different one within a set
            who = np.concatenate([rng.permutation(people)[:each] for _ in range(sets)])
        told = answered(x, triplets, rng, People.draw(people, rng) if people else None, 0 if who is None else who)
        found = pyalign.noise_ceiling(told, subjects=who).ceilings
        for name in ("upper", "lower", "estimate"):
            one = getattr(found, name)
            yield Found.of(name, one.value, one.ci)

    return draw


def ceiling_cases() -> Iterator[Case]:
    def truth(people: bool) -> Callable[[np.random.Generator], dict[str, float]]:
        def best(rng: np.random.Generator) -> dict[str, float]:
            t = 5_000 if people else AT_ONCE
            x, triplets = objects(3 * t, rng), np.arange(3 * t).reshape(-1, 3)
            draws = [People.draw(t, rng) if people else None for _ in range(2_000 if people else 1)]
            mean = sum(chances(x, triplets, several, np.arange(t)) for several in draws) / len(draws)
            return dict.fromkeys(("upper", "lower", "estimate"), float(mean.max(axis=1).mean()))

        return best

    for n, sets, each, people in (
        (9, 80, 20, 0), (12, 120, 20, 0), (30, 200, 20, 0), (200, 1_000, 20, 0), (200, 1_000, 20, 60),
        (30, 200, 4, 5), (1_854, 1_000, 5, 0),
    ):  # fmt: skip
        over = "objects and people" if people else "objects"
        name = f"ceiling n={n} {sets} x{each}" + (f" p={people}" if people else "")
        told = f"{n:,} objects, {sets:,} triplets with {each} answers" + (f", {people} people" if people else "")
        yield Case(
            "ceiling", name, over, told, ceilings_of(n, sets, each, people), truth(bool(people)),
            {"estimate": (0.92, 0.99)}, 0.3,
        )  # fmt: skip


EVERYTHING = (score_cases, people_cases, compare_cases, best_cases, probe_cases, temperature_cases, ceiling_cases)
CASES = [replace(one, number=crc32(one.name.encode())) for cases in EVERYTHING for one in cases()]

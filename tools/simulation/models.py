"""Models that are right with effects of objects and people as in THINGS: few objects, many models, skewed designs.

In kinds of `WAYS` single tests are also those of five pairs of models without a common one, so that rows about them
count five to a draw, and the same draws are tested in ways that were tried and left, with Holm's counts: each variance
drawn toward the mean of their logarithms (Smyth 2004), and t against sums of objects with random signs.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cache, partial
from typing import Any
from unittest.mock import patch

import numpy as np
from scipy.optimize import brentq
from scipy.special import digamma, polygamma

import pyalign
from pyalign.stats.clustered import Dependence, with_weights
from pyalign.stats.degrees import LEAST
from pyalign.stats.intervals import two_sided_p
from pyalign.stats.multiple import corrected
from pyalign.stats.resampling import Clusters, Resampling
from pyalign.stats.splits import within

from . import worlds
from .harness import NAN, Case, Found
from .variance import others
from .worlds import OF_THINGS, Effects, World, balanced, by_rank

SEEDS = lambda seed, number, k: [number, seed, k // 100, k % 100]  # noqa: E731
FLIPS, DISJOINT, FAMILY = 999, [(2 * k, 2 * k + 1) for k in range(5)], (0.0, 0.065)


def data_of(rng: np.random.Generator, world: World) -> dict[str, Any]:
    """What `pyalign.compare` is asked about one draw; a single model is compared with itself."""
    triplets, people = world.design(rng)
    choices = {f"{k}": np.where(right, 2, 0) for k, right in enumerate(world.credits(triplets, people, rng))}
    choices |= {"again": choices["0"]} if len(choices) == 1 else {}
    return {"models": None, "triplets": triplets, "model_choices": choices, "ci": world.over, "subjects": people}


def difference(pair: Any, name: str = "difference") -> Found:
    tested = None if pair.ci is None else bool(pair.ci.low > 0.0 or pair.ci.high < 0.0)
    return Found.of(name, pair.difference, pair.ci, rejected=tested)


def together(name: str, intervals: Iterable[tuple[Any, float]]) -> Found:
    """Whether all intervals hold their truths, and their mean width."""
    ends = np.array([(ci.low, ci.high, truth) for ci, truth in intervals])
    width, held = float((ends[:, 1] - ends[:, 0]).mean()), (ends[:, 0] <= ends[:, 2]) & (ends[:, 2] <= ends[:, 1])
    return Found(name, NAN, NAN, *((0.0, width) if held.all() else (-2.0 * width, -width)))


def of_few(rng: np.random.Generator, world: World, ways: bool = False) -> Iterator[Found]:
    """An accuracy and a difference; where there is no interval, also that which there would be without the minimum."""
    data = data_of(rng, world)
    found = {"": pyalign.compare(**data)}
    if found[""].models[0].ci is None:
        with patch.dict(LEAST, objects=0, subjects=0):
            found[", no minimum"] = pyalign.compare(**data)
    for told, one in found.items():
        yield Found.of(f"accuracy{told}", one.models[0].accuracy, one.models[0].ci)
        if len(world.truths) > 1:
            yield difference(one.pairs[0], f"difference{told}")
    if ways:
        yield from others(data["model_choices"]["0"] == 2, data["triplets"], data["subjects"])


def of_pairs(rng: np.random.Generator, world: World, ways: bool = False, **options: Any) -> Iterator[Found]:
    """A difference, equivalence, and of many models whether any test rejects and all intervals hold."""
    data = data_of(rng, world)
    pairs = pyalign.compare(**data, **options).pairs
    yield difference(pairs[0])
    if "difference" in options:
        yield Found("equivalence", NAN, rejected=pairs[0].p_equivalence < 0.05)
    if len(world.truths) == 2:
        return
    true = [world.truths[int(pair.a)] - world.truths[int(pair.b)] for pair in pairs]
    for told, name in (("Holm", "p_adjusted"), ("max-t", "p_max_t")):
        rejects = [getattr(pair, name) < 0.05 for pair in pairs]
        family = "any against the first" if "baseline" in options else "any equal pair"
        yield Found(f"{family}, {told}", NAN, rejected=any(np.array(rejects)[np.array(true) == 0.0]))
        if any(true):
            yield Found(f"the first and the second, {told}", NAN, rejected=rejects[0])
    yield together("all intervals together", zip((pair.simultaneous_ci for pair in pairs), true, strict=True))
    if ways:
        found = {"single": ([one.p_value for one in pairs], [one.ci.error for one in pairs]), **tried(data)}
        for way, (p, errors) in found.items():
            for one, reject, error in zip(pairs, p, errors, strict=True):
                if (int(one.a), int(one.b)) in DISJOINT[any(true) :]:
                    yield Found(way, one.difference, float(error), rejected=bool(reject < 0.05))
            if way != "single":
                equal = np.array(corrected(list(p), "holm"))[np.array(true) == 0.0]
                yield Found(f"{way}, any equal pair", NAN, rejected=bool((equal < 0.05).any()))


def tried(data: dict[str, Any]) -> dict[str, tuple[list[float], Any]]:
    """Single p-values and errors of all pairs, by ways that were left."""
    triplets, who = data["triplets"], data["subjects"]
    credits = np.array([choices == 2 for choices in data["model_choices"].values()]).astype(np.int8)
    known = Dependence.of(Clusters.of(triplets, who), Resampling(data["ci"])).errors(with_weights(credits))
    pairs, own = np.triu_indices(len(credits), 1), known.differences
    errors, degrees = (each[pairs] for each in log_shrunken(own, known.degrees_of_differences))
    size = np.abs(known.means[pairs[0]] - known.means[pairs[1]])
    t = np.divide(size, errors, out=np.zeros_like(size), where=size > 0.0)
    found = {"log variances": ([two_sided_p(*map(float, one)) for one in zip(t, degrees, strict=True)], errors)}
    if who is None:
        flips = [sign_flips(triplets, credits[a] - credits[b], own[a, b]) for a, b in zip(*pairs, strict=True)]
        found["sign flips"] = flips, np.full(len(flips), NAN)
    return found


def log_shrunken(errors: np.ndarray, degrees: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Variances drawn toward the mean of their logarithms, by the moments of log chi-square."""
    pairs = np.triu(errors > 0.0, 1)
    half, logs = degrees[pairs] / 2.0, 2.0 * np.log(errors[pairs])
    logs = logs - digamma(half) + np.log(half)
    spread = float(logs.var(ddof=1) - polygamma(1, half).mean())
    prior = most = float(2.0 * half.mean() * (len(errors) - 2))  # as many as all differences have together
    if spread > float(polygamma(1, most / 2.0)):
        prior = 2.0 * brentq(lambda x: float(polygamma(1, x)) - spread, 1e-3, most / 2.0)
    center = math.exp(float(logs.mean() + digamma(prior / 2.0) - math.log(prior / 2.0)))
    return np.sqrt((prior * center + degrees * errors**2) / (prior + degrees)), prior + degrees


def sign_flips(triplets: np.ndarray, difference: np.ndarray, error: float) -> float:
    """The p-value of the t of a difference (t,) of credits; all sums together have the variance of one."""
    t, n = abs(float(difference.mean())) / error if difference.any() else 0.0, int(triplets.max()) + 1
    sums = np.sum([np.bincount(column, difference, n) for column in triplets.T], axis=0)
    sums = sums[sums != 0.0]
    signs = np.random.default_rng(0).choice([-1.0, 1.0], (FLIPS, len(sums)))
    return float((1 + np.count_nonzero(np.abs(signs @ sums) >= t * np.sqrt(sums @ sums))) / (1 + FLIPS))


@cache
def true_best(world: World) -> float:
    """The mean accuracy of models that are chosen on half of the objects, on new objects."""
    chosen = []
    for k in range(4_000 if len(set(world.truths)) > 1 else 0):
        rng = np.random.default_rng([1, k])
        triplets, people = world.design(rng)
        n = int(triplets.max()) + 1
        part = within(triplets, np.arange(n) < n // 2)
        chosen.append(int(world.credits(triplets, people, rng)[:, part].sum(axis=1).argmax()))
    return float(np.array(world.truths)[chosen or [0]].mean())


def of_best(rng: np.random.Generator, world: World) -> Iterator[Found]:
    best = pyalign.compare(**data_of(rng, world), choose_best=True).best
    yield Found.of("the best", best.accuracy, best.ci, true_best(world))


def of_all_concepts(rng: np.random.Generator) -> Iterator[Found]:
    """Whether intervals of all concepts of THINGS hold, together and each by itself, and whether any differs."""
    triplets, dimensions, codes = worlds.things(worlds.THINGS)
    choices = {"model": np.where(worlds.right_about_concepts(triplets, codes, rng), 2, 0)}
    found = pyalign.score_concepts(None, triplets, dimensions, model_choices=choices, ci="objects")
    rows = [row for row in found.results[0].concepts if row.simultaneous_ci is not None]
    yield together("all intervals, each by itself", ((row.ci, 0.5) for row in rows))
    yield together("all intervals together", ((row.simultaneous_ci, 0.5) for row in rows))
    for told, name in (("uncorrected", "p_value"), ("Holm", "p_adjusted")):
        least = min(getattr(row, name) for row in rows)
        yield Found(f"any concept differs, {told}", NAN, rejected=bool(least < 0.05))


def case(kind: str, name: str, draw: Any, design: Any, effects: Effects = OF_THINGS,
         truths: tuple[float, ...] = (0.5, 0.5), over: str = "objects", asked: Any = (), **options: Any) -> Case:
    world = World(design, effects, truths, over)
    true = {"accuracy": truths[0], "accuracy, no minimum": truths[0], "difference": truths[0] - truths[len(truths) > 1]}
    return Case(kind, name, "", partial(draw, world=world, **options), lambda rng: true, dict(asked), seeds=SEEDS)


def pair_cases() -> Iterator[Case]:
    for kind, told, n, t, truths, options in (
        *(("compare", f"{count} equal models", n, t, (0.5,) * count, {}) for count, n, t in (
            (10, 30, 1_000), (10, 60, 2_000), (20, 100, 3_000), (10, 200, 6_000), (2, 30, 1_000), (2, 60, 2_000),
            (2, 200, 6_000))),
        ("power", "2 models, 0.57 and 0.5", 60, 2_000, (0.57, 0.5), {}),
        ("power", "2 models, 0.535 and 0.5", 200, 6_000, (0.535, 0.5), {}),
        ("power", "10 models, one 0.59 and nine 0.5", 60, 2_000, (0.59, *[0.5] * 9), {"ways": True}),
        *(("baseline", f"{count} equal models against the first", n, t, (0.5,) * count, {"baseline": "0"})
          for count, n, t in ((10, 30, 1_000), (10, 60, 2_000), (20, 100, 3_000))),
        *(("equivalence", f"2 models, {better} and 0.5", 200, 6_000, (better, 0.5), {"difference": 0.05})
          for better in (0.55, 0.5)),
    ):
        name = f"{told}, {n} objects, {t:,} triplets" + (", margin 0.05" if kind == "equivalence" else "")
        yield case(f"small {kind}", name, of_pairs, balanced(n, t), truths=truths, **options)
        if told == "2 equal models":
            yield case(f"small {kind}", f"{name}, no effects of objects", of_pairs, balanced(n, t), worlds.NONE)
    asked = {"single": (0.035, 0.065), "any equal pair, Holm": FAMILY, "any equal pair, max-t": FAMILY}
    for name, people, effects in (
        ("one with strong effects", 0, Effects(0.0044, 0.0, each=(0.08,) + (0.0005,) * 9)),
        ("near-copies", 0, Effects(0.0044, 0.0069, changed=2)),
        ("five people", 5, Effects(0.0044, 0.0069, of_each=0.003)),
    ):
        over = "objects+subjects" if people else "objects"
        design = worlds.answered_by(60, 2_000, people, False) if people else balanced(60, 2_000)
        one = case("several", f"ten models, {name}", of_pairs, design, effects, (0.5,) * 10, over, asked, ways=True)
        yield replace(one, share=0.4, rejects=True)


def few_cases() -> Iterator[Case]:
    """Scores, and worlds about the minima of effective numbers."""
    for n, t, power, told in (
        (30, 1_000, 0.0, ""), (60, 2_000, 0.0, ""), (100, 3_000, 0.0, ""), (200, 6_000, 0.0, ""),
        (100, 1_000, 1.0, " by 1/rank"), (60, 2_000, 1.0, " by 1/rank"),
    ):
        design = by_rank(n, t, power) if power else balanced(n, t)
        yield case("small score", f"{n} objects{told}, {t:,} triplets", of_few, design, truths=(0.5,))
    for truth, n, t in ((0.95, 30, 60), (0.9655, 30, 60), (0.98, 30, 40)):
        name = f"truth {truth}, {n} objects, {t} triplets"
        yield case("small score", name, of_few, balanced(n, t), truths=(truth,))
    for n, t in ((7, 300), (8, 300), (12, 500)):
        for effects, told in ((OF_THINGS, ""), (worlds.WITHIN_CONCEPTS, ", effects .018")):
            yield case("small few", f"{n} objects, {t} triplets{told}", of_few, balanced(n, t), effects)
    for n, t in ((30, 1_000), (100, 3_000)):
        yield case("small few", f"{n} objects by 1/rank^1.5, {t:,} triplets", of_few, by_rank(n, t, 1.5))
    size, (like, unlike) = "100 objects, 3,000 triplets", (Effects(0.0044, 0.0069, person) for person in (0.0069, 0.03))
    for kind, name, people, effects in (
        *(("score", f"{size}, 30 people{told}", 30, like) for told in ("", ", one gives half of the answers")),
        ("score", f"{size}, 8 unlike people", 8, unlike),
        *(("few", f"{k} people, {size}", k, like) for k in (2, 3, 4, 5)),
        *(("few", f"{k} people, unlike, {size}", k, unlike) for k in (2, 3, 4, 5)),
    ):
        design = worlds.answered_by(100, 3_000, people, "half" in name)
        yield case(f"small {kind}", name, of_few, design, effects, (0.5,), "objects+subjects")


def best_and_concept_cases() -> Iterator[Case]:
    """Those of concepts need the answers of THINGS."""
    unequal = 0.56, 0.54, 0.52, 0.5, 0.48, 0.46
    for truths, told in (((0.5,) * 10, "10 equal models"), (unequal, "6 models, 0.56 to 0.46")):
        for n, t in ((60, 2_000), (100, 3_000)):
            name = f"the best of {told}, {n} objects, {t:,} triplets"
            yield case("small best", name, of_best, balanced(n, t), truths=truths)
    yield Case("small all concepts", f"all {worlds.CONCEPTS} concepts of THINGS at once", "", of_all_concepts,
               seeds=SEEDS)


CASES = [*pair_cases(), *few_cases(), *best_and_concept_cases()]

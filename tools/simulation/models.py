"""Models that are right with effects of objects and people as in THINGS: few objects, many models, skewed designs.

With `ways`, single tests are of five pairs of models without a common one, five to a draw, and the same draws are
tested in ways that were tried and left, with Holm's counts: each variance drawn toward the mean of their logarithms
(Smyth 2004), and t against sums of objects with random signs. Metadata are of models in families.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import cache
from types import MappingProxyType
from typing import Any
from unittest.mock import patch

import numpy as np
from scipy.optimize import brentq
from scipy.special import digamma, polygamma

import pyalign
from pyalign.analysis.comparison.comparison_result import Comparison, ModelResult
from pyalign.stats.clustered import Dependence, with_weights
from pyalign.stats.degrees import LEAST
from pyalign.stats.intervals import two_sided_p
from pyalign.stats.multiple import corrected
from pyalign.stats.regression import spearman
from pyalign.stats.resampling import Clusters, Inference, Resampling
from pyalign.stats.splits import within

from . import worlds
from .harness import NAN, Draw, Found, Rng
from .triplets import others
from .worlds import World, world_of

SEEDS = "number", "seed", "hundreds", "units"
FLIPS, DISJOINT = 999, [(2 * k, 2 * k + 1) for k in range(5)]


def true_values(models: int = 2, truths: tuple[float, ...] = ()) -> dict[str, float]:
    first, *rest = truths or [0.5] * models
    return {"accuracy": first, "accuracy, no minimum": first, "difference": first - (rest or [first])[0]}


def data_of(rng: Rng, world: World) -> dict[str, Any]:
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


def of_few(rng: Rng, ways: bool = False, **given: Any) -> Draw:
    """An accuracy and a difference; where there is no interval, also that which there would be without the minimum."""
    data = data_of(rng, world := world_of(**given))
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


def of_pairs(rng: Rng, ways: bool = False, options: Any = MappingProxyType({}), **given: Any) -> Draw:
    """A difference, equivalence, and of many models whether any test rejects and all intervals hold."""
    data = data_of(rng, world := world_of(**given))
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


def of_best(rng: Rng, **given: Any) -> Draw:
    world = world_of(**given)
    best = pyalign.compare(**data_of(rng, world), choose_best=True).best
    yield Found.of("the best", best.accuracy, best.ci, true_best(world))


def of_all_concepts(rng: Rng) -> Draw:
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


def of_accuracies(y: np.ndarray, noise: float, rng: Rng) -> Comparison:
    """With errors of `noise` standard deviations of each model by itself, and twice as much that all models share."""
    covariance = (0.02 * noise) ** 2 * (np.eye(len(y)) + 4.0) if noise else None
    values = 0.5 + 0.02 * y + (np.linalg.cholesky(covariance) @ rng.normal(size=len(y)) if noise else 0.0)
    models = tuple(ModelResult(str(k), float(one), None, 1.0, None, 0, 1.0, None) for k, one in enumerate(values))
    shared = tuple(map(tuple, covariance.tolist())) if noise else None
    return Comparison(models, (), 1000, 0, "cosine", 1.0, "fractional", "holm", 500, None, shared,
                      inference=Inference("objects", "corrected", 0.95))


def families(m: int, count: int, rng: Rng, related: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x, y (m,) with that correlation, and families, which have .7 of the variance of both, each by itself."""
    family, share = np.arange(m) % count, 0.7 if count < m else 0.0
    x, other = (share**0.5 * rng.normal(size=count)[family] + (1 - share) ** 0.5 * rng.normal(size=m) for _ in range(2))
    return x, related * x + math.sqrt(1 - related**2) * other, family


def over_models(rng: Rng, m: int, count: int, blind: bool = False) -> Draw:
    """Other models, and families if there are fewer; blind: the metadata do not have them."""
    x, y, family = families(m, count, rng, 0.6)
    rows = [{"model": str(k), "x": x[k], **({} if blind else {"family": str(family[k])})} for k in range(m)]
    row = pyalign.regress_metadata(of_accuracies(y, 0.0, rng), rows).results[0]
    yield Found.of("slope", row.slope, row.models_ci)
    yield Found("rank correlation", row.rank_correlation, NAN, *(row.rank_models_ci or ()))


def over_objects(rng: Rng, m: int, noise: float, related: float) -> Draw:
    """Other models in each draw, and how far estimates are from what is true of these."""
    x, y, _ = families(m, m, rng, related)
    found = of_accuracies(y, noise, rng)
    row = pyalign.regress_metadata(found, [{"model": str(k), "x": x[k]} for k in range(m)]).results[0]
    far, truth = x - x.mean(), 0.5 + 0.02 * y
    yield Found.of("slope", row.slope, row.ci, float(far @ truth / (far @ far)))
    rank, ci = spearman(x, truth), row.rank_ci
    low, high = ci.low - rank - 1e-9, ci.high - rank + 1e-9
    yield Found("rank correlation", row.rank_correlation - rank, ci.error or 0.0, low, high)


def random_columns(rng: Rng, m: int, count: int, columns: int) -> Draw:
    """How many of so many columns that have nothing to do with accuracy differ from 0, over models and over objects."""
    y, _, family = families(m, count, rng, 0.0)
    drawn = [families(m, count, rng, 0.0)[0] for _ in range(columns)]
    rows = [{"model": str(k), "family": str(family[k]), **{f"x{j}": float(x[k]) for j, x in enumerate(drawn)}}
            for k in range(m)]
    found = pyalign.regress_metadata(of_accuracies(y, 0.15, rng), rows).results
    for quantity, held in (("each by itself", found), ("all together", [row.simultaneous for row in found])):
        both = [[one for one in (row.ci, row.models_ci) if one is not None and one.low * one.high > 0] for row in held]
        differ = sum(len(one) == 2 for one in both)
        yield Found(quantity, float(differ), NAN, -1.0 if differ == 0 else 0.5, 1.0)

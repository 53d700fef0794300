"""Scores, probes, concepts and error consistency where people see twelve features, and accuracy against metadata."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache, partial
from typing import Any

import numpy as np

import pyalign
from pyalign.analysis.comparison.comparison_result import Comparison, ModelResult
from pyalign.datasets.simulate import random_triplets
from pyalign.stats.regression import spearman

from . import worlds
from .harness import NOMINAL, Case, Found
from .probe import PENALTY, probed
from .worlds import STAYS, People, answered, drawn_triplets, fresh, model, objects, shifted, sizes

BOTH = {"accuracy": NOMINAL, "cross-entropy": NOMINAL}
ONE_SEED: dict[str, Any] = {"figures": (*BOTH,), "reseeded": False}  # of probes, over the folds of the default


def both(found: Any) -> Iterator[Found]:
    yield Found.of("accuracy", found.accuracy, found.ci)
    yield Found.of("cross-entropy", found.cross_entropy, found.cross_entropy_ci)


def scored(rng: np.random.Generator, n: int, t: int, ci: Any = "objects", each: int = 1, people: int = 0,
           same: bool = False) -> Iterator[Found]:
    """Scores on objects that are drawn anew or stay the same; by people."""
    x = objects(n, np.random.default_rng(STAYS) if same else rng)
    asked, who = drawn_triplets(n, t, rng, each), np.repeat(np.arange(people), t // people) if people else None
    answers = answered(x, asked, rng, *((People.draw(people, rng), who) if people else ()))
    yield from both(pyalign.score(model(x), answers, ci=ci, subjects=who))


def true_scores(rng: np.random.Generator, people: bool = False) -> dict[str, float]:
    """Over all objects (and people)."""
    found = [pyalign.score(model(x), triplets, ci=None) for x, triplets in fresh(rng, people)]
    return {name: float(np.mean([getattr(one, name.replace("-", "_")) for one in found])) for name in BOTH}


def true_scores_of_same(rng: np.random.Generator, n: int, people: bool) -> dict[str, float]:
    """Over all triplets (and people) of the same n objects."""
    x, t = objects(n, np.random.default_rng(STAYS)), worlds.TRUTH // 4
    several = People.draw(t, rng) if people else None
    answers = answered(x, random_triplets(n, t, rng), rng, several, np.arange(t))
    return {one.quantity: one.estimate for one in both(pyalign.score(model(x), answers, ci=None))}


def score_cases() -> Iterator[Case]:
    def case(kind: str, name: str, over: str, told: str, truth: Any, share: float, asked: Any, **options: Any) -> Case:
        return Case(kind, name, over, told, partial(scored, **options), truth, asked, share)

    for n, t, each, share in (
        (20, 300, 1, 2.0), (30, 1_000, 1, 2.0), (50, 500, 1, 2.0), (50, 0, 1, 1.0), (100, 1_500, 1, 2.0),
        (100, 20_000, 1, 1.0), (200, 20_000, 20, 1.0), (400, 20_000, 1, 1.0), (1_854, 20_000, 1, 1.0),
        (1_854, 20_000, 20, 1.0), (1_854, 500_000, 1, 0.3),
    ):
        name = f"score n={n} t={t or 'all'}" + (f" x{each}" if each > 1 else "")
        yield case("score", name, "objects", sizes(n, t, each), true_scores, share, BOTH if n > 30 else {},
                   n=n, t=t, each=each)
    for how, n, t in (("pigeonhole", 100, 1_500), ("bootstrap", 100, 1_500), ("bootstrap", 400, 20_000)):
        yield case("score", f"{how} n={n}", f"objects, {how}", sizes(n, t), true_scores, 0.5,
                   BOTH if how == "bootstrap" else {}, n=n, t=t, ci=pyalign.Resampling("objects", how))
    of_same, every = partial(true_scores_of_same, n=300, people=False), partial(true_scores, people=True)
    for name, n, t, truth, asked in (
        ("blind to objects", 100, 20_000, true_scores, {}), ("the same objects", 300, 3_000, of_same, BOTH),
    ):
        yield case("score", name, "triplets", sizes(n, t), truth, 1.0 if asked else 0.5, asked, n=n, t=t, ci="triplets",
                   same=truth is of_same)
    for n, people, each in ((50, 50, 60), (200, 60, 100), (200, 200, 25), (1_854, 264, 482)):
        yield case("people", f"people n={n} p={people}", "objects and people",
                   f"{n:,} objects, {people:,} people, {each} answers each", every, 0.3 if n > 1000 else 1.0, BOTH,
                   n=n, t=people * each, ci="objects+subjects", people=people)
    of_same, few = partial(true_scores_of_same, n=200, people=True), {"n": 200, "t": 6_000, "people": 60}
    for name, over in (*((f"only over {one}", one) for one in ("objects", "subjects")),
                       ("the same objects, other people", "subjects")):
        truth, share, asked = (every, 0.5, {}) if name.startswith("only") else (of_same, 1.0, BOTH)
        yield case("people", name, over, "200 objects, 60 people, 100 answers each", truth, share, asked, ci=over,
                   same=truth is of_same, **few)


def probe_cases() -> Iterator[Case]:
    for n, t in ((90, 9_000), (240, 20_000)):
        yield Case("probe", f"probe n={n}", "objects", f"{sizes(n, t)}, 3 folds", probed(n, t, **ONE_SEED), asked=BOTH,
                   share=0.3, centered=True)
    for over, ci in (("objects and people", "objects+subjects"), ("objects", "objects")):
        yield Case("probe", f"probe n=90 p=8 over {over}", over, f"{sizes(90, 9_000)}, 8 unlike people, 3 folds",
                   probed(90, 9_000, 8, ci=ci, penalties=PENALTY, **ONE_SEED), asked=BOTH if "people" in over else {},
                   share=0.5, centered=True)


# Concepts, of which each is a category that holds all objects, and error consistency
def eight_or_all(x: np.ndarray) -> dict[str, np.ndarray]:
    """Two that know eight features of twelve and are as good as each other, and one that knows all."""
    return {"eight": model(x), "other eight": model(x, shifted(1)), "all": x}


def concept(rng: np.random.Generator, n: int, t: int) -> Iterator[Found]:
    x = objects(n, rng)
    triplets = answered(x, drawn_triplets(n, t, rng), rng)
    found = pyalign.score_concepts(eight_or_all(x), triplets, categories=["all"] * n, ci="objects", min_triplets=t)
    for name, one in (("accuracy", found.results[0]), ("accuracy of the better", found.results[2])):
        yield Found.of(name, one.concepts[0].accuracy, one.concepts[0].ci)
    (equal,) = [one for one in found.differences if {one.embeddings, one.other} == {"eight", "other eight"}]
    yield Found.of("difference", equal.difference, equal.ci)


def consistent(rng: np.random.Generator, n: int, t: int, ci: Any) -> Iterator[Found]:
    """Kappa of the two models that know other features."""
    x = objects(n, rng)
    triplets = answered(x, drawn_triplets(n, t, rng), rng)
    pair = pyalign.error_consistency(dict(list(eight_or_all(x).items())[:2]), triplets, ci=ci).pairs[0]
    yield Found.of("kappa", pair.kappa, pair.ci)


@cache
def true_rates() -> dict[str, float]:
    """Over all objects: accuracies of the first and the third of `eight_or_all`, and kappa of the first two."""
    found = []
    for x, triplets in fresh(np.random.default_rng(3), False):
        right = [pyalign.odd_one_out(seen, triplets) == 2 for seen in eight_or_all(x).values()]
        found.append([*(one.mean() for one in right), (right[0] & right[1]).mean()])
    a, b, better, ab = np.mean(found, axis=0).tolist()
    kappa = 2 * (ab - a * b) / (a + b - 2 * a * b)
    return {"accuracy": a, "accuracy of the better": better, "difference": 0.0, "kappa": kappa}


def concept_cases() -> Iterator[Case]:
    for n, t in ((10, 30), (20, 30), (60, 30), (20, 60), (10, 100), (20, 100), (60, 100), (10, 300), (20, 300)):
        yield Case("concepts", f"concept n={n} t={t}", "objects", sizes(n, t), partial(concept, n=n, t=t),
                   lambda rng: true_rates(), {"difference": (0.91, 1.0)}, 0.6)
    for n, t, by, how, least in ((60, 900, "objects", "corrected", 0.91), (60, 900, "objects", "bootstrap", 0.89),
        (60, 900, "objects", "pigeonhole", None), (200, 5_000, "objects", "corrected", 0.91),
        (60, 900, "triplets", "corrected", None)):
        over = by if how == "corrected" else f"{by}, {how}"
        yield Case("consistency", f"consistency n={n} t={t}, {over}", over, sizes(n, t),
                   partial(consistent, n=n, t=t, ci=pyalign.Resampling(by, how)), lambda rng: true_rates(),
                   {"kappa": (least, 0.97)} if least else {}, 0.6)


# Accuracy against metadata, of models in families
def of_accuracies(y: np.ndarray, noise: float, rng: np.random.Generator) -> Comparison:
    """With errors of `noise` standard deviations of each model by itself, and twice as much that all models share."""
    covariance = (0.02 * noise) ** 2 * (np.eye(len(y)) + 4.0) if noise else None
    values = 0.5 + 0.02 * y + (np.linalg.cholesky(covariance) @ rng.normal(size=len(y)) if noise else 0.0)
    models = tuple(ModelResult(str(k), float(one), None, 1.0, None, 0, 1.0, None) for k, one in enumerate(values))
    return Comparison(
        models, (), 1000, 0, None, 0, "cosine", 1.0, "fractional", "objects", "corrected", 0.95, "holm", 500, None,
        covariance=tuple(map(tuple, covariance.tolist())) if noise else None,
    )


def families(m: int, count: int, rng: np.random.Generator, related: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x, y (m,) with that correlation, and families, which have .7 of the variance of both, each by itself."""
    family, share = np.arange(m) % count, 0.7 if count < m else 0.0
    x, other = (
        math.sqrt(share) * rng.normal(size=count)[family] + math.sqrt(1 - share) * rng.normal(size=m) for _ in range(2)
    )
    return x, related * x + math.sqrt(1 - related**2) * other, family


def over_models(rng: np.random.Generator, m: int, count: int, blind: bool) -> Iterator[Found]:
    """Other models, and families if there are fewer; blind: the metadata do not have them."""
    x, y, family = families(m, count, rng, 0.6)
    rows = [{"model": str(k), "x": x[k], **({} if blind else {"family": str(family[k])})} for k in range(m)]
    row = pyalign.regress_metadata(of_accuracies(y, 0.0, rng), rows).results[0]
    yield Found.of("slope", row.slope, row.models_ci)
    yield Found("rank correlation", row.rank_correlation, math.nan, *(row.rank_models_ci or (math.nan, math.nan)))


def over_objects(rng: np.random.Generator, m: int, noise: float, related: float) -> Iterator[Found]:
    """Other models in each draw, and how far estimates are from what is true of these."""
    x, y, _ = families(m, m, rng, related)
    found = of_accuracies(y, noise, rng)
    row = pyalign.regress_metadata(found, [{"model": str(k), "x": x[k]} for k in range(m)]).results[0]
    far, truth = x - x.mean(), 0.5 + 0.02 * y
    yield Found.of("slope", row.slope, row.ci, float(far @ truth / (far @ far)))
    rank, ci = spearman(x, truth), row.rank_ci
    low, high = ci.low - rank - 1e-9, ci.high - rank + 1e-9
    yield Found("rank correlation", row.rank_correlation - rank, ci.error or 0.0, low, high)


def random_columns(rng: np.random.Generator, m: int, count: int, columns: int) -> Iterator[Found]:
    """How many of so many columns that have nothing to do with accuracy differ from 0, over models and over objects."""
    y, _, family = families(m, count, rng, 0.0)
    drawn = [families(m, count, rng, 0.0)[0] for _ in range(columns)]
    rows = [{"model": str(k), "family": str(family[k]), **{f"x{j}": float(x[k]) for j, x in enumerate(drawn)}}
            for k in range(m)]
    found = pyalign.regress_metadata(of_accuracies(y, 0.15, rng), rows).results
    for quantity, held in (("each by itself", found), ("all together", [row.simultaneous for row in found])):
        both = [[one for one in (row.ci, row.models_ci) if one is not None and one.low * one.high > 0] for row in held]
        differ = sum(len(one) == 2 for one in both)
        yield Found(quantity, float(differ), math.nan, -1.0 if differ == 0 else 0.5, 1.0)


def metadata_cases() -> Iterator[Case]:
    true, wide = {"slope": 0.02 * 0.6, "rank correlation": 6 / math.pi * math.asin(0.3)}, (0.92, 0.99)  # Pearson 1907
    for m, count, blind in ((10, 10, False), (30, 30, False), (12, 4, False), (30, 10, False), (30, 10, True)):
        over = "families" if count < m and not blind else "models"
        of, few = f"metadata {'blind to families' if blind else f'over {over}'} m={m}", count < m
        yield Case("metadata", of + (f" in {count}" if few else ""), over, f"{m} models" + f", {count} families" * few,
                   partial(over_models, m=m, count=count, blind=blind), lambda rng: true,
                   {} if blind else {"slope": (0.92, 0.98), "": wide})
    for m, noise, related in ((8, 0.15, 0.6), (30, 0.05, 0.6), (30, 0.15, 0.6), (30, 0.4, 0.9), (30, 1.0, 0.9)):
        yield Case("metadata", f"metadata over objects m={m} noise={noise}", "objects", f"{m} models",
                   partial(over_objects, m=m, noise=noise, related=related),
                   asked={"slope": (0.93, 0.97)} | ({"": wide} if noise < 0.5 else {}))
    yield Case("metadata", "metadata of 8 random columns", "objects and families", "16 models, 8 families",
               partial(random_columns, m=16, count=8, columns=8), asked={"all together": (0.935, 1.0)})


CASES = [*score_cases(), *probe_cases(), *concept_cases(), *metadata_cases()]

"""The cases of tools/intervals.py about accuracy against metadata: slopes and rank correlations.

Over models, families and their models are drawn anew, and with them what accuracy owes to the family. Over objects, the
models stay and their accuracies are drawn with a covariance, most of which they share; one case scores models on
triplets of objects that are drawn anew.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from zlib import crc32

import numpy as np
from coverage_cases import NOTHING, Case, Found, answered, drawn_triplets, model, objects

import pyalign
from pyalign.analysis.comparison.result import Comparison, ModelResult
from pyalign.stats.regression import spearman

HELD = {"slope": (0.92, 0.98), "rank correlation": (0.92, 0.99)}
OBJECTS = {"slope": (0.93, 0.97), "rank correlation": (0.92, 0.99)}
WITHIN = 0.7  # of the variance, how much models of a family have in common


def compared(y: np.ndarray, covariance: np.ndarray | None = None) -> Comparison:
    """A comparison of models 0, 1, ... with these accuracies and errors."""
    models = tuple(ModelResult(str(k), float(one), None, 1.0, None, 0, 1.0, None) for k, one in enumerate(y))
    return Comparison(
        models, (), 1000, 0, None, 0, "cosine", 1.0, "fractional", "objects", "corrected", 0.95, "holm", 500, None,
        covariance=None if covariance is None else tuple(map(tuple, covariance.tolist())),
    )  # fmt: skip


def families(m: int, count: int, rng: np.random.Generator, related: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x, y (m,) with that correlation, and families: what is of the family is in both, each by itself."""
    family = np.arange(m) % count
    share = WITHIN if count < m else 0.0
    x, other = (
        math.sqrt(share) * rng.normal(size=count)[family] + math.sqrt(1 - share) * rng.normal(size=m) for _ in range(2)
    )
    return x, related * x + math.sqrt(1 - related**2) * other, family


def over_models(m: int, count: int, related: float, told: bool = True) -> Callable[..., Iterator[Found]]:
    """`told`: whether the metadata have the families."""

    def draw(rng: np.random.Generator) -> Iterator[Found]:
        x, y, family = families(m, count, rng, related)
        rows = [{"model": str(k), "x": x[k], **({"family": str(family[k])} if told else {})} for k in range(m)]
        row = pyalign.regress_metadata(compared(0.5 + 0.02 * y), rows).results[0]
        yield Found.of("slope", row.slope, row.models_ci)
        ci = row.rank_models_ci
        yield Found("rank correlation", row.rank_correlation, math.nan, *(ci or (math.nan, math.nan)))

    return draw


def truth_of(related: float) -> Callable[[np.random.Generator], dict[str, float]]:
    """Spearman's correlation of a normal pair (Pearson 1907)."""
    return lambda rng: {"slope": 0.02 * related, "rank correlation": 6 / math.pi * math.asin(related / 2)}


def over_objects(m: int, noise: float, related: float) -> Callable[..., Iterator[Found]]:
    """Other models in each draw, and how far estimates are from what is true of these.

    `noise`: of each model by itself, in standard deviations of the models; what they share is twice as much.
    """
    covariance = (0.02 * noise) ** 2 * (np.eye(m) + 4.0)
    root = np.linalg.cholesky(covariance)

    def draw(rng: np.random.Generator) -> Iterator[Found]:
        x, truth, _ = families(m, m, rng, related)
        truth = 0.5 + 0.02 * truth
        rows = [{"model": str(k), "x": x[k]} for k in range(m)]
        row = pyalign.regress_metadata(compared(truth + root @ rng.normal(size=m), covariance), rows).results[0]
        far = x - x.mean()
        slope, rank = float(far @ truth / (far @ far)), spearman(x, truth)
        assert row.ci is not None and row.rank_ci is not None and row.rank_correlation is not None
        yield Found("slope", row.slope - slope, row.ci.error or 0.0, *(end - slope for end in row.ci))
        low, high = (end - rank for end in row.rank_ci)
        yield Found("rank correlation", row.rank_correlation - rank, row.rank_ci.error or 0.0, low - 1e-9, high + 1e-9)

    return draw


def no_difference(rng: np.random.Generator) -> dict[str, float]:
    """Estimates less what is true of the models of a draw."""
    return {"slope": 0.0, "rank correlation": 0.0}


def on_triplets(n: int, t: int) -> Callable[..., Iterator[Found]]:
    """Models that know two to eight features, on triplets of n objects that are drawn anew."""

    def draw(rng: np.random.Generator) -> Iterator[Found]:
        x = objects(n, rng)
        seen = model(x)
        models = {str(k): seen[:, :k] for k in range(2, 9)}
        found = pyalign.compare(models, answered(x, drawn_triplets(n, t, rng), rng))
        row = pyalign.regress_metadata(found, [{"model": str(k), "features": k} for k in range(2, 9)]).results[0]
        yield Found.of("slope", row.slope, row.ci)

    return draw


def random_columns(m: int, count: int, columns: int) -> Callable[..., Iterator[Found]]:
    """How many of so many columns that have nothing to do with accuracy differ from 0, over models and over objects."""
    covariance = (0.02 * 0.15) ** 2 * (np.eye(m) + 4.0)
    root = np.linalg.cholesky(covariance)

    def draw(rng: np.random.Generator) -> Iterator[Found]:
        y, _, family = families(m, count, rng, 0.0)
        drawn = [families(m, count, rng, 0.0)[0] for _ in range(columns)]
        rows = [{"model": str(k), "family": str(family[k]), **{f"x{j}": float(x[k]) for j, x in enumerate(drawn)}}
                for k in range(m)]  # fmt: skip
        found = pyalign.regress_metadata(compared(0.5 + 0.02 * y + root @ rng.normal(size=m), covariance), rows).results
        for quantity, held in (("each by itself", found), ("all together", [row.simultaneous for row in found])):
            differ = sum(all(one is not None and one.low * one.high > 0 for one in (row.ci, row.models_ci))
                         for row in held)  # fmt: skip
            yield Found(quantity, float(differ), math.nan, -1.0 if differ == 0 else 0.5, 1.0)

    return draw


def cases() -> Iterator[Case]:
    for m, count in ((10, 10), (30, 30), (12, 4), (30, 10)):
        over = "families" if count < m else "models"
        name = f"metadata over {over} m={m}" + (f" in {count}" if count < m else "")
        sizes = f"{m} models" + (f", {count} families" if count < m else "")
        yield Case("metadata", name, over, sizes, over_models(m, count, 0.6), truth_of(0.6), HELD)
    yield Case("metadata", "metadata blind to families m=30 in 10", "models", "30 models, 10 families",
               over_models(30, 10, 0.6, told=False), truth_of(0.6), NOTHING)  # fmt: skip
    for m, noise, related in ((8, 0.15, 0.6), (30, 0.05, 0.6), (30, 0.15, 0.6), (30, 0.4, 0.9), (30, 1.0, 0.9)):
        asked = OBJECTS if noise < 0.5 else {"slope": OBJECTS["slope"]}
        yield Case("metadata", f"metadata over objects m={m} noise={noise}", "objects", f"{m} models",
                   over_objects(m, noise, related), no_difference, asked)  # fmt: skip
    yield Case("metadata", "metadata of 8 random columns", "objects and families", "16 models, 8 families",
               random_columns(16, 8, 8), lambda rng: {"each by itself": 0.0, "all together": 0.0},
               {"all together": (0.935, 1.0)})  # fmt: skip
    yield Case("metadata", "metadata on triplets n=100 t=1500", "objects", "100 objects, 1500 triplets",
               on_triplets(100, 1500), asked={"slope": (0.92, 0.97)}, share=0.4, centred=True)  # fmt: skip


CASES = [replace(one, number=crc32(one.name.encode())) for one in cases()]

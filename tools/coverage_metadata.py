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
from pyalign.analysis.comparison import Comparison, ModelResult
from pyalign.stats.correlation import spearman

HELD = {"slope": (0.92, 0.98), "rank correlation": (0.92, 0.99)}
OBJECTS = {"slope": (0.93, 0.97), "rank correlation": (0.92, 1.0)}
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


def fixed(m: int, related: float) -> tuple[np.ndarray, np.ndarray]:
    """x and true accuracies of models that stay, about 2 points of standard deviation."""
    x, y, _ = families(m, m, np.random.default_rng(m), related)
    return x, 0.5 + 0.02 * y


def over_objects(m: int, noise: float, related: float) -> Callable[..., Iterator[Found]]:
    """`noise`: of each model by itself, in standard deviations of the models; what they share is twice as much."""
    x, truth = fixed(m, related)
    covariance = (0.02 * noise) ** 2 * (np.eye(m) + 4.0)
    root = np.linalg.cholesky(covariance)
    rows = [{"model": str(k), "x": x[k]} for k in range(m)]

    def draw(rng: np.random.Generator) -> Iterator[Found]:
        row = pyalign.regress_metadata(compared(truth + root @ rng.normal(size=m), covariance), rows).results[0]
        yield Found.of("slope", row.slope, row.ci)
        yield Found.of("rank correlation", row.rank_correlation, row.rank_ci)

    return draw


def truth_over_objects(m: int, related: float) -> Callable[[np.random.Generator], dict[str, float]]:
    x, truth = fixed(m, related)
    far = x - x.mean()
    return lambda rng: {"slope": float(far @ truth / (far @ far)), "rank correlation": spearman(x, truth)}


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


def cases() -> Iterator[Case]:
    for m, count in ((10, 10), (30, 30), (12, 4), (30, 10)):
        over = "families" if count < m else "models"
        name = f"metadata over {over} m={m}" + (f" in {count}" if count < m else "")
        sizes = f"{m} models" + (f", {count} families" if count < m else "")
        yield Case("metadata", name, over, sizes, over_models(m, count, 0.6), truth_of(0.6), HELD)
    yield Case("metadata", "metadata blind to families m=30 in 10", "models", "30 models, 10 families",
               over_models(30, 10, 0.6, told=False), truth_of(0.6), NOTHING)  # fmt: skip
    for m, noise in ((8, 0.15), (30, 0.05), (30, 0.15)):
        yield Case("metadata", f"metadata over objects m={m} noise={noise}", "objects", f"{m} models",
                   over_objects(m, noise, 0.6), truth_over_objects(m, 0.6), OBJECTS)  # fmt: skip
    yield Case("metadata", "metadata over objects m=30 noise=0.6", "objects", "30 models",
               over_objects(30, 0.6, 0.9), truth_over_objects(30, 0.9), {"slope": OBJECTS["slope"]})  # fmt: skip
    yield Case("metadata", "metadata on triplets n=100 t=1500", "objects", "100 objects, 1500 triplets",
               on_triplets(100, 1500), asked={"slope": (0.92, 0.97)}, share=0.4, centred=True)  # fmt: skip


CASES = [replace(one, number=crc32(one.name.encode())) for one in cases()]

"""Accuracy against metadata, of models in families."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial

import numpy as np

import pyalign
from pyalign.analysis.comparison.comparison_result import Comparison, Inference, ModelResult
from pyalign.stats.regression import spearman

from .harness import Case, Found


def of_accuracies(y: np.ndarray, noise: float, rng: np.random.Generator) -> Comparison:
    """With errors of `noise` standard deviations of each model by itself, and twice as much that all models share."""
    covariance = (0.02 * noise) ** 2 * (np.eye(len(y)) + 4.0) if noise else None
    values = 0.5 + 0.02 * y + (np.linalg.cholesky(covariance) @ rng.normal(size=len(y)) if noise else 0.0)
    models = tuple(ModelResult(str(k), float(one), None, 1.0, None, 0, 1.0, None) for k, one in enumerate(values))
    return Comparison(
        models, (), 1000, 0, "cosine", 1.0, "fractional", "holm", 500, None,
        tuple(map(tuple, covariance.tolist())) if noise else None, inference=Inference("objects", "corrected", 0.95),
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
        yield Case("metadata", of + (f" in {count}" if few else ""), over,
                   partial(over_models, m=m, count=count, blind=blind), lambda rng: true,
                   {} if blind else {"slope": (0.92, 0.98), "": wide})
    for m, noise, related in ((8, 0.15, 0.6), (30, 0.05, 0.6), (30, 0.15, 0.6), (30, 0.4, 0.9), (30, 1.0, 0.9)):
        yield Case("metadata", f"metadata over objects m={m} noise={noise}", "objects",
                   partial(over_objects, m=m, noise=noise, related=related),
                   asked={"slope": (0.93, 0.97)} | ({"": wide} if noise < 0.5 else {}))
    yield Case("metadata", "metadata of 8 random columns", "objects and families",
               partial(random_columns, m=16, count=8, columns=8), asked={"all together": (0.935, 1.0)})


CASES = list(metadata_cases())

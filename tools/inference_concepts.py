"""All concepts of THINGS in one draw, for tools/inference.py: do intervals hold together, does any differ?

A model is right about half of the triplets of each concept. Its effects of objects are partly the same in all concepts,
partly of each concept by itself: two credits share .010 of their variance by an object, .018 within a concept.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np

import pyalign
from pyalign.concept.assign import assigned

CONCEPTS = 49
COMMON, OWN = 0.0113, 0.017  # shares of the variance of the normal variable that decides, by each object


@cache
def things(folder: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The triplets of THINGS, the 49 dimensions of SPoSE, and which of them each triplet is about."""
    triplets = np.load(folder / "human_triplets_127304.npy")[:, :3].astype(np.int64)
    dimensions = np.loadtxt(folder / f"spose_embedding_{CONCEPTS}d_sorted.txt")
    return triplets, dimensions, assigned(triplets, dimensions).codes[:, 0]


def draw(triplets: np.ndarray, codes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(t,) whether the model is right."""
    n = int(triplets.max()) + 1
    effects = np.sqrt(COMMON) * rng.standard_normal((n, 1)) + np.sqrt(OWN) * rng.standard_normal((n, CONCEPTS))
    rest = np.sqrt(1.0 - 3.0 * (COMMON + OWN)) * rng.standard_normal(len(triplets))
    right: np.ndarray = effects[triplets, codes[:, None]].sum(axis=1) + rest > 0.0
    return right


def of_all_concepts(rng: np.random.Generator, folder: Path) -> Iterator[tuple[str, dict[str, float]]]:
    """The quantities of one draw."""
    triplets, dimensions, codes = things(folder)
    choices = np.where(draw(triplets, codes, rng), 2, 0)
    found = pyalign.score_concepts(None, triplets, dimensions, model_choices={"model": choices}, ci="objects")
    rows = [row for row in found.results[0].concepts if row.simultaneous_ci is not None]
    for name, intervals in (
        ("all intervals, each by itself", [row.ci for row in rows]),
        ("all intervals together", [row.simultaneous_ci for row in rows]),
    ):
        held = all(one.low <= 0.5 <= one.high for one in intervals)
        yield name, {"draws": 1, "above": not held, "width": float(np.mean([one.high - one.low for one in intervals]))}
    for name, p_values in (
        ("any concept differs, uncorrected", [row.p_value for row in rows]),
        ("any concept differs, Holm", [row.p_adjusted for row in rows]),
    ):
        yield name, {"draws": 1, "rejected": min(p_values) < 0.05}

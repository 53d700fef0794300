"""The cases of tools/intervals.py about concepts of few triplets or objects, and about error consistency.

Objects are drawn anew. A concept here is a category that holds all objects, so that its triplets are as many as the
case says: what is small about a concept is its triplets and objects, not that others stand beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from zlib import crc32

import numpy as np
from coverage_cases import TRUTH, Case, Found, answered, drawn_triplets, fresh, model, objects, shifted, sizes

import pyalign

SMALL = [(10, 30), (20, 30), (60, 30), (20, 60), (10, 100), (20, 100), (60, 100), (10, 300), (20, 300)]
ASKED = {"difference": (0.91, 1.0)}  # an accuracy of ten objects holds less often: the rows say how often
CLOSED, BOOTSTRAP, PIGEONHOLE = "corrected", "bootstrap", "pigeonhole"


def models(x: np.ndarray) -> dict[str, np.ndarray]:
    """Two that know eight features of twelve and are as good as each other, and one that knows all."""
    return {"eight": model(x), "other eight": model(x, shifted(1)), "all": x}


# Concepts


def small_concept(n: int, t: int) -> Callable[..., Iterator[Found]]:
    def draw(rng: np.random.Generator) -> Iterator[Found]:
        x = objects(n, rng)
        triplets = answered(x, drawn_triplets(n, t, rng), rng)
        found = pyalign.score_concepts(models(x), triplets, categories=["all"] * n, ci="objects", min_triplets=t)
        for name, one in zip(("accuracy", "", "accuracy of the better"), found.results, strict=True):
            if name:
                yield Found.of(name, one.concepts[0].accuracy, one.concepts[0].ci)
        (equal,) = [one for one in found.differences if {one.embeddings, one.other} == {"eight", "other eight"}]
        yield Found.of("difference", equal.difference, equal.ci)

    return draw


@cache
def rates() -> np.ndarray:
    """Over all objects: how often the first of `models` is right, the second, the third, and the first two."""
    found = []
    for x, triplets in fresh(np.random.default_rng(3), False, TRUTH):
        right = [pyalign.odd_one_out(rows, triplets) == 2 for rows in models(x).values()]
        found.append([*(one.mean() for one in right), (right[0] & right[1]).mean()])
    return np.mean(found, axis=0)


def true_accuracies(rng: np.random.Generator) -> dict[str, float]:
    return {"accuracy": rates()[0], "accuracy of the better": rates()[2], "difference": 0.0}


# Error consistency


def consistent(n: int, t: int, by: str, method: str) -> Callable[..., Iterator[Found]]:
    """Kappa of the two models that know other features."""

    def draw(rng: np.random.Generator) -> Iterator[Found]:
        x = objects(n, rng)
        triplets = answered(x, drawn_triplets(n, t, rng), rng)
        two = dict(list(models(x).items())[:2])
        pair = pyalign.error_consistency(two, triplets, ci=pyalign.Resampling(by, method)).pairs[0]
        yield Found.of("kappa", pair.kappa, pair.ci)

    return draw


def true_kappa(rng: np.random.Generator) -> dict[str, float]:
    a, b, _, both = rates()
    return {"kappa": 2 * (both - a * b) / (a + b - 2 * a * b)}


def cases() -> Iterator[Case]:
    for n, t in SMALL:
        yield Case("concepts", f"concept n={n} t={t}", "objects", sizes(n, t), small_concept(n, t), true_accuracies,
                   ASKED, 0.6)  # fmt: skip
    held = {"kappa": (0.91, 0.97)}
    for n, t, by, method, asked in (
        (60, 900, "objects", CLOSED, held), (60, 900, "objects", BOOTSTRAP, {"kappa": (0.89, 0.97)}),
        (60, 900, "objects", PIGEONHOLE, {}), (200, 5_000, "objects", CLOSED, held), (60, 900, "triplets", CLOSED, {}),
    ):  # fmt: skip
        over = by if method == CLOSED else f"{by}, {method}"
        yield Case("consistency", f"consistency n={n} t={t}, {over}", over, sizes(n, t), consistent(n, t, by, method),
                   true_kappa, asked, 0.6)  # fmt: skip


CASES = [replace(one, number=crc32(one.name.encode())) for one in cases()]

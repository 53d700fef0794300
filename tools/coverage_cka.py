"""The cases of tools/intervals.py about similarities between models: their intervals over objects, and differences.

The truth is the mean over draws of so many objects: scores such as linear CKA and shares of neighbours depend on how
many there are. Two models know eight features of twelve, six of them in common; the third knows four, and noise. So the
first is more like the second than like the third. Two that are as much like a third are in a case of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from zlib import crc32

import numpy as np
from coverage_cases import NOMINAL, SEEN, SIZE, Case, Found, model, objects, shifted

import pyalign
from pyalign.pairwise.representation import REPRESENTATION_MEASURES

HALVES = 60
CELLS = [
    # objects, measure, share of the draws
    (50, "debiased-cka", 1.0),
    (92, "debiased-cka", 1.0),
    (92, "linear-cka", 1.0),
    (92, "debiased-rbf-cka:sigma=4", 1.0),
    (92, "rsa-spearman", 0.5),
    (92, "mutual-knn:10", 0.3),
    (92, "procrustes", 0.3),
]


def three(x: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """The models; see the module."""
    noisy = model(x, SEEN[:4]) + rng.normal(size=(len(x), 4))
    return {"a": model(x), "b": model(x, shifted(1)), "c": noisy}


def found_of(models: dict[str, np.ndarray], measure: str) -> pyalign.results.SimilarityMatrix:
    """What pyalign says; half-samples are few, to save time."""
    matrices = REPRESENTATION_MEASURES[measure.partition(":")[0]].family == "matrix"
    ci = pyalign.Resampling("objects", *(("corrected",) if matrices else ("half-samples", HALVES)))
    return pyalign.cka(models, measure=measure, n_permutations=0, ci=ci)[0]


def held(n: int, measure: str) -> Callable[..., Iterator[Found]]:
    def draw(rng: np.random.Generator) -> Iterator[Found]:
        found = found_of(three(objects(n, rng), rng), measure)
        for quantity, one in (("near", found.scores[0]), ("far", found.scores[1])):
            yield Found.of(quantity, one.similarity, one.ci)
        yield Found.of("difference", found.differences[0].difference, found.differences[0].ci)

    return draw


def equally_alike(n: int, measure: str) -> Callable[..., Iterator[Found]]:
    """A model that is as much like either of two others: the features of the world may be shifted by two."""

    def draw(rng: np.random.Generator) -> Iterator[Found]:
        x = objects(n, rng)
        one = found_of({"a": model(x, shifted(1)), "b": model(x), "c": model(x, shifted(2))}, measure).differences[0]
        yield Found("p <= 0.05", one.difference, one.ci.error, rejected=one.p_value <= 0.05)

    return draw


def cases() -> Iterator[Case]:
    for n, measure, share in CELLS:
        yield Case(
            "cka", f"cka n={n} {measure.replace(':', ' ')}", "objects", f"{n} objects", held(n, measure),
            asked=dict.fromkeys(("near", "far", "difference"), NOMINAL), centred=True, share=share,
        )  # fmt: skip
    for n in (50, 92):
        draw = equally_alike(n, "debiased-cka")
        yield Case(
            "cka null", f"equally alike n={n} debiased-cka", "objects", f"{n} objects", draw,
            asked={"p <= 0.05": SIZE}, rejects=True, centred=True,
        )  # fmt: skip


CASES = [replace(one, number=crc32(one.name.encode())) for one in cases()]

"""Accuracy per concept beside the interval of the whole, and its assignment beside the published one."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

import pyalign
from benchmarks.cases import SEED, Case, embeddings, triplets
from benchmarks.timing import Contender
from pyalign.concept.assign import assigned

CONCEPTS, RESAMPLES = 66, 1000
PUBLISHED_SLICE = 20_000  # triplets on which a call for each triplet is timed


@lru_cache(maxsize=1)
def dimensions(case: Case) -> np.ndarray:
    """(n, 66) numbers from 0 up, a few of them large and the first most often, as those of people are."""
    rng = np.random.default_rng([SEED, case.n])
    found: np.ndarray = rng.gamma(0.3, size=(case.n, CONCEPTS)) / np.sqrt(1.0 + np.arange(CONCEPTS))
    return found


def our_assignment(case: Case) -> Contender:
    """The largest of the mean of the pair's two rows."""
    t, human = triplets(case), dimensions(case)
    return Contender(lambda: assigned(t, human).codes[:, 0])


def published_assignment(case: Case) -> Contender:
    """A call for each triplet, as published; timed on a part of them."""
    t, human = triplets(case)[:PUBLISHED_SLICE], dimensions(case)

    def check(codes: np.ndarray) -> None:
        np.testing.assert_array_equal(assigned(t, human).codes[:, 0], codes)

    def call() -> np.ndarray:
        return np.apply_along_axis(lambda row: np.argmax(np.mean(human[row[:2]], axis=0)), 1, t)

    return Contender(call, share=len(t) / case.t, check=check)


def our_concepts(case: Case) -> Contender:
    """All 66 concepts and the whole, with intervals by 1,000 resamples of the objects."""
    x, t, human = embeddings(case), triplets(case), dimensions(case)
    plan = pyalign.Resampling("objects", "bootstrap", RESAMPLES)
    return Contender(lambda: pyalign.concepts(x, t, human, ci=plan))


def whole_alone(case: Case) -> Contender:
    """The score of all triplets with the same resamples."""
    x, t = embeddings(case), triplets(case)
    plan = pyalign.Resampling("objects", "bootstrap", RESAMPLES)
    return Contender(lambda: pyalign.score(x, t, ci=plan))

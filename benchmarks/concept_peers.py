"""Accuracy per concept beside the interval of the whole, its assignment and error consistency beside plain numpy."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

import pyalign
from benchmarks.cases import SEED, Case, embeddings, triplets
from benchmarks.timing import Contender
from pyalign.concept.dimensions import assigned

CONCEPTS, RESAMPLES = 66, 1000
MODELS, NUMPY_RESAMPLES = 10, 2  # of error consistency; numpy is timed on a few resamples
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
    return Contender(lambda: pyalign.score_concepts(x, t, human, ci=plan))


def whole_alone(case: Case) -> Contender:
    """The score of all triplets with the same resamples."""
    x, t = embeddings(case), triplets(case)
    plan = pyalign.Resampling("objects", "bootstrap", RESAMPLES)
    return Contender(lambda: pyalign.score(x, t, ci=plan))


@lru_cache(maxsize=1)
def _models(case: Case) -> dict[str, np.ndarray]:
    """Ten models, each the same rows with noise of its own."""
    rng, x = np.random.default_rng(SEED), embeddings(case)
    return {f"model {k}": x + rng.normal(size=x.shape).astype(np.float32) for k in range(MODELS)}


def our_consistency(case: Case) -> Contender:
    """The kappas of every two of ten models with intervals by 1,000 resamples of the objects."""
    models, t = _models(case), triplets(case)
    plan = pyalign.Resampling("objects", "bootstrap", RESAMPLES)
    return Contender(lambda: pyalign.error_consistency(models, t, ci=plan))


def numpy_consistency(case: Case) -> Contender:
    """The same kappas from weighted counts, a matrix product for each resample, whose choices are there already."""
    models, t = _models(case), triplets(case)
    right = np.stack([pyalign.odd_one_out(x, t) == 2 for x in models.values()])
    rows = right.astype(np.float32)
    rng = np.random.default_rng(SEED)

    def kappas(weights: np.ndarray) -> np.ndarray:
        total, single, both = weights.sum(dtype=float), rows @ weights, (rows * weights) @ rows.T
        observed = 1 - (single[:, None] + single[None] - 2 * both) / total
        share = single / total
        expected = share[:, None] * share[None] + (1 - share[:, None]) * (1 - share[None])
        found: np.ndarray = (observed - expected) / (1 - expected)
        return found

    def call() -> list[np.ndarray]:
        found = []
        for _ in range(NUMPY_RESAMPLES):
            counts = np.bincount(rng.integers(case.n, size=case.n), minlength=case.n).astype(np.float32)
            found.append(kappas(counts[t[:, 0]] * counts[t[:, 1]] * counts[t[:, 2]]))
        return found

    def check(found: list[np.ndarray]) -> None:
        pairs = pyalign.error_consistency(models, t, ci=None).pairs
        a, b = np.triu_indices(MODELS, 1)
        whole = kappas(np.ones(len(t), np.float32))[a, b]
        np.testing.assert_allclose([pair.kappa for pair in pairs], whole, atol=1e-4)

    return Contender(call, share=NUMPY_RESAMPLES / RESAMPLES, check=check)

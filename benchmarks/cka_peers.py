"""CKA of models with each other: a permutation of its null, and all pairs of many models.

Figures are seconds of processor time, or of the clock where `clock` says so: of a whole call, divided by what it did.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import lru_cache
from itertools import combinations
from typing import Any

import numpy as np

import pyalign
from benchmarks.cases import SEED, Case, embeddings

PERMUTATIONS = 200
FEW_PERMUTATIONS = 4  # of the peer, whose time is in proportion to them
WIDTHS = (512, 768, 1024, 2048, 4096)  # of four models each
PAIRS = ((0, 1), (2, 3), (4, 0), (1, 2), (3, 4))  # on which the loop over pairs is timed: each width twice
Clock = Callable[[], float]
Seconds = Callable[[Case], float]


def two_models(case: Case) -> tuple[np.ndarray, np.ndarray]:
    """(n, d) float32 each, which share something."""
    x = embeddings(case)
    rng = np.random.default_rng([SEED, case.n, case.d, 2])
    turn = rng.standard_normal((case.d, case.d), dtype=np.float32) / np.float32(np.sqrt(case.d))
    return x, np.tanh(4 * x @ turn)


def our_permutation(clock: Clock = time.process_time) -> Seconds:
    """All of `pyalign.cka` with 200 permutations, by its permutations."""

    def seconds(case: Case) -> float:
        x, y = two_models(case)
        start = clock()
        pyalign.cka({"x": x, "y": y}, measure="linear-cka", n_permutations=PERMUTATIONS)
        return (clock() - start) / PERMUTATIONS

    return seconds


def their_permutation(similarity: Callable[[Any, Any], Any], clock: Clock = time.process_time) -> Seconds:
    """`calibrated_similarity.calibrate` of that function, by its permutations and the observed score."""

    def seconds(case: Case) -> float:
        import torch
        from calibrated_similarity import calibrate

        x, y = map(torch.from_numpy, two_models(case))
        ours = pyalign.cka({"x": x, "y": y}, measure="linear-cka", n_permutations=0)[0].matrix[0][1]
        np.testing.assert_allclose(float(similarity(x, y)), ours, atol=1e-4)
        start = clock()
        calibrate(x, y, similarity, K=FEW_PERMUTATIONS)
        return (clock() - start) / (FEW_PERMUTATIONS + 1)

    return seconds


def gram_form(x: Any, y: Any) -> Any:
    """CKA of the matrices (n, n), each as often as the formula names it: the way that the package's page shows."""
    x, y = x - x.mean(0), y - y.mean(0)
    cross, own, other = ((a @ a.T * (b @ b.T)).sum() for a, b in ((x, y), (x, x), (y, y)))
    return cross / (own * other).sqrt()


def feature_form(x: Any, y: Any) -> Any:
    """CKA of the features: |X'Y|^2 / (|X'X| |Y'Y|)."""
    x, y = x - x.mean(0), y - y.mean(0)
    return (x.T @ y).square().sum() / ((x.T @ x).norm() * (y.T @ y).norm())


@lru_cache(maxsize=1)
def many_models(case: Case) -> dict[str, np.ndarray]:
    """Twenty models of up to d features, float32."""
    rng = np.random.default_rng([SEED, case.n, case.d, 20])
    common = rng.standard_normal((case.n, 32), dtype=np.float32)
    widths = [min(d, case.d) for d in WIDTHS * 4]
    return {f"{k}": common @ rng.standard_normal((32, d), dtype=np.float32)
            + rng.standard_normal((case.n, d), dtype=np.float32) for k, d in enumerate(widths)}


def our_pairs(clock: Clock = time.process_time) -> Seconds:
    """All pairs in one call."""

    def seconds(case: Case) -> float:
        models = many_models(case)
        start = clock()
        pyalign.cka(models, measure="debiased-cka", n_permutations=0)
        return clock() - start

    return seconds


def loop_over_pairs(clock: Clock = time.process_time) -> Seconds:
    """thingsvision's way, restated: a comparison of each pair, by itself. On some pairs, multiplied to all."""

    def seconds(case: Case) -> float:
        models = list(many_models(case).values())
        ours = pyalign.cka({"x": models[0], "y": models[1]}, measure="debiased-cka", n_permutations=0)[0].matrix[0][1]
        start = clock()
        found = [_debiased(models[i], models[j]) for i, j in PAIRS]
        spent = clock() - start
        np.testing.assert_allclose(found[0], ours, atol=1e-4)
        return spent * len(list(combinations(models, 2))) / len(PAIRS)

    return seconds


def _debiased(x: np.ndarray, y: np.ndarray) -> float:
    """Of each of three HSICs both matrices are made, looked at for symmetry and centred anew."""
    cross, own, other = ((_centred(a @ a.T) * _centred(b @ b.T)).sum() for a, b in ((x, y), (x, x), (y, y)))
    return float(cross / np.sqrt(own * other))


def _centred(kernel: np.ndarray) -> np.ndarray:
    if not np.allclose(kernel, kernel.T, rtol=1e-3, atol=1e-4):
        raise ValueError("no symmetric matrix")
    n = len(kernel)
    np.fill_diagonal(kernel, 0)
    means = kernel.sum(axis=0, dtype=np.float64) / (n - 2)
    means -= means.sum() / (2 * (n - 1))
    kernel -= means[:, None]
    kernel -= means[None, :]
    np.fill_diagonal(kernel, 0)
    return kernel

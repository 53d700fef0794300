"""Agreement of neighbours with relabellings, beside numpy with sets of Python, as it is commonly written."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

import pyalign
from benchmarks.cases import SEED, Case, embeddings
from benchmarks.timing import Contender

K, PERMUTATIONS, FEW = 10, 999, 3


@lru_cache(maxsize=1)
def people(case: Case) -> np.ndarray:
    """(n, d) what people see of the rows through noise."""
    noise = np.random.default_rng([SEED, case.n]).normal(size=(case.n, case.d))
    found: np.ndarray = (embeddings(case) + 0.5 * noise).astype(np.float32)
    return found


def ours(case: Case) -> Contender:
    """Overlap, rank-biased overlap, and 999 relabellings of both."""
    x, human = embeddings(case), people(case)
    return Contender(lambda: pyalign.neighborhoods(x, human, k=K, ci=None, n_permutations=PERMUTATIONS))


def sets(case: Case) -> Contender:
    """The overlap alone, an intersection for each object and relabelling, timed on a few; the search is not counted."""
    x, human = embeddings(case), people(case)
    expected = pyalign.neighborhoods(x, human, k=K, ci=None, n_permutations=0)[0].overlap
    rng = np.random.default_rng(0)

    def lists(rows: np.ndarray) -> np.ndarray:
        unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        cosines = unit @ unit.T
        np.fill_diagonal(cosines, -np.inf)
        found: np.ndarray = np.argsort(-cosines, axis=1, kind="stable")[:, :K]
        return found

    def overlap(a: np.ndarray, b: np.ndarray, order: np.ndarray) -> float:
        moved = order[a].tolist()
        theirs = b[order].tolist()
        return sum(len(set(p) & set(q)) for p, q in zip(moved, theirs, strict=True)) / (K * len(a))

    a, b = lists(x), lists(human)

    def few() -> float:
        for _ in range(FEW):
            overlap(a, b, rng.permutation(case.n))
        return overlap(a, b, np.arange(case.n))

    def check(found: float) -> None:
        assert abs(found - expected) < 1e-3, (found, expected)

    return Contender(few, share=(1 + FEW) / (1 + PERMUTATIONS), check=check)

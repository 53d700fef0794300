"""RSA beside scipy, rsatoolbox and a loop in numpy: CPU seconds where it is said, since some of them use one thread."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

import pyalign
from benchmarks.cases import SEED, Case, embeddings
from benchmarks.timing import Contender
from pyalign.pairwise.correlations import correlate

PEOPLE = 16
RESAMPLES = 1000  # and permutations
FEW = 3  # resamples with which loops in Python are timed
Build = Callable[[Case], Contender]


@lru_cache(maxsize=2)
def people(case: Case, count: int = 1) -> np.ndarray:
    """(count, n, n) dissimilarities of people who see the rows through noise."""
    rng, x = np.random.default_rng([SEED, case.n]), embeddings(case)
    found = []
    for _ in range(count):
        y = x.astype(np.float64) + 0.5 * rng.normal(size=x.shape)
        found.append(1.0 - pyalign.similarity(y, measure="pearson"))
    return np.stack(found)


@lru_cache(maxsize=2)
def two_lists(case: Case) -> tuple[np.ndarray, np.ndarray]:
    """The pairs of a model and of one person, float64 (m,)."""
    upper = np.triu_indices(case.n, 1)
    model = 1.0 - pyalign.similarity(embeddings(case).astype(np.float64), measure="pearson")
    return model[upper], people(case)[0][upper]


def cpu_seconds(make: Callable[[Case], Callable[[], Any]], share: float = 1.0) -> Build:
    """A contender that reports the CPU seconds of all its threads."""

    def build(case: Case) -> Contender:
        call = make(case)

        def figure() -> float:
            start = time.process_time()
            call()
            return (time.process_time() - start) / share

        return Contender(figure, reports=True)

    return build


def our_correlation(name: str) -> Callable[[Case], Callable[[], Any]]:
    def make(case: Case) -> Callable[[], Any]:
        a, b = two_lists(case)
        return lambda: correlate(a, b, name)

    return make


def scipy_correlation(name: str) -> Callable[[Case], Callable[[], Any]]:
    def make(case: Case) -> Callable[[], Any]:
        from scipy import stats

        function, (a, b) = {"spearman": stats.spearmanr, "kendall": stats.kendalltau}[name], two_lists(case)
        np.testing.assert_allclose(function(a, b).statistic, correlate(a, b, name), atol=1e-9)
        return lambda: function(a, b)

    return make


def rsatoolbox_correlation(name: str) -> Callable[[Case], Callable[[], Any]]:
    def make(case: Case) -> Callable[[], Any]:
        from rsatoolbox.rdm import RDMs, compare

        a, b = (RDMs(values[None]) for values in two_lists(case))
        np.testing.assert_allclose(compare(a, b, name)[0, 0], correlate(*two_lists(case), name), atol=1e-9)
        return lambda: compare(a, b, name)

    return make


def our_dual_bootstrap(case: Case) -> Callable[[], Any]:
    """Objects, people, both: the mean over people and the correlation with their mean, of 1,000 resamples."""
    x, human = embeddings(case), people(case, PEOPLE)
    plan = pyalign.Resampling("auto", "bootstrap", RESAMPLES)
    return lambda: pyalign.rsa(x, human, kind="dissimilarity", correlation="rho-a", ci=plan)


def rsatoolbox_dual_bootstrap(case: Case) -> Callable[[], Any]:
    """The same of a few; its ceilings are part of it."""
    from rsatoolbox.inference import eval_dual_bootstrap
    from rsatoolbox.model import ModelFixed
    from rsatoolbox.rdm import RDMs

    model = ModelFixed("rows", RDMs(1.0 - pyalign.similarity(embeddings(case), measure="pearson")[None]))
    human = RDMs(people(case, PEOPLE))
    return lambda: eval_dual_bootstrap(model, human, method="rho-a", N=FEW, use_correction=False)


def our_inference(case: Case) -> Contender:
    """1,000 resamples and 1,000 permutations of Spearman's correlation, from the rows on."""
    x, human = embeddings(case), people(case)[0]
    plan = pyalign.Resampling("auto", "bootstrap", RESAMPLES)
    return Contender(lambda: pyalign.rsa(x, human, kind="dissimilarity", ci=plan, n_permutations=RESAMPLES))


def numpy_inference(case: Case) -> Contender:
    """A loop over resamples and permutations, each ranked by scipy; timed on a few of both."""
    from scipy.stats import rankdata

    n, upper = case.n, np.triu_indices(case.n, 1)
    model = 1.0 - pyalign.similarity(embeddings(case), measure="pearson").astype(np.float64)
    human, rng = people(case)[0], np.random.default_rng(0)

    def correlation(a: np.ndarray, b: np.ndarray) -> float:
        return float(np.corrcoef(rankdata(a), rankdata(b))[0, 1])

    def few() -> list[float]:
        found = []
        for _ in range(FEW):
            drawn = np.sort(rng.integers(0, n, n))
            i, j = drawn[upper[0]], drawn[upper[1]]
            apart = i != j
            found.append(correlation(model[i[apart], j[apart]], human[i[apart], j[apart]]))
            order = rng.permutation(n)
            found.append(correlation(model[order[upper[0]], order[upper[1]]], human[upper]))
        return found

    return Contender(few, share=FEW / RESAMPLES)

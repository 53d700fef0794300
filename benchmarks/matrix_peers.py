"""Similarity matrices and what is made of them, beside their peers: choices, RSA, CKA, neighbors.

Every function returns the call that is timed, as in `peers.py`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from itertools import combinations, pairwise
from typing import Any

import numpy as np
from numpy.testing import assert_allclose as close

import pyalign
from benchmarks import cases
from benchmarks.cases import MB, SEED, Case, embeddings, unit_rows
from benchmarks.processes import memory
from benchmarks.timing import FEW, FEWER, MANY, SOME, SUBJECT, Call, Comparison, Way, bound
from pyalign.pairwise.correlations import correlate

Matrix = Callable[[], np.ndarray]
CORES = len(os.sched_getaffinity(0))
ROW_SLICE = 256  # rows with which scipy's cdist is timed, and that are compared
CHOICE_SLICE = 128  # items with which the loop over all third items is timed
DISTANCE_TOLERANCE = 2e-3  # by the product route in float32, |x|^2 about 7
PEOPLE, RESAMPLES = 16, 1000  # of RSA; as many permutations
LOOPS = 3  # resamples with which loops in Python are timed
CKA_PERMUTATIONS, FEW_PERMUTATIONS = 200, 4  # ours, and of the peer, whose time is in proportion to them
WIDTHS = (512, 768, 1024, 2048, 4096)  # of four models each
PAIRS = ((0, 1), (2, 3), (4, 0), (1, 2), (3, 4))  # on which the loop over pairs is timed: each width twice
K, QUERIES, BLOCK = 20, 4096, 1024  # neighbors; queries with which all are timed, and of a block in numpy
SET_K, RELABELINGS = 10, 999


# ---------------------------------------------------------------- all similarities


def our_matrix(x: np.ndarray, measure: str) -> Matrix:
    return lambda: pyalign.similarity(x, measure=measure)


def numpy_product(x: np.ndarray) -> Matrix:
    """The bare product; the rows have been brought to length 1 beforehand."""
    unit = unit_rows(x)
    return lambda: unit @ unit.T


def product_of_two(x: np.ndarray, y: np.ndarray) -> Matrix:
    """BLAS's product of two matrices; of one with itself numpy would ask it for half."""
    return lambda: x @ y.T


def torch_cosine(x: np.ndarray) -> Matrix:
    """Unit rows, then the product."""
    import torch

    rows = torch.from_numpy(x)

    def cosine() -> np.ndarray:
        unit = torch.nn.functional.normalize(rows)
        return np.asarray(unit @ unit.T)

    return cosine


def torch_distances(x: np.ndarray) -> Matrix:
    """`torch.cdist`, which takes the route through the product at this size."""
    import torch

    rows = torch.from_numpy(x)
    return lambda: np.asarray(torch.cdist(rows, rows))


def sklearn_cosine(x: np.ndarray) -> Matrix:
    """`cosine_similarity`."""
    from sklearn.metrics.pairwise import cosine_similarity

    return lambda: cosine_similarity(x)


def sklearn_distances(x: np.ndarray) -> Matrix:
    """`pairwise_distances` with its default metric, Euclidean; its product runs on all cores."""
    from sklearn.metrics import pairwise_distances

    return lambda: pairwise_distances(x)


def scipy_distances(x: np.ndarray, rows: int) -> Matrix:
    """`cdist` of the first `rows` rows with all: it takes seconds for all, in proportion to the rows."""
    from scipy.spatial.distance import cdist

    return lambda: cdist(x[:rows], x)


def numkong_angles(x: np.ndarray) -> Matrix:
    """1 - cosine, float64. NumKong has one thread: each core gets a slice of the rows."""
    import numkong

    def all_pairs() -> np.ndarray:
        packed, out = numkong.dots_pack(x, dtype="float32"), numkong.empty((len(x), len(x)), dtype="float64")
        ends = np.linspace(0, len(x), CORES + 1, dtype=int).tolist()
        with ThreadPoolExecutor(CORES) as pool:
            parts = [pool.submit(numkong.angulars_packed, x, packed, out=out, start_row=a, end_row=b)
                     for a, b in pairwise(ends)]
        [part.result() for part in parts]
        return np.asarray(out)

    return all_pairs


def same_matrix(theirs: np.ndarray, ours: np.ndarray) -> None:
    """Equal in some rows, off the diagonal: a peer's distance of a row to itself is mere rounding."""
    some, found = ours[:ROW_SLICE], theirs[:ROW_SLICE]
    off = np.not_equal(*np.indices(some.shape))
    close(found[off], some[off], rtol=0, atol=DISTANCE_TOLERANCE)


# ---------------------------------------------------------------- choices


def our_choices(x: np.ndarray, temperature: float = 1.0) -> Matrix:
    return lambda: np.asarray(pyalign.choice_similarity(x, temperature=temperature))


def numba_loop(x: np.ndarray, rows: int = CHOICE_SLICE) -> Matrix:
    """SPoSE's loop over i < j and all k, one thread, for the first `rows` items i; its exponentials are given."""
    import numba

    rows = min(rows, len(x))

    @numba.njit
    def loop(e: np.ndarray, rows: int) -> np.ndarray:
        n = len(e)
        kept = np.zeros((rows, n))
        for i in range(rows):
            for j in range(i + 1, n):
                for k in range(n):
                    if k != i and k != j:
                        kept[i, j] += e[i, j] / (e[i, j] + e[i, k] + e[j, k])
        return kept / (n - 2)

    wide = x.astype(np.float64)
    e = np.exp(wide @ wide.T)
    return lambda: np.asarray(loop(e, rows))


def share_of(n: int, rows: int) -> float:
    """How much of the work the first `rows` of n items are: pairs i < j with i among them."""
    return rows * (2 * n - rows - 1) / (n * (n - 1))


def same_probabilities(theirs: np.ndarray, ours: np.ndarray) -> None:
    """Equal above the diagonal, in the rows that the peer has; ours in float32."""
    above = np.triu(np.ones(theirs.shape, bool), 1)
    close(theirs[above], ours[: len(theirs)][above], rtol=0, atol=1e-5)


# ---------------------------------------------------------------- RSA


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


def scipy_correlation(lists: tuple[np.ndarray, np.ndarray]) -> Call:
    from scipy.stats import spearmanr

    return lambda: spearmanr(*lists).statistic


def rsatoolbox_correlation(lists: tuple[np.ndarray, np.ndarray]) -> Call:
    from rsatoolbox.rdm import RDMs, compare

    a, b = (RDMs(values[None]) for values in lists)
    return lambda: compare(a, b, "spearman")[0, 0]


def our_dual_bootstrap(case: Case) -> Call:
    """Objects, people, both: the mean over people and the correlation with their mean, of 1,000 resamples."""
    x, human = embeddings(case), people(case, PEOPLE)
    plan = pyalign.Resampling("auto", "bootstrap", RESAMPLES)
    return lambda: pyalign.rsa(x, human, kind="dissimilarity", correlation="rho-a", ci=plan)


def rsatoolbox_dual_bootstrap(case: Case) -> Call:
    """The same of a few; its ceilings are part of it."""
    from rsatoolbox.inference import eval_dual_bootstrap
    from rsatoolbox.model import ModelFixed
    from rsatoolbox.rdm import RDMs

    model = ModelFixed("rows", RDMs(1.0 - pyalign.similarity(embeddings(case), measure="pearson")[None]))
    human = RDMs(people(case, PEOPLE))
    return lambda: eval_dual_bootstrap(model, human, method="rho-a", N=LOOPS, use_correction=False)


def our_inference(case: Case) -> Call:
    """1,000 resamples and 1,000 permutations of Spearman's correlation, from the rows on."""
    x, human = embeddings(case), people(case)[0]
    plan = pyalign.Resampling("auto", "bootstrap", RESAMPLES)
    return lambda: pyalign.rsa(x, human, kind="dissimilarity", ci=plan, n_permutations=RESAMPLES)


def numpy_inference(case: Case) -> Call:
    """A loop over resamples and permutations, each ranked by scipy; timed on a few of both."""
    from scipy.stats import rankdata

    n, upper = case.n, np.triu_indices(case.n, 1)
    model = 1.0 - pyalign.similarity(embeddings(case), measure="pearson").astype(np.float64)
    human, rng = people(case)[0], np.random.default_rng(0)

    def correlation(a: np.ndarray, b: np.ndarray) -> float:
        return float(np.corrcoef(rankdata(a), rankdata(b))[0, 1])

    def few() -> list[float]:
        found = []
        for _ in range(LOOPS):
            drawn = np.sort(rng.integers(0, n, n))
            i, j = drawn[upper[0]], drawn[upper[1]]
            apart = i != j
            found.append(correlation(model[i[apart], j[apart]], human[i[apart], j[apart]]))
            order = rng.permutation(n)
            found.append(correlation(model[order[upper[0]], order[upper[1]]], human[upper]))
        return found

    return few


# ---------------------------------------------------------------- CKA


@lru_cache(maxsize=1)
def two_models(case: Case) -> tuple[np.ndarray, np.ndarray]:
    """(n, d) float32 each, which share something."""
    x = embeddings(case)
    rng = np.random.default_rng([SEED, case.n, case.d, 2])
    turn = rng.standard_normal((case.d, case.d), dtype=np.float32) / np.float32(np.sqrt(case.d))
    return x, np.tanh(4 * x @ turn)


def our_permutations(models: tuple[np.ndarray, np.ndarray]) -> Call:
    """`pyalign.cka` with its permutations; the result is the observed score."""
    named = dict(zip("xy", models, strict=True))
    return lambda: pyalign.cka(named, measure="linear-cka", n_permutations=CKA_PERMUTATIONS)[0].matrix[0][1]


def their_permutations(models: tuple[np.ndarray, np.ndarray], similarity: Callable[[Any, Any], Any]) -> Call:
    """`calibrated_similarity.calibrate` of that function, with a few permutations and the observed score."""
    import torch
    from calibrated_similarity import calibrate

    x, y = map(torch.from_numpy, models)
    observed = float(similarity(x, y))

    def call() -> float:
        calibrate(x, y, similarity, K=FEW_PERMUTATIONS)
        return observed

    return call


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


def our_pairs(models: dict[str, np.ndarray]) -> Call:
    """All pairs in one call; the result is the first."""
    return lambda: pyalign.cka(models, measure="debiased-cka", n_permutations=0)[0].matrix[0][1]


def loop_over_pairs(models: dict[str, np.ndarray]) -> Call:
    """thingsvision's way, restated: a comparison of each pair, by itself."""
    rows = list(models.values())
    return lambda: [_debiased(rows[i], rows[j]) for i, j in PAIRS]


def _debiased(x: np.ndarray, y: np.ndarray) -> float:
    """Of each of three HSICs both matrices are made, looked at for symmetry and centered anew."""
    cross, own, other = ((_centered(a @ a.T) * _centered(b @ b.T)).sum() for a, b in ((x, y), (x, x), (y, y)))
    return float(cross / np.sqrt(own * other))


def _centered(kernel: np.ndarray) -> np.ndarray:
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


# ---------------------------------------------------------------- neighbors


def our_neighbors(x: np.ndarray, backend: str) -> Matrix:
    """Some rows among all, from the rows as they are: checks, preparation and the order in float64 included.

    What is prepared once is charged for each such part.
    """
    return lambda: pyalign.neighbors(x, x[:QUERIES], K + 1, index="flat", backend=backend).indices


def faiss_flat(x: np.ndarray) -> Matrix:
    """`faiss.knn`, in float32, each row its own neighbor."""
    import faiss

    unit = unit_rows(x)
    return lambda: faiss.knn(unit[:QUERIES], unit, K + 1, metric=faiss.METRIC_INNER_PRODUCT)[1]


def numpy_blocks(x: np.ndarray) -> Matrix:
    """A product of each block of rows with all, and `argpartition`."""
    unit = unit_rows(x)

    def search() -> np.ndarray:
        found = []
        for start in range(0, min(QUERIES, len(unit)), BLOCK):
            scores = unit[start : min(start + BLOCK, QUERIES)] @ unit.T
            near = np.argpartition(scores, len(unit) - K - 1, axis=1)[:, -K - 1 :]
            order = np.argsort(-np.take_along_axis(scores, near, 1), axis=1)
            found.append(np.take_along_axis(near, order, 1))
        return np.concatenate(found)

    return search


def same_neighbors(theirs: np.ndarray, ours: np.ndarray) -> None:
    """What we find but where float32 can't tell."""
    shared = np.mean([np.isin(a, b).mean() for a, b in zip(theirs, ours, strict=True)])
    assert shared > 0.999, f"{shared} of the neighbors are the same"


@lru_cache(maxsize=1)
def seen(case: Case) -> np.ndarray:
    """(n, d) what people see of the rows through noise."""
    noise = np.random.default_rng([SEED, case.n]).normal(size=(case.n, case.d))
    return np.asarray((embeddings(case) + 0.5 * noise).astype(np.float32))


def our_agreement(x: np.ndarray, human: np.ndarray) -> Call:
    """Overlap, rank-biased overlap, and 999 relabelings of both."""
    found = partial(pyalign.neighborhoods, x, human, k=SET_K, ci=None, n_permutations=RELABELINGS)
    return lambda: found()[0].overlap


def sets(x: np.ndarray, human: np.ndarray) -> Call:
    """The overlap alone, an intersection for each object and relabeling, timed on a few; the search is not counted."""
    rng, n = np.random.default_rng(0), len(x)

    def lists(rows: np.ndarray) -> np.ndarray:
        unit = unit_rows(rows)
        cosines = unit @ unit.T
        np.fill_diagonal(cosines, -np.inf)
        return np.argsort(-cosines, axis=1, kind="stable")[:, :SET_K]

    a, b = lists(x), lists(human)

    def overlap(order: np.ndarray) -> float:
        moved, theirs = order[a].tolist(), b[order].tolist()
        return sum(len(set(p) & set(q)) for p, q in zip(moved, theirs, strict=True)) / (SET_K * n)

    def few() -> float:
        for _ in range(LOOPS):
            overlap(rng.permutation(n))
        return overlap(np.arange(n))

    return few


# ---------------------------------------------------------------- the comparisons


def _matrices(measure: str, rounds: int, ways: dict[str, Way]) -> Comparison:
    ways = {SUBJECT: Way(partial(our_matrix, measure=measure)), **ways}
    return Comparison(f"similarity {measure}", cases.SQUARE, ways, rounds, (embeddings,), same_matrix)


def _distances(make: Callable[[np.ndarray], Matrix], share: float = 1.0) -> Way:
    return Way(make, share=share, seen=np.negative, at_least=1.5)


COSINE = _matrices("cosine", MANY, {
    "numpy product": Way(numpy_product, at_most=1.05),
    "torch": Way(torch_cosine, at_least=1),
    "scikit-learn": Way(sklearn_cosine, at_least=1),
    "numkong": Way(numkong_angles, seen=lambda angular: 1 - angular, at_least=1),
})
DISTANCES = _matrices("neg_euclidean", SOME, {
    "torch": _distances(torch_distances),
    "scipy": _distances(partial(scipy_distances, rows=ROW_SLICE), ROW_SLICE / cases.SQUARE.n),
    "scikit-learn": _distances(sklearn_distances),
})
# At most 1.05 of BLAS's time; of a matrix with itself, half of which is computed, at most 0.65 of that of the whole.
# Ours looks at all rows first.
PRODUCTS = tuple(
    Comparison(op, case, {
        SUBJECT: Way(lambda x, y, own=own: lambda: pyalign.similarity(x, None if own else y, measure="dot")),
        "numpy": Way(product_of_two, at_most=at_most),
    }, MANY, (lambda case: unit_rows(embeddings(case)),) * 2, same_matrix)
    for op, own, at_most in (("product", False, 1.05), ("product with itself", True, 0.65)) for case in cases.PRODUCTS
)
CHOICE = Comparison("choice_similarity", cases.THINGS_SPOSE, {
    SUBJECT: Way(our_choices),
    "numba": Way(numba_loop, share=share_of(cases.THINGS_SPOSE.n, CHOICE_SLICE), at_least=20),
    "pyalign float64": Way(lambda x: our_choices(x.astype(np.float64))),
    "pyalign T = 0.01": Way(partial(our_choices, temperature=0.01), checked=False),
}, SOME, (embeddings,), same_probabilities)


RSA = (
    Comparison("rsa spearman", cases.THINGS_PAIRS, {
        SUBJECT: Way(lambda lists: lambda: correlate(*lists, "spearman")),
        "scipy": Way(scipy_correlation, at_least=8), "rsatoolbox": Way(rsatoolbox_correlation, at_least=8),
    }, SOME, (two_lists,), partial(close, atol=1e-9), "CPU s", time.process_time),
    Comparison("rsa dual bootstrap", cases.OBJECTS92, {
        SUBJECT: Way(our_dual_bootstrap),
        "rsatoolbox": Way(rsatoolbox_dual_bootstrap, share=LOOPS / RESAMPLES, at_least=200),
    }, FEW, unit="CPU s", clock=time.process_time),
    Comparison("rsa inference", cases.THINGS_PAIRS, {
        SUBJECT: Way(our_inference), "20 seconds": bound(20.0),
        "numpy loop": Way(numpy_inference, share=LOOPS / RESAMPLES, at_least=50),
    }, FEW),
    memory("rsa pearson", cases.MANY_OBJECTS, 1000), memory("rsa spearman", cases.MANY_OBJECTS, 4000),
)


CKA = (  # the time of one permutation, and of all pairs of twenty models
    Comparison("cka permutation", cases.TWO_MODELS, {
        SUBJECT: Way(our_permutations, share=CKA_PERMUTATIONS),
        **{f"calibrated-similarity, {name}": Way(
            partial(their_permutations, similarity=form), share=FEW_PERMUTATIONS + 1, at_least=factor)
           for name, form, factor in (("Gram", gram_form, 40), ("features", feature_form, 8))},
    }, FEW, (two_models,), partial(close, atol=1e-4), clock=time.process_time),
    Comparison("cka of all pairs", cases.TWENTY_MODELS, {
        SUBJECT: Way(our_pairs),
        "loop over pairs": Way(loop_over_pairs, share=len(PAIRS) / len([*combinations(WIDTHS * 4, 2)]),
                               seen=lambda found: found[0], at_least=10),
    }, FEWER, (many_models,), partial(close, atol=1e-4), clock=time.process_time),
)
NEIGHBORS = (
    Comparison("neighbors", cases.NEAREST, {
        name: Way(make, share=QUERIES / cases.NEAREST.n, at_least=at_least) for name, make, at_least in (
            (SUBJECT, partial(our_neighbors, backend="native"), None),
            ("pyalign by faiss", partial(our_neighbors, backend="faiss"), None),
            ("faiss flat", faiss_flat, 1 / 1.1), ("numpy", numpy_blocks, 1.5))
    }, FEWER, (embeddings,), same_neighbors),
    memory("neighbors", cases.NEAREST, 1000 + cases.NEAREST.n * K * 16 / MB),
)
NEIGHBORHOODS = Comparison("neighbor agreement", cases.THINGS_PAIRS, {
    SUBJECT: Way(our_agreement), "sets": Way(sets, share=(1 + LOOPS) / (1 + RELABELINGS)),
}, FEW, (embeddings, seen), partial(close, rtol=0, atol=1e-3))

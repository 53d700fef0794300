"""Nearest neighbours by faiss and by numpy, as one writes them by hand: unit rows, inner products, the k largest."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np

import pyalign
from benchmarks.cases import Case, embeddings, unit_rows
from benchmarks.timing import Contender

K = 20
ROWS = 1024  # queries of a block in numpy
SOME = 4096  # queries with which all are timed; what we prepare once is charged for each such part
CHECKED = 100  # queries whose neighbours are compared


def ours(backend: str) -> Callable[[Case], Contender]:
    """Some rows among all, from the rows as they are: checks, preparation and the order in float64 included."""

    def build(case: Case) -> Contender:
        x = embeddings(case)
        some = x[: min(SOME, case.n)]
        return Contender(
            lambda: pyalign.neighbors(x, some, K + 1, index="flat", backend=backend), share=len(some) / case.n
        )

    return build


@lru_cache(maxsize=1)
def expected(case: Case) -> np.ndarray:
    """The neighbours of the first rows."""
    return pyalign.neighbors(embeddings(case), embeddings(case)[:CHECKED], K + 1, index="flat").indices


def _contender(case: Case, search: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Contender:
    """A peer on some of the queries, which must find what we find but where float32 can't tell."""
    unit = unit_rows(embeddings(case))
    found, true = search(unit[:CHECKED], unit), expected(case)
    shared = np.mean([np.isin(a, b).mean() for a, b in zip(found, true, strict=True)])
    assert shared > 0.999, f"{shared} of the neighbours are the same"
    some = unit[: min(SOME, case.n)]
    return Contender(lambda: search(some, unit), share=len(some) / case.n)


def faiss_flat(case: Case) -> Contender:
    """`faiss.knn`, in float32, each row its own neighbour."""
    import faiss

    return _contender(case, lambda queries, x: faiss.knn(queries, x, K + 1, metric=faiss.METRIC_INNER_PRODUCT)[1])


def numpy_blocks(case: Case) -> Contender:
    """A product of each block of rows with all, and `argpartition`."""

    def search(queries: np.ndarray, x: np.ndarray) -> np.ndarray:
        found = np.empty((len(queries), K + 1), np.int64)
        for start in range(0, len(queries), ROWS):
            scores = queries[start : start + ROWS] @ x.T
            near = np.argpartition(scores, len(x) - K - 1, axis=1)[:, -K - 1 :]
            order = np.argsort(-np.take_along_axis(scores, near, 1), axis=1)
            found[start : start + ROWS] = np.take_along_axis(near, order, 1)
        return found

    return _contender(case, search)

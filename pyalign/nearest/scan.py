"""The float32 searches that give candidates: our kernels in blocks, faiss's flat search, or an index of faiss."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from pyalign.backends.native import num_threads
from pyalign.errors import MissingExtraError
from pyalign.nearest.exact import Scan
from pyalign.nearest.space import Sought, Space
from pyalign.ops.similarity import similarity
from pyalign.ops.topk import topk

SCORES = 1 << 26  # float32 scores at once: 256 MB


def native_scan(space: Space) -> Scan:
    """A scan by the kernels of pyalign: inner products of some queries with all rows, then the largest of each."""
    rows = space.search
    buffers: list[np.ndarray] = []

    def scan(sought: Sought, k: int) -> tuple[np.ndarray, np.ndarray]:
        queries = sought.search
        step = min(max(1, SCORES // len(rows)), len(queries))
        if not buffers or len(buffers[0]) < step:
            buffers[:] = [np.empty((step, len(rows)), np.float32)]
        scores, indices = np.empty((len(queries), k), np.float32), np.empty((len(queries), k), np.int64)
        for start in range(0, len(queries), step):
            part = slice(start, min(start + step, len(queries)))
            block = buffers[0][: part.stop - start]
            similarity(queries[part], rows, measure="dot", out=block)
            indices[part] = topk(block, k)
            scores[part] = np.take_along_axis(block, indices[part], axis=1)
        return scores, indices

    return scan


def flat_scan(space: Space) -> Scan:
    """A scan by `faiss.knn`, which takes the rows where they are.

    Raises:
        MissingExtraError: faiss is not installed.
    """
    faiss = load_faiss("backend 'faiss'")

    def scan(sought: Sought, k: int) -> tuple[np.ndarray, np.ndarray]:
        with threads_of(faiss):
            scores, indices = faiss.knn(sought.search, space.search, k, metric=faiss.METRIC_INNER_PRODUCT)
        return scores, indices

    return scan


def index_scan(space: Space, index: Any, factor: int) -> Scan:
    """A scan by an index of faiss over the rows of a space, of `factor` times as many candidates as are asked for."""
    faiss = load_faiss("an index")

    def scan(sought: Sought, k: int) -> tuple[np.ndarray, np.ndarray]:
        queries = sought.search
        if space.distance:
            queries = np.ascontiguousarray(np.ldexp(queries[:, :-1], -sought.powers[:, None]))
        with threads_of(faiss):
            scores, indices = index.search(queries, min(factor * k, index.ntotal))
        return scores, indices

    return scan


@contextmanager
def threads_of(faiss: Any) -> Iterator[None]:
    """Inside, faiss has as many threads as the kernels of pyalign."""
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(num_threads())
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


def load_faiss(what: str) -> Any:
    """The module faiss, from whichever distribution.

    Raises:
        MissingExtraError: none is installed.
    """
    try:
        import faiss
    except ImportError as error:
        raise MissingExtraError(what, "faiss-cpu", "neighbors") from error
    return faiss

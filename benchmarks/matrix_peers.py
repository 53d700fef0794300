"""The peers of similarity matrices; every function returns the call that is timed, as in `peers.py`."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from benchmarks.cases import unit_rows

Matrix = Callable[[], np.ndarray]
CORES = len(os.sched_getaffinity(0))


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
    """1 - cosine, float64."""
    import numkong

    return _numkong(x, numkong.angulars_packed)


def numkong_distances(x: np.ndarray) -> Matrix:
    """Euclidean distances, float64."""
    import numkong

    return _numkong(x, numkong.euclideans_packed)


def _numkong(x: np.ndarray, kernel: Callable[..., Any]) -> Matrix:
    """NumKong is single-threaded and shares work out by rows: a slice of the rows for each core's thread.

    Its `..._symmetric` kernels take half the time and fill in only the upper half of the matrix, which is not what the
    others give.
    """
    import numkong

    n = len(x)

    def all_pairs() -> np.ndarray:
        packed, out = numkong.dots_pack(x, dtype="float32"), numkong.empty((n, n), dtype="float64")

        def part(p: int) -> None:
            kernel(x, packed, out=out, start_row=p * n // CORES, end_row=(p + 1) * n // CORES)

        with ThreadPoolExecutor(CORES) as pool:
            list(pool.map(part, range(CORES)))
        return np.asarray(out)

    return all_pairs

"""1,000 resamples of the objects, and the weighted means of credits and cross-entropies under each; closed forms."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pyalign.ops.resample import OBJECTS, multiplicities, object_sums
from pyalign.stats.clustered import Dependence, with_weights
from pyalign.stats.resampling import Clusters, Resampling

RESAMPLES = 1000
Sums = Callable[[], np.ndarray]


def values(t: int, models: int) -> np.ndarray:
    """(2 models, t) int16: credits in sixths and cross-entropies in steps, of models that are right half the time."""
    rng = np.random.default_rng(t)
    rows = []
    for _ in range(models):
        rows.append((6 * (rng.random(t) < 0.5)).astype(np.int16))
        rows.append(rng.integers(0, 32_768, t, dtype=np.int16))
    return np.stack(rows)


def our_sums(triplets: np.ndarray, n: int, models: int = 1) -> Sums:
    given = values(len(triplets), models)
    return lambda: object_sums(triplets, n, given, n_resamples=RESAMPLES)


def our_errors(triplets: np.ndarray, values: np.ndarray, backend: str = "auto") -> Sums:
    """Standard errors of means (v, 1) over objects, in closed form."""
    table = with_weights(values)

    def errors() -> np.ndarray:
        clusters = Clusters.of(triplets, backend=backend)
        return Dependence.of(clusters, Resampling("objects")).errors(table).errors[:, None]

    return errors


def numpy_sums(triplets: np.ndarray, n: int, resamples: int) -> Sums:
    """A loop over resamples, vectorised over triplets. The draws are given, as columns of an index are."""
    a, b, c = (np.ascontiguousarray(column) for column in triplets.T)
    given = values(len(triplets), 1).astype(np.float64)
    drawn = np.ascontiguousarray(multiplicities(n, 0, 64, seed=0, stream=OBJECTS).T[:resamples].astype(np.float64))

    def sums() -> np.ndarray:
        rows = []
        for table in drawn:
            weights = table[a] * table[b] * table[c]
            rows.append(np.concatenate([[weights.sum()], given @ weights]))
        return np.stack(rows)

    return sums

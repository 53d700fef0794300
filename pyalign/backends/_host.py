"""What the host backends share: looking at rows and scaling them, in numpy."""

from __future__ import annotations

from typing import Any

import numpy as np

from pyalign.measures import column_shift

FEW_COLUMNS = 8


class HostRows:
    """The methods of `pyalign.backends.HostBackend` that are no kernels, for numpy arrays."""

    def product(self, a: np.ndarray, b: np.ndarray, out: np.ndarray) -> None:
        np.matmul(a, b, out=out)

    def squared(self, values: np.ndarray) -> np.ndarray:
        k = values.shape[1]
        squared = np.empty((k, k))
        columns = np.ascontiguousarray(values.T)
        if k > FEW_COLUMNS:
            self.product(columns, values, squared)
            return squared
        for a in range(k):  # BLAS would take longer to begin, and may add in another order with other threads
            for b in range(a, k):
                squared[a, b] = squared[b, a] = np.einsum("i,i->", columns[a], columns[b])
        return squared

    def add_transpose(self, a: np.ndarray) -> None:
        a += a.T.copy()

    @property
    def most_paired(self) -> int:
        return 0

    def pair_products(self, x: np.ndarray, triplets: np.ndarray, weights: np.ndarray, out: np.ndarray) -> None:
        raise NotImplementedError("most_paired is 0")

    def plan_triplets(self, triplets: np.ndarray, n: int) -> Any:
        return None

    def planned_gradient(
        self, similarities: np.ndarray, plan: Any, temperature: float, scale: float, gradient: np.ndarray,
        targets: np.ndarray | None = None,
    ) -> float:  # fmt: skip
        raise NotImplementedError("plan_triplets has made no plan")

    def row_extremes(self, x: np.ndarray) -> np.ndarray:
        extremes: np.ndarray = np.maximum(x.max(axis=1), -x.min(axis=1))
        return extremes

    def column_shift(self, x: np.ndarray) -> np.ndarray:
        return column_shift(x)

    def some_rows(self, x: np.ndarray, rows: np.ndarray) -> np.ndarray:
        return x[rows]

    def widened(self, x: np.ndarray) -> np.ndarray:
        return x

    def shift_rows(self, x: np.ndarray, shift: np.ndarray) -> np.ndarray:
        shifted: np.ndarray = x - shift
        return shifted

    def scale_rows(self, x: np.ndarray, exponents: np.ndarray) -> np.ndarray:
        scaled: np.ndarray = np.ldexp(x, exponents[:, None])
        return scaled

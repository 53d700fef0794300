"""What the host backends share: looking at rows and scaling them, in numpy."""

from __future__ import annotations

import numpy as np

from pyalign.measures import column_shift


class HostRows:
    """The methods of `pyalign.backends.Backend` that are no kernels, for numpy arrays."""

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

"""What data have in common: they behave as the array of their values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from pyalign.backends import Array


class AsArray:
    """`len`, iteration, `shape`, `dtype` and `numpy.asarray` are those of `values`."""

    values: Array

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the values."""
        return tuple(np.shape(self.values))

    @property
    def ndim(self) -> int:
        """2, of what may be taken."""
        return len(self.shape)

    @property
    def dtype(self) -> Any:
        """The dtype of the values."""
        return self.values.dtype

    def __len__(self) -> int:
        return len(self.values)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.values)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        array = np.asarray(self.values, dtype)
        return array.copy() if copy else array

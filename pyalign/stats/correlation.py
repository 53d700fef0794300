"""Correlation coefficients of two lists of numbers."""

from __future__ import annotations

import math

import numpy as np

from pyalign.ops.ranks import double_ranks


def pearson(a: np.ndarray, b: np.ndarray) -> float:
    """Pearson correlation of a and b (m,) in float64; NaN where either is constant or m < 2.

    Example:
        >>> round(pearson(np.array([1, 2, 3]), np.array([1, 2, 4])), 4)
        0.982
    """
    if len(a) < 2 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return math.nan
    x, y = a - a.mean(dtype=np.float64), b - b.mean(dtype=np.float64)
    x, y = x / np.abs(x).max(), y / np.abs(y).max()  # squares of small numbers would underflow
    return float(np.clip(x @ y / math.sqrt(float(x @ x) * float(y @ y)), -1, 1))


def spearman(a: np.ndarray, b: np.ndarray) -> float:
    """Spearman's rank correlation of a and b (m,): that of Pearson on ranks, equal values sharing their mean rank.

    Example:
        >>> spearman(np.array([1, 2, 3, 3]), np.array([10, 20, 40, 40]))
        1.0
    """
    return pearson(double_ranks(a), double_ranks(b))

"""Kappa, copy probability, excess and ratio as figures of three shares, with their derivatives."""

from __future__ import annotations

import numpy as np

from pyalign.stats.joint import Figure


def _kappa(a: np.ndarray, b: np.ndarray, ab: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        found = 2.0 * (ab - a * b) / (a + b - 2.0 * a * b)
    varied = (a > 0) & (a < 1) & (b > 0) & (b < 1)
    return np.where(varied, found, np.nan)


def _kappa_gradient(a: float, b: float, ab: float) -> tuple[float, float, float]:
    below = a + b - 2.0 * a * b
    kappa = 2.0 * (ab - a * b) / below
    return -(2.0 * b + kappa * (1.0 - 2.0 * b)) / below, -(2.0 * a + kappa * (1.0 - 2.0 * a)) / below, 2.0 / below


def _copy(a: np.ndarray, b: np.ndarray, ab: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where((a > 0) & (a < 1), (ab - a * b) / (a * (1.0 - a)), np.nan)


def _copy_gradient(a: float, b: float, ab: float) -> tuple[float, float, float]:
    variance = a * (1.0 - a)
    copied = (ab - a * b) / variance
    return -(b + copied * (1.0 - 2.0 * a)) / variance, -a / variance, 1.0 / variance


def _copy_of_b(a: np.ndarray, b: np.ndarray, ab: np.ndarray) -> np.ndarray:
    return _copy(b, a, ab)


def _copy_of_b_gradient(a: float, b: float, ab: float) -> tuple[float, float, float]:
    by_b, by_a, by_both = _copy_gradient(b, a, ab)
    return by_a, by_b, by_both


def _excess(a: np.ndarray, b: np.ndarray, ab: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(b > 0, ab / b - a, np.nan)


def _excess_gradient(a: float, b: float, ab: float) -> tuple[float, float, float]:
    return -1.0, -ab / (b * b), 1.0 / b


KAPPA = Figure(_kappa, _kappa_gradient, (-1.0, 1.0))
COPY_OF_A = Figure(_copy, _copy_gradient, (-1.0, 1.0))  # b copies a
COPY_OF_B = Figure(_copy_of_b, _copy_of_b_gradient, (-1.0, 1.0))
EXCESS = Figure(_excess, _excess_gradient, (-1.0, 1.0))  # share of a among b, less that of a among all

"""The coordinates in which a probe is optimised: principal axes of the rows, stretched so that L-BFGS needs few steps.

Features of networks share a direction that carries half of the variance, and have hundreds that carry next to none. In
the features' own coordinates L-BFGS takes 5 times as many passes on CLIP as in these. The optimum is the same.
"""

from __future__ import annotations

import numpy as np

from pyalign._dataclass import dataclass
from pyalign.errors import InputError

# A direction of variance v (relative to the mean over directions) is stretched by 1 / sqrt(v + FLOOR): without a floor
# the penalty on directions without variance would be as badly conditioned as the loss was.
FLOOR = 0.1
STANDARDIZE = ("global", "features", "none")


@dataclass(frozen=True)
class Standardization:
    """(x - mean) / std: two scalars, or two (d,) vectors."""

    mean: np.ndarray
    std: np.ndarray

    def apply(self, x: np.ndarray) -> np.ndarray:
        """x (n, d) standardized, in float64."""
        scaled: np.ndarray = (x.astype(np.float64) - self.mean) / self.std
        return scaled


def standardization(x: np.ndarray, kind: str) -> Standardization:
    """Mean and standard deviation of x (n, d).

    kind: ``"global"``, one mean and one deviation of all numbers, as published; ``"features"``, one of each column (1
    for a constant one); ``"none"``, 0 and 1.

    Raises:
        InputError: ``"global"`` of numbers that are all equal.

    Example:
        >>> standardization(np.array([[1.0, 3.0]]), "global")
        Standardization(mean=array(2.), std=array(1.))
    """
    wide = x.astype(np.float64)
    if kind == "none":
        return Standardization(np.array(0.0), np.array(1.0))
    if kind == "features":
        spread = wide.std(axis=0)
        return Standardization(wide.mean(axis=0), np.where(spread > 0, spread, 1.0))
    if not wide.std() > 0:
        raise InputError(f"embeddings must hold different numbers to be standardized; all are {wide.flat[0]:g}")
    return Standardization(np.array(wide.mean()), np.array(wide.std()))


@dataclass(frozen=True)
class Basis:
    """Coordinates of weights: W (d, r) = axes @ (stretch * V), with V (k, r) what is optimised."""

    axes: np.ndarray | None  # (d, k) orthonormal columns, or None for the features' own axes (k = d).
    stretch: np.ndarray  # (k,) positive.
    rows: np.ndarray  # (n, k) the standardized rows times axes times stretch, so that x @ W = rows @ V.

    def weights(self, v: np.ndarray) -> np.ndarray:
        """W (d, r) of V (k, r)."""
        stretched = self.stretch[:, None] * v
        return stretched if self.axes is None else self.axes @ stretched

    def coordinates(self, weights: np.ndarray) -> np.ndarray:
        """V (k, r) of W (d, r); what of W is orthogonal to all rows is lost where k < d."""
        along = weights if self.axes is None else self.axes.T @ weights
        v: np.ndarray = along / self.stretch[:, None]
        return v


def principal_basis(x: np.ndarray, dtype: np.dtype, *, complete: bool = False) -> Basis:
    """The principal axes of standardized rows x (n, d) float64: at most n of them, unless the basis is to be complete.

    Directions orthogonal to all rows are left out: no loss depends on them, and a norm of W only grows with them.
    """
    n, d = x.shape
    inside = None if n >= d or complete else np.linalg.qr(x.T)[0]
    narrow = x if inside is None else x @ inside
    _, axes = np.linalg.eigh(narrow.T @ narrow)
    axes = axes[:, ::-1]
    return _stretched(axes if inside is None else inside @ axes, narrow @ axes, dtype)


def own_basis(x: np.ndarray, dtype: np.dtype) -> Basis:
    """The features' own axes, stretched."""
    return _stretched(None, x, dtype)


def _stretched(axes: np.ndarray | None, along: np.ndarray, dtype: np.dtype) -> Basis:
    variance = np.einsum("ij,ij->j", along, along)
    stretch = 1.0 / np.sqrt(variance / max(variance.mean(), np.finfo(float).tiny) + FLOOR)
    return Basis(axes, stretch, np.ascontiguousarray((along * stretch).astype(dtype)))

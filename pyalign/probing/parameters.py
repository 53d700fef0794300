"""The coordinates in which a probe is optimised: principal axes of the rows, stretched so that L-BFGS needs few steps.

Features of networks share a direction that carries half of the variance, and have hundreds that carry next to none. In
the features' own coordinates L-BFGS takes 5 times as many passes on CLIP as in these. The optimum is the same.

From the flat vector that a solver moves to weights and bias, and the penalty on them.
"""

from __future__ import annotations

from typing import Protocol

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


NORMS = ("squared", "frobenius", "identity", "nuclear")
ROUNDING = 1e-12  # added under the root of a norm, whose derivative at zero would be undefined


class Form(Protocol):
    """A parametrisation of weights V (k, r), and its penalty."""

    size: int

    def weights(self, theta: np.ndarray) -> np.ndarray:
        """V (k, r) of the parameters (size,)."""

    def pull_back(self, theta: np.ndarray, by_weights: np.ndarray) -> np.ndarray:
        """The derivative by the parameters from that by V."""

    def penalty(self, theta: np.ndarray) -> tuple[float, np.ndarray]:
        """The norm that the penalty strength multiplies, and its derivative by the parameters."""

    def start(self, v: np.ndarray) -> np.ndarray:
        """Parameters whose weights are V (k, r)."""


class Full:
    """V itself, under ``squared`` |W|_F^2, ``frobenius`` |W|_F or ``identity`` |W - m I|_F^2 with m = mean(diag W).

    relative: ``identity`` divided by m^2, for losses that do not see the length of W.
    """

    def __init__(self, basis: Basis, rank: int, norm: str, relative: bool = False) -> None:
        self.shape = (len(basis.stretch), rank)
        self.size = self.shape[0] * rank
        self.squares = (basis.stretch**2)[:, None]
        self.kind, self.relative = norm, relative
        if norm == "identity":
            axes = np.eye(rank) if basis.axes is None else basis.axes
            self.diagonal = np.ascontiguousarray(basis.stretch[:, None] * axes.T)  # trace(W) = sum(diagonal * V)

    def weights(self, theta: np.ndarray) -> np.ndarray:
        return theta.reshape(self.shape)

    def start(self, v: np.ndarray) -> np.ndarray:
        return v.ravel()

    def pull_back(self, theta: np.ndarray, by_weights: np.ndarray) -> np.ndarray:
        return by_weights.ravel()

    def penalty(self, theta: np.ndarray) -> tuple[float, np.ndarray]:
        v = self.weights(theta)
        slope = self.squares * v
        square = float(np.vdot(slope, v))
        if self.kind == "squared":
            return square, 2.0 * slope.ravel()
        if self.kind == "frobenius":
            norm = float(np.sqrt(square + ROUNDING))
            return norm, slope.ravel() / norm
        mean, d = float(np.vdot(self.diagonal, v)) / self.shape[1], self.shape[1]
        if self.relative:
            scale = 2.0 / (mean * mean)
            return square / mean**2 - d, scale * (slope - square / (mean * d) * self.diagonal).ravel()
        return square - d * mean * mean, 2.0 * (slope - mean * self.diagonal).ravel()


class Factored:
    """V = A B with |A|^2 / 2 + |B|^2 / 2, whose least value over all such A and B is the nuclear norm of W.

    Source: Srebro, Rennie and Jaakkola, "Maximum-margin matrix factorization", NeurIPS 2004, lemma 1.
    """

    def __init__(self, basis: Basis, rank: int) -> None:
        self.rank, self.stretch = rank, basis.stretch[:, None]
        self.split = len(basis.stretch) * rank
        self.size = self.split + rank * rank

    def factors(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """A (k, r) and B (r, r)."""
        return theta[: self.split].reshape(-1, self.rank), theta[self.split :].reshape(self.rank, self.rank)

    def weights(self, theta: np.ndarray) -> np.ndarray:
        a, b = self.factors(theta)
        return a @ b

    def start(self, v: np.ndarray) -> np.ndarray:
        left, values, right = np.linalg.svd(self.stretch * v, full_matrices=False)
        root = np.sqrt(values)
        return np.concatenate([(left * root / self.stretch).ravel(), (root[:, None] * right).ravel()])

    def pull_back(self, theta: np.ndarray, by_weights: np.ndarray) -> np.ndarray:
        a, b = self.factors(theta)
        return np.concatenate([(by_weights @ b.T).ravel(), (a.T @ by_weights).ravel()])

    def penalty(self, theta: np.ndarray) -> tuple[float, np.ndarray]:
        a, b = self.factors(theta)
        slope = self.stretch**2 * a
        value = 0.5 * float(np.vdot(slope, a) + np.vdot(b, b))
        return value, np.concatenate([slope.ravel(), b.ravel()])


class Diagonal:
    """W = diag(w): one scale per feature, in the features' own axes; penalties as those of `Full`."""

    def __init__(self, basis: Basis, norm: str, relative: bool = False) -> None:
        self.size = len(basis.stretch)
        self.stretch, self.kind, self.relative = basis.stretch, norm, relative

    def weights(self, theta: np.ndarray) -> np.ndarray:
        return np.diag(theta)

    def start(self, v: np.ndarray) -> np.ndarray:
        return v.diagonal().copy()

    def pull_back(self, theta: np.ndarray, by_weights: np.ndarray) -> np.ndarray:
        return by_weights.diagonal().copy()

    def penalty(self, theta: np.ndarray) -> tuple[float, np.ndarray]:
        w = self.stretch * theta
        square = float(w @ w)
        if self.kind == "squared":
            return square, 2.0 * self.stretch * w
        if self.kind == "frobenius":
            norm = float(np.sqrt(square + ROUNDING))
            return norm, self.stretch * w / norm
        if self.kind == "nuclear":
            size = np.sqrt(w * w + ROUNDING)
            return float(size.sum()), self.stretch * w / size
        mean = float(w.mean())
        if self.relative:
            scale = 2.0 / (mean * mean)
            return square / mean**2 - self.size, scale * self.stretch * (w - square / (mean * self.size))
        return square - self.size * mean * mean, 2.0 * self.stretch * (w - mean)

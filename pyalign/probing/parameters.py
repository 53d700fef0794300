"""From the flat vector that a solver moves to weights and bias, and the penalty on them.

Each form of the map is a class with `weights`, `pull_back` and `penalty`. Norms are of the weights in the features' own
coordinates, W = axes @ (stretch * V); the columns of V may be turned at will, since Z Z^T does not change.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from pyalign.probing.basis import Basis

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

"""gLocal: a map that agrees with people and keeps which images are close to which.

(1 - alpha) * cross-entropy of triplets + alpha * cross-entropy between softmax(S / tau) of cosines before and after the
map, over batches of other images, with the diagonal left out; plus the distance of W to a multiple of the identity.

Source: Muttenthaler et al., "Improving neural network representations using human similarity judgments", NeurIPS 2023,
equations 2 to 5.
"""

from __future__ import annotations

import numpy as np

from pyalign.analysis.probing.fit import ProbeFit, fit_path
from pyalign.analysis.probing.objective import Slope, through_norms, unit_rows
from pyalign.analysis.probing.options import ProbeOptions, as_strength
from pyalign.analysis.probing.problem import Map, Problem, finite_rows
from pyalign.analysis.probing.products import gram, product
from pyalign.backends import get_backend
from pyalign.errors import InputError

NEIGHBOURS = 10
BLOCK_ELEMENTS = 1 << 24


class LocalTerm:
    """Mean cross-entropy (nats) between softmax(cosines / tau) of rows before and after a map, in batches.

    Args:
        before: (m, d) rows whose cosines are to be kept.
        rows: (m, k) the same rows in the coordinates of the map.
        tau: temperature, on both sides.
        batch: rows whose similarities are compared with each other.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(6, 3))
        >>> term = LocalTerm(x, x, tau=0.5, batch=6)
        >>> kept, bent = term(np.eye(3)).value, term(np.diag([1.0, 9.0, 1.0])).value
        >>> kept < bent
        True
    """

    def __init__(self, before: np.ndarray, rows: np.ndarray, *, tau: float, batch: int) -> None:
        self.backend, self.tau = get_backend("auto"), tau
        count = -(-len(rows) // batch)
        self.parts = np.array_split(np.arange(len(rows)), count)
        self.rows = [np.ascontiguousarray(rows[part]) for part in self.parts]
        self.across = [np.ascontiguousarray(part.T) for part in self.rows]
        self.targets = [self._probabilities(unit_rows(before[part])[0])[0] for part in self.parts]
        self.n = len(rows)

    def __call__(self, weights: np.ndarray, slope: bool = True) -> Slope:
        """The value and, where wanted, its derivative by weights (k, r)."""
        value, by_weights = 0.0, np.zeros_like(weights, dtype=np.float64)
        for rows, across, target in zip(self.rows, self.across, self.targets, strict=True):
            units, inverse = unit_rows(product(self.backend, rows, weights.astype(rows.dtype)))
            p, logs = self._probabilities(units)
            value -= float(np.einsum("ij,ij->", target, logs, dtype=np.float64)) / self.n
            if slope:
                residuals = (p - target) * (1.0 / (self.tau * self.n))
                by_units = product(self.backend, residuals + residuals.T, units)
                by_weights += product(self.backend, across, through_norms(by_units, units, inverse))
        return Slope(value, by_weights, np.zeros(weights.shape[1]))

    def _probabilities(self, units: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """softmax(cosines / tau) of each row over the others, and its logarithm; 0 on the diagonal, in both."""
        logs = gram(self.backend, units) / np.asarray(self.tau, units.dtype)
        np.fill_diagonal(logs, -np.inf)
        logs -= logs.max(axis=1, keepdims=True)
        p = np.exp(logs)
        total = p.sum(axis=1, keepdims=True)
        logs -= np.log(total)
        np.fill_diagonal(logs, 0.0)
        return p / total, logs


class GlocalProblem(Problem):
    """Triplets and the similarities of other images.

    Args:
        images: (m, d) rows of other images, m >= 3.
        alpha: weight of the local term, from 0 to 1.
        tau, batch: see `LocalTerm`.
    """

    def __init__(
        self, x: object, triplets: object, options: ProbeOptions, answers: np.ndarray | None = None, *,
        images: object, alpha: float = 0.25, tau: float = 0.1, batch: int = 1024,
    ) -> None:  # fmt: skip
        if options.penalty != "identity":
            raise InputError(f"penalty must be 'identity' with other images; got {options.penalty!r}")
        if not 0 <= alpha <= 1:
            raise InputError(f"alpha must be a number from 0 to 1; got {alpha!r}")
        if not tau > 0:
            raise InputError(f"tau must be a positive number; got {tau!r}")
        super().__init__(x, triplets, options, answers)
        others = finite_rows(images)
        if others.shape[1] != self.d or len(others) < 3:
            raise InputError(f"images must have shape (m, {self.d}) with m >= 3; got {others.shape}")
        if not isinstance(batch, int) or batch < 3:
            raise InputError(f"batch must be a whole number of at least 3; got {batch!r}")
        standard = self.standardisation.apply(others)
        axes = self.basis.axes
        along = (standard if axes is None else standard @ axes) * self.basis.stretch
        self.alpha = float(alpha)
        self.local = LocalTerm(standard.astype(self.dtype), along.astype(self.dtype), tau=float(tau), batch=batch)

    def slope(self, at: Map, wide: bool = False) -> Slope:
        """Both losses, weighted, and their derivatives."""
        return super().slope(at, wide).scaled(1.0 - self.alpha) + self.local(at.weights).scaled(self.alpha)

    def total(self, loss: float, at: Map) -> float:
        """Both losses, weighted."""
        return (1.0 - self.alpha) * loss + self.alpha * self.local(at.weights, slope=False).value


def fit_glocal(
    x: object, triplets: object, images: object, *, l2: float, alpha: float = 0.25, tau: float = 0.1,
    batch: int = 1024, **options: object,
) -> ProbeFit:  # fmt: skip
    """A map fitted to triplets and to the similarities of other images.

    Args:
        x: (n, d) rows of the items that triplets name.
        triplets: (t, 3) integers in [0, n), the odd item last.
        images: (m, d) rows of other images, whose cosines are to be kept.
        l2: strength of the distance to a multiple of the identity.
        alpha: weight of the local term, from 0 (triplets alone) to 1.
        tau: temperature of the softmax over images.
        batch: images that are compared with each other.
        options: those of `ProbeOptions` but for the penalty.

    Returns:
        A `ProbeFit`; its cross_entropy is that of the triplets, its objective holds both terms.

    Raises:
        InputError: as `fit_probe`, and for images of other features.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> x, images = rng.normal(size=(9, 4)), rng.normal(size=(50, 4))
        >>> fit = fit_glocal(x, [[0, 1, 2], [3, 4, 5], [6, 7, 8]], images, l2=0.1)
        >>> neighbour_overlap(images, fit.transform.apply(images), k=5) > 0.5
        True
    """
    chosen = ProbeOptions(penalty="identity", **options)  # type: ignore[arg-type]
    problem = GlocalProblem(x, triplets, chosen, images=images, alpha=alpha, tau=tau, batch=batch)
    return next(fit_path(problem, [as_strength(l2)]))


def neighbour_overlap(before: object, after: object, k: int = NEIGHBOURS) -> float:
    """Mean share (fraction) of the k nearest neighbours of a row, by cosines, that are so in both representations.

    before, after: (m, d) and (m, r), the same items. Chance is k / (m - 1).

    Example:
        >>> x = np.random.default_rng(0).normal(size=(30, 4))
        >>> neighbour_overlap(x, 2 * x, k=3)
        1.0
    """
    x, z = finite_rows(before), finite_rows(after)
    if len(x) != len(z) or not 1 <= k < len(x):
        raise InputError(f"before and after must have the same rows, more than k = {k}; got {len(x)} and {len(z)}")
    units = unit_rows(x)[0], unit_rows(z)[0]
    shared, step = 0, max(1, BLOCK_ELEMENTS // len(x))
    for start in range(0, len(x), step):
        near = [_nearest(u, slice(start, start + step), k) for u in units]
        shared += sum(len(np.intersect1d(a, b, assume_unique=True)) for a, b in zip(*near, strict=True))
    return shared / (k * len(x))


def _nearest(units: np.ndarray, part: slice, k: int) -> np.ndarray:
    """(b, k) the nearest others of those rows."""
    similarities = product(get_backend("auto"), units[part], units.T)
    similarities[np.arange(len(similarities)), np.arange(part.start, part.start + len(similarities))] = -np.inf
    nearest: np.ndarray = np.argpartition(-similarities, k - 1, axis=1)[:, :k]
    return nearest

"""Predictions of human dimensions for objects that the fit has not seen: folds over objects, ridge inside.

One decomposition serves all penalties and all targets. With rows centered, X = U S V', the fit at penalty a is mean(y)
+ U S^2 / (S^2 + a) U'y. A row's residual when it is left out is its residual e over 1 - h, h the diagonal of that map
(Allen 1974), so no fit is made again. What a row that was not fitted is predicted as needs its products with the fitted
rows alone.

Source: Rifkin and Lippert, "Notes on regularized least squares", MIT-CSAIL-TR-2007-025.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass
from pyalign.data.names import in_order
from pyalign.errors import InputError
from pyalign.ops.resample import permutation

LEAST = 3  # objects to fit on: leave-one-out leaves two


AT_ONCE = 1 << 22  # numbers that are held at once


ROUNDING = 1e-7  # of the smallest penalty: what products of rows, which square their condition, may err by


@dataclass(frozen=True, eq=False)
class HeldOut:
    """What fits to the other folds predict."""

    predictions: np.ndarray  # (n, k), each row by a fit that did not see it.
    # (n, k) of the dimensions over the objects that each fit was made on: what it would say without features.
    means: np.ndarray
    penalties: np.ndarray  # (folds, k), chosen by leave-one-out.
    # (n, k) twice, how much the sums of squared residuals of all others from predictions and from means would grow were
    # the object in no fit, with the penalties as they are; None where nobody asked.
    without: tuple[np.ndarray, np.ndarray] | None = None


def folds_of(n: int, folds: object, names: Sequence[str] | None = None, seed: int = 0) -> np.ndarray:
    """(n,) the fold of each object, from 0: of about equal size, drawn at random, or as given by a label of each.

    Draws are those of the names in their order, where there are names: an object's fold does not depend on its row.
    """
    if np.ndim(folds) == 0:  # type: ignore[arg-type]
        count = _checks.whole_number(folds, "folds", 2)
        if count > n:
            raise InputError(f"folds must be at most as many as objects ({n:,}); got {count:,}")
        order = np.arange(n) if names is None else in_order(names)
        fold = np.empty(n, np.int64)
        fold[order[permutation(n, 0, seed=seed)]] = np.arange(n) % count
    else:
        labels = _checks.as_array(folds, "folds", "(n,)")
        if labels.shape != (n,) or labels.dtype.kind not in "biuUS":
            raise InputError(f"folds must be a number, or a label for each of {n:,} objects; got shape {labels.shape} "
                             f"of {labels.dtype}")
        fold = np.unique(labels, return_inverse=True)[1].reshape(n)
    sizes = np.bincount(fold)
    if len(sizes) < 2:
        raise InputError("folds must be at least two; got one label")
    if n - int(sizes.max()) < LEAST:
        raise InputError(f"folds must leave at least {LEAST} objects to fit on; the largest leaves {n - sizes.max()}")
    return fold


def predict_held_out(
    x: np.ndarray, y: np.ndarray, fold: np.ndarray, penalties: np.ndarray, *, standardize: bool = False,
    errors: bool = False, progress: Callable[[int, int], None] = lambda done, total: None,
) -> HeldOut:
    """Ridge from rows (n, d) to dimensions (n, k), each object predicted by the fit to all folds but its own.

    standardize: whether features are divided by their deviation over the objects of each fit.
    errors: whether to find out what each object has to do with the predictions of others.
    """
    count = int(fold.max()) + 1
    predictions, means, chosen = np.empty_like(y), np.empty_like(y), np.empty((count, y.shape[1]))
    of_fits, of_means = np.zeros_like(y), np.zeros_like(y)
    rows = Rows(x, float(penalties.min()))
    for f in range(count):
        progress(f, count)
        fitted, out = np.flatnonzero(fold != f), np.flatnonzero(fold == f)
        scaled = Rows(_scaled(x, fitted), float(penalties.min())) if standardize else rows
        spectrum = scaled.spectrum(fitted, out)
        chosen[f] = chosen_penalties(spectrum, y[fitted], penalties)
        predictions[out], means[out] = spectrum.predicted(y[fitted], chosen[f]), y[fitted].mean(axis=0)
        if errors:
            of_fits[fitted] += spectrum.without(y[fitted], chosen[f], y[out] - predictions[out])
            shift = (y[fitted] - means[out][0]) / (len(fitted) - 1)  # of the mean, without the object
            of_means[fitted] += 2.0 * shift * (y[out] - means[out]).sum(axis=0) + shift**2 * len(out)
    return HeldOut(predictions, means, chosen, (of_fits, of_means) if errors else None)


def _scaled(x: np.ndarray, fitted: np.ndarray) -> np.ndarray:
    """Features over their deviation on the fitted rows; one that is constant there says nothing, and is 0."""
    part = x[fitted]
    deviations = part.std(axis=0)
    varies = np.ptp(part, axis=0) > 0
    return (x - part.mean(axis=0)) * np.divide(1.0, deviations, out=np.zeros_like(deviations), where=varies)


@dataclass(frozen=True, eq=False)
class Spectrum:
    """The decomposition of centered rows, and other rows in its terms."""

    left: np.ndarray  # (n, r) orthonormal columns U, each of mean 0.
    squares: np.ndarray  # (r,) squared singular values.
    others: np.ndarray  # (m, r) the other rows, less the mean of the fitted ones, times V S.
    complete: bool  # whether the columns span all that has mean 0: r = n - 1.

    @classmethod
    def of_rows(cls, x: np.ndarray, others: np.ndarray) -> Spectrum:
        """The spectrum by a singular value decomposition of x (n, d)."""
        mean = x.mean(axis=0)
        left, values, right = np.linalg.svd(_reflected(x - mean)[1:], full_matrices=False)
        return cls(_back(left), values**2, ((others - mean) @ right.T) * values, len(values) == len(x) - 1)

    @classmethod
    def of_products(cls, products: np.ndarray, others: np.ndarray) -> Spectrum:
        """The spectrum by an eigenvalue decomposition of products (n, n) of rows; others (m, n): theirs with the rows.

        All rows may have been moved together before their products were taken.
        """
        inside = _reflected(_reflected(products).T)[1:, 1:]
        values, vectors = np.linalg.eigh(inside)
        left = _back(vectors)
        return cls(left, np.maximum(values, 0.0), (others - products.mean(axis=0)) @ left, True)

    def left_out(self, y: np.ndarray, penalty: float) -> np.ndarray:
        """(n, k) residuals of targets y (n, k), each of a fit to all other rows."""
        centered = y - y.mean(axis=0)
        inside = self.left.T @ centered
        shrunk = penalty / (self.squares + penalty)
        residual, rest = self.left @ (shrunk[:, None] * inside), (self.left**2) @ shrunk
        if not self.complete:  # what no feature reaches
            residual += centered - self.left @ inside
            rest += 1.0 - 1.0 / len(y) - (self.left**2).sum(axis=1)
        left_out: np.ndarray = residual / rest[:, None]
        return left_out

    def predicted(self, y: np.ndarray, penalties: np.ndarray) -> np.ndarray:
        """(m, k) targets of the other rows, from fits to y (n, k) at a penalty (k,) of each."""
        mean = y.mean(axis=0)
        inside = self.left.T @ (y - mean)
        predictions: np.ndarray = mean + self.others @ (inside / (self.squares[:, None] + penalties))
        return predictions

    def without(self, y: np.ndarray, penalties: np.ndarray, residuals: np.ndarray) -> np.ndarray:
        """(n, k) how much the sum of squared residuals (m, k) of the other rows grows without each fitted row.

        A fit without row i predicts another row j by A_ji e_i less, A what the prediction of j owes to each fitted row
        and e_i the left-out residual.
        """
        grown = np.empty_like(y)
        for penalty in np.unique(penalties):
            of = penalties == penalty
            out = self.left_out(y[:, of], float(penalty))
            linear, square = np.zeros_like(out), np.zeros((len(y), 1))
            for start in range(0, len(self.others), step := max(1, AT_ONCE // len(y))):
                part = slice(start, start + step)
                owed = 1.0 / len(y) + (self.others[part] / (self.squares + penalty)) @ self.left.T
                linear += owed.T @ residuals[part][:, of]
                square += np.einsum("ji,ji->i", owed, owed)[:, None]
            grown[:, of] = out * (2.0 * linear + out * square)
        return grown


def chosen_penalties(spectrum: Spectrum, y: np.ndarray, penalties: np.ndarray) -> np.ndarray:
    """(k,) for each target the first penalty whose left-out residuals have the least mean square."""
    squares = [(spectrum.left_out(y, float(penalty)) ** 2).mean(axis=0) for penalty in penalties]
    chosen: np.ndarray = penalties[np.argmin(squares, axis=0)]
    return chosen


class Rows:
    """Rows (n, d) of which parts are fitted: their products are computed once for all parts, where these decide."""

    def __init__(self, x: np.ndarray, least: float) -> None:
        """least: the smallest penalty."""
        self._x = x - x.mean(axis=0)
        self._least = least
        self._products: np.ndarray | None = None

    def spectrum(self, fitted: np.ndarray, others: np.ndarray) -> Spectrum:
        """The spectrum of the fitted rows, with the other rows in its terms; both are indices.

        By products where there are no more rows than features, if the smallest penalty hides their rounding; else by a
        singular value decomposition.
        """
        if len(fitted) - 1 <= self._x.shape[1]:
            if self._products is None:
                self._products = self._x @ self._x.T
            products = self._products[:, fitted]
            spectrum = Spectrum.of_products(products[fitted], products[others])
            if float(spectrum.squares[-1]) * np.finfo(np.float64).eps <= ROUNDING * self._least:
                return spectrum
        return Spectrum.of_rows(self._x[fitted], self._x[others])


def _reflected(a: np.ndarray) -> np.ndarray:
    """A reflection of the n rows that brings what they have in common into the first: the others are contrasts."""
    mirror = np.full(len(a), 1.0 / np.sqrt(len(a)))
    mirror[0] += 1.0
    reflected: np.ndarray = a - np.outer(mirror, (2.0 / (mirror @ mirror)) * (mirror @ a))
    return reflected


def _back(contrasts: np.ndarray) -> np.ndarray:
    """(n, r) of what is (n - 1, r) among the contrasts."""
    return _reflected(np.concatenate([np.zeros((1, contrasts.shape[1])), contrasts]))

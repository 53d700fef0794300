"""Ridge regression of many targets at once: one decomposition serves all penalties and all targets.

With rows centred, X = U S V', the fit at penalty a is mean(y) + U S^2 / (S^2 + a) U'y. A row's residual when it is left
out is its residual e over 1 - h, h the diagonal of that map (Allen 1974), so no fit is made anew. What a row that was
not fitted is predicted as needs its products with the fitted rows alone.

Source: Rifkin and Lippert, "Notes on regularized least squares", MIT-CSAIL-TR-2007-025.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

AT_ONCE = 1 << 22  # numbers that are held at once
ROUNDING = 1e-7  # of the smallest penalty: what products of rows, which square their condition, may err by


@dataclass(frozen=True, eq=False)
class Spectrum:
    """The decomposition of centred rows, and other rows in its terms.

    Attributes:
        left: (n, r) orthonormal columns U, each of mean 0.
        squares: (r,) squared singular values.
        others: (m, r) the other rows, less the mean of the fitted ones, times V S.
        complete: whether the columns span all that has mean 0: r = n - 1.
    """

    left: np.ndarray
    squares: np.ndarray
    others: np.ndarray
    complete: bool

    @classmethod
    def of_rows(cls, x: np.ndarray, others: np.ndarray) -> Spectrum:
        """By a singular value decomposition of x (n, d).

        Example:
            >>> Spectrum.of_rows(np.array([[0.0], [2.0]]), np.array([[3.0]])).squares
            array([2.])
        """
        mean = x.mean(axis=0)
        left, values, right = np.linalg.svd(_reflected(x - mean)[1:], full_matrices=False)
        return cls(_back(left), values**2, ((others - mean) @ right.T) * values, len(values) == len(x) - 1)

    @classmethod
    def of_products(cls, products: np.ndarray, others: np.ndarray) -> Spectrum:
        """By an eigenvalue decomposition of the products (n, n) of rows, and those of others with them (m, n).

        All rows may have been moved together before their products were taken.
        """
        inside = _reflected(_reflected(products).T)[1:, 1:]
        values, vectors = np.linalg.eigh(inside)
        left = _back(vectors)
        return cls(left, np.maximum(values, 0.0), (others - products.mean(axis=0)) @ left, True)

    def left_out(self, y: np.ndarray, penalty: float) -> np.ndarray:
        """(n, k) residuals of targets y (n, k), each of a fit to all other rows.

        Example:
            >>> x, y = np.array([[0.0], [1.0], [3.0]]), np.array([[1.0], [2.0], [2.0]])
            >>> one = Spectrum.of_rows(x[1:], x[:1])
            >>> np.allclose(Spectrum.of_rows(x, x).left_out(y, 0.5)[0], y[0] - one.predicted(y[1:], np.array([0.5]))[0])
            True
        """
        centred = y - y.mean(axis=0)
        inside = self.left.T @ centred
        shrunk = penalty / (self.squares + penalty)
        residual, rest = self.left @ (shrunk[:, None] * inside), (self.left**2) @ shrunk
        if not self.complete:  # what no feature reaches
            residual += centred - self.left @ inside
            rest += 1.0 - 1.0 / len(y) - (self.left**2).sum(axis=1)
        found: np.ndarray = residual / rest[:, None]
        return found

    def predicted(self, y: np.ndarray, penalties: np.ndarray) -> np.ndarray:
        """(m, k) targets of the other rows, from fits to y (n, k) at a penalty (k,) of each."""
        mean = y.mean(axis=0)
        inside = self.left.T @ (y - mean)
        found: np.ndarray = mean + self.others @ (inside / (self.squares[:, None] + penalties))
        return found

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
    """(k,) for each target the first penalty whose left-out residuals have the least mean square.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> x = rng.normal(size=(40, 3))
        >>> y = np.stack([x[:, 0], rng.normal(size=40)], axis=1)
        >>> chosen_penalties(Spectrum.of_rows(x, x), y, np.array([0.1, 10.0, 1000.0]))
        array([1.e-01, 1.e+03])
    """
    squares = [(spectrum.left_out(y, float(penalty)) ** 2).mean(axis=0) for penalty in penalties]
    found: np.ndarray = penalties[np.argmin(squares, axis=0)]
    return found


class Rows:
    """Rows (n, d) of which parts are fitted: their products are computed once for all parts, where these decide."""

    def __init__(self, x: np.ndarray, least: float) -> None:
        """least: the smallest penalty."""
        self._x = x - x.mean(axis=0)
        self._least = least
        self._products: np.ndarray | None = None

    def spectrum(self, fitted: np.ndarray, others: np.ndarray) -> Spectrum:
        """Of the fitted rows with the other ones in its terms; both are indices.

        By products where there are no more rows than features, if the smallest penalty hides their rounding; else by a
        singular value decomposition.
        """
        if len(fitted) - 1 <= self._x.shape[1]:
            if self._products is None:
                self._products = self._x @ self._x.T
            products = self._products[:, fitted]
            found = Spectrum.of_products(products[fitted], products[others])
            if float(found.squares[-1]) * np.finfo(np.float64).eps <= ROUNDING * self._least:
                return found
        return Spectrum.of_rows(self._x[fitted], self._x[others])


def _reflected(a: np.ndarray) -> np.ndarray:
    """A reflection of the n rows that brings what they have in common into the first: the others are contrasts."""
    mirror = np.full(len(a), 1.0 / np.sqrt(len(a)))
    mirror[0] += 1.0
    reflected: np.ndarray = a - np.outer(mirror, (2.0 / (mirror @ mirror)) * (mirror @ a))
    return reflected


def _back(contrasts: np.ndarray) -> np.ndarray:
    """(n, r) of what lies (n - 1, r) among the contrasts."""
    return _reflected(np.concatenate([np.zeros((1, contrasts.shape[1])), contrasts]))

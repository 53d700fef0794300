"""Refits by a temperature: one number for each model, so that likelihoods on the same triplets compare fairly.

With similarities s of a triplet's pairs, the answer a and beta = 1 / T it costs ``log sum exp(beta s) - beta s_a``. The
first term is the same for whatever answers: a simulation enters by one number, D = sum(s_a - s_01), which for all
models and all simulated people together is a product of matrices. What takes time are passes for the first term, a
smooth convex function of beta: it is computed, with two derivatives, where people's best betas are neighbors on a grid
of constant ratio, and a polynomial of fifth degree stands for it in between. A grid of constant ratio is as fine for
every scale of similarities; what is lost is at most some 1e-8 nats a triplet.
"""

from __future__ import annotations

import numpy as np

from pyalign.backends import HostBackend, LossSums
from pyalign.recovery.pool import Pool

CHUNK = 1 << 16  # triplets whose differences are held at a time
RATIO = 1.15  # of neighbors on the grid of beta
FIRST = 0.02  # the first beta on it after 0, over the inverse of the similarities' deviation within triplets
LAST = 500  # of the grid: 1e30 times as much
NEWTON = 8  # steps within a cell, where the derivative is nearly a straight line
ROUNDING = 1e-12  # of a sum, relative; what is less stands for 0


class ByTemperature:
    """Fits temperatures to simulated choices. The search starts where the previous fits ended."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self._near = [0] * len(pool.similarities)

    def losses(self, rows: np.ndarray | slice, pairs: np.ndarray) -> np.ndarray:
        """(g, m) nats per triplet, the least loss of each model on the choices of g simulated participants.

        Args:
            rows: which triplets of the pool.
            pairs: int8 (k, g), the chosen pairs of these k triplets.
        """
        host, alternatives = self.pool.host, self.pool.alternatives
        similarities = [np.ascontiguousarray(s[rows]) for s in self.pool.similarities]
        deviations = deviations_of(host, similarities, pairs, alternatives)
        losses = np.empty(deviations.T.shape)
        for m, s in enumerate(similarities):
            model = OneModel(host, s, alternatives, self._near[m])
            losses[:, m] = model.least(deviations[m])
            self._near[m] = model.near
        return losses / len(pairs)


class OneModel:
    """The loss of one model on some triplets, as a function of beta and of the answers' deviation D.

    Args:
        host: computes.
        similarities: (t, 3) contiguous, of the pairs 01, 02, 12.
        alternatives: 3, or 2: the pairs 01 and 02.
        near: where on the grid to look first.
    """

    def __init__(
        self, host: HostBackend, similarities: np.ndarray, alternatives: int = 3, near: int = 0
    ) -> None:  # fmt: skip
        self._host, self._similarities, self._alternatives, self.near = host, similarities, alternatives, near
        self._zero = self._sums(0.0)
        self._known = {-1: self._zero}
        spread = np.sqrt(self._zero.second / len(similarities))
        self._first = FIRST / spread if spread > 0 else 1.0

    def least(self, deviations: np.ndarray) -> np.ndarray:
        """(g,) nats: the least loss over beta >= 0 for each deviation (g,).

        Similarities that agree with the answers no better than chance do best at beta = 0, a flat choice; those that
        agree with all of them at a beta without bound.

        Example:
            >>> from pyalign.backends import get_host_backend
            >>> model = OneModel(get_host_backend(), np.array([[1.0, 0.0, 0.0]] * 3))
            >>> model.least(np.array([-1.0, -3.0])).round(4)  # two of three answers are the best pair; none is
            array([2.6027, 3.2958])
        """
        zero, losses = self._zero, np.full(len(deviations), self._zero.loss)
        perfect = zero.shortfall - deviations <= ROUNDING * (abs(zero.shortfall) + np.abs(deviations))
        flat = zero.first - deviations >= 0
        if (perfect & ~flat).any():
            losses[perfect & ~flat] = self._of_best_pairs()
        inside = np.flatnonzero(~perfect & ~flat)
        if len(inside):
            cells = [self._cell(float(deviation)) for deviation in deviations[inside]]
            losses[inside] = self._within(np.array(cells), deviations[inside])
        return losses

    def _sums(self, beta: float) -> LossSums:
        """The sums of the losses with the pair 01 as the answer everywhere."""
        return self._host.temperature_sums(self._similarities, None, None, beta, alternatives=self._alternatives)

    def _beta(self, place: int) -> float:
        return self._first * RATIO**place if place >= 0 else 0.0

    def _at(self, place: int) -> LossSums:
        if place not in self._known:
            self._known[place] = self._sums(self._beta(place))
        return self._known[place]

    def _cell(self, deviation: float) -> int:
        """The place on the grid below the best beta: the last one at which the loss still falls."""
        low, high, step = -1, LAST, 1
        place = max(0, min(self.near, LAST - 1))
        while high - low > 1:
            if self._at(place).first < deviation:
                low = place
                place = min(low + step, high - 1) if high == LAST else (low + high) // 2
            else:
                high = place
                place = max(high - step, low + 1) if low == -1 else (low + high) // 2
            step *= 2
        self.near = low
        return low

    def _within(self, cells: np.ndarray, deviations: np.ndarray) -> np.ndarray:
        """(g,) nats: the least losses within cells of the grid, by the polynomials that fit both ends."""
        ends = [[self._at(int(place) + side) for place in cells] for side in (0, 1)]
        start, width = (np.array([self._beta(int(place) + side) for place in cells]) for side in (0, 1))
        width -= start
        f, g = (np.array([point.loss for point in side]) for side in ends)
        df, dg = (width * np.array([point.first for point in side]) for side in ends)
        ddf, ddg = (width**2 * np.array([point.second for point in side]) for side in ends)
        rise, turn, bend = g - f - df - ddf / 2, dg - df - ddf, ddg - ddf
        cubic, quartic, quintic = 10 * rise - 4 * turn + bend / 2, 7 * turn - 15 * rise - bend, 6 * rise - 3 * turn
        quintic += bend / 2
        slope = df - width * deviations
        x = np.full(len(cells), 0.5)
        for _ in range(NEWTON):
            first = slope + x * (ddf + x * (3 * cubic + x * (4 * quartic + x * 5 * quintic)))
            second = ddf + x * (6 * cubic + x * (12 * quartic + x * 20 * quintic))
            x = np.clip(x - first / np.maximum(second, np.finfo(float).tiny), 0.0, 1.0)
        change = x * (slope + x * (ddf / 2 + x * (cubic + x * (quartic + x * quintic))))
        least: np.ndarray = f - start * deviations + change
        return least

    def _of_best_pairs(self) -> float:
        """The limit of the loss for beta without bound where each answer is a best pair: those that tie share it."""
        s = self._similarities[:, : self._alternatives]
        return float(np.log((s == s.max(axis=1, keepdims=True)).sum(axis=1)).sum())


def deviations_of(
    host: HostBackend, similarities: list[np.ndarray], pairs: np.ndarray, alternatives: int = 3
) -> np.ndarray:
    """(m, g) float64, for each model and simulated participant the sum over triplets of s(chosen pair) - s(pair 01).

    The result does not depend on the number of threads.

    Args:
        similarities: (t, 3) similarities of the pairs 01, 02, 12, for each of m models.
        pairs: int8 (t, g), the chosen pairs.

    Example:
        >>> from pyalign.backends import get_host_backend
        >>> s = [np.array([[1.0, 2.0, 4.0]])]
        >>> deviations_of(get_host_backend(), s, np.array([[0, 1, 2]], np.int8))
        array([[0., 1., 3.]])
    """
    t, g = pairs.shape
    total, part = np.zeros((len(similarities), g)), np.empty((len(similarities), g))
    for start in range(0, t, CHUNK):
        rows = slice(start, start + CHUNK)
        kept = pairs[rows]
        chosen = np.concatenate([kept == pair for pair in range(1, alternatives)]).astype(np.float64)
        differences = np.empty((len(similarities), len(chosen)))
        for m, s in enumerate(similarities):
            wide = s[rows].astype(np.float64)
            np.concatenate([wide[:, pair] - wide[:, 0] for pair in range(1, alternatives)], out=differences[m])
        host.product(differences, chosen, part)
        total += part
    return total

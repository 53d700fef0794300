"""The triplets of a study with the similarities of each model, and further triplets of the same objects.

A simulated choice is the pair of a triplet that is selected with the choice probabilities of a model.

Refits by a linear probe, which has many parameters, so that models are compared on held-out objects.
Refits by a temperature: one number for each model, so that likelihoods on the same triplets compare fairly.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from pyalign import _checks
from pyalign._process import Progress, silent
from pyalign.analysis.calibration.temperature import AnsweredSimilarities, minimize
from pyalign.backends import HostBackend, LossSums, get_host_backend
from pyalign.data import ANCHORED, alternatives_of, as_embeddings
from pyalign.datasets.simulate import put_odd_last, random_triplets
from pyalign.errors import InputError
from pyalign.fitting.algebra import host_rows
from pyalign.fitting.place import algebra_for
from pyalign.ops.triplets import run_triplets
from pyalign.probing.fit import GROWTH, INNER_FOLDS, Asked, Maker, choose_penalty, fit_path, problem_of
from pyalign.probing.held_out import held_out_score
from pyalign.probing.parameters import ProbeOptions, as_penalties
from pyalign.probing.problem import Problem, finite_rows
from pyalign.stats.divergences import log_choice_probabilities
from pyalign.stats.splits import Fold, TripletKFold
from pyalign.typing import BackendName, MeasureLike

FURTHER = 2  # marks what is drawn from a seed here, apart from answers and subsets
POOL_CHUNK = 1 << 18
SUBSET, ANSWER = 0, 1  # mark what is drawn from a seed


class Pool:
    """Triplets with the similarities of their pairs for each model, which are computed once.

    Args:
        models: a mapping of names to (n, d) embeddings of the same items in the same order.
        index: (t, 3) rows.
        measures: a mapping of names to similarity measures.
        task: the task of the triplets.
        backend: the backend that computes similarities.
        seed: the seed of further triplets.

    Attributes:
        index: (k, 3) rows: those of the study, then further ones.
        n_given: the number of triplets in the study, t.
        similarities: (k, 3) contiguous similarities of the pairs 01, 02, 12, for each model.
        host: the backend of all computations that follow the similarities.
        alternatives: 3, or 2 for anchored triplets, whose pairs are 01 and 02.
    """

    def __init__(
        self, models: Mapping[str, Any], index: object, measures: Mapping[str, MeasureLike], task: str,
        backend: BackendName = "auto", seed: int = 0,
    ) -> None:
        self.index = _checks.as_triplets(index)
        self.n_given = len(self.index)
        self.models, self.measures = dict(models), dict(measures)
        self.task, self.alternatives = task, alternatives_of(task)
        self.host: HostBackend = get_host_backend(backend)
        self._backend, self._rng = backend, np.random.Generator(np.random.Philox([seed, FURTHER]))
        self.similarities = self._look(self.index)
        self.objects = np.unique(self.index)

    def grow(self, k: int) -> None:
        """Draws further triplets of the same objects, every ordered one equally likely, until there are k."""
        more = k - len(self.index)
        if more <= 0:
            return
        drawn = self.objects[random_triplets(len(self.objects), more, self._rng)].astype(self.index.dtype)
        self.index = np.concatenate([self.index, drawn])
        self.similarities = [np.concatenate(two) for two in zip(self.similarities, self._look(drawn), strict=True)]

    def fitted_temperatures(self) -> tuple[float, ...]:
        """The temperature of each model with the highest likelihood of the recorded choices."""
        temperatures = []
        for name, s in zip(self.models, self.similarities, strict=True):
            people = AnsweredSimilarities(self.host, s, None, "fractional", alternatives=self.alternatives)
            try:
                temperatures.append(1.0 / minimize(people.sums).beta)
            except InputError as error:
                raise InputError(f"{name}: {error}; temperature must then be given") from error
        return tuple(temperatures)

    def _look(self, index: np.ndarray) -> list[np.ndarray]:
        similarities = []
        for name, x in self.models.items():
            try:
                results = run_triplets(x, index, measure=self.measures[name], backend=self._backend, similarities=True)
            except InputError as error:
                raise InputError(f"{name}: {error}") from error
            similarities.append(np.ascontiguousarray(_checks.as_array(results.similarities, "result", "(t, 3)")))
        return similarities


def cuts_of(similarities: np.ndarray, temperature: float, alternatives: int) -> np.ndarray:
    """(t, k - 1) float32: where the unit interval is cut so that its k parts are the probabilities of the pairs.

    Args:
        similarities: (t, 3) of the pairs 01, 02, 12.
        temperature: p = softmax(s / temperature) over the first k pairs.
        alternatives: k, 3 or 2.
    """
    cuts = np.empty((len(similarities), alternatives - 1), np.float32)
    for start in range(0, len(cuts), POOL_CHUNK):
        part = slice(start, start + POOL_CHUNK)
        p = np.exp(log_choice_probabilities(similarities[part, :alternatives], temperature))[:, ::-1]
        cuts[part] = np.cumsum(p, axis=1)[:, :-1]
    return cuts


def drawn_pairs(cuts: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """int8 (t,): the pair of each triplet, 0, 1 or 2 for 01, 02, 12, drawn with the probabilities of `cuts_of`."""
    u = rng.random(len(cuts), np.float32)
    pairs = (u >= cuts[:, 0]).astype(np.int8)
    for cut in cuts.T[1:]:
        pairs += u >= cut
    return pairs


def answered(triplets: np.ndarray, pairs: np.ndarray, task: str) -> np.ndarray:
    """Triplets (t, 3) with the chosen pair first, from pairs that number the positions of these triplets."""
    if task == ANCHORED:
        swapped: np.ndarray = np.where(pairs[:, None] == 1, triplets[:, [0, 2, 1]], triplets)
        return swapped
    return put_odd_last(triplets, 2 - pairs)


def generator(seed: int, *key: int) -> np.random.Generator:
    """Random numbers of their own for each key: the same whatever else is drawn, and by however many threads."""
    return np.random.Generator(np.random.Philox([seed, *key]))


class ByProbe:
    """Fits probes to simulated answers, on the host.

    Args:
        pool: the triplets, with the models.
        options: the options of the probes.
        folds: the number of folds over objects.
        penalties: the penalties to choose from; ``"auto"``; or a single one, which is used without a search.
        seed: the seed of the folds.
        progress: a callback for the choice of penalties.
    """

    def __init__(
        self, pool: Pool, options: ProbeOptions, folds: int, penalties: object, seed: int, progress: Progress = silent
    ) -> None:
        self.pool, self.options, self.folds, self.seed = pool, options, folds, seed
        self.on = algebra_for()
        self._make: Maker = partial(Problem, on=self.on, task=pool.task)
        grid = as_penalties(penalties)
        self._candidates, self._single = penalties, grid is not None and len(grid) == 1
        self._progress = progress
        self.models = [_rows(self.on, name, x) for name, x in pool.models.items()]
        self.penalties: np.ndarray | None = None

    def choose(self, pairs: np.ndarray) -> None:
        """Chooses the penalties (g, m) by inner folds over objects, on choices int8 (t, g) that have no other use."""
        index_of_study, count = self.pool.index[: len(pairs)], pairs.shape[1] * len(self.models)
        self.penalties = np.empty((pairs.shape[1], len(self.models)))
        for g, kept in enumerate(pairs.T):
            index = answered(index_of_study, kept, self.pool.task)
            for m, x in enumerate(self.models):
                self._progress("penalties", g * len(self.models) + m, count)
                self.penalties[g, m] = choose_penalty(
                    Asked(x, index), self.options, penalties=self._candidates,
                    splitter=TripletKFold("objects", INNER_FOLDS, self.seed), make=self._make,
                ).penalty

    def losses(self, rows: np.ndarray | slice, pairs: np.ndarray) -> np.ndarray:
        """(g, m) nats per triplet, the loss of each model's probe on held-out triplets of g simulated participants.

        Args:
            rows: which triplets of the pool.
            pairs: int8 (k, g), the chosen pairs of these k triplets.
        """
        index = self.pool.index[rows]
        split = list(TripletKFold("objects", self.folds, self.seed).folds(index))
        everyone = [answered(index, kept, self.pool.task) for kept in pairs.T]
        losses = np.empty((pairs.shape[1], len(self.models)))
        for m in range(len(self.models)):
            losses[:, m] = self._of_model(m, index, everyone, split)
        return losses

    def _of_model(self, m: int, index: np.ndarray, everyone: Sequence[np.ndarray], split: Sequence[Fold]) -> np.ndarray:
        """(g,) nats a held-out triplet."""
        x, total = self.models[m], np.zeros(len(everyone))
        for fold in split:
            problem = problem_of(Asked(x, index), fold, self.options, self._make)
            for g, theirs in enumerate(everyone):
                again = problem.answered(theirs[fold.train])
                fit = next(fit_path(again, [self._penalty(g, m, len(fold.train))]))
                test = theirs[fold.test]
                held_out = held_out_score(fit.transform, self.options, x, test, None, self.on, self.pool.task)
                total[g] += held_out.cross_entropy * len(test)
        nats: np.ndarray = total / sum(len(fold.test) for fold in split)
        return nats

    def _penalty(self, g: int, m: int, n_train: int) -> float:
        """The penalty for a fit to `n_train` triplets: larger than that for all triplets, for which it was chosen."""
        assert self.penalties is not None
        chosen = float(self.penalties[g, m])
        return chosen if self._single else chosen * float(self.pool.n_given / n_train) ** GROWTH


def _rows(on: object, name: str, x: object) -> np.ndarray:
    try:
        return finite_rows(host_rows(on, as_embeddings(x, name).values))  # type: ignore[arg-type]
    except InputError as error:
        raise InputError(f"{name}: {error}") from error


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

    def __init__(self, host: HostBackend, similarities: np.ndarray, alternatives: int = 3, near: int = 0) -> None:
        self._host, self._similarities, self._alternatives, self.near = host, similarities, alternatives, near
        self._zero = self._sums(0.0)
        self._known = {-1: self._zero}
        spread = np.sqrt(self._zero.second / len(similarities))
        self._first = FIRST / spread if spread > 0 else 1.0

    def least(self, deviations: np.ndarray) -> np.ndarray:
        """(g,) nats: the least loss over beta >= 0 for each deviation (g,).

        Similarities that agree with the answers no better than chance do best at beta = 0, a flat choice; those that
        agree with all of them at a beta without bound.
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

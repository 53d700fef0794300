"""Refits by a linear probe, which has many parameters, so that models are compared on held-out objects.

A probe is fitted to the triplets of some objects and evaluated on triplets whose objects are all held out. The penalty
is chosen once for each model and each simulated participant, on choices that are simulated only for this purpose.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from pyalign.data import as_embeddings
from pyalign.errors import InputError
from pyalign.fitting.algebra import host_rows
from pyalign.fitting.place import algebra_for
from pyalign.probing.choose import GROWTH, choose_strength, problem_of
from pyalign.probing.fit import Maker, fit_path
from pyalign.probing.options import ProbeOptions, as_penalties
from pyalign.probing.problem import Problem, finite_rows
from pyalign.probing.scoring import held_out_score
from pyalign.progress import Progress, silent
from pyalign.recovery.pool import Pool, answered
from pyalign.stats.splits import Fold, TripletKFold


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
    ) -> None:  # fmt: skip
        self.pool, self.options, self.folds, self.seed = pool, options, folds, seed
        self.on = algebra_for()
        self._make: Maker = partial(Problem, on=self.on, task=pool.task)
        grid = as_penalties(penalties)
        self._candidates, self._single = penalties, grid is not None and len(grid) == 1
        self._progress = progress
        self.models = [_rows(self.on, name, x) for name, x in pool.models.items()]
        self.strengths: np.ndarray | None = None

    def choose(self, pairs: np.ndarray) -> None:
        """Chooses the penalties (g, m) by inner folds over objects, on choices int8 (t, g) that have no other use."""
        index_of_study, count = self.pool.index[: len(pairs)], pairs.shape[1] * len(self.models)
        self.strengths = np.empty((pairs.shape[1], len(self.models)))
        for g, kept in enumerate(pairs.T):
            index = answered(index_of_study, kept, self.pool.task)
            for m, x in enumerate(self.models):
                self._progress("penalties", g * len(self.models) + m, count)
                self.strengths[g, m] = choose_strength(
                    x, index, self.options, penalties=self._candidates, split="objects", seed=self.seed,
                    make=self._make,
                ).strength  # fmt: skip

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

    def _of_model(
        self, m: int, index: np.ndarray, everyone: Sequence[np.ndarray], split: Sequence[Fold]
    ) -> np.ndarray:  # fmt: skip
        """(g,) nats a held-out triplet."""
        x, total = self.models[m], np.zeros(len(everyone))
        for fold in split:
            problem = problem_of(x, index, None, fold, self.options, self._make)
            for g, theirs in enumerate(everyone):
                again = problem.answered(theirs[fold.train])
                fit = next(fit_path(again, [self._strength(g, m, len(fold.train))]))
                test = theirs[fold.test]
                held_out = held_out_score(fit.transform, self.options, x, test, None, self.on, self.pool.task)
                total[g] += held_out.cross_entropy * len(test)
        nats: np.ndarray = total / sum(len(fold.test) for fold in split)
        return nats

    def _strength(self, g: int, m: int, n_train: int) -> float:
        """The penalty for a fit to `n_train` triplets: larger than that for all triplets, for which it was chosen."""
        assert self.strengths is not None
        chosen = float(self.strengths[g, m])
        return chosen if self._single else chosen * float(self.pool.n_given / n_train) ** GROWTH


def _rows(on: object, name: str, x: object) -> np.ndarray:
    try:
        return finite_rows(host_rows(on, as_embeddings(x, name).values))  # type: ignore[arg-type]
    except InputError as error:
        raise InputError(f"{name}: {error}") from error

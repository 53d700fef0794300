"""How often the generating model is selected: for one size, for several sizes, and from which size on often enough.

The result of `pyalign.recover`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar, Protocol

import numpy as np

from pyalign._dataclass import dataclass
from pyalign._process import Progress, silent
from pyalign._result import Result
from pyalign.data import ODD_ONE_OUT
from pyalign.documents import Interval
from pyalign.recovery.refits import ANSWER, SUBSET, Pool, cuts_of, drawn_pairs, generator

ALIKE = 1e-7  # nats a triplet: losses that are closer tie, as similarities in float32 say no more
FEWEST = 20  # triplets of the smallest size, where none are asked for
HALVINGS = 6  # of the study, at least, where there are so many triplets


class Refit(Protocol):
    """Fits all models to the choices of simulated participants."""

    def losses(self, rows: np.ndarray | slice, pairs: np.ndarray) -> np.ndarray:
        """(g, m) nats per triplet, for each simulated participant and model; see `ByTemperature.losses`."""


@dataclass(frozen=True, eq=False)
class Counts:
    """The counts of simulations for one size."""

    size: int  # the number of triplets.
    # (m, m) how often each model (column) was selected for choices of each (row). If m models tie, each counts 1/m.
    chosen: np.ndarray
    among: np.ndarray  # (m,) how often each model was best, or tied for the best, for its own choices.
    ties: np.ndarray  # (m,) the number of simulated data sets of each model on which models tied for the best.
    simulations: int  # the number of simulations for each model.

    @property
    def rate(self) -> float:
        """The recovery rate."""
        return float(np.trace(self.chosen)) / (len(self.chosen) * self.simulations)

    @property
    def fails_by_ties_alone(self) -> bool:
        """Whether every model is always at least tied for the best on its own choices, and ties occur."""
        return bool((self.among == self.simulations).all() and self.ties.any())


class Simulations:
    """Answers of each model to the triplets of a pool, at any size.

    Args:
        pool: triplets, and the similarities of the models.
        temperatures: at which the models answer.
        refit: fits all models again.
        simulations: of each model, at each size.
        seed: the seed of all random draws. What is drawn at one size does not depend on what other sizes there are.
    """

    def __init__(
        self, pool: Pool, temperatures: Sequence[float], refit: Refit, n_simulations: int, seed: int,
        progress: Progress = silent,
    ) -> None:
        self.pool, self.temperatures, self.refit = pool, tuple(temperatures), refit
        self.simulations, self.seed, self.progress = n_simulations, seed, progress
        self._cuts: list[np.ndarray] = []

    def answers(self, rows: np.ndarray | slice, *key: int) -> np.ndarray:
        """int8 (k, m): the pairs that each model keeps together, drawn by its probabilities."""
        cuts = self._known()
        drawn = [drawn_pairs(of_model[rows], generator(self.seed, ANSWER, *key, m)) for m, of_model in enumerate(cuts)]
        return np.stack(drawn, axis=1)

    def at(self, size: int) -> Counts:
        """The simulations with so many triplets: a random subset of the study, or the study and further ones."""
        self.pool.grow(size)
        m = len(self.temperatures)
        chosen, among, ties = np.zeros((m, m)), np.zeros(m, np.int64), np.zeros(m, np.int64)
        for k in range(self.simulations):
            self.progress(f"{size:,} triplets, simulation", k, self.simulations)
            rows = self._rows(size, k)
            best = tied_for_best(self.refit.losses(rows, self.answers(rows, size, k)))
            number = best.sum(axis=1)
            chosen += best / number[:, None]
            among += best.diagonal()
            ties += number > 1
        return Counts(size, chosen, among, ties, self.simulations)

    def _rows(self, size: int, k: int) -> np.ndarray | slice:
        if size >= self.pool.n_given:
            return slice(0, size)
        drawn = generator(self.seed, SUBSET, size, k).choice(self.pool.n_given, size, replace=False, shuffle=False)
        return np.sort(drawn)

    def _known(self) -> list[np.ndarray]:
        """Where the unit interval is cut for each triplet of the pool, by each model."""
        have, wanted = len(self._cuts[0]) if self._cuts else 0, len(self.pool.index)
        if have < wanted:
            pairs = zip(self.pool.similarities, self.temperatures, strict=True)
            more = [cuts_of(s[have:], t, self.pool.alternatives) for s, t in pairs]
            self._cuts = [np.concatenate(two) for two in zip(self._cuts, more, strict=True)] if have else more
        return self._cuts


def tied_for_best(losses: np.ndarray) -> np.ndarray:
    """(g, m) bool: the models with the least loss (nats a triplet) in each row, up to what float32 can tell."""
    best: np.ndarray = losses <= losses.min(axis=1, keepdims=True) + ALIKE
    return best


def along_sizes(n_simulations: Simulations, sizes: Sequence[int] | None, target: float, most: int) -> list[Counts]:
    """Counts at these sizes, ascending; None: at the study, its halves, and twice as many until the target is reached.

    Halves go on until the rate is below the target; doubles end at `most`, and are not tried where only ties stand in
    the way, which no number of triplets resolves.
    """
    if sizes is not None:
        return [n_simulations.at(size) for size in sorted(set(sizes))]
    whole = n_simulations.at(n_simulations.pool.n_given)
    counts, size = [whole], whole.size // 2
    while size >= FEWEST and (len(counts) <= HALVINGS or counts[0].rate >= target):
        counts.insert(0, n_simulations.at(size))
        size //= 2
    size = 2 * whole.size
    while counts[-1].rate < target and size <= most and not counts[-1].fails_by_ties_alone:
        counts.append(n_simulations.at(size))
        size *= 2
    return counts


def needed(sizes: Sequence[int], rates: Sequence[float], target: float) -> tuple[int, tuple[int, int]] | None:
    """The size at which rates reach a target and stay there, and the sizes around it; None where they don't.

    Args:
        sizes: ascending.
        rates: at each of them.
    """
    below = [k for k, rate in enumerate(rates) if rate < target]
    last = below[-1] if below else -1
    if last == len(sizes) - 1:
        return None
    if last < 0:
        return sizes[0], (0, sizes[0])
    share = (target - rates[last]) / (rates[last + 1] - rates[last])
    n = sizes[last] * (sizes[last + 1] / sizes[last]) ** share
    return math.ceil(round(n, 6)), (sizes[last], sizes[last + 1])


Matrix = tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class RecoveredModel:
    """The recovery of one model, from choices that it generated."""

    model: str  # the name of the model.
    measure: str  # the similarity measure by which it chooses.
    temperature: float  # the temperature at which its choices are simulated.
    # the fraction of its simulated data sets for which it was selected. If m models tie for the best, each counts 1/m.
    recovery_rate: float
    ci: Interval  # the interval of the rate, over simulations.
    n_ties: int  # the number of simulated data sets on which models tied for the best.
    mistaken_for: str | None  # the other model that was selected most often; None if no other model was.
    mistaken_share: float  # the fraction of data sets for which `mistaken_for` was selected.


@dataclass(frozen=True)
class RateAtSize:
    """The recovery rate for one number of triplets."""

    n_triplets: int  # the number of triplets.
    recovery_rate: float  # the mean recovery rate over models, a fraction.
    ci: Interval  # the interval of the rate, over simulations.
    drawn: int  # the number of these triplets that are not in the study, but were drawn at random from its objects.


@dataclass(frozen=True, repr=False)
class Recovery(Result):
    """Counts of the model that is selected when the model that generated the choices is known."""

    command: ClassVar[str] = "recover"
    rows: ClassVar[str] = "by_model"
    derived: ClassVar[tuple[str, ...]] = ("chance",)
    along: ClassVar = {"confusion": ("models", "models"), "by_model": ("models",)}
    filled: ClassVar = ("models", "curve")
    among: ClassVar = {"models": ("by_model.model", "by_model.mistaken_for")}

    models: tuple[str, ...]  # the names of the models, in the order of the input.
    # (m, m) fractions, with a row for each generating model and a column for each selected one. Rows sum to 1.
    confusion: Matrix
    recovery_rate: float  # the mean of the diagonal, a fraction.
    # the interval of the rate over simulations, that is, over other choices of these models on these triplets.
    ci: Interval
    n_triplets: int  # the number of triplets in the study, or the largest tried if none of them is that number.
    by_model: tuple[RecoveredModel, ...]  # the recovery of each model.
    # the recovery rate as a function of the number of triplets, ascending: random subsets of the study, and beyond its
    # size further random triplets.
    curve: tuple[RateAtSize, ...]
    target: float  # the recovery rate to reach, a fraction.
    # the number of triplets at which the curve reaches the target and stays there, interpolated linearly in log n
    # between the sizes that were tried; None if it does not.
    n_needed: int | None
    # the largest size with a rate below the target (0 if there is none), and the next size.
    n_needed_within: tuple[int, int] | None
    simulations: int  # the number of simulations for each model and size.
    n_ties: int  # the number of simulated data sets of `n_triplets` triplets on which models tied for the best.
    n_objects: int  # the number of objects in the triplets.
    refit: str  # "temperature" or "probe".
    folds: int | None  # the number of folds over objects; None for temperatures.
    temperatures: str  # "fitted" to the recorded choices, or "given".
    confidence: float  # the confidence level of the intervals.
    seed: int  # the seed of all random draws.
    task: str = ODD_ONE_OUT  # the task of the triplets.
    triplets: str | None = None  # the source of the triplets, or None.

    @property
    def chance(self) -> float:
        """The recovery rate of a random selection, a fraction."""
        return 1.0 / len(self.models)

    def __repr__(self) -> str:
        needed = "not reached" if self.n_needed is None else f"{self.n_needed:,} triplets"
        return (
            f"Recovery(recovery_rate={self.recovery_rate:.3%} [{self.ci.low:.3%}, {self.ci.high:.3%}] of "
            f"{len(self.models)} models on {self.n_triplets:,} triplets, {self.target:g}: {needed}, "
            f"refit={self.refit!r}, simulations={self.simulations})"
        )

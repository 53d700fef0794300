"""The result of `pyalign.recover`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pyalign._result import Result
from pyalign.data import ODD_ONE_OUT
from pyalign.documents import Interval

Matrix = tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class RecoveredModel:
    """The recovery of one model, from choices that it generated.

    Attributes:
        model: the name of the model.
        measure: the similarity measure by which it chooses.
        temperature: the temperature at which its choices are simulated.
        recovery_rate: the fraction of its simulated data sets for which it was selected. If m models tie for the best,
            each counts 1/m.
        ci: the interval of the rate, over simulations.
        n_ties: the number of simulated data sets on which models tied for the best.
        mistaken_for: the other model that was selected most often; None if no other model was.
        mistaken_share: the fraction of data sets for which `mistaken_for` was selected.
    """

    model: str
    measure: str
    temperature: float
    recovery_rate: float
    ci: Interval
    n_ties: int
    mistaken_for: str | None
    mistaken_share: float


@dataclass(frozen=True)
class RateAtSize:
    """The recovery rate for one number of triplets.

    Attributes:
        n_triplets: the number of triplets.
        recovery_rate: the mean recovery rate over models, a fraction.
        ci: the interval of the rate, over simulations.
        drawn: the number of these triplets that are not in the study, but were drawn at random from its objects.
    """

    n_triplets: int
    recovery_rate: float
    ci: Interval
    drawn: int


@dataclass(frozen=True, repr=False)
class Recovery(Result):
    """Counts of the model that is selected when the model that generated the choices is known.

    Attributes:
        models: the names of the models, in the order of the input.
        confusion: (m, m) fractions, with a row for each generating model and a column for each selected one. Rows sum
            to 1.
        recovery_rate: the mean of the diagonal, a fraction.
        ci: the interval of the rate over simulations, that is, over other choices of these models on these triplets.
        n_triplets: the number of triplets in the study, or the largest of `sizes` if none of them is that number.
        by_model: the recovery of each model.
        curve: the recovery rate as a function of the number of triplets, ascending: random subsets of the study, and
            beyond its size further random triplets.
        target: the recovery rate to reach, a fraction.
        n_needed: the number of triplets at which the curve reaches the target and stays there, interpolated linearly in
            log n between the sizes that were tried; None if it does not.
        n_needed_within: the largest size with a rate below the target (0 if there is none), and the next size.
        simulations: the number of simulations for each model and size.
        n_ties: the number of simulated data sets of `n_triplets` triplets on which models tied for the best.
        n_objects: the number of objects in the triplets.
        refit: "temperature" or "probe".
        folds: the number of folds over objects; None for temperatures.
        temperatures: "fitted" to the recorded choices, or "given".
        confidence: the confidence level of the intervals.
        seed: the seed of all random draws.
        task: the task of the triplets.
        triplets: the source of the triplets, or None.
    """

    command: ClassVar[str] = "recover"
    rows: ClassVar[str] = "by_model"
    derived: ClassVar[tuple[str, ...]] = ("chance",)
    along: ClassVar = {"confusion": ("models", "models"), "by_model": ("models",)}
    filled: ClassVar = ("models", "curve")
    among: ClassVar = {"models": ("by_model.model", "by_model.mistaken_for")}

    models: tuple[str, ...]
    confusion: Matrix
    recovery_rate: float
    ci: Interval
    n_triplets: int
    by_model: tuple[RecoveredModel, ...]
    curve: tuple[RateAtSize, ...]
    target: float
    n_needed: int | None
    n_needed_within: tuple[int, int] | None
    simulations: int
    n_ties: int
    n_objects: int
    refit: str
    folds: int | None
    temperatures: str
    confidence: float
    seed: int
    task: str = ODD_ONE_OUT
    triplets: str | None = None

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

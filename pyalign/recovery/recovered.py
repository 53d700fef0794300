"""The result of `pyalign.recover`."""

from __future__ import annotations

from typing import ClassVar

from pyalign._dataclass import dataclass
from pyalign._result import Result
from pyalign.data import ODD_ONE_OUT
from pyalign.documents import Interval

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
    n_triplets: int  # the number of triplets in the study, or the largest of `sizes` if none of them is that number.
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

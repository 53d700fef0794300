"""What `pyalign.recover` finds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from pyalign._result import Result
from pyalign.data import ODD_ONE_OUT
from pyalign.documents import Interval
from pyalign.errors import InputError

Matrix = tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class RecoveredModel:
    """One model as the one that answered.

    Attributes:
        model: its name.
        measure: the similarity measure that it answers by.
        temperature: at which it answers.
        recovery_rate: fraction of its simulated data sets on which it was chosen; where m models tie for the best each
            counts 1/m.
        ci: interval of the rate, over simulations.
        n_ties: simulated data sets on which models tied for the best.
        mistaken_for: the other model that was chosen most often; None where there was none.
        mistaken_share: how often, a fraction.
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
    """The recovery rate with so many triplets.

    Attributes:
        n_triplets: how many.
        recovery_rate: fraction, the mean over models of the rates at which each is recovered.
        ci: interval of the rate, over simulations.
        drawn: how many of these triplets are no triplets of the study but were drawn of its objects.
    """

    n_triplets: int
    recovery_rate: float
    ci: Interval
    drawn: int


@dataclass(frozen=True, repr=False)
class Recovery(Result):
    """Which model is chosen when a known one has answered.

    Attributes:
        models: names, in the order in which they were given.
        confusion: fractions; a row for each model that answered, a column for each that was chosen. Rows sum to 1.
        recovery_rate: fraction, the mean of the diagonal.
        ci: interval of the rate, over simulations: other answers of these models to these triplets.
        n_triplets: the number of triplets in the study; or of the largest size, where none of those asked for is that.
        by_model: the models as those that answered.
        curve: the rate for numbers of triplets, ascending: random subsets of the study, and beyond it further ones.
        target: the rate to reach, a fraction.
        n_needed: triplets at which the curve reaches the target and stays there, by a straight line in log n between
            the sizes that were tried; None where it does not.
        n_needed_within: the largest size below the target (0: none was) and the size after it.
        simulations: of each model, at each size.
        n_ties: simulated data sets on which models tied for the best, at `n_triplets`.
        n_objects: in the triplets.
        refit: "temperature" or "probe".
        folds: over objects, of probes; None for temperatures.
        temperatures: "fitted" to people's answers, or "given".
        confidence: the confidence level of the intervals.
        seed: the seed of all random draws.
        task: of the triplets.
        triplets: where they came from, or None.
    """

    command: ClassVar[str] = "recover"
    rows: ClassVar[str] = "by_model"
    derived: ClassVar[tuple[str, ...]] = ("chance",)
    along: ClassVar[Mapping[str, tuple[str, ...]]] = {"confusion": ("models", "models"), "by_model": ("models",)}

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

    def __post_init__(self) -> None:
        if not self.models:
            raise InputError("models must be at least one; got none")

    @property
    def chance(self) -> float:
        """The rate of choosing a model at random."""
        return 1.0 / len(self.models)

    def __repr__(self) -> str:
        needed = "not reached" if self.n_needed is None else f"{self.n_needed:,} triplets"
        return (
            f"Recovery(recovery_rate={self.recovery_rate:.3%} [{self.ci.low:.3%}, {self.ci.high:.3%}] of "
            f"{len(self.models)} models on {self.n_triplets:,} triplets, {self.target:g}: {needed}, "
            f"refit={self.refit!r}, simulations={self.simulations})"
        )

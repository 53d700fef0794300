"""What `pyalign.plan_experiment` finds."""

from __future__ import annotations

import math
from typing import ClassVar

from pyalign._dataclass import dataclass
from pyalign._result import Result
from pyalign._version import __version__
from pyalign.stats.components import Components
from pyalign.stats.effective import NAMES


@dataclass(frozen=True)
class PlannedDesign:
    """One design, and what it is expected to give."""

    n_objects: int  # how many objects there are.
    n_subjects: int  # how many participants.
    answers_per_subject: int  # how many triplets each of them answers.
    n_answers: int  # answers in total.
    standard_error: float  # the standard deviation of the figure over studies of this design, a fraction.
    degrees_of_freedom: float  # of Student's t, as they are expected.
    width: float  # the mean width of the interval, a fraction.
    power: float  # how often a two-sided test finds the difference, a fraction, with the components as estimated.
    cost: float | None = None  # in the unit of the prices; None without prices.
    # the mean power over what the components may be, given the 95% ranges of the pilot; the power, where there are
    # none.
    assurance: float = math.nan

    def __str__(self) -> str:
        return (
            f"{self.n_answers:,} answers about {self.n_objects:,} objects, {self.answers_per_subject:,} from each of "
            f"{self.n_subjects:,} participants"
        )


@dataclass(frozen=True)
class ExperimentPlan(Result):
    """What designs are expected to give, and which of them is enough."""

    command: ClassVar[str] = "plan experiment"
    rows: ClassVar[str] = "designs"
    derived: ClassVar[tuple[str, ...]] = ("paragraph",)

    figure: str  # what is estimated: "difference of accuracies", or "accuracy".
    models: tuple[str, ...]  # what it is of; none where components were stated.
    difference: float  # the true difference that is to be found, a fraction; of an accuracy, from a fixed value.
    target_power: float  # how often it is to be found, a fraction.
    confidence: float  # the confidence level of the intervals; tests are at 1 less that.
    ci_by: str  # what intervals are over: "objects", or "objects+subjects".
    designs: tuple[PlannedDesign, ...]  # every combination of the numbers that were asked for.
    # for each number of objects and of answers, the fewest participants whose assurance reaches the target; none where
    # no number does.
    needed: tuple[PlannedDesign, ...]
    # the cheapest of these; without prices, that with the fewest answers. None where there is none.
    chosen: PlannedDesign | None
    # the power of that design where objects and participants differ as much, and as little, as the 95% ranges of their
    # components allow: the lower and the higher one. None where there are no ranges.
    power_range: tuple[float, float] | None
    components: Components  # of the pilot, with what is below 0 as 0.
    n_pilot: int | None = None  # how many answers the pilot has; None where components were stated.
    # object_balance, subject_balance: the effective number of objects, or of participants, as a fraction of their
    # number.
    object_balance: float = 1.0
    subject_balance: float = 1.0
    # price_object, price_subject, price_answer: the prices; None without.
    price_object: float | None = None
    price_subject: float | None = None
    price_answer: float | None = None
    pilot: str | None = None  # the file of the pilot's triplets, or None.

    @property
    def paragraph(self) -> str:
        """The chosen design in words, for a preregistration; "" where there is none."""
        if self.chosen is None:
            return ""
        design, known = self.chosen, self.components
        share = {name: getattr(known, name) for name in ("objects", "subjects", "both", "pairs", "triplets", "answers")}
        parts = ", ".join(f"{name} {value:.3g}" for name, value in share.items() if value is not None)
        source = "stated" if self.n_pilot is None else f"estimated from a pilot with {self.n_pilot:,} answers"
        over, range_of = " and ".join(NAMES.get(one, one) for one in self.ci_by.split("+")), ""
        if self.power_range is not None:
            low, high = (100 * one for one in self.power_range)
            range_of = f" ({low:.0f} to {high:.0f}% within the 95% ranges of the components of the pilot, on average "
            range_of += f"{100 * design.assurance:.0f}%)"
        found = "a true difference" if self.figure != "accuracy" else "a true difference from a fixed value"
        return (
            f"We will collect {design}. Triplets are of three different objects, drawn at random. The variance "
            f"components of the {self.figure} were {source}: {parts}. The standard error of the {self.figure} "
            f"is then expected to be {100 * design.standard_error:.2f} percentage points, and its "
            f"{100 * self.confidence:g}% interval {100 * design.width:.1f} points wide. Intervals generalize over "
            f"{over}. A two-sided test at the {100 * (1 - self.confidence):.3g}% level, by "
            f"Student's t with {design.degrees_of_freedom:.0f} degrees of freedom, will find {found} "
            f"of {100 * self.difference:.3g} percentage points with a power of {100 * design.power:.0f}%{range_of}. "
            f"Computed with pyalign {__version__}."
        )

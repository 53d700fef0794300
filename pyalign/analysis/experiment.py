"""What `pyalign.plan_experiment` finds.

How many objects, participants and answers a study needs, from the variance components of a pilot.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any, ClassVar

from pyalign import _checks
from pyalign._dataclass import dataclass, replace
from pyalign._result import Result
from pyalign._version import __version__
from pyalign.analysis.accuracy import Score, Scores
from pyalign.analysis.comparison.comparison_result import Comparison, PairResult
from pyalign.analysis.notes import ORDER
from pyalign.data import Provenance
from pyalign.data.answers import UNUSED
from pyalign.documents import Interval
from pyalign.errors import InputError
from pyalign.stats.components import Components, Design, Outlook
from pyalign.stats.degrees import NAMES
from pyalign.stats.resampling import LEAST, is_enough
from pyalign.typing import Fraction


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
        claim = "a true difference" if self.figure != "accuracy" else "a true difference from a fixed value"
        return (
            f"We will collect {design}. Triplets are of three different objects, drawn at random. The variance "
            f"components of the {self.figure} were {source}: {parts}. The standard error of the {self.figure} "
            f"is then expected to be {100 * design.standard_error:.2f} percentage points, and its "
            f"{100 * self.confidence:g}% interval {100 * design.width:.1f} points wide. Intervals generalize over "
            f"{over}. A two-sided test at the {100 * (1 - self.confidence):.3g}% level, by "
            f"Student's t with {design.degrees_of_freedom:.0f} degrees of freedom, will find {claim} "
            f"of {100 * self.difference:.3g} percentage points with a power of {100 * design.power:.0f}%{range_of}. "
            f"Computed with pyalign {__version__}."
        )


N_OBJECTS, N_SUBJECTS, ANSWERS = (50, 100, 200, 400), (10, 20, 50, 100), (100,)
MOST_SUBJECTS = 100_000  # that are looked for
MOST_DESIGNS = 1_000
ACCURACY, DIFFERENCE = "accuracy", "difference of accuracies"
END = 1.0 / (2.0 * 1.96**2)  # the weight of either end of a 95% range: three values then have its variance
EFFECTS = ("objects", "subjects", "both", "pairs", "triplets", "answers")


@dataclass(frozen=True)
class _Pilot:
    """What is known of the figure that is to be estimated."""

    figure: str  # what it is.
    models: tuple[str, ...]  # of which models.
    components: Components  # of one answer.
    most: float  # the largest difference that is possible.
    # n_answers, source: of the pilot.
    n_answers: int | None = None
    source: str | None = None


@_checks.checked
def plan_experiment(
    pilot: Scores | Score | Comparison | PairResult | Components, *, difference: float,
    n_objects: int | Sequence[int] = N_OBJECTS, n_subjects: int | Sequence[int] = N_SUBJECTS,
    answers_per_subject: int | Sequence[int] = ANSWERS, power: Fraction = 0.8, confidence_level: Fraction = 0.95,
    prices: Sequence[float] | None = None, object_balance: float = 1.0, subject_balance: float = 1.0,
) -> ExperimentPlan:
    """Plan a study that is to find a difference: between two models, or between a model and a fixed value.

    Each answer of the study is to a triplet of three different objects, drawn at random for each participant.

    Args:
        pilot: the result of `pyalign.compare` for two models, one of its `pairs`, or the result of `pyalign.score` for
            one model; with intervals over objects and participants, if the study is to generalize over both. Or
            variance components that are known from elsewhere, as `pyalign.Components`.
        difference: the true difference of accuracies that is to be found, a fraction; of one model, the difference of
            its accuracy from a fixed value.
        n_objects, n_subjects, answers_per_subject: the numbers of objects, of participants, and of answers by each
            participant to consider, one or several.
        power: how often the difference is to be found, a fraction.
        confidence_level: of the intervals; tests are at the level of 1 less this.
        prices: three, of one more object, of one more participant and of one more answer, in any unit.
        object_balance, subject_balance: the effective number of objects, or of participants, as a fraction of their
            number: 1 where each is in as many answers. See `pyalign.stats.degrees`.

    Returns:
        An `ExperimentPlan`: for each design the standard error, the mean width of the interval and the power; the
        fewest participants that are enough for each number of objects; the cheapest of these; and a paragraph for a
        preregistration.

    Raises:
        InputError: a pilot of more models, without intervals, or too small to say how much objects or participants
            differ; a difference that is not possible; fewer objects or participants than intervals need; a negative
            price.

    Source: variance components as in generalizability theory (Brennan 2001); two crossed random factors as in Westfall,
    Kenny and Judd, "Statistical power and optimal design in experiments in which samples of participants respond to
    samples of stimuli", Journal of Experimental Psychology: General 2014. For what differs see docs/plan.md.

    Example:
        >>> from pyalign import Components
        >>> pilot = Components(objects=0.0024, subjects=0.0006, both=0.0, answers=0.41)
        >>> plan = plan_experiment(pilot, difference=0.04, n_objects=[100, 400], n_subjects=[20, 50])
        >>> [(one.n_objects, one.n_subjects, round(one.power, 2)) for one in plan.designs]
        [(100, 20, 0.41), (100, 50, 0.6), (400, 20, 0.57), (400, 50, 0.89)]
        >>> plan.chosen.n_objects, plan.chosen.n_subjects
        (400, 36)
    """
    known = _pilot_of(pilot)
    components, notes = usable(known.components)
    planner = _Planner(
        components=components,
        ranges={name: own for name in ("objects", "subjects") if (own := getattr(known.components, f"{name}_ci"))},
        difference=_difference_of(difference, known),
        power=power,
        confidence=confidence_level,
        prices=_prices(prices),
        balances=(_balance(object_balance, "object_balance"), _balance(subject_balance, "subject_balance")),
    )
    objects = _numbers(n_objects, "n_objects", "objects", planner.balances[0])
    people = _numbers(n_subjects, "n_subjects", "subjects" if planner.over_subjects else "", planner.balances[1])
    answers = _numbers(answers_per_subject, "answers_per_subject")
    if len(objects) * len(people) * len(answers) > MOST_DESIGNS:
        numbers = f"{len(objects)} numbers of objects, {len(people)} of participants and {len(answers)} of answers"
        raise InputError(f"designs must be at most {MOST_DESIGNS:,}; got {numbers}")
    needed = tuple(design for size in product(objects, answers) if (design := planner.fewest(*size)) is not None)
    chosen = min(needed, key=lambda size: (size.cost or size.n_answers, size.n_answers, size.n_objects), default=None)
    if chosen is None:
        notes += (
            f"up to {MOST_SUBJECTS:,} participants do not reach a power of {planner.power:g} with so many objects",
        )
    return ExperimentPlan(
        figure=known.figure, models=known.models, difference=planner.difference, target_power=planner.power,
        confidence=planner.confidence,
        ci_by="objects+subjects" if planner.over_subjects else "objects",
        designs=tuple(planner.planned(*size) for size in product(objects, people, answers)),
        needed=needed,
        chosen=chosen,
        power_range=None if chosen is None else planner.power_range(chosen),
        components=components,
        n_pilot=known.n_answers,
        object_balance=planner.balances[0], subject_balance=planner.balances[1],
        price_object=planner.prices[0], price_subject=planner.prices[1],
        price_answer=planner.prices[2],
        pilot=known.source,
        notes=(*(note for note in getattr(pilot, "notes", ()) if UNUSED in note or ORDER in note), *notes),
        provenance=Provenance.now({}, {"confidence": planner.confidence}),
    )


@dataclass(frozen=True)
class _Planner:
    """What is expected of all designs."""

    components: Components  # of one answer, none below 0.
    ranges: Mapping[str, Interval]  # 95% ranges of components by name, as far as the pilot has them.
    # difference, power, confidence: see `ExperimentPlan`; `power` is the target.
    difference: float
    power: float
    confidence: float
    prices: tuple[float | None, ...]  # of an object, of a participant, of an answer.
    balances: tuple[float, float]  # of objects and of participants.

    @property
    def over_subjects(self) -> bool:
        """Whether intervals are over participants too."""
        return self.components.subjects is not None

    def planned(self, n: int, p: int, m: int) -> PlannedDesign:
        """What n objects and p participants with m answers each are expected to give."""
        design = Design(n, p, m, self.balances[0] * n, self.balances[1] * p)
        ends = (self._with({name: end}) for name, own in self.ranges.items() for end in own)
        outlook, *others = (Outlook(each, design) for each in (self.components, *ends))
        power, *powers = (each.power(self.difference, self.confidence) for each in (outlook, *others))
        counted = [(price, count) for price, count in zip(self.prices, (n, p, p * m), strict=True) if price is not None]
        return PlannedDesign(
            n_objects=n,
            n_subjects=p,
            answers_per_subject=m,
            n_answers=p * m,
            standard_error=outlook.error,
            degrees_of_freedom=outlook.degrees,
            width=outlook.width(self.confidence),
            power=power,
            cost=sum(price * count for price, count in counted) if counted else None,
            assurance=power + END * sum(other - power for other in powers),
        )

    def fewest(self, n: int, m: int) -> PlannedDesign | None:
        """The design with the fewest participants that has the power; None where none has."""
        least = math.ceil((LEAST["subjects"] - 0.5) / self.balances[1]) if self.over_subjects else 1
        low, high = least - 1, least
        while (fewest := self.planned(n, high, m)).assurance < self.power:
            if high >= MOST_SUBJECTS:
                return None
            low, high = high, min(2 * high, MOST_SUBJECTS)
        while high - low > 1:
            middle = (low + high) // 2
            design = self.planned(n, middle, m)
            low, high, fewest = (low, middle, design) if design.assurance >= self.power else (middle, high, fewest)
        return fewest

    def _with(self, changed: Mapping[str, float]) -> Components:
        return _with(self.components, dict(changed), self.components.variance)

    def power_range(self, design: PlannedDesign) -> tuple[float, float] | None:
        """The power of a design where objects and participants differ as much, and as little, as their ranges allow."""
        size = design.n_objects, design.n_subjects, design.answers_per_subject
        ends = [self._with({name: own[end] for name, own in self.ranges.items()}) for end in (0, 1)]
        powers = [replace(self, components=each, ranges={}).planned(*size).power for each in ends]
        return (min(powers), max(powers)) if self.ranges else None


def _pilot_of(pilot: Any) -> _Pilot:
    """What a pilot says; raises where it is none, or of more than one figure."""
    source = getattr(pilot, "triplets", None)
    if isinstance(pilot, Components):
        return _Pilot(DIFFERENCE, (), pilot, _most_of(pilot))
    if isinstance(pilot, Scores):
        if len(pilot.results) != 1:
            raise InputError(f"pilot must have one score; got {len(pilot.results)}")
        pilot = pilot.results[0]
    n_answers = getattr(pilot, "n_triplets", None)
    if isinstance(pilot, Comparison):
        if len(pilot.pairs) != 1:
            raise InputError(f"pilot must be of two models; got {len(pilot.models)} (give one of its pairs instead)")
        (pilot,) = pilot.pairs
    if isinstance(pilot, Score | PairResult):
        if pilot.components is None:
            raise InputError("pilot must have variance components, which intervals in closed form come with; got none")
        if isinstance(pilot, PairResult):
            return _Pilot(
                DIFFERENCE, (pilot.a, pilot.b), pilot.components, _most_of(pilot.components), n_answers, source
            )
        accuracy = pilot.accuracy or 0.0
        names = () if pilot.embeddings is None else (pilot.label or pilot.embeddings,)
        return _Pilot(ACCURACY, names, pilot.components, max(accuracy, 1.0 - accuracy), n_answers, source)
    raise InputError(
        f"pilot must be a result of pyalign.score or pyalign.compare, or Components; got {type(pilot).__name__}"
    )


def _most_of(components: Components) -> float:
    """The largest difference d of two accuracies: the variance of an answer's difference is at least d (1 - d)."""
    variance = components.variance
    return 1.0 if variance >= 0.25 else (1.0 - math.sqrt(max(0.0, 1.0 - 4.0 * variance))) / 2.0


def _difference_of(value: float, pilot: _Pilot) -> float:
    difference = _checks.fraction(value, "difference")
    if difference > pilot.most:
        what = "models whose answers differ as rarely" if pilot.figure == DIFFERENCE else "a model of this accuracy"
        raise InputError(f"difference must be possible: of {what} at most {pilot.most:.3g}; got {difference:g}")
    return difference


def _prices(given: Sequence[float] | None) -> tuple[float | None, ...]:
    """The prices of an object, of a participant and of an answer; three times None without any."""
    if given is None:
        return (None,) * 3
    prices = tuple(_checks.real_number(price, "prices") for price in _checks.sequence(given, "prices", "three numbers"))
    if len(prices) != 3 or not all(0.0 <= price < math.inf for price in prices):
        got = ", ".join(f"{price:g}" for price in prices)
        raise InputError(
            f"prices must be three numbers of at least 0, of an object, a participant, an answer; got {got}"
        )
    return prices


def _balance(value: float, name: str) -> float:
    balance = _checks.real_number(value, name)
    if not 0.0 < balance <= 1.0:
        raise InputError(f"{name} must be a fraction above 0, at most 1; got {value!r}")
    return balance


def _numbers(values: int | Sequence[int], name: str, of: str = "", balance: float = 1.0) -> tuple[int, ...]:
    """Whole numbers, ascending; of objects or participants, enough for an interval."""
    several = values if isinstance(values, list | tuple) else [values]
    numbers = tuple(sorted({_checks.whole_number(value, name, 1, MOST_SUBJECTS * 10) for value in several}))
    if not numbers:
        raise InputError(f"{name} must be at least one number; got none")
    if of and not is_enough(of, numbers[0] * balance):
        what = f"an effective number of {LEAST[of]} {NAMES[of]}"
        raise InputError(f"{name} must be enough for an interval, which takes {what}; got {numbers[0]}")
    return numbers


def usable(pilot: Components) -> tuple[Components, tuple[str, ...]]:
    """The components with what is below 0 as 0, and what a reader should know; raises where one is missing."""
    for name in EFFECTS:
        value = getattr(pilot, name)
        if value is not None and not math.isfinite(_checks.real_number(value, name)):
            raise InputError(f"{name} of the components must be a finite number; got {value!r}")
    for name, own in (("objects", pilot.objects_ci), ("subjects", pilot.subjects_ci)):
        if getattr(pilot, name) is None and (own is not None or name == "objects"):
            raise InputError(_too_few(name, own))
    if pilot.variance <= 0.0:
        raise InputError("pilot must have answers that differ; the variance of one is 0")
    notes = []
    below = {name: value for name in EFFECTS if (value := getattr(pilot, name)) is not None and value < 0.0}
    if below:
        listed = ", ".join(f"{name} {value:.2g}" for name, value in below.items())
        notes.append(f"estimates below 0 count as 0: {listed}")
    if pilot.subjects is None:
        notes.append("the pilot does not say how participants differ: intervals and power are over objects only")
    unknown = [name for name in ("pairs", "triplets", "both") if getattr(pilot, name) is None]
    if pilot.objects_ci is not None and "pairs" in unknown:
        notes.append("the pilot says too little of pairs of objects, which matter with few objects: they count as 0")
    kept: dict[str, Any] = {name: max(0.0, getattr(pilot, name) or 0.0) for name in EFFECTS if name != "answers"}
    if pilot.subjects is None:
        kept.update(subjects=None, both=None)
    return _with(pilot, kept, pilot.variance), tuple(notes)


def _too_few(name: str, known: Interval | None) -> str:
    if known is None:
        return f"pilot must have intervals over {NAMES[name]}, so that it says how they differ; got none"
    return (
        f"pilot must have an effective number of at least {LEAST[name]} {NAMES[name]} to say how they differ; it has "
        f"fewer: the component {name} is within {known.low:.2g} and {known.high:.2g} (state it as Components)"
    )


def _with(components: Components, changed: dict[str, Any], variance: float) -> Components:
    """Other components, of an answer with this variance: what they do not account for is left to the answer."""
    scaled = replace(components, **changed, answers=0.0)
    return replace(scaled, answers=max(0.0, variance - scaled.variance))

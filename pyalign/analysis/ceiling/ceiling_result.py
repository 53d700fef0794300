"""What `pyalign.noise_ceiling` finds, and which of its ceilings a score is held against."""

from __future__ import annotations

from typing import ClassVar, TypeAlias

from pyalign._dataclass import dataclass
from pyalign._result import OfTask, Result
from pyalign.data import ODD_ONE_OUT
from pyalign.documents import Interval
from pyalign.errors import InputError

BOUNDS = ("upper", "lower", "estimate")  # ceilings by name


@dataclass(frozen=True)
class Ceiling:
    """The accuracy that a model of people's choice probabilities would have, a fraction."""

    derived: ClassVar[tuple[str, ...]] = ("standard_error",)

    value: float  # an estimate of it, or a bound.
    # interval over other objects like these, and other participants where they are known; by Student's t, within [0,
    # 1]. None where all triplets share an object.
    ci: Interval | None

    @property
    def standard_error(self) -> float | None:
        """The standard error of the value."""
        return None if self.ci is None else self.ci.error


@dataclass(frozen=True)
class Ceilings:
    """Three ceilings."""

    # the mean majority share, which no model can exceed on these very answers; so it is too high on average, the more
    # so the fewer the answers.
    upper: Ceiling
    lower: Ceiling  # the share of answers that the majority of the other participants' predicts; too low on average.
    # the mean largest choice probability when the distribution of choice probabilities over triplets with about as many
    # answers is fitted by maximum likelihood (`pyalign.stats.mixture`); nearly without bias from about five answers to
    # a triplet on, and never outside of the other two.
    estimate: Ceiling


@dataclass(frozen=True)
class NoiseCeiling(OfTask, Result):
    """Agreement of people on repeated triplets, and what that leaves for a model to reach. Shares are fractions."""

    command: ClassVar[str] = "ceiling"
    derived: ClassVar[tuple[str, ...]] = ("chance",)

    # upper, lower, and the estimate between them, with their intervals; what to compare models with.
    ceilings: Ceilings
    ceiling: float  # mean of the majority share, the share of the most frequent answer; as `ceilings.upper`.
    ci: Interval | None  # its interval; None where all triplets share an object.
    guessing: float  # the mean majority share that pure guessing would give with as many answers.
    n_distinct: int  # distinct triplets that were answered at least twice.
    n_answers: int  # answers to them.
    # share of answers that the majority of the other participants' answers to the same triplet predicts; m tied
    # majorities predict 1/m each.
    leave_one_out: float
    leave_one_out_ci: Interval | None  # its interval; both as `ceilings.lower`.
    n_predicted: int  # answers that another participant's answer could predict: all of them.
    # nats per answer, the lowest cross-entropy that any model can have on these answers: their mean entropy.
    least_cross_entropy: float
    corrected_entropy: float  # nats per answer, that entropy with the correction of Miller and Madow for few answers.
    n_persons: int | None  # participants among these answers, or None where participants are not known.
    # answers that a participant gave to a triplet after the first, which count in none of these; None likewise.
    n_repeats_within_person: int | None
    confidence: float  # of the intervals, a fraction.
    # signs that the answers are not what people said, a sentence each; they are among the notes too.
    remarks: tuple[str, ...]
    triplets: str | None = None  # where the triplets came from, or None.
    # the task of the triplets; `chance` follows from it. Of anchored ones a triplet is an anchor with two options.
    task: str = ODD_ONE_OUT
    # of weighted answers, how many of equal weight would say as much; None where all count the same.
    effective_answers: float | None = None
    weighting: str = "answers"  # what counts the same in all of these means: "answers" or "triplets".


GIVEN = "given"  # of a number that nobody has named
NamedCeiling: TypeAlias = "float | tuple[str, float | NoiseCeiling] | NoiseCeiling"


def as_named_ceiling(ceiling: NamedCeiling) -> tuple[str, float]:
    """Name and value: of a number "given", of a `NoiseCeiling` the estimate, of a pair what it says.

    Raises:
        InputError: a pair that is not of a name and a number, or of a name in `BOUNDS` and a `NoiseCeiling`.

    Example:
        >>> as_named_ceiling(0.67), as_named_ceiling(("upper", 0.672))
        (('given', 0.67), ('upper', 0.672))
    """
    if isinstance(ceiling, NoiseCeiling):
        return "estimate", ceiling.ceilings.estimate.value
    if not isinstance(ceiling, tuple):
        return GIVEN, ceiling
    if len(ceiling) != 2 or not isinstance(ceiling[0], str):
        raise InputError(f"ceiling must be a number, a (name, number) or a NoiseCeiling; got {ceiling!r:.60}")
    name, value = ceiling
    if isinstance(value, NoiseCeiling):
        return name, float(getattr(value.ceilings, ceiling_of(value, name)[0]).value)
    return name, value


def people_of_ceiling(ceiling: NamedCeiling) -> NoiseCeiling | None:
    """The `NoiseCeiling` that a ceiling is one of; None for a number. Raises as `as_named_ceiling`."""
    as_named_ceiling(ceiling)
    source = ceiling[1] if isinstance(ceiling, tuple) else ceiling
    return source if isinstance(source, NoiseCeiling) else None


def require_weighting(ceiling: NamedCeiling | None, weighting: str) -> None:
    """Raises where a ceiling is over answers and the accuracies over triplets, or the other way."""
    people = None if ceiling is None else people_of_ceiling(ceiling)
    if people is not None and people.weighting != weighting:
        raise InputError(
            f"ceiling must be over {weighting}, as the accuracy is; got one over {people.weighting} (see weighting)"
        )


def ceiling_of(people: NoiseCeiling, name: str) -> tuple[str, NoiseCeiling]:
    """One of the three by name, as `score` takes it.

    Raises:
        InputError: an unknown name.

    Example:
        >>> from pyalign.analysis.ceiling.noise_ceiling import noise_ceiling
        >>> people = noise_ceiling([[0, 1, 2], [1, 0, 2], [3, 4, 5], [3, 5, 4]])
        >>> as_named_ceiling(ceiling_of(people, "upper"))
        ('upper', 0.75)
    """
    if name not in BOUNDS:
        raise InputError(f"ceiling must be one of {', '.join(BOUNDS)}; got {name!r}")
    return name, people

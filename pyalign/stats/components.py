"""Variance components of answers: how much of their variance objects, participants and both together account for.

The value of an answer (a credit, nats, or the difference of two models) is the mean and the effects of

    three objects, their three pairs, the triplet; the participant, the participant with each of the three objects;
    and what is left, which no other answer has in common with it.

So two answers of different participants with one object in common have the covariance of an object's effect; with two,
that of two objects and a pair; and so on. The sums that standard errors are made of (`pyalign.stats.clustered`) hold
the products of residuals over all pairs of answers of each of these kinds, and the components follow from their means.

Residuals are around the estimated mean, so that a mean product is less than the covariance by the variance V of the
mean. V is known from the pairs that share nothing. Where some objects are in more triplets than others, or some people
gave more answers, residuals that depend on these hold still less: by 2 (x - H) times their variance, where H is the
mean of the sizes that answers have, as a share of all answers, and x the mean of it among the pairs.

Source: estimates by moments, as in the first method of Henderson, "Estimation of variance and covariance components",
Biometrics 1953. Ranges let one sum of squares vary, as in Williams, "A confidence interval for variance components",
Biometrika 1962.

What a design will give: the standard error of a mean over answers, its interval, and the power of a test.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cached_property, lru_cache
from typing import ClassVar

import numpy as np

from pyalign._dataclass import dataclass, replace
from pyalign.documents import Interval
from pyalign.stats import degrees
from pyalign.stats.degrees import EffectiveNumber, chi_square_quantiles
from pyalign.stats.intervals import quantile

LEAST_PAIRS = 1000  # pairs of answers that a component is estimated from: its error is then about 3% of the variance
RANGE = 0.95  # how often a range holds the component
ROUNDING = 1e-11  # of all pairs of answers
LEAST_KNOWN = 0.25  # of the variance of a mean, that residuals must hold, where some objects or people count more
FIRST = {"objects": "one", "subjects": "subject"}  # pairs of answers whose covariance is the component
OF_GROUPS = {
    "answer": (), "one": ("objects",), "two": ("objects",), "three": ("objects",), "any object": ("objects",),
    "subject": ("subjects",), "any subject": ("subjects",), "subject one": ("objects", "subjects"),
}

Contrast = Callable[[np.ndarray], float]  # the variance of a figure, from a covariance of means


@dataclass(frozen=True)
class Components:
    """Variance components of one answer: variances of the effects that are in it, in square units of the value.

    The variance of an answer is 3 objects + 3 pairs + triplets + subjects + 3 both + answers. An estimate may be below
    0, where a component is small. A component that the data say nothing about, or too little, is None; what it would
    account for is then part of `answers`.

    Example:
        >>> Components(objects=0.002, subjects=0.0005, answers=0.25).variance
        0.2565
    """

    derived: ClassVar[tuple[str, ...]] = ("variance",)

    answers: float  # of what no other answer shares.
    # of the effect of one object; None where intervals are not over objects, or there are too few.
    objects: float | None = None
    # of the effect of one participant; None where intervals are not over them, or there are too few.
    subjects: float | None = None
    both: float | None = None  # of the effect of one object with one participant.
    pairs: float | None = None  # of the effect of a pair of objects, in addition to those of both objects.
    # of the effect of a triplet, in addition to those of its objects and pairs; None where few were repeated.
    triplets: float | None = None
    # objects_ci, subjects_ci: 95% ranges of the components, also where there are too few objects or participants for an
    # estimate.
    objects_ci: Interval | None = None
    subjects_ci: Interval | None = None
    # how much of their variance two answers with a common object have in common, a fraction: their correlation. Pairs
    # of answers that have two objects in common count twice.
    object_share: float | None = None
    # how much of their variance two answers by one participant have in common, a fraction.
    subject_share: float | None = None

    @property
    def variance(self) -> float:
        """The variance of one answer."""
        more = (self.subjects, self.triplets, *(self.objects, self.pairs, self.both) * 3)
        return self.answers + sum(component for component in more if component is not None)


@dataclass(frozen=True)
class Group:
    """The objects, or the participants, of some answers."""

    number: EffectiveNumber  # how many there are.
    sizes: np.ndarray  # (g,) the share of all answers that each is in.

    @property
    def excess(self) -> float:
        """How much larger the mean size is among pairs of answers that share one than among all answers.

        It is 0 where all have the same size. A triplet's second and third object are taken to be drawn by their sizes.
        """
        squares, each = self.sizes**2, float(self.sizes.sum())
        mean = float(squares.sum())
        others = (each - 1.0) * (mean - squares) / np.maximum(each - self.sizes, 1e-300)
        return float((squares * (self.sizes + others)).sum()) / mean - mean


@dataclass(frozen=True)
class Covariances:
    """Covariances of the values of two answers, by what the answers share."""

    # (k, k) over means, by name: "answer" of an answer with itself; "one", "two", "three" by the number of objects that
    # answers of different participants have in common; "subject", "subject one" of answers of one participant with
    # none, or one; "any object", "any subject" of all that share one, a pair of answers as often as it does; "objects
    # squares", "subjects squares" what the sums of squares add to the first.
    values: Mapping[str, np.ndarray]
    pairs: Mapping[str, float]  # how many pairs of answers there are of the kinds that components are made of.
    groups: Mapping[str, Group]  # the objects, and the participants, by "objects" and "subjects".

    def changed(self, change: Callable[[np.ndarray], np.ndarray]) -> Covariances:
        """The covariances of answers for other means, each changed by `change`."""
        return replace(self, values={name: change(covariance) for name, covariance in self.values.items()})

    def components(self, of: Contrast) -> Components:
        """The components of a figure."""
        variance, one_shared = of(self.values["answer"]), self._value("one", of)
        two_shared, three_shared, with_object = (
            self._value(name, of, 2.0 * LEAST_PAIRS) for name in ("two", "three", "subject one")
        )
        pairs = triplets = both = None
        if one_shared is not None:
            pairs = None if two_shared is None else two_shared - 2.0 * one_shared
            triplets = None if three_shared is None else three_shared - 3.0 * one_shared - 3.0 * (pairs or 0.0)
        subjects = self._value("subject", of)
        if subjects is not None and one_shared is not None and with_object is not None:
            both = with_object - subjects - one_shared
        components = Components(
            answers=variance,
            objects=one_shared if self._is_enough("objects") else None,
            subjects=subjects if self._is_enough("subjects") else None,
            both=both if self._is_enough("objects") and self._is_enough("subjects") else None,
            pairs=pairs,
            triplets=triplets,
            objects_ci=self._range("objects", one_shared, of),
            subjects_ci=self._range("subjects", subjects, of),
            object_share=self._share("any object", variance, of),
            subject_share=self._share("any subject", variance, of),
        )
        return replace(components, answers=2.0 * variance - components.variance)

    def _value(self, name: str, of: Contrast, least: float = 0.0) -> float | None:
        """A covariance; None where fewer pairs of answers say what it is."""
        return of(self.values[name]) if name in self.values and self.pairs.get(name, 0.0) >= least else None

    def _share(self, name: str, variance: float, of: Contrast) -> float | None:
        value = self._value(name, of)
        return None if value is None or variance <= 0.0 else value / variance

    def _is_enough(self, name: str) -> bool:
        return name in self.groups and self.groups[name].number.is_enough

    def _range(self, name: str, estimate: float | None, of: Contrast) -> Interval | None:
        """The range of the estimates that would follow, had the sum of squares come out otherwise."""
        if estimate is None or self.groups[name].number.degrees < 1.0:
            return None
        squares, tail = of(self.values[f"{name} squares"]), (1.0 - RANGE) / 2.0
        least, most = chi_square_quantiles(self.groups[name].number.degrees, (tail, 1.0 - tail))
        low, high = (max(0.0, estimate + squares * (1.0 / chi - 1.0)) for chi in (most, least))
        return Interval(low, high, None, name, "chi-square", RANGE)


def covariances_of(
    residuals: Callable[[np.ndarray], np.ndarray], alone: np.ndarray, square: float, groups: Mapping[str, Group],
    objects: np.ndarray | None = None, people: np.ndarray | None = None, within: np.ndarray | None = None,
) -> Covariances | None:
    """Covariances from the products that standard errors are made of.

    None where all pairs of answers share something, or so many that residuals say little of the variance of a mean.

    Args:
        residuals: gives the products of residuals (k, k) from those (1 + k, 1 + k) of weights and weighted values.
        alone: (1 + k, 1 + k) of each answer with itself.
        square: of the sum of weights.
        groups: the objects and the participants that count, by "objects" and "subjects".
        objects: (3, 1 + k, 1 + k) over objects, pairs of them and sets of three.
        people: (1 + k, 1 + k) over participants.
        within: (3, 1 + k, 1 + k) over objects, pairs and sets within each participant.
    """
    kinds, sharing = _kinds(alone, objects, people, within)
    independent = square - float(sharing[0, 0])
    if independent <= ROUNDING * square:
        return None
    own = float(alone[0, 0])
    pairs = {name: float(products[0, 0]) / own * (square / own) for name, products in kinds.items()}
    means = {
        name: residuals(products) / float(products[0, 0])
        for name, products in kinds.items()
        if products[0, 0] > ROUNDING * square
    }
    squares = {
        name: products
        for name, products in (("objects", None if objects is None else objects[0]), ("subjects", people))
        if products is not None
    }
    factors = {of: 1.0 / (1.0 - 2.0 * groups[of].excess) for of in squares if FIRST[of] in means}
    variance, known = residuals(sharing) / independent, 1.0
    for of, factor in factors.items():
        share = (factor - 1.0) * float(squares[of][0, 0]) / independent
        variance, known = variance + share * means[FIRST[of]], known - share
    if known < LEAST_KNOWN:
        return None
    variance = variance / known
    values = {name: mean + variance for name, mean in means.items()}
    lacking = {of: values[FIRST[of]] * (factor - 1.0) for of, factor in factors.items()}
    values = {
        name: sum((lacking[of] for of in OF_GROUPS[name] if of in lacking), value) for name, value in values.items()
    }
    for of, factor in factors.items():
        reach = 1.0 / float(kinds[FIRST[of]][0, 0]) + 1.0 / independent
        values[f"{of} squares"] = residuals(squares[of]) * reach * factor
    return Covariances(values, pairs, groups)


def _kinds(
    alone: np.ndarray, objects: np.ndarray | None, people: np.ndarray | None, within: np.ndarray | None
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Products over pairs of answers, by what they share; and over all that share something."""
    kinds = {"answer": alone}
    sharing = alone
    inside = (np.zeros_like(alone), np.zeros_like(alone), alone) if within is None else _by_number(within)
    if objects is not None:
        each = (total - of_same_person for total, of_same_person in zip(_by_number(objects), inside, strict=True))
        kinds.update(zip(("one", "two", "three"), each, strict=True))
        kinds["any object"] = objects[0] - 3.0 * alone
        sharing = sharing + kinds["one"] + kinds["two"] + kinds["three"]
    if people is not None:
        kinds["subject"] = people - sum(inside)
        kinds["any subject"] = people - alone
        sharing = sharing + people - alone
        if within is not None:
            kinds["subject one"] = inside[0]
    return kinds, sharing


def _by_number(products: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Products over pairs of answers with exactly one, two and three common objects.

    Answers with two common objects are counted twice by their objects and once by their pair of objects; answers with
    three are counted three times by objects, three times by pairs and once by sets.
    """
    objects, pairs, sets = products
    return objects - 2.0 * pairs + 3.0 * sets, pairs - 3.0 * sets, sets


NODES = np.linspace(-3.6, 2.7, 10)  # of each sum of squares, as in `pyalign.stats.degrees`
INVERSES = np.linspace(1e-8, 0.5, 300)  # of degrees of freedom, between which quantiles are interpolated
SHARED = np.arange(4)  # how many objects two triplets may have in common


@dataclass(frozen=True)
class Design:
    """A study that may be run."""

    # n_objects, n_subjects: how many objects and participants.
    n_objects: int
    n_subjects: int
    answers: float  # of each participant, on average.
    # effective_objects, effective_subjects: how many with as many answers each would say as much.
    effective_objects: float
    effective_subjects: float

    @property
    def total(self) -> float:
        """How many answers there are."""
        return self.n_subjects * self.answers

    def in_common(self) -> np.ndarray:
        """(4,) the probabilities that two triplets have none, one, two or three objects in common."""
        n = self.effective_objects
        counts = np.array([(n - 3) * (n - 4) * (n - 5), 9 * (n - 3) * (n - 4), 18 * (n - 3), 6.0])
        return counts / (n * (n - 1) * (n - 2))


@dataclass(frozen=True)
class Outlook:
    """What a design is expected to give for a mean with these components."""

    components: Components  # none below 0; without `subjects` errors are over objects only.
    design: Design  # the study.

    @property
    def over_subjects(self) -> bool:
        """Whether errors are over participants too."""
        return self.components.subjects is not None

    @cached_property
    def error(self) -> float:
        """The standard error of the mean: its standard deviation over studies of this design."""
        return math.sqrt(self._sums["both"][0])

    @property
    def degrees(self) -> float:
        """The degrees of freedom where all sums of squares are as expected."""
        return float(self._of_squares(*(sum_of_squares * np.ones(1) for sum_of_squares in self._squares))[1][0])

    def width(self, confidence_level: float) -> float:
        """The mean width of the interval."""
        weights, reach = self._reach(confidence_level)
        return 2.0 * float(weights @ reach)

    def power(self, difference: float, confidence_level: float) -> float:
        """How often the interval of such a difference leaves 0 out: the power of the two-sided test."""
        weights, reach = self._reach(confidence_level)
        above = _normal((difference - reach) / self.error)
        return float(weights @ (above + _normal((-difference - reach) / self.error)))

    @cached_property
    def _sums(self) -> dict[str, tuple[float, float]]:
        """Sums over pairs of answers that share something: of their covariances, and of pairs, as shares of all pairs.

        "both": that share an object or a participant, which is the variance of the mean; "objects", "subjects";
        "squares": an object, as often as they share one; "sets": all three.
        """
        components, design = self.components, self.design
        objects, pairs, triplets = components.objects or 0.0, components.pairs or 0.0, components.triplets or 0.0
        others = SHARED * objects + SHARED * (SHARED - 1) / 2 * pairs + (SHARED == 3) * triplets
        same = others + (components.subjects or 0.0) + SHARED * (components.both or 0.0)
        of_subject = 1.0 / design.effective_subjects if self.over_subjects else 1.0 / design.total
        self_share, shares = 1.0 / design.total, design.in_common()

        def summed(of_others: np.ndarray, of_same: np.ndarray, itself: float) -> tuple[float, float]:
            between, within = (1.0 - of_subject) * shares * of_others, (of_subject - self_share) * shares * of_same
            return (
                float(between @ others + within @ same) + itself * self_share * components.variance,
                float(between.sum() + within.sum()) + itself * self_share,
            )

        some, every, none = (SHARED > 0) * 1.0, np.ones(4), np.zeros(4)
        return {
            "both": summed(some, every, 1.0), "objects": summed(some, some, 1.0), "subjects": summed(none, every, 1.0),
            "squares": summed(SHARED * 1.0, SHARED * 1.0, 3.0),
            "sets": summed((SHARED == 3) * 1.0, (SHARED == 3) * 1.0, 1.0),
            "answers": (self_share * components.variance, self_share),
        }

    def _estimate(self, name: str, independent: str | None = None) -> float:
        """What a sum of products of residuals is expected to say of the variance of the mean."""
        (value, share), rest = self._sums[name], self._sums[independent or name][1]
        return (value - share * self._sums["both"][0]) / (1.0 - rest)

    @cached_property
    def _own(self) -> tuple[float, float]:
        """Degrees of freedom of the sums of squares over objects and over participants."""
        design = self.design
        objects = 9.0 / self._sums["squares"][1]
        people = design.effective_subjects
        return objects * (1.0 - 1.0 / design.n_objects), people * (1.0 - 1.0 / design.n_subjects)

    @property
    def _squares(self) -> tuple[float, float]:
        """What both sums of squares are expected to be."""
        return self._estimate("squares", "objects"), self._estimate("subjects")

    def _of_squares(self, objects: np.ndarray, people: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The variances that a study reports and their degrees of freedom, where its sums of squares are these (c,)."""
        every = np.ones_like(objects)
        floor = max(self._estimate("sets"), self._estimate("answers")) * every
        expected, own = self._estimate("objects"), [freedom * every for freedom in self._own]
        rest = (self._squares[0] - expected) * every
        if not self.over_subjects:
            variance = np.maximum(floor, objects - rest)
            return variance, degrees.of_difference(variance, floor, objects, rest, own[0])
        common = (expected + self._squares[1] - self._estimate("both")) * every
        variance = np.max([floor, objects - rest, people, objects - rest + people - common], axis=0)
        return variance, degrees.of_both(variance, floor, (objects, people), rest, common, (own[0], own[1]))

    @cached_property
    def _turned_out(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(c,) how likely it is that the sums of squares turn out so, and the variance and its degrees of freedom."""
        nus = [np.array([max(freedom, degrees.LEAST_DEGREES)]) for freedom in self._own]
        (weights, chi), (others, other_chi) = (degrees.chi_square(nu, NODES) for nu in nus)
        if not self.over_subjects:
            others, other_chi = np.ones((1, 1)), np.ones((1, 1))
        objects, people = np.meshgrid(self._squares[0] * chi[0], self._squares[1] * other_chi[0], indexing="ij")
        return (weights.T @ others).ravel(), *self._of_squares(objects.ravel(), people.ravel())

    def _reach(self, confidence_level: float) -> tuple[np.ndarray, np.ndarray]:
        """(c,) how likely each of these is, and how far the interval then goes to either side."""
        weights, variance, freedom = self._turned_out
        return weights, np.interp(1.0 / freedom, INVERSES, _quantiles(confidence_level)) * np.sqrt(variance)


@lru_cache(maxsize=16)
def _quantiles(confidence_level: float) -> np.ndarray:
    """Two-sided quantiles of Student's t, whose degrees of freedom are one over each of `INVERSES`."""
    return np.array([quantile(confidence_level, 1.0 / inverse) for inverse in INVERSES])


def _normal(z: np.ndarray) -> np.ndarray:
    """The distribution function of the normal distribution."""
    return np.array([0.5 * math.erfc(-deviate / math.sqrt(2.0)) for deviate in z])

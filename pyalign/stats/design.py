"""What a design will give: the standard error of a mean over answers, its interval, and the power of a test.

Each answer is to a triplet of three different objects, drawn at random. Two answers then have k objects in common with
a known probability, and the variance of a mean follows from the components of `pyalign.stats.components`:

    V = v / t + sum over k of P(k) ((1 - 1/p) g(k) + (1/p - 1/t) (g(k) + subjects + k both))
    g(k) = k objects + k (k - 1) / 2 pairs + k (k - 1) (k - 2) / 6 triplets

with v the variance of an answer, t answers and p participants. Where some objects are in more triplets than others, or
some people give more answers, n and p are effective numbers.

A study will not know V. What its standard error and its degrees of freedom will be follows from the sums of squares
that they are made of: their expectations are known, and each varies as chi-square does (`pyalign.stats.degrees`). So
the width of an interval, and the power of a test, are means over what the sums of squares may turn out to be.
"""

from __future__ import annotations

import math
from functools import cached_property, lru_cache

import numpy as np

from pyalign._dataclass import dataclass
from pyalign.stats import degrees
from pyalign.stats.components import Components
from pyalign.stats.intervals import quantile

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
        """(4,) the probabilities that two triplets have none, one, two or three objects in common.

        Example:
            >>> Design(5, 1, 9, 5.0, 1.0).in_common()  # of five objects any two triplets share one
            array([0. , 0.3, 0.6, 0.1])
        """
        n = self.effective_objects
        counts = np.array([
            (n - 3) * (n - 4) * (n - 5), 9 * (n - 3) * (n - 4), 18 * (n - 3), 6.0
        ])
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
            apart, within = (1.0 - of_subject) * shares * of_others, (of_subject - self_share) * shares * of_same
            return (
                float(apart @ others + within @ same) + itself * self_share * components.variance,
                float(apart.sum() + within.sum()) + itself * self_share,
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

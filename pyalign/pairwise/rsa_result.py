"""What `pyalign.rsa` finds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pyalign._dataclass import dataclass
from pyalign._result import OnCards, Result, picked
from pyalign.documents import Interval
from pyalign.pairwise.rdms import Rdms
from pyalign.typing import Correction

SUM = "weighted sum"  # as pairs call it


class WithError:
    """What figures with an interval have in common: a standard error, in documents too."""

    derived: ClassVar[tuple[str, ...]] = ("standard_error",)

    ci: Interval | None

    @property
    def standard_error(self) -> float | None:
        """The standard error of the figure that `ci` is an interval of."""
        return None if self.ci is None else self.ci.error


@dataclass(frozen=True)
class Ratio(WithError):
    """A figure divided by another one of the same judgments."""

    value: float  # a fraction; NaN where the denominator is not above 0.
    # its interval, by Fieller's method, with the covariance of the two figures; None without intervals, or if the
    # interval of the denominator includes 0. Its `error` is that of the delta method.
    ci: Interval | None = None


@dataclass(frozen=True)
class PersonDifference(WithError):
    """A difference of two means over participants."""

    difference: float  # the first mean less the second.
    ci: Interval | None = None  # its interval; None without intervals.
    # two-sided, for the hypothesis of no difference, by Student's t; None without an interval.
    p_value: float | None = None
    p_adjusted: float | None = None  # corrected over all differences of this kind in the result.


@dataclass(frozen=True)
class PerPerson(WithError):
    """Correlations with the matrix of each participant."""

    mean: float  # the mean over participants.
    # interval of the mean, over the same as that of the correlation with the mean matrix; None without intervals.
    ci: Interval | None
    # the correlation with each participant's matrix, in their order; NaN if all judgments of one are equal.
    values: tuple[float, ...]
    against_lower: PersonDifference | None = None  # the mean less the lower noise ceiling; None without a ceiling.
    # of_lower, of_upper: the mean divided by the lower and by the upper noise ceiling; None without a ceiling.
    of_lower: Ratio | None = None
    of_upper: Ratio | None = None
    # the mean divided by the square root of `RsaCeiling.reliability`: the correlation with a matrix without the noise
    # of single participants. It can be above 1. None without a ceiling.
    disattenuated: Ratio | None = None


@dataclass(frozen=True)
class RsaCeiling:
    """How well people predict people: the bounds that belong to the mean over people of correlations with each."""

    lower: float  # mean over participants of the correlation of each with the pooled matrix of the others.
    # mean over participants of the correlation of each with the pooled matrix of all, including their own.
    upper: float
    # what was averaged: "ranks" of pairs, "standardized" values, "unit" vectors or "raw" values.
    pooling: Literal["ranks", "standardized", "unit", "raw"]
    # lower_ci, upper_ci: their intervals; None without intervals.
    lower_ci: Interval | None = None
    upper_ci: Interval | None = None
    # mean over pairs of participants of the correlation of their matrices; None in results of versions that didn't
    # compute it.
    reliability: float | None = None
    reliability_ci: Interval | None = None  # its interval.


@dataclass(frozen=True)
class Partial(WithError):
    """The correlation with the part of the mean matrix that the other models leave over."""

    value: float  # in [-1, 1]; NaN where the models' matrices depend on each other linearly.
    ci: Interval | None  # its interval.


@dataclass(frozen=True)
class RsaResult(WithError, Result):
    """One model by one measure and one correlation."""

    embeddings: str  # the model's name.
    measure: str | None  # the measure of the similarity of its rows; None for a model that was given as a matrix.
    correlation: str  # a name of `CORRELATIONS`.
    # correlation of the model's matrix with the participants' mean matrix, or with the single matrix that was given.
    # NaN where it is not defined, with a note.
    value: float
    ci: Interval | None  # interval of the value; None if it was not requested, or if too few resamples have a value.
    # one-sided, for the hypothesis of no relation: the proportion of permutations of the objects that correlate at
    # least as much. None without permutations.
    p_value: float | None
    # the correlations with each participant's matrix, and their mean; None for a single matrix.
    per_person: PerPerson | None
    ceiling: RsaCeiling | None  # the noise ceiling of `per_person.mean`, never of `value`.
    n_objects: int  # the number of objects in at least one compared pair.
    n_pairs: int  # the number of compared pairs.
    n_missing: int  # the number of pairs left out because nobody judged them or because a row has NaN.
    # the correlation with the other models regressed out of both sides, if it was requested.
    partial: Partial | None = None
    label: str | None = None  # another name of the embeddings, for tables.


@dataclass(frozen=True)
class RsaPair(WithError):
    """Two models under the same resamples."""

    # a, b: names of the embeddings.
    a: str
    b: str
    # a_measure, b_measure: their measures.
    a_measure: str | None
    b_measure: str | None
    correlation: str  # of both.
    difference: float  # value of a minus that of b.
    ci: Interval | None  # its interval.
    p_value: float | None  # two-sided, for the hypothesis of no difference, by Student's t.
    p_adjusted: float | None  # corrected for all pairs of the result.
    per_person: PersonDifference | None = None  # the difference of `per_person.mean`; None for a single matrix.


@dataclass(frozen=True)
class WeightedRsa(WithError):
    """A sum of the models' matrices with weights that are fitted to people."""

    correlation: str  # by which the sum is judged.
    # mean over folds of the correlation of the sum with people's mean matrix, on pairs of objects that no weight was
    # fitted to.
    value: float
    folds: tuple[float, ...]  # the value of each fold, three for each of ten splits; 0 where no model has a weight.
    # of each model's standardised matrix (for the cosine: divided by its root mean square), none negative, fitted to
    # all pairs; by "name", or "name measure" of several measures.
    weights: Mapping[str, float]
    seed: int  # the seed of the folds.
    # interval of the value, by the bootstrap around the cross-validation; None without intervals.
    ci: Interval | None = None
    p_value: float | None = None  # one-sided, for the hypothesis of no relation, by Student's t.
    # the mean over folds of correlations with each participant's matrix; None for a single matrix.
    per_person: PerPerson | None = None
    # the sum less each model, on pairs of objects of the same folds; `a` is "weighted sum". None without intervals.
    pairs: tuple[RsaPair, ...] = ()
    resamples: int | None = None  # how many were drawn.


@dataclass(frozen=True)
class Rsa(OnCards, Result):
    """What `rsa` found."""

    command: ClassVar[str] = "rsa"
    rows: ClassVar[str] = "results"
    filled: ClassVar = ("results",)
    among: ClassVar = {"results.embeddings": ("pairs.a", "pairs.b")}

    results: tuple[RsaResult, ...]  # of each model, measure and correlation.
    pairs: tuple[RsaPair, ...]  # every two results of one correlation; none without intervals.
    kind: str  # of the human judgments.
    n_people: int | None  # how many people's matrices there are; None of one matrix, which says nothing of people.
    # ci_by, ci_method: what intervals are over, and how they were computed; None without intervals.
    ci_by: str | None
    ci_method: str | None
    resamples: int | None  # how many were drawn; None without, and in closed form.
    confidence: float  # the confidence level of the intervals.
    permutations: int | None  # how many; None without.
    correction: Correction  # how `p_adjusted` is corrected over all pairs.
    seed: int  # of the resamples; where none are drawn that of the permutations and of the folds of weighted sums.
    human: str | None = None  # where the judgments came from, or None.
    weighted: tuple[WeightedRsa, ...] | None = None  # sums of the models' matrices, where they were asked for.
    # the matrices of participants and models, for pictures; None where they were not asked for.
    rdms: Rdms | None = None

    def __len__(self) -> int:
        return len(self.results)

    def __getitem__(self, k: int | str) -> RsaResult:
        return picked(self.results, k)

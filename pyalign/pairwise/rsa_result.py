"""What `pyalign.rsa` finds.

Intervals and tests of statistics of pairs, from what is known of their variances.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any, ClassVar, Literal, Protocol

from pyalign._dataclass import dataclass
from pyalign._result import OnCards, Result, picked
from pyalign.documents import Interval, WithError
from pyalign.pairwise.rdms import Rdms
from pyalign.stats.intervals import quantile, two_sided_p
from pyalign.stats.resampling import CORRECTED, KEYS, Inference, Resampling, inferred
from pyalign.typing import Correction

SUM = "weighted sum"  # as pairs call it


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
    # of each model's standardized matrix (for the cosine: divided by its root mean square), none negative, fitted to
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
    permutations: int | None  # how many; None without.
    correction: Correction  # how `p_adjusted` is corrected over all pairs.
    human: str | None = None  # where the judgments came from, or None.
    weighted: tuple[WeightedRsa, ...] | None = None  # sums of the models' matrices, where they were asked for.
    # the matrices of participants and models, for pictures; None where they were not asked for.
    rdms: Rdms | None = None
    # how intervals were found; its seed is that of the permutations and of weighted sums' folds where none are drawn.
    inference: Inference = inferred(*KEYS)

    def __len__(self) -> int:
        return len(self.results)

    def __getitem__(self, k: int | str) -> RsaResult:
        return picked(self.results, k)


SAME = 1e-6  # correlations that differ by no more are the same, but for the rounding of their rows


class Variances(Protocol):
    """How well several statistics are known: by resamples, or in closed form."""

    @property
    def method(self) -> str:
        """The name of the method, as results have it."""

    def degrees(self, a: int, b: int | None = None) -> float:
        """Degrees of freedom of Student's t for statistic a, or for a less b."""

    def contrast(self, a: int, b: int | None = None) -> float:
        """The variance of statistic a, or of a less b; NaN where it is not known."""


def interval_of(at: float, errors: Variances, a: int, b: int | None, plan: Resampling) -> Interval | None:
    """at +- Student's t times the root of the variance, within what correlations can be; None without a variance.

    In closed form the interval of a correlation, not that of a difference, is symmetric about its inverse hyperbolic
    tangent: large ones miss downwards further than upwards.
    """
    variance = errors.contrast(a, b)
    if math.isnan(at) or math.isnan(variance):
        return None
    error = math.sqrt(max(0.0, variance))
    reach = quantile(plan.confidence_level, errors.degrees(a, b)) * error
    low, high = at - reach, at + reach
    if errors.method == CORRECTED and b is None and abs(at) < 1.0:
        center, span = math.atanh(at), reach / (1.0 - at * at)
        low, high = math.tanh(center - span), math.tanh(center + span)
    bound = 1.0 if b is None else 2.0
    return Interval(max(-bound, low), min(bound, high), error, plan.by, errors.method, float(plan.confidence_level))


def tested(
    difference: float, errors: Variances, a: int, b: int | None, plan: Resampling
) -> tuple[Interval | None, float | None]:
    """The interval of a statistic, or of a difference of two, and the p-value of 0; None without a variance."""
    ci = interval_of(difference, errors, a, b, plan)
    if ci is None or ci.error is None:
        return ci, None
    t = 0.0 if abs(difference) <= SAME else difference / ci.error if ci.error > 0 else math.inf
    return ci, two_sided_p(t, errors.degrees(a, b))


Square = tuple[tuple[float, ...], ...]
Beside = tuple[tuple[float | None, ...], ...]  # None on the diagonal: a model with itself needs no null


@dataclass(frozen=True)
class PairSimilarity(WithError):
    """The similarity of two models."""

    # first, second: the models.
    first: str
    second: str
    similarity: float  # the score.
    ci: Interval | None = None  # its interval over objects; None where there is none, with a note.


@dataclass(frozen=True)
class SimilarityDifference(WithError):
    """Whether a model is more like a second one than like a third."""

    model: str  # the model that is compared with two others.
    # a, b: the others.
    a: str
    b: str
    difference: float  # the similarity of the model with a, less that with b.
    ci: Interval | None = None  # its interval over objects; None where there is none.
    p_value: float | None = None  # two-sided, for the hypothesis of no difference, by Student's t.
    p_adjusted: float | None = None  # corrected over all differences of the result.


@dataclass(frozen=True)
class SimilarityMatrix(Result):
    """Similarities of all pairs of models by one measure."""

    along: ClassVar = {
        "matrix": ("models", "models"),
        "null_threshold": ("models", "models"),
        "calibrated": ("models", "models"),
        "p_value": ("models", "models"),
        "p_adjusted": ("models", "models"),
        "scores": ("pairs",),
    }
    among: ClassVar = {"models": ("differences.model", "differences.a", "differences.b")}

    measure: str  # which.
    models: tuple[str, ...]  # their names, in the order of rows and columns.
    matrix: Square  # the scores, 1 on the diagonal.
    # what a share alpha of permutations lies above, of each pair; None without permutations.
    null_threshold: Beside | None = None
    calibrated: Beside | None = None  # how much of the way from there to 1 the score is, 0 below it.
    # of each pair, that its rows have nothing to do with each other; not corrected for the number of pairs.
    p_value: Beside | None = None
    symmetric: bool = True  # whether the measure is; else an entry is of (row, column).
    p_adjusted: Beside | None = None  # the p-values corrected over all pairs and measures of the result.
    # of each of `pairs`, in their order, the score with its interval; None without intervals.
    scores: tuple[PairSimilarity, ...] | None = None
    # of each model the similarities with every two others, compared; None without intervals.
    differences: tuple[SimilarityDifference, ...] | None = None

    @property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """Rows and columns of different models; of a symmetric measure each pair once."""
        m = range(len(self.models))
        return tuple((i, j) for i, j in product(m, m) if i < j or (i > j and not self.symmetric))

    def interval(self, first: int, second: int) -> Interval | None:
        """The interval of the score of two models, by their places; None where there is none."""
        if self.scores is None or first == second:
            return None
        at = (first, second) if not self.symmetric else (min(first, second), max(first, second))
        return self.scores[self.pairs.index(at)].ci


@dataclass(frozen=True)
class ModelSimilarities(Result):
    """Models compared with each other. See `pyalign.cka`."""

    command: ClassVar[str] = "cka"
    rows: ClassVar[str] = "results"
    filled: ClassVar = ("results",)

    results: tuple[SimilarityMatrix, ...]  # one for each measure.
    n_objects: int  # rows that all models have.
    permutations: int  # of each null, 0 for none.
    alpha: float  # of the thresholds.
    batches: int | None = None  # over how many batches of objects the figures are means; None for all objects at once.
    correction: Correction | None = None  # how `p_adjusted` is corrected; None in results of versions that didn't.
    inference: Inference = inferred()  # how intervals were found; its seed is that of the permutations or batches.

    def __len__(self) -> int:
        return len(self.results)

    def __iter__(self) -> Iterator[SimilarityMatrix]:
        return iter(self.results)

    def __getitem__(self, k: int) -> SimilarityMatrix:
        return self.results[k]

    def to_records(self) -> list[dict[str, Any]]:
        """A row for each pair of models and each measure."""
        return [_record(similarities, i, j) for similarities in self.results for i, j in similarities.pairs]


def _record(similarities: SimilarityMatrix, i: int, j: int) -> dict[str, Any]:
    names = ("null_threshold", "calibrated", "p_value", "p_adjusted")
    values = {name: getattr(similarities, name) for name in names}
    null = {name: None if square is None else square[i][j] for name, square in values.items()}
    ci = similarities.interval(i, j)
    low, high, error = (None, None, None) if ci is None else (ci.low, ci.high, ci.error)
    ends = {"ci_low": low, "ci_high": high, "standard_error": error}
    head = {"measure": similarities.measure, "first": similarities.models[i], "second": similarities.models[j]}
    return {**head, "similarity": similarities.matrix[i][j], **null, **ends}


@dataclass(frozen=True)
class LayerSimilarity(Result):
    """Layers of one model against layers of another, and one figure of all. See `pyalign.layer_similarity`."""

    command: ClassVar[str] = "layers"
    along: ClassVar = {"matrix": ("first", "second")}

    measure: str  # which.
    # first, second: the names of the layers.
    first: tuple[str, ...]
    second: tuple[str, ...]
    matrix: Square  # the scores, a row for each layer of the first.
    aggregate: str  # how one figure is made of them: "max" or "mean".
    value: float  # that figure.
    # null_threshold, calibrated, p_value: of it, as in `SimilarityMatrix`; under each permutation all layers are
    # permuted together, and the figure is made again.
    null_threshold: float
    calibrated: float
    p_value: float
    # n_objects, permutations, alpha, seed: as in `ModelSimilarities`.
    n_objects: int
    permutations: int
    alpha: float
    seed: int

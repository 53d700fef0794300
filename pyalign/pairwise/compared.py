"""Intervals and tests of statistics of pairs, from what is known of their variances.

What a comparison of models with each other gives: a matrix of scores for each measure, next to their nulls.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import product
from typing import Any, ClassVar, Protocol

from pyalign._dataclass import dataclass
from pyalign._result import Result
from pyalign.documents import Interval
from pyalign.pairwise.rsa_result import WithError
from pyalign.stats.intervals import quantile, two_sided_p
from pyalign.stats.resampling import CORRECTED, Resampling
from pyalign.typing import Correction

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
        centre, span = math.atanh(at), reach / (1.0 - at * at)
        low, high = math.tanh(centre - span), math.tanh(centre + span)
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
    seed: int  # of the permutations, or of the batches.
    batches: int | None = None  # over how many batches of objects the figures are means; None for all objects at once.
    ci_by: str | None = None  # "objects", what intervals are over; None without intervals.
    # how many half-samples were drawn, of measures without a closed form; None where all have one.
    resamples: int | None = None
    confidence: float = 0.95  # the confidence level of the intervals.
    correction: Correction | None = None  # how `p_adjusted` is corrected; None in results of versions that didn't.

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
    """Layers of one model against layers of another, and one figure of all. See `pyalign.cka`."""

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

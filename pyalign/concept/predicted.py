"""The result of `pyalign.predict_dimensions`.

R^2 of held-out predictions: its value for each dimension and their mean, intervals over objects, differences.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np

from pyalign._dataclass import dataclass
from pyalign._result import Result, picked
from pyalign.concept.held_out import HeldOut
from pyalign.documents import Estimate, Interval, WithError, as_document, hidden
from pyalign.stats.intervals import student_interval, two_sided_p
from pyalign.stats.resampling import CORRECTED, Inference, Resampling, inferred, plan_of
from pyalign.typing import Correction


@dataclass(frozen=True)
class PredictedDimension(WithError):
    """One human dimension as a representation predicts it."""

    filled: ClassVar = ("penalties",)

    dimension: str  # its label.
    # proportion of its variance over objects that held-out predictions explain; 0 or less: no better than its mean;
    # None for a dimension that is the same for all objects.
    r2: float | None
    ci: Interval | None  # its interval over objects, including those of the fits; None if it was not requested.
    # Pearson's, of held-out predictions with the dimension; None where one of them does not vary.
    correlation: float | None
    penalties: tuple[float, ...]  # the penalty that leave-one-out chose in each fold.


@dataclass(frozen=True)
class PredictedDimensions(WithError, Result):
    """All human dimensions as one representation predicts them."""

    rows: ClassVar[str] = "dimensions"

    embeddings: str  # the name of the embeddings.
    dimensions: tuple[PredictedDimension, ...]  # the dimensions, in the order of the input.
    mean_r2: float | None  # mean of R^2 over the dimensions that vary; None where none does.
    ci: Interval | None  # its interval over objects.
    label: str | None = None  # a shorter name for tables, or None.
    # fraction of triplets whose odd one out the predicted dimensions get right, with each object predicted by the fit
    # in which it was held out; None without triplets, as are the following ones.
    accuracy: Estimate | None = None
    # the accuracy on triplets whose three objects are in one fold, as published.
    accuracy_within_folds: float | None = None
    n_within_folds: int | None = None  # the number of these triplets.
    own_accuracy: float | None = None  # the accuracy of the original embeddings, by cosine.
    # (n, k) float64 held-out predictions, a row for each object, NaN if it was left out. Documents do not contain them.
    predictions: np.ndarray | None = hidden(default=None, compare=False)


@dataclass(frozen=True)
class DimensionDifference(WithError):
    """How much more one representation explains of a dimension than another, on the same objects and folds."""

    # embeddings, other: their names.
    embeddings: str
    other: str
    dimension: str | None  # its label; None for the mean over dimensions.
    difference: float  # R^2 of the first minus that of the other.
    ci: Interval | None  # its interval over objects.
    p_value: float | None  # two-sided, for the hypothesis of no difference.
    p_adjusted: float | None  # the p-value, corrected over all pairs and dimensions; for means, over all pairs.


@dataclass(frozen=True)
class DimensionPredictions(Result):
    """How well representations predict human dimensions. See `pyalign.predict_dimensions`."""

    command: ClassVar[str] = "predict"
    rows: ClassVar[str] = "results"
    filled: ClassVar = ("results",)
    among: ClassVar = {"results.embeddings": ("differences.embeddings", "differences.other")}

    results: tuple[PredictedDimensions, ...]  # one for each representation.
    n_objects: int  # the number of objects that were predicted.
    n_dropped: int  # the number of objects left out because one of their rows has NaN or infinity.
    folds: int  # the number of folds.
    penalties: tuple[float, ...]  # the penalties that leave-one-out chose from.
    standardize: bool  # whether features were divided by their standard deviations.
    correction: Correction  # how p-values are corrected.
    # how intervals were found; its seed is that of the folds, None if they were given as labels.
    inference: Inference = inferred("ci_by", "ci_method", "confidence", "seed")
    # the differences in R^2 between every two representations; None with only one.
    differences: tuple[DimensionDifference, ...] | None = None
    human: str | None = None  # the source of the dimensions, or None.
    triplets: str | None = None  # the source of the triplets, or None.
    # the number of triplets behind the accuracies; None without triplets, as are the following ones.
    n_triplets: int | None = None
    measure: str | None = None  # the measure by which predicted and human dimensions choose.
    # the accuracy of the human dimensions. If these triplets were used to make the dimensions, it is not held out.
    human_accuracy: Estimate | None = None
    # (n,) the fold of each object, -1 for those left out. Documents do not contain it.
    fold_of: np.ndarray | None = hidden(default=None, compare=False)
    # the names of the objects, or None. Documents do not contain them.
    names: tuple[str, ...] | None = hidden(default=None, compare=False)

    def __len__(self) -> int:
        return len(self.results)

    def __iter__(self) -> Iterator[PredictedDimensions]:
        return iter(self.results)

    def __getitem__(self, k: int | str) -> PredictedDimensions:
        return picked(self.results, k)

    def to_records(self) -> list[dict[str, Any]]:
        """A row for each dimension of each representation."""
        return [_record(result, dimension) for result in self.results for dimension in result.dimensions]


def _record(result: PredictedDimensions, dimension: PredictedDimension) -> dict[str, Any]:
    low, high = dimension.ci or (None, None)
    columns = {"embeddings": result.embeddings, "dimension": dimension.dimension, "r2": dimension.r2,
               "ci_low": low, "ci_high": high, "standard_error": dimension.standard_error,
               "correlation": dimension.correlation}
    chosen = {f"penalty_{fold + 1}": penalty for fold, penalty in enumerate(dimension.penalties)}
    return {name: as_document(value) for name, value in {**columns, **chosen}.items()}


BOUNDS = (-math.inf, 1.0)
ROUNDING = 1e-9
ANY = (-math.inf, math.inf)


@dataclass(frozen=True, eq=False)
class Explained:
    """R^2 of k dimensions, and behind them their mean over those that vary."""

    values: np.ndarray  # (k + 1,); NaN where a dimension does not vary.
    # (n, k + 1) how far each object moves them, in units of which the mean is taken: (n - 1) times what they lose
    # without it, less the mean of that; None without intervals.
    moved: np.ndarray | None

    @classmethod
    def of(cls, y: np.ndarray, held_out: HeldOut) -> Explained:
        """R^2 of dimensions (n, k), from what was predicted for them."""
        left, all_ = (y - held_out.predictions) ** 2, (y - held_out.means) ** 2
        varies = np.ptp(y, axis=0) > 0
        values = _ratios(left.sum(axis=0), all_.sum(axis=0), varies)
        if held_out.without is None:
            return cls(values, None)
        of_fits, of_means = held_out.without
        rest = all_.sum(axis=0) - all_ + of_means
        rest[rest <= ROUNDING * all_.sum(axis=0)] = 0.0  # a dimension that this object alone has
        others = _ratios(left.sum(axis=0) - left + of_fits, rest, varies)
        return cls(values, (len(y) - 1) * (others.mean(axis=0) - others))

    def less(self, other: Explained) -> Explained:
        """The differences to what another model explains of the same dimensions of the same objects."""
        assert self.moved is not None and other.moved is not None
        return Explained(self.values - other.values, self.moved - other.moved)

    def error(self, k: int) -> float:
        """The standard error of one of the values; NaN where there is none."""
        if self.moved is None:
            return math.nan
        n, moved = len(self.moved), self.moved[:, k]
        return math.sqrt(float(moved @ moved) / (n * (n - 1)))

    def interval(self, k: int, plan: Resampling | None, within: tuple[float, float] = BOUNDS) -> Interval | None:
        """The interval of the value of dimension k; None where it has none."""
        error = self.error(k)
        if plan is None or not math.isfinite(self.values[k]) or not math.isfinite(error):
            return None
        assert self.moved is not None
        return student_interval(float(self.values[k]), error, len(self.moved) - 1, plan, within)

    def p_value(self, k: int) -> float | None:
        """Two-sided, of a value of 0; None where there is no value."""
        error, value = self.error(k), float(self.values[k])
        if not math.isfinite(value) or not math.isfinite(error):
            return None
        if error == 0.0:
            return 1.0 if value == 0.0 else 0.0
        assert self.moved is not None
        return two_sided_p(value / error, len(self.moved) - 1)


def over_objects(ci: object) -> Resampling | None:
    """`ci` as a plan over objects, which are the rows here, in closed form, which counts what fits owe to each object.

    Example:
        >>> over_objects("auto").by
        'objects'
    """
    plan = plan_of(ci, ("objects",), (CORRECTED,))
    return plan and plan.over(None)


def _ratios(left: np.ndarray, all_: np.ndarray, varies: np.ndarray) -> np.ndarray:
    """(..., k + 1): 1 - left / all, and the mean over those that vary."""
    with np.errstate(divide="ignore", invalid="ignore"):
        values = 1.0 - left / all_
    values = np.where(varies & np.isfinite(values), values, np.nan)
    if not varies.any():
        return np.concatenate([values, values[..., :1]], axis=-1)
    return np.concatenate([values, values[..., varies].mean(axis=-1, keepdims=True)], axis=-1)

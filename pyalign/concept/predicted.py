"""The result of `pyalign.predict_dimensions`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np

from pyalign._dataclass import dataclass
from pyalign._result import Result, picked
from pyalign.documents import Interval, as_document, hidden
from pyalign.typing import Correction


@dataclass(frozen=True)
class PredictedDimension:
    """One human dimension as a representation predicts it."""

    derived: ClassVar[tuple[str, ...]] = ("standard_error",)
    filled: ClassVar = ("penalties",)

    dimension: str  # its label.
    # proportion of its variance over objects that held-out predictions explain; 0 or less: no better than its mean;
    # None for a dimension that is the same for all objects.
    r2: float | None
    ci: Interval | None  # its interval over objects, including those of the fits; None if it was not requested.
    # Pearson's, of held-out predictions with the dimension; None where one of them does not vary.
    correlation: float | None
    penalties: tuple[float, ...]  # the penalty that leave-one-out chose in each fold.

    @property
    def standard_error(self) -> float | None:
        """The standard error of R^2."""
        return None if self.ci is None else self.ci.error


@dataclass(frozen=True)
class PredictedDimensions(Result):
    """All human dimensions as one representation predicts them."""

    rows: ClassVar[str] = "dimensions"
    derived: ClassVar[tuple[str, ...]] = ("standard_error",)

    embeddings: str  # the name of the embeddings.
    dimensions: tuple[PredictedDimension, ...]  # the dimensions, in the order of the input.
    mean_r2: float | None  # mean of R^2 over the dimensions that vary; None where none does.
    ci: Interval | None  # its interval over objects.
    label: str | None = None  # a shorter name for tables, or None.
    # fraction of triplets whose odd one out the predicted dimensions get right, with each object predicted by the fit
    # in which it was held out; None without triplets, as are the following ones.
    accuracy: float | None = None
    accuracy_ci: Interval | None = None  # its interval over objects.
    # the accuracy on triplets whose three objects are in one fold, as published.
    accuracy_within_folds: float | None = None
    n_within_folds: int | None = None  # the number of these triplets.
    own_accuracy: float | None = None  # the accuracy of the original embeddings, by cosine.
    # (n, k) float64 held-out predictions, a row for each object, NaN if it was left out. Documents do not contain them.
    predictions: np.ndarray | None = hidden(default=None, compare=False)

    @property
    def standard_error(self) -> float | None:
        """The standard error of the mean R^2."""
        return None if self.ci is None else self.ci.error


@dataclass(frozen=True)
class DimensionDifference:
    """How much more one representation explains of a dimension than another, on the same objects and folds."""

    derived: ClassVar[tuple[str, ...]] = ("standard_error",)

    # embeddings, other: their names.
    embeddings: str
    other: str
    dimension: str | None  # its label; None for the mean over dimensions.
    difference: float  # R^2 of the first minus that of the other.
    ci: Interval | None  # its interval over objects.
    p_value: float | None  # two-sided, for the hypothesis of no difference.
    p_adjusted: float | None  # the p-value, corrected over all pairs and dimensions; for means, over all pairs.

    @property
    def standard_error(self) -> float | None:
        """The standard error of the difference."""
        return None if self.ci is None else self.ci.error


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
    seed: int | None  # the seed of the folds; None if they were given as labels.
    confidence: float | None  # the confidence level of the intervals.
    ci_by: str | None  # what intervals are over; None without intervals.
    ci_method: str | None  # how intervals were computed; None without intervals.
    correction: Correction  # how p-values are corrected.
    # the differences in R^2 between every two representations; None with only one.
    differences: tuple[DimensionDifference, ...] | None = None
    human: str | None = None  # the source of the dimensions, or None.
    triplets: str | None = None  # the source of the triplets, or None.
    # the number of triplets behind the accuracies; None without triplets, as are the following ones.
    n_triplets: int | None = None
    measure: str | None = None  # the measure by which predicted and human dimensions choose.
    # the accuracy of the human dimensions. If these triplets were used to make the dimensions, it is not held out.
    human_accuracy: float | None = None
    human_accuracy_ci: Interval | None = None  # its interval over objects.
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
               "correlation": dimension.correlation}  # fmt: skip
    chosen = {f"penalty_{fold + 1}": penalty for fold, penalty in enumerate(dimension.penalties)}
    return {name: as_document(value) for name, value in {**columns, **chosen}.items()}

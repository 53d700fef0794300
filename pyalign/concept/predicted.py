"""The result of `pyalign.predict_dimensions`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from pyalign._result import Result, picked
from pyalign.documents import Interval, as_document, hidden
from pyalign.typing import Correction


@dataclass(frozen=True)
class PredictedDimension:
    """One human dimension as a representation predicts it.

    Attributes:
        dimension: its label.
        r2: proportion of its variance over objects that held-out predictions explain; 0 or less: no better than its
            mean; None for a dimension that is the same for all objects.
        ci: its interval over objects, including those of the fits; None if it was not requested.
        correlation: Pearson's, of held-out predictions with the dimension; None where one of them does not vary.
        penalties: the penalty that leave-one-out chose in each fold.
    """

    derived: ClassVar[tuple[str, ...]] = ("standard_error",)
    filled: ClassVar = ("penalties",)

    dimension: str
    r2: float | None
    ci: Interval | None
    correlation: float | None
    penalties: tuple[float, ...]

    @property
    def standard_error(self) -> float | None:
        """The standard error of R^2."""
        return None if self.ci is None else self.ci.error


@dataclass(frozen=True)
class PredictedDimensions(Result):
    """All human dimensions as one representation predicts them.

    Attributes:
        embeddings: the name of the embeddings.
        dimensions: the dimensions, in the order of the input.
        mean_r2: mean of R^2 over the dimensions that vary; None where none does.
        ci: its interval over objects.
        label: a shorter name for tables, or None.
        accuracy: fraction of triplets whose odd one out the predicted dimensions get right, with each object predicted
            by the fit in which it was held out; None without triplets, as are the following ones.
        accuracy_ci: its interval over objects.
        accuracy_within_folds: the accuracy on triplets whose three objects are in one fold, as published.
        n_within_folds: the number of these triplets.
        own_accuracy: the accuracy of the original embeddings, by cosine.
        predictions: (n, k) float64 held-out predictions, a row for each object, NaN if it was left out. Documents do
            not contain them.
    """

    rows: ClassVar[str] = "dimensions"
    derived: ClassVar[tuple[str, ...]] = ("standard_error",)

    embeddings: str
    dimensions: tuple[PredictedDimension, ...]
    mean_r2: float | None
    ci: Interval | None
    label: str | None = None
    accuracy: float | None = None
    accuracy_ci: Interval | None = None
    accuracy_within_folds: float | None = None
    n_within_folds: int | None = None
    own_accuracy: float | None = None
    predictions: np.ndarray | None = hidden(default=None, compare=False)

    @property
    def standard_error(self) -> float | None:
        """The standard error of the mean R^2."""
        return None if self.ci is None else self.ci.error


@dataclass(frozen=True)
class DimensionDifference:
    """How much more one representation explains of a dimension than another, on the same objects and folds.

    Attributes:
        embeddings, other: their names.
        dimension: its label; None for the mean over dimensions.
        difference: R^2 of the first minus that of the other.
        ci: its interval over objects.
        p_value: two-sided, for the hypothesis of no difference.
        p_adjusted: the p-value, corrected over all pairs and dimensions; for means, over all pairs.
    """

    derived: ClassVar[tuple[str, ...]] = ("standard_error",)

    embeddings: str
    other: str
    dimension: str | None
    difference: float
    ci: Interval | None
    p_value: float | None
    p_adjusted: float | None

    @property
    def standard_error(self) -> float | None:
        """The standard error of the difference."""
        return None if self.ci is None else self.ci.error


@dataclass(frozen=True)
class DimensionPredictions(Result):
    """How well representations predict human dimensions. See `pyalign.predict_dimensions`.

    Attributes:
        results: one for each representation.
        n_objects: the number of objects that were predicted.
        n_dropped: the number of objects left out because one of their rows has NaN or infinity.
        folds: the number of folds.
        penalties: the penalties that leave-one-out chose from.
        standardize: whether features were divided by their standard deviations.
        seed: the seed of the folds; None if they were given as labels.
        confidence: the confidence level of the intervals.
        ci_by: what intervals are over; None without intervals.
        ci_method: how intervals were computed; None without intervals.
        correction: how p-values are corrected.
        differences: the differences in R^2 between every two representations; None with only one.
        human: the source of the dimensions, or None.
        triplets: the source of the triplets, or None.
        n_triplets: the number of triplets behind the accuracies; None without triplets, as are the following ones.
        measure: the measure by which predicted and human dimensions choose.
        human_accuracy: the accuracy of the human dimensions. If these triplets were used to make the dimensions, it is
            not held out.
        human_accuracy_ci: its interval over objects.
        fold_of: (n,) the fold of each object, -1 for those left out. Documents do not contain it.
        names: the names of the objects, or None. Documents do not contain them.
    """

    command: ClassVar[str] = "predict"
    rows: ClassVar[str] = "results"
    filled: ClassVar = ("results",)
    among: ClassVar = {"results.embeddings": ("differences.embeddings", "differences.other")}

    results: tuple[PredictedDimensions, ...]
    n_objects: int
    n_dropped: int
    folds: int
    penalties: tuple[float, ...]
    standardize: bool
    seed: int | None
    confidence: float | None
    ci_by: str | None
    ci_method: str | None
    correction: Correction
    differences: tuple[DimensionDifference, ...] | None = None
    human: str | None = None
    triplets: str | None = None
    n_triplets: int | None = None
    measure: str | None = None
    human_accuracy: float | None = None
    human_accuracy_ci: Interval | None = None
    fold_of: np.ndarray | None = hidden(default=None, compare=False)
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

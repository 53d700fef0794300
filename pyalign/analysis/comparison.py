"""What `pyalign.compare` finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pyalign.errors import InputError
from pyalign.results import Interval, Result


@dataclass(frozen=True)
class ModelResult:
    """One model among several.

    Attributes:
        model: its name.
        accuracy: fraction, of the triplets that all models could be scored on.
        ci: interval of the accuracy.
        cross_entropy: nats.
        cross_entropy_ci: interval, nats.
        n_ties: tied triplets.
        rank: by accuracy, 1 is best; equal accuracies share the mean of their ranks.
        rank_ci: interval of the rank over the resamples.
    """

    derived: ClassVar[tuple[str, ...]] = ("standard_error",)

    model: str
    accuracy: float
    ci: Interval
    cross_entropy: float
    cross_entropy_ci: Interval
    n_ties: int
    rank: float
    rank_ci: Interval

    @property
    def standard_error(self) -> float | None:
        """Of the accuracy, a fraction."""
        return self.ci.error


@dataclass(frozen=True)
class PairResult:
    """Two models, a and b, on the same triplets.

    Attributes:
        a, b: their names.
        difference: accuracy of a less that of b, a fraction.
        ci: its interval, from differences within each resample.
        p_value: two-sided, of no difference.
        p_adjusted: the same, corrected over all pairs (Holm).
        cross_entropy_difference: nats, a less b.
        cross_entropy_ci: its interval.
        both_wrong: share of triplets that both get wrong.
        both_wrong_expected: that share if their errors were independent.
        error_consistency: Cohen's kappa of right and wrong: 0 for independent errors, 1 for the same; None where a
            model is always right or always wrong, so that nothing could agree by more than chance.
    """

    derived: ClassVar[tuple[str, ...]] = ("standard_error",)

    a: str
    b: str
    difference: float
    ci: Interval
    p_value: float
    p_adjusted: float
    cross_entropy_difference: float
    cross_entropy_ci: Interval
    both_wrong: float
    both_wrong_expected: float
    error_consistency: float | None

    @property
    def standard_error(self) -> float | None:
        """Of the difference, a fraction."""
        return self.ci.error


@dataclass(frozen=True)
class Comparison(Result):
    """What `compare` found.

    Attributes:
        models: in the order in which they were given.
        pairs: every two of them.
        n_triplets: triplets that all models were scored on.
        n_dropped: triplets left out because they touch a row with NaN or infinity in any of them.
        resamples, seed, measure, temperature, ties: the options.
        triplets: where the triplets came from, or None.
    """

    command: ClassVar[str] = "compare"
    rows: ClassVar[str] = "models"
    derived: ClassVar[tuple[str, ...]] = ("ci_by", "confidence")

    models: tuple[ModelResult, ...]
    pairs: tuple[PairResult, ...]
    n_triplets: int
    n_dropped: int
    resamples: int
    seed: int
    measure: str
    temperature: float
    ties: str
    triplets: str | None = None

    def __post_init__(self) -> None:
        if not self.models:
            raise InputError("models must be at least one; got none")

    @property
    def ci_by(self) -> str | None:
        """Over what intervals are."""
        return self.models[0].ci.by

    @property
    def confidence(self) -> float:
        """Of the intervals, a fraction."""
        return self.models[0].ci.confidence

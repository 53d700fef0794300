"""The result of `pyalign.error_consistency`."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from pyalign._dataclass import dataclass, field
from pyalign._result import OfTask, Result
from pyalign.concept.concepts_result import Grouped
from pyalign.data import ODD_ONE_OUT
from pyalign.documents import Estimate, Interval, WithError
from pyalign.errors import InputError
from pyalign.stats.resampling import Inference, inferred
from pyalign.typing import Correction

MATRICES = ("kappa", "unbiased_kappa", "kappa_min", "kappa_max", "copy_probability", "observed", "expected",
            "same_choice")


@dataclass(frozen=True)
class ModelErrors:
    """The errors of one model."""

    model: str  # the name of the model.
    right: float  # the proportion of triplets that it gets right; a tie is not right.
    n_ties: int  # the number of tied triplets, including recorded answers that name no item.
    label: str | None = None  # a shorter name for tables, or None.


@dataclass(frozen=True)
class ErrorPair(WithError):
    """The error consistency of two models on the same triplets."""

    derived: ClassVar[tuple[str, ...]] = ("standard_error", "both_wrong", "both_wrong_expected")

    # a, b: the names of the two models.
    a: str
    b: str
    n_triplets: int  # the number of triplets.
    # accuracy_a, accuracy_b: the proportion of triplets that each model gets right; a tie is not right.
    accuracy_a: float
    accuracy_b: float
    observed: float  # the proportion of triplets that both get right or both get wrong.
    expected: float  # the expected value of `observed` if errors are independent.
    kappa: float | None  # Cohen's kappa of right and wrong; None if a model is always right or always wrong.
    ci: Interval | None  # the interval of kappa, or None.
    # kappa_min, kappa_max: the lowest and highest kappa that the two accuracies allow.
    kappa_min: float | None
    kappa_max: float | None
    unbiased_kappa: float | None  # kappa without the bias of few triplets; see `pyalign.stats.joint.unbiased`.
    copied: str | None  # the more accurate model (a if they are equal), which the other is assumed to copy.
    # the probability that the other model copies whether `copied` is right; if negative, the probability that it does
    # the opposite.
    copy_probability: Estimate | None = field(metadata={"ci": "copy_ci", "null": True})
    p_value: float | None  # two-sided, for the hypothesis of independent errors (kappa 0).
    p_adjusted: float | None  # the p-value, corrected over all pairs.
    # the proportion of triplets in which both models choose the same item, right or wrong; of a tie there is no choice.
    # None in documents of earlier versions.
    same_choice: Estimate | None = None

    @property
    def both_wrong(self) -> float:
        """The proportion of triplets that both models get wrong."""
        return (1 + self.observed - self.accuracy_a - self.accuracy_b) / 2

    @property
    def both_wrong_expected(self) -> float:
        """The expected value of `both_wrong` if errors are independent."""
        return (1 - self.accuracy_a) * (1 - self.accuracy_b)


@dataclass(frozen=True)
class MissedConcept(WithError):
    """How often all models miss the triplets of one concept."""

    by: Grouped  # how concepts are defined: by "dimensions" or "categories".
    concept: str  # the label of the concept.
    n_triplets: int  # the number of triplets of the concept.
    n_missed: int  # the number of these triplets that all models get wrong.
    missed: float | None  # the proportion of the concept's triplets that all models get wrong; None without triplets.
    expected: float  # the proportion of all triplets that all models get wrong.
    ratio: float | None  # `missed` divided by `expected`.
    excess: float | None  # `missed` minus `expected`.
    ci: Interval | None  # the interval of `excess`, or None.
    p_value: float | None  # two-sided, for the hypothesis of no excess.
    p_adjusted: float | None  # the p-value, corrected over all concepts with the same `by`.
    share: float | None  # the proportion of the triplets that all models get wrong that belong to this concept.
    # the proportion of these triplets that is in excess of `expected`: n_triplets * excess divided by the number of
    # triplets that all models get wrong. It is negative if the concept has fewer than expected.
    explained: float | None


@dataclass(frozen=True)
class ErrorConsistency(OfTask, Result):
    """The error consistency of every two models."""

    command: ClassVar[str] = "consistency"
    rows: ClassVar[str] = "pairs"
    derived: ClassVar[tuple[str, ...]] = ("chance",)
    filled: ClassVar = ("n_triplets",)
    among: ClassVar = {"models.model": ("pairs.a", "pairs.b")}

    models: tuple[ModelErrors, ...]  # the errors of each model, in the order of the input.
    pairs: tuple[ErrorPair, ...]  # the error consistency of every two models.
    # how often all models miss the triplets of each concept; None without concepts.
    missed: tuple[MissedConcept, ...] | None
    n_triplets: int  # the number of triplets that all models answered.
    n_missed: int  # the number of triplets that all models get wrong.
    n_dropped: int  # the number of triplets left out because of NaN or a missing choice in some model.
    n_objects: int  # the number of objects in the triplets.
    # the number of participants who answered the triplets; None if intervals are not over participants.
    n_subjects: int | None
    measure: str | None  # the similarity measure of the embeddings; None without embeddings.
    correction: Correction  # how p-values are corrected: "holm" or "benjamini-hochberg".
    min_triplets: int  # the number of triplets below which a concept has no interval.
    backend: str  # the backend that computed the result.
    inference: Inference = inferred()  # how intervals were found.
    triplets: str | None = None  # the source of the triplets, or None.
    dimensions: str | None = None  # the source of the dimensions, or None.
    categories: str | None = None  # the source of the categories, or None.
    task: str = ODD_ONE_OUT  # the task of the triplets, which determines `chance`.

    def matrix(self, what: str = "kappa") -> np.ndarray:
        """A statistic of every two models as a matrix.

        Args:
            what: ``"kappa"``, ``"unbiased_kappa"``, ``"kappa_min"``, ``"kappa_max"``, ``"copy_probability"``,
                ``"observed"``, ``"expected"`` or ``"same_choice"``.

        Returns:
            (m, m) float64, in the order of the models; NaN where the statistic is not defined. The diagonal compares a
            model with itself: it is 1, except for `kappa_min` and `expected`, which depend on its accuracy. Where a
            model is always right or always wrong, its kappas and copy probability are NaN.

        Raises:
            InputError: an unknown statistic.
        """
        if what not in MATRICES:
            raise InputError(f"what must be one of {', '.join(MATRICES)}; got {what!r}")
        place = {errors.model: k for k, errors in enumerate(self.models)}
        figures = np.diag([_with_itself(errors.right, what) for errors in self.models])
        for pair in self.pairs:
            a, b, value = place[pair.a], place[pair.b], getattr(pair, what)
            figures[a, b] = figures[b, a] = np.nan if value is None else value
        return figures


def _with_itself(right: float, what: str) -> float:
    if what in ("observed", "same_choice"):
        return 1.0
    by_chance = right * right + (1 - right) * (1 - right)
    if what == "expected":
        return by_chance
    if not 0.0 < right < 1.0:
        return float("nan")
    return (abs(1.0 - 2.0 * right) - by_chance) / (1.0 - by_chance) if what == "kappa_min" else 1.0

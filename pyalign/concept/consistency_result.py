"""What `pyalign.error_consistency` finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pyalign._result import OfTask, Result
from pyalign.data import ODD_ONE_OUT
from pyalign.documents import Interval
from pyalign.errors import InputError

MATRICES = ("kappa", "unbiased_kappa", "kappa_min", "kappa_max", "copy_probability", "observed", "expected")


@dataclass(frozen=True)
class ModelErrors:
    """One model.

    Attributes:
        model: its name.
        right: share of triplets that it gets right; a tie is not right.
        n_ties: tied triplets, or answers that name none.
        label: a shorter name for tables, or None.
    """

    model: str
    right: float
    n_ties: int
    label: str | None = None


@dataclass(frozen=True)
class ErrorPair:
    """Two models, a and b, on the same triplets.

    Attributes:
        a, b: their names.
        n_triplets: triplets.
        accuracy_a, accuracy_b: shares that each gets right; a tie is not right.
        observed: share of triplets that both get right or both get wrong.
        expected: that share, were their errors independent.
        kappa: Cohen's kappa of right and wrong; None where a model is always right or always wrong.
        ci: its interval; None where there is none.
        kappa_min, kappa_max: what the two accuracies allow.
        unbiased_kappa: kappa without the bias of few triplets; see `pyalign.stats.kappa.unbiased`.
        copied: the more accurate model (a where they are equal), which the other is held to copy.
        copy_probability: how often the other takes over whether `copied` is right; below 0, how often the opposite.
        copy_ci: its interval.
        p_value: two-sided, of independent errors: kappa 0.
        p_adjusted: the same, corrected over all pairs that have one.
    """

    derived: ClassVar[tuple[str, ...]] = ("standard_error", "both_wrong", "both_wrong_expected")

    a: str
    b: str
    n_triplets: int
    accuracy_a: float
    accuracy_b: float
    observed: float
    expected: float
    kappa: float | None
    ci: Interval | None
    kappa_min: float | None
    kappa_max: float | None
    unbiased_kappa: float | None
    copied: str | None
    copy_probability: float | None
    copy_ci: Interval | None
    p_value: float | None
    p_adjusted: float | None

    @property
    def standard_error(self) -> float | None:
        """The standard error of kappa."""
        return None if self.ci is None else self.ci.error

    @property
    def both_wrong(self) -> float:
        """Share of triplets that neither gets right."""
        return (1 + self.observed - self.accuracy_a - self.accuracy_b) / 2

    @property
    def both_wrong_expected(self) -> float:
        """That share, were their errors independent."""
        return (1 - self.accuracy_a) * (1 - self.accuracy_b)


@dataclass(frozen=True)
class MissedConcept:
    """How often all models miss the triplets of one concept.

    Attributes:
        by: "dimensions" or "categories".
        concept: its label.
        n_triplets: triplets that are about it.
        n_missed: those that all models get wrong.
        missed: their share of the concept's triplets; None without triplets.
        expected: that share among all triplets.
        ratio: `missed` over `expected`.
        excess: `missed` less `expected`.
        ci: interval of `excess`; None where there is none.
        p_value: two-sided, of no excess.
        p_adjusted: the same, corrected over all concepts of this `by` that have one.
        share: of all triplets that all models miss, how many are about this concept.
        explained: of them, how many are more than `expected` would have: n_triplets * excess over all that are missed;
            below 0 where the concept has fewer.
    """

    derived: ClassVar[tuple[str, ...]] = ("standard_error",)

    by: str
    concept: str
    n_triplets: int
    n_missed: int
    missed: float | None
    expected: float
    ratio: float | None
    excess: float | None
    ci: Interval | None
    p_value: float | None
    p_adjusted: float | None
    share: float | None
    explained: float | None

    @property
    def standard_error(self) -> float | None:
        """The standard error of the excess."""
        return None if self.ci is None else self.ci.error


@dataclass(frozen=True)
class ErrorConsistency(OfTask, Result):
    """What `consistency` found.

    Attributes:
        models: in the order in which they were given.
        pairs: every two of them.
        missed: which concepts the triplets are about that all models miss; None where no concepts were given.
        n_triplets: triplets that all models were asked.
        n_missed: those that all models get wrong.
        n_dropped: triplets left out, for NaN or a missing choice in any of them.
        n_objects: objects in them.
        n_subjects: people who answered them; None where intervals do not count people.
        measure: of the embeddings; None of choices alone.
        correction: how adjusted p-values are corrected: "holm" or "benjamini-hochberg".
        min_triplets: a concept with fewer has no interval.
        seed: the seed of all random draws.
        backend: what computed.
        ci_by, ci_method, confidence: over what intervals are, how they were found, how often they hold; None without.
        resamples: of a bootstrap, else None.
        effective_objects, effective_subjects: effective numbers of those that intervals are over; None where they are
            at least half of the count. See `pyalign.stats.effective`.
        triplets, dimensions, categories: where they came from, or None.
        task: the task of the triplets; `chance` follows from it.
    """

    command: ClassVar[str] = "consistency"
    rows: ClassVar[str] = "pairs"
    derived: ClassVar[tuple[str, ...]] = ("chance",)

    models: tuple[ModelErrors, ...]
    pairs: tuple[ErrorPair, ...]
    missed: tuple[MissedConcept, ...] | None
    n_triplets: int
    n_missed: int
    n_dropped: int
    n_objects: int
    n_subjects: int | None
    measure: str | None
    correction: str
    min_triplets: int
    seed: int
    backend: str
    ci_by: str | None = None
    ci_method: str | None = None
    confidence: float | None = None
    resamples: int | None = None
    effective_objects: float | None = None
    effective_subjects: float | None = None
    triplets: str | None = None
    dimensions: str | None = None
    categories: str | None = None
    task: str = ODD_ONE_OUT

    def matrix(self, what: str = "kappa") -> np.ndarray:
        """(m, m) float64: a figure of every two models, in their order; NaN where it is not defined.

        The diagonal holds what a model is to itself: 1, of `kappa_min` and `expected` what its accuracy allows; NaN
        where the model is always right or always wrong.

        Args:
            what: ``"kappa"``, ``"unbiased_kappa"``, ``"kappa_min"``, ``"kappa_max"``, ``"copy_probability"``,
                ``"observed"`` or ``"expected"``.

        Raises:
            InputError: another name.
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
    if what == "observed":
        return 1.0
    by_chance = right * right + (1 - right) * (1 - right)
    if what == "expected":
        return by_chance
    if not 0.0 < right < 1.0:
        return float("nan")
    return (abs(1.0 - 2.0 * right) - by_chance) / (1.0 - by_chance) if what == "kappa_min" else 1.0

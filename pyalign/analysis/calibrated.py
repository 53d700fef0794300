"""What `pyalign.calibrate` finds."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import ClassVar

from pyalign.analysis.reliability import Reliability
from pyalign.analysis.several import Several
from pyalign.data import ODD_ONE_OUT
from pyalign.documents import Interval
from pyalign.results import OfTask, Result

TARGETS = {"choices": "choices", "counts": "counts", "shares": "probabilities"}  # as documents call answers


@dataclass(frozen=True)
class Part:
    """How the model does on one part of the triplets, before (T = 1) and after (the fitted T).

    Attributes:
        n_triplets: triplets in the part.
        n_answers: answers to them: the sum of the counts; elsewhere one a triplet.
        accuracy: fraction of the answers that are the model's choice; no temperature changes it.
        cross_entropy_before, cross_entropy: nats per answer, mean of -log p(answer).
    """

    n_triplets: int
    n_answers: int
    accuracy: float
    cross_entropy_before: float
    cross_entropy: float


@dataclass(frozen=True)
class Divergences:
    """How far the model's probabilities are from the shares of the answers to the test part, before and after.

    Attributes:
        target_entropy: nats; the least cross-entropy that any model could have.
        kl_before, kl: nats, KL(shares || model): cross-entropy less `target_entropy`.
        js_distance_before, js_distance: mean root of the Jensen-Shannon divergence in nats; at most 0.8326.

    All are means over answers.
    """

    target_entropy: float
    kl_before: float
    kl: float
    js_distance_before: float
    js_distance: float


@dataclass(frozen=True, repr=False)
class Calibration(OfTask, Result):
    """A fitted temperature, and how well calibrated the probabilities are with it.

    Attributes:
        temperature: p = softmax(s / temperature), in the units of the similarities.
        temperature_ci: 95 % interval, from its standard error in log temperature, by Student's t. The error is over
            other objects like these, and other people where they are known; NaN where it is not known.
        fit, test: the part that chose the temperature, and the one that didn't; the same where nothing was split.
        ece_equal_width_before, ece_equal_mass_before: expected calibration error of the test part at T = 1.
        equal_width, equal_mass: reliability of the test part at the fitted T, with its `ece`.
        divergences: from shares of answers, or None for choices.
        answers: "choices" (the last item is odd, or was not chosen), "counts" or "shares".
        split, held_out, seed: how the parts were drawn; None where nothing was split.
        n_unused: triplets in neither part, as their items are of both.
        n_dropped: triplets of the parts left out because they touch a row with NaN or infinity.
        measure, ties, backend: as in `pyalign.Score`.
        steps: of the optimisation.
        embeddings: what the embeddings are called, or None.
        label: a shorter name for tables, or None.
        seconds: that it took.
        task: of the triplets; `chance` follows from it.
    """

    command: ClassVar[str] = "calibrate"
    derived: ClassVar[tuple[str, ...]] = ("chance", "standard_error", "targets")

    temperature: float
    temperature_ci: Interval
    fit: Part
    test: Part
    ece_equal_width_before: float
    ece_equal_mass_before: float
    equal_width: Reliability
    equal_mass: Reliability
    divergences: Divergences | None
    answers: str
    split: str | None
    held_out: float | None
    seed: int | None
    n_unused: int
    n_dropped: int
    measure: str
    ties: str
    backend: str
    steps: int
    embeddings: str | None = None
    label: str | None = None
    seconds: float | None = field(default=None, compare=False)
    task: str = ODD_ONE_OUT

    @property
    def standard_error(self) -> float:
        """Of the temperature."""
        error = self.temperature_ci.error
        return math.nan if error is None else error

    @property
    def targets(self) -> str:
        """What `answers` are called in documents: "choices", "counts" or "probabilities"."""
        return TARGETS[self.answers]

    def __repr__(self) -> str:
        return (
            f"Calibration(temperature={self.temperature:.5g} +- {self.standard_error:.2g} "
            f"over {self.temperature_ci.by}, fit on {self.fit.n_triplets:,} triplets, {self.test.n_triplets:,} others: "
            f"cross-entropy {self.test.cross_entropy_before:.5f} -> {self.test.cross_entropy:.5f} nats, "
            f"ece {self.ece_equal_width_before:.4f} -> {self.equal_width.ece:.4f}, accuracy={self.test.accuracy:.3%}, "
            f"measure={self.measure!r}, answers={self.answers!r}, split={self.split!r}, backend={self.backend!r})"
        )


@dataclass(frozen=True)
class Calibrations(Several[Calibration]):
    """The calibrations of several embeddings, by several measures, on the same triplets.

    Attributes:
        results: a `Calibration` each, embeddings by embeddings.
        triplets: where the triplets came from, or None.
    """

    command: ClassVar[str] = "calibrate"
    kind: ClassVar[type[Calibration]] = Calibration

    results: tuple[Calibration, ...]

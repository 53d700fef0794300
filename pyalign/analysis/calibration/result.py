"""What `pyalign.calibrate` finds: temperatures, and whether probabilities are what they say.

Reliability holds confidence against accuracy, in bins; the expected calibration error is the mean of their distance.
"""

from __future__ import annotations

import math
from typing import ClassVar, Literal

from pyalign._dataclass import dataclass, field
from pyalign._result import OfTask, Result
from pyalign.analysis.each_model import Several
from pyalign.data import ODD_ONE_OUT
from pyalign.documents import Interval

TARGETS = {"choices": "choices", "counts": "counts", "shares": "probabilities"}  # as documents call answers


@dataclass(frozen=True)
class Part:
    """How the model does on triplets, before (T = 1) and after (the fitted T)."""

    n_triplets: int  # how many there are.
    n_answers: int  # answers to them: the sum of the counts; elsewhere one a triplet.
    accuracy: float  # fraction of the answers that are the model's choice; no temperature changes it.
    # cross_entropy_before, cross_entropy: nats per answer, mean of -log p(answer).
    cross_entropy_before: float
    cross_entropy: float
    # accuracy_ci, cross_entropy_before_ci, cross_entropy_ci: intervals of the answers that are reported on, at the
    # fitted temperature, which is treated as fixed. None where they were left out or are not known, and of `fit` where
    # answers are held out.
    accuracy_ci: Interval | None = None
    cross_entropy_before_ci: Interval | None = None
    cross_entropy_ci: Interval | None = None


@dataclass(frozen=True)
class Divergences:
    """Distances of the model's probabilities from the shares of the answers to the test part, before and after.

    All are means over answers.
    """

    target_entropy: float  # nats; the least cross-entropy that any model could have.
    # kl_before, kl: nats, KL(shares || model): cross-entropy less `target_entropy`.
    kl_before: float
    kl: float
    # js_distance_before, js_distance: mean root of the Jensen-Shannon divergence in nats; at most 0.8326.
    js_distance_before: float
    js_distance: float
    # target_entropy_ci, kl_before_ci, kl_ci, js_distance_before_ci, js_distance_ci: their intervals, as in `Part`.
    target_entropy_ci: Interval | None = None
    kl_before_ci: Interval | None = None
    kl_ci: Interval | None = None
    js_distance_before_ci: Interval | None = None
    js_distance_ci: Interval | None = None


@dataclass(frozen=True)
class Lapses:
    """How often answers are guesses, and the temperature of the others, fitted together.

    An answer that is one of k alternatives has the probability (1 - rate) softmax(s / temperature) + rate / k.
    """

    rate: float  # the share of answers that are guesses, right or wrong: a fraction.
    # in the units of the similarities; lower than that without lapses, or the same where the rate is 0.
    temperature: float
    cross_entropy: float  # nats per answer of the test part, with both.
    # by how many nats per answer this is lower than without lapses; 0 where the rate is 0, below 0 where lapses fit one
    # part better and the other one worse.
    gain: float
    # interval of the rate, within 0 and 1; it begins at 0 where the rate is 0. NaN where it is not known; None where
    # intervals were left out.
    rate_ci: Interval | None = None
    # interval of the temperature, as that of `Calibration`, with the rate fitted too.
    temperature_ci: Interval | None = None
    # cross_entropy_ci, gain_ci: at this rate and temperature, which are treated as fixed; as in `Part`.
    cross_entropy_ci: Interval | None = None
    gain_ci: Interval | None = None


@dataclass(frozen=True, repr=False)
class Calibration(OfTask, Result):
    """A fitted temperature, and how well calibrated the probabilities are with it."""

    command: ClassVar[str] = "calibrate"
    derived: ClassVar[tuple[str, ...]] = ("chance", "standard_error", "targets")

    temperature: float  # p = softmax(s / temperature), in the units of the similarities.
    # interval, symmetric in 1 / temperature, by Student's t. Its upper end is infinite where 1 / temperature may be 0.
    # NaN where it is not known; None where intervals were left out.
    temperature_ci: Interval | None
    fit: Part  # all answers, at the temperature, which is fitted to them.
    test: Part  # the same answers, each held out of the fit of its temperature; as `fit` where nothing is held out.
    # ece_equal_width_before, ece_equal_mass_before: expected calibration error of `test` at T = 1.
    ece_equal_width_before: float
    ece_equal_mass_before: float
    # equal_width, equal_mass: reliability of `test` at the fitted T, with its `ece`.
    equal_width: Reliability
    equal_mass: Reliability
    divergences: Divergences | None  # from shares of answers, or None for choices.
    # "choices" (the last item is odd, or was not chosen), "counts" or "shares".
    answers: Literal["choices", "counts", "shares"]
    # "objects": an answer is held out with those that share an object with it, "triplets": with those to the same three
    # objects. None: nothing is held out.
    split: str | None
    n_unused: int  # triplets that are not in `test`, as nothing is left without those that they are held out with.
    n_dropped: int  # triplets left out because they touch a row with NaN or infinity, or have no choice.
    # measure, ties, backend: as in `pyalign.results.Score`.
    measure: str | None
    ties: str
    backend: str
    steps: int  # of the optimisation.
    embeddings: str | None = None  # what the embeddings, or the choices, are called, or None.
    label: str | None = None  # a shorter name for tables, or None.
    seconds: float | None = field(default=None, compare=False)  # that it took.
    task: str = ODD_ONE_OUT  # the task of the triplets; `chance` follows from it.
    # "probabilities" where a model's own were calibrated, whose logarithms stand for similarities; None where
    # similarities were.
    model_choices: str | None = None
    # of weighted answers to the test part, how many of equal weight would say as much; None where all count the same.
    effective_answers: float | None = None
    # the lapse rate, with a temperature of its own; None where it was not asked for, or where the answers don't say it,
    # and a note says why. All other figures are those without lapses.
    lapses: Lapses | None = None

    @property
    def standard_error(self) -> float:
        """The standard error of the temperature; NaN where it is not known."""
        error = None if self.temperature_ci is None else self.temperature_ci.error
        return math.nan if error is None else error

    @property
    def targets(self) -> str:
        """What `answers` are called in documents: "choices", "counts" or "probabilities"."""
        return TARGETS[self.answers]

    def __repr__(self) -> str:
        known = "" if self.temperature_ci is None else f" +- {self.standard_error:.2g} over {self.temperature_ci.by}"
        return (
            f"Calibration(temperature={self.temperature:.5g}{known}, "
            f"fit on {self.fit.n_triplets:,} triplets, {self.test.n_triplets:,} of them "
            f"{'reported' if self.split is None else 'held out'}: "
            f"cross-entropy {self.test.cross_entropy_before:.5f} -> {self.test.cross_entropy:.5f} nats, "
            f"ece {self.ece_equal_width_before:.4f} -> {self.equal_width.ece:.4f}, accuracy={self.test.accuracy:.3%}, "
            f"measure={self.measure!r}, answers={self.answers!r}, split={self.split!r}, backend={self.backend!r})"
        )


@dataclass(frozen=True, repr=False)
class Calibrations(Several[Calibration]):
    """The calibrations of several embeddings, by several measures, on the same triplets.

    Attributes:
        triplets: where the triplets came from, or None.
    """

    command: ClassVar[str] = "calibrate"
    kind: ClassVar[type[Calibration]] = Calibration

    results: tuple[Calibration, ...]  # a `Calibration` each, embeddings by embeddings.


@dataclass(frozen=True)
class Reliability:
    """Accuracy by confidence: the probability that the model gives to its own choice."""

    along: ClassVar = {"confidence": ("count",), "accuracy": ("count",)}

    # of the b bins: b + 1 confidences; a bin holds those above its lower edge, up to and with its upper one.
    edges: tuple[float, ...]
    count: tuple[int, ...]  # (b,) answers in each bin.
    confidence: tuple[float | None, ...]  # (b,) mean confidence, None in an empty bin.
    # (b,) fraction of the answers that are the model's choice, None in an empty bin.
    accuracy: tuple[float | None, ...]
    ece: float  # expected calibration error: the mean over answers of |accuracy - confidence| of their bin; a fraction.
    # the mean ECE of as many answers that are drawn with the model's own probabilities: what chance alone gives a model
    # that is calibrated. None of shares, which do not say of how many answers they are.
    ece_floor: float | None = None
    # `ece` less the floor, in squares; below 0 where chance has made `ece` smaller than the floor. Its mean is nearly 0
    # for a model that is calibrated.
    ece_debiased: float | None = None
    brier: BrierScore | None = None  # the Brier score of the confidences and its parts by these bins.
    # the interval of the ECE that endless answers would have, by the jackknife, as in `Part`.
    ece_debiased_ci: Interval | None = None


@dataclass(frozen=True)
class BrierScore:
    """The Brier score of the model's confidence in its choice, and what it is the sum of.

    With f the confidence in a triplet and y the credit of an answer to it (1 where the answer is the model's choice, 0
    where it is not), and with means over all answers or over those of a bin b:

        score = reliability - resolution + uncertainty + within_bin_variance - within_bin_covariance

    Source: Murphy, "A new vector partition of the probability score", Journal of Applied Meteorology 1973; the last two
    terms, which bins of different confidences need, are of Stephenson, Coelho and Jolliffe, "Two extra components in
    the Brier score decomposition", Weather and Forecasting 2008.
    """

    score: float  # mean of (f - y)^2; 0 is best.
    reliability: float  # mean of (mean of f in b - mean of y in b)^2, 0 for a model that is calibrated.
    # mean of (mean of y in b - mean of y)^2: how much accuracy differs between bins; larger is better.
    resolution: float
    uncertainty: float  # variance of y, which no confidence changes.
    within_bin_variance: float  # mean of (f - mean of f in b)^2.
    within_bin_covariance: float  # twice the mean of (f - mean of f in b) (y - mean of y in b).
    score_ci: Interval | None = None  # interval of the score, as in `Part`.

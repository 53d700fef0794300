"""The noise ceiling: how well the answers of people predict those of other people."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from pyalign import _checks
from pyalign.analysis.leave_one_out import leave_one_out
from pyalign.analysis.notes import merged
from pyalign.analysis.people import inputs_of, with_people
from pyalign.analysis.repeats import find_repeats
from pyalign.data import Provenance
from pyalign.errors import InputError
from pyalign.results import Interval, Result
from pyalign.stats.divergences import entropy
from pyalign.stats.intervals import FRACTION, student_interval
from pyalign.stats.labels import subject_codes
from pyalign.stats.resampling import Resampling

CHANCE = 1 / 3
MOST_EXACT = 300


@dataclass(frozen=True)
class NoiseCeiling(Result):
    """How far people agree on repeated triplets, and what that leaves for a model to reach. Shares are fractions.

    Attributes:
        ceiling: mean over the repeated triplets of the majority share: the share of the most frequent answer.
        ci: `ceiling` +- z standard errors of that mean; within [0, 1]; NaN for a single triplet.
        guessing: the mean majority share that pure guessing would give with as many answers.
        n_distinct: distinct triplets that were answered at least twice.
        n_answers: answers to them.
        leave_one_out: share of answers that the majority of the other persons' answers to the same triplet predicts;
            m tied majorities predict 1/m each.
        leave_one_out_ci: in the same way; clustered by triplet, and by person where persons are known.
        n_predicted: answers that another person's answer could predict.
        best_accuracy: the highest accuracy that any model can have on these answers.
        least_cross_entropy: nats per answer, the lowest cross-entropy that any model can have on these answers: their
            mean entropy.
        corrected_entropy: nats per answer, that entropy with the correction of Miller and Madow for few answers.
        n_persons: persons among these answers, or None where persons are not known.
        remarks: signs that the answers are not what people said, a sentence each; they are among the notes too.
        triplets: where the triplets came from, or None.
    """

    command: ClassVar[str] = "ceiling"
    derived: ClassVar[tuple[str, ...]] = ("standard_error", "leave_one_out_standard_error", "confidence")

    ceiling: float
    ci: Interval
    guessing: float
    n_distinct: int
    n_answers: int
    leave_one_out: float
    leave_one_out_ci: Interval
    n_predicted: int
    best_accuracy: float
    least_cross_entropy: float
    corrected_entropy: float
    n_persons: int | None
    remarks: tuple[str, ...]
    triplets: str | None = None

    @property
    def standard_error(self) -> float:
        """Of the ceiling; NaN for a single triplet."""
        return _error(self.ci)

    @property
    def leave_one_out_standard_error(self) -> float:
        """Of the leave-one-person-out share; NaN for a single triplet."""
        return _error(self.leave_one_out_ci)

    @property
    def confidence(self) -> float:
        """Of the intervals, a fraction."""
        return self.ci.confidence


def _error(interval: Interval) -> float:
    return math.nan if interval.error is None else interval.error


def noise_ceiling(
    triplets: object, *, subjects: object = None, answers: object = None, confidence: float = 0.95
) -> NoiseCeiling:
    """How well people predict people: from triplets that were answered more than once.

    Rows repeat a triplet when they hold the same three items, in any order. Three ceilings follow, see `NoiseCeiling`:
    the mean majority share, which few answers push up; the leave-one-person-out share, which they push down; and the
    plug-in bounds on the accuracy and cross-entropy of any model, which are too good for few answers.

    Args:
        triplets: (t, 3) integers >= 0 or names, three different items each; the last column is the item called odd,
            unless there are answers.
        subjects: (t,) numbers or strings: who gave each answer; None: those of the triplets. Without them each answer
            is a different person's.
        answers: (t, 3) counts: how many people called each position odd, in place of single answers; None: those of
            the triplets.
        confidence: of the intervals, which are normal ones.

    Raises:
        InputError: no triplet is answered twice; subjects of another length, of one person, or of no two persons who
            answered the same triplet; answers of another shape, negative, all 0 in a row, or shares; both of them.

    Source: Hebart et al., "Revealing the multidimensional mental representations of natural objects", 2020, and
    Muttenthaler et al., ICLR 2023: their 67.22 % +- 1.04 % is the mean majority share of 1,000 repeated triplets and
    1.96 standard errors.

    Example:
        >>> people = noise_ceiling([[0, 1, 2], [1, 0, 2], [2, 1, 0], [3, 4, 5], [3, 4, 5], [0, 1, 5]])
        >>> round(people.ceiling, 4), people.n_distinct, people.n_answers
        (0.8333, 2, 5)
        >>> people.leave_one_out  # of the three answers to 0, 1, 2 two are predicted half, one not at all
        0.6
    """
    plan = Resampling("triplets", confidence=_checks.fraction(confidence, "confidence"))
    given, people = with_people(triplets, answers, subjects, "ceiling")
    repeats = find_repeats(given.values, given.answers)
    persons = None if people is None else subject_codes(people, len(given))
    totals = repeats.answers
    repeated = totals >= 2
    if not repeated.any():
        raise InputError(
            f"triplets must hold some that are answered at least twice; all {len(totals):,} are answered once"
        )
    counts, answered = repeats.counts[repeated], totals[repeated]
    shares = counts.max(axis=1) / answered
    error = float(shares.std(ddof=1) / math.sqrt(len(shares))) if len(shares) > 1 else math.nan
    others = leave_one_out(repeats, persons)
    plug_in, corrected = _entropies(counts)
    remarks = _remarks(counts)
    return NoiseCeiling(
        ceiling=float(shares.mean()),
        ci=student_interval(float(shares.mean()), error, len(shares) - 1, plan, FRACTION),
        guessing=_guessing(answered),
        n_distinct=len(shares),
        n_answers=int(answered.sum()),
        leave_one_out=others.share,
        leave_one_out_ci=student_interval(
            others.share,
            others.standard_error,
            len(shares) - 1,
            plan if persons is None else replace(plan, by="subjects"),
            FRACTION,
        ),
        n_predicted=others.n,
        best_accuracy=float(counts.max(axis=1).sum() / int(answered.sum())),
        least_cross_entropy=plug_in,
        corrected_entropy=corrected,
        n_persons=None if persons is None else len(np.unique(persons[repeated[repeats.inverse]])),
        remarks=remarks,
        triplets=given.source,
        notes=merged(given.notes, remarks),
        provenance=Provenance.now(inputs_of(given, people), {"confidence": plan.confidence}),
    )


def _entropies(counts: np.ndarray) -> tuple[float, float]:
    """Mean over answers of the entropy of their triplet's shares, in nats: as it is, and after Miller and Madow.

    Source: Miller, "Note on the bias of information estimates", 1955: a sample of size n that shows k categories has
    an entropy that is too low by about (k - 1) / 2n.
    """
    answers = counts.sum(axis=1)
    sums = float((answers * entropy(counts / answers[:, None])).sum())
    missing = float(((counts > 0).sum(axis=1) - 1).sum() / 2)
    return sums / int(answers.sum()), (sums + missing) / int(answers.sum())


def guessing_share(n: int) -> float:
    """Expected majority share of n answers that are guesses among three items; exact up to n = 300.

    Example:
        >>> round(guessing_share(2), 4), round(guessing_share(10), 4), round(guessing_share(1000), 4)
        (0.6667, 0.4927, 0.3488)
    """
    if n > MOST_EXACT:
        # The largest of three shares, which are nearly normal: E max of three normals is 3 / (2 sqrt(pi)).
        return CHANCE + 1.5 / math.sqrt(3 * math.pi * n)
    factorials = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, n + 1)))])
    a, b = np.ogrid[: n + 1, : n + 1]
    c = n - a - b
    logs = factorials[n] - factorials[a] - factorials[b] - factorials[np.maximum(c, 0)] - n * math.log(3)
    most = np.maximum(np.maximum(a, b), c)
    return float((np.exp(logs) * most)[c >= 0].sum() / n)


def _guessing(answers: np.ndarray) -> float:
    numbers, times = np.unique(answers, return_counts=True)
    return float(np.array([guessing_share(int(n)) for n in numbers]) @ times / times.sum())


def _remarks(counts: np.ndarray) -> tuple[str, ...]:
    """Signs that the counts are not what people answered."""
    if len(counts) < 10 or counts.max() > 1:
        return ()
    return (
        f"no two of {int(counts.sum()):,} answers to the same triplet agree: equal rows may have been removed from the "
        "triplets, which then say nothing about agreement",
    )

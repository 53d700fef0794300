"""The noise ceiling: how well the answers of people predict those of other people."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from pyalign import _checks
from pyalign.analysis.leave_one_out import leave_one_out
from pyalign.analysis.repeats import find_repeats, subject_codes
from pyalign.errors import InputError
from pyalign.stats.divergences import entropy
from pyalign.stats.intervals import share_interval

CHANCE = 1 / 3
MOST_EXACT = 300


@dataclass(frozen=True)
class NoiseCeiling:
    """How far people agree on repeated triplets, and what that leaves for a model to reach. Shares are fractions.

    Attributes:
        ceiling: mean over the repeated triplets of the majority share: the share of the most frequent answer.
        standard_error: of that mean; NaN for a single triplet.
        ci: (low, high), `ceiling` +- z standard errors; within [0, 1].
        guessing: the mean majority share that pure guessing would give with as many answers.
        n_distinct: distinct triplets that were answered at least twice.
        n_answers: answers to them.
        leave_one_out: share of answers that the majority of the other persons' answers to the same triplet predicts;
            m tied majorities predict 1/m each.
        leave_one_out_standard_error: of that share; clustered by triplet, and by person where persons are known.
        leave_one_out_ci: (low, high), in the same way.
        n_predicted: answers that another person's answer could predict.
        best_accuracy: the highest accuracy that any model can have on these answers.
        least_cross_entropy: nats per answer, the lowest cross-entropy that any model can have on these answers: their
            mean entropy.
        corrected_entropy: nats per answer, that entropy with the correction of Miller and Madow for few answers.
        n_persons: persons among these answers, or None where persons are not known.
        confidence: of the intervals.
        remarks: what a person should know before using it, a sentence each.
    """

    ceiling: float
    standard_error: float
    ci: tuple[float, float]
    guessing: float
    n_distinct: int
    n_answers: int
    leave_one_out: float
    leave_one_out_standard_error: float
    leave_one_out_ci: tuple[float, float]
    n_predicted: int
    best_accuracy: float
    least_cross_entropy: float
    corrected_entropy: float
    n_persons: int | None
    confidence: float
    remarks: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """The attributes as a dict that json can write: what no single triplet gives becomes None."""
        return {name: _finite(value) for name, value in asdict(self).items()}


def noise_ceiling(
    triplets: object, *, subjects: object = None, counts: object = None, confidence: float = 0.95
) -> NoiseCeiling:
    """How well people predict people: from triplets that were answered more than once.

    Rows repeat a triplet when they hold the same three items, in any order. Three ceilings follow, see `NoiseCeiling`:
    the mean majority share, which few answers push up; the leave-one-person-out share, which they push down; and the
    plug-in bounds on the accuracy and cross-entropy of any model, which are too good for few answers.

    Args:
        triplets: (t, 3) integers >= 0, three different items each; the last column is the item called odd, unless
            counts are given.
        subjects: (t,) numbers or strings: who gave each answer. Without them each answer is a different person's.
        counts: (t, 3): how many people called each position odd, in place of single answers.
        confidence: of the intervals, which are normal ones.

    Raises:
        InputError: no triplet is answered twice; subjects of another length, of one person, or of no two persons who
            answered the same triplet; counts of another shape, negative or all 0 in a row; both of them.

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
    confidence = _checks.fraction(confidence, "confidence")
    if subjects is not None and counts is not None:
        raise InputError("subjects and counts must not both be given: counts do not say whose answer is whose")
    repeats = find_repeats(triplets, counts)
    persons = None if subjects is None else subject_codes(subjects, len(repeats.inverse))
    answers = repeats.answers
    repeated = answers >= 2
    if not repeated.any():
        raise InputError(
            f"triplets must hold some that are answered at least twice; all {len(answers):,} are answered once"
        )
    shares = repeats.counts[repeated].max(axis=1) / answers[repeated]
    error = float(shares.std(ddof=1) / math.sqrt(len(shares))) if len(shares) > 1 else math.nan
    others = leave_one_out(repeats, persons)
    total = int(answers[repeated].sum())
    plug_in, corrected = _entropies(repeats.counts[repeated])
    return NoiseCeiling(
        ceiling=float(shares.mean()),
        standard_error=error,
        ci=share_interval(float(shares.mean()), error, confidence),
        guessing=_guessing(answers[repeated]),
        n_distinct=len(shares),
        n_answers=total,
        leave_one_out=others.share,
        leave_one_out_standard_error=others.standard_error,
        leave_one_out_ci=share_interval(others.share, others.standard_error, confidence),
        n_predicted=others.n,
        best_accuracy=float(repeats.counts[repeated].max(axis=1).sum() / total),
        least_cross_entropy=plug_in,
        corrected_entropy=corrected,
        n_persons=None if persons is None else len(np.unique(persons[repeated[repeats.inverse]])),
        confidence=confidence,
        remarks=_remarks(repeats.counts[repeated]),
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


def _finite(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_finite, value))
    return None if isinstance(value, float) and not math.isfinite(value) else value

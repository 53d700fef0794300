"""The steps behind `pyalign.failures`: what people say, what each model says, and which triplets fail alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from pyalign import _checks
from pyalign.analysis.outcomes import CREDIT_UNIT, Outcomes
from pyalign.analysis.repeats import checked_labels, find_repeats
from pyalign.errors import InputError


class HumanAnswers(NamedTuple):
    """What people call odd in t triplets.

    rows: int64 (t,), where they stand in what was given. triplets: (t, 3), the odd item last. shares: (t,), of the
    answers to the triplet that call that item odd; NaN for a single answer. n_answers: (t,). subjects: (t,) or None.
    n_undecided: triplets left out because two or three items share the majority.
    """

    rows: np.ndarray
    triplets: np.ndarray
    shares: np.ndarray
    n_answers: np.ndarray
    subjects: np.ndarray | None
    n_undecided: int


def human_answers(triplets: object, subjects: object = None, counts: object = None) -> HumanAnswers:
    """Each answer as it was given; from counts (t, 3), the answer of the majority."""
    if subjects is not None and counts is not None:
        raise InputError("subjects and counts must not both be given: counts do not say whose answer is whose")
    repeats = find_repeats(triplets, counts)
    t = len(repeats.inverse)
    people = None if subjects is None else checked_labels(subjects, t)
    called = repeats.counts[repeats.inverse]
    totals = called.sum(axis=1)
    rows = np.arange(t)
    if repeats.odd is not None:
        odd, index = repeats.odd[:, None], _checks.as_triplets(triplets)
    else:
        odd = called.argmax(axis=1)[:, None]
        rows = np.flatnonzero((called == called.max(axis=1, keepdims=True)).sum(axis=1) == 1)
        if not len(rows):
            raise InputError(f"counts must have a majority in at least one triplet; all {t} tie")
        order = np.array([[1, 2, 0], [0, 2, 1], [0, 1, 2]])[odd[rows, 0]]
        index = np.take_along_axis(repeats.triplets[repeats.inverse[rows]], order, axis=1)
    shares = np.take_along_axis(called, odd, axis=1)[:, 0] / totals
    shares[totals < 2] = np.nan
    return HumanAnswers(rows, index, shares[rows], totals[rows], people, t - len(rows))


class ModelVerdicts(NamedTuple):
    """What a model makes of t triplets. right, wrong: (t,) masks. margins: (t,), NaN where it was not asked."""

    right: np.ndarray
    wrong: np.ndarray
    margins: np.ndarray
    measure: str
    ties: str


def model_verdicts(outcomes: Outcomes) -> ModelVerdicts:
    """Right is full credit and wrong none under the rule for ties; a part of it is neither.

    Example:
        >>> from pyalign.analysis.outcomes import triplet_outcomes
        >>> model_verdicts(triplet_outcomes(np.array([[1.0], [1.0], [4.0], [7.0]]), [[0, 1, 2], [0, 2, 3]],
        ...     measure="neg_euclidean")).margins
        array([3., 0.])
    """
    s, score = outcomes.similarities, outcomes.score
    credits = outcomes.credits(score.ties)
    right, wrong = credits == CREDIT_UNIT, credits == 0
    margins = s[:, 0] - np.maximum(s[:, 1], s[:, 2])
    if outcomes.kept is not None:
        right, wrong = (_spread(mask, outcomes.kept, False) for mask in (right, wrong))
        margins = _spread(margins, outcomes.kept, np.nan)
    return ModelVerdicts(right, wrong, margins, score.measure, score.ties)


def _spread(values: np.ndarray, kept: np.ndarray, other: float) -> np.ndarray:
    everywhere = np.full(len(kept), other, values.dtype)
    everywhere[kept] = values
    return everywhere


@dataclass(frozen=True)
class FailureGroup:
    """Triplets that fail in the same way, the clearest first.

    Clear is what lies far from a tie for every model concerned: margins, in units of their root mean square over all
    triplets, of the model that comes nearest to one; where these are equal, their sum over the models.

    Attributes:
        right: the family whose models all get them right; None: no such demand.
        wrong: the family whose models all get them wrong; None: every model.
        n: how many there are, of which the arrays hold the first k.
        rows: int64 (k,), their rows among the triplets.
        triplets: (k, 3), the items; the last is the one that people call odd.
        margins: (k, m), similarity of the human pair less the larger of the other two, in the measure's unit.
        human_shares: (k,), share of people who call that item odd; NaN where one answer alone is known.
        n_answers: int64 (k,), answers to that triplet.
        subjects: (k,), who gave the answer, or None.
    """

    right: str | None
    wrong: str | None
    n: int
    rows: np.ndarray
    triplets: np.ndarray
    margins: np.ndarray
    human_shares: np.ndarray
    n_answers: np.ndarray
    subjects: np.ndarray | None


def group_failures(
    models: Sequence[ModelVerdicts],
    answers: HumanAnswers,
    families: Sequence[str] | None,
    asked: np.ndarray,
    limit: int | None,
) -> tuple[FailureGroup, ...]:
    """asked: (t,), the triplets that count: those that every model was asked."""
    clear = [_in_own_unit(model.margins, asked) for model in models]
    every = np.arange(len(models))

    def group(right: str | None, wrong: str | None, winners: np.ndarray, losers: np.ndarray) -> FailureGroup:
        chosen = asked.copy()
        for k in winners:
            chosen &= models[k].right
        for k in losers:
            chosen &= models[k].wrong
        rows = np.flatnonzero(chosen)
        distances = np.array([*(clear[k][rows] for k in winners), *(-clear[k][rows] for k in losers)])
        listed = rows[np.lexsort((-distances.sum(axis=0), -distances.min(axis=0)))][:limit]
        return FailureGroup(
            right=right,
            wrong=wrong,
            n=len(rows),
            rows=answers.rows[listed],
            triplets=np.asarray(answers.triplets[listed]),
            margins=np.stack([model.margins[listed] for model in models], axis=1),
            human_shares=answers.shares[listed],
            n_answers=answers.n_answers[listed],
            subjects=None if answers.subjects is None else answers.subjects[listed],
        )

    groups = [group(None, None, every[:0], every)]
    if families is not None:
        members = {name: every[[family == name for family in families]] for name in families}
        groups += [group(a, b, members[a], members[b]) for a in members for b in members if a != b]
    return tuple(groups)


def _in_own_unit(margins: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Margins over their root mean square, so that models with longer rows do not rule the order."""
    largest = float(np.abs(margins[asked]).max(initial=0))
    if largest == 0:
        return np.zeros(len(margins))
    scaled = margins.astype(np.float64) / largest  # first, so that squares stay in range
    unit: np.ndarray = scaled / np.sqrt(np.mean(np.square(scaled[asked])))
    return unit

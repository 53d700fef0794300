"""The answers of a call: those of the triplets or those next to them, and who gave each."""

from __future__ import annotations

from typing import Any

import numpy as np

from pyalign import _checks
from pyalign._dataclass import dataclass, replace
from pyalign.analysis.repeats import Repeats, find_repeats
from pyalign.data import Categories, Subjects, Triplets, Weights, as_triplet_data, require_answers
from pyalign.data.missing import LEFT_OUT
from pyalign.data.subjects import checked_labels
from pyalign.data.weights import WEIGHTINGS
from pyalign.errors import InputError
from pyalign.stats.resampling import codes_of

ODD_LAST = np.array([[1, 2, 0], [0, 2, 1], [0, 1, 2]])  # row p: the positions in the order that puts p last
OPTIONS = np.array([[0, 1, 2], [0, 2, 1]])  # row p: the columns in the order that puts option p behind the anchor
MOST = 2**30  # answers in all, each of which becomes a row


def answered_triplets(triplets: object, answers: object, what: str | None, weights: object = None) -> Triplets:
    """Triplets with these answers, by the positions in the file, or with their own; raises where there are none.

    what: what needs them; None: nothing does. weights: (t,) of the answers; None: those of the triplets.
    """
    given = as_triplet_data(triplets)
    _checks.require_triplets(given.shape)
    given = given.with_weights(weights)
    if answers is not None:
        given = given.with_answers(answers)
    if what is not None:
        require_answers(given, what)
    return given


def with_people(
    triplets: object, answers: object, subjects: object, what: str | None, weights: object = None
) -> tuple[Triplets, Any]:
    """The triplets with their answers, and who gave each (None: not known); what the call names goes first.

    Args:
        triplets: as `as_triplet_data` takes them.
        answers: as `pyalign.data.as_answers` takes them, by position in the file; None: those of the triplets.
        subjects: (t,) labels; None: those of the triplets.
        what: needs the answers, for messages; None: nothing does.
        weights: (t,) of the answers; None: those of the triplets.

    Raises:
        InputError: nobody has said which item is odd; subjects of another length; both answers and subjects.

    Example:
        >>> with_people([[0, 1, 2]], [[1, 2, 5]], None, "ceiling")[0].answers.counts.tolist()
        [[1, 2, 5]]
    """
    given = answered_triplets(triplets, answers, what, weights)
    people = given.subjects if subjects is None else checked_labels(subjects, len(given))
    if people is not None and given.answers is not None:
        raise InputError("subjects and answers must not both be given: counts do not say whose answer is whose")
    return given, people


def codes_of_people(given: Triplets, subjects: object) -> np.ndarray | None:
    """Codes (t,) of who gave each answer, where each triplet has one; `subjects`: as the call names them, or None."""
    if subjects is not None and given.answers is not None:
        raise InputError("subjects and answers must not both be given: counts do not say whose answer is whose")
    if subjects is not None:
        return codes_of(subjects, len(given))
    return None if given.subjects is None or given.answers is not None else given.subjects.codes


def inputs_of(given: Triplets, people: object) -> dict[str, Any]:
    """The inputs of a result by name, for its provenance."""
    who = people.codes if isinstance(people, Subjects) else people
    return {"triplets": given, "answers": given.answers, "subjects": who, "weights": given.weights}


@dataclass(frozen=True)
class EachAnswer:
    """Triplets with a row for each answer, so that a mean over rows is one over answers; or of triplets, by weights."""

    triplets: Triplets  # the rows.
    given: Triplets  # the triplets as they were given.
    # int64 (a,), the number of the given triplet that each row is an answer to; None: each has one answer.
    rows: np.ndarray | None
    weighting: str  # "answers" or "triplets".

    @classmethod
    def of(cls, given: Triplets, weighting: str) -> EachAnswer:
        """A row for each answer. Raises InputError for shares, for another weighting, and for too many answers.

        Example:
            >>> found = EachAnswer.of(Triplets(np.array([[4, 5, 6]])).with_answers([[1, 0, 2]]), "answers")
            >>> np.asarray(found.triplets).tolist(), found.rows.tolist()
            ([[5, 6, 4], [4, 5, 6], [4, 5, 6]], [0, 0, 0])
        """
        _checks.one_of(weighting, WEIGHTINGS, "weighting")
        apart, rows = given, None
        if given.answers is not None:
            counts = given.answers.counts
            if counts.sum() > MOST:
                raise InputError(f"answers must be at most {MOST:,} in all; got {counts.sum():,}")
            rows, place = np.divmod(np.repeat(np.arange(counts.size), counts.ravel()), counts.shape[1])
            apart = given.arranged(rows, (ODD_LAST if counts.shape[1] == 3 else OPTIONS)[place])
        if weighting == "triplets":
            apart = alike(apart, find_repeats(apart.values, None, apart.task))
        return cls(apart, given, rows, weighting)

    def groups(self, labels: Any) -> Any:
        """The groups (t,) of the given triplets, of the rows; None, a word and `Categories` as they are."""
        if self.rows is None or labels is None or isinstance(labels, str | Categories):
            return labels
        return checked_labels(labels, len(self.given), "groups", "biufUS")[self.rows]

    def first(self, array: np.ndarray) -> np.ndarray:
        """What rows (a, ...) have in common that are answers to one triplet, (t, ...)."""
        return array if self.rows is None else array[np.searchsorted(self.rows, np.arange(len(self.given)))]

    def of_triplets(self, score: Any, choices: np.ndarray | None) -> Any:
        """A score of the rows that counts triplets where it says so; choices (t,): -1 for a tie, -2 if left out."""
        if self.rows is None or choices is None:
            return replace(score, weighting=self.weighting)
        n_dropped, n_ties = (int((choices == what).sum()) for what in (LEFT_OUT, -1))
        counts = {"n_triplets": len(choices) - n_dropped, "n_dropped": n_dropped, "n_ties": n_ties}
        return replace(score, weighting=self.weighting, n_answers=score.n_triplets, **counts)


def alike(triplets: Triplets, repeats: Repeats) -> Triplets:
    """The same with weights by which each distinct triplet counts the same, however many answers it has."""
    answers = repeats.answers
    if (answers == answers[:1]).all():
        return triplets
    own = Weights(np.ones(len(triplets))) if triplets.weights is None else triplets.weights
    return triplets.with_weights(replace(own, values=own.values / answers[repeats.inverse]))

"""The answers of a call: those of the triplets or those next to them, and who gave each."""

from __future__ import annotations

from typing import Any

import numpy as np

from pyalign import _checks
from pyalign.data import Subjects, Triplets, as_triplet_data, require_answers
from pyalign.data.subjects import checked_labels
from pyalign.errors import InputError
from pyalign.stats.resampling import codes_of


def answered_triplets(triplets: object, answers: object, what: str, weights: object = None) -> Triplets:
    """Triplets with these answers, by the positions in the file, or with their own; raises where there are none.

    weights: (t,) of the answers; None: those of the triplets.
    """
    given = as_triplet_data(triplets)
    _checks.require_triplets(given.shape)
    given = given.with_weights(weights)
    if answers is not None:
        given = given.with_answers(answers)
    require_answers(given, what)
    return given


def with_people(
    triplets: object, answers: object, subjects: object, what: str, weights: object = None
) -> tuple[Triplets, Any]:
    """The triplets with their answers, and who gave each (None: not known); what the call names goes first.

    Args:
        triplets: as `as_triplet_data` takes them.
        answers: as `pyalign.data.as_answers` takes them, by position in the file; None: those of the triplets.
        subjects: (t,) labels; None: those of the triplets.
        what: needs the answers, for messages.
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
